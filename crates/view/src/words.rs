//! Events in words: the `.txt` files of a run, one a process, in the manner of a market's log:
//! `21.11.2024 21:27:36.399 trader 5 informed buyer 2 that no salt was available`.

mod houses;
mod names;

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};
use machine::NodeId;
use market::{Outcome, Receipt, Refusal, RequestId};

use crate::{Cause, ElectionWord, Event, Fault, LinkFault, Operation, Resignation, Stepped, What};
pub use names::Names;

/// One event in one line: wall time (UTC), who did what, and the clock if the event has one.
///
/// `origin_unix_ns` is when the run began, in nanoseconds since 1970 UTC.
///
/// ```
/// use machine::NodeId;
/// use view::{Event, Fault, What, sentence};
///
/// let what = What::Fault { fault: Fault::Kill, target: NodeId(5) };
/// let event = Event { time_ns: 1_399_000_000, node: NodeId(0), clock: None, what };
/// let line = sentence(&event, 1_732_224_455_000_000_000);
/// assert_eq!(line, "21.11.2024 21:27:36.399 the runner killed peer 5");
/// ```
pub fn sentence(event: &Event, origin_unix_ns: u64) -> String {
    sentence_of(event, origin_unix_ns, &Names::default())
}

fn sentence_of(event: &Event, origin_unix_ns: u64, names: &Names) -> String {
    let mut line = format!("{} {}", wall_time(event.time_ns, origin_unix_ns), deed(event, names));
    if let Some(clock) = &event.clock {
        line.push_str(&format!(" at {clock}"));
    }
    line
}

/// One text a process, by the name of the process: `directory`, `peer-1` and so on; in the trading
/// houses `warehouse`, and `trader-1` for whoever traded. What a request did to a clock is told with
/// the clock's reading before it.
pub fn texts(events: &[Event], origin_unix_ns: u64) -> BTreeMap<String, String> {
    let names = Names::of_run(events);
    let mut of_node: BTreeMap<NodeId, (String, Option<&Event>)> = BTreeMap::new();
    for event in events {
        let (text, last) = of_node.entry(event.node).or_default();
        text.push_str(&sentence_of(event, origin_unix_ns, &names));
        let before = last.replace(event).and_then(|last| last.clock.as_ref());
        if let Some(before) = before.filter(|before| event.clock.as_ref() != Some(before))
            && event.what.is_of_a_request()
        {
            text.push_str(&format!(", {before} before"));
        }
        text.push('\n');
    }
    of_node.into_iter().map(|(node, (text, _))| (names.of(node).replace(' ', "-"), text)).collect()
}

fn wall_time(time_ns: u64, origin_unix_ns: u64) -> String {
    let time = Timestamp::from_nanosecond(i128::from(origin_unix_ns) + i128::from(time_ns))
        .expect("two 64-bit counts of nanoseconds end in the year 3139");
    time.to_zoned(TimeZone::UTC).strftime("%d.%m.%Y %H:%M:%S%.3f").to_string()
}

/// What happened to the group. The rest is [`trade`].
fn deed(event: &Event, names: &Names) -> String {
    let node = event.node;
    let me = names.of(node);
    match &event.what {
        What::Started { incarnation, role } => format!("{me} starts life {incarnation} as {role}"),
        What::Stopped => format!("{me} stopped"),
        What::BoughtAll { purchases } => {
            format!("{me} has all that it wanted, after {purchases} purchases")
        }
        What::Returned { purchases } => {
            format!("{me} has its session again; by the books it has bought {purchases} times")
        }
        What::Left => format!("{me} has left the market"),
        What::Fault { fault, target } => fault_words(*fault, &names.of(*target)),
        What::Ending => "the runner stops all processes".to_owned(),
        What::Links(fault) => link_words(fault, names),
        What::Joined { member, address, .. } => {
            format!("{me} saw {} join at {address}", names.of(*member))
        }
        What::Expired { member } => {
            format!("{me} has not heard of {} for too long", names.of(*member))
        }
        What::Suspected { suspect, cause } => {
            format!("{me} doubts that {} leads: {}", names.of(*suspect), cause_words(*cause))
        }
        What::Campaigned => format!("{me} has started the election"),
        What::ElectionHeard { from, says: ElectionWord::Election } => {
            format!("{me} received an election message from {}", names.of(*from))
        }
        What::ElectionHeard { from, says: ElectionWord::Ok } => {
            format!("{me} received OK from {} and leaves the election to it", names.of(*from))
        }
        What::TookRole { role } => format!("{me} goes on as {role}"),
        What::Elected { epoch, cause, took_ns } => format!(
            "Dear buyers and sellers, my ID is {node}, and I am the new coordinator (epoch {epoch}, \
             {}, after {})",
            cause_words(*cause),
            milliseconds(*took_ns)
        ),
        What::Followed { epoch, messages } => format!(
            "{me} recognizes {} as the new coordinator of the bazaar and is ready to trade (epoch \
             {epoch}, {messages} election messages sent)",
            names.of(epoch.node)
        ),
        What::SteppedDown { epoch, why } => {
            format!("{me} leads no more (epoch {epoch}): {}", stepped_words(*why))
        }
        What::Overflow { limit, value } => format!("{me} has reached its limit {limit} = {value}"),
        _ => houses::deed(event, &me).unwrap_or_else(|| trade(event, names)),
    }
}

/// What a trader did. The rest is [`client`].
fn trade(event: &Event, names: &Names) -> String {
    let node = event.node;
    match &event.what {
        What::Trading { epoch, shipped_before } => format!(
            "trader {node} is ready for product registration and to trade (epoch {epoch}, \
             {shipped_before} units shipped before)"
        ),
        What::Pending { requests, .. } => {
            format!("trader {node} serves the {requests} requests first that were pending")
        }
        What::Resigning { why, .. } => {
            format!("trader {node} resigns: {}", resignation_words(*why))
        }
        What::Sold { buyer, receipt, .. } => format!(
            "trader {node} sold {} to buyer {buyer} for {} and kept {} of it",
            goods(receipt),
            receipt.paid,
            receipt.commission
        ),
        What::Held { buyer, receipt, hold, .. } => {
            format!("trader {node} holds {} for buyer {buyer} in cart {hold}", goods(receipt))
        }
        What::HoldEnded { hold, request, .. } => {
            format!("trader {node} put cart {hold} back on sale{}", over(*request))
        }
        What::Refused { request, good, refusal, .. } => {
            let party = request.client.party;
            format!(
                "trader {node} informed {}",
                refused(&party.to_string(), good.as_str(), refusal)
            )
        }
        What::Repeated { request, .. } => {
            format!("trader {node} gave its first answer to request {request} again")
        }
        What::Deposited { seller, good, quantity, unit_price, lot, .. } => format!(
            "seller {seller} registered {quantity} {good} at {unit_price} each with trader {node} \
             as lot {lot}"
        ),
        What::Withdrawn { seller, good, quantity, lot, .. } => {
            format!("trader {node} gave the {quantity} {good} of lot {lot} back to seller {seller}")
        }
        What::HeldBack { request, waits_for } => format!(
            "trader {node} holds request {request} back: an earlier one of peer {waits_for} may \
             still come"
        ),
        What::SessionsExpired { sessions, .. } => {
            format!("trader {node} closed {sessions} idle sessions")
        }
        _ => client(event, names),
    }
}

/// What a client did and learned.
fn client(event: &Event, names: &Names) -> String {
    let node = event.node;
    match &event.what {
        What::Asked { request, operation, .. } => asked(*request, operation),
        What::Answered { request, operation, outcome, took_ns } => {
            let answer = answered(*request, operation, outcome);
            format!("{answer} after {}", milliseconds(*took_ns))
        }
        What::Abandoned { request, .. } => {
            format!("{} gives request {request} up: its fate is unknown", names.of(node))
        }
        What::Switched { good, instead } => {
            format!("buyer {node} cannot have {good} and picks {instead} instead")
        }
        What::Rests { lasts_ns } => format!("buyer {node} rests for {}", milliseconds(*lasts_ns)),
        What::Looked { good, units, .. } => {
            format!("{} saw {units} {good} in stock", names.of(node))
        }
        What::Earned { request, good, quantity, paid, amount, total, left } => format!(
            "seller {node} has sold {quantity} {good} to buyer {} for {paid} and earned {amount} of \
             it ({total} in all), and has {left} units left",
            request.client.party
        ),
        _ => String::new(),
    }
}

fn asked(request: RequestId, operation: &Operation) -> String {
    let party = request.client.party;
    match operation {
        Operation::Open => format!("party {party} opens a session"),
        Operation::Buy(order) => {
            let limit =
                order.limit.map_or_else(String::new, |limit| format!(" at {limit} at most"));
            format!("buyer {party} initiates a buy of {} {}{limit}", order.quantity, order.good)
        }
        Operation::Deposit { good, quantity, unit_price } => {
            format!("seller {party} offers {quantity} {good} at {unit_price} each")
        }
        Operation::Withdraw { lot } => format!("seller {party} asks for lot {lot} back"),
        Operation::Hold { order, for_ms } => {
            let (quantity, good) = (order.quantity, &order.good);
            format!("buyer {party} asks to have {quantity} {good} held for {for_ms} ms")
        }
        Operation::Claim { hold } => format!("buyer {party} claims cart {hold}"),
        Operation::Void { hold } => format!("buyer {party} voids cart {hold}"),
    }
}

/// Why a cart is no more.
fn over(voided: Option<RequestId>) -> String {
    match voided {
        Some(request) => format!(", as buyer {} asked", request.client.party),
        None => ": its time was over".to_owned(),
    }
}

fn answered(request: RequestId, operation: &Operation, outcome: &Outcome) -> String {
    let party = request.client.party;
    match outcome {
        Outcome::Opened { .. } => format!("party {party} has its session"),
        Outcome::Bought(receipt) => {
            format!("buyer {party} bought {} for {}", goods(receipt), receipt.paid)
        }
        Outcome::Deposited { lot } => format!("seller {party} has its goods in stock as lot {lot}"),
        Outcome::Withdrawn { good, quantity } => {
            format!("seller {party} has {quantity} {good} back")
        }
        Outcome::Expired { sessions } => format!("{sessions} idle sessions were closed"),
        Outcome::Term(_) => format!("party {party} has its stock on loan"),
        Outcome::Held { hold, receipt, .. } => {
            format!("buyer {party} has {} in cart {hold}", goods(receipt))
        }
        Outcome::Voided { good, quantity } => {
            format!("buyer {party} let {quantity} {good} go")
        }
        Outcome::HoldsEnded(ended) => format!("{} carts are over", ended.len()),
        Outcome::Refused(refusal) => {
            let good = match operation {
                Operation::Deposit { good, .. } => good.as_str(),
                other => other.order().map_or("good", |order| order.good.as_str()),
            };
            refused(&party.to_string(), good, refusal).replacen(" that", " learned that", 1)
        }
    }
}

/// `2 fish of seller 3 and 1 of seller 4`.
fn goods(receipt: &Receipt) -> String {
    let words = receipt.fills.iter().enumerate().map(|(position, fill)| match position {
        0 => format!("{} {} of seller {}", fill.quantity, receipt.good, fill.seller),
        _ => format!(" and {} of seller {}", fill.quantity, fill.seller),
    });
    words.collect()
}

/// `buyer 2 that no salt was available`.
fn refused(party: &str, good: &str, refusal: &Refusal) -> String {
    match refusal {
        Refusal::OutOfStock { left: 0 } => format!("buyer {party} that no {good} was available"),
        Refusal::OutOfStock { left } => {
            format!("buyer {party} that only {left} {good} were available")
        }
        Refusal::NotSoldHere => format!("buyer {party} that nobody ever sold {good} here"),
        Refusal::TooDear { cheapest } => {
            format!("buyer {party} that the cheapest {good} costs {cheapest}")
        }
        Refusal::OnlyOwnGoods => format!("buyer {party} that all {good} left is its own"),
        Refusal::Lent { units } => {
            format!(
                "buyer {party} that none of the {units} {good} with other traders is to be had now"
            )
        }
        Refusal::Held { units } => {
            format!("buyer {party} that the last {units} {good} are in carts")
        }
        Refusal::NoSuchHold => format!("buyer {party} that its cart is no more"),
        other => format!("party {party} that it cannot be served: {other}"),
    }
}

fn fault_words(fault: Fault, target: &str) -> String {
    match fault {
        Fault::Kill => format!("the runner killed {target}"),
        Fault::Pause => format!("the runner paused {target}"),
        Fault::Resume => format!("the runner let {target} go on"),
        Fault::Restart => format!("the runner restarted {target}"),
        Fault::Resign => format!("the runner asked {target} to resign"),
        Fault::Join => format!("the runner had {target} join"),
        Fault::Leave => format!("the runner asked {target} to leave"),
    }
}

fn link_words(fault: &LinkFault, names: &Names) -> String {
    let all = |nodes: &[NodeId]| {
        let all: Vec<_> = nodes.iter().map(|node| names.of(*node)).collect();
        all.join(", ")
    };
    match fault {
        LinkFault::Cut { side } => format!("the runner cut {} off from all others", all(side)),
        LinkFault::Mend { side } => format!("the runner let {} reach the others", all(side)),
        LinkFault::Delay { at, to, by_ns } => {
            let where_to = to.map_or_else(String::new, |to| format!(" and {}", names.of(to)));
            let by = milliseconds(*by_ns);
            format!("the runner made messages of {}{where_to} late by {by}", names.of(*at))
        }
        LinkFault::Lose { per_million } => {
            format!("the runner lets {per_million} of a million messages be lost")
        }
        LinkFault::Heal => "the runner made all links whole".to_owned(),
    }
}

fn cause_words(cause: Cause) -> &'static str {
    match cause {
        Cause::Start => "there was no leader yet",
        Cause::Resign => "the leader resigned",
        Cause::Crash => "the leader's connection ended",
        Cause::Hang => "the leader fell silent",
        Cause::Lost => "the leader lost its majority or was outbid",
    }
}

fn stepped_words(why: Stepped) -> &'static str {
    match why {
        Stepped::Resigned => "it resigned",
        Stepped::Outbid => "a higher epoch leads or was promised",
        Stepped::NoMajority => "it has not heard from a majority for too long",
    }
}

fn resignation_words(why: Resignation) -> &'static str {
    match why {
        Resignation::Sales => "it has made all the sales of its term",
        Resignation::Chance => "by chance",
        Resignation::Time => "its time is over",
        Resignation::Command => "it was told to",
        Resignation::Leaving => "it leaves the market",
    }
}

fn milliseconds(ns: u64) -> String {
    format!("{}.{:03} ms", ns / 1_000_000, ns / 1000 % 1000)
}
