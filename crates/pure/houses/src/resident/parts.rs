//! How the machines inside a resident speak through it.

use groupcast::election::bully::{self, Bully};
use groupcast::membership::{self, Member};
use machine::{Holds, Machine, Never};

use super::Resident;
use crate::customer::Customer;
use crate::message::{Message, Record, Snapshot};
use crate::node::Alarm;
use crate::trader::Trader;

/// Machines that keep a part of its journal, or none.
macro_rules! holds {
    ($machine:ty, $kind:ident, $message:ty => $wrap:expr, $record:ty => $record_of:expr, $snapshot:ty => $snapshot_of:expr) => {
        impl Holds<$machine> for Resident {
            fn message(inner: $message) -> Message {
                $wrap(inner)
            }
            fn record(inner: $record) -> Record {
                $record_of(inner)
            }
            fn snapshot(inner: $snapshot) -> Snapshot {
                $snapshot_of(inner)
            }
            fn alarm(inner: <$machine as Machine>::Alarm) -> Alarm {
                Alarm::$kind(inner)
            }
        }
    };
}

fn same<T>(inner: T) -> T {
    inner
}

fn none<T>(never: Never) -> T {
    match never {}
}

holds!(Customer, Customer, Message => same, Record => same, Snapshot => same);
holds!(Trader, Trader, Message => same, Record => same, Snapshot => same);
holds!(Member, Member, membership::Message => Message::Membership, Never => none, Never => none);
holds!(Bully, Election, bully::Message => Message::Election, Never => none, Never => none);
