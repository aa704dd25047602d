//! Total order by a sequencer: the view's coordinator.
//!
//! ```text
//!   each member sends its packs to all
//!   the coordinator sends, in a stream of its own, runs: "then so many items of that sender"
//!
//!   held back ── its run is there, and all before it is delivered ──▶ delivered
//! ```
//!
//! **Promise.** All members deliver in the order of the runs. It holds because the runs are one
//! stream with one writer in a view, received without gaps, and a view has one coordinator.
//!
//! When the coordinator dies, the view change brings the runs over like any other stream. Items
//! before the cut that have no run follow behind the last run, by sender: every member has the
//! same ones. A run whose items died with their sender is passed over by all.

use std::collections::VecDeque;

use super::{Delivered, take};
use crate::group::pack::Messages;
use crate::group::stream::Stream;

/// A run on the wire: the sender's position and the number of items.
const RUN_BYTES: usize = 6;

pub(in crate::group) fn run_to_bytes(sender: usize, count: u32) -> [u8; RUN_BYTES] {
    let mut bytes = [0; RUN_BYTES];
    bytes[..2].copy_from_slice(&(sender as u16).to_le_bytes());
    bytes[2..].copy_from_slice(&count.to_le_bytes());
    bytes
}

fn run_from_bytes(bytes: &[u8]) -> Option<(usize, u64)> {
    let (sender, count) = bytes.split_first_chunk::<2>()?;
    let count = u32::from_le_bytes(count.try_into().ok()?);
    Some((u16::from_le_bytes(*sender).into(), count.into()))
}

#[derive(Debug, Clone)]
pub(in crate::group) struct Sequencer {
    members: usize,
    /// Runs whose items are not all delivered.
    runs: VecDeque<(usize, u64)>,
    /// At the coordinator: up to where each stream has been given its place.
    ordered: Vec<u64>,
}

impl Sequencer {
    pub fn new(members: usize) -> Self {
        Self { members, runs: VecDeque::new(), ordered: vec![0; members] }
    }

    /// At the coordinator: what has come of this stream since its last run.
    pub fn place(&mut self, sender: usize, received: u64) -> u32 {
        let new = received.saturating_sub(self.ordered[sender]);
        let count = u32::try_from(new).unwrap_or(u32::MAX);
        self.ordered[sender] += u64::from(count);
        count
    }

    pub fn deliver(&mut self, streams: &mut [Stream], limits: &[u64], out: &mut Vec<Delivered>) {
        self.read_runs(streams, limits);
        while let Some((sender, left)) = self.runs.front_mut() {
            *left -= take(streams, *sender, limits[*sender], *left, out);
            if *left > 0 {
                return;
            }
            self.runs.pop_front();
        }
    }

    fn read_runs(&mut self, streams: &mut [Stream], limits: &[u64]) {
        let order = &mut streams[self.members];
        let (runs, members) = (&mut self.runs, self.members);
        let read = |messages: Messages| {
            let found = messages.iter().filter_map(run_from_bytes);
            runs.extend(found.filter(|&(sender, count)| sender < members && count > 0));
        };
        let mut read = read;
        while order.deliver(limits[members].saturating_sub(order.delivered()), &mut read) > 0 {}
    }

    pub fn finish(&mut self, streams: &mut [Stream], cut: &[u64], out: &mut Vec<Delivered>) {
        self.read_runs(streams, cut);
        while let Some((sender, left)) = self.runs.pop_front() {
            take(streams, sender, cut[sender], left, out);
        }
        for (sender, &limit) in cut[..self.members].iter().enumerate() {
            take(streams, sender, limit, u64::MAX, out);
        }
    }
}
