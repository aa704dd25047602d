//! Ordered multicast for [tokio](https://tokio.rs) applications: processes that form a group, send
//! each other messages in one order, and agree at any time on who is in.
//!
//! Every member delivers the same messages in the same order, and hears in the same places of that
//! order who has come and who has gone. So a service whose state depends on nothing but these
//! events has the same state everywhere: a crash of one process loses nothing, and a process that
//! joins is given the state by the others.
//!
//! ```
//! use groupcast_tokio::{Event, Group, Options};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Two members in one process; they might as well be on two machines.
//! let mut first = Group::found(Options::new("doc")).await?;
//! first.send("salt").await?;
//! let contact = first.contact();
//! let joining = tokio::spawn(Group::join(Options::new("doc"), vec![contact]));
//!
//! // The state of this application is what was said so far.
//! let mut said = String::new();
//! loop {
//!     match first.next().await? {
//!         Event::Delivered { message, .. } => said += std::str::from_utf8(&message)?,
//!         Event::StateWanted(question) => break question.answer(said)?,
//!         Event::View(_) | Event::State(_) | Event::Removed { .. } => {}
//!     }
//! }
//!
//! let mut second = joining.await??;
//! let Event::State(state) = second.next().await? else { panic!("a joiner begins with the state") };
//! assert_eq!(state, "salt");
//! let Event::View(view) = second.next().await? else { panic!("then it hears who is in") };
//! assert_eq!(view.members.len(), 2);
//!
//! second.send("fish").await?;
//! for member in [&mut first, &mut second] {
//!     let event = member.next().await?;
//!     assert!(matches!(event, Event::Delivered { message, .. } if message == "fish"));
//! }
//! second.leave().await?;
//! # Ok(())
//! # }
//! ```
//!
//! A complete replicated store in one file is `examples/kv.rs`; docs/groupcast.md builds it step by
//! step.
//!
//! # What is promised
//!
//! | promise | what it says |
//! |---|---|
//! | integrity | a message is delivered at most once, and only if a member sent it |
//! | validity | what a member that stays sends is delivered; one that is removed is told which of its messages have an open fate |
//! | agreement | members that go from one view to the next together delivered the same messages in it |
//! | order | as chosen, see below |
//! | uniformity | with [`Delivery::Safe`]: what any member delivered, even one that crashed right after, all that stay deliver |
//! | one line of views | two halves of a torn network never go on both: the half without a majority waits |
//! | state | a joiner's state is that of the moment at which its first view begins, to the message |
//!
//! A group is held in memory: it survives the crash of any minority of its present members, again
//! and again, and not of a majority at once. It then waits, and an operator may found another
//! one.
//!
//! # Which order
//!
//! | order | delivers | costs | take it for |
//! |---|---|---|---|
//! | [`Order::Sequencer`] | one order everywhere, that of one member | little; one more hop | replicated state: the default |
//! | [`Order::Lamport`] | one order everywhere, by time stamps | a silent member holds up all others until it is heard or excluded | no member should be special |
//! | [`Order::Causal`] | an answer never before its question; else as it comes | little | chats, feeds, edits that commute |
//! | [`Order::Fifo`] | each sender's messages in its order | least | readings, logs, anything with one writer an item |
//!
//! [`Delivery::Safe`] waits until a majority holds a message; [`Delivery::Agreed`] does not, and
//! what only crashed members had delivered may then be lost.
//!
//! # Slow applications, fast senders
//!
//! A send waits when the group does not keep up. An application that takes its events slowly
//! brakes the others' sends instead of being thrown out: while more than a quarter of
//! [`Options::backlog_bytes`] waits for it, its member sends nothing, and acknowledges as little as
//! its heartbeats allow. With the default settings the group then goes as slowly as about half a
//! megabyte a second. An application that is slower still, for long, or takes nothing at all, is
//! ended with [`Ended::Slow`] when the backlog is full; so memory stays bounded.
//!
//! So call [`Group::next`] in one task, and send from others with a [`Sender`]: a task that sends
//! without end and never calls `next` waits for itself.
//!
//! # Signals
//!
//! SIGTERM and Ctrl-C end the members of a process, and [`Group::next`] then says
//! [`Ended::Interrupted`]: let the program end there.

mod error;
mod event;
mod member;
mod node;
mod options;
mod shared;

pub use error::{Ended, SendError, StartError, StateTooLarge};
pub use event::{Event, StateWanted};
pub use groupcast::group::{
    Delivery, MESSAGE_BYTES_MAX, Member, Order, STATE_BYTES_MAX, View, ViewId,
};
pub use host::{HostError, Transport};
pub use machine::NodeId;
pub use member::{Group, Sender};
pub use options::{Contact, ContactError, Options};
