//! The figures of a run: exactly the object of `summary.json`, and a table of it for people.

use std::collections::{BTreeMap, BTreeSet};

use hdrhistogram::Histogram;
use machine::{Epoch, NodeId};
use market::{Outcome, RequestId, Totals};
use serde::{Deserialize, Serialize};

use crate::{Cause, Event, What};

/// A latency above an hour counts as an hour, in nanoseconds: it bounds the histogram's memory.
const LATENCY_MAX_NS: u64 = 3_600_000_000_000;

/// The figures of a run. The order of fields is that of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Which preset the run's scenario began from.
    pub preset: String,
    /// Where its chance came from.
    pub seed: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// What became of the buys, as the buyers saw them.
    pub buys: Buys,
    /// What became of the goods.
    pub goods: Goods,
    /// What became of the money, in minor units.
    pub money: MoneyFlow,
    /// From asking for a buy until its answer, in microseconds; sold and refused alike.
    pub latency_us: Latency,
    /// One a leader, in the order in which they won.
    pub elections: Vec<Election>,
    /// Whether the run kept what its scenario promises.
    pub verdict: Verdict,
    /// What was broken, a sentence each.
    pub violations: Vec<String>,
}

/// What became of the buys, as the buyers saw them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Buys {
    /// How many were asked for.
    pub asked: u64,
    /// How many were confirmed.
    pub sold: u64,
    /// How many were refused.
    pub refused: u64,
    /// How many had no answer when the buyer or the run ended.
    pub unanswered: u64,
}

/// What became of the goods, in units.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Goods {
    /// Taken into stock.
    pub deposited: u64,
    /// Sold.
    pub shipped: u64,
    /// In stock at the end.
    pub left: u64,
    /// Shipped a second, from when the first trader served to the end of the run.
    pub per_second: f64,
    /// Sold without having been there.
    pub oversold: u64,
    /// Buys refused although the goods were there.
    pub undersold: u64,
}

/// What became of the money, in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MoneyFlow {
    /// By buyers.
    pub paid: u64,
    /// By sellers.
    pub earned: u64,
    /// Kept by traders.
    pub commission: u64,
}

/// Quantiles of latency, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Latency {
    /// The median.
    pub p50: u64,
    /// Nine of ten are not above it.
    pub p90: u64,
    /// 99 of 100 are not above it.
    pub p99: u64,
    /// The worst.
    pub max: u64,
}

/// How one leader came to be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Election {
    /// The number of its term.
    pub epoch: u64,
    /// Who.
    pub leader: NodeId,
    /// What became of the leader before.
    pub cause: Cause,
    /// From the first suspicion of the leader before by any node, or from the start of the run,
    /// until the winner had its majority, in milliseconds.
    pub ms: f64,
    /// Election messages that all nodes sent.
    pub messages: u64,
}

/// Whether a run kept what its scenario promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every promise that could be judged was kept.
    Pass,
    /// A promise was broken.
    Fail,
    /// Something that should have been judged could not be.
    Unknown,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
        })
    }
}

/// What a summary says that events do not tell.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Which preset the run's scenario began from.
    pub preset: String,
    /// Where its chance came from.
    pub seed: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// The totals of the market as the run left it; without them the traders' events are summed.
    pub totals: Option<Totals>,
    /// Units sold without having been there, as the judge found.
    pub oversold: u64,
    /// Buys refused although the goods were there, as the judge found.
    pub undersold: u64,
    /// What the judge said.
    pub verdict: Verdict,
    /// What it found broken, a sentence each.
    pub violations: Vec<String>,
}

impl Summary {
    /// Sums up a run from its events in order of time.
    pub fn tally(events: &[Event], facts: Facts) -> Self {
        let (buys, latency_us) = buys(events);
        let (mut goods, money) = match &facts.totals {
            Some(totals) => of_market(totals),
            None => of_events(events),
        };
        goods.per_second = per_second(events, goods.shipped, facts.seconds);
        (goods.oversold, goods.undersold) = (facts.oversold, facts.undersold);
        Self {
            preset: facts.preset,
            seed: facts.seed,
            seconds: rounded(facts.seconds),
            buys,
            goods,
            money,
            latency_us,
            elections: elections(events),
            verdict: facts.verdict,
            violations: facts.violations,
        }
    }
}

fn buys(events: &[Event]) -> (Buys, Latency) {
    let mut buys = Buys::default();
    let mut latencies = Histogram::<u64>::new_with_max(LATENCY_MAX_NS, 4)
        .expect("an hour and four digits are within what a histogram can count");
    // Who was promised what it asked for waited for that.
    let mut promised: BTreeSet<RequestId> = BTreeSet::new();
    for event in events {
        match &event.what {
            What::Promised { request, took_ns } => {
                promised.insert(*request);
                latencies.saturating_record(*took_ns);
            }
            What::Asked { operation, .. } if operation.is_purchase() => buys.asked += 1,
            What::Answered { request, operation, outcome, took_ns } if operation.is_purchase() => {
                match outcome {
                    Outcome::Bought(_) => buys.sold += 1,
                    _ => buys.refused += 1,
                }
                if !promised.remove(request) {
                    latencies.saturating_record(*took_ns);
                }
            }
            _ => {}
        }
    }
    buys.unanswered = buys.asked.saturating_sub(buys.sold + buys.refused);
    let micros = |ns: u64| (ns + 500) / 1000;
    let at = |quantile| micros(latencies.value_at_quantile(quantile));
    let max = micros(latencies.max());
    (buys, Latency { p50: at(0.5), p90: at(0.9), p99: at(0.99), max })
}

fn of_market(totals: &Totals) -> (Goods, MoneyFlow) {
    let (deposited, shipped, left) =
        (totals.units.deposited, totals.units.shipped, totals.units.left);
    let (paid, earned) = (totals.paid.0, totals.earned.0);
    let money = MoneyFlow { paid, earned, commission: totals.commission.0 };
    (Goods { deposited, shipped, left, ..Goods::default() }, money)
}

fn of_events(events: &[Event]) -> (Goods, MoneyFlow) {
    let (mut goods, mut money, mut withdrawn) = (Goods::default(), MoneyFlow::default(), 0);
    for event in events {
        match &event.what {
            What::Deposited { quantity, .. } => goods.deposited += u64::from(*quantity),
            What::Withdrawn { quantity, .. } => withdrawn += u64::from(*quantity),
            What::Sold { receipt, .. } => {
                goods.shipped += u64::from(receipt.quantity);
                money.paid = money.paid.saturating_add(receipt.paid.0);
                money.commission = money.commission.saturating_add(receipt.commission.0);
                for fill in &receipt.fills {
                    money.earned = money.earned.saturating_add(fill.earned.0);
                }
            }
            _ => {}
        }
    }
    goods.left = goods.deposited.saturating_sub(goods.shipped + withdrawn);
    (goods, money)
}

fn per_second(events: &[Event], shipped: u64, seconds: f64) -> f64 {
    let begins = |what: &What| matches!(what, What::Trading { .. } | What::TermBegan { .. });
    let first = events.iter().find(|event| begins(&event.what));
    let began = first.map_or(0.0, |event| event.time_ns as f64 / 1e9);
    if seconds > began { rounded(shipped as f64 / (seconds - began)) } else { 0.0 }
}

/// The events of a run until it begins to end: what the nodes make of each other's end is no part of
/// it.
pub fn until_the_end(events: &[Event]) -> &[Event] {
    let end = events.iter().position(|event| event.what == What::Ending);
    &events[..end.unwrap_or(events.len())]
}

fn elections(events: &[Event]) -> Vec<Election> {
    let events = until_the_end(events);
    let mut messages_of: BTreeMap<Epoch, u64> = BTreeMap::new();
    for event in events {
        if let What::Followed { epoch, messages } = &event.what {
            let sum = messages_of.entry(*epoch).or_default();
            *sum = sum.saturating_add(*messages);
        }
    }
    let mut elections: Vec<Election> = Vec::new();
    // Since when each node believes that the latest leader leads no more.
    let mut suspicions: BTreeMap<NodeId, u64> = BTreeMap::new();
    for event in events {
        let leader = elections.last().map(|election| election.leader);
        match &event.what {
            What::Suspected { suspect, .. } if leader == Some(*suspect) => {
                suspicions.entry(event.node).or_insert(event.time_ns);
            }
            // It thinks better of it.
            What::Followed { epoch, .. } if leader == Some(epoch.node) => {
                suspicions.remove(&event.node);
            }
            What::Elected { epoch, cause, took_ns } => {
                let own = event.time_ns.saturating_sub(*took_ns);
                let began = match leader {
                    None => 0,
                    Some(_) => suspicions.values().copied().min().unwrap_or(own),
                };
                suspicions.clear();
                elections.push(Election {
                    epoch: epoch.counter,
                    leader: epoch.node,
                    cause: *cause,
                    ms: rounded(event.time_ns.saturating_sub(began) as f64 / 1e6),
                    messages: messages_of.get(epoch).copied().unwrap_or_default(),
                });
            }
            _ => {}
        }
    }
    elections
}

/// To three digits after the point, which is as exact as any figure here.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
