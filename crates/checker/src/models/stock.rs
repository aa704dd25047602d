//! A stock of units of one good.

use crate::linearizable::Model;

/// A stock. It is empty at first.
#[derive(Debug, Clone, Copy)]
pub struct Stock;

/// What was done to a stock.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Call {
    /// So many units came.
    Add(u64),
    /// So many units left; there were as many.
    Take(u64),
    /// So many units were refused: there were fewer.
    Refuse(u64),
}

impl Model for Stock {
    /// The units that there are.
    type State = u64;
    type Call = Call;

    fn initial(&self) -> u64 {
        0
    }

    fn apply(&self, units: &u64, call: &Call) -> Option<u64> {
        match *call {
            Call::Add(more) => units.checked_add(more),
            Call::Take(wanted) => units.checked_sub(wanted),
            Call::Refuse(wanted) => (*units < wanted).then_some(*units),
        }
    }

    fn is_read(&self, call: &Call) -> bool {
        matches!(call, Call::Refuse(_))
    }
}
