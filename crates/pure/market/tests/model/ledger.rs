//! A simple ledger: a list of lots, a few sums, and a list of answers.

use std::collections::{BTreeMap, BTreeSet};

use clocks::Stamp;
use market::{
    ClientId, Command, EndedHold, HoldId, Kernel, LotId, Money, Offer, Order, Outcome, Party,
    Receipt, Refusal, Request, SellerChoice,
};

use crate::common::{TRADER, good};
use crate::{GOODS, PARTIES};

/// A lot as the model knows it.
#[derive(Debug, Clone)]
struct Lot {
    id: u64,
    seller: u64,
    offer: Offer,
    left: u32,
    sales: u64,
}

/// A session as the model knows it.
#[derive(Debug, Default)]
struct Session {
    heard_ms: u64,
    acknowledged: u64,
    answers: BTreeMap<u64, (Command, Outcome)>,
}

/// What must be true of a market, kept in the simplest way.
pub struct Model {
    choice: SellerChoice,
    basis_points: i128,
    lots: Vec<Lot>,
    deposits: u64,
    ever: BTreeSet<String>,
    /// Money in and out by party: a buyer's balance falls, a seller's and a trader's rises.
    balances: BTreeMap<u64, i128>,
    /// Units in and out by party: bought and withdrawn units come home, deposited ones leave.
    home: BTreeMap<u64, i64>,
    sessions: BTreeMap<(u64, u64), Session>,
    lives: BTreeMap<u64, u64>,
    purchases: BTreeMap<u64, u64>,
    holds: BTreeMap<u64, Hold>,
    named_holds: u64,
}

/// A cart as the model knows it.
#[derive(Debug, Clone)]
struct Hold {
    party: u64,
    until_ms: u64,
    receipt: Receipt,
    /// What was taken, as lots of their own.
    lots: Vec<Lot>,
}

impl Model {
    pub fn new(choice: SellerChoice, basis_points: u16) -> Self {
        Self {
            choice,
            basis_points: i128::from(basis_points),
            lots: Vec::new(),
            deposits: 0,
            ever: BTreeSet::new(),
            balances: BTreeMap::new(),
            home: BTreeMap::new(),
            sessions: BTreeMap::new(),
            lives: BTreeMap::new(),
            purchases: BTreeMap::new(),
            holds: BTreeMap::new(),
            named_holds: 0,
        }
    }

    /// Drops silent sessions, and counts them.
    pub fn expire(&mut self, idle_ms: u64, now_ms: u64) -> u32 {
        let before = self.sessions.len();
        self.sessions.retain(|_, session| now_ms - session.heard_ms < idle_ms);
        (before - self.sessions.len()) as u32
    }

    /// Judges the kernel's answer to a request, and follows it.
    pub fn judge(&mut self, request: &Request, repeated: bool, outcome: &Outcome, now_ms: u64) {
        let ClientId { party, life } = request.id.client;
        let (party, number) = (party.0, request.id.number);
        if request.command == Command::Open {
            let known = self.sessions.contains_key(&(party, life));
            let highest = self.lives.get(&party).copied().unwrap_or_default();
            let may_open = life > highest || life == highest && known;
            let purchases = self.purchases.get(&party).copied().unwrap_or_default();
            let is_open = *outcome == Outcome::Opened { purchases };
            assert_eq!(is_open, may_open, "{outcome:?}");
            if is_open {
                self.lives.entry(party).and_modify(|l| *l = life.max(*l)).or_insert(life);
                self.sessions.entry((party, life)).or_default().heard_ms = now_ms;
            }
            return;
        }
        let Some(session) = self.sessions.get_mut(&(party, life)) else {
            return assert_eq!(*outcome, Outcome::Refused(Refusal::UnknownSession));
        };
        let highest = self.lives[&party];
        let is_acknowledged = number < session.acknowledged;
        let is_answered =
            session.answers.get(&number).is_some_and(|(it, _)| *it == request.command);
        if life < highest && (is_acknowledged || !is_answered) {
            return assert_eq!(*outcome, Outcome::Refused(Refusal::LifeOver { highest }));
        }
        session.heard_ms = now_ms;
        session.acknowledged = session.acknowledged.max(request.answered_below);
        if number < session.acknowledged {
            return assert_eq!(*outcome, Outcome::Refused(Refusal::AnswerForgotten));
        }
        if let Some((command, first)) = session.answers.get(&number) {
            if *command != request.command {
                return assert_eq!(*outcome, Outcome::Refused(Refusal::Conflict));
            }
            assert!(repeated);
            return assert_eq!(outcome, first);
        }
        assert!(!repeated);
        session.answers.insert(number, (request.command.clone(), outcome.clone()));
        match &request.command {
            Command::Open => unreachable!("answered above"),
            Command::Buy(order) => self.judge_buy(party, order, outcome),
            Command::Deposit(offer) => self.judge_deposit(party, offer, outcome),
            Command::Withdraw { lot } => self.judge_withdraw(party, lot.0, outcome),
            Command::Hold { order, for_ms } => {
                self.judge_hold(party, order, *for_ms, outcome, now_ms);
            }
            Command::Claim { hold } => self.judge_claim(party, hold.0, outcome),
            Command::Void { hold } => self.judge_void(party, hold.0, outcome),
        }
    }

    fn judge_deposit(&mut self, seller: u64, offer: &Offer, outcome: &Outcome) {
        if offer.quantity == 0 {
            return assert!(matches!(outcome, Outcome::Refused(Refusal::Invalid(_))));
        }
        self.deposits += 1;
        let (id, left) = (self.deposits, offer.quantity);
        assert_eq!(*outcome, Outcome::Deposited { lot: LotId(id) });
        self.ever.insert(offer.good.to_string());
        *self.home.entry(seller).or_default() -= i64::from(left);
        self.lots.push(Lot { id, seller, offer: offer.clone(), left, sales: 0 });
    }

    fn judge_withdraw(&mut self, party: u64, id: u64, outcome: &Outcome) {
        let Some(position) = self.lots.iter().position(|lot| lot.id == id) else {
            return assert_eq!(*outcome, Outcome::Refused(Refusal::NoSuchLot));
        };
        let Lot { seller, left, offer, .. } = self.lots[position].clone();
        if seller != party {
            return assert_eq!(*outcome, Outcome::Refused(Refusal::NotYourLot));
        }
        assert_eq!(*outcome, Outcome::Withdrawn { good: offer.good, quantity: left });
        *self.home.entry(seller).or_default() += i64::from(left);
        self.lots.remove(position);
    }

    fn judge_buy(&mut self, buyer: u64, order: &Order, outcome: &Outcome) {
        match (self.refusal(buyer, order), outcome) {
            (Err(refusal), outcome) => assert_eq!(*outcome, Outcome::Refused(refusal)),
            (Ok(quantity), Outcome::Bought(receipt)) => {
                assert_eq!((&receipt.good, receipt.quantity), (&order.good, quantity));
                let limit = order.limit.unwrap_or(Money(u64::MAX));
                for taken in self.take_off(buyer, limit, receipt) {
                    if let Some(lot) = self.lots.iter_mut().find(|lot| lot.id == taken.id) {
                        lot.sales += 1;
                    }
                }
                self.follow_sale(buyer, receipt);
            }
            (Ok(_), outcome) => unreachable!("{order:?} can be met, yet {outcome:?}"),
        }
    }

    fn judge_hold(
        &mut self,
        party: u64,
        order: &Order,
        for_ms: u64,
        outcome: &Outcome,
        now_ms: u64,
    ) {
        if order.quantity > 0 && for_ms == 0 {
            let refusal = Refusal::Invalid(market::Invalid::HoldTime);
            return assert_eq!(*outcome, Outcome::Refused(refusal));
        }
        match (self.refusal(party, order), outcome) {
            (Err(refusal), outcome) => assert_eq!(*outcome, Outcome::Refused(refusal)),
            (Ok(quantity), Outcome::Held { hold, until_ms, receipt }) => {
                self.named_holds += 1;
                assert_eq!((hold.0, *until_ms), (self.named_holds, now_ms + for_ms));
                assert_eq!((&receipt.good, receipt.quantity), (&order.good, quantity));
                let limit = order.limit.unwrap_or(Money(u64::MAX));
                let lots = self.take_off(party, limit, receipt);
                let (until_ms, receipt) = (*until_ms, receipt.clone());
                self.holds.insert(hold.0, Hold { party, until_ms, receipt, lots });
            }
            (Ok(_), outcome) => unreachable!("{order:?} can be held, yet {outcome:?}"),
        }
    }

    /// The cart, or why it is none of the party's.
    fn own(&self, party: u64, hold: u64) -> Result<Hold, Refusal> {
        match self.holds.get(&hold) {
            None => Err(Refusal::NoSuchHold),
            Some(held) if held.party != party => Err(Refusal::NotYourHold),
            Some(held) => Ok(held.clone()),
        }
    }

    fn judge_claim(&mut self, party: u64, hold: u64, outcome: &Outcome) {
        match self.own(party, hold) {
            Err(refusal) => assert_eq!(*outcome, Outcome::Refused(refusal)),
            Ok(Hold { receipt, .. }) => {
                assert_eq!(*outcome, Outcome::Bought(receipt.clone()));
                self.holds.remove(&hold);
                self.follow_sale(party, &receipt);
            }
        }
    }

    fn judge_void(&mut self, party: u64, hold: u64, outcome: &Outcome) {
        match self.own(party, hold) {
            Err(refusal) => assert_eq!(*outcome, Outcome::Refused(refusal)),
            Ok(Hold { receipt, .. }) => {
                let (good, quantity) = (receipt.good.clone(), receipt.quantity.into());
                assert_eq!(*outcome, Outcome::Voided { good, quantity });
                self.put_back(hold);
            }
        }
    }

    /// Ends the carts whose time is over, the oldest time first.
    pub fn end_holds(&mut self, now_ms: u64) -> Vec<EndedHold> {
        let mut due: Vec<(u64, u64)> =
            self.holds.iter().map(|(id, hold)| (hold.until_ms, *id)).collect();
        due.retain(|(until_ms, _)| *until_ms <= now_ms);
        due.sort_unstable();
        let ended = due.iter().map(|(_, id)| {
            let receipt = &self.holds[id].receipt;
            let (good, quantity) = (receipt.good.clone(), receipt.quantity.into());
            EndedHold { hold: HoldId(*id), good, quantity }
        });
        let ended = ended.collect();
        due.iter().for_each(|(_, id)| self.put_back(*id));
        ended
    }

    fn put_back(&mut self, hold: u64) {
        for held in self.holds.remove(&hold).expect("a cart").lots {
            match self.lots.iter_mut().find(|lot| lot.id == held.id) {
                Some(lot) => lot.left += held.left,
                None => self.lots.push(held),
            }
        }
        self.lots.sort_by_key(|lot| lot.id);
    }

    /// How many units an order gets, or why it gets none.
    fn refusal(&self, buyer: u64, order: &Order) -> Result<u32, Refusal> {
        let here = self.lots.iter().filter(|lot| lot.offer.good == order.good);
        let others: Vec<&Lot> = here.clone().filter(|lot| lot.seller != buyer).collect();
        let limit = order.limit.unwrap_or(Money(u64::MAX));
        let to_be_had = others.iter().filter(|lot| lot.offer.unit_price <= limit);
        let available: u32 = to_be_had.map(|lot| lot.left).sum();
        let cheapest = others.iter().map(|lot| lot.offer.unit_price).min();
        let in_carts = self.holds.values().flat_map(|hold| &hold.lots).filter(|lot| {
            lot.offer.good == order.good && lot.seller != buyer && lot.offer.unit_price <= limit
        });
        let held: u64 = in_carts.map(|lot| u64::from(lot.left)).sum();
        let mut in_carts = self.holds.values().flat_map(|hold| &hold.lots);
        let any_in_carts = in_carts.any(|lot| lot.offer.good == order.good);
        let no = |refusal| match held {
            0 => Err(refusal),
            units => Err(Refusal::Held { units }),
        };
        if order.quantity == 0 {
            Err(Refusal::Invalid(market::Invalid::QuantityZero))
        } else if !self.ever.contains(order.good.as_str()) {
            Err(Refusal::NotSoldHere)
        } else if here.count() == 0 && !any_in_carts {
            no(Refusal::OutOfStock { left: 0 })
        } else if others.is_empty() {
            no(Refusal::OnlyOwnGoods)
        } else if available == 0 {
            no(Refusal::TooDear { cheapest: cheapest.expect("a lot of another party") })
        } else if available < order.quantity && !order.partial {
            no(Refusal::OutOfStock { left: available })
        } else {
            Ok(order.quantity.min(available))
        }
    }

    /// Takes the fills one after the other, each from a lot that the policy allows just then.
    fn take_off(&mut self, buyer: u64, limit: Money, receipt: &Receipt) -> Vec<Lot> {
        let (mut quantity, mut taken) = (0, Vec::new());
        for fill in &receipt.fills {
            let eligible = self.lots.iter().filter(|lot| {
                lot.offer.good == receipt.good
                    && lot.seller != buyer
                    && lot.offer.unit_price <= limit
                    && lot.left > 0
            });
            let eligible: Vec<&Lot> = eligible.collect();
            let lot = eligible.iter().find(|lot| lot.id == fill.lot.0).expect("an eligible lot");
            assert!(self.allowed(lot, &eligible), "{fill:?} of {eligible:?}");
            assert_eq!((fill.seller.0, fill.unit_price), (lot.seller, lot.offer.unit_price));
            assert_eq!(fill.quantity, lot.left.min(receipt.quantity - quantity));
            quantity += fill.quantity;
            let id = lot.id;
            let lot = self.lots.iter_mut().find(|lot| lot.id == id).expect("just seen");
            taken.push(Lot { left: fill.quantity, ..lot.clone() });
            lot.left -= fill.quantity;
        }
        self.lots.retain(|lot| lot.left > 0);
        assert_eq!(receipt.quantity, quantity);
        taken
    }

    /// Books a sale of what is off the shelves.
    fn follow_sale(&mut self, buyer: u64, receipt: &Receipt) {
        let (mut quantity, mut paid, mut commission) = (0, 0, 0);
        for fill in &receipt.fills {
            let price = i128::from(fill.unit_price.0) * i128::from(fill.quantity);
            let kept = nearest_even(price * self.basis_points, 10_000);
            assert_eq!(i128::from(fill.paid.0), price);
            assert_eq!(i128::from(fill.commission.0), kept);
            assert_eq!(i128::from(fill.earned.0), price - kept);
            *self.balances.entry(fill.seller.0).or_default() += price - kept;
            quantity += fill.quantity;
            paid += price;
            commission += kept;
        }
        assert_eq!(receipt.quantity, quantity);
        *self.purchases.entry(buyer).or_default() += 1;
        assert_eq!(
            (i128::from(receipt.paid.0), i128::from(receipt.commission.0)),
            (paid, commission)
        );
        *self.balances.entry(buyer).or_default() -= paid;
        *self.balances.entry(TRADER.0).or_default() += commission;
        *self.home.entry(buyer).or_default() += i64::from(quantity);
    }

    /// Whether the policy may choose this lot now.
    fn allowed(&self, lot: &Lot, eligible: &[&Lot]) -> bool {
        let before = |one: &Lot, other: &Lot| match (&one.offer.stamp, &other.offer.stamp) {
            (Some(one), Some(other)) => one.before(other),
            _ => false,
        };
        let first = |lot: &Lot| !eligible.iter().any(|other| before(other, lot));
        match self.choice {
            SellerChoice::Random => true,
            SellerChoice::Oldest => eligible.iter().all(|other| lot.id <= other.id),
            SellerChoice::Cheapest => eligible
                .iter()
                .all(|other| (lot.offer.unit_price, lot.id) <= (other.offer.unit_price, other.id)),
            SellerChoice::Lamport => {
                let key = |lot: &Lot| {
                    let clock = match lot.offer.stamp {
                        Some(Stamp::Lamport(clock)) => clock.0,
                        _ => 0,
                    };
                    (clock + lot.sales, lot.seller, lot.id)
                };
                eligible.iter().all(|other| key(lot) <= key(other))
            }
            SellerChoice::Vector => {
                let firsts = eligible.iter().filter(|other| first(other));
                first(lot)
                    && firsts
                        .into_iter()
                        .all(|other| (lot.seller, lot.id) <= (other.seller, other.id))
            }
        }
    }

    /// Whether the kernel's books say what the model's say.
    pub fn compare(&self, kernel: &Kernel) {
        kernel.check_quick().expect("totals that add up");
        kernel.audit().expect("a sound market");
        for party in (0..PARTIES).chain([TRADER.0]) {
            let account = kernel.account(Party(party));
            let balance = i128::from(account.earned.0) + i128::from(account.commission.0)
                - i128::from(account.paid.0);
            assert_eq!(balance, self.balances.get(&party).copied().unwrap_or_default());
            let home = (account.bought + account.withdrawn) as i64 - account.deposited as i64;
            assert_eq!(home, self.home.get(&party).copied().unwrap_or_default());
            let lots = kernel.lots_of(Party(party)).map(|(id, lot)| (id.0, lot.quantity));
            let known = self.lots.iter().filter(|lot| lot.seller == party);
            assert!(lots.eq(known.map(|lot| (lot.id, lot.left))));
        }
        for name in GOODS {
            let lots = self.lots.iter().filter(|lot| lot.offer.good.as_str() == name);
            let stock = kernel.stock(&good(name));
            assert_eq!(stock.lots, lots.clone().count());
            let in_carts = self.holds.values().flat_map(|hold| &hold.lots);
            let held = in_carts.filter(|lot| lot.offer.good.as_str() == name);
            let units = |lot: &Lot| u64::from(lot.left);
            assert_eq!(kernel.held(&good(name)), held.clone().map(units).sum());
            assert_eq!(kernel.free(&good(name)), lots.clone().map(units).sum());
            assert_eq!(stock.units, lots.clone().chain(held).map(units).sum());
            assert_eq!(stock.cheapest, lots.map(|lot| lot.offer.unit_price).min());
        }
        assert!(kernel.goods().map(|(good, _)| good.to_string()).eq(self.ever.iter().cloned()));
        assert_eq!(kernel.sessions(), self.sessions.len());
    }
}

/// A quotient of whole numbers, rounded to the nearest one, a half to the even one.
fn nearest_even(dividend: i128, divisor: i128) -> i128 {
    let up = (2 * dividend + divisor).div_euclid(2 * divisor);
    let tie = (2 * dividend + divisor) % (2 * divisor) == 0;
    if tie && up % 2 != 0 { up - 1 } else { up }
}

#[test]
fn rounding_is_half_even() {
    let table = [(0, 0), (4, 0), (5, 0), (6, 1), (10, 1), (15, 2), (25, 2), (26, 3), (35, 4)];
    for (dividend, quotient) in table {
        assert_eq!(nearest_even(dividend, 10), quotient);
    }
}
