//! Causal order: a message after all that its sender had sent or delivered before it.
//!
//! ```text
//!   Pack {after}   how much of each stream its sender had delivered when it closed the pack
//!
//!   held back ── all of `after` is delivered here too ──▶ delivered
//! ```
//!
//! **Promise.** If the sending of one message may have caused the sending of another (Lamport 1978),
//! no member delivers the other one first. It holds because the vector in a pack names all that
//! its sender had delivered (Birman, Schiper, Stephenson 1991; here a number a stream and a pack,
//! because all messages of a pack were sent before it was closed), and because packs of one sender
//! come in order.
//!
//! A message that depends on one which died with its sender, and which nobody else has, is given
//! up with it when the view ends: no member could have delivered it.

use super::{Delivered, take};
use crate::group::stream::Stream;

pub(super) fn deliver(streams: &mut [Stream], limits: &[u64], out: &mut Vec<Delivered>) {
    let mut has_moved = true;
    while has_moved {
        has_moved = false;
        for (sender, &limit) in limits.iter().enumerate() {
            while let Some(most) = deliverable(streams, sender) {
                if take(streams, sender, limit, most, out) == 0 {
                    break;
                }
                has_moved = true;
            }
        }
    }
}

/// How many items of the sender's next pack have nothing to wait for; `None` if there is no pack
/// or it has to wait.
fn deliverable(streams: &[Stream], sender: usize) -> Option<u64> {
    let (pack, item) = streams[sender].head()?;
    let is_due = pack
        .after
        .iter()
        .zip(streams)
        .enumerate()
        .all(|(other, (&after, stream))| other == sender || stream.delivered() >= after);
    is_due.then_some(u64::from(pack.count - item))
}
