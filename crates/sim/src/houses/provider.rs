//! Starts traders while the warehouse wants more than are elected, as whoever has machines to let
//! does: late, and not always; and makes the load rise and fall.
//!
//! What it starts ends by itself when the warehouse sends it home. One that died is started again
//! under its number, if it is wanted still, or if its log may hold what nobody else knows.

use std::collections::BTreeMap;
use std::time::Duration;

use houses::{Cache, Command, Durability, customer};
use machine::{Instant, NodeId, Random};
use market::TermId;

use super::hiring::Hiring;
use super::marks;
use super::world::HousesWorld;

/// How often it looks who is there.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Whoever starts traders.
pub(super) struct Provider {
    random: Random,
    /// Starts that are under way.
    due: BTreeMap<NodeId, Instant>,
    next_look: Instant,
    /// Whether some customers stand aside, and until when it stays so.
    is_quiet: bool,
    turns: Instant,
    /// Nothing fails any more, and nobody stands aside.
    pub is_calm: bool,
    /// Nobody is started any more.
    pub is_closed: bool,
}

impl Provider {
    pub fn new(seed: u64) -> Self {
        Self {
            random: Random::fork(seed, 6),
            due: BTreeMap::new(),
            next_look: Instant::ZERO,
            is_quiet: false,
            turns: Instant::ZERO,
            is_calm: false,
            is_closed: false,
        }
    }
}

impl HousesWorld {
    /// Whoever may be hired.
    pub(super) fn hired(&self) -> impl Iterator<Item = NodeId> + use<> {
        let first = 1 + self.swarm.traders;
        (first..first + self.swarm.hired()).map(NodeId)
    }

    /// The provider looks who is there, if it is time.
    pub(super) fn provide(&mut self) {
        let now = self.world.now();
        let Some(hiring) = self.swarm.hiring.clone() else { return };
        if now < self.provider.next_look || self.provider.is_closed {
            return;
        }
        self.provider.next_look = now + LOOK_EVERY;
        self.turn(&hiring);
        self.come(&hiring);
        let Some(terms) = self.terms() else { return };
        let elected = self.swarm.traders as usize;
        let there = terms.iter().filter(|term| term.trader.0 <= u64::from(self.swarm.traders));
        let held = if hiring.stands_in { there.count() } else { elected };
        let wanted = self.watch.decisions.wanted().max(elected).saturating_sub(held);
        let is_by_log =
            (self.swarm.cache, self.swarm.durability) == (Cache::Lease, Durability::TraderLog);
        let mut running = self.hired().filter(|node| self.is_running(*node)).count();
        for node in self.hired() {
            let party = peer::party(node);
            let is_missed = is_by_log && terms.iter().any(|term| term.trader == party);
            if !self.is_running(node) && (is_missed || running < wanted) {
                let at = now + self.delay(&hiring);
                self.provider.due.insert(node, at);
                running += 1;
            }
        }
    }

    fn is_running(&self, node: NodeId) -> bool {
        self.world.is_up(node) || self.provider.due.contains_key(&node)
    }

    fn delay(&mut self, hiring: &Hiring) -> Duration {
        let most = hiring.start_max.as_millis() as u64;
        Duration::from_millis(self.provider.random.between(1, most))
    }

    /// Starts those whose time has come.
    fn come(&mut self, hiring: &Hiring) {
        let now = self.world.now();
        let due: Vec<NodeId> =
            self.provider.due.extract_if(.., |_, at| *at <= now).map(|(node, _)| node).collect();
        for node in due {
            if !self.provider.is_calm && self.provider.random.chance(hiring.start_fails) {
                self.world.note(format_args!("    {node} could not be started"));
                self.world.marks.hit(marks::START_FAILED);
                continue;
            }
            let there = self.terms().map_or(0, |terms| terms.len());
            if there >= self.watch.decisions.wanted() {
                self.world.marks.hit(marks::STARTED_UNWANTED);
            }
            self.had_term.remove(&node);
            self.start(node);
        }
    }

    /// Terms that the warehouse has open, fenced ones among them, while it is up.
    pub(super) fn terms(&self) -> Option<Vec<TermId>> {
        Some(self.warehouse()?.market().terms().map(|(id, _)| id).collect())
    }

    /// Some customers stand aside for a while, and go on.
    fn turn(&mut self, hiring: &Hiring) {
        let now = self.world.now();
        if self.provider.is_calm || now < self.provider.turns {
            return;
        }
        // It begins with a quiet time, so that there is a rise soon.
        self.provider.is_quiet = !self.provider.is_quiet;
        let is_quiet = self.provider.is_quiet;
        self.provider.turns = now + if is_quiet { hiring.quiet } else { hiring.busy };
        let command = match is_quiet {
            true => customer::Command::StandAside,
            false => customer::Command::GoOn,
        };
        let stay = hiring.stay as usize;
        for node in self.customers().skip(if is_quiet { stay } else { 0 }) {
            self.world.command(node, Command::Customer(command));
        }
    }

    /// All faults of the provider end, and all customers buy and sell.
    pub(super) fn calm_down(&mut self) {
        self.provider.is_calm = true;
        if self.swarm.hiring.is_some() {
            for node in self.customers() {
                self.world.command(node, Command::Customer(customer::Command::GoOn));
            }
        }
    }
}
