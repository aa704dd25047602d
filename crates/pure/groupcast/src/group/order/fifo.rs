//! FIFO order: each stream by itself.
//!
//! **Promise.** If a member delivers two messages of one sender, it delivers them in the order sent,
//! and nothing is left out between them. It holds because a stream is received without gaps.

use super::{Delivered, take};
use crate::group::stream::Stream;

pub(super) fn deliver(streams: &mut [Stream], limits: &[u64], out: &mut Vec<Delivered>) {
    for (sender, &limit) in limits.iter().enumerate() {
        take(streams, sender, limit, u64::MAX, out);
    }
}
