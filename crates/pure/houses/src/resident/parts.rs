//! How the machines inside a resident speak through it.

use std::convert::identity;

use groupcast::election::bully::Bully;
use groupcast::membership::Member;
use machine::{Never, holds};

use super::Resident;
use crate::customer::Customer;
use crate::message::Message;
use crate::node::Alarm;
use crate::trader::Trader;

// Customer and trader keep a part of its journal each.
holds! {
    Resident: Customer {
        message: identity,
        record: identity,
        snapshot: identity,
        alarm: Alarm::Customer,
    }
    Resident: Trader {
        message: identity,
        record: identity,
        snapshot: identity,
        alarm: Alarm::Trader,
    }
    Resident: Member {
        message: Message::Membership,
        record: Never::into_any,
        snapshot: Never::into_any,
        alarm: Alarm::Member,
    }
    Resident: Bully {
        message: Message::Election,
        record: Never::into_any,
        snapshot: Never::into_any,
        alarm: Alarm::Election,
    }
}
