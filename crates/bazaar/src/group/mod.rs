//! `bazaar group`: the group of seed 003 as processes, to be played with at a terminal or by a
//! script: multicast, multicast with delay, leave, stop without leaving, info.
//!
//! ```text
//!   terminal, script ──▶ bazaar group ──lines──▶ seq, peer1, peer2, …   a process each
//!                             ▲                        │
//!                             └────────lines───────────┘   what each one delivers, its views
//! ```
//!
//! All members come in before the first message, so each of them should deliver all messages; the
//! program compares what they deliver as it goes on (`board`), and ends with a verdict. How a
//! message is made to come late is told in `holding`.

pub mod board;
pub mod holding;
mod info;
pub mod member;
mod menu;
mod peers;
mod play;
pub mod preset;
mod script;
mod summary;
mod told;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use groupcast::group::{Delivery, Order};
use host::Transport;
use machine::NodeId;

use crate::exit;
use crate::scenario::DurationText;
use crate::scratch::Scratch;
pub use board::Board;
pub use peers::{Impatient, Peers, Setup};
pub use script::{Condition, Step, WrongStep};

/// The preset of a run of such a group.
pub const PRESET: &str = "groupcast";
/// The first member: it founds the group and is its first coordinator.
pub const SEQUENCER: NodeId = NodeId(1);
/// How long a message may be held back.
pub const HOLD_MAX: Duration = Duration::from_secs(60);
/// How many peers there may be: each is a process with a connection to each other.
const PEERS_MAX: u32 = 50;

/// What `bazaar group` is told.
#[derive(Debug, Clone, clap::Args)]
pub struct GroupArgs {
    /// How many peers there are beside the sequencer; asked on a terminal, else 2
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=i64::from(PEERS_MAX)))]
    peers: Option<u32>,
    /// In which order messages are delivered: fifo, causal, sequencer or lamport
    #[arg(long, default_value = "sequencer", value_parser = parse_order)]
    order: Order,
    /// When a message is delivered: agreed, once its place is known, or safe, once a majority of
    /// the members holds it
    #[arg(long, default_value = "agreed", value_parser = parse_delivery)]
    delivery: Delivery,
    /// How messages travel: tcp or udp
    #[arg(long, default_value = "tcp", value_parser = parse_transport)]
    transport: Transport,
    /// A file of steps, one a line, in place of the menu; see docs/groupcast.md
    #[arg(long)]
    script: Option<PathBuf>,
    /// How long a step of a script waits for its condition, as in 30s
    #[arg(long, default_value = "30s", value_parser = parse_duration)]
    patience: Duration,
    /// The seed of all chance; drawn without one
    #[arg(long)]
    seed: Option<u64>,
    /// Prints what is shown as JSON, an object a line
    #[arg(long)]
    json: bool,
}

/// `bazaar group`.
///
/// # Errors
/// The script cannot be used, or a process cannot be started or fails.
pub fn command(args: &GroupArgs) -> anyhow::Result<ExitCode> {
    let is_menu = args.script.is_none() && std::io::stdin().is_terminal();
    let steps = match &args.script {
        None => None,
        Some(file) => Some(play::read_script(file).map_err(exit::Unusable)?),
    };
    let peers = match args.peers {
        Some(peers) => peers,
        None if is_menu => menu::ask_peers()?,
        None => 2,
    };
    let seed = match args.seed {
        Some(seed) => seed,
        None => host::entropy::seed().context("cannot draw a seed")?,
    };
    let (order, delivery) = (args.order, args.delivery);
    let setup = Setup { peers, order, delivery, udp: args.transport == Transport::Udp, seed };
    let folder = Scratch::new(&std::env::temp_dir(), "bazaar-group")?;
    let mut peers = Peers::start(setup, folder.path(), None)?;
    let show = play::Show { json: args.json };
    match steps {
        Some(steps) => play::play(&mut peers, steps.into_iter().map(Ok), args.patience, show),
        None if is_menu => menu::run(&mut peers, args.patience, show),
        None => play::play(&mut peers, play::steps_of_stdin(), args.patience, show),
    }
}

/// The name of a member: that of the first is `seq`, wherever the sequencer's office goes.
pub fn name(node: NodeId) -> String {
    if node == SEQUENCER { "seq".to_owned() } else { format!("peer{}", node.0.saturating_sub(1)) }
}

/// The member of this name.
pub fn node_of(name: &str) -> Option<NodeId> {
    if name == "seq" {
        return Some(SEQUENCER);
    }
    let number: u32 = name.strip_prefix("peer")?.parse().ok()?;
    (1..=PEERS_MAX).contains(&number).then_some(NodeId(number + 1))
}

/// Reads an order by its name.
pub(crate) fn parse_order(text: &str) -> Result<Order, String> {
    let known = Order::ALL.into_iter().find(|order| order.to_string() == text);
    known.ok_or_else(|| "give fifo, causal, sequencer or lamport".to_owned())
}

/// Reads a delivery by its name.
pub(crate) fn parse_delivery(text: &str) -> Result<Delivery, String> {
    let known = Delivery::ALL.into_iter().find(|delivery| delivery.to_string() == text);
    known.ok_or_else(|| "give agreed or safe".to_owned())
}

/// Reads a transport by its name.
fn parse_transport(text: &str) -> Result<Transport, String> {
    match text {
        "tcp" => Ok(Transport::Tcp),
        "udp" => Ok(Transport::Udp),
        _ => Err("give tcp or udp".to_owned()),
    }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    text.parse().map(|DurationText(duration)| duration).map_err(|error| error.to_string())
}
