//! Who leads first, and who starts elections.

use super::*;

fn last_to_join() -> Group {
    Group::new(5, |settings| settings.initiator = Initiator::LastToJoin)
}

fn campaigned(group: &Group) -> Vec<u32> {
    let campaigns = group.reports.iter().filter(|(_, report)| *report == Report::Campaigned);
    campaigns.map(|(node, _)| node.0).collect()
}

#[test]
fn an_appointed_node_leads_first() {
    let mut group = Group::new(4, |settings| settings.first = First::Appointed(NodeId(1)));
    group.run(PERIOD);
    assert_eq!(group.epoch(), Epoch { counter: 1, node: NodeId(1) });
}

#[test]
fn the_last_to_join_begins_and_nobody_else() {
    let mut group = last_to_join();
    (1..=5).for_each(|node| group.command(node, Command::Joined(vec![NodeId(2)])));
    group.run(PERIOD * 2);
    group.reports.clear();
    group.kill(5);
    assert_eq!(group.epoch(), epoch(2, 4));
    let mut campaigned = campaigned(&group);
    campaigned.sort_unstable();
    assert_eq!(campaigned, [2, 3, 4], "2, and those it asked");
}

#[test]
fn news_of_who_joined_last_moves_the_first_election_to_it() {
    let mut group = last_to_join();
    let patience = |group: &Group, node| group.alarms[&(NodeId(node), Alarm::Patience)];
    let soon = Instant::ZERO + PERIOD;
    assert_eq!(patience(&group, 5), soon, "the highest, as far as it knows");
    assert!(patience(&group, 2) > soon);
    let order = || Command::Joined([5, 1, 4, 3, 2].map(NodeId).to_vec());
    (1..=5).for_each(|node| group.command(node, order()));
    assert_eq!(patience(&group, 2), soon);
    assert!((1..=5).all(|node| node == 2 || patience(&group, node) > soon));
    group.run(PERIOD);
    assert_eq!(campaigned(&group)[0], 2);
    assert_eq!(group.epoch(), epoch(1, 5));
}

#[test]
fn the_same_news_again_puts_nothing_off() {
    let mut group = last_to_join();
    let all = |group: &Group| group.alarms.clone();
    let order = || Command::Joined([5, 1, 4, 3, 2].map(NodeId).to_vec());
    (1..=5).for_each(|node| group.command(node, order()));
    let before = all(&group);
    group.run(PERIOD / 2);
    (1..=5).for_each(|node| group.command(node, order()));
    assert_eq!(all(&group), before);
}
