//! What a failure costs a group under load: members are killed or stopped again and again.
//!
//! A gap is the longest time without a delivery at a survivor. What survivors delivered is compared
//! view by view, and each verifies every stream: nothing lost, doubled or reordered.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::Context as _;
use serde::Serialize;

use super::group::Group;
use super::words::{Load, Task, Told};
use super::{MulticastArgs, Shape};
use crate::bench::Spread;
use crate::scratch::Scratch;

/// How many messages the group has delivered before the first fault.
const DELIVERED_BEFORE: u64 = 100_000;
/// How many each survivor delivers in the new view before the gap is read.
const DELIVERED_AFTER: u64 = 1000;
/// How long members that stand still are given until they are looked at again, in nanoseconds.
const LOOK_EVERY_NS: u64 = 5_000_000;

/// What is done, and to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strike {
    KillSequencer,
    KillMember,
    /// The sequencer.
    Pause,
}

impl Strike {
    /// `sequencer` or `member`.
    pub fn kill(whom: &str) -> Self {
        if whom == "member" { Self::KillMember } else { Self::KillSequencer }
    }
}

#[derive(Debug, Serialize)]
struct Figures {
    what: String,
    times: u32,
    members: u32,
    order: String,
    delivery: String,
    transport: String,
    window: u32,
    /// The longest time without a delivery at the survivors, a fault.
    gap_ms: Spread,
    gaps_ms: Vec<f64>,
    /// The same while the member that had gone came in again.
    join_gap_ms: Spread,
    /// Messages delivered in the last view alone; views before were compared when they ended.
    delivered_in_last_view: u64,
}

/// Strikes and measures.
pub(super) fn command(
    args: &MulticastArgs,
    shape: &Shape,
    scratch: &Scratch,
    strike: Strike,
) -> anyhow::Result<ExitCode> {
    let mut group = Group::start(shape, scratch.path().to_owned())?;
    let task = endless(&group, args.window);
    group.all_do(|_| task)?;
    let all = group.nodes();
    wait_for_deliveries(&mut group, &all, DELIVERED_BEFORE)?;
    let (mut gaps_ns, mut join_gaps_ns) = (Vec::new(), Vec::new());
    for _ in 0..args.times {
        let target = target(&group, strike)?;
        gaps_ns.push(fall(&mut group, strike, target)?);
        join_gaps_ns.push(rise(&mut group, strike, target, args.window)?);
    }
    let delivered_in_last_view = group.settle()?;
    group.end()?;
    let figures = Figures {
        what: format!("{strike:?}"),
        times: args.times,
        members: shape.members,
        order: shape.order.to_string(),
        delivery: shape.delivery.to_string(),
        transport: args.transport.clone(),
        window: args.window,
        gap_ms: spread_ms(&gaps_ns)?,
        gaps_ms: gaps_ns.iter().map(|&nanos| nanos as f64 / 1e6).collect(),
        join_gap_ms: spread_ms(&join_gaps_ns)?,
        delivered_in_last_view,
    };
    show(args.json, &figures)?;
    Ok(ExitCode::SUCCESS)
}

fn spread_ms(nanos: &[u64]) -> anyhow::Result<Spread> {
    // A spread gives thousandths of what it is given.
    Spread::of(nanos.iter().map(|nanos| nanos / 1000).collect()).context("nothing was measured")
}

fn endless(group: &Group, window: u32) -> Task {
    let now_ns = group.now_ns();
    let load = Some(Load::Closed { window: window.into() });
    Task { load, begin_ns: now_ns, count_from_ns: now_ns, end_ns: u64::MAX }
}

fn target(group: &Group, strike: Strike) -> anyhow::Result<u32> {
    let view = group.view().context("no member is in a view")?;
    let other = view.members.iter().copied().find(|member| *member != view.coordinator);
    match strike {
        Strike::KillSequencer | Strike::Pause => Ok(view.coordinator),
        Strike::KillMember => other.context("no other member"),
    }
}

/// Takes a member out of the group. The longest gap at the others, in nanoseconds.
fn fall(group: &mut Group, strike: Strike, target: u32) -> anyhow::Result<u64> {
    let mut survivors = group.nodes();
    survivors.retain(|node| *node != target);
    watch_gaps(group, &survivors)?;
    if strike == Strike::Pause {
        group.pause(target)?
    } else {
        group.kill(target)?
    }
    let in_view: BTreeSet<u32> = survivors.iter().copied().collect();
    group.wait_for_view(&in_view)?;
    longest_gap(group, &survivors)
}

/// Lets it come in again. The longest gap meanwhile.
fn rise(group: &mut Group, strike: Strike, target: u32, window: u32) -> anyhow::Result<u64> {
    let mut others = group.nodes();
    others.retain(|node| *node != target);
    watch_gaps(group, &others)?;
    if strike == Strike::Pause {
        group.resume(target)?
    } else {
        group.add(target)?
    }
    group.wait_for_all_in_one_view()?;
    if strike != Strike::Pause {
        let task = endless(group, window);
        group.tell(target, &Told::Do(task))?;
    }
    let gap = longest_gap(group, &others)?;
    let all = group.nodes();
    wait_for_deliveries(group, &all, DELIVERED_AFTER)?;
    Ok(gap)
}

/// Forgets the gaps so far; they have done so when this returns.
fn watch_gaps(group: &mut Group, nodes: &[u32]) -> anyhow::Result<()> {
    for node in nodes {
        group.tell(*node, &Told::WatchGap)?;
    }
    group.states(nodes).map(drop)
}

fn longest_gap(group: &mut Group, nodes: &[u32]) -> anyhow::Result<u64> {
    wait_for_deliveries(group, nodes, DELIVERED_AFTER)?;
    let states = group.states(nodes)?;
    Ok(states.iter().map(|state| state.longest_gap_ns).max().unwrap_or_default())
}

/// Waits until each of these has delivered so many messages in its present view.
fn wait_for_deliveries(group: &mut Group, nodes: &[u32], count: u64) -> anyhow::Result<()> {
    let limit_ns = group.now_ns() + 30_000_000_000;
    loop {
        let states = group.states(nodes)?;
        let enough =
            |state: &super::words::State| state.present.is_some_and(|view| view.count >= count);
        if states.iter().all(enough) {
            return Ok(());
        }
        anyhow::ensure!(
            group.now_ns() < limit_ns,
            "members stand still: {count} deliveries each were due after 30 s; {states:?}"
        );
        let next_ns = group.now_ns() + LOOK_EVERY_NS;
        group.listen_until(next_ns)?;
    }
}

fn show(json: bool, figures: &Figures) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string(figures)?);
        return Ok(());
    }
    println!(
        "{} {} times among {} members over {}, {}, {}, {} messages under way each",
        figures.what,
        figures.times,
        figures.members,
        figures.transport,
        figures.order,
        figures.delivery,
        figures.window
    );
    for (name, gap) in [
        ("without a delivery at the survivors", figures.gap_ms),
        ("while the member comes in again", figures.join_gap_ms),
    ] {
        let Spread { min, p50, p90, max, .. } = gap;
        println!("{name}, ms: best {min:.1}, median {p50:.1}, p90 {p90:.1}, worst {max:.1}");
    }
    println!("nothing lost, doubled or reordered at any member");
    Ok(())
}
