//! One member's messages in one view, as one member holds them: received without a gap, kept until
//! all hold them, delivered in order.
//!
//! Items are numbered from 0 in each view. The three marks only rise:
//!
//! ```text
//!   0 ──── released ──── delivered ──── received ──── (ahead: received behind a gap)
//!           dropped      kept for others and for the flush
//! ```

use std::collections::{BTreeMap, VecDeque};

use bytes::{Bytes, BytesMut};

use super::message::Pack;
use super::pack::{ITEM_HEADER_BYTES, Items, Messages};
use super::settings::MESSAGE_BYTES_MAX;

/// How many packs may wait behind a gap; beyond it they are dropped, to be asked for again.
const AHEAD_MAX: usize = 1024;

/// What became of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Added {
    /// It is the next one.
    Next,
    /// It waits behind a gap.
    Ahead,
    /// It was there already, there is no room for it, or it is not one.
    Dropped,
}

/// Where delivery stands: in which of the packs kept, at which of its items, at which byte.
#[derive(Debug, Clone, Copy, Default)]
struct Cursor {
    pack: usize,
    item: u32,
    at: usize,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Stream {
    kept: VecDeque<Pack>,
    kept_bytes: usize,
    received: u64,
    delivered: u64,
    ahead: BTreeMap<u64, Pack>,
    cursor: Cursor,
    /// The fragments of a message whose end has not been delivered, and how many items they are.
    fragments: BytesMut,
    fragment_items: u64,
}

impl Stream {
    /// Items received without a gap.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Items delivered.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Items delivered whose messages are whole: what comes after was delivered to nobody.
    pub fn settled(&self) -> u64 {
        self.delivered - self.fragment_items
    }

    /// Bytes kept.
    pub fn kept_bytes(&self) -> usize {
        self.kept_bytes
    }

    /// Whether something waits behind a gap.
    pub fn has_gap(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// Takes a pack. Packs are never cut anew, so one either is the next, or comes later, or was
    /// there.
    pub fn add(&mut self, pack: Pack) -> Added {
        if pack.first > self.received {
            if self.ahead.len() >= AHEAD_MAX || self.ahead.contains_key(&pack.first) {
                return Added::Dropped;
            }
            self.ahead.insert(pack.first, pack);
            return Added::Ahead;
        }
        if pack.first < self.received {
            return Added::Dropped;
        }
        self.keep(pack);
        while let Some(next) = self.ahead.remove(&self.received) {
            self.keep(next);
        }
        // What was not cut where its sender cut it can never become the next.
        self.ahead = self.ahead.split_off(&self.received);
        Added::Next
    }

    fn keep(&mut self, pack: Pack) {
        self.received = self.received.saturating_add(u64::from(pack.count));
        self.kept_bytes += pack.body.len();
        self.kept.push_back(pack);
    }

    /// The pack of the next item to deliver, and the item's place in it.
    pub fn head(&self) -> Option<(&Pack, u32)> {
        self.kept.get(self.cursor.pack).map(|pack| (pack, self.cursor.item))
    }

    /// Delivers up to `most` items of the next pack; how many that were.
    pub fn deliver(&mut self, most: u64, mut out: impl FnMut(Messages)) -> u64 {
        let Some(pack) = self.kept.get(self.cursor.pack) else { return 0 };
        let left = pack.count - self.cursor.item;
        let take = u32::try_from(most).unwrap_or(u32::MAX).min(left);
        if take == 0 {
            return 0;
        }
        let rest = &pack.body[self.cursor.at..];
        let is_whole = !pack.has_fragments && self.fragment_items == 0;
        let used = if take == left { rest.len() } else { length_of(rest, take) };
        let run = pack.body.slice(self.cursor.at..self.cursor.at + used);
        if take == left {
            self.cursor = Cursor { pack: self.cursor.pack + 1, item: 0, at: 0 };
        } else {
            self.cursor.item += take;
            self.cursor.at += used;
        }
        self.delivered += u64::from(take);
        if is_whole {
            out(Messages::new(run, take));
        } else {
            self.assemble(&run, out);
        }
        u64::from(take)
    }

    fn assemble(&mut self, run: &Bytes, mut out: impl FnMut(Messages)) {
        for (item, continues) in Items(run) {
            if !continues && self.fragment_items == 0 {
                out(Messages::one(run.slice_ref(item)));
                continue;
            }
            // No honest sender makes a message longer; what a false one made is cut at all members.
            let room = MESSAGE_BYTES_MAX.saturating_sub(self.fragments.len());
            self.fragments.extend_from_slice(&item[..item.len().min(room)]);
            self.fragment_items += 1;
            if !continues {
                self.fragment_items = 0;
                out(Messages::one(self.fragments.split().freeze()));
            }
        }
    }

    /// Drops what is delivered and held by all: items below `held_by_all`.
    pub fn release(&mut self, held_by_all: u64) {
        while self.cursor.pack > 0
            && let Some(first) = self.kept.front()
            && first.end() <= held_by_all
        {
            self.kept_bytes -= first.body.len();
            self.kept.pop_front();
            self.cursor.pack -= 1;
        }
    }

    /// The packs from item `from` on that are kept, up to about `most_bytes`.
    pub fn packs_from(&self, from: u64, most_bytes: usize) -> Vec<Pack> {
        let mut bytes = 0;
        let start = self.kept.partition_point(|pack| pack.end() <= from);
        let fits = |pack: &&Pack| {
            let fits = bytes < most_bytes;
            bytes += pack.body.len();
            fits
        };
        self.kept.range(start..).take_while(fits).cloned().collect()
    }

    /// The whole messages that were not delivered, in order.
    pub fn undelivered(&self) -> Vec<Bytes> {
        let (mut whole, mut begun) = (Vec::new(), self.fragments.clone());
        let mut is_begun = self.fragment_items > 0;
        for (index, pack) in self.kept.iter().enumerate().skip(self.cursor.pack) {
            let at = if index == self.cursor.pack { self.cursor.at } else { 0 };
            for (item, continues) in Items(&pack.body[at..]) {
                if !continues && !is_begun {
                    whole.push(pack.body.slice_ref(item));
                    continue;
                }
                begun.extend_from_slice(item);
                is_begun = continues;
                if !continues {
                    whole.push(begun.split().freeze());
                }
            }
        }
        whole
    }
}

/// How many bytes the first `count` items take.
fn length_of(body: &[u8], count: u32) -> usize {
    let items = Items(body).take(count as usize);
    items.map(|(item, _)| ITEM_HEADER_BYTES + item.len()).sum()
}
