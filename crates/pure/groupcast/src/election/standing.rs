//! What both algorithms keep: who is there, who outranks whom, and who holds which post.
//!
//! Each post is a register of its own: the highest [`Epoch`] that claimed it. So announcements may
//! come in any order and any number of times, and whoever has heard the same ones believes the
//! same. A post is held while its holder is there, as far as this node can see; a connection that
//! only flickered leaves it where it was.

use std::collections::{BTreeMap, BTreeSet};

use machine::{Epoch, NodeId};

use super::{Options, Seats, Starters};
use crate::fence::majority::COUNTER_JUMP_MAX;

#[derive(Debug, Clone)]
struct Seat {
    epoch: Epoch,
    /// Whether the holder was told to yield: not even a late announcement puts it back.
    left: bool,
}

/// What an announcement changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct News {
    /// Whether a claim was new here.
    pub is_new: bool,
    /// Whether it says that this node has won a post.
    pub won: bool,
    /// Whether the sender gives a post of this node to one that claimed it earlier.
    pub is_outdated: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Standing {
    pub me: NodeId,
    pub candidates: BTreeSet<NodeId>,
    pub options: Options,
    pub starters: Starters,
    connected: BTreeSet<NodeId>,
    /// Those of the connected that are not known to be silent.
    reachable: BTreeSet<NodeId>,
    seats: BTreeMap<u32, Seat>,
}

impl Standing {
    pub fn new(me: NodeId, mut candidates: BTreeSet<NodeId>, options: Options) -> Self {
        candidates.insert(me);
        let starters = Starters::new(options.initiator, &candidates);
        let (connected, reachable) = (BTreeSet::new(), BTreeSet::new());
        Self { me, candidates, options, starters, connected, reachable, seats: BTreeMap::new() }
    }

    pub fn opened(&mut self, node: NodeId) {
        if node != self.me && self.candidates.contains(&node) {
            self.connected.insert(node);
            self.reachable.insert(node);
        }
    }

    /// A node was heard of. That counts while it is connected: a datagram may outlive its sender.
    pub fn heard(&mut self, node: NodeId) {
        if self.connected.contains(&node) {
            self.reachable.insert(node);
        }
    }

    /// A node is silent. Whether a post that it held is vacant now.
    pub fn is_silent(&mut self, node: NodeId) -> bool {
        let held = self.is_seated(node);
        self.reachable.remove(&node) && held
    }

    /// A connection ended. Whether a post that its node held is vacant now.
    pub fn closed(&mut self, node: NodeId) -> bool {
        self.connected.remove(&node);
        self.is_silent(node)
    }

    pub fn sees(&self, node: NodeId) -> bool {
        node == self.me || self.reachable.contains(&node)
    }

    /// All others that are there.
    pub fn others(&self) -> Vec<NodeId> {
        self.reachable.iter().copied().collect()
    }

    /// Whoever holds a post does not want another one; an ineligible node yields to all that are
    /// not; then the higher id counts.
    pub fn rank(&self, node: NodeId) -> (bool, bool, NodeId) {
        (!self.is_seated(node), !self.options.ineligible.contains(&node), node)
    }

    pub fn outranks(&self, one: NodeId, other: NodeId) -> bool {
        self.rank(one) > self.rank(other)
    }

    /// The posts that are held, as far as this node can see.
    pub fn seated(&self) -> Seats {
        let held = self.seats.iter().filter(|(_, seat)| !seat.left && self.sees(seat.epoch.node));
        held.map(|(&post, seat)| (post, seat.epoch)).collect()
    }

    pub fn is_seated(&self, node: NodeId) -> bool {
        let mut seats = self.seats.values();
        seats.any(|seat| seat.epoch.node == node && !seat.left && self.sees(node))
    }

    /// The posts that nobody holds, in order.
    pub fn vacant(&self) -> Vec<u32> {
        let seated = self.seated();
        self.posts().filter(|post| !seated.contains_key(post)).collect()
    }

    /// More posts than candidates could never be filled.
    fn posts(&self) -> std::ops::Range<u32> {
        let count = self.options.posts.clamp(1, self.candidates.len());
        0..u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Gives vacant posts to these nodes, in order, above all claims known.
    pub fn seat(&mut self, winners: impl IntoIterator<Item = (u32, NodeId)>) {
        let highest = self.highest();
        for (post, node) in winners {
            self.seats.insert(post, Seat { epoch: highest.next(node), left: false });
        }
    }

    fn highest(&self) -> Epoch {
        self.seats.values().map(|seat| seat.epoch).max().unwrap_or(Epoch::ZERO)
    }

    /// Takes over all claims that are higher than those known.
    pub fn hear(&mut self, seats: &Seats) -> News {
        let (was_seated, highest) = (self.is_seated(self.me), self.highest().counter);
        let mut news = News { is_new: false, won: false, is_outdated: false };
        for (&post, &epoch) in seats.range(self.posts()) {
            let is_plausible = epoch.counter.saturating_sub(highest) <= COUNTER_JUMP_MAX;
            if !self.candidates.contains(&epoch.node) || !is_plausible {
                continue;
            }
            match self.seats.get(&post) {
                Some(seat) if seat.epoch > epoch => {
                    news.is_outdated |= seat.epoch.node == self.me && !seat.left;
                }
                Some(seat) if seat.epoch == epoch => {}
                _ => {
                    self.seats.insert(post, Seat { epoch, left: false });
                    news.is_new = true;
                }
            }
        }
        news.won = !was_seated && self.is_seated(self.me);
        news
    }

    /// These yield from now on. Whether a post is vacant by that.
    pub fn bar(&mut self, ineligible: BTreeSet<NodeId>) -> bool {
        let before = self.vacant().len();
        for seat in self.seats.values_mut() {
            let node = seat.epoch.node;
            seat.left |= ineligible.contains(&node) && !self.options.ineligible.contains(&node);
        }
        self.options.ineligible = ineligible;
        self.vacant().len() > before
    }

    /// Whether this node is to begin, now that a post is vacant.
    pub fn begins(&self) -> bool {
        let chosen =
            self.starters.choose(self.highest(), |node| self.sees(node) && !self.is_seated(node));
        !self.is_seated(self.me) && chosen.is_none_or(|node| node == self.me)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(me: u32, posts: usize) -> Standing {
        let options = Options { posts, announce: true, ..Options::default() };
        let mut standing = Standing::new(NodeId(me), (1..=5).map(NodeId).collect(), options);
        (1..=5).for_each(|node| standing.opened(NodeId(node)));
        standing
    }

    fn claim(post: u32, counter: u64, node: u32) -> Seats {
        Seats::from([(post, Epoch { counter, node: NodeId(node) })])
    }

    #[test]
    fn announcements_may_come_in_any_order_and_again() {
        let claims = [claim(0, 1, 4), claim(0, 2, 3), claim(1, 1, 5), claim(0, 2, 2)];
        let mut believed = BTreeSet::new();
        for first in 0..4 {
            for step in [1, 3] {
                let mut standing = standing(1, 2);
                for index in 0..8 {
                    standing.hear(&claims[(first + step * index) % 4]);
                }
                believed.insert(standing.seated());
            }
        }
        let end: Seats = claims[1].iter().chain(&claims[2]).map(|(&k, &v)| (k, v)).collect();
        assert_eq!(believed, BTreeSet::from([end]));
    }

    #[test]
    fn a_post_is_vacant_while_its_holder_is_gone_and_for_good_once_it_was_told_to_yield() {
        let mut standing = standing(1, 1);
        assert!(standing.hear(&claim(0, 1, 4)).is_new);
        assert!(standing.closed(NodeId(4)));
        standing.heard(NodeId(4));
        assert_eq!(standing.vacant(), [0], "a late datagram proves nothing");
        standing.opened(NodeId(4));
        assert!(standing.vacant().is_empty(), "only the connection flickered");
        assert!(standing.bar(BTreeSet::from([NodeId(4)])));
        assert!(!standing.hear(&claim(0, 1, 4)).is_new, "a late announcement");
        assert_eq!(standing.vacant(), [0]);
        standing.seat([(0, NodeId(4))]);
        assert!(standing.vacant().is_empty(), "nobody else was there, so it won again");
    }

    #[test]
    fn what_cannot_be_a_claim_is_ignored() {
        let mut standing = standing(1, 2);
        for absurd in [claim(0, u64::MAX, 4), claim(0, 1, 9), claim(2, 1, 4)] {
            assert!(!standing.hear(&absurd).is_new, "{absurd:?}");
        }
    }

    #[test]
    fn an_outdated_claim_to_this_nodes_post_is_noticed() {
        let mut standing = standing(2, 1);
        let won = standing.hear(&claim(0, 3, 2));
        assert_eq!(won, News { is_new: true, won: true, is_outdated: false });
        assert!(standing.hear(&claim(0, 1, 5)).is_outdated);
        assert_eq!(standing.seated(), claim(0, 3, 2));
    }
}
