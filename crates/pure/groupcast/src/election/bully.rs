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
//!   Election {round}      to every reachable candidate that outranks the sender: "is one there?"
//!   Answer {round}        from each of them: "I am; leave it to me"
//!   Coordinator {seats}   from a winner to all that it reaches, if winners announce themselves
//! ```
//!
//! A node outranks another if it is eligible and the other is not, else by the higher id. Nodes
//! whose connection is closed are not asked, so after a crash nothing is waited for; only a node
//! that hangs costs the answer limit.
//!
//! **Several posts.** A node wins if fewer of those that outrank it answer than posts are vacant,
//! and takes the vacant post of that number: with three vacant posts, the one that got two answers
//! takes the third. Who holds a post neither asks nor stands, so a lost leader's post is filled and
//! the others stay. A node that hears of a winner while posts are still vacant stands as well.
//!
//! Promise: none of safety (two may win at once in a partition, and the bench can show it).
//! Liveness: while links work, the highest reachable candidate wins within two answer limits.
//!
//! ```
//! use groupcast::election::bully::{Bully, Command, Report, Settings};
//! use machine::{Context, Effect, Input, Instant, Machine, NodeId, Random};
//! use std::time::Duration;
//!
//! let mut bully = Bully::new(Settings {
//!     me: NodeId(2),
//!     candidates: [NodeId(1), NodeId(2), NodeId(3)].into(),
//!     answer_limit: Duration::from_millis(100),
//!     victory_limit: Duration::from_millis(300),
//! });
//! let (mut random, mut effects) = (Random::from_seed(1), Vec::new());
//! let mut cx = Context::new(Instant::ZERO, &mut random, &mut effects);
//! bully.handle(Input::Opened(NodeId(1)), &mut cx);
//! bully.handle(Input::Command(Command::Start), &mut cx);
//! assert!(matches!(effects.last(), Some(Effect::Report { report: Report::Won, .. })), "3 is away");
//! ```

use std::collections::BTreeSet;
use std::time::Duration;

use machine::{Context, Input, Machine, Never, NodeId};
use serde::{Deserialize, Serialize};

pub use super::{Command, Report};
use super::{Options, Seats, Standing};

/// What an election needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// This node.
    pub me: NodeId,
    /// All who may be elected.
    pub candidates: BTreeSet<NodeId>,
    /// How long a candidate that is connected has to answer.
    pub answer_limit: Duration,
    /// How long one that answered has to become leader. It may have to wait an answer limit itself.
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
    /// These hold the posts.
    Coordinator {
        /// All that the sender knows of.
        seats: Seats,
    },
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
    /// Those asked that have neither answered nor gone, and those that answered and have not gone.
    Asking {
        unanswered: BTreeSet<NodeId>,
        answered: BTreeSet<NodeId>,
    },
    /// Those that answered and have not gone.
    Waiting {
        answered: BTreeSet<NodeId>,
    },
}

/// One node's part in bully elections.
#[derive(Debug, Clone)]
pub struct Bully {
    settings: Settings,
    state: State,
    standing: Standing,
    round: u64,
    /// Whether someone wanted an election that this node had no reason for: all posts were held.
    /// News travels at different speeds: they may only have heard first.
    wanted: bool,
    sent: u64,
}

impl Bully {
    /// A node that knows of nobody yet, with the default [`Options`].
    pub fn new(settings: Settings) -> Self {
        Self::with_options(settings, Options::default())
    }

    /// A node that knows of nobody yet.
    pub fn with_options(settings: Settings, options: Options) -> Self {
        let standing = Standing::new(settings.me, settings.candidates.clone(), options);
        Self { settings, state: State::Idle, standing, round: 0, wanted: false, sent: 0 }
    }

    /// Messages sent since the node started, one a receiver.
    pub fn messages_sent(&self) -> u64 {
        self.sent
    }

    /// A node that was not to be waited for was heard of.
    pub fn is_there(&mut self, node: NodeId) {
        self.standing.heard(node);
    }

    /// Who holds which post, of those that are there, as far as announcements told.
    pub fn seated(&self) -> Seats {
        self.standing.seated()
    }

    fn ask(&mut self, cx: &mut Context<'_, Self>) {
        if self.standing.vacant().is_empty() {
            self.rest(cx);
            self.wanted = true;
            return;
        }
        self.wanted = false;
        self.round += 1;
        cx.report(Report::Campaigned);
        let (standing, me) = (&self.standing, self.settings.me);
        let mut asked = standing.others();
        asked.retain(|&node| standing.outranks(node, me) && !standing.is_seated(node));
        let unanswered = asked.iter().copied().collect();
        self.state = State::Asking { unanswered, answered: BTreeSet::new() };
        if asked.is_empty() {
            return self.decide(cx);
        }
        self.sent += asked.len() as u64;
        cx.send_many(asked, Message::Election { round: self.round });
        cx.clear(Alarm::Victory);
        cx.set(Alarm::Answers, self.settings.answer_limit);
    }

    /// What follows from who answered, who is silent, and which posts are vacant.
    fn decide(&mut self, cx: &mut Context<'_, Self>) {
        let (answered, unanswered) = match &self.state {
            State::Idle => return,
            State::Asking { answered, unanswered } => (answered, Some(unanswered)),
            State::Waiting { answered } => (answered, None),
        };
        let vacant = self.standing.vacant();
        let rivals = answered.iter().filter(|&&node| !self.standing.is_seated(node)).count();
        match (vacant.get(rivals), unanswered) {
            _ if vacant.is_empty() => self.rest(cx),
            (None, None) => {}
            (None, Some(_)) => {
                self.state = State::Waiting { answered: answered.clone() };
                cx.clear(Alarm::Answers);
                cx.set(Alarm::Victory, self.settings.victory_limit);
            }
            (Some(_), None) => self.ask(cx),
            (Some(&post), Some(unanswered)) if unanswered.is_empty() => self.win(post, cx),
            (Some(_), Some(_)) => {}
        }
    }

    fn win(&mut self, post: u32, cx: &mut Context<'_, Self>) {
        self.rest(cx);
        let me = self.settings.me;
        if self.standing.is_seated(me) {
            // It began for the sake of others, and none of them is there.
            return;
        }
        cx.report(Report::Won);
        if self.standing.options.announces() {
            self.standing.seat([(post, me)]);
            cx.report(Report::Seated(self.seated()));
            self.announce(self.standing.others(), cx);
        }
    }

    fn announce(&mut self, to: Vec<NodeId>, cx: &mut Context<'_, Self>) {
        self.sent += to.len() as u64;
        cx.send_many(to, Message::Coordinator { seats: self.seated() });
    }

    fn rest(&mut self, cx: &mut Context<'_, Self>) {
        self.state = State::Idle;
        self.wanted = false;
        cx.clear(Alarm::Answers);
        cx.clear(Alarm::Victory);
    }

    fn message(&mut self, from: NodeId, body: Message, cx: &mut Context<'_, Self>) {
        if !self.standing.candidates.contains(&from) {
            return;
        }
        self.standing.heard(from);
        match body {
            Message::Election { .. } if self.standing.is_seated(self.settings.me) => {
                self.announce(vec![from], cx);
            }
            Message::Election { round } if self.standing.outranks(self.settings.me, from) => {
                self.sent += 1;
                cx.send(from, Message::Answer { round });
                if self.state == State::Idle {
                    self.ask(cx);
                }
            }
            Message::Election { .. } => {}
            Message::Answer { round } if round == self.round && self.standing.sees(from) => {
                self.answer(from, cx);
            }
            Message::Answer { .. } => {}
            Message::Coordinator { seats } if self.standing.options.announces() => {
                self.coordinator(from, &seats, cx);
            }
            Message::Coordinator { .. } => {}
        }
    }

    fn answer(&mut self, from: NodeId, cx: &mut Context<'_, Self>) {
        match &mut self.state {
            State::Idle => return,
            State::Asking { unanswered, answered } => {
                unanswered.remove(&from);
                answered.insert(from);
            }
            State::Waiting { answered } => {
                answered.insert(from);
            }
        }
        self.decide(cx);
    }

    fn coordinator(&mut self, from: NodeId, seats: &Seats, cx: &mut Context<'_, Self>) {
        let news = self.standing.hear(seats);
        if news.is_outdated {
            self.announce(vec![from], cx);
        }
        if news.won {
            cx.report(Report::Won);
        }
        if news.is_new {
            cx.report(Report::Seated(self.seated()));
        }
        if let State::Asking { unanswered, .. } = &mut self.state {
            unanswered.remove(&from);
        }
        let has_vacancy = !self.standing.vacant().is_empty();
        if self.state != State::Idle {
            self.decide(cx);
        } else if news.is_new && has_vacancy && !self.standing.is_seated(self.settings.me) {
            self.ask(cx);
        }
    }

    fn opened(&mut self, node: NodeId, cx: &mut Context<'_, Self>) {
        self.standing.opened(node);
        if self.standing.is_seated(self.settings.me) {
            // The news for a node that comes late.
            self.announce(vec![node], cx);
        }
    }

    /// A node is not to be waited for; whether a post is vacant by that.
    fn lost(&mut self, node: NodeId, is_vacated: bool, cx: &mut Context<'_, Self>) {
        match &mut self.state {
            State::Idle => return self.vacated(is_vacated, cx),
            State::Asking { unanswered, answered } => {
                unanswered.remove(&node);
                answered.remove(&node);
            }
            State::Waiting { answered } => {
                answered.remove(&node);
            }
        }
        self.decide(cx);
    }

    fn vacated(&mut self, is_vacated: bool, cx: &mut Context<'_, Self>) {
        if is_vacated && self.state == State::Idle && (self.wanted || self.standing.begins()) {
            self.ask(cx);
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
            Input::Command(Command::Bar(nodes)) => {
                let is_vacated = self.standing.bar(nodes);
                self.vacated(is_vacated, cx);
            }
            Input::Command(Command::Joined(node)) => self.standing.starters.joined(node),
            Input::Opened(node) => self.opened(node, cx),
            Input::Closed(node) => {
                let is_vacated = self.standing.closed(node);
                self.lost(node, is_vacated, cx);
            }
            Input::Command(Command::Suspect(node)) => {
                let is_vacated = self.standing.is_silent(node);
                self.lost(node, is_vacated, cx);
            }
            Input::Message { from, body } => self.message(from, body, cx),
            Input::Alarm(Alarm::Answers) => {
                if let State::Asking { unanswered, .. } = &mut self.state {
                    unanswered.clear();
                    self.decide(cx);
                }
            }
            Input::Alarm(Alarm::Victory) => {
                if matches!(self.state, State::Waiting { .. }) {
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
mod tests;
