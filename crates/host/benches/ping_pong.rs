//! A message to another process and back: two nodes against a bare TCP ping-pong, in turns.
//!
//! `cargo bench -p host`. Each figure is the median of one repetition.

#![allow(clippy::unwrap_used, reason = "a failure here is a failed benchmark")]

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};

use host::{Application, Control, Node, NodeSettings, Transport, probe};
use machine::{Context, Input, Instant, Journal, Machine, Never, NodeId};
use store::Durability;

const ROUNDS: usize = 20_000;
const IN_FLIGHT: usize = 256;
const REPETITIONS: usize = 5;

/// Sends messages back and forth; one side may write each to a journal first.
struct Ball {
    /// How many messages are under way at once, for the side that begins.
    serves: usize,
    persists: bool,
    sent_at: VecDeque<Instant>,
    times_ns: Vec<u64>,
}

impl Machine for Ball {
    type Message = Vec<u8>;
    type Command = Never;
    type Report = Vec<u64>;
    type Record = Vec<u8>;
    type Snapshot = ();
    type Alarm = Never;

    fn handle(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Start if self.persists => cx.snapshot(Journal::Own, ()),
            Input::Opened(node) => {
                for _ in 0..self.serves {
                    self.sent_at.push_back(cx.now);
                    cx.send(node, vec![7; probe::PING_BYTES - wire::HEADER_BYTES - 1]);
                }
            }
            Input::Message { from, body } => {
                if self.persists {
                    cx.persist(Journal::Own, body.clone());
                }
                if let Some(sent_at) = self.sent_at.pop_front() {
                    self.times_ns.push(cx.now.since(sent_at).as_nanos() as u64);
                    self.sent_at.push_back(cx.now);
                    if self.times_ns.len() == ROUNDS {
                        cx.report(std::mem::take(&mut self.times_ns));
                        return;
                    }
                }
                cx.send(from, body);
            }
            _ => {}
        }
    }
}

struct Wiring(Vec<u64>);

impl Application for Wiring {
    type Machine = Ball;
    fn report(&mut self, _: Instant, report: Vec<u64>, control: &mut Control) {
        self.0 = report;
        control.stop();
    }
    fn line(&mut self, _: &str, _: &mut Control) -> Option<Never> {
        None
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn settings(node: u32, transport: Transport) -> NodeSettings {
    NodeSettings {
        node: NodeId(node),
        cluster: 1,
        origin_ns: 0,
        seed: 1,
        transport,
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        own_journal: None,
        common_journal: None,
        durability: Durability::Memory,
        polls_for: host::POLLS_FOR,
        known: Vec::new(),
        lines: None,
        parent: None,
    }
}

fn transport(name: &str) -> Transport {
    if name == "udp" { Transport::Udp } else { Transport::Tcp }
}

/// The other process: answers, from behind its journal if it has one.
fn answer(transport: Transport, durability: Option<Durability>, folder: &str) {
    let mut settings = settings(1, transport);
    settings.parent = Some(std::os::unix::process::parent_id());
    settings.own_journal = durability.map(|_| folder.into());
    settings.durability = durability.unwrap_or(Durability::Memory);
    let node = Node::bind(settings).unwrap();
    println!("{}", node.address());
    let persists = durability.is_some();
    let ball = Ball { serves: 0, persists, sent_at: VecDeque::new(), times_ns: Vec::new() };
    node.run(ball, &mut Wiring(Vec::new())).unwrap();
}

/// The times of all rounds between this process and another one.
fn serve(transport_name: &str, durability: &str, serves: usize) -> Vec<u64> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["answer", transport_name, durability, folder.path().to_str().unwrap()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut address = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
    let mut settings = settings(2, transport(transport_name));
    settings.known = vec![(NodeId(1), address.trim().to_owned())];
    let ball = Ball { serves, persists: false, sent_at: VecDeque::new(), times_ns: Vec::new() };
    let mut wiring = Wiring(Vec::new());
    Node::bind(settings).unwrap().run(ball, &mut wiring).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    wiring.0
}

fn bare() -> Vec<u64> {
    let mut echo = Command::new(std::env::current_exe().unwrap());
    echo.arg("echo");
    probe::ping_pong(echo, ROUNDS).unwrap()
}

fn print(name: &str, mut times_ns: Vec<u64>) {
    times_ns.sort_unstable();
    let at = |share: usize| times_ns[(times_ns.len() - 1) * share / 100] as f64 / 1000.0;
    println!("{name:<24} p50 {:>7.1} us   p99 {:>7.1} us", at(50), at(99));
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["echo"] => probe::echo_server().unwrap(),
        ["answer", name, durability, folder] => {
            let durability = match durability {
                "memory" => Some(Durability::Memory),
                "disk" => Some(Durability::Disk),
                _ => None,
            };
            answer(transport(name), durability, folder);
        }
        // Only a benchmark when asked for one: `cargo test --benches` just starts it.
        ref arguments if arguments.contains(&"--bench") => {
            let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
            for _ in 0..REPETITIONS {
                print("bare tcp", bare());
                print("tcp", serve("tcp", "none", 1));
                print("udp", serve("udp", "none", 1));
                print("tcp, journal in memory", serve("tcp", "memory", 1));
                print("fdatasync", probe::fdatasync(folder.path(), 2000).unwrap());
                print("tcp, journal on disk", serve("tcp", "disk", 1));
                for (name, durability) in [("tcp", "none"), ("udp", "none"), ("tcp", "disk")] {
                    let times_ns = serve(name, durability, IN_FLIGHT);
                    let mean_ns = times_ns.iter().sum::<u64>() / times_ns.len() as u64;
                    let rate = IN_FLIGHT as u64 * 1_000_000_000 / mean_ns;
                    println!("{IN_FLIGHT} in flight, {name}, journal: {durability}: {rate}/s");
                }
                println!();
            }
        }
        _ => {}
    }
}
