//! What one member delivered, judged while it is delivered: nothing lost, doubled or reordered, and
//! a hash that members compare.
//!
//! Members that pass from one view to the next delivered the same messages in it, and under a total
//! order in the same order (virtual synchrony). So each view has its own count and hash, and they
//! must be equal at all members that saw it from its beginning to its end.

use std::collections::BTreeMap;

use machine::NodeId;
use serde::{Deserialize, Serialize};

use super::content::Header;

/// What a member delivered in a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct InView {
    /// The number of the view.
    pub view: u64,
    /// How many messages.
    pub count: u64,
    /// A hash of them: of their sequence under a total order, else of the set.
    pub hash: u64,
}

/// The sequence of a member.
#[derive(Debug)]
pub(super) struct Sequence {
    is_total: bool,
    /// Of each sender: its life, and the number that comes next.
    next: BTreeMap<NodeId, (u64, u64)>,
    present: Option<InView>,
}

impl Sequence {
    /// A member that has delivered nothing. Where it comes in, the streams of others have begun.
    pub fn new(is_total: bool) -> Self {
        Self { is_total, next: BTreeMap::new(), present: None }
    }

    /// The present view, so far.
    pub fn present(&self) -> Option<InView> {
        self.present
    }

    /// A view begins. What the one before held, if this member passed from that to this.
    pub fn begin(&mut self, view: u64) -> Option<InView> {
        self.present.replace(InView { view, count: 0, hash: 0 })
    }

    /// This member is in no view any more.
    pub fn leave(&mut self) {
        *self = Self::new(self.is_total);
    }

    /// Takes the next message.
    ///
    /// # Errors
    /// It is not the one that comes next of that sender, in a sentence.
    pub fn take(&mut self, sender: NodeId, header: Header) -> Result<(), String> {
        let Header { life, number, .. } = header;
        let next = self.next.entry(sender).or_insert((life, number));
        let due = if life == next.0 { next.1 } else { 0 };
        if life < next.0 || number != due {
            return Err(format!(
                "message {number} of life {life} of member {sender} was delivered where {due} was \
                 due, after life {}",
                next.0
            ));
        }
        *next = (life, number + 1);
        let Some(present) = &mut self.present else {
            return Err(format!("message {number} of member {sender} was delivered in no view"));
        };
        let what = (number ^ u64::from(sender.0).rotate_left(40) ^ life.rotate_left(20))
            .wrapping_mul(0xD6E8_FEB8_6659_FD93);
        let what = what ^ (what >> 32);
        present.count += 1;
        present.hash = if self.is_total {
            (present.hash ^ what).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31)
        } else {
            present.hash.wrapping_add(what.wrapping_mul(0x9E37_79B9_7F4A_7C15))
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(life: u64, number: u64) -> Header {
        Header { life, number, intended_ns: 0 }
    }

    fn after(is_total: bool, messages: &[(u32, u64)]) -> InView {
        let mut sequence = Sequence::new(is_total);
        assert_eq!(sequence.begin(4), None);
        for &(sender, number) in messages {
            sequence.take(NodeId(sender), header(1, number)).unwrap();
        }
        sequence.begin(5).unwrap()
    }

    #[test]
    fn the_hash_is_of_the_sequence_if_the_order_is_total_and_else_of_the_set() {
        let (one, other) = ([(1, 5), (2, 0), (1, 6)], [(1, 5), (1, 6), (2, 0)]);
        assert_ne!(after(true, &one), after(true, &other));
        assert_eq!(after(false, &one), after(false, &other));
        assert_ne!(after(false, &one), after(false, &[(1, 5), (2, 1), (1, 6)]));
    }

    #[test]
    fn lost_doubled_and_reordered_messages_are_found() {
        for wrong in [6, 4, 8] {
            let mut sequence = Sequence::new(true);
            sequence.begin(1);
            for number in [5, 6] {
                sequence.take(NodeId(1), header(2, number)).unwrap();
            }
            assert!(sequence.take(NodeId(1), header(2, wrong)).is_err(), "{wrong}");
        }
        let mut sequence = Sequence::new(true);
        sequence.begin(1);
        sequence.take(NodeId(1), header(2, 9)).unwrap();
        assert!(sequence.take(NodeId(1), header(3, 1)).is_err(), "a new life begins at 0");
        sequence.take(NodeId(1), header(4, 0)).unwrap();
        assert!(sequence.take(NodeId(1), header(2, 10)).is_err(), "a life that has ended");
    }
}
