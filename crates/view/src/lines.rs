//! Files of JSON lines, as all records of a run are kept: one value a line.
//!
//! Reading is total: whatever the bytes are, the result is the values or an error that names the
//! line, and no line takes more memory than [`LINE_MAX_BYTES`].

use std::io::{self, BufRead, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The longest line that is read, in bytes. A sale that was filled from as many lots as one order
/// may be takes some 50 KiB, and the clock beside it at most 80 KiB; a line that is much longer is
/// not one of ours.
pub const LINE_MAX_BYTES: usize = 1 << 20;

/// Whether a file's last line may be a piece of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// The writer ended in good order: every line must be whole.
    Whole,
    /// The writer may have been killed in the middle of a line: a last line without a line feed is
    /// left out.
    MayBeTorn,
}

/// Why a file of lines could not be read. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be read at all.
    #[error("line {line} could not be read: {source}")]
    Io {
        /// The line, from 1.
        line: u64,
        /// What the operating system said.
        source: io::Error,
    },
    /// A line is too long.
    #[error("line {line} is longer than {LINE_MAX_BYTES} bytes, so this is not such a file")]
    TooLong {
        /// The line, from 1.
        line: u64,
    },
    /// A line is not what it should be.
    #[error("line {line} is not {expected}: {source}")]
    Malformed {
        /// The line, from 1.
        line: u64,
        /// What it should have been.
        expected: &'static str,
        /// What the parser said, with the column.
        source: serde_json::Error,
    },
}

/// Reads all lines; blank ones are passed over. `expected` names one value, as in `an event`.
///
/// # Errors
/// The first line that cannot be read, with its number.
pub fn read<T: DeserializeOwned>(
    mut from: impl BufRead,
    tail: Tail,
    expected: &'static str,
) -> Result<Vec<T>, ReadError> {
    let (mut values, mut text, mut line) = (Vec::new(), Vec::new(), 0);
    loop {
        line += 1;
        text.clear();
        let limit = LINE_MAX_BYTES as u64 + 1;
        let read = from.by_ref().take(limit).read_until(b'\n', &mut text);
        read.map_err(|source| ReadError::Io { line, source })?;
        let whole = text.pop_if(|last| *last == b'\n').is_some();
        if text.len() > LINE_MAX_BYTES {
            return Err(ReadError::TooLong { line });
        }
        if !whole && (text.is_empty() || tail == Tail::MayBeTorn) {
            return Ok(values);
        }
        if text.trim_ascii().is_empty() {
            continue;
        }
        let value = serde_json::from_slice(&text);
        values.push(value.map_err(|source| ReadError::Malformed { line, expected, source })?);
    }
}

/// Writes one line a value.
///
/// # Errors
/// What the writer says. What was written before stays.
pub fn write<'a, T: Serialize + 'a>(
    mut to: impl Write,
    values: impl IntoIterator<Item = &'a T>,
) -> io::Result<()> {
    for value in values {
        serde_json::to_writer(&mut to, value)?;
        to.write_all(b"\n")?;
    }
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &[u8], tail: Tail) -> Result<Vec<u8>, String> {
        read(text, tail, "a number").map_err(|error| error.to_string())
    }

    #[test]
    fn lines_are_read_and_blank_ones_passed_over() {
        assert_eq!(numbers(b"1\n\n 2 \r\n3", Tail::Whole), Ok(vec![1, 2, 3]));
        assert_eq!(numbers(b"", Tail::Whole), Ok(vec![]));
    }

    #[test]
    fn a_torn_tail_is_left_out_only_where_it_may_be() {
        assert_eq!(numbers(b"1\n2", Tail::MayBeTorn), Ok(vec![1]));
        assert_eq!(numbers(b"1\n2\n", Tail::MayBeTorn), Ok(vec![1, 2]));
        assert_eq!(numbers(b"1\n2", Tail::Whole), Ok(vec![1, 2]));
    }

    #[test]
    fn a_bad_line_is_named() {
        let error = numbers(b"1\n\n\"x\"\n", Tail::Whole).unwrap_err();
        assert!(error.starts_with("line 3 is not a number: invalid type"), "{error}");
        let error = numbers(b"1\n\xFF\n", Tail::Whole).unwrap_err();
        assert!(error.starts_with("line 2 is not a number: "), "{error}");
    }

    #[test]
    fn a_long_line_is_refused_at_the_limit() {
        let digits = vec![b' '; LINE_MAX_BYTES - 1];
        let fits = [&digits[..], b"7\n"].concat();
        assert_eq!(numbers(&fits, Tail::Whole), Ok(vec![7]));
        let long = [&digits[..], b" 7\n"].concat();
        let error = numbers(&long, Tail::Whole).unwrap_err();
        assert!(error.starts_with("line 1 is longer than 1048576 bytes"), "{error}");
    }
}
