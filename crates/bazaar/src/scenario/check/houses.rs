//! Whether a scenario of trading houses asks for what there is in them.

use super::Checker;
use crate::nodes::JOINERS_MAX;
use crate::scenario::choice::{
    Handover, Order, OverlayForm, Provider, SellerChoice, TraderChoice, Transport,
};
use crate::scenario::fault::Action;
use crate::scenario::{FirstTrader, Scenario};

impl Checker<'_> {
    pub(super) fn houses(&mut self, scenario: &Scenario) {
        let Scenario { run, trade, trader, journal, overlay, seller, buyer, .. } = scenario;
        let traders = scenario.houses.traders;
        if traders + 2 > run.peers {
            self.blame(
                &["houses.traders", "run.peers"],
                format_args!("{traders} of {} peers trade, and too few are left", run.peers),
                "leave two peers at least that buy and sell",
            );
        }
        self.scaling(scenario);
        let mut none = |key: &str, is_there: bool, what: &str, mend: &str| {
            if is_there {
                let reason = format!("trading houses have no {what}");
                self.blame(&[key, "houses.traders"], reason, mend);
            }
        };
        let by_clock = matches!(trade.seller_choice, SellerChoice::Lamport | SellerChoice::Vector);
        none("run.transport", run.transport == Transport::Udp, "datagrams", "give \"tcp\"");
        none("trade.order", trade.order != Order::Arrival, "clocks", "give \"arrival\"");
        none("trade.seller_choice", by_clock, "clocks", "give \"oldest\"");
        none(
            "journal.handover",
            journal.handover != Handover::File,
            "handover: the warehouse keeps the market",
            "give \"file\"",
        );
        none("overlay.form", overlay.form != OverlayForm::Mesh, "overlay", "give \"mesh\"");
        let is_appointed = trader.first != FirstTrader::Elected;
        none("trader.first", is_appointed, "appointed traders", "give \"elected\"");
        let resigns = trader.resign_probability.get() > 0.0 || trader.resign_after_sales.is_some();
        let key = match trader.resign_after_sales {
            Some(_) => "trader.resign_after_sales",
            None => "trader.resign_probability",
        };
        none(key, resigns, "traders that resign: they are elected for life", "give 0");
        let restocks = seller.restock_at_zero;
        let notices = "notices by which a seller knows what is left";
        none("seller.restock_at_zero", restocks, notices, "give false, and accrue_goods");
        let updates = seller.update_probability.get() > 0.0;
        none("seller.update_probability", updates, notices, "give 0.0, and accrue_goods");
        none("buyer.leave_when_done", buyer.leave_when_done, "leaving", "give false");
        for (index, fault) in scenario.fault.iter().enumerate() {
            let is_none = matches!(fault.action, Action::Resign | Action::Leave | Action::Join);
            let what = format!("peers that {}", fault.action.name());
            none(&format!("fault[{index}].do"), is_none, &what, "give kill, pause or partition");
        }
    }

    fn scaling(&mut self, scenario: &Scenario) {
        let (scaling, houses) = (&scenario.scaling, &scenario.houses);
        if scaling.traders_max > houses.traders + JOINERS_MAX {
            self.blame(
                &["scaling.traders_max", "houses.traders"],
                format_args!("at most {JOINERS_MAX} traders are started beside the elected ones"),
                format_args!("give {} at most", houses.traders + JOINERS_MAX),
            );
        }
        let looks =
            scaling.traders_max > houses.traders || houses.choice == TraderChoice::LeastLoaded;
        if looks && scaling.period < scenario.group.heartbeat_period {
            self.blame(
                &["scaling.period", "group.heartbeat_period"],
                "traders tell what they have to do with their heartbeats, and the warehouse looks \
                 more often than that",
                "give a longer period, or a shorter heartbeat_period",
            );
        }
        let by_command = scaling.provider == Provider::Command;
        if by_command && !scaling.command.contains("{arguments}") {
            self.blame(
                &["scaling.command", "scaling.provider"],
                "the command does not say what the trader is told",
                "give one with {arguments} in it, as in \"nice {program} {arguments}\"",
            );
        }
        if !by_command && !scaling.command.is_empty() {
            self.blame(
                &["scaling.command", "scaling.provider"],
                "there is a command, and nothing is started by one",
                "give provider = \"command\", or no command",
            );
        }
    }
}
