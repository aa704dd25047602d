//! Exactly-once: what repeated, late, conflicting and unknown requests get.

mod common;

use common::{buy, deposit, entry, expire, good, kernel, request};
use market::limits::ANSWERS_MAX;
use market::{Applied, Command, Kernel, Limit, Outcome, Refusal, Request, SellerChoice};

const HOUR_MS: u64 = 3_600_000;

/// A market in which party 1 sells 100 salt and party 2 has a session.
fn market() -> Kernel {
    let mut kernel = kernel(1_000, SellerChoice::Oldest);
    for request in [
        request(1, 1, 0, Command::Open),
        request(1, 1, 1, deposit("salt", 100, 10)),
        request(2, 1, 0, Command::Open),
    ] {
        kernel.apply(&entry(0, request));
    }
    kernel
}

fn ask(kernel: &mut Kernel, request: Request) -> Applied {
    kernel.apply(&entry(0, request))
}

fn refused(refusal: Refusal) -> Applied {
    Applied { outcome: Outcome::Refused(refusal), repeated: false }
}

fn left(kernel: &Kernel) -> u64 {
    kernel.stock(&good("salt")).units
}

#[test]
fn a_repeated_request_gets_its_first_answer() {
    let mut kernel = market();
    let first = ask(&mut kernel, request(2, 1, 7, buy("salt", 3)));
    assert!(!first.repeated);
    let before = kernel.clone();
    let again = ask(&mut kernel, request(2, 1, 7, buy("salt", 3)));
    assert_eq!(again, Applied { outcome: first.outcome, repeated: true });
    assert_eq!(kernel, before);
}

#[test]
fn a_repeated_refusal_stays_though_there_is_stock_by_now() {
    let mut kernel = market();
    let out_of_stock = Outcome::Refused(Refusal::OutOfStock { left: 100 });
    assert_eq!(ask(&mut kernel, request(2, 1, 1, buy("salt", 101))).outcome, out_of_stock);
    ask(&mut kernel, request(1, 1, 2, deposit("salt", 1, 10)));
    let again = ask(&mut kernel, request(2, 1, 1, buy("salt", 101)));
    assert_eq!(again, Applied { outcome: out_of_stock, repeated: true });
    assert!(matches!(
        ask(&mut kernel, request(2, 1, 2, buy("salt", 101))).outcome,
        Outcome::Bought(_)
    ));
}

#[test]
fn the_same_id_with_other_content_is_a_conflict_and_spoils_nothing() {
    let mut kernel = market();
    let first = ask(&mut kernel, request(2, 1, 1, buy("salt", 3)));
    let conflict = refused(Refusal::Conflict);
    assert_eq!(ask(&mut kernel, request(2, 1, 1, buy("salt", 4))), conflict);
    assert_eq!(ask(&mut kernel, request(2, 1, 1, deposit("salt", 3, 1))), conflict);
    let again = ask(&mut kernel, request(2, 1, 1, buy("salt", 3)));
    assert_eq!(again, Applied { outcome: first.outcome, repeated: true });
    // Another client's number 1 is another id.
    assert!(!ask(&mut kernel, request(1, 1, 3, buy("fish", 4))).repeated);
}

#[test]
fn requests_may_arrive_out_of_order() {
    let mut kernel = market();
    for number in [5, 2, 9, 1] {
        assert!(!ask(&mut kernel, request(2, 1, number, buy("salt", 1))).repeated);
    }
    for number in [1, 2, 5, 9] {
        assert!(ask(&mut kernel, request(2, 1, number, buy("salt", 1))).repeated);
    }
    assert_eq!(left(&kernel), 96);
}

#[test]
fn acknowledged_answers_are_forgotten_and_never_executed_again() {
    let mut kernel = market();
    ask(&mut kernel, request(2, 1, 1, buy("salt", 1)));
    ask(&mut kernel, request(2, 1, 3, buy("salt", 1)));
    let acknowledging = Request { answered_below: 3, ..request(2, 1, 4, buy("salt", 1)) };
    ask(&mut kernel, acknowledging);
    let forgotten = refused(Refusal::AnswerForgotten);
    assert_eq!(ask(&mut kernel, request(2, 1, 1, buy("salt", 1))), forgotten);
    assert_eq!(ask(&mut kernel, request(2, 1, 2, buy("salt", 1))), forgotten);
    // A late request does not bring the bound down again.
    assert!(ask(&mut kernel, request(2, 1, 3, buy("salt", 1))).repeated);
    assert_eq!(ask(&mut kernel, request(2, 1, 2, buy("salt", 1))), forgotten);
    // A request may acknowledge itself away.
    let absurd = Request { answered_below: 9, ..request(2, 1, 8, buy("salt", 1)) };
    assert_eq!(ask(&mut kernel, absurd), forgotten);
    assert_eq!(left(&kernel), 97);
}

#[test]
fn a_client_that_acknowledges_nothing_is_stopped_until_it_does() {
    let mut kernel = market();
    let last = ANSWERS_MAX as u64;
    for number in 1..=last {
        ask(&mut kernel, request(2, 1, number, buy("fish", 1)));
    }
    let full = refused(Refusal::LimitReached(Limit::Answers));
    assert_eq!(ask(&mut kernel, request(2, 1, last + 1, buy("salt", 1))), full);
    assert!(ask(&mut kernel, request(2, 1, last, buy("fish", 1))).repeated);
    // The refusal was not kept: the same request is executed once there is room.
    let room = Request { answered_below: 2, ..request(2, 1, last + 1, buy("salt", 1)) };
    assert!(matches!(ask(&mut kernel, room).outcome, Outcome::Bought(_)));
    assert_eq!(left(&kernel), 99);
    assert_eq!(kernel.audit(), Ok(()));
}

#[test]
fn a_request_without_a_session_is_not_executed() {
    let mut kernel = market();
    let before = kernel.clone();
    let unknown = refused(Refusal::UnknownSession);
    assert_eq!(ask(&mut kernel, request(3, 1, 1, buy("salt", 1))), unknown);
    assert_eq!(ask(&mut kernel, request(2, 2, 1, buy("salt", 1))), unknown);
    assert_eq!(kernel, before);
}

#[test]
fn opening_is_answered_again_and_loses_no_answers() {
    let mut kernel = market();
    ask(&mut kernel, request(2, 1, 1, buy("salt", 1)));
    let opened = Applied { outcome: Outcome::Opened { purchases: 1 }, repeated: true };
    assert_eq!(ask(&mut kernel, request(2, 1, 1, Command::Open)), opened);
    assert!(ask(&mut kernel, request(2, 1, 1, buy("salt", 1))).repeated);
}

#[test]
fn a_later_life_shuts_an_earlier_one_and_is_told_all_that_it_ever_bought() {
    let mut kernel = market();
    let first = ask(&mut kernel, request(2, 1, 1, buy("salt", 2)));
    ask(&mut kernel, request(2, 1, 2, buy("fish", 1)));
    let opened = Applied { outcome: Outcome::Opened { purchases: 1 }, repeated: false };
    assert_eq!(ask(&mut kernel, request(2, 2, 0, Command::Open)), opened);
    // What was late is too late, and changes nothing; what was answered still is.
    let before = kernel.clone();
    let over = refused(Refusal::LifeOver { highest: 2 });
    for late in [buy("salt", 1), deposit("salt", 1, 1), Command::Open] {
        assert_eq!(ask(&mut kernel, request(2, 1, 3, late)), over);
    }
    assert_eq!(kernel, before);
    let again = ask(&mut kernel, request(2, 1, 1, buy("salt", 2)));
    assert_eq!(again, Applied { outcome: first.outcome, repeated: true });
    assert!(!ask(&mut kernel, request(2, 2, 1, buy("salt", 1))).repeated);
    assert_eq!((kernel.sessions(), left(&kernel)), (3, 97));
    assert_eq!(kernel.account(market::Party(2)).purchases, 2);
    assert_eq!(kernel.audit(), Ok(()));
}

#[test]
fn silent_sessions_expire_by_the_highest_time_seen() {
    let mut kernel = market();
    kernel.apply(&entry(HOUR_MS, request(2, 1, 1, buy("salt", 1))));
    // This leader's clock is behind; the kernel's time does not run backwards.
    assert_eq!(kernel.apply(&expire(5, HOUR_MS + 1)).outcome, Outcome::Expired { sessions: 0 });
    assert_eq!(kernel.now_ms(), HOUR_MS);
    assert_eq!(kernel.apply(&expire(5, HOUR_MS)).outcome, Outcome::Expired { sessions: 1 });
    assert!(ask(&mut kernel, request(2, 1, 1, buy("salt", 1))).repeated);
    let unknown = refused(Refusal::UnknownSession);
    assert_eq!(ask(&mut kernel, request(1, 1, 9, deposit("salt", 1, 1))), unknown);
    assert_eq!(kernel.audit(), Ok(()));
}

#[test]
fn an_expired_session_is_not_opened_again_by_a_late_copy() {
    let mut kernel = market();
    ask(&mut kernel, request(2, 1, 1, buy("salt", 1)));
    kernel.apply(&expire(HOUR_MS, HOUR_MS));
    // The network hands over the client's whole old conversation once more.
    let over = refused(Refusal::LifeOver { highest: 1 });
    assert_eq!(ask(&mut kernel, request(2, 1, 0, Command::Open)), over);
    let unknown = refused(Refusal::UnknownSession);
    assert_eq!(ask(&mut kernel, request(2, 1, 1, buy("salt", 1))), unknown);
    assert_eq!(left(&kernel), 99);
    let opened = ask(&mut kernel, request(2, 2, 0, Command::Open)).outcome;
    assert_eq!(opened, Outcome::Opened { purchases: 1 });
}
