//! What a seed draws of a world in which traders are hired: what makes the warehouse want more of
//! them, who starts them and how well, and a load that rises and falls.

use std::time::Duration;

use houses::Scaling;
use machine::{Instant, Random};

use crate::fault::{Fault, Planned};

/// The most traders that are hired in a world.
pub(super) const HIRED_MAX: u32 = 3;
/// How many worlds have hired traders, where each seed draws that.
const SHARE: f64 = 0.4;

/// How traders are hired in a world.
#[derive(Debug, Clone)]
pub struct Hiring {
    /// How many traders may be there beside the elected ones.
    pub most: u32,
    /// How many answers a second one trader is to give.
    pub answers_per_second: u32,
    /// By how much of a hundred the load may differ from that before their number changes.
    pub tolerance_percent: u32,
    /// How often the load is looked at.
    pub period: Duration,
    /// How long the load must have been lower before there are fewer.
    pub calm: Duration,
    /// The longest time from the provider's decision to start a trader to its start.
    pub start_max: Duration,
    /// The probability that a start comes to nothing.
    pub start_fails: f64,
    /// Whether a trader is started for an elected one that is not there, too.
    pub stands_in: bool,
    /// How long a hired trader waits for the customers.
    pub gather_limit: Duration,
    /// How long all customers buy and sell.
    pub busy: Duration,
    /// How long some of them then stand aside.
    pub quiet: Duration,
    /// How many stay when the others stand aside.
    pub stay: u32,
}

impl Hiring {
    /// What a seed draws, if its world has hired traders, or `all` worlds do or none does. Drawn
    /// apart, so that what other worlds stand for stays.
    pub fn from_seed(seed: u64, all: Option<bool>) -> Option<Self> {
        let random = &mut Random::fork(seed, 4);
        let is_drawn = random.chance(SHARE);
        if !all.unwrap_or(is_drawn) {
            return None;
        }
        let mut millis = |low, high| Duration::from_millis(random.between(low, high));
        let (period, calm) = (millis(100, 1_000), millis(300, 6_000));
        let (start_max, gather_limit) = (millis(1, 3_000), millis(50, 1_000));
        let (busy, quiet) = (millis(2_000, 10_000), millis(2_000, 10_000));
        Some(Self {
            most: random.between(1, HIRED_MAX.into()) as u32,
            answers_per_second: *random.pick(&[2, 4, 8, 16]).unwrap_or(&4),
            tolerance_percent: *random.pick(&[0, 10, 30]).unwrap_or(&10),
            period,
            calm,
            start_max,
            start_fails: *random.pick(&[0.0, 0.3, 0.7]).unwrap_or(&0.0),
            stands_in: random.chance(0.3),
            gather_limit,
            busy,
            quiet,
            stay: random.below(3) as u32,
        })
    }

    /// What the warehouse is told, where so many traders are elected.
    pub fn scaling(&self, elected: u32, tells_loads: bool) -> Scaling {
        Scaling {
            least: elected as usize,
            most: (elected + self.most) as usize,
            answers_per_second: self.answers_per_second,
            tolerance_percent: self.tolerance_percent,
            period: self.period,
            calm: self.calm,
            tells_loads,
        }
    }
}

/// Faults that meet traders that are about to begin, or to go.
pub(super) fn faults(seed: u64, within: Duration) -> Vec<Planned> {
    let random = &mut Random::fork(seed, 5);
    let count = random.between(1, 8);
    let faults = (0..count).map(|_| Planned {
        at: Instant::ZERO + Duration::from_millis(random.between(200, within.as_millis() as u64)),
        lasts: Duration::from_millis(random.between(20, 5_000)),
        fault: if random.chance(0.4) { Fault::CutInChange } else { Fault::CrashInChange },
    });
    faults.collect()
}
