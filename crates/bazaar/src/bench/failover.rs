//! Failover: a market in use loses its trader again and again, each time in another way.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::process::ExitCode;

use machine::{Epoch, NodeId};
use market::RequestId;
use serde::Serialize;
use view::{Event, Fault, LinkFault, Verdict, What};

use super::{Scratch, Spread, resolve};
use crate::exit;
use crate::run::{Processes, Talk, Venue as _, conduct};

/// What `bazaar bench failover` is told.
#[derive(Debug, Clone, clap::Args)]
pub struct FailoverArgs {
    /// How the trader is lost, in turns: kill (SIGKILL), pause (SIGSTOP), partition (its links are
    /// cut)
    #[arg(long, value_delimiter = ',', default_value = "kill,pause,partition")]
    faults: Vec<Loss>,
    /// How often it is lost in each way
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    times: u32,
    /// How many peers buy, without a pause
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=50))]
    buyers: u32,
    /// How many peers sell; they are the highest, so one of them is the trader
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(2..=50))]
    sellers: u32,
    /// How many sales the market has made before its first trader is lost
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

/// Sales that must be made between two losses, so that each strikes a market in use.
const SALES_BETWEEN: u64 = 500;

/// A way to lose a trader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
enum Loss {
    /// It ends without a word; its connections close.
    Kill,
    /// It hangs: only its silence shows.
    Pause,
    /// It is alone behind links that carry nothing.
    Partition,
}

impl Loss {
    const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Pause => "pause",
            Self::Partition => "partition",
        }
    }

    fn strike(self, processes: &mut Processes, trader: NodeId) -> anyhow::Result<()> {
        match self {
            Self::Kill => processes.strike(Fault::Kill, trader),
            Self::Pause => processes.strike(Fault::Pause, trader),
            Self::Partition => processes.change_links(LinkFault::Cut { side: vec![trader] }),
        }
    }

    fn undo(self, processes: &mut Processes, trader: NodeId) -> anyhow::Result<()> {
        match self {
            Self::Kill => processes.strike(Fault::Restart, trader),
            Self::Pause => processes.strike(Fault::Resume, trader),
            Self::Partition => processes.change_links(LinkFault::Mend { side: vec![trader] }),
        }
    }

    const fn of(what: &What) -> Option<Self> {
        match what {
            What::Fault { fault: Fault::Kill, .. } => Some(Self::Kill),
            What::Fault { fault: Fault::Pause, .. } => Some(Self::Pause),
            What::Links(LinkFault::Cut { .. }) => Some(Self::Partition),
            _ => None,
        }
    }
}

#[derive(Debug, Serialize)]
struct Figures {
    transport: String,
    buyers: u32,
    sellers: u32,
    sales_before: u64,
    losses: Vec<Gaps>,
    sales: u64,
    verdict: Verdict,
    violations: Vec<String>,
}

/// From the loss of a trader to the first sale that its successor confirms to a buyer.
#[derive(Debug, Serialize)]
struct Gaps {
    fault: Loss,
    times: usize,
    gap_ms: Option<Spread>,
    gaps_ms: Vec<f64>,
}

impl Gaps {
    fn of(fault: Loss, gaps: &[(Loss, u64)]) -> Self {
        let nanos: Vec<u64> =
            gaps.iter().filter(|(of, _)| *of == fault).map(|(_, ns)| *ns).collect();
        Self {
            fault,
            times: nanos.len(),
            // A spread gives thousandths of what it is given.
            gap_ms: Spread::of(nanos.iter().map(|nanos| nanos / 1000).collect()),
            gaps_ms: nanos.iter().map(|&nanos| nanos as f64 / 1e6).collect(),
        }
    }
}

/// `bazaar bench failover`.
pub(super) fn command(args: &FailoverArgs) -> anyhow::Result<ExitCode> {
    let mut sets = vec![
        "fault=[]".to_owned(),
        "run.duration=1h".to_owned(),
        format!("run.peers={}", args.buyers + args.sellers),
        format!("run.transport={}", args.transport),
        format!("roles.buyers={}", args.buyers),
        format!("roles.sellers={}", args.sellers),
        "buyer.think={min='0s',max='0s'}".to_owned(),
        "seller.stock={min=1000,max=10000}".to_owned(),
    ];
    sets.extend(args.sets.iter().cloned());
    let scenario = resolve(&sets)?;
    let scratch = Scratch::new(&args.folder)?;
    let talk = Talk { quiet: args.quiet || args.json, terminal: false };
    let rounds = (0..args.times).flat_map(|_| args.faults.clone()).collect();
    let mut striker = Striker { to_come: rounds, next_at: args.sales, fallen: None };
    let peers = args.buyers as usize + args.sellers as usize;
    let processes = Processes::start(&scenario, &scratch.0)?;
    let outcome = conduct(&scenario, &scratch.0, &talk, processes, |processes| {
        striker.go_on(processes, peers)
    })?;
    let gaps = gaps(&outcome.events);
    let mut faults = args.faults.clone();
    faults.sort_unstable();
    faults.dedup();
    let figures = Figures {
        transport: args.transport.clone(),
        buyers: args.buyers,
        sellers: args.sellers,
        sales_before: args.sales,
        losses: faults.into_iter().map(|fault| Gaps::of(fault, &gaps)).collect(),
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

/// Strikes the trader whenever the market is whole and has sold enough since the last time.
struct Striker {
    to_come: VecDeque<Loss>,
    /// The sales to be made before the next loss.
    next_at: u64,
    /// Who was struck, in which epoch, and has not come back.
    fallen: Option<(Loss, NodeId, Epoch)>,
}

impl Striker {
    fn go_on(&mut self, processes: &mut Processes, peers: usize) -> anyhow::Result<bool> {
        let (Some(trader), Some(epoch)) = (processes.progress().trader, processes.progress().epoch)
        else {
            return Ok(true);
        };
        if let Some((loss, fallen, old)) = self.fallen {
            if epoch > old {
                self.fallen = None;
                self.next_at = processes.progress().sales + SALES_BETWEEN;
                loss.undo(processes, fallen)?;
            }
            return Ok(true);
        }
        let whole = processes.watch().followers(epoch) == peers;
        if !whole || processes.progress().sales < self.next_at {
            return Ok(true);
        }
        let Some(loss) = self.to_come.pop_front() else { return Ok(false) };
        self.fallen = Some((loss, trader, epoch));
        loss.strike(processes, trader)?;
        Ok(true)
    }
}

/// For each loss of a trader: nanoseconds until a client was told of a sale by a trader of a later epoch.
fn gaps(events: &[Event]) -> Vec<(Loss, u64)> {
    let mut said_by: BTreeMap<RequestId, Epoch> = BTreeMap::new();
    for event in events {
        if let What::Sold { epoch, request, .. } | What::Repeated { epoch, request } = &event.what {
            let last = said_by.entry(*request).or_insert(*epoch);
            *last = (*last).max(*epoch);
        }
    }
    let mut gaps = Vec::new();
    let (mut epoch, mut lost) = (Epoch::ZERO, None);
    for event in events {
        if let Some(loss) = Loss::of(&event.what) {
            lost = Some((loss, event.time_ns, epoch));
        }
        match &event.what {
            What::Trading { epoch: new, .. } => epoch = epoch.max(*new),
            What::Answered { request, outcome: market::Outcome::Bought(_), .. } => {
                if let Some((loss, lost_ns, old)) = lost
                    && said_by.get(request).is_some_and(|epoch| *epoch > old)
                {
                    gaps.push((loss, event.time_ns.saturating_sub(lost_ns)));
                    lost = None;
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
        "the trader lost to {} buyers and {} sellers over {}, after {} sales; {} sales in all; {}",
        figures.buyers,
        figures.sellers,
        figures.transport,
        figures.sales_before,
        figures.sales,
        figures.verdict
    );
    println!("from its loss to the successor's first confirmed sale, ms:");
    println!("{:<10}{:>6}{:>9}{:>9}{:>9}{:>9}", "", "times", "best", "median", "p90", "worst");
    for Gaps { fault, times, gap_ms, .. } in &figures.losses {
        print!("{:<10}{times:>6}", fault.name());
        match gap_ms {
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
            event(10, What::Trading { epoch: epoch(2), shipped_before: 1 }),
            event(12, What::Fault { fault: Fault::Pause, target: NodeId(2) }),
            event(13, What::Trading { epoch: epoch(3), shipped_before: 2 }),
            event(14, What::Fault { fault: Fault::Resume, target: NodeId(2) }),
            event(15, sold(3, 3)),
            event(19, answered(3)),
            event(20, What::Links(LinkFault::Cut { side: vec![NodeId(3)] })),
            event(21, sold(4, 4)),
            event(22, answered(4)),
        ];
        assert_eq!(gaps(&events), [(Loss::Kill, 5), (Loss::Pause, 7), (Loss::Partition, 2)]);
    }
}
