//! One input, exact effects: a peer that takes over the market, serves, and is deposed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

mod common;

use common::{BUYER, Bench, CLIENT, EPOCH, ME, alarm, answers, buy, deposit, patience};
use machine::{After, Effect, Epoch, Input, Journal, Random};
use market::{ClientId, Command, Outcome, Party, Refusal, Request, RequestId};
use peer::{AnyPeer, Body, Message, Record, Role, Snapshot, Trade, What};

#[test]
fn a_life_begins_with_a_snapshot_of_its_own() {
    let mut bench = Bench::new(Role { buys: true, sells: true });
    let effects = bench.step(Input::Start);
    assert!(
        matches!(
            &effects[0],
            Effect::Snapshot { journal: Journal::Own, snapshot: Snapshot::Own(own) }
                if own.incarnation.0 == 1
        ),
        "nothing leaves before the life is on record: {effects:?}"
    );
}

#[test]
fn what_waited_while_the_market_was_taken_over_is_served_first_and_the_rest_is_left() {
    let mut bench = Bench::trading();
    for (number, command) in [(0, Command::Open), (1, deposit())] {
        assert!(bench.ask(number, command).is_empty(), "it waits");
    }
    let full = bench.ask(2, buy());
    assert!(matches!(
        &full[..],
        [Effect::Report { report, .. }] if matches!(report.what, What::Overflow { value: 2, .. })
    ));
    let effects = bench.step(Input::Claimed(EPOCH));
    assert!(matches!(&effects[0], Effect::Snapshot { journal: Journal::Common, .. }));
    let outcomes = answers(&effects);
    assert!(
        matches!(outcomes[..], [Outcome::Opened { .. }, Outcome::Deposited { .. }]),
        "{effects:?}"
    );
}

#[test]
fn an_answer_stands_behind_its_record_and_rests_on_it() {
    let mut bench = Bench::trading();
    bench.step(Input::Claimed(EPOCH));
    bench.ask(0, Command::Open);
    bench.ask_as(BUYER, 0, Command::Open);
    bench.ask(1, deposit());
    let effects = bench.ask_as(BUYER, 1, buy());
    let persisted = effects.iter().position(|effect| {
        matches!(effect, Effect::Persist { journal: Journal::Common, record: Record::Entry(_) })
    });
    let answered = effects.iter().position(|effect| {
        matches!(effect, Effect::Send { after: After::All, body: Message::Trade(trade), .. }
            if matches!(trade.body, Body::Answer { outcome: Outcome::Bought(_), .. }))
    });
    let reported = effects.iter().position(|effect| {
        matches!(effect, Effect::Report { after: After::All, report }
            if matches!(report.what, What::Sold { .. }))
    });
    assert!(persisted.unwrap() < answered.unwrap(), "{effects:?}");
    assert!(persisted.unwrap() < reported.unwrap(), "{effects:?}");
    // Asked again: the first answer again, and no second notice to the seller.
    let again = bench.ask_as(BUYER, 1, buy());
    assert_eq!(answers(&again), answers(&effects));
    let sends = again.iter().filter(|effect| matches!(effect, Effect::Send { .. })).count();
    assert_eq!(sends, 1, "{again:?}");
}

#[test]
fn a_peer_that_omits_requests_does_all_else_as_ever() {
    let after = |omits: bool| {
        let mut bench = Bench::new(Role { buys: false, sells: false });
        if omits {
            bench.peer.omit_requests();
        }
        let mut effects = bench.step(Input::Start);
        effects.extend(bench.step(Input::Alarm(patience())));
        effects.extend(bench.step(Input::Claimed(EPOCH)));
        for (number, command) in [(0, Command::Open), (1, deposit()), (2, buy())] {
            effects.extend(bench.ask(number, command.clone()));
            effects.extend(bench.ask_as(BUYER, number, command));
        }
        effects
    };
    let is_told_of = |effect: &Effect<AnyPeer>| matches!(effect, Effect::Report { report, .. } if report.what.is_of_a_request());
    let (all, mut some) = (after(false), after(true).into_iter());
    let told = all.iter().filter(|effect| is_told_of(effect)).count();
    assert_eq!(told, 4, "two deposits, two sales: {all:?}");
    for effect in all.iter().filter(|effect| !is_told_of(effect)) {
        assert_eq!(format!("{:?}", some.next().unwrap()), format!("{effect:?}"));
    }
    assert!(some.next().is_none());
}

#[test]
fn a_seller_is_told_of_all_sales_of_a_turn_at_once() {
    let mut bench = Bench::trading();
    bench.step(Input::Claimed(EPOCH));
    bench.ask(0, Command::Open);
    bench.ask_as(BUYER, 0, Command::Open);
    bench.ask(1, deposit());
    let mut sold = bench.ask_as(BUYER, 1, buy());
    sold.extend(bench.ask_as(BUYER, 2, buy()));
    let notify = alarm(&sold, "Notify").unwrap();
    let told = bench.step(Input::Alarm(notify));
    let [Effect::Send { to, body: Message::Trade(trade), after: After::All }] = &told[..] else {
        panic!("one notice, behind the sales: {told:?}");
    };
    let Body::Notice { standing, sales } = &trade.body else { panic!("{trade:?}") };
    assert_eq!((to.nodes(), standing.left), (&[CLIENT][..], 1));
    let each =
        sales.iter().map(|sale| (sale.request.number, sale.earned.0, sale.total.0, sale.left));
    assert_eq!(each.collect::<Vec<_>>(), [(1, 18, 18, 3), (2, 18, 36, 1)]);
    assert!(bench.step(Input::Alarm(notify)).is_empty(), "once");
}

#[test]
fn every_so_many_records_a_snapshot_takes_their_place() {
    let mut bench = Bench::trading();
    bench.step(Input::Claimed(EPOCH));
    let commands = [Command::Open, deposit(), deposit(), deposit(), deposit(), deposit()];
    let steps = commands.into_iter().enumerate();
    let steps = steps.map(|(number, command)| bench.ask(number as u64, command));
    let with_snapshot: Vec<bool> = steps
        .map(|effects| effects.iter().any(|effect| matches!(effect, Effect::Snapshot { .. })))
        .collect();
    assert_eq!(with_snapshot, [false, false, true, false, false, false]);
}

#[test]
fn a_large_market_writes_down_as_many_records_as_it_has_parts_before_the_next_snapshot() {
    let mut bench = Bench::trading();
    bench.step(Input::Claimed(EPOCH));
    bench.ask(0, Command::Open);
    let steps = (1..200).map(|number| bench.ask(number, deposit()));
    let is_snapshot = |effect: &Effect<AnyPeer>| matches!(effect, Effect::Snapshot { .. });
    let at = steps.enumerate().filter(|(_, effects)| effects.iter().any(is_snapshot));
    let at: Vec<usize> = at.map(|(entry, _)| entry + 2).collect();
    // After n entries there are a session, an account, and n - 1 lots and answers: 2 n parts.
    assert_eq!(at, [3, 9, 27, 81]);
}

#[test]
fn nobody_asks_in_another_ones_name() {
    let mut bench = Bench::trading();
    bench.step(Input::Claimed(EPOCH));
    let client = ClientId { party: Party(3), life: 1 };
    let id = RequestId { client, number: 0 };
    let body = Body::Request(Request { id, answered_below: 0, command: Command::Open });
    let from = CLIENT;
    let body = Message::Trade(Trade { clock: None, body });
    assert!(bench.step(Input::Message { from, body }).is_empty());
}

#[test]
fn a_refused_journal_ends_the_trade_at_once() {
    let mut bench = Bench::trading();
    bench.step(Input::Claimed(EPOCH));
    bench.ask(0, Command::Open);
    let higher = Epoch { counter: 2, node: CLIENT };
    let effects = bench.step(Input::Refused(higher));
    let stepped_down = effects.iter().any(|effect| {
        matches!(effect, Effect::Report { report, .. }
            if matches!(report.what, What::SteppedDown { epoch: EPOCH, .. }))
    });
    assert!(stepped_down, "{effects:?}");
    assert!(bench.ask(1, deposit()).is_empty(), "it serves no more");
}

#[test]
fn a_trader_resigns_when_its_last_write_is_in_the_journal_and_serves_nobody_meanwhile() {
    let mut bench = Bench::trading();
    bench.step(Input::Claimed(EPOCH));
    bench.ask(0, Command::Open);
    let effects = bench.step(Input::Command(peer::Command::Resign));
    let why = peer::Resignation::Command;
    let resigning = What::Resigning { epoch: EPOCH, why };
    assert!(
        matches!(&effects[0], Effect::Report { report, .. } if report.what == resigning),
        "{effects:?}"
    );
    let Some(Effect::Send { body, after: After::All, .. }) = effects.last() else {
        panic!("it waits for all writes: {effects:?}");
    };
    assert!(bench.ask(1, deposit()).is_empty(), "its write would be behind the last one");
    assert!(bench.step(Input::Command(peer::Command::Resign)).is_empty(), "once");
    let is_over = |effects: &[Effect<AnyPeer>]| {
        effects.iter().any(|effect| {
            matches!(effect, Effect::Report { report, .. }
                if matches!(report.what, What::SteppedDown { epoch: EPOCH, .. }))
        })
    };
    let mut hung = Bench { peer: bench.peer.clone(), random: Random::from_seed(1) };
    let forged = bench.step(Input::Message { from: CLIENT, body: body.clone() });
    assert!(forged.is_empty(), "nobody else knows: {forged:?}");
    let heard = bench.step(Input::Message { from: ME, body: body.clone() });
    assert!(is_over(&heard), "{heard:?}");
    let limit = alarm(&effects, "Quantum").unwrap();
    let waited = hung.step(Input::Alarm(limit));
    assert!(is_over(&waited), "a journal that hangs holds up nobody: {waited:?}");
}

#[test]
fn an_unknown_session_is_answered_and_not_written_down() {
    let mut bench = Bench::trading();
    bench.step(Input::Claimed(EPOCH));
    let effects = bench.ask(1, buy());
    assert_eq!(answers(&effects), [&Outcome::Refused(Refusal::UnknownSession)]);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Persist { .. })), "{effects:?}");
}
