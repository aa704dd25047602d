//! Links made worse on purpose, to see what a cluster does then: cut, late, or lossy. No rights are
//! needed, since a node does it to itself; both ends of a link are told.
//!
//! - A *cut* link carries nothing either way, and neither end is told: as when a cable is pulled,
//!   only silence shows it. When it is mended, its connection ends and a new one is made, because a
//!   stream that lost something cannot go on.
//! - On a *late* link each message leaves later by a fixed time, in order.
//! - A *loss* takes each message by chance, on all links.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use machine::{Instant, NodeId, Random};
use serde::{Deserialize, Serialize};

use crate::link::QUEUE_MAX_BYTES;

/// What is wrong with a node's links; by default nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Impairment {
    /// To and from these nothing passes.
    pub cut: BTreeSet<NodeId>,
    /// What leaves for these leaves so much later.
    pub delay: BTreeMap<NodeId, Duration>,
    /// The probability that a message is lost, from 0 to 1.
    pub loss: f64,
}

/// What becomes of a frame.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Leaves,
    Lost,
    /// It waits here.
    Late,
    /// Too much waits already.
    Overflows,
}

/// Links that are impaired, and what waits on late ones.
#[derive(Debug)]
pub(crate) struct Impaired {
    impairment: Impairment,
    random: Random,
    late: BTreeMap<NodeId, Late>,
}

/// The frames that are late, each with its time to leave, in order.
#[derive(Debug, Default)]
struct Late {
    frames: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
}

impl Impaired {
    pub fn new(seed: u64) -> Self {
        let random = Random::from_seed(seed);
        Self { impairment: Impairment::default(), random, late: BTreeMap::new() }
    }

    /// Takes the place of what was wrong before. What is late stays late.
    pub fn set(&mut self, impairment: Impairment) {
        self.impairment = impairment;
    }

    /// Whether nothing is wrong, and nothing waits.
    pub fn is_over(&self) -> bool {
        self.impairment == Impairment::default() && self.late.is_empty()
    }

    pub fn is_cut(&self, node: NodeId) -> bool {
        self.impairment.cut.contains(&node)
    }

    /// Decides over a frame that is to leave now.
    pub fn judge(&mut self, node: NodeId, frame: &[u8], now: Instant) -> Fate {
        if self.is_cut(node) || self.random.chance(self.impairment.loss) {
            return Fate::Lost;
        }
        let delay = self.impairment.delay.get(&node).copied();
        // What comes behind a late frame does not overtake it, though the link be fast again.
        if delay.is_none() && !self.late.contains_key(&node) {
            return Fate::Leaves;
        }
        let late = self.late.entry(node).or_default();
        if late.bytes + frame.len() > QUEUE_MAX_BYTES {
            return Fate::Overflows;
        }
        let last = late.frames.back().map_or(now, |(due, _)| *due);
        late.bytes += frame.len();
        late.frames.push_back((last.max(now + delay.unwrap_or_default()), frame.to_vec()));
        Fate::Late
    }

    /// When the next late frame leaves.
    pub fn next_due(&self) -> Option<Instant> {
        self.late.values().filter_map(|late| Some(late.frames.front()?.0)).min()
    }

    /// A late frame whose time has come, unless its link is cut by now.
    pub fn pop_due(&mut self, now: Instant) -> Option<(NodeId, Vec<u8>)> {
        loop {
            let is_due = |late: &Late| late.frames.front().is_some_and(|(due, _)| *due <= now);
            let (&node, late) = self.late.iter_mut().find(|(_, late)| is_due(late))?;
            let (_, frame) = late.frames.pop_front()?;
            late.bytes -= frame.len();
            if late.frames.is_empty() {
                self.late.remove(&node);
            }
            if !self.is_cut(node) {
                return Some((node, frame));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: NodeId = NodeId(1);

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    fn late_by(millis: u64) -> Impairment {
        let delay = BTreeMap::from([(ONE, Duration::from_millis(millis))]);
        Impairment { delay, ..Impairment::default() }
    }

    #[test]
    fn a_late_link_keeps_order_when_it_gets_faster_and_ends_empty() {
        let mut links = Impaired::new(1);
        links.set(late_by(20));
        assert_eq!(links.judge(ONE, b"a", at(0)), Fate::Late);
        links.set(late_by(5));
        assert_eq!(links.judge(ONE, b"b", at(1)), Fate::Late);
        links.set(Impairment::default());
        assert_eq!(links.judge(ONE, b"c", at(2)), Fate::Late);
        assert_eq!(links.judge(NodeId(2), b"d", at(2)), Fate::Leaves);
        assert_eq!((links.next_due(), links.pop_due(at(19))), (Some(at(20)), None));
        for frame in [b"a", b"b", b"c"] {
            assert!(!links.is_over());
            assert_eq!(links.pop_due(at(20)), Some((ONE, frame.to_vec())));
        }
        assert!(links.is_over());
    }

    #[test]
    fn what_is_late_is_lost_when_its_link_is_cut_and_there_is_a_limit_to_it() {
        let mut links = Impaired::new(1);
        links.set(late_by(20));
        let half = vec![0; QUEUE_MAX_BYTES / 2];
        assert_eq!(links.judge(ONE, &half, at(0)), Fate::Late);
        assert_eq!(links.judge(ONE, &half, at(0)), Fate::Late);
        assert_eq!(links.judge(ONE, b"a", at(0)), Fate::Overflows);
        links.set(Impairment { cut: BTreeSet::from([ONE]), ..Impairment::default() });
        assert_eq!(links.judge(ONE, b"a", at(1)), Fate::Lost);
        assert_eq!(links.pop_due(at(20)), None);
        assert_eq!(links.next_due(), None);
    }

    #[test]
    fn a_loss_takes_about_its_share() {
        let mut links = Impaired::new(7);
        links.set(Impairment { loss: 0.25, ..Impairment::default() });
        let lost = (0..1000).filter(|_| links.judge(ONE, b"a", at(0)) == Fate::Lost).count();
        assert!((200..300).contains(&lost), "{lost} of 1000");
    }
}
