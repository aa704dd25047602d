//! What a client makes of answers, of lost sessions and of earlier lives.

use market::{Good, Order};

use super::*;

const OPENED: Outcome = Outcome::Opened { purchases: 3 };

fn buy() -> Command {
    let good = Good::new("fish").unwrap();
    Command::Buy(Order { good, quantity: 1, limit: None, partial: false })
}

fn withdraw() -> Command {
    Command::Withdraw { lot: market::LotId(4) }
}

fn open_client() -> Client {
    let mut client = Client::new(Party(1));
    client.begin(Incarnation(1), Instant::ZERO);
    assert!(client.submit(buy(), Instant::ZERO));
    let open = client.fresh().unwrap();
    assert_eq!(open.command, Command::Open);
    assert_eq!(client.fresh(), None, "nothing goes before the session is open");
    assert_eq!(client.unanswered(), std::slice::from_ref(&open));
    assert!(client.answered(open.id, OPENED, Instant::ZERO).is_empty());
    client
}

#[test]
fn a_request_is_the_same_each_time_until_it_is_answered_once() {
    let mut client = open_client();
    let request = client.fresh().unwrap();
    assert_eq!((request.id.number, request.answered_below), (1, 1));
    assert_eq!(client.unanswered(), std::slice::from_ref(&request));
    let outcome = Outcome::Refused(Refusal::NotSoldHere);
    let resolved = client.answered(request.id, outcome.clone(), Instant::from_nanos(5));
    assert!(matches!(&resolved[..], [Resolution::Answered { took, .. }] if took.as_nanos() == 5));
    assert!(client.answered(request.id, outcome, Instant::ZERO).is_empty(), "a repetition");
    assert!(!client.is_busy());
    client.submit(buy(), Instant::ZERO);
    assert_eq!(client.fresh().unwrap().answered_below, 2);
}

#[test]
fn a_later_life_settles_what_is_on_record_in_its_session_then_opens_one_of_its_own() {
    let mut client = open_client();
    let purchase = client.fresh().unwrap();
    assert!(client.submit(withdraw(), Instant::ZERO));
    let request = client.fresh().unwrap();
    let mut later = Client::new(Party(1));
    later.restore(client.memory());
    later.begin(Incarnation(2), Instant::from_nanos(3));
    assert!(later.submit(buy(), Instant::ZERO) && later.is_busy() && !later.has_returned());
    let sent = later.unanswered();
    assert_eq!(sent.len(), 1, "of a purchase the market tells");
    assert_eq!((sent[0].id, &sent[0].command), (request.id, &request.command));
    assert_eq!(later.fresh(), None, "nothing new in the old session");
    // Record by record it is the same.
    let mut replayed = Client::new(Party(1));
    replayed.replay_asked(request.id.client.life, 2, request.command);
    assert_eq!(replayed.memory(), client.memory());
    replayed.replay_answered(2);
    assert!(replayed.memory().pending.is_empty());

    let outcome = Outcome::Refused(Refusal::NoSuchLot);
    let resolved = later.answered(request.id, outcome, Instant::from_nanos(5));
    assert!(matches!(&resolved[..], [Resolution::Answered { took, .. }] if took.as_nanos() == 2));
    let open = later.fresh().unwrap();
    assert_eq!((open.id.client.life, &open.command), (2 << 20, &Command::Open));
    assert!(!later.has_returned());
    let resolved = later.answered(open.id, OPENED, Instant::ZERO);
    assert_eq!(resolved, [Resolution::Returned { purchases: 3 }]);
    assert!(later.has_returned());
    let fresh = later.fresh().unwrap();
    assert_eq!((fresh.id.number, fresh.answered_below), (1, 1));
    assert_ne!(fresh.id, purchase.id, "no id is given twice");
}

#[test]
fn a_later_life_opens_a_session_whether_it_wants_anything_or_not() {
    let mut client = Client::new(Party(1));
    client.restore(Memory { life: 7 << 20, pending: BTreeMap::new() });
    client.begin(Incarnation(2), Instant::ZERO);
    assert!(client.is_busy());
    let open = client.fresh().unwrap();
    assert_eq!((open.id.client.life, &open.command), ((7 << 20) + 1, &Command::Open));
    assert_eq!(client.fresh(), None, "once");
    assert_eq!(client.unanswered(), std::slice::from_ref(&open));
    let highest = 9 << 20;
    let gone = Outcome::Refused(Refusal::LifeOver { highest });
    assert!(client.answered(open.id, gone, Instant::ZERO).is_empty(), "nothing is in doubt");
    let open = client.fresh().unwrap();
    assert_eq!(open.id.client.life, highest + 1);
    client.answered(open.id, OPENED, Instant::ZERO);
    assert!(!client.is_busy());
}

#[test]
fn the_window_and_the_queue_are_bounded() {
    let mut client = open_client();
    let submitted = (0..200).filter(|_| client.submit(buy(), Instant::ZERO)).count();
    assert_eq!(submitted, QUEUE_MAX - 1);
    assert_eq!(std::iter::from_fn(|| client.fresh()).count(), WINDOW_MAX);
}

#[test]
fn an_expired_session_leaves_its_requests_in_doubt_and_another_is_opened() {
    let mut client = open_client();
    let request = client.fresh().unwrap();
    let gone = Outcome::Refused(Refusal::UnknownSession);
    let resolved = client.answered(request.id, gone.clone(), Instant::ZERO);
    assert!(matches!(&resolved[..], [Resolution::InDoubt { id, .. }] if *id == request.id));
    assert!(client.answered(request.id, gone, Instant::ZERO).is_empty(), "of the old session");
    let open = client.fresh().unwrap();
    assert_eq!(open.command, Command::Open);
    assert!(open.id.client.life > request.id.client.life);
    let returned = client.answered(open.id, OPENED, Instant::ZERO);
    assert_eq!(returned, [Resolution::Returned { purchases: 3 }], "it may be one of them");
}
