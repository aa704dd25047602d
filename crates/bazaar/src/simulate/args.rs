//! What `bazaar sim` is told.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use groupcast::group::{Delivery, Order};
use sim::fault::Plan;
use sim::swarm::Handover;
use sim::{Kind, Options};

#[cfg(feature = "planted")]
use crate::bug;
use crate::scenario::{PlanText, ScenarioError};

/// What `bazaar sim` is told.
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct SimArgs {
    /// What is done with one seed, or else many are run.
    #[command(subcommand)]
    pub verb: Option<SimVerb>,
    /// Which seeds are run, and how.
    #[command(flatten)]
    pub sweep: SweepArgs,
}

/// What is done with one seed.
#[derive(Debug, Clone, Subcommand)]
pub enum SimVerb {
    /// Plays the world of one seed
    Replay(ReplayArgs),
    /// Plays a saved world, and says whether and where its trace differs now
    Load(LoadArgs),
    /// Finds fewer and shorter faults that break the same invariant
    Shrink(ShrinkArgs),
    /// Prints what goes wrong in the world of a seed, as a file to be played
    Faults(FaultsArgs),
}

/// Which seeds are run, and how.
#[derive(Debug, Clone, Args)]
pub struct SweepArgs {
    /// Which seeds, as in 0..1000, the last one not included
    #[arg(long, value_parser = seeds, default_value = "0..100")]
    seeds: Range<u64>,
    /// One seed only
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// What worlds are made of.
    #[command(flatten)]
    pub world: WorldArgs,
    /// What goes wrong in them.
    #[command(flatten)]
    pub faults: FaultsFile,
    /// Plays the scenario of this preset with each seed instead, as run --simulated does
    #[arg(long, conflicts_with_all = ["world", "order", "delivery", "handover", "peers", "trace", "faults"])]
    pub preset: Option<String>,
    /// Sets a key of that scenario, as in --set run.peers=9; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", requires = "preset")]
    pub sets: Vec<String>,
    /// How many threads run worlds at a time [default: all cores]
    #[arg(long)]
    pub threads: Option<usize>,
    /// Prints every event of every world
    #[arg(long)]
    pub trace: bool,
}

impl SweepArgs {
    /// Which seeds.
    pub fn seeds(&self) -> Range<u64> {
        self.seed.map_or(self.seeds.clone(), |seed| seed..seed.saturating_add(1))
    }
}

/// What `bazaar sim replay` is told.
#[derive(Debug, Clone, Args)]
pub struct ReplayArgs {
    /// Which seed
    pub seed: u64,
    /// What its world is made of.
    #[command(flatten)]
    pub world: WorldArgs,
    /// What goes wrong in it.
    #[command(flatten)]
    pub faults: FaultsFile,
    /// Prints every event
    #[arg(long)]
    pub trace: bool,
    /// Leaves a file from which bazaar sim load plays the same world again
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
}

/// What `bazaar sim load` is told.
#[derive(Debug, Clone, Args)]
pub struct LoadArgs {
    /// A file that bazaar sim replay --save left
    pub file: PathBuf,
    /// Prints every event
    #[arg(long)]
    pub trace: bool,
}

/// What `bazaar sim shrink` is told.
#[derive(Debug, Clone, Args)]
pub struct ShrinkArgs {
    /// Which seed
    pub seed: u64,
    /// What its world is made of.
    #[command(flatten)]
    pub world: WorldArgs,
    /// What goes wrong in it.
    #[command(flatten)]
    pub faults: FaultsFile,
    /// How many worlds are played at most
    #[arg(long, default_value_t = sim::PLAYS_MAX)]
    pub plays: u32,
    /// Where the plan that was found is left [default: printed only]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// What `bazaar sim faults` is told.
#[derive(Debug, Clone, Args)]
pub struct FaultsArgs {
    /// Which seed
    pub seed: u64,
    /// What its world is made of.
    #[command(flatten)]
    pub world: WorldArgs,
}

/// A file with what goes wrong.
#[derive(Debug, Clone, Args)]
pub struct FaultsFile {
    /// What goes wrong, instead of what the seed draws: a file as bazaar sim faults prints
    #[arg(long, value_name = "FILE")]
    pub faults: Option<PathBuf>,
}

impl FaultsFile {
    /// The plan in the file, for a world of this kind with so many nodes; none without a file.
    ///
    /// # Errors
    /// All that is wrong with it, with places.
    pub fn read(&self, kind: &Kind, nodes: u32) -> Result<Option<Plan>, ScenarioError> {
        self.faults.as_ref().map(|path| PlanText::read(path, kind, nodes)).transpose()
    }

    /// The argument as it is typed; empty without a file.
    pub fn text(&self) -> String {
        let path = self.faults.as_ref();
        path.map_or(String::new(), |path| format!(" --faults {}", path.display()))
    }
}

/// What a world is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WorldKind {
    /// Peers that trade
    Market,
    /// Members of a group that send
    Group,
    /// Many traders, one warehouse
    Houses,
}

/// What worlds are made of, beside what their seeds draw.
#[derive(Debug, Clone, Args)]
pub struct WorldArgs {
    /// What a world is made of
    #[arg(long, value_enum, default_value_t = WorldKind::Market)]
    pub world: WorldKind,
    /// The order of all groups: fifo, causal, sequencer or lamport [default: each seed's own]
    #[arg(long, value_parser = order)]
    pub order: Option<Order>,
    /// The delivery of all groups: agreed or safe [default: each seed's own]
    #[arg(long, value_parser = delivery)]
    pub delivery: Option<Delivery>,
    /// Where all markets are held: common, replicated or sellers [default: each seed's own]
    #[arg(long, value_parser = handover)]
    pub handover: Option<Handover>,
    /// How many peers a market has
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(3..=100))]
    pub peers: u32,
    /// Puts a known bug in, to see that it is found
    #[cfg(feature = "planted")]
    #[arg(long, value_parser = bug::of_peer)]
    pub plant: Option<peer::Planted>,
}

/// [`WorldArgs`] by themselves, as a saved world has them.
#[derive(Debug, Parser)]
#[command(name = "options", no_binary_name = true, disable_help_flag = true)]
struct OnlyWorld {
    #[command(flatten)]
    world: WorldArgs,
}

impl WorldArgs {
    /// Reads what [`WorldArgs::text`] wrote.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub fn from_text(text: &str) -> Result<Self, String> {
        let only = OnlyWorld::try_parse_from(text.split_whitespace());
        only.map(|only| only.world).map_err(|error| {
            let told = error.to_string();
            told.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
        })
    }

    /// The arguments as they are typed, each behind a blank.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut say = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                // Writing to a string cannot fail.
                let _ = write!(text, " --{name} {value}");
            }
        };
        match self.world {
            WorldKind::Market => {
                let is_it = |(name, held): (&str, Handover)| {
                    (self.handover == Some(held)).then(|| name.to_owned())
                };
                say("peers", Some(self.peers.to_string()));
                say("handover", HANDOVERS.into_iter().find_map(is_it));
            }
            WorldKind::Group => {
                say("world", Some("group".to_owned()));
                say("order", self.order.map(|order| order.to_string()));
                say("delivery", self.delivery.map(|delivery| delivery.to_string()));
            }
            WorldKind::Houses => say("world", Some("houses".to_owned())),
        }
        #[cfg(feature = "planted")]
        if let Some(bug) = self.plant {
            say("plant", Some(bug::name_of_peers(bug).to_owned()));
        }
        text
    }

    /// The kind of world that is meant.
    pub fn kind(&self) -> Kind {
        match self.world {
            WorldKind::Market => Kind::Market(Options {
                peers: self.peers,
                handover: self.handover,
                #[cfg(feature = "planted")]
                planted: self.plant,
                ..Options::default()
            }),
            WorldKind::Group => Kind::Group(sim::group::Options {
                order: self.order,
                delivery: self.delivery,
                ..sim::group::Options::default()
            }),
            WorldKind::Houses => Kind::Houses(sim::houses::Options::default()),
        }
    }
}

fn order(text: &str) -> Result<Order, String> {
    let found = Order::ALL.into_iter().find(|order| order.to_string() == text);
    found.ok_or_else(|| "fifo, causal, sequencer or lamport".into())
}

fn delivery(text: &str) -> Result<Delivery, String> {
    let found = Delivery::ALL.into_iter().find(|delivery| delivery.to_string() == text);
    found.ok_or_else(|| "agreed or safe".into())
}

const HANDOVERS: [(&str, Handover); 3] = [
    ("common", Handover::Common),
    ("replicated", Handover::Replicated),
    ("sellers", Handover::Sellers),
];

fn handover(text: &str) -> Result<Handover, String> {
    let found = HANDOVERS.into_iter().find(|(name, _)| *name == text);
    found.map(|(_, handover)| handover).ok_or_else(|| "common, replicated or sellers".into())
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let wrong = || format!("{text} is no range of seeds; give two numbers, as in 0..1000");
    let (first, end) = text.split_once("..").ok_or_else(wrong)?;
    let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
    let (first, end) = (number(first)?, number(end)?);
    if first < end { Ok(first..end) } else { Err(format!("{text} holds no seed")) }
}
