//! A drawn execution with the stamps of its events: the exercise of seed 003 on Lamport and vector
//! clocks. Processes do things inside them and send each other messages, by chance; the stamps are
//! those of the project's own clocks.

use clocks::{LamportClock, VectorClock};
use machine::{NodeId, Random};

use crate::spacetime::{Arrow, Dot, Mark, SpaceTime};

/// The most events that are drawn.
const EVENTS_MAX: u32 = 200;
/// From one event to the next one, in pixels.
const STEP: f64 = 62.0;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Inside,
    /// To whom.
    Sends(usize),
    /// Which event was its sending.
    Receives(usize),
}

#[derive(Debug, Clone)]
struct Event {
    process: usize,
    kind: Kind,
    lamport: LamportClock,
    vector: VectorClock,
}

/// An execution of some processes.
#[derive(Debug, Clone)]
pub struct Execution {
    processes: usize,
    events: Vec<Event>,
}

/// What its stamps say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamps {
    /// Pairs of events.
    pub pairs: u64,
    /// Pairs of which one happened before the other, as the vector stamps say.
    pub ordered: u64,
    /// Pairs of which neither did.
    pub concurrent: u64,
    /// Concurrent pairs that their Lamport stamps put in an order all the same.
    pub concurrent_in_lamport_order: u64,
    /// Pairs of which one happened before the other, and the Lamport stamps do not say so: never,
    /// or a clock is wrong.
    pub wrong: u64,
}

impl Execution {
    /// Draws an execution.
    ///
    /// ```
    /// let execution = lab::Execution::draw(4, 20, 3);
    /// let stamps = execution.stamps();
    /// assert_eq!(stamps.pairs, 20 * 19 / 2);
    /// assert_eq!(stamps.ordered + stamps.concurrent, stamps.pairs);
    /// assert_eq!(stamps.wrong, 0);
    /// ```
    pub fn draw(processes: u32, events: u32, seed: u64) -> Self {
        let mut random = Random::fork(seed, 0);
        let processes = processes.max(1) as usize;
        let mut lamport = vec![LamportClock::default(); processes];
        let mut vector = vec![VectorClock::new(); processes];
        // Messages on their way: to whom, and which event sent them.
        let mut under_way: Vec<(usize, usize)> = Vec::new();
        let mut drawn: Vec<Event> = Vec::new();
        for _ in 0..events.min(EVENTS_MAX) {
            let arrives = !under_way.is_empty() && random.chance(0.45);
            let (process, kind) = if arrives {
                let place = random.below(under_way.len() as u64) as usize;
                let (to, sent) = under_way.swap_remove(place);
                (to, Kind::Receives(sent))
            } else {
                let process = random.below(processes as u64) as usize;
                // Any other one.
                let other = random.below(processes.max(2) as u64 - 1) as usize;
                let to = other + usize::from(other >= process);
                let sends = processes > 1 && random.chance(0.7);
                (process, if sends { Kind::Sends(to) } else { Kind::Inside })
            };
            if let Kind::Receives(sent) = kind {
                lamport[process].witness(drawn[sent].lamport);
                vector[process].merge(&drawn[sent].vector);
            } else {
                lamport[process].tick();
            }
            vector[process].tick(NodeId(process as u32));
            if let Kind::Sends(to) = kind {
                under_way.push((to, drawn.len()));
            }
            drawn.push(Event {
                process,
                kind,
                lamport: lamport[process],
                vector: vector[process].clone(),
            });
        }
        Self { processes, events: drawn }
    }

    /// What its stamps say, pair by pair.
    pub fn stamps(&self) -> Stamps {
        let mut stamps = Stamps {
            pairs: 0,
            ordered: 0,
            concurrent: 0,
            concurrent_in_lamport_order: 0,
            wrong: 0,
        };
        for (place, one) in self.events.iter().enumerate() {
            for other in &self.events[place + 1..] {
                stamps.pairs += 1;
                if one.vector.concurrent(&other.vector) {
                    stamps.concurrent += 1;
                    let differ = one.lamport != other.lamport;
                    stamps.concurrent_in_lamport_order += u64::from(differ);
                } else {
                    stamps.ordered += 1;
                    stamps.wrong += u64::from(one.lamport >= other.lamport);
                }
            }
        }
        stamps
    }

    /// As a diagram: above each event its Lamport stamp, below its vector stamp.
    pub fn diagram(&self) -> SpaceTime {
        let count = self.events.len().max(2);
        let at = |place: usize| place as f64 / (count - 1) as f64;
        let vector = |clock: &VectorClock| {
            let counts = (0..self.processes).map(|node| clock.get(NodeId(node as u32)).to_string());
            format!("({})", counts.collect::<Vec<_>>().join(","))
        };
        let dots = self.events.iter().enumerate().map(|(place, event)| Dot {
            lane: event.process,
            at: at(place),
            mark: Mark::Plain,
            above: event.lamport.to_string(),
            below: vector(&event.vector),
        });
        let arrows = self.events.iter().enumerate().filter_map(|(place, event)| {
            let Kind::Receives(sent) = event.kind else { return None };
            let sender = self.events.get(sent)?.process;
            let about = format!("a message from p{} to p{}", sender + 1, event.process + 1);
            Some(Arrow {
                from: (sender, at(sent)),
                to: (event.process, at(place)),
                about,
                is_concluded: false,
            })
        });
        SpaceTime {
            title: "an execution with Lamport stamps above and vector stamps below its events"
                .to_owned(),
            lanes: (1..=self.processes).map(|process| format!("p{process}")).collect(),
            dots: dots.collect(),
            arrows: arrows.collect(),
            ticks: Vec::new(),
            width: STEP * (count - 1) as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The stamps agree with the arrows: what a path of events and messages leads to is later.
        #[test]
        fn stamps_say_what_the_arrows_say(
            seed in 0..1000_u64, processes in 1..6_u32, events in 0..40_u32,
        ) {
            let execution = Execution::draw(processes, events, seed);
            let events = &execution.events;
            let mut before = vec![vec![false; events.len()]; events.len()];
            for (place, event) in events.iter().enumerate() {
                let own = events[..place].iter().rposition(|of| of.process == event.process);
                let sent = match event.kind {
                    Kind::Receives(sent) => Some(sent),
                    _ => None,
                };
                for cause in own.into_iter().chain(sent) {
                    let of_cause = before[cause].clone();
                    for (earlier, known) in before[place].iter_mut().enumerate() {
                        *known |= earlier == cause || of_cause[earlier];
                    }
                }
            }
            for later in 0..events.len() {
                for earlier in 0..later {
                    let says = events[earlier].vector.before(&events[later].vector);
                    prop_assert_eq!(says, before[later][earlier]);
                }
            }
            prop_assert_eq!(execution.stamps().wrong, 0);
            prop_assert!(roxmltree::Document::parse(&execution.diagram().svg()).is_ok());
        }
    }
}
