//! A virtual clock, network and disk for any machines, replayed exactly from one seed.
//!
//! Nothing here knows what the machines do. A [`World`] takes one step at a time: the earliest
//! thing that is due happens to one node, and what follows from it is scheduled. The disk keeps
//! the promises that hosts keep (see the `machine` crate), and no others: what is not yet durable
//! may be lost in a crash, a claim may come between a write and its check, and the writer of a
//! paused node stands still with it.

mod connections;
mod disk;
mod effects;
mod happening;
pub mod marks;
mod network;
mod slot;
mod world;

pub use disk::{Common, Segment};
pub use network::{Links, Network};
pub use world::{Observer, World};
