//! Hired traders of a world: faults meet them while they begin and go, nobody counts on one that has
//! left, and in the end there are as many as the load asks for.

use std::time::Duration;

use houses::Node;
use machine::{Mark, NodeId};
use market::TermId;

use super::marks;
use super::world::{HousesWorld, WAREHOUSE};
use crate::fault::{Fault, Who};

/// How likely a fault that waits for a trader's begin or end comes at each of its steps then: it takes
/// some steps to begin, as connections open, and few to go.
const STRIKES: [f64; 2] = [0.05, 0.3];
/// How long after the last fault there are as many traders as the load asks for: longer than any calm
/// time, start and fencing together.
const AS_MANY_WITHIN: Duration = Duration::from_secs(30);

/// How far a hired trader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It has no term yet, or no other one yet.
    Begins,
    Trades,
    /// It gives its term up, or waits until nobody counts on it.
    Goes,
}

impl HousesWorld {
    fn stage(&self, node: NodeId) -> Option<Stage> {
        let Some(Node::Hired(hired)) = self.world.machine(node) else { return None };
        let (had_term, trader) = (self.had_term.contains_key(&node), hired.trader());
        Some(match (trader.term().is_some(), trader.is_retiring()) {
            (true, false) => Stage::Trades,
            (true, true) => Stage::Goes,
            (false, true) if had_term => Stage::Goes,
            (false, _) => Stage::Begins,
        })
    }

    /// What is rare about this node's end.
    pub(super) fn mark_of_kill(&self, node: NodeId) -> Option<Mark> {
        let goes = |node| self.stage(node) == Some(Stage::Goes);
        match self.stage(node) {
            Some(Stage::Begins) => Some(marks::KILLED_AT_THE_START),
            Some(Stage::Goes) => Some(marks::KILLED_ON_ITS_WAY_OUT),
            Some(Stage::Trades) => None,
            None => (node == WAREHOUSE && self.hired().any(goes))
                .then_some(marks::WAREHOUSE_KILLED_IN_DRAIN),
        }
    }

    /// Looks what has become of a hired trader that did something.
    pub(super) fn look_at_hired(&mut self, node: NodeId) {
        let Some(stage) = self.stage(node) else { return };
        if let Some(term) = self.trader(node).and_then(|trader| trader.term()) {
            self.had_term.insert(node, term);
        }
        if self.watch.decisions.left.remove(&node) {
            let held = self.is_free(node);
            self.watch.hold("nobody counts on who has left", self.world.now(), held);
            // Its process ends.
            self.world.crash(node);
            return;
        }
        let strikes = match stage {
            Stage::Begins => STRIKES[0],
            Stage::Goes => STRIKES[1],
            Stage::Trades => return,
        };
        if !self.armed.is_empty() && self.random.chance(strikes) {
            self.strike_at(node, stage);
        }
    }

    /// Whether the warehouse's books have nothing more to do with a trader that has left.
    fn is_free(&self, node: NodeId) -> Result<(), String> {
        let Some(warehouse) = self.warehouse() else { return Ok(()) };
        let (last, party) = (self.had_term.get(&node), peer::party(node));
        for (id, term) in warehouse.market().terms() {
            if last == Some(&id) {
                return Err(format!("{node} has left, and its {id:?} is open"));
            }
            if term.buddy() == Some(party) {
                return Err(format!("{node} has left, and is to hold the deeds of {id:?}"));
            }
        }
        Ok(())
    }

    /// A fault that waited for this comes.
    fn strike_at(&mut self, node: NodeId, stage: Stage) {
        let Some(index) = self.armed.pop() else { return };
        let drawn = self.random.below(10);
        let one = Who::one(node);
        let fault = match (&self.swarm.faults[index].fault, drawn) {
            (Fault::CutInChange, 0..3) => Fault::Pause(one),
            (Fault::CutInChange, 3..6) => Fault::OneWay(one),
            (Fault::CutInChange, _) => Fault::Partition(one),
            (_, 0..3) if stage == Stage::Goes => Fault::Crash(Who::one(WAREHOUSE)),
            _ => Fault::Crash(one),
        };
        if !self.comes(index, &fault) {
            self.armed.push(index);
        }
    }

    /// All customers buy and sell, nothing fails: there are as many traders as the load asks for.
    pub fn as_many_as_wanted(&mut self) {
        if self.swarm.hiring.is_some() {
            // Who was to hold the deeds of a term stays until nobody asks for them any more.
            self.write_off();
            let is_right = |houses: &Self| {
                let wanted = houses.watch.decisions.wanted();
                houses.trading() == Some(wanted) && houses.are_settled()
            };
            self.wait("there are as many traders as the load asks for", is_right);
        }
    }

    /// Nobody asks for anything: those that were hired go.
    pub(super) fn all_go(&mut self) {
        if self.swarm.hiring.is_some() {
            let elected = self.swarm.traders as usize;
            let is_right = |houses: &Self| {
                let is_gone = houses.hired().all(|node| !houses.world.is_up(node));
                houses.trading() == Some(elected) && is_gone
            };
            self.wait("who was hired goes when there is nothing to do", is_right);
        }
    }

    /// Fenced terms whose trader has forgotten them, and whose buddy was hired, has died, and is not
    /// wanted any more: nobody is there to say that it has forgotten, too.
    pub(super) fn unasked(&self) -> impl Iterator<Item = TermId> {
        let terms = self.warehouse().map(|warehouse| warehouse.market().terms());
        let is_gone =
            |buddy| self.hired().any(|node| peer::party(node) == buddy && !self.world.is_up(node));
        let fenced = terms
            .into_iter()
            .flatten()
            .filter(move |(_, term)| term.is_fenced() && term.buddy().is_some_and(is_gone));
        let knows = |id: &TermId| {
            self.nodes()
                .any(|node| self.trader(node).is_some_and(|trader| trader.term() == Some(*id)))
        };
        fenced.map(|(id, _)| id).filter(move |id| !knows(id))
    }

    /// How many terms customers may ask, while the warehouse is up.
    fn trading(&self) -> Option<usize> {
        let terms = self.warehouse()?.market().terms();
        Some(terms.filter(|(_, term)| !term.is_fenced()).count())
    }

    /// Whether all hired traders that are there trade.
    fn are_settled(&self) -> bool {
        self.hired().all(|node| self.stage(node).is_none_or(|stage| stage == Stage::Trades))
    }

    fn wait(&mut self, what: &'static str, is_right: impl Fn(&Self) -> bool) {
        let end = self.world.now() + AS_MANY_WITHIN;
        let came = self.run_until(end, is_right);
        let held = if came {
            Ok(())
        } else {
            let stages: Vec<_> = self.hired().map(|node| (node, self.stage(node))).collect();
            let (wanted, trading) = (self.watch.decisions.wanted(), self.trading());
            Err(format!("{wanted} are wanted, {trading:?} trade; {stages:?}"))
        };
        self.watch.hold(what, self.world.now(), held);
    }
}
