//! What the members counted, put together.

use serde::Serialize;

use super::words::Figures;

/// A latency in microseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Latency {
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

/// One repetition of the group.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Measured {
    /// Messages delivered a second, at the slowest member.
    pub messages_per_second: f64,
    /// The same at each member.
    pub at_each: Vec<f64>,
    /// From the intended time of sending to the delivery at the sender.
    pub own_us: Option<Latency>,
    /// The same to the delivery at the others.
    pub others_us: Option<Latency>,
    /// The longest time without a delivery at any member, in milliseconds.
    pub longest_gap_ms: f64,
    /// How often a member doubted another one.
    pub doubts: u64,
    /// Messages delivered in all, each verified at every member and in the same order.
    pub verified: u64,
}

impl Measured {
    /// What the members counted in `seconds`.
    pub fn of(members: &[Figures], seconds: f64, verified: u64) -> Self {
        let at_each: Vec<f64> =
            members.iter().map(|member| member.delivered as f64 / seconds).collect();
        let longest_ns = members.iter().map(|member| member.longest_gap_ns).max();
        Self {
            messages_per_second: at_each.iter().copied().fold(f64::INFINITY, f64::min),
            at_each,
            own_us: latency(members.iter().flat_map(|member| &member.own)),
            others_us: latency(members.iter().flat_map(|member| &member.others)),
            longest_gap_ms: longest_ns.unwrap_or_default() as f64 / 1e6,
            doubts: members.iter().map(|member| member.doubts).sum(),
            verified,
        }
    }
}

/// The distribution of all, from pairs of nanoseconds and how many took them.
fn latency<'a>(counted: impl Iterator<Item = &'a (u64, u64)>) -> Option<Latency> {
    let mut counted: Vec<(u64, u64)> = counted.copied().collect();
    counted.sort_unstable();
    let total: u64 = counted.iter().map(|(_, count)| count).sum();
    let (slowest_ns, _) = *counted.last()?;
    let at = |share: f64| {
        let mut left = (total as f64 * share).ceil() as u64;
        let step = counted.iter().find(|(_, count)| {
            left = left.saturating_sub(*count);
            left == 0
        });
        step.map_or(slowest_ns, |(nanos, _)| *nanos) as f64 / 1e3
    };
    Some(Latency { p50: at(0.5), p99: at(0.99), max: slowest_ns as f64 / 1e3 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_of_members_are_one_distribution() {
        let latency = latency([(1000, 50), (3000, 49), (2000, 50), (9000, 1)].iter()).unwrap();
        assert_eq!((latency.p50, latency.p99, latency.max), (2.0, 3.0, 9.0));
        assert!(super::latency([].iter()).is_none());
    }

    #[test]
    fn the_slowest_member_counts() {
        let member = |delivered| Figures { delivered, ..Figures::default() };
        let measured = Measured::of(&[member(30), member(20)], 2.0, 50);
        assert_eq!(
            (measured.messages_per_second, &measured.at_each[..]),
            (10.0, &[15.0, 10.0][..])
        );
    }
}
