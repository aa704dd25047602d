//! The scenario's faults, as they come due.

use std::collections::BTreeMap;

use machine::NodeId;
use view::{Fault, LinkFault};

use super::nanos;
use super::venue::Venue;
use crate::scenario::{self, Action, Scenario, Target};

/// What is still to come, by time.
#[derive(Debug)]
pub struct Plan {
    agenda: BTreeMap<(u64, usize), Step>,
    made: usize,
    duration: std::time::Duration,
}

#[derive(Debug, Clone)]
enum Step {
    /// A fault of the scenario, whose target may be whoever trades then.
    Begin(scenario::Fault),
    Node(Fault, NodeId),
    Links(LinkFault),
}

impl Plan {
    /// All faults of a scenario.
    pub fn new(scenario: &Scenario) -> Self {
        let duration = scenario.run.duration;
        let mut plan = Self { agenda: BTreeMap::new(), made: 0, duration };
        for fault in &scenario.fault {
            plan.add(nanos(fault.at.of(duration)), Step::Begin(fault.clone()));
        }
        plan
    }

    fn add(&mut self, at_ns: u64, step: Step) {
        self.agenda.insert((at_ns, self.made), step);
        self.made += 1;
    }

    /// Carries out what is due. A fault for the trader waits until there is one.
    ///
    /// # Errors
    /// A node cannot be started, or the system refuses.
    pub fn carry_out(&mut self, venue: &mut impl Venue) -> anyhow::Result<()> {
        while let Some(due) = self.agenda.first_entry() {
            if due.key().0 > venue.now_ns() {
                return Ok(());
            }
            let trader = venue.progress().trader;
            let is_for_trader = |step: &Step| matches!(step, Step::Begin(fault) if fault.target == Some(Target::Trader));
            if is_for_trader(due.get()) && trader.is_none() {
                return Ok(());
            }
            match due.remove() {
                Step::Begin(fault) => {
                    let nodes = match &fault.target {
                        Some(Target::Trader) => trader.into_iter().collect(),
                        Some(target) => target.named().to_vec(),
                        None => Vec::new(),
                    };
                    self.begin(&fault, nodes, venue)?;
                }
                Step::Node(fault, node) => venue.strike(fault, node)?,
                Step::Links(fault) => venue.change_links(fault)?,
            }
        }
        Ok(())
    }

    fn begin(
        &mut self,
        fault: &scenario::Fault,
        nodes: Vec<NodeId>,
        venue: &mut impl Venue,
    ) -> anyhow::Result<()> {
        let mut undo = Vec::new();
        match of_action(fault.action) {
            Some((deed, undone)) => {
                for node in nodes {
                    venue.strike(deed, node)?;
                    undo.extend(undone.map(|undone| Step::Node(undone, node)));
                }
            }
            None => {
                for (deed, undone) in of_links(fault, nodes) {
                    venue.change_links(deed)?;
                    undo.extend(undone.map(Step::Links));
                }
            }
        }
        if let Some(lasts) = fault.lasts {
            let at_ns = venue.now_ns() + nanos(lasts.of(self.duration));
            undo.into_iter().for_each(|step| self.add(at_ns, step));
        }
        Ok(())
    }
}

/// What is done to a node, and what takes it back; none for what is done to links.
fn of_action(action: Action) -> Option<(Fault, Option<Fault>)> {
    Some(match action {
        Action::Kill => (Fault::Kill, Some(Fault::Restart)),
        Action::Pause => (Fault::Pause, Some(Fault::Resume)),
        Action::Resume => (Fault::Resume, None),
        Action::Restart => (Fault::Restart, None),
        Action::Resign => (Fault::Resign, None),
        Action::Join => (Fault::Join, None),
        Action::Leave => (Fault::Leave, Some(Fault::Restart)),
        Action::Partition | Action::Delay | Action::Drop | Action::Heal => return None,
    })
}

/// What is done to links, and what takes it back.
fn of_links(fault: &scenario::Fault, nodes: Vec<NodeId>) -> Vec<(LinkFault, Option<LinkFault>)> {
    match fault.action {
        Action::Partition => {
            let mend = LinkFault::Mend { side: nodes.clone() };
            vec![(LinkFault::Cut { side: nodes }, Some(mend))]
        }
        Action::Delay => {
            let (to, by) = (fault.to, nanos(fault.by.unwrap_or_default()));
            let delay = |at, by_ns| LinkFault::Delay { at, to, by_ns };
            nodes.into_iter().map(|at| (delay(at, by), Some(delay(at, 0)))).collect()
        }
        Action::Drop => {
            let chance = fault.chance.map_or(0.0, scenario::Probability::get);
            let lose = |per_million| LinkFault::Lose { per_million };
            vec![(lose((chance * 1e6).round() as u32), Some(lose(0)))]
        }
        Action::Heal => vec![(LinkFault::Heal, None)],
        _ => Vec::new(),
    }
}
