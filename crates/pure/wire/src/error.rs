//! What can be wrong with a value or with bytes.

use crate::{BODY_MAX_BYTES, VERSION};

/// Why a value did not become bytes. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The value takes more bytes than the limit.
    #[error("the value takes more than {limit_bytes} bytes; split it; nothing was written")]
    TooLarge {
        /// The limit.
        limit_bytes: usize,
    },
    /// The value cannot be expressed in the format.
    #[error("the value cannot be written: {0}; nothing was written")]
    Value(postcard::Error),
}

/// Why bytes are not a frame, or not the value asked for. No value was made of them.
///
/// After such an error the next frame's beginning is not known: drop the datagram, or close the
/// connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The first bytes are not a frame's.
    #[error("the bytes are not a frame: they do not begin with the magic of this protocol")]
    Magic,
    /// The frame is of another protocol version.
    #[error(
        "the frame is of protocol version {found}, and this program speaks {VERSION}: run the \
         same release on all nodes"
    )]
    Version {
        /// The frame's version.
        found: u8,
    },
    /// The header announces more than a body may hold.
    #[error("the frame announces a body of {found_bytes} bytes, above {BODY_MAX_BYTES}")]
    TooLarge {
        /// What is announced.
        found_bytes: u32,
    },
    /// The frame was changed on its way.
    #[error("the frame's checksum does not fit its bytes: they were changed on their way")]
    Checksum,
    /// The bytes are more than a value may take.
    #[error("the value has {found_bytes} bytes, above {limit_bytes}: it was not written by us")]
    ValueTooLarge {
        /// What is there.
        found_bytes: usize,
        /// The limit.
        limit_bytes: usize,
    },
    /// The bytes are not a value of the type asked for.
    #[error("the bytes are not a value of the type asked for: {0}")]
    Value(postcard::Error),
    /// The value ends before the bytes do.
    #[error("{left_bytes} bytes are left after the value: it is of another type")]
    Trailing {
        /// How many.
        left_bytes: usize,
    },
}
