//! Values to frames and back: the only form in which one process speaks to another.
//!
//! A frame is a header and a body; all numbers are little-endian:
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 3 | magic: `bzr` |
//! | 3 | 1 | protocol version |
//! | 4 | 4 | CRC-32 of all that follows |
//! | 8 | 4 | length of the body, at most [`BODY_MAX_BYTES`] |
//! | 12 | 8 | tag of the cluster: drop frames of another run |
//! | 20 | 4 | node that sends |
//! | 24 | 1 | kind, whose meaning is the caller's |
//! | 25 | | body: one value in the postcard format |
//!
//! Bytes come from outside, so nothing here panics on any of them, and no length is believed before
//! it has been checked. What a body may hold is up to its type, and two kinds of types are not fit
//! for the wire: recursive ones, which a hostile body can nest until the stack overflows, and lists
//! of values that take no bytes (`Vec<()>`), which a hostile body can make endless. A long payload
//! should be serialised as bytes (`serialize_bytes`): a `Vec<u8>` is otherwise written and read one
//! byte at a time.
//!
//! ```
//! use machine::NodeId;
//! use wire::Header;
//!
//! let header = Header { kind: 1, cluster: 7, from: NodeId(3) };
//! let mut bytes = Vec::new();
//! wire::encode(&header, &("salt", 5_u32), &mut bytes)?;
//!
//! let (frame, used) = wire::decode(&bytes)?.expect("the frame is whole");
//! assert_eq!(used, bytes.len());
//! assert_eq!(frame.header, header);
//! assert_eq!(frame.value::<(String, u32)>()?, ("salt".to_owned(), 5));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod frame;
mod stream;
mod value;

pub use error::{DecodeError, EncodeError};
pub use frame::{
    BODY_MAX_BYTES, FRAME_MAX_BYTES, Frame, HEADER_BYTES, Header, VERSION, decode, encode,
};
pub use stream::{READ_MIN_BYTES, STREAM_MAX_BYTES, Stream};
pub use value::{VALUE_MAX_BYTES, append_bytes, from_bytes, to_bytes};
