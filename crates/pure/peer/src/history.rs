//! What a peer remembers across its lives: its promise as a voter, its session with the market and
//! what is on record as under way in it, what it brought last, and where its clocks stand.
//!
//! ```text
//!   Asked {number, command}    a deposit or a withdrawal, before it is sent
//!   Answered {number}          before anybody is told of its answer, and before the next request
//!                              says that this answer is here
//!   SessionLost                before anybody is told that what was under way is in doubt
//!   Counted {clocks}           before a count leaves that no record covers, once for many
//! ```
//!
//! Of purchases nothing is written down, so none waits for the disk of its buyer: the market is the
//! record of them.
//!
//! **Promise.** A request is answered or known to be in doubt in the life that asked; or, if that
//! life ends first, the next one knows what it did: a deposit and a withdrawal are asked for again
//! until they are answered, and happen once; a purchase that has not happened when the next life has
//! its session never will, and those that have are counted, each once. *Why:* the number of a
//! deposit is durable before it is sent, so a later life sends it again under the same number, and
//! the market answers each number once; it keeps an answer until a later request says that it is no
//! longer needed, which leaves only when the answer is on record here. When all of it is settled,
//! the later life opens a session of its own. That is a command of the market: what the earlier
//! session has not executed by then, however late it comes, is refused; and the answer tells how
//! many purchases the market holds for this party at that place of its journal, so no answer is
//! needed to count them. The number of a session is above those of all earlier lives, since each life
//! is on record before it says anything.
//!
//! Whoever reads the record of a run sees no answer to a purchase that was under way when its buyer
//! died, unless the trader told of the sale: it is in doubt there, though the buyer counts it.

use clocks::{Stamp, VectorClock};
use machine::{Input, Journal};
use market::Command;

use crate::any_peer::Cx;
use crate::counts::Reserve;
use crate::event::What;
use crate::message::{Own, Record, Snapshot};
use crate::peer::Peer;
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
            seller: self.seller.current().cloned(),
            role: self.role_by_chance,
            clock: self.clock.as_ref().map(|clock| self.reserve.raised(clock, self.me)),
            purchases: self.ordering.memory(),
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
            Snapshot::Own(own) | Snapshot::Replica { own, .. } | Snapshot::Keeper { own, .. } => {
                own
            }
            Snapshot::Market(kernel) => return self.trader.restore(*kernel),
        };
        self.incarnation = own.incarnation;
        let (journal, snapshot) = (Journal::Own, own.promised);
        self.lead_input(Input::Restore { journal, snapshot }, cx);
        self.client.restore(own.client);
        self.seller.restore(own.seller);
        self.role_by_chance = own.role;
        self.restore_counts(own.clock, own.purchases);
    }

    fn restore_counts(&mut self, clock: Option<VectorClock>, purchases: Option<Stamp>) {
        if let (Some(mine), Some(known)) = (&mut self.clock, clock) {
            mine.merge(&known);
            self.reserve = Reserve::restored(mine.get(self.me));
        }
        self.ordering.restore(purchases);
    }

    /// Writes down where the clocks stand, if what is about to leave carries a count that no record
    /// covers.
    pub(crate) fn note_counts(&mut self, cx: &mut Cx<'_>) {
        let (me, reserve) = (self.me, &mut self.reserve);
        let is_passed = self.clock.as_ref().is_some_and(|of| reserve.is_passed_by(of.get(me)));
        if self.ordering.is_due() || is_passed {
            let Own { clock, purchases, .. } = self.own();
            self.note(Record::Counted { clock, purchases }, cx);
        }
    }

    pub(crate) fn replay(&mut self, record: Record, cx: &mut Cx<'_>) {
        match record {
            Record::Promised(record) => {
                self.lead_input(Input::Replay { journal: Journal::Own, record }, cx);
            }
            Record::Entry(entry) => self.trader.replay(&entry),
            Record::Asked { life, number, command } => {
                if let Command::Deposit(offer) = &command {
                    self.seller.replay_asked(offer);
                }
                self.client.replay_asked(life, number, command);
            }
            Record::Answered { number } => self.client.replay_answered(number),
            Record::SessionLost => self.client.replay_lost(),
            Record::Counted { clock, purchases } => self.restore_counts(clock, purchases),
            Record::Role(role) => self.role_by_chance = Some(role),
            // For whoever holds this peer.
            Record::Log(_) | Record::Book(_) => {}
        }
    }

    /// Begins the next life where the last one ended.
    pub(crate) fn resume(&mut self, cx: &mut Cx<'_>) {
        self.incarnation = self.incarnation.next();
        #[cfg(feature = "planted")]
        if self.has_amnesia {
            self.client = crate::client::Client::new(crate::party(self.me));
            self.seller.restore(None);
        }
        self.client.begin(self.incarnation, cx.now);
        self.snapshot_own(cx);
        let role = self.role_by_chance.unwrap_or(self.role);
        let (incarnation, name) = (self.incarnation, role.name().to_owned());
        self.report(What::Started { incarnation, role: name }, cx);
        self.role = role;
        let pending: Vec<_> = self.client.pending().map(|(id, of)| (id, of.clone())).collect();
        let is_deposit = |command: &Command| matches!(command, Command::Deposit(_));
        let deposits = pending.iter().filter(|(_, command)| is_deposit(command)).count();
        // There are no more than the client's window.
        self.seller.begin(u32::try_from(deposits).unwrap_or(u32::MAX));
        for (id, command) in pending {
            // The last life may have ended before it could tell.
            self.report_asked(id, &command, cx);
        }
    }

    /// The market has shut the sessions of earlier lives, and tells what they bought.
    pub(crate) fn returned(&mut self, purchases: u64, cx: &mut Cx<'_>) {
        self.buyer.has_bought(purchases);
        self.report(What::Returned { purchases }, cx);
        if self.role.buys && self.buyer.is_done() {
            self.role = Role { buys: false, ..self.role };
            self.consider_leaving(cx);
        }
        if self.leader().is_some() {
            self.act(cx);
        }
    }
}
