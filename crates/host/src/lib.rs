//! Runs any [`Machine`](machine::Machine) as a process of the operating system.
//!
//! This is the only room with sockets, the clock, entropy, signals and child processes. A [`Node`]
//! is one event loop around one machine; [`children`] starts and ends such processes; [`probe`]
//! measures what the machine underneath could do at best.

mod alarms;
mod application;
mod bind;
pub mod children;
pub mod clock;
mod datagrams;
pub mod entropy;
mod frames;
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
mod turn;
mod writer;

pub use application::{Application, Control, Counts};
pub use node::Node;
pub use settings::{HostError, NodeSettings, Transport};
pub use signals::Interrupt;
