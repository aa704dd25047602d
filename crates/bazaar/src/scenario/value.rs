//! Keys that hold a value with a meaning of its own: a chance, a share of the run, a node, a range.

use std::time::Duration;

use machine::NodeId;

use super::plan::Whom;
use super::problem::Problems;
use super::setting::{Cursor, Leaf, Setting, Written, Wrong, no_choice};
use super::text::inline;
use super::tree::{Value, quote};

/// How likely something is: 0 is never, 1 is always.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Probability(f64);

impl Probability {
    /// A number from 0 to 1; none if it is any other.
    pub fn new(number: f64) -> Option<Self> {
        (0.0..=1.0).contains(&number).then_some(Self(number))
    }

    /// The number, from 0 to 1.
    pub const fn get(self) -> f64 {
        self.0
    }
}

// It is never NaN.
impl Eq for Probability {}

impl Leaf for Probability {
    fn form() -> String {
        "a number from 0 to 1".to_owned()
    }
    fn parse(value: &Value) -> Result<Self, Wrong> {
        let number = match value {
            Value::Float(number) => *number,
            Value::Integer(number) => *number as f64,
            _ => return Err(Wrong::Kind),
        };
        let beyond = || Wrong::Because("a probability lies between never and always".to_owned());
        Self::new(number).ok_or_else(beyond)
    }
    fn text(&self) -> String {
        format!("{:?}", self.0)
    }
}

/// A share of the run, or a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// Of the run's duration, in percent, 0 to 100.
    Percent(u8),
    /// A time.
    Time(Duration),
}

impl Share {
    /// The time that it comes to in a run of this duration.
    pub fn of(self, duration: Duration) -> Duration {
        match self {
            // Multiplied first, so that a hundred percent is all of it.
            Self::Percent(percent) => duration.saturating_mul(percent.into()) / 100,
            Self::Time(time) => time,
        }
    }
}

impl Leaf for Share {
    fn form() -> String {
        "a share of the run, such as \"50%\", or a time, such as \"5s\"".to_owned()
    }
    fn parse(value: &Value) -> Result<Self, Wrong> {
        let Value::Text(text) = value else { return Duration::parse(value).map(Self::Time) };
        let Some(number) = text.strip_suffix('%') else {
            return Duration::parse(value).map(Self::Time);
        };
        match number.parse() {
            Ok(percent @ 0..=100) => Ok(Self::Percent(percent)),
            _ => Err(Wrong::Because("a share is a whole number from 0% to 100%".to_owned())),
        }
    }
    fn text(&self) -> String {
        match self {
            Self::Percent(percent) => quote(&format!("{percent}%")),
            Self::Time(time) => time.text(),
        }
    }
}

/// Keys that may be left out.
macro_rules! optional {
    ($($type:ty),*) => {$(
        impl Setting for Option<$type> {
            fn read(cursor: &Cursor<'_>, problems: &mut Problems) -> Option<Self> {
                <$type>::read(cursor, problems).map(Some)
            }
            fn absent() -> Option<Self> {
                Some(None)
            }
            fn written(&self) -> Written {
                self.as_ref().map_or(Written::Absent, Setting::written)
            }
        }
    )*};
}

optional!(Share, Target, NodeId, Duration, Probability, Whom, u32, bool, String);

impl Leaf for NodeId {
    fn form() -> String {
        "the number of a peer".to_owned()
    }
    fn parse(value: &Value) -> Result<Self, Wrong> {
        u32::parse(value).map(Self)
    }
    fn text(&self) -> String {
        self.to_string()
    }
}

/// A word that stands for a node, or a node's number.
fn node_or_word<T>(
    value: &Value,
    known: (&str, T),
    node: impl FnOnce(NodeId) -> T,
) -> Result<T, Wrong> {
    match value {
        Value::Text(text) if text == known.0 => Ok(known.1),
        Value::Integer(_) => u32::parse(value).map(|number| node(NodeId(number))),
        _ => Err(no_choice(value)),
    }
}

/// Whom a fault strikes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Whoever is the trader at that moment.
    Trader,
    /// This peer.
    Node(NodeId),
    /// These peers.
    Nodes(Vec<NodeId>),
}

impl Target {
    /// The peers that are named.
    pub fn named(&self) -> &[NodeId] {
        match self {
            Self::Trader => &[],
            Self::Node(node) => std::slice::from_ref(node),
            Self::Nodes(nodes) => nodes,
        }
    }
}

impl Leaf for Target {
    fn form() -> String {
        "\"trader\", the number of a peer, or a list of such numbers".to_owned()
    }
    fn parse(value: &Value) -> Result<Self, Wrong> {
        match value {
            Value::List(items) if !items.is_empty() => {
                let nodes = items.iter().map(|item| NodeId::parse(&item.value));
                Ok(Self::Nodes(nodes.collect::<Result<_, _>>()?))
            }
            _ => node_or_word(value, ("trader", Self::Trader), Self::Node),
        }
    }
    fn text(&self) -> String {
        match self {
            Self::Trader => quote("trader"),
            Self::Node(node) => node.to_string(),
            Self::Nodes(nodes) => {
                let numbers: Vec<_> = nodes.iter().map(NodeId::to_string).collect();
                format!("[{}]", numbers.join(", "))
            }
        }
    }
}

/// Who the first trader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstTrader {
    /// The winner of an election.
    Elected,
    /// This peer, without an election.
    Appointed(NodeId),
}

impl Leaf for FirstTrader {
    fn form() -> String {
        "\"elected\", or the number of a peer".to_owned()
    }
    fn parse(value: &Value) -> Result<Self, Wrong> {
        node_or_word(value, ("elected", Self::Elected), Self::Appointed)
    }
    fn text(&self) -> String {
        match self {
            Self::Elected => quote("elected"),
            Self::Appointed(node) => node.to_string(),
        }
    }
}

/// A range from which a value is drawn, each equally likely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Between<T> {
    /// The lowest.
    pub min: T,
    /// The highest, not below `min`.
    pub max: T,
}

impl<T: Setting> Setting for Between<T> {
    fn read(cursor: &Cursor<'_>, problems: &mut Problems) -> Option<Self> {
        if !cursor.is_table(&["min", "max"], problems) {
            return None;
        }
        let (min, max) = (cursor.field("min", problems), cursor.field("max", problems));
        Some(Self { min: min?, max: max? })
    }
    fn written(&self) -> Written {
        let end = |setting: &T| inline(&setting.written()).unwrap_or_default();
        Written::Value(format!("{{ min = {}, max = {} }}", end(&self.min), end(&self.max)))
    }
}
