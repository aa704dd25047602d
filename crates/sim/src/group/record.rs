//! What the members of a world tell, as a run of a group leaves it in `messages.jsonl`: so that what
//! judges files can be tried on worlds.
//!
//! There each stay of a node sends messages of its own, numbered from 1: a later stay is another
//! sender, [`STAY`] above the node for each stay before it. A crash reads as a removal.

use std::collections::BTreeMap;

use groupcast::group::View;
use machine::{Instant, NodeId};

use super::history::History;
use super::message::MessageId;

/// By how much the number of a sender is higher in each stay.
const STAY: u64 = 1000;

/// The lines of a world, if anybody wants them.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub lines: Option<Vec<String>>,
    /// When each message was sent.
    sent: BTreeMap<MessageId, Instant>,
    /// The first number of each stay.
    firsts: BTreeMap<(u32, u32), u32>,
}

impl Record {
    /// A record that is kept if it is `wanted`.
    pub fn new(wanted: bool) -> Self {
        Self { lines: wanted.then(Vec::new), ..Self::default() }
    }

    fn tell(&mut self, now: Instant, node: NodeId, rest: &str) {
        if let Some(lines) = &mut self.lines {
            let time_ns = now.as_nanos();
            lines.push(format!("{{\"time_ns\":{time_ns},\"node\":{node},{rest}}}"));
        }
    }

    /// A message is about to be sent, in this stay of its sender.
    pub fn sent(&mut self, now: Instant, id: MessageId, stay: u32) {
        if self.lines.is_some() {
            self.sent.insert(id, now);
            self.firsts.entry((id.sender, stay)).or_insert(id.number);
        }
    }

    /// A member began a view.
    pub fn view(&mut self, now: Instant, node: NodeId, view: &View) {
        if self.lines.is_some() {
            let members: Vec<String> = view.nodes().map(|member| member.to_string()).collect();
            let (number, members) = (view.id.number, members.join(","));
            let coordinator = view.coordinator;
            let rest = format!(
                "\"event\":\"view\",\"number\":{number},\"members\":[{members}],\
                 \"coordinator\":{coordinator}"
            );
            self.tell(now, node, &rest);
        }
    }

    /// A member delivered a message.
    pub fn delivered(&mut self, now: Instant, node: NodeId, id: MessageId, history: &History) {
        let Some(stay) = history.sent(id).map(|sent| sent.stay) else { return };
        let first = self.firsts.get(&(id.sender, stay)).copied();
        if let (Some(first), Some(sent)) = (first, self.sent.get(&id)) {
            let sender = u64::from(id.sender) + STAY * u64::from(stay);
            let (number, sent_ns) = (id.number - first + 1, sent.as_nanos());
            let rest = format!(
                "\"event\":\"delivered\",\"sender\":{sender},\"text\":\"{number}@{sent_ns}\""
            );
            self.tell(now, node, &rest);
        }
    }

    /// A stay of a member is over.
    pub fn ended(&mut self, now: Instant, node: NodeId) {
        self.tell(now, node, "\"event\":\"removed\",\"unknown\":0");
    }
}
