//! The messages of a world of members: each says who sent it and which it is, and the rest of it
//! follows from that, so that a receiver can tell whether it is whole and unchanged.

use bytes::{BufMut, Bytes, BytesMut};

/// Which message: its sender's node, and its number among all that the node ever sent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId {
    /// The node that sent it.
    pub sender: u32,
    /// Its number there, from 0 on, in all lives of the node.
    pub number: u32,
}

impl std::fmt::Debug for MessageId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.sender, self.number)
    }
}

/// The shortest message, in bytes.
pub(super) const MESSAGE_BYTES_MIN: usize = 8;

impl MessageId {
    /// The message, `length_bytes` long, but never shorter than its id.
    pub(super) fn to_message(self, length_bytes: usize) -> Bytes {
        let mut message = BytesMut::with_capacity(length_bytes);
        message.put_u64_le(self.to_u64());
        for at in MESSAGE_BYTES_MIN..length_bytes {
            message.put_u8(self.filler(at));
        }
        message.freeze()
    }

    fn filler(self, at: usize) -> u8 {
        (self.number.wrapping_mul(31).wrapping_add(self.sender).wrapping_add(at as u32 * 7)) as u8
    }

    pub(super) fn to_u64(self) -> u64 {
        u64::from(self.sender) << 32 | u64::from(self.number)
    }

    pub(super) fn from_u64(number: u64) -> Self {
        Self { sender: (number >> 32) as u32, number: number as u32 }
    }

    /// Which message this is; none if it is not one as it was sent.
    pub(super) fn from_message(message: &[u8]) -> Option<Self> {
        let (id, filler) = message.split_first_chunk::<MESSAGE_BYTES_MIN>()?;
        let id = Self::from_u64(u64::from_le_bytes(*id));
        let mut filler = (MESSAGE_BYTES_MIN..).zip(filler);
        filler.all(|(at, &byte)| byte == id.filler(at)).then_some(id)
    }
}

/// A log as the state that a new member is given, with `padding_bytes` behind it.
pub(super) fn log_to_state(log: &[MessageId], padding_bytes: usize) -> Bytes {
    let mut state = BytesMut::with_capacity(4 + log.len() * 8 + padding_bytes);
    state.put_u32_le(log.len() as u32);
    for id in log {
        state.put_u64_le(id.to_u64());
    }
    state.put_bytes(0x5A, padding_bytes);
    state.freeze()
}

/// The log in a state; none if it is not whole.
pub(super) fn log_from_state(state: &[u8], padding_bytes: usize) -> Option<Vec<MessageId>> {
    let (count, rest) = state.split_first_chunk::<4>()?;
    let (log, padding) = rest.split_at_checked(u32::from_le_bytes(*count) as usize * 8)?;
    let is_whole = padding.len() == padding_bytes && padding.iter().all(|&byte| byte == 0x5A);
    let (ids, _) = log.as_chunks::<8>();
    is_whole.then(|| ids.iter().map(|id| MessageId::from_u64(u64::from_le_bytes(*id))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: MessageId = MessageId { sender: 3, number: 70_000 };

    #[test]
    fn a_message_that_was_changed_or_mixed_is_found_out() {
        let message = ID.to_message(40);
        assert_eq!(MessageId::from_message(&message), Some(ID));
        assert_eq!(MessageId::from_message(&message[..7]), None);
        let mut changed = message.to_vec();
        changed[20] ^= 1;
        assert_eq!(MessageId::from_message(&changed), None);
    }

    #[test]
    fn a_log_is_found_again_in_a_state() {
        let log = [ID, MessageId { sender: 0, number: 1 }];
        let state = log_to_state(&log, 5);
        assert_eq!(log_from_state(&state, 5), Some(log.to_vec()));
        assert_eq!(log_from_state(&state[..state.len() - 1], 5), None);
    }
}
