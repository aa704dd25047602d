//! A content on its way from one voter to another, part by part: to a leader from the voter that
//! stands furthest, and to a voter that stands elsewhere from its leader.
//!
//! Whoever wants it asks for one part after another, and asks again when it is reminded. The other
//! side keeps the bytes of one moment for all who ask; when that moment is no longer the one that
//! was asked for, the parts begin anew.

use bytes::Bytes;
use machine::{Context, Epoch, NodeId};

use super::message::{Message, Part, Position};
use super::{Content, Log, Side};

/// The longest content that is taken from another voter, in bytes.
const CONTENT_BYTES_MAX: u64 = 1 << 30;

/// A content on its way here.
#[derive(Debug, Clone)]
pub(super) struct Fetching {
    pub from: NodeId,
    pub epoch: Epoch,
    position: Option<Position>,
    received: Vec<u8>,
}

impl Fetching {
    pub fn received_bytes(&self) -> usize {
        self.received.len()
    }
}

/// The own content, as of a moment, on its way to others.
#[derive(Debug, Clone)]
pub(super) struct Serving {
    position: Position,
    bytes: Bytes,
}

impl<C: Content> Log<C> {
    /// Asks for a content, or for what is still missing of it.
    pub(super) fn fetch(&mut self, from: NodeId, epoch: Epoch, cx: &mut Context<'_, Self>) {
        let goes_on = |fetching: &&Fetching| fetching.from == from && fetching.epoch == epoch;
        if self.fetching.as_ref().filter(goes_on).is_none() {
            self.fetching = Some(Fetching { from, epoch, position: None, received: Vec::new() });
        }
        self.want_next(cx);
    }

    fn want_next(&mut self, cx: &mut Context<'_, Self>) {
        let Some(Fetching { from, epoch, position, received }) = &self.fetching else { return };
        let (epoch, position) = (*epoch, *position);
        let want = Message::Want { epoch, position, offset: received.len() as u64 };
        self.say(*from, want, cx);
    }

    /// Told by the leader that it lacks too much.
    pub(super) fn fetch_asked(&mut self, from: NodeId, epoch: Epoch, cx: &mut Context<'_, Self>) {
        if self.fence(epoch, from, cx) {
            self.fetch(from, epoch, cx);
        }
    }

    pub(super) fn wanted(
        &mut self,
        from: NodeId,
        epoch: Epoch,
        position: Option<Position>,
        offset: u64,
        cx: &mut Context<'_, Self>,
    ) {
        // In another epoch this node may stand elsewhere by now.
        if epoch != self.acceptor.fenced {
            return;
        }
        let is_kept = |serving: &&Serving| Some(serving.position) == position;
        let kept = self.serving.as_ref().filter(is_kept).cloned();
        let (Serving { position, bytes }, offset) = match kept {
            Some(serving) => (serving, offset),
            None => {
                let bytes = Bytes::from(self.acceptor.content.to_bytes());
                let serving = Serving { position: self.acceptor.position, bytes };
                self.serving = Some(serving.clone());
                (serving, 0)
            }
        };
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let end = bytes.len().min(start.saturating_add(self.settings.part_bytes_max));
        let part = Part {
            epoch,
            position,
            total_bytes: bytes.len() as u64,
            offset: start as u64,
            bytes: bytes.slice(start..end),
        };
        self.say(from, Message::Part(part), cx);
    }

    pub(super) fn part_came(&mut self, from: NodeId, part: Part, cx: &mut Context<'_, Self>) {
        let Some(fetching) = &mut self.fetching else { return };
        if fetching.from != from || fetching.epoch != part.epoch {
            return;
        }
        if part.offset == 0 && fetching.position != Some(part.position) {
            fetching.position = Some(part.position);
            fetching.received.clear();
        }
        let received_bytes = fetching.received.len() as u64;
        let is_next = fetching.position == Some(part.position)
            && part.offset == received_bytes
            && part.total_bytes <= CONTENT_BYTES_MAX
            && received_bytes + part.bytes.len() as u64 <= part.total_bytes;
        if !is_next {
            return;
        }
        fetching.received.extend_from_slice(&part.bytes);
        if (fetching.received.len() as u64) < part.total_bytes {
            return self.want_next(cx);
        }
        let content = C::from_bytes(&fetching.received);
        self.fetching = None;
        if let Some(content) = content {
            self.fetched(part.epoch, part.position, content, cx);
        }
    }

    /// A content is here as a whole.
    fn fetched(
        &mut self,
        epoch: Epoch,
        position: Position,
        content: C,
        cx: &mut Context<'_, Self>,
    ) {
        // A leader that gathers takes what is further, an acceptor what its leader has. Neither goes
        // back: what stands here may be counted upon.
        let gathers = matches!(&self.side, Side::Gathering(gathering) if gathering.epoch == epoch);
        let is_fenced = epoch == self.acceptor.fenced && (gathers || position.epoch == epoch);
        if is_fenced && position > self.acceptor.position {
            self.acceptor.content = content;
            self.acceptor.position = position;
            self.write_snapshot(cx);
        }
        match gathers {
            true => self.gathered(cx),
            false if self.acceptor.position.epoch == epoch => self.say_accepted(true, cx),
            false => {}
        }
    }
}
