//! A small running tally of a run that goes on, for a line on a terminal.

use std::collections::BTreeSet;

use machine::{Epoch, NodeId};

use crate::{Event, Fault, What};

const SECOND_NS: u64 = 1_000_000_000;

/// What has happened so far.
///
/// ```
/// use machine::{Epoch, NodeId};
/// use view::{Event, Progress, What};
///
/// let epoch = Epoch { counter: 1, node: NodeId(5) };
/// let what = What::Trading { epoch, shipped_before: 0 };
/// let mut progress = Progress::default();
/// progress.feed(&Event { time_ns: 1_500_000_000, node: NodeId(5), clock: None, what });
/// assert_eq!(progress.to_string(), "1.5 s: trader 5 (epoch 1), 0 sales (0/s), 0 refusals, 0 elections");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// The latest moment that was told of, in nanoseconds since the run began.
    pub time_ns: u64,
    /// Who trades; none while nobody does.
    pub trader: Option<NodeId>,
    /// The highest epoch that traded.
    pub epoch: Option<Epoch>,
    /// The terms of trading houses that are open.
    terms: BTreeSet<Epoch>,
    /// How many elections were won.
    pub elections: u64,
    /// How many sales the traders made.
    pub sales: u64,
    /// How many buys the traders refused.
    pub refusals: u64,
    /// How many sales fell in the last whole second.
    pub sales_per_second: u64,
    second: u64,
    sales_in_second: u64,
}

impl Progress {
    /// Takes the next event, in about the order of time.
    pub fn feed(&mut self, event: &Event) {
        self.advance(event.time_ns);
        match &event.what {
            What::Elected { .. } => self.elections += 1,
            What::Trading { epoch, .. } if self.epoch.is_none_or(|known| known < *epoch) => {
                (self.epoch, self.trader) = (Some(*epoch), Some(epoch.node));
            }
            What::TermBegan { epoch } => {
                self.terms.insert(*epoch);
                self.trader = Some(epoch.node);
            }
            What::TermEnded { epoch, .. } => {
                self.terms.remove(epoch);
                if self.trader == Some(epoch.node) {
                    self.trader = self.terms.last().map(|term| term.node);
                }
            }
            // The warehouse may have ended its term and died before it told.
            What::Left => self.terms.retain(|term| term.node != event.node),
            What::SteppedDown { epoch, .. } if self.epoch == Some(*epoch) => self.trader = None,
            What::Fault { fault: Fault::Kill | Fault::Restart, target }
                if self.trader == Some(*target) =>
            {
                self.trader = None;
            }
            What::Sold { .. } => {
                self.sales += 1;
                self.sales_in_second += 1;
            }
            What::Refused { .. } => self.refusals += 1,
            _ => {}
        }
    }

    /// Whether a node trades.
    pub fn trades(&self, node: NodeId) -> bool {
        self.trader == Some(node) || self.houses().contains(&node)
    }

    /// Who has an open term, in trading houses.
    pub fn houses(&self) -> BTreeSet<NodeId> {
        self.terms.iter().map(|term| term.node).collect()
    }

    fn advance(&mut self, time_ns: u64) {
        self.time_ns = self.time_ns.max(time_ns);
        let second = self.time_ns / SECOND_NS;
        if second > self.second {
            let whole = second == self.second + 1;
            self.sales_per_second = if whole { self.sales_in_second } else { 0 };
            (self.second, self.sales_in_second) = (second, 0);
        }
    }
}

/// One line, as in `1.5 s: trader 5 (epoch 1), 7 sales (4/s), 0 refusals, 1 elections`.
impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tenths = self.time_ns / (SECOND_NS / 10);
        write!(f, "{}.{} s: ", tenths / 10, tenths % 10)?;
        match (self.trader, self.epoch) {
            _ if !self.terms.is_empty() => {
                let names: Vec<String> = self.houses().iter().map(NodeId::to_string).collect();
                write!(f, "traders {}", names.join(", "))?;
            }
            (Some(trader), Some(epoch)) => write!(f, "trader {trader} (epoch {})", epoch.counter)?,
            _ => f.write_str("no trader")?,
        }
        let Self { sales, sales_per_second, refusals, elections, .. } = self;
        write!(
            f,
            ", {sales} sales ({sales_per_second}/s), {refusals} refusals, {elections} elections"
        )
    }
}
