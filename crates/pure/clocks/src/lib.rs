//! Logical clocks: what happened before what, told without any wall clock.
//!
//! [`LamportClock`] is one number: if one event happened before another, its number is lower, and
//! with ties broken by node it puts all events in one order. [`VectorClock`] is one number a node:
//! it says exactly which events happened before which, and which are concurrent.
//!
//! Both are pure data. Neither trusts a count that it is given: arithmetic saturates, so no input
//! can panic.

#[cfg(test)]
mod history;
mod lamport;
mod stamp;
mod vector;

pub use lamport::LamportClock;
pub use stamp::Stamp;
pub use vector::{ENTRIES_MAX, VectorClock};
