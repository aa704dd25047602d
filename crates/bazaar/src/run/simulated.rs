//! A run on a virtual clock, network and disk: the same peers, told the same, and the same files at
//! the end. One seed gives the same run, to the byte.
//!
//! What differs from a run of processes: time is virtual and costs nothing; chance comes from the
//! scenario's seed alone; no bytes are made of messages; and one simulated journal stands for
//! whatever common place the scenario hands the market over in.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use groupcast::overlay::Overlay;
use machine::{Epoch, Incarnation, Instant, Machine, NodeId, Random};
use peer::{Command, Report};
use serde::Serialize;
use sim::engine::{Links, Network, Observer, World};
use store::Journal;
use view::{Event, Fault, What};

use super::links::Links as LinkFaults;
use super::venue::Venue;
use super::watch::Watch;
use crate::actor::{Actor, Part};
use crate::bug::Bug;
use crate::nodes::JOINERS_MAX;
use crate::places;
use crate::scenario::overlay;
use crate::scenario::{Durability, Scenario, Transport};

/// How messages travel between the processes of one machine: some tens of microseconds, and none is
/// lost.
const LOOPBACK: Links = Links {
    delay_min: Duration::from_micros(30),
    delay_spread: Duration::from_micros(40),
    straggler_one_in: 0,
    loss: 0.0,
    duplication: 0.0,
};
/// The longest time of a commit: that of an `fdatasync` on a usual disk, or of a write that waits
/// for none.
const COMMIT_MAX: [Duration; 2] = [Duration::from_millis(2), Duration::from_micros(20)];
/// The wall clock at the beginning of every simulated run, in nanoseconds since 1970: midnight of
/// 21 November 2024 UTC. The present time would make two runs of one seed differ.
const ORIGIN_UNIX_NS: u64 = 1_732_147_200_000_000_000;

/// Simulated processes: the nodes of a scenario.
pub struct Simulated<A: Actor> {
    scenario: Scenario,
    /// Who talks to whom; all to all if none.
    overlay: Option<Overlay>,
    directory: PathBuf,
    world: World<A>,
    told: Told,
    /// How often a node was started.
    starts: u64,
    links: LinkFaults,
    watch: Watch,
    bug: Bug,
}

/// What the nodes tell.
#[derive(Debug, Default)]
struct Told {
    events: Vec<Event>,
    /// How many of them the watch has seen.
    seen: usize,
    /// Who leaves and is to be stopped.
    leavers: Vec<NodeId>,
}

impl Told {
    fn stopped(&mut self, now: Instant, node: NodeId) {
        self.events.push(Event { time_ns: now.as_nanos(), node, clock: None, what: What::Stopped });
    }
}

impl<A: Machine<Report = Report>> Observer<A> for Told {
    fn report(&mut self, _: Instant, node: NodeId, report: &Report) {
        let Report { at, clock, what } = report.clone();
        if what == What::Left {
            self.leavers.push(node);
        }
        self.events.push(Event { time_ns: at.as_nanos(), node, clock, what });
    }
}

impl<A: Actor> Simulated<A> {
    /// Writes down the scenario and starts all of its nodes.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn start(scenario: &Scenario, directory: &Path, bug: Bug) -> anyhow::Result<Self> {
        let cannot = || format!("cannot write to the run directory {}", directory.display());
        fs::write(directory.join("scenario.toml"), scenario.to_toml()).with_context(cannot)?;
        let overlay = overlay::prepare(scenario, directory)?;
        let mut network = Network::new(LOOPBACK, Random::fork(scenario.seed, 2));
        if scenario.run.transport == Transport::Tcp {
            network.keep_order();
        }
        if let Some(overlay) = &overlay {
            network.keep_to(overlay.clone());
        }
        let commit_max = match scenario.journal.durability {
            Durability::Disk => COMMIT_MAX[0],
            Durability::Memory => COMMIT_MAX[1],
        };
        let nodes = scenario.run.peers + JOINERS_MAX + 1;
        let mut simulated = Self {
            scenario: scenario.clone(),
            overlay,
            directory: directory.to_owned(),
            world: World::new(scenario.seed, nodes as usize, network, commit_max),
            told: Told::default(),
            starts: 0,
            links: LinkFaults::default(),
            watch: Watch::default(),
            bug,
        };
        for node in 0..=scenario.run.peers {
            simulated.start_node(NodeId(node));
        }
        Ok(simulated)
    }

    fn start_node(&mut self, node: NodeId) {
        self.starts += 1;
        let machine = A::new(Part {
            scenario: &self.scenario,
            node,
            address: format!("simulated:{node}"),
            life: Incarnation(self.starts),
            overlay: self.overlay.clone(),
            omits_requests: false,
            bug: self.bug,
        });
        self.world.start(node, machine, &mut self.told);
    }

    /// The journals that hold the market, as a run of processes leaves them.
    fn write_journals(&self) -> anyhow::Result<()> {
        let place = places::market(&self.directory);
        let cannot = || format!("cannot write {}", place.display());
        fs::create_dir_all(&place).with_context(cannot)?;
        if let Some(newest) = self.world.common().newest() {
            write_journal(&place, newest.epoch, &newest.snapshot, &newest.records)?;
        }
        for (node, place) in A::market_journals(&self.scenario, &self.directory) {
            let (Some(snapshot), records) = self.world.own_journal(node) else { continue };
            write_journal(&place, Epoch::ZERO.next(node), snapshot, records)?;
        }
        Ok(())
    }
}

fn write_journal(
    place: &Path,
    epoch: Epoch,
    snapshot: &impl Serialize,
    records: &[impl Serialize],
) -> anyhow::Result<()> {
    let (mut journal, _) = Journal::claim(place, epoch, store::Durability::Memory)?;
    journal.snapshot(&wire::to_bytes(snapshot)?)?;
    for record in records {
        journal.append(&wire::to_bytes(record)?)?;
    }
    Ok(journal.commit()?)
}

impl<A: Actor> Venue for Simulated<A> {
    fn now_ns(&self) -> u64 {
        self.world.now().as_nanos()
    }

    fn origin_unix_ns(&self) -> u64 {
        ORIGIN_UNIX_NS
    }

    fn watch(&self) -> &Watch {
        &self.watch
    }

    fn watch_mut(&mut self) -> &mut Watch {
        &mut self.watch
    }

    fn look(&mut self, limit: Duration) -> anyhow::Result<()> {
        let end = self.world.now() + limit;
        while self.world.next_at().is_some_and(|next| next <= end) {
            self.world.step(&mut self.told);
            for node in std::mem::take(&mut self.told.leavers) {
                self.told.stopped(self.world.now(), node);
                self.world.crash(node);
                self.watch.is_gone(node);
            }
        }
        self.world.pass_until(end);
        for event in &self.told.events[self.told.seen..] {
            self.watch.saw(event);
        }
        self.told.seen = self.told.events.len();
        Ok(())
    }

    fn nodes(&self) -> Vec<NodeId> {
        let all = 0..=self.scenario.run.peers + JOINERS_MAX;
        all.map(NodeId).filter(|&node| self.world.has_started(node)).collect()
    }

    fn is_running(&self, node: NodeId) -> bool {
        self.world.is_up(node)
    }

    fn is_paused(&self, node: NodeId) -> bool {
        self.world.is_paused(node)
    }

    fn carry_out(&mut self, fault: Fault, target: NodeId) -> anyhow::Result<()> {
        match fault {
            Fault::Kill => {
                self.world.crash(target);
                self.watch.is_gone(target);
            }
            Fault::Pause => self.world.pause(target),
            Fault::Resume => self.world.resume(target),
            Fault::Restart | Fault::Join => self.start_node(target),
            Fault::Resign => self.tell(target, Command::Resign)?,
            Fault::Leave => self.tell(target, Command::Leave)?,
        }
        Ok(())
    }

    fn links(&self) -> &LinkFaults {
        &self.links
    }

    /// A link that is mended is a new connection, as between processes.
    fn set_links(&mut self, links: LinkFaults) -> anyhow::Result<()> {
        let nodes: Vec<_> = (0..=self.scenario.run.peers + JOINERS_MAX).map(NodeId).collect();
        for &one in &nodes {
            for &other in nodes.iter().filter(|&&other| other != one) {
                self.world.network.delay_way(one, other, links.delay(one, other));
                match (self.links.is_cut(one, other), links.is_cut(one, other)) {
                    (false, true) => self.world.network.cut(one, other),
                    (true, false) => {
                        self.world.network.mend(one, other);
                        self.world.drop_connection(one, other);
                    }
                    _ => {}
                }
            }
        }
        self.world.network.links.loss = links.loss();
        self.links = links;
        self.world.reconnect();
        Ok(())
    }

    fn tell(&mut self, peer: NodeId, command: Command) -> anyhow::Result<()> {
        if let Some(command) = A::obeys(command) {
            self.world.command(peer, command);
        }
        Ok(())
    }

    fn end(mut self) -> anyhow::Result<Vec<Event>> {
        for node in self.nodes() {
            if self.is_running(node) {
                self.told.stopped(self.world.now(), node);
            }
        }
        self.write_journals()?;
        Ok(view::merge(vec![self.watch.take_deeds(), self.told.events]))
    }
}
