//! Bugs on purpose: whoever checks markets must find each of them.

use crate::peer::Peer;

/// Known bugs, for proving that the checkers find them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// A winner of an election leads without asking anybody.
    NoFence,
    /// Now and then a confirmed sale is not journaled.
    UnjournaledSale,
    /// A repeated request is applied twice.
    ForgetfulSessions,
    /// A peer that comes back remembers its promise and nothing else.
    Amnesia,
}

impl Peer {
    /// Plants a bug.
    pub fn plant(&mut self, bug: Planted) {
        match bug {
            Planted::NoFence => self.leadership.plant_no_fence(),
            Planted::UnjournaledSale | Planted::ForgetfulSessions => self.trader.plant(bug),
            Planted::Amnesia => self.has_amnesia = true,
        }
    }
}
