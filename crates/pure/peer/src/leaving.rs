//! The way out of a running market.
//!
//! ```text
//!   Finishing ── nothing under way ──▶ Clearing ── nothing on sale ──▶ Ready ── Released ──▶ Left
//!     asks for nothing new              AskLots, Withdraw {lot}         a leader resigns,
//!                                                                       then asks: Leave
//! ```
//!
//! **Promise.** A peer that has left has nothing under way, and nothing on sale unless the settings
//! leave it there; and its going never costs the market its majority (see
//! [`leadership`](groupcast::leadership)). *Why:* it goes only when the leader that it follows
//! released it, when its client is idle, and after a trader said that nothing of it is on sale or in
//! a cart, from which it may come back; a peer on its way out deposits nothing.
//!
//! A voter that cannot be spared stays as one who votes, and leads if it is elected, but asks for
//! nothing new.

use groupcast::{leadership, membership};
use machine::{Input, NodeId};
use market::{Command, LotId};

use crate::any_peer::Cx;
use crate::event::What;
use crate::message::{Body, LOTS_TOLD_MAX};
use crate::party;
use crate::peer::{Alarm, Peer};
use crate::resigning::Resignation;

/// How far a peer is on its way out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Leaving {
    /// Whether a trader said that nothing of it is on sale.
    is_cleared: bool,
    /// How many steps it took while it led. It gives those who follow it the time to go first.
    steps_as_leader: u32,
}

impl Peer {
    /// A buyer that has all it wants says so, and leaves if it shall.
    pub(crate) fn consider_leaving(&mut self, cx: &mut Cx<'_>) {
        if !self.buyer.is_done() {
            return;
        }
        self.report(What::BoughtAll { purchases: self.purchases() }, cx);
        if self.buyer.settings().leave_when_done && !self.role.sells {
            self.leave(cx);
        }
    }

    pub(crate) fn leave(&mut self, cx: &mut Cx<'_>) {
        self.is_winding_down = true;
        self.leaving.get_or_insert_default();
        self.go_on_leaving(cx);
    }

    pub(crate) fn go_on_leaving(&mut self, cx: &mut Cx<'_>) {
        let is_leading = self.leadership.is_leading();
        let keeps_stock = !self.seller.settings().withdraw_when_leaving;
        let has_stock = self.seller.has_stocked_up() && !keeps_stock;
        let Some(leaving) = &mut self.leaving else { return };
        cx.set(Alarm::Leave, self.settings.resend);
        let Some(leader) = self.leadership.epoch() else { return };
        if self.client.is_busy() {
            return;
        }
        if has_stock && !leaving.is_cleared {
            return self.send(leader.node, Body::AskLots, cx);
        }
        if !is_leading {
            leaving.steps_as_leader = 0;
            return self.lead_input(Input::Command(leadership::Command::Leave), cx);
        }
        leaving.steps_as_leader += 1;
        if leaving.steps_as_leader > 1 && self.leadership.could_go(cx.now) {
            self.resign(Resignation::Leaving, cx);
        }
    }

    /// As the trader: what a seller has on sale.
    pub(crate) fn tell_lots(&mut self, seller: NodeId, cx: &mut Cx<'_>) {
        let Some(market) = self.trader.market() else { return };
        let lots = market.lots_of(party(seller)).map(|(lot, _)| lot).take(LOTS_TOLD_MAX);
        let lots = lots.collect();
        let in_carts = market.is_in_carts(party(seller));
        self.send(seller, Body::Lots { lots, in_carts }, cx);
    }

    /// What the seller still has on sale.
    pub(crate) fn take_back(&mut self, lots: Vec<LotId>, in_carts: bool, cx: &mut Cx<'_>) {
        let Some(leaving) = &mut self.leaving else { return };
        // Nothing is brought any more, so what once said that nothing is left holds for good, and
        // what says otherwise is old.
        if self.client.is_busy() || leaving.is_cleared {
            return;
        }
        if lots.is_empty() && in_carts {
            // It asks again after a while.
            return;
        }
        leaving.is_cleared = lots.is_empty();
        for lot in lots.into_iter().take(LOTS_TOLD_MAX) {
            self.submit(Some(Command::Withdraw { lot }), cx);
        }
        self.go_on_leaving(cx);
    }

    pub(crate) fn go(&mut self, cx: &mut Cx<'_>) {
        if self.leaving.take().is_none() {
            return;
        }
        cx.clear(Alarm::Leave);
        self.member_input(Input::Command(membership::Command::Leave), cx);
        self.report(What::Left, cx);
    }
}
