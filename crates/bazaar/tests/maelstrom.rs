//! `bazaar maelstrom` as processes, on the bench of the crate `maelstrom`: their messages pass
//! through the test, which delays, loses and cuts, and kills them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

#[path = "../../maelstrom/tests/bench/mod.rs"]
mod bench;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant as Clock};

use bench::judge::assert_well;
use bench::workload::Kind;
use bench::{Bench, Nodes, Plan};
use machine::Instant;
use maelstrom::Packet;

/// Processes, each with a thread that reads its output. All die with this value.
struct Processes {
    running: Vec<Option<(Child, ChildStdin)>>,
    arguments: &'static [&'static str],
    said: Sender<String>,
}

impl Nodes for Processes {
    fn start(&mut self, node: usize) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_bazaar"))
            .arg("maelstrom")
            .args(self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let said = self.said.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // The bench is over.
                if said.send(line).is_err() {
                    return;
                }
            }
        });
        self.running[node] = Some((child, input));
    }

    fn kill(&mut self, node: usize) {
        if let Some((mut child, _)) = self.running[node].take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn line(&mut self, node: usize, _: Instant, line: &[u8]) {
        if let Some((_, input)) = &mut self.running[node] {
            input.write_all(line).unwrap();
            input.write_all(b"\n").unwrap();
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for node in 0..self.running.len() {
            self.kill(node);
        }
    }
}

/// Runs a plan in real time.
fn run(plan: Plan, arguments: &'static [&'static str]) -> Bench {
    let (said, lines): (_, Receiver<String>) = channel();
    let running = (0..plan.nodes).map(|_| None).collect();
    let mut nodes = Processes { running, arguments, said };
    let mut bench = Bench::new(plan);
    let began = Clock::now();
    let now = || Instant::ZERO + began.elapsed();
    bench.begin(&mut nodes);
    while !bench.is_over() {
        bench.wake(now(), &mut nodes);
        let sleep = bench.next_at().map_or(Duration::ZERO, |at| at.since(now()));
        let first = lines.recv_timeout(sleep).ok();
        for line in first.into_iter().chain(lines.try_iter()) {
            // What is not a message must not be on standard output.
            bench.sent(now(), Packet::read(line.as_bytes()).unwrap());
        }
    }
    bench
}

fn plan(kind: Kind, seed: u64, seconds: u64) -> Plan {
    let (delay, thinks) = (Duration::from_millis(5), Duration::from_millis(60));
    Plan { delay, thinks, ..Plan::new(kind, seed, Duration::from_secs(seconds)) }
}

#[test]
fn processes_serve_what_needs_no_order_through_partitions() {
    let kinds = [Kind::Echo, Kind::UniqueIds, Kind::Broadcast, Kind::GCounter, Kind::PnCounter];
    std::thread::scope(|scope| {
        for kind in kinds {
            scope.spawn(move || assert_well(&run(plan(kind, 1, 3).with_partitions(), &[])));
        }
    });
}

#[test]
fn processes_serve_transactions_through_partitions() {
    assert_well(&run(plan(Kind::TxnListAppend, 2, 8).with_partitions(), &["--order", "lamport"]));
}

#[test]
fn processes_serve_registers_through_deaths() {
    assert_well(&run(plan(Kind::LinKv, 3, 8).with_kills(), &[]));
}

#[test]
fn processes_serve_logs_through_losses() {
    let plan = Plan { loss: 0.02, ..plan(Kind::Kafka, 4, 5) };
    assert_well(&run(plan, &["--order", "sequencer", "--delivery", "safe"]));
}

/// What a person sees who types into it.
#[test]
fn a_node_answers_on_standard_output_alone_and_ends_with_its_input() {
    let input = concat!(
        r#"{"src":"c1","dest":"n1","body":{"type":"init","msg_id":1,"node_id":"n1","node_ids":["n1"]}}"#,
        "\nnonsense\n\n",
        r#"{"src":"c1","dest":"n1","body":{"type":"echo","msg_id":2,"echo":"hello"}}"#,
    );
    let output = node(&[], input);
    assert!(output.status.success());
    let expected = concat!(
        r#"{"src":"n1","dest":"c1","body":{"in_reply_to":1,"type":"init_ok"}}"#,
        "\n",
        r#"{"src":"n1","dest":"c1","body":{"echo":"hello","in_reply_to":2,"type":"echo_ok"}}"#,
        "\n",
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    let notes = String::from_utf8_lossy(&output.stderr);
    assert!(notes.contains("it was passed over"), "{notes}");
}

#[test]
fn an_order_that_is_not_total_is_refused() {
    let output = node(&["--order", "fifo"], "");
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("fifo is no total order"), "{text}");
}

fn node(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bazaar"));
    command.arg("maelstrom").args(arguments).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // One that refuses its arguments does not read.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}
