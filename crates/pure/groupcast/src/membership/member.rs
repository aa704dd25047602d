//! A node's side.

use std::collections::BTreeMap;
use std::time::Duration;

use machine::{Context, Incarnation, Input, Machine, Never, NodeId};

use super::{Entry, MEMBERS_MAX, Message, Report};

/// What a node needs to know to announce itself.
#[derive(Debug, Clone)]
pub struct Settings {
    /// This node.
    pub me: NodeId,
    /// The directory.
    pub directory: NodeId,
    /// Where hosts reach this node.
    pub address: String,
    /// How often it announces itself.
    pub period: Duration,
}

/// Announces its node and learns of the others.
#[derive(Debug, Clone)]
pub struct Member {
    settings: Settings,
    incarnation: Incarnation,
    version: u64,
    known: BTreeMap<NodeId, Entry>,
    /// Who was in the last list.
    order: Vec<NodeId>,
    has_left: bool,
}

/// From the layer above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Tell the directory, and announce this node no more in this life.
    Leave,
}

/// Timer: the next announcement is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Announce;

impl Member {
    /// A node in its first life; [`Member::begin`] tells it which life it is.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            incarnation: Incarnation(0),
            version: 0,
            known: BTreeMap::new(),
            order: Vec::new(),
            has_left: false,
        }
    }

    /// Which life this is; before the machine is started.
    pub fn begin(&mut self, incarnation: Incarnation) {
        self.incarnation = incarnation;
    }

    /// All that are there, this node too, in the order in which they joined as the directory saw it.
    pub fn order(&self) -> &[NodeId] {
        &self.order
    }

    fn announce(&self, cx: &mut Context<'_, Self>) {
        if self.has_left {
            return;
        }
        let (incarnation, address) = (self.incarnation, self.settings.address.clone());
        let body = Message::Announce { incarnation, address, known: self.version };
        cx.send(self.settings.directory, body);
        cx.set(Announce, self.settings.period);
    }

    /// If this is lost, the node expires like any other that is silent.
    fn leave(&mut self, cx: &mut Context<'_, Self>) {
        self.has_left = true;
        cx.clear(Announce);
        cx.send(self.settings.directory, Message::Leave { incarnation: self.incarnation });
    }

    fn learn(&mut self, version: u64, entries: Vec<Entry>, cx: &mut Context<'_, Self>) {
        if version <= self.version {
            return;
        }
        self.version = version;
        let me = self.settings.me;
        self.order = entries.iter().take(MEMBERS_MAX).map(|entry| entry.node).collect();
        let entries: BTreeMap<NodeId, Entry> = entries
            .into_iter()
            .take(MEMBERS_MAX)
            .filter(|entry| entry.node != me)
            .map(|entry| (entry.node, entry))
            .collect();
        for node in self.known.keys().filter(|node| !entries.contains_key(node)) {
            cx.report(Report::Expired(*node));
        }
        for (node, entry) in &entries {
            if self.known.get(node) != Some(entry) {
                cx.report(Report::Joined(entry.clone()));
            }
        }
        self.known = entries;
    }
}

impl Machine for Member {
    type Message = Message;
    type Command = Command;
    type Report = Report;
    type Record = Never;
    type Snapshot = Never;
    type Alarm = Announce;

    fn handle(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Start | Input::Alarm(Announce) => self.announce(cx),
            // The first announcement may have been made before the way to the directory was there.
            Input::Opened(node) if node == self.settings.directory => self.announce(cx),
            Input::Message { from, body: Message::Members { version, entries } }
                if from == self.settings.directory =>
            {
                self.learn(version, entries, cx);
            }
            Input::Restore { snapshot, .. } => match snapshot {},
            Input::Replay { record, .. } => match record {},
            Input::Command(Command::Leave) => self.leave(cx),
            Input::Message { .. }
            | Input::Claimed(_)
            | Input::Refused(_)
            | Input::Opened(_)
            | Input::Closed(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use machine::{Effect, Instant, Random};

    use super::*;

    fn step(member: &mut Member, input: Input<Member>) -> Vec<String> {
        let (mut random, mut effects) = (Random::from_seed(0), Vec::new());
        member.handle(input, &mut Context::new(Instant::ZERO, &mut random, &mut effects));
        effects.iter().map(|effect: &Effect<Member>| format!("{effect:?}")).collect()
    }

    fn members(version: u64, nodes: &[(u32, u64)]) -> Input<Member> {
        let entries = nodes.iter().map(|&(node, life)| Entry {
            node: NodeId(node),
            incarnation: Incarnation(life),
            address: "there".into(),
        });
        let body = Message::Members { version, entries: entries.collect() };
        Input::Message { from: NodeId(0), body }
    }

    #[test]
    fn a_member_announces_itself_and_reports_who_comes_and_goes() {
        let mut member = Member::new(Settings {
            me: NodeId(1),
            directory: NodeId(0),
            address: "here".into(),
            period: Duration::from_secs(1),
        });
        member.begin(Incarnation(3));
        let announced = step(&mut member, Input::Start);
        assert!(announced[0].contains("Announce { incarnation: Incarnation(3)"), "{announced:?}");
        assert_eq!(step(&mut member, members(5, &[(1, 3), (2, 1), (3, 1)])).len(), 2, "not itself");
        assert!(step(&mut member, members(4, &[])).is_empty(), "an old list says nothing");
        let changes = step(&mut member, members(6, &[(3, 2)]));
        assert_eq!(changes[0], "Report(Expired(NodeId(2)))");
        assert!(changes[1].contains("NodeId(3), incarnation: Incarnation(2)"), "{changes:?}");
        assert_eq!(changes.len(), 2);
        let left = step(&mut member, Input::Command(Command::Leave));
        assert_eq!(left, ["Clear(Announce)", "Send([0], Leave { incarnation: Incarnation(3) })"]);
        assert!(step(&mut member, Input::Alarm(Announce)).is_empty());
        assert!(step(&mut member, Input::Opened(NodeId(0))).is_empty());
    }
}
