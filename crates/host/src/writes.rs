//! The writes of one turn, on their way from the loop to the journals.

use machine::{Epoch, Journal};
use serde::Serialize;

/// How much a turn of a busy node may hold: room for it is set aside before it comes.
const USUAL_WRITES: usize = 1 << 10;
const USUAL_BYTES: usize = 64 << 10;

/// A write, as bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Work<'a> {
    Record(Journal, &'a [u8]),
    Snapshot(Journal, &'a [u8]),
    /// A snapshot that is larger than so many bytes, the most that can be written.
    TooLarge(Journal, usize),
    Claim(Epoch),
}

/// The numbered writes of one turn, with all their bytes in one piece of memory: they are read by
/// another thread, which would otherwise fetch and free each of them by itself.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// The number of each write, what it is, and where its bytes end; they begin where those before
    /// it end.
    writes: Vec<(u64, Kind, usize)>,
    bytes: Vec<u8>,
}

/// What a write is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Record(Journal),
    Snapshot(Journal),
    TooLarge(Journal, usize),
    Claim(Epoch),
}

impl Turn {
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// How many writes there are.
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// Takes all that there is; what is left has room for as much again, unless that was unusual.
    pub fn take(&mut self) -> Self {
        let rest = Self {
            writes: Vec::with_capacity(self.writes.len().min(USUAL_WRITES)),
            bytes: Vec::with_capacity(self.bytes.len().min(USUAL_BYTES)),
        };
        std::mem::replace(self, rest)
    }

    /// Whether it has no more writes and bytes than so many.
    pub fn is_small(&self, (max_writes, max_bytes): (usize, usize)) -> bool {
        self.writes.len() <= max_writes && self.bytes.len() <= max_bytes
    }

    /// The journal that it adds records to, if it does nothing else.
    pub fn sole_journal(&self) -> Option<Journal> {
        let journal_of = |kind: &Kind| match kind {
            Kind::Record(journal) => Some(*journal),
            Kind::Snapshot(_) | Kind::TooLarge(..) | Kind::Claim(_) => None,
        };
        let first = journal_of(&self.writes.first()?.1)?;
        let all = self.writes.iter().all(|(_, kind, _)| journal_of(kind) == Some(first));
        all.then_some(first)
    }

    /// Adds the bytes of the write that is added next.
    ///
    /// # Errors
    /// The value cannot be written; nothing is added then.
    pub fn encode<T: Serialize>(&mut self, value: &T) -> Result<(), wire::EncodeError> {
        wire::append_bytes(value, &mut self.bytes)
    }

    /// Adds a write, with the bytes that were encoded since the last one.
    pub fn push(&mut self, write: u64, kind: Kind) {
        self.writes.push((write, kind, self.bytes.len()));
    }

    /// Forgets all writes and keeps the memory.
    pub fn clear(&mut self) {
        self.writes.clear();
        self.bytes.clear();
    }

    /// All writes, in order.
    pub fn writes(&self) -> impl Iterator<Item = (u64, Work<'_>)> {
        let mut start = 0;
        self.writes.iter().map(move |&(write, kind, end)| {
            let bytes = &self.bytes[std::mem::replace(&mut start, end)..end];
            let work = match kind {
                Kind::Record(journal) => Work::Record(journal, bytes),
                Kind::Snapshot(journal) => Work::Snapshot(journal, bytes),
                Kind::TooLarge(journal, limit_bytes) => Work::TooLarge(journal, limit_bytes),
                Kind::Claim(epoch) => Work::Claim(epoch),
            };
            (write, work)
        })
    }
}

#[cfg(test)]
mod tests {
    use machine::NodeId;

    use super::*;

    #[test]
    fn the_writes_of_a_turn_come_back_in_order_each_with_its_bytes() {
        let mut turn = Turn::default();
        turn.encode(&1_u8).unwrap();
        turn.push(7, Kind::Snapshot(Journal::Own));
        turn.push(8, Kind::Claim(Epoch { counter: 2, node: NodeId(1) }));
        turn.encode(&"ab").unwrap();
        turn.push(9, Kind::Record(Journal::Common));
        let told: Vec<String> = turn.writes().map(|write| format!("{write:?}")).collect();
        let expected =
            ["(7, Snapshot(Own, [1]))", "(8, Claim(2.1))", "(9, Record(Common, [2, 97, 98]))"];
        assert_eq!(told, expected);
    }

    #[test]
    fn records_of_one_journal_alone_have_a_sole_journal() {
        let turn_of = |kinds: &[Kind]| {
            let mut turn = Turn::default();
            (1..).zip(kinds).for_each(|(write, kind)| turn.push(write, *kind));
            turn.sole_journal()
        };
        let (own, common) = (Kind::Record(Journal::Own), Kind::Record(Journal::Common));
        assert_eq!(turn_of(&[own, own]), Some(Journal::Own));
        assert_eq!(turn_of(&[common]), Some(Journal::Common));
        assert_eq!(turn_of(&[common, own]), None);
        assert_eq!(turn_of(&[own, Kind::Snapshot(Journal::Own)]), None);
        assert_eq!(turn_of(&[]), None);
    }

    #[test]
    fn a_turn_is_small_by_its_writes_and_its_bytes() {
        let mut turn = Turn::default();
        turn.encode(&"ab").unwrap();
        turn.push(1, Kind::Record(Journal::Own));
        assert!(turn.is_small((1, 3)) && !turn.is_small((0, 3)) && !turn.is_small((1, 2)));
        turn.push(2, Kind::Record(Journal::Own));
        assert!(turn.is_small((2, 3)) && !turn.is_small((1, 3)));
    }
}
