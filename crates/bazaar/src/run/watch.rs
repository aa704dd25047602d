//! What the runner knows of a run while it goes on: what the nodes told, and what it did to them.

use std::collections::{BTreeMap, BTreeSet};

use machine::{Epoch, NodeId};
use market::{Party, RequestId};
use view::{Event, Progress, What};

use crate::nodes::DIRECTORY;

/// What was seen so far, and what was done.
#[derive(Debug, Default)]
pub struct Watch {
    progress: Progress,
    /// What clients asked for and were not told.
    under_way: BTreeMap<NodeId, BTreeSet<RequestId>>,
    /// Whom each node follows, in its present life.
    follows: BTreeMap<NodeId, Epoch>,
    /// Who said that it leaves, in its present life.
    left: BTreeSet<NodeId>,
    /// Who said that it has made all of its purchases.
    done: BTreeSet<NodeId>,
    /// Of trading houses: whose answer each customer had last.
    answered_by: BTreeMap<Party, NodeId>,
    deeds: Vec<Event>,
    traders_wanted: usize,
}

impl Watch {
    /// Takes the next event of a node.
    pub fn saw(&mut self, event: &Event) {
        self.progress.feed(event);
        let node = event.node;
        let under_way = self.under_way.entry(node).or_default();
        match event.what {
            What::Asked { request, .. } => {
                under_way.insert(request);
            }
            What::Answered { request, .. } | What::Abandoned { request, .. } => {
                under_way.remove(&request);
            }
            // What an earlier life asked for and was not told is asked for again.
            What::Started { .. } => {
                under_way.clear();
                self.left.remove(&node);
            }
            What::Told { request, .. } => {
                self.answered_by.insert(request.client.party, node);
            }
            What::BoughtAll { .. } => {
                self.done.insert(node);
            }
            What::Left => {
                self.left.insert(node);
            }
            What::TradersWanted { wanted, .. } => {
                self.traders_wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
            }
            What::Followed { epoch, .. } => {
                self.follows.insert(node, epoch);
            }
            _ => {}
        }
    }

    /// Takes note of something that the runner did.
    pub fn did(&mut self, time_ns: u64, what: What) {
        let event = Event { time_ns, node: DIRECTORY, clock: None, what };
        self.progress.feed(&event);
        self.deeds.push(event);
    }

    /// A node is gone.
    pub fn is_gone(&mut self, node: NodeId) {
        self.follows.remove(&node);
    }

    /// How it goes.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// How many peers follow the leader of this epoch, itself included.
    pub fn followers(&self, epoch: Epoch) -> usize {
        self.follows.values().filter(|&&followed| followed == epoch).count()
    }

    /// How many customers had their last answer from this trader of trading houses.
    pub fn customers_of(&self, trader: NodeId) -> usize {
        self.answered_by.values().filter(|by| **by == trader).count()
    }

    /// How many traders the warehouse of trading houses said last that it wants; 0 before that.
    pub fn traders_wanted(&self) -> usize {
        self.traders_wanted
    }

    /// Whether a node said that it leaves.
    pub fn has_left(&self, node: NodeId) -> bool {
        self.left.contains(&node)
    }

    /// Whether a node said that it has made all of its purchases.
    pub fn has_bought_all(&self, node: NodeId) -> bool {
        self.done.contains(&node)
    }

    /// Those that wait for an answer.
    pub fn waiting(&self) -> impl Iterator<Item = NodeId> {
        self.under_way.iter().filter(|(_, ids)| !ids.is_empty()).map(|(node, _)| *node)
    }

    /// What the runner did, in order.
    pub fn take_deeds(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.deeds)
    }
}
