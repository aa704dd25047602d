//! The layers of a scenario as one tree: text is parsed into nodes that remember their place, and
//! a later layer is laid over an earlier one. What the keys mean is not known here.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Problem;

/// Longest part of a wrong value that a message shows, in characters: it fits on a line.
const VALUE_SHOWN_CHARS: usize = 60;

/// Where a piece of a scenario stands: `market.toml:12:9` (line and column, both from 1), or
/// `--set`.
#[derive(Clone)]
pub struct Place {
    source: Arc<Source>,
    offset: usize,
}

/// One layer's text.
pub(super) struct Source {
    /// A later layer is laid over those of a lower rank.
    pub(super) rank: u8,
    /// What a message calls it.
    pub(super) name: String,
    /// Empty where a position would tell nothing.
    pub(super) text: String,
}

impl Place {
    /// The beginning of a source.
    pub(super) fn start(source: Source) -> Self {
        Self { source: Arc::new(source), offset: 0 }
    }

    fn at(&self, offset: usize) -> Self {
        Self { source: Arc::clone(&self.source), offset }
    }

    /// The order in which messages are listed.
    pub(super) fn order(&self) -> (u8, usize) {
        (self.source.rank, self.offset)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source.name)?;
        match self.source.text.get(..self.offset) {
            Some(before) if !self.source.text.is_empty() => {
                let line = before.matches('\n').count() + 1;
                let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
                write!(f, ":{line}:{column}")
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A value, where its key stands, and where it stands itself.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) key: Place,
    pub(super) place: Place,
    pub(super) value: Value,
}

/// A table's entries.
pub(super) type Table = BTreeMap<String, Node>;

/// What TOML can say.
#[derive(Debug)]
pub(super) enum Value {
    Boolean(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Table(Table),
    /// What no key takes: a date, or a number beyond all bounds.
    Other(String),
}

impl Value {
    /// What a message calls a value of this kind.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Boolean(_) => "true or false",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a decimal number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(_) => "a date, or a number beyond all bounds",
        }
    }

    /// The value on one line, as TOML, cut off where it is long.
    pub(super) fn shown(&self) -> String {
        let mut text = self.to_string();
        if let Some((end, _)) = text.char_indices().nth(VALUE_SHOWN_CHARS) {
            text.truncate(end);
            text.push('…');
        }
        text
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Text(value) => f.write_str(&quote(value)),
            Self::Other(value) => value.fmt(f),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(|item| item.value.to_string()).collect();
                write!(f, "[{}]", items.join(", "))
            }
            Self::Table(table) => {
                let entries: Vec<_> =
                    table.iter().map(|(key, node)| format!("{key} = {}", node.value)).collect();
                write!(f, "{{ {} }}", entries.join(", "))
            }
        }
    }
}

/// Text as a TOML string on one line.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            _ if character.is_control() => {
                quoted.push_str(&format!("\\u{:04X}", u32::from(character)));
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

/// Parses a whole text.
pub(super) fn parse(start: &Place) -> Result<Node, Problem> {
    let table = DeTable::parse(&start.source.text).map_err(|error| syntax(start, &error))?;
    Ok(node(start, start.clone(), 0, DeValue::Table(table.into_inner())))
}

/// Parses one `KEY=VALUE`; the value is TOML, or a bare word.
pub(super) fn parse_set(start: &Place, set: &str) -> Result<Node, Problem> {
    let unclear = |reason: &str| Problem {
        place: Some(start.clone()),
        key: String::new(),
        value: Some(Value::Text(set.to_owned()).shown()),
        reason: reason.to_owned(),
        mend: "give KEY=VALUE, such as run.peers=9".to_owned(),
    };
    let (key, text) = set.split_once('=').ok_or_else(|| unclear("there is no ="))?;
    let keys: Vec<&str> = key.split('.').map(str::trim).collect();
    if keys.iter().any(|key| key.is_empty()) {
        return Err(unclear("a part of the key is empty"));
    }
    if keys.len() > KEY_PARTS_MAX {
        return Err(unclear("no key has so many parts"));
    }
    let text = text.trim();
    let parsed = match DeValue::parse(text) {
        Ok(value) => node(start, start.clone(), 0, value.into_inner()),
        Err(error) if text.starts_with(['"', '\'', '[', '{']) => return Err(syntax(start, &error)),
        Err(_) => leaf(start, Value::Text(text.to_owned())),
    };
    Ok(keys.iter().rev().fold(parsed, |inner, key| {
        leaf(start, Value::Table(Table::from([((*key).to_owned(), inner)])))
    }))
}

/// Most parts of a dotted key given by `--set`; more than any key has, and it bounds recursion.
const KEY_PARTS_MAX: usize = 8;

fn leaf(place: &Place, value: Value) -> Node {
    Node { key: place.clone(), place: place.clone(), value }
}

fn syntax(start: &Place, error: &toml::de::Error) -> Problem {
    Problem {
        place: Some(start.at(error.span().map_or(0, |span| span.start))),
        key: String::new(),
        value: None,
        reason: format!("this is not TOML: {}", error.message()),
        mend: "see https://toml.io for how it is written".to_owned(),
    }
}

/// The parser bounds how deep values nest, and so this recursion.
fn node(start: &Place, key: Place, offset: usize, value: DeValue<'_>) -> Node {
    let value = match value {
        DeValue::Boolean(value) => Value::Boolean(value),
        DeValue::Integer(value) => match i128::from_str_radix(value.as_str(), value.radix()) {
            Ok(value) => Value::Integer(value),
            Err(_) => Value::Other(value.to_string()),
        },
        DeValue::Float(value) => match value.as_str().parse() {
            Ok(value) => Value::Float(value),
            Err(_) => Value::Other(value.to_string()),
        },
        DeValue::String(value) => Value::Text(value.into_owned()),
        DeValue::Datetime(value) => Value::Other(value.to_string()),
        DeValue::Array(items) => {
            let item = |item: Spanned<DeValue<'_>>| {
                let offset = item.span().start;
                node(start, start.at(offset), offset, item.into_inner())
            };
            Value::List(items.into_iter().map(item).collect())
        }
        DeValue::Table(table) => {
            let entry = |(key, value): (Spanned<_>, Spanned<_>)| {
                let (at, offset) = (start.at(key.span().start), value.span().start);
                let key: std::borrow::Cow<'_, str> = key.into_inner();
                (key.into_owned(), node(start, at, offset, value.into_inner()))
            };
            Value::Table(table.into_iter().map(entry).collect())
        }
    };
    Node { key, place: start.at(offset), value }
}

impl Node {
    /// Lays a later layer over this one: tables are merged key by key, all else is replaced.
    pub(super) fn overlay(&mut self, later: Node) {
        match (&mut self.value, later.value) {
            (Value::Table(table), Value::Table(later)) => {
                for (key, node) in later {
                    match table.get_mut(&key) {
                        Some(old) => old.overlay(node),
                        None => {
                            table.insert(key, node);
                        }
                    }
                }
            }
            (_, value) => *self = Node { key: later.key, place: later.place, value },
        }
    }

    /// The entry of a table.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Table(table) => table.get(key),
            _ => None,
        }
    }

    /// What a path such as `buyer.quantity.max` or `fault[0].at` leads to.
    pub(super) fn find(&self, path: &str) -> Option<&Node> {
        path.split('.').try_fold(self, |node, part| {
            let Some((key, index)) = part.split_once('[') else { return node.get(part) };
            match &node.get(key)?.value {
                Value::List(items) => items.get(index.trim_end_matches(']').parse::<usize>().ok()?),
                _ => None,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(rank: u8, text: &str) -> Node {
        let source = Source { rank, name: format!("layer {rank}"), text: text.to_owned() };
        parse(&Place::start(source)).unwrap()
    }

    #[test]
    fn a_later_layer_replaces_values_and_merges_tables() {
        let mut tree_of_two = tree(0, "a = 1\nlist = [1, 2]\n[run]\nx = 1\ny = 2\n");
        tree_of_two.overlay(tree(1, "list = []\nrun.y = 'é'\nrun.z.deep = 0xff\n"));
        assert_eq!(
            tree_of_two.value.to_string(),
            r#"{ a = 1, list = [], run = { x = 1, y = "é", z = { deep = 255 } } }"#
        );
        let place = |path| tree_of_two.find(path).map(|node| node.place.to_string());
        assert_eq!(place("run.x").as_deref(), Some("layer 0:4:5"));
        assert_eq!(place("run.y").as_deref(), Some("layer 1:2:9"));
        assert_eq!(place("run.q"), None);
        assert_eq!(place("list[0]"), None);
    }

    #[test]
    fn a_set_is_toml_or_a_bare_word() {
        let source = Source { rank: 3, name: "--set".to_owned(), text: String::new() };
        let start = Place::start(source);
        let shown = |set| parse_set(&start, set).map(|node| node.value.to_string());
        assert_eq!(shown("a.b = 5").unwrap(), "{ a = { b = 5 } }");
        assert_eq!(shown("a=10s").unwrap(), r#"{ a = "10s" }"#);
        assert_eq!(shown("a=x=y").unwrap(), r#"{ a = "x=y" }"#);
        assert_eq!(shown("a=[1, {b='c'}]").unwrap(), r#"{ a = [1, { b = "c" }] }"#);
        // A second line is part of the word, and never a second key.
        assert_eq!(shown("a=1\nb=2").unwrap(), r#"{ a = "1\u000Ab=2" }"#);
        for wrong in ["a", "=1", "a..b=1", "a=[1", "a.a.a.a.a.a.a.a.a=1"] {
            assert!(shown(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_keep_their_whole_range() {
        let shown = |text: &str| tree(0, text).find("a").map(|node| node.value.shown());
        assert_eq!(shown("a = 18446744073709551615").as_deref(), Some("18446744073709551615"));
        assert_eq!(shown(&format!("a = {}", "9".repeat(50))), Some("9".repeat(50)));
        assert_eq!(shown("a = -1_000").as_deref(), Some("-1000"));
        assert_eq!(
            shown(&format!("a = '{}'", "x".repeat(99))),
            Some("\"".to_owned() + &"x".repeat(59) + "…")
        );
    }
}
