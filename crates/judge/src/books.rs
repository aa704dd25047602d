//! The books of the final market against what the record tells: for each good and each party, what
//! the market counts must lie between what was confirmed, and that and what is in doubt. Where
//! nothing is in doubt the two are equal.

use std::collections::BTreeMap;

use market::{Good, Kernel, Party};
use view::{Operation, What};

use crate::finding::{Finding, Ruling};
use crate::sales;
use crate::story::{Stories, Story, line};

const SURVIVE: &str = "confirmed sales survive";
const MONEY: &str = "money adds up";
const GOODS: &str = "goods are conserved";
const NO_MARKET: &str = "the final market was not found";

/// One line of the books.
struct Entry {
    /// What is counted, and in what.
    what: String,
    /// What the market counts.
    actual: u64,
    /// What was confirmed.
    sure: u64,
    /// What may have happened beside; none if nobody can tell how much.
    doubt: Option<u64>,
}

impl Entry {
    fn lost(&self) -> Option<String> {
        let Self { what, actual, sure, .. } = self;
        let lost = actual < sure;
        lost.then(|| format!("{what}: {sure} confirmed, but the final market has {actual}"))
    }

    fn too_much(&self) -> Option<String> {
        let Self { what, actual, sure, doubt } = self;
        let doubt = (*doubt)?;
        (*actual > sure.saturating_add(doubt)).then(|| {
            format!(
                "{what}: the final market has {actual}, but only {sure} were confirmed and {doubt} \
                 are in doubt"
            )
        })
    }
}

/// What was confirmed, and what is in doubt.
#[derive(Default, Clone, Copy)]
struct Sum {
    sure: u64,
    doubt: u64,
}

/// The sums of the record.
#[derive(Default)]
struct Sums<'a> {
    shipped: BTreeMap<&'a Good, Sum>,
    deposited: BTreeMap<&'a Good, Sum>,
    withdrawn: BTreeMap<&'a Good, Sum>,
    bought: BTreeMap<Party, Sum>,
    brought: BTreeMap<Party, Sum>,
    sold: BTreeMap<Party, u64>,
    paid: BTreeMap<Party, u64>,
    earned: BTreeMap<Party, u64>,
    commission: u64,
    sales: usize,
    deposits: usize,
    doubted_buys: usize,
}

impl<'a> Sums<'a> {
    fn of(stories: &Stories<'a>) -> Self {
        let mut sums = Self::default();
        for (request, story) in &stories.requests {
            let party = request.client.party;
            sums.add_buy(party, story, stories);
            sums.add_deposit(party, story, stories);
            sums.add_withdrawal(story);
        }
        sums
    }

    fn add_buy(&mut self, buyer: Party, story: &Story<'a>, stories: &Stories<'a>) {
        if let Some(receipt) = story.receipt() {
            let units = u64::from(receipt.quantity);
            self.sales += 1;
            add(&mut self.shipped.entry(&receipt.good).or_default().sure, units);
            add(&mut self.bought.entry(buyer).or_default().sure, units);
            add(self.paid.entry(buyer).or_default(), receipt.paid.0);
            add(&mut self.commission, receipt.commission.0);
            for fill in &receipt.fills {
                add(self.sold.entry(fill.seller).or_default(), fill.quantity.into());
                add(self.earned.entry(fill.seller).or_default(), fill.earned.0);
            }
        } else if story.in_doubt()
            && let Some((good, quantity)) = may_buy(story, stories)
        {
            self.doubted_buys += 1;
            add(&mut self.shipped.entry(good).or_default().doubt, quantity.into());
            add(&mut self.bought.entry(buyer).or_default().doubt, quantity.into());
        }
    }

    fn add_deposit(&mut self, seller: Party, story: &Story<'a>, stories: &Stories<'a>) {
        if let Some(lot) = story.lot().and_then(|lot| stories.lots.get(&lot)) {
            self.deposits += 1;
            add(&mut self.deposited.entry(lot.good).or_default().sure, lot.quantity.into());
            add(&mut self.brought.entry(seller).or_default().sure, lot.quantity.into());
        } else if let Some((_, Operation::Deposit { good, quantity, .. })) = story.asked.first()
            && story.in_doubt()
        {
            add(&mut self.deposited.entry(good).or_default().doubt, (*quantity).into());
            add(&mut self.brought.entry(seller).or_default().doubt, (*quantity).into());
        }
    }

    fn add_withdrawal(&mut self, story: &Story<'a>) {
        if let Some((good, units)) = story.given_back() {
            add(&mut self.withdrawn.entry(good).or_default().sure, units.into());
        }
    }

    /// Units that left the shelves.
    fn units(&self, market: &Kernel) -> Vec<Entry> {
        let in_market = market.goods().map(|(good, units)| (good, units.shipped)).collect();
        let doubted = self.bought.values().fold(0, |sum: u64, of| sum.saturating_add(of.doubt));
        let mut entries = of_goods("shipped", &self.shipped, &in_market);
        for (party, sum) in &self.bought {
            let what = format!("units that party {party} bought");
            let (actual, Sum { sure, doubt }) = (market.account(*party).bought, *sum);
            entries.push(Entry { what, actual, sure, doubt: Some(doubt) });
        }
        for (party, sure) in &self.sold {
            let what = format!("units that party {party} sold");
            let (actual, doubt) = (market.account(*party).sold, Some(doubted));
            entries.push(Entry { what, actual, sure: *sure, doubt });
        }
        entries
    }

    /// Money, in minor units. What a doubted buy may have cost is not known.
    fn money(&self, market: &Kernel) -> Vec<Entry> {
        let exact = |exact: bool| exact.then_some(0);
        let mut entries = Vec::new();
        for (party, sure) in &self.paid {
            let what = format!("money that party {party} paid");
            let doubted = self.bought.get(party).is_some_and(|bought| bought.doubt > 0);
            let (actual, doubt) = (market.account(*party).paid.0, exact(!doubted));
            entries.push(Entry { what, actual, sure: *sure, doubt });
        }
        let doubt = exact(self.doubted_buys == 0);
        for (party, sure) in &self.earned {
            let what = format!("money that party {party} earned");
            let actual = market.account(*party).earned.0;
            entries.push(Entry { what, actual, sure: *sure, doubt });
        }
        let total = |sums: &BTreeMap<Party, u64>| {
            sums.values().fold(0, |sum: u64, of| sum.saturating_add(*of))
        };
        let totals = market.totals();
        for (what, actual, sure) in [
            ("money that all paid", totals.paid, total(&self.paid)),
            ("money that all sellers earned", totals.earned, total(&self.earned)),
            ("money that all traders kept", totals.commission, self.commission),
        ] {
            entries.push(Entry { what: what.to_owned(), actual: actual.0, sure, doubt });
        }
        entries
    }

    /// Units that sellers brought and took back.
    fn deposits(&self, market: &Kernel) -> Vec<Entry> {
        let brought = market.goods().map(|(good, units)| (good, units.deposited)).collect();
        let taken = market.goods().map(|(good, units)| (good, units.withdrawn)).collect();
        let mut entries = of_goods("deposited", &self.deposited, &brought);
        // A withdrawal in doubt may be of a lot that the record does not know.
        let withdrawn = of_goods("withdrawn", &self.withdrawn, &taken);
        entries.extend(withdrawn.into_iter().map(|entry| Entry { doubt: None, ..entry }));
        for (party, sum) in &self.brought {
            let what = format!("units that party {party} deposited");
            let (actual, Sum { sure, doubt }) = (market.account(*party).deposited, *sum);
            entries.push(Entry { what, actual, sure, doubt: Some(doubt) });
        }
        entries
    }
}

/// What a request buys if it is carried out: an order's goods, or those in a cart.
fn may_buy<'a>(story: &Story<'a>, stories: &Stories<'a>) -> Option<(&'a Good, u32)> {
    match story.asked.first()? {
        (_, Operation::Buy(order)) => Some((&order.good, order.quantity)),
        (_, Operation::Claim { hold }) => {
            let (_, receipt) = stories.carts.get(hold)?.held?;
            Some((&receipt.good, receipt.quantity))
        }
        _ => None,
    }
}

/// One entry a good that either side knows of.
fn of_goods(
    done: &str,
    told: &BTreeMap<&Good, Sum>,
    in_market: &BTreeMap<&Good, u64>,
) -> Vec<Entry> {
    let goods: std::collections::BTreeSet<&Good> =
        told.keys().chain(in_market.keys()).copied().collect();
    let entry = |good: &Good| {
        let Sum { sure, doubt } = told.get(good).copied().unwrap_or_default();
        let actual = in_market.get(good).copied().unwrap_or_default();
        Entry { what: format!("units of {good} {done}"), actual, sure, doubt: Some(doubt) }
    };
    goods.into_iter().map(entry).collect()
}

fn add(sum: &mut u64, more: u64) {
    *sum = sum.saturating_add(more);
}

/// What the books say: three findings, and what was executed more often than it was asked for.
pub struct Books {
    pub survive: Finding,
    pub money: Finding,
    pub goods: Finding,
    pub doubled: Option<String>,
}

/// Compares the record with the final market.
///
/// Of a market `in_books` a trader may take over a part only.
pub fn judge(stories: &Stories<'_>, market: Option<&Kernel>, in_books: bool) -> Books {
    let basis_points = market.map(|market| market.rules().commission_basis_points);
    let receipts = sales::check_money(stories, basis_points);
    let handed_over = if in_books { Ok(()) } else { handovers(stories) };
    let Some(market) = market else {
        let missing = |property| Finding::new(property, Ruling::Unknown, NO_MARKET.to_owned());
        let broken = receipts.err().map(|why| Finding::new(MONEY, Ruling::Fail, why));
        let money = broken.unwrap_or_else(|| missing(MONEY));
        let lost = handed_over.err().map(|why| Finding::new(SURVIVE, Ruling::Fail, why));
        let survive = lost.unwrap_or_else(|| missing(SURVIVE));
        return Books { survive, money, goods: missing(GOODS), doubled: None };
    };
    let sums = Sums::of(stories);
    let (units, money, deposits) = (sums.units(market), sums.money(market), sums.deposits(market));
    Books {
        survive: Finding::from_check(
            SURVIVE,
            handed_over.and_then(|()| survive(&sums, units.iter().chain(&money))),
        ),
        money: Finding::from_check(MONEY, receipts.and_then(|of| money_holds(of, &money, market))),
        goods: Finding::from_check(GOODS, goods_hold(&sums, &deposits, market)),
        doubled: units.iter().find_map(Entry::too_much),
    }
}

/// Each trader took over a market that has shipped all that was reported sold in lower epochs.
fn handovers(stories: &Stories<'_>) -> Result<(), String> {
    let (mut sold, mut traders) = (BTreeMap::new(), BTreeMap::new());
    for (at, event) in stories.events.iter().enumerate() {
        match &event.what {
            What::Sold { epoch, receipt, .. } => {
                add(sold.entry(*epoch).or_default(), receipt.quantity.into());
            }
            What::Trading { epoch, shipped_before } => {
                traders.insert(*epoch, (*shipped_before, at));
            }
            _ => {}
        }
    }
    for (epoch, (shipped, at)) in traders {
        let reported = sold.range(..epoch).fold(0, |sum: u64, (_, of)| sum.saturating_add(*of));
        if shipped < reported {
            return Err(format!(
                "{reported} units were reported sold before epoch {epoch}, but the market that its \
                 trader took over has shipped {shipped}, {}",
                line(at)
            ));
        }
    }
    Ok(())
}

fn survive<'a>(
    sums: &Sums<'_>,
    mut entries: impl Iterator<Item = &'a Entry>,
) -> Result<Finding, String> {
    entries.find_map(Entry::lost).map_or(Ok(()), Err)?;
    let Sums { sales, doubted_buys, .. } = sums;
    let evidence =
        format!("confirmed sales: {sales}, all in the final market; buys in doubt: {doubted_buys}");
    Ok(Finding::held(SURVIVE, *sales, evidence, "no sale was confirmed"))
}

fn money_holds(receipts: usize, entries: &[Entry], market: &Kernel) -> Result<Finding, String> {
    let broken = entries.iter().find_map(|entry| entry.lost().or_else(|| entry.too_much()));
    broken.map_or(Ok(()), Err)?;
    market.audit()?;
    let totals = market.totals();
    let evidence = format!(
        "receipts: {receipts}; {} paid = {} earned + {} kept",
        totals.paid, totals.earned, totals.commission
    );
    Ok(Finding::held(MONEY, receipts, evidence, "no money was paid"))
}

fn goods_hold(sums: &Sums<'_>, entries: &[Entry], market: &Kernel) -> Result<Finding, String> {
    let broken = entries.iter().find_map(|entry| entry.lost().or_else(|| entry.too_much()));
    broken.map_or(Ok(()), Err)?;
    for (good, units) in market.goods() {
        let gone = u128::from(units.shipped) + u128::from(units.withdrawn);
        if u128::from(units.deposited) != gone + u128::from(units.left) {
            return Err(format!("units of {good} do not add up: {units:?}"));
        }
    }
    let units = market.totals().units;
    let evidence = format!(
        "{} deposited = {} shipped + {} withdrawn + {} left",
        units.deposited, units.shipped, units.withdrawn, units.left
    );
    Ok(Finding::held(GOODS, sums.deposits, evidence, "nothing was deposited"))
}
