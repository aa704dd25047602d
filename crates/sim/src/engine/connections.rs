//! Connections: who has one to whom, and who has heard of it. They carry nothing; that one came up
//! or ended is all that a machine is told of them.

use machine::{Input, Machine, NodeId};

use super::happening::Happening;
use super::world::{Observer, World};

impl<M: Machine> World<M> {
    pub(super) fn disconnect(&mut self, at: usize, from: NodeId) {
        if let Some(number) = self.slots[at].connected.remove(&(from.0 as usize)) {
            let delay = self.network.delay(from, NodeId(at as u32));
            self.schedule(at, delay, Happening::Closed(from, number));
        }
    }

    /// Brings two nodes' connection up, if both are up and the way is open both ways.
    pub(super) fn connect(&mut self, one: usize, other: usize) {
        let (a, b) = (NodeId(one as u32), NodeId(other as u32));
        let both = [one, other].map(|node| self.slots[node].machine.is_some());
        let known =
            [(one, other), (other, one)].map(|(at, to)| self.slots[at].connected.contains_key(&to));
        if one == other || both != [true; 2] || known == [true; 2] || !self.is_open(a, b) {
            return;
        }
        for (at, peer) in [(one, b), (other, a)] {
            // A new connection takes the place of one whose end was not seen.
            self.disconnect(at, peer);
            let number = self.order;
            self.slots[at].connected.insert(peer.0 as usize, number);
            let delay = self.network.delay(a, b) + self.network.links.delay_spread * 2;
            self.schedule(at, delay, Happening::Opened(peer, number));
        }
    }

    fn is_open(&self, a: NodeId, b: NodeId) -> bool {
        let has_way = self.network.has_way(a, b);
        has_way && self.network.is_open(a, b) && self.network.is_open(b, a)
    }

    /// Where the way is open again: nodes find each other, and find out who is gone.
    pub fn reconnect(&mut self) {
        for one in 0..self.slots.len() {
            for other in 0..self.slots.len() {
                let node = NodeId(other as u32);
                if self.slots[other].machine.is_none() && self.is_open(NodeId(one as u32), node) {
                    self.disconnect(one, node);
                }
                self.connect(one, other);
            }
        }
    }

    /// Drops the connection of two nodes that are both up; [`World::reconnect`] brings it back.
    pub fn drop_connection(&mut self, one: NodeId, other: NodeId) {
        self.disconnect(one.0 as usize, other);
        self.disconnect(other.0 as usize, one);
    }

    /// A new connection takes the place of an old one, whose end is told first.
    pub(super) fn opened(
        &mut self,
        at: usize,
        node: NodeId,
        number: u64,
        observer: &mut impl Observer<M>,
    ) {
        if self.slots[at].ended.get(&node).is_some_and(|&ended| ended >= number) {
            return;
        }
        if self.slots[at].heard_of.insert(node, number).is_some() {
            self.input(at, Input::Closed(node), observer);
        }
        self.input(at, Input::Opened(node), observer);
    }

    pub(super) fn closed(
        &mut self,
        at: usize,
        node: NodeId,
        number: u64,
        observer: &mut impl Observer<M>,
    ) {
        self.slots[at].ended.insert(node, number);
        if self.slots[at].heard_of.get(&node) == Some(&number) {
            self.slots[at].heard_of.remove(&node);
            self.input(at, Input::Closed(node), observer);
        }
    }
}
