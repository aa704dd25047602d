//! The bounds of a market, each with its reason.
//!
//! No sum of money can overflow a `u64`. A unit is sold once at most, at the price at which it was
//! deposited, so all money ever paid is at most what was paid so far plus the price of what still
//! lies on the shelves. The kernel keeps that sum and refuses a deposit that would push it past
//! `u64::MAX` ([`Limit::Worth`](crate::Limit)); earnings and commission are parts of it. Sums of
//! units are bounded by the units ever deposited, which are guarded alike
//! ([`Limit::Units`](crate::Limit)).

use crate::Money;

/// Longest name of a good, in bytes: it fits a line of a log and a label of a plot.
pub const GOOD_NAME_BYTES_MAX: usize = 64;

/// Most units in one order or deposit. With [`UNIT_PRICE_MAX`] it keeps the price of a lot far within
/// a `u64`, so that no few lots use up what the market can count.
pub const QUANTITY_MAX: u32 = 1_000_000;

/// Highest price of one unit, in minor units of money: ten million dollars in cents.
pub const UNIT_PRICE_MAX: Money = Money(1_000_000_000);

/// Most lots that one order is filled from: it bounds the size of a receipt (some 15 KB) and the
/// time of one `apply`.
pub const FILLS_MAX: usize = 256;

/// Most lots in a market: some 250 MB of memory, stamps apart.
pub const LOTS_MAX: usize = 1 << 20;

/// Most lots of one good where the choice of a seller looks at every lot
/// ([`Random`](crate::SellerChoice), [`Vector`](crate::SellerChoice)): it bounds the time of a buy.
pub const LOTS_COMPARED_MAX: usize = 256;

/// Most nodes that the vector clock of a deposit may count: it bounds the time of a comparison.
/// Such an offer is refused and not kept, so every kept stamp is one that can be encoded.
pub const STAMP_NODES_MAX: usize = 1_024;

const _: () = assert!(STAMP_NODES_MAX <= clocks::ENTRIES_MAX);

/// Most goods. That a good was sold here is remembered for ever, so names must not pile up.
pub const GOODS_MAX: usize = 1 << 16;

/// Most parties that ever open a session. A party is remembered for ever, by its account and by
/// its last life. The accounts of traders come on top: leaders are few, and no client names them.
pub const PARTIES_MAX: usize = 1 << 20;

/// Most sessions open at once.
pub const SESSIONS_MAX: usize = 1 << 16;

/// Most answers kept for one session. It is the client's window: so many requests may be under way
/// before it must acknowledge the oldest. An answer with one fill takes some 200 bytes.
pub const ANSWERS_MAX: usize = 1_024;

/// Most terms of traders open at once: houses are counted in tens.
pub const TERMS_MAX: usize = 1_024;

/// Most grants of one term that its trader may not have: beyond it something is wrong with the link,
/// and more stock would only be stuck in it.
pub const GRANTS_UNRECEIVED_MAX: usize = 64;

/// Most carts held at once, by all parties: a buyer has one or two.
pub const HOLDS_MAX: usize = 1 << 16;

/// Most carts that one party holds at once: a hoarder does not take the room of all others.
pub const HOLDS_OF_A_PARTY_MAX: usize = 64;

/// Longest time that a cart is held, in milliseconds: a day.
pub const HOLD_MS_MAX: u64 = 24 * 60 * 60 * 1_000;

/// Most carts that one entry ends: it bounds the size of its outcome and the time of one `apply`.
pub const HOLDS_ENDED_MAX: usize = 256;

/// All of a price, in basis points.
pub const BASIS_POINTS_ALL: u16 = 10_000;

const _: () = assert!(
    UNIT_PRICE_MAX.0.checked_mul(QUANTITY_MAX as u64).is_some(),
    "the price of the dearest fill fits 64 bits"
);
