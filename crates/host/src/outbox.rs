//! What waits for a journal: sends and reports in the order made, each behind the last write made
//! before it.
//!
//! Writes are numbered from 1 in the order made. Numbers only rise, so what may leave is always a
//! prefix of the queue, and what a refused write takes with it is always a suffix.

use std::collections::VecDeque;

/// A queue of what may leave once a write is durable.
#[derive(Debug)]
pub(crate) struct Outbox<T> {
    waiting: VecDeque<(u64, T)>,
    written: u64,
    durable: u64,
}

impl<T> Outbox<T> {
    pub fn new() -> Self {
        Self { waiting: VecDeque::new(), written: 0, durable: 0 }
    }

    /// Counts a write: what is pushed from now on waits for it. Its number.
    pub fn write(&mut self) -> u64 {
        self.written += 1;
        self.written
    }

    /// Counts a write that another queue has numbered.
    pub fn follow(&mut self, write: u64) {
        self.written = write;
    }

    /// Takes what waits for all writes so far, or hands it back if it waits for nothing.
    pub fn push(&mut self, item: T) -> Option<T> {
        if self.waiting.is_empty() && self.durable >= self.written {
            return Some(item);
        }
        self.waiting.push_back((self.written, item));
        None
    }

    /// All writes up to this one are durable.
    pub fn durable(&mut self, write: u64) {
        self.durable = self.durable.max(write);
    }

    /// Takes the next item that may leave.
    pub fn pop(&mut self) -> Option<T> {
        let (_, item) = self.waiting.pop_front_if(|(write, _)| *write <= self.durable)?;
        Some(item)
    }

    /// This write was refused: drops all that waits behind it. How many items that were.
    pub fn refuse(&mut self, write: u64) -> usize {
        let first = self.waiting.partition_point(|(waits_for, _)| *waits_for < write);
        let dropped = self.waiting.len() - first;
        self.waiting.truncate(first);
        dropped
    }

    /// How many items wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// How much waits: items, and writes that are not durable.
    pub fn backlog(&self) -> usize {
        let writes = self.written.saturating_sub(self.durable);
        usize::try_from(writes).unwrap_or(usize::MAX).saturating_add(self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drain(outbox: &mut Outbox<char>) -> String {
        std::iter::from_fn(|| outbox.pop()).collect()
    }

    #[test]
    fn what_waits_for_nothing_comes_straight_back() {
        let mut outbox = Outbox::new();
        assert_eq!(outbox.push('a'), Some('a'));
        let write = outbox.write();
        assert_eq!(outbox.push('b'), None);
        assert_eq!(drain(&mut outbox), "");
        outbox.durable(write);
        assert_eq!(outbox.push('c'), None, "it must not overtake what waits to leave");
        assert_eq!(drain(&mut outbox), "bc");
        assert_eq!(outbox.push('d'), Some('d'));
    }

    #[test]
    fn a_refused_write_takes_all_that_waits_behind_it_and_nothing_else() {
        let mut outbox = Outbox::new();
        let first = outbox.write();
        outbox.push('a');
        let second = outbox.write();
        outbox.push('b');
        let third = outbox.write();
        outbox.push('c');
        outbox.durable(first);
        assert_eq!(outbox.refuse(second), 2);
        outbox.push('d');
        assert_eq!(drain(&mut outbox), "a");
        outbox.durable(third);
        assert_eq!(drain(&mut outbox), "d");
    }

    #[test]
    fn a_queue_that_follows_another_waits_for_its_own_writes_only() {
        let (mut all, mut own) = (Outbox::<char>::new(), Outbox::new());
        let first = all.write();
        own.follow(first);
        all.write();
        assert_eq!(own.push('a'), None);
        own.durable(first);
        assert_eq!(drain(&mut own), "a");
        assert_eq!(own.push('b'), Some('b'), "the second write is not its own");
        own.durable(all.write());
        assert_eq!(own.push('c'), Some('c'));
    }

    proptest! {
        /// Whatever the order of writes, pushes and completions: items leave in order, and none
        /// before every write made ahead of it is durable.
        #[test]
        fn nothing_leaves_early_or_out_of_order(steps in prop::collection::vec(0_u8..3, 0..200)) {
            let mut outbox = Outbox::new();
            let (mut writes, mut durable, mut items) = (0_u64, 0_u64, 0_u64);
            let mut left = Vec::new();
            for step in steps {
                match step {
                    0 => writes = outbox.write(),
                    1 if durable < writes => {
                        durable += 1;
                        outbox.durable(durable);
                    }
                    _ => {
                        items += 1;
                        left.extend(outbox.push((items, writes)));
                    }
                }
                left.extend(std::iter::from_fn(|| outbox.pop()));
                prop_assert!(left.iter().all(|(_, behind)| *behind <= durable));
            }
            prop_assert!(left.iter().map(|(item, _)| *item).eq(1..=left.len() as u64));
            outbox.durable(writes);
            left.extend(std::iter::from_fn(|| outbox.pop()));
            prop_assert_eq!(left.len() as u64, items);
        }
    }
}
