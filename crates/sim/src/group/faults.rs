//! Faults come and go, and no more crashes come than the group promises to survive.

use std::collections::BTreeSet;
use std::time::Duration;

use groupcast::group::{Command, View};
use machine::{Incarnation, NodeId};

use super::swarm::Fault;
use super::world::{Action, GroupWorld};

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
            Fault::CutInChange => Fault::OneWay(BTreeSet::from([node])),
            _ => Fault::Crash(BTreeSet::from([node])),
        };
        self.strike(index, &fault, planned.kind());
    }

    /// Begins a fault; what it was done to, or none if there is nobody to do it to.
    fn inflict(&mut self, fault: &Fault) -> Option<Fault> {
        let fault = match fault {
            Fault::Crash(nodes) => Fault::Crash(self.victims(nodes.clone())?),
            Fault::CrashCoordinator => {
                Fault::Crash(self.victims(BTreeSet::from([self.coordinator()?]))?)
            }
            Fault::Pause(node) => Fault::Pause(self.awake(*node)?),
            Fault::PauseCoordinator => Fault::Pause(self.awake(self.coordinator()?)?),
            Fault::Leave(node) => Fault::Leave(self.leaver(*node)?),
            Fault::LeaveCoordinator => Fault::Leave(self.leaver(self.coordinator()?)?),
            other => other.clone(),
        };
        self.world.note(format_args!("    fault begins: {fault:?}"));
        match &fault {
            Fault::Partition(side) => self.cut(side, true, true),
            Fault::OneWay(side) => self.cut(side, false, true),
            Fault::Link(one, other) => {
                self.world.network.cut(*one, *other);
                self.world.network.cut(*other, *one);
            }
            Fault::LinkOneWay(from, to) => self.world.network.cut(*from, *to),
            Fault::Crash(nodes) => {
                for &node in nodes {
                    self.crash(node);
                }
            }
            Fault::Pause(node) => self.world.pause(*node),
            Fault::Slow(node, by) => self.world.network.slow(*node, *by),
            Fault::Loss(percent) => self.world.network.links.loss = *percent as f64 / 100.0,
            Fault::Flap(node) => self.flap(*node),
            Fault::Leave(node) => self.command(*node, Command::Leave),
            _ => {}
        }
        Some(fault)
    }

    pub(super) fn crash(&mut self, node: NodeId) {
        self.world.crash(node);
        self.watch.crashed(node);
    }

    pub(super) fn end(&mut self, index: usize) {
        let Some(fault) = self.active.remove(&index) else { return };
        self.world.note(format_args!("    fault ends: {fault:?}"));
        match fault {
            Fault::Partition(side) => self.cut(&side, true, false),
            Fault::OneWay(side) => self.cut(&side, false, false),
            Fault::Link(one, other) => {
                self.world.network.mend(one, other);
                self.world.network.mend(other, one);
            }
            Fault::LinkOneWay(from, to) => self.world.network.mend(from, to),
            Fault::Crash(nodes) => nodes.into_iter().for_each(|node| self.start(node)),
            Fault::Pause(node) => self.world.resume(node),
            Fault::Slow(node, _) => self.world.network.slow(node, Duration::ZERO),
            Fault::Loss(_) => self.world.network.links.loss = self.swarm.links.loss,
            Fault::Leave(node) => {
                let life = self.lives[node.0 as usize];
                self.plan(self.world.now(), Action::Join(node, life));
            }
            // Its connections return below.
            _ => {}
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

    /// Drops each of a node's connections with a chance of a half.
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
