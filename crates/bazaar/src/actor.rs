//! What runs in each process of a scenario: a peer or the directory of a trading post, or a resident
//! or the warehouse of trading houses. Both hosts, of processes and simulated, run an [`Actor`].

use std::path::PathBuf;

use groupcast::membership::Directory;
use groupcast::overlay::Overlay;
use machine::{Incarnation, Machine, NodeId};
use peer::{Command, Report};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bug::Bug;
use crate::nodes::DIRECTORY;
use crate::places;
use crate::scenario::{Handover, LeaseDurability, Scenario};
use crate::settings;

/// What a process is told of itself.
#[derive(Debug)]
pub struct Part<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// Which node it is.
    pub node: NodeId,
    /// Where it listens.
    pub address: String,
    /// Which start of it this is, as far as it does not know by itself: rises from start to start.
    pub life: Incarnation,
    /// Who talks to whom; all to all if none.
    pub overlay: Option<Overlay>,
    /// Whether it keeps no record of single requests.
    pub omits_requests: bool,
    /// What is wrong with it on purpose.
    pub bug: Bug,
}

/// A machine that takes part in a run.
pub trait Actor:
    Machine<
        Report = Report,
        Message: Serialize + DeserializeOwned,
        Record: Serialize + DeserializeOwned,
        Snapshot: Serialize + DeserializeOwned,
    >
{
    /// The machine of a node.
    fn new(part: Part<'_>) -> Self;

    /// What the runner's word tells it to do; nothing that it could do if none.
    fn obeys(command: Command) -> Option<Self::Command>;

    /// Whose own journals hold the market, or a part of it, and where they stand in the run's
    /// directory.
    fn market_journals(scenario: &Scenario, run: &std::path::Path) -> Vec<(NodeId, PathBuf)>;
}

impl Actor for peer::Node {
    fn new(part: Part<'_>) -> Self {
        let Part { scenario, node, address, life, overlay, omits_requests, .. } = part;
        if node == DIRECTORY {
            return Self::Directory(Box::new(Directory::new(scenario.group.expiry, life)));
        }
        #[allow(unused_mut, reason = "only a planted bug changes the peer")]
        let mut peer = settings::peer(scenario, node, address);
        #[cfg(feature = "planted")]
        if let (Self::Peer(peer), Some(bug)) = (&mut peer, part.bug.peer) {
            peer.plant(bug);
        }
        match omits_requests {
            true => peer.omitting_requests().on(overlay),
            false => peer.on(overlay),
        }
    }

    fn obeys(command: Command) -> Option<Command> {
        Some(command)
    }

    fn market_journals(scenario: &Scenario, run: &std::path::Path) -> Vec<(NodeId, PathBuf)> {
        match scenario.journal.handover {
            Handover::File | Handover::Database => Vec::new(),
            Handover::Replicated | Handover::Sellers => {
                let peers = &scenario.first_peers() | &scenario.joiners();
                peers.into_iter().map(|node| (node, places::own(run, node))).collect()
            }
        }
    }
}

impl Actor for houses::Node {
    fn new(part: Part<'_>) -> Self {
        let Part { scenario, node, address, life, .. } = part;
        crate::houses::node(scenario, node, address, life, part.bug)
    }

    fn obeys(command: Command) -> Option<houses::Command> {
        match command {
            Command::WindDown => {
                Some(houses::Command::Customer(houses::customer::Command::WindDown))
            }
            Command::Resign => Some(houses::Command::Trader(houses::trader::Command::Retire)),
            Command::Leave => None,
        }
    }

    fn market_journals(scenario: &Scenario, run: &std::path::Path) -> Vec<(NodeId, PathBuf)> {
        // What traders' own logs hold may not have come to the warehouse.
        let peers = (1..=scenario.run.peers).map(NodeId);
        let logs =
            peers.chain(crate::houses::hired(scenario)).map(|node| (node, places::own(run, node)));
        let logs = logs.filter(|_| scenario.houses.durability == LeaseDurability::TraderLog);
        std::iter::once((DIRECTORY, places::warehouse(run))).chain(logs).collect()
    }
}
