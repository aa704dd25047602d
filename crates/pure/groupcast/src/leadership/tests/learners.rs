//! Nodes without a vote, and voters that go.

use super::*;

/// Voters from 1 on, and one node above them that has no vote.
fn with_learner(voters: u32) -> Group {
    Group::new(voters + 1, |settings| settings.voters = (1..=voters).map(NodeId).collect())
}

fn released(group: &Group) -> Vec<u32> {
    let released = group.reports.iter().filter(|(_, report)| *report == Report::Released);
    released.map(|(node, _)| node.0).collect()
}

#[test]
fn a_learner_follows_each_leader_and_never_leads() {
    let mut group = with_learner(3);
    group.run(LIMIT);
    assert_eq!(group.epoch().node, NodeId(3), "not the highest node, which has no vote");
    group.kill(3);
    assert_eq!(group.epoch().node, NodeId(2), "told at once, before any heartbeat");
    group.command(2, Command::Resign);
    group.run(LIMIT);
    assert_eq!(group.epoch().node, NodeId(1));
    group.run(LIMIT * 3);
    assert_eq!(group.elected().len(), 3, "it hears heartbeats like the voters");
}

#[test]
fn a_learner_is_no_part_of_a_majority() {
    let mut group = with_learner(3);
    group.run(LIMIT);
    group.kill(1);
    group.kill(2);
    group.run(LIMIT * 2);
    assert_eq!(group.nodes[&NodeId(3)].epoch(), None, "one of three voters is left");
}

#[test]
fn a_learner_that_joins_late_follows_at_once_and_asks_again_if_it_hears_nothing() {
    let mut group = Group::new(3, |_| {});
    group.run(LIMIT);
    let epoch = group.epoch();
    let mut late = settings(9, 3);
    late.me = NodeId(9);
    group.nodes.insert(NodeId(9), Leadership::new(late));
    group.waiting.push_back((NodeId(9), Input::Start));
    group.drain();
    for voter in [1, 2, 3].map(NodeId) {
        // Nobody answers what was asked before the other end knew of the connection.
        group.waiting.push_back((NodeId(9), Input::Opened(voter)));
        group.drain();
    }
    assert_eq!(group.nodes[&NodeId(9)].epoch(), None);
    for voter in [1, 2].map(NodeId) {
        group.waiting.push_back((voter, Input::Opened(NodeId(9))));
    }
    group.nodes.get_mut(&NodeId(3)).unwrap().detector.opened(NodeId(9), group.now);
    group.run(LIMIT);
    assert_eq!(group.epoch(), epoch, "it asked again");
    group.run(LIMIT * 3);
    assert_eq!(group.elected().len(), 1, "and disturbed nobody");
}

#[test]
fn voters_go_one_by_one_as_long_as_a_majority_stays() {
    let mut group = Group::new(5, |_| {});
    group.run(LIMIT * 2);
    assert!(
        group.nodes[&NodeId(5)].could_go(group.now) && !group.nodes[&NodeId(1)].could_go(group.now)
    );
    group.command(1, Command::Leave);
    group.command(2, Command::Leave);
    group.command(1, Command::Leave);
    group.command(4, Command::Leave);
    assert_eq!(released(&group), [1, 2, 1], "three of five must stay, though all are there still");
    group.kill(1);
    group.kill(2);
    group.run(LIMIT * 2);
    group.command(4, Command::Leave);
    assert_eq!(released(&group), [1, 2, 1]);
    assert_eq!(group.epoch().node, NodeId(5), "it has its majority");
    assert!(!group.nodes[&NodeId(5)].could_go(group.now), "and would not without itself");
    let mut group = with_learner(3);
    group.run(LIMIT * 2);
    group.command(4, Command::Leave);
    group.command(3, Command::Leave);
    assert_eq!(released(&group), [4], "a learner may always go, and a leader resigns first");
}
