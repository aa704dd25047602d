//! What a peer needs to know. All values have been checked by whoever read them.

use std::time::Duration;

use groupcast::{leadership, membership};
use market::{Good, Kernel, Money};
use serde::{Deserialize, Serialize};

/// From `min` to `max`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range<T> {
    /// The lowest.
    pub min: T,
    /// The highest.
    pub max: T,
}

/// In which order a trader serves what is queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderPolicy {
    /// First come, first served.
    Arrival,
    /// The lowest Lamport clock goes first, ties by the buyer's id (seed 002).
    Lamport(Form),
    /// What happened before goes first, ties by the buyer's id (seeds 000 and 001); every market
    /// message carries a vector clock.
    Vector(Form),
}

/// How a trader serves by clock; see [`queue`](crate::queue).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The first of what is here.
    Eager,
    /// Nothing, as long as something earlier may still come.
    Stable,
}

/// What a peer does while another one leads. Neither is fine: it is there to vote and to lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Whether it buys.
    pub buys: bool,
    /// Whether it sells.
    pub sells: bool,
}

impl Role {
    /// The role in a word.
    pub fn name(self) -> &'static str {
        match (self.buys, self.sells) {
            (true, true) => "buyer and seller",
            (true, false) => "buyer",
            (false, true) => "seller",
            (false, false) => "bystander",
        }
    }
}

/// How a buyer behaves.
#[derive(Debug, Clone)]
pub struct BuyerSettings {
    /// Units a purchase.
    pub quantity: Range<u32>,
    /// The highest unit price that it pays; any if none.
    pub limit: Option<Money>,
    /// Whether it takes less than it asked for.
    pub partial: bool,
    /// How long it thinks between two purchases.
    pub think: Range<Duration>,
    /// The probability that it buys again at once after a purchase, without thinking.
    pub buy_probability: f64,
    /// After how many purchases it stops; never if 0.
    pub purchases: u64,
    /// How it is slower than others, if it is.
    pub pause: Option<Pause>,
    /// Whether it looks for another good when one is not to be had.
    pub retry_other_good: bool,
    /// Whether it leaves when it has bought all that it wants, if it does not sell as well.
    pub leave_when_done: bool,
    /// How it has units held before it buys them, if it does.
    pub carts: Option<Carts>,
}

/// How a buyer uses carts: it has units held, thinks as between purchases, then buys them or not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Carts {
    /// The probability that a purchase begins with a cart.
    pub probability: f64,
    /// For how long it has them held.
    pub hold_for: Duration,
    /// The probability that it lets them go instead of buying them.
    pub void_probability: f64,
    /// The probability that it forgets them: they are held until their time is over.
    pub forget_probability: f64,
}

/// A slow buyer's rest (seed 002: 30 s after every 30 purchases).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// After each so many purchases; never if 0.
    pub after: u64,
    /// How long it rests before it thinks of the next one.
    pub lasts: Duration,
}

/// How a seller behaves.
#[derive(Debug, Clone)]
pub struct SellerSettings {
    /// Units a deposit.
    pub stock: Range<u32>,
    /// The price of a unit, in minor units of money.
    pub price: Range<u64>,
    /// Whether it deposits again, of any good, when all it had is sold.
    pub restock_at_zero: bool,
    /// Units that it gains of its good each `accrue_every`.
    pub accrue_goods: u32,
    /// How often it gains them; never if zero.
    pub accrue_every: Duration,
    /// The probability, each `update_every`, that it deposits something unasked.
    pub update_probability: f64,
    /// How often it considers that; never if zero.
    pub update_every: Duration,
    /// How often it asks where it stands, lest a notice was lost.
    pub inquire_every: Duration,
    /// Whether it takes back what is unsold when it leaves, instead of leaving it for sale.
    pub withdraw_when_leaving: bool,
}

/// How a peer behaves while it trades.
#[derive(Debug, Clone)]
pub struct TraderSettings {
    /// The empty market, with its rules, that the first trader of all founds.
    pub founding: Kernel,
    /// In which order requests are served.
    pub order: OrderPolicy,
    /// The probability, each `resign_quantum`, that it resigns.
    pub resign_probability: f64,
    /// How often it considers that; never if zero.
    pub resign_quantum: Duration,
    /// After how many sales it resigns; never if 0.
    pub resign_after_sales: u64,
    /// After how many records a snapshot replaces them, at the earliest: as many as the last snapshot
    /// had parts, if these are more. Bounds the time that the next trader needs to take over.
    pub snapshot_every: u64,
    /// How many requests wait while the market is being taken over; more are left to be sent again.
    pub pending_max: usize,
    /// After how long without a request a session is forgotten.
    pub session_idle: Duration,
    /// Whether it holds units for buyers: not where sellers keep the books.
    pub holds_carts: bool,
}

/// All that a peer needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who it is, and who introduces it.
    pub membership: membership::Settings,
    /// Who votes, and the limits of elections.
    pub leadership: leadership::Settings,
    /// What is traded.
    pub goods: Vec<Good>,
    /// Whether it buys and sells while another one leads.
    pub role: Role,
    /// How it buys, if it does.
    pub buyer: BuyerSettings,
    /// How it sells, if it does.
    pub seller: SellerSettings,
    /// How it trades while it leads.
    pub trader: TraderSettings,
    /// Whether a leader that resigned comes back as a buyer or a seller by chance (seed 001),
    /// instead of as what it was.
    pub return_as_random: bool,
    /// After how long an unanswered request is sent again.
    pub resend: Duration,
}
