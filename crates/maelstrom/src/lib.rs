//! A node for Maelstrom, the workbench in which other people's tests, faults and checkers are.
//!
//! ```text
//!   clients ──▶ Node ──┬─ echo, unique-ids            at once, by this node alone
//!                      ├─ broadcast, counters         at once; `gossip` tells the other nodes
//!                      ├─ kafka: poll, list           at once, from what this node was told so far
//!                      └─ registers, transactions,    `group`: multicast, delivered in one order
//!                         kafka: send, commit         everywhere, applied to `services`, answered
//! ```
//!
//! [`Node`] is a value that takes lines and the time, and gives packets: it runs in a process
//! ([`run`]), and in tests that simulate a cluster from one seed. docs/maelstrom.md says how to use
//! it, and what each workload promises and why.
//!
//! ```
//! use machine::Instant;
//! use maelstrom::{Node, Output, Settings};
//!
//! let mut node = Node::new(Settings::default());
//! let mut output = Output::default();
//! let init = br#"{"src":"c1","dest":"n1","body":{"type":"init","msg_id":1,"node_id":"n1","node_ids":["n1"]}}"#;
//! node.line(Instant::ZERO, init, &mut output);
//! let echo = br#"{"src":"c1","dest":"n1","body":{"type":"echo","msg_id":2,"echo":"hello"}}"#;
//! node.line(Instant::ZERO, echo, &mut output);
//! let kinds: Vec<_> = output.packets.iter().map(|packet| packet.kind()).collect();
//! assert_eq!(kinds, ["init_ok", "echo_ok"]);
//! ```

mod founding;
mod gossip;
mod hex;
mod member;
mod node;
mod packet;
mod process;
mod refusal;
mod request;
mod services;

pub use node::{
    ANSWER_LIMIT, CUT_OFF_LIMIT, GREETING_DELAY, NODES_MAX, Node, Output, Settings, WAITING_MAX,
};
pub use packet::{Body, LINE_BYTES_MAX, NoPacket, Packet};
pub use process::{RunError, run};
pub use refusal::Code;
