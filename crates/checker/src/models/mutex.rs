//! A lock that one at a time may hold.

use super::Readable;
use crate::history::{Malformed, Operation};
use crate::linearizable::Model;

/// A lock. It is free at first. Who releases it is not asked.
#[derive(Debug, Clone, Copy)]
pub struct Mutex;

/// What was done to a lock.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Call {
    /// It was free, and is held.
    Acquire,
    /// It was held, and is free.
    Release,
}

impl Model for Mutex {
    /// Whether it is held.
    type State = bool;
    type Call = Call;

    fn initial(&self) -> bool {
        false
    }

    fn apply(&self, is_held: &bool, call: &Call) -> Option<bool> {
        match call {
            Call::Acquire => (!is_held).then_some(true),
            Call::Release => is_held.then_some(false),
        }
    }

    fn is_read(&self, _call: &Call) -> bool {
        false
    }
}

impl Readable for Mutex {
    const EXPECTED: &'static str = "an operation of a lock: `acquire` or `release`";

    fn read(&self, operation: &Operation) -> Result<Option<Call>, Malformed> {
        match operation.f.as_str() {
            "acquire" => Ok(Some(Call::Acquire)),
            "release" => Ok(Some(Call::Release)),
            _ => Err(self.not_of_the_model(operation)),
        }
    }

    fn describe(&self, is_held: &bool) -> String {
        (if *is_held { "the lock held" } else { "the lock free" }).to_owned()
    }
}
