//! Messages packed together: what travels, is numbered and is kept as one.
//!
//! A pack's body is a row of items, each four bytes of length (little endian) and that many bytes.
//! The top bit of the length says that the message goes on in the next item: a message that is
//! larger than [`Limits::fragment_bytes`](super::Limits) travels in fragments. Members number the
//! items of a stream; users see whole messages only.

use bytes::{BufMut, Bytes, BytesMut};

/// What stands before each item.
pub(super) const ITEM_HEADER_BYTES: usize = 4;
const CONTINUES: u32 = 1 << 31;

/// A run of whole messages of one sender, in its order.
///
/// Cloning shares the bytes.
///
/// ```
/// let messages = groupcast::group::Messages::pack([&b"salt"[..], b"pepper"]);
/// assert_eq!(messages.len(), 2);
/// assert_eq!(messages.iter().collect::<Vec<_>>(), [&b"salt"[..], b"pepper"]);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Messages {
    body: Bytes,
    count: u32,
    /// The body is one message, without an item's header.
    is_bare: bool,
}

impl Messages {
    pub(super) fn new(body: Bytes, count: u32) -> Self {
        Self { body, count, is_bare: false }
    }

    /// One message.
    pub fn one(message: Bytes) -> Self {
        Self { body: message, count: 1, is_bare: true }
    }

    /// Several messages, copied together. What is longer than an item may be is left out.
    pub fn pack<'a>(messages: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut packing = Packing::default();
        for message in messages {
            if message.len() < CONTINUES as usize {
                packing.push(message, false);
            }
        }
        let (body, count, _) = packing.take();
        Self::new(body, count)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many bytes they take, with what lies between them.
    pub fn size_bytes(&self) -> usize {
        self.body.len()
    }

    /// Each message, in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let bare = self.is_bare.then_some(&self.body[..]);
        let items = if self.is_bare { &[][..] } else { &self.body[..] };
        bare.into_iter().chain(Items(items).map(|(bytes, _)| bytes))
    }

    /// Each message, in order, sharing the bytes.
    pub fn shared(&self) -> impl Iterator<Item = Bytes> {
        self.iter().map(|message| self.body.slice_ref(message))
    }
}

/// Messages are shown as text as far as they are text, and shortened.
impl std::fmt::Debug for Messages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = self
            .iter()
            .take(4)
            .map(|message| String::from_utf8_lossy(&message[..message.len().min(24)]).into_owned());
        f.debug_list().entries(shown).finish()?;
        if self.count > 4 { write!(f, "and {} more", self.count - 4) } else { Ok(()) }
    }
}

/// The items of a body, each with whether its message goes on in the next. Ends where the bytes
/// are no item.
pub(super) struct Items<'a>(pub &'a [u8]);

impl<'a> Iterator for Items<'a> {
    type Item = (&'a [u8], bool);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (&header, rest) = self.0.split_first_chunk::<ITEM_HEADER_BYTES>()?;
        let header = u32::from_le_bytes(header);
        let (item, rest) = rest.split_at_checked((header & !CONTINUES) as usize)?;
        self.0 = rest;
        Some((item, header & CONTINUES != 0))
    }
}

/// What is found in a body by walking it once: `None` if it is not exactly `count` items; else
/// whether any of them is a fragment.
pub(super) fn inspect(body: &[u8], count: u32) -> Option<bool> {
    let (mut items, mut seen, mut last_continues, mut fragments) =
        (Items(body), 0_u32, false, false);
    for (_, continues) in items.by_ref() {
        seen += 1;
        last_continues = continues;
        fragments |= continues;
    }
    let whole = seen == count && count > 0 && items.0.is_empty();
    // The last fragment of a message begun in another pack is not marked; its stream knows.
    whole.then_some(fragments || last_continues)
}

/// A pack that is being filled.
#[derive(Debug, Default, Clone)]
pub(super) struct Packing {
    body: BytesMut,
    count: u32,
    /// How many items end a message.
    messages: u32,
}

impl Packing {
    pub fn push(&mut self, item: &[u8], continues: bool) {
        let mark = if continues { CONTINUES } else { 0 };
        self.body.put_u32_le(item.len() as u32 | mark);
        self.body.extend_from_slice(item);
        self.count += 1;
        self.messages += u32::from(!continues);
    }

    pub fn size_bytes(&self) -> usize {
        self.body.len()
    }

    pub fn count(&self) -> u32 {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The body, the number of items, and how many of them end a message. Empty from then on.
    pub fn take(&mut self) -> (Bytes, u32, u32) {
        let counts = (std::mem::take(&mut self.count), std::mem::take(&mut self.messages));
        (self.body.split().freeze(), counts.0, counts.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_is_found_again() {
        let messages = Messages::pack([&b"a"[..], b"", b"ccc"]);
        assert_eq!(messages.iter().collect::<Vec<_>>(), [&b"a"[..], b"", b"ccc"]);
        assert_eq!(messages.shared().map(|message| message.len()).sum::<usize>(), 4);
        assert_eq!(inspect(&messages.body, 3), Some(false));
        let one = Messages::one(Bytes::from_static(b"one"));
        assert_eq!(one.iter().collect::<Vec<_>>(), [b"one"]);
        assert_eq!(format!("{messages:?} {one:?}"), r#"["a", "", "ccc"] ["one"]"#);
    }

    #[test]
    fn a_body_that_does_not_hold_what_is_said_is_found_out() {
        let body = Messages::pack([&b"a"[..], b"bb"]).body;
        assert_eq!(inspect(&body, 1), None);
        assert_eq!(inspect(&body, 3), None);
        assert_eq!(inspect(&body[..body.len() - 1], 2), None);
        assert_eq!(inspect(&[], 0), None, "a pack holds something");
        assert_eq!(inspect(&[0xFF; 9], 1), None);
    }

    #[test]
    fn fragments_are_marked() {
        let mut packing = Packing::default();
        packing.push(b"be", true);
        packing.push(b"gin", false);
        let (body, count, messages) = packing.take();
        assert_eq!((inspect(&body, count), count, messages), (Some(true), 2, 1));
        assert!(packing.is_empty() && packing.size_bytes() == 0);
    }
}
