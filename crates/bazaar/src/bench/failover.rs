//! Failover: a market in use loses its trader again and again, each time in another way.

mod gaps;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::ExitCode;

use machine::{Epoch, NodeId};
use serde::Serialize;
use view::{Fault, LinkFault, Verdict};

use super::{Spread, resolve};
use crate::exit;
use crate::run::{Processes, Talk, Venue as _, conduct};
use crate::scratch::Scratch;
use gaps::{Gap, gaps};

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
    /// Where the time of the longest went.
    worst: Option<StagesMs>,
}

/// The parts of a gap, in milliseconds.
#[derive(Debug, Serialize)]
struct StagesMs {
    noticed: f64,
    elected: f64,
    took_over: f64,
    sold: f64,
}

impl Gaps {
    fn of(fault: Loss, gaps: &[Gap]) -> Self {
        let gaps: Vec<&Gap> = gaps.iter().filter(|gap| gap.loss == fault).collect();
        let ms = |nanos: u64| nanos as f64 / 1e6;
        let worst = gaps.iter().max_by_key(|gap| gap.nanos());
        Self {
            fault,
            times: gaps.len(),
            // A spread gives thousandths of what it is given.
            gap_ms: Spread::of(gaps.iter().map(|gap| gap.nanos() / 1000).collect()),
            gaps_ms: gaps.iter().map(|gap| ms(gap.nanos())).collect(),
            worst: worst.map(|worst| StagesMs {
                noticed: ms(worst.noticed_ns),
                elected: ms(worst.elected_ns),
                took_over: ms(worst.took_over_ns),
                sold: ms(worst.sold_ns),
            }),
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
    let scratch = Scratch::new(&args.folder, "bench")?;
    let talk = Talk { quiet: args.quiet || args.json, terminal: false };
    let rounds = (0..args.times).flat_map(|_| args.faults.clone()).collect();
    let mut striker = Striker { to_come: rounds, next_at: args.sales, fallen: None };
    let peers = args.buyers as usize + args.sellers as usize;
    let processes = Processes::start(&scenario, scratch.path())?;
    let outcome = conduct(&scenario, scratch.path(), &talk, processes, |processes| {
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
    print!("{:<10}{:>6}{:>9}{:>9}{:>9}{:>9}  =", "", "times", "best", "median", "p90", "worst");
    println!("{:>8}{:>10}{:>12}{:>8}", "noticed", "+ elected", "+ took over", "+ sold");
    for Gaps { fault, times, gap_ms, worst, .. } in &figures.losses {
        print!("{:<10}{times:>6}", fault.name());
        match gap_ms {
            Some(Spread { min, p50, p90, max, .. }) => {
                print!("{min:>9.1}{p50:>9.1}{p90:>9.1}{max:>9.1}   ");
            }
            None => print!("{:>9}{:>9}{:>9}{:>9}", "-", "-", "-", "-"),
        }
        if let Some(StagesMs { noticed, elected, took_over, sold }) = worst {
            print!("{noticed:>8.1}{elected:>10.1}{took_over:>12.1}{sold:>8.1}");
        }
        println!();
    }
    for violation in &figures.violations {
        println!("  {violation}");
    }
    Ok(())
}
