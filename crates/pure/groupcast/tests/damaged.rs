//! Messages from a broken or hostile member: nothing that decodes makes a member panic, break its
//! own invariants, or take the place of what it holds.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use groupcast::group::{Alarm, Command, Group, Message, Order, Settings};
use machine::{Context, Effect, Incarnation, Input, Instant, Machine, NodeId, Random};
use proptest::prelude::*;

const NODES: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];

/// Three members, and every message that they said to each other.
struct Cluster {
    groups: BTreeMap<NodeId, Group>,
    said: Vec<Message>,
    random: Random,
    now: Instant,
}

impl Cluster {
    fn new(order: Order) -> Self {
        let group =
            |node| Group::new(Settings { order, ..Settings::new(node, Incarnation(1), "a") });
        let groups = NODES.into_iter().map(|node| (node, group(node))).collect();
        let now = Instant::ZERO;
        let mut cluster = Self { groups, said: Vec::new(), random: Random::from_seed(1), now };
        let mut inputs = VecDeque::new();
        for node in NODES {
            let others = NODES.into_iter().filter(|&other| other != node);
            inputs.extend(others.map(|other| (node, Input::Opened(other))));
        }
        inputs.push_back((NODES[0], Input::Command(Command::Found)));
        cluster.run(inputs);
        for node in &NODES[1..] {
            let contacts = BTreeSet::from([NODES[0]]);
            cluster.run(VecDeque::from([(*node, Input::Command(Command::Join(contacts)))]));
        }
        for node in NODES {
            let message = Bytes::from(vec![b'x'; 40_000]);
            cluster.run(VecDeque::from([(node, Input::Command(Command::Multicast(message)))]));
        }
        // A change of views, all of it.
        cluster.run(VecDeque::from([(NODES[2], Input::Command(Command::Leave))]));
        cluster.run(VecDeque::from([(NODES[1], Input::Alarm(Alarm::Repair))]));
        cluster
    }

    fn run(&mut self, mut inputs: VecDeque<(NodeId, Input<Group>)>) {
        for _ in 0..2000 {
            let Some((node, input)) = inputs.pop_front() else { return };
            let mut effects = Vec::new();
            // A damaged message may speak of nodes that are none.
            let Some(group) = self.groups.get_mut(&node) else { continue };
            group.handle(input, &mut Context::new(self.now, &mut self.random, &mut effects));
            group.check().unwrap();
            for effect in effects {
                match effect {
                    Effect::Send { to, body, .. } => {
                        self.said.push(body.clone());
                        let to = to.nodes().iter();
                        inputs.extend(
                            to.map(|&to| (to, Input::Message { from: node, body: body.clone() })),
                        );
                    }
                    Effect::Set { alarm: Alarm::Flush, .. } => {
                        inputs.push_back((node, Input::Alarm(Alarm::Flush)));
                    }
                    Effect::Report {
                        report: groupcast::group::Report::StateWanted(view), ..
                    } => {
                        let state = Bytes::from_static(b"state");
                        inputs.push_back((node, Input::Command(Command::State(view, state))));
                    }
                    _ => {}
                }
            }
        }
    }
}

/// Which message, with which bytes replaced, from whom, to whom.
type Damage = (prop::sample::Index, Vec<(prop::sample::Index, u8)>, usize, usize);

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    let byte = prop_oneof![Just(0xFF), Just(0), Just(0x80), any::<u8>()];
    let bytes = prop::collection::vec((any::<prop::sample::Index>(), byte), 0..12);
    prop::collection::vec((any::<prop::sample::Index>(), bytes, 0..3_usize, 0..2_usize), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_member_survives_whatever_decodes(damages in damages(), order in 0..4_usize) {
        let mut cluster = Cluster::new(Order::ALL[order]);
        let said = std::mem::take(&mut cluster.said);
        for (which, bytes, from, to) in damages {
            let mut encoded = wire::to_bytes(which.get(&said)).unwrap();
            for (place, byte) in bytes {
                let place = place.index(encoded.len());
                encoded[place] = byte;
            }
            let Ok(body) = wire::from_bytes::<Message>(&encoded) else { continue };
            cluster.now = cluster.now + std::time::Duration::from_millis(50);
            let input = Input::Message { from: NODES[from], body };
            cluster.run(VecDeque::from([(NODES[to], input), (NODES[to], Input::Alarm(Alarm::Repair)), (NODES[to], Input::Alarm(Alarm::Beat))]));
        }
    }
}
