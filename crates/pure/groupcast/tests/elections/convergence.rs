//! Any number of elections started at the same time end in one leader, or in as many as there are
//! posts.

use std::collections::BTreeSet;
use std::time::Duration;

use groupcast::election::bully::Bully;
use groupcast::election::ring::Ring;
use groupcast::election::{Command, Initiator, Options, Report};
use machine::{NodeId, Random};

use super::network::{Elects, Links, Network, UNEVEN, VICTORY_LIMIT};

/// Longer than any election among so few takes.
const LONG: Duration = Duration::from_secs(20);

fn options(posts: usize, ineligible: &[u32], initiator: Initiator) -> Options {
    let ineligible = ineligible.iter().copied().map(NodeId).collect();
    Options { posts, announce: true, initiator, ineligible }
}

/// The first so many of `nodes` in order of rank.
fn best(nodes: impl IntoIterator<Item = u32>, posts: usize, ineligible: &[u32]) -> BTreeSet<u32> {
    let mut nodes: Vec<u32> = nodes.into_iter().collect();
    nodes.sort_by_key(|node| std::cmp::Reverse((!ineligible.contains(node), *node)));
    nodes.into_iter().take(posts).collect()
}

fn winners<M: Elects>(network: &Network<M>) -> Vec<u32> {
    let won = network.reports.iter().filter(|(_, report)| *report == Report::Won);
    let mut won: Vec<u32> = won.map(|&(node, _)| node).collect();
    won.sort_unstable();
    won
}

fn every_subset<M: Elects>() {
    for nodes in 3..=6_u32 {
        for subset in 1..1_u32 << nodes {
            for seed in 0..12 {
                let posts = 1 + (seed % 3) as usize;
                let ineligible: &[u32] = if seed < 6 { &[] } else { &[nodes, 2] };
                let options = options(posts, ineligible, Initiator::Every);
                let mut network = Network::<M>::new(nodes, &options, UNEVEN, seed);
                for node in (1..=nodes).filter(|node| subset >> (node - 1) & 1 == 1) {
                    network.start(node);
                }
                network.run(LONG);
                let expected = best(1..=nodes, posts, ineligible);
                assert_eq!(network.leaders(), expected, "{nodes} {subset:b} {seed}");
                let won = winners(&network);
                assert_eq!(won, Vec::from_iter(expected), "{nodes} {subset:b} {seed}");
            }
        }
    }
}

#[test]
fn every_subset_of_initiators_ends_in_the_best_with_bully() {
    every_subset::<Bully>();
}

#[test]
fn every_subset_of_initiators_ends_in_the_best_with_the_ring() {
    every_subset::<Ring>();
}

/// A node that knows of fewer leaders than there are posts does something about it, as any layer
/// above would.
fn until_settled<M: Elects>(network: &mut Network<M>, posts: usize) {
    for _ in 0..20 {
        network.run(VICTORY_LIMIT);
        // What was on its way when a node hung made it look well again.
        suspect_hung(network);
        let well = network.believed();
        let expected = posts.min(well.len());
        let unsure: Vec<NodeId> = well
            .iter()
            .filter(|(_, known)| known.len() < expected)
            .map(|(&node, _)| node)
            .collect();
        unsure.into_iter().for_each(|node| network.start(node.0));
    }
}

/// Nodes crash and hang before, during and after elections that any of them start.
fn crashes<M: Elects>(seeds: std::ops::Range<u64>, links: Links) {
    for seed in seeds {
        let mut draw = Random::fork(seed, 99);
        let nodes = draw.between(3, 12) as u32;
        let posts = draw.between(1, 3) as usize;
        let policies = [
            Initiator::Every,
            Initiator::Random,
            Initiator::Lowest,
            Initiator::Highest,
            Initiator::LastToJoin,
        ];
        let options = options(posts, &[], *draw.pick(&policies).unwrap());
        let mut network = Network::<M>::new(nodes, &options, links, seed);
        for _ in 0..draw.between(1, u64::from(nodes)) {
            let node = NodeId(draw.between(1, u64::from(nodes)) as u32);
            match draw.below(6) {
                0 | 1 if network.believed().len() > 1 => network.crash(node),
                2 if network.believed().len() > 1 => {
                    network.hung.insert(node);
                    suspect_hung(&mut network);
                }
                _ => network.start(node.0),
            }
            network.run(Duration::from_millis(draw.below(60)));
        }
        until_settled(&mut network, posts);
        let well: Vec<u32> = network.believed().keys().map(|node| node.0).collect();
        let leaders = network.leaders();
        let trace = network.trace.join("\n");
        assert_eq!(leaders.len(), posts.min(well.len()), "seed {seed}: {leaders:?}\n{trace}");
        assert!(
            leaders.iter().all(|node| well.contains(node)),
            "seed {seed}: {leaders:?}\n{trace}"
        );
    }
}

/// Every detector calls those silent that are.
fn suspect_hung<M: Elects>(network: &mut Network<M>) {
    for hung in network.hung.clone() {
        for node in network.ids() {
            network.command(node.0, Command::Suspect(hung));
        }
    }
}

#[test]
fn crashes_and_hangs_leave_as_many_leaders_as_there_are_posts_with_bully() {
    crashes::<Bully>(0..4000, UNEVEN);
}

#[test]
fn crashes_and_hangs_leave_as_many_leaders_as_there_are_posts_with_the_ring() {
    crashes::<Ring>(0..4000, UNEVEN);
}

/// Bully sends nothing again: what repeats its announcements is the layer above. The ring does.
#[test]
fn loss_costs_the_ring_time_and_nothing_else() {
    for seed in 0..3000 {
        let mut draw = Random::fork(seed, 7);
        let nodes = draw.between(3, 12) as u32;
        let links = Links { loss: 0.3, ..UNEVEN };
        let options = options(1, &[], Initiator::Every);
        let mut network = Network::<Ring>::new(nodes, &options, links, seed);
        for _ in 0..draw.between(1, u64::from(nodes)) {
            network.start(draw.between(1, u64::from(nodes)) as u32);
        }
        network.run(LONG);
        assert_eq!(network.leaders(), BTreeSet::from([nodes]), "seed {seed}");
    }
}

/// The N that sit stay; one that comes back, or is the highest, displaces nobody.
fn only_the_vacant_post_is_filled<M: Elects>() {
    for seed in 0..300 {
        let options = options(3, &[], Initiator::Every);
        let mut network = Network::<M>::new(7, &options, UNEVEN, seed);
        network.start(1);
        network.run(LONG);
        assert_eq!(network.leaders(), BTreeSet::from([7, 6, 5]));
        let before = network.nodes[&NodeId(1)].seats();
        network.crash(NodeId(6));
        network.run(LONG);
        assert_eq!(network.leaders(), BTreeSet::from([7, 5, 4]), "seed {seed}");
        let after = network.nodes[&NodeId(1)].seats();
        let kept = after.values().filter(|epoch| before.values().any(|old| old == *epoch)).count();
        assert_eq!(kept, 2, "the same posts as before: {before:?} {after:?}");
        assert_eq!(winners(&network), [4, 5, 6, 7], "nobody won twice");
        network.start(2);
        network.run(LONG);
        assert_eq!(winners(&network), [4, 5, 6, 7], "an election that is not needed is none");
    }
}

#[test]
fn only_the_vacant_post_is_filled_with_bully() {
    only_the_vacant_post_is_filled::<Bully>();
}

#[test]
fn only_the_vacant_post_is_filled_with_the_ring() {
    only_the_vacant_post_is_filled::<Ring>();
}

#[test]
fn a_partitioned_pair_elects_two_and_one_is_left_when_they_hear_of_each_other() {
    let options = options(1, &[], Initiator::Every);
    let mut network = Network::<Bully>::new(2, &options, UNEVEN, 1);
    for (node, other) in [(1, 2), (2, 1)] {
        network.command(node, Command::Suspect(NodeId(other)));
        network.start(node);
    }
    assert_eq!(winners(&network), [1, 2], "an election alone is no safety");
    network.open(NodeId(1), NodeId(2));
    network.open(NodeId(2), NodeId(1));
    network.run(LONG);
    assert_eq!(network.leaders(), BTreeSet::from([2]));
}
