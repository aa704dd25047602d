//! The five tests of "Asterix and the Bazaar" (Galhotra and Chudgar, 2016, section 5), on both
//! hosts: elections, a leader that resigns, vector clocks, all of them together, and a late link.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure here is a failed test")]

mod stage;

use clocks::Stamp;
use machine::NodeId;
use stage::{Run, on_both_hosts};
use view::{Cause, Operation, What};

/// One term of leadership follows the other in such a run.
const RESIGNS: [&str; 2] = ["run.duration=4s", "trader.resign_quantum=1s"];

/// Each purchase counts one more of its buyer's own, and what a buyer has heard of is in it.
fn clocks_tick_and_spread(run: &Run) {
    let purchases = run.purchases();
    for node in 1..=6 {
        let own = purchases.iter().filter(|purchase| purchase.buyer == NodeId(node));
        let counts: Vec<u64> = own.map(|purchase| own_count(purchase.stamp, node)).collect();
        let expected: Vec<u64> = (1..=counts.len() as u64).collect();
        assert_eq!(
            counts, expected,
            "peer {node} ticks before each purchase, and at no other time"
        );
    }
    let last = purchases.last().unwrap().stamp;
    assert!(last.nodes() >= 5, "it heard of the others' purchases by multicast: {last}");
}

fn own_count(stamp: &Stamp, node: u32) -> u64 {
    match stamp {
        Stamp::Vector(clock) => clock.get(NodeId(node)),
        Stamp::Lamport(_) => panic!("a vector clock"),
    }
}

#[test]
fn leader_election_with_any_number_of_nodes_and_several_that_start_it_at_once() {
    for (peers, peers_set) in [(3, "run.peers=3"), (6, "run.peers=6"), (9, "run.peers=9")] {
        let sets = [peers_set, "group.initiator=every", "run.duration=3s"];
        on_both_hosts("asterix", &sets, |run| {
            assert_eq!(run.summary.elections.len(), 1, "{:?}", run.summary.elections);
            assert_eq!(run.summary.elections[0].leader, NodeId(peers), "the highest id");
            for node in 1..=peers {
                let follows = |what: &What| matches!(what, What::Followed { epoch, .. } if epoch.node == NodeId(peers));
                assert!(run.of(node).any(|(_, event)| follows(&event.what)), "peer {node}");
            }
            let campaigns = run.events.iter().filter(|event| event.what == What::Campaigned);
            assert!(campaigns.count() >= 2, "several start it");
        });
    }
}

/// Section 2: the peer that joins last starts the first election.
#[test]
fn the_last_peer_that_joins_starts_the_first_election() {
    // Limits that the start of a process on a busy machine does not reach.
    let patient = ["run.duration=4s", "group.heartbeat_period=1s", "group.heartbeat_limit=10s"];
    on_both_hosts("asterix", &patient, |run| {
        let campaigned = run.first(0, "election", |event| event.what == What::Campaigned);
        let mut introduced = run.of(0).filter_map(|(at, event)| match event.what {
            What::Joined { member, .. } if at < campaigned => Some(member),
            _ => None,
        });
        assert_eq!(Some(run.events[campaigned].node), introduced.next_back());
    });
}

#[test]
fn a_leader_resigns_another_one_is_elected_and_the_market_passes_to_it() {
    on_both_hosts("asterix", &RESIGNS, |run| {
        let elections = &run.summary.elections;
        assert!(elections.len() >= 3, "{elections:?}");
        assert!(elections[1..].iter().all(|election| election.cause == Cause::Resign));
        assert!(elections.windows(2).all(|pair| pair[0].leader != pair[1].leader));
        run.hands_over_whole_and_halts_meanwhile();
        // "The old leader acts as normal buyer, seller peer after the new leader is elected."
        let (terms, first) = (run.terms(), elections[0].leader);
        let asked = |from: usize, to: usize| {
            let asks = |what: &What| match what {
                What::Asked { operation: Operation::Buy(_), .. } => Some("buys"),
                What::Asked { operation: Operation::Deposit { .. }, .. } => Some("sells"),
                _ => None,
            };
            let own = run.of(first.0).filter(move |(at, _)| (from..to).contains(at));
            own.filter_map(|(_, event)| asks(&event.what)).collect::<Vec<_>>()
        };
        assert_eq!(asked(0, terms[1].0).len(), 0, "a trader neither buys nor sells");
        let after = asked(terms[1].0, terms[2].0);
        assert!(after.contains(&"buys") && after.contains(&"sells"), "{after:?}");
    });
}

#[test]
fn clocks_are_updated_and_keep_the_order_in_which_purchases_happened() {
    on_both_hosts("asterix", &["run.duration=2s"], |run| {
        clocks_tick_and_spread(run);
        assert_eq!(run.out_of_order(), 0);
    });
}

#[test]
fn clocks_keep_the_order_when_the_leader_resigns() {
    on_both_hosts("asterix", &RESIGNS, |run| {
        assert!(run.terms().len() >= 3);
        clocks_tick_and_spread(run);
        assert_eq!(run.out_of_order(), 0);
    });
}

#[test]
fn clocks_keep_the_order_when_the_leader_resigns_and_a_late_link_reorders_requests() {
    let late = "fault=[{at='500ms',do='delay',who=1,to=5,by='25ms'},\
                {at='500ms',do='delay',who=1,to=6,by='25ms'}]";
    let think = "buyer.think={min='5ms',max='15ms'}";
    on_both_hosts("asterix", &[&RESIGNS[..], &[late, think]].concat(), |run| {
        assert!(run.terms().len() >= 3);
        assert_eq!(run.out_of_order(), 0);
        // The others heard of peer 1's purchases long before the trader did; theirs waited for it.
        let waited = |node| run.answers(node).iter().any(|(.., took_ns)| *took_ns >= 20_000_000);
        assert!(
            waited(2) && waited(3) && waited(4),
            "they are queued until what came before is here"
        );
    });
    // Without that queue they would be served as they come.
    let eager = [&RESIGNS[..], &[late, think, "trade.service=eager"]].concat();
    on_both_hosts("asterix", &eager, |run| {
        assert!(run.out_of_order() > 0);
    });
}
