//! The clients of Redis: as many connections in one thread, each with so many requests under way,
//! each answer verified, and what is said in a turn written at once.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use mio::{Events, Interest, Poll, Token};

use super::{Measured, Shape};

/// How many units there are: more than any run can sell.
pub(super) const STOCK: u64 = 64_000_000;
/// How much is read at once.
const READ_BYTES: usize = 64 << 10;
/// How long nothing may come while something is under way.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// A connection for single questions.
pub(super) struct Connection(TcpStream);

impl Connection {
    pub fn connect(port: u16) -> io::Result<Self> {
        let mut connection = Self(TcpStream::connect((Ipv4Addr::LOCALHOST, port))?);
        match connection.ask(&["PING"]) {
            Ok(pong) if pong == "PONG" => Ok(connection),
            other => Err(io::Error::other(format!("not ready: {other:?}"))),
        }
    }

    /// Asks and waits for the answer.
    pub fn ask(&mut self, words: &[&str]) -> anyhow::Result<String> {
        let mut text = Vec::new();
        command(&mut text, words);
        self.0.write_all(&text)?;
        let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
        loop {
            if let Some((reply, _)) = reply(&bytes)? {
                return Ok(reply.to_owned());
            }
            let count = self.0.read(&mut chunk)?;
            ensure!(count > 0, "the server closed the connection");
            bytes.extend_from_slice(&chunk[..count]);
        }
    }
}

/// Appends a command.
fn command(out: &mut Vec<u8>, words: &[&str]) {
    out.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

/// The reply with which `bytes` begin, and how long it is; none if it is not whole.
fn reply(bytes: &[u8]) -> anyhow::Result<Option<(&str, usize)>> {
    let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else { return Ok(None) };
    let line = std::str::from_utf8(&bytes[..end])?;
    let rest = end + 2;
    match line.split_at_checked(1) {
        Some(("+" | ":", text)) => Ok(Some((text, rest))),
        Some(("$", length)) => {
            let length: usize = length.parse().with_context(|| format!("no value: {line}"))?;
            let Some(text) = bytes.get(rest..rest + length) else { return Ok(None) };
            let whole = bytes.len() >= rest + length + 2;
            Ok(whole.then_some((std::str::from_utf8(text)?, rest + length + 2)))
        }
        _ => bail!("the server says {line}"),
    }
}

/// What the clients tell.
pub(super) struct Told {
    /// Units with receipts, over the whole run.
    pub bought: u64,
    pub measured: Measured,
}

struct Client {
    socket: mio::net::TcpStream,
    name: String,
    next: u64,
    under_way: VecDeque<(String, Instant)>,
    received: Vec<u8>,
    waiting: Vec<u8>,
}

/// Has clients buy one unit after the other.
///
/// # Errors
/// The server does not answer, or answers wrongly.
pub(super) fn generate(
    port: u16,
    script: &str,
    keep_seconds: &str,
    shape: Shape,
    seconds: u8,
) -> anyhow::Result<Told> {
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1024));
    let mut clients = Vec::new();
    for number in 0..shape.clients {
        clients.push(Client::connect(port, number, &poll)?);
    }
    let lasts = Duration::from_secs(seconds.into());
    let measured_from = Instant::now() + lasts / 4;
    let ends = measured_from + lasts;
    let mut given = vec![false; STOCK as usize];
    let (mut bought, mut took_ns, mut last) = (0, Vec::new(), measured_from);
    for client in &mut clients {
        for _ in 0..shape.in_flight {
            client.buy(script, keep_seconds, Instant::now());
        }
        client.flush()?;
    }
    let mut chunk = vec![0; READ_BYTES];
    let mut spoken = Vec::new();
    while clients.iter().any(|client| !client.under_way.is_empty()) {
        match poll.poll(&mut events, Some(SILENCE_MAX)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            other => other?,
        }
        ensure!(!events.is_empty(), "no answer for {SILENCE_MAX:?}");
        for event in &events {
            let client = &mut clients[event.token().0];
            spoken.push(event.token().0);
            client.receive(&mut chunk)?;
            let mut taken = 0;
            while let Some((receipt, length)) = reply(&client.received[taken..])? {
                let now = Instant::now();
                let Some((request, sent)) = client.under_way.pop_front() else {
                    bail!("an answer to no request: {receipt}");
                };
                let left = receipt.strip_prefix(request.as_str());
                let left = left.and_then(|left| left.strip_prefix(':')?.parse::<usize>().ok());
                let left =
                    left.with_context(|| format!("{request} was answered with {receipt}"))?;
                ensure!(!std::mem::replace(&mut given[left], true), "{left} was sold twice");
                taken += length;
                bought += 1;
                if now < ends {
                    if sent >= measured_from {
                        took_ns.push((now - sent).as_nanos() as u64);
                        last = now;
                    }
                    client.buy(script, keep_seconds, now);
                }
            }
            client.received.drain(..taken);
        }
        for client in spoken.drain(..) {
            clients[client].flush()?;
        }
    }
    let measured = Measured::of(took_ns, last - measured_from)?;
    Ok(Told { bought, measured })
}

impl Client {
    fn connect(port: u16, number: u32, poll: &Poll) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let mut socket = mio::net::TcpStream::from_std(socket);
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut socket, Token(number as usize), interest)?;
        let (under_way, received, waiting) = (VecDeque::new(), Vec::new(), Vec::new());
        Ok(Self { socket, name: number.to_string(), next: 1, under_way, received, waiting })
    }

    fn buy(&mut self, script: &str, keep_seconds: &str, now: Instant) {
        let request = format!("{}:{}", self.name, self.next);
        self.next += 1;
        let words = ["EVALSHA", script, "2", &request, "stock", &request, keep_seconds];
        command(&mut self.waiting, &words);
        self.under_way.push_back((request, now));
    }

    fn receive(&mut self, chunk: &mut [u8]) -> anyhow::Result<()> {
        loop {
            match self.socket.read(chunk) {
                Ok(0) => bail!("the server closed the connection of client {}", self.name),
                Ok(count) => {
                    self.received.extend_from_slice(&chunk[..count]);
                    // What comes later is a new event.
                    if count < chunk.len() {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        while !self.waiting.is_empty() {
            match self.socket.write(&self.waiting) {
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_taken_whole() {
        assert_eq!(reply(b"+PONG\r\n$2").unwrap(), Some(("PONG", 7)));
        let bulk = b"$5\r\n7:1:4\r\n";
        for end in 0..bulk.len() {
            assert_eq!(reply(&bulk[..end]).unwrap(), None, "{end} bytes");
        }
        assert_eq!(reply(bulk).unwrap(), Some(("7:1:4", bulk.len())));
        assert!(reply(b"-ERR no\r\n").is_err());
        assert!(reply(b"$-1\r\n").is_err(), "no value is no receipt");
    }

    #[test]
    fn a_command_is_an_array_of_words() {
        let mut out = Vec::new();
        command(&mut out, &["GET", "stock"]);
        assert_eq!(out, b"*2\r\n$3\r\nGET\r\n$5\r\nstock\r\n");
    }
}
