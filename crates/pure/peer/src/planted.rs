//! Bugs on purpose: whoever checks markets must find each of them.

use crate::any_peer::AnyPeer;
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
    /// Where each peer keeps its own book, a trader tells of what only some of the books hold.
    HastyBooks,
}

impl Peer {
    /// Plants a bug.
    pub fn plant(&mut self, bug: Planted) {
        match bug {
            Planted::NoFence => self.leadership.plant_no_fence(),
            Planted::UnjournaledSale | Planted::ForgetfulSessions => self.trader.plant(bug),
            Planted::Amnesia => self.has_amnesia = true,
            Planted::HastyBooks => {}
        }
    }
}

impl AnyPeer {
    /// Plants a bug, before its first life.
    pub fn plant(&mut self, bug: Planted) {
        self.is_hasty = bug == Planted::HastyBooks;
        self.peer.plant(bug);
    }
}
