//! Values to plain bytes and back, without a frame: what stands in a journal's records.

use postcard::ser_flavors::Flavor;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{DecodeError, EncodeError};

/// How long a value without a frame may be.
///
/// The largest is a market's snapshot: some hundred bytes a lot, an account or an answer that a
/// client may still ask for. This holds several million of them, and what a false one can make the
/// reader do stays in bounds.
pub const VALUE_MAX_BYTES: usize = 1 << 30;

/// The bytes of a value, for a journal.
///
/// ```
/// let bytes = wire::to_bytes(&("salt", 5_u32))?;
/// assert_eq!(wire::from_bytes::<(String, u32)>(&bytes)?, ("salt".to_owned(), 5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the value takes more than [`VALUE_MAX_BYTES`], or its type cannot be written.
pub fn to_bytes<T: Serialize>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let mut out = Vec::new();
    append_bytes(value, &mut out)?;
    Ok(out)
}

/// Appends the bytes of a value to `out`, which may hold others already: a journal's records of one
/// moment in one piece of memory.
///
/// # Errors
/// As with [`to_bytes`]. `out` is then as before.
pub fn append_bytes<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let start = out.len();
    append(value, out, VALUE_MAX_BYTES).inspect_err(|_| out.truncate(start))
}

/// The value that stands in `bytes`, all of which it must take.
///
/// # Errors
/// If the bytes are not one value of type `T`, or are more than [`VALUE_MAX_BYTES`].
pub fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    if bytes.len() > VALUE_MAX_BYTES {
        let (found_bytes, limit_bytes) = (bytes.len(), VALUE_MAX_BYTES);
        return Err(DecodeError::ValueTooLarge { found_bytes, limit_bytes });
    }
    match postcard::take_from_bytes(bytes).map_err(DecodeError::Value)? {
        (value, []) => Ok(value),
        (_, left) => Err(DecodeError::Trailing { left_bytes: left.len() }),
    }
}

/// Appends at most `limit_bytes`; on an error `out` may have grown.
pub(crate) fn append<T: Serialize>(
    value: &T,
    out: &mut Vec<u8>,
    limit_bytes: usize,
) -> Result<(), EncodeError> {
    let bounded = Bounded { end: out.len().saturating_add(limit_bytes), out };
    postcard::serialize_with_flavor(value, bounded).map_err(|error| match error {
        postcard::Error::SerializeBufferFull => EncodeError::TooLarge { limit_bytes },
        error => EncodeError::Value(error),
    })
}

/// Up to so many bytes are copied here: most are a number's, and for them a call to copy takes longer
/// than the copying.
const SHORT_BYTES: usize = 10;

/// Appends to a list that is in use already, and stops a value that is too large where it becomes
/// so, not when all of it has been written.
struct Bounded<'a> {
    out: &'a mut Vec<u8>,
    /// The length that `out` may reach.
    end: usize,
}

impl Flavor for Bounded<'_> {
    type Output = ();

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        if self.out.len() == self.end {
            return Err(postcard::Error::SerializeBufferFull);
        }
        self.out.push(byte);
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        if self.end - self.out.len() < bytes.len() {
            return Err(postcard::Error::SerializeBufferFull);
        }
        if bytes.len() > SHORT_BYTES {
            self.out.extend_from_slice(bytes);
            return Ok(());
        }
        let mut rest = bytes;
        while let Some((four, others)) = rest.split_first_chunk::<4>() {
            self.out.extend_from_slice(four);
            rest = others;
        }
        rest.iter().for_each(|byte| self.out.push(*byte));
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_met_exactly_and_not_passed() {
        let mut out = vec![9];
        // One byte of length, three of text.
        assert_eq!(append(&"abc", &mut out, 4), Ok(()));
        assert_eq!(out, [9, 3, b'a', b'b', b'c']);
        assert_eq!(append(&"abc", &mut out, 3), Err(EncodeError::TooLarge { limit_bytes: 3 }));
        assert_eq!(append(&7_u8, &mut vec![9], 0), Err(EncodeError::TooLarge { limit_bytes: 0 }));
    }

    #[test]
    fn bytes_of_any_number_stand_there_as_they_were() {
        for length in 0..3 * SHORT_BYTES {
            let text: String = ('a'..='z').cycle().take(length).collect();
            let bytes = to_bytes(&(&text, 7_u8)).unwrap();
            assert_eq!((bytes[0] as usize, &bytes[1..=length]), (length, text.as_bytes()));
            assert_eq!(from_bytes::<(String, u8)>(&bytes), Ok((text, 7)));
        }
    }

    #[test]
    fn all_bytes_must_be_used() {
        assert_eq!(from_bytes::<u8>(&[1]), Ok(1));
        assert_eq!(from_bytes::<u8>(&[1, 2, 3]), Err(DecodeError::Trailing { left_bytes: 2 }));
        assert!(matches!(from_bytes::<u8>(&[]), Err(DecodeError::Value(_))));
    }

    #[test]
    fn a_value_above_the_limit_is_neither_written_nor_read() {
        let large = "x".repeat(VALUE_MAX_BYTES + 1);
        assert_eq!(to_bytes(&large), Err(EncodeError::TooLarge { limit_bytes: VALUE_MAX_BYTES }));
        let error = from_bytes::<String>(large.as_bytes());
        assert!(matches!(error, Err(DecodeError::ValueTooLarge { .. })));
    }

    #[test]
    fn a_false_length_is_an_error_and_not_an_allocation() {
        // The longest length that the format can express, and nothing behind it.
        let mut false_length = [0xFF_u8; 10];
        false_length[9] = 0x01;
        assert!(from_bytes::<Vec<u64>>(&false_length).is_err());
        assert!(from_bytes::<String>(&false_length).is_err());
        assert!(from_bytes::<std::collections::BTreeMap<u64, u64>>(&false_length).is_err());
    }
}
