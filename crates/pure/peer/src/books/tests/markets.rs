//! When facts are true, void, and not known.

use super::*;

fn answer(market: &mut Kernel, entry: &Entry) -> (Outcome, bool) {
    let applied = market.apply(entry);
    (applied.outcome, applied.repeated)
}

#[test]
fn a_sale_is_true_when_the_buyers_and_the_sellers_books_have_it() {
    let mut town = Town::open();
    town.cut.insert(SELLER);
    let sale = entry(BUYER, 1, buy(3));
    let ticket = town.append(TRADER, sale.clone());
    assert_eq!((ticket, town.held()), (Ticket::Fact(4), vec![]));
    // Asked again, it waits for the same.
    assert_eq!(town.append(TRADER, sale.clone()), ticket);
    town.cut.clear();
    (0..2).for_each(|_| town.alarm(TRADER, Alarm::Resend));
    assert_eq!(town.held(), [4]);
    assert_eq!(town.append(TRADER, sale), Ticket::Nothing);
    // The books are told that it is true, in time.
    assert_eq!(town.books[&SELLER].book().tail.len(), 1);
    town.alarm(TRADER, Alarm::Resend);
    assert!(town.books[&SELLER].book().tail.is_empty());
    assert_eq!(town.left(SELLER), 7);
}

#[test]
fn a_dead_buyer_holds_up_its_own_sale_only() {
    let mut town = Town::open();
    town.append(TRADER, entry(NEXT, 0, Ask::Open));
    town.lose(BUYER);
    town.reports.clear();
    town.append(TRADER, entry(BUYER, 1, buy(3)));
    town.append(TRADER, entry(NEXT, 1, buy(2)));
    assert_eq!(town.held(), [6]);
    // What is not yet true is left out when the seller hears what is.
    town.alarm(TRADER, Alarm::Resend);
    let tail: Vec<u64> = town.books[&SELLER].book().tail.keys().map(|id| id.number).collect();
    assert_eq!((tail, town.left(SELLER)), (vec![5], 8));
    town.find(BUYER);
    assert_eq!(town.held(), [5]);
}

#[test]
fn one_book_that_promised_before_it_held_a_fact_makes_it_void() {
    let mut town = Town::open();
    town.cut.insert(BUYER);
    let sale = entry(BUYER, 1, buy(3));
    town.append(TRADER, sale.clone());
    assert_eq!(town.books[&SELLER].book().tail.len(), 1);
    town.cut = BTreeSet::from([TRADER]);
    town.lose(TRADER);
    town.claim(2, NEXT);
    let mut market = town.market(NEXT);
    assert_eq!(market.stock(&salt()).units, 10);
    assert!(town.books[&SELLER].book().tail.is_empty());
    // Its client asks again, and it is done anew.
    assert!(matches!(answer(&mut market, &sale), (Outcome::Bought(_), false)));
    town.append(NEXT, sale);
    assert_eq!(town.held().len(), 1);
    // The old trader cannot bring the first one back.
    town.find(TRADER);
    town.alarm(TRADER, Alarm::Resend);
    assert!(town.reports.contains(&(TRADER, Report::Refused(epoch(2, NEXT)))));
    town.alarm(NEXT, Alarm::Resend);
    assert_eq!((town.left(SELLER), town.left(BUYER)), (7, 0));
}

#[test]
fn what_all_books_hold_is_true_though_nobody_was_told() {
    let mut town = Town::open();
    let sale = entry(BUYER, 1, buy(3));
    town.append(TRADER, sale.clone());
    town.lose(TRADER);
    town.claim(2, NEXT);
    let mut market = town.market(NEXT);
    assert_eq!(market.stock(&salt()).units, 7);
    assert!(matches!(answer(&mut market, &sale), (Outcome::Bought(_), true)));
    assert_eq!(town.left(SELLER), 7);
}

#[test]
fn while_a_book_is_away_its_sales_are_not_known_and_their_goods_are_reserved() {
    let mut town = Town::open();
    let sale = entry(BUYER, 1, buy(3));
    town.append(TRADER, sale.clone());
    town.lose(TRADER);
    town.lose(SELLER);
    town.claim(2, NEXT);
    let mut market = town.market(NEXT);
    assert_eq!(market.stock(&salt()).units, 0, "no seller, no stock");
    assert_eq!(answer(&mut market, &sale), (NOT_KNOWN, true));
    // It comes later, with the sale: now all hold it.
    town.find(SELLER);
    let market = town.market(NEXT);
    assert_eq!(market.stock(&salt()).units, 7);
    assert_eq!(market.audit(), Ok(()));
    assert!(town.books[&SELLER].book().tail.is_empty());
    assert!(town.books[&BUYER].book().tail.is_empty());
    // The buyer is away instead: what it may have bought is not sold to anybody else.
    let mut town = Town::open();
    town.cut.insert(BUYER);
    town.append(TRADER, sale);
    town.lose(BUYER);
    town.lose(TRADER);
    town.claim(2, NEXT);
    assert_eq!(town.market(NEXT).stock(&salt()).units, 7);
    assert_eq!(town.books[&SELLER].book().tail.len(), 1);
    // It comes back and has not bought: the seller's book is free, this epoch's market stays wary.
    town.find(BUYER);
    assert_eq!(town.market(NEXT).stock(&salt()).units, 7);
    assert_eq!(town.left(SELLER), 10);
    town.claim(3, NEXT);
    assert_eq!(town.market(NEXT).stock(&salt()).units, 10);
}

#[test]
fn nobody_buys_from_a_seller_that_is_away_until_it_is_back() {
    let mut town = Town::open();
    town.lose(SELLER);
    let away = Report::Away(BTreeSet::from([crate::party(SELLER)]));
    assert!(town.reports.contains(&(TRADER, away)));
    town.append(TRADER, entry(BUYER, 1, buy(3)));
    assert_eq!(town.held(), [4], "the refusal concerns the buyer only");
    town.find(SELLER);
    assert!(town.reports.contains(&(TRADER, Report::Away(BTreeSet::new()))));
    // One that hangs keeps its connection, and is passed over after the limit.
    town.cut.insert(SELLER);
    town.append(TRADER, entry(BUYER, 2, buy(3)));
    let id = RequestId { client: ClientId { party: crate::party(BUYER), life: 1 }, number: 2 };
    assert_eq!(town.books[&TRADER].is_stuck(id, BUYER), None);
    (0..5).for_each(|_| town.alarm(TRADER, Alarm::Resend));
    assert_eq!(town.books[&TRADER].is_stuck(id, BUYER), Some(epoch(1, TRADER)));
    town.cut.clear();
    town.reports.clear();
    town.alarm(TRADER, Alarm::Resend);
    assert_eq!(town.reports.last(), Some(&(TRADER, Report::Away(BTreeSet::new()))));
    assert_eq!(town.held(), [5]);
}

#[test]
fn a_peer_that_is_not_registered_waits_and_an_epoch_is_claimed_once() {
    let mut town = Town::new();
    town.lose(BUYER);
    town.claim(1, TRADER);
    assert_eq!(town.books[&TRADER].admission(SELLER), Admission::Served);
    assert_eq!(town.books[&TRADER].admission(BUYER), Admission::Waits);
    town.find(BUYER);
    assert_eq!(town.books[&TRADER].admission(BUYER), Admission::Served);
    town.reports.clear();
    town.claim(1, TRADER);
    assert_eq!(town.reports, [(TRADER, Report::Refused(epoch(1, TRADER)))]);
}

#[test]
fn a_book_is_the_same_when_it_is_read_again() {
    let mut town = Town::open();
    town.append(TRADER, entry(BUYER, 1, buy(3)));
    town.claim(2, NEXT);
    town.append(NEXT, entry(BUYER, 2, buy(1)));
    for (node, (snapshot, records)) in town.written {
        let mut again = books(node);
        let journal = Journal::Own;
        step(&mut again, Input::Restore { journal, snapshot });
        for record in records {
            step(&mut again, Input::Replay { journal, record });
        }
        let (kept, again) = (town.books[&node].book(), again.book());
        assert_eq!((kept.promised, kept.position), (again.promised, again.position));
        assert_eq!((&kept.base, &kept.tail), (&again.base, &again.tail), "{node}");
    }
}
