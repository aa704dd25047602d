//! The majority fence, model-checked: every order in which a few proposals, deliveries,
//! repetitions, losses, restarts and changes of mind can come, for three voters.
//!
//! The network is a set of all that was ever sent: what stands in it may be delivered at any time,
//! again, or never. A restart keeps what was persisted and nothing else. The very machine that
//! runs in processes is what is checked here.

#![allow(clippy::unwrap_used, reason = "the functions that tests share")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use groupcast::fence::majority::{Alarm, Command, Majority, Message, Promised, Report, Settings};
use machine::{Context, Effect, Input, Instant, Journal, Machine, NodeId, Random};
use stateright::{Checker, Model, Property};

/// What may happen, and how often.
#[derive(Debug, Clone)]
struct Fence {
    voters: u32,
    /// Which nodes may win an election, once each.
    candidates: u32,
    /// How many restarts there may be in all.
    restarts: u8,
    /// Whether nodes may follow a live leader, and lose it, once each.
    content: bool,
    /// Whether a restarted node forgets its promise: what S4 forbids.
    amnesia: bool,
    /// Whether winners lead without asking anybody.
    #[cfg(feature = "planted")]
    unfenced: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    nodes: Vec<Majority>,
    durable: Vec<Option<Promised>>,
    may_propose: Vec<bool>,
    restarts_left: u8,
    /// Which nodes may still begin to be content, and which are.
    may_be_content: Vec<bool>,
    is_content: Vec<bool>,
    network: BTreeSet<(u32, u32, Message)>,
    /// Who was granted each counter.
    leaders: BTreeMap<u64, BTreeSet<NodeId>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Action {
    Propose(u32),
    Deliver(u32, u32, Message),
    Restart(u32),
    Content(u32, bool),
    /// Whoever was promised an epoch had its chance.
    Chance(u32),
}

impl Fence {
    fn node(&self, me: u32) -> Majority {
        #[allow(unused_mut, reason = "only a planted bug changes the node")]
        let mut node = Majority::new(Settings {
            me: NodeId(me),
            voters: (1..=self.voters).map(NodeId).collect(),
            resend: Duration::from_secs(1),
        });
        #[cfg(feature = "planted")]
        if self.unfenced {
            node.plant_no_fence();
        }
        node
    }

    fn step(&self, state: &mut State, me: u32, input: Input<Majority>) {
        let index = me as usize - 1;
        let (mut random, mut effects) = (Random::from_seed(0), Vec::new());
        let mut cx = Context::new(Instant::ZERO, &mut random, &mut effects);
        state.nodes[index].handle(input, &mut cx);
        for effect in effects {
            match effect {
                Effect::Persist { record, .. } => state.durable[index] = Some(record),
                Effect::Send { to, body, .. } => {
                    for node in to.nodes() {
                        state.network.insert((me, node.0, body.clone()));
                    }
                }
                Effect::Report { report: Report::Granted(epoch), .. } => {
                    state.leaders.entry(epoch.counter).or_default().insert(epoch.node);
                }
                // Timers only send again, and the network does that by itself.
                _ => {}
            }
        }
    }
}

impl Model for Fence {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let count = self.voters as usize;
        vec![State {
            nodes: (1..=self.voters).map(|me| self.node(me)).collect(),
            durable: vec![None; count],
            may_propose: (1..=self.voters).map(|me| me <= self.candidates).collect(),
            restarts_left: self.restarts,
            may_be_content: vec![self.content; count],
            is_content: vec![false; count],
            network: BTreeSet::new(),
            leaders: BTreeMap::new(),
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for me in 1..=self.voters {
            let index = me as usize - 1;
            if state.may_propose[index] && !state.nodes[index].is_proposing() {
                actions.push(Action::Propose(me));
            }
            actions.push(Action::Chance(me));
            if state.restarts_left > 0 {
                actions.push(Action::Restart(me));
            }
            if state.is_content[index] {
                actions.push(Action::Content(me, false));
            } else if state.may_be_content[index] {
                actions.push(Action::Content(me, true));
            }
        }
        for (from, to, body) in &state.network {
            actions.push(Action::Deliver(*from, *to, body.clone()));
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Propose(me) => {
                state.may_propose[me as usize - 1] = false;
                self.step(&mut state, me, Input::Command(Command::Propose));
            }
            Action::Deliver(from, to, body) => {
                self.step(&mut state, to, Input::Message { from: NodeId(from), body });
            }
            Action::Chance(me) => self.step(&mut state, me, Input::Alarm(Alarm::Chance)),
            Action::Content(me, content) => {
                let index = me as usize - 1;
                state.may_be_content[index] = false;
                state.is_content[index] = content;
                self.step(&mut state, me, Input::Command(Command::Content(content)));
            }
            Action::Restart(me) => {
                let index = me as usize - 1;
                state.restarts_left -= 1;
                state.nodes[index] = self.node(me);
                state.is_content[index] = false;
                if let (Some(record), false) = (state.durable[index].clone(), self.amnesia) {
                    let replay = Input::Replay { journal: Journal::Own, record };
                    self.step(&mut state, me, replay);
                }
            }
        }
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("one leader an epoch", |_, state: &State| {
                state.leaders.values().all(|leaders| leaders.len() <= 1)
            }),
            Property::always("each machine's own", |_, state: &State| {
                state.nodes.iter().all(|node| node.check().is_ok())
            }),
            // The model is no empty one: both of these can be reached.
            Property::sometimes("some node leads", |_, state: &State| !state.leaders.is_empty()),
            Property::sometimes("a second epoch is led", |_, state: &State| {
                state.leaders.len() >= 2
            }),
        ]
    }
}

/// Two that may win, three that vote.
const SMALL: Fence = Fence {
    voters: 3,
    candidates: 2,
    restarts: 0,
    content: false,
    amnesia: false,
    #[cfg(feature = "planted")]
    unfenced: false,
};

/// Checks all that can come in so many steps. The count of states freezes the model: another one
/// means that the protocol has changed.
fn check(model: Fence, steps: usize) -> usize {
    let checker = model.checker().target_max_depth(steps).spawn_bfs().join();
    checker.assert_properties();
    checker.unique_state_count()
}

#[test]
fn two_candidates_never_share_an_epoch() {
    assert_eq!(check(SMALL, 17), 673_839);
}

#[test]
fn nor_when_a_voter_restarts() {
    assert_eq!(check(Fence { restarts: 1, ..SMALL }, 15), 914_925);
}

#[test]
fn nor_when_voters_find_and_lose_a_leader_meanwhile() {
    assert_eq!(check(Fence { content: true, ..SMALL }, 13), 582_234);
}

#[test]
fn voters_that_forget_their_promise_break_it() {
    let model = Fence { amnesia: true, restarts: 1, ..SMALL };
    let checker = model.checker().target_max_depth(13).spawn_bfs().join();
    assert!(checker.discovery("one leader an epoch").is_some(), "S4 is there for a reason");
}

#[cfg(feature = "planted")]
#[test]
fn without_the_fence_two_lead_after_two_steps() {
    let model = Fence { unfenced: true, ..SMALL };
    let checker = model.checker().target_max_depth(4).spawn_bfs().join();
    let path = checker.discovery("one leader an epoch").unwrap();
    assert_eq!(path.into_actions().len(), 2, "two elections are won, and nobody was asked");
}
