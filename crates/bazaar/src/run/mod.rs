//! A live market: starts its nodes, lets the scenario's faults come, shows how it goes on, ends all
//! of them, and judges what they left behind. The nodes are isolated processes, or simulated.

mod faults;
mod journal;
mod links;
mod outcome;
mod processes;
mod provider;
mod shares;
mod simulated;
mod tails;
mod venue;
mod watch;

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use host::clock::monotonic_ns;
use view::{Verdict, What};

use crate::bug::Bug;
use crate::exit;
use crate::scenario::{Handover, Scenario, ScenarioError};
use crate::settings::buyers;
pub use faults::Plan;
pub use journal::{Chain, chain, market, market_of, of_warehouse, take_logs};
pub use links::Links;
pub use outcome::{Outcome, read, write_report};
pub use processes::Processes;
pub use provider::Provider;
pub(crate) use shares::Shares;
pub use simulated::Simulated;
pub use venue::Venue;
pub use watch::Watch;

/// How long the nodes have to answer what is under way when the time is over.
const WIND_DOWN_LIMIT: Duration = Duration::from_secs(3);
/// How often the runner looks at its nodes.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How often progress is shown on a terminal, and elsewhere.
const SHOW_EVERY: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(2)];

/// What is said of a scenario that asks for more than one simulated journal can be.
const SIMULATED_JOURNAL: &str = "note: the simulated journal has no form of its own; it stands for \
                                 journal.handover = \"database\" as for \"file\"";

/// What `bazaar run` is told.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct RunArgs {
    /// A scenario file, laid over its preset
    pub scenario: Option<PathBuf>,
    /// A named preset; see `bazaar config presets`
    #[arg(long, short)]
    pub preset: Option<String>,
    /// Sets a key of the scenario, as in --set run.peers=9; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// The seed of all chance
    #[arg(long)]
    pub seed: Option<u64>,
    /// How long the market trades, as in 10s
    #[arg(long)]
    pub duration: Option<String>,
    /// How messages travel: tcp or udp
    #[arg(long)]
    pub transport: Option<String>,
    /// Simulates all processes, in virtual time: the seed alone decides what happens
    #[arg(long)]
    pub simulated: bool,
    /// The run directory, which must not exist or be empty [default: a new one under runs/]
    #[arg(long, short)]
    pub out: Option<PathBuf>,
    /// Prints the summary as JSON, and nothing else, on standard output
    #[arg(long)]
    pub json: bool,
    /// Shows no progress
    #[arg(long, short)]
    pub quiet: bool,
    /// Puts a known bug into simulated peers, to see that it is found
    #[cfg(feature = "planted")]
    #[arg(long, requires = "simulated", value_parser = Bug::read)]
    pub plant: Option<Bug>,
}

impl RunArgs {
    /// The scenario that the arguments give.
    ///
    /// # Errors
    /// All that is wrong with it, with places.
    pub fn resolve(&self) -> Result<Scenario, ScenarioError> {
        Scenario::resolve(self.preset(), self.scenario.as_deref(), &self.all_sets())
    }

    fn resolve_to_run(&self) -> Result<Scenario, ScenarioError> {
        Scenario::resolve_to_run(self.preset(), self.scenario.as_deref(), &self.all_sets())
    }

    fn preset(&self) -> &str {
        self.preset.as_deref().unwrap_or("market")
    }

    /// The bug that is to be put in; none in a build that serves anybody.
    fn bug(&self) -> Bug {
        #[cfg(feature = "planted")]
        return self.plant.unwrap_or_default();
        #[cfg(not(feature = "planted"))]
        Bug::default()
    }

    /// Whether it is the preset that is no market.
    pub(crate) fn is_groupcast(&self) -> bool {
        self.preset() == crate::group::PRESET
    }

    pub(crate) fn all_sets(&self) -> Vec<String> {
        let mut sets = self.sets.clone();
        sets.extend(self.seed.map(|seed| format!("seed={seed}")));
        sets.extend(self.duration.iter().map(|text| format!("run.duration={text}")));
        sets.extend(self.transport.iter().map(|text| format!("run.transport={text}")));
        sets
    }
}

/// `bazaar run`.
///
/// # Errors
/// The scenario is wrong, or the processes cannot be started or fail.
pub fn command(args: &RunArgs) -> anyhow::Result<ExitCode> {
    if args.is_groupcast() {
        if args.simulated {
            let elsewhere = "the preset groupcast is no market; bazaar sim --world group simulates \
                             groups; nothing was started";
            return Err(exit::Unusable(anyhow::Error::msg(elsewhere)).into());
        }
        return crate::group::preset::run(args);
    }
    let scenario = match args.simulated {
        true => args.resolve()?,
        false => args.resolve_to_run()?,
    };
    let directory = new_directory(args.out.as_deref()).map_err(exit::Unusable)?;
    let talk = Talk { quiet: args.quiet, terminal: std::io::stderr().is_terminal() };
    talk.say(&format!(
        "market of {} {}peers over {} for {}, seed {}; files in {}",
        scenario.run.peers,
        if args.simulated { "simulated " } else { "" },
        scenario.run.transport.name(),
        crate::scenario::DurationText(scenario.run.duration),
        scenario.seed,
        directory.display()
    ));
    let outcome = match args.simulated {
        true => {
            if scenario.journal.handover == Handover::Database {
                talk.say(SIMULATED_JOURNAL);
            }
            play_simulated(&scenario, &directory, &talk, args.bug())?
        }
        false => play(&scenario, &directory, &talk, Processes::start(&scenario, &directory)?)?,
    };
    if args.json {
        println!("{}", serde_json::to_string(&outcome.summary)?);
    } else {
        print!("{}", outcome.summary.table());
        println!("verdict from the files alone: bazaar check {}", directory.display());
    }
    Ok(match outcome.summary.verdict {
        Verdict::Pass => ExitCode::SUCCESS,
        Verdict::Fail => exit::BROKEN.into(),
        Verdict::Unknown => exit::UNKNOWN.into(),
    })
}

/// Simulates a scenario's nodes and plays it with them.
///
/// # Errors
/// A file cannot be written.
pub fn play_simulated(
    scenario: &Scenario,
    directory: &Path,
    talk: &Talk,
    bug: Bug,
) -> anyhow::Result<Outcome> {
    match scenario.is_of_houses() {
        true => {
            let venue = Simulated::<houses::Node>::start(scenario, directory, bug)?;
            play(scenario, directory, talk, venue)
        }
        false => {
            let venue = Simulated::<peer::Node>::start(scenario, directory, bug)?;
            play(scenario, directory, talk, venue)
        }
    }
}

/// Plays a scenario whose nodes are started, with its faults, to its end or until Ctrl-C.
///
/// # Errors
/// A node cannot be started or ends by itself, or a file cannot be written.
pub fn play(
    scenario: &Scenario,
    directory: &Path,
    talk: &Talk,
    venue: impl Venue,
) -> anyhow::Result<Outcome> {
    let mut plan = faults::Plan::new(scenario);
    let mut provider = Provider::new(scenario);
    let end_ns = nanos(scenario.run.duration);
    let buyers = buyers(scenario);
    conduct(scenario, directory, talk, venue, |venue| {
        plan.carry_out(venue)?;
        provider.look(venue)?;
        let is_done = scenario.run.end_when_done && venue.have_bought_all(&buyers);
        Ok(!is_done && venue.now_ns() < end_ns)
    })
}

/// Lets nodes that are started go on for as long as `go_on` says, or until Ctrl-C.
///
/// # Errors
/// A node cannot be started or ends by itself, or a file cannot be written.
pub fn conduct<V: Venue>(
    scenario: &Scenario,
    directory: &Path,
    talk: &Talk,
    mut venue: V,
    mut go_on: impl FnMut(&mut V) -> anyhow::Result<bool>,
) -> anyhow::Result<Outcome> {
    let interrupt = host::Interrupt::listen().context("cannot listen for signals")?;
    let mut shown_ns = monotonic_ns();
    while !interrupt.is_set() {
        venue.look(LOOK_EVERY)?;
        if !go_on(&mut venue)? {
            break;
        }
        let every = nanos(SHOW_EVERY[usize::from(!talk.terminal)]);
        if monotonic_ns() >= shown_ns + every {
            shown_ns = monotonic_ns();
            talk.progress(&venue.progress().to_string());
        }
    }
    talk.end_progress();
    let seconds = venue.now_ns() as f64 / 1e9;
    venue.resume_all()?;
    venue.wind_down(WIND_DOWN_LIMIT)?;
    let over_ns = venue.now_ns();
    venue.watch_mut().did(over_ns, What::Ending);
    if scenario.is_of_houses() {
        venue.close_houses(WIND_DOWN_LIMIT)?;
    }
    let origin_unix_ns = venue.origin_unix_ns();
    let events = venue.end()?;
    outcome::finish(scenario, directory, events, seconds, origin_unix_ns)
}

pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A directory that is new or empty.
///
/// # Errors
/// There is something in it, or it cannot be made.
pub fn new_directory(wanted: Option<&Path>) -> anyhow::Result<PathBuf> {
    let directory = match wanted {
        Some(directory) => directory.to_owned(),
        None => {
            let unix_seconds = std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(0, |since| since.as_secs());
            let id = monotonic_ns() % 1_000_000;
            PathBuf::from("runs").join(format!("{unix_seconds}-{id:06}"))
        }
    };
    std::fs::create_dir_all(&directory)
        .with_context(|| format!("cannot make the run directory {}", directory.display()))?;
    let mut entries = std::fs::read_dir(&directory)
        .with_context(|| format!("cannot read the run directory {}", directory.display()))?;
    if entries.next().is_some() {
        bail!(
            "the run directory {} is not empty; name another with --out, or remove what is in it; \
             nothing was started",
            directory.display()
        );
    }
    Ok(directory)
}

/// What is said while a run goes on, all of it on standard error.
#[derive(Debug, Clone, Copy)]
pub struct Talk {
    /// Nothing at all.
    pub quiet: bool,
    /// Whether a line may be written over.
    pub terminal: bool,
}

impl Talk {
    /// Says nothing.
    pub const SILENT: Self = Self { quiet: true, terminal: false };

    fn say(&self, line: &str) {
        if !self.quiet {
            eprintln!("{line}");
        }
    }

    fn progress(&self, line: &str) {
        match (self.quiet, self.terminal) {
            (true, _) => {}
            (false, true) => {
                eprint!("\r\x1b[K{line}");
                let _ = std::io::stderr().flush();
            }
            (false, false) => eprintln!("{line}"),
        }
    }

    fn end_progress(&self) {
        if self.terminal && !self.quiet {
            eprintln!();
        }
    }
}
