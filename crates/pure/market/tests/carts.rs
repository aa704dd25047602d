//! Carts: what is held is its holder's, once, until its time is over.

mod common;

use common::{TRADER, good, kernel, request};
use market::limits::{HOLD_MS_MAX, HOLDS_OF_A_PARTY_MAX};
use market::{
    Act, Command, EndedHold, Entry, HoldId, Invalid, Kernel, Limit, LotId, Money, Offer, Order,
    Outcome, Party, Refusal, SellerChoice, TermAct, TermId, TermOutcome,
};

const SELLER: u64 = 1;
const BUYER: u64 = 2;
const OTHER: u64 = 3;

/// A market of ten units of salt at 5 each, and the number of the next request.
struct Market {
    kernel: Kernel,
    next: u64,
    now_ms: u64,
}

impl Market {
    fn new() -> Self {
        let mut market =
            Self { kernel: kernel(1_000, SellerChoice::Oldest), next: 1, now_ms: 1_000 };
        for party in [SELLER, BUYER, OTHER] {
            market.ask(party, Command::Open);
        }
        let offer = Offer { good: good("salt"), quantity: 10, unit_price: Money(5), stamp: None };
        market.ask(SELLER, Command::Deposit(offer));
        market
    }

    fn act(&mut self, act: Act) -> Outcome {
        let entry = Entry { at_ms: self.now_ms, trader: TRADER, draw: 0, act };
        let applied = self.kernel.apply(&entry);
        self.kernel.audit().expect("a sound market");
        applied.outcome
    }

    fn ask(&mut self, party: u64, command: Command) -> Outcome {
        self.next += 1;
        self.act(Act::Request(request(party, 1, self.next, command)))
    }

    fn hold(&mut self, party: u64, quantity: u32, for_ms: u64) -> Outcome {
        self.ask(party, Command::Hold { order: order(quantity), for_ms })
    }

    fn held(&mut self, party: u64, quantity: u32, for_ms: u64) -> HoldId {
        match self.hold(party, quantity, for_ms) {
            Outcome::Held { hold, .. } => hold,
            other => unreachable!("{other:?}"),
        }
    }

    fn buy(&mut self, party: u64, quantity: u32) -> Outcome {
        self.ask(party, Command::Buy(order(quantity)))
    }
}

fn order(quantity: u32) -> Order {
    Order { good: good("salt"), quantity, limit: None, partial: false }
}

fn refused(refusal: Refusal) -> Outcome {
    Outcome::Refused(refusal)
}

#[test]
fn what_is_held_is_bought_by_its_holder_at_the_price_of_then() {
    let mut market = Market::new();
    let Outcome::Held { hold, until_ms, receipt } = market.hold(BUYER, 4, 500) else {
        unreachable!()
    };
    assert_eq!((hold, until_ms, receipt.paid), (HoldId(1), 1_500, Money(20)));
    assert_eq!((market.kernel.held(&good("salt")), market.kernel.free(&good("salt"))), (4, 6));
    assert_eq!(market.kernel.account(Party(BUYER)).paid, Money(0));

    assert_eq!(market.ask(OTHER, Command::Claim { hold }), refused(Refusal::NotYourHold));
    assert_eq!(market.ask(OTHER, Command::Void { hold }), refused(Refusal::NotYourHold));
    assert_eq!(market.ask(BUYER, Command::Claim { hold }), Outcome::Bought(receipt));
    assert_eq!(market.ask(BUYER, Command::Claim { hold }), refused(Refusal::NoSuchHold));
    assert_eq!(market.ask(BUYER, Command::Void { hold }), refused(Refusal::NoSuchHold));

    let account = market.kernel.account(Party(BUYER));
    assert_eq!((account.paid, account.bought, account.purchases), (Money(20), 4, 1));
    assert_eq!(market.kernel.account(Party(SELLER)).earned, Money(18));
    assert_eq!(market.kernel.account(TRADER).commission, Money(2));
}

#[test]
fn while_the_rest_is_in_carts_it_is_not_sold_out() {
    let mut market = Market::new();
    let hold = market.held(BUYER, 8, 500);
    // Of the last two one more is to be had, and of the ten in all eight may come back.
    assert_eq!(market.buy(OTHER, 3), refused(Refusal::Held { units: 8 }));
    assert_eq!(market.hold(OTHER, 3, 500), refused(Refusal::Held { units: 8 }));
    assert!(matches!(market.buy(OTHER, 2), Outcome::Bought(_)));
    // The seller's own goods are none that it could have.
    assert_eq!(market.buy(SELLER, 1), refused(Refusal::OnlyOwnGoods));
    assert!(matches!(market.ask(BUYER, Command::Claim { hold }), Outcome::Bought(_)));
    assert_eq!(market.buy(OTHER, 1), refused(Refusal::OutOfStock { left: 0 }));
}

#[test]
fn what_is_voided_is_for_sale_again() {
    let mut market = Market::new();
    let hold = market.held(BUYER, 10, 500);
    assert_eq!(market.kernel.stock(&good("salt")).lots, 0);
    let quantity = 10;
    assert_eq!(
        market.ask(BUYER, Command::Void { hold }),
        Outcome::Voided { good: good("salt"), quantity }
    );
    assert!(matches!(market.buy(OTHER, 10), Outcome::Bought(_)));
}

#[test]
fn a_cart_ends_when_the_leader_says_that_its_time_is_over() {
    let mut market = Market::new();
    let (long, short) = (market.held(BUYER, 2, 900), market.held(BUYER, 3, 400));
    assert_eq!(market.kernel.holds_due_in_ms(1_000), Some(400));
    market.now_ms = 1_399;
    assert_eq!(market.act(Act::EndHolds), Outcome::HoldsEnded(Vec::new()));
    market.now_ms = 1_400;
    assert_eq!(market.kernel.holds_due_in_ms(1_400), Some(0));
    let ended = EndedHold { hold: short, good: good("salt"), quantity: 3 };
    assert_eq!(market.act(Act::EndHolds), Outcome::HoldsEnded(vec![ended]));
    assert_eq!(market.ask(BUYER, Command::Claim { hold: short }), refused(Refusal::NoSuchHold));
    // A leader's clock that is behind ends nothing: the market's time does not run backwards, and
    // not forwards by itself.
    market.now_ms = 10;
    assert_eq!(market.act(Act::EndHolds), Outcome::HoldsEnded(Vec::new()));
    // Until an entry ends it, a cart can be claimed.
    market.now_ms = 5_000;
    assert!(matches!(market.ask(BUYER, Command::Claim { hold: long }), Outcome::Bought(_)));
    assert_eq!(market.kernel.holds_due_in_ms(5_000), None);
}

#[test]
fn a_cart_outlives_its_session_and_is_claimed_by_a_later_life() {
    let mut market = Market::new();
    let hold = market.held(BUYER, 4, 500);
    market.act(Act::Request(request(BUYER, 2, 0, Command::Open)));
    let claim = Act::Request(request(BUYER, 2, 1, Command::Claim { hold }));
    assert!(matches!(market.act(claim), Outcome::Bought(_)));
}

#[test]
fn a_seller_takes_back_what_is_on_the_shelf_and_no_cart() {
    let mut market = Market::new();
    let hold = market.held(BUYER, 4, 500);
    let lot = LotId(1);
    let withdrawn = Outcome::Withdrawn { good: good("salt"), quantity: 6 };
    assert_eq!(market.ask(SELLER, Command::Withdraw { lot }), withdrawn);
    assert!(matches!(market.ask(BUYER, Command::Void { hold }), Outcome::Voided { .. }));
    let withdrawn = Outcome::Withdrawn { good: good("salt"), quantity: 4 };
    assert_eq!(market.ask(SELLER, Command::Withdraw { lot }), withdrawn);
}

#[test]
fn what_traders_have_on_loan_may_have_to_come_back_first() {
    let mut market = Market::new();
    let trader = Party(8);
    market.act(Act::Term(TermAct::Open { trader }));
    let term = TermId { trader, number: 1 };
    let lend = TermAct::Lend { term, good: good("salt"), units: 7 };
    assert!(matches!(market.act(Act::Term(lend)), Outcome::Term(TermOutcome::Lent(_))));
    assert_eq!(market.hold(BUYER, 4, 500), refused(Refusal::Lent { units: 7 }));
    market.held(BUYER, 3, 500);
    market.act(Act::Term(TermAct::Close { term }));
    assert_eq!(market.kernel.free(&good("salt")), 7);
}

#[test]
fn carts_have_limits() {
    let mut market = Market::new();
    let time = refused(Refusal::Invalid(Invalid::HoldTime));
    assert_eq!(market.hold(BUYER, 1, 0), time);
    assert_eq!(market.hold(BUYER, 1, HOLD_MS_MAX + 1), time);
    assert_eq!(market.hold(BUYER, 0, 1), refused(Refusal::Invalid(Invalid::QuantityZero)));
    let offer = Offer { good: good("salt"), quantity: 100, unit_price: Money(5), stamp: None };
    market.ask(SELLER, Command::Deposit(offer));
    for _ in 0..HOLDS_OF_A_PARTY_MAX {
        market.held(BUYER, 1, HOLD_MS_MAX);
    }
    let full = refused(Refusal::LimitReached(Limit::Holds));
    assert_eq!(market.hold(BUYER, 1, 500), full);
    market.held(OTHER, 1, 500);
    market.ask(BUYER, Command::Void { hold: HoldId(1) });
    market.held(BUYER, 1, 500);
}

#[test]
fn a_market_with_carts_is_restored_whole() {
    let mut market = Market::new();
    market.held(BUYER, 4, 500);
    market.held(OTHER, 1, 400);
    let mut restored = Kernel::from_bytes(&market.kernel.to_bytes()).unwrap();
    assert_eq!(restored, market.kernel);
    market.now_ms = 1_450;
    let entry = Entry { at_ms: 1_450, trader: TRADER, draw: 0, act: Act::EndHolds };
    assert_eq!(restored.apply(&entry).outcome, market.act(Act::EndHolds));
    assert_eq!(restored, market.kernel);
}
