//! The ring election (Chang and Roberts 1979; seed 000), over nodes that may crash: a token goes
//! round, and whose token comes home has won.
//!
//! ```text
//!           Start, or a token of a lower one                own token comes home: Won
//!   Idle ─────────────────────────────────▶ Standing ───────────────────────────────▶ Idle
//!    │ ▲                                       │ a token of a higher one              ▲
//!    │ └────────── Settle, Coordinator ─────   ▼                                      │
//!    └── a token of a higher one ─────────▶ Waiting ── Settle, Coordinator ───────────┘
//!                     Standing, Waiting: no leader in time, or the token's owner is gone: start
//!
//!   Token {owner, round, passed, seats}   to the next that is there: "I stand; passed were these"
//!   Ack {owner, round}                    back: "I have it". Without one in time the token is sent
//!                                         again, and after so many tries the next one is skipped
//!   Coordinator {seats}                   from the winner to all that it reaches, if winners
//!                                         announce themselves
//! ```
//!
//! A node sends a token on if its owner outranks the node. If not, it swallows the token, and its
//! own goes round instead. Rank is as in [`bully`](super::bully).
//!
//! **Promise.** None of safety, as for bully. Liveness: while links work, the highest reachable
//! candidate wins, after two laps at most. *Why one wins:* only the highest one's token is swallowed
//! by nobody.
//!
//! **No token circles for ever.** Each hop brings a token nearer to its owner's place in the ring,
//! and it never gets past it: who would have to skip the owner drops the token and starts an
//! election of its own. So a token makes at most as many hops as there are candidates. It needs no
//! count of hops and nobody's memory of it, which a restart would lose. It carries the list of
//! those that it passed for another reason: its owner is to know who is there.
//!
//! **Several posts.** The owner of the token that comes home gives all vacant posts to the highest
//! of those that the token passed, and itself. Who holds a post sends every token on.
//!
//! **A token that dies** with the one that held it is replaced: all that sent a token wait for a
//! winner, and start again when the time is over.
//!
//! [`bully`](super::bully) has an example; a ring is used in the same way.

mod message;

use std::collections::{BTreeMap, BTreeSet};

use machine::{Context, Input, Machine, Never, NodeId};

pub use message::{Message, Settings, Token};

use super::standing::{News, Standing};
pub use super::{Command, Report};
use super::{Options, Seats};

/// Timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// The acknowledgement of this owner's token is due.
    Ack(NodeId),
    /// The leader is due.
    Victory,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    /// This node's own token is on its way.
    Standing,
    /// A higher one's is.
    Waiting,
}

/// A token that the next one has not acknowledged.
#[derive(Debug, Clone)]
struct Carried {
    token: Token,
    to: NodeId,
    tries: u32,
}

/// One node's part in ring elections.
#[derive(Debug, Clone)]
pub struct Ring {
    settings: Settings,
    /// All others, from the one behind this node to the one before it.
    behind: Vec<NodeId>,
    state: State,
    standing: Standing,
    round: u64,
    carried: BTreeMap<NodeId, Carried>,
    /// The last token that came of each owner: the link may have repeated it, or an
    /// acknowledgement was lost.
    last: BTreeMap<NodeId, u64>,
    /// Whether someone wanted an election that this node had no reason for: all posts were held.
    wanted: bool,
    sent: u64,
}

impl Ring {
    /// A node that knows of nobody yet, with the default [`Options`].
    pub fn new(settings: Settings) -> Self {
        Self::with_options(settings, Options::default())
    }

    /// A node that knows of nobody yet.
    pub fn with_options(settings: Settings, options: Options) -> Self {
        let order = &settings.order;
        let place = order.iter().position(|&node| node == settings.me).unwrap_or(order.len());
        let around = order.iter().cycle().skip(place + 1).take(order.len());
        let mut behind = Vec::new();
        for &node in around.filter(|&&node| node != settings.me) {
            if !behind.contains(&node) {
                behind.push(node);
            }
        }
        let candidates = behind.iter().copied().collect();
        Self {
            standing: Standing::new(settings.me, candidates, options),
            settings,
            behind,
            state: State::Idle,
            round: 0,
            carried: BTreeMap::new(),
            last: BTreeMap::new(),
            wanted: false,
            sent: 0,
        }
    }

    /// Messages sent since the node started, one a receiver, acknowledgements included.
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

    fn start(&mut self, cx: &mut Context<'_, Self>) {
        if self.standing.vacant().is_empty() {
            self.rest(cx);
            self.wanted = true;
            return;
        }
        self.wanted = false;
        self.round += 1;
        cx.report(Report::Campaigned);
        self.state = State::Standing;
        cx.set(Alarm::Victory, self.settings.victory_limit);
        let (owner, round) = (self.settings.me, self.round);
        self.pass(Token { owner, round, passed: BTreeSet::new(), seats: self.seated() }, cx);
    }

    /// Sends a token to the next one that is there, but never past its owner's place.
    fn pass(&mut self, token: Token, cx: &mut Context<'_, Self>) {
        let owner = token.owner;
        let next = self.behind.iter().find(|&&node| node == owner || self.standing.sees(node));
        match next {
            Some(&to) if self.standing.sees(to) => {
                self.carried.insert(owner, Carried { token, to, tries: 0 });
                self.send_carried(owner, cx);
            }
            None if owner == self.settings.me => self.home(&token, cx),
            Some(_) | None => self.orphaned(cx),
        }
    }

    fn send_carried(&mut self, owner: NodeId, cx: &mut Context<'_, Self>) {
        if let Some(carried) = self.carried.get_mut(&owner) {
            carried.tries += 1;
            self.sent += 1;
            cx.send(carried.to, Message::Token(carried.token.clone()));
            cx.set(Alarm::Ack(owner), self.settings.answer_limit);
        }
    }

    /// The owner of a token is gone, and with it perhaps the reason why others wait.
    fn orphaned(&mut self, cx: &mut Context<'_, Self>) {
        if self.state != State::Standing {
            self.start(cx);
        }
    }

    /// The own token came back: nobody that is there outranks this node.
    fn home(&mut self, token: &Token, cx: &mut Context<'_, Self>) {
        let (me, standing) = (self.settings.me, &self.standing);
        let mut there: Vec<NodeId> = token.passed.iter().copied().chain([me]).collect();
        there.retain(|&node| standing.sees(node) && !standing.is_seated(node));
        there.sort_by_key(|&node| std::cmp::Reverse(standing.rank(node)));
        let winners: Vec<(u32, NodeId)> = standing.vacant().into_iter().zip(there).collect();
        self.rest(cx);
        if winners.iter().any(|&(_, node)| node == me) {
            cx.report(Report::Won);
        }
        if self.standing.options.announces() && !winners.is_empty() {
            self.standing.seat(winners);
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
        cx.clear(Alarm::Victory);
        self.drop_carried(self.settings.me, cx);
    }

    fn drop_carried(&mut self, owner: NodeId, cx: &mut Context<'_, Self>) {
        if self.carried.remove(&owner).is_some() {
            cx.clear(Alarm::Ack(owner));
        }
    }

    fn message(&mut self, from: NodeId, body: Message, cx: &mut Context<'_, Self>) {
        if !self.standing.candidates.contains(&from) {
            return;
        }
        self.standing.heard(from);
        match body {
            Message::Token(token) => {
                let (owner, round) = (token.owner, token.round);
                self.sent += 1;
                cx.send(from, Message::Ack { owner, round });
                if self.standing.candidates.contains(&owner) {
                    self.token(token, cx);
                }
            }
            Message::Ack { owner, round } => {
                let carried = self.carried.get(&owner);
                if carried.is_some_and(|one| one.token.round == round && one.to == from) {
                    self.drop_carried(owner, cx);
                }
            }
            Message::Coordinator { seats } => {
                let news = self.hear(&seats, cx);
                if news.is_outdated {
                    self.announce(vec![from], cx);
                }
                if self.standing.vacant().is_empty() && self.state != State::Idle {
                    self.rest(cx);
                }
            }
        }
    }

    fn token(&mut self, mut token: Token, cx: &mut Context<'_, Self>) {
        self.hear(&token.seats, cx);
        let (me, owner) = (self.settings.me, token.owner);
        if owner == me {
            if self.state == State::Standing && token.round == self.round {
                self.home(&token, cx);
            }
            return;
        }
        if self.last.insert(owner, token.round) == Some(token.round) {
            return;
        }
        let is_settled = self.standing.vacant().is_empty();
        if self.standing.outranks(me, owner) {
            if is_settled {
                self.wanted = true;
                self.announce(vec![owner], cx);
            } else if self.state == State::Idle {
                self.start(cx);
            }
            return;
        }
        if !is_settled {
            self.state = State::Waiting;
            cx.set(Alarm::Victory, self.settings.victory_limit);
        }
        token.passed.retain(|node| self.standing.candidates.contains(node));
        token.passed.insert(me);
        token.seats = self.seated();
        self.pass(token, cx);
    }

    fn hear(&mut self, seats: &Seats, cx: &mut Context<'_, Self>) -> News {
        let news = self.standing.hear(seats);
        if news.won {
            cx.report(Report::Won);
        }
        if news.is_new {
            cx.report(Report::Seated(self.seated()));
        }
        news
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
        // Its next life counts its tokens anew.
        self.last.remove(&node);
        let stuck: Vec<Carried> =
            self.carried.values().filter(|carried| carried.to == node).cloned().collect();
        for Carried { token, .. } in stuck {
            self.drop_carried(token.owner, cx);
            self.pass(token, cx);
        }
        self.vacated(is_vacated, cx);
    }

    fn vacated(&mut self, is_vacated: bool, cx: &mut Context<'_, Self>) {
        if is_vacated && self.state == State::Idle && (self.wanted || self.standing.begins()) {
            self.start(cx);
        }
    }

    fn ack_is_due(&mut self, owner: NodeId, cx: &mut Context<'_, Self>) {
        match self.carried.get(&owner) {
            Some(carried) if carried.tries < self.settings.tries => self.send_carried(owner, cx),
            Some(&Carried { to, .. }) => {
                let is_vacated = self.standing.is_silent(to);
                self.lost(to, is_vacated, cx);
            }
            None => {}
        }
    }
}

impl Machine for Ring {
    type Message = Message;
    type Command = Command;
    type Report = Report;
    type Record = Never;
    type Snapshot = Never;
    type Alarm = Alarm;

    fn handle(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Command(Command::Start) => self.start(cx),
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
            Input::Alarm(Alarm::Ack(owner)) => self.ack_is_due(owner, cx),
            Input::Alarm(Alarm::Victory) => {
                if self.state != State::Idle {
                    self.start(cx);
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
