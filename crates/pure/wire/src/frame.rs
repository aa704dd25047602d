//! One frame: written behind others into a buffer, and found at the beginning of bytes.

use machine::NodeId;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::value::{append, from_bytes};
use crate::{DecodeError, EncodeError};

/// Raised whenever the meaning of any frame changes; all nodes of a run speak the same one.
pub const VERSION: u8 = 1;

/// How long a body may be.
///
/// The largest is the state that a joining member is sent. A buffer of this size a connection is
/// affordable, and sending it takes a local network some milliseconds, so heartbeats behind it are
/// not late.
pub const BODY_MAX_BYTES: usize = 1 << 20;

/// What stands before a body.
pub const HEADER_BYTES: usize = 25;

/// The longest frame.
pub const FRAME_MAX_BYTES: usize = HEADER_BYTES + BODY_MAX_BYTES;

const MAGIC: [u8; 3] = *b"bzr";
/// Magic and version: the same in every frame, so they are compared and not summed.
const PREFIX: [u8; 4] = [MAGIC[0], MAGIC[1], MAGIC[2], VERSION];
/// Where the part begins that the checksum covers.
const SUMMED: usize = 8;

/// What a frame says about its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What the body is: the caller's own numbering.
    pub kind: u8,
    /// The run that the frame belongs to. [`decode`] does not judge it.
    pub cluster: u64,
    /// The node that sent it, as it says itself.
    pub from: NodeId,
}

/// A whole frame whose checksum was right; the body still lies in the bytes it was found in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it says about its body.
    pub header: Header,
    /// A value in the postcard format.
    pub body: &'a [u8],
}

impl Frame<'_> {
    /// The value in the body, all of which it must take.
    ///
    /// # Errors
    /// If the body is not one value of type `T`.
    pub fn value<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        from_bytes(self.body)
    }
}

/// Appends one frame to `out`, which may hold frames already: those for one destination leave in
/// one write.
///
/// # Errors
/// If the value takes more than [`BODY_MAX_BYTES`] or cannot be written. `out` is then as before.
pub fn encode<T: Serialize>(
    header: &Header,
    value: &T,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_BYTES]);
    if let Err(error) = append(value, out, BODY_MAX_BYTES) {
        out.truncate(start);
        return Err(error);
    }
    let frame = &mut out[start..];
    let body_bytes = (frame.len() - HEADER_BYTES) as u32;
    frame[..4].copy_from_slice(&PREFIX);
    frame[8..12].copy_from_slice(&body_bytes.to_le_bytes());
    frame[12..20].copy_from_slice(&header.cluster.to_le_bytes());
    frame[20..24].copy_from_slice(&header.from.0.to_le_bytes());
    frame[24] = header.kind;
    let checksum = crc32fast::hash(&frame[SUMMED..]);
    frame[4..8].copy_from_slice(&checksum.to_le_bytes());
    Ok(())
}

/// Finds the frame with which `bytes` begin, and how many of them it takes. `None` says that more
/// bytes are needed; what follows the frame is not looked at. Allocates nothing.
///
/// # Errors
/// If no frame can begin like this, as early as that can be seen, or if the checksum is wrong.
pub fn decode(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>, DecodeError> {
    check_prefix(bytes)?;
    let Some(&length) = bytes.get(8..).and_then(<[u8]>::first_chunk) else { return Ok(None) };
    let found_bytes = u32::from_le_bytes(length);
    let body_bytes = found_bytes as usize;
    if body_bytes > BODY_MAX_BYTES {
        return Err(DecodeError::TooLarge { found_bytes });
    }
    let used = HEADER_BYTES + body_bytes;
    let Some(frame) = bytes.get(..used) else { return Ok(None) };
    if u32::from_le_bytes(array(frame, 4)) != crc32fast::hash(&frame[SUMMED..]) {
        return Err(DecodeError::Checksum);
    }
    let header = Header {
        kind: frame[24],
        cluster: u64::from_le_bytes(array(frame, 12)),
        from: NodeId(u32::from_le_bytes(array(frame, 20))),
    };
    Ok(Some((Frame { header, body: &frame[HEADER_BYTES..] }, used)))
}

fn check_prefix(bytes: &[u8]) -> Result<(), DecodeError> {
    let known = bytes.len().min(MAGIC.len());
    if bytes[..known] != MAGIC[..known] {
        return Err(DecodeError::Magic);
    }
    match bytes.get(MAGIC.len()) {
        Some(&found) if found != VERSION => Err(DecodeError::Version { found }),
        _ => Ok(()),
    }
}

/// `N` bytes of a whole frame's header.
fn array<const N: usize>(frame: &[u8], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&frame[at..at + N]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header { kind: 2, cluster: 0x0102_0304_0506_0708, from: NodeId(5) };

    fn frame<T: Serialize>(value: &T) -> Vec<u8> {
        let mut out = Vec::new();
        encode(&HEADER, value, &mut out).unwrap();
        out
    }

    #[test]
    fn the_layout_is_the_documented_one() {
        let bytes = frame(&"hi");
        assert_eq!(bytes[..4], *b"bzr\x01");
        assert_eq!(bytes[4..8], crc32fast::hash(&bytes[8..]).to_le_bytes());
        assert_eq!(bytes[8..], *b"\x03\0\0\0\x08\x07\x06\x05\x04\x03\x02\x01\x05\0\0\0\x02\x02hi");
    }

    #[test]
    fn a_failed_encode_leaves_the_buffer_as_it_was() {
        let mut out = frame(&1_u8);
        let before = out.clone();
        let too_large = vec![0_u8; BODY_MAX_BYTES];
        let error = encode(&HEADER, &too_large, &mut out);
        assert_eq!(error, Err(EncodeError::TooLarge { limit_bytes: BODY_MAX_BYTES }));
        assert_eq!(out, before);
    }

    #[test]
    fn the_largest_body_passes() {
        // Three bytes say how long the text is.
        let largest = "x".repeat(BODY_MAX_BYTES - 3);
        let bytes = frame(&largest);
        assert_eq!(bytes.len(), FRAME_MAX_BYTES);
        let (found, used) = decode(&bytes).unwrap().unwrap();
        assert_eq!((found.value(), used), (Ok(largest), FRAME_MAX_BYTES));
    }

    #[test]
    fn every_beginning_of_a_frame_needs_more() {
        let bytes = frame(&"salt");
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end]), Ok(None), "{end} bytes");
        }
    }

    #[test]
    fn what_cannot_become_a_frame_is_refused_at_once() {
        assert_eq!(decode(b"GET / HTTP/1.1"), Err(DecodeError::Magic));
        assert_eq!(decode(b"bzx"), Err(DecodeError::Magic));
        assert_eq!(decode(b"bzr\x09"), Err(DecodeError::Version { found: 9 }));

        let mut bytes = frame(&"salt");
        let found_bytes = BODY_MAX_BYTES as u32 + 1;
        bytes[8..12].copy_from_slice(&found_bytes.to_le_bytes());
        assert_eq!(decode(&bytes[..12]), Err(DecodeError::TooLarge { found_bytes }));
    }

    #[test]
    fn a_value_of_another_type_is_an_error() {
        let bytes = frame(&(1_u8, 2_u8));
        let (found, _) = decode(&bytes).unwrap().unwrap();
        assert_eq!(found.value::<u8>(), Err(DecodeError::Trailing { left_bytes: 1 }));
        assert!(matches!(found.value::<[u8; 3]>(), Err(DecodeError::Value(_))));
    }
}
