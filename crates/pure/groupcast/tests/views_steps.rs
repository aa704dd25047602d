//! The change of views at one member: one input, and what it says to that.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::Duration;

use groupcast::group::{
    Command, Frame, Group, Joiner, Member, Message, Order, Proposal, Report, Settings, View, ViewId,
};
use machine::{Context, Effect, Epoch, Incarnation, Input, Instant, Machine, NodeId, Random};

const ZERO: NodeId = NodeId(0);
const ONE: NodeId = NodeId(1);
const TWO: NodeId = NodeId(2);

fn id(number: u64) -> ViewId {
    ViewId { group: 9, number }
}

fn epoch(counter: u64, node: NodeId) -> Epoch {
    Epoch { counter, node }
}

/// How the view before ended: with nothing left to deliver, and this one of node 0 behind it.
fn install(number: u64, members: &[(NodeId, u64)]) -> Message {
    let member = |&(node, life): &(NodeId, u64)| Member {
        node,
        incarnation: Incarnation(life),
        address: String::new(),
        has_state: true,
    };
    let members = members.iter().map(member).collect();
    let view = View { id: id(number), epoch: epoch(number, ZERO), members, coordinator: ZERO };
    Message::Install(id(number - 1), Proposal { view, cut: Vec::new() })
}

/// Node 1 asks to be let in.
fn joins_as(life: u64) -> Message {
    let address = String::new();
    Message::Join(Joiner { node: ONE, incarnation: Incarnation(life), address })
}

/// One node, and the clock that it sees.
struct Node {
    group: Group,
    random: Random,
    now: Instant,
}

/// What a node sent, and what it reported.
type Said = (Vec<(NodeId, Message)>, Vec<Report>);

impl Node {
    fn new(me: NodeId) -> Self {
        let settings = Settings::new(me, Incarnation(5), "");
        let group = Group::new(Settings { order: Order::Fifo, transfers_state: false, ..settings });
        Self { group, random: Random::from_seed(1), now: Instant::ZERO }
    }

    /// A node in view 3 of three, of which it has heard the others.
    fn in_view(me: NodeId) -> Self {
        let mut node = Self::new(me);
        for other in [ZERO, ONE, TWO].into_iter().filter(|&other| other != me) {
            node.input(Input::Opened(other));
        }
        node.input(Input::Command(Command::Join(BTreeSet::from([ZERO, ONE]))));
        node.hears(ZERO, install(3, &[(ZERO, 5), (ONE, 5), (TWO, 5)]));
        assert_eq!(node.group.view().unwrap().id, id(3));
        node
    }

    fn input(&mut self, input: Input<Group>) -> Said {
        self.now = self.now + Duration::from_millis(1);
        let mut effects = Vec::new();
        self.group.handle(input, &mut Context::new(self.now, &mut self.random, &mut effects));
        self.group.check().unwrap();
        let (mut sent, mut reported) = (Vec::new(), Vec::new());
        for effect in effects {
            match effect {
                Effect::Send { to, body, .. } => {
                    sent.extend(to.nodes().iter().map(|&node| (node, body.clone())));
                }
                Effect::Report { report, .. } => reported.push(report),
                _ => {}
            }
        }
        (sent, reported)
    }

    fn hears(&mut self, from: NodeId, body: Message) -> Said {
        self.input(Input::Message { from, body })
    }

    fn sends(&mut self, from: NodeId, body: Message) -> Vec<(NodeId, Message)> {
        self.hears(from, body).0
    }
}

#[test]
fn a_coordinator_ends_the_view_when_the_member_that_it_promised_is_gone() {
    let mut coordinator = Node::in_view(ZERO);
    let sent = coordinator.sends(ONE, Message::Prepare(id(3), epoch(4, ONE)));
    assert!(matches!(&sent[..], [(ONE, Message::Promised(_, _, _))]), "{sent:?}");
    let (sent, _) = coordinator.input(Input::Closed(ONE));
    let canvass = Message::Canvass(id(3));
    assert_eq!(sent, [(ONE, canvass.clone()), (TWO, canvass)]);

    let mut other = Node::in_view(TWO);
    let sent = other.sends(ZERO, Message::Canvass(id(3)));
    assert_eq!(
        sent,
        [(ZERO, Message::Support(id(3)))],
        "it hears the coordinator, which is frozen"
    );

    let sent = coordinator.sends(TWO, Message::Support(id(3)));
    let prepare = Message::Prepare(id(3), epoch(5, ZERO));
    assert_eq!(sent, [(ONE, prepare.clone()), (TWO, prepare)]);
}

#[test]
fn nobody_is_supported_against_one_that_is_heard() {
    let mut follower = Node::in_view(TWO);
    assert_eq!(follower.sends(ONE, Message::Canvass(id(3))), [], "the coordinator is there");
    let mut promiser = Node::in_view(TWO);
    promiser.sends(ONE, Message::Prepare(id(3), epoch(4, ONE)));
    assert_eq!(promiser.sends(ZERO, Message::Canvass(id(3))), [], "who was promised is there");
}

#[test]
fn a_member_let_in_by_a_late_request_keeps_the_name_that_it_asks_under_since() {
    let mut node = Node::in_view(ONE);
    let (sent, reported) = node.hears(ZERO, install(4, &[(ZERO, 5), (TWO, 5)]));
    assert_eq!(
        (sent, reported),
        (vec![(ZERO, joins_as(6)), (TWO, joins_as(6))], vec![Report::Removed(Vec::new())],)
    );
    // An old request has overtaken the new one, which follows it.
    node.hears(ZERO, install(6, &[(ZERO, 5), (TWO, 5), (ONE, 5)]));
    assert_eq!(node.group.view().unwrap().id, id(6));
    let next = install(7, &[(ZERO, 5), (TWO, 5), (ONE, 6)]);
    let sent = node.sends(ZERO, next.clone());
    assert_eq!(sent, [(ZERO, joins_as(6)), (TWO, joins_as(6))]);
    // Asked again, the others answer with what it has missed.
    node.hears(ZERO, next);
    assert_eq!(node.group.view().unwrap().id, id(7));
    let (sent, _) = node.hears(ZERO, install(8, &[(ZERO, 5), (TWO, 5)]));
    assert_eq!(sent, [(ZERO, joins_as(7)), (TWO, joins_as(7))], "it was in under the other one");
}

#[test]
fn a_member_that_has_not_heard_of_its_view_asks_whoever_counts_on_it() {
    let mut node = Node::new(ONE);
    node.input(Input::Command(Command::Join(BTreeSet::from([ZERO]))));
    let frame = Frame {
        view: id(6),
        packs: Vec::new(),
        sent: 0,
        clock: 0,
        held: vec![0, 0],
        stable: None,
        has_state: true,
        relay: false,
        asks: false,
        wants: Vec::new(),
    };
    assert_eq!(node.sends(TWO, Message::Frame(frame.clone())), [], "the news may be on its way");
    assert_eq!(node.sends(TWO, Message::Heartbeat(frame)), [(TWO, joins_as(5))]);

    let mut member = Node::new(TWO);
    member.input(Input::Command(Command::Join(BTreeSet::from([ZERO]))));
    let news = install(6, &[(ZERO, 5), (TWO, 5), (ONE, 5)]);
    member.hears(ZERO, news.clone());
    assert_eq!(member.sends(ONE, joins_as(5)), [(ONE, news.clone())]);
    node.hears(TWO, news);
    assert_eq!(node.group.view().unwrap().id, id(6));
}
