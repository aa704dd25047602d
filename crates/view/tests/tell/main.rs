//! What is told from one small run, to the letter.

// The helpers of tests are tests too.
#![allow(clippy::unwrap_used, clippy::panic)]

mod history;
mod run;
mod summary;
mod words;
