//! The applications of a world, and the eyes on them: each report goes to the properties before it
//! becomes history.

use std::collections::BTreeSet;

use bytes::Bytes;
use groupcast::group::{Command, Group, Refusal, Report, View};
use machine::{Instant, NodeId};

use super::history::{History, Sent};
use super::message::{MessageId, log_from_state, log_to_state};
use super::properties::{self, OneLine, StateTransfer, TotalOrder, Uniformity, ViewSynchrony};
use super::record::Record;
use super::swarm::Swarm;
use crate::engine::Observer;
use crate::invariants::Violation;

/// What a world of members contained.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Contents {
    /// Messages that groups took.
    pub sent: u64,
    /// Messages delivered, one a member.
    pub delivered: u64,
    /// Messages refused, for want of room or of a group.
    pub refused: u64,
    /// Views that were installed.
    pub views: u64,
    /// States that new members were given.
    pub states: u64,
    /// Members that were removed.
    pub removed: u64,
    /// Members that left.
    pub left: u64,
    /// Messages handed back to members that were removed.
    pub handed_back: u64,
    /// Suspicions.
    pub suspected: u64,
}

pub(super) struct Watch {
    /// The first violation.
    pub violation: Option<Violation>,
    pub contents: Contents,
    pub history: History,
    pub record: Record,
    pub one_line: OneLine,
    /// What applications answer, for the world to pass on.
    pub answers: Vec<(NodeId, Command)>,
    /// Who was refused a message for want of room and was not told that there is room again.
    pub waits_for_room: BTreeSet<NodeId>,
    /// Who has stepped out of the group and not asked to be let in again.
    pub outside: Vec<NodeId>,
    total_order: TotalOrder,
    view_synchrony: ViewSynchrony,
    uniformity: Uniformity,
    state_transfer: StateTransfer,
    /// The message that is being sent, and how it was refused.
    sending: Option<(Bytes, Option<Refusal>)>,
    rejoins: bool,
    state_padding_bytes: usize,
}

impl Watch {
    pub fn new(swarm: &Swarm, is_recorded: bool) -> Self {
        Self {
            violation: None,
            contents: Contents::default(),
            history: History::new(swarm.nodes as usize, &swarm.settings),
            record: Record::new(is_recorded),
            one_line: OneLine::default(),
            answers: Vec::new(),
            waits_for_room: BTreeSet::new(),
            outside: Vec::new(),
            total_order: TotalOrder::default(),
            view_synchrony: ViewSynchrony::default(),
            uniformity: Uniformity::default(),
            state_transfer: StateTransfer::default(),
            sending: None,
            rejoins: swarm.settings.rejoins,
            state_padding_bytes: swarm.state_padding_bytes,
        }
    }

    /// Notes the first violation.
    pub fn hold(&mut self, invariant: &'static str, at: Instant, held: Result<(), String>) {
        if let Err(evidence) = held
            && self.violation.is_none()
        {
            self.violation = Some(Violation { invariant, at, evidence });
        }
    }

    /// A node crashes, or starts again.
    pub fn crashed(&mut self, now: Instant, node: NodeId) {
        self.record.ended(now, node);
        self.history.stay_ended(node);
        self.waits_for_room.remove(&node);
    }

    /// A node is about to send a message of this length: which it is.
    pub fn begin_to_send(&mut self, now: Instant, node: NodeId, length_bytes: usize) -> Bytes {
        let member = self.history.of(node);
        let (stay, mut after) = (member.stay, member.next.clone());
        after[node.0 as usize] = 0;
        let id = MessageId { sender: node.0, number: member.sent.len() as u32 };
        self.record.sent(now, id, stay);
        let message = id.to_message(length_bytes);
        let length_bytes = message.len();
        self.history.of_mut(node).sent.push(Sent { length_bytes, stay, after });
        self.sending = Some((message.clone(), None));
        message
    }

    /// The node has sent it. Whether it was taken must agree with what the machine said before.
    pub fn end_to_send(&mut self, now: Instant, node: NodeId, has_room: bool) {
        let refusal = self.sending.take().and_then(|(_, refusal)| refusal);
        let held = match (has_room, refusal) {
            (true, None) => Ok(()),
            (false, Some(Refusal::NoRoom | Refusal::NotAMember)) => Ok(()),
            other => Err(format!("{node} was asked for room and a message was sent: {other:?}")),
        };
        self.hold("bounded queues", now, held);
        match refusal {
            None => self.contents.sent += 1,
            Some(refusal) => {
                self.contents.refused += 1;
                self.history.of_mut(node).sent.pop();
                if refusal == Refusal::NoRoom {
                    self.waits_for_room.insert(node);
                }
            }
        }
    }

    fn view(&mut self, now: Instant, node: NodeId, view: &View) {
        self.record.view(now, node, view);
        let before = self.history.of(node).view;
        let held = self.one_line.installed(node, before, view);
        self.hold("one line of views", now, held);
        if let Some(ended) = before {
            let held = self.view_synchrony.passed(&self.history, node, ended);
            self.hold("view synchrony", now, held);
            let held = self.total_order.passed(&self.history, node, ended);
            self.hold("total order", now, held);
            let those = self.view_synchrony.ended(ended);
            let held = self.uniformity.passed(ended, node, those);
            self.hold("uniformity", now, held);
        }
        let held = self.state_transfer.began(&self.history, node, view.id);
        self.hold("state transfer", now, held);
        let member = self.history.of_mut(node);
        member.view = Some(view.id);
        member.in_view.clear();
        self.contents.views = self.one_line.len() as u64;
    }

    fn delivered(&mut self, now: Instant, node: NodeId, sender: NodeId, message: &[u8]) {
        let id = match properties::integrity(&self.history, node, sender, message) {
            Ok(id) => id,
            Err(evidence) => return self.hold("integrity", now, Err(evidence)),
        };
        self.record.delivered(now, node, id, &self.history);
        self.hold("FIFO order", now, properties::fifo(&self.history, node, id));
        self.hold("causal order", now, properties::causal(&self.history, node, id));
        let held = self.total_order.delivered(&self.history, node, id);
        self.hold("total order", now, held);
        let ended = self.history.of(node).view.and_then(|view| self.view_synchrony.ended(view));
        let held = self.uniformity.delivered(&self.history, node, id, ended);
        self.hold("uniformity", now, held);
        self.history.delivered(node, id);
        self.contents.delivered += 1;
    }

    fn stepped_out(&mut self, now: Instant, node: NodeId) {
        self.record.ended(now, node);
        self.history.stay_ended(node);
        self.outside.push(node);
    }

    fn refused(&mut self, now: Instant, node: NodeId, message: &Bytes, refusal: Refusal) {
        if let Some((sending, refused)) = &mut self.sending
            && sending == message
        {
            *refused = Some(refusal);
            return;
        }
        // A message that was taken and was never sent, because its sender leaves.
        let held = match MessageId::from_message(message) {
            Some(id) if self.history.open(node).contains(&id) => {
                self.history.of_mut(node).handed_back.insert(id.number);
                Ok(())
            }
            id => Err(format!("{node} was refused {id:?}, which was not open")),
        };
        self.hold("validity", now, held);
    }
}

impl Observer<Group> for Watch {
    fn report(&mut self, now: Instant, node: NodeId, report: &Report) {
        match report {
            Report::View(view) => self.view(now, node, view),
            Report::Delivered { sender, messages } => {
                for message in messages.iter() {
                    self.delivered(now, node, *sender, message);
                }
            }
            Report::StateWanted(view) => {
                let log = &self.history.of(node).log;
                let state = log_to_state(log, self.state_padding_bytes);
                self.answers.push((node, Command::State(*view, state)));
            }
            Report::State(state) => {
                self.contents.states += 1;
                match log_from_state(state, self.state_padding_bytes) {
                    Some(log) => self.history.restored(node, log),
                    None => {
                        let evidence = format!("{node} got a state that nobody gave");
                        self.hold("state transfer", now, Err(evidence));
                    }
                }
            }
            Report::Refused(message, refusal) => self.refused(now, node, message, *refusal),
            Report::Room => {
                let evidence = format!("{node} has room, but was refused nothing");
                let held = self.waits_for_room.remove(&node).then_some(()).ok_or(evidence);
                self.hold("bounded queues", now, held);
            }
            Report::Removed(messages) => {
                self.contents.removed += 1;
                self.contents.handed_back += messages.len() as u64;
                let held = properties::handed_back(&self.history, node, messages);
                self.hold("validity", now, held);
                self.record.ended(now, node);
                self.history.stay_ended(node);
                if !self.rejoins {
                    self.outside.push(node);
                }
            }
            Report::Left => {
                self.contents.left += 1;
                self.hold("validity", now, properties::left(&self.history, node));
                self.stepped_out(now, node);
            }
            Report::Suspected(..) => self.contents.suspected += 1,
            Report::Meet(..) => {}
        }
    }
}
