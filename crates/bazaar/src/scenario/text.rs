//! A scenario as TOML text, with a comment above every key.

use super::setting::{Entry, Written};

/// Writes the entries of the whole scenario: values first, then every table as a section.
pub(super) fn document(entries: &[Entry]) -> String {
    let mut text = String::new();
    for entry in entries {
        if matches!(entry.written, Written::Absent) {
            continue;
        }
        text.push('\n');
        comment(&mut text, entry.comment);
        match &entry.written {
            Written::Table(keys) => {
                text.push_str(&format!("[{}]\n", entry.key));
                for key in keys {
                    comment(&mut text, key.comment);
                    line(&mut text, key);
                }
            }
            _ => line(&mut text, entry),
        }
    }
    text
}

fn comment(text: &mut String, lines: &[&str]) {
    for line in lines {
        text.push_str(&format!("#{line}\n"));
    }
}

fn line(text: &mut String, entry: &Entry) {
    if let Some(value) = inline(&entry.written) {
        text.push_str(&format!("{} = {value}\n", entry.key));
    }
}

/// A setting behind its key; none if it is left out. A list of tables has a line for each.
pub(super) fn inline(written: &Written) -> Option<String> {
    match written {
        Written::Absent => None,
        Written::Value(value) => Some(value.clone()),
        Written::List(items) => {
            let lines = items.iter().any(|item| matches!(item, Written::Table(_)));
            let items = items.iter().filter_map(inline);
            Some(if lines {
                format!("[\n{}]", items.map(|item| format!("    {item},\n")).collect::<String>())
            } else {
                format!("[{}]", items.collect::<Vec<_>>().join(", "))
            })
        }
        Written::Table(entries) => {
            let pair = |entry: &Entry| Some(format!("{} = {}", entry.key, inline(&entry.written)?));
            let pairs: Vec<_> = entries.iter().filter_map(pair).collect();
            Some(format!("{{ {} }}", pairs.join(", ")))
        }
    }
}
