//! Which frames are due, and what is in them.

use super::{COUNTING_MEMBERS_MAX, Traffic, WINDOW_PART};
use crate::group::message::{Frame, Pack, Stable};
use crate::group::settings::{Delivery, Order};
use crate::group::stream::Stream;

/// Up to how much a turn sends by way of the coordinator.
const RELAY_BYTES_MAX: usize = 2048;

/// To whom a frame goes, by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::group) enum To {
    Others,
    One(usize),
}

impl Traffic {
    pub(super) fn make_frames(&mut self, has_state: bool, frames: &mut Vec<(To, Frame)>) {
        if self.members == 1 {
            return;
        }
        let fresh = std::mem::take(&mut self.fresh);
        let news = self.is_coordinator() && self.has_news();
        let is_lamport = self.order == Order::Lamport;
        if self.may_be_relayed(&fresh) {
            let frame = Frame { relay: true, ..self.frame(fresh, has_state) };
            frames.push((To::One(self.coordinator), frame));
            self.note_told();
        } else if !fresh.is_empty() || news || is_lamport && self.owes_clock() {
            self.send_to_others(fresh, has_state, frames);
        } else if (is_lamport || !self.is_coordinator()) && self.owes_acknowledgement() {
            match is_lamport {
                true => self.send_to_others(fresh, has_state, frames),
                false => {
                    frames.push((To::One(self.coordinator), self.frame(Vec::new(), has_state)));
                    self.note_told();
                }
            }
        }
        self.answer(has_state, frames);
    }

    /// Whether the packs are better sent on by the coordinator, which speaks to all anyway to give
    /// them their places: for little that is a message and a wake-up less for each further member,
    /// for much it would be a burden on one (Kaashoek and Tanenbaum 1991: the methods PB and BB).
    fn may_be_relayed(&self, fresh: &[Pack]) -> bool {
        self.order == Order::Sequencer
            && !self.is_coordinator()
            && self.members > 2
            && !fresh.is_empty()
            && fresh.iter().map(|pack| pack.body.len()).sum::<usize>() <= RELAY_BYTES_MAX
    }

    fn is_coordinator(&self) -> bool {
        self.me == self.coordinator
    }

    /// A frame with nothing but what is always said.
    pub(in crate::group) fn frame(&self, packs: Vec<Pack>, has_state: bool) -> Frame {
        let stable = self.is_coordinator().then(|| Stable {
            by_majority: self.held.by_majority().to_vec(),
            by_all: self.held.by_all().to_vec(),
        });
        Frame {
            view: self.view,
            packs,
            sent: self.streams[self.me].received(),
            clock: self.clock,
            held: self.streams.iter().map(Stream::received).collect(),
            stable,
            has_state,
            relay: false,
            asks: false,
            wants: Vec::new(),
        }
    }

    /// Frames to all others, as many as the packs need.
    pub(super) fn send_to_others(
        &mut self,
        fresh: Vec<Pack>,
        has_state: bool,
        frames: &mut Vec<(To, Frame)>,
    ) {
        let (mut packs, mut bytes, mut rest) = (Vec::new(), 0, fresh.into_iter().peekable());
        while let Some(pack) = rest.next() {
            bytes += pack.body.len();
            packs.push(pack);
            if rest.peek().is_some_and(|next| bytes + next.body.len() > self.limits.frame_bytes) {
                // Only the last frame may say how much was made in all: whoever has all frames up
                // to one has all that it speaks of.
                let mut frame = self.frame(std::mem::take(&mut packs), has_state);
                frame.sent = 0;
                frame.clock = 0;
                frames.push((To::Others, frame));
                bytes = 0;
            }
        }
        frames.push((To::Others, self.frame(packs, has_state)));
        self.note_told();
        self.clock_told = self.clock;
        self.announced.by_majority.copy_from_slice(self.held.by_majority());
        self.announced.by_all.copy_from_slice(self.held.by_all());
    }

    pub(super) fn note_told(&mut self) {
        self.told = self.held();
        self.untold_bytes = 0;
    }

    /// At the coordinator: whether others wait for what it knows to be stable.
    fn has_news(&self) -> bool {
        let part = self.limits.window_items / WINDOW_PART;
        let by_all = self.held.by_all().iter().zip(&self.announced.by_all);
        let mut windows = by_all.map(|(now, told)| now.saturating_sub(*told));
        let majority = self.held.by_majority() != self.announced.by_majority;
        let are_told = match self.order {
            Order::Fifo | Order::Causal => true,
            // With three, whoever holds an item and its place knows of a second one that does.
            Order::Sequencer => self.members > 3,
            // Everybody tells everybody.
            Order::Lamport => false,
        };
        self.delivery == Delivery::Safe && majority && are_told
            || windows.any(|new| new > part.max(1))
    }

    /// In Lamport's order everybody waits for everybody's clock.
    fn owes_clock(&self) -> bool {
        self.clock > self.clock_told
    }

    /// Whether the coordinator may wait for what this member holds, or is owed it by its amount.
    fn owes_acknowledgement(&self) -> bool {
        let held = self.held();
        let new: u64 = held.iter().zip(&self.told).map(|(now, told)| now - told).sum();
        if new == 0 {
            return false;
        }
        let (part, bytes) =
            (self.limits.window_items / WINDOW_PART, self.limits.window_bytes as u64 / WINDOW_PART);
        if new > part || self.untold_bytes as u64 > bytes {
            return true;
        }
        // With three, one answer is enough: that of the first that is not the coordinator.
        let is_needed = self.members != 3
            || self.order == Order::Lamport
            || self.me == usize::from(self.coordinator == 0);
        self.delivery == Delivery::Safe
            && is_needed
            && (self.members > COUNTING_MEMBERS_MAX
                || held.iter().zip(&self.told).enumerate().any(|(stream, (&now, &told))| {
                    now > told && now > self.held.majority_if_told(stream, told)
                }))
    }

    /// Gives what was asked for.
    fn answer(&mut self, has_state: bool, frames: &mut Vec<(To, Frame)>) {
        for (member, stream, from) in std::mem::take(&mut self.wanted) {
            self.askers.remove(&member);
            let packs = self.streams[usize::from(stream)].packs_from(from, self.limits.frame_bytes);
            frames.push((To::One(member), self.frame(packs, has_state)));
        }
        for member in std::mem::take(&mut self.askers) {
            frames.push((To::One(member), self.frame(Vec::new(), has_state)));
        }
    }
}
