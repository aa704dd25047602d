//! Any process of the trading houses.

use std::convert::identity;

use groupcast::election::bully;
use groupcast::membership;
use machine::{Context, Input, Machine, holds};
use peer::Report;

use crate::customer::{self, Customer};
use crate::hired::Hired;
use crate::message::{Message, Record, Snapshot};
use crate::premises::Premises;
use crate::resident::Resident;
use crate::trader::{self, Trader};
use crate::warehouse::{self, Warehouse};

/// A process.
#[derive(Debug, Clone)]
pub enum Node {
    /// Where the stock is.
    Warehouse(Box<Warehouse>),
    /// Takes orders.
    Trader(Box<Trader>),
    /// Buys and sells.
    Customer(Box<Customer>),
    /// Where the stock is, and the directory.
    Premises(Box<Premises>),
    /// Buys and sells, or trades.
    Resident(Box<Resident>),
    /// Trades while there is enough to do.
    Hired(Box<Hired>),
}

impl Node {
    /// The warehouse that is here, if one is.
    pub fn warehouse(&self) -> Option<&Warehouse> {
        match self {
            Self::Warehouse(warehouse) => Some(warehouse),
            Self::Premises(premises) => Some(premises.warehouse()),
            Self::Trader(_) | Self::Customer(_) | Self::Resident(_) | Self::Hired(_) => None,
        }
    }

    /// The trader that is here, in office or not, if one is.
    pub fn trader(&self) -> Option<&Trader> {
        match self {
            Self::Trader(trader) => Some(trader),
            Self::Resident(resident) => Some(resident.trader()),
            Self::Hired(hired) => Some(hired.trader()),
            Self::Warehouse(_) | Self::Customer(_) | Self::Premises(_) => None,
        }
    }

    /// The customer that is here, if one is.
    pub fn customer(&self) -> Option<&Customer> {
        match self {
            Self::Customer(customer) => Some(customer),
            Self::Resident(resident) => Some(resident.customer()),
            Self::Warehouse(_) | Self::Trader(_) | Self::Premises(_) | Self::Hired(_) => None,
        }
    }
}

/// To a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// To the warehouse.
    Warehouse(warehouse::Command),
    /// To a trader.
    Trader(trader::Command),
    /// To a customer.
    Customer(customer::Command),
}

/// Timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// The warehouse's.
    Warehouse(warehouse::Alarm),
    /// A trader's.
    Trader(trader::Alarm),
    /// A customer's.
    Customer(customer::Alarm),
    /// The directory's.
    Directory(membership::Expire),
    /// The next announcement is due.
    Member(membership::Announce),
    /// An election's.
    Election(bully::Alarm),
    /// Not all may come to the first election.
    Gather,
}

/// The same input for the machine of this process, if it is for it.
macro_rules! relay {
    ($machine:expr, $kind:ident, $input:expr, $cx:expr) => {
        $cx.relay(
            &mut **$machine,
            match $input {
                Input::Restore { journal, snapshot } => Input::Restore { journal, snapshot },
                Input::Replay { journal, record } => Input::Replay { journal, record },
                Input::Start => Input::Start,
                Input::Claimed(epoch) => Input::Claimed(epoch),
                Input::Refused(epoch) => Input::Refused(epoch),
                Input::Command(Command::$kind(command)) => Input::Command(command),
                Input::Message { from, body } => Input::Message { from, body },
                Input::Opened(node) => Input::Opened(node),
                Input::Closed(node) => Input::Closed(node),
                Input::Alarm(Alarm::$kind(alarm)) => Input::Alarm(alarm),
                Input::Command(_) | Input::Alarm(_) => return,
            },
        )
    };
}

impl Machine for Node {
    type Message = Message;
    type Command = Command;
    type Report = Report;
    type Record = Record;
    type Snapshot = Snapshot;
    type Alarm = Alarm;

    fn handle(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match self {
            Self::Warehouse(warehouse) => relay!(warehouse, Warehouse, input, cx),
            Self::Trader(trader) => relay!(trader, Trader, input, cx),
            Self::Customer(customer) => relay!(customer, Customer, input, cx),
            Self::Premises(premises) => cx.relay(&mut **premises, input.same()),
            Self::Resident(resident) => cx.relay(&mut **resident, input.same()),
            Self::Hired(hired) => cx.relay(&mut **hired, input.same()),
        }
    }

    fn check(&self) -> Result<(), String> {
        match self {
            Self::Warehouse(warehouse) => warehouse.check(),
            Self::Trader(trader) => trader.check(),
            Self::Customer(customer) => customer.check(),
            Self::Premises(premises) => premises.check(),
            Self::Resident(resident) => resident.check(),
            Self::Hired(hired) => hired.check(),
        }
    }
}

// The types of all are the process's own, but for alarms of some.
holds! {
    Node: Warehouse {
        message: identity,
        record: identity,
        snapshot: identity,
        alarm: Alarm::Warehouse,
    }
    Node: Trader {
        message: identity,
        record: identity,
        snapshot: identity,
        alarm: Alarm::Trader,
    }
    Node: Customer {
        message: identity,
        record: identity,
        snapshot: identity,
        alarm: Alarm::Customer,
    }
    Node: Premises {
        message: identity,
        record: identity,
        snapshot: identity,
        alarm: identity,
    }
    Node: Resident {
        message: identity,
        record: identity,
        snapshot: identity,
        alarm: identity,
    }
    Node: Hired {
        message: identity,
        record: identity,
        snapshot: identity,
        alarm: identity,
    }
}
