//! Promises that one walk over the history can judge.

pub mod bank;
pub mod counter;
pub mod kafka;
pub mod set;
