//! A leader that hangs, and wakes.

use super::*;

/// A node that hangs, and its alarms, which do not go off meanwhile.
struct Hung(NodeId, Leadership, Vec<((NodeId, Alarm), Instant)>);

impl Group {
    fn hang(&mut self, node: u32) -> Hung {
        let node = NodeId(node);
        let alarms = self.alarms.extract_if(.., |key, _| key.0 == node).collect();
        Hung(node, self.nodes.remove(&node).unwrap(), alarms)
    }

    fn wake(&mut self, Hung(node, machine, alarms): Hung) {
        self.nodes.insert(node, machine);
        self.alarms.extend(alarms);
    }
}

#[test]
fn a_leader_that_hangs_is_replaced_after_the_limit_and_told_when_it_wakes() {
    let mut group = Group::new(3, |_| {});
    group.run(PERIOD * 2);
    let hung = group.hang(3);
    group.run(LIMIT * 2);
    assert_eq!(group.epoch(), Epoch { counter: 2, node: NodeId(2) });
    assert_eq!(group.elected()[1], (2, Cause::Hang));
    group.wake(hung);
    group.run(PERIOD);
    assert_eq!(group.epoch(), Epoch { counter: 2, node: NodeId(2) });
}

#[test]
fn a_leader_that_woke_is_waited_for_in_the_next_election() {
    let mut group = Group::new(5, |_| {});
    group.run(PERIOD * 2);
    let hung = group.hang(5);
    group.run(LIMIT * 2);
    assert_eq!(group.epoch(), Epoch { counter: 2, node: NodeId(4) });
    group.wake(hung);
    group.run(PERIOD);
    group.kill(4);
    assert_eq!(group.epoch(), Epoch { counter: 3, node: NodeId(5) }, "{:?}", group.elected());
}
