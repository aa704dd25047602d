//! Roles, stacked from the machines below: a [`Peer`] buys, sells, or does both, and trades for
//! all while it leads; a [`Directory`](groupcast::membership::Directory) introduces peers to each
//! other. Still no I/O: a host or a simulator runs them.
//!
//! | file | what it is |
//! |---|---|
//! | [`client`] | requests that are made exactly once, whoever leads |
//! | [`buyer`], [`seller`] | what a peer wants, and when |
//! | [`ordering`], [`queue`] | in which order purchases are served |
//! | `leaving` | the way out of a running market |
//! | `history` | what a peer remembers across its lives |
//! | [`trader`] | the market's kernel at the peer that leads, and the right to use it |
//! | [`Peer`] | the stack: membership, leadership, client, buyer, seller, trader |
//! | [`books`] | the market in the journals of those whom it concerns, instead of a common place |
//! | [`AnyPeer`] | a peer, wherever its market is held |
//! | `place`, `admitting` | how it is held, and whom a trader serves by that |
//! | [`Node`] | any process: a peer, a peer on an overlay, or the directory |
//! | [`event`] | what a peer tells: the record of a run |

mod admitting;
mod alarm;
mod any_peer;
mod asking;
pub mod books;
pub mod buyer;
pub mod client;
mod counts;
mod deed;
pub mod event;
mod history;
mod leaving;
mod link_fault;
mod message;
mod node;
pub mod ordering;
mod peer;
mod place;
#[cfg(feature = "planted")]
mod planted;
mod presence;
pub mod queue;
mod queueing;
mod replica;
mod resigning;
pub mod seller;
mod serving;
mod settings;
pub mod trader;
mod what;

pub use any_peer::AnyPeer;
pub use event::{Event, What};
pub use link_fault::LinkFault;
pub use message::{
    Body, LOTS_TOLD_MAX, Message, Own, Packet, Record, SALES_TOLD_MAX, Sale, Snapshot, Standing,
    Trade,
};
pub use node::{Alarm, Node};
pub use peer::{Command, Peer, Report};
#[cfg(feature = "planted")]
pub use planted::Planted;
pub use replica::{MessageLimits, Replica};
pub use resigning::Resignation;
pub use settings::{
    BuyerSettings, Carts, Form, OrderPolicy, Pause, Range, Role, SellerSettings, Settings,
    TraderSettings,
};

use machine::NodeId;
use market::Party;

/// The account of a node in the market's books.
pub fn party(node: NodeId) -> Party {
    Party(node.0.into())
}
