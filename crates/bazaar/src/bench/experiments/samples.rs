//! What a run's events tell of single buys and of halts of trade, and the figures over them.

use std::collections::BTreeMap;

use machine::{Epoch, NodeId};
use serde::Serialize;
use view::{Event, Operation, Stepped, What};

/// One buy as its buyer saw it, or one halt of trade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sample {
    pub kind: Kind,
    /// The buyer, or the next trader.
    pub node: NodeId,
    /// Which of that node's samples of the kind, from 1.
    pub number: u64,
    /// Since the run began, in nanoseconds.
    pub began_ns: u64,
    pub took_ns: u64,
    /// From the buyer's answer before until it asked, in nanoseconds; 0 if there is none.
    pub paused_ns: u64,
    /// How many traders took the market over since the buyer's answer before.
    pub takeovers: u64,
}

/// What a sample is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A buy that ended in a purchase.
    Sold,
    /// A buy that was refused.
    Refused,
    /// From the resignation of a trader until the next one serves.
    Halt,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Sold => "sold",
            Self::Refused => "refused",
            Self::Halt => "halt",
        }
    }
}

/// Which of a case's samples make a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    /// Purchases, from asking to the answer. Refusals are left out: they sell nothing, and there are
    /// many while nobody has deposited what a buyer looks for.
    Buys,
    /// The same of one buyer.
    BuysOf(NodeId),
    /// A buyer's first buy, sold or refused, that a next trader answered, from the buyer's answer
    /// before. Of use where buyers do not pause.
    OverElections,
    /// Halts of trade.
    Halts,
}

impl Measure {
    /// The samples of this measure, in nanoseconds, in order of time.
    pub(crate) fn take(self, samples: &[Sample]) -> Vec<u64> {
        let all = |kind| samples.iter().filter(move |of| of.kind == kind);
        match self {
            Self::Buys => all(Kind::Sold).map(|of| of.took_ns).collect(),
            Self::BuysOf(buyer) => {
                all(Kind::Sold).filter(|of| of.node == buyer).map(|of| of.took_ns).collect()
            }
            Self::Halts => all(Kind::Halt).map(|of| of.took_ns).collect(),
            Self::OverElections => {
                let over = samples.iter().filter(|of| of.kind != Kind::Halt && of.takeovers > 0);
                over.map(|of| of.paused_ns + of.took_ns).collect()
            }
        }
    }
}

/// What the events of a run, in order of time, tell.
pub(crate) fn samples(events: &[Event]) -> Vec<Sample> {
    let (mut samples, mut takeovers) = (Vec::new(), Vec::new());
    let mut numbers: BTreeMap<(NodeId, Kind), u64> = BTreeMap::new();
    let mut answered_ns: BTreeMap<NodeId, u64> = BTreeMap::new();
    let (mut served, mut resigned) = (None::<Epoch>, None::<u64>);
    for event in events {
        let (kind, took_ns) = match &event.what {
            What::SteppedDown { epoch, why: Stepped::Resigned } if served == Some(*epoch) => {
                resigned = Some(event.time_ns);
                continue;
            }
            What::Trading { epoch, .. } if served.is_none_or(|known| known < *epoch) => {
                if served.replace(*epoch).is_some() {
                    takeovers.push(event.time_ns);
                }
                let Some(resigned_ns) = resigned.take() else { continue };
                (Kind::Halt, event.time_ns.saturating_sub(resigned_ns))
            }
            What::Answered { operation: Operation::Buy(_), outcome, took_ns, .. } => {
                let is_sold = matches!(outcome, market::Outcome::Bought(_));
                (if is_sold { Kind::Sold } else { Kind::Refused }, *took_ns)
            }
            _ => continue,
        };
        let began_ns = event.time_ns.saturating_sub(took_ns);
        let before_ns = match kind {
            Kind::Sold | Kind::Refused => answered_ns.insert(event.node, event.time_ns),
            Kind::Halt => None,
        };
        let since_ns = before_ns.unwrap_or(began_ns);
        let number = numbers.entry((event.node, kind)).or_default();
        *number += 1;
        let meanwhile = takeovers.iter().rev().take_while(|&&at_ns| at_ns > since_ns).count();
        samples.push(Sample {
            kind,
            node: event.node,
            number: *number,
            began_ns,
            took_ns,
            paused_ns: began_ns.saturating_sub(since_ns),
            takeovers: meanwhile as u64,
        });
    }
    samples
}

/// A distribution, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Statistics {
    pub count: usize,
    pub median_ms: f64,
    pub mean_ms: f64,
    pub p99_ms: f64,
    pub worst_ms: f64,
}

impl Statistics {
    /// Of some times in nanoseconds; none of none.
    pub(super) fn of(mut nanos: Vec<u64>) -> Option<Self> {
        nanos.sort_unstable();
        let last = nanos.len().checked_sub(1)?;
        let millis = |nanos: f64| nanos / 1e6;
        let at = |share: f64| millis(nanos[(last as f64 * share).round() as usize] as f64);
        let sum: f64 = nanos.iter().map(|&nanos| nanos as f64).sum();
        Some(Self {
            count: nanos.len(),
            median_ms: at(0.5),
            mean_ms: millis(sum / nanos.len() as f64),
            p99_ms: at(0.99),
            worst_ms: at(1.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use market::{ClientId, Good, Money, Order, Outcome, Receipt, Refusal, RequestId};

    use super::*;

    fn epoch(counter: u64) -> Epoch {
        Epoch { counter, node: NodeId(9) }
    }

    fn event(time_ns: u64, node: u32, what: What) -> Event {
        Event { time_ns, node: NodeId(node), clock: None, what }
    }

    fn answered(outcome: Outcome, took_ns: u64) -> What {
        let good = Good::new("salt").unwrap();
        let order = Order { good, quantity: 1, limit: None, partial: false };
        let request = RequestId { client: ClientId::default(), number: 1 };
        What::Answered { request, operation: Operation::Buy(order), outcome, took_ns }
    }

    fn bought() -> Outcome {
        Outcome::Bought(Receipt {
            good: Good::new("salt").unwrap(),
            quantity: 1,
            paid: Money(1),
            commission: Money(0),
            fills: Vec::new(),
        })
    }

    fn trading(counter: u64) -> What {
        What::Trading { epoch: epoch(counter), shipped_before: 0 }
    }

    #[test]
    fn buys_and_halts_are_told_from_the_events() {
        let stepped = |why| What::SteppedDown { epoch: epoch(1), why };
        let samples = samples(&[
            event(10, 9, trading(1)),
            event(20, 1, answered(bought(), 5)),
            event(30, 1, answered(Outcome::Refused(Refusal::NotSoldHere), 2)),
            event(40, 9, stepped(Stepped::Resigned)),
            event(47, 8, trading(2)),
            // It had no trader to ask for a while.
            event(60, 1, answered(bought(), 12)),
            event(65, 1, answered(bought(), 4)),
            // A trader that is outbid halts nothing: another one serves already.
            event(70, 9, stepped(Stepped::Outbid)),
            event(80, 7, trading(3)),
        ]);
        let expected = [
            (Kind::Sold, 1, 1, 15, 5, 0, 0),
            (Kind::Refused, 1, 1, 28, 2, 8, 0),
            (Kind::Halt, 8, 1, 40, 7, 0, 1),
            (Kind::Sold, 1, 2, 48, 12, 18, 1),
            (Kind::Sold, 1, 3, 61, 4, 1, 0),
        ];
        let found = samples.iter().map(|of| {
            let &Sample { kind, node, number, began_ns, took_ns, paused_ns, takeovers } = of;
            (kind, node.0, number, began_ns, took_ns, paused_ns, takeovers)
        });
        assert_eq!(found.collect::<Vec<_>>(), expected);
        assert_eq!(Measure::Buys.take(&samples), [5, 12, 4]);
        assert_eq!(Measure::OverElections.take(&samples), [30]);
        assert_eq!(Measure::Halts.take(&samples), [7]);
        assert_eq!(Measure::BuysOf(NodeId(1)).take(&samples), [5, 12, 4]);
        assert!(Measure::BuysOf(NodeId(2)).take(&samples).is_empty());
    }

    #[test]
    fn statistics_are_in_milliseconds() {
        let found = Statistics::of(vec![3_000_000, 1_000_000, 5_000_000]).unwrap();
        let Statistics { count, median_ms, mean_ms, p99_ms, worst_ms } = found;
        assert_eq!((count, median_ms, mean_ms, p99_ms, worst_ms), (3, 3.0, 3.0, 5.0, 5.0));
        assert_eq!(Statistics::of(Vec::new()), None);
    }
}
