//! The ideal that a group is read beside: three bare processes over TCP on this machine, one of
//! which gives all messages their order. Batched greedily, and nothing else: no views, no failure
//! handling, no checksums.
//!
//! ```text
//!   member     count, held | so many messages        ──▶ sequencer (a member too)
//!   sequencer  count, whose, stable | the messages   ──▶ each member; to their own only the header
//! ```
//!
//! A member delivers in the order received: at once, or when all three hold a message.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{ChildStdout, Command, Stdio};

use rustix::event::{PollFd, PollFlags};

use super::Killed;
use crate::clock::monotonic_ns;

/// How many members there are, the sequencer included.
pub const MEMBERS: usize = 3;
/// What a member sends before messages: their count, and how many it holds in all.
const UP_HEADER_BYTES: usize = 12;
/// What the sequencer sends before messages: their count, whose they are, and how many are stable.
const DOWN_HEADER_BYTES: usize = 13;
/// How much is read at once.
const READ_BYTES: usize = 256 << 10;
/// What is delivered in this time after the first message does not count.
const WARM_UP_NS: u64 = 200_000_000;

/// What all three are told.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// How long a message is, at least 8.
    pub size_bytes: usize,
    /// How many messages of its own each member keeps under way.
    pub window: u32,
    /// Whether a message is delivered only when all hold it.
    pub held_by_all: bool,
    /// How long it lasts, in nanoseconds.
    pub duration_ns: u64,
}

/// What the ideal reached.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    /// Messages delivered a second, at the slowest member.
    pub messages_per_second: f64,
    /// From sending to delivering an own message, in nanoseconds: the median of the median batches.
    pub own_ns: u64,
}

/// Runs it. `process` gives the command of a process that calls [`member`], told its index and
/// the port of the sequencer, which has index 0 and is told none.
///
/// # Errors
/// A process cannot be started, or does not say what it measured.
pub fn run(mut process: impl FnMut(usize, Option<u16>) -> Command) -> io::Result<Figures> {
    let mut start = |index: usize, port: Option<u16>| {
        let child = process(index, port).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut child = Killed(child);
        let output = child.0.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
        Ok::<_, io::Error>((child, BufReader::new(output)))
    };
    let (first, mut output) = start(0, None)?;
    let port = next_word(&mut output)?;
    let mut running = vec![(first, output)];
    for index in 1..MEMBERS {
        running.push(start(index, Some(port))?);
    }
    let mut all = Vec::new();
    for (_, output) in &mut running {
        let rate: f64 = next_word(output)?;
        all.push((rate, next_word::<u64>(output)?));
    }
    let mut medians: Vec<u64> = all.iter().map(|(_, own_ns)| *own_ns).collect();
    medians.sort_unstable();
    let messages_per_second = all.iter().map(|(rate, _)| *rate).fold(f64::INFINITY, f64::min);
    Ok(Figures { messages_per_second, own_ns: medians[medians.len() / 2] })
}

fn next_word<T: std::str::FromStr>(output: &mut BufReader<ChildStdout>) -> io::Result<T> {
    let mut line = String::new();
    output.read_line(&mut line)?;
    line.trim().parse().map_err(|_| io::Error::other(format!("not what was expected: {line:?}")))
}

/// One of the three processes. Says on standard output: the port, if it is the sequencer; at the
/// end its messages a second and its median in nanoseconds, a line each. The kernel ends it with the
/// process `parent`.
///
/// # Errors
/// The parent is gone, it cannot listen or connect, or another process broke.
pub fn member(index: usize, port: Option<u16>, shape: Shape, parent: u32) -> io::Result<()> {
    crate::node::die_with(parent).map_err(io::Error::other)?;
    let mut pipes = Vec::new();
    match port {
        Some(port) => {
            let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
            socket.write_all(&[index as u8])?;
            pipes.push(Pipe::new(socket, 0)?);
        }
        None => {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            println!("{}", listener.local_addr()?.port());
            for _ in 1..MEMBERS {
                let (mut socket, _) = listener.accept()?;
                let mut peer = [0];
                socket.read_exact(&mut peer)?;
                pipes.push(Pipe::new(socket, usize::from(peer[0]))?);
            }
        }
    }
    let mut member = Member::new(index, shape);
    let end_ns = monotonic_ns().saturating_add(shape.duration_ns);
    // The sequencer ends it, and the others end with their connection.
    while (index > 0 || monotonic_ns() < end_ns) && member.turn(&mut pipes)? {}
    member.count.tell();
    Ok(())
}

/// A connection and what waits in it.
struct Pipe {
    socket: TcpStream,
    peer: usize,
    input: Vec<u8>,
    /// Where what was received and not taken begins and ends.
    taken: usize,
    received: usize,
    output: Vec<u8>,
    /// How many messages the peer is known to hold.
    held: u64,
}

impl Pipe {
    fn new(socket: TcpStream, peer: usize) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let (input, output) = (vec![0; READ_BYTES], Vec::new());
        Ok(Self { socket, peer, input, taken: 0, received: 0, output, held: 0 })
    }

    /// Reads what is there. False at the end.
    fn fill(&mut self) -> io::Result<bool> {
        self.input.copy_within(self.taken..self.received, 0);
        self.received -= std::mem::take(&mut self.taken);
        if self.input.len() - self.received < READ_BYTES {
            self.input.resize(2 * self.input.len(), 0);
        }
        match self.socket.read(&mut self.input[self.received..]) {
            Ok(count) => {
                self.received += count;
                Ok(count > 0)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.socket.write(&self.output) {
            Ok(count) => drop(self.output.drain(..count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The next whole frame: its header and its messages.
    fn frame(&mut self, size_bytes: usize, me: usize) -> Option<(u32, usize, u64, &[u8])> {
        let rest = &self.input[self.taken..self.received];
        let count = u32::from_le_bytes(*rest.first_chunk()?);
        let (whose, number_at) = if me == 0 { (self.peer, 4) } else { ((*rest.get(4)?).into(), 5) };
        let number = u64::from_le_bytes(*rest.get(number_at..)?.first_chunk()?);
        let body_at = if me == 0 { UP_HEADER_BYTES } else { DOWN_HEADER_BYTES };
        let has_body = whose != me;
        let end = body_at + if has_body { count as usize * size_bytes } else { 0 };
        let body = rest.get(body_at..end)?;
        self.taken += end;
        Some((count, whose, number, body))
    }
}

/// A member's messages.
struct Member {
    me: usize,
    shape: Shape,
    message: Vec<u8>,
    /// How many of its own messages are under way.
    under_way: u32,
    /// Batches sent and not placed: how many, and when.
    sent: VecDeque<(u32, u64)>,
    /// Own batches placed and not delivered: the position of their end, how many, when sent.
    placed: VecDeque<(u64, u32, u64)>,
    received: u64,
    stable: u64,
    /// What the others were told of these.
    told: (u64, u64),
    count: Count,
}

impl Member {
    fn new(me: usize, shape: Shape) -> Self {
        Self {
            me,
            shape,
            message: vec![7; shape.size_bytes],
            under_way: 0,
            sent: VecDeque::new(),
            placed: VecDeque::new(),
            received: 0,
            stable: 0,
            told: (0, 0),
            count: Count::default(),
        }
    }

    /// Sends, waits, reads, delivers. False at the end of a connection.
    fn turn(&mut self, pipes: &mut [Pipe]) -> io::Result<bool> {
        self.send(pipes);
        for pipe in pipes.iter_mut().filter(|pipe| !pipe.output.is_empty()) {
            pipe.flush()?;
        }
        let question = |pipe: &Pipe| match pipe.output.is_empty() {
            true => PollFlags::IN,
            false => PollFlags::IN | PollFlags::OUT,
        };
        let mut questions: Vec<_> =
            pipes.iter().map(|pipe| PollFd::new(&pipe.socket, question(pipe))).collect();
        rustix::event::poll(&mut questions, None)?;
        let is_readable: Vec<bool> =
            questions.iter().map(|question| question.revents() != PollFlags::OUT).collect();
        for (at, is_readable) in is_readable.into_iter().enumerate() {
            if is_readable && !pipes[at].fill()? {
                return Ok(false);
            }
            self.take(pipes, at);
        }
        if self.me == 0 {
            let held = pipes.iter().map(|pipe| pipe.held).min().unwrap_or(0);
            self.stable = if self.shape.held_by_all { held } else { self.received };
        }
        self.deliver();
        Ok(true)
    }

    fn send(&mut self, pipes: &mut [Pipe]) {
        let count = self.shape.window - self.under_way;
        let news = self.shape.held_by_all && self.told != (self.received, self.stable);
        if count == 0 && !news {
            return;
        }
        if count > 0 {
            self.under_way += count;
            self.sent.push_back((count, monotonic_ns()));
        }
        if self.me == 0 {
            self.place(0, count);
        }
        for pipe in pipes {
            pipe.output.extend_from_slice(&count.to_le_bytes());
            if self.me == 0 {
                pipe.output.push(0);
            }
            let number = if self.me == 0 { self.stable } else { self.received };
            pipe.output.extend_from_slice(&number.to_le_bytes());
            for _ in 0..count {
                pipe.output.extend_from_slice(&self.message);
            }
        }
        self.told = (self.received, self.stable);
    }

    /// Takes the frames that are whole; the sequencer hands them on.
    fn take(&mut self, pipes: &mut [Pipe], at: usize) {
        let (before, rest) = pipes.split_at_mut(at);
        let Some((pipe, after)) = rest.split_first_mut() else { return };
        let mut held = pipe.held;
        let mut answers = Vec::new();
        while let Some((count, whose, number, body)) = pipe.frame(self.shape.size_bytes, self.me) {
            self.place(whose, count);
            self.count.look_at(body, self.shape.size_bytes);
            if self.me > 0 {
                self.stable =
                    if self.shape.held_by_all { self.stable.max(number) } else { self.received };
                continue;
            }
            held = held.max(number);
            if count > 0 {
                for other in before.iter_mut().chain(after.iter_mut()) {
                    other.output.extend_from_slice(&down_header(count, whose, self.stable));
                    other.output.extend_from_slice(body);
                }
                // The header alone tells its sender where its messages stand.
                answers.extend_from_slice(&down_header(count, whose, self.stable));
            }
        }
        pipe.held = held;
        pipe.output.append(&mut answers);
    }

    /// The next `count` places in the order are `whose`.
    fn place(&mut self, whose: usize, count: u32) {
        self.received += u64::from(count);
        if whose == self.me
            && count > 0
            && let Some((count, sent_ns)) = self.sent.pop_front()
        {
            self.placed.push_back((self.received, count, sent_ns));
        }
    }

    fn deliver(&mut self) {
        let now_ns = monotonic_ns();
        let up_to = if self.shape.held_by_all { self.stable } else { self.received };
        self.count.delivered(up_to, now_ns);
        while let Some((_, count, sent_ns)) = self.placed.pop_front_if(|(end, _, _)| *end <= up_to)
        {
            self.under_way -= count;
            self.count.own_ns.push(now_ns - sent_ns);
        }
    }
}

fn down_header(count: u32, whose: usize, stable: u64) -> [u8; DOWN_HEADER_BYTES] {
    let mut header = [0; DOWN_HEADER_BYTES];
    header[..4].copy_from_slice(&count.to_le_bytes());
    header[4] = whose as u8;
    header[5..].copy_from_slice(&stable.to_le_bytes());
    header
}

/// What a member counts.
#[derive(Default)]
struct Count {
    /// Where the time that counts began: then, and with so many delivered.
    begin: Option<(u64, u64)>,
    last: (u64, u64),
    own_ns: Vec<u64>,
    sum: u64,
}

impl Count {
    /// Each message is looked at, as little as that may be.
    fn look_at(&mut self, body: &[u8], size_bytes: usize) {
        for message in body.chunks_exact(size_bytes) {
            let first = message.first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
            self.sum = std::hint::black_box(self.sum.wrapping_add(first));
        }
    }

    fn delivered(&mut self, total: u64, now_ns: u64) {
        if self.last.1 == total {
            return;
        }
        self.last = (now_ns, total);
        let (begin_ns, _) = *self.begin.get_or_insert((now_ns.saturating_add(WARM_UP_NS), 0));
        if now_ns < begin_ns {
            self.begin = Some((begin_ns, total));
        }
    }

    fn tell(&mut self) {
        let (begin_ns, begun) = self.begin.unwrap_or_default();
        let (end_ns, total) = self.last;
        let seconds = end_ns.saturating_sub(begin_ns).max(1) as f64 / 1e9;
        self.own_ns.sort_unstable();
        let median_ns = self.own_ns.get(self.own_ns.len() / 2).copied().unwrap_or_default();
        println!("{}\n{median_ns}", total.saturating_sub(begun) as f64 / seconds);
    }
}
