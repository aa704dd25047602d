//! `bazaar bench house-failover`: trading houses in use lose a trader again and again, always the one
//! that most customers are with.
//!
//! Each buyer stays with its trader as long as that is there. When it is killed they go to others.
//! The next one is killed when all posts are held again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;

use machine::NodeId;
use market::{Outcome, RequestId};
use peer::party;
use serde::Serialize;
use view::{Event, Fault, Verdict, What};

use crate::bench::Spread;
use crate::exit;
use crate::run::{Processes, Talk, Venue as _, conduct};
use crate::scenario::{LeaseDurability, Scenario};
use crate::scratch::Scratch;

/// What `bazaar bench house-failover` is told.
#[derive(Debug, Clone, clap::Args)]
pub struct HouseFailoverArgs {
    /// How often a trader is killed
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    times: u32,
    /// How many peers buy, without a pause; more than half of them are with the one that is killed
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=50))]
    buyers: u32,
    /// How many sales there have been before the first loss
    #[arg(long, default_value_t = 20_000)]
    sales: u64,
    /// What a sale outlives: warehouse or buddy
    #[arg(long, default_value = "buddy")]
    durability: String,
    /// Where the run goes; it is removed afterwards
    #[arg(long, default_value = "runs")]
    folder: PathBuf,
    /// Further keys of the scenario, as in --set cache=none
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Prints the figures as JSON
    #[arg(long)]
    json: bool,
    /// Shows no progress
    #[arg(long, short)]
    quiet: bool,
}

/// Traders at any time: the one that is killed, and one that takes its buyers.
const TRADERS: u32 = 2;
/// Sales between two losses, so that each strikes houses in use.
const SALES_BETWEEN: u64 = 500;

#[derive(Debug, Serialize)]
struct Figures {
    cache: &'static str,
    durability: &'static str,
    buyers: u32,
    times: usize,
    /// Buyers that were with the trader that was killed, over all losses.
    struck: usize,
    /// From the kill to such a buyer's next confirmed sale.
    gap_ms: Option<Spread>,
    /// Of each loss, that of the last of its buyers.
    last_ms: Option<Spread>,
    sales: u64,
    verdict: Verdict,
    violations: Vec<String>,
}

/// `bazaar bench house-failover`.
///
/// # Errors
/// The scenario is wrong, or a process cannot be started or fails.
pub(in crate::bench) fn command(args: &HouseFailoverArgs) -> anyhow::Result<ExitCode> {
    // A seller more than there need to be, and one more to take a post than there are posts.
    let (sellers, bystanders) = (3, TRADERS + 1);
    let mut sets = vec![
        "fault=[]".to_owned(),
        "run.duration=1h".to_owned(),
        format!("run.peers={}", args.buyers + sellers + bystanders),
        format!("roles.buyers={}", args.buyers),
        format!("roles.sellers={sellers}"),
        "roles.others=bystander".to_owned(),
        // The highest numbers are elected.
        "roles.deal=in_order".to_owned(),
        "buyer.think={min='0s',max='0s'}".to_owned(),
        "seller.stock={min=10000,max=100000}".to_owned(),
        "seller.accrue_goods=100000".to_owned(),
        format!("houses.traders={TRADERS}"),
        "houses.choice=sticky".to_owned(),
        format!("houses.durability={}", args.durability),
    ];
    sets.extend(args.sets.iter().cloned());
    let scenario = Scenario::resolve_to_run("trading-houses", None, &sets)?;
    let scratch = Scratch::new(&args.folder, "bench")?;
    let talk = Talk { quiet: args.quiet || args.json, terminal: false };
    let mut striker = Striker { left: args.times, next_at: args.sales, fallen: None };
    let processes = Processes::start(&scenario, scratch.path())?;
    let outcome =
        conduct(&scenario, scratch.path(), &talk, processes, |processes| striker.go_on(processes))?;
    let losses = losses(&outcome.events);
    let all: Vec<u64> = losses.iter().flatten().copied().collect();
    let last = losses.iter().filter_map(|gaps| gaps.iter().max().copied());
    // A spread gives thousandths of what it is given.
    let spread = |nanos: Vec<u64>| Spread::of(nanos.into_iter().map(|ns| ns / 1000).collect());
    let figures = Figures {
        cache: scenario.cache.name(),
        durability: match scenario.houses.durability {
            LeaseDurability::Warehouse => "warehouse",
            LeaseDurability::Buddy => "buddy",
            LeaseDurability::TraderLog => "trader_log",
        },
        buyers: args.buyers,
        times: losses.len(),
        struck: all.len(),
        last_ms: spread(last.collect()),
        gap_ms: spread(all),
        sales: outcome.summary.buys.sold,
        verdict: outcome.summary.verdict,
        violations: outcome.summary.violations,
    };
    show(args.json, &figures)?;
    Ok(match figures.verdict {
        Verdict::Pass => ExitCode::SUCCESS,
        Verdict::Fail => exit::BROKEN.into(),
        Verdict::Unknown => exit::UNKNOWN.into(),
    })
}

/// Kills the trader that has most customers, whenever all posts are held and enough was sold since.
struct Striker {
    left: u32,
    next_at: u64,
    /// Who was killed and has not been started again.
    fallen: Option<NodeId>,
}

impl Striker {
    fn go_on(&mut self, processes: &mut Processes) -> anyhow::Result<bool> {
        let (traders, sales) = (processes.progress().houses(), processes.progress().sales);
        let is_whole = traders.len() == TRADERS as usize
            && self.fallen.is_none_or(|fallen| !traders.contains(&fallen));
        if !is_whole {
            return Ok(true);
        }
        if let Some(fallen) = self.fallen.take() {
            processes.strike(Fault::Restart, fallen)?;
            self.next_at = sales + SALES_BETWEEN;
            return Ok(true);
        }
        if sales < self.next_at {
            return Ok(true);
        }
        if self.left == 0 {
            return Ok(false);
        }
        self.left -= 1;
        let busiest = traders.iter().max_by_key(|trader| processes.watch().customers_of(**trader));
        let Some(struck) = busiest.copied() else { return Ok(true) };
        self.fallen = Some(struck);
        processes.strike(Fault::Kill, struck)?;
        Ok(true)
    }
}

/// Of each kill: for each buyer that the trader had answered last, nanoseconds until it was told of a
/// sale that another trader confirmed.
fn losses(events: &[Event]) -> Vec<Vec<u64>> {
    // Whom each buyer is with, who answered each request, and since when each waits.
    let mut at: BTreeMap<NodeId, NodeId> = BTreeMap::new();
    let mut told_by: BTreeMap<RequestId, NodeId> = BTreeMap::new();
    let mut waiting: BTreeMap<NodeId, (usize, NodeId, u64)> = BTreeMap::new();
    let mut losses: Vec<Vec<u64>> = Vec::new();
    for event in events {
        match &event.what {
            What::Told { request, outcome: Outcome::Bought(_), .. } => {
                told_by.insert(*request, event.node);
                let buyer = u32::try_from(request.client.party.0).map(NodeId);
                if let Ok(buyer) = buyer {
                    at.insert(buyer, event.node);
                }
            }
            What::Fault { fault: Fault::Kill, target } => {
                let buyers: BTreeSet<NodeId> = at
                    .iter()
                    .filter(|(_, trader)| *trader == target)
                    .map(|(node, _)| *node)
                    .collect();
                for buyer in buyers {
                    waiting.insert(buyer, (losses.len(), *target, event.time_ns));
                }
                losses.push(Vec::new());
            }
            What::Answered { request, outcome: Outcome::Bought(_), .. } => {
                let Some((loss, killed, since_ns)) = waiting.get(&event.node).copied() else {
                    continue;
                };
                debug_assert_eq!(request.client.party, party(event.node), "its own answer");
                // The killed one's last words may arrive after its death.
                if told_by.get(request).is_some_and(|trader| *trader != killed) {
                    waiting.remove(&event.node);
                    losses[loss].push(event.time_ns.saturating_sub(since_ns));
                }
            }
            _ => {}
        }
    }
    losses
}

fn show(json: bool, figures: &Figures) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string(figures)?);
        return Ok(());
    }
    let Figures { cache, durability, buyers, times, struck, sales, verdict, .. } = figures;
    println!(
        "{times} traders killed, with {buyers} buyers and 3 sellers, cache {cache}, durability \
         {durability}; {sales} sales in all; {verdict}"
    );
    println!("from the kill to the next confirmed sale, ms:");
    println!("{:<26}{:>6}{:>9}{:>9}{:>9}{:>9}", "", "times", "best", "median", "p90", "worst");
    let all = [
        ("of each buyer", *struck, &figures.gap_ms),
        ("of the last buyer", *times, &figures.last_ms),
    ];
    for (name, times, spread) in all {
        print!("{name:<26}{times:>6}");
        match spread {
            Some(Spread { min, p50, p90, max, .. }) => {
                println!("{min:>9.1}{p50:>9.1}{p90:>9.1}{max:>9.1}");
            }
            None => println!("{:>9}{:>9}{:>9}{:>9}", "-", "-", "-", "-"),
        }
    }
    for violation in &figures.violations {
        println!("  {violation}");
    }
    Ok(())
}
