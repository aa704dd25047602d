//! `bazaar bench multicast`: what a group delivers, how fast, and what a failure costs it.
//!
//! K members are K processes on this machine. One send call and one delivery call a message; every
//! member verifies every message, and members compare what they delivered.

mod content;
mod faults;
mod figures;
mod group;
mod load;
mod member;
mod sequence;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use groupcast::group::{Delivery, Order};

pub(super) use member::run as run_member;

use crate::scratch::Scratch;

/// What every node does if nothing speaks against it.
const POLLS_US: u32 = host::POLLS_FOR.as_micros() as u32;

/// What `bazaar bench multicast` is told.
#[derive(Debug, Clone, clap::Args)]
pub struct MulticastArgs {
    /// How many members the group has
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(2..=64))]
    members: u32,
    /// How many bytes a message has
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(24..=1_000_000))]
    size: u32,
    /// In which order messages are delivered: fifo, causal, sequencer or lamport
    #[arg(long, default_value = "sequencer", value_parser = parse_order)]
    order: Order,
    /// When messages are delivered: agreed, or safe (a majority holds them)
    #[arg(long, default_value = "safe", value_parser = parse_delivery)]
    delivery: Delivery,
    /// How messages travel
    #[arg(long, default_value = "tcp", value_parser = ["tcp", "udp"])]
    transport: String,
    /// How many messages of its own each member keeps under way (sent, not yet delivered to it)
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    window: u32,
    /// How many of the members send [default: all]
    #[arg(long)]
    senders: Option<u32>,
    /// Sends so many messages a second in all, whatever becomes of them, in place of a window
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// For how many microseconds a member without work looks again before it sleeps
    #[arg(long, default_value_t = POLLS_US, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    polls_us: u32,
    /// How long each repetition counts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// How often all is measured, alternating with the probes
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=50))]
    repetitions: u32,
    /// Kills the sequencer, or a member that is not, again and again under load
    #[arg(long, value_parser = ["sequencer", "member"], conflicts_with_all = ["pause", "overload"])]
    kill: Option<String>,
    /// Stops the sequencer until the others have gone on without it, again and again under load
    #[arg(long, value_parser = ["sequencer"], conflicts_with = "overload")]
    pause: Option<String>,
    /// How often it is killed or stopped
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    times: u32,
    /// Keeps the processor busy with so many other processes, and counts who is accused meanwhile
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=64))]
    busy: u32,
    /// Offers so many times the best rate of the closed loop
    #[arg(long, value_parser = parse_factor)]
    overload: Option<f64>,
    /// Where processes write what they say of errors; it is removed afterwards
    #[arg(long, default_value = "runs")]
    folder: PathBuf,
    /// Prints the figures as JSON
    #[arg(long)]
    json: bool,
}

/// The group that is measured.
#[derive(Debug, Clone)]
struct Shape {
    members: u32,
    size_bytes: usize,
    order: Order,
    delivery: Delivery,
    uses_udp: bool,
    polls_us: u32,
}

/// `bazaar bench multicast`.
pub(super) fn command(args: &MulticastArgs) -> anyhow::Result<ExitCode> {
    let scratch = Scratch::new(&args.folder, "bench")?;
    let shape = Shape {
        members: args.members,
        size_bytes: args.size as usize,
        order: args.order,
        delivery: args.delivery,
        uses_udp: args.transport == "udp",
        polls_us: args.polls_us,
    };
    match (&args.kill, &args.pause, args.overload) {
        (Some(whom), ..) => faults::command(args, &shape, &scratch, faults::Strike::kill(whom)),
        (_, Some(_), _) => faults::command(args, &shape, &scratch, faults::Strike::Pause),
        (.., Some(factor)) => load::overload(args, &shape, &scratch, factor),
        _ => load::command(args, &shape, &scratch),
    }
}

fn parse_order(text: &str) -> Result<Order, String> {
    let found = Order::ALL.into_iter().find(|order| order.to_string() == text);
    found.ok_or_else(|| "say fifo, causal, sequencer or lamport".to_owned())
}

fn parse_delivery(text: &str) -> Result<Delivery, String> {
    let found = Delivery::ALL.into_iter().find(|delivery| delivery.to_string() == text);
    found.ok_or_else(|| "say agreed or safe".to_owned())
}

fn parse_factor(text: &str) -> Result<f64, String> {
    let factor: f64 = text.parse().map_err(|_| "say a number, as in 2".to_owned())?;
    let is_sane = (0.01..=1000.0).contains(&factor);
    is_sane.then_some(factor).ok_or_else(|| "say 0.01 to 1000".to_owned())
}
