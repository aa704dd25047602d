//! The order of service, seen from one who asks: the clock that counts purchases (seeds 000, 002).
//!
//! ```text
//!   buyer                       every other peer            trader
//!     │ ticks: the purchase's stamp                            │
//!     ├── Announced(stamp) ──▶ takes note of it                │
//!     ├── Stamped { request, stamp, floor } ──────────────────▶│ serves in the order of stamps
//!     │                              │◀── Earliest(stamp) ─────┤ stable form: may anything earlier
//!     │                              ├─── Floor(floor) ───────▶│ than this still come from you?
//! ```
//!
//! A purchase's stamp is fixed when it is asked for first; each repetition carries the same. A
//! peer's *floor* is the lowest stamp that anything of it may still carry: of what is unanswered,
//! or of what it asks for next. It only rises in a life of the peer, because whoever is asked for
//! it takes note of the stamp in the question. A life that follows another one has no floor until
//! the market has shut the session of the earlier life: what that asked for may still come.
//!
//! Seed 002 counts one more at buyer and seller after each sale, and takes the higher of two
//! clocks where ours, as Lamport's, takes one more than that; the order is the same.

use std::collections::BTreeMap;

use crate::counts::Reserve;
use crate::settings::OrderPolicy;
use clocks::{LamportClock, Stamp, VectorClock};
use machine::NodeId;
use market::RequestId;

/// What a peer knows of purchases, its own and others'.
#[derive(Debug, Clone)]
pub struct Ordering {
    me: NodeId,
    clock: Option<Stamp>,
    reserve: Reserve,
    /// Its own that are not answered.
    unanswered: BTreeMap<RequestId, Stamp>,
}

impl Ordering {
    /// A peer that knows of no purchase.
    pub fn new(me: NodeId, policy: OrderPolicy) -> Self {
        let clock = match policy {
            OrderPolicy::Arrival => None,
            OrderPolicy::Lamport(_) => Some(Stamp::Lamport(LamportClock::default())),
            OrderPolicy::Vector(_) => Some(Stamp::Vector(VectorClock::new())),
        };
        Self { me, clock, reserve: Reserve::default(), unanswered: BTreeMap::new() }
    }

    /// The clock as a later life begins with it: above all stamps that this one gives until the
    /// next record of it.
    pub fn memory(&self) -> Option<Stamp> {
        self.clock.as_ref().map(|clock| self.reserve.raised_stamp(clock, self.me))
    }

    /// Goes on from what an earlier life had on record.
    pub fn restore(&mut self, memory: Option<Stamp>) {
        if let (Some(_), Some(known)) = (&self.clock, memory) {
            self.witness(&known);
            self.reserve = Reserve::restored(own_count(&known, self.me));
        }
    }

    /// Whether the clock reads what is not on record yet; it must be before anything leaves.
    pub fn is_due(&mut self) -> bool {
        let count = self.clock.as_ref().map_or(0, |clock| own_count(clock, self.me));
        self.reserve.is_passed_by(count)
    }

    /// The clock as it stands, if the market keeps one.
    pub fn clock(&self) -> Option<&Stamp> {
        self.clock.as_ref()
    }

    /// Counts a new purchase: its stamp, if the market keeps a clock.
    pub fn ask(&mut self, id: RequestId) -> Option<Stamp> {
        let clock = self.clock.as_mut()?;
        match clock {
            Stamp::Lamport(clock) => {
                clock.tick();
            }
            Stamp::Vector(clock) => clock.tick(self.me),
        }
        self.unanswered.insert(id, clock.clone());
        Some(clock.clone())
    }

    /// The stamp of a purchase that is not answered.
    pub fn stamp(&self, id: RequestId) -> Option<&Stamp> {
        self.unanswered.get(&id)
    }

    /// A purchase was answered, or never will be.
    pub fn resolved(&mut self, id: RequestId) {
        self.unanswered.remove(&id);
    }

    /// Takes note of a purchase of which another one tells.
    pub fn witness(&mut self, stamp: &Stamp) {
        match (&mut self.clock, stamp) {
            (Some(Stamp::Lamport(clock)), Stamp::Lamport(other)) => {
                clock.witness(*other);
            }
            (Some(Stamp::Vector(clock)), Stamp::Vector(other)) => clock.merge(other),
            // Of another kind than this market keeps.
            _ => {}
        }
    }

    /// The lowest count that anything of this peer may still carry: a Lamport clock's, or its own
    /// count in a vector clock's.
    pub fn floor(&self) -> u64 {
        let own = |stamp: &Stamp| own_count(stamp, self.me);
        let lowest = self.unanswered.values().map(own).min();
        let next = || self.clock.as_ref().map_or(0, |clock| own(clock).saturating_add(1));
        lowest.unwrap_or_else(next)
    }
}

/// What a stamp of `node` counts of the node's own purchases, or of all if it is Lamport's.
pub(crate) fn own_count(stamp: &Stamp, node: NodeId) -> u64 {
    match stamp {
        Stamp::Lamport(clock) => clock.0,
        Stamp::Vector(clock) => clock.get(node),
    }
}

#[cfg(test)]
mod tests {
    use market::{ClientId, Party};

    use super::*;
    use crate::settings::Form;

    const ME: NodeId = NodeId(3);

    fn id(number: u64) -> RequestId {
        RequestId { client: ClientId { party: Party(3), life: 1 }, number }
    }

    fn lamport(count: u64) -> Stamp {
        Stamp::Lamport(LamportClock(count))
    }

    #[test]
    fn a_stamp_stays_and_the_floor_rises_with_answers() {
        let mut ordering = Ordering::new(ME, OrderPolicy::Lamport(Form::Eager));
        assert_eq!(ordering.floor(), 1);
        assert_eq!(ordering.ask(id(1)), Some(lamport(1)));
        ordering.witness(&lamport(7));
        assert_eq!(ordering.ask(id(2)), Some(lamport(9)));
        assert_eq!((ordering.stamp(id(1)), ordering.floor()), (Some(&lamport(1)), 1));
        ordering.resolved(id(1));
        assert_eq!(ordering.floor(), 9);
        ordering.resolved(id(2));
        assert_eq!((ordering.stamp(id(2)), ordering.floor()), (None, 10));
    }

    #[test]
    fn a_vector_clock_counts_purchases_of_each() {
        let mut ordering = Ordering::new(ME, OrderPolicy::Vector(Form::Stable));
        let mut other = VectorClock::new();
        other.tick(NodeId(5));
        ordering.witness(&Stamp::Vector(other));
        let stamp = ordering.ask(id(1)).unwrap();
        assert_eq!((stamp.to_string().as_str(), ordering.floor()), ("{3:1 5:1}", 1));
        // A life that has forgotten its purchases hears of them from others.
        let mut reborn = Ordering::new(ME, OrderPolicy::Vector(Form::Stable));
        reborn.witness(&stamp);
        assert_eq!(reborn.floor(), 2);
    }

    #[test]
    fn a_market_without_clocks_stamps_nothing() {
        let mut ordering = Ordering::new(ME, OrderPolicy::Arrival);
        assert_eq!(ordering.ask(id(1)), None);
        assert_eq!((ordering.clock(), ordering.floor()), (None, 0));
    }
}
