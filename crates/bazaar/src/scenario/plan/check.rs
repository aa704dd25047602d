//! Whether the faults of a plan can come in its world as they are written.

use std::time::Duration;

use machine::{Instant, NodeId};
use sim::Kind;
use sim::fault::{Fault, Plan, Planned, Who};

use super::{Deed, PlanText, PlannedFault, TIME_MAX, Whom, leader_in};
use crate::scenario::duration::DurationText;
use crate::scenario::problem::{Problem, Problems, ScenarioError};
use crate::scenario::tree::Node;

/// How late a message may be made: longer than any limit of a protocol.
const DELAY_MAX: Duration = Duration::from_secs(60);

/// What a text stands for, in a world of this kind with so many nodes at most.
pub(super) fn plan(
    text: &PlanText,
    kind: &Kind,
    nodes: u32,
    tree: &Node,
) -> Result<Plan, ScenarioError> {
    let left = text.nodes.unwrap_or(nodes);
    let mut checker = Checker { kind, nodes: left, tree, problems: Problems::default() };
    checker.whole(text, nodes);
    let faults = text.fault.iter().enumerate();
    let planned = faults.map(|(index, fault)| checker.planned(&format!("fault[{index}]"), fault));
    // Every fault is looked at, so that all problems are told.
    let planned: Vec<Option<Planned>> = planned.collect();
    let plan = Plan {
        faults: planned.into_iter().flatten().collect(),
        nodes: text.nodes,
        faults_end: text.faults_end,
        calm_links: text.calm_links.unwrap_or(false),
    };
    checker.problems.finish(Some(plan))
}

struct Checker<'a> {
    kind: &'a Kind,
    nodes: u32,
    tree: &'a Node,
    problems: Problems,
}

impl Checker<'_> {
    fn blame(&mut self, key: &str, reason: impl Into<String>, mend: impl Into<String>) {
        // A key that is missing is blamed where its table stands.
        let node = self.tree.find(key);
        let table = key.rsplit_once('.').and_then(|(table, _)| self.tree.find(table));
        self.problems.add(Problem {
            place: node.or(table).map(|node| node.place.clone()),
            key: key.to_owned(),
            value: node.map(|node| node.value.shown()),
            reason: reason.into(),
            mend: mend.into(),
        });
    }

    fn whole(&mut self, plan: &PlanText, most: u32) {
        let least = self.kind.nodes_min();
        if let Some(nodes) = plan.nodes.filter(|nodes| !(least..=most).contains(nodes)) {
            let reason = format!("{nodes} of {most} nodes are too few, or none that is left out");
            self.blame("nodes", reason, format!("give {least} to {most}, or leave it out"));
        }
        self.time("faults_end", plan.faults_end);
    }

    fn time(&mut self, key: &str, time: Option<Duration>) {
        if time.is_some_and(|time| time > TIME_MAX) {
            let most = DurationText(TIME_MAX);
            self.blame(key, "no world goes on for so long", format!("give {most} at most"));
        }
    }

    fn planned(&mut self, path: &str, fault: &PlannedFault) -> Option<Planned> {
        self.time(&format!("{path}.at"), Some(fault.at));
        self.time(&format!("{path}.for"), fault.lasts);
        self.only_where_they_belong(path, fault);
        let does = self.fault(path, fault)?;
        if !self.kind.knows(&does) {
            let reason = format!("no world of this kind knows {}", fault.deed.name());
            self.blame(
                &format!("{path}.do"),
                reason,
                "leave the fault out, or choose another world",
            );
        }
        for node in does.named() {
            if !self.kind.has(self.nodes, node) {
                let reason = format!("there is no node {node} in this world");
                let mend = match self.kind {
                    Kind::Market(_) => {
                        format!("give 1 to {}, or the number of one that joins", self.nodes)
                    }
                    _ => format!("give 0 to {}", self.nodes.saturating_sub(1)),
                };
                self.blame(&format!("{path}.who"), reason, mend);
            }
        }
        let lasts = fault.lasts.unwrap_or(TIME_MAX);
        Some(Planned { at: Instant::ZERO + fault.at.min(TIME_MAX), lasts, fault: does })
    }

    fn only_where_they_belong(&mut self, path: &str, fault: &PlannedFault) {
        for (name, is_given, of) in [
            ("to", fault.to.is_some(), Deed::Partition),
            ("one_way", fault.one_way.is_some(), Deed::Partition),
            ("by", fault.by.is_some(), Deed::Delay),
            ("chance", fault.chance.is_some(), Deed::Drop),
        ] {
            if is_given && fault.deed != of {
                let reason = format!("only {} has this", of.name());
                self.blame(&format!("{path}.{name}"), reason, "leave it out");
            }
        }
    }

    /// What the keys of a fault stand for, if they fit one another.
    fn fault(&mut self, path: &str, fault: &PlannedFault) -> Option<Fault> {
        let one_way = fault.one_way.unwrap_or(false);
        Some(match fault.deed {
            Deed::Partition => match (fault.to, one_way) {
                (None, false) => Fault::Partition(self.who(path, fault)?),
                (None, true) => Fault::OneWay(self.who(path, fault)?),
                (Some(to), false) => Fault::Link(self.one(path, fault)?, to),
                (Some(to), true) => Fault::LinkOneWay(self.one(path, fault)?, to),
            },
            Deed::Kill => Fault::Crash(self.who(path, fault)?),
            Deed::Pause => Fault::Pause(self.who(path, fault)?),
            Deed::Leave => Fault::Leave(self.who(path, fault)?),
            Deed::Resign => Fault::Resign(self.who(path, fault)?),
            Deed::Flap => Fault::Flap(self.who(path, fault)?),
            Deed::Join => Fault::Join(self.one(path, fault)?),
            Deed::Delay => match fault.by {
                Some(by) if by <= DELAY_MAX => Fault::Slow(self.who(path, fault)?, by),
                Some(_) => {
                    let most = DurationText(DELAY_MAX);
                    self.blame(
                        &format!("{path}.by"),
                        "this is out of bounds",
                        format!("give {most} at most"),
                    );
                    return None;
                }
                None => {
                    self.blame(
                        &format!("{path}.by"),
                        "how late messages are is not said",
                        "give by = \"20ms\"",
                    );
                    return None;
                }
            },
            Deed::Drop => {
                self.nobody(path, fault);
                let Some(chance) = fault.chance else {
                    self.blame(
                        &format!("{path}.chance"),
                        "how much is lost is not said",
                        "give chance = 0.1",
                    );
                    return None;
                };
                Fault::Loss(chance.get())
            }
            Deed::SlowDisk => {
                self.nobody(path, fault);
                Fault::SlowDisk
            }
            Deed::CutInChange => {
                self.nobody(path, fault);
                Fault::CutInChange
            }
            Deed::KillInChange => {
                self.nobody(path, fault);
                Fault::CrashInChange
            }
        })
    }

    fn nobody(&mut self, path: &str, fault: &PlannedFault) {
        if fault.who.is_some() {
            let reason = format!("{} strikes nobody that is named", fault.deed.name());
            self.blame(&format!("{path}.who"), reason, "leave it out");
        }
    }

    fn who(&mut self, path: &str, fault: &PlannedFault) -> Option<Who> {
        let key = format!("{path}.who");
        match &fault.who {
            None => {
                let mend = format!(
                    "give who = \"{}\", a number, or a list of numbers",
                    leader_in(self.kind)
                );
                self.blame(&key, "somebody must be struck by it", mend);
                None
            }
            Some(Whom::Leader(word)) if *word != leader_in(self.kind) => {
                let reason = format!("nobody is called {word} in this world");
                self.blame(&key, reason, format!("give \"{}\"", leader_in(self.kind)));
                None
            }
            Some(Whom::Leader(_)) => Some(Who::Leader),
            Some(Whom::Nodes(nodes)) => Some(Who::Nodes(nodes.iter().copied().collect())),
        }
    }

    fn one(&mut self, path: &str, fault: &PlannedFault) -> Option<NodeId> {
        match &fault.who {
            Some(Whom::Nodes(nodes)) if nodes.len() == 1 => nodes.first().copied(),
            _ => {
                self.blame(&format!("{path}.who"), "one node is meant here", "give its number");
                None
            }
        }
    }
}
