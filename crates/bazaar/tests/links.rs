//! Markets whose links are cut, late or lossy, on both hosts.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure here is a failed test")]

mod stage;

use machine::NodeId;
use stage::{Run, on_both_hosts};
use view::{Cause, LinkFault, What};

/// Where links were cut, and where they were mended.
fn cut_and_mended(run: &Run) -> (usize, usize, NodeId) {
    let cut = run.first(0, "cut", |e| matches!(e.what, What::Links(LinkFault::Cut { .. })));
    let mended = run.first(cut, "end", |e| matches!(e.what, What::Links(LinkFault::Mend { .. })));
    let What::Links(LinkFault::Cut { side }) = &run.events[cut].what else { panic!() };
    (cut, mended, side[0])
}

#[test]
fn a_trader_that_is_partitioned_away_stops_selling_and_is_a_peer_again_when_links_are_whole() {
    for transport in ["run.transport=tcp", "run.transport=udp"] {
        let sets = [
            "run.duration=4s",
            "group.heartbeat_limit=400ms",
            "fault=[{at='1s',do='partition',who='trader',for='1500ms'}]",
            transport,
        ];
        on_both_hosts("market", &sets, |run| {
            let (cut, mended, victim) = cut_and_mended(run);
            let stepped_down = run.first(cut, "end of the trader's term", |event| {
                event.node == victim && matches!(event.what, What::SteppedDown { .. })
            });
            assert!(stepped_down < mended, "it found out by itself");
            let sales = run.sales();
            let late =
                sales.iter().filter(|sale| sale.epoch.node == victim && sale.at > stepped_down);
            assert_eq!(late.count(), 0, "it sold on");
            // Meanwhile the others go on.
            let others = |sale: &&stage::Sale<'_>| sale.epoch.node != victim && sale.at < mended;
            assert!(sales.iter().filter(others).count() > 10);
            assert_eq!(run.summary.elections[1].cause, Cause::Hang, "silence is all they notice");
            let last = run.sales().last().unwrap().epoch;
            run.first(mended, "follower", |event| {
                event.node == victim
                    && matches!(event.what, What::Followed { epoch, .. } if epoch == last)
            });
            assert!(run.answers(victim.0).iter().any(|(at, ..)| *at > mended), "it buys again");
            if run.is_simulated {
                let took_ns = run.events[stepped_down].time_ns - run.events[cut].time_ns;
                // The limit of a heartbeat, and the period after which it is looked at.
                assert!(took_ns <= 500_000_000, "{took_ns}");
            }
        });
    }
}

#[test]
fn a_minority_that_is_cut_off_elects_nobody_though_one_of_it_dies_and_comes_back_meanwhile() {
    let sets = [
        "run.duration=4s",
        "group.heartbeat_limit=400ms",
        "fault=[{at='1s',do='partition',who=[5,6],for='1600ms'},{at='1500ms',do='kill',who=5,for='500ms'}]",
    ];
    on_both_hosts("market", &sets, |run| {
        let (cut, mended, _) = cut_and_mended(run);
        for event in &run.events[cut..mended] {
            let is_of_the_minority = matches!(event.node, NodeId(5 | 6));
            assert!(!is_of_the_minority || !matches!(event.what, What::Elected { .. }));
        }
        let last = run.sales().last().unwrap().epoch;
        for node in [5, 6] {
            let follows =
                |what: &What| matches!(what, What::Followed { epoch, .. } if *epoch == last);
            assert!(run.of(node).any(|(at, event)| at > mended && follows(&event.what)), "{node}");
        }
    });
}

#[test]
fn a_late_peer_waits_for_its_answers_and_nobody_else_does() {
    let sets = [
        "run.duration=3s",
        "roles.buyers=3",
        "roles.sellers=3",
        "fault=[{at='1s',do='delay',who=1,by='60ms',for='1s'}]",
    ];
    on_both_hosts("market", &sets, |run| {
        let is_late = |node| run.answers(node).iter().any(|(.., took_ns)| *took_ns >= 120_000_000);
        assert!(is_late(1), "a request and its answer take as much longer each");
        assert!(!run.is_simulated || !is_late(2) && !is_late(3));
    });
}

#[test]
fn one_link_is_late_and_then_all_links_are_whole() {
    let sets = [
        "run.duration=3s",
        "roles.buyers=3",
        "roles.sellers=3",
        "fault=[{at='500ms',do='delay',who=1,to=6,by='60ms'},{at='1500ms',do='heal'}]",
    ];
    on_both_hosts("market", &sets, |run| {
        let whole = run.first(0, "heal", |event| event.what == What::Links(LinkFault::Heal));
        let late = run
            .first(0, "delay", |event| matches!(event.what, What::Links(LinkFault::Delay { .. })));
        let of_late = run.answers(1).into_iter().filter(|(at, ..)| *at > late);
        let (during, after): (Vec<_>, Vec<_>) = of_late.partition(|(at, ..)| *at < whole);
        assert!(during.iter().any(|(.., took_ns)| *took_ns >= 120_000_000), "6 trades");
        assert!(after.len() > 2 * during.len(), "{} and {}", during.len(), after.len());
    });
}

#[test]
fn what_lossy_links_lose_is_asked_for_again_and_counts_once() {
    let sets = [
        "run.duration=3s",
        "run.transport=udp",
        "trade.resend=50ms",
        "fault=[{at='1s',do='drop',chance=0.2,for='1s'}]",
    ];
    on_both_hosts("market", &sets, |run| {
        assert_eq!(run.summary.buys.unanswered, 0);
        let again = |what: &What| matches!(what, What::Repeated { .. });
        assert!(run.events.iter().filter(|event| again(&event.what)).count() > 3);
    });
}
