//! What every voter does for whoever leads: fences, adopts, accepts, durably.

use machine::{Context, Epoch, Journal, NodeId};

use super::message::{Message, Position, Record, Snapshot};
use super::{Content, Log, marks};

/// What a voter holds.
#[derive(Debug, Clone)]
pub(super) struct Acceptor<C> {
    /// All epochs below this one are refused.
    pub fenced: Epoch,
    pub position: Position,
    pub content: C,
    pub entries_since_snapshot: u64,
}

impl<C: Content> Acceptor<C> {
    pub fn new(founding: C) -> Self {
        Self {
            fenced: Epoch::ZERO,
            position: Position::default(),
            content: founding,
            entries_since_snapshot: 0,
        }
    }

    pub fn snapshot(&self) -> Snapshot<C> {
        let (fenced, position, content) = (self.fenced, self.position, self.content.clone());
        Snapshot { fenced, position, content }
    }

    pub fn restore(&mut self, snapshot: Snapshot<C>) {
        (self.fenced, self.position) = (snapshot.fenced, snapshot.position);
        self.content = snapshot.content;
    }

    pub fn replay(&mut self, record: Record<C::Entry>) {
        match record {
            Record::Fenced(epoch) => self.fenced = epoch,
            Record::Adopted(epoch) => self.position.epoch = epoch,
            Record::Entry(entry) => self.apply(&entry),
        }
    }

    fn apply(&mut self, entry: &C::Entry) {
        self.content.apply(entry);
        self.position.length += 1;
    }
}

impl<C: Content> Log<C> {
    pub(super) fn claim_asked(&mut self, from: NodeId, epoch: Epoch, cx: &mut Context<'_, Self>) {
        if self.fence(epoch, from, cx) {
            let position = self.acceptor.position;
            self.say(from, Message::Held { epoch, position }, cx);
        }
    }

    pub(super) fn begin_asked(
        &mut self,
        from: NodeId,
        epoch: Epoch,
        start: Position,
        cx: &mut Context<'_, Self>,
    ) {
        if !self.fence(epoch, from, cx) {
            return;
        }
        if self.acceptor.position == start {
            self.adopt(epoch, cx);
        }
        match self.acceptor.position.epoch == epoch {
            // It was silent, or is new: whatever it lacks is sent.
            true => self.say_accepted(true, cx),
            false => {
                cx.mark(marks::OTHER_END);
                self.fetch(from, epoch, cx);
            }
        }
    }

    /// What stands here is what the epoch's log continues.
    pub(super) fn adopt(&mut self, epoch: Epoch, cx: &mut Context<'_, Self>) {
        self.fetching = None;
        self.acceptor.position.epoch = epoch;
        cx.persist(Journal::Own, Record::Adopted(epoch));
    }

    pub(super) fn append_asked(
        &mut self,
        from: NodeId,
        epoch: Epoch,
        after: u64,
        entries: Vec<C::Entry>,
        cx: &mut Context<'_, Self>,
    ) {
        if !self.fence(epoch, from, cx) {
            return;
        }
        let Position { epoch: adopted, length } = self.acceptor.position;
        // What has not adopted the epoch is told to, by the leader's next `Begin`.
        if adopted != epoch || after > length {
            if adopted == epoch {
                self.say_accepted(true, cx);
            }
            return;
        }
        // It may have come before, or a part of it.
        let known = usize::try_from(length - after).unwrap_or(usize::MAX);
        if known > 0 {
            cx.mark(marks::ENTRIES_TWICE);
        }
        for entry in entries.into_iter().skip(known) {
            self.accept(entry, cx);
        }
        self.say_accepted(false, cx);
    }

    /// Takes the next entry, and writes it down.
    pub(super) fn accept(&mut self, entry: C::Entry, cx: &mut Context<'_, Self>) {
        self.acceptor.apply(&entry);
        self.acceptor.entries_since_snapshot += 1;
        cx.persist(Journal::Own, Record::Entry(entry));
        let since = self.acceptor.entries_since_snapshot;
        // Counting the parts costs something: only each so many entries.
        let every = self.settings.snapshot_every.max(1);
        if since.is_multiple_of(every) && since >= self.acceptor.content.parts() {
            self.write_snapshot(cx);
        }
    }

    pub(super) fn say_accepted(&mut self, lacks: bool, cx: &mut Context<'_, Self>) {
        let Position { epoch, length } = self.acceptor.position;
        self.say(epoch.node, Message::Accepted { epoch, length, lacks }, cx);
    }
}
