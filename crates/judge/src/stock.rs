//! That the stock of each good is linearizable: there is one order of all deposits, sales, refusals
//! and withdrawals that explains every answer, and in which nothing stands before what had ended
//! when it was asked for.
//!
//! Each good is judged for itself. The order in which the traders said that they did it is tried
//! first: it is a proof if it explains what the *clients* were told, whoever made it. Only if it
//! does not is there a search.
//!
//! What is asked of an order, in units:
//!
//! | what | in the order |
//! |---|---|
//! | a deposit | so many more |
//! | a sale, a withdrawal, a cart that is filled | so many fewer; there were as many |
//! | a cart that is claimed | nothing: what is in it has left |
//! | a cart that is voided, or whose time is over | so many more |
//! | a refusal for want of goods | there were fewer than was asked for; or none, if fewer were welcome |
//! | what a trader did, but no client was told | the same as if its client had been told at the end |
//! | a question that nobody is known to have answered | may have happened or not |
//!
//! A refusal for another reason is left out, and so is one of a buyer with a price limit or with
//! goods of its own: it may have been right with a full shelf.

use std::collections::{BTreeMap, BTreeSet};

use checker::Budget;
use checker::linearizable::{Contradiction, Found, Span, Timed, explains, linearize, timed};
use checker::models::stock::{Call, Stock};
use market::{Good, Order, Outcome, Party, Refusal, RequestId};
use view::history::{Phase, phase};
use view::{Operation, What};

use crate::finding::{Finding, Ruling};
use crate::refusals::serial_order;
use crate::story::{Cart, End as CartEnd, Stories, Story, line};

const PROPERTY: &str = "the stock is linearizable";

/// The most units that one question without an answer may have taken, where nobody can tell how many
/// it took: each is tried for itself.
const DOUBTED_UNITS_MAX: u32 = 64;

/// What happened to one good: the calls, and the request of each.
#[derive(Default)]
struct Shelf {
    spans: Vec<Span<Call>>,
    requests: Vec<RequestId>,
    /// Of each call, the place in the traders' order.
    places: Vec<Option<usize>>,
}

/// What one request did.
struct Done<'a> {
    good: &'a Good,
    call: Call,
    /// How often: units whose number nobody can tell are taken one by one.
    times: u32,
    end: End,
    /// Where the trader said so.
    said: Option<usize>,
}

/// When it surely had happened.
enum End {
    /// When the client was told, at this event.
    Told(usize),
    /// It surely happened, but no client was told.
    Untold,
    /// It may not have happened.
    InDoubt,
}

/// Judges every good.
pub fn judge(stories: &Stories<'_>, is_of_houses: bool, budget: &mut Budget) -> Finding {
    let places: BTreeMap<usize, usize> =
        serial_order(stories.events, is_of_houses).into_iter().zip(0..).collect();
    let sellers = sellers(stories);
    let mut shelves: BTreeMap<&Good, Shelf> = BTreeMap::new();
    let mut unknown = None;
    for (id, story) in &stories.requests {
        let Some((asked, operation)) = story.asked.first() else { continue };
        let Some(done) = done(stories, *id, operation, story, &sellers) else { continue };
        if done.times > DOUBTED_UNITS_MAX {
            let evidence = format!(
                "nobody can tell how many units of {} request {id} took, {}",
                done.good,
                line(*asked)
            );
            unknown = unknown.or(Some(evidence));
        }
        let shelf = shelves.entry(done.good).or_default();
        for _ in 0..done.times.min(DOUBTED_UNITS_MAX) {
            let ended = match done.end {
                End::Told(at) => Some(stories.events[at].time_ns),
                End::Untold => Some(u64::MAX),
                End::InDoubt => None,
            };
            let began = stories.events[*asked].time_ns;
            shelf.spans.push(Span { call: done.call.clone(), began, ended });
            shelf.requests.push(*id);
            shelf.places.push(done.said.and_then(|said| places.get(&said).copied()));
        }
    }
    for cart in stories.carts.values() {
        let Some((good, span, said)) = given_up(stories, cart) else { continue };
        let shelf = shelves.entry(good).or_default();
        shelf.spans.push(span);
        shelf.requests.push(cart.held.map_or(RequestId::default(), |(request, _)| request));
        shelf.places.push(said.and_then(|said| places.get(&said).copied()));
    }
    let operations: usize = shelves.values().map(|shelf| shelf.spans.len()).sum();
    let goods = shelves.len();
    for (good, Shelf { spans, requests, places }) in shelves {
        let calls = timed(spans);
        match order(&calls, &places, budget) {
            Found::Order(_) => {}
            Found::Contradiction(why) => {
                let evidence = tell(stories, good, &calls, &requests, &why);
                return Finding::new(PROPERTY, Ruling::Fail, evidence);
            }
            Found::GaveUp { ran_out, .. } => {
                unknown = unknown.or(Some(format!("{ran_out} in the history of {good}")));
            }
        }
    }
    if let Some(evidence) = unknown {
        return Finding::new(PROPERTY, Ruling::Unknown, evidence);
    }
    let evidence = format!(
        "operations: {operations}, goods: {goods}, each in one order that explains every answer"
    );
    Finding::held(PROPERTY, operations, evidence, "nobody bought or sold")
}

/// What is said where a trader may not know of all that is for sale.
pub fn not_promised(by_counts: bool) -> Finding {
    let evidence = match by_counts {
        true => "traders deny by counts that may be old",
        false => "the goods of a seller that is away are not for sale",
    };
    Finding::new(PROPERTY, Ruling::NotPromised, evidence.to_owned())
}

fn order(calls: &[Timed<Call>], places: &[Option<usize>], budget: &mut Budget) -> Found<u64> {
    let mut said: Vec<_> = places.iter().zip(0..).collect();
    said.retain(|(place, _)| place.is_some());
    said.sort_unstable();
    let said: Vec<_> = said.into_iter().map(|(_, call)| call).collect();
    match explains(&Stock, calls, &said) {
        true => Found::Order(Some(said)),
        false => linearize(&Stock, calls, budget),
    }
}

fn done<'a>(
    stories: &Stories<'a>,
    id: RequestId,
    operation: &'a Operation,
    story: &Story<'a>,
    sellers: &BTreeSet<(&Good, Party)>,
) -> Option<Done<'a>> {
    let answer = story.answered.iter().find(|(_, outcome)| phase(outcome) != Phase::Info);
    let (told_at, outcome) = answer.map_or((None, None), |(at, outcome)| (Some(at), Some(outcome)));
    let end = told_at.map_or(End::Untold, |at| End::Told(*at));
    let once = |good, call, said| Some(Done { good, call, times: 1, end, said });
    if matches!(operation, Operation::Claim { .. } | Operation::Void { .. }) {
        // What is in a cart left when it was filled; that it comes back is the cart's story.
        return None;
    }
    if let Some((_, receipt)) = story.cart() {
        let said = story.held.first().map(|(at, _)| *at);
        return once(&receipt.good, Call::Take(receipt.quantity.into()), said);
    }
    if let Some(receipt) = story.receipt() {
        let said = story.sold.first().map(|(at, _)| *at);
        return once(&receipt.good, Call::Take(receipt.quantity.into()), said);
    }
    if let Some((good, quantity)) = story.given_back() {
        let said = story.withdrawn.first().map(|(at, _)| *at);
        return once(good, Call::Take(quantity.into()), said);
    }
    if let (Some(_), Operation::Deposit { good, quantity, .. }) = (story.lot(), operation) {
        let said = story.deposited.first().map(|(at, _)| *at);
        return once(good, Call::Add((*quantity).into()), said);
    }
    if let Some(outcome) = outcome {
        let (Outcome::Refused(refusal), Some(order)) = (outcome, operation.order()) else {
            return None;
        };
        let is_seller = sellers.contains(&(&order.good, id.client.party));
        let said = story.refused.first().map(|(at, _)| *at);
        return once(&order.good, refused(refusal, order, is_seller)?, said);
    }
    let in_doubt = |good, call, times| Done { good, call, times, end: End::InDoubt, said: None };
    match operation {
        Operation::Open => None,
        Operation::Deposit { good, quantity, .. } => {
            Some(in_doubt(good, Call::Add((*quantity).into()), 1))
        }
        Operation::Buy(order) | Operation::Hold { order, .. } if order.partial => {
            Some(in_doubt(&order.good, Call::Take(1), order.quantity))
        }
        Operation::Buy(order) | Operation::Hold { order, .. } => {
            Some(in_doubt(&order.good, Call::Take(order.quantity.into()), 1))
        }
        Operation::Claim { .. } | Operation::Void { .. } => None,
        Operation::Withdraw { lot } => {
            let lot = stories.lots.get(lot)?;
            Some(in_doubt(lot.good, Call::Take(1), lot.quantity))
        }
    }
}

/// What came back of a cart: surely if that is told, else perhaps; nothing of one that was claimed.
fn given_up<'a>(
    stories: &Stories<'a>,
    cart: &Cart<'a>,
) -> Option<(&'a Good, Span<Call>, Option<usize>)> {
    let asked = |request| {
        let (asked, _) = stories.requests.get(&request)?.asked.first()?;
        Some(stories.events[*asked].time_ns)
    };
    let began = cart.held.and_then(|(request, _)| asked(request)).unwrap_or_default();
    let over = cart.ends.iter().find(|(_, end)| *end != CartEnd::Claimed);
    if let Some((at, _)) = over
        && let What::HoldEnded { good, quantity, .. } = &stories.events[*at].what
    {
        let ended = Some(stories.events[*at].time_ns);
        return Some((good, Span { call: Call::Add(*quantity), began, ended }, Some(*at)));
    }
    let (_, receipt) = cart.held.filter(|_| cart.ends.is_empty())?;
    let call = Call::Add(receipt.quantity.into());
    Some((&receipt.good, Span { call, began, ended: None }, None))
}

fn refused(refusal: &Refusal, order: &Order, is_seller: bool) -> Option<Call> {
    let wanted = if order.partial { 1 } else { order.quantity.into() };
    match refusal {
        Refusal::NotSoldHere => Some(Call::Refuse(1)),
        Refusal::OutOfStock { .. } | Refusal::Held { .. }
            if order.limit.is_none() && !is_seller =>
        {
            Some(Call::Refuse(wanted))
        }
        _ => None,
    }
}

/// Who ever offered what.
fn sellers<'a>(stories: &Stories<'a>) -> BTreeSet<(&'a Good, Party)> {
    let asked = stories.requests.iter().filter_map(|(id, story)| Some((id, story.asked.first()?)));
    asked
        .filter_map(|(id, (_, operation))| match operation {
            Operation::Deposit { good, .. } => Some((good, id.client.party)),
            _ => None,
        })
        .collect()
}

/// The operation that fits nowhere, and what led there.
fn tell(
    stories: &Stories<'_>,
    good: &Good,
    calls: &[Timed<Call>],
    requests: &[RequestId],
    why: &Contradiction<u64>,
) -> String {
    let said = |call: usize| {
        let request = requests[call];
        let what = match calls[call].call {
            Call::Add(units) => format!("what request {request} brought, {units} units,"),
            Call::Take(units) => format!("request {request} that took {units}"),
            Call::Refuse(units) => format!("request {request} that was refused {units}"),
        };
        let asked = stories.requests.get(&request).and_then(|story| story.asked.first());
        asked.map_or(what.clone(), |(at, _)| format!("{what} ({})", line(*at)))
    };
    let Contradiction { call, told } = why;
    let nowhere =
        format!("{good}: {} fits nowhere among what had happened by its answer", said(*call));
    let Some((order, state)) = told else { return nowhere };
    let mut of_kind = [0_u64; 2];
    for call in order {
        match calls[*call].call {
            Call::Add(units) => of_kind[0] += units,
            Call::Take(units) => of_kind[1] += units,
            Call::Refuse(_) => {}
        }
    }
    let [came, left] = of_kind;
    let last =
        order.last().map_or(String::new(), |last| format!(", the last of them {}", said(*last)));
    format!(
        "{nowhere}: the {} operations from before fit into an order{last}, by which {came} units \
         came, {left} left, and {state} were there",
        order.len()
    )
}
