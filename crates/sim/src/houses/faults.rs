//! Faults come and go, and none takes the last two that know of a sale.

use std::collections::BTreeSet;
use std::time::Duration;

use houses::{Cache, Command, Durability, Node, Trader, trader};
use machine::NodeId;

use super::swarm::Fault;
use super::world::HousesWorld;

impl HousesWorld {
    pub(super) fn begin(&mut self, index: usize) {
        let fault = self.swarm.faults[index].fault.clone();
        if !self.inflict(&fault) {
            return;
        }
        *self.faults.entry(fault.kind()).or_default() += 1;
        self.active.insert(index, fault);
        let end = self.world.now() + self.swarm.faults[index].lasts;
        self.plan(end, index, false);
    }

    /// Begins a fault; false if there is nobody to do it to.
    fn inflict(&mut self, fault: &Fault) -> bool {
        self.world.note(format_args!("    fault begins: {fault:?}"));
        match fault {
            Fault::Partition(side) => self.cut(side, true, true),
            Fault::OneWay(side) => self.cut(side, false, true),
            Fault::Crash(node) => {
                if !self.is_awake(*node) || !self.survives(*node) {
                    return false;
                }
                self.watch.crashed(*node);
                self.world.crash(*node);
            }
            Fault::Pause(node) => {
                if !self.is_awake(*node) {
                    return false;
                }
                self.world.pause(*node);
            }
            Fault::Slow(node, by) => self.world.network.slow(*node, *by),
            Fault::Loss(percent) => self.world.network.links.loss = *percent as f64 / 100.0,
            Fault::Flap(node) => self.flap(*node),
            Fault::SlowDisk => self.world.slow_disk(Some(NodeId(0)), Duration::from_secs(1)),
            Fault::Retire(node) => {
                let retire = Command::Trader(trader::Command::Retire);
                self.world.command(*node, retire);
            }
        }
        true
    }

    pub(super) fn end(&mut self, index: usize) {
        let Some(fault) = self.active.remove(&index) else { return };
        self.world.note(format_args!("    fault ends: {fault:?}"));
        match fault {
            Fault::Partition(side) => self.cut(&side, true, false),
            Fault::OneWay(side) => self.cut(&side, false, false),
            Fault::Crash(node) => self.start(node),
            Fault::Pause(node) => self.world.resume(node),
            Fault::Slow(node, _) => self.world.network.slow(node, Duration::ZERO),
            Fault::Loss(_) => self.world.network.links.loss = self.swarm.links.loss,
            Fault::SlowDisk => self.world.slow_disk(None, Duration::ZERO),
            Fault::Retire(node) => {
                // It begins anew, if it has ended in good order.
                let has_ended = self.trader(node).is_some_and(|trader| trader.term().is_none());
                if has_ended && self.is_awake(node) && self.survives(node) {
                    self.world.crash(node);
                    self.start(node);
                } else {
                    self.retired.insert(node);
                }
            }
            Fault::Flap(_) => {}
        }
        self.world.reconnect();
    }

    fn is_awake(&self, node: NodeId) -> bool {
        self.world.is_up(node) && !self.world.is_paused(node)
    }

    pub(super) fn trader(&self, node: NodeId) -> Option<&Trader> {
        self.world.machine(node)?.trader()
    }

    /// Whether each sale that was confirmed is known to somebody else when this node ends.
    pub(super) fn survives(&self, node: NodeId) -> bool {
        let is_by_buddies = (Cache::Lease, Durability::Buddy);
        let Some(trader) = self.trader(node) else { return true };
        if (self.swarm.cache, self.swarm.durability) != is_by_buddies {
            return true;
        }
        // What the warehouse knows is seen while it is up.
        let Some(Node::Warehouse(warehouse)) = self.world.machine(NodeId(0)) else { return false };
        let holds_for_lost = warehouse.market().terms().any(|(id, term)| {
            let is_its = term.buddy() == Some(peer::party(node));
            let of = NodeId(id.trader.0 as u32);
            is_its && (term.is_fenced() || self.trader(of).is_none_or(|of| of.term() != Some(id)))
        });
        let buddy_is_up = trader.buddy().is_none_or(|buddy| self.world.is_up(buddy));
        !holds_for_lost && !trader.is_exposed() && buddy_is_up && !self.buddy_forgot(trader)
    }

    /// Whether the buddy of this trader has begun a new life, and the trader does not know yet.
    fn buddy_forgot(&self, trader: &Trader) -> bool {
        let (Some(term), Some(buddy)) = (trader.term(), trader.buddy()) else { return false };
        self.trader(buddy).is_none_or(|buddy| !buddy.holds(term))
    }

    fn flap(&mut self, node: NodeId) {
        for other in self.nodes() {
            if other != node && self.random.chance(0.5) {
                self.world.drop_connection(node, other);
            }
        }
    }

    fn cut(&mut self, side: &BTreeSet<NodeId>, both_ways: bool, cut: bool) {
        for &inside in side {
            for outside in self.nodes().filter(|node| !side.contains(node)) {
                let ways = [(inside, outside), (outside, inside)];
                for (from, to) in ways.into_iter().take(if both_ways { 2 } else { 1 }) {
                    match cut {
                        true => self.world.network.cut(from, to),
                        false => self.world.network.mend(from, to),
                    }
                }
            }
        }
    }

    /// Ends all faults; nothing is lost or doubled from now on.
    pub(super) fn heal(&mut self) {
        self.agenda.clear();
        let active: Vec<usize> = self.active.keys().copied().collect();
        active.into_iter().for_each(|index| self.end(index));
        self.world.network.links.loss = 0.0;
        self.world.network.links.duplication = 0.0;
        self.world.note(format_args!("    all faults end"));
        self.world.reconnect();
    }
}
