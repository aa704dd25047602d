//! One input, exact effects.

use machine::{Effect, Instant, Random};

use super::*;

fn voter(me: u32) -> Majority {
    Majority::new(Settings {
        me: NodeId(me),
        voters: (1..=3).map(NodeId).collect(),
        resend: Duration::from_millis(50),
    })
}

fn epoch(counter: u64, node: u32) -> Epoch {
    Epoch { counter, node: NodeId(node) }
}

fn step(voter: &mut Majority, input: Input<Majority>) -> Vec<String> {
    let (mut random, mut effects) = (Random::from_seed(0), Vec::new());
    voter.handle(input, &mut Context::new(Instant::ZERO, &mut random, &mut effects));
    effects.iter().map(|effect: &Effect<Majority>| format!("{effect:?}")).collect()
}

fn from(node: u32, body: Message) -> Input<Majority> {
    Input::Message { from: NodeId(node), body }
}

#[test]
fn a_winner_canvasses_then_prepares_then_is_granted() {
    let mut voter = voter(3);
    let asked = step(&mut voter, Input::Command(Command::Propose));
    let canvass = "Send([1, 2], Canvass(1.3))";
    assert_eq!(asked, [canvass, "Set(Resend, 0.050)"]);
    let prepared = step(&mut voter, from(1, Message::Support(epoch(1, 3))));
    assert_eq!(
        prepared,
        ["Persist(Own, Promised(1.3))", "Send([1, 2], Prepare(1.3))", "Set(Resend, 0.050)"],
        "the promise to itself goes first"
    );
    assert!(step(&mut voter, from(2, Message::Support(epoch(1, 3)))).is_empty(), "too late");
    let granted = step(&mut voter, from(2, Message::Promise(epoch(1, 3))));
    assert_eq!(granted, ["Clear(Resend)", "Report(Granted(1.3))"]);
}

#[test]
fn each_counter_is_promised_to_one_node_only() {
    let mut voter = voter(1);
    let promised = step(&mut voter, from(2, Message::Prepare(epoch(1, 2))));
    assert!(promised[0].starts_with("Persist"), "before anything is said: {promised:?}");
    assert!(promised[2].contains("Promise"), "{promised:?}");
    let again = step(&mut voter, from(2, Message::Prepare(epoch(1, 2))));
    assert_eq!(again, promised[1..], "the answer may have been lost");
    let other = step(&mut voter, from(3, Message::Prepare(epoch(1, 3))));
    assert!(other[0].contains("Reject"), "{other:?}");
    assert!(step(&mut voter, from(3, Message::Prepare(epoch(2, 3))))[2].contains("Promise"));
}

#[test]
fn a_promise_survives_a_restart() {
    let mut voter = voter(1);
    let record = Promised(epoch(4, 2));
    assert!(step(&mut voter, Input::Replay { journal: Journal::Own, record }).is_empty());
    assert!(step(&mut voter, from(3, Message::Prepare(epoch(4, 3))))[0].contains("Reject"));
    assert_eq!(voter.promised(), epoch(4, 2));
}

#[test]
fn a_voter_with_a_live_leader_withholds_its_support_until_that_leader_goes() {
    let mut voter = voter(1);
    step(&mut voter, Input::Command(Command::Content(true)));
    assert!(step(&mut voter, from(3, Message::Canvass(epoch(2, 3)))).is_empty());
    assert!(step(&mut voter, from(3, Message::Prepare(epoch(2, 3)))).is_empty());
    let support = step(&mut voter, Input::Command(Command::Content(false)));
    assert_eq!(support, ["Clear(Chance)", "Send([3], Support(2.3))"]);
    assert_eq!(voter.promised(), Epoch::ZERO, "support promises nothing");
}

#[test]
fn an_outbid_candidate_gives_up_and_goes_higher_next_time() {
    let mut voter = voter(2);
    step(&mut voter, Input::Command(Command::Propose));
    let reject = Message::Reject { asked: epoch(1, 2), promised: epoch(7, 3) };
    assert_eq!(step(&mut voter, from(1, reject))[1], "Report(Outbid(7.3))");
    assert!(step(&mut voter, Input::Command(Command::Propose))[0].contains("Canvass(8.2)"));
}

#[test]
fn strangers_have_no_vote() {
    let mut voter = voter(2);
    step(&mut voter, Input::Command(Command::Propose));
    assert!(step(&mut voter, from(9, Message::Support(epoch(1, 2)))).is_empty());
    assert!(step(&mut voter, from(9, Message::Prepare(epoch(9, 9)))).is_empty());
}

#[test]
fn supports_of_different_rounds_do_not_add_up() {
    let mut voter = Majority::new(Settings {
        me: NodeId(2),
        voters: (1..=5).map(NodeId).collect(),
        resend: Duration::from_millis(50),
    });
    step(&mut voter, Input::Command(Command::Propose));
    assert!(step(&mut voter, from(1, Message::Support(epoch(1, 2)))).is_empty());
    step(&mut voter, Input::Alarm(Alarm::Resend));
    assert!(
        step(&mut voter, from(3, Message::Support(epoch(1, 2)))).is_empty(),
        "one of this round"
    );
    assert!(!step(&mut voter, from(4, Message::Support(epoch(1, 2)))).is_empty(), "two of it");
}

#[test]
fn who_promises_another_one_a_higher_epoch_gives_its_own_proposal_up() {
    let mut voter = voter(2);
    step(&mut voter, Input::Command(Command::Propose));
    step(&mut voter, from(1, Message::Support(epoch(1, 2))));
    let promised = step(&mut voter, from(3, Message::Prepare(epoch(2, 3))));
    assert!(promised.contains(&"Report(Outbid(2.3))".to_owned()), "{promised:?}");
    assert!(step(&mut voter, from(1, Message::Promise(epoch(1, 2)))).is_empty(), "too late");
}

#[test]
fn a_snapshot_of_the_promise_is_as_good_as_its_record() {
    let mut voter = voter(1);
    let snapshot = Promised(epoch(4, 2));
    step(&mut voter, Input::Restore { journal: Journal::Own, snapshot });
    assert!(step(&mut voter, from(3, Message::Prepare(epoch(4, 3))))[0].contains("Reject"));
}

#[test]
fn who_was_just_promised_an_epoch_has_its_chance_first() {
    let mut voter = voter(1);
    step(&mut voter, from(2, Message::Prepare(epoch(1, 2))));
    assert!(step(&mut voter, from(3, Message::Canvass(epoch(2, 3)))).is_empty(), "it waits");
    let supported = step(&mut voter, Input::Alarm(Alarm::Chance));
    assert_eq!(supported, ["Send([3], Support(2.3))"], "nobody led in time");
}
