//! What a node of the trading houses needs to know. All values have been checked by whoever read
//! them.

use std::collections::BTreeSet;
use std::time::Duration;

use machine::NodeId;
use market::{Good, Kernel};
use peer::{BuyerSettings, Role, SellerSettings};

pub use crate::warehouse::scaling::Scaling;

/// How traders use what they know of the warehouse's stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// Not at all: each request is the warehouse's to decide.
    None,
    /// Counts that a trader asks for when those that it has are older than this.
    TimeToLive {
        /// How old a count may be.
        age_max: Duration,
        /// When a trader refuses by itself.
        refuse: Refuse,
    },
    /// Counts that the warehouse sends whenever they change, this often at most.
    Push {
        /// The shortest time between two.
        period: Duration,
        /// When a trader refuses by itself.
        refuse: Refuse,
    },
    /// Counts as with `Push`, and a ledger that traders keep together of what they promised since: each
    /// answers at once, and what the warehouse then refuses is taken back.
    Ledger {
        /// The shortest time between two counts.
        period: Duration,
        /// When a trader refuses by itself.
        refuse: Refuse,
    },
    /// Stock on loan, that a trader sells without asking.
    Lease,
}

/// When a trader refuses a buy by its cached count, without asking the warehouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refuse {
    /// Never: the warehouse decides.
    Never,
    /// If the count is too low, and not older than this.
    Fresh(Duration),
    /// If the count is too low, however old it is.
    Always,
}

/// What an answered sale from a loan outlives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The loss of any trader: the warehouse has it before the buyer hears.
    Warehouse,
    /// The loss of one trader: its buddy, another trader, has it in memory. A trader without a buddy
    /// confirms by the warehouse.
    Buddy,
    /// The restart of its trader: it is in that trader's own journal, and nowhere else.
    TraderLog,
}

/// Which trader a customer asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraderChoice {
    /// Any, for each request anew (seed 004).
    Random,
    /// The same, as long as it is there.
    Sticky,
    /// The one of two, drawn by chance, that gave fewer answers of late. (To ask the least loaded of
    /// all would send everybody to the same one until the next figures come; of two it does not:
    /// M. Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001.)
    LeastLoaded,
}

/// The times that all nodes go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// How often traders and warehouse say that they are there.
    pub beat_period: Duration,
    /// After how long a silence one of them is suspected.
    pub beat_limit: Duration,
    /// After how long an unanswered message is sent again.
    pub resend: Duration,
    /// How long deeds wait for others before they are reported to the warehouse, where no answer
    /// waits for the report.
    pub report_every: Duration,
    /// How long the warehouse waits for traders that do not give back what is recalled, before it
    /// answers that it does not know.
    pub recall_limit: Duration,
    /// For which time to come a trader borrows.
    pub horizon: Duration,
}

/// What the warehouse needs to know.
#[derive(Debug, Clone)]
pub struct WarehouseSettings {
    /// The empty market, with its rules.
    pub founding: Kernel,
    /// After how many records a snapshot replaces them, at the earliest.
    pub snapshot_every: u64,
    /// How many traders there are to be, and by what.
    pub scaling: Scaling,
}

/// What a customer needs to know.
#[derive(Debug, Clone)]
pub struct CustomerSettings {
    /// Whether it buys and sells.
    pub role: Role,
    /// How it buys, if it does.
    pub buyer: BuyerSettings,
    /// How it sells, if it does.
    pub seller: SellerSettings,
    /// What is traded.
    pub goods: Vec<Good>,
    /// Which trader it asks.
    pub choice: TraderChoice,
}

/// What all nodes need to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who it is.
    pub me: NodeId,
    /// Where the stock is.
    pub warehouse: NodeId,
    /// Who trades.
    pub traders: Vec<NodeId>,
    /// Which of them are there for as long as the load asks for them.
    pub hired: BTreeSet<NodeId>,
    /// Who buys and sells.
    pub customers: BTreeSet<NodeId>,
    /// How traders use what they know of the stock.
    pub cache: Cache,
    /// What a sale from a loan outlives.
    pub durability: Durability,
    /// The times that all go by.
    pub times: Times,
    /// Whether traders report each answer that they give.
    pub tells_answers: bool,
    /// A bug to be found.
    #[cfg(feature = "planted")]
    pub planted: Option<Planted>,
}

/// Bugs on purpose, for proving that the checkers find them.
#[cfg(feature = "planted")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// The warehouse ends the term of a trader that is gone without asking who holds its deeds.
    HastyFence,
    /// The warehouse decides a retried request without asking its home.
    UnshutRetry,
    /// A trader says yes before anybody else holds its deed.
    EarlyYes,
    /// A hired trader goes when its term is over, whatever it holds for others.
    HastyLeave,
    /// The warehouse wants as many traders as the load of the moment asks for.
    NoCalm,
}

impl Settings {
    #[cfg(feature = "planted")]
    pub(crate) fn has_planted(&self, bug: Planted) -> bool {
        self.planted == Some(bug)
    }
}
