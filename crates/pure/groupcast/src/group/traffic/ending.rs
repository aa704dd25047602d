//! The end of a view: what is missing before the cut, what is still delivered, and what is left.

use bytes::Bytes;

use super::Traffic;
use crate::group::order::Delivered;

impl Traffic {
    /// The members that lack what this one holds, and how much they hold in all.
    pub fn behind(&self) -> Vec<(usize, u64)> {
        let held = self.held();
        let is_behind = |member: &usize| {
            *member != self.me
                && self.held.of(*member).iter().zip(&held).any(|(has, mine)| has < mine)
        };
        let members = (0..self.members).filter(is_behind);
        members
            .map(|member| {
                (
                    member,
                    self.held.of(member).iter().fold(0, |sum: u64, has| sum.wrapping_add(*has)),
                )
            })
            .collect()
    }

    /// What must hold at any time.
    pub fn check(&self) -> Result<(), String> {
        for (number, stream) in self.streams.iter().enumerate() {
            if stream.settled() > stream.delivered() || stream.delivered() > stream.received() {
                return Err(format!("stream {number} delivered more than it received"));
            }
        }
        Ok(())
    }

    /// Whether all that lies before the cut is held.
    pub fn has_all(&self, cut: &[u64]) -> bool {
        self.missing(cut).is_empty()
    }

    /// The streams of which something before the cut is missing, and what is held of them.
    pub fn missing(&self, cut: &[u64]) -> Vec<(u16, u64)> {
        let streams = self.streams.iter().zip(cut).enumerate();
        let lacking = streams.filter(|(_, (stream, cut))| stream.received() < **cut);
        lacking.map(|(number, (stream, _))| (number as u16, stream.received())).collect()
    }

    /// Ends the view: what it still delivers, and this member's messages that nobody delivered in
    /// it.
    pub fn finish(mut self, cut: &[u64]) -> (Vec<Delivered>, Vec<Bytes>) {
        let mut delivered = Vec::new();
        self.seal();
        #[cfg(feature = "planted")]
        let cut = &self.planted_cut(cut)[..];
        if self.delivers && cut.len() == self.streams.len() {
            self.ordering.finish(&mut self.streams, cut, &mut delivered);
        }
        (delivered, self.unsettled())
    }

    #[cfg(feature = "planted")]
    fn planted_cut(&self, cut: &[u64]) -> Vec<u64> {
        let mut cut = cut.to_vec();
        if self.planted == Some(crate::group::Planted::OrderNotFlushed)
            && let (Some(last), Some(order)) = (cut.last_mut(), self.streams.last())
        {
            *last = order.delivered();
        }
        cut
    }

    /// This member's messages that were not delivered.
    pub fn unsettled(mut self) -> Vec<Bytes> {
        self.seal();
        let mut unsettled = self.streams[self.me].undelivered();
        unsettled.extend(self.waiting);
        unsettled
    }
}
