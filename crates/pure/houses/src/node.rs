//! Any process of the trading houses.

use machine::{Context, Holds, Input, Machine};
use peer::Report;

use crate::customer::{self, Customer};
use crate::message::{Message, Record, Snapshot};
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
        }
    }

    fn check(&self) -> Result<(), String> {
        match self {
            Self::Warehouse(warehouse) => warehouse.check(),
            Self::Trader(trader) => trader.check(),
            Self::Customer(customer) => customer.check(),
        }
    }
}

/// The types of all three are the process's own, but for alarms.
macro_rules! holds {
    ($machine:ty, $kind:ident) => {
        impl Holds<$machine> for Node {
            fn message(inner: Message) -> Message {
                inner
            }
            fn record(inner: Record) -> Record {
                inner
            }
            fn snapshot(inner: Snapshot) -> Snapshot {
                inner
            }
            fn alarm(inner: <$machine as Machine>::Alarm) -> Alarm {
                Alarm::$kind(inner)
            }
        }
    };
}
holds!(Warehouse, Warehouse);
holds!(Trader, Trader);
holds!(Customer, Customer);
