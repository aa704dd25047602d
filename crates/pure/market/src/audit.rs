//! Proof of a market by its own books: everything that is kept twice is computed again.
//!
//! What `apply` relies on is checked here too, so a market that passes can be used, wherever its
//! bytes came from.

use std::collections::BTreeMap;
use std::fmt::Debug;

use crate::carts::Hold;
use crate::limits::{
    ANSWERS_MAX, FILLS_MAX, GOODS_MAX, GRANTS_UNRECEIVED_MAX, HOLD_MS_MAX, HOLDS_MAX,
    HOLDS_OF_A_PARTY_MAX, LOTS_MAX, PARTIES_MAX, QUANTITY_MAX, SESSIONS_MAX, STAMP_NODES_MAX,
    TERMS_MAX, UNIT_PRICE_MAX,
};
use crate::lots::{Lot, Shelf};
use crate::session::Session;
use crate::{Good, Kernel, LotId, Money, Outcome, Party, Receipt};

type Audit = Result<(), String>;

impl Kernel {
    /// Computes every sum again from the lots and the accounts, and compares. Looks at everything.
    ///
    /// # Errors
    /// A sentence that says what does not add up.
    pub fn audit(&self) -> Audit {
        self.check_quick()?;
        self.audit_goods()?;
        self.audit_parties()?;
        self.audit_money()?;
        self.audit_terms()?;
        self.audit_carts()?;
        self.audit_sessions()
    }

    /// Lots are whole, shelves hold what their lots hold, totals what the shelves hold.
    fn audit_goods(&self) -> Audit {
        let inventory = &self.inventory;
        at_most("lots", inventory.lots.len(), LOTS_MAX)?;
        at_most("goods", inventory.shelves.len(), GOODS_MAX)?;
        let mut shelves: BTreeMap<&Good, Shelf> = BTreeMap::new();
        for (&id, lot) in &inventory.lots {
            audit_lot(id, lot)?;
            let shelf = shelves.entry(&lot.good).or_default();
            shelf.units.left += u64::from(lot.quantity);
            shelf.by_age.insert(id);
            shelf.by_price.insert((lot.unit_price, id));
        }
        for (id, lot) in self.terms.lots().chain(self.carts.lots()) {
            audit_lot(id, lot)?;
            let shelf = shelves.entry(&lot.good).or_default();
            shelf.units.left += u64::from(lot.quantity);
        }
        let last = inventory.lots.last_key_value().map_or(0, |(id, _)| id.0);
        holds(last <= inventory.last_lot.0, || format!("lot {last} was not yet named"))?;
        let named = inventory.last_lot;
        holds(named <= Self::LAST_LOT, || format!("lot {named} leaves too few names"))?;
        let mut sums = [0_u128; 4];
        for (good, shelf) in &inventory.shelves {
            let units = shelf.units;
            holds(units.adds_up(), || format!("units of {good} do not add up: {units:?}"))?;
            let lots = shelves.remove(good).unwrap_or_default();
            let name = |what: &str| format!("{what} of {good}");
            same(&name("units left"), units.left, lots.units.left)?;
            same(&name("lots by age"), &shelf.by_age, &lots.by_age)?;
            same(&name("lots by price"), &shelf.by_price, &lots.by_price)?;
            let parts = [units.deposited, units.withdrawn, units.shipped, units.left];
            sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += u128::from(part));
        }
        holds(shelves.is_empty(), || format!("lots without a shelf: {:?}", shelves.keys()))?;
        let totals = self.ledger.totals.units;
        let parts = [totals.deposited, totals.withdrawn, totals.shipped, totals.left];
        same("units of all goods", parts.map(u128::from), sums)
    }

    /// On the shelves, on loan, and in carts.
    fn all_lots(&self) -> impl Iterator<Item = &Lot> {
        let aside = self.terms.lots().chain(self.carts.lots());
        self.inventory.lots.values().chain(aside.map(|(_, lot)| lot))
    }

    /// Each party: deposited = sold + withdrawn + left. All parties together: the totals.
    fn audit_parties(&self) -> Audit {
        let mut left: BTreeMap<Party, u128> = BTreeMap::new();
        for lot in self.all_lots() {
            *left.entry(lot.seller).or_default() += u128::from(lot.quantity);
        }
        let mut sums = [0_u128; 4];
        for (party, account) in &self.ledger.accounts {
            let gone = u128::from(account.sold) + u128::from(account.withdrawn);
            let all = gone + left.remove(party).unwrap_or_default();
            same(&format!("units of party {party}"), u128::from(account.deposited), all)?;
            let parts = [account.deposited, account.withdrawn, account.sold, account.bought];
            sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += u128::from(part));
        }
        holds(left.is_empty(), || format!("sellers without an account: {:?}", left.keys()))?;
        let units = self.ledger.totals.units;
        let parts = [units.deposited, units.withdrawn, units.shipped, units.shipped];
        same("units of all parties", parts.map(u128::from), sums)
    }

    /// The accounts' money is the totals'; the worth is what was paid and what is on sale.
    fn audit_money(&self) -> Audit {
        let mut sums = [0_u128; 3];
        for account in self.ledger.accounts.values() {
            let parts = [account.paid, account.earned, account.commission];
            sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += u128::from(part.0));
        }
        let totals = self.ledger.totals;
        let parts = [totals.paid, totals.earned, totals.commission];
        same("money of all parties", parts.map(|part| u128::from(part.0)), sums)?;
        let prices = self.all_lots().map(|lot| price(lot.unit_price, lot.quantity));
        let worth = u128::from(totals.paid.0) + prices.sum::<u128>();
        same("worth of the market", u128::from(self.ledger.worth.0), worth)
    }

    /// Terms are within their limits, and were begun.
    fn audit_terms(&self) -> Audit {
        at_most("terms", self.terms.open.len(), TERMS_MAX)?;
        for (id, term) in &self.terms.open {
            let last = self.terms.last.get(&id.trader);
            let known = last.is_some_and(|last| id.number <= *last);
            holds(known, || format!("term {id} never began"))?;
            at_most("grants under way", term.grants.len(), GRANTS_UNRECEIVED_MAX)?;
            let latest = term.grants.back().map_or(0, |grant| grant.number);
            holds(latest <= term.granted, || format!("grant {latest} of {id} was never made"))?;
        }
        Ok(())
    }

    /// Carts are within their limits, hold one good each, and are found by all that leads to them.
    fn audit_carts(&self) -> Audit {
        let carts = &self.carts;
        at_most("carts", carts.held.len(), HOLDS_MAX)?;
        at_most("lots in carts", carts.lots, LOTS_MAX)?;
        let last = carts.last.0;
        holds(last <= Self::LAST_LOT.0, || format!("cart {last} leaves too few names"))?;
        for (id, hold) in &carts.held {
            holds(*id <= carts.last, || format!("cart {id} was not yet named"))?;
            holds(hold.units.len() > 0, || format!("cart {id} is empty"))?;
            at_most("lots in a cart", hold.units.len(), FILLS_MAX)?;
            audit_receipt(&hold.receipt).map_err(|broken| format!("cart {id}: {broken}"))?;
            audit_cart(hold).map_err(|broken| format!("cart {id}: {broken}"))?;
            let latest = self.now_ms.saturating_add(HOLD_MS_MAX);
            holds(hold.until_ms <= latest, || format!("cart {id} is held for too long"))?;
        }
        let mut computed = carts.clone();
        computed.index();
        holds(*carts == computed, || "the index of the carts is not theirs".to_owned())?;
        let most = carts.by_party.values().max().copied().unwrap_or_default();
        at_most("carts of a party", most, HOLDS_OF_A_PARTY_MAX)
    }

    /// Sessions are within their limits and keep only what a client may still ask for.
    fn audit_sessions(&self) -> Audit {
        at_most("sessions", self.sessions.open.len(), SESSIONS_MAX)?;
        at_most("parties", self.sessions.lives.len(), PARTIES_MAX)?;
        for (client, session) in &self.sessions.open {
            let highest = self.sessions.lives.get(&client.party);
            let known = highest.is_some_and(|highest| client.life <= *highest);
            holds(known, || format!("session {client} was never opened"))?;
            holds(session.seen_ms <= self.now_ms, || format!("session {client} is in the future"))?;
            self.audit_session(session).map_err(|broken| format!("session {client}: {broken}"))?;
        }
        Ok(())
    }

    fn audit_session(&self, session: &Session) -> Audit {
        at_most("answers", session.answers.len(), ANSWERS_MAX)?;
        let mut lowest = Some(session.answered_below);
        for answer in &session.answers {
            let number = answer.number;
            let in_order = lowest.is_some_and(|lowest| lowest <= number);
            holds(in_order, || format!("answer {number} is out of order"))?;
            holds(answer.outcome.is_remembered(), || format!("answer {number} is none to keep"))?;
            if let Outcome::Bought(receipt) | Outcome::Held { receipt, .. } = &answer.outcome {
                audit_receipt(receipt).map_err(|broken| format!("answer {number}: {broken}"))?;
            }
            lowest = number.checked_add(1);
        }
        Ok(())
    }
}

fn audit_lot(id: LotId, lot: &Lot) -> Audit {
    let quantity = lot.quantity;
    holds((1..=QUANTITY_MAX).contains(&quantity), || format!("lot {id} has {quantity} units"))?;
    holds(lot.unit_price <= UNIT_PRICE_MAX, || {
        format!("lot {id} costs {} a unit", lot.unit_price)
    })?;
    let nodes = lot.stamp.as_ref().map_or(0, |stamp| stamp.nodes());
    at_most("nodes in a stamp", nodes, STAMP_NODES_MAX)
}

fn audit_receipt(receipt: &Receipt) -> Audit {
    at_most("fills", receipt.fills.len(), FILLS_MAX)?;
    let mut sums = [0_u128; 3];
    for fill in &receipt.fills {
        same("price of a fill", u128::from(fill.paid.0), price(fill.unit_price, fill.quantity))?;
        let parts = u128::from(fill.earned.0) + u128::from(fill.commission.0);
        same("parts of a fill", u128::from(fill.paid.0), parts)?;
        let parts = [u64::from(fill.quantity), fill.paid.0, fill.commission.0];
        sums.iter_mut().zip(parts).for_each(|(sum, part)| *sum += u128::from(part));
    }
    let all = [u64::from(receipt.quantity), receipt.paid.0, receipt.commission.0];
    same("sums of a receipt", all.map(u128::from), sums)
}

/// What is in a cart is what its receipt says.
fn audit_cart(hold: &Hold) -> Audit {
    let mut sold: BTreeMap<LotId, u64> = BTreeMap::new();
    for fill in &hold.receipt.fills {
        *sold.entry(fill.lot).or_default() += u64::from(fill.quantity);
        let is_so = hold.units.get(fill.lot).is_some_and(|lot| {
            (lot.seller, lot.unit_price) == (fill.seller, fill.unit_price)
                && lot.good == hold.receipt.good
        });
        holds(is_so, || format!("lot {} is another one", fill.lot))?;
    }
    let held = hold.lots().map(|(lot, held)| (lot, u64::from(held.quantity))).collect();
    same("units by lot", sold, held)
}

fn price(unit_price: Money, quantity: u32) -> u128 {
    u128::from(unit_price.0) * u128::from(quantity)
}

fn holds(condition: bool, broken: impl FnOnce() -> String) -> Audit {
    if condition { Ok(()) } else { Err(broken()) }
}

fn at_most(what: &str, count: usize, limit: usize) -> Audit {
    holds(count <= limit, || format!("{count} {what}; at most {limit} are allowed"))
}

fn same<T: PartialEq + Debug>(what: &str, kept: T, computed: T) -> Audit {
    holds(kept == computed, || format!("{what}: kept {kept:?}, computed {computed:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Act, ClientId, Command, Entry, Offer, Order, Refusal, Request, RequestId, Rules,
        SellerChoice,
    };

    /// A market with three lots, one of them sold in part, and one withdrawn.
    fn market() -> Kernel {
        let rules = Rules { commission_basis_points: 2_000, choice: SellerChoice::Oldest };
        let mut kernel = Kernel::new(rules).unwrap();
        let good = Good::new("salt").unwrap();
        let offer = Offer { good: good.clone(), quantity: 5, unit_price: Money(9), stamp: None };
        let order = Order { good, quantity: 7, limit: None, partial: false };
        let steps = [
            (1, Command::Open),
            (1, Command::Deposit(offer.clone())),
            (1, Command::Deposit(offer.clone())),
            (1, Command::Deposit(offer)),
            (1, Command::Withdraw { lot: LotId(3) }),
            (2, Command::Open),
            (2, Command::Buy(order)),
        ];
        for (number, (party, command)) in (0..).zip(steps) {
            let client = ClientId { party: Party(party), life: 1 };
            let id = RequestId { client, number };
            let act = Act::Request(Request { id, answered_below: 0, command });
            kernel.apply(&Entry { at_ms: 10, trader: Party(9), draw: 0, act });
        }
        kernel
    }

    #[test]
    fn a_sound_market_passes() {
        assert_eq!(market().audit(), Ok(()));
    }

    #[test]
    fn each_tampering_is_found() {
        let salt = Good::new("salt").unwrap();
        let receipt = |kernel: &mut Kernel, change: fn(&mut Receipt)| {
            let session = kernel.sessions.open.values_mut().last().unwrap();
            match &mut session.answers[0].outcome {
                Outcome::Bought(receipt) => change(receipt),
                other => panic!("{other:?}"),
            }
        };
        let lot = |kernel: &mut Kernel, change: fn(&mut Lot)| {
            change(kernel.inventory.lots.get_mut(&LotId(2)).unwrap());
        };
        type Tampering<'a> = Box<dyn Fn(&mut Kernel) + 'a>;
        let tamperings: Vec<(&str, Tampering)> = vec![
            ("a total of units", Box::new(|k| k.ledger.totals.units.left += 1)),
            ("a total of money", Box::new(|k| k.ledger.totals.paid.0 += 1)),
            ("units from nowhere", Box::new(|k| lot(k, |lot| lot.quantity += 1))),
            ("an empty lot", Box::new(|k| lot(k, |lot| lot.quantity = 0))),
            ("a price", Box::new(|k| lot(k, |lot| lot.unit_price.0 += 1))),
            ("a seller", Box::new(|k| lot(k, |lot| lot.seller = Party(3)))),
            ("a lot gone", Box::new(|k| k.inventory.lots.clear())),
            (
                "a lot off its shelf",
                Box::new(|k| {
                    k.inventory.shelves.values_mut().for_each(|shelf| shelf.by_age.clear());
                }),
            ),
            (
                "a wrong place by price",
                Box::new(|k| {
                    let shelf = k.inventory.shelves.get_mut(&salt).unwrap();
                    shelf.by_price = [(Money(1), LotId(2))].into();
                }),
            ),
            ("a name used again", Box::new(|k| k.inventory.last_lot = LotId(1))),
            ("names that ran out", Box::new(|k| k.inventory.last_lot = LotId(u64::MAX))),
            (
                "a shelf's history",
                Box::new(|k| {
                    let units = &mut k.inventory.shelves.get_mut(&salt).unwrap().units;
                    (units.withdrawn, units.shipped) = (units.shipped, units.withdrawn);
                }),
            ),
            ("worth", Box::new(|k| k.ledger.worth.0 -= 1)),
            (
                "a moved earning",
                Box::new(|k| {
                    k.ledger.accounts.get_mut(&Party(1)).unwrap().earned.0 += 1;
                }),
            ),
            (
                "an unsold sale",
                Box::new(|k| {
                    k.ledger.accounts.get_mut(&Party(1)).unwrap().sold -= 1;
                }),
            ),
            ("a lost account", Box::new(|k| _ = k.ledger.accounts.remove(&Party(2)))),
            ("a session of no life", Box::new(|k| _ = k.sessions.lives.remove(&Party(2)))),
            ("a session of the future", Box::new(|k| k.now_ms = 9)),
            (
                "answers out of order",
                Box::new(|k| {
                    k.sessions
                        .open
                        .values_mut()
                        .for_each(|session| session.answers.make_contiguous().reverse());
                }),
            ),
            (
                "an acknowledged answer",
                Box::new(|k| {
                    k.sessions.open.values_mut().for_each(|session| session.answered_below = 9);
                }),
            ),
            (
                "an answer none keeps",
                Box::new(|k| {
                    let session = k.sessions.open.values_mut().last().unwrap();
                    session.answers[0].outcome = Outcome::Refused(Refusal::Conflict);
                }),
            ),
            ("a receipt's quantity", Box::new(|k| receipt(k, |receipt| receipt.quantity += 1))),
            ("a receipt's price", Box::new(|k| receipt(k, |receipt| receipt.paid.0 += 1))),
            ("a fill's price", Box::new(|k| receipt(k, |receipt| receipt.fills[0].paid.0 += 1))),
            ("a fill's parts", Box::new(|k| receipt(k, |receipt| receipt.fills[0].earned.0 += 1))),
        ];
        for (name, tamper) in tamperings {
            let mut kernel = market();
            tamper(&mut kernel);
            assert!(kernel.audit().is_err(), "{name} was not found");
        }
    }
}
