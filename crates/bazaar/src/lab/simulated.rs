//! Cells in virtual time: the simulator's own figures, by the settings of a case.

use std::time::Duration;

use ::lab::{Case, Cell, Measured};
use anyhow::Context as _;
use groupcast::group::{Delivery, Order};
use houses::{Cache, Durability, Refuse};
use sim::elections::{self, Protocol};
use sim::houses::{Figures, Shape};

fn millis(case: &Case, name: &str) -> anyhow::Result<Duration> {
    let millis = case.number(name)?;
    Duration::try_from_secs_f64(millis / 1e3).with_context(|| format!("{name} is no time"))
}

fn election_case(cell: &Cell<'_>) -> anyhow::Result<elections::Case> {
    let case = cell.case;
    let protocol = match case.text("protocol")?.as_str() {
        "bully" => Protocol::Bully,
        "ring" => Protocol::Ring,
        "bully, no fence" => Protocol::BullyUnfenced,
        "bully, majority fence" => Protocol::BullyFenced,
        other => anyhow::bail!("there is no protocol {other}"),
    };
    Ok(elections::Case {
        protocol,
        peers: case.count("peers")?.max(3),
        delay: millis(case, "delay_ms")?,
        loss: case.number("loss_percent")? / 100.0,
        seed: cell.seed,
    })
}

pub(super) fn election(cell: &Cell<'_>) -> anyhow::Result<Measured> {
    let found = elections::measure(election_case(cell)?).map_err(anyhow::Error::msg)?;
    Ok(of_election(&found))
}

pub(super) fn false_alarm(cell: &Cell<'_>) -> anyhow::Result<Measured> {
    let case = election_case(cell)?;
    let starter = cell.case.count("starter")?;
    let found = elections::false_alarm(case, starter).map_err(anyhow::Error::msg)?;
    let formula = elections::formula(case.peers, starter);
    Ok(of_election(&found).with("formula", formula as f64))
}

fn of_election(found: &elections::Found) -> Measured {
    let millis = found.took.map_or(f64::NAN, |took| took.as_secs_f64() * 1e3);
    Measured::default()
        .with("messages", found.messages as f64)
        .with("election_ms", millis)
        .with("no_leader_percent", if found.took.is_some() { 0.0 } else { 100.0 })
}

pub(super) fn orders(cell: &Cell<'_>) -> anyhow::Result<Measured> {
    let (order, delivery) = (cell.case.text("order")?, cell.case.text("delivery")?);
    let of = Order::ALL.into_iter().find(|of| of.to_string() == order);
    let how = Delivery::ALL.into_iter().find(|how| how.to_string() == delivery);
    let (of, how) = of.zip(how).context("there is no such order or delivery")?;
    let loss = cell.case.number("loss_percent")? / 100.0;
    let members = cell.case.count("members")?.max(3);
    let row = sim::orders::measure_with(of, how, members, loss, cell.seed);
    let row = row.map_err(anyhow::Error::msg)?;
    Ok(Measured::default()
        .with("messages", row.quiet.messages)
        .with("messages_at_busiest", row.busy.messages_at_busiest)
        .with("messages_busy", row.busy.messages)
        .with("own_delays", row.quiet.own_delays)
        .with("others_delays", row.quiet.others_delays)
        .with("own_delays_busy", row.busy.own_delays)
        .with("gap_delays", row.crash.gap_delays)
        .with("crash_messages", row.crash.messages as f64))
}

/// The cache mode of a case, as `bazaar bench houses` names them.
fn cache(case: &Case) -> anyhow::Result<(Cache, Durability)> {
    let buddy = Durability::Buddy;
    let refuse = Refuse::Always;
    Ok(match case.text("cache")?.as_str() {
        "none" => (Cache::None, buddy),
        "time-to-live" => (Cache::TimeToLive { age_max: millis(case, "age_ms")?, refuse }, buddy),
        "push" => (Cache::Push { period: millis(case, "push_ms")?, refuse }, buddy),
        "ledger" => (Cache::Ledger { period: millis(case, "push_ms")?, refuse }, buddy),
        "lease-warehouse" => (Cache::Lease, Durability::Warehouse),
        "lease-buddy" => (Cache::Lease, buddy),
        "lease-trader-log" => (Cache::Lease, Durability::TraderLog),
        other => anyhow::bail!("there is no cache mode {other}"),
    })
}

pub(super) fn houses(cell: &Cell<'_>) -> anyhow::Result<Measured> {
    let case = cell.case;
    let (cache, durability) = cache(case)?;
    let customers = case.count("customers")?.max(2);
    // So many buyers a seller; at least one of each.
    let sellers = f64::from(customers) / (case.number("buyers_per_seller")? + 1.0);
    let sellers = (sellers.round() as u32).clamp(1, customers - 1);
    let shape = Shape {
        cache,
        durability,
        traders: case.count("traders")?.max(1),
        buyers: customers - sellers,
        sellers,
        accrue_goods: case.count("accrue_goods")?,
        accrue_every: millis(case, "accrue_every_ms")?,
        think: millis(case, "think_ms")?,
        warehouse_delay: millis(case, "warehouse_delay_ms")?,
        loss: case.number("loss_percent")? / 100.0,
        loses_trader: case.text("loses_trader")? == "yes",
        lasts: millis(case, "lasts_ms")?,
        seed: cell.seed,
    };
    let found = sim::houses::measure(&shape).map_err(anyhow::Error::msg)?;
    Ok(of_houses(&shape, &found))
}

fn of_houses(shape: &Shape, found: &Figures) -> Measured {
    let seconds = shape.lasts.as_secs_f64();
    let half = seconds / 2.0;
    let share = |count: u64| 100.0 * count as f64 / found.buys as f64;
    let [before, after] = found.shipped.map(|units| units as f64);
    // Only counts make a trader pass a buy on because it believes that there is enough.
    let believes = !matches!(shape.cache, Cache::None | Cache::Lease);
    let oversold = if believes { found.oversold } else { 0 };
    Measured::default()
        .with("goods_per_second", (before + after) / seconds)
        .with("goods_per_second_before", before / half)
        .with("goods_per_second_after", after / half)
        .with("gap_ms", found.gap.as_secs_f64() * 1e3)
        .with("oversold_percent", share(oversold))
        .with("refused_percent", share(found.oversold + found.denied))
        .with("undersold_percent", share(found.undersold))
        .with("not_known", found.not_known as f64)
        .with_samples("wait_ms", found.waits_ms.iter().copied())
}
