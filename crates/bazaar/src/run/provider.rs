//! Starts traders while the warehouse of trading houses wants more than are elected. Those that it
//! does not want any more end by themselves.
//!
//! ```text
//!   warehouse: TradersWanted ──▶ as many hired traders run? ── no ──▶ start the lowest that does not
//! ```
//!
//! One that died is started again in the same way, under the number that it had: its journal may
//! hold what nobody else knows.

use machine::NodeId;
use view::{Fault, What};

use super::venue::Venue;
use crate::houses::hired;
use crate::scenario::{LeaseDurability, Scenario};

/// What starts traders.
#[derive(Debug)]
pub struct Provider {
    /// How many posts there are.
    elected: usize,
    /// Whether peers elect for the post of one that is lost; if not, one is started for it.
    replaces_lost: bool,
    /// Whether all posts have been held: before that nobody is missing.
    was_complete: bool,
    hired: Vec<NodeId>,
    /// Whether what one that died knows is known to nobody else.
    by_log: bool,
}

impl Provider {
    /// For the traders that this scenario may have beside the elected ones.
    pub fn new(scenario: &Scenario) -> Self {
        Self {
            elected: scenario.houses.traders as usize,
            replaces_lost: scenario.houses.replace_lost,
            was_complete: false,
            hired: hired(scenario).collect(),
            by_log: scenario.houses.durability == LeaseDurability::TraderLog,
        }
    }

    /// Starts those that are missing.
    ///
    /// # Errors
    /// A node cannot be started.
    pub fn look(&mut self, venue: &mut impl Venue) -> anyhow::Result<()> {
        if self.hired.is_empty() {
            return Ok(());
        }
        let traders = venue.progress().houses();
        let peers = traders.iter().filter(|node| !self.hired.contains(node)).count();
        self.was_complete |= peers >= self.elected;
        let elected = if self.replaces_lost || !self.was_complete { self.elected } else { peers };
        let wanted = venue.watch().traders_wanted().max(self.elected).saturating_sub(elected);
        let mut running = self.hired.iter().filter(|node| venue.is_running(**node)).count();
        for &trader in &self.hired {
            let is_missed = self.by_log && traders.contains(&trader);
            if !venue.is_running(trader) && (is_missed || running < wanted) {
                let time_ns = venue.now_ns();
                venue.carry_out(Fault::Join, trader)?;
                venue.watch_mut().did(time_ns, What::Hired { trader });
                running += 1;
            }
        }
        Ok(())
    }
}
