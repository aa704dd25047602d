//! The trader's side: the market's kernel at the peer that leads, from the moment at which the
//! common journal is handed over to it until it leads no more.
//!
//! ```text
//!   Idle ── elected: Claim ──▶ Claiming ── Restore, Replay…, Claimed: Snapshot ──▶ Trading
//!    ▲                             │ requests wait here, and are served first          │
//!    │                             │                  Closing ◀─── about to resign ────┤
//!    └──── outbid, resigned, no majority, or the journal refused the epoch ◀───────────┘
//! ```
//!
//! **Promise.** An answer leaves only when the journal holds what it says and still belongs to the
//! trader's epoch (SAFETY S8). *Why:* each entry is persisted to the common journal before its
//! answer is sent; the host lets nothing pass that waits behind a refused write.

use std::collections::BTreeMap;

use machine::{Epoch, NodeId};
use market::{Act, Applied, Entry, Kernel, Money, Outcome, Party, RequestId};

use crate::message::{SALES_TOLD_MAX, Sale, Standing};
use crate::queue::Queue;
use crate::settings::{OrderPolicy, TraderSettings};

#[derive(Debug, Clone)]
enum State {
    Idle,
    Claiming(Epoch),
    Trading(Epoch),
    Closing(Epoch),
}

/// The market, while this peer trades.
#[derive(Debug, Clone)]
pub struct Trader {
    settings: TraderSettings,
    state: State,
    kernel: Kernel,
    queue: Queue,
    entries_since_snapshot: u64,
    /// How many entries there must be before the next snapshot.
    entries_due: u64,
    sales: u64,
    /// Sales of which their sellers were not told yet.
    notes: BTreeMap<NodeId, Vec<Sale>>,
    #[cfg(feature = "planted")]
    planted: Option<crate::Planted>,
}

/// What came of an act.
#[derive(Debug)]
pub struct Served {
    /// What the kernel says.
    pub applied: Applied,
    /// The act, as it goes into the journal.
    pub entry: Entry,
    /// Whether the entry must be persisted before anybody is told.
    pub has_changed: bool,
}

impl Trader {
    /// A peer that does not trade.
    pub fn new(settings: TraderSettings) -> Self {
        Self {
            state: State::Idle,
            kernel: settings.founding.clone(),
            queue: Queue::new(settings.order, settings.pending_max),
            entries_since_snapshot: 0,
            entries_due: settings.snapshot_every,
            settings,
            sales: 0,
            notes: BTreeMap::new(),
            #[cfg(feature = "planted")]
            planted: None,
        }
    }

    #[cfg(feature = "planted")]
    pub(crate) fn plant(&mut self, bug: crate::Planted) {
        self.planted = Some(bug);
    }

    /// The settings.
    pub fn settings(&self) -> &TraderSettings {
        &self.settings
    }

    /// The epoch in which this peer serves, if it does.
    pub fn epoch(&self) -> Option<Epoch> {
        match self.state {
            State::Trading(epoch) => Some(epoch),
            State::Idle | State::Claiming(_) | State::Closing(_) => None,
        }
    }

    /// The market, while this peer serves.
    pub fn market(&self) -> Option<&Kernel> {
        self.epoch().map(|_| &self.kernel)
    }

    /// Whether it has made as many sales in this epoch as it makes before it resigns.
    pub fn has_sold_enough(&self) -> bool {
        let enough = self.settings.resign_after_sales;
        enough != 0 && self.sales >= enough
    }

    /// Waits for the market from now on.
    pub fn claim(&mut self, epoch: Epoch) {
        self.stop();
        self.state = State::Claiming(epoch);
    }

    /// The market as of a moment.
    pub fn restore(&mut self, kernel: Kernel) {
        self.kernel = kernel;
    }

    /// Passes over the lots of these sellers from now on.
    pub fn pass_over(&mut self, sellers: impl IntoIterator<Item = market::Party>) {
        self.kernel.pass_over(sellers);
    }

    /// What was done since that moment.
    pub fn replay(&mut self, entry: &Entry) {
        self.kernel.apply(entry);
    }

    /// The market is all here: serves from now on. The market as it stands, to be written down
    /// first; none if this is not the epoch that was claimed last.
    pub fn claimed(&mut self, claimed: Epoch) -> Option<Kernel> {
        match self.state {
            State::Claiming(epoch) if epoch == claimed => {
                self.state = State::Trading(epoch);
                #[cfg(feature = "planted")]
                if self.planted == Some(crate::Planted::ForgetfulSessions) {
                    self.kernel.plant_forgetful_sessions();
                }
                Some(self.snapshot())
            }
            _ => None,
        }
    }

    /// Serves nobody from now on, and is about to resign: in which epoch it traded.
    pub fn close(&mut self) -> Option<Epoch> {
        let epoch = self.epoch()?;
        self.state = State::Closing(epoch);
        Some(epoch)
    }

    /// The epoch that it is about to give up.
    pub fn closing(&self) -> Option<Epoch> {
        match self.state {
            State::Closing(epoch) => Some(epoch),
            _ => None,
        }
    }

    /// Trades no more; what waits is left to be sent again to whoever trades next.
    pub fn stop(&mut self) {
        self.state = State::Idle;
        self.kernel = self.settings.founding.clone();
        self.queue.clear();
        self.entries_since_snapshot = 0;
        self.sales = 0;
        self.notes.clear();
    }

    /// Whether requests are to wait: for the market, or for the others of a batch.
    pub fn must_queue(&self) -> bool {
        match self.state {
            State::Claiming(_) => true,
            State::Trading(_) => self.settings.order != OrderPolicy::Arrival,
            State::Idle | State::Closing(_) => false,
        }
    }

    /// What waits.
    pub fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    /// Applies an act to the market; none if this peer does not serve.
    pub fn serve(&mut self, trader: Party, at_ms: u64, draw: u64, act: Act) -> Option<Served> {
        self.epoch()?;
        let entry = Entry { at_ms, trader, draw, act };
        let applied = self.kernel.apply(&entry);
        if matches!(applied.outcome, Outcome::Bought(_)) && !applied.repeated {
            self.sales += 1;
        }
        let has_changed = applied.outcome.changes_the_market();
        #[cfg(feature = "planted")]
        let has_changed = has_changed && !self.is_forgotten(&applied);
        self.entries_since_snapshot += u64::from(has_changed);
        Some(Served { applied, entry, has_changed })
    }

    /// How long it is until a cart is to be ended, in milliseconds, if it trades and has one.
    pub fn holds_due_in_ms(&self, now_ms: u64) -> Option<u64> {
        self.epoch()?;
        self.kernel.holds_due_in_ms(now_ms)
    }

    /// Takes note of what each seller sold in an order; how many sales there are now to tell the one
    /// with the most.
    pub fn note_sales(&mut self, request: RequestId, outcome: &Outcome) -> usize {
        let Outcome::Bought(receipt) = outcome else { return 0 };
        let mut most = 0;
        for fill in &receipt.fills {
            let Ok(seller) = u32::try_from(fill.seller.0).map(NodeId) else { continue };
            let Standing { earned: total, left, .. } = self.standing(fill.seller);
            // Room for what a busy turn sells: to grow step by step costs more.
            let notes =
                self.notes.entry(seller).or_insert_with(|| Vec::with_capacity(SALES_TOLD_MAX / 4));
            match notes.last_mut().filter(|note| note.request == request) {
                Some(sale) => {
                    sale.quantity += fill.quantity;
                    sale.paid = Money(sale.paid.0 + fill.paid.0);
                    sale.earned = Money(sale.earned.0 + fill.earned.0);
                }
                None => {
                    let good = receipt.good.clone();
                    let (quantity, paid, earned) = (fill.quantity, fill.paid, fill.earned);
                    notes.push(Sale { request, good, quantity, paid, earned, total, left });
                }
            }
            most = most.max(notes.len());
        }
        most
    }

    /// Whether sellers are to be told of sales.
    pub fn has_notes(&self) -> bool {
        !self.notes.is_empty()
    }

    /// Takes all that sellers are to be told.
    pub fn take_notes(&mut self) -> BTreeMap<NodeId, Vec<Sale>> {
        std::mem::take(&mut self.notes)
    }

    #[cfg(feature = "planted")]
    fn is_forgotten(&self, applied: &Applied) -> bool {
        self.planted == Some(crate::Planted::UnjournaledSale)
            && self.sales % 20 == 7
            && matches!(applied.outcome, Outcome::Bought(_))
    }

    /// The market as it stands, if it is time to write it down in place of its entries.
    pub fn due_snapshot(&mut self) -> Option<Kernel> {
        (self.entries_since_snapshot >= self.entries_due).then(|| self.snapshot())
    }

    /// The market as it stands, to be written down. The next snapshot is due when there are as many
    /// entries as this one has parts, so that however large the market grows, no entry pays for more
    /// than one part.
    fn snapshot(&mut self) -> Kernel {
        self.entries_since_snapshot = 0;
        self.entries_due = self.settings.snapshot_every.max(self.kernel.parts() as u64);
        self.kernel.clone()
    }

    /// Where a seller stands.
    pub fn standing(&self, seller: Party) -> Standing {
        let account = self.kernel.account(seller);
        Standing {
            deposited: account.deposited,
            sold: account.sold,
            left: account.deposited - account.sold - account.withdrawn,
            earned: account.earned,
        }
    }

    /// The market's own invariants, as far as they cost nothing.
    ///
    /// # Errors
    /// A sentence that says which is broken.
    pub fn check(&self) -> Result<(), String> {
        self.kernel.check_quick()
    }
}
