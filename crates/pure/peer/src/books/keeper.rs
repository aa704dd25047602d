//! What every peer does for whoever trades: promises, hands its book over, and writes down.

use bytes::Bytes;
use machine::{Context, Epoch, Journal, NodeId};

use super::Books;
use super::message::{Item, Message, Part, Record, Settled};

/// The own book, written out once for all who ask for parts of it.
#[derive(Debug, Clone)]
pub(super) struct Written {
    writing: u64,
    bytes: Bytes,
}

impl Books {
    /// Promises an epoch; false if a higher one is promised already.
    fn promise(&mut self, epoch: Epoch, from: NodeId, cx: &mut Context<'_, Self>) -> bool {
        if epoch < self.book.promised {
            self.say(from, Message::Superseded(self.book.promised), cx);
            return false;
        }
        if epoch > self.book.promised {
            self.write(Record::Promised(epoch), cx);
            self.written = None;
            self.superseded(epoch, cx);
        }
        true
    }

    fn write(&mut self, record: Record, cx: &mut Context<'_, Self>) {
        self.book.replay(self.party, record.clone());
        self.records += 1;
        cx.persist(Journal::Own, record);
    }

    /// A trader asks for the book. What it says it says behind the promise: nothing of a lower
    /// epoch is taken from then on, so the book stands still until the trader goes on with it.
    pub(super) fn register_asked(
        &mut self,
        from: NodeId,
        epoch: Epoch,
        offset: u64,
        cx: &mut Context<'_, Self>,
    ) {
        // It goes on with the book already: this is a late copy.
        if !self.promise(epoch, from, cx) || self.book.position > 0 {
            return;
        }
        let Written { writing, bytes } = self.written.get_or_insert_with(|| Written {
            writing: cx.random.next_u64(),
            bytes: Bytes::from(self.book.to_bytes()),
        });
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let end = bytes.len().min(start.saturating_add(self.settings.part_bytes_max));
        let part = Part {
            epoch,
            writing: *writing,
            total_bytes: bytes.len() as u64,
            offset: start as u64,
            bytes: bytes.slice(start..end),
        };
        self.say(from, Message::Part(part), cx);
    }

    /// A trader says what to write down.
    pub(super) fn append_asked(
        &mut self,
        from: NodeId,
        epoch: Epoch,
        (after, items): (u64, Vec<Item>),
        settled: &Settled,
        cx: &mut Context<'_, Self>,
    ) {
        // A higher one would go on with a book that was never handed over.
        if epoch > self.book.promised || !self.promise(epoch, from, cx) {
            return;
        }
        self.written = None;
        // Without a gap; some of it may have come before.
        if let Some(known) = self.book.position.checked_sub(after) {
            let known = usize::try_from(known).unwrap_or(usize::MAX);
            for item in items.into_iter().skip(known) {
                self.write(Record::Item(item), cx);
            }
            self.book.learn(self.party, settled);
        }
        self.say(from, Message::Ack { epoch, position: self.book.position }, cx);
        // Counting the parts costs something: only each so many records.
        let every = self.settings.snapshot_every.max(1);
        if self.records >= every && self.records >= self.book.parts() {
            self.write_snapshot(cx);
        }
    }
}
