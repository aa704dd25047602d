//! What is known of all members of a group from what they tell, and whether they agree.
//!
//! Agreement is checked as messages come: the first member to deliver its n-th message settles
//! what the n-th message is, for all with a total order and for each sender otherwise. Whoever
//! delivers another one as its n-th breaks the promise.

use std::collections::{BTreeMap, VecDeque};

use groupcast::group::Order;
use machine::NodeId;

use super::told::Told;

/// How many of the messages that a member has delivered are shown.
const SHOWN_MAX: usize = 20;
/// How many violations are kept; the first ones tell most.
const VIOLATIONS_MAX: usize = 20;

/// How a member stands, as the program knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It was started and is not in yet.
    Starting,
    /// It is in.
    In,
    /// It was told to leave.
    Leaving,
    /// It has left.
    Left,
    /// It was killed.
    Stopped,
    /// The others went on without it, though nobody meant it.
    Removed,
    /// Its process ended, though nobody meant it.
    Ended,
}

impl Standing {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::In => "in",
            Self::Leaving => "leaving",
            Self::Left => "left",
            Self::Stopped => "stopped",
            Self::Removed => "removed",
            Self::Ended => "ended by itself",
        }
    }
}

/// What is known of a member.
#[derive(Debug, Clone)]
pub struct Record {
    /// How it stands.
    pub standing: Standing,
    /// Where it listens.
    pub address: Option<String>,
    /// The number of its view, 0 before the first.
    pub view: u64,
    /// Who is in its view.
    pub members: Vec<NodeId>,
    /// The coordinator of its view.
    pub coordinator: NodeId,
    /// How many messages it has delivered, of each sender.
    pub delivered: BTreeMap<NodeId, u64>,
    /// The last of them.
    pub shown: VecDeque<String>,
    /// How many it has received that wait for others before them.
    pub waiting: u64,
    /// Whether it has said so since it was asked.
    pub has_looked: bool,
    /// Whose messages it was last told to hold back, once it does.
    pub holds: Option<NodeId>,
    /// How many messages its stream had, once it has ended.
    pub streamed: Option<u64>,
}

impl Record {
    /// How many messages it has delivered.
    pub fn delivered(&self) -> u64 {
        self.delivered.values().sum()
    }
}

/// What the n-th message is, behind a number of them that all have passed.
#[derive(Debug, Default)]
struct Lane {
    first: u64,
    messages: VecDeque<(NodeId, String, NodeId)>,
}

/// What is known of all.
#[derive(Debug)]
pub struct Board {
    order: Order,
    records: BTreeMap<NodeId, Record>,
    lanes: BTreeMap<NodeId, Lane>,
    /// How many messages each was told to send, less those that it did not take.
    pub sent: BTreeMap<NodeId, u64>,
    /// What was broken.
    pub violations: Vec<String>,
    /// What members had to say that somebody at a terminal should read.
    pub notes: VecDeque<String>,
}

impl Board {
    /// A board for these members.
    pub fn new(order: Order, nodes: impl IntoIterator<Item = NodeId>) -> Self {
        let record = Record {
            standing: Standing::Starting,
            address: None,
            view: 0,
            members: Vec::new(),
            coordinator: super::SEQUENCER,
            delivered: BTreeMap::new(),
            shown: VecDeque::new(),
            waiting: 0,
            has_looked: false,
            holds: None,
            streamed: None,
        };
        Self {
            order,
            records: nodes.into_iter().map(|node| (node, record.clone())).collect(),
            lanes: BTreeMap::new(),
            sent: BTreeMap::new(),
            violations: Vec::new(),
            notes: VecDeque::new(),
        }
    }

    /// All members, in the order of their numbers.
    pub fn records(&self) -> impl Iterator<Item = (NodeId, &Record)> {
        self.records.iter().map(|(&node, record)| (node, record))
    }

    /// What is known of one.
    pub fn record(&self, node: NodeId) -> Option<&Record> {
        self.records.get(&node)
    }

    /// Those that should be in, and their records.
    pub fn present(&self) -> impl Iterator<Item = (NodeId, &Record)> {
        self.records().filter(|(_, record)| record.standing == Standing::In)
    }

    /// Notes how a member stands.
    pub fn stands(&mut self, node: NodeId, standing: Standing) {
        if let Some(record) = self.records.get_mut(&node) {
            record.standing = standing;
            self.trim();
        }
    }

    /// Notes that a member shall be told to hold back messages.
    pub fn asked_to_hold(&mut self, node: NodeId) {
        if let Some(record) = self.records.get_mut(&node) {
            record.holds = None;
        }
    }

    /// Notes that all are asked how many messages wait.
    pub fn asked_to_look(&mut self) {
        self.records.values_mut().for_each(|record| record.has_looked = false);
    }

    /// Whose process ended though nobody meant it, if there is one.
    pub fn lost(&self) -> Option<NodeId> {
        let mut lost = self.records().filter(|(_, record)| record.standing == Standing::Ended);
        lost.next().map(|(node, _)| node)
    }

    /// Notes that a member's process has ended.
    pub fn ended(&mut self, node: NodeId) {
        let known = [Standing::Left, Standing::Stopped];
        if self.records.get(&node).is_some_and(|record| !known.contains(&record.standing)) {
            self.stands(node, Standing::Ended);
        }
    }

    /// Notes what a member tells.
    pub fn feed(&mut self, node: NodeId, told: Told) {
        let Some(record) = self.records.get_mut(&node) else { return };
        match told {
            Told::Listening { address } => record.address = Some(address),
            Told::View { number, members, coordinator } => {
                (record.view, record.coordinator) = (number, coordinator);
                record.members = members;
                if record.standing == Standing::Starting {
                    record.standing = Standing::In;
                }
            }
            Told::Delivered { sender, text, .. } => self.delivered(node, sender, text),
            Told::Waiting { messages } => record.waiting = messages,
            Told::Looked { messages } => (record.waiting, record.has_looked) = (messages, true),
            Told::Holds { peer } => record.holds = Some(peer),
            Told::Streamed { messages } => {
                record.streamed = Some(messages);
                *self.sent.entry(node).or_default() += messages;
            }
            Told::Refused { text, why } => {
                if let Some(sent) = self.sent.get_mut(&node) {
                    *sent = sent.saturating_sub(1);
                }
                self.notes.push_back(format!("{} did not take {text:?}: {why}", super::name(node)));
            }
            Told::Removed { unknown } => {
                // Its messages are numbered anew now, so it is compared no more.
                self.stands(node, Standing::Removed);
                let name = super::name(node);
                self.notes.push_back(format!(
                    "the others went on without {name}, which was slow or cut off; {unknown} of \
                     its messages have an open fate"
                ));
            }
            Told::Left => self.stands(node, Standing::Left),
            Told::Changed { .. } => {}
        }
    }

    fn delivered(&mut self, node: NodeId, sender: NodeId, text: String) {
        let Some(record) = self.records.get_mut(&node) else { return };
        let is_compared = record.standing != Standing::Removed;
        let of_sender = record.delivered.entry(sender).or_default();
        *of_sender += 1;
        let (lane, place) = match self.order.is_total() {
            true => (NodeId(0), record.delivered.values().sum::<u64>() - 1),
            false => (sender, *of_sender - 1),
        };
        record.shown.push_back(text.clone());
        if record.shown.len() > SHOWN_MAX {
            record.shown.pop_front();
        }
        if !is_compared {
            return;
        }
        let lane = self.lanes.entry(lane).or_default();
        // The last lines of a process that was killed may come when the others are past them.
        let Some(at) = place.checked_sub(lane.first) else { return };
        match usize::try_from(at).ok().and_then(|at| lane.messages.get(at)) {
            Some((other, settled, by)) if (other, settled) != (&sender, &text) => {
                let [node, sender, other, by] = [node, sender, *other, *by].map(super::name);
                let violation = format!(
                    "{node} delivered {text:?} of {sender} as number {}, where {by} delivered \
                     {settled:?} of {other}",
                    place + 1
                );
                self.violate(violation);
            }
            Some(_) => {}
            None => lane.messages.push_back((sender, text, node)),
        }
        self.trim();
    }

    /// Notes that a promise was broken.
    pub fn violate(&mut self, violation: String) {
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(violation);
        }
    }

    /// Forgets what all have delivered. Whoever is killed may be behind; it delivers no more.
    fn trim(&mut self) {
        let compared = [Standing::Starting, Standing::In, Standing::Leaving];
        for (&number, lane) in &mut self.lanes {
            let records = self.records.values().filter(|r| compared.contains(&r.standing));
            let places = records.map(|record| match self.order.is_total() {
                true => record.delivered(),
                false => record.delivered.get(&number).copied().unwrap_or_default(),
            });
            let passed = places.min().unwrap_or(lane.first);
            while lane.first < passed && lane.messages.pop_front().is_some() {
                lane.first += 1;
            }
        }
    }

    /// Whether all that are present are in one view and have delivered the same: all that any of
    /// them, or of those that have left, was told to send.
    pub fn is_settled(&self) -> bool {
        let Some((_, first)) = self.present().next() else { return true };
        let agree = self.present().all(|(_, record)| {
            let same = record.delivered == first.delivered && record.view == first.view;
            same && record.waiting == 0
        });
        let tells = [Standing::In, Standing::Leaving, Standing::Left];
        let mut senders = self.records().filter(|(_, record)| tells.contains(&record.standing));
        let count = |counts: &BTreeMap<_, _>, node: NodeId| counts.get(&node).copied().unwrap_or(0);
        agree && senders.all(|(node, _)| count(&self.sent, node) == count(&first.delivered, node))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];

    fn board(order: Order) -> Board {
        let mut board = Board::new(order, NODES);
        for node in NODES {
            let members = NODES.to_vec();
            board.feed(node, Told::View { number: 3, members, coordinator: NodeId(1) });
        }
        board
    }

    fn deliver(board: &mut Board, node: u32, sender: u32, text: &str) {
        let told = Told::Delivered { sender: NodeId(sender), text: text.into(), took_ns: None };
        board.feed(NodeId(node), told);
    }

    #[test]
    fn another_message_in_the_same_place_is_a_violation_of_a_total_order_only() {
        for (order, is_broken) in [(Order::Sequencer, true), (Order::Causal, false)] {
            let mut board = board(order);
            deliver(&mut board, 1, 2, "a");
            deliver(&mut board, 1, 3, "b");
            deliver(&mut board, 2, 3, "b");
            deliver(&mut board, 2, 2, "a");
            assert_eq!(!board.violations.is_empty(), is_broken, "{:?}", board.violations);
        }
    }

    #[test]
    fn a_sender_s_messages_out_of_order_or_doubled_break_every_order() {
        for order in Order::ALL {
            let mut board = board(order);
            deliver(&mut board, 1, 2, "a");
            deliver(&mut board, 1, 2, "b");
            deliver(&mut board, 3, 2, "a");
            deliver(&mut board, 3, 2, "a");
            assert_eq!(board.violations.len(), 1, "{order}");
            assert!(board.violations[0].contains("peer2 delivered \"a\" of peer1 as number 2"));
        }
    }

    #[test]
    fn what_a_killed_member_delivered_may_be_read_when_all_others_are_past_it() {
        let mut board = board(Order::Sequencer);
        deliver(&mut board, 1, 1, "a");
        board.stands(NodeId(3), Standing::Stopped);
        deliver(&mut board, 2, 1, "a");
        deliver(&mut board, 3, 1, "a");
        for node in [1, 2] {
            deliver(&mut board, node, 1, "b");
        }
        assert!(board.violations.is_empty(), "{:?}", board.violations);
    }

    #[test]
    fn it_settles_when_all_that_are_left_have_all_and_forgets_what_all_have() {
        let mut board = board(Order::Lamport);
        board.sent.insert(NodeId(2), 1);
        assert!(!board.is_settled(), "it was sent and nobody has it");
        deliver(&mut board, 1, 2, "a");
        deliver(&mut board, 2, 2, "a");
        assert!(!board.is_settled());
        board.stands(NodeId(3), Standing::Stopped);
        assert!(board.is_settled());
        assert!(board.lanes[&NodeId(0)].messages.is_empty());
        deliver(&mut board, 1, 1, "b");
        deliver(&mut board, 2, 1, "c");
        assert_eq!(board.violations.len(), 1, "and places are still right");
    }
}
