//! A text that can be read, replaced, and appended to: the value of one key of a key-value store.

use serde_json::Value;

use super::Readable;
use crate::history::{End, Malformed, Operation};
use crate::linearizable::Model;

/// A text. It is empty at first.
#[derive(Debug, Clone, Copy)]
pub struct Text;

/// What was done to a text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Call {
    /// It was read, and was this.
    Get(String),
    /// It was replaced.
    Put(String),
    /// It was appended to.
    Append(String),
}

impl Model for Text {
    type State = String;
    type Call = Call;

    fn initial(&self) -> String {
        String::new()
    }

    fn apply(&self, state: &String, call: &Call) -> Option<String> {
        match call {
            Call::Get(value) => (state == value).then(|| value.clone()),
            Call::Put(value) => Some(value.clone()),
            Call::Append(more) => Some(state.clone() + more),
        }
    }

    fn is_read(&self, call: &Call) -> bool {
        matches!(call, Call::Get(_))
    }

    fn bytes(&self, state: &String) -> usize {
        size_of::<String>() + state.len()
    }
}

impl Readable for Text {
    const EXPECTED: &'static str =
        "an operation of a key-value store: `get`, `put` or `append`, with texts as values";

    fn read(&self, operation: &Operation) -> Result<Option<Call>, Malformed> {
        match (operation.f.as_str(), &operation.end, &operation.asked) {
            ("get", End::Ok(Value::String(value)), _) => Ok(Some(Call::Get(value.clone()))),
            ("get", End::Ok(Value::Null), _) => Ok(Some(Call::Get(String::new()))),
            ("get", End::Info | End::Fail, _) => Ok(None),
            ("put", _, Value::String(value)) => Ok(Some(Call::Put(value.clone()))),
            ("append", _, Value::String(value)) => Ok(Some(Call::Append(value.clone()))),
            _ => Err(self.not_of_the_model(operation)),
        }
    }

    fn describe(&self, state: &String) -> String {
        format!("the text {state:?}")
    }
}
