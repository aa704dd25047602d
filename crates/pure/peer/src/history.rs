//! What a peer remembers across its lives: its promise as a voter, its session with the market and
//! what is under way in it, what it has bought, and what it brought last.
//!
//! ```text
//!   Asked {number, command}    before the request is sent, and before anybody is told of it
//!   Answered {number, buyer}   before anybody is told of the answer, and before the next request
//!                              says that this answer is here
//!   SessionLost                before anybody is told that what was under way is in doubt
//! ```
//!
//! **Promise.** A request that was asked for is answered or known to be in doubt in this life or in
//! a later one, and is counted once. *Why:* its number is durable before it is sent, so a later life
//! sends it again under the same number, and the market answers each number once; the market keeps
//! an answer until a later request says that it is no longer needed, which leaves only when the
//! answer is on record here.
//!
//! A life that ends between the two says of a request twice that it asks for it, and it may know
//! an answer that no record of the run tells: the request is then in doubt to whoever reads that
//! record, and to nobody else.

use machine::{Input, Journal};
use market::{ClientId, Command, RequestId};

use crate::event::What;
use crate::message::{Own, Record, Snapshot};
use crate::peer::{Cx, Peer};
use crate::settings::Role;

/// After how many records its own journal is replaced by a snapshot: few enough to be read in no
/// time at a start, and many enough that a snapshot costs next to nothing for each.
const RECORDS_MAX: u32 = 4096;

impl Peer {
    pub(crate) fn own(&self) -> Own {
        Own {
            incarnation: self.incarnation,
            promised: self.leadership.promised(),
            client: self.client.memory(),
            buyer: self.buyer.memory().clone(),
            seller: self.seller.current().cloned(),
            role: self.role_by_chance,
            clock: self.clock.clone(),
            ordering: self.ordering.memory(),
        }
    }

    /// Writes down what has just changed.
    pub(crate) fn note(&mut self, record: Record, cx: &mut Cx<'_>) {
        self.own_records += 1;
        if self.own_records < RECORDS_MAX {
            cx.persist(Journal::Own, record);
        } else {
            self.snapshot_own(cx);
        }
    }

    fn snapshot_own(&mut self, cx: &mut Cx<'_>) {
        self.own_records = 0;
        cx.snapshot(Journal::Own, Snapshot::Own(self.own()));
    }

    pub(crate) fn restore(&mut self, snapshot: Snapshot, cx: &mut Cx<'_>) {
        let own = match snapshot {
            Snapshot::Own(own) | Snapshot::Replica { own, .. } => own,
            Snapshot::Market(kernel) => return self.trader.restore(*kernel),
        };
        self.incarnation = own.incarnation;
        let (journal, snapshot) = (Journal::Own, own.promised);
        self.lead_input(Input::Restore { journal, snapshot }, cx);
        self.client.restore(own.client);
        self.buyer.restore(own.buyer);
        self.seller.restore(own.seller);
        self.role_by_chance = own.role;
        if let (Some(clock), Some(known)) = (&mut self.clock, &own.clock) {
            clock.merge(known);
        }
        self.ordering.restore(own.ordering);
    }

    pub(crate) fn replay(&mut self, record: Record, cx: &mut Cx<'_>) {
        match record {
            Record::Promised(record) => {
                self.lead_input(Input::Replay { journal: Journal::Own, record }, cx);
            }
            Record::Entry(entry) => self.trader.replay(&entry),
            Record::Asked { life, number, command, clock, stamp } => {
                match &command {
                    Command::Buy(_) => self.buyer.replay_asked(),
                    Command::Deposit(offer) => self.seller.replay_asked(offer),
                    Command::Open | Command::Withdraw { .. } => {}
                }
                self.client.replay_asked(life, number, command);
                let client = ClientId { party: crate::party(self.me), life };
                if let Some(stamp) = stamp {
                    self.ordering.replay_asked(RequestId { client, number }, stamp);
                }
                if let (Some(mine), Some(known)) = (&mut self.clock, &clock) {
                    mine.merge(known);
                }
            }
            Record::Answered { number, buyer } => {
                if let Some(id) = self.client.replay_answered(number) {
                    self.ordering.resolved(id);
                }
                self.buyer.restore(buyer);
            }
            Record::SessionLost => {
                self.client.replay_lost();
                self.ordering.replay_lost();
            }
            Record::Role(role) => self.role_by_chance = Some(role),
            // For whoever holds this peer.
            Record::Log(_) => {}
        }
    }

    /// Begins the next life where the last one ended.
    pub(crate) fn resume(&mut self, cx: &mut Cx<'_>) {
        self.incarnation = self.incarnation.next();
        #[cfg(feature = "planted")]
        if self.has_amnesia {
            self.client = crate::client::Client::new(crate::party(self.me));
        }
        self.client.begin(self.incarnation, cx.now);
        self.snapshot_own(cx);
        let role = self.role_by_chance.unwrap_or(self.role);
        let (incarnation, name) = (self.incarnation, role.name().to_owned());
        self.report(What::Started { incarnation, role: name }, cx);
        self.role = Role { buys: role.buys && !self.buyer.is_done(), ..role };
        let pending: Vec<_> = self.client.pending().map(|(id, of)| (id, of.clone())).collect();
        let is_buy = |command: &Command| matches!(command, Command::Buy(_));
        let is_deposit = |command: &Command| matches!(command, Command::Deposit(_));
        self.buying = pending.iter().any(|(_, command)| is_buy(command));
        let deposits = pending.iter().filter(|(_, command)| is_deposit(command)).count();
        // There are no more than the client's window.
        self.seller.begin(u32::try_from(deposits).unwrap_or(u32::MAX));
        for (id, command) in pending {
            // The last life may have ended before it could tell.
            self.report_asked(id, &command, cx);
        }
        self.consider_leaving(cx);
    }
}
