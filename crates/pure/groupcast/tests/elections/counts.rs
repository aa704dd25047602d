//! How many messages an election sends, compared with what its papers and seed 003 say.
//!
//! Seed 003 gives for bully, when node P of 1 to N notices that the coordinator N failed:
//! T = (N - P + 1)(N - P) + N - 1, at best N - 1 and at worst N² - 1. That counts an answer for
//! every question, and so one from the failed coordinator to each of the N - P that ask it.

use std::time::Duration;

use groupcast::election::bully::Bully;
use groupcast::election::ring::{self, Ring};
use groupcast::election::{Initiator, Options};
use machine::NodeId;

use super::network::{ANSWER_LIMIT, EVEN, Elects, Network, TRIES, VICTORY_LIMIT};

const LONG: Duration = Duration::from_secs(20);

fn announcing() -> Options {
    Options { announce: true, ..Options::default() }
}

/// The T of seed 003.
fn formula(nodes: u64, starter: u64) -> u64 {
    (nodes - starter + 1) * (nodes - starter) + nodes - 1
}

fn bully(nodes: u64) -> Network<Bully> {
    Network::new(nodes as u32, &announcing(), EVEN, 0)
}

#[test]
fn the_formula_at_its_best_and_worst() {
    for nodes in 3..=20 {
        assert_eq!(formula(nodes, nodes), nodes - 1);
        assert_eq!(formula(nodes, 1), nodes * nodes - 1);
    }
}

/// Whoever starts is wrong: the coordinator lives, answers all that ask it, and wins again.
#[test]
fn bully_sends_what_the_formula_says_if_the_coordinator_answers() {
    for nodes in 3..=20 {
        for starter in 1..=nodes {
            let mut network = bully(nodes);
            network.start(starter as u32);
            network.run(LONG);
            assert_eq!(network.leaders(), [nodes as u32].into());
            assert_eq!(network.total(), formula(nodes, starter), "{starter} of {nodes}");
        }
    }
}

/// The textbook's case: the coordinator is asked, and told of its successor, and says nothing.
#[test]
fn bully_lacks_the_answers_of_a_silent_coordinator() {
    for nodes in 3..=20 {
        for starter in 1..nodes {
            let mut network = bully(nodes);
            network.hung.insert(NodeId(nodes as u32));
            network.start(starter as u32);
            network.run(LONG);
            assert_eq!(network.leaders(), [nodes as u32 - 1].into());
            let higher = nodes - starter;
            assert_eq!(network.count("Election"), higher * (higher + 1) / 2);
            assert_eq!(network.count("Answer"), higher * (higher - 1) / 2);
            assert_eq!(network.count("Coordinator"), nodes - 1);
            assert_eq!(network.total(), formula(nodes, starter) - higher, "{starter} of {nodes}");
        }
    }
}

/// Ours: nobody asks or tells a node whose connection is closed, so the failed coordinator counts
/// for nothing. All that is left is an election of N - 1 in which all answer.
#[test]
fn bully_asks_nobody_who_is_known_to_be_gone() {
    for nodes in 3..=20 {
        for starter in 1..nodes {
            let policy = Options { initiator: Initiator::Lowest, ..announcing() };
            let mut network = Network::<Bully>::new(nodes as u32, &policy, EVEN, 0);
            network.crash(NodeId(nodes as u32));
            network.run(LONG);
            assert_eq!(network.total(), 0, "no leader was lost, so far");
            network.start(starter as u32);
            network.run(LONG);
            assert_eq!(network.leaders(), [nodes as u32 - 1].into());
            assert_eq!(network.total(), formula(nodes - 1, starter), "{starter} of {nodes}");
        }
    }
}

#[test]
fn bully_started_by_every_node_sends_no_more_than_when_the_lowest_starts() {
    for nodes in 3..=20 {
        let mut network = bully(nodes);
        (1..=nodes as u32).for_each(|node| network.start(node));
        network.run(LONG);
        assert_eq!(network.total(), formula(nodes, 1));
    }
}

fn ring(nodes: u32, order: &[u32]) -> Network<Ring> {
    let make = |me| {
        let settings = ring::Settings {
            me,
            order: order.iter().copied().map(NodeId).collect(),
            answer_limit: ANSWER_LIMIT,
            tries: TRIES,
            victory_limit: VICTORY_LIMIT,
        };
        (me, Ring::with_options(settings, announcing()))
    };
    Network::with((1..=nodes).map(NodeId).map(make).collect(), EVEN, 0)
}

/// Tokens and announcements; each token is acknowledged besides.
fn tokens_and_announcements<M: Elects>(network: &Network<M>) -> u64 {
    assert_eq!(network.count("Ack"), network.count("Token"));
    network.count("Token") + network.count("Coordinator")
}

#[test]
fn the_ring_sends_2n_minus_1_at_best_when_the_highest_starts() {
    for nodes in 3..=20 {
        let mut network = ring(nodes, &Vec::from_iter(1..=nodes));
        network.start(nodes);
        network.run(LONG);
        assert_eq!(network.leaders(), [nodes].into());
        assert_eq!(tokens_and_announcements(&network), u64::from(2 * nodes - 1));
    }
}

/// Each token goes all the way down to the highest node before it is swallowed.
#[test]
fn the_ring_sends_n_times_n_plus_1_half_plus_n_minus_1_at_worst_when_all_start_downwards() {
    for nodes in 3..=20 {
        let mut network = ring(nodes, &Vec::from_iter((1..=nodes).rev()));
        (1..=nodes).for_each(|node| network.start(node));
        network.run(LONG);
        let count = u64::from(nodes);
        assert_eq!(network.leaders(), [nodes].into());
        assert_eq!(tokens_and_announcements(&network), count * (count + 1) / 2 + count - 1);
    }
}

/// Sorted upwards, each token but the highest is swallowed after one hop: never more than 3n - 2.
#[test]
fn a_ring_that_is_sorted_upwards_has_no_such_worst_case() {
    for nodes in 3..=20_u32 {
        for starters in [Vec::from_iter(1..=nodes), vec![1], vec![nodes / 2]] {
            let mut network = ring(nodes, &Vec::from_iter(1..=nodes));
            starters.iter().for_each(|&node| network.start(node));
            network.run(LONG);
            let hops_before_the_highest = nodes - starters[0];
            let expected = u64::from(hops_before_the_highest + nodes + nodes - 1);
            assert_eq!(tokens_and_announcements(&network), expected, "{starters:?} of {nodes}");
        }
    }
}
