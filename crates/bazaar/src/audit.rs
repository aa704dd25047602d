//! `bazaar audit`: whether the books of a market add up, read from its journal. The market may be
//! running: nothing is asked of its processes, and nothing is changed.
//!
//! Units of each good: on the shelves + in carts + on loan + sold = deposited - withdrawn. Money: paid = earned +
//! commission. Each request had one effect at most, as far back as the last snapshot. Beyond that the
//! kernel computes everything again that it keeps twice.

mod tables;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use market::{Act, Good, Kernel, Outcome, RequestId, TermOutcome};
use serde::Serialize;

use self::tables::{Account, Lot};
use crate::exit;
use crate::places;
use crate::run::{chain, market, take_logs};

/// What `bazaar audit` is told.
#[derive(Debug, Clone, clap::Args)]
pub struct AuditArgs {
    /// The directory of a run, ended or not
    pub run: PathBuf,
    /// Lists what is on the shelves: lot, seller, good, what is left of it, and its price
    #[arg(long)]
    pub lots: bool,
    /// Lists what each peer bought, sold, and kept as a trader
    #[arg(long)]
    pub accounts: bool,
    /// Prints the books as JSON
    #[arg(long)]
    pub json: bool,
}

/// The books of one good, in units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Books {
    good: String,
    deposited: u64,
    withdrawn: u64,
    sold: u64,
    on_shelves: u64,
    in_carts: u64,
    on_loan: u64,
    /// What is not accounted for: deposited - withdrawn - all else.
    difference: i128,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Audit {
    goods: Vec<Books>,
    paid: u64,
    earned: u64,
    commission: u64,
    /// Requests that had an effect since the last snapshot; none where the peers hold the market.
    effects: Option<usize>,
    /// Terms of trading houses that are open.
    open_terms: usize,
    /// What is on the shelves, oldest first, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    lots: Option<Vec<Lot>>,
    /// What each peer has done, by number, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    accounts: Option<Vec<Account>>,
    /// What does not add up, a sentence each.
    problems: Vec<String>,
}

/// `bazaar audit`.
///
/// # Errors
/// There is no journal of a market, or it cannot be read.
pub fn command(args: &AuditArgs) -> anyhow::Result<ExitCode> {
    let audit = audit(args).map_err(exit::Unusable)?;
    if args.json {
        println!("{}", serde_json::to_string(&audit)?);
    } else {
        show(&audit);
    }
    Ok(if audit.problems.is_empty() { ExitCode::SUCCESS } else { exit::BROKEN.into() })
}

fn audit(args: &AuditArgs) -> anyhow::Result<Audit> {
    let run = args.run.as_path();
    let mut effects = Effects::default();
    let (mut kernel, is_chain) = match chain(run)? {
        Some(chain) => (chain.replay(|entry, applied| effects.add(&entry.act, applied)), true),
        None => {
            let held = market(run)?.market;
            let none =
                || format!("{} holds no market's journal; nothing was changed", run.display());
            (held.with_context(none)?, false)
        }
    };
    // While they trade, a log may be ahead of the journal that was read before it.
    if is_chain && !places::processes(run).exists() {
        take_logs(run, &mut kernel)?;
    }
    let mut audit = of_kernel(&kernel);
    audit.effects = is_chain.then_some(effects.seen.len());
    audit.problems.extend(effects.twice);
    audit.lots = args.lots.then(|| Lot::all(&kernel));
    audit.accounts = args.accounts.then(|| Account::all(&kernel));
    Ok(audit)
}

fn of_kernel(kernel: &Kernel) -> Audit {
    // Lot by lot: what is said of the whole good is not relied on.
    let mut shelves: BTreeMap<&Good, u64> = BTreeMap::new();
    for (_, lot) in kernel.lots() {
        *shelves.entry(&lot.good).or_default() += u64::from(lot.quantity);
    }
    let goods: Vec<Books> = kernel
        .goods()
        .map(|(good, units)| {
            let on_shelves = shelves.get(good).copied().unwrap_or_default();
            let (in_carts, on_loan) = (kernel.held(good), kernel.lent(good));
            let wide = |units: u64| i128::from(units);
            let difference = wide(units.deposited)
                - wide(units.withdrawn)
                - wide(units.shipped)
                - wide(on_shelves)
                - wide(in_carts)
                - wide(on_loan);
            Books {
                good: good.to_string(),
                deposited: units.deposited,
                withdrawn: units.withdrawn,
                sold: units.shipped,
                on_shelves,
                in_carts,
                on_loan,
                difference,
            }
        })
        .collect();
    let totals = kernel.totals();
    let (paid, earned, commission) = (totals.paid.0, totals.earned.0, totals.commission.0);
    let mut problems: Vec<String> = goods
        .iter()
        .filter(|books| books.difference != 0)
        .map(|books| format!("{}: {} units are not accounted for", books.good, books.difference))
        .collect();
    if u128::from(paid) != u128::from(earned) + u128::from(commission) {
        problems.push(format!("{paid} was paid, {earned} earned and {commission} kept"));
    }
    if kernel.broken_sales() > 0 {
        let broken = kernel.broken_sales();
        problems.push(format!("{broken} sales were reported that the books have no room for"));
    }
    problems.extend(kernel.audit().err());
    let open_terms = kernel.terms().count();
    Audit {
        goods,
        paid,
        earned,
        commission,
        effects: None,
        open_terms,
        lots: None,
        accounts: None,
        problems,
    }
}

/// What each request did.
#[derive(Debug, Default)]
struct Effects {
    seen: BTreeMap<RequestId, &'static str>,
    twice: Vec<String>,
}

impl Effects {
    fn add(&mut self, act: &Act, applied: &market::Applied) {
        match (act, &applied.outcome) {
            // Deeds that were in the books before are not among them.
            (_, Outcome::Term(TermOutcome::Taken { sold, .. })) => {
                sold.iter().for_each(|(id, _)| self.did(*id, "sold from a loan"));
            }
            (Act::Request(request), outcome) if !applied.repeated => match outcome {
                Outcome::Bought(_) => self.did(request.id, "bought"),
                Outcome::Deposited { .. } => self.did(request.id, "deposited"),
                Outcome::Withdrawn { .. } => self.did(request.id, "withdrawn"),
                Outcome::Held { .. } => self.did(request.id, "held"),
                Outcome::Voided { .. } => self.did(request.id, "voided"),
                _ => {}
            },
            _ => {}
        }
    }

    fn did(&mut self, id: RequestId, what: &'static str) {
        if let Some(before) = self.seen.insert(id, what) {
            self.twice.push(format!("request {id} had two effects: {before}, then {what}"));
        }
    }
}

fn show(audit: &Audit) {
    println!(
        "{:<12}{:>12}{:>12}{:>12}{:>12}{:>12}{:>12}{:>12}",
        "good", "deposited", "withdrawn", "sold", "on shelves", "in carts", "on loan", "difference"
    );
    for books in &audit.goods {
        let Books { good, deposited, withdrawn, sold, on_shelves, in_carts, on_loan, difference } =
            books;
        println!(
            "{good:<12}{deposited:>12}{withdrawn:>12}{sold:>12}{on_shelves:>12}{in_carts:>12}\
             {on_loan:>12}{difference:>12}"
        );
    }
    audit.lots.iter().for_each(|lots| tables::show_lots(lots));
    audit.accounts.iter().for_each(|accounts| tables::show_accounts(accounts));
    let Audit { paid, earned, commission, effects, open_terms, problems, .. } = audit;
    println!("money: {paid} paid = {earned} earned + {commission} kept");
    match effects {
        Some(effects) => println!("requests with an effect since the last snapshot: {effects}"),
        None => println!("the peers hold the market: what single requests did is not on record"),
    }
    if *open_terms > 0 {
        println!("open terms: {open_terms}");
    }
    for problem in problems {
        println!("PROBLEM: {problem}");
    }
    println!(
        "{}",
        if problems.is_empty() { "the books add up" } else { "the books do not add up" }
    );
}

#[cfg(test)]
mod tests {
    use market::{
        Applied, ClientId, Command, Entry, Good, Money, Offer, Order, Party, Request, Rules,
        SellerChoice,
    };

    use super::*;

    fn entry(party: u64, number: u64, command: Command) -> Entry {
        let id = RequestId { client: ClientId { party: Party(party), life: 1 }, number };
        let act = Act::Request(Request { id, answered_below: number, command });
        Entry { at_ms: 0, trader: Party(9), draw: 0, act }
    }

    #[test]
    fn books_that_add_up_and_an_effect_that_comes_twice() {
        let rules = Rules { commission_basis_points: 1_000, choice: SellerChoice::Oldest };
        let mut kernel = Kernel::new(rules).unwrap();
        let mut effects = Effects::default();
        let good = Good::new("fish").unwrap();
        let offer = Offer { good: good.clone(), quantity: 5, unit_price: Money(10), stamp: None };
        let order = Order { good, quantity: 2, limit: None, partial: false };
        let steps = [
            entry(1, 0, Command::Open),
            entry(1, 1, Command::Deposit(offer)),
            entry(2, 0, Command::Open),
            entry(2, 1, Command::Buy(order.clone())),
        ];
        let applied: Vec<Applied> = steps.iter().map(|step| kernel.apply(step)).collect();
        for (step, applied) in steps.iter().zip(&applied) {
            effects.add(&step.act, applied);
        }
        assert_eq!((effects.seen.len(), effects.twice.len()), (2, 0));
        let audit = of_kernel(&kernel);
        assert_eq!(audit.problems, [""; 0]);
        let books = &audit.goods[0];
        assert_eq!((books.deposited, books.sold, books.on_shelves, books.on_loan), (5, 2, 3, 0));
        assert_eq!((books.difference, audit.paid, audit.earned), (0, 20, 18));
        let order = Order { good: Good::new("fish").unwrap(), quantity: 2, ..order };
        kernel.apply(&entry(2, 2, Command::Hold { order, for_ms: 100 }));
        let books = &of_kernel(&kernel).goods[0];
        assert_eq!((books.on_shelves, books.in_carts, books.difference), (1, 2, 0));
        effects.add(&steps[3].act, &applied[3]);
        assert_eq!(effects.twice.len(), 1, "{effects:?}");
    }
}
