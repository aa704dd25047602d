//! Runs any [`Machine`](machine::Machine) as a process of the operating system.
//!
//! This is the only room with sockets, the clock, entropy, signals and child processes. A [`Node`]
//! is one event loop around one machine; [`children`] starts and ends such processes; [`probe`]
//! measures what the computer underneath could do at best.
//!
//! ```
//! use std::io::Write as _;
//! use std::os::unix::net::UnixStream;
//!
//! use host::{Application, Control, Node, NodeSettings, Transport};
//! use machine::{Context, Input, Instant, Journal, Machine, Never, NodeId};
//!
//! /// Adds up numbers and tells each sum once it is durable.
//! #[derive(Default)]
//! struct Sum(u64);
//!
//! impl Machine for Sum {
//!     type Message = Never;
//!     type Command = u64;
//!     type Report = u64;
//!     type Record = u64;
//!     type Snapshot = u64;
//!     type Alarm = Never;
//!
//!     fn handle(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
//!         match input {
//!             Input::Restore { snapshot, .. } => self.0 = snapshot,
//!             Input::Replay { record, .. } => self.0 += record,
//!             Input::Start => cx.snapshot(Journal::Own, self.0),
//!             Input::Command(number) => {
//!                 self.0 += number;
//!                 cx.persist(Journal::Own, number);
//!                 cx.report(self.0);
//!             }
//!             _ => {}
//!         }
//!     }
//! }
//!
//! /// Reads a number a line, and keeps the sums.
//! struct Wiring(Vec<u64>);
//!
//! impl Application for Wiring {
//!     type Machine = Sum;
//!     fn report(&mut self, _: Instant, sum: u64, _: &mut Control) {
//!         self.0.push(sum);
//!     }
//!     fn line(&mut self, line: &str, _: &mut Control) -> Option<u64> {
//!         line.parse().ok()
//!     }
//!     fn flush(&mut self) -> std::io::Result<()> {
//!         Ok(())
//!     }
//! }
//!
//! # let folder = tempfile::tempdir()?;
//! # let journal = folder.path().join("journal");
//! let mut wiring = Wiring(Vec::new());
//! for numbers in ["1\n2\n", "3\n"] {
//!     let (mut writer, lines) = UnixStream::pair()?;
//!     writer.write_all(numbers.as_bytes())?;
//!     drop(writer); // the node stops where its lines end
//!     let node = Node::bind(NodeSettings {
//!         node: NodeId(1),
//!         cluster: host::entropy::seed()?,
//!         origin_ns: host::clock::monotonic_ns(),
//!         seed: host::entropy::seed()?,
//!         transport: Transport::Tcp,
//!         listen: "127.0.0.1:0".parse()?,
//!         own_journal: Some(journal.clone()),
//!         common_journal: None,
//!         durability: store::Durability::Disk,
//!         polls_for: host::POLLS_FOR,
//!         known: Vec::new(),
//!         lines: Some(lines.into()),
//!         parent: None,
//!     })?;
//!     node.run(Sum::default(), &mut wiring)?;
//! }
//! assert_eq!(wiring.0, [1, 3, 6]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod alarms;
mod application;
mod bind;
pub mod children;
pub mod clock;
pub mod crowd;
mod datagrams;
pub mod entropy;
mod frames;
mod impairment;
mod journals;
mod lines;
mod link;
mod links;
mod network;
mod node;
mod outbox;
pub mod probe;
mod settings;
mod signals;
mod standby;
mod timer;
mod turn;
mod waker;
mod writer;
mod writes;

pub use application::{Application, Control, Counts};
pub use impairment::Impairment;
pub use node::{Node, die_with};
pub use settings::{CommonJournal, HostError, NodeSettings, POLLS_FOR, Transport};
pub use signals::Interrupt;
pub use waker::Waker;
