//! Where a scenario takes place. What happens when is the same everywhere; a [`Venue`] carries it
//! out: with [processes](super::Processes), or [simulated](super::simulated).

use std::time::Duration;

use machine::NodeId;
use peer::Command;
use view::{Event, Fault, LinkFault, Progress, What};

use super::links::Links;
use super::nanos;
use super::watch::Watch;
use crate::nodes::DIRECTORY;

/// How often the runner looks whether all that is under way is answered.
const ANSWER_LOOK_EVERY: Duration = Duration::from_millis(20);

/// A directory and peers, all of them started.
pub trait Venue: Sized {
    /// Nanoseconds since the run began.
    fn now_ns(&self) -> u64;

    /// The wall clock at the moment at which the run began, in nanoseconds since 1970.
    fn origin_unix_ns(&self) -> u64;

    /// What was seen and done.
    fn watch(&self) -> &Watch;

    /// The same, to be added to.
    fn watch_mut(&mut self) -> &mut Watch;

    /// Lets up to `limit` pass and takes note of what the nodes tell.
    ///
    /// # Errors
    /// A node ended that should not have, or what it tells cannot be read.
    fn look(&mut self, limit: Duration) -> anyhow::Result<()>;

    /// All nodes that were ever started, the directory included.
    fn nodes(&self) -> Vec<NodeId>;

    /// Whether a node is there, be it paused.
    fn is_running(&self, node: NodeId) -> bool;

    /// Whether a node is stopped in its tracks.
    fn is_paused(&self, node: NodeId) -> bool;

    /// Does to a node what its state allows.
    ///
    /// # Errors
    /// The system refuses.
    fn carry_out(&mut self, fault: Fault, target: NodeId) -> anyhow::Result<()>;

    /// What is wrong with links.
    fn links(&self) -> &Links;

    /// Makes this all that is wrong with links, for all nodes that run and all that start later.
    ///
    /// # Errors
    /// The system refuses.
    fn set_links(&mut self, links: Links) -> anyhow::Result<()>;

    /// Tells a peer that is running.
    ///
    /// # Errors
    /// The system refuses.
    fn tell(&mut self, peer: NodeId, command: Command) -> anyhow::Result<()>;

    /// Ends all nodes. Their events and the runner's, in order of time.
    ///
    /// # Errors
    /// The system refuses, or what a node told cannot be read.
    fn end(self) -> anyhow::Result<Vec<Event>>;

    /// How it goes.
    fn progress(&self) -> &Progress {
        self.watch().progress()
    }

    /// Does something to a node, if it is there to have it done.
    ///
    /// # Errors
    /// The system refuses.
    fn strike(&mut self, fault: Fault, target: NodeId) -> anyhow::Result<()> {
        let (is_running, is_paused) = (self.is_running(target), self.is_paused(target));
        let applies = match fault {
            Fault::Restart | Fault::Join => !is_running,
            Fault::Pause | Fault::Resign | Fault::Leave => is_running && !is_paused,
            Fault::Resume => is_running && is_paused,
            Fault::Kill => is_running,
        };
        if applies {
            let time_ns = self.now_ns();
            self.carry_out(fault, target)?;
            self.watch_mut().did(time_ns, What::Fault { fault, target });
        }
        Ok(())
    }

    /// Does something to links.
    ///
    /// # Errors
    /// The system refuses.
    fn change_links(&mut self, fault: LinkFault) -> anyhow::Result<()> {
        let (time_ns, mut links) = (self.now_ns(), self.links().clone());
        links.change(&fault);
        self.set_links(links)?;
        self.watch_mut().did(time_ns, What::Links(fault));
        Ok(())
    }

    /// Whether these peers have made all of their purchases, as far as they run and do not trade.
    fn have_bought_all(&self, buyers: &[NodeId]) -> bool {
        buyers.iter().all(|&node| {
            self.watch().has_bought_all(node)
                || self.progress().trades(node)
                || !self.is_running(node)
        })
    }

    /// Lets paused nodes go on, and makes all links whole.
    ///
    /// # Errors
    /// The system refuses.
    fn resume_all(&mut self) -> anyhow::Result<()> {
        if *self.links() != Links::default() {
            self.change_links(LinkFault::Heal)?;
        }
        let nodes = self.nodes().into_iter();
        for node in nodes.filter(|&node| self.is_paused(node)).collect::<Vec<_>>() {
            self.carry_out(Fault::Resume, node)?;
        }
        Ok(())
    }

    /// Has the traders of trading houses give back what is on loan and report what they sold, at most
    /// for `limit`: what only traders hold would be lost when all of them end at once.
    ///
    /// # Errors
    /// A node ended that should not have.
    fn close_houses(&mut self, limit: Duration) -> anyhow::Result<()> {
        let limit_ns = self.now_ns() + nanos(limit);
        for node in self.nodes() {
            if node != DIRECTORY && self.is_running(node) {
                self.tell(node, Command::Resign)?;
            }
        }
        while !self.progress().houses().is_empty() && self.now_ns() < limit_ns {
            self.look(ANSWER_LOOK_EVERY)?;
        }
        Ok(())
    }

    /// Has the peers ask for nothing new, and waits until all that is under way is answered, at
    /// most for `limit`.
    ///
    /// # Errors
    /// A node ended that should not have.
    fn wind_down(&mut self, limit: Duration) -> anyhow::Result<()> {
        for node in self.nodes() {
            if node != DIRECTORY && self.is_running(node) {
                self.tell(node, Command::WindDown)?;
            }
        }
        let limit_ns = self.now_ns() + nanos(limit);
        loop {
            // What was asked before the word came must have been read.
            self.look(ANSWER_LOOK_EVERY)?;
            let is_busy = self.watch().waiting().any(|node| self.is_running(node));
            if !is_busy || self.now_ns() > limit_ns {
                return Ok(());
            }
        }
    }
}
