//! Broken promises of the group: leaders, clocks, answers.

use judge::Ruling;
use machine::{Epoch, NodeId};
use market::Outcome;
use view::{Cause, Fault, Stepped, What};

use crate::world::{
    MS, SECOND, World, assert_broken, at, buy, deposit, finding, good, is_sold, small,
};

const EPOCH: &str = "one leader an epoch";
const CLOCKS: &str = "clocks respect causality";

#[test]
fn an_epoch_won_twice() {
    let mut world = small();
    let won_first = world.events.iter().position(|event| is_elected(&event.what)).unwrap() + 1;
    world.epoch = Epoch::ZERO;
    world.elect(2, Cause::Hang);
    let run = world.finish();
    let evidence = format!(
        "epoch 1 was won twice, by node 4 at line {won_first} and by node 2 at line 21 of \
         events.jsonl"
    );
    assert_broken(&run, EPOCH, &evidence);
}

fn is_elected(what: &What) -> bool {
    matches!(what, What::Elected { .. })
}

#[test]
fn one_who_acts_in_the_epoch_of_another() {
    let mut run = small().finish();
    let sold = at(&run, is_sold);
    run.events[sold].node = NodeId(2);
    let evidence =
        format!("node 2 acts in epoch 1.4 of another, line {} of events.jsonl", sold + 1);
    assert_broken(&run, EPOCH, &evidence);
}

#[test]
fn an_old_epoch_that_trades_after_a_new_one() {
    let mut world = small();
    world.fail_over(2);
    let trading = world.events.last().unwrap().clone();
    let epoch = Epoch { counter: 1, node: NodeId(4) };
    world.happen(4, What::Trading { epoch, shipped_before: 7 });
    let run = world.finish();
    let at_new = run.events.iter().position(|event| *event == trading).unwrap() + 1;
    let evidence = format!(
        "epoch 1.4 began to trade at line {} of events.jsonl after epoch 2.2 at line {at_new}",
        at_new + 1
    );
    assert_broken(&run, EPOCH, &evidence);
}

#[test]
fn nodes_that_follow_different_leaders_at_the_end() {
    const END: &str = "one leader at the end";
    let mut world = small();
    world.fail_over(2);
    let old = Epoch { counter: 1, node: NodeId(4) };
    world.happen(3, What::Followed { epoch: old, messages: 0 });
    world.now += 4 * SECOND;
    let settling = World { kernel: world.kernel.clone(), events: world.events.clone(), ..world };
    assert_eq!(finding(&settling.finish(), END).ruling, Ruling::Pass, "it may still find out");

    let mut world = small();
    world.fail_over(2);
    world.happen(3, What::Followed { epoch: old, messages: 0 });
    let since = world.now;
    world.now += 6 * SECOND;
    world.go(1, deposit("fish", 1, 1));
    let waited = (world.now - since) / MS;
    let evidence = format!("node 3 has followed epoch 1.4 for {waited} ms, but 2.2 was elected");
    assert_broken(&world.finish(), END, &evidence);

    let mut world = small();
    world.happen(3, What::Suspected { suspect: NodeId(4), cause: Cause::Hang });
    world.now += 6 * SECOND;
    world.go(1, deposit("fish", 1, 1));
    let lost = finding(&world.finish(), END);
    assert_eq!(lost.ruling, Ruling::Unknown);
    assert!(lost.evidence.starts_with("node 3 has followed nobody for 600"), "{lost}");

    // One that is down follows nobody, and may say a last word after the runner noted its end.
    let mut world = small();
    world.happen(0, What::Fault { fault: Fault::Pause, target: NodeId(3) });
    world.happen(3, What::Suspected { suspect: NodeId(4), cause: Cause::Hang });
    world.now += 6 * SECOND;
    world.go(1, deposit("fish", 1, 1));
    let down = finding(&world.finish(), END);
    assert_eq!(down.evidence, "nodes that follow epoch 1.4: 3");
}

/// What waited for the common journal comes behind what did not, though it was read before.
#[test]
fn what_a_node_tells_in_one_instant_has_no_order_but_is_no_older_than_what_it_told_before() {
    for (instant, is_broken) in [(true, false), (false, true)] {
        let mut world = small();
        let epoch = world.epoch;
        let followed = || What::Followed { epoch, messages: 0 };
        let first = world.clocks[&3].clone();
        world.happen(3, followed());
        world.happen(3, followed());
        let [.., one, two] = &mut world.events[..] else { panic!("two events") };
        std::mem::swap(&mut one.clock, &mut two.clock);
        if instant {
            two.time_ns = one.time_ns;
        }
        let files = world.finish();
        let ruling = finding(&files, CLOCKS).ruling;
        assert_eq!(ruling == judge::Ruling::Fail, is_broken);
        // One that is older than what was told an instant before stays broken.
        let mut files = files;
        let last = files.events.iter_mut().rfind(|event| event.node == NodeId(3)).unwrap();
        last.clock = Some(clocks::Stamp::Vector(first));
        assert_eq!(finding(&files, CLOCKS).ruling, judge::Ruling::Fail);
    }
}

#[test]
fn a_clock_that_forgets() {
    let mut world = small();
    let mut earlier = world.clocks[&3].clone();
    world.message(4, 3);
    let epoch = world.epoch;
    world.happen(3, What::Followed { epoch, messages: 0 });
    let later = world.clocks[&3].clone();
    earlier.tick(NodeId(3));
    world.clocks.insert(3, earlier.clone());
    world.happen(3, What::Followed { epoch, messages: 0 });
    earlier.tick(NodeId(3));
    let evidence = format!(
        "node 3 forgot what it knew: {later} at line 21, then {earlier} at line 22 of events.jsonl"
    );
    // Its own count rises all the while.
    assert!(earlier.get(NodeId(3)) > later.get(NodeId(3)));
    assert_broken(&world.finish(), CLOCKS, &evidence);
}

#[test]
fn two_events_of_one_instant_may_stand_in_either_order() {
    let mut world = small();
    let epoch = world.epoch;
    world.happen(3, What::Followed { epoch, messages: 0 });
    world.happen(3, What::Followed { epoch, messages: 1 });
    let last = world.events.len() - 1;
    world.events[last - 1].time_ns = world.events[last].time_ns;
    world.events.swap(last - 1, last);
    assert_ne!(world.events[last - 1].clock, world.events[last].clock);
    assert_eq!(finding(&world.finish(), CLOCKS).ruling, Ruling::Pass);
}

#[test]
fn a_late_copy_of_a_question_is_no_cause_of_its_answer() {
    let mut world = small();
    let request = world.request(3, buy("fish", 1));
    world.ask(3, &request);
    let outcome = world.serve(3, &request);
    world.answer(3, &request, outcome);
    // It lay with a node that hung, while another copy was served and its answer acknowledged.
    let (epoch, id, good) = (world.epoch, request.id, good("fish"));
    let refusal = market::Refusal::AnswerForgotten;
    world.happen(4, What::Refused { epoch, request: id, good, refusal });
    assert_eq!(finding(&world.finish(), CLOCKS).ruling, Ruling::Pass);
}

#[test]
fn an_answer_that_does_not_know_of_its_question() {
    let mut world = small();
    let request = world.request(3, buy("fish", 1));
    world.ask(3, &request);
    let cause = world.clocks[&3].clone();
    let applied = world.apply(&request);
    let Outcome::Bought(receipt) = applied.outcome else { panic!() };
    let (epoch, buyer) = (world.epoch, market::Party(3));
    world.happen(4, What::Sold { epoch, request: request.id, receipt, buyer });
    let effect = world.clocks[&4].clone();
    let evidence = format!(
        "request 3.1.2: its cause at line 21 has the clock {cause}, its effect at line 22 of \
         events.jsonl the clock {effect}"
    );
    assert_broken(&world.finish(), CLOCKS, &evidence);
}

#[test]
fn a_life_that_asks_again_knows_less_than_the_one_that_asked() {
    let judged = |asks_again: bool| {
        let mut world = small();
        world.message(4, 3);
        let request = world.request(3, deposit("fish", 1, 1));
        world.ask(3, &request);
        // It was executed, and all that knew of it died before they told.
        let applied = world.apply(&request);
        let served = world.what(&request, &applied);
        if asks_again {
            world.under_way.push((3, request.clone()));
        }
        for node in [3, 4] {
            world.happen(0, What::Fault { fault: Fault::Kill, target: NodeId(node) });
            world.start(node);
        }
        world.message(3, 4);
        world.happen(4, served);
        world.answer(3, &request, applied.outcome);
        finding(&world.finish(), CLOCKS).ruling
    };
    assert_eq!((judged(true), judged(false)), (Ruling::Pass, Ruling::Fail));
}

#[test]
fn a_request_that_waits_in_vain() {
    const ANSWERED: &str = "every request is answered";
    let waiting = |wait: u64, down: Option<Fault>| {
        let mut world = small();
        let request = world.request(3, buy("fish", 1));
        world.ask(3, &request);
        if let Some(fault) = down {
            world.happen(0, What::Fault { fault, target: NodeId(3) });
        }
        world.now += wait;
        if down == Some(Fault::Pause) {
            world.happen(0, What::Fault { fault: Fault::Resume, target: NodeId(3) });
        }
        if down == Some(Fault::Kill) {
            world.start(3);
        }
        finding(&world.finish(), ANSWERED)
    };
    let stalled = waiting(6 * SECOND, None);
    assert_eq!(stalled.ruling, Ruling::Unknown);
    assert_eq!(stalled.evidence, "request 3.1.2, line 21 of events.jsonl, was never answered");
    assert_eq!(waiting(4 * SECOND, None).ruling, Ruling::Pass);
    assert_eq!(waiting(6 * SECOND, Some(Fault::Kill)).ruling, Ruling::Pass);
    assert_eq!(waiting(6 * SECOND, Some(Fault::Pause)).ruling, Ruling::Pass);
}

#[test]
fn a_leader_that_stepped_down_is_no_leader_at_the_end() {
    let mut world = small();
    let epoch = world.epoch;
    world.happen(4, What::SteppedDown { epoch, why: Stepped::NoMajority });
    world.now += 6 * SECOND;
    world.go(1, deposit("fish", 1, 1));
    let finding = finding(&world.finish(), "one leader at the end");
    assert_eq!(finding.ruling, Ruling::Unknown);
}

#[test]
fn a_purchase_sold_by_a_lamport_clock_that_had_not_heard_of_it() {
    let lamport = |count| clocks::Stamp::Lamport(clocks::LamportClock(count));
    let judged = |sold_by: u64| {
        let mut run = small().finish();
        run.events.iter_mut().for_each(|event| event.clock = None);
        let bought =
            |what: &What| matches!(what, What::Asked { operation: view::Operation::Buy(_), .. });
        let (asked, sold) = (at(&run, bought), at(&run, is_sold));
        let What::Asked { stamp, .. } = &mut run.events[asked].what else { panic!() };
        *stamp = Some(lamport(7));
        run.events[sold].clock = Some(lamport(sold_by));
        let found = finding(&run, CLOCKS);
        (found.ruling, found.evidence)
    };
    assert_eq!(judged(8).0, Ruling::Pass);
    let (ruling, evidence) = judged(7);
    assert_eq!(ruling, Ruling::Fail);
    assert!(evidence.contains("asked for at 7") && evidence.contains("clock of 7"), "{evidence}");
}
