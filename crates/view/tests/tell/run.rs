//! Makers of events.

use machine::{Epoch, Incarnation, NodeId};
use market::{
    ClientId, Fill, Good, LotId, Money, Order, Outcome, Party, Receipt, Refusal, RequestId,
};
use view::{Cause, Event, Fault, Operation, What};

pub const MS: u64 = 1_000_000;

pub fn event(ms: u64, node: u32, what: What) -> Event {
    Event { time_ns: ms * MS, node: NodeId(node), clock: None, what }
}

pub fn good(name: &str) -> Good {
    Good::new(name).unwrap()
}

pub fn request(party: u64, life: u64, number: u64) -> RequestId {
    RequestId { client: ClientId { party: Party(party), life }, number }
}

pub fn epoch(counter: u64, node: u32) -> Epoch {
    Epoch { counter, node: NodeId(node) }
}

pub fn buy(name: &str, quantity: u32) -> Operation {
    Operation::Buy(Order { good: good(name), quantity, limit: None, partial: false })
}

pub fn deposit(name: &str, quantity: u32) -> Operation {
    Operation::Deposit { good: good(name), quantity, unit_price: Money(10) }
}

/// So many units of one lot of seller 3, at 10 each, of which the trader keeps 1.
pub fn receipt(name: &str, quantity: u32) -> Receipt {
    let units = u64::from(quantity);
    let (paid, earned, commission) = (Money(10 * units), Money(9 * units), Money(units));
    let (lot, seller, unit_price) = (LotId(1), Party(3), Money(10));
    let fills = vec![Fill { lot, seller, quantity, unit_price, paid, earned, commission }];
    Receipt { good: good(name), quantity, paid, commission, fills }
}

pub fn bought(name: &str, quantity: u32) -> Outcome {
    Outcome::Bought(receipt(name, quantity))
}

pub fn refused(refusal: Refusal) -> Outcome {
    Outcome::Refused(refusal)
}

pub fn asked(ms: u64, node: u32, request: RequestId, operation: Operation) -> Event {
    event(ms, node, What::Asked { request, operation, stamp: None })
}

pub fn answered(
    ms: u64,
    node: u32,
    request: RequestId,
    operation: Operation,
    outcome: Outcome,
) -> Event {
    event(ms, node, What::Answered { request, operation, outcome, took_ns: 2 * MS })
}

/// One event of each kind, over a run of a second: a deposit, a sale, a refusal, a failover.
pub fn one_of_each() -> Vec<Event> {
    let (first, second) = (epoch(1, 5), epoch(2, 4));
    let (incarnation, fish) = (Incarnation(1), good("fish"));
    let address = "127.0.0.1:5002".to_owned();
    let (offer, order) = (request(3, 1, 1), request(2, 1, 1));
    let (salt, again) = (request(2, 1, 2), request(2, 1, 3));
    let (quantity, lot, seller, unit_price) = (10, LotId(1), Party(3), Money(10));
    let sold = receipt("fish", 2);
    let none = Refusal::OutOfStock { left: 0 };
    let client = [
        event(1, 2, What::Started { incarnation, role: "buyer".to_owned() }),
        event(2, 0, What::Joined { member: NodeId(2), incarnation, address }),
        event(10, 5, What::Campaigned),
        event(11, 5, What::ElectionHeard { from: NodeId(2), says: view::ElectionWord::Election }),
        event(11, 2, What::ElectionHeard { from: NodeId(5), says: view::ElectionWord::Ok }),
        event(12, 5, What::Elected { epoch: first, cause: Cause::Start, took_ns: 9 * MS }),
        event(12, 5, What::Followed { epoch: first, messages: 6 }),
        event(13, 2, What::Followed { epoch: first, messages: 1 }),
        event(20, 5, What::Trading { epoch: first, shipped_before: 0 }),
        asked(30, 3, offer, deposit("fish", 10)),
        event(
            31,
            5,
            What::Deposited {
                epoch: first,
                request: offer,
                seller,
                good: fish.clone(),
                quantity,
                unit_price,
                lot,
            },
        ),
        answered(32, 3, offer, deposit("fish", 10), Outcome::Deposited { lot }),
        asked(40, 2, order, buy("fish", 2)),
        event(41, 5, What::Sold { epoch: first, request: order, buyer: Party(2), receipt: sold }),
        answered(42, 2, order, buy("fish", 2), bought("fish", 2)),
        event(
            43,
            3,
            What::Earned {
                request: order,
                good: fish.clone(),
                quantity: 2,
                paid: Money(20),
                amount: Money(18),
                total: Money(18),
                left: 3,
            },
        ),
        asked(50, 2, salt, buy("salt", 1)),
        event(
            51,
            5,
            What::Refused { epoch: first, request: salt, good: good("salt"), refusal: none },
        ),
        answered(52, 2, salt, buy("salt", 1), refused(none)),
        event(53, 2, What::Switched { good: good("salt"), instead: fish.clone() }),
        event(54, 2, What::Rests { lasts_ns: 6 * MS }),
        asked(60, 2, again, buy("fish", 1)),
        event(61, 0, What::Fault { fault: Fault::Kill, target: NodeId(5) }),
        event(62, 2, What::Suspected { suspect: NodeId(5), cause: Cause::Crash }),
        event(63, 4, What::Suspected { suspect: NodeId(5), cause: Cause::Crash }),
        event(74, 4, What::Elected { epoch: second, cause: Cause::Crash, took_ns: 11 * MS }),
        event(75, 4, What::Followed { epoch: second, messages: 4 }),
        event(80, 4, What::Trading { epoch: second, shipped_before: 2 }),
        event(80, 4, What::Pending { epoch: second, requests: 1 }),
        event(81, 4, What::Repeated { epoch: second, request: order }),
        event(82, 2, What::Looked { good: fish.clone(), units: 8, took_ns: MS }),
        event(
            90,
            4,
            What::Withdrawn {
                epoch: second,
                request: request(3, 1, 2),
                seller,
                good: fish,
                quantity: 8,
                lot,
            },
        ),
        event(91, 4, What::SessionsExpired { epoch: second, sessions: 1 }),
        event(92, 0, What::Expired { member: NodeId(5) }),
        event(93, 4, What::Overflow { limit: "pending requests".to_owned(), value: 9 }),
        event(94, 2, What::Abandoned { request: again, operation: buy("fish", 1) }),
        event(94, 2, What::Returned { purchases: 1 }),
        event(95, 4, What::Resigning { epoch: second, why: view::Resignation::Sales }),
        event(95, 4, What::SteppedDown { epoch: second, why: view::Stepped::Resigned }),
        event(95, 4, What::TookRole { role: "buyer".to_owned() }),
        event(1000, 2, What::Stopped),
    ];
    client.to_vec()
}
