//! What a leader does: gathers where a majority stands, takes over the furthest content, and has
//! the others follow.

use std::collections::{BTreeMap, VecDeque};

use machine::{After, Context, Destination, Epoch, NodeId};

use super::message::{Message, Position};
use super::settings::ENTRIES_KEPT_MAX;
use super::{Alarm, Content, Log, Report, Settings, marks};

/// What a node does beside accepting.
#[derive(Debug, Clone)]
pub(super) enum Side<C: Content> {
    Idle,
    Gathering(Gathering),
    Leading(Leader<C::Entry>),
}

/// Where the others stand, as far as they have said.
#[derive(Debug, Clone)]
pub(super) struct Gathering {
    pub epoch: Epoch,
    held: BTreeMap<NodeId, Position>,
    /// How much of a content had come when it was last looked at.
    fetched_bytes: Option<usize>,
}

/// A leader.
#[derive(Debug, Clone)]
pub(super) struct Leader<E> {
    pub epoch: Epoch,
    /// What its log continues.
    start: Position,
    /// The last entries, and how many come before them.
    kept: VecDeque<E>,
    before: u64,
    /// How many entries have left for those that follow.
    sent: u64,
    /// How many each voter has, of those that have adopted the epoch.
    accepted: BTreeMap<NodeId, u64>,
    /// From where on a voter was last sent what it lacked, since it last moved.
    sent_again: BTreeMap<NodeId, u64>,
    /// How many each had when the alarm last went off.
    looked_at: BTreeMap<NodeId, u64>,
    pub committed: Option<u64>,
}

impl<E> Leader<E> {
    pub fn check(&self, position: Position, fenced: Epoch) -> Result<(), String> {
        let end = self.before + self.kept.len() as u64;
        match position.epoch == self.epoch && fenced == self.epoch && position.length == end {
            true => Ok(()),
            false => Err(format!(
                "leads {} up to entry {end}, and stands at {position:?}, fenced by {fenced}",
                self.epoch
            )),
        }
    }

    /// So many entries are held by a majority of as many voters; none as long as the epoch is not
    /// adopted by one.
    fn held_by(&self, majority: usize) -> Option<u64> {
        let mut lengths: Vec<u64> = self.accepted.values().copied().collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        lengths.get(majority - 1).copied()
    }

    /// What has left behind the first `after`, which are kept: as much as one message carries, and
    /// one entry at least.
    fn entries(&self, after: u64, settings: &Settings, bytes_of: impl Fn(&E) -> usize) -> Vec<E>
    where
        E: Clone,
    {
        let place = |length: u64| usize::try_from(length - self.before).unwrap_or(usize::MAX);
        let (from, to) = (place(after), place(self.sent));
        let mut bytes = 0_usize;
        let fits = |(count, entry): &(usize, &E)| {
            bytes = bytes.saturating_add(bytes_of(entry));
            *count == 0 || *count < settings.entries_max && bytes <= settings.part_bytes_max
        };
        let rest = self.kept.range(from..to).enumerate();
        rest.take_while(fits).map(|(_, entry)| entry.clone()).collect()
    }

    /// Forgets what all have, and what is too much to keep for those that have not.
    fn trim(&mut self, voters: usize) {
        let all_have = match self.accepted.len() == voters {
            true => self.accepted.values().copied().min().unwrap_or(0),
            false => 0,
        };
        // What has not left is kept, whatever happens.
        while self.before < self.sent
            && (self.before < all_have || self.kept.len() > ENTRIES_KEPT_MAX)
        {
            self.kept.pop_front();
            self.before += 1;
        }
    }
}

impl<C: Content> Log<C> {
    pub(super) fn claim(&mut self, epoch: Epoch, cx: &mut Context<'_, Self>) {
        let me = self.settings.me;
        // An epoch is led once: what was led under it before may have followers.
        let is_new = epoch > self.acceptor.fenced && epoch.node == me;
        if !is_new || !self.settings.voters.contains(&me) {
            return cx.report(Report::Refused(self.acceptor.fenced.max(epoch)));
        }
        // A lower epoch of this node's own is over, and nobody needs to be told.
        self.side =
            Side::Gathering(Gathering { epoch, held: BTreeMap::new(), fetched_bytes: None });
        cx.clear(Alarm::Flush);
        cx.set(Alarm::Resend, self.settings.resend);
        let all = self.settings.voters.iter().copied().collect();
        cx.send_after(After::Nothing, Destination::Many(all), Message::Claim(epoch));
    }

    /// An acceptor says where it stands, and that it accepts nothing below the epoch.
    pub(super) fn held(
        &mut self,
        from: NodeId,
        epoch: Epoch,
        position: Position,
        cx: &mut Context<'_, Self>,
    ) {
        match &mut self.side {
            Side::Gathering(gathering) if gathering.epoch == epoch => {
                gathering.held.insert(from, position);
                self.gathered(cx);
            }
            // It answers late, and did not hear how it went on.
            Side::Leading(leader) if leader.epoch == epoch => {
                cx.mark(marks::CLAIM_ANSWERED_LATE);
                self.begin_at(from, cx);
            }
            Side::Idle | Side::Gathering(_) | Side::Leading(_) => {}
        }
    }

    /// Begins to lead, if a majority has said where it stands and the furthest content is here.
    pub(super) fn gathered(&mut self, cx: &mut Context<'_, Self>) {
        let (me, majority) = (self.settings.me, self.settings.majority());
        let Side::Gathering(Gathering { epoch, held, .. }) = &self.side else { return };
        let epoch = *epoch;
        // Its own acceptor has to be among them: from then on it stands still, too.
        if held.len() < majority || !held.contains_key(&me) {
            return;
        }
        let furthest = held.iter().max_by_key(|(_, position)| **position);
        let Some((&from, &furthest)) = furthest else { return };
        if furthest > self.acceptor.position {
            cx.mark(marks::FURTHER_FETCHED);
            return self.fetch(from, epoch, cx);
        }
        self.lead(epoch, cx);
    }

    fn lead(&mut self, epoch: Epoch, cx: &mut Context<'_, Self>) {
        let start = self.acceptor.position;
        self.adopt(epoch, cx);
        self.side = Side::Leading(Leader {
            epoch,
            start,
            kept: VecDeque::new(),
            before: start.length,
            sent: start.length,
            accepted: BTreeMap::new(),
            sent_again: BTreeMap::new(),
            looked_at: BTreeMap::new(),
            committed: None,
        });
        self.say_accepted(false, cx);
        let others = self.others();
        cx.send_after(After::Nothing, Destination::Many(others), Message::Begin { epoch, start });
        cx.report_after(After::Nothing, Report::Claimed(epoch, self.acceptor.content.clone()));
    }

    fn others(&self) -> Vec<NodeId> {
        let me = self.settings.me;
        self.settings.voters.iter().copied().filter(|&node| node != me).collect()
    }

    /// Takes an entry; it leaves together with all others of this turn.
    pub(super) fn append(&mut self, entry: C::Entry, cx: &mut Context<'_, Self>) {
        let Side::Leading(leader) = &mut self.side else { return };
        if leader.before + leader.kept.len() as u64 == leader.sent {
            cx.set(Alarm::Flush, std::time::Duration::ZERO);
        }
        leader.kept.push_back(entry.clone());
        self.accept(entry, cx);
    }

    /// What was appended in this turn leaves.
    pub(super) fn flush(&mut self, cx: &mut Context<'_, Self>) {
        let me = self.settings.me;
        let Side::Leading(leader) = &mut self.side else { return };
        let followers: Vec<NodeId> =
            leader.accepted.keys().copied().filter(|&node| node != me).collect();
        let (epoch, from) = (leader.epoch, leader.sent);
        leader.sent = leader.before + leader.kept.len() as u64;
        let mut after = from;
        while after < leader.sent {
            let entries = leader.entries(after, &self.settings, C::entry_bytes);
            let next = after + entries.len() as u64;
            let body = Message::Append { epoch, after, entries };
            cx.send_after(After::Nothing, Destination::Many(followers.clone()), body);
            after = next;
        }
        if from < after {
            self.say_accepted(false, cx);
        }
    }

    /// A voter follows, and has so much.
    pub(super) fn accepted(
        &mut self,
        from: NodeId,
        epoch: Epoch,
        length: u64,
        lacks: bool,
        cx: &mut Context<'_, Self>,
    ) {
        let (voters, majority) = (self.settings.voters.len(), self.settings.majority());
        let Side::Leading(leader) = &mut self.side else { return };
        if leader.epoch != epoch || length > self.acceptor.position.length {
            return;
        }
        let known = leader.accepted.entry(from).or_insert(length);
        // A voter that came back may have less than it had said: never less than was durable.
        *known = length.max(*known);
        let held = leader.held_by(majority);
        leader.trim(voters);
        let is_more = held > leader.committed;
        leader.committed = leader.committed.max(held);
        if lacks && length < leader.sent && from != self.settings.me {
            self.send_rest(from, length, cx);
        }
        if let Some(committed) = held.filter(|_| is_more) {
            // What was accepted here is durable here, or it would not count.
            cx.report_after(After::Nothing, Report::Committed(committed));
        }
    }

    /// Sends a voter what it lacks, once from each place.
    fn send_rest(&mut self, to: NodeId, length: u64, cx: &mut Context<'_, Self>) {
        let Side::Leading(leader) = &mut self.side else { return };
        if leader.sent_again.get(&to).is_some_and(|&from| from >= length) {
            return;
        }
        leader.sent_again.insert(to, length);
        let epoch = leader.epoch;
        if length < leader.before {
            cx.mark(marks::TOO_FAR_BEHIND);
            return self.say(to, Message::Fetch(epoch), cx);
        }
        let mut after = length;
        while after < leader.sent {
            let entries = leader.entries(after, &self.settings, C::entry_bytes);
            let next = after + entries.len() as u64;
            let body = Message::Append { epoch, after, entries };
            cx.send_after(After::Nothing, Destination::One(to), body);
            after = next;
        }
    }

    fn begin_at(&mut self, node: NodeId, cx: &mut Context<'_, Self>) {
        let Side::Leading(Leader { epoch, start, .. }) = &self.side else { return };
        if node == self.settings.me {
            return;
        }
        let body = Message::Begin { epoch: *epoch, start: *start };
        cx.send_after(After::Nothing, Destination::One(node), body);
    }

    /// A connection came up: whoever is behind it may have missed something.
    pub(super) fn opened(&mut self, node: NodeId, cx: &mut Context<'_, Self>) {
        if !self.settings.voters.contains(&node) {
            return;
        }
        match &mut self.side {
            Side::Idle => {}
            Side::Gathering(Gathering { epoch, .. }) => {
                let claim = Message::Claim(*epoch);
                cx.send_after(After::Nothing, Destination::One(node), claim);
            }
            Side::Leading(leader) => {
                leader.sent_again.remove(&node);
                self.begin_at(node, cx);
            }
        }
    }

    /// Reminds those that do not get on.
    pub(super) fn resend(&mut self, cx: &mut Context<'_, Self>) {
        match &mut self.side {
            Side::Idle => return,
            Side::Gathering(gathering) => {
                // Whoever has the furthest content may be gone; any majority will do.
                let fetched_bytes = self.fetching.as_ref().map(|it| it.received_bytes());
                if fetched_bytes.is_some() && fetched_bytes == gathering.fetched_bytes {
                    gathering.held.clear();
                    self.fetching = None;
                }
                gathering.fetched_bytes = fetched_bytes;
                let claim = Message::Claim(gathering.epoch);
                let all = self.settings.voters.iter().copied().collect();
                cx.send_after(After::Nothing, Destination::Many(all), claim);
            }
            Side::Leading(leader) => {
                let (epoch, start, sent) = (leader.epoch, leader.start, leader.sent);
                let is_behind = |node: &NodeId| {
                    let length = leader.accepted.get(node);
                    length.is_none_or(|&length| {
                        length < sent && leader.looked_at.get(node) == Some(&length)
                    })
                };
                let me = self.settings.me;
                let behind: Vec<NodeId> = self.settings.voters.iter().copied().collect();
                let behind: Vec<NodeId> =
                    behind.into_iter().filter(|node| *node != me && is_behind(node)).collect();
                for node in &behind {
                    leader.sent_again.remove(node);
                }
                leader.looked_at = leader.accepted.clone();
                let body = Message::Begin { epoch, start };
                cx.send_after(After::Nothing, Destination::Many(behind), body);
            }
        }
        cx.set(Alarm::Resend, self.settings.resend);
    }
}
