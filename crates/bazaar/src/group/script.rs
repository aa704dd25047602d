//! The menu as lines: what a script or a test gives instead of a terminal.

use std::str::FromStr;
use std::time::Duration;

use machine::NodeId;

use super::board::Board;
use super::{name, node_of};
use crate::scenario::DurationText;

/// One line of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Send a message: `multicast peer1 hola1`.
    Multicast(NodeId, String),
    /// Send a message that comes late: `delay peer2 hola2 15s`.
    Delay(NodeId, String, Duration),
    /// Leave the group: `leave seq`.
    Leave(NodeId),
    /// End without leaving: `stop peer1`.
    Stop(NodeId),
    /// Show all peers: `info`.
    Info,
    /// Go on when this holds: `wait delivered 3`.
    Wait(Condition),
    /// End: `quit`.
    Quit,
}

/// What a script waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// `delivered N [PEER]`: at this peer, or at all that are in, at least this many.
    Delivered(u64, Option<NodeId>),
    /// `waiting N PEER`: at this peer at least this many received messages wait for others.
    Waiting(u64, NodeId),
    /// `view without PEER`: at all that are in.
    ViewWithout(NodeId),
}

impl Condition {
    /// Whether it holds.
    pub fn holds(&self, board: &Board) -> bool {
        match *self {
            Self::Delivered(count, None) => board.present().all(|(_, r)| r.delivered() >= count),
            Self::Delivered(count, Some(node)) => {
                board.record(node).is_some_and(|record| record.delivered() >= count)
            }
            Self::Waiting(count, node) => {
                board.record(node).is_some_and(|record| record.waiting >= count)
            }
            Self::ViewWithout(node) => board.present().all(|(_, r)| !r.members.contains(&node)),
        }
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::Delivered(count, None) => write!(f, "delivered {count}"),
            Self::Delivered(count, Some(node)) => write!(f, "delivered {count} {}", name(node)),
            Self::Waiting(count, node) => write!(f, "waiting {count} {}", name(node)),
            Self::ViewWithout(node) => write!(f, "view without {}", name(node)),
        }
    }
}

/// Why a line is no step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no step; give multicast PEER TEXT, delay PEER TEXT TIME, leave PEER, stop PEER, \
     info, wait delivered N [PEER], wait waiting N PEER, wait view without PEER, or quit, where a \
     PEER is seq, peer1, peer2, … and a TIME is as in 15s"
)]
pub struct WrongStep(String);

impl FromStr for Step {
    type Err = WrongStep;

    fn from_str(line: &str) -> Result<Self, WrongStep> {
        read(line.trim()).ok_or_else(|| WrongStep(line.to_owned()))
    }
}

fn read(line: &str) -> Option<Step> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim();
    Some(match word {
        "multicast" => {
            let (peer, text) = rest.split_once(' ')?;
            Step::Multicast(node_of(peer)?, text.trim().to_owned())
        }
        "delay" => {
            let (peer, rest) = rest.split_once(' ')?;
            let (text, delay) = rest.rsplit_once(' ')?;
            let delay: DurationText = delay.parse().ok()?;
            Step::Delay(node_of(peer)?, text.trim().to_owned(), delay.0)
        }
        "leave" => Step::Leave(node_of(rest)?),
        "stop" => Step::Stop(node_of(rest)?),
        "info" if rest.is_empty() => Step::Info,
        "quit" if rest.is_empty() => Step::Quit,
        "wait" => Step::Wait(match rest.split_whitespace().collect::<Vec<_>>()[..] {
            ["delivered", count] => Condition::Delivered(count.parse().ok()?, None),
            ["delivered", count, peer] => {
                Condition::Delivered(count.parse().ok()?, Some(node_of(peer)?))
            }
            ["waiting", count, peer] => Condition::Waiting(count.parse().ok()?, node_of(peer)?),
            ["view", "without", peer] => Condition::ViewWithout(node_of(peer)?),
            _ => return None,
        }),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read() {
        let (seq, two) = (NodeId(1), NodeId(3));
        let steps = [
            ("multicast seq hola 1", Step::Multicast(seq, "hola 1".to_owned())),
            (
                "delay peer2 hola dos 15s",
                Step::Delay(two, "hola dos".to_owned(), Duration::from_secs(15)),
            ),
            ("leave seq", Step::Leave(seq)),
            ("stop peer2", Step::Stop(two)),
            (" info ", Step::Info),
            ("wait delivered 3", Step::Wait(Condition::Delivered(3, None))),
            ("wait delivered 3 peer2", Step::Wait(Condition::Delivered(3, Some(two)))),
            ("wait waiting 1 peer2", Step::Wait(Condition::Waiting(1, two))),
            ("wait view without seq", Step::Wait(Condition::ViewWithout(seq))),
            ("quit", Step::Quit),
        ];
        for (line, step) in steps {
            assert_eq!(line.parse(), Ok(step));
        }
    }

    #[test]
    fn what_is_no_step_is_refused() {
        for line in [
            "",
            "hola",
            "multicast",
            "multicast peer1",
            "multicast nobody x",
            "delay peer1 x",
            "delay peer1 x 15",
            "leave",
            "stop peer",
            "wait",
            "wait delivered",
            "wait view peer1",
            "info peer1",
            "quit now",
            "stop peer0",
            "stop peer99999999999",
        ] {
            assert_eq!(line.parse::<Step>(), Err(WrongStep(line.to_owned())));
        }
    }
}
