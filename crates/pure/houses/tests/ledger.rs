//! A trader that promises by the common ledger, step by step.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod steps;

use std::collections::BTreeMap;
use std::time::Duration;

use houses::{Cache, House, Message, Refuse, Trader, trader};
use machine::{Incarnation, Input, NodeId};
use market::{ClientId, Command, Good, Order, Outcome, Refusal, Request, RequestId};
use steps::{CUSTOMER, ELECTED, RULES, WAREHOUSE, from, happens, settings, term};

fn request() -> Request {
    let client = ClientId { party: peer::party(CUSTOMER), life: 1 };
    let good = Good::new("salt").unwrap();
    let command = Command::Buy(Order { good, quantity: 1, limit: None, partial: false });
    Request { id: RequestId { client, number: 1 }, answered_below: 1, command }
}

/// What was passed on to the warehouse.
fn forwarded(sent: &[(NodeId, Message)]) -> Vec<RequestId> {
    let ids = sent.iter().filter_map(|(to, message)| match message {
        Message::House(House::Forward { request, .. }) if *to == WAREHOUSE => Some(request.id),
        _ => None,
    });
    ids.collect()
}

/// The customer went on to another trader, and will not ask here again.
#[test]
fn what_was_promised_is_passed_on_until_the_warehouse_has_decided_it() {
    let period = Duration::from_secs(1);
    let mut settings = settings(ELECTED);
    settings.cache = Cache::Ledger { period, refuse: Refuse::Always };
    let mut trader = Trader::new(settings, RULES);
    let (incarnation, term, id) = (Incarnation(1), term(ELECTED, 1), request().id);
    let house = |body| from(WAREHOUSE, Message::House(body));
    happens(&mut trader, Input::Start);
    happens(&mut trader, house(House::Enlisted { incarnation, term }));
    let roster = Message::Roster { version: 1, terms: vec![term] };
    happens(&mut trader, from(WAREHOUSE, roster));
    let counts = BTreeMap::from([(Good::new("salt").unwrap(), 5)]).into_iter().collect();
    happens(&mut trader, house(House::Counts { version: 1, counts }));

    let (home, is_retried, seen) = (Some(term), false, None);
    let ask = Message::Ask { request: request(), home, is_retried, seen };
    let (sent, _) = happens(&mut trader, from(CUSTOMER, ask));
    assert_eq!(forwarded(&sent), [id]);
    let is_promise = |message: &Message| matches!(message, Message::Promised { .. });
    assert!(sent.iter().any(|(to, message)| *to == CUSTOMER && is_promise(message)), "{sent:?}");

    let mut resend = || happens(&mut trader, Input::Alarm(trader::Alarm::Resend)).0;
    assert_eq!(forwarded(&resend()), [], "it may be on its way");
    assert_eq!(forwarded(&resend()), [id]);
    assert_eq!(forwarded(&resend()), [id]);
    let outcome = Outcome::Refused(Refusal::OutOfStock { left: 0 });
    happens(&mut trader, house(House::Decided { id, outcome, version: 0 }));
    let (sent, _) = happens(&mut trader, Input::Alarm(trader::Alarm::Resend));
    assert_eq!(forwarded(&sent), []);
}
