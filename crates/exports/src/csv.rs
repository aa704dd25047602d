//! All events as a table (RFC 4180): one a row, with the columns that most kinds share, and all
//! fields of its kind as JSON.

use std::io::{self, Write};

use serde_json::Value;
use view::Event;

use crate::told;

const COLUMNS: &str = "time_ns,node,kind,request,good,quantity,epoch,clock,fields";

/// Writes the table.
///
/// # Errors
/// What the writer says.
pub fn write(events: &[Event], mut to: impl Write) -> io::Result<()> {
    write!(to, "{COLUMNS}\r\n")?;
    for event in events {
        let (kind, fields) = told(event);
        let text = |name: &str| match fields.get(name) {
            None => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
        };
        let clock = event.clock.as_ref().map_or_else(String::new, ToString::to_string);
        let cells = [
            event.time_ns.to_string(),
            event.node.to_string(),
            kind,
            text("request"),
            text("good"),
            text("quantity"),
            text("epoch"),
            clock,
            Value::Object(fields.clone()).to_string(),
        ];
        write!(to, "{}\r\n", cells.map(|cell| quoted(&cell)).join(","))?;
    }
    to.flush()
}

fn quoted(cell: &str) -> String {
    match cell.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_owned(),
    }
}
