//! The configuration of a run: one tree of types, read from layers of TOML text.
//!
//! A preset comes first, a scenario file is laid over it, and single keys given on the command
//! line over both. Whatever is wrong is told with its place, its reason and how to mend it, and
//! all of it at once.
//!
//! ```
//! use bazaar::scenario::Scenario;
//!
//! let sets = ["run.peers=9".to_owned(), "trader.first=2".to_owned()];
//! let scenario = Scenario::resolve("market", None, &sets)?;
//! assert_eq!(scenario.run.peers, 9);
//!
//! let wrong = Scenario::resolve("market", None, &["run.peeers=9".to_owned()]).unwrap_err();
//! assert_eq!(
//!     wrong.problems[0].to_string(),
//!     "--set: run.peeers: there is no such key; did you mean run.peers?"
//! );
//! # Ok::<(), bazaar::scenario::ScenarioError>(())
//! ```

mod check;
mod choice;
mod duration;
mod fault;
mod keys;
mod layers;
mod members;
pub mod overlay;
mod plain;
mod plan;
mod ports;
mod preset;
mod problem;
mod saved;
mod setting;
mod suggest;
mod text;
mod tree;
mod value;

#[cfg(test)]
mod tests;

use std::path::Path;

pub use choice::{
    Cache, Deal, Durability, Fence, Handover, Initiator, LeaseDurability, Order, OtherRoles,
    OverlayForm, Provider, Refuse, ReturnAs, SellerChoice, Service, TraderChoice, Transport,
};
pub use duration::{DurationText, WrongDuration};
pub use fault::{Action, Fault};
pub use keys::{
    Buyer, Group, Houses, Journal, Limits, Overlay, Roles, Run, Scaling, Seller, Trade, Trader,
};
pub use plan::{Deed, PlanText, PlannedFault, Whom};
pub use problem::{Problem, ScenarioError};
pub use saved::{Compared, LineSums, SavedWorld};
pub use suggest::suggest;
pub use tree::Place;
pub use value::{Between, FirstTrader, Probability, Share, Target};

use problem::Problems;
use setting::{Cursor, Setting, Written, tables};

tables! {
    /// All that is settled before a run begins.
    pub struct Scenario {
        /// The preset under this scenario.
        pub preset: String,
        /// Seed of all chance: the same seed gives the same draws.
        pub seed: u64,
        /// How traders of the trading houses use what they know of the warehouse's stock: "none":
        /// each order is the warehouse's to decide; "ttl": counts that they ask for; "push": counts
        /// that it sends; "ledger": such counts, and what they promised since: they answer at once,
        /// and what the warehouse then refuses is taken back; or "lease": stock on loan, sold
        /// without asking.
        pub cache: Cache,
        /// What goes wrong. Each is { at, do, who, for }: at a share of the run ("50%") or a time
        /// ("5s"), kill, pause, resume, restart, resign or leave: the "trader", a peer by its number
        /// or a list of such; or join: a peer above run.peers; or partition: cut them off from all
        /// others; or delay, with by = "20ms": make their messages late, or only those between one
        /// and another peer, to = 2; or drop, with chance = 0.1 and nobody, over UDP: lose messages;
        /// or heal: make all links whole. After "for" a peer that was killed or left is started
        /// again, a paused one goes on, and links are whole.
        pub fault: Vec<Fault>,
        /// The run itself.
        pub run: Run,
        /// Who buys and who sells. A peer does neither while it is the trader.
        pub roles: Roles,
        /// What is traded, and by which rules.
        pub trade: Trade,
        /// How buyers behave.
        pub buyer: Buyer,
        /// How sellers behave.
        pub seller: Seller,
        /// How a trader comes and goes.
        pub trader: Trader,
        /// How peers watch each other and elect.
        pub group: Group,
        /// Who talks to whom. Messages to others go by way of these.
        pub overlay: Overlay,
        /// How the market outlives its traders.
        pub journal: Journal,
        /// The trading houses: several traders and one warehouse that holds the stock, in place of
        /// one trader. What they do with what they know of the stock is the key "cache" above.
        pub houses: Houses,
        /// How many traders there are beside those that are elected, in trading houses: they are started
        /// when the load asks for them and go when it does not. They neither buy nor sell.
        pub scaling: Scaling,
        /// What is refused so that nothing grows without bound.
        pub limits: Limits,
    }
}

impl Scenario {
    /// Reads a scenario: a preset, under a file, under `KEY=VALUE` settings, each laid over the
    /// one before.
    ///
    /// The file or a setting may name another preset (`preset = "market"`). The value of a setting
    /// is TOML, or a bare word.
    ///
    /// # Errors
    /// All that is wrong, with places. Nothing is changed.
    pub fn resolve(
        preset: &str,
        file: Option<&Path>,
        sets: &[String],
    ) -> Result<Self, ScenarioError> {
        let file = file.map(layers::read_file).transpose()?;
        Self::resolve_layers(preset, file, sets).map(|(scenario, _)| scenario)
    }

    /// Reads a scenario that is about to be run: its addresses must be free to be listened on now,
    /// and the file that it names must hold an overlay.
    ///
    /// # Errors
    /// As [`Scenario::resolve`]; also if a port is in use, the host is no address of this machine,
    /// or the file is none of its peers' overlay. Nothing is left open.
    pub fn resolve_to_run(
        preset: &str,
        file: Option<&Path>,
        sets: &[String],
    ) -> Result<Self, ScenarioError> {
        let file = file.map(layers::read_file).transpose()?;
        let (scenario, tree) = Self::resolve_layers(preset, file, sets)?;
        let sound = ports::check(&scenario.run).and_then(|()| check::overlay_file(&scenario));
        sound.map_err(|problem| {
            let place = tree.find(&problem.key).map(|node| node.place.clone());
            Problem { place, ..problem }
        })?;
        Ok(scenario)
    }

    fn resolve_layers(
        preset: &str,
        file: Option<Place>,
        sets: &[String],
    ) -> Result<(Self, tree::Node), ScenarioError> {
        let tree = layers::merge(preset, file, sets)?;
        let mut problems = Problems::default();
        let cursor = Cursor { path: String::new(), node: &tree };
        let scenario = Self::read(&cursor, &mut problems);
        let scenario = problems.finish(scenario)?;
        let scenario = check::check(&scenario, &tree).finish(Some(scenario))?;
        Ok((scenario, tree))
    }

    /// The scenario as TOML, with every key and its comment. Resolving it gives an equal scenario.
    pub fn to_toml(&self) -> String {
        let header = "# A resolved scenario, with every key. To run it again: bazaar run FILE\n";
        match self.written() {
            Written::Table(entries) => header.to_owned() + &text::document(&entries),
            Written::Value(_) | Written::List(_) | Written::Absent => header.to_owned(),
        }
    }

    /// Whether it is of trading houses: many traders and a warehouse.
    pub fn is_of_houses(&self) -> bool {
        self.houses.traders > 0
    }

    /// The name of every preset, and what it is, in a line.
    pub fn presets() -> Vec<(&'static str, &'static str)> {
        preset::all()
    }
}
