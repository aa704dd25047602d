//! Faults come and go, and none takes the last two that know of a sale.

use std::time::Duration;

use houses::{Cache, Command, Durability, Node, Trader, trader};
use machine::NodeId;

use super::world::{HousesWorld, WAREHOUSE};
use crate::fault::{self, Fault, Who};

impl HousesWorld {
    pub(super) fn begin(&mut self, index: usize) {
        let fault = self.swarm.faults[index].fault.clone();
        if matches!(fault, Fault::CutInChange | Fault::CrashInChange) {
            self.armed.push(index);
        } else {
            self.comes(index, &fault);
        }
    }

    /// A fault comes, for as long as it was to last; false if there is nobody to do it to.
    pub(super) fn comes(&mut self, index: usize, fault: &Fault) -> bool {
        let Some(fault) = self.inflict(fault) else { return false };
        *self.faults.entry(self.swarm.faults[index].fault.kind()).or_default() += 1;
        self.active.insert(index, fault);
        let end = self.world.now() + self.swarm.faults[index].lasts;
        self.plan(end, index, false);
        true
    }

    /// Begins a fault; what it was done to, or none if there is nobody to do it to.
    fn inflict(&mut self, fault: &Fault) -> Option<Fault> {
        let all: Vec<NodeId> = self.nodes().collect();
        if fault.named().iter().any(|node| !all.contains(node)) && fault.who().is_none() {
            return None;
        }
        let meant = fault.who().map(|who| who.meant(Some(WAREHOUSE), |node| all.contains(&node)));
        let fault = match meant {
            Some(nodes) => fault.clone().to(Who::Nodes(nodes)),
            None => fault.clone(),
        };
        self.world.note(format_args!("    fault begins: {fault:?}"));
        if fault::begin(&mut self.world, &all, &fault) {
            return Some(fault);
        }
        match &fault {
            Fault::Crash(_) | Fault::Pause(_) | Fault::Leave(_) | Fault::Flap(_) => {
                let mut struck = fault.named();
                struck.retain(|node| self.strike(*node, &fault));
                (!struck.is_empty()).then(|| fault.to(Who::Nodes(struck)))
            }
            Fault::SlowDisk => {
                self.world.slow_disk(Some(WAREHOUSE), Duration::from_secs(1));
                Some(fault)
            }
            _ => None,
        }
    }

    /// Does it to one node; false if that cannot be.
    fn strike(&mut self, node: NodeId, fault: &Fault) -> bool {
        match fault {
            Fault::Crash(_) if self.is_awake(node) && self.survives(node) => {
                if let Some(mark) = self.mark_of_kill(node) {
                    self.world.marks.hit(mark);
                }
                self.watch.crashed(node);
                self.world.crash(node);
            }
            Fault::Pause(_) if self.is_awake(node) => self.world.pause(node),
            Fault::Leave(_) if self.trader(node).is_some() => {
                self.world.command(node, Command::Trader(trader::Command::Retire));
            }
            Fault::Flap(_) => {
                let all: Vec<NodeId> = self.nodes().collect();
                fault::flap(&mut self.world, &all, node, &mut self.random);
            }
            _ => return false,
        }
        true
    }

    pub(super) fn end(&mut self, index: usize) {
        let Some(fault) = self.active.remove(&index) else { return };
        self.world.note(format_args!("    fault ends: {fault:?}"));
        let all: Vec<NodeId> = self.nodes().collect();
        fault::end(&mut self.world, &all, &fault, self.swarm.links.loss);
        for node in fault.named() {
            let is_hired = self.hired().any(|hired| hired == node);
            match fault {
                Fault::Pause(_) => self.world.resume(node),
                // The provider starts these, if they are wanted.
                Fault::Crash(_) | Fault::Leave(_) if is_hired => {}
                Fault::Crash(_) => self.start(node),
                Fault::Leave(_) => self.come_back(node),
                _ => {}
            }
        }
        if fault == Fault::SlowDisk {
            self.world.slow_disk(None, Duration::ZERO);
        }
        self.world.reconnect();
    }

    /// A trader that was to end in good order begins anew, now or when it has.
    fn come_back(&mut self, node: NodeId) {
        let has_ended = self.trader(node).is_some_and(|trader| trader.term().is_none());
        if has_ended && self.is_awake(node) && self.survives(node) {
            self.world.crash(node);
            self.start(node);
        } else {
            self.retired.insert(node);
        }
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

    /// Ends all faults; nothing is lost or doubled from now on.
    pub(super) fn heal(&mut self) {
        self.agenda.clear();
        self.armed.clear();
        self.calm_down();
        let active: Vec<usize> = self.active.keys().copied().collect();
        active.into_iter().for_each(|index| self.end(index));
        self.world.network.links.loss = 0.0;
        self.world.network.links.duplication = 0.0;
        self.world.note(format_args!("    all faults end"));
        self.world.reconnect();
    }
}
