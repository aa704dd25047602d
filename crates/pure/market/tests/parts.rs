//! The sum of the books of all parties is the market.

mod common;

use std::collections::BTreeMap;

use common::{TRADER, buy, deposit, entry, good, kernel, request};
use market::{
    Act, BadPart, Command, Entry, Kernel, LotId, Money, NOT_KNOWN, NotJoined, Offer, Order,
    Outcome, Party, Refusal, Request, SellerChoice,
};
use proptest::prelude::*;

const PARTIES: u64 = 4;

fn command() -> impl Strategy<Value = Command> {
    let name = prop::sample::select(&["boar", "fish"][..]).prop_map(good);
    let bring = (name.clone(), 0..9_u32, 0..40_u64);
    let buy = (name, 1..9_u32, prop::option::of(0..40_u64), any::<bool>());
    prop_oneof![
        3 => bring.prop_map(|(good, quantity, unit_price)| {
            Command::Deposit(Offer { good, quantity, unit_price: Money(unit_price), stamp: None })
        }),
        6 => buy.prop_map(|(good, quantity, limit, partial)| {
            Command::Buy(Order { good, quantity, limit: limit.map(Money), partial })
        }),
        1 => (0..20_u64).prop_map(|lot| Command::Withdraw { lot: LotId(lot) }),
        1 => Just(Command::Open),
    ]
}

/// All of a market's requests, as entries with the outcomes that the whole market gave.
fn traded(steps: Vec<(u64, Command, u64)>) -> (Kernel, Vec<(Entry, Outcome)>, Vec<Request>) {
    let mut whole = kernel(1_250, SellerChoice::Random);
    let (mut lives, mut facts) = ([0; PARTIES as usize], Vec::new());
    let opening = (0..PARTIES).map(|party| (party, Command::Open, 0));
    for ((party, command, draw), number) in opening.chain(steps).zip(1..) {
        let life = &mut lives[party as usize];
        *life += u64::from(command == Command::Open);
        let answered_below = number / 2;
        let request = Request { answered_below, ..request(party, *life, number, command) };
        let entry = Entry { draw, ..entry(number, request) };
        let outcome = whole.apply(&entry).outcome;
        facts.push((entry, outcome));
    }
    let asked = facts.iter().filter_map(|(entry, _)| match &entry.act {
        Act::Request(request) => Some(request.clone()),
        Act::ExpireSessions { .. } | Act::Term(_) | Act::EndHolds => None,
    });
    let current =
        |request: &Request| request.id.client.life == lives[request.id.client.party.0 as usize];
    let asked = asked.filter(|request| current(request) && request.command != Command::Open);
    let asked = asked.collect();
    (whole, facts, asked)
}

fn sum(books: impl IntoIterator<Item = (Party, Kernel)>) -> Kernel {
    let mut sum = kernel(1_250, SellerChoice::Random);
    for (party, book) in books {
        assert_eq!(book.audit(), Ok(()), "the book of {party}");
        sum.join(party, book).expect("books of different parties");
        assert_eq!(sum.audit(), Ok(()), "the sum with {party}");
    }
    sum
}

fn books(facts: &[(Entry, Outcome)]) -> BTreeMap<Party, Kernel> {
    let mut books = BTreeMap::new();
    for (entry, outcome) in facts {
        for party in entry.concerns(outcome) {
            let book = books.entry(party);
            let book = book.or_insert_with(|| kernel(1_250, SellerChoice::Random));
            book.record(party, entry, outcome).expect("what the market gave");
        }
    }
    books
}

proptest! {
    #[test]
    fn the_sum_of_the_books_is_the_market(
        steps in prop::collection::vec((0..PARTIES, command(), any::<u64>()), 0..100),
    ) {
        let (mut whole, facts, asked) = traded(steps);
        let mut sum = sum(books(&facts));
        let goods = |kernel: &Kernel| {
            let goods = kernel.goods().map(|(good, units)| (good.clone(), units));
            goods.collect::<Vec<_>>()
        };
        prop_assert_eq!(goods(&sum), goods(&whole));
        prop_assert_eq!(sum.totals(), whole.totals());
        for party in (0..PARTIES).map(Party).chain([TRADER]) {
            prop_assert_eq!(sum.account(party), whole.account(party));
            prop_assert_eq!(
                sum.lots_of(party).collect::<Vec<_>>(),
                whole.lots_of(party).collect::<Vec<_>>()
            );
        }
        for request in asked {
            let answers = [&mut sum, &mut whole].map(|kernel| kernel.apply(&entry(0, request.clone())));
            prop_assert_eq!(&answers[0], &answers[1]);
        }
    }
}

/// Party 1 sells ten salt, party 2 buys four of them: what came of it, with the entries.
fn a_sale() -> Vec<(Entry, Outcome)> {
    let mut whole = kernel(1_250, SellerChoice::Random);
    let steps =
        [(1, Command::Open), (1, deposit("salt", 10, 8)), (2, Command::Open), (2, buy("salt", 4))];
    let entries = (0..).zip(steps).map(|(number, (party, command))| {
        let entry = entry(number, request(party, 1, number, command));
        let outcome = whole.apply(&entry).outcome;
        (entry, outcome)
    });
    entries.collect()
}

#[test]
fn a_sale_concerns_the_buyer_and_each_seller_and_a_repeated_conflict_nobody() {
    let facts = a_sale();
    let (sale, outcome) = &facts[3];
    assert_eq!(sale.concerns(outcome), [Party(1), Party(2)]);
    assert_eq!(facts[1].0.concerns(&facts[1].1), [Party(1)]);
    assert_eq!(sale.concerns(&Outcome::Refused(Refusal::Conflict)), []);
}

#[test]
fn an_answer_that_is_not_known_stands_with_the_client_while_the_goods_are_reserved() {
    let facts = a_sale();
    let mut books = books(&facts[..3]);
    let (sale, sold) = &facts[3];
    books.get_mut(&Party(1)).unwrap().record(Party(1), sale, sold).unwrap();
    books.get_mut(&Party(2)).unwrap().record(Party(2), sale, &NOT_KNOWN).unwrap();
    let mut sum = sum(books);
    assert_eq!(sum.stock(&good("salt")).units, 6);
    let again = sum.apply(sale);
    assert_eq!((again.outcome, again.repeated), (NOT_KNOWN, true));
}

#[test]
fn less_may_go_back_than_lies_there_as_long_as_a_sale_is_open() {
    let mut facts = a_sale();
    let withdrawal = entry(4, request(1, 1, 4, Command::Withdraw { lot: LotId(1) }));
    let outcome = Outcome::Withdrawn { good: good("salt"), quantity: 6 };
    let sale = facts.remove(3);
    let mut book = books(&facts).remove(&Party(1)).unwrap();
    book.record(Party(1), &withdrawal, &outcome).unwrap();
    assert_eq!(book.stock(&good("salt")).units, 4);
    book.record(Party(1), &sale.0, &sale.1).unwrap();
    assert_eq!(book.stock(&good("salt")).units, 0);
    assert_eq!(book.audit(), Ok(()));
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let facts = a_sale();
    let mut book = books(&facts).remove(&Party(1)).unwrap();
    let before = book.clone();
    let refused =
        |book: &mut Kernel, entry: &Entry, outcome: &Outcome| book.record(Party(1), entry, outcome);
    // The sale once more fits once, and not twice: six are left, then two.
    let mut twice = book.clone();
    assert_eq!(refused(&mut twice, &facts[3].0, &facts[3].1), Ok(()));
    assert_eq!(refused(&mut twice, &facts[3].0, &facts[3].1), Err(BadPart::Lot(LotId(1))));
    assert_eq!(refused(&mut book, &facts[1].0, &facts[1].1), Err(BadPart::Lot(LotId(1))));
    let mut dearer = facts[3].clone();
    if let Outcome::Bought(receipt) = &mut dearer.1 {
        receipt.fills[0].earned.0 += 1;
    }
    assert_eq!(refused(&mut book, &dearer.0, &dearer.1), Err(BadPart::Lot(LotId(1))));
    assert_eq!(book, before);
}

#[test]
fn a_book_is_joined_once_and_only_under_its_own_name() {
    let books = books(&a_sale());
    let mut sum = kernel(1_250, SellerChoice::Random);
    let book = &books[&Party(1)];
    assert_eq!(sum.join(Party(2), book.clone()), Err(NotJoined::Foreign));
    assert_eq!(sum.join(Party(1), book.clone()), Ok(()));
    let before = sum.clone();
    assert_eq!(sum.join(Party(1), book.clone()), Err(NotJoined::Foreign));
    let other = kernel(1, SellerChoice::Random);
    assert_eq!(sum.join(Party(3), other), Err(NotJoined::Rules));
    assert_eq!(sum, before);
}

#[test]
fn lots_of_different_epochs_have_different_names_and_absent_sellers_are_passed_over() {
    let mut whole = kernel(1_250, SellerChoice::Oldest);
    for (number, (party, command)) in
        (0..).zip([(1, Command::Open), (2, Command::Open), (1, deposit("salt", 1, 8))])
    {
        whole.apply(&entry(0, request(party, 1, number, command)));
    }
    whole.name_lots_by(3);
    let brought = whole.apply(&entry(0, request(1, 1, 9, deposit("salt", 1, 8)))).outcome;
    assert_eq!(brought, Outcome::Deposited { lot: LotId((3 << 32) + 1) });
    assert_eq!(whole.audit(), Ok(()));
    whole.pass_over([Party(1)]);
    let refused = whole.apply(&entry(0, request(2, 1, 5, buy("salt", 1)))).outcome;
    assert_eq!(refused, Outcome::Refused(Refusal::OutOfStock { left: 0 }));
    whole.pass_over([]);
    let sold = whole.apply(&entry(0, request(2, 1, 6, buy("salt", 1)))).outcome;
    assert!(matches!(sold, Outcome::Bought(_)));
}
