//! Total order by Lamport's time stamps.
//!
//! ```text
//!   each item has a time: higher than all that its sender had made or heard of
//!   Frame {clock}   "no later item of mine has a time up to this", from everybody to everybody
//!
//!   held back ── every other member's next item must be later ──▶ delivered
//! ```
//!
//! **Promise.** All members deliver in the order of (time, sender's position). It holds because an
//! item is delivered only when no member can still come with a smaller one: of each stream either
//! the next item is there, and later, or its clock says that it will be (Lamport 1978: the total
//! order of requests, with an acknowledgement from all).
//!
//! The price: a silent member holds up everybody, until it speaks or the next view is without it
//! (SAFETY S7).

use super::{Delivered, take};
use crate::group::stream::Stream;

#[derive(Debug, Clone)]
pub(in crate::group) struct Lamport {
    /// Of each member: no later item has a time up to this.
    clocks: Vec<u64>,
    me: usize,
    /// The view ends: what lies behind the cut is as good as not there.
    is_ending: bool,
}

impl Lamport {
    pub fn new(members: usize, me: usize) -> Self {
        Self { clocks: vec![0; members], me, is_ending: false }
    }

    /// A member's clock, all of whose items up to then have been received.
    pub fn heard(&mut self, member: usize, clock: u64) {
        self.clocks[member] = self.clocks[member].max(clock);
    }

    /// This member's own: what it sends from now on is later.
    pub fn tick(&mut self, clock: u64) {
        self.heard(self.me, clock);
    }

    /// The lowest time that the member's next item may have, and whether it is there.
    fn next(&self, streams: &[Stream], limits: &[u64], member: usize) -> (u64, bool) {
        let stream = &streams[member];
        let is_cut = self.is_ending && stream.delivered() >= limits[member];
        match stream.head().filter(|_| !is_cut) {
            Some((pack, item)) => (pack.clock.saturating_add(u64::from(item)), true),
            None => (self.clocks[member].saturating_add(1), false),
        }
    }

    pub fn deliver(&self, streams: &mut [Stream], limits: &[u64], out: &mut Vec<Delivered>) {
        loop {
            let (mut first, mut second) = ((u64::MAX, usize::MAX, false), (u64::MAX, usize::MAX));
            for member in 0..self.clocks.len() {
                let (time, is_there) = self.next(streams, limits, member);
                if (time, member) < (first.0, first.1) {
                    second = (first.0, first.1);
                    first = (time, member, is_there);
                } else if (time, member) < second {
                    second = (time, member);
                }
            }
            let (time, sender, is_there) = first;
            if !is_there {
                return;
            }
            // All items of the sender that are before anybody else's next one. There is one at
            // least: of two at the same time, the lower position comes first.
            let lead = second.0.saturating_sub(time).saturating_add(u64::from(sender < second.1));
            if take(streams, sender, limits[sender], lead.min(in_pack(&streams[sender])), out) == 0
            {
                return;
            }
        }
    }

    /// Nothing more comes: what is there is in order.
    pub fn finish(&mut self, streams: &mut [Stream], cut: &[u64], out: &mut Vec<Delivered>) {
        self.clocks.fill(u64::MAX);
        self.is_ending = true;
        self.deliver(streams, cut, out);
    }
}

/// How many items of the next pack are left: their times are consecutive.
fn in_pack(stream: &Stream) -> u64 {
    stream.head().map_or(0, |(pack, item)| u64::from(pack.count - item))
}
