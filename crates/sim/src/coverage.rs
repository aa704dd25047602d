//! Coverage: which rare paths the worlds of a sweep took. A path that none has taken shows nothing by
//! holding.

use std::collections::BTreeMap;

use machine::{Epoch, Mark, Marks};
use market::{Outcome, Refusal, RequestId};
use peer::What;
use peer::event::Operation;

use crate::play::Kind;

/// The rare things that nodes tell of themselves.
pub mod marks {
    machine::marks! {
        ANSWERED_AGAIN = "a trader was asked again, and gave its first answer";
        ANSWERED_FROM_THE_LOG = "a trader gave again what another trader had answered";
        IN_DOUBT = "a client will never learn what became of a request";
        SESSIONS_EXPIRED = "a market forgot sessions that were idle";
        SERVED_FIRST = "requests waited for a new trader, and were served first";
        HELD_BACK = "a purchase waited, since an earlier one could still come";
        EXPIRED = "a member was not heard of for too long";
        LIMIT = "a limit bit";
        CLAIMED = "a cart was claimed";
        CART_VOIDED = "a cart was voided";
        CART_TIMED_OUT = "the time of a cart was over";
        CLAIMED_TOO_LATE = "a cart was to be claimed that was no more";
        ALL_IN_CARTS = "a buy was refused, for what it could have had was in carts";
    }
}

/// What reports tell of rare paths.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rare {
    pub marks: Marks,
    sold_in: BTreeMap<RequestId, Epoch>,
}

impl Rare {
    pub fn report(&mut self, what: &What) {
        match what {
            What::Sold { epoch, request, .. } => {
                self.sold_in.entry(*request).or_insert(*epoch);
            }
            What::Repeated { epoch, request } => {
                self.marks.hit(marks::ANSWERED_AGAIN);
                if self.sold_in.get(request).is_some_and(|first| first != epoch) {
                    self.marks.hit(marks::ANSWERED_FROM_THE_LOG);
                }
            }
            What::HoldEnded { request: Some(_), .. } => self.marks.hit(marks::CART_VOIDED),
            What::HoldEnded { request: None, .. } => self.marks.hit(marks::CART_TIMED_OUT),
            What::Answered { operation: Operation::Claim { .. }, outcome, .. } => match outcome {
                Outcome::Bought(_) => self.marks.hit(marks::CLAIMED),
                _ => self.marks.hit(marks::CLAIMED_TOO_LATE),
            },
            What::Refused { refusal: Refusal::Held { .. }, .. } => {
                self.marks.hit(marks::ALL_IN_CARTS);
            }
            What::Abandoned { .. } => self.marks.hit(marks::IN_DOUBT),
            What::SessionsExpired { .. } => self.marks.hit(marks::SESSIONS_EXPIRED),
            What::Pending { .. } => self.marks.hit(marks::SERVED_FIRST),
            What::HeldBack { .. } => self.marks.hit(marks::HELD_BACK),
            What::Expired { .. } => self.marks.hit(marks::EXPIRED),
            What::Overflow { .. } => self.marks.hit(marks::LIMIT),
            _ => {}
        }
    }
}

/// In how many worlds each rare path was taken.
#[derive(Debug, Clone, Default)]
pub struct Coverage(BTreeMap<Mark, u64>);

impl Coverage {
    /// Adds what one world took.
    pub fn add(&mut self, marks: &Marks) {
        for mark in marks.taken() {
            *self.0.entry(mark).or_default() += 1;
        }
    }

    /// Adds other worlds.
    pub fn join(&mut self, other: &Self) {
        for (mark, worlds) in &other.0 {
            *self.0.entry(*mark).or_default() += worlds;
        }
    }

    /// In how many worlds a path was taken.
    pub fn worlds(&self, mark: Mark) -> u64 {
        self.0.get(&mark).copied().unwrap_or(0)
    }

    /// The paths that worlds of this kind have, and none of them took.
    pub fn never(&self, kind: &Kind) -> Vec<Mark> {
        kind.marks().into_iter().filter(|mark| self.worlds(*mark) == 0).collect()
    }
}
