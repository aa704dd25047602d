//! What is wrong with the links of a run: one value, from which every node is told its part.

use std::collections::BTreeMap;
use std::time::Duration;

use host::Impairment;
use machine::NodeId;
use view::LinkFault;

/// All that was done to links and not taken back.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Links {
    /// Sides that are cut off from all others, the earliest first; a side may stand here twice.
    cuts: Vec<Vec<NodeId>>,
    /// By how much which links are late: those between two nodes, or all of one.
    delays: BTreeMap<(NodeId, Option<NodeId>), Duration>,
    lost_per_million: u32,
}

impl Links {
    /// Does something to links.
    pub fn change(&mut self, fault: &LinkFault) {
        match fault {
            LinkFault::Cut { side } => self.cuts.push(side.clone()),
            LinkFault::Mend { side } => {
                if let Some(place) = self.cuts.iter().position(|cut| cut == side) {
                    self.cuts.remove(place);
                }
            }
            LinkFault::Delay { at, to, by_ns: 0 } => {
                self.delays.remove(&(*at, *to));
            }
            LinkFault::Delay { at, to, by_ns } => {
                self.delays.insert((*at, *to), Duration::from_nanos(*by_ns));
            }
            LinkFault::Lose { per_million } => self.lost_per_million = *per_million,
            LinkFault::Heal => *self = Self::default(),
        }
    }

    /// Whether nothing passes between two nodes.
    pub fn is_cut(&self, one: NodeId, other: NodeId) -> bool {
        self.cuts.iter().any(|side| side.contains(&one) != side.contains(&other))
    }

    /// By how much messages between two nodes are late.
    pub fn delay(&self, one: NodeId, other: NodeId) -> Duration {
        let is_meant = |at: NodeId, to: Option<NodeId>| match to {
            None => at == one || at == other,
            Some(to) => (at, to) == (one, other) || (at, to) == (other, one),
        };
        self.delays.iter().filter(|((at, to), _)| is_meant(*at, *to)).map(|(_, by)| *by).sum()
    }

    /// The probability that a message is lost.
    pub fn loss(&self) -> f64 {
        f64::from(self.lost_per_million) / 1e6
    }

    /// What `node` is told of its links to these.
    pub fn of(&self, node: NodeId, others: &[NodeId]) -> Impairment {
        let others = others.iter().copied().filter(|other| *other != node);
        let delay = |other| Some((other, self.delay(node, other))).filter(|(_, by)| !by.is_zero());
        Impairment {
            cut: others.clone().filter(|other| self.is_cut(node, *other)).collect(),
            delay: others.filter_map(delay).collect(),
            loss: self.loss(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_links_add_up_and_are_taken_back_one_by_one() {
        let [a, b, c] = [1, 2, 3].map(NodeId);
        let mut links = Links::default();
        let cut = |nodes: &[NodeId]| LinkFault::Cut { side: nodes.to_vec() };
        let delay = |at, to, ms: u64| LinkFault::Delay { at, to, by_ns: ms * 1_000_000 };
        links.change(&cut(&[a]));
        links.change(&cut(&[a, b]));
        assert!(links.is_cut(a, b) && links.is_cut(b, c) && links.is_cut(c, a));
        links.change(&LinkFault::Mend { side: vec![a] });
        assert!(!links.is_cut(a, b) && links.is_cut(a, c));
        links.change(&delay(a, None, 5));
        links.change(&delay(b, Some(a), 2));
        assert_eq!(links.delay(a, b), Duration::from_millis(7));
        assert_eq!(links.delay(c, a), Duration::from_millis(5));
        assert_eq!(links.delay(b, c), Duration::ZERO);
        links.change(&LinkFault::Lose { per_million: 250_000 });
        let told = links.of(b, &[a, b, c]);
        assert_eq!(told.cut, [c].into());
        assert_eq!(told.delay, [(a, Duration::from_millis(7))].into());
        assert_eq!(told.loss, 0.25);
        links.change(&LinkFault::Heal);
        assert_eq!(links, Links::default());
    }
}
