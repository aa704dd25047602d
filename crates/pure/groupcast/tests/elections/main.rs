//! Elections among whole groups, on a small network of virtual time: that all started at once end
//! in one leader (or as many as there are posts), how many messages they send, and what a run looks
//! like message by message.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

mod convergence;
mod counts;
mod network;
mod transcript;
