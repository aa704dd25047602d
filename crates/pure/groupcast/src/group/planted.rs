//! Known bugs, for proving that the checkers find them.

/// A bug that a member is told to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// Who changes the view cuts the old one by what it holds itself.
    CutOfItsOwn,
    /// A voter that promises does not say what it has accepted.
    AcceptedForgotten,
    /// A member's messages that the view before did not deliver are not sent again.
    NotSentAgain,
    /// What a message has to come after is ignored.
    CausesIgnored,
    /// One member's clock is taken to be late enough for everything.
    ClockIgnored,
    /// The sequencer's runs that are not yet read at the end of a view are dropped.
    OrderNotFlushed,
    /// Under safe delivery, messages are delivered as soon as they are received.
    SafeOnReceipt,
}

impl Planted {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::CutOfItsOwn,
        Self::AcceptedForgotten,
        Self::NotSentAgain,
        Self::CausesIgnored,
        Self::ClockIgnored,
        Self::OrderNotFlushed,
        Self::SafeOnReceipt,
    ];
}
