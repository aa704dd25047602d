//! The bully election (Garcia-Molina 1982; seeds 000 to 003): the highest candidate that answers
//! wins.
//!
//! ```text
//!            Start, or Election from a lower one
//!   Idle ────────────────────────────────────────▶ Asking ──▶ all asked are gone or silent: Won
//!    ▲  ◀───────── Settle (a leader is known) ──────  │
//!    │                                                │ Answer from a higher one
//!    └────────────── Settle ────────── Waiting ◀──────┘
//!                                         └──▶ nobody leads in time, or all that answered
//!                                              are gone: ask again
//!
//!   Election {round}   to every reachable candidate that outranks the sender: "is one of you there?"
//!   Answer {round}     from each of them: "I am; leave it to me"
//! ```
//!
//! A node outranks another if it is eligible and the other is not, else by the higher id. Nodes
//! whose connection is closed are not asked, so after a crash nothing is waited for; only a node
//! that hangs costs the answer limit.
//!
//! Promise: none of safety (two may win at once in a partition, and the bench can show it).
//! Liveness: while links work, the highest reachable candidate wins within two answer limits.

use std::collections::BTreeSet;
use std::time::Duration;

use machine::{Context, Input, Machine, Never, NodeId};
use serde::{Deserialize, Serialize};

/// What an election needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// This node.
    pub me: NodeId,
    /// All who may be elected.
    pub candidates: BTreeSet<NodeId>,
    /// How long a candidate that is connected has to answer.
    pub answer_limit: Duration,
    /// How long one that answered has to become leader.
    pub victory_limit: Duration,
}

/// Peer to peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// Is one of you that outrank me there?
    Election {
        /// The sender's count of its own elections.
        round: u64,
    },
    /// I am; leave it to me.
    Answer {
        /// The round that is answered.
        round: u64,
    },
}

/// From the layer above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// An election is needed.
    Start,
    /// There is a leader: no election is needed.
    Settle,
    /// This node is connected but silent: do not wait for it, until it is heard of again.
    Suspect(NodeId),
    /// This node, if any, yields to all others until told otherwise.
    Bar(Option<NodeId>),
}

/// To the layer above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// This node asks the candidates that outrank it.
    Campaigned,
    /// Nobody that outranks this node is there.
    Won,
}

/// Timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// The answers are due.
    Answers,
    /// The leader is due.
    Victory,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Idle,
    /// Those asked that have neither answered nor gone.
    Asking(BTreeSet<NodeId>),
    /// Those that answered and have not gone.
    Waiting(BTreeSet<NodeId>),
}

/// One node's part in bully elections.
#[derive(Debug, Clone)]
pub struct Bully {
    settings: Settings,
    state: State,
    round: u64,
    reachable: BTreeSet<NodeId>,
    barred: Option<NodeId>,
    sent: u64,
}

impl Bully {
    /// A node that knows of nobody yet.
    pub fn new(settings: Settings) -> Self {
        let reachable = BTreeSet::new();
        Self { settings, state: State::Idle, round: 0, reachable, barred: None, sent: 0 }
    }

    /// Messages sent since the node started, one a receiver.
    pub fn messages_sent(&self) -> u64 {
        self.sent
    }

    /// A node that was not to be waited for was heard of.
    pub fn is_there(&mut self, node: NodeId) {
        self.reachable.insert(node);
    }

    fn rank(&self, node: NodeId) -> (bool, NodeId) {
        (self.barred != Some(node), node)
    }

    fn outranks(&self, one: NodeId, other: NodeId) -> bool {
        self.rank(one) > self.rank(other)
    }

    fn ask(&mut self, cx: &mut Context<'_, Self>) {
        self.round += 1;
        cx.report(Report::Campaigned);
        let me = self.settings.me;
        let asked: BTreeSet<NodeId> = self
            .settings
            .candidates
            .intersection(&self.reachable)
            .copied()
            .filter(|&node| self.outranks(node, me))
            .collect();
        if asked.is_empty() {
            return self.win(cx);
        }
        self.sent += asked.len() as u64;
        cx.send_many(asked.iter().copied().collect(), Message::Election { round: self.round });
        cx.clear(Alarm::Victory);
        cx.set(Alarm::Answers, self.settings.answer_limit);
        self.state = State::Asking(asked);
    }

    fn win(&mut self, cx: &mut Context<'_, Self>) {
        self.rest(cx);
        cx.report(Report::Won);
    }

    fn rest(&mut self, cx: &mut Context<'_, Self>) {
        self.state = State::Idle;
        cx.clear(Alarm::Answers);
        cx.clear(Alarm::Victory);
    }

    fn message(&mut self, from: NodeId, body: Message, cx: &mut Context<'_, Self>) {
        self.reachable.insert(from);
        match body {
            Message::Election { round } => {
                if self.outranks(self.settings.me, from) {
                    self.sent += 1;
                    cx.send(from, Message::Answer { round });
                    if self.state == State::Idle {
                        self.ask(cx);
                    }
                }
            }
            Message::Answer { round } if round == self.round => {
                let answered = match &mut self.state {
                    State::Idle => return,
                    State::Asking(_) => BTreeSet::from([from]),
                    State::Waiting(answered) => {
                        answered.insert(from);
                        return;
                    }
                };
                self.state = State::Waiting(answered);
                cx.clear(Alarm::Answers);
                cx.set(Alarm::Victory, self.settings.victory_limit);
            }
            Message::Answer { .. } => {}
        }
    }

    fn lost(&mut self, node: NodeId, cx: &mut Context<'_, Self>) {
        self.reachable.remove(&node);
        match &mut self.state {
            State::Idle => {}
            State::Asking(asked) => {
                if asked.remove(&node) && asked.is_empty() {
                    self.win(cx);
                }
            }
            State::Waiting(answered) => {
                if answered.remove(&node) && answered.is_empty() {
                    self.ask(cx);
                }
            }
        }
    }
}

impl Machine for Bully {
    type Message = Message;
    type Command = Command;
    type Report = Report;
    type Record = Never;
    type Snapshot = Never;
    type Alarm = Alarm;

    fn handle(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Command(Command::Start) => self.ask(cx),
            Input::Command(Command::Settle) => self.rest(cx),
            Input::Command(Command::Bar(node)) => self.barred = node,
            Input::Opened(node) => {
                self.reachable.insert(node);
            }
            Input::Closed(node) | Input::Command(Command::Suspect(node)) => self.lost(node, cx),
            Input::Message { from, body } => self.message(from, body, cx),
            Input::Alarm(Alarm::Answers) => {
                if matches!(self.state, State::Asking(_)) {
                    self.win(cx);
                }
            }
            Input::Alarm(Alarm::Victory) => {
                if matches!(self.state, State::Waiting(_)) {
                    self.ask(cx);
                }
            }
            Input::Start | Input::Claimed(_) | Input::Refused(_) => {}
            Input::Restore { snapshot, .. } => match snapshot {},
            Input::Replay { record, .. } => match record {},
        }
    }
}

#[cfg(test)]
mod tests {
    use machine::{Effect, Instant, Random};

    use super::*;

    fn bully(me: u32) -> Bully {
        let limit = Duration::from_millis(10);
        Bully::new(Settings {
            me: NodeId(me),
            candidates: (1..=4).map(NodeId).collect(),
            answer_limit: limit,
            victory_limit: limit * 4,
        })
    }

    /// The effects of one input, as text.
    fn step(bully: &mut Bully, input: Input<Bully>) -> Vec<String> {
        let (mut random, mut effects) = (Random::from_seed(0), Vec::new());
        bully.handle(input, &mut Context::new(Instant::ZERO, &mut random, &mut effects));
        effects.iter().map(|effect: &Effect<Bully>| format!("{effect:?}")).collect()
    }

    fn open(bully: &mut Bully, nodes: &[u32]) {
        for &node in nodes {
            assert!(step(bully, Input::Opened(NodeId(node))).is_empty());
        }
    }

    const WON: [&str; 4] =
        ["Report(Campaigned)", "Clear(Answers)", "Clear(Victory)", "Report(Won)"];

    #[test]
    fn the_highest_that_is_reachable_wins_at_once() {
        let mut bully = bully(3);
        open(&mut bully, &[1, 2]);
        assert_eq!(step(&mut bully, Input::Command(Command::Start)), WON);
    }

    #[test]
    fn higher_ones_are_asked_and_their_answer_is_waited_for() {
        let mut bully = bully(2);
        open(&mut bully, &[1, 3, 4]);
        assert_eq!(
            step(&mut bully, Input::Command(Command::Start)),
            [
                "Report(Campaigned)",
                "Send([3, 4], Election { round: 1 })",
                "Clear(Victory)",
                "Set(Answers, 0.010)"
            ]
        );
        let stale = Input::Message { from: NodeId(3), body: Message::Answer { round: 0 } };
        assert!(step(&mut bully, stale).is_empty());
        let answer = Input::Message { from: NodeId(3), body: Message::Answer { round: 1 } };
        assert_eq!(step(&mut bully, answer), ["Clear(Answers)", "Set(Victory, 0.040)"]);
        // The one that answered dies before it leads; 4 still has not answered and is asked again.
        let effects = step(&mut bully, Input::Closed(NodeId(3)));
        assert_eq!(effects[1], "Send([4], Election { round: 2 })");
        assert_eq!(bully.messages_sent(), 3);
    }

    #[test]
    fn the_last_one_asked_that_goes_makes_the_asker_win() {
        let mut bully = bully(2);
        open(&mut bully, &[3, 4]);
        step(&mut bully, Input::Command(Command::Start));
        assert!(step(&mut bully, Input::Closed(NodeId(4))).is_empty());
        assert_eq!(step(&mut bully, Input::Command(Command::Suspect(NodeId(3)))), WON[1..]);
    }

    #[test]
    fn one_that_hangs_is_waited_for_no_longer_than_the_limit() {
        let mut bully = bully(3);
        open(&mut bully, &[4]);
        step(&mut bully, Input::Command(Command::Start));
        assert_eq!(step(&mut bully, Input::Alarm(Alarm::Answers)), WON[1..]);
    }

    #[test]
    fn a_lower_one_is_answered_and_starts_this_nodes_own_election() {
        let mut bully = bully(3);
        let election = Input::Message { from: NodeId(1), body: Message::Election { round: 7 } };
        let effects = step(&mut bully, election);
        assert_eq!(effects[0], "Send([1], Answer { round: 7 })");
        assert_eq!(effects[1..], WON);
        let higher = Input::Message { from: NodeId(4), body: Message::Election { round: 1 } };
        assert!(step(&mut bully, higher).is_empty());
    }

    #[test]
    fn a_barred_node_yields_to_a_lower_one_but_leads_if_nobody_else_is_there() {
        let mut bully = bully(4);
        step(&mut bully, Input::Command(Command::Bar(Some(NodeId(4)))));
        assert_eq!(step(&mut bully, Input::Command(Command::Start)), WON);
        open(&mut bully, &[1]);
        let effects = step(&mut bully, Input::Command(Command::Start));
        assert_eq!(effects[1], "Send([1], Election { round: 2 })");
    }
}
