//! What a seller brings to the market, and when (seeds 001, 002, 004): a stock of a good by chance
//! at the start, more when all of it is sold, more as time goes by, and now and then something
//! unasked.

use clocks::Stamp;
use machine::Random;
use market::{Command, Good, Money, Offer, Outcome};

use crate::message::Standing;
use crate::settings::SellerSettings;

/// A seller's plans.
#[derive(Debug, Clone)]
pub struct Seller {
    settings: SellerSettings,
    goods: Vec<Good>,
    /// What it brought last.
    current: Option<(Good, Money)>,
    /// How many of its deposits are not yet answered.
    under_way: u32,
    standing: Option<Standing>,
    /// Units that the market said it took, in this life.
    taken: u64,
    /// Units in the market's books that this life did not bring.
    known_deposited: u64,
}

impl Seller {
    /// A seller that has brought nothing yet of `goods`.
    pub fn new(settings: SellerSettings, goods: Vec<Good>) -> Self {
        Self {
            settings,
            goods,
            current: None,
            under_way: 0,
            standing: None,
            taken: 0,
            known_deposited: 0,
        }
    }

    /// What it brought last, which a later life needs to go on as this seller.
    pub fn current(&self) -> Option<&(Good, Money)> {
        self.current.as_ref()
    }

    /// Goes on from what an earlier life brought last.
    pub fn restore(&mut self, current: Option<(Good, Money)>) {
        self.current = current;
    }

    /// An earlier life brought this.
    pub fn replay_asked(&mut self, offer: &Offer) {
        self.current = Some((offer.good.clone(), offer.unit_price));
    }

    /// Begins a life in which this many deposits of an earlier one are not yet answered.
    pub fn begin(&mut self, under_way: u32) {
        self.under_way = under_way;
    }

    /// Whether it brought anything yet, in any life.
    pub fn has_stocked_up(&self) -> bool {
        self.current.is_some()
    }

    /// Its settings.
    pub fn settings(&self) -> &SellerSettings {
        &self.settings
    }

    /// A stock of a good by chance; none if there are no goods at all.
    pub fn stock_up(&mut self, stamp: Option<Stamp>, random: &mut Random) -> Option<Command> {
        let good = random.pick(&self.goods)?.clone();
        let (stock, price) = (self.settings.stock, self.settings.price);
        let quantity = random.between(stock.min.into(), stock.max.into()) as u32;
        let unit_price = Money(random.between(price.min, price.max));
        self.current = Some((good.clone(), unit_price));
        self.bring(Offer { good, quantity, unit_price, stamp })
    }

    /// What it gained since the last time; none if it has no good yet or gains nothing.
    pub fn accrue(&mut self, stamp: Option<Stamp>) -> Option<Command> {
        let (good, unit_price) = self.current.clone()?;
        let quantity = self.settings.accrue_goods;
        if quantity == 0 { None } else { self.bring(Offer { good, quantity, unit_price, stamp }) }
    }

    /// Something unasked, by chance.
    pub fn update(&mut self, stamp: Option<Stamp>, random: &mut Random) -> Option<Command> {
        let probability = self.settings.update_probability;
        if random.chance(probability) { self.stock_up(stamp, random) } else { None }
    }

    fn bring(&mut self, offer: Offer) -> Option<Command> {
        self.under_way += 1;
        Some(Command::Deposit(offer))
    }

    /// An answer to a deposit; none if it is in doubt.
    pub fn answered(&mut self, offer: &Offer, outcome: Option<&Outcome>) {
        self.under_way = self.under_way.saturating_sub(1);
        if let Some(Outcome::Deposited { .. }) = outcome {
            self.taken += u64::from(offer.quantity);
        }
    }

    /// The market says where the seller stands; whether it is news.
    pub fn learn(&mut self, standing: Standing) -> bool {
        let age = |standing: &Standing| (standing.deposited, standing.sold);
        match &self.standing {
            Some(known) if age(&standing) <= age(known) => false,
            Some(_) => {
                self.standing = Some(standing);
                true
            }
            // Whether it counts the first deposit already cannot be told. It will be told again.
            None if self.under_way > 0 => false,
            None => {
                self.known_deposited = standing.deposited.saturating_sub(self.taken);
                self.standing = Some(standing);
                true
            }
        }
    }

    /// Whether all that it brought is sold, as far as the market told, and it wants to bring more.
    pub fn is_sold_out(&self) -> bool {
        self.settings.restock_at_zero
            && self.under_way == 0
            && self.standing.is_some_and(|standing| {
                let expected = self.known_deposited.saturating_add(self.taken);
                standing.left == 0 && standing.deposited >= expected
            })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use market::LotId;

    use super::*;
    use crate::settings::Range;

    fn seller() -> Seller {
        let settings = SellerSettings {
            stock: Range { min: 2, max: 2 },
            price: Range { min: 5, max: 9 },
            restock_at_zero: true,
            accrue_goods: 3,
            accrue_every: Duration::from_secs(1),
            update_probability: 0.0,
            update_every: Duration::from_secs(1),
            inquire_every: Duration::from_secs(1),
            withdraw_when_leaving: true,
        };
        Seller::new(settings, vec![Good::new("boar").unwrap()])
    }

    fn deposit(seller: &mut Seller, command: Option<Command>) {
        let Some(Command::Deposit(offer)) = command else { panic!("not a deposit") };
        assert!(!seller.is_sold_out(), "not while a deposit is under way");
        seller.answered(&offer, Some(&Outcome::Deposited { lot: LotId(1) }));
    }

    fn standing(deposited: u64, sold: u64) -> Standing {
        Standing { deposited, sold, left: deposited - sold, earned: Money(0) }
    }

    #[test]
    fn it_brings_more_when_all_is_sold_and_not_before_it_knows() {
        let mut seller = seller();
        let mut random = Random::from_seed(1);
        let first = seller.stock_up(None, &mut random);
        deposit(&mut seller, first);
        assert!(!seller.is_sold_out(), "nothing was heard yet");
        let mut early = self::seller();
        let stocked = early.stock_up(None, &mut random);
        assert!(!early.learn(standing(2, 2)), "it overtook the answer to the first deposit");
        deposit(&mut early, stocked);
        assert!(early.learn(standing(2, 2)) && early.is_sold_out(), "told again");
        assert!(seller.learn(standing(2, 1)));
        assert!(!seller.is_sold_out());
        assert!(seller.learn(standing(2, 2)));
        assert!(seller.is_sold_out());
        let second = seller.stock_up(None, &mut random);
        deposit(&mut seller, second);
        assert!(!seller.learn(standing(2, 2)), "old news");
        assert!(!seller.is_sold_out(), "the market has the second stock");
        assert!(seller.learn(standing(4, 4)));
        assert!(seller.is_sold_out());
    }

    #[test]
    fn it_brings_something_unasked_by_chance() {
        let mut random = Random::from_seed(1);
        for (probability, expected) in [(0.0, 0..=0), (0.3, 250..=350), (1.0, 1000..=1000)] {
            let mut seller = seller();
            seller.settings.update_probability = probability;
            let brought = (0..1000).filter(|_| seller.update(None, &mut random).is_some()).count();
            assert!(expected.contains(&brought), "{probability}: {brought} of 1000");
        }
    }

    #[test]
    fn it_gains_more_of_what_it_has() {
        let mut seller = seller();
        assert_eq!(seller.accrue(None), None);
        let stocked = seller.stock_up(None, &mut Random::from_seed(1));
        deposit(&mut seller, stocked);
        let Some(Command::Deposit(offer)) = seller.accrue(None) else { panic!("gained nothing") };
        assert_eq!((offer.good.as_str(), offer.quantity), ("boar", 3));
        assert_eq!(seller.update(None, &mut Random::from_seed(1)), None, "probability 0");
    }
}
