//! Fences: what makes the winner of an election a leader that may act.

pub mod majority;
