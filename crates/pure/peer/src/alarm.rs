//! The timers of a peer.

use groupcast::{leadership, log, membership};

use crate::books;

/// Timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// The membership's.
    Membership(membership::Announce),
    /// The leadership's.
    Leadership(leadership::Alarm),
    /// Requests without an answer are to be sent again.
    Resend,
    /// The buyer has thought enough.
    Think,
    /// The seller gains goods.
    Accrue,
    /// The seller considers a deposit.
    Update,
    /// The seller asks where it stands.
    Inquire,
    /// The trader serves what is queued.
    Serve,
    /// The trader tells sellers what it sold.
    Notify,
    /// The trader asks again who holds up what is queued.
    Question,
    /// The trader considers to resign.
    Quantum,
    /// The trader forgets idle sessions.
    Expire,
    /// The trader ends carts whose time is over.
    EndHolds,
    /// The next step on the way out is due.
    Leave,
    /// The log's, where the market is replicated.
    Log(log::Alarm),
    /// The books', where each peer keeps its own.
    Books(books::Alarm),
}
