//! Faults come and go, and no more crashes come than the group promises to survive.

use std::collections::BTreeSet;
use std::time::Duration;

use groupcast::group::{Command, View};
use machine::{Incarnation, NodeId};

use super::world::{Action, GroupWorld};
use crate::fault::{self, Fault, Who};

impl GroupWorld {
    pub(super) fn begin(&mut self, index: usize) {
        let fault = self.swarm.faults[index].fault.clone();
        if matches!(fault, Fault::CutInChange | Fault::CrashInChange) {
            self.armed.push(index);
        } else {
            self.strike(index, &fault, fault.kind());
        }
    }

    fn strike(&mut self, index: usize, fault: &Fault, kind: &'static str) {
        let Some(fault) = self.inflict(fault) else { return };
        *self.faults.entry(kind).or_default() += 1;
        self.active.insert(index, fault);
        let end = self.world.now() + self.swarm.faults[index].lasts;
        self.plan(end, Action::End(index));
    }

    /// A node has begun to change the view: what waited for that comes soon.
    pub(super) fn change_began(&mut self, node: NodeId) {
        if let Some(index) = self.armed.pop() {
            // Some round trips of the change come before, and some after.
            let spread = self.swarm.links.delay_min + self.swarm.links.delay_spread;
            let delay = self.random.below(6 * spread.as_nanos() as u64);
            let at = self.world.now() + Duration::from_nanos(delay);
            self.plan(at, Action::InChange(index, node));
        }
    }

    /// What waited for a change comes, to the node that leads it.
    pub(super) fn in_change(&mut self, index: usize, node: NodeId) {
        let planned = self.swarm.faults[index].fault.clone();
        let fault = match planned {
            Fault::CutInChange => Fault::OneWay(Who::one(node)),
            _ => Fault::Crash(Who::one(node)),
        };
        self.strike(index, &fault, planned.kind());
    }

    /// Begins a fault; what it was done to, or none if there is nobody to do it to.
    fn inflict(&mut self, fault: &Fault) -> Option<Fault> {
        let all: Vec<NodeId> = self.nodes().collect();
        if fault.named().iter().any(|node| !all.contains(node)) && fault.who().is_none() {
            return None;
        }
        let meant =
            fault.who().map(|who| who.meant(self.coordinator(), |node| all.contains(&node)));
        let fault = match (fault, meant) {
            (Fault::Resign(_) | Fault::SlowDisk | Fault::Join(_), _) => return None,
            (Fault::Crash(_), Some(nodes)) => Fault::Crash(Who::Nodes(self.victims(nodes)?)),
            (Fault::Pause(_), Some(nodes)) => Fault::Pause(self.who_may(nodes, Self::awake)?),
            (Fault::Leave(_), Some(nodes)) => Fault::Leave(self.who_may(nodes, Self::leaver)?),
            (other, Some(nodes)) => other.clone().to(Who::Nodes(nodes)),
            (other, None) => other.clone(),
        };
        self.world.note(format_args!("    fault begins: {fault:?}"));
        if fault::begin(&mut self.world, &all, &fault) {
            return Some(fault);
        }
        for node in fault.named() {
            match &fault {
                Fault::Crash(_) => self.crash(node),
                Fault::Pause(_) => self.world.pause(node),
                Fault::Flap(_) => fault::flap(&mut self.world, &all, node, &mut self.random),
                Fault::Leave(_) => self.command(node, Command::Leave),
                _ => {}
            }
        }
        Some(fault)
    }

    fn who_may(
        &self,
        nodes: BTreeSet<NodeId>,
        may: impl Fn(&Self, NodeId) -> Option<NodeId>,
    ) -> Option<Who> {
        let nodes: BTreeSet<_> = nodes.into_iter().filter_map(|node| may(self, node)).collect();
        (!nodes.is_empty()).then_some(Who::Nodes(nodes))
    }

    pub(super) fn crash(&mut self, node: NodeId) {
        self.world.crash(node);
        self.watch.crashed(self.world.now(), node);
    }

    pub(super) fn end(&mut self, index: usize) {
        let Some(fault) = self.active.remove(&index) else { return };
        self.world.note(format_args!("    fault ends: {fault:?}"));
        let all: Vec<NodeId> = self.nodes().collect();
        fault::end(&mut self.world, &all, &fault, self.swarm.links.loss);
        for node in fault.named() {
            match fault {
                Fault::Crash(_) => self.start(node),
                Fault::Pause(_) => self.world.resume(node),
                Fault::Leave(_) => {
                    let life = self.lives[node.0 as usize];
                    self.plan(self.world.now(), Action::Join(node, life));
                }
                _ => {}
            }
        }
        self.world.reconnect();
    }

    /// Those of the nodes that are up, as far as they may crash together.
    fn victims(&self, mut nodes: BTreeSet<NodeId>) -> Option<BTreeSet<NodeId>> {
        nodes.retain(|&node| self.world.is_up(node) && !self.world.is_paused(node));
        while !self.swarm.is_reckless && !self.survives(&nodes) {
            nodes.pop_last()?;
        }
        (!nodes.is_empty()).then_some(nodes)
    }

    /// Whether a majority of the present view lives on when these nodes crash: of the highest view
    /// that anybody has installed, and of the highest that anybody who is left has installed. Those
    /// among them that are not in it may be about to be let in, and count as members that are lost.
    fn survives(&self, nodes: &BTreeSet<NodeId>) -> bool {
        let all = self.views();
        let left = || all.iter().filter(|(node, _)| !nodes.contains(node));
        let keeps_majority = |view: &View| {
            let is_in = |(node, theirs): &(NodeId, &View)| {
                theirs.member(*node).is_some_and(|member| view.has(*node, member.incarnation))
            };
            let lost_members = all.iter().filter(|one| nodes.contains(&one.0) && is_in(one));
            let joiners = nodes.len() - lost_members.count();
            left().filter(|one| is_in(one)).count() > (view.members.len() + joiners) / 2
        };
        let highest_of_all = all.iter().max_by_key(|(_, view)| view.id.number);
        let highest_of_left = left().max_by_key(|(_, view)| view.id.number);
        let mut highest = [highest_of_all, highest_of_left].into_iter();
        highest.all(|one| one.is_some_and(|(_, view)| keeps_majority(view)))
    }

    /// The views of all nodes that are in one.
    pub(super) fn views(&self) -> Vec<(NodeId, &View)> {
        let view = |node| Some((node, self.world.machine(node)?.view()?));
        self.nodes().filter_map(view).collect()
    }

    /// The coordinator of the highest view.
    fn coordinator(&self) -> Option<NodeId> {
        let views = self.views();
        views.iter().max_by_key(|(_, view)| view.id.number).map(|(_, view)| view.coordinator)
    }

    /// Whether crashes have taken a majority of the highest view, so that the group waits for good.
    pub(super) fn is_lost(&self) -> bool {
        let has_majority = |members: &[(NodeId, Incarnation)]| {
            let alive = members.iter().filter(|(node, inc)| self.lives_on(*node, *inc)).count();
            alive > members.len() / 2
        };
        // The highest view may be known to nobody who is left.
        let views = self.views();
        let of_left = views.iter().max_by_key(|(_, view)| view.id.number).map(|(_, view)| {
            view.members.iter().map(|member| (member.node, member.incarnation)).collect::<Vec<_>>()
        });
        let highest = self.watch.one_line.highest();
        let has_lost = |members: &[(NodeId, Incarnation)]| {
            members.iter().any(|(node, incarnation)| !self.lives_on(*node, *incarnation))
        };
        // Or the next one was agreed by those who are not in it, and those who are have crashed.
        highest.is_some_and(|(_, members)| {
            !has_majority(members) || views.is_empty() && has_lost(members)
        }) || of_left.is_some_and(|members| !has_majority(&members))
    }

    fn awake(&self, node: NodeId) -> Option<NodeId> {
        (self.world.is_up(node) && !self.world.is_paused(node)).then_some(node)
    }

    /// The node, if it may leave: somebody stays in the highest view and has the state.
    fn leaver(&self, node: NodeId) -> Option<NodeId> {
        let views = self.views();
        let highest = views.iter().map(|(_, view)| view.id.number).max()?;
        let is_ready = |node| self.world.machine(node).is_some_and(|machine| machine.is_ready());
        let stays = |(other, view): &(NodeId, &View)| {
            let may_stay = *other != node && !self.is_leaving(*other);
            may_stay && view.id.number == highest && is_ready(*other)
        };
        views.iter().any(stays).then(|| self.awake(node))?
    }

    /// Ends all faults; nothing is lost or doubled from now on.
    pub(super) fn heal(&mut self) {
        self.is_healed = true;
        self.agenda.retain(|_, action| {
            !matches!(action, Action::Begin(_) | Action::Send | Action::InChange(..))
        });
        self.armed.clear();
        let active: Vec<usize> = self.active.keys().copied().collect();
        for index in active {
            self.end(index);
        }
        self.world.network.links.loss = 0.0;
        self.world.network.links.duplication = 0.0;
        self.world.note(format_args!("    all faults end"));
        self.world.reconnect();
    }
}
