//! The seven tests of "Asterix and the Trading post" (Lab 2 of November 2022), on both hosts. Its
//! peers 0 to 9 are our 1 to 10.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure here is a failed test")]

mod stage;

use clocks::Stamp;
use machine::NodeId;
use market::{Money, Outcome};
use stage::{Run, on_both_hosts};
use view::{Cause, Event, Operation, Resignation, Stepped, What};

/// Buyers that do not wait a second between two purchases.
const QUICK: [&str; 4] = [
    "run.duration=2s",
    "buyer.think={min='20ms',max='40ms'}",
    "buyer.pause=300ms",
    "group.answer_limit=200ms",
];

fn with<'a>(parts: &[&[&'a str]]) -> Vec<&'a str> {
    [&QUICK[..]].iter().chain(parts).flat_map(|part| part.iter().copied()).collect()
}

fn lamport(stamp: &Stamp) -> u64 {
    match stamp {
        Stamp::Lamport(clock) => clock.0,
        Stamp::Vector(_) => panic!("a Lamport clock"),
    }
}

/// The clock of a node at each of its events. Those of one instant may be told in any order: what
/// waits for the common journal leaves behind what does not.
fn clocks(run: &Run, node: u32) -> Vec<u64> {
    let of = |event: &Event| Some((event.time_ns, event.clock.as_ref().map(lamport)?));
    let mut clocks: Vec<_> = run.of(node).filter_map(|(_, event)| of(event)).collect();
    clocks.sort_unstable();
    assert!(clocks.is_sorted_by_key(|(_, clock)| *clock), "peer {node}'s goes back: {clocks:?}");
    clocks.into_iter().map(|(_, clock)| clock).collect()
}

#[test]
fn test_1_one_peer_starts_the_election_the_highest_wins_and_all_recognise_it() {
    on_both_hosts("trading-post", &with(&[]), |run| {
        let campaigned = run.first(0, "election", |event| event.what == What::Campaigned);
        assert_eq!(run.events[campaigned].node, NodeId(1), "the lowest is to start it");
        let elected = run.first(0, "winner", |event| matches!(event.what, What::Elected { .. }));
        assert_eq!(run.events[elected].node, NodeId(10), "buyer9 there");
        for node in 1..=10 {
            let story = run.story(&format!("peer-{node}"));
            assert!(story.contains("recognizes peer 10 as the new coordinator of the bazaar"));
        }
        assert!(run.story("peer-10").contains("Dear buyers and sellers, my ID is 10"));
    });
}

#[test]
fn test_2_sellers_register_their_products_with_the_trader_and_then_it_trades() {
    on_both_hosts("trading-post", &with(&[]), |run| {
        let (ready, first, _) = run.terms()[0];
        assert!(run.story("peer-10").contains("trader 10 is ready for product registration"));
        let trades = |what: &What| matches!(what, What::Sold { .. } | What::Deposited { .. });
        assert!(run.events[..ready].iter().all(|event| !trades(&event.what)));
        let deposit = |party: u64| {
            run.find(
                ready,
                |event| matches!(event.what, What::Deposited { seller, .. } if seller.0 == party),
            )
        };
        let mut registered = 0;
        for party in 1..=9 {
            let Some(at) = deposit(party) else { continue };
            registered += 1;
            let What::Deposited { quantity, epoch, .. } = run.events[at].what else { panic!() };
            assert_eq!((quantity, epoch), (10, first));
            let of_it = |sale: &&stage::Sale<'_>| {
                sale.receipt.fills.iter().any(|fill| fill.seller.0 == party)
            };
            assert!(
                run.sales().iter().filter(of_it).all(|sale| sale.at > at),
                "first it registers"
            );
        }
        assert!((4..=5).contains(&registered), "{registered} sellers, one of which may trade");
        assert!(!run.sales().is_empty());
    });
}

#[test]
fn test_3_after_a_trade_buyer_and_seller_are_told_and_the_seller_has_80_percent_of_9() {
    on_both_hosts("trading-post", &with(&[&["seller.price={min=900,max=900}"]]), |run| {
        let mut bought = 0;
        for buyer in 1..=10 {
            for (_, outcome, _) in run.answers(buyer) {
                let Outcome::Bought(receipt) = outcome else { continue };
                bought += 1;
                assert_eq!((receipt.paid, receipt.commission), (Money(900), Money(180)));
                assert_eq!(receipt.fills[0].earned, Money(720), "and from whom it has it");
            }
        }
        // What a trader came to write down and not to tell, the next one tells the buyer.
        assert!(bought >= run.sales().len() && bought as u64 == run.summary.buys.sold);
        let (mut told, mut lefts) = (0, Vec::new());
        for event in &run.events {
            if let What::Earned { amount, quantity, left, .. } = event.what {
                assert_eq!((amount, quantity), (Money(720), 1));
                told += 1;
                lefts.push(left);
            }
        }
        assert!(told > 10 && told <= bought, "{told} of {bought}");
        assert!(lefts.contains(&9) && lefts.contains(&0), "and how much it has left: {lefts:?}");
        let story = (1..=10).map(|node| run.story(&format!("peer-{node}"))).collect::<String>();
        assert!(story.contains("and earned 720 of it (720 in all), and has 9 units left"));
    });
}

#[test]
fn test_4_the_trader_ends_after_40_sales_and_the_previous_one_takes_no_part_in_the_election() {
    on_both_hosts("trading-post", &with(&[]), |run| {
        let elections = &run.summary.elections;
        assert!(elections.len() >= 3, "{elections:?}");
        let leaders: Vec<u32> = elections.iter().map(|one| one.leader.0).collect();
        assert_eq!(leaders[..3], [10, 9, 10], "each the highest but the one before");
        assert!(elections[1..].iter().all(|one| one.cause == Cause::Resign));
        let (terms, sales) = (run.terms(), run.sales());
        for (_, term, _) in &terms[..2] {
            let made = sales.iter().filter(|sale| sale.epoch == *term).count();
            // What came together with the fortieth is served as well.
            assert!((40..50).contains(&made), "{made} sales");
            run.first(0, "reason", |event| {
                event.what == What::Resigning { epoch: *term, why: Resignation::Sales }
            });
            run.first(0, "resignation", |event| {
                event.what == What::SteppedDown { epoch: *term, why: Stepped::Resigned }
            });
        }
        run.hands_over_whole_and_halts_meanwhile();
        let roles = |node: NodeId, from: usize| {
            let of = run.of(node.0).filter(move |(at, _)| *at >= from);
            of.filter_map(|(at, event)| match &event.what {
                What::Started { role, .. } | What::TookRole { role } => Some((at, role.clone())),
                _ => None,
            })
        };
        for pair in terms.windows(2) {
            let [(_, term, _), _] = *pair else { continue };
            let resigned = run.first(
                0,
                "resignation",
                |event| matches!(event.what, What::Resigning { epoch, .. } if epoch == term),
            );
            let campaigned =
                run.first(resigned, "election", |event| event.what == What::Campaigned);
            assert_eq!(run.events[campaigned].node, NodeId(1), "the lowest starts it again");
            // It is again what it was, unless the run ends before.
            let (_, before) = roles(term.node, 0).next().unwrap();
            if let Some((_, role)) = roles(term.node, resigned).next() {
                assert_eq!(role, before, "peer {}", term.node);
            }
        }
        // The first one asks for what it could not as a trader.
        let (took, role) = roles(NodeId(10), 1 + terms[0].0).next().expect("a peer again");
        let asks = |what: &What| match what {
            What::Asked { operation: Operation::Buy(_), .. } => role == "buyer",
            What::Asked { operation: Operation::Deposit { .. }, .. } => role == "seller",
            _ => false,
        };
        let mut own = run.of(10).filter(|(at, _)| *at > took);
        assert!(own.any(|(_, event)| asks(&event.what)), "{role}");
    });
}

#[test]
fn test_5_pending_requests_are_served_first_by_the_next_trader() {
    let busy = ["buyer.think={min='0s',max='5ms'}", "run.duration=1s"];
    on_both_hosts("trading-post", &with(&[&busy]), |run| {
        let (terms, purchases, served) = (run.terms(), run.purchases(), run.served());
        let mut pending = 0;
        for (began, ..) in &terms[1..] {
            let is_served =
                |request| served.iter().find(|(_, one)| one.request == request).map(|(at, _)| *at);
            let waiting = purchases.iter().filter(|one| one.at < *began);
            let waiting: Vec<_> =
                waiting.filter_map(|one| is_served(one.request).filter(|at| at > began)).collect();
            pending += waiting.len();
            let newcomers = served.iter().filter(|(at, one)| at > began && one.at > *began);
            let Some((first_new, _)) = newcomers.min_by_key(|(at, _)| *at) else { continue };
            // Between processes one that asks again may come later than one that asks first.
            if run.is_simulated {
                assert!(waiting.iter().all(|at| at < first_new), "before any new one");
            }
        }
        assert!(pending > 0, "nothing was pending");
        assert_eq!(run.summary.buys.unanswered, 0, "none is lost");
    });
}

#[test]
fn test_6_clocks_are_adjusted_by_broadcasts_and_the_traders_by_requests() {
    on_both_hosts("trading-post", &with(&[]), |run| {
        for node in 1..=10 {
            let clocks = clocks(run, node);
            // Sellers ask for nothing, and hear of what others ask for.
            assert!(*clocks.last().unwrap() > 10, "peer {node}: {clocks:?}");
        }
        let purchases = run.purchases();
        for node in 1..=10 {
            let own = purchases.iter().filter(|one| one.buyer == NodeId(node));
            let own: Vec<u64> = own.map(|one| lamport(one.stamp)).collect();
            assert!(own.is_sorted_by(|one, next| one < next), "one more at least: {own:?}");
        }
        for (at, purchase) in run.served() {
            let clock = run.events[at].clock.as_ref().map(lamport).unwrap();
            assert!(clock >= lamport(purchase.stamp), "the trader takes note of what it serves");
        }
    });
}

/// Purchases of the slow peer that others are served after, though they had asked before it by the
/// wall clock; and whether all are served in the order of their clocks.
fn order_beside(run: &Run, slow: NodeId) -> (usize, bool) {
    let served = run.served();
    let overtakes = served.iter().enumerate().filter(|(place, (_, one))| {
        one.buyer == slow && served[place + 1..].iter().any(|(_, other)| other.at < one.at)
    });
    let rank = |one: &stage::Purchase<'_>| (lamport(one.stamp), one.buyer);
    (overtakes.count(), served.iter().map(|(_, one)| rank(one)).is_sorted())
}

#[test]
fn test_7_a_slow_peer_is_served_before_others_by_its_low_clock() {
    // Its messages are late, so what it asks for is old when it comes. However busy the machine is,
    // all make as many purchases.
    let slow = [
        "run.duration=30s",
        "run.end_when_done=true",
        "buyer.purchases=12",
        "buyer.pause_after=5",
        "trader.resign_after_sales=0",
        "roles.deal=in_order",
        "fault=[{at='500ms',do='delay',who=1,by='15ms'}]",
        // One trader serves all, however busy the machine is.
        "group.heartbeat_limit=10s",
    ];
    on_both_hosts("trading-post", &with(&[&slow, &["trade.service=stable"]]), |run| {
        let (overtakes, is_in_order) = order_beside(run, NodeId(1));
        assert!(is_in_order, "whatever comes when");
        // Between processes two purchases need not come so close.
        assert!(!run.is_simulated || overtakes > 0, "it is prioritised");
        // It alone rests, after every five, and its clock goes on by what the others ask for.
        let mut rests = 0;
        for (at, event) in run.events.iter().enumerate() {
            let What::Rests { lasts_ns } = event.what else { continue };
            assert_eq!(event.node, NodeId(1));
            // And then it thinks as ever.
            assert!((320_000_000..=340_000_000).contains(&lasts_ns), "{lasts_ns}");
            rests += 1;
            let own = run.purchases();
            let own = own.iter().filter(|one| one.buyer == NodeId(1));
            let (before, after): (Vec<_>, Vec<_>) = own.partition(|one| one.at < at);
            let is_bought = |(when, outcome, _): &(usize, &Outcome, u64)| {
                *when < at && matches!(outcome, Outcome::Bought(_))
            };
            let bought = run.answers(1).into_iter().filter(is_bought).count();
            assert_eq!(bought, 5 * rests, "{} asked for", before.len());
            let asked = after.first().expect("it goes on");
            let waited_ns = run.events[asked.at].time_ns - event.time_ns;
            assert!(waited_ns >= lasts_ns, "{waited_ns}");
            let others = |one: &&stage::Purchase<'_>| (at..asked.at).contains(&one.at);
            let heard = run.purchases().iter().filter(others).count() as u64;
            let rose = lamport(asked.stamp) - lamport(before.last().unwrap().stamp);
            assert!(heard == 0 || rose > 1, "others asked {heard} times meanwhile");
        }
        assert_eq!(rests, 2);
    });
    // Served as they come, the late ones come too late. (Between processes they may all be in time.)
    let run = stage::run("trading-post", &with(&[&slow, &["trade.service=eager"]]), true);
    assert!(!order_beside(&run, NodeId(1)).1);
}

/// It heard that all is sold when it could not bring more.
#[test]
fn a_seller_whose_stock_was_sold_while_it_traded_brings_more_afterwards() {
    let two = [
        "run.peers=3",
        "roles.buyers=1",
        "roles.sellers=2",
        "roles.deal=in_order",
        "run.duration=20s",
        "run.end_when_done=true",
        "trader.resign_after_sales=30",
        "buyer.purchases=300",
        "buyer.slow_peers=0",
        "buyer.think={min='0s',max='0s'}",
        "buyer.pause=1s",
    ];
    on_both_hosts("trading-post", &two, |run| {
        assert!(run.terms().len() > 8, "both traded again and again");
        assert_eq!(run.summary.buys.sold, 300, "nobody brings anything");
    });
}
