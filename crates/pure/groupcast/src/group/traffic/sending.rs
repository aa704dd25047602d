//! From messages that wait to packs in streams.

use bytes::Bytes;

use super::Traffic;
use crate::group::message::Pack;
use crate::group::order::{Ordering, run_to_bytes};
use crate::group::pack::Packing;
use crate::group::settings::Order;
use crate::group::stream::Stream;

impl Traffic {
    /// Packs what waits, as far as the window is open. A member that does not deliver yet keeps
    /// its messages: if the view ended first, it could not tell which of them were delivered.
    pub(super) fn pack_waiting(&mut self) {
        while self.delivers
            && self.has_window()
            && let Some(message) = self.waiting.pop_front()
        {
            self.waiting_bytes -= message.len();
            let mut rest = &message[..];
            while rest.len() > self.limits.fragment_bytes {
                let (fragment, more) = rest.split_at(self.limits.fragment_bytes);
                self.pack(fragment, true);
                rest = more;
            }
            self.pack(rest, false);
        }
        self.seal();
    }

    pub(super) fn has_window(&self) -> bool {
        let mine = &self.streams[self.me];
        let items = mine.received() - self.held.by_all()[self.me].min(mine.received());
        items + u64::from(self.packing.count()) < self.limits.window_items
            && mine.kept_bytes() + self.packing.size_bytes() < self.limits.window_bytes
    }

    pub(super) fn pack(&mut self, item: &[u8], continues: bool) {
        let packed = self.packing.size_bytes();
        if packed > 0 && packed + item.len() > self.limits.pack_bytes {
            self.seal();
        }
        self.packing.push(item, continues);
    }

    /// Closes the pack that is being filled: its items get their numbers.
    pub(super) fn seal(&mut self) {
        if self.packing.is_empty() {
            return;
        }
        let (body, count, _) = self.packing.take();
        let after = match self.order {
            Order::Causal => self.streams.iter().map(Stream::delivered).collect(),
            _ => Vec::new(),
        };
        self.own(self.me, body, count, after);
    }

    /// Adds a pack to a stream that this member writes.
    pub(super) fn own(&mut self, stream: usize, body: Bytes, count: u32, after: Vec<u64>) {
        let first = self.streams[stream].received();
        let clock = self.clock.saturating_add(1);
        self.clock = self.clock.saturating_add(u64::from(count));
        let stream_number = stream as u16;
        let mut pack =
            Pack { stream: stream_number, first, count, clock, after, body, has_fragments: false };
        pack.inspect();
        self.streams[stream].add(pack.clone());
        if self.members > 1 {
            self.fresh.push(pack);
        }
    }

    /// Gives what has come its place in the order.
    pub(super) fn place(&mut self) {
        let Ordering::Sequencer(sequencer) = &mut self.ordering else { return };
        let mut runs = Packing::default();
        for (sender, stream) in self.streams[..self.members].iter().enumerate() {
            let count = sequencer.place(sender, stream.received());
            if count > 0 {
                runs.push(&run_to_bytes(sender, count), false);
            }
        }
        if !runs.is_empty() {
            let (body, count, _) = runs.take();
            self.own(self.members, body, count, Vec::new());
        }
    }
}
