//! Stock on loan: what traders sell from it is sold once, and a no is said by nobody who cannot know.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{Clients, buy, deposit, entry, good, kernel, request};
use market::{
    Act, Deed, Entry, Grant, Kernel, Outcome, Party, Refusal, SellerChoice, Stall, TermAct, TermId,
    TermOutcome, Tried,
};
use proptest::prelude::*;

fn step(kernel: &mut Kernel, act: TermAct) -> TermOutcome {
    let entry = Entry { at_ms: 0, trader: Party(0), draw: 7, act: Act::Term(act) };
    match kernel.apply(&entry).outcome {
        Outcome::Term(outcome) => outcome,
        other => panic!("{other:?}"),
    }
}

fn open(kernel: &mut Kernel, trader: u64) -> TermId {
    match step(kernel, TermAct::Open { trader: Party(trader) }) {
        TermOutcome::Opened(term) => term,
        other => panic!("{other:?}"),
    }
}

fn lend(kernel: &mut Kernel, term: TermId, units: u32) -> Grant {
    match step(kernel, TermAct::Lend { term, good: good("salt"), units }) {
        TermOutcome::Lent(grant) => grant,
        other => panic!("{other:?}"),
    }
}

fn take(kernel: &mut Kernel, term: TermId, from: u64, deeds: Vec<Deed>) -> TermOutcome {
    step(kernel, TermAct::Take { term, received: 0, from, deeds })
}

/// A market with 10 units of salt of seller 1, and a term of trader 50 with `lent` of them.
fn market(lent: u32) -> (Clients, TermId, Stall) {
    let mut clients = Clients::new(kernel(1_000, SellerChoice::Oldest));
    clients.ask(1, deposit("salt", 10, 50));
    let term = open(&mut clients.kernel, 50);
    let mut stall = Stall::new(*clients.kernel.rules(), term.trader).unwrap();
    assert!(stall.receive(&lend(&mut clients.kernel, term, lent)));
    assert_eq!(clients.kernel.audit(), Ok(()));
    (clients, term, stall)
}

fn sell(stall: &mut Stall, party: u64, number: u64, quantity: u32) -> Tried {
    stall.sell(&request(party, 1, number, buy("salt", quantity)), 0, 0)
}

#[test]
fn what_a_stall_sells_is_booked_once_and_its_answer_is_kept() {
    let (mut clients, term, mut stall) = market(6);
    let Tried::Sold(receipt, deed) = sell(&mut stall, 2, 500, 4) else { panic!() };
    assert_eq!(sell(&mut stall, 2, 500, 4), Tried::SoldBefore(receipt.clone()));
    let deeds = vec![deed];
    let sold = vec![(request(2, 1, 500, buy("salt", 4)).id, receipt.clone())];
    let taken = take(&mut clients.kernel, term, 0, deeds.clone());
    assert_eq!(taken, TermOutcome::Taken { below: 1, sold, broken: Vec::new() });
    let again = take(&mut clients.kernel, term, 0, deeds);
    assert_eq!(again, TermOutcome::Taken { below: 1, sold: Vec::new(), broken: Vec::new() });
    assert_eq!(clients.kernel.account(Party(1)).earned.0, 180);
    assert_eq!(clients.kernel.account(Party(50)).commission.0, 20);
    assert_eq!(clients.kernel.account(Party(2)).paid.0, 200);
    assert_eq!(clients.kernel.audit(), Ok(()));
    // Whoever asks the warehouse for the same, gets the same.
    let applied = clients.kernel.apply(&entry(0, request(2, 1, 500, buy("salt", 4))));
    assert_eq!((applied.outcome, applied.repeated), (Outcome::Bought(receipt), true));
}

#[test]
fn no_is_said_by_nobody_who_cannot_know() {
    let (mut clients, term, mut stall) = market(6);
    assert_eq!(sell(&mut stall, 2, 500, 7), Tried::Ask, "the stall has six, the shelves four");
    let outcome = clients.ask(2, buy("salt", 7));
    assert_eq!(outcome, Outcome::Refused(Refusal::Lent { units: 6 }));
    let outcome = clients.ask(1, buy("salt", 1));
    assert_eq!(outcome, Outcome::Refused(Refusal::OnlyOwnGoods), "the loan is of its own goods");
    let deeds = stall.give_back(&good("salt"));
    assert_eq!(stall.units(&good("salt")), 0);
    take(&mut clients.kernel, term, 0, deeds);
    let outcome = clients.ask(2, buy("salt", 11));
    assert_eq!(outcome, Outcome::Refused(Refusal::OutOfStock { left: 10 }));
    assert!(matches!(clients.ask(2, buy("salt", 10)), Outcome::Bought(_)));
}

#[test]
fn a_request_that_was_shut_is_sold_here_no_more() {
    let (_, _, mut stall) = market(6);
    let id = request(2, 1, 500, buy("salt", 1)).id;
    assert_eq!(stall.shut(id), Deed::Shut(id));
    assert_eq!(sell(&mut stall, 2, 500, 1), Tried::Ask);
    let sold = request(2, 1, 501, buy("salt", 1));
    assert!(matches!(stall.sell(&sold, 0, 0), Tried::Sold(..)));
    assert_eq!(stall.shut(sold.id), Deed::Shut(sold.id));
    assert!(matches!(stall.sell(&sold, 0, 0), Tried::SoldBefore(_)), "the warehouse may not know");
}

#[test]
fn a_late_copy_of_what_its_client_has_an_answer_to_is_not_sold_to() {
    let (_, _, mut stall) = market(6);
    let shut = request(2, 1, 500, buy("salt", 1));
    stall.shut(shut.id);
    // The client had its answer from elsewhere, and says so.
    let mut next = request(2, 1, 501, buy("salt", 1));
    next.answered_below = 501;
    assert!(matches!(stall.sell(&next, 0, 0), Tried::Sold(..)));
    assert_eq!(stall.sell(&shut, 0, 0), Tried::Refused(Refusal::AnswerForgotten));
    // Nor is the warehouse asked about what was sold here and is not remembered.
    let mut last = request(2, 1, 502, buy("salt", 1));
    last.answered_below = 502;
    assert!(matches!(stall.sell(&last, 0, 0), Tried::Sold(..)));
    assert_eq!(stall.sell(&next, 0, 0), Tried::Refused(Refusal::AnswerForgotten));
}

#[test]
fn a_grant_is_taken_once_and_in_its_turn() {
    let (mut clients, term, mut stall) = market(2);
    let (second, third) = (lend(&mut clients.kernel, term, 1), lend(&mut clients.kernel, term, 1));
    assert!(!stall.receive(&third), "the second is missing");
    assert!(stall.receive(&second));
    assert!(!stall.receive(&second));
    assert!(stall.receive(&third));
    assert_eq!((stall.received(), stall.units(&good("salt"))), (3, 4));
    assert_eq!(clients.kernel.term(term).unwrap().grants().count(), 3);
    step(&mut clients.kernel, TermAct::Take { term, received: 2, from: 0, deeds: Vec::new() });
    assert_eq!(clients.kernel.term(term).unwrap().grants().count(), 1);
}

#[test]
fn a_closed_term_gives_back_what_is_left_and_says_nothing_more() {
    let (mut clients, term, mut stall) = market(6);
    let Tried::Sold(_, deed) = sell(&mut stall, 2, 500, 1) else { panic!() };
    let late = vec![deed.clone(), deed];
    assert_eq!(step(&mut clients.kernel, TermAct::Fence { term }), TermOutcome::Fenced);
    let more = TermAct::Lend { term, good: good("salt"), units: 1 };
    assert_eq!(step(&mut clients.kernel, more), TermOutcome::NotLent);
    take(&mut clients.kernel, term, 0, late[..1].to_vec());
    let closed = step(&mut clients.kernel, TermAct::Close { term });
    assert_eq!(closed, TermOutcome::Closed { units: 5 });
    assert_eq!(clients.kernel.free(&good("salt")), 9);
    assert_eq!(take(&mut clients.kernel, term, 1, late), TermOutcome::NoSuchTerm);
    assert_eq!(clients.kernel.audit(), Ok(()));
    assert_ne!(open(&mut clients.kernel, 50), term, "no term is opened twice");
}

#[test]
fn deeds_that_cannot_be_are_counted_and_change_nothing() {
    let (mut clients, term, mut stall) = market(6);
    let Tried::Sold(_, deed) = sell(&mut stall, 2, 500, 6) else { panic!() };
    let Deed::Sold { request: first, fills } = &deed else { panic!() };
    let mut other = first.clone();
    other.id.number += 1;
    let twice = Deed::Sold { request: other.clone(), fills: fills.clone() };
    let outcome = take(&mut clients.kernel, term, 0, vec![deed.clone(), twice, deed.clone()]);
    let TermOutcome::Taken { below: 3, sold, broken } = outcome else { panic!() };
    assert_eq!(sold.len(), 1);
    assert_eq!(broken, vec![other.id, first.id]);
    assert_eq!(clients.kernel.broken_sales(), 2);
    assert_eq!(clients.kernel.audit(), Ok(()));
    let gap = take(&mut clients.kernel, term, 4, vec![deed]);
    assert_eq!(gap, TermOutcome::Gap { below: 3 });
}

proptest! {
    /// Whatever is lent, sold, returned, lost on its way and closed: the books add up, nothing is
    /// sold twice, a snapshot is the same market, and in the end all units are sold or on shelves.
    #[test]
    fn the_books_add_up_whatever_traders_do(
        steps in prop::collection::vec((0..7_u8, 0..3_usize, 1..5_u32), 1..120)
    ) {
        let mut clients = Clients::new(kernel(1_500, SellerChoice::Cheapest));
        clients.ask(1, deposit("salt", 30, 50));
        clients.ask(2, deposit("salt", 30, 40));
        let mut houses: Vec<(TermId, Stall, Vec<Deed>)> = Vec::new();
        let begin = |clients: &mut Clients, trader: u64| {
            let term = open(&mut clients.kernel, trader);
            (term, Stall::new(*clients.kernel.rules(), term.trader).unwrap(), Vec::new())
        };
        (50..53).for_each(|trader| houses.push(begin(&mut clients, trader)));
        let (mut units_sold, mut number) = (0, 10_000);
        for (kind, house, quantity) in steps {
            let (term, stall, deeds) = &mut houses[house];
            match kind {
                0 | 1 => {
                    let grant = lend(&mut clients.kernel, *term, quantity);
                    prop_assert!(grant.parts.is_empty() || stall.receive(&grant));
                }
                2 | 3 => {
                    number += 1;
                    if let Tried::Sold(receipt, deed) = sell(stall, 3, number, quantity) {
                        units_sold += u64::from(receipt.quantity);
                        deeds.push(deed);
                    }
                }
                4 => deeds.extend(stall.give_back(&good("salt"))),
                5 => {
                    // A report that says some of it again.
                    let act = TermAct::Take {
                        term: *term,
                        received: stall.received(),
                        from: 0,
                        deeds: deeds.clone(),
                    };
                    step(&mut clients.kernel, act);
                }
                _ => {
                    let trader = term.trader.0;
                    take(&mut clients.kernel, *term, 0, deeds.clone());
                    step(&mut clients.kernel, TermAct::Close { term: *term });
                    houses[house] = begin(&mut clients, trader);
                }
            }
            prop_assert_eq!(clients.kernel.audit(), Ok(()));
            prop_assert_eq!(clients.kernel.broken_sales(), 0);
            let bytes = clients.kernel.to_bytes();
            prop_assert_eq!(&Kernel::from_bytes(&bytes).unwrap(), &clients.kernel);
        }
        for (term, _, deeds) in houses {
            take(&mut clients.kernel, term, 0, deeds);
            step(&mut clients.kernel, TermAct::Close { term });
        }
        prop_assert_eq!(clients.kernel.broken_sales(), 0);
        prop_assert_eq!(clients.kernel.totals().units.shipped, units_sold);
        prop_assert_eq!(clients.kernel.free(&good("salt")), 60 - units_sold);
    }
}
