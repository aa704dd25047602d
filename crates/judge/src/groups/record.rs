//! The lines of a group, by member and view.

use std::collections::BTreeMap;

use machine::NodeId;

use super::{GroupLine, GroupTold};

/// A message, by its sender and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Message {
    pub sender: NodeId,
    pub number: u64,
}

/// As in `4:17`.
impl std::fmt::Display for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.sender, self.number)
    }
}

/// A delivery, and the line that tells of it, from 1.
#[derive(Debug, Clone, Copy)]
pub struct Delivery {
    pub message: Message,
    pub line: usize,
    pub time_ns: u64,
}

/// What a member did in a view.
#[derive(Debug, Clone)]
pub struct InView {
    pub number: u64,
    pub members: Vec<NodeId>,
    pub line: usize,
    pub deliveries: Vec<Delivery>,
}

/// What a member did while it was in: from its entrance until it was removed, or the end.
#[derive(Debug, Clone)]
pub struct Stay {
    pub node: NodeId,
    /// Whether it saw the group from its beginning: it had been in no view before, and nobody had
    /// delivered anything in an earlier one.
    pub is_first: bool,
    pub views: Vec<InView>,
}

impl Stay {
    pub fn deliveries(&self) -> impl Iterator<Item = &Delivery> {
        self.views.iter().flat_map(|view| &view.deliveries)
    }
}

/// Who was in a view, what it did there, and to which view it went on, if it did.
pub type Passage<'a> = (NodeId, &'a InView, Option<u64>);

/// What all members did.
#[derive(Debug, Default)]
pub struct Record {
    pub stays: Vec<Stay>,
    /// When each message was to be sent.
    pub sent_ns: BTreeMap<Message, u64>,
    /// Whose stream has ended in good order.
    pub streamed: Vec<NodeId>,
}

impl Record {
    /// The error is a sentence: what cannot be judged.
    pub fn of(lines: &[GroupLine]) -> Result<Self, String> {
        let mut record = Self::default();
        let mut present: BTreeMap<NodeId, usize> = BTreeMap::new();
        let mut known = std::collections::BTreeSet::new();
        for (at, GroupLine { time_ns, node, told }) in lines.iter().enumerate() {
            let line = at + 1;
            match told {
                GroupTold::View { number, members } => {
                    let stay = *present.entry(*node).or_insert_with(|| {
                        let is_first = known.insert(*node);
                        record.stays.push(Stay { node: *node, is_first, views: Vec::new() });
                        record.stays.len() - 1
                    });
                    let (number, members) = (*number, members.clone());
                    let view = InView { number, members, line, deliveries: Vec::new() };
                    record.stays[stay].views.push(view);
                }
                GroupTold::Delivered { sender, text } => {
                    let read = text.split_once('@').and_then(|(number, sent_ns)| {
                        Some((number.parse().ok()?, sent_ns.parse().ok()?))
                    });
                    let (number, sent_ns) = read.ok_or_else(|| {
                        format!("line {line} of messages.jsonl: {text:?} is no numbered message")
                    })?;
                    let message = Message { sender: *sender, number };
                    record.sent_ns.insert(message, sent_ns);
                    let view = present.get(node).and_then(|at| record.stays[*at].views.last_mut());
                    let view = view.ok_or_else(|| {
                        format!("line {line} of messages.jsonl: {node} delivers, but is in no view")
                    })?;
                    view.deliveries.push(Delivery { message, line, time_ns: *time_ns });
                }
                GroupTold::Streamed {} => record.streamed.push(*node),
                GroupTold::Removed {} => {
                    present.remove(node);
                }
                GroupTold::Other => {}
            }
        }
        let busy = |view: &&InView| !view.deliveries.is_empty();
        let views = record.stays.iter().flat_map(|stay| &stay.views);
        let first_busy = views.filter(busy).map(|view| view.number).min();
        for stay in &mut record.stays {
            let entered = stay.views.first().map(|view| view.number);
            stay.is_first &= first_busy.is_none_or(|busy| entered.is_some_and(|at| at <= busy));
        }
        Ok(record)
    }

    /// All views, each with what every member did in it, and whether that member went on to another
    /// one: which.
    pub fn views(&self) -> BTreeMap<u64, Vec<Passage<'_>>> {
        let mut views: BTreeMap<u64, Vec<Passage<'_>>> = BTreeMap::new();
        for stay in &self.stays {
            for (at, view) in stay.views.iter().enumerate() {
                let next = stay.views.get(at + 1).map(|next| next.number);
                views.entry(view.number).or_default().push((stay.node, view, next));
            }
        }
        views
    }
}
