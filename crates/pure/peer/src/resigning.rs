//! The trader's end by its own will.
//!
//! ```text
//!   Trading ── wants to go: Written {epoch} to itself, behind all writes ──▶ Closing ── heard ──▶ Resign
//!                                          serves nobody; who asks, asks the next trader again
//! ```
//!
//! **Promise.** What a trader that resigns was seen to sell is sold: the next one claims the journal
//! after the last commit. *Why:* its message to itself leaves when all that it wrote is in the
//! journal, or in the books of all whom it concerns and who are there. If a write is refused, the message never comes, and another one leads already; if the
//! journal hangs, it resigns after the heartbeat limit all the same, and what was not written yet is
//! no sale, as if it had crashed.

use groupcast::leadership;
use machine::{Epoch, Input};
use serde::{Deserialize, Serialize};

use crate::any_peer::Cx;
use crate::event::What;
use crate::message::Body;
use crate::peer::{Alarm, Peer};

/// Why a trader resigns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resignation {
    /// It has made as many sales as it makes in an epoch.
    Sales,
    /// By chance, at the end of a quantum.
    Chance,
    /// A quantum is all that it trades.
    Time,
    /// It was told to.
    Command,
    /// It leaves the market.
    Leaving,
}

impl Peer {
    /// At the end of a quantum, or when enough is sold.
    pub(crate) fn consider_resigning(&mut self, cx: &mut Cx<'_>) {
        if self.trader.closing().is_some() {
            return self.lead_input(Input::Command(leadership::Command::Resign), cx);
        }
        if self.trader.epoch().is_none() {
            return;
        }
        let settings = self.trader.settings();
        let probability = settings.resign_probability;
        if !settings.resign_quantum.is_zero() {
            cx.set(Alarm::Quantum, settings.resign_quantum);
        }
        let why = match self.trader.has_sold_enough() {
            true => Some(Resignation::Sales),
            false if !cx.random.chance(probability) => None,
            false if probability >= 1.0 => Some(Resignation::Time),
            false => Some(Resignation::Chance),
        };
        if let Some(why) = why.filter(|_| !self.is_winding_down) {
            self.resign(why, cx);
        }
    }

    pub(crate) fn resign(&mut self, why: Resignation, cx: &mut Cx<'_>) {
        if self.trader.closing().is_some() {
            return;
        }
        self.notify(cx);
        let Some(epoch) = self.trader.close() else {
            return self.lead_input(Input::Command(leadership::Command::Resign), cx);
        };
        self.report(What::Resigning { epoch, why }, cx);
        self.clear_trading_alarms(cx);
        cx.set(Alarm::Quantum, self.settings.leadership.heartbeat_limit);
        self.send(self.me, Body::Written(epoch), cx);
    }

    /// All that the trader wrote in this epoch is held.
    pub(crate) fn written(&mut self, epoch: Epoch, cx: &mut Cx<'_>) {
        if self.trader.closing() == Some(epoch) {
            self.lead_input(Input::Command(leadership::Command::Resign), cx);
        }
    }
}
