//! The scenario's faults, as they come due.

use std::collections::BTreeMap;

use view::Fault;

use super::nanos;
use super::venue::Venue;
use crate::scenario::{Action, Scenario, Target};

/// What is still to come, by time.
#[derive(Debug)]
pub struct Plan {
    agenda: BTreeMap<(u64, usize), Step>,
    made: usize,
}

#[derive(Debug, Clone, Copy)]
struct Step {
    action: Action,
    target: Target,
    /// What takes it back, and after how many nanoseconds.
    lasts_ns: Option<u64>,
}

impl Plan {
    /// All faults of a scenario.
    pub fn new(scenario: &Scenario) -> Self {
        let duration = scenario.run.duration;
        let mut plan = Self { agenda: BTreeMap::new(), made: 0 };
        for fault in &scenario.fault {
            let lasts_ns = fault.lasts.map(|share| nanos(share.of(duration)));
            let step = Step { action: fault.action, target: fault.target, lasts_ns };
            plan.add(nanos(fault.at.of(duration)), step);
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
        while let Some((&key, &step)) = self.agenda.first_key_value() {
            if key.0 > venue.now_ns() {
                return Ok(());
            }
            let target = match step.target {
                Target::Node(node) => node,
                Target::Trader => match venue.progress().trader {
                    Some(trader) => trader,
                    None => return Ok(()),
                },
            };
            self.agenda.remove(&key);
            venue.strike(of_action(step.action), target)?;
            if let Some(lasts_ns) = step.lasts_ns
                && let Some(action) = undo(step.action)
            {
                let (at_ns, target) = (venue.now_ns() + lasts_ns, Target::Node(target));
                self.add(at_ns, Step { action, target, lasts_ns: None });
            }
        }
        Ok(())
    }
}

fn of_action(action: Action) -> Fault {
    match action {
        Action::Kill => Fault::Kill,
        Action::Pause => Fault::Pause,
        Action::Resume => Fault::Resume,
        Action::Restart => Fault::Restart,
        Action::Resign => Fault::Resign,
        Action::Join => Fault::Join,
        Action::Leave => Fault::Leave,
    }
}

fn undo(action: Action) -> Option<Action> {
    match action {
        Action::Kill | Action::Leave => Some(Action::Restart),
        Action::Pause => Some(Action::Resume),
        Action::Resume | Action::Restart | Action::Resign | Action::Join => None,
    }
}
