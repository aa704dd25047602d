//! What happened in a world so far, as its applications saw it: what each node sent, and what each
//! member has delivered. The properties are judged by it.

use std::collections::BTreeSet;

use groupcast::group::{Delivery, Order, Settings, ViewId};
use machine::NodeId;

use super::message::MessageId;

/// A message that a group took.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub length_bytes: usize,
    /// In which stay of its sender.
    pub stay: u32,
    /// How much of each node's messages the sender had delivered when it sent this one.
    pub after: Vec<u32>,
}

/// What a node did and saw.
#[derive(Debug, Clone, Default)]
pub(super) struct Member {
    /// Rises with each crash and whenever the node is a member no more: what it is then is another
    /// member.
    pub stay: u32,
    /// The view reported last in this stay.
    pub view: Option<ViewId>,
    /// All that was delivered, that which came with the state included.
    pub log: Vec<MessageId>,
    /// What was delivered in the present view.
    pub in_view: Vec<MessageId>,
    /// Of each node, the number behind that of the last message delivered.
    pub next: Vec<u32>,
    /// What two logs have in common only if they are the same: of the sequence under a total order,
    /// else of the set.
    pub digest: u64,
    /// All messages that the node ever sent.
    pub sent: Vec<Sent>,
    /// Its messages of this stay that were handed back.
    pub handed_back: BTreeSet<u32>,
}

/// What happened so far.
#[derive(Debug)]
pub(super) struct History {
    pub order: Order,
    pub delivery: Delivery,
    pub transfers_state: bool,
    pub members: Vec<Member>,
}

impl History {
    pub fn new(nodes: usize, settings: &Settings) -> Self {
        let member = Member { next: vec![0; nodes], ..Member::default() };
        Self {
            order: settings.order,
            delivery: settings.delivery,
            transfers_state: settings.transfers_state,
            members: vec![member; nodes],
        }
    }

    pub fn of(&self, node: NodeId) -> &Member {
        &self.members[node.0 as usize]
    }

    pub fn of_mut(&mut self, node: NodeId) -> &mut Member {
        &mut self.members[node.0 as usize]
    }

    pub fn sent(&self, id: MessageId) -> Option<&Sent> {
        self.members.get(id.sender as usize)?.sent.get(id.number as usize)
    }

    /// A message enters a member's log.
    pub fn delivered(&mut self, node: NodeId, id: MessageId) {
        let is_total = self.order.is_total();
        let member = self.of_mut(node);
        member.log.push(id);
        member.in_view.push(id);
        member.next[id.sender as usize] = id.number + 1;
        member.digest = digest(member.digest, id, is_total);
    }

    /// A member begins with this log.
    pub fn restored(&mut self, node: NodeId, log: Vec<MessageId>) {
        self.forgotten(node);
        let is_total = self.order.is_total();
        let member = self.of_mut(node);
        for id in &log {
            let next = member.next.get_mut(id.sender as usize);
            if let Some(next) = next {
                *next = id.number + 1;
            }
            member.digest = digest(member.digest, *id, is_total);
        }
        member.log = log;
    }

    /// A stay of a node ends: what it had delivered is gone.
    pub fn stay_ended(&mut self, node: NodeId) {
        self.forgotten(node);
        let member = self.of_mut(node);
        member.stay += 1;
        member.view = None;
        member.handed_back.clear();
    }

    fn forgotten(&mut self, node: NodeId) {
        let member = self.of_mut(node);
        member.log.clear();
        member.in_view.clear();
        member.next.fill(0);
        member.digest = 0;
    }

    /// The node's messages of this stay that are neither delivered to itself nor handed back.
    pub fn open(&self, node: NodeId) -> Vec<MessageId> {
        let member = self.of(node);
        let delivered = member.next[node.0 as usize];
        let numbers = delivered..member.sent.len() as u32;
        let open = numbers.filter(|number| {
            member.sent[*number as usize].stay == member.stay
                && !member.handed_back.contains(number)
        });
        open.map(|number| MessageId { sender: node.0, number }).collect()
    }
}

fn digest(before: u64, id: MessageId, is_total: bool) -> u64 {
    // The finalizer of SplitMix64: every bit of the input moves every bit of the output.
    let mixed = |mut bits: u64| {
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    };
    let id = mixed(id.to_u64().wrapping_add(0x9E37_79B9_7F4A_7C15));
    if is_total { mixed(before ^ id) } else { before.wrapping_add(id) }
}
