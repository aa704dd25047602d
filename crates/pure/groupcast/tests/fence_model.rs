//! The fence, model-checked: every order in which a few proposals, deliveries, repetitions, losses,
//! restarts and changes of mind can come, for three to five voters; and what comes without it.
//!
//! The network is a set of all that was ever sent: what stands in it may be delivered at any time,
//! again, or never. A restart keeps what was persisted and nothing else. The very machine that
//! runs in processes is what is checked here.

#![allow(clippy::unwrap_used, reason = "the functions that tests share")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use groupcast::fence;
use groupcast::fence::majority::{Alarm, Command, Majority, Message, Promised, Report, Settings};
use machine::{Context, Effect, Input, Instant, Journal, Machine, NodeId, Random};
use stateright::{Checker, Model, Property};

/// What may happen, and how often.
#[derive(Debug, Clone)]
struct Fence {
    voters: u32,
    /// Which nodes may win an election.
    candidates: u32,
    /// How often each of them may.
    proposals: u8,
    /// Whether each canvass is answered at once by all. It promises nothing, so this only leaves
    /// out ways in which less can happen.
    supported: bool,
    /// How many restarts there may be in all.
    restarts: u8,
    /// Whether nodes may follow a live leader, and lose it, once each.
    content: bool,
    /// Whether a restarted node forgets its promise: what S4 forbids.
    amnesia: bool,
    /// Whose promises a winner needs.
    fence: fence::Fence,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    nodes: Vec<Majority>,
    durable: Vec<Option<Promised>>,
    proposals_left: Vec<u8>,
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
        self.fence.new_voter(Settings {
            me: NodeId(me),
            voters: (1..=self.voters).map(NodeId).collect(),
            resend: Duration::from_secs(1),
        })
    }

    fn step(&self, state: &mut State, me: u32, input: Input<Majority>) {
        let index = me as usize - 1;
        let (mut random, mut effects) = (Random::from_seed(0), Vec::new());
        let mut cx = Context::new(Instant::ZERO, &mut random, &mut effects);
        state.nodes[index].handle(input, &mut cx);
        for effect in effects {
            match effect {
                Effect::Persist { record, .. } => state.durable[index] = Some(record),
                Effect::Send { to, body: Message::Canvass(epoch), .. } if self.supported => {
                    for &from in to.nodes() {
                        let body = Message::Support(epoch);
                        self.step(state, me, Input::Message { from, body });
                    }
                }
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
            proposals_left: (1..=self.voters)
                .map(|me| if me <= self.candidates { self.proposals } else { 0 })
                .collect(),
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
            if state.proposals_left[index] > 0 && !state.nodes[index].is_proposing() {
                actions.push(Action::Propose(me));
            }
            if !self.supported {
                actions.push(Action::Chance(me));
            }
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
                state.proposals_left[me as usize - 1] -= 1;
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
    proposals: 1,
    supported: false,
    restarts: 0,
    content: false,
    amnesia: false,
    fence: fence::Fence::Majority,
};

/// Checks all that can come. The count of states freezes the model: another one means that the
/// protocol has changed.
fn check(model: Fence) -> usize {
    let checker = model.checker().spawn_bfs().join();
    checker.assert_properties();
    checker.unique_state_count()
}

/// The shortest way to two leaders of one epoch, if there is one in so many steps. The checker
/// keeps the last way that it finds, so it is asked for longer and longer ones.
fn way_to_two_leaders(model: Fence, steps: usize) -> Option<Vec<Action>> {
    (1..=steps).find_map(|steps| {
        // It counts states, the first and one behind the last included.
        let checker = model.clone().checker().target_max_depth(steps + 2).spawn_bfs().join();
        checker.discovery("one leader an epoch").map(|path| path.into_actions())
    })
}

/// What the fence is for, in one place: without it two lead after two elections are won, for
/// nobody is asked; with it none do, whatever comes in whatever order.
#[test]
fn without_the_fence_two_lead_after_two_steps_and_with_it_never() {
    for voters in 3..=5 {
        let unfenced = Fence { voters, fence: fence::Fence::None, ..SMALL };
        let way = way_to_two_leaders(unfenced, 3);
        assert_eq!(way, Some(vec![Action::Propose(1), Action::Propose(2)]));
    }
    assert_eq!(check(SMALL), 24_304, "every state that three voters can be in");
}

#[test]
fn nor_when_voters_restart() {
    assert_eq!(check(Fence { restarts: 2, ..SMALL }), 94_824);
}

#[test]
fn nor_when_all_three_compete() {
    assert_eq!(check(Fence { candidates: 3, supported: true, ..SMALL }), 146_805);
}

#[test]
fn nor_among_four_of_which_two_restart() {
    assert_eq!(check(Fence { voters: 4, restarts: 2, supported: true, ..SMALL }), 68_732);
}

#[test]
fn nor_among_five_of_which_one_restarts() {
    assert_eq!(check(Fence { voters: 5, restarts: 1, supported: true, ..SMALL }), 251_628);
}

#[test]
fn nor_when_voters_find_and_lose_a_leader_meanwhile() {
    assert_eq!(check(Fence { content: true, supported: true, ..SMALL }), 33_404);
}

/// With the canvass, too; bounded to 15 steps, for all of it is more than a million states.
#[test]
fn nor_when_they_withhold_their_support_meanwhile() {
    let checker = Fence { content: true, ..SMALL }.checker().target_max_depth(15).spawn_bfs();
    let checker = checker.join();
    checker.assert_properties();
    assert_eq!(checker.unique_state_count(), 376_239);
}

/// Any two majorities of four share two voters, so there one that forgets is not enough.
#[test]
fn voters_that_forget_their_promise_break_it() {
    for (voters, restarts, steps) in [(3, 1, 7), (4, 2, 12), (5, 1, 11)] {
        let model = Fence { voters, restarts, supported: true, amnesia: true, ..SMALL };
        let way = way_to_two_leaders(model, steps).unwrap();
        assert_eq!(way.len(), steps, "S4 is there for a reason: {way:?}");
    }
    let model = Fence { voters: 4, restarts: 1, supported: true, amnesia: true, ..SMALL };
    check(model);
}
