//! Frames out of a stream of bytes that arrive in any pieces.

use crate::{DecodeError, FRAME_MAX_BYTES, Frame, decode};

/// How many bytes [`Stream::space`] offers whenever all whole frames have been taken.
///
/// With less, a fast sender would cost a read a few hundred bytes.
pub const READ_MIN_BYTES: usize = 16 << 10;

/// How large a stream's buffer may grow: so large that it is never full of half a frame, even
/// when as much again lies used up before it.
pub const STREAM_MAX_BYTES: usize = 2 * FRAME_MAX_BYTES + READ_MIN_BYTES;

/// Cuts what a connection receives into frames, in one buffer that is used again and again.
///
/// Read into [`space`](Self::space), say how much with [`filled`](Self::filled), and take frames
/// with [`next`](Self::next) until it says `None`. Each byte is moved at most once on average,
/// whatever the order of the calls and however the bytes are split.
///
/// ```
/// use machine::NodeId;
/// use std::io::Read;
/// use wire::{Header, Stream};
///
/// let mut bytes = Vec::new();
/// wire::encode(&Header { kind: 1, cluster: 7, from: NodeId(3) }, &"salt", &mut bytes)?;
/// let mut connection = &bytes[..];
///
/// let mut stream = Stream::new();
/// let read = connection.read(stream.space())?;
/// stream.filled(read);
/// while let Some(frame) = stream.next()? {
///     assert_eq!(frame.value::<String>()?, "salt");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Stream {
    buffer: Vec<u8>,
    /// Where the first byte stands that belongs to no frame taken.
    start: usize,
    /// Where the bytes received end.
    end: usize,
}

impl Stream {
    /// A stream of which nothing has been received. Allocates nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where to receive the next bytes: at least [`READ_MIN_BYTES`] if [`next`](Self::next) said
    /// `None`. Empty only if so many whole frames wait to be taken that the buffer is full.
    pub fn space(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.buffer.len() - self.end < READ_MIN_BYTES {
            self.make_room();
        }
        &mut self.buffer[self.end..]
    }

    /// Says that so many bytes were received into [`space`](Self::space).
    pub fn filled(&mut self, received_bytes: usize) {
        self.end = self.end.saturating_add(received_bytes).min(self.buffer.len());
    }

    /// Takes the next whole frame; `None` if its last byte has not been received.
    ///
    /// # Errors
    /// If what was received is not a frame. The stream stays there and repeats the error: close
    /// the connection.
    #[expect(clippy::should_implement_trait, reason = "a frame borrows from the stream")]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, DecodeError> {
        let Some((frame, used)) = decode(&self.buffer[self.start..self.end])? else {
            return Ok(None);
        };
        self.start += used;
        Ok(Some(frame))
    }

    fn make_room(&mut self) {
        let waiting = self.end - self.start;
        // Moving no more than has been used up since the last move keeps the cost of a byte
        // constant.
        if waiting <= self.start {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, waiting);
        }
        if self.buffer.len() - self.end < READ_MIN_BYTES {
            let doubled = (2 * self.buffer.len()).clamp(2 * READ_MIN_BYTES, STREAM_MAX_BYTES);
            self.buffer.resize(doubled, 0);
        }
    }
}
