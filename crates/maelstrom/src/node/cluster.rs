//! A node among the others: the group, gossip, and the time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use groupcast::group::{self, Command, Refusal as NotTaken, Report};
use machine::{Incarnation, Input, Instant, NodeId, Random};
use serde::Deserialize;
use serde_json::{Value, json};

use super::ordered::Requests;
use super::{CUT_OFF_LIMIT, GREETING_DELAY, Output, Settings};
use crate::founding::{Founding, Step};
use crate::gossip::{Gossip, Word};
use crate::member::{self, Member, Wish};
use crate::packet::{Body, Packet};
use crate::refusal::Refusal;
use crate::services::Services;

/// How often what is not confirmed is said again: often enough to be over soon after a partition,
/// seldom enough to cost little while one lasts.
const PERIOD: Duration = Duration::from_millis(200);
/// How long the group waits before it asks again for what is missing. The workbench delays each
/// message by a tenth of a second in many tests; sooner would be asking for what is on its way.
const REPAIR_PERIOD: Duration = Duration::from_millis(100);
/// The `type` of packets of [`Gossip`].
const GOSSIP: &str = "gossip";
/// The `type` of packets of [`Founding`].
const FOUNDING: &str = "founding";

/// A node among the others.
#[derive(Debug)]
pub struct Cluster {
    /// All nodes, in order: number 1 is the first.
    names: Vec<String>,
    me: NodeId,
    life: u64,
    starts_at: Option<Instant>,
    founding: Founding,
    founding_due: Option<Instant>,
    pub(super) member: Member,
    /// Whether this life has ever been in a group.
    has_been: bool,
    /// Whether it has heard of a group that was open.
    knows_open: bool,
    /// Whether this life has seen a majority of the nodes in a view.
    pub(super) is_open: bool,
    heard: BTreeMap<NodeId, Instant>,
    pub(super) services: Services,
    pub(super) requests: Requests,
    pub(super) gossip: Gossip,
    gossip_due: Option<Instant>,
    /// Whether a `read` without a key is of the set.
    pub(super) serves_set: bool,
    /// How many unique ids were given.
    ids: u64,
}

impl Cluster {
    pub fn new(settings: &Settings, now: Instant, name: String, names: Vec<String>) -> Self {
        let at = names.iter().position(|other| *other == name).unwrap_or_default();
        let (me, life) = (number(at), settings.life);
        let others = names.iter().filter(|other| **other != name).cloned();
        let group = group::Settings {
            order: settings.order,
            delivery: settings.delivery,
            repair_period: REPAIR_PERIOD,
            ..group::Settings::new(me, Incarnation(life), "")
        };
        Self {
            gossip: Gossip::new(&name, life, others),
            names,
            me,
            life,
            starts_at: Some(now + GREETING_DELAY),
            founding: Founding::default(),
            founding_due: None,
            member: Member::new(group, Random::from_seed(settings.seed)),
            has_been: false,
            knows_open: false,
            is_open: false,
            heard: BTreeMap::new(),
            services: Services::default(),
            requests: Requests::new(life),
            gossip_due: None,
            serves_set: false,
            ids: 0,
        }
    }

    /// What this node is called.
    pub fn name(&self) -> &str {
        self.name_of(self.me)
    }

    /// A name that no other node and no other life is given.
    pub fn unique(&mut self) -> String {
        self.ids += 1;
        format!("{}-{:x}-{:x}", self.name(), self.life, self.ids)
    }

    /// Whether this is the name of another node.
    pub fn is_other(&self, name: &str) -> bool {
        self.number_of(name).is_some_and(|node| node != self.me)
    }

    /// Another node said something.
    pub fn said(&mut self, now: Instant, packet: Packet, output: &mut Output) {
        let Some(from) = self.number_of(&packet.source) else { return };
        // Before that it may not answer.
        if self.starts_at.is_some() {
            return;
        }
        self.heard.insert(from, now);
        // What this may answer must not be late.
        self.expire(now, output);
        let is_understood = match packet.kind() {
            member::KIND => match self.member.packet(now, from, &packet.body) {
                Some(wishes) => {
                    self.grant(now, wishes, output);
                    true
                }
                None => false,
            },
            GOSSIP => match packet.body.get("word").map(Word::deserialize) {
                Some(Ok(word)) => {
                    let answer = self.gossip.heard(&packet.source, word);
                    self.send_words(answer.map(|word| (packet.source.clone(), word)), output);
                    true
                }
                _ => false,
            },
            FOUNDING => self.asked(now, from, &packet.body, output).is_some(),
            _ => false,
        };
        if !is_understood {
            let (kind, source) = (packet.kind(), &packet.source);
            output.notes.push(format!("{source} said something of the type {kind:?} that is none"));
        }
    }

    /// When something is due.
    pub fn wake_at(&self) -> Option<Instant> {
        if self.starts_at.is_none() && self.gossip.has_news() {
            return Some(Instant::ZERO);
        }
        let dues = [self.starts_at, self.founding_due, self.gossip_due];
        dues.into_iter().chain([self.member.wake_at(), self.requests.due()]).flatten().min()
    }

    /// What is due is done.
    pub fn wake(&mut self, now: Instant, output: &mut Output) {
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        self.expire(now, output);
        if is_due(self.starts_at) {
            self.start(now, output);
        }
        if self.starts_at.is_some() {
            return;
        }
        if is_due(self.founding_due) {
            self.ask(now, output);
        }
        let news = self.gossip.news();
        self.send_words(news, output);
        if is_due(self.gossip_due) {
            let words = self.gossip.remind();
            self.send_words(words, output);
            self.gossip_due = None;
        }
        if self.gossip_due.is_none() && !self.gossip.is_settled() {
            self.gossip_due = Some(now + PERIOD);
        }
        let wishes = self.member.wake(now);
        self.grant(now, wishes, output);
        self.begin_waiting(now, output);
    }

    /// Whether what is multicast now can be delivered, as far as this node can tell: it hears a
    /// majority of its view.
    pub(super) fn hears_majority(&self, now: Instant) -> bool {
        let Some(view) = self.member.group().view() else { return false };
        let heard = |node| self.heard.get(&node).is_some_and(|at| now.since(*at) < CUT_OFF_LIMIT);
        view.nodes().filter(|&node| node == self.me || heard(node)).count() >= view.majority()
    }

    /// Does what the member wants, until it wants nothing more.
    pub(super) fn grant(&mut self, now: Instant, wishes: Vec<Wish>, output: &mut Output) {
        let mut wishes = VecDeque::from(wishes);
        while let Some(wish) = wishes.pop_front() {
            match wish {
                Wish::Send(nodes, body) => {
                    for node in nodes {
                        let packet = self.packet(node, body.clone());
                        output.packets.push(packet);
                    }
                }
                Wish::Hear(report) => wishes.extend(self.hear(now, report, output)),
            }
        }
        self.has_been |= self.member.group().view().is_some();
    }

    fn hear(&mut self, now: Instant, report: Report, output: &mut Output) -> Vec<Wish> {
        match report {
            Report::View(view) => {
                self.is_open |= view.members.len() > self.names.len() / 2;
                let members = view.nodes().map(|node| self.name_of(node)).collect::<Vec<_>>();
                output.notes.push(format!("view {}: {}", view.id, members.join(" ")));
            }
            Report::Delivered { messages, .. } => {
                for message in messages.iter() {
                    self.delivered(message, output);
                }
            }
            Report::StateWanted(view) => match self.services.state() {
                Ok(state) => {
                    let command = Command::State(view, Bytes::from(state));
                    return self.member.handle(now, Input::Command(command));
                }
                Err(error) => output.notes.push(format!("the state cannot be written: {error}")),
            },
            Report::State(state) => match Services::restore(&state) {
                Ok(services) => self.services = services,
                // To go on would be to answer from another state than the others.
                Err(error) => {
                    output.failed = Some(format!("the group's state cannot be read: {error}"));
                }
            },
            Report::Refused(message, why) => {
                let text = match why {
                    NotTaken::NotAMember => "this node is not in the group",
                    NotTaken::NoRoom => "the group does not keep up",
                    NotTaken::TooLarge => "the request is too long for the group",
                };
                self.refused(&message, Refusal::unavailable(text), output);
            }
            Report::Removed(messages) => {
                output.notes.push("the group goes on without this node, which asks to join".into());
                for message in messages {
                    self.in_doubt(&message, output);
                }
                // The members of the last view may be those that were removed.
                let command = Command::Join(self.others().collect());
                return self.member.handle(now, Input::Command(command));
            }
            Report::Suspected(node, health) => {
                output.notes.push(format!("{} is in doubt: {health:?}", self.name_of(node)));
            }
            Report::Meet(..) | Report::Room | Report::Left => {}
        }
        Vec::new()
    }

    /// All nodes are there: from here on this one speaks.
    fn start(&mut self, now: Instant, output: &mut Output) {
        self.starts_at = None;
        for node in self.others().collect::<Vec<_>>() {
            // There are no connections that could break: silence alone tells of a death.
            let wishes = self.member.handle(now, Input::Opened(node));
            self.grant(now, wishes, output);
        }
        let all: BTreeSet<_> = (0..self.names.len()).map(number).collect();
        let (founding, step) = Founding::begin(self.me, &all);
        (self.founding, self.founding_due, self.gossip_due) = (founding, Some(now), Some(now));
        self.step(now, step, output);
    }

    fn step(&mut self, now: Instant, step: Option<Step>, output: &mut Output) {
        let command = match step {
            None => return,
            Some(Step::Found) => Command::Found,
            Some(Step::Join) => Command::Join(self.others().collect()),
        };
        let wishes = self.member.handle(now, Input::Command(command));
        self.grant(now, wishes, output);
    }

    /// Asks whether there is a group.
    fn ask(&mut self, now: Instant, output: &mut Output) {
        let unanswered: Vec<_> = self.founding.unanswered().collect();
        self.founding_due = (!unanswered.is_empty()).then(|| now + PERIOD);
        for node in unanswered {
            let body = json!({"type": FOUNDING, "life": self.life, "asks": true});
            output.packets.extend(self.packet_of(node, body));
        }
    }

    /// A question whether there is a group, or the answer to one.
    fn asked(
        &mut self,
        now: Instant,
        from: NodeId,
        body: &Body,
        output: &mut Output,
    ) -> Option<()> {
        let life = body.get("life")?.as_u64()?;
        if let Some(has_been) = body.get("has_been") {
            let has_been = has_been.as_bool()?;
            self.knows_open |= body.get("open")?.as_bool()?;
            // An answer to an earlier life says nothing of now.
            if life == self.life {
                let step = self.founding.answered(from, has_been);
                self.step(now, step, output);
            }
        } else {
            let open = self.is_open || self.knows_open;
            let has_been = self.has_been || open;
            let body = json!({"type": FOUNDING, "life": life, "has_been": has_been, "open": open});
            output.packets.extend(self.packet_of(from, body));
        }
        Some(())
    }

    fn send_words(&self, words: impl IntoIterator<Item = (String, Word)>, output: &mut Output) {
        for (name, word) in words {
            if let Some(node) = self.number_of(&name) {
                output.packets.extend(self.packet_of(node, json!({"type": GOSSIP, "word": word})));
            }
        }
    }

    fn packet(&self, to: NodeId, body: Body) -> Packet {
        let destination = self.name_of(to).to_owned();
        Packet { source: self.name().to_owned(), destination, body }
    }

    fn packet_of(&self, to: NodeId, body: Value) -> Option<Packet> {
        match body {
            Value::Object(body) => Some(self.packet(to, body)),
            _ => None,
        }
    }

    fn others(&self) -> impl Iterator<Item = NodeId> {
        (0..self.names.len()).map(number).filter(|node| *node != self.me)
    }

    fn number_of(&self, name: &str) -> Option<NodeId> {
        self.names.binary_search_by(|known| known.as_str().cmp(name)).ok().map(number)
    }

    fn name_of(&self, node: NodeId) -> &str {
        let at = usize::try_from(node.0).unwrap_or(usize::MAX).wrapping_sub(1);
        self.names.get(at).map_or("?", String::as_str)
    }
}

/// The number of a node by its place among the names.
fn number(at: usize) -> NodeId {
    NodeId(u32::try_from(at).unwrap_or(u32::MAX).saturating_add(1))
}
