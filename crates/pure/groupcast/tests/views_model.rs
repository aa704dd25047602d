//! The change of views, model-checked with the very machine that runs: three members, one message in
//! flight, members that suspect each other at any moment, messages that arrive in any order, late,
//! again, or never.
//!
//! Limits of time are zero here, so nobody waits for anybody longer than the protocol demands, and
//! every candidate may step in at any moment: the worst that clocks can do.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::time::Duration;

use bytes::Bytes;
use groupcast::group::{Alarm, Command, Group, Message, Order, Report, Settings};
use machine::{Context, Effect, Incarnation, Input, Instant, Machine, NodeId, Random};
use stateright::{Checker, Model, Property};

const MEMBERS: u32 = 3;

/// Three members of one view and all that they ever said.
#[derive(Clone, Debug)]
struct Cluster {
    groups: Vec<Group>,
    /// By what it looks like: the same message sent again is no other message.
    sent: BTreeMap<String, (NodeId, NodeId, Message)>,
    suspicions_left: u8,
    delivered: Vec<Vec<String>>,
    /// Of each view, its members and coordinator, and what had been delivered before it.
    views: BTreeMap<u64, (String, Vec<String>)>,
    removed: BTreeSet<u32>,
    broken: Option<String>,
    /// What it looks like, but for what its members count: all that may matter later.
    looks: u64,
}

impl PartialEq for Cluster {
    fn eq(&self, other: &Self) -> bool {
        self.looks == other.looks
    }
}
impl Eq for Cluster {}
impl Hash for Cluster {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.looks.hash(state);
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Deliver(String),
    Suspect(NodeId, NodeId),
}

struct Views {
    order: Order,
    suspicions: u8,
}

impl Cluster {
    /// Three members in a view, with nothing under way but one message of the last of them.
    fn new(order: Order, suspicions: u8) -> Self {
        let group = |node| {
            let settings = Settings::new(NodeId(node), Incarnation(1), "");
            Group::new(Settings {
                order,
                transfers_state: false,
                rejoins: false,
                flush_limit: Duration::ZERO,
                ..settings
            })
        };
        let mut cluster = Self {
            groups: (0..MEMBERS).map(group).collect(),
            sent: BTreeMap::new(),
            suspicions_left: suspicions,
            delivered: vec![Vec::new(); MEMBERS as usize],
            views: BTreeMap::new(),
            removed: BTreeSet::new(),
            broken: None,
            looks: 0,
        };
        for one in 0..MEMBERS {
            for other in (0..MEMBERS).filter(|&other| other != one) {
                cluster.input(NodeId(one), Input::Opened(NodeId(other)));
            }
        }
        cluster.input(NodeId(0), Input::Command(Command::Found));
        for node in 1..MEMBERS {
            let contacts = BTreeSet::from([NodeId(0)]);
            cluster.input(NodeId(node), Input::Command(Command::Join(contacts)));
            while let Some((_, (from, to, body))) = cluster.sent.pop_first() {
                cluster.input(to, Input::Message { from, body });
            }
        }
        cluster.views.clear();
        let message = Bytes::from_static(b"in flight");
        cluster.input(NodeId(MEMBERS - 1), Input::Command(Command::Multicast(message)));
        cluster.look();
        cluster
    }

    fn look(&mut self) {
        let mut hasher = std::hash::DefaultHasher::new();
        for group in &self.groups {
            let text = format!("{group:?}");
            let (before, counts) = text.split_once("counts: Counts").unwrap();
            (before, counts.split_once('}').unwrap().1).hash(&mut hasher);
        }
        self.sent.keys().for_each(|key| key.hash(&mut hasher));
        let rest = (&self.delivered, &self.views, &self.removed, &self.broken);
        (rest, self.suspicions_left).hash(&mut hasher);
        self.looks = hasher.finish();
    }

    fn input(&mut self, node: NodeId, input: Input<Group>) {
        let (mut random, mut effects) = (Random::from_seed(1), Vec::new());
        let group = &mut self.groups[node.0 as usize];
        group.handle(input, &mut Context::new(Instant::ZERO, &mut random, &mut effects));
        if effects.iter().any(|effect| matches!(effect, Effect::Set { alarm: Alarm::Flush, .. })) {
            let mut cx = Context::new(Instant::ZERO, &mut random, &mut effects);
            group.handle(Input::Alarm(Alarm::Flush), &mut cx);
        }
        if let Err(broken) = group.check() {
            self.broken = Some(broken);
        }
        for effect in effects {
            match effect {
                Effect::Send { to, body, .. } => {
                    for &to in to.nodes() {
                        self.sent.insert(format!("{node}>{to} {body:?}"), (node, to, body.clone()));
                    }
                }
                Effect::Report { report, .. } => self.report(node, report),
                _ => {}
            }
        }
    }

    fn report(&mut self, node: NodeId, report: Report) {
        let log = &mut self.delivered[node.0 as usize];
        match report {
            Report::Delivered { sender, messages } => {
                log.extend(messages.iter().map(|text| format!("{sender}:{}", text.escape_ascii())));
                let distinct: BTreeSet<_> = log.iter().collect();
                if distinct.len() < log.len() {
                    self.broken = Some(format!("{node} delivered twice: {log:?}"));
                }
            }
            Report::View(view) => {
                let seen = (format!("{:?}", view.nodes().collect::<Vec<_>>()), log.clone());
                let first = self.views.entry(view.id.number).or_insert_with(|| seen.clone());
                if *first != seen {
                    self.broken = Some(format!("{}: {first:?} and {seen:?}", view.id));
                }
            }
            Report::Removed(_) => {
                self.removed.insert(node.0);
            }
            _ => {}
        }
    }
}

impl Model for Views {
    type State = Cluster;
    type Action = Step;

    fn init_states(&self) -> Vec<Cluster> {
        vec![Cluster::new(self.order, self.suspicions)]
    }

    fn actions(&self, state: &Cluster, actions: &mut Vec<Step>) {
        actions.extend(state.sent.keys().cloned().map(Step::Deliver));
        if state.suspicions_left > 0 {
            for one in 0..MEMBERS {
                for other in (0..MEMBERS).filter(|&other| other != one) {
                    actions.push(Step::Suspect(NodeId(one), NodeId(other)));
                }
            }
        }
    }

    fn next_state(&self, state: &Cluster, action: Step) -> Option<Cluster> {
        let mut next = state.clone();
        match action {
            Step::Deliver(key) => {
                let (from, to, body) = state.sent[&key].clone();
                next.input(to, Input::Message { from, body });
            }
            Step::Suspect(one, other) => {
                next.suspicions_left -= 1;
                next.input(one, Input::Closed(other));
            }
        }
        next.look();
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "one view after each, and the same before it",
                |_, state: &Cluster| state.broken.is_none(),
            ),
            Property::sometimes("a member is left out", |_, state: &Cluster| {
                state.views.values().any(|(members, _)| members.matches("NodeId").count() == 2)
            }),
            Property::sometimes("a member hears that it is out", |_, state: &Cluster| {
                !state.removed.is_empty()
            }),
            Property::sometimes("a view begins after a delivery", |_, state: &Cluster| {
                state.views.values().any(|(_, log)| !log.is_empty())
            }),
        ]
    }
}

/// The number of states up to this depth; all of them hold, and the rare ones are among them.
fn check(order: Order, suspicions: u8, depth: usize) -> usize {
    let model = Views { order, suspicions };
    // With more threads a state may be found on a longer way first, and the count would vary.
    let checker = model.checker().target_max_depth(depth).spawn_bfs().join();
    checker.assert_properties();
    println!("{order}, {suspicions} suspicions, depth {depth}: {}", checker.unique_state_count());
    checker.unique_state_count()
}

#[test]
fn members_that_suspect_each_other_agree_on_one_line_of_views() {
    assert_eq!(check(Order::Sequencer, 2, 10), 37_465);
}

#[test]
fn so_they_do_when_everybody_has_to_be_heard_of() {
    assert_eq!(check(Order::Lamport, 2, 9), 46_854);
}
