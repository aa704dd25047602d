//! What no single key can tell: whether the keys of a scenario fit one another.

mod faults;
mod houses;
mod overlay;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use machine::NodeId;
use market::Good;
use market::limits::{QUANTITY_MAX, UNIT_PRICE_MAX};

use super::choice::{Handover, Order, OtherRoles, SellerChoice};
use super::duration::DurationText;
use super::problem::{Problem, Problems};
use super::setting::Leaf;
use super::tree::Node;
use super::value::{Between, FirstTrader};
use super::{Group, Roles, Run, Scenario};
use faults::last_peer;
pub(super) use overlay::overlay_file;

/// Most goods of one market: a table of them fits on a screen or two.
const GOODS_MAX: usize = 100;
/// The longest expected pause of a buyer; no run is longer.
const PAUSE_MAX: Duration = Duration::from_secs(86_400);

/// Finds all that does not fit.
pub(super) fn check(scenario: &Scenario, tree: &Node) -> Problems {
    let mut checker = Checker { tree, problems: Problems::default() };
    checker.roles(&scenario.roles, &scenario.run);
    checker.ranges(scenario);
    if checker.problems.is_empty() {
        // Of use only where roles and ranges are sound.
        checker.stocks(scenario);
        checker.pauses(scenario);
    }
    checker.run(&scenario.run, last_peer(scenario));
    for (index, fault) in scenario.fault.iter().enumerate() {
        checker.fault(&format!("fault[{index}]"), fault, scenario);
    }
    checker.goods(&scenario.trade.goods);
    checker.trading(scenario);
    checker.carts(scenario);
    checker.group(&scenario.group);
    checker.overlay(scenario);
    if scenario.is_of_houses() {
        checker.houses(scenario);
    }
    checker.problems
}

struct Checker<'a> {
    tree: &'a Node,
    problems: Problems,
}

impl Checker<'_> {
    /// Several keys do not fit one another: the one that the latest layer gave is blamed, and of
    /// several such the first named.
    fn blame(&mut self, keys: &[&str], reason: impl fmt::Display, mend: impl fmt::Display) {
        let mut blamed: Option<(&str, &Node)> = None;
        for key in keys {
            let Some(node) = self.tree.find(key) else { continue };
            if blamed.is_none_or(|(_, last)| node.place.order().0 > last.place.order().0) {
                blamed = Some((key, node));
            }
        }
        self.problems.add(Problem {
            place: blamed.map(|(_, node)| node.place.clone()),
            key: blamed.map_or_else(String::new, |(key, _)| key.to_owned()),
            value: blamed.map(|(_, node)| node.value.shown()),
            reason: reason.to_string(),
            mend: mend.to_string(),
        });
    }

    fn run(&mut self, run: &Run, last_peer: u32) {
        if !run.host.is_loopback() {
            self.blame(
                &["run.host"],
                "messages are neither encrypted nor authenticated, so they stay on this machine",
                "give \"127.0.0.1\" or \"::1\"",
            );
        }
        let last = u32::from(run.base_port).saturating_add(last_peer);
        if run.base_port > 0 && last > u32::from(u16::MAX) {
            self.blame(
                &["run.base_port", "run.peers"],
                format_args!("peer {last_peer} would listen on port {last}, and the last is 65535"),
                format_args!(
                    "give a base_port of {} at most",
                    u32::from(u16::MAX).saturating_sub(last_peer)
                ),
            );
        }
    }

    fn roles(&mut self, roles: &Roles, run: &Run) {
        let Roles { buyers, sellers, others, .. } = *roles;
        let keys = ["roles.buyers", "roles.sellers", "run.peers", "roles.others"];
        let fixed = u64::from(buyers) + u64::from(sellers);
        if fixed > run.peers.into() {
            self.blame(
                &keys[..3],
                format_args!(
                    "{buyers} buyers and {sellers} sellers are more than {} peers",
                    run.peers
                ),
                "give fewer buyers or sellers, or more peers",
            );
            return;
        }
        let no_others = fixed == u64::from(run.peers);
        let others_are = |kind| !no_others && (others == kind || others == OtherRoles::Both);
        if sellers == 0 && !others_are(OtherRoles::Seller) {
            self.blame(&keys, "nobody is sure to sell", "give roles.sellers, or others that sell");
        }
        if buyers == 0 && !others_are(OtherRoles::Buyer) {
            self.blame(&keys, "nobody is sure to buy", "give roles.buyers, or others that buy");
        }
    }

    fn carts(&mut self, scenario: &Scenario) {
        let are_used = scenario.buyer.cart_probability.get() > 0.0;
        if are_used && scenario.journal.handover == Handover::Sellers {
            self.blame(
                &["buyer.cart_probability", "journal.handover"],
                "where sellers keep the books there are no carts",
                "give a cart_probability of 0.0, or another handover",
            );
        }
    }

    fn node(&mut self, key: &str, node: NodeId, run: &Run) {
        if !(1..=run.peers).contains(&node.0) {
            self.blame(
                &[key, "run.peers"],
                format_args!("there is no peer {node}"),
                format_args!("the peers are 1 to {}", run.peers),
            );
        }
    }

    fn goods(&mut self, goods: &[Good]) {
        if goods.is_empty() || goods.len() > GOODS_MAX {
            self.blame(
                &["trade.goods"],
                format_args!("a market has 1 to {GOODS_MAX} goods, and here are {}", goods.len()),
                "give a list such as [\"salt\", \"boar\", \"fish\"]",
            );
            return;
        }
        let mut seen = BTreeSet::new();
        for (index, good) in goods.iter().enumerate() {
            if !seen.insert(good) {
                let key = format!("trade.goods[{index}]");
                self.blame(&[&key], "this good is named twice", "leave it out, or rename it");
            }
        }
    }

    fn range<T: Leaf + PartialOrd>(
        &mut self,
        key: &str,
        range: &Between<T>,
        bounds: RangeInclusive<T>,
    ) {
        let (min, max) = (format!("{key}.min"), format!("{key}.max"));
        if range.min > range.max {
            self.blame(
                &[&min, &max],
                format_args!("from {} to {} is no range", range.min.text(), range.max.text()),
                "give a min that is not above its max",
            );
            return;
        }
        for (key, end) in [(min, &range.min), (max, &range.max)] {
            if !bounds.contains(end) {
                self.blame(
                    &[&key],
                    "this is out of bounds",
                    format_args!("give {} to {}", bounds.start().text(), bounds.end().text()),
                );
            }
        }
    }

    fn ranges(&mut self, scenario: &Scenario) {
        self.range("buyer.quantity", &scenario.buyer.quantity, 1..=QUANTITY_MAX);
        self.range("buyer.think", &scenario.buyer.think, Duration::ZERO..=PAUSE_MAX);
        self.range("seller.stock", &scenario.seller.stock, 1..=QUANTITY_MAX);
        self.range("seller.price", &scenario.seller.price, 1..=UNIT_PRICE_MAX.0);
    }

    fn stocks(&mut self, scenario: &Scenario) {
        let Scenario { run, roles, buyer, seller, .. } = scenario;
        let others = run.peers.saturating_sub(roles.buyers).saturating_sub(roles.sellers);
        let sellers = match roles.others {
            OtherRoles::Both | OtherRoles::Seller | OtherRoles::Random => roles.sellers + others,
            OtherRoles::Buyer | OtherRoles::Bystander => roles.sellers,
        };
        // One peer leads, and does not sell meanwhile.
        let sellers = sellers.min(run.peers - 1);
        let exist = u64::from(sellers) * u64::from(seller.stock.max);
        if u64::from(buyer.quantity.max) > exist {
            self.blame(
                &[
                    "buyer.quantity.max",
                    "seller.stock.max",
                    "roles.sellers",
                    "roles.others",
                    "run.peers",
                ],
                format_args!(
                    "that is more goods than exist: {sellers} sellers deposit {exist} units of a \
                     good at most"
                ),
                format_args!("give buyer.quantity.max = {exist} or less, or larger stocks"),
            );
        }
    }

    fn pauses(&mut self, scenario: &Scenario) {
        let Scenario { run, buyer, limits, .. } = scenario;
        if buyer.think.min >= run.duration {
            self.blame(
                &["buyer.think.min", "run.duration"],
                format_args!("the run is over after {}", DurationText(run.duration)),
                "give a shorter pause, or a longer run",
            );
        }
        if limits.session_idle <= buyer.think.max {
            self.blame(
                &["limits.session_idle", "buyer.think.max"],
                "a buyer would be forgotten while it pauses",
                "give a session_idle above buyer.think.max",
            );
        }
    }

    fn trading(&mut self, scenario: &Scenario) {
        let Scenario { run, trade, trader, .. } = scenario;
        if trade.seller_choice == SellerChoice::Vector && trade.order != Order::Vector {
            self.blame(
                &["trade.seller_choice", "trade.order"],
                "sellers are compared by vector clocks, and none travel in this order",
                "give trade.order = \"vector\", or another seller_choice",
            );
        }
        if trade.seller_choice == SellerChoice::Lamport && trade.order != Order::Lamport {
            self.blame(
                &["trade.seller_choice", "trade.order"],
                "sellers are compared by Lamport clocks, and none are kept in this order",
                "give trade.order = \"lamport\", or another seller_choice",
            );
        }
        if let FirstTrader::Appointed(node) = trader.first {
            self.node("trader.first", node, run);
        }
    }

    fn group(&mut self, group: &Group) {
        if group.heartbeat_limit <= group.heartbeat_period * 2 {
            self.blame(
                &["group.heartbeat_limit", "group.heartbeat_period"],
                "one lost heartbeat would look like the end of a process",
                "give a heartbeat_limit of more than two heartbeat_periods",
            );
        }
        if group.expiry <= group.announce_period * 2 {
            self.blame(
                &["group.expiry", "group.announce_period"],
                "one lost announcement would strike a peer off",
                "give an expiry of more than two announce_periods",
            );
        }
    }
}
