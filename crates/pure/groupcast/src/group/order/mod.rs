//! The orders of delivery: each says which items may be delivered next, and nothing else.
//!
//! All work on the same streams. `limits` says, of each stream, up to where its items may be
//! delivered at all: received, and under safe delivery known to be held by a majority.

mod causal;
mod fifo;
mod lamport;
mod sequencer;

use super::pack::Messages;
use super::settings::Order;
use super::stream::Stream;

pub(super) use lamport::Lamport;
pub(super) use sequencer::{Sequencer, run_to_bytes};

/// Whole messages, and the position of their sender.
pub(super) type Delivered = (usize, Messages);

/// The state of an order in one view.
#[derive(Debug, Clone)]
pub(super) enum Ordering {
    Fifo,
    Causal,
    Sequencer(Sequencer),
    Lamport(Lamport),
}

impl Ordering {
    pub fn new(order: Order, members: usize, me: usize) -> Self {
        match order {
            Order::Fifo => Self::Fifo,
            Order::Causal => Self::Causal,
            Order::Sequencer => Self::Sequencer(Sequencer::new(members)),
            Order::Lamport => Self::Lamport(Lamport::new(members, me)),
        }
    }

    /// Delivers what may be delivered.
    pub fn deliver(&mut self, streams: &mut [Stream], limits: &[u64], out: &mut Vec<Delivered>) {
        match self {
            Self::Fifo => fifo::deliver(streams, limits, out),
            Self::Causal => causal::deliver(streams, limits, out),
            Self::Sequencer(sequencer) => sequencer.deliver(streams, limits, out),
            Self::Lamport(lamport) => lamport.deliver(streams, limits, out),
        }
    }

    /// Delivers the rest of a view: what lies before the cut, in an order that depends on nothing
    /// but the streams up to there, which are the same at all.
    pub fn finish(&mut self, streams: &mut [Stream], cut: &[u64], out: &mut Vec<Delivered>) {
        match self {
            Self::Sequencer(sequencer) => sequencer.finish(streams, cut, out),
            Self::Lamport(lamport) => lamport.finish(streams, cut, out),
            Self::Fifo | Self::Causal => self.deliver(streams, cut, out),
        }
    }
}

/// Delivers from one stream, up to `limit` or `most` items; how many that were.
fn take(
    streams: &mut [Stream],
    sender: usize,
    limit: u64,
    most: u64,
    out: &mut Vec<Delivered>,
) -> u64 {
    let stream = &mut streams[sender];
    let mut taken = 0;
    loop {
        let left = limit.saturating_sub(stream.delivered()).min(most - taken);
        let now = stream.deliver(left, |messages| out.push((sender, messages)));
        taken += now;
        if now == 0 {
            return taken;
        }
    }
}
