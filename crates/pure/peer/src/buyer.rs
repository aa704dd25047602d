//! What a buyer wants, and when (seeds 000, 001, 002): one purchase at a time, of a good,
//! a quantity and at a price by chance, with a pause for thought in between.
//!
//! A buyer with carts has some of it held first, thinks, and then claims it, voids it, or forgets it
//! until its time is over.

use std::time::Duration;

use machine::Random;
use market::{Command, Good, HoldId, Order, Outcome, Refusal};

use crate::settings::BuyerSettings;

/// What a buyer does after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Buys again at once.
    Buy,
    /// Thinks for this long, then buys.
    Think(Duration),
    /// Rests for this long, as a slow one does, then buys.
    Rest(Duration),
    /// Has all that it wanted.
    Stop,
}

/// A buyer's wishes.
#[derive(Debug, Clone)]
pub struct Buyer {
    settings: BuyerSettings,
    goods: Vec<Good>,
    /// How much it has bought, in all of its lives: orders, not units.
    purchases: u64,
    /// What it looks for; none if any good will do. A later life looks for anything.
    wanted: Option<Good>,
    /// What is held for it.
    cart: Option<HoldId>,
}

impl Buyer {
    /// A buyer that has bought nothing yet of `goods`.
    pub fn new(settings: BuyerSettings, goods: Vec<Good>) -> Self {
        Self { settings, goods, purchases: 0, wanted: None, cart: None }
    }

    /// How much it has bought.
    pub fn purchases(&self) -> u64 {
        self.purchases
    }

    /// The market says how much it has bought: more than it knows of, if it was not told of all.
    pub fn has_bought(&mut self, purchases: u64) {
        self.purchases = self.purchases.max(purchases);
    }

    /// What it looks for next; none if any good will do.
    pub fn wanted(&self) -> Option<&Good> {
        self.wanted.as_ref()
    }

    /// Its settings.
    pub fn settings(&self) -> &BuyerSettings {
        &self.settings
    }

    /// Whether it has bought all that it wants.
    pub fn is_done(&self) -> bool {
        let wanted = self.settings.purchases;
        wanted != 0 && self.purchases >= wanted
    }

    /// The next step towards a purchase; none if there is nothing to be bought at all.
    pub fn wish(&mut self, random: &mut Random) -> Option<Command> {
        if let (Some(hold), Some(carts)) = (self.cart.take(), &self.settings.carts) {
            return Some(match random.chance(carts.void_probability) {
                true => Command::Void { hold },
                false => Command::Claim { hold },
            });
        }
        let good = match self.wanted.take() {
            Some(good) => good,
            None => random.pick(&self.goods)?.clone(),
        };
        let range = self.settings.quantity;
        let quantity = random.between(range.min.into(), range.max.into()) as u32;
        let (limit, partial) = (self.settings.limit, self.settings.partial);
        let order = Order { good, quantity, limit, partial };
        Some(match &self.settings.carts {
            Some(carts) if random.chance(carts.probability) => {
                let for_ms = u64::try_from(carts.hold_for.as_millis()).unwrap_or(u64::MAX);
                Command::Hold { order, for_ms }
            }
            _ => Command::Buy(order),
        })
    }

    /// How long it thinks.
    pub fn think(&self, random: &mut Random) -> Duration {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let range = self.settings.think;
        Duration::from_nanos(random.between(nanos(range.min), nanos(range.max)))
    }

    /// What follows from a purchase, or from the promise of one.
    pub fn bought(&mut self, random: &mut Random) -> Next {
        self.purchases += 1;
        if self.is_done() {
            return Next::Stop;
        }
        if let Some(pause) = self.settings.pause
            && pause.after != 0
            && self.purchases.is_multiple_of(pause.after)
        {
            return Next::Rest(pause.lasts + self.think(random));
        }
        if random.chance(self.settings.buy_probability) {
            return Next::Buy;
        }
        Next::Think(self.think(random))
    }

    /// A purchase that was promised was none.
    pub fn taken_back(&mut self) {
        self.purchases = self.purchases.saturating_sub(1);
    }

    /// What follows from an answer to a command of its; none if it is in doubt.
    pub fn answered(
        &mut self,
        command: &Command,
        outcome: Option<&Outcome>,
        random: &mut Random,
    ) -> Next {
        match (outcome, command.order()) {
            (Some(Outcome::Bought(_)), _) => return self.bought(random),
            (Some(Outcome::Held { hold, .. }), _) => {
                let forgets = self.settings.carts.as_ref().map(|carts| carts.forget_probability);
                let is_forgotten = forgets.is_some_and(|probability| random.chance(probability));
                self.cart = (!is_forgotten).then_some(*hold);
            }
            // From now on it buys at once.
            (Some(Outcome::Refused(Refusal::NoCarts)), _) => self.settings.carts = None,
            (
                Some(Outcome::Refused(Refusal::OutOfStock { .. } | Refusal::NotSoldHere)),
                Some(order),
            ) => {
                self.wanted = self.another_than(&order.good, random);
            }
            // Others may sell another good, or sell it cheaper, and what is in carts may be taken.
            (
                Some(Outcome::Refused(
                    Refusal::TooDear { .. } | Refusal::OnlyOwnGoods | Refusal::Held { .. },
                )),
                Some(order),
            ) if self.settings.retry_other_good => {
                self.wanted = self.another_than(&order.good, random);
            }
            _ => {}
        }
        Next::Think(self.think(random))
    }

    fn another_than(&self, good: &Good, random: &mut Random) -> Option<Good> {
        if !self.settings.retry_other_good {
            return Some(good.clone());
        }
        let others: Vec<Good> = self.goods.iter().filter(|other| *other != good).cloned().collect();
        random.pick(&others).cloned()
    }
}

#[cfg(test)]
mod tests {
    use crate::settings::{Pause, Range};

    use super::*;

    fn buyer(change: impl Fn(&mut BuyerSettings)) -> Buyer {
        let mut settings = BuyerSettings {
            quantity: Range { min: 1, max: 3 },
            limit: None,
            partial: false,
            think: Range { min: Duration::from_millis(1), max: Duration::from_millis(2) },
            buy_probability: 0.0,
            purchases: 0,
            pause: None,
            retry_other_good: true,
            leave_when_done: false,
            carts: None,
        };
        change(&mut settings);
        Buyer::new(settings, ["salt", "fish"].map(|name| Good::new(name).unwrap()).to_vec())
    }

    fn bought(order: &Order) -> Outcome {
        let receipt = market::Receipt {
            good: order.good.clone(),
            quantity: order.quantity,
            paid: market::Money(0),
            commission: market::Money(0),
            fills: Vec::new(),
        };
        Outcome::Bought(receipt)
    }

    fn buy(order: &Order) -> Command {
        Command::Buy(order.clone())
    }

    fn wish(buyer: &mut Buyer, random: &mut Random) -> Order {
        match buyer.wish(random) {
            Some(Command::Buy(order)) => order,
            other => panic!("not a purchase: {other:?}"),
        }
    }

    #[test]
    fn it_stops_after_its_count_of_purchases() {
        let mut random = Random::from_seed(1);
        let mut buyer = buyer(|settings| settings.purchases = 2);
        let order = wish(&mut buyer, &mut random);
        let outcome = bought(&order);
        assert!(matches!(
            buyer.answered(&buy(&order), Some(&outcome), &mut random),
            Next::Think(time) if time >= Duration::from_millis(1)
        ));
        assert_eq!(buyer.answered(&buy(&order), Some(&outcome), &mut random), Next::Stop);
    }

    #[test]
    fn a_slow_one_rests_after_so_many_purchases() {
        let mut random = Random::from_seed(1);
        let lasts = Duration::from_secs(30);
        let mut buyer = buyer(|settings| settings.pause = Some(Pause { after: 3, lasts }));
        let order = wish(&mut buyer, &mut random);
        let rests: Vec<bool> = (0..6)
            .map(|_| match buyer.answered(&buy(&order), Some(&bought(&order)), &mut random) {
                Next::Rest(time) => time >= lasts,
                _ => false,
            })
            .collect();
        assert_eq!(rests, [false, false, true, false, false, true]);
    }

    #[test]
    fn it_buys_again_at_once_by_chance() {
        let mut random = Random::from_seed(1);
        let mut buyer = buyer(|settings| settings.buy_probability = 1.0);
        let order = wish(&mut buyer, &mut random);
        assert_eq!(buyer.answered(&buy(&order), Some(&bought(&order)), &mut random), Next::Buy);
    }

    #[test]
    fn it_looks_for_another_good_when_one_is_not_to_be_had() {
        let mut random = Random::from_seed(1);
        let none = [Refusal::NotSoldHere, Refusal::OutOfStock { left: 0 }];
        let none_for_it = [Refusal::TooDear { cheapest: market::Money(9) }, Refusal::OnlyOwnGoods];
        for refusal in none.into_iter().chain(none_for_it) {
            for retry_other_good in [true, false] {
                let mut buyer = buyer(|settings| settings.retry_other_good = retry_other_good);
                for _ in 0..20 {
                    let order = wish(&mut buyer, &mut random);
                    buyer.answered(&buy(&order), Some(&Outcome::Refused(refusal)), &mut random);
                    let is_wanted = buyer.wanted().map(|good| *good == order.good);
                    match retry_other_good {
                        true => assert_eq!(is_wanted, Some(false), "{refusal}"),
                        // What nobody else sells at its limit, it does not wait for.
                        false => assert_eq!(is_wanted, none.contains(&refusal).then_some(true)),
                    }
                    let next = wish(&mut buyer, &mut random);
                    buyer.answered(&buy(&next), None, &mut random);
                }
            }
        }
    }

    #[test]
    fn a_cart_is_claimed_voided_or_forgotten() {
        let mut random = Random::from_seed(1);
        let mut buyer = buyer(|settings| {
            settings.carts = Some(crate::settings::Carts {
                probability: 0.5,
                hold_for: Duration::from_millis(300),
                void_probability: 0.3,
                forget_probability: 0.2,
            });
        });
        let [mut bought_at_once, mut held, mut claimed, mut voided] = [0; 4];
        let mut is_held = None;
        for number in 0..1_000 {
            let command = buyer.wish(&mut random).unwrap();
            let outcome = match &command {
                Command::Hold { order, for_ms } => {
                    assert_eq!((*for_ms, is_held), (300, None));
                    held += 1;
                    let Outcome::Bought(receipt) = bought(order) else { unreachable!() };
                    is_held = Some(HoldId(number));
                    Outcome::Held { hold: HoldId(number), until_ms: 0, receipt }
                }
                Command::Claim { hold } => {
                    assert_eq!(is_held.take(), Some(*hold));
                    claimed += 1;
                    Outcome::Refused(Refusal::NoSuchHold)
                }
                Command::Void { hold } => {
                    assert_eq!(is_held.take(), Some(*hold));
                    voided += 1;
                    Outcome::Voided { good: Good::new("salt").unwrap(), quantity: 1 }
                }
                Command::Buy(order) => {
                    bought_at_once += 1;
                    bought(order)
                }
                other => panic!("not a purchase: {other:?}"),
            };
            buyer.answered(&command, Some(&outcome), &mut random);
            if buyer.cart.is_none() {
                is_held = None;
            }
        }
        let order =
            Order { good: Good::new("salt").unwrap(), quantity: 1, limit: None, partial: false };
        let refused = Outcome::Refused(Refusal::NoCarts);
        buyer.answered(&Command::Hold { order, for_ms: 300 }, Some(&refused), &mut random);
        buyer.cart = None;
        for _ in 0..20 {
            assert!(matches!(buyer.wish(&mut random), Some(Command::Buy(_))));
        }
        let forgotten = held - claimed - voided;
        assert!(bought_at_once > 0 && claimed > 0 && voided > 0 && forgotten > 0);
        assert_eq!(buyer.purchases(), bought_at_once);
    }
}
