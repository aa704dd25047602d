//! What a buyer wants, and when (seeds 000, 001, 002): one purchase at a time, of a good,
//! a quantity and at a price by chance, with a pause for thought in between.

use std::time::Duration;

use machine::Random;
use market::{Command, Good, Order, Outcome, Refusal};

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
}

impl Buyer {
    /// A buyer that has bought nothing yet of `goods`.
    pub fn new(settings: BuyerSettings, goods: Vec<Good>) -> Self {
        Self { settings, goods, purchases: 0, wanted: None }
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

    /// The next purchase; none if there is nothing to be bought at all.
    pub fn wish(&mut self, random: &mut Random) -> Option<Command> {
        let good = match self.wanted.take() {
            Some(good) => good,
            None => random.pick(&self.goods)?.clone(),
        };
        let range = self.settings.quantity;
        let quantity = random.between(range.min.into(), range.max.into()) as u32;
        let (limit, partial) = (self.settings.limit, self.settings.partial);
        Some(Command::Buy(Order { good, quantity, limit, partial }))
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

    /// What follows from an answer to `order`; none if it is in doubt.
    pub fn answered(
        &mut self,
        order: &Order,
        outcome: Option<&Outcome>,
        random: &mut Random,
    ) -> Next {
        match outcome {
            Some(Outcome::Bought(_)) => return self.bought(random),
            Some(Outcome::Refused(Refusal::OutOfStock { .. } | Refusal::NotSoldHere)) => {
                self.wanted = self.another_than(&order.good, random);
            }
            // Others may sell another good, or sell it cheaper.
            Some(Outcome::Refused(Refusal::TooDear { .. } | Refusal::OnlyOwnGoods))
                if self.settings.retry_other_good =>
            {
                self.wanted = self.another_than(&order.good, random);
            }
            Some(_) | None => {}
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
            buyer.answered(&order, Some(&outcome), &mut random),
            Next::Think(time) if time >= Duration::from_millis(1)
        ));
        assert_eq!(buyer.answered(&order, Some(&outcome), &mut random), Next::Stop);
    }

    #[test]
    fn a_slow_one_rests_after_so_many_purchases() {
        let mut random = Random::from_seed(1);
        let lasts = Duration::from_secs(30);
        let mut buyer = buyer(|settings| settings.pause = Some(Pause { after: 3, lasts }));
        let order = wish(&mut buyer, &mut random);
        let rests: Vec<bool> = (0..6)
            .map(|_| match buyer.answered(&order, Some(&bought(&order)), &mut random) {
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
        assert_eq!(buyer.answered(&order, Some(&bought(&order)), &mut random), Next::Buy);
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
                    buyer.answered(&order, Some(&Outcome::Refused(refusal)), &mut random);
                    let is_wanted = buyer.wanted().map(|good| *good == order.good);
                    match retry_other_good {
                        true => assert_eq!(is_wanted, Some(false), "{refusal}"),
                        // What nobody else sells at its limit, it does not wait for.
                        false => assert_eq!(is_wanted, none.contains(&refusal).then_some(true)),
                    }
                    let next = wish(&mut buyer, &mut random);
                    buyer.answered(&next, None, &mut random);
                }
            }
        }
    }
}
