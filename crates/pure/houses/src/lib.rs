//! The trading houses (seed 004): many traders, one warehouse, any trader takes any order. Still no
//! I/O: a host or a simulator runs these machines.
//!
//! | file | what it is |
//! |---|---|
//! | [`warehouse`] | where the stock is, and the one place that decides what is not sold from a loan |
//! | [`trader`] | takes any order; sells from its loan without asking, or goes by counts, or passes all on |
//! | [`customer`] | buys and sells through any trader |
//! | [`Resident`] | a peer of the village: a customer, and a trader while it holds a post |
//! | [`Hired`] | a trader that is started when the load asks for one more |
//! | [`Premises`] | the warehouse, which also introduces all to each other |
//! | [`Node`] | any of these processes |
//! | [`Settings`] | what they need to know; [`Cache`] and [`Durability`] say what is promised |
//!
//! # What each cache promises
//!
//! | [`Cache`] | over-selling | under-selling | messages to the warehouse a sale |
//! |---|---|---|---|
//! | `None` | never | never | one there, one back |
//! | `TimeToLive`, `Push` | counted: passed on by an old count, refused by the warehouse | counted: denied by an old count | one there, one back; none for what is denied |
//! | `Ledger` | counted: promised, refused by the warehouse, and taken back | counted, as above | as above, and one more for each other trader |
//! | `Lease` | never | never: a no comes from the warehouse, when nothing is on loan | few: loans and reports are for many sales |
//!
//! In all of them the warehouse has the last word, each request has one effect, and the ledger adds
//! up.

pub mod customer;
mod hired;
pub mod marks;
mod message;
mod node;
mod premises;
mod resident;
mod settings;
pub mod trader;
pub mod warehouse;

pub use customer::Customer;
pub use hired::Hired;
pub use message::{Buddy, DEEDS_MAX, House, Message, Record, Snapshot};
pub use node::{Alarm, Command, Node};
pub use premises::Premises;
pub use resident::{Resident, ResidentSettings};
#[cfg(feature = "planted")]
pub use settings::Planted;
pub use settings::{
    Cache, CustomerSettings, Durability, Refuse, Scaling, Settings, Times, TraderChoice,
    WarehouseSettings,
};
pub use trader::Trader;
pub use warehouse::Warehouse;

use machine::NodeId;
use market::Party;

/// The node whose account this is.
pub(crate) fn node_of(party: Party) -> Option<NodeId> {
    u32::try_from(party.0).ok().map(NodeId)
}
