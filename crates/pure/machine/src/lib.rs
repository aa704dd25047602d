//! What every protocol and every role of the project is: a [`Machine`], a value that takes one
//! [`Input`] and answers with a list of [`Effect`]s.
//!
//! A machine never touches a socket, a file, a clock or a random source of its own. So the very
//! same machine runs as a process of the operating system, in a simulator that replays a whole
//! cluster from one seed, and in a model checker.
//!
//! ```
//! use machine::{Context, Effect, Input, Instant, Machine, Never, NodeId, Random};
//!
//! /// Answers each number with its successor.
//! struct Successor;
//!
//! impl Machine for Successor {
//!     type Message = u64;
//!     type Command = Never;
//!     type Report = Never;
//!     type Record = Never;
//!     type Snapshot = Never;
//!     type Alarm = Never;
//!
//!     fn handle(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
//!         if let Input::Message { from, body } = input {
//!             cx.send(from, body.saturating_add(1));
//!         }
//!     }
//! }
//!
//! let (mut random, mut effects) = (Random::from_seed(1), Vec::new());
//! let mut cx = Context::new(Instant::ZERO, &mut random, &mut effects);
//! Successor.handle(Input::Message { from: NodeId(7), body: 41 }, &mut cx);
//! assert!(matches!(&effects[..], [Effect::Send { body: 42, .. }]));
//! ```
//!
//! # The promises of a host
//!
//! - **Durability is order.** `Send` and `Report` leave in the order made, behind every earlier
//!   `Persist` and `Snapshot`, across calls and stacked machines: nobody is told of what is not yet
//!   durable. What says nothing of the common journal waits for the node's own only, and
//!   heartbeats wait for nothing ([`After`]). `Set` and `Clear` act at once. A failed write stops
//!   the process.
//! - **A journal has one writer: the highest epoch that claimed it** ([`Journal`]). When a write is
//!   refused because a higher epoch stands there, every `Send` and `Report` that waited behind it
//!   ([`After::All`]) is dropped, as if the network had lost it, and the machine gets
//!   [`Input::Refused`].
//! - **A node may send to itself**, and hears it as it would any other node's message: when all that
//!   it waits for is durable, and never if that was refused.
//! - **Links may lose, repeat, delay and reorder.** No machine assumes more.
//! - **Total:** a machine answers any input in any state; nothing from the network can panic.

mod context;
mod effect;
mod id;
mod mark;
mod random;
mod time;

pub use context::{Context, Holds};
pub use effect::{After, Destination, Effect, Input, Journal};
pub use id::{Epoch, Incarnation, NodeId};
pub use mark::{Mark, Marks};
pub use random::Random;
pub use time::Instant;

/// A protocol or a role: one input in, a list of effects out, nothing else. It is plain data, so a host
/// may go on with it on another thread.
pub trait Machine: Sized + Send {
    /// What travels from peer to peer.
    type Message: Clone + std::fmt::Debug + Send;
    /// What the layer above asks for.
    type Command: std::fmt::Debug + Send;
    /// What the layer above is told; the stream of reports is the record of a run.
    type Report: std::fmt::Debug + Send;
    /// What must survive a crash: decisions, in the order in which they were made.
    type Record: Clone + std::fmt::Debug + Send;
    /// What replaces all records before it.
    type Snapshot: Clone + std::fmt::Debug + Send;
    /// Names of timers; each has at most one deadline.
    type Alarm: Copy + Ord + std::fmt::Debug + Send;

    /// Takes one input; what follows from it is left in `cx`.
    fn handle(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>);

    /// The machine's own invariants. A simulator asks after every step.
    ///
    /// # Errors
    /// A sentence that says which invariant is broken, and by what.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// The type of what a machine does not have: it has no values.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub enum Never {}

impl Never {
    /// Whatever is asked for, since this is never called.
    pub fn into_any<T>(self) -> T {
        match self {}
    }
}
