//! Operations as Jepsen tells them: `invoke`, then `ok`, `fail` or `info`. See [`view::history`]
//! for what a process is.

use std::io::{self, Write};

use serde_json::Value;
use view::Event;
use view::history::{Phase, Step, from_events};

/// Writes an object a line.
///
/// # Errors
/// What the writer says.
pub fn jsonl(events: &[Event], to: impl Write) -> io::Result<()> {
    view::history::write(to, &from_events(events))
}

/// Writes a map a line, in EDN.
///
/// # Errors
/// What the writer says.
pub fn edn(events: &[Event], mut to: impl Write) -> io::Result<()> {
    for Step { index, time, phase, process, f, key, value } in from_events(events) {
        let phase = match phase {
            Phase::Invoke => "invoke",
            Phase::Ok => "ok",
            Phase::Fail => "fail",
            Phase::Info => "info",
        };
        write!(to, "{{:index {index}, :time {time}, :type :{phase}, :process {process}, :f :{f}")?;
        if let Some(key) = key {
            write!(to, ", :key {}", of_json(&Value::String(key)))?;
        }
        writeln!(to, ", :value {}}}", of_json(&value))?;
    }
    to.flush()
}

/// A value of JSON in EDN. Keys of maps become keywords if they can.
pub(crate) fn of_json(value: &Value) -> String {
    match value {
        Value::Null => "nil".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(values) => {
            format!("[{}]", values.iter().map(of_json).collect::<Vec<_>>().join(" "))
        }
        Value::Object(fields) => {
            let field = |(key, value): (&String, &Value)| {
                let is_word = !key.is_empty()
                    && key.starts_with(|c: char| c.is_ascii_alphabetic())
                    && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
                let key = if is_word { format!(":{key}") } else { quoted(key) };
                format!("{key} {}", of_json(value))
            };
            format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
    }
}

/// A string of EDN knows fewer escapes than one of JSON.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            // Other control characters have no escape that all readers know.
            c if c.is_control() => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
