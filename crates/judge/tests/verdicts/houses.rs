//! Runs of trading houses: terms, posts, and counts that were wrong.

use judge::{Houses, Judgement, Ruling, RunFiles, judge};
use machine::{Epoch, NodeId};
use market::Refusal;
use view::{Event, Fault, Verdict, What};

use crate::world::{SECOND, World, buy, deposit, good};

/// A warehouse at node 0 that serves by itself what traders pass on.
fn houses() -> World {
    let mut world = World::new();
    world.events.retain(|event| !matches!(event.what, What::Elected { .. } | What::Trading { .. }));
    world.epoch = Epoch { counter: 0, node: NodeId(0) };
    world.happen(0, What::TermBegan { epoch: term(1) });
    world.go(1, deposit("fish", 10, 8));
    world.go(2, buy("fish", 3));
    world
}

fn term(number: u64) -> Epoch {
    Epoch { counter: number, node: NodeId(4) }
}

fn judged(world: World, goes_by_counts: bool) -> Judgement {
    let mut run: RunFiles = world.finish();
    let stopped = run.events.iter().position(|event| event.what == What::Stopped).unwrap();
    let time_ns = run.events[stopped].time_ns;
    let ending = Event { time_ns, node: NodeId(0), clock: None, what: What::Ending };
    run.events.insert(stopped, ending);
    run.houses =
        Some(Houses { traders: 1, peers: 9, traders_max: 0, replaces_lost: true, goes_by_counts });
    judge(&run)
}

fn ruling(judgement: &Judgement, property: &str) -> Ruling {
    let found = judgement.findings.iter().find(|finding| finding.property == property);
    found.unwrap_or_else(|| panic!("{property} is not judged")).ruling
}

const TERMS: &str = "sales and loans stay within their terms";
const POSTS: &str = "every post is held at the end";

#[test]
fn a_run_that_keeps_its_promises() {
    let mut world = houses();
    world.happen(0, What::Lent { epoch: term(1), good: good("fish"), units: 2 });
    let judgement = judged(world, false);
    assert_eq!(judgement.violations(), [""; 0]);
    assert_eq!(judgement.verdict, Verdict::Pass);
    assert_eq!(ruling(&judgement, TERMS), Ruling::Pass);
    assert_eq!(ruling(&judgement, POSTS), Ruling::Pass);
}

#[test]
fn a_loan_behind_the_end_of_its_term_is_found() {
    let mut world = houses();
    world.happen(0, What::TermEnded { epoch: term(1), units: 0 });
    world.happen(0, What::TermBegan { epoch: term(2) });
    world.happen(0, What::Lent { epoch: term(1), good: good("fish"), units: 2 });
    assert_eq!(ruling(&judged(world, false), TERMS), Ruling::Fail);
}

#[test]
fn a_loan_in_a_term_that_never_began_is_found_unless_the_warehouse_died() {
    for (was_killed, expected) in [(false, Ruling::Fail), (true, Ruling::Pass)] {
        let mut world = houses();
        if was_killed {
            world.happen(0, What::Fault { fault: Fault::Kill, target: NodeId(0) });
        }
        world.happen(0, What::Lent { epoch: term(7), good: good("fish"), units: 2 });
        assert_eq!(ruling(&judged(world, false), TERMS), expected);
    }
}

#[test]
fn a_term_that_begins_twice_is_found() {
    let mut world = houses();
    world.happen(0, What::TermBegan { epoch: term(1) });
    assert_eq!(ruling(&judged(world, false), TERMS), Ruling::Fail);
}

#[test]
fn a_post_that_nobody_holds_leaves_the_question_open_when_there_was_time() {
    for (seconds, expected) in [(1, Ruling::NeverExercised), (6, Ruling::Unknown)] {
        let mut world = houses();
        world.happen(0, What::Fault { fault: Fault::Kill, target: NodeId(4) });
        world.happen(0, What::TermEnded { epoch: term(1), units: 0 });
        world.now += seconds * SECOND;
        world.happen(1, What::Campaigned);
        assert_eq!(ruling(&judged(world, false), POSTS), expected);
    }
}

/// Seven fish are left: one buy of five is denied by a trader, one of nine is let pass.
#[test]
fn counts_that_are_wrong_are_counted_where_traders_go_by_them_and_broken_promises_elsewhere() {
    let wrong = || {
        let mut world = houses();
        let denied = world.request(3, buy("fish", 5));
        world.ask(3, &denied);
        let epoch = term(1);
        world.happen(4, What::DeniedByCache { epoch, request: denied.id, good: good("fish") });
        let refused = Refusal::OutOfStock { left: 0 };
        world.answer(3, &denied, market::Outcome::Refused(refused));
        world.go(3, buy("fish", 9));
        world
    };
    let counted = judged(wrong(), true);
    assert_eq!((counted.oversold, counted.undersold), (1, 1));
    assert_eq!(counted.verdict, Verdict::Pass);
    let strict = judged(wrong(), false);
    assert_eq!((strict.oversold, strict.undersold), (0, 1));
    assert_eq!(ruling(&strict, "no refusal was false"), Ruling::Fail);
}
