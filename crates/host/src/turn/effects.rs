//! What becomes of a machine's effects, and of what it wrote.

use machine::{After, Context, Effect, Epoch, Input, Instant, Journal, Machine};
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::Contents;
use wire::EncodeError;

use super::{Held, Loop};
use crate::HostError;
use crate::application::{Application, Request};
use crate::journals::Event;
use crate::writes::Kind;

impl<A: Application> Loop<'_, A> {
    /// Has the machine handle an input and does what it asks for.
    pub(super) fn handle(&mut self, input: Input<A::Machine>) -> Result<(), HostError> {
        let now = self.clock.now();
        self.handle_at(now, input)
    }

    /// The same at a time that is known already: reading the clock costs as much as a small input.
    pub(super) fn handle_at(
        &mut self,
        now: Instant,
        input: Input<A::Machine>,
    ) -> Result<(), HostError> {
        let mut effects = std::mem::take(&mut self.effects);
        self.machine.handle(input, &mut Context::new(now, &mut self.random, &mut effects));
        for effect in effects.drain(..) {
            self.perform(effect)?;
        }
        self.effects = effects;
        Ok(())
    }

    fn perform(&mut self, effect: Effect<A::Machine>) -> Result<(), HostError> {
        match effect {
            Effect::Persist { journal, record } => {
                self.write(journal, &record, Kind::Record(journal))?;
            }
            Effect::Snapshot { journal, snapshot } => {
                match self.write(journal, &snapshot, Kind::Snapshot(journal)) {
                    Err(HostError::Record {
                        source: EncodeError::TooLarge { limit_bytes },
                        ..
                    }) => {
                        self.works.push(self.outbox.write(), Kind::TooLarge(journal, limit_bytes));
                    }
                    written => written?,
                }
            }
            Effect::Claim(epoch) => {
                self.holds_common = false;
                self.works.push(self.outbox.write(), Kind::Claim(epoch));
            }
            Effect::Send { to, body, after } => self.leave_in_order(Held::Send(to, body), after),
            Effect::Report { report, after } => self.leave_in_order(Held::Report(report), after),
            Effect::Set { alarm, at } => self.alarms.set(alarm, at),
            Effect::Clear(alarm) => self.alarms.clear(alarm),
        }
        Ok(())
    }

    fn write<T: Serialize>(
        &mut self,
        journal: Journal,
        value: &T,
        kind: Kind,
    ) -> Result<(), HostError> {
        match journal {
            Journal::Own if !self.around.has_own_journal => return Ok(()),
            Journal::Common if !self.holds_common => {
                self.around.network.counts.ignored_writes += 1;
                return Ok(());
            }
            _ => {}
        }
        let encoded = self.works.encode(value);
        encoded.map_err(|source| HostError::Record { journal, source })?;
        let write = self.outbox.write();
        if journal == Journal::Own {
            self.own_outbox.follow(write);
        }
        self.works.push(write, kind);
        Ok(())
    }

    fn leave_in_order(&mut self, item: Held<A::Machine>, after: After) {
        let item = match after {
            After::Nothing => Some(item),
            After::Own => self.own_outbox.push(item),
            After::All => self.outbox.push(item),
        };
        if let Some(item) = item {
            self.leave(item);
        }
    }

    fn leave(&mut self, item: Held<A::Machine>) {
        match item {
            Held::Send(to, body) => self.around.network.send(&to, body, self.now, &mut self.inbox),
            Held::Report(report) => {
                self.application.report(self.now, report, &mut self.control);
                self.take_requests();
            }
        }
    }

    /// Does what the application asked for.
    pub(super) fn take_requests(&mut self) {
        let network = &mut self.around.network;
        for request in self.control.requests.drain(..) {
            match request {
                Request::Connect(node, address) => network.connect(node, address, self.now),
                Request::StopDialing(node) => network.stop_dialing(node, self.now, &mut self.inbox),
                Request::Forget(node) => network.forget(node, self.now, &mut self.inbox),
                Request::Impair(impairment) => {
                    let seed = self.random.next_u64();
                    network.impair(impairment, seed, self.now, &mut self.inbox);
                }
            }
        }
    }

    /// Acts on what became of writes.
    pub(super) fn take_outcomes(&mut self) -> Result<(), HostError> {
        let mut outcomes = std::mem::take(&mut self.outcomes);
        for outcome in outcomes.drain(..) {
            match outcome {
                Event::Durable(write) => self.release(write),
                Event::OwnDurable(write) => self.release_own(write),
                Event::Refused { write, epoch } => {
                    self.drop_behind(write);
                    self.holds_common = false;
                    self.handle(Input::Refused(epoch))?;
                }
                Event::Skipped => self.around.network.counts.skipped_snapshots += 1,
                Event::Claimed { epoch, contents } => self.claimed(epoch, contents)?,
                Event::Failed(error) => return Err(error),
            }
        }
        self.outcomes = outcomes;
        Ok(())
    }

    /// Lets go what waited for writes up to this one.
    pub(super) fn release(&mut self, write: u64) {
        self.release_own(write);
        self.outbox.durable(write);
        while let Some(item) = self.outbox.pop() {
            self.leave(item);
        }
    }

    /// Lets go what waited for writes to the own journal up to this one.
    pub(super) fn release_own(&mut self, write: u64) {
        self.own_outbox.durable(write);
        while let Some(item) = self.own_outbox.pop() {
            self.leave(item);
        }
    }

    /// Drops what waited for a write that was refused.
    pub(super) fn drop_behind(&mut self, write: u64) {
        self.around.network.counts.refused += self.outbox.refuse(write) as u64;
    }

    fn claimed(&mut self, epoch: Epoch, contents: Contents) -> Result<(), HostError> {
        self.holds_common = true;
        self.replay(Journal::Common, contents)?;
        self.handle(Input::Claimed(epoch))
    }

    /// Hands the machine what stands in a journal.
    pub(super) fn replay(&mut self, journal: Journal, contents: Contents) -> Result<(), HostError> {
        if let Some(snapshot) = contents.snapshot {
            let snapshot = value(journal, &snapshot)?;
            self.handle(Input::Restore { journal, snapshot })?;
        }
        for record in contents.records {
            let record = value(journal, &record)?;
            self.handle(Input::Replay { journal, record })?;
        }
        Ok(())
    }
}

fn value<T: DeserializeOwned>(journal: Journal, bytes: &[u8]) -> Result<T, HostError> {
    wire::from_bytes(bytes).map_err(|source| HostError::Contents { journal, source })
}
