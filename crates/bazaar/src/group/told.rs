//! What a member process tells the program that started it, a line of JSON each, and the lines
//! that it is told.

use std::time::Duration;

use groupcast::group::{self, Refusal};
use machine::NodeId;
use serde::{Deserialize, Serialize};

use super::holding::Command;

/// A line from a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When, in nanoseconds since the run began.
    pub time_ns: u64,
    /// Who.
    pub node: NodeId,
    /// What.
    #[serde(flatten)]
    pub told: Told,
}

/// What a member has to tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Told {
    /// It listens here.
    Listening {
        /// Where.
        address: String,
    },
    /// A view has begun.
    View {
        /// Its number.
        number: u64,
        /// Who is in.
        members: Vec<NodeId>,
        /// Who changes views, and orders if the order is the sequencer's.
        coordinator: NodeId,
    },
    /// How many messages it sent to bring the present view about.
    Changed {
        /// One a receiver.
        messages: u64,
    },
    /// A message was delivered: seed 003 calls it processed.
    Delivered {
        /// Whose.
        sender: NodeId,
        /// What.
        text: String,
        /// How long its own message of a stream took, in nanoseconds.
        took_ns: Option<u64>,
    },
    /// How many messages it has received that wait for others before them.
    Waiting {
        /// How many.
        messages: u64,
    },
    /// The same, because it was asked.
    Looked {
        /// How many.
        messages: u64,
    },
    /// It holds back what this peer sends.
    Holds {
        /// Whose.
        peer: NodeId,
    },
    /// A message was not taken.
    Refused {
        /// What.
        text: String,
        /// Why not.
        why: String,
    },
    /// Its stream has ended.
    Streamed {
        /// How many messages it had.
        messages: u64,
    },
    /// The others went on without it. It comes back with nothing.
    Removed {
        /// Its messages with an open fate.
        unknown: u64,
    },
    /// It has left.
    Left,
}

/// What a member is told, a line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Send this.
    Multicast(String),
    /// Hold back what this peer sends, for a time.
    Hold(NodeId, Duration),
    /// Send a message each time this has passed.
    Stream(Duration),
    /// End the stream.
    Quiet,
    /// Tell how many messages wait.
    Look,
    /// Leave.
    Leave,
}

impl std::fmt::Display for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Multicast(text) => write!(f, "multicast {text}"),
            Self::Hold(node, time) => write!(f, "hold {node} {}", time.as_micros()),
            Self::Stream(period) => write!(f, "stream {}", period.as_micros()),
            Self::Quiet => f.write_str("quiet"),
            Self::Look => f.write_str("look"),
            Self::Leave => f.write_str("leave"),
        }
    }
}

impl Order {
    /// Reads a line. `None` if it is no order.
    pub fn read(line: &str) -> Option<Self> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let micros = |text: &str| text.parse().ok().map(Duration::from_micros);
        Some(match word {
            "multicast" => Self::Multicast(rest.to_owned()),
            "hold" => {
                let (node, time) = rest.split_once(' ')?;
                Self::Hold(NodeId(node.parse().ok()?), micros(time)?)
            }
            "stream" => Self::Stream(micros(rest)?),
            "quiet" => Self::Quiet,
            "look" => Self::Look,
            "leave" => Self::Leave,
            _ => return None,
        })
    }

    /// The machine's command, if it is one for the machine.
    pub fn command(self) -> Option<Command> {
        Some(match self {
            Self::Multicast(text) => Command::Group(group::Command::Multicast(text.into())),
            Self::Hold(node, time) => Command::Hold(node, time),
            Self::Leave => Command::Group(group::Command::Leave),
            Self::Stream(_) | Self::Quiet | Self::Look => return None,
        })
    }
}

/// Why a message was not taken, for people.
pub fn reason(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::NotAMember => "it is not in the group, or is leaving it",
        Refusal::NoRoom => "too much waits already; send it again later",
        Refusal::TooLarge => "it is too long",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_as_they_are_written() {
        for order in [
            Order::Multicast("hola 1".to_owned()),
            Order::Hold(NodeId(3), Duration::from_secs(15)),
            Order::Stream(Duration::from_millis(5)),
            Order::Quiet,
            Order::Look,
            Order::Leave,
        ] {
            assert_eq!(Order::read(&order.to_string()), Some(order));
        }
        assert_eq!(Order::read("hold 3"), None);
        assert_eq!(Order::read("dance"), None);
    }

    #[test]
    fn lines_are_read_as_they_are_written() {
        let told = Told::Delivered { sender: NodeId(2), text: "ho\nla".into(), took_ns: None };
        let line = Line { time_ns: 5, node: NodeId(1), told };
        let text = serde_json::to_string(&line).unwrap();
        assert!(text.starts_with(r#"{"time_ns":5,"node":1,"event":"delivered""#), "{text}");
        assert!(!text.contains('\n'));
        assert_eq!(serde_json::from_str::<Line>(&text).unwrap(), line);
    }
}
