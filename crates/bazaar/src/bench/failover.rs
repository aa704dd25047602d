//! Failover: a market in use loses its trader again and again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use machine::{Epoch, NodeId};
use market::RequestId;
use serde::Serialize;
use view::{Event, Fault, Verdict, What};

use super::{Scratch, Spread, resolve};
use crate::exit;
use crate::run::{Processes, Talk, Venue as _, conduct};

/// What `bazaar bench failover` is told.
#[derive(Debug, Clone, clap::Args)]
pub struct FailoverArgs {
    /// How often the trader is killed
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    kills: u32,
    /// How many peers there are
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(3..=100))]
    peers: u32,
    /// How many sales the market has made before the first kill
    #[arg(long, default_value_t = 100_000)]
    sales: u64,
    /// How messages travel: tcp or udp
    #[arg(long, default_value = "tcp")]
    transport: String,
    /// Where the run goes; it is removed afterwards
    #[arg(long, default_value = "runs")]
    folder: PathBuf,
    /// Further keys of the scenario, as in --set journal.durability=memory
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Prints the figures as JSON
    #[arg(long)]
    json: bool,
    /// Shows no progress
    #[arg(long, short)]
    quiet: bool,
}

/// Sales that must be made between two kills, so that each strikes a market in use.
const SALES_BETWEEN: u64 = 500;

#[derive(Debug, Serialize)]
struct Figures {
    transport: String,
    peers: u32,
    sales_before: u64,
    kills: usize,
    /// From the kill to the first sale that its successor confirms to a buyer.
    gap_ms: Option<Spread>,
    gaps_ms: Vec<f64>,
    sales: u64,
    verdict: Verdict,
    violations: Vec<String>,
}

/// `bazaar bench failover`.
pub(super) fn command(args: &FailoverArgs) -> anyhow::Result<ExitCode> {
    let mut sets = vec![
        "fault=[]".to_owned(),
        "run.duration=1h".to_owned(),
        format!("run.peers={}", args.peers),
        format!("run.transport={}", args.transport),
        "buyer.think={min='0s',max='0s'}".to_owned(),
        "seller.stock={min=1000,max=10000}".to_owned(),
    ];
    sets.extend(args.sets.iter().cloned());
    let scenario = resolve(&sets)?;
    let scratch = Scratch::new(&args.folder)?;
    let talk = Talk { quiet: args.quiet || args.json, terminal: false };
    let mut killer = Killer { left: args.kills, next_at: args.sales, fallen: None };
    let processes = Processes::start(&scenario, &scratch.0)?;
    let outcome = conduct(&scenario, &scratch.0, &talk, processes, |processes| {
        killer.go_on(processes, args)
    })?;
    let gaps = gaps(&outcome.events);
    let figures = Figures {
        transport: args.transport.clone(),
        peers: args.peers,
        sales_before: args.sales,
        kills: gaps.len(),
        // A spread gives thousandths of what it is given.
        gap_ms: Spread::of(gaps.iter().map(|nanos| nanos / 1000).collect()),
        gaps_ms: gaps.iter().map(|&nanos| nanos as f64 / 1e6).collect(),
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

/// Kills the trader whenever the market is whole and has sold enough since the last time.
struct Killer {
    left: u32,
    /// The sales to be made before the next kill.
    next_at: u64,
    /// Who was killed and has not come back.
    fallen: Option<(NodeId, Epoch)>,
}

impl Killer {
    fn go_on(&mut self, processes: &mut Processes, args: &FailoverArgs) -> anyhow::Result<bool> {
        let (Some(trader), Some(epoch)) = (processes.progress().trader, processes.progress().epoch)
        else {
            return Ok(true);
        };
        if let Some((fallen, old)) = self.fallen {
            if epoch > old {
                self.fallen = None;
                self.next_at = processes.progress().sales + SALES_BETWEEN;
                processes.strike(Fault::Restart, fallen)?;
            }
            return Ok(true);
        }
        let whole = processes.watch().followers(epoch) == args.peers as usize;
        if !whole || processes.progress().sales < self.next_at {
            return Ok(true);
        }
        if self.left == 0 {
            return Ok(false);
        }
        self.left -= 1;
        self.fallen = Some((trader, epoch));
        processes.strike(Fault::Kill, trader)?;
        Ok(true)
    }
}

/// For each kill: nanoseconds until a client was told of a sale by a trader of a later epoch.
fn gaps(events: &[Event]) -> Vec<u64> {
    let mut said_by: BTreeMap<RequestId, Epoch> = BTreeMap::new();
    for event in events {
        if let What::Sold { epoch, request, .. } | What::Repeated { epoch, request } = &event.what {
            let last = said_by.entry(*request).or_insert(*epoch);
            *last = (*last).max(*epoch);
        }
    }
    let mut gaps = Vec::new();
    let (mut epoch, mut killed) = (Epoch::ZERO, None);
    for event in events {
        match &event.what {
            What::Trading { epoch: new, .. } => epoch = epoch.max(*new),
            What::Fault { fault: Fault::Kill, .. } => killed = Some((event.time_ns, epoch)),
            What::Answered { request, outcome: market::Outcome::Bought(_), .. } => {
                if let Some((killed_ns, old)) = killed
                    && said_by.get(request).is_some_and(|epoch| *epoch > old)
                {
                    gaps.push(event.time_ns.saturating_sub(killed_ns));
                    killed = None;
                }
            }
            _ => {}
        }
    }
    gaps
}

fn show(json: bool, figures: &Figures) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string(figures)?);
        return Ok(());
    }
    println!(
        "{} kills of the trader among {} peers over {}, after {} sales; {} sales in all; {}",
        figures.kills,
        figures.peers,
        figures.transport,
        figures.sales_before,
        figures.sales,
        figures.verdict
    );
    if let Some(Spread { min, p50, p90, max, .. }) = figures.gap_ms {
        println!("SIGKILL to the successor's first confirmed sale, ms:");
        println!("  best {min:.1}, median {p50:.1}, p90 {p90:.1}, worst {max:.1}");
    }
    for violation in &figures.violations {
        println!("  {violation}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use market::{ClientId, Good, Money, Order, Outcome, Party, Receipt};
    use view::Operation;

    use super::*;

    fn epoch(counter: u64) -> Epoch {
        Epoch { counter, node: NodeId(counter as u32) }
    }

    fn event(time_ns: u64, what: What) -> Event {
        Event { time_ns, node: NodeId(9), clock: None, what }
    }

    #[test]
    fn a_gap_ends_with_the_first_sale_of_the_successor() {
        let good = Good::new("salt").unwrap();
        let receipt = Receipt {
            good: good.clone(),
            quantity: 1,
            paid: Money(1),
            commission: Money(0),
            fills: Vec::new(),
        };
        let request = |number| RequestId { client: ClientId::default(), number };
        let sold = |number, counter| What::Sold {
            epoch: epoch(counter),
            request: request(number),
            receipt: receipt.clone(),
            buyer: Party(1),
        };
        let answered = |number| What::Answered {
            request: request(number),
            operation: Operation::Buy(Order {
                good: good.clone(),
                quantity: 1,
                limit: None,
                partial: false,
            }),
            outcome: Outcome::Bought(receipt.clone()),
            took_ns: 1,
        };
        let events = [
            event(1, What::Trading { epoch: epoch(1), shipped_before: 0 }),
            event(2, sold(1, 1)),
            event(3, What::Fault { fault: Fault::Kill, target: NodeId(1) }),
            // The old trader's last word arrives after its death.
            event(4, answered(1)),
            event(6, sold(2, 2)),
            event(8, answered(2)),
            event(9, answered(2)),
        ];
        assert_eq!(gaps(&events), [5]);
    }
}
