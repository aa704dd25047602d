//! What follows from a node's effects: timers, sends, and its writer.

use std::time::Duration;

use machine::{Destination, Effect, Epoch, Input, Journal, Machine, NodeId};

use super::disk::Write;
use super::happening::Happening;
use super::marks;
use super::slot::{Commit, Held, Slot, Writer};
use super::world::{Observer, World};

impl<M: Machine> World<M> {
    pub(super) fn carry_out(
        &mut self,
        from: usize,
        effects: Vec<Effect<M>>,
        observer: &mut impl Observer<M>,
    ) {
        for effect in effects {
            let slot = &mut self.slots[from];
            match effect {
                Effect::Persist { journal: Journal::Own, record } => {
                    observer.appended(NodeId(from as u32), &record);
                    slot.push(Write::OwnRecord(record));
                }
                Effect::Snapshot { journal: Journal::Own, snapshot } => {
                    observer.replaced(NodeId(from as u32), &snapshot);
                    slot.push(Write::OwnSnapshot(snapshot));
                }
                // Without the right to write there, nothing is written: the machine will be told.
                Effect::Persist { journal: Journal::Common, record } => {
                    if slot.right.is_some() {
                        slot.push(Write::CommonRecord(record));
                    }
                }
                Effect::Snapshot { journal: Journal::Common, snapshot } => {
                    if slot.right.is_some() {
                        slot.push(Write::CommonSnapshot(snapshot));
                    }
                }
                Effect::Claim(epoch) => slot.push(Write::Claim(epoch)),
                Effect::Set { alarm, at } => {
                    slot.alarms.insert(alarm, at);
                    self.schedule_at(from, at, Happening::Alarm(alarm));
                }
                Effect::Clear(alarm) => {
                    slot.alarms.remove(&alarm);
                }
                Effect::Send { to, body, after } => {
                    if slot.may_pass(after) {
                        self.transmit(from, &to, body);
                    } else {
                        slot.hold(after, Held::Send(to, body));
                    }
                }
                Effect::Report { report, after } => {
                    if slot.may_pass(after) {
                        self.deliver_report(from, &report, observer);
                    } else {
                        slot.hold(after, Held::Report(report));
                    }
                }
            }
        }
        self.write_on(from, observer);
    }

    fn deliver_report(&mut self, from: usize, report: &M::Report, observer: &mut impl Observer<M>) {
        if self.is_tracing() {
            self.note(format_args!("{from:>3} ! {report:?}"));
        }
        observer.report(self.now, NodeId(from as u32), report);
    }

    fn transmit(&mut self, from: usize, to: &Destination, body: M::Message) {
        let sender = NodeId(from as u32);
        let body = self.encoded(body);
        for &node in to.nodes() {
            let index = node.0 as usize;
            if index >= self.slots.len() {
                continue;
            }
            if index == from {
                let input = Input::Message { from: sender, body: body.clone() };
                self.schedule(index, Duration::ZERO, Happening::Input(Box::new(input)));
                continue;
            }
            let (delays, copies) = self.network.route(sender, node, self.now);
            if copies == 0 && self.is_tracing() {
                self.note(format_args!("{from:>3} x lost on the way to {node}: {body:?}"));
            }
            for delay in &delays[..copies] {
                let input = Input::Message { from: sender, body: body.clone() };
                self.schedule(index, *delay, Happening::Input(Box::new(input)));
            }
        }
    }

    /// How long a write of this node takes.
    fn disk_delay(&mut self, node: usize) -> Duration {
        let most = match self.slow_disk {
            Some((slow, most)) if slow == node => most,
            _ => self.disk_max,
        };
        let most = most.as_nanos() as u64;
        Duration::from_nanos(most / 10 + self.random.below(most - most / 10))
    }

    /// Lets an idle writer begin with what waits for it.
    pub(super) fn write_on(&mut self, node: usize, observer: &mut impl Observer<M>) {
        let slot = &mut self.slots[node];
        if !matches!(slot.writer, Writer::Idle) {
            return;
        }
        match slot.writes.front() {
            None => {}
            Some((_, Write::Claim(epoch))) => {
                let epoch = *epoch;
                let position = slot.writes.pop_front().map_or(0, |(position, _)| position);
                self.begin_claim(node, epoch, position, observer);
            }
            Some(_) => self.begin_commit(node),
        }
    }

    fn begin_claim(
        &mut self,
        node: usize,
        epoch: Epoch,
        position: u64,
        observer: &mut impl Observer<M>,
    ) {
        let slot = &mut self.slots[node];
        slot.right = None;
        slot.durable = position;
        match self.common.claim(epoch) {
            Ok((contents, read)) => {
                let is_under_way = |slot: &Slot<M>| matches!(&slot.writer, Writer::Committing(commit) if commit.appended > 0);
                if self.slots.iter().any(is_under_way) {
                    self.marks.hit(marks::READ_BEFORE_DURABLE);
                }
                self.slots[node].writer = Writer::Claiming;
                let delay = self.disk_delay(node);
                self.schedule(node, delay, Happening::Read(epoch, Box::new(contents), read));
                self.release(node, observer);
            }
            Err(higher) => {
                self.marks.hit(marks::CLAIM_REFUSED);
                self.release(node, observer);
                self.input(node, Input::Refused(higher), observer);
                self.write_on(node, observer);
            }
        }
    }

    /// One commit for all that waits, up to the next claim or snapshot of the common journal.
    fn begin_commit(&mut self, node: usize) {
        let slot = &mut self.slots[node];
        let mut commit = Commit {
            upto: slot.durable,
            common_from: None,
            appended: 0,
            own: Vec::new(),
            snapshot: None,
        };
        let mut records = Vec::new();
        while let Some((position, write)) =
            slot.writes.pop_front_if(|(_, write)| !matches!(write, Write::Claim(_)))
        {
            commit.upto = position;
            match write {
                Write::CommonRecord(record) => {
                    commit.common_from.get_or_insert(position - 1);
                    records.push(record);
                }
                Write::CommonSnapshot(snapshot) => {
                    commit.common_from.get_or_insert(position - 1);
                    commit.snapshot = Some((snapshot, std::mem::take(&mut records)));
                    break;
                }
                write => commit.own.push(write),
            }
        }
        if let Some(right) = slot.right {
            for record in records {
                commit.appended += usize::from(self.common.append(right.epoch, record));
            }
        }
        slot.writer = Writer::Committing(commit);
        let delay = self.disk_delay(node);
        self.schedule(node, delay, Happening::Committed);
    }

    /// A commit is on the disk: does the epoch still stand?
    pub(super) fn committed(&mut self, node: usize, observer: &mut impl Observer<M>) {
        let slot = &mut self.slots[node];
        let Writer::Committing(commit) = std::mem::replace(&mut slot.writer, Writer::Idle) else {
            return;
        };
        slot.write_own(commit.own);
        let claimed = self.common.claimed();
        match (commit.common_from, slot.right) {
            (Some(from), Some(right)) if right.epoch != claimed => {
                self.marks.hit(marks::WRITE_REFUSED);
                slot.durable = from;
                self.release(node, observer);
                self.slots[node].refuse(commit.upto);
                self.release(node, observer);
                self.input(node, Input::Refused(claimed), observer);
            }
            (_, right) => {
                slot.durable = commit.upto;
                if let (Some((snapshot, covered)), Some(right)) = (commit.snapshot, right) {
                    self.common.rotate(right.epoch, snapshot, right.read, covered);
                }
                self.release(node, observer);
            }
        }
        self.write_on(node, observer);
    }

    /// Lets out what waited for what is durable now.
    fn release(&mut self, node: usize, observer: &mut impl Observer<M>) {
        while let Some(held) = self.slots[node].let_out() {
            match held {
                Held::Send(to, body) => self.transmit(node, &to, body),
                Held::Report(report) => self.deliver_report(node, &report, observer),
            }
        }
    }

    /// A crash in the middle of a commit: some of it is written, in order, the rest is lost.
    pub(super) fn tear(&mut self, node: usize) {
        let writer = std::mem::replace(&mut self.slots[node].writer, Writer::Idle);
        if let Writer::Committing(mut commit) = writer {
            let lost = self.random.below(commit.appended as u64 + 1) as usize;
            if let Some(right) = self.slots[node].right
                && self.common.tear(right.epoch, lost)
            {
                self.marks.hit(marks::COMMON_JOURNAL_TORN);
            }
            let kept = self.random.below(commit.own.len() as u64 + 1) as usize;
            if kept < commit.own.len() {
                self.marks.hit(marks::OWN_JOURNAL_TORN);
            }
            commit.own.truncate(kept);
            self.slots[node].write_own(commit.own);
        }
    }
}
