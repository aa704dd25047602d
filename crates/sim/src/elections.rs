//! Elections beside each other, in simulated groups of any size: how many messages one takes, and
//! how long, from the crash of the leader until all that are left know the next one.
//!
//! The bully and the ring algorithm are taken alone, as machines that tell each other who won; and
//! bully as it is used, under [`Leadership`], with the majority fence and without one. What a node
//! notices of the crash is the end of its connection, one way later.

use std::collections::BTreeSet;
use std::time::Duration;

use groupcast::election::bully::{self, Bully};
use groupcast::election::ring::{self, Ring};
use groupcast::election::{self, Options};
use groupcast::fence::Fence;
use groupcast::leadership::{self, Bar, First, Initiator, Leadership, Settings};
use machine::{Instant, Machine, NodeId, Random};

use crate::engine::{Links, Network, Observer, World};

/// How often a ring's token is sent before the next node is skipped.
const TRIES: u32 = 8;
/// How long any election may take, in virtual time.
const ELECTION_MAX: Duration = Duration::from_secs(60);

/// Who elects whom, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// The bully algorithm alone.
    Bully,
    /// The ring algorithm alone, on a ring that is sorted upwards.
    Ring,
    /// Bully under leadership, whose winner leads at once.
    BullyUnfenced,
    /// Bully under leadership, whose winner needs the promises of a majority.
    BullyFenced,
}

/// An election that is to be measured.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Who elects whom, and how.
    pub protocol: Protocol,
    /// How many peers there are before the crash; at least 3.
    pub peers: u32,
    /// The shortest way of a message; the longest takes half as long again.
    pub delay: Duration,
    /// The probability that a message is lost, from the crash on.
    pub loss: f64,
    /// Where chance comes from.
    pub seed: u64,
}

impl Case {
    fn delay_max(&self) -> Duration {
        self.delay * 3 / 2
    }

    /// How long a node has to answer: more than there and back.
    fn answer_limit(&self) -> Duration {
        self.delay_max() * 4
    }

    fn leadership(&self, me: NodeId, voters: BTreeSet<NodeId>) -> Settings {
        Settings {
            me,
            voters,
            heartbeat_period: (self.delay_max() * 4).max(Duration::from_millis(100)),
            heartbeat_limit: (self.delay_max() * 40).max(Duration::from_secs(1)),
            answer_limit: self.answer_limit(),
            resend: self.answer_limit(),
            initiator: Initiator::Every,
            first: First::Elected,
            bar: Bar::Resigned,
        }
    }
}

/// What an election took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// Election messages of all that are left, sent since the crash.
    pub messages: u64,
    /// From the crash until all that are left follow the same leader, one of them; none if they did
    /// not within a minute. An algorithm alone tells once who won, and that can be lost.
    pub took: Option<Duration>,
}

/// The messages of an election by the bully algorithm, as seed 003 gives them: of `nodes` numbered
/// from 1, node `starter` notices that the leader failed.
///
/// ```
/// assert_eq!(sim::elections::formula(10, 1), 99);
/// assert_eq!(sim::elections::formula(10, 10), 9);
/// ```
pub fn formula(nodes: u32, starter: u32) -> u64 {
    let (nodes, starter) = (u64::from(nodes), u64::from(starter));
    let higher = nodes.saturating_sub(starter);
    (higher + 1) * higher + nodes.saturating_sub(1)
}

/// Lets the leader crash and another one be elected.
///
/// # Errors
/// The peers did not agree on a leader before the crash.
pub fn measure(case: Case) -> Result<Found, String> {
    let voters: BTreeSet<NodeId> = (0..case.peers).map(NodeId).collect();
    let alone = Options { announce: true, ..Options::default() };
    let fenced = |me, fence| Leadership::with_fence(case.leadership(me, voters.clone()), fence);
    match case.protocol {
        Protocol::Bully => Bench::new(case, |me| bully(case, me, &voters, &alone)).crash(case.loss),
        Protocol::Ring => Bench::new(case, |me| {
            let settings = ring::Settings {
                me,
                order: voters.iter().copied().collect(),
                answer_limit: case.answer_limit(),
                tries: TRIES,
                // More than two laps.
                victory_limit: case.answer_limit() * 10 + case.delay_max() * 4 * case.peers,
            };
            Ring::with_options(settings, alone.clone())
        })
        .crash(case.loss),
        Protocol::BullyUnfenced => Bench::new(case, |me| fenced(me, Fence::None)).crash(case.loss),
        Protocol::BullyFenced => {
            Bench::new(case, |me| fenced(me, Fence::Majority)).crash(case.loss)
        }
    }
}

/// Has peer `starter`, counted from 1, start an election by the bully algorithm alone, though the
/// leader lives: then all that are asked answer, as the formula counts.
///
/// # Errors
/// The peers did not agree on a leader in time.
pub fn false_alarm(case: Case, starter: u32) -> Result<Found, String> {
    let voters: BTreeSet<NodeId> = (0..case.peers).map(NodeId).collect();
    let alone = Options { announce: true, ..Options::default() };
    let mut bench = Bench::new(case, |me| bully(case, me, &voters, &alone));
    bench.pass(case.delay * 4);
    let began = bench.world.now();
    bench.world.command(NodeId(starter.saturating_sub(1)), election::Command::Start);
    bench.until_agreed().ok_or("the peers did not agree on a leader")?;
    let took = bench.world.now().since(began);
    bench.settle();
    Ok(Found { messages: bench.sent(), took: Some(took) })
}

fn bully(case: Case, me: NodeId, voters: &BTreeSet<NodeId>, options: &Options) -> Bully {
    let settings = bully::Settings {
        me,
        candidates: voters.clone(),
        answer_limit: case.answer_limit(),
        victory_limit: case.answer_limit() * 2,
    };
    Bully::with_options(settings, options.clone())
}

/// Something that elects a leader.
trait Elects: Machine {
    /// The leader, as this node knows.
    fn leader(&self) -> Option<NodeId>;
    /// Election messages that it sent; what reports tell of besides.
    fn sent(&self) -> u64;
    /// Begins the first election; not where that begins by itself.
    fn start() -> Option<Self::Command>;
    /// Election messages that a report tells of.
    fn told(report: &Self::Report) -> u64;
}

impl Elects for Bully {
    fn leader(&self) -> Option<NodeId> {
        self.seated().values().next().map(|epoch| epoch.node)
    }
    fn sent(&self) -> u64 {
        self.messages_sent()
    }
    fn start() -> Option<election::Command> {
        Some(election::Command::Start)
    }
    fn told(_: &election::Report) -> u64 {
        0
    }
}

impl Elects for Ring {
    fn leader(&self) -> Option<NodeId> {
        self.seated().values().next().map(|epoch| epoch.node)
    }
    fn sent(&self) -> u64 {
        self.messages_sent()
    }
    fn start() -> Option<election::Command> {
        Some(election::Command::Start)
    }
    fn told(_: &election::Report) -> u64 {
        0
    }
}

impl Elects for Leadership {
    fn leader(&self) -> Option<NodeId> {
        self.epoch().map(|epoch| epoch.node)
    }
    fn sent(&self) -> u64 {
        0
    }
    fn start() -> Option<leadership::Command> {
        None
    }
    fn told(report: &leadership::Report) -> u64 {
        match report {
            leadership::Report::Elected { messages, .. }
            | leadership::Report::Followed { messages, .. } => *messages,
            _ => 0,
        }
    }
}

/// Adds up what reports tell.
#[derive(Default)]
struct Watch {
    messages: u64,
}

impl<M: Elects> Observer<M> for Watch {
    fn report(&mut self, _: Instant, _: NodeId, report: &M::Report) {
        self.messages += M::told(report);
    }
}

struct Bench<M: Elects> {
    world: World<M>,
    watch: Watch,
    peers: u32,
}

impl<M: Elects> Bench<M> {
    fn new(case: Case, make: impl Fn(NodeId) -> M) -> Self {
        let links = Links {
            delay_min: case.delay,
            delay_spread: case.delay / 2,
            straggler_one_in: 0,
            loss: 0.0,
            duplication: 0.0,
        };
        let network = Network::new(links, Random::fork(case.seed, 2));
        let mut world = World::new(case.seed, case.peers as usize, network, Duration::ZERO);
        let mut watch = Watch::default();
        for node in (0..case.peers).map(NodeId) {
            world.start(node, make(node), &mut watch);
        }
        Self { world, watch, peers: case.peers }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.world.now() + time;
        while self.world.next_at().is_some_and(|next| next <= end) {
            self.world.step(&mut self.watch);
        }
        self.world.pass_until(end);
    }

    /// Lets things happen until all that are up follow the same one of them.
    fn until_agreed(&mut self) -> Option<NodeId> {
        let end = self.world.now() + ELECTION_MAX;
        let all = 0..self.peers;
        let says = |world: &World<M>, node: u32| world.machine(NodeId(node)).map(M::leader);
        // Those before it said the same when they were looked at.
        let (mut next, mut said) = (0, None);
        loop {
            let first = all.clone().find_map(|node| says(&self.world, node)).flatten();
            let leader = first.filter(|leader| self.world.is_up(*leader));
            if leader != said {
                (next, said) = (0, leader);
            }
            let differs = |node: &u32| says(&self.world, *node).is_some_and(|of| of != leader);
            if leader.is_some() {
                next = (next..self.peers).find(differs).unwrap_or(self.peers);
                if next == self.peers && !all.clone().any(|node| differs(&node)) {
                    return leader;
                }
            }
            if self.world.next_at().is_none_or(|at| at > end) {
                return None;
            }
            self.world.step(&mut self.watch);
            next %= self.peers;
        }
    }

    /// What is still under way of an election arrives.
    fn settle(&mut self) {
        self.pass(self.world.network.links.delay_min * 40);
    }

    fn sent(&self) -> u64 {
        let machines = (0..self.peers).filter_map(|node| self.world.machine(NodeId(node)));
        machines.map(M::sent).sum::<u64>() + self.watch.messages
    }

    fn crash(mut self, loss: f64) -> Result<Found, String> {
        if let Some(start) = M::start() {
            // When all are connected.
            self.pass(self.world.network.links.delay_min * 4);
            self.world.command(NodeId(self.peers.saturating_sub(1)), start);
        }
        let leader = self.until_agreed().ok_or("the peers did not agree on a leader")?;
        self.settle();
        let of_leader = self.world.machine(leader).map_or(0, M::sent);
        let before = self.sent() - of_leader;
        let began = self.world.now();
        self.world.network.links.loss = loss;
        self.world.crash(leader);
        let took = self.until_agreed().map(|_| self.world.now().since(began));
        self.settle();
        Ok(Found { messages: self.sent() - before, took })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASE: Case = Case {
        protocol: Protocol::Bully,
        peers: 10,
        delay: Duration::from_millis(1),
        loss: 0.0,
        seed: 1,
    };

    #[test]
    fn a_false_alarm_takes_what_the_formula_says() {
        for starter in 1..=10 {
            let found = false_alarm(CASE, starter).unwrap();
            assert_eq!(found.messages, formula(10, starter), "{starter}");
        }
    }

    /// All nine that are left start; nobody asks the one that is gone.
    #[test]
    fn an_election_after_a_crash_takes_what_the_formula_says_of_those_left() {
        assert_eq!(measure(CASE).unwrap().messages, formula(9, 1));
    }

    #[test]
    fn each_protocol_elects_with_and_without_losses() {
        use Protocol::{Bully, BullyFenced, BullyUnfenced, Ring};
        for protocol in [Bully, Ring, BullyUnfenced, BullyFenced] {
            for (loss, peers) in [(0.0, 3), (0.0, 20), (0.1, 12)] {
                let found = measure(Case { protocol, loss, peers, ..CASE }).unwrap();
                assert!(
                    found.messages > 0 && found.took > Some(CASE.delay),
                    "{protocol:?}: {found:?}"
                );
            }
        }
    }
}
