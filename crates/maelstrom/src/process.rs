//! A node as a process: lines from a reader, packets to a writer, and the clock.
//!
//! A thread reads; the node lives in the caller's. It sleeps until a line comes or something is due,
//! takes all lines that are there, does what is due, and writes all that follows with one flush.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

use machine::Instant;

use crate::node::{Node, Output, Settings};
use crate::packet::LINE_BYTES_MAX;

/// How many lines may wait for the node; beyond it they wait in the pipe.
const LINES_MAX: usize = 256;
/// How many lines are taken before what is due is done: heartbeats must not wait for a flood.
const TURN_LINES_MAX: usize = 256;
/// How long the node sleeps at most when nothing is due.
const SLEEP_MAX: Duration = Duration::from_secs(3600);

/// Why a node ended before its input did.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The thread that reads could not be started.
    #[error("the thread that reads the input could not be started: {0}")]
    Thread(io::Error),
    /// The input could not be read.
    #[error("the input could not be read: {0}")]
    Read(io::Error),
    /// The output could not be written.
    #[error("the output could not be written: {0}")]
    Write(io::Error),
    /// The node cannot go on.
    #[error("this node cannot go on: {0}")]
    Failed(String),
}

/// Runs a node until its input ends. Notes go to `log`, one a line.
///
/// # Errors
/// The input or output failed, or the node cannot go on.
pub fn run(
    settings: Settings,
    input: impl Read + Send + 'static,
    mut output: impl Write,
    mut log: impl Write,
) -> Result<(), RunError> {
    let origin_ns = host::clock::monotonic_ns();
    let now = || Instant::from_nanos(host::clock::monotonic_ns().saturating_sub(origin_ns));
    let (sender, lines) = sync_channel(LINES_MAX);
    let reader = std::thread::Builder::new().name("input".into());
    // It ends with its input, or with the process.
    let read = move || read(input, &sender);
    reader.spawn(read).map(drop).map_err(RunError::Thread)?;
    let mut node = Node::new(settings);
    loop {
        let sleep = node.wake_at().map_or(SLEEP_MAX, |at| at.since(now()));
        let mut done = Output::default();
        let goes_on = turn(&mut node, &lines, sleep, now, &mut done)?;
        node.wake(now(), &mut done);
        for note in &done.notes {
            // A log that cannot be written is no reason to end.
            let _ = writeln!(log, "{} {note}", now());
        }
        for packet in &done.packets {
            let line = packet.line().map_err(|error| RunError::Write(error.into()))?;
            output.write_all(&line).map_err(RunError::Write)?;
        }
        output.flush().map_err(RunError::Write)?;
        if let Some(why) = done.failed {
            return Err(RunError::Failed(why));
        }
        if !goes_on {
            return Ok(());
        }
    }
}

/// Waits for a line for so long, and takes all that are there. False if the input has ended.
fn turn(
    node: &mut Node,
    lines: &Receiver<io::Result<Vec<u8>>>,
    sleep: Duration,
    now: impl Fn() -> Instant,
    done: &mut Output,
) -> Result<bool, RunError> {
    let mut next = match lines.recv_timeout(sleep) {
        Ok(line) => Some(line),
        Err(RecvTimeoutError::Timeout) => None,
        Err(RecvTimeoutError::Disconnected) => return Ok(false),
    };
    for _ in 0..TURN_LINES_MAX {
        let Some(line) = next else { return Ok(true) };
        node.line(now(), &line.map_err(RunError::Read)?, done);
        next = match lines.try_recv() {
            Ok(line) => Some(line),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => return Ok(false),
        };
    }
    if let Some(line) = next {
        node.line(now(), &line.map_err(RunError::Read)?, done);
    }
    Ok(true)
}

/// Passes lines on until the input ends or nobody wants them.
fn read(input: impl Read, sender: &SyncSender<io::Result<Vec<u8>>>) {
    let mut input = BufReader::new(input);
    loop {
        let line = next_line(&mut input);
        let is_last = !matches!(line, Ok(Some(_)));
        if let Some(line) = line.transpose()
            && sender.send(line).is_err()
        {
            return;
        }
        if is_last {
            return;
        }
    }
}

/// The next line without its end, blank ones passed over. One that is too long comes cut off, longer
/// than may be, so that the node says so; the rest of it is passed over.
fn next_line(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    loop {
        let mut line = Vec::new();
        let limit = LINE_BYTES_MAX as u64 + 1;
        if input.by_ref().take(limit).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if line.len() > LINE_BYTES_MAX {
            input.skip_until(b'\n')?;
        }
        if !line.iter().all(u8::is_ascii_whitespace) {
            return Ok(Some(line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_or_without_an_end_of_line_and_long_ones_are_cut_off() {
        let long = vec![b'x'; LINE_BYTES_MAX + 10];
        let text = [b"a\n \n\nb\r\n", &long[..], b"\nc"].concat();
        let mut input = BufReader::new(&text[..]);
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut input).unwrap() {
            lines.push(line);
        }
        let lengths: Vec<_> = lines.iter().map(Vec::len).collect();
        assert_eq!(lengths, [1, 2, LINE_BYTES_MAX + 1, 1]);
        assert_eq!(lines[3], b"c");
    }
}
