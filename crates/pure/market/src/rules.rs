//! What one market does otherwise than another.

use serde::{Deserialize, Serialize};

use crate::limits::BASIS_POINTS_ALL;

/// The rules of a market: set when it is founded, and part of its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// What the trader keeps of each price, in hundredths of a per cent; up to 10 000.
    pub commission_basis_points: u16,
    /// From which lot an order is filled first.
    pub choice: SellerChoice,
}

/// From which lot an order is filled first, among those that it may be filled from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SellerChoice {
    /// The one deposited first.
    Oldest,
    /// The one of the lowest price; among equals the oldest.
    Cheapest,
    /// Any, each equally likely; chance is [`Entry::draw`](crate::Entry::draw).
    Random,
    /// The one whose seller's Lamport clock is lowest: the reading at the deposit, and one more
    /// each time that something was sold from the lot (seed 002); then the seller of the lowest
    /// number, then the oldest. Sales go round among sellers.
    Lamport,
    /// One whose stamp no other one's stamp happened before; among those the seller of the lowest
    /// number, then the oldest. A lot without a stamp counts as concurrent with every other.
    Vector,
}

/// The commission is above the whole price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the commission is {0} basis points; at most {BASIS_POINTS_ALL} (all of a price) can be kept"
)]
pub struct BadRules(pub u16);

impl Rules {
    /// Whether a market can have these rules.
    pub(crate) fn check(&self) -> Result<(), BadRules> {
        if self.commission_basis_points > BASIS_POINTS_ALL {
            return Err(BadRules(self.commission_basis_points));
        }
        Ok(())
    }
}
