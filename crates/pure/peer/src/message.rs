//! What peers say to each other, and what they write down.

use clocks::{Stamp, VectorClock};
use groupcast::fence::majority::Promised;
use groupcast::{leadership, log, membership, overlay};
use machine::{Epoch, Incarnation};
use market::{Command, Entry, Good, Kernel, LotId, Money, Outcome, Request, RequestId};
use serde::{Deserialize, Serialize};

use crate::replica::Replica;
use crate::settings::Role;
use crate::{books, client};

/// Peer to peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// To and from the directory.
    Membership(membership::Message),
    /// Who leads.
    Leadership(leadership::Message),
    /// The market.
    Trade(Trade),
    /// Between those that hold the market, where it is replicated.
    Log(log::Message<Entry>),
    /// Between the trader and those that keep the market's books, where each keeps its own.
    Books(books::Message),
}

/// Process to process: what peers say, as it is or on its way along an overlay. What goes as it is
/// is written as a [`Message`] is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Packet {
    /// [`Message::Membership`].
    Membership(membership::Message),
    /// [`Message::Leadership`].
    Leadership(leadership::Message),
    /// [`Message::Trade`].
    Trade(Trade),
    /// [`Message::Log`].
    Log(log::Message<Entry>),
    /// Between neighbours on an overlay. It holds no packet again, so none is nested without bound.
    Overlay(Box<overlay::Message<Message>>),
    /// [`Message::Books`].
    Books(books::Message),
}

impl From<Message> for Packet {
    fn from(message: Message) -> Self {
        match message {
            Message::Membership(body) => Self::Membership(body),
            Message::Leadership(body) => Self::Leadership(body),
            Message::Trade(body) => Self::Trade(body),
            Message::Log(body) => Self::Log(body),
            Message::Books(body) => Self::Books(body),
        }
    }
}

impl From<overlay::Message<Message>> for Packet {
    fn from(message: overlay::Message<Message>) -> Self {
        match message {
            overlay::Message::Direct(message) => message.into(),
            along => Self::Overlay(Box::new(along)),
        }
    }
}

impl Packet {
    /// What a peer says, unless it is on its way along an overlay.
    pub(crate) fn message(self) -> Option<Message> {
        match self {
            Self::Membership(body) => Some(Message::Membership(body)),
            Self::Leadership(body) => Some(Message::Leadership(body)),
            Self::Trade(body) => Some(Message::Trade(body)),
            Self::Log(body) => Some(Message::Log(body)),
            Self::Books(body) => Some(Message::Books(body)),
            Self::Overlay(_) => None,
        }
    }

    /// The same as a node on an overlay is told.
    pub(crate) fn along(self) -> Option<overlay::Message<Message>> {
        match self {
            Self::Overlay(along) => Some(*along),
            direct => direct.message().map(overlay::Message::Direct),
        }
    }
}

/// A message of the market.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trade {
    /// The sender's clock, where the market keeps vector clocks.
    pub clock: Option<VectorClock>,
    /// What it says.
    pub body: Body,
}

/// What a message of the market says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// Client to trader.
    Request(Request),
    /// Buyer to trader: a purchase, where the market keeps a clock.
    Stamped {
        /// The purchase.
        request: Request,
        /// When it was asked for first.
        stamp: Stamp,
        /// The buyer's floor; see [`ordering`](crate::ordering).
        floor: u64,
    },
    /// Buyer to all but the trader: there is a purchase.
    Announced(Stamp),
    /// Trader to peer: may anything earlier than this still come from you?
    Earliest(Stamp),
    /// Peer to trader: nothing below this.
    Floor(u64),
    /// Trader to client: the answer, which is durable.
    Answer {
        /// The trader's epoch.
        epoch: Epoch,
        /// What is answered.
        id: RequestId,
        /// The answer.
        outcome: Outcome,
    },
    /// Seller to trader: where do I stand?
    Inquire,
    /// Trader to seller: here, and what was just sold: all sales of one turn in one notice.
    Notice {
        /// All of it, so that a lost notice does no harm.
        standing: Standing,
        /// The sales that this notice is for, in order; no more than `SALES_TOLD_MAX`.
        sales: Vec<Sale>,
    },
    /// A trader that resigns to itself: all that it wrote in this epoch is in the journal.
    Written(Epoch),
    /// Seller to trader: what have I on sale? It leaves.
    AskLots,
    /// Trader to seller: this, the oldest first.
    Lots {
        /// No more than [`LOTS_TOLD_MAX`]: the seller takes them back, then asks again.
        lots: Vec<LotId>,
        /// Whether carts hold more, which may come back on sale.
        in_carts: bool,
    },
}

/// How many lots one answer to a seller names: as many withdrawals are under way at once.
pub const LOTS_TOLD_MAX: usize = client::WINDOW_MAX;

/// How many sales one notice tells of: a seller's whole stock may go in one turn, and a notice must
/// fit a datagram of 16 KiB. A sale takes no more than 150 bytes.
pub const SALES_TOLD_MAX: usize = 64;

/// Where a seller stands. All but `left` only ever rises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// Units deposited.
    pub deposited: u64,
    /// Units sold.
    pub sold: u64,
    /// Units still in the market.
    pub left: u64,
    /// Money earned, after commission.
    pub earned: Money,
}

/// What a seller sold in one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sale {
    /// The order, and so its buyer.
    pub request: RequestId,
    /// What.
    pub good: Good,
    /// Units.
    pub quantity: u32,
    /// What the buyer pays for them.
    pub paid: Money,
    /// What it earned by it, after commission.
    pub earned: Money,
    /// What it had earned in all by then.
    pub total: Money,
    /// Units that it still had in the market.
    pub left: u64,
}

/// A record of either of a peer's journals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// Its own: an epoch that it promised.
    Promised(Promised),
    /// The common one: a command that the trader applied.
    Entry(Entry),
    /// Its own: a deposit or a withdrawal that it is about to ask for.
    Asked {
        /// The session.
        life: u64,
        /// The request's number in it.
        number: u64,
        /// What it asks for.
        command: Command,
    },
    /// Its own: that was answered.
    Answered {
        /// The request's number in its session.
        number: u64,
    },
    /// Its own: where its clocks stand when a later life begins.
    Counted {
        /// Of messages, where the market keeps vector clocks.
        clock: Option<VectorClock>,
        /// Of purchases, where the market keeps a clock.
        purchases: Option<Stamp>,
    },
    /// Its own: its session is gone, and what was under way in it is in doubt.
    SessionLost,
    /// Its own: what it became by chance.
    Role(Role),
    /// Its own: its part in the log that holds the market, where it is replicated.
    Log(log::Record<Entry>),
    /// Its own: its part in the market's books, where each peer keeps its own.
    Book(books::Record),
}

/// A snapshot of either of a peer's journals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Snapshot {
    /// Its own.
    Own(Own),
    /// The common one: the market.
    Market(Box<Kernel>),
    /// Its own, where the market is replicated.
    Replica {
        /// What it remembers of itself.
        own: Own,
        /// Its part in the log that holds the market.
        log: Box<log::Snapshot<Replica>>,
    },
    /// Its own, where each peer keeps the book of what concerns it.
    Keeper {
        /// What it remembers of itself.
        own: Own,
        /// Its book.
        book: Box<books::Snapshot>,
    },
}

/// What a peer remembers of itself across its lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Own {
    /// Which life this is.
    pub incarnation: Incarnation,
    /// The highest epoch that it promised.
    pub promised: Promised,
    /// Its session with the market, and what is under way.
    pub client: client::Memory,
    /// What it last brought, and the price of a unit.
    pub seller: Option<(Good, Money)>,
    /// What it became by chance; none if it is what the settings say.
    pub role: Option<Role>,
    /// Where its clock of messages stands when a later life begins, where the market keeps vector
    /// clocks.
    pub clock: Option<VectorClock>,
    /// Where its clock of purchases stands then, where the market keeps one.
    pub purchases: Option<Stamp>,
}

impl Own {
    /// A peer that has done nothing yet.
    pub fn first(promised: Promised) -> Self {
        Self {
            incarnation: Incarnation::default(),
            promised,
            client: client::Memory::default(),
            seller: None,
            role: None,
            clock: None,
            purchases: None,
        }
    }
}
