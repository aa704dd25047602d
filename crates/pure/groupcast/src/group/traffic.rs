//! All that travels in one view, at one member: its streams, their order, who holds what, and
//! what has to be sent. A value that knows nothing of how views change.
//!
//! Inputs only change it; [`Traffic::pump`] draws the conclusions, once for all that came together:
//! it packs what waits, delivers, and makes frames. So everything that a member has to say to
//! another one travels in one frame: packs, acknowledgements, what is stable, its clock.
//!
//! ```text
//!   sender          packs to all
//!   coordinator     runs (its order) and what is stable, to all
//!   other members   what they hold: with their packs, else to the coordinator alone, at once
//!                   if somebody may wait for it and else when there is much of it
//! ```

mod ending;
mod frames;
mod repair;
mod sending;

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;

use super::held::Held;
use super::message::{Frame, Pack, Stable};
use super::order::{Delivered, Ordering};
use super::pack::Packing;
use super::settings::{Delivery, Limits, Order, Settings};
use super::stream::{Added, Stream};
use super::view::{View, ViewId};

pub(super) use frames::To;

/// Up to how many members each works out by itself what a majority holds. In larger groups the
/// coordinator tells them.
const COUNTING_MEMBERS_MAX: usize = 7;
/// When this part of the window has come since the last acknowledgement, another is due.
const WINDOW_PART: u64 = 8;

#[derive(Debug, Clone)]
pub(super) struct Traffic {
    view: ViewId,
    members: usize,
    me: usize,
    coordinator: usize,
    order: Order,
    delivery: Delivery,
    limits: Limits,
    /// One a member, and behind them the coordinator's order.
    streams: Vec<Stream>,
    ordering: Ordering,
    held: Held,
    /// Messages that have not been packed: the window is full, or this turn's.
    waiting: VecDeque<Bytes>,
    waiting_bytes: usize,
    packing: Packing,
    /// Own packs that have not been sent, and at the coordinator others' that it is to send on.
    fresh: Vec<Pack>,
    /// The highest Lamport time made or heard of, and the one that all others were told.
    clock: u64,
    clock_told: u64,
    /// What the coordinator was told of what this member holds, and the bytes that came since.
    told: Vec<u64>,
    untold_bytes: usize,
    /// At the coordinator: what all were told.
    announced: Stable,
    /// How many items each member says that it has made.
    sent_by: Vec<u64>,
    /// What was held of each stream when the last repair looked, and how often it was asked for.
    repairs: Vec<(u64, usize)>,
    /// How often in a row a repair found something to do.
    repairs_in_a_row: u32,
    /// Who waits for a frame, and of which streams it lacks what comes after which number.
    askers: BTreeSet<usize>,
    wanted: Vec<(usize, u16, u64)>,
    /// Whether this member delivers: not before it has the application's state.
    pub(super) delivers: bool,
    /// Whether a promise keeps it from taking more.
    is_frozen: bool,
    #[cfg(feature = "planted")]
    planted: Option<super::Planted>,
}

/// What follows from what came.
#[derive(Debug, Default)]
pub(super) struct Pumped {
    pub delivered: Vec<Delivered>,
    pub frames: Vec<(To, Frame)>,
}

impl Traffic {
    /// The traffic of a view that begins. `me` and the coordinator are members of it.
    pub fn new(view: &View, settings: &Settings, delivers: bool) -> Option<Self> {
        let (me, coordinator) = (view.position(settings.me)?, view.position(view.coordinator)?);
        let members = view.members.len();
        let streams = members + usize::from(settings.order == Order::Sequencer);
        Some(Self {
            view: view.id,
            members,
            me,
            coordinator,
            order: settings.order,
            delivery: settings.delivery,
            limits: settings.limits.clone(),
            streams: vec![Stream::default(); streams],
            ordering: Ordering::new(settings.order, members, me),
            held: Held::new(members, streams, me),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            packing: Packing::default(),
            fresh: Vec::new(),
            clock: 0,
            clock_told: 0,
            told: vec![0; streams],
            untold_bytes: 0,
            announced: Stable { by_majority: vec![0; streams], by_all: vec![0; streams] },
            sent_by: vec![0; members],
            repairs: vec![(0, 0); streams],
            repairs_in_a_row: 0,
            askers: BTreeSet::new(),
            wanted: Vec::new(),
            delivers,
            is_frozen: false,
            #[cfg(feature = "planted")]
            planted: settings.planted,
        })
    }

    /// Whether a message may wait here.
    pub fn has_room(&self, message_bytes: usize) -> bool {
        self.waiting.len() < self.limits.waiting_messages
            && self.waiting_bytes.saturating_add(message_bytes) <= self.limits.waiting_bytes
            || self.waiting.is_empty()
    }

    /// Takes a message of this member.
    pub fn send(&mut self, message: Bytes) {
        self.waiting_bytes += message.len();
        self.waiting.push_back(message);
    }

    /// Of each stream, how many items this member holds.
    pub fn held(&self) -> Vec<u64> {
        self.streams.iter().map(Stream::received).collect()
    }

    /// How many items of members were received and not delivered.
    pub fn held_back(&self) -> u64 {
        let streams = self.streams[..self.members].iter();
        streams.map(|stream| stream.received() - stream.delivered()).sum()
    }

    /// Whether all of this member's messages have been delivered here.
    pub fn is_settled(&self) -> bool {
        let mine = &self.streams[self.me];
        self.is_packed() && mine.settled() == mine.received()
    }

    /// Whether all of this member's messages are in its stream: the end of the view delivers them.
    pub fn is_packed(&self) -> bool {
        self.waiting.is_empty() && self.packing.is_empty()
    }

    /// Takes nothing more from now on: an epoch was promised.
    pub fn freeze(&mut self) {
        self.is_frozen = true;
    }

    /// Takes what the member at position `from` says. A frame that makes no sense in this view
    /// changes nothing.
    pub fn receive(&mut self, from: usize, frame: Frame) {
        let streams = self.streams.len();
        let fits = |numbers: &[u64]| numbers.len() == streams;
        let stable_fits =
            frame.stable.as_ref().is_none_or(|told| fits(&told.by_majority) && fits(&told.by_all));
        if self.is_frozen || !fits(&frame.held) || !stable_fits {
            return;
        }
        self.take(frame.packs, frame.relay && self.me == self.coordinator);
        self.sent_by[from] = self.sent_by[from].max(frame.sent);
        if let Ordering::Lamport(lamport) = &mut self.ordering
            && self.streams[from].received() >= frame.sent
        {
            lamport.heard(from, frame.clock);
            self.clock = self.clock.max(frame.clock);
        }
        self.held.said(from, &frame.held);
        if let Some(stable) = frame.stable {
            self.held.announced(&stable.by_majority, &stable.by_all);
        }
        for stream in frame.wants {
            if let Some(&from_item) = frame.held.get(usize::from(stream)) {
                self.wanted.push((from, stream, from_item));
            }
        }
        if frame.asks {
            self.askers.insert(from);
        }
    }

    /// Takes packs, of whichever stream; those that are new are sent on if they are to be.
    pub fn take(&mut self, packs: Vec<Pack>, relay: bool) {
        for mut pack in packs {
            let Some(stream) = self.streams.get_mut(usize::from(pack.stream)) else { continue };
            let is_full = stream.kept_bytes() > self.limits.held_bytes;
            let fits = pack.after.is_empty() || pack.after.len() == self.members;
            if is_full || !fits || !pack.inspect() {
                continue;
            }
            let (bytes, last) = (pack.body.len(), pack.clock.saturating_add(pack.count.into()));
            #[cfg(feature = "planted")]
            if self.planted == Some(super::Planted::CausesIgnored) {
                pack.after.clear();
            }
            // Cheap: a pack shares its bytes.
            let copy = relay.then(|| pack.clone());
            if stream.add(pack) != Added::Dropped {
                self.fresh.extend(copy);
                self.untold_bytes += bytes;
                self.clock = self.clock.max(last.saturating_sub(1));
            }
        }
    }

    /// Draws the conclusions of what came since the last time.
    pub fn pump(&mut self, has_state: bool) -> Pumped {
        let mut pumped = Pumped::default();
        if self.is_frozen {
            return pumped;
        }
        self.pack_waiting();
        if self.me == self.coordinator {
            self.place();
        }
        self.count();
        self.deliver(&mut pumped.delivered);
        self.make_frames(has_state, &mut pumped.frames);
        pumped
    }

    /// Works out what is held by a majority and by all, and drops what nobody needs any more.
    fn count(&mut self) {
        let held = self.held();
        self.held.said(self.me, &held);
        if self.counts_by_itself() || self.me == self.coordinator {
            self.held.count();
        }
        for (stream, &by_all) in self.streams.iter_mut().zip(self.held.by_all()) {
            stream.release(by_all);
        }
    }

    fn counts_by_itself(&self) -> bool {
        self.members <= COUNTING_MEMBERS_MAX || self.order == Order::Lamport
    }

    fn deliver(&mut self, delivered: &mut Vec<Delivered>) {
        if let Ordering::Lamport(lamport) = &mut self.ordering {
            #[cfg(feature = "planted")]
            if self.planted == Some(super::Planted::ClockIgnored) {
                lamport.heard(0, u64::MAX);
            }
            lamport.tick(self.clock);
        }
        if !self.delivers {
            return;
        }
        let received = self.streams.iter().map(Stream::received);
        #[cfg(feature = "planted")]
        if self.planted == Some(super::Planted::SafeOnReceipt) {
            self.delivery = Delivery::Agreed;
        }
        let limits: Vec<u64> = match self.delivery {
            Delivery::Agreed => received.collect(),
            Delivery::Safe => {
                received.zip(self.held.by_majority()).map(|(mine, &held)| mine.min(held)).collect()
            }
        };
        self.ordering.deliver(&mut self.streams, &limits, delivered);
        for (stream, &by_all) in self.streams.iter_mut().zip(self.held.by_all()) {
            stream.release(by_all);
        }
    }
}
