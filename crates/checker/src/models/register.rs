//! A register that can be read, written, and written if it holds a value that one names.

use serde_json::Value;

use super::Readable;
use crate::history::{End, Malformed, Operation};
use crate::linearizable::Model;

/// A register. It holds null at first.
#[derive(Debug, Clone, Copy)]
pub struct Register;

/// What was done to a register.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Call {
    /// It was read, and held this.
    Read(Value),
    /// It was written.
    Write(Value),
    /// It held the first value, and then the second.
    CompareAndSet(Value, Value),
}

impl Model for Register {
    type State = Value;
    type Call = Call;

    fn initial(&self) -> Value {
        Value::Null
    }

    fn apply(&self, state: &Value, call: &Call) -> Option<Value> {
        match call {
            Call::Read(value) => (state == value).then(|| value.clone()),
            Call::Write(value) => Some(value.clone()),
            Call::CompareAndSet(from, to) => (state == from).then(|| to.clone()),
        }
    }

    fn is_read(&self, call: &Call) -> bool {
        match call {
            Call::Read(_) => true,
            Call::Write(_) => false,
            Call::CompareAndSet(from, to) => from == to,
        }
    }
}

impl Readable for Register {
    const EXPECTED: &'static str =
        "an operation of a register: `read`, `write` or `cas`, the latter of two values";

    fn read(&self, operation: &Operation) -> Result<Option<Call>, Malformed> {
        match (operation.f.as_str(), &operation.end, &operation.asked) {
            ("read", End::Ok(value), _) => Ok(Some(Call::Read(value.clone()))),
            ("read", _, _) => Ok(None),
            ("write", _, value) => Ok(Some(Call::Write(value.clone()))),
            ("cas", _, Value::Array(both)) => match &both[..] {
                [from, to] => Ok(Some(Call::CompareAndSet(from.clone(), to.clone()))),
                _ => Err(self.not_of_the_model(operation)),
            },
            _ => Err(self.not_of_the_model(operation)),
        }
    }

    fn describe(&self, state: &Value) -> String {
        format!("the register at {state}")
    }
}
