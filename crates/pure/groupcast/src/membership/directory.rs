//! The directory's side.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use machine::{Context, Incarnation, Input, Instant, Machine, Never, NodeId};

use super::lock::Lock;
use super::newcomer::PROVISIONAL_MIN;
use super::{ADDRESS_BYTES_MAX, Entry, MEMBERS_MAX, Message, Report};

/// How many answers to questions for an id are remembered, so that a question that is repeated gets
/// the same one. More nodes than this rarely start within one repetition; if they do, an id is
/// wasted.
const GIVEN_MAX: usize = 64;

/// Keeps the list of nodes, in memory only: after a restart the next announcements fill it again.
///
/// ```
/// use std::time::Duration;
/// use groupcast::membership::Directory;
/// use machine::{Incarnation, NodeId};
///
/// // Ids up to 99 are the configured nodes'.
/// let directory = Directory::new(Duration::from_secs(5), Incarnation(1))
///     .gives_ids_above(NodeId(99))
///     .lets_elect_for(Duration::from_secs(2));
/// assert_eq!(directory.members().count(), 0);
/// ```
#[derive(Debug, Clone)]
pub struct Directory {
    expiry: Duration,
    version: u64,
    members: BTreeMap<NodeId, Known>,
    /// No id above this one was given, or announced by a node.
    highest_id: NodeId,
    /// Who asked, with which token, and what it got.
    given: VecDeque<(NodeId, u64, NodeId)>,
    lock: Lock,
}

#[derive(Debug, Clone)]
struct Known {
    entry: Entry,
    /// When it announced itself, or left.
    at: Instant,
    /// The version of the list that had it first, in this life.
    joined: u64,
    /// It is no member any more; it is remembered until its last announcements have arrived.
    left: bool,
}

/// Timer: the next entry may have to be dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expire;

impl Directory {
    /// A directory that drops a node after `expiry` without an announcement. `life` must rise from
    /// one start of the directory to the next: it keeps versions of the list from being mistaken
    /// for those of an earlier life. It gives ids above 0, and lets a node elect for as long as
    /// `expiry`.
    pub fn new(expiry: Duration, life: Incarnation) -> Self {
        Self {
            expiry,
            version: life.0 << 32,
            members: BTreeMap::new(),
            highest_id: NodeId(0),
            given: VecDeque::new(),
            lock: Lock::new(expiry),
        }
    }

    /// Sets above which id the given ones begin: above all configured ones, the directory's own
    /// included. After a restart of the directory, nodes that do not announce themselves before
    /// somebody asks may find their id given again; a higher floor for each life prevents it.
    #[must_use]
    pub fn gives_ids_above(mut self, floor: NodeId) -> Self {
        self.highest_id = floor;
        self
    }

    /// Sets how long a node may hold an election. Longer than elections take, or the next one
    /// begins beside it; shorter than one wants to wait for a node that crashed in its election.
    #[must_use]
    pub fn lets_elect_for(mut self, limit: Duration) -> Self {
        self.lock = Lock::new(limit);
        self
    }

    /// All nodes that are known.
    pub fn members(&self) -> impl Iterator<Item = &Entry> {
        self.members.values().filter(|known| !known.left).map(|known| &known.entry)
    }

    fn is_member(&self, node: NodeId, incarnation: Incarnation) -> bool {
        let known = self.members.get(&node);
        known.is_some_and(|known| !known.left && known.entry.incarnation == incarnation)
    }

    fn announced(&mut self, entry: Entry, known: u64, cx: &mut Context<'_, Self>) {
        let from = entry.node;
        if entry.address.len() > ADDRESS_BYTES_MAX {
            return;
        }
        let full = self.members.len() >= MEMBERS_MAX;
        let changed = match self.members.get_mut(&from) {
            Some(old) if entry.incarnation < old.entry.incarnation => return,
            Some(old) if entry.incarnation == old.entry.incarnation && old.left => return,
            Some(old) => {
                let changed = old.left || old.entry != entry;
                let joined = if changed { self.version + 1 } else { old.joined };
                *old = Known { entry: entry.clone(), at: cx.now, joined, left: false };
                changed
            }
            None if full => return,
            None => {
                let joined = self.version + 1;
                let known = Known { entry: entry.clone(), at: cx.now, joined, left: false };
                self.members.insert(from, known);
                true
            }
        };
        if from < PROVISIONAL_MIN {
            self.highest_id = self.highest_id.max(from);
        }
        if changed {
            cx.report(Report::Joined(entry));
            self.publish(cx);
        } else if known != self.version {
            cx.send(from, self.list());
        }
        self.set_alarm(cx);
    }

    fn left(&mut self, node: NodeId, incarnation: Incarnation, cx: &mut Context<'_, Self>) {
        if !self.is_member(node, incarnation) {
            return;
        }
        if let Some(known) = self.members.get_mut(&node) {
            (known.left, known.at) = (true, cx.now);
        }
        cx.report(Report::Expired(node));
        self.publish(cx);
        self.set_alarm(cx);
    }

    fn give_id(&mut self, to: NodeId, token: u64, cx: &mut Context<'_, Self>) {
        let given = self.given.iter().find(|given| (given.0, given.1) == (to, token));
        let id = match given {
            Some(&(.., id)) => id,
            None => {
                let id = NodeId(self.highest_id.0.saturating_add(1));
                if id >= PROVISIONAL_MIN {
                    return;
                }
                self.highest_id = id;
                if self.given.len() >= GIVEN_MAX {
                    self.given.pop_front();
                }
                self.given.push_back((to, token, id));
                id
            }
        };
        cx.send(to, Message::Id { token, id });
    }

    fn may_elect(&mut self, node: NodeId, incarnation: Incarnation, cx: &mut Context<'_, Self>) {
        if !self.is_member(node, incarnation) {
            return;
        }
        if let Some((node, incarnation)) = self.lock.holder()
            && !self.is_member(node, incarnation)
        {
            self.lock.release(node, incarnation);
        }
        if let Some(lasts) = self.lock.grant(node, incarnation, cx.now) {
            cx.send(node, Message::Elect { incarnation, lasts });
        }
    }

    pub(super) fn list(&self) -> Message {
        let mut members: Vec<&Known> = self.members.values().filter(|known| !known.left).collect();
        members.sort_unstable_by_key(|known| known.joined);
        let entries = members.into_iter().map(|known| known.entry.clone()).collect();
        Message::Members { version: self.version, entries }
    }

    fn publish(&mut self, cx: &mut Context<'_, Self>) {
        self.version += 1;
        cx.send_many(self.members().map(|entry| entry.node).collect(), self.list());
    }

    fn set_alarm(&self, cx: &mut Context<'_, Self>) {
        if let Some(oldest) = self.members.values().map(|known| known.at).min() {
            cx.set(Expire, (oldest + self.expiry).since(cx.now));
        }
    }

    fn expire(&mut self, cx: &mut Context<'_, Self>) {
        let limit = self.expiry;
        let before = self.members().count();
        self.members.retain(|&node, known| {
            let keep = cx.now.since(known.at) < limit;
            if !keep && !known.left {
                cx.report(Report::Expired(node));
            }
            keep
        });
        if self.members().count() != before {
            self.publish(cx);
        }
        self.set_alarm(cx);
    }
}

impl Machine for Directory {
    type Message = Message;
    type Command = Never;
    type Report = Report;
    type Record = Never;
    type Snapshot = Never;
    type Alarm = Expire;

    fn handle(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Message { from, body } => match body {
                Message::Announce { incarnation, address, known } => {
                    self.announced(Entry { node: from, incarnation, address }, known, cx);
                }
                Message::Leave { incarnation } => self.left(from, incarnation, cx),
                Message::AskId { token } => self.give_id(from, token, cx),
                Message::MayElect { incarnation } => self.may_elect(from, incarnation, cx),
                Message::ElectionOver { incarnation } => self.lock.release(from, incarnation),
                Message::Members { .. } | Message::Id { .. } | Message::Elect { .. } => {}
            },
            Input::Alarm(Expire) => self.expire(cx),
            Input::Restore { snapshot, .. } => match snapshot {},
            Input::Replay { record, .. } => match record {},
            Input::Command(command) => match command {},
            Input::Start
            | Input::Claimed(_)
            | Input::Refused(_)
            | Input::Opened(_)
            | Input::Closed(_) => {}
        }
    }
}
