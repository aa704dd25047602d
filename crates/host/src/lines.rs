//! Lines from a pipe, a socket or a terminal, without ever waiting for one.
//!
//! The descriptor is left as it is, because making a terminal non-blocking would do so for the
//! shell too. So each read is preceded by the question whether it would wait.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::event::{PollFd, PollFlags, Timespec};

use crate::application::Counts;

/// How long a line may be. A command names a few things; an accident feeds a binary file.
pub(crate) const LINE_MAX_BYTES: usize = 64 << 10;
/// How much is read in a turn, so that a flood of lines cannot keep messages waiting.
const READ_MAX_BYTES: usize = 16 << 10;

/// A source of lines.
#[derive(Debug)]
pub(crate) struct Lines {
    source: OwnedFd,
    /// Whether the system tells when there is something; a file it cannot watch never waits.
    watched: bool,
    readable: bool,
    ended: bool,
    line: Vec<u8>,
    too_long: bool,
}

impl Lines {
    /// Watches `source` under `token`.
    ///
    /// # Errors
    /// The system refused.
    pub fn new(source: OwnedFd, registry: &Registry, token: Token) -> io::Result<Self> {
        let watch =
            registry.register(&mut SourceFd(&source.as_raw_fd()), token, Interest::READABLE);
        let watched = match watch {
            Ok(()) => true,
            // What epoll says of files and of /dev/null.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => false,
            Err(error) => return Err(error),
        };
        let line = Vec::new();
        Ok(Self { source, watched, readable: !watched, ended: false, line, too_long: false })
    }

    /// There is something to read.
    pub fn event(&mut self) {
        self.readable = true;
    }

    /// Whether there is something to read without waiting for the system.
    pub fn is_pending(&self) -> bool {
        self.readable && !self.ended
    }

    /// Whether all lines have been read.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Takes the lines that have come whole, within the limit of a turn.
    ///
    /// # Errors
    /// The source cannot be read.
    pub fn read(&mut self, counts: &mut Counts) -> io::Result<Vec<String>> {
        let mut lines = Vec::new();
        if !self.is_pending() {
            return Ok(lines);
        }
        if self.watched && !self.would_not_wait()? {
            self.readable = false;
            return Ok(lines);
        }
        let mut bytes = [0; READ_MAX_BYTES];
        let count = match rustix::io::read(&self.source, &mut bytes) {
            Ok(count) => count,
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => return Ok(lines),
            // A socket whose other end was killed.
            Err(rustix::io::Errno::CONNRESET) => 0,
            Err(error) => return Err(error.into()),
        };
        let mut pieces = bytes[..count].split(|byte| *byte == b'\n');
        let last = pieces.next_back();
        for piece in pieces {
            self.extend(piece);
            self.end_line(&mut lines, counts);
        }
        self.extend(last.unwrap_or_default());
        if count == 0 {
            self.ended = true;
            if !self.line.is_empty() {
                self.end_line(&mut lines, counts);
            }
        }
        Ok(lines)
    }

    fn would_not_wait(&self) -> io::Result<bool> {
        let mut question = [PollFd::new(&self.source, PollFlags::IN)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        Ok(rustix::event::poll(&mut question, Some(&now))? > 0)
    }

    fn extend(&mut self, piece: &[u8]) {
        self.too_long |= self.line.len() + piece.len() > LINE_MAX_BYTES;
        if self.too_long {
            self.line.clear();
        } else {
            self.line.extend_from_slice(piece);
        }
    }

    fn end_line(&mut self, lines: &mut Vec<String>, counts: &mut Counts) {
        match String::from_utf8(std::mem::take(&mut self.line)) {
            Ok(line) if !self.too_long => lines.push(line),
            _ => counts.bad_lines += 1,
        }
        self.too_long = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    /// Reads all that is there, and says whether the end was.
    fn read_all(lines: &mut Lines, counts: &mut Counts) -> (Vec<String>, bool) {
        lines.event();
        let mut all = Vec::new();
        while lines.is_pending() {
            all.extend(lines.read(counts).unwrap());
        }
        (all, lines.has_ended())
    }

    fn watch(source: impl Into<OwnedFd>) -> Lines {
        let poll = mio::Poll::new().unwrap();
        Lines::new(source.into(), poll.registry(), Token(0)).unwrap()
    }

    #[test]
    fn lines_come_whole_however_they_were_written_and_the_last_needs_no_end() {
        let (mut writer, source) = UnixStream::pair().unwrap();
        let (mut lines, mut counts) = (watch(source), Counts::default());
        writer.write_all(b"one\ntw").unwrap();
        assert_eq!(read_all(&mut lines, &mut counts), (vec!["one".to_owned()], false));
        writer.write_all(b"o\n\nthree").unwrap();
        let two = vec!["two".to_owned(), String::new()];
        assert_eq!(read_all(&mut lines, &mut counts), (two, false));
        drop(writer);
        assert_eq!(read_all(&mut lines, &mut counts), (vec!["three".to_owned()], true));
        assert_eq!(counts, Counts::default());
    }

    #[test]
    fn a_line_that_is_too_long_or_not_text_is_dropped_and_the_next_one_is_not() {
        let mut file = tempfile::tempfile().unwrap();
        for line in [vec![b'x'; LINE_MAX_BYTES + 1], vec![b'y'; LINE_MAX_BYTES], vec![0xFF]] {
            file.write_all(&line).unwrap();
            file.write_all(b"\n").unwrap();
        }
        file.write_all(b"good\n").unwrap();
        io::Seek::rewind(&mut file).unwrap();
        // A file is what the system cannot watch; it never waits.
        let (mut lines, mut counts) = (watch(file), Counts::default());
        let (read, ended) = read_all(&mut lines, &mut counts);
        assert_eq!(read, ["y".repeat(LINE_MAX_BYTES), "good".to_owned()]);
        assert_eq!((ended, counts.bad_lines), (true, 2));
    }
}
