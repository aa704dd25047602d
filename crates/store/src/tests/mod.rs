//! Tests that take a hold of every call of the operating system.

mod faults;
mod interleavings;
mod second_look;
pub(crate) mod turns;

use crate::Contents;

/// The journal of these tests keeps a text: a snapshot is all of it, a record one more letter.
fn text(contents: &Contents) -> String {
    let mut bytes = contents.snapshot.clone().unwrap_or_default();
    bytes.extend(contents.records.iter().flatten());
    String::from_utf8(bytes).unwrap()
}
