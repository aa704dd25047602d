//! What is lost on the way: found by looking again after a while, and asked for.
//!
//! A member that is behind asks the writer of a stream first, then whoever else holds what it
//! lacks. So a broken link between two members holds up nobody for long while a third one sees
//! both.

use std::collections::BTreeMap;

use super::{To, Traffic};
use crate::group::message::{Frame, Pack};
use crate::group::settings::Order;

impl Traffic {
    /// Whether something is under way of which not everybody is known to hold all, so that a look
    /// is due after a while.
    pub fn is_busy(&self) -> bool {
        if self.is_frozen || self.members == 1 {
            return false;
        }
        let streams = self.streams.iter().enumerate();
        let mut unfinished = streams.map(|(number, stream)| {
            stream.received() > self.held.by_all()[number]
                || self.known(number) > stream.received()
                || self.delivers && stream.delivered() < stream.received()
        });
        unfinished.any(|is| is) || !self.waiting.is_empty()
    }

    /// How many items of a stream there are, as far as this member knows.
    fn known(&self, stream: usize) -> u64 {
        let said = self.sent_by.get(stream).copied().unwrap_or_default();
        said.max(self.held.most(stream))
    }

    /// The frames that are due when nothing has moved for a repair period.
    pub fn repair(&mut self, has_state: bool) -> Vec<(To, Frame)> {
        if !self.is_busy() {
            self.repairs_in_a_row = 0;
            return Vec::new();
        }
        self.repairs_in_a_row = self.repairs_in_a_row.saturating_add(1);
        // The first time it is enough to say what is held: mostly nothing is lost.
        let asks = self.repairs_in_a_row > 1;
        let mut wants: BTreeMap<usize, Vec<u16>> = BTreeMap::new();
        for stream in 0..self.streams.len() {
            if let Some(member) = self.whom_to_ask(stream) {
                wants.entry(member).or_default().push(stream as u16);
            }
        }
        let mut frames = Vec::new();
        for (member, wants) in wants {
            let frame = Frame { wants, ..self.frame(Vec::new(), has_state) };
            frames.push((To::One(member), frame));
        }
        let status = Frame { asks, ..self.frame(Vec::new(), has_state) };
        // In Lamport's order anybody's clock may be what is waited for.
        let is_for_all = self.me == self.coordinator || self.order == Order::Lamport;
        frames.push((if is_for_all { To::Others } else { To::One(self.coordinator) }, status));
        self.note_told();
        frames
    }

    /// Whom to ask for what is missing of a stream, if it was missing a repair period ago already.
    fn whom_to_ask(&mut self, stream: usize) -> Option<usize> {
        let received = self.streams[stream].received();
        let (before, times) = self.repairs[stream];
        let is_behind = self.known(stream) > received;
        let is_stuck = is_behind && before == received && times > 0;
        let has_gap = self.streams[stream].has_gap();
        self.repairs[stream] = (received, if is_behind { times + 1 } else { 0 });
        if !is_stuck && !has_gap {
            return None;
        }
        let writer = if stream < self.members { stream } else { self.coordinator };
        if times <= 1 && writer != self.me {
            return Some(writer);
        }
        self.held.holder(stream, received, times)
    }

    /// Packs that another member lacks at the end of a view, a frame's worth at a time.
    pub fn supply(&self, missing: &[(u16, u64)]) -> Vec<Vec<Pack>> {
        let packs_of = |&(stream, from): &(u16, u64)| {
            let stream = self.streams.get(usize::from(stream))?;
            let packs = stream.packs_from(from, self.limits.frame_bytes);
            (!packs.is_empty()).then_some(packs)
        };
        missing.iter().filter_map(packs_of).collect()
    }
}
