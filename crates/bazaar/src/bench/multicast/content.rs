//! What the measured messages hold, so that every member can tell that each is whole and its own.
//!
//! ```text
//!   life (8) | number (8) | intended time (8) | a pattern that follows from these and the sender
//! ```

use machine::NodeId;

/// The shortest message.
pub(super) const SIZE_MIN_BYTES: usize = 24;

/// An odd constant whose bits are well mixed (the golden ratio).
const MIX: u64 = 0x9E37_79B9_7F4A_7C15;

/// What a message says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Which life of its sender sent it; a later one has a higher number.
    pub life: u64,
    /// Which of that life's messages it is, from 0.
    pub number: u64,
    /// When it was meant to be sent, in nanoseconds since the run began.
    pub intended_ns: u64,
}

impl Header {
    /// The first word of the pattern.
    fn seed(&self, sender: NodeId) -> u64 {
        let mut seed = u64::from(sender.0);
        for part in [self.life, self.number, self.intended_ns] {
            seed = (seed ^ part).wrapping_mul(MIX).rotate_left(29);
        }
        seed
    }
}

/// A whole message of `size_bytes`, at least [`SIZE_MIN_BYTES`].
pub(super) fn write(sender: NodeId, header: Header, size_bytes: usize) -> Vec<u8> {
    let mut message = Vec::with_capacity(size_bytes.max(SIZE_MIN_BYTES));
    for part in [header.life, header.number, header.intended_ns] {
        message.extend_from_slice(&part.to_le_bytes());
    }
    let mut word = header.seed(sender);
    while message.len() < size_bytes {
        let left = (size_bytes - message.len()).min(8);
        message.extend_from_slice(&word.to_le_bytes()[..left]);
        word = word.wrapping_add(MIX);
    }
    message
}

/// What a message says, if every byte of it is as its sender wrote it.
pub(super) fn read(sender: NodeId, message: &[u8], size_bytes: usize) -> Option<Header> {
    let (parts, pattern) = message.split_at_checked(SIZE_MIN_BYTES)?;
    let part = |at: usize| Some(u64::from_le_bytes(*parts.get(at..)?.first_chunk()?));
    let header = Header { life: part(0)?, number: part(8)?, intended_ns: part(16)? };
    let mut word = header.seed(sender);
    let (words, rest) = pattern.as_chunks::<8>();
    let mut differs = 0;
    for found in words {
        differs |= u64::from_le_bytes(*found) ^ word;
        word = word.wrapping_add(MIX);
    }
    for (found, expected) in rest.iter().zip(word.to_le_bytes()) {
        differs |= u64::from(found ^ expected);
    }
    (differs == 0 && message.len() == size_bytes).then_some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_back_and_every_changed_byte_is_found() {
        let header = Header { life: 7, number: 3, intended_ns: 99 };
        for size_bytes in [SIZE_MIN_BYTES, 25, 100] {
            let message = write(NodeId(2), header, size_bytes);
            assert_eq!(message.len(), size_bytes);
            assert_eq!(read(NodeId(2), &message, size_bytes), Some(header));
            assert_eq!(read(NodeId(2), &message, size_bytes + 1), None, "a wrong length");
        }
        let message = write(NodeId(2), header, 100);
        assert_eq!(read(NodeId(3), &message, 100), None, "another sender's");
        for at in 0..message.len() {
            let mut changed = message.clone();
            changed[at] ^= 1;
            assert_eq!(read(NodeId(2), &changed, 100), None, "byte {at}");
        }
    }
}
