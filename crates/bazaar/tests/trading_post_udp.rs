//! The tests TC_01 to TC_09 of "Asterix and the Trading Post" (Bajracharya and Chaloo, 2024,
//! section 3), on both hosts. Its peers 0 to 5 are our 1 to 6.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure here is a failed test")]

mod stage;

use std::collections::BTreeSet;

use machine::NodeId;
use market::{Money, Outcome, Refusal};
use stage::{Run, on_both_hosts};
use view::{Cause, Event, Operation, Resignation, What};

/// A market that is over in a moment, with a first trader as there.
const QUICK: [&str; 4] = [
    "run.end_when_done=false",
    "run.duration=2s",
    "buyer.purchases=0",
    "buyer.think={min='10ms',max='40ms'}",
];
/// Five units at 10.00 each.
const FIFTY: [&str; 3] = [
    "buyer.quantity={min=5,max=5}",
    "seller.price={min=1000,max=1000}",
    "seller.stock={min=5,max=10}",
];
/// The trader fails every half second.
const FAILS: [&str; 2] = ["run.duration=3s", "trader.resign_quantum=500ms"];

fn with<'a>(parts: &[&[&'a str]]) -> Vec<&'a str> {
    [&QUICK[..]].iter().chain(parts).flat_map(|part| part.iter().copied()).collect()
}

#[test]
fn tc_01_the_commission_of_ten_percent_goes_to_the_trader() {
    on_both_hosts("trading-post-udp", &with(&[&FIFTY]), |run| {
        let sales = run.sales();
        // How many there are is chance between processes.
        assert!(sales.len() > if run.is_simulated { 5 } else { 0 }, "{}", sales.len());
        for sale in &sales {
            assert_eq!((sale.receipt.paid, sale.receipt.commission), (Money(5000), Money(500)));
        }
        assert_eq!(run.summary.money.commission, 500 * sales.len() as u64);
        assert!(run.story("peer-1").contains(" for 5000 and kept 500 of it at {"));
    });
}

#[test]
fn tc_02_the_seller_gets_the_45_that_are_left_of_50() {
    on_both_hosts("trading-post-udp", &with(&[&FIFTY, &["trader.resign_probability=0"]]), |run| {
        let mut paid = 0;
        for seller in 2..=6 {
            let mut earned = 0;
            for (_, event) in run.of(seller) {
                if let What::Earned { amount, total, .. } = event.what {
                    earned += amount.0;
                    assert_eq!(total.0, earned, "all that it earned so far");
                }
            }
            paid += earned;
        }
        assert_eq!(paid, 4500 * run.sales().len() as u64);
        assert!(run.sales().len() > if run.is_simulated { 5 } else { 0 });
    });
}

/// Purchases that were under way together, and of which none knew of the other.
fn concurrent(run: &Run) -> usize {
    let purchases = run.purchases();
    let answered = |purchase: &stage::Purchase<'_>| {
        let is_it = |event: &Event| matches!(event.what, What::Answered { request, .. } if request == purchase.request);
        run.find(purchase.at, is_it)
    };
    let mut pairs = 0;
    for (place, first) in purchases.iter().enumerate() {
        let Some(end) = answered(first) else { continue };
        let meanwhile = purchases[place + 1..].iter().take_while(|next| next.at < end);
        pairs += meanwhile.filter(|next| !first.stamp.before(next.stamp)).count();
    }
    pairs
}

#[test]
fn tc_03_concurrent_requests_are_queued_and_all_of_them_are_served() {
    let busy = ["buyer.think={min='0s',max='1ms'}", "roles.buyers=4", "trader.first=6"];
    for service in ["trade.service=eager", "trade.service=stable"] {
        on_both_hosts("trading-post-udp", &with(&[&busy, &[service]]), |run| {
            assert!(concurrent(run) > 10, "{}", concurrent(run));
            assert_eq!(run.summary.buys.unanswered, 0);
            assert_eq!(run.served().len(), run.purchases().len(), "each is served");
            let mut served = BTreeSet::new();
            for event in &run.events {
                if let What::Sold { request, .. } | What::Refused { request, .. } = &event.what {
                    assert!(served.insert(*request), "{request} is served twice");
                }
            }
            // In the order of the clocks, where there is one.
            assert!(service.ends_with("eager") || run.out_of_order() == 0);
        });
    }
}

#[test]
fn tc_04_without_a_seller_of_the_good_buyers_are_told_and_look_for_another_one() {
    let scarce = [
        "roles.buyers=4",
        "roles.sellers=1",
        "roles.others=bystander",
        "roles.deal=in_order",
        "trader.first=6",
        "seller.restock_at_zero=false",
        "seller.update_probability=0",
    ];
    on_both_hosts("trading-post-udp", &with(&[&scarce]), |run| {
        let (mut not_sold, mut sold_out) = (0, 0);
        for buyer in 1..=4 {
            let mut refused = None;
            for (_, event) in run.of(buyer) {
                match &event.what {
                    What::Asked { operation: Operation::Buy(order), .. } => {
                        assert_ne!(refused.take().as_ref(), Some(&order.good), "another one");
                    }
                    What::Answered { operation: Operation::Buy(order), outcome, .. } => {
                        match outcome {
                            Outcome::Refused(Refusal::NotSoldHere) => not_sold += 1,
                            Outcome::Refused(Refusal::OutOfStock { .. }) => sold_out += 1,
                            _ => continue,
                        }
                        refused = Some(order.good.clone());
                    }
                    _ => {}
                }
            }
        }
        assert!(not_sold > 10 && sold_out > 10, "{not_sold} and {sold_out}");
        assert!(run.story("peer-6").contains(" was available at {"));
        assert!(run.story("peer-1").contains(" learned that "));
    });
}

#[test]
fn tc_05_when_the_leader_fails_the_highest_peer_wins_and_trade_halts_until_then() {
    on_both_hosts("trading-post-udp", &with(&[&FAILS]), |run| {
        let elections = &run.summary.elections;
        assert_eq!((elections[0].leader, elections[1].leader), (NodeId(1), NodeId(6)));
        assert_eq!(elections[1].cause, Cause::Resign);
        run.hands_over_whole_and_halts_meanwhile();
        for node in 1..=6 {
            let follows = |what: &What| matches!(what, What::Followed { epoch, .. } if epoch.node == NodeId(6));
            assert!(run.of(node).any(|(_, event)| follows(&event.what)), "all are told: {node}");
        }
        let began = run.terms()[1].0;
        assert!(run.sales().iter().any(|sale| sale.at > began), "and then goes on");
    });
}

#[test]
fn tc_06_the_two_highest_peers_alternate_as_leader() {
    on_both_hosts("trading-post-udp", &with(&[&FAILS]), |run| {
        let leaders: Vec<u32> = run.summary.elections.iter().map(|one| one.leader.0).collect();
        let expected = [1].into_iter().chain([6, 5].into_iter().cycle());
        assert!(leaders.len() >= 4, "{leaders:?}");
        assert_eq!(leaders, expected.take(leaders.len()).collect::<Vec<_>>());
    });
}

/// What the paper suggests in place of that (section 5, switching of leader).
#[test]
fn leaders_that_are_back_by_chance_only_leave_others_their_turn() {
    let back = ["run.duration=8s", "trader.back_probability=0.5", "trader.back_every='2s'"];
    on_both_hosts("trading-post-udp", &with(&[&FAILS, &back]), |run| {
        let leaders: Vec<u32> = run.summary.elections.iter().map(|one| one.leader.0).collect();
        // Nobody can be back before three others have led.
        assert!(leaders.len() >= 4, "{leaders:?}");
        assert_eq!(leaders[..4], [1, 6, 5, 4]);
        // There are six, so by the seventh term one is back.
        assert!(leaders.len() >= 7, "{leaders:?}");
    });
}

/// A trader fails with a probability at the end of each quantum, and becomes a buyer or a seller.
#[test]
fn a_leader_resigns_by_chance_and_takes_part_as_a_buyer_or_a_seller_by_chance() {
    let chance = [
        "run.duration=3s",
        "trader.resign_quantum=100ms",
        "trader.resign_probability=0.4",
        "trader.return_as=random",
    ];
    on_both_hosts("trading-post-udp", &with(&[&chance]), |run| {
        let by_chance =
            |event: &&Event| matches!(event.what, What::Resigning { why: Resignation::Chance, .. });
        let resigned = run.events.iter().filter(by_chance).count();
        assert!(resigned > 0);
        // A trader that hears too late of its heartbeats' answers ends in another way.
        let begun = run.terms().len();
        let least = if run.is_simulated { begun - 1 } else { 1 };
        assert!((least..=begun).contains(&resigned), "{resigned} of {begun} terms");
        let roles: BTreeSet<_> = run
            .events
            .iter()
            .filter_map(|event| match &event.what {
                What::TookRole { role } => Some(role.as_str()),
                _ => None,
            })
            .collect();
        assert!(!roles.is_empty() && roles.is_subset(&["buyer", "seller"].into()), "{roles:?}");
        // Between processes chance is another one each time.
        if run.is_simulated {
            assert_eq!(roles.len(), 2);
            let lasted = run
                .terms()
                .windows(2)
                .map(|pair| run.events[pair[1].0].time_ns - run.events[pair[0].0].time_ns)
                .collect::<Vec<_>>();
            assert!(lasted.iter().any(|ns| *ns < 150_000_000), "one quantum: {lasted:?}");
            assert!(lasted.iter().any(|ns| *ns > 200_000_000), "and more: {lasted:?}");
        }
    });
}

#[test]
fn tc_07_the_previous_leader_takes_part_in_the_market_as_a_seller() {
    let seller = [
        "roles.buyers=3",
        "roles.sellers=3",
        "roles.deal=in_order",
        "trader.first=4",
        "trader.return_as=same",
    ];
    on_both_hosts("trading-post-udp", &with(&[&FAILS, &seller]), |run| {
        let began = run.terms()[1].0;
        let deposits: Vec<_> = run
            .events
            .iter()
            .enumerate()
            .filter(
                |(_, event)| matches!(event.what, What::Deposited { seller, .. } if seller.0 == 4),
            )
            .collect();
        assert!(!deposits.is_empty(), "it registers goods with its successor");
        assert!(deposits.iter().all(|(at, _)| *at > began), "and none with itself");
        assert!(run.of(4).any(|(_, event)| matches!(event.what, What::Earned { .. })));
    });
}

#[test]
fn tc_08_even_after_the_trader_goes_down_the_market_is_saved() {
    let killed = ["fault=[{at='1s',do='kill',who='trader'}]", "trader.resign_probability=0"];
    on_both_hosts("trading-post-udp", &with(&[&killed]), |run| {
        let elections = &run.summary.elections;
        assert_eq!((elections[1].leader, elections[1].cause), (NodeId(6), Cause::Crash));
        let (began, _, shipped_before) = run.terms()[1];
        let sales = run.sales();
        let told: u64 = sales
            .iter()
            .filter(|sale| sale.at < began)
            .map(|sale| u64::from(sale.receipt.quantity))
            .sum();
        // What it sold last it may not have come to tell.
        assert!(shipped_before >= told && told > 0, "{shipped_before} and {told}");
        assert!(sales.iter().any(|sale| sale.at > began), "trade goes on");
    });
}

#[test]
fn tc_09_of_requests_for_the_last_units_one_is_served_and_nothing_is_corrupted() {
    let last = [
        "trade.goods=['boar']",
        "roles.buyers=4",
        "roles.sellers=1",
        "roles.others=bystander",
        "roles.deal=in_order",
        "trader.first=6",
        "seller.restock_at_zero=false",
        "seller.update_probability=0",
        "seller.stock={min=5,max=5}",
        "buyer.quantity={min=5,max=5}",
        "buyer.think={min='0s',max='1ms'}",
        "trader.resign_probability=0",
        "run.duration=3s",
    ];
    on_both_hosts("trading-post-udp", &with(&[&last]), |run| {
        assert_eq!(run.sales().len(), 1);
        assert_eq!((run.summary.goods.shipped, run.summary.goods.left), (5, 0));
        assert_eq!(run.summary.buys.unanswered, 0);
        let sold_out = |outcome: &Outcome| {
            matches!(
                outcome,
                Outcome::Refused(Refusal::OutOfStock { left: 0 } | Refusal::NotSoldHere)
            )
        };
        let others = (1..=4).flat_map(|buyer| run.answers(buyer));
        let (told, bought): (Vec<_>, Vec<_>) =
            others.partition(|(_, outcome, _)| sold_out(outcome));
        assert!(bought.len() == 1 && told.len() > 10, "{} and {}", bought.len(), told.len());
        assert!(concurrent(run) > 0);
    });
}
