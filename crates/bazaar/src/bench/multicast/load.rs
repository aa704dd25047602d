//! A group under load: a window (closed loop), a rate (open loop), and more than it can do.

use std::process::{Command, ExitCode};

use anyhow::Context as _;
use host::children::Children;
use host::probe::sequencer;
use serde::Serialize;

use super::figures::{Latency, Measured};
use super::group::Group;
use super::words::{Load, Task, Told};
use super::{MulticastArgs, Shape};
use crate::bench::{Spread, median};
use crate::scratch::Scratch;

const SECOND_NS: u64 = 1_000_000_000;
/// How long a group has sent before anything counts.
const WARM_UP_NS: u64 = SECOND_NS;
/// Rounds of the bare ping-pong a repetition.
const PINGS: usize = 10_000;
/// How long the machine is watched for what it does besides.
const LATENESS_NS: u64 = 2 * SECOND_NS;
/// How many instants of that are judged.
const LATENESS_INSTANTS: u64 = 100_000;
/// How long the ideal runs.
const IDEAL_NS: u64 = 2 * SECOND_NS;

/// What the machine could do at best, measured just before.
#[derive(Debug, Serialize)]
struct Probes {
    ping_pong_us: Spread,
    /// How late the machine itself makes what needs all cores ([`host::probe::lateness`]).
    machine_late_us: Spread,
    ideal_in_order_per_second: f64,
    ideal_held_by_all_per_second: f64,
    ideal_held_by_all_own_us: f64,
}

#[derive(Debug, Serialize)]
struct Repetition {
    probes: Probes,
    group: Measured,
}

#[derive(Debug, Serialize)]
struct LatencyUs {
    own_p50: f64,
    own_p99: f64,
    others_p50: f64,
    others_p99: f64,
}

#[derive(Debug, Serialize)]
struct Figures {
    members: u32,
    size_bytes: usize,
    order: String,
    delivery: String,
    transport: String,
    /// Messages under way of each member; none under an open load.
    window: Option<u32>,
    rate: Option<u32>,
    senders: u32,
    /// How many processes kept the processor busy beside the group.
    busy: u32,
    /// Medians over the repetitions, of the slowest member's rate and of the latencies.
    messages_per_second: f64,
    latency_us: LatencyUs,
    ping_pong_us: f64,
    own_per_ping_pong: f64,
    /// The 99th percentile of how late the machine itself makes what needs all cores.
    machine_late_p99_us: f64,
    ideal_in_order_per_second: f64,
    ideal_held_by_all_per_second: f64,
    repetitions: Vec<Repetition>,
}

/// A closed or an open loop.
pub(super) fn command(
    args: &MulticastArgs,
    shape: &Shape,
    scratch: &Scratch,
) -> anyhow::Result<ExitCode> {
    let mut repetitions = Vec::new();
    for _ in 0..args.repetitions {
        let probes = probe(args, shape)?;
        repetitions.push(Repetition { probes, group: measure(args, shape, scratch)? });
    }
    let of = |pick: fn(&Repetition) -> f64| median(repetitions.iter().map(pick).collect());
    let latency_us = LatencyUs {
        own_p50: of(|repetition| of_latency(repetition.group.own_us, |own| own.p50)),
        own_p99: of(|repetition| of_latency(repetition.group.own_us, |own| own.p99)),
        others_p50: of(|repetition| of_latency(repetition.group.others_us, |others| others.p50)),
        others_p99: of(|repetition| of_latency(repetition.group.others_us, |others| others.p99)),
    };
    let ping_pong_us = of(|repetition| repetition.probes.ping_pong_us.p50);
    let figures = Figures {
        members: shape.members,
        size_bytes: shape.size_bytes,
        order: shape.order.to_string(),
        delivery: shape.delivery.to_string(),
        transport: args.transport.clone(),
        window: args.rate.is_none().then_some(args.window),
        rate: args.rate,
        senders: senders(args, shape),
        busy: args.busy,
        messages_per_second: of(|repetition| repetition.group.messages_per_second),
        own_per_ping_pong: latency_us.own_p50 / ping_pong_us,
        latency_us,
        machine_late_p99_us: of(|repetition| repetition.probes.machine_late_us.p99),
        ping_pong_us,
        ideal_in_order_per_second: of(|repetition| repetition.probes.ideal_in_order_per_second),
        ideal_held_by_all_per_second: of(|repetition| {
            repetition.probes.ideal_held_by_all_per_second
        }),
        repetitions,
    };
    show(args.json, &figures)?;
    Ok(ExitCode::SUCCESS)
}

fn of_latency(latency: Option<Latency>, pick: fn(Latency) -> f64) -> f64 {
    latency.map_or(f64::NAN, pick)
}

fn probe(args: &MulticastArgs, shape: &Shape) -> anyhow::Result<Probes> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let mut echo = Command::new(&program);
    echo.args(["bench", "echo"]);
    let pings = host::probe::ping_pong(echo, PINGS).context("the ping-pong failed")?;
    let ideal = |held_by_all: bool| {
        let figures = sequencer::run(|index, port| {
            let mut command = Command::new(&program);
            command.args(["bench", "ideal", &index.to_string(), &shape.size_bytes.to_string()]);
            command.args([&args.window.to_string(), &IDEAL_NS.to_string()]);
            command.arg(std::process::id().to_string());
            command.args(held_by_all.then_some("--held-by-all"));
            command.args(port.map(|port| format!("--port={port}")));
            command
        });
        figures.context("the ideal failed")
    };
    let held_by_all = ideal(true)?;
    let late = host::probe::lateness(LATENESS_NS, LATENESS_INSTANTS);
    Ok(Probes {
        machine_late_us: Spread::of(late).context("nothing was watched")?,
        ping_pong_us: Spread::of(pings).context("nothing was measured")?,
        ideal_in_order_per_second: ideal(false)?.messages_per_second,
        ideal_held_by_all_per_second: held_by_all.messages_per_second,
        ideal_held_by_all_own_us: held_by_all.own_ns as f64 / 1e3,
    })
}

fn senders(args: &MulticastArgs, shape: &Shape) -> u32 {
    args.senders.unwrap_or(shape.members).clamp(1, shape.members)
}

/// How the members send that do.
fn load(args: &MulticastArgs, shape: &Shape) -> Load {
    match args.rate {
        None => Load::Closed { window: args.window.into() },
        Some(rate) => Load::Open {
            interval_ns: SECOND_NS * u64::from(senders(args, shape)) / u64::from(rate),
        },
    }
}

/// One repetition, in a group of its own.
fn measure(args: &MulticastArgs, shape: &Shape, scratch: &Scratch) -> anyhow::Result<Measured> {
    let mut group = Group::start(shape, scratch.path().to_owned())?;
    let _busy = busy(args.busy, scratch)?;
    let measured = run(&mut group, args, load(args, shape), args.seconds)?;
    group.end()?;
    Ok(measured)
}

/// Processes that do nothing but take the processor's time; they end with the value.
fn busy(count: u32, scratch: &Scratch) -> anyhow::Result<Children> {
    let mut children = Children::default();
    for number in 0..count {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bench", "busy", &std::process::id().to_string()]);
        let name = format!("busy-{number}");
        children.spawn(&name, command, &scratch.path().join(&name))?;
    }
    Ok(children)
}

/// Has the group send for a warm-up and so many seconds, and settles it.
fn run(
    group: &mut Group,
    args: &MulticastArgs,
    load: Load,
    seconds: u32,
) -> anyhow::Result<Measured> {
    let begin_ns = group.now_ns();
    let count_from_ns = begin_ns + WARM_UP_NS;
    let end_ns = count_from_ns + u64::from(seconds) * SECOND_NS;
    let senders = args.senders.unwrap_or(u32::MAX).max(1);
    group.all_do(|node| {
        // Members do not all send at the same moments.
        let shift_ns = match load {
            Load::Open { interval_ns } => interval_ns * u64::from(node % 8) / 8,
            Load::Closed { .. } => 0,
        };
        let load = (node <= senders).then_some(load);
        Task { load, begin_ns: begin_ns + shift_ns, count_from_ns, end_ns }
    })?;
    group.listen_until(count_from_ns)?;
    for node in group.nodes() {
        group.tell(node, &Told::WatchGap)?;
    }
    group.listen_until(end_ns)?;
    let figures = group.figures()?;
    let verified = group.settle()?;
    Ok(Measured::of(&figures, seconds.into(), verified))
}

#[derive(Debug, Serialize)]
struct Overloaded {
    factor: f64,
    seconds: u32,
    /// The best closed loop of the repetitions.
    best_per_second: f64,
    offered_per_second: f64,
    messages_per_second: f64,
    /// What is delivered, as a share of the best.
    share_of_best: f64,
    longest_gap_ms: f64,
    /// The most memory that each member held.
    peak_memory_mib: Vec<f64>,
    group: Measured,
}

/// More than the group can do.
pub(super) fn overload(
    args: &MulticastArgs,
    shape: &Shape,
    scratch: &Scratch,
    factor: f64,
) -> anyhow::Result<ExitCode> {
    let closed = MulticastArgs { rate: None, seconds: 2, ..args.clone() };
    let mut best_per_second = 0.0_f64;
    for _ in 0..args.repetitions {
        let measured = measure(&closed, shape, scratch)?;
        best_per_second = best_per_second.max(measured.messages_per_second);
    }
    let offered_per_second = best_per_second * factor;
    let per_sender = offered_per_second / f64::from(senders(args, shape));
    let interval_ns = (SECOND_NS as f64 / per_sender).max(1.0) as u64;
    let mut group = Group::start(shape, scratch.path().to_owned())?;
    let measured = run(&mut group, args, Load::Open { interval_ns }, args.seconds)?;
    let nodes = group.nodes();
    let peaks: anyhow::Result<Vec<u64>> =
        nodes.iter().map(|node| group.peak_memory_bytes(*node)).collect();
    let peak_memory_mib = peaks?.iter().map(|&bytes| bytes as f64 / f64::from(1 << 20)).collect();
    group.end()?;
    let overloaded = Overloaded {
        factor,
        seconds: args.seconds,
        best_per_second,
        offered_per_second,
        messages_per_second: measured.messages_per_second,
        share_of_best: measured.messages_per_second / best_per_second,
        longest_gap_ms: measured.longest_gap_ms,
        peak_memory_mib,
        group: measured,
    };
    if args.json {
        println!("{}", serde_json::to_string(&overloaded)?);
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "offered {:.0} messages/s, {factor} times the best of {best_per_second:.0}, for {} s:\n  \
         {:.0}/s delivered at every member ({:.0} % of the best); longest gap {:.1} ms; peak \
         memory, MiB: {:.0?}",
        offered_per_second,
        overloaded.seconds,
        overloaded.messages_per_second,
        100.0 * overloaded.share_of_best,
        overloaded.longest_gap_ms,
        overloaded.peak_memory_mib
    );
    Ok(ExitCode::SUCCESS)
}

fn show(json: bool, figures: &Figures) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string(figures)?);
        return Ok(());
    }
    let Figures { members, size_bytes, order, delivery, transport, senders, .. } = figures;
    println!(
        "{members} members, {senders} of them sending {size_bytes} B over {transport}, {order}, \
         {delivery}; in memory"
    );
    println!(
        "{:<12}{:>12}{:>10}{:>10}{:>10}{:>10}{:>11}{:>13}{:>13}{:>14}",
        "",
        "messages/s",
        "own p50",
        "p99 us",
        "oth. p50",
        "p99 us",
        "ping-pong",
        "ideal order",
        "held by all",
        "machine late"
    );
    for (number, Repetition { probes, group }) in figures.repetitions.iter().enumerate() {
        let shown =
            |latency| (of_latency(latency, |all| all.p50), of_latency(latency, |all| all.p99));
        let ((own, own_p99), (others, others_p99)) = (shown(group.own_us), shown(group.others_us));
        println!(
            "repetition {number}{:>12.0}{own:>10.1}{own_p99:>10.1}{others:>10.1}{others_p99:>10.1}\
             {:>11.1}{:>13.0}{:>13.0}{:>14.1}",
            group.messages_per_second,
            probes.ping_pong_us.p50,
            probes.ideal_in_order_per_second,
            probes.ideal_held_by_all_per_second,
            probes.machine_late_us.p99
        );
    }
    println!(
        "medians: {:.0} messages/s at every member; own delivery {:.1} us = {:.2} ping-pongs, p99 \
         {:.1} us; the machine itself is late by {:.1} us (p99)",
        figures.messages_per_second,
        figures.latency_us.own_p50,
        figures.own_per_ping_pong,
        figures.latency_us.own_p99,
        figures.machine_late_p99_us
    );
    let doubts: u64 = figures.repetitions.iter().map(|repetition| repetition.group.doubts).sum();
    match figures.busy {
        0 => {}
        busy => println!("beside {busy} busy processes; members doubted others {doubts} times"),
    }
    Ok(())
}
