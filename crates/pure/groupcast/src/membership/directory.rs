//! The directory's side.

use std::collections::BTreeMap;
use std::time::Duration;

use machine::{Context, Incarnation, Input, Instant, Machine, Never, NodeId};

use super::{ADDRESS_BYTES_MAX, Entry, MEMBERS_MAX, Message, Report};

/// Keeps the list of nodes, in memory only: after a restart the next announcements fill it again.
#[derive(Debug, Clone)]
pub struct Directory {
    expiry: Duration,
    version: u64,
    members: BTreeMap<NodeId, (Entry, Instant)>,
}

/// Timer: the next entry may have to be dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expire;

impl Directory {
    /// A directory that drops a node after `expiry` without an announcement. `life` must rise from
    /// one start of the directory to the next: it keeps versions of the list from being mistaken
    /// for those of an earlier life.
    pub fn new(expiry: Duration, life: Incarnation) -> Self {
        Self { expiry, version: life.0 << 32, members: BTreeMap::new() }
    }

    /// All nodes that are known.
    pub fn members(&self) -> impl Iterator<Item = &Entry> {
        self.members.values().map(|(entry, _)| entry)
    }

    fn announced(&mut self, entry: Entry, known: u64, cx: &mut Context<'_, Self>) {
        let from = entry.node;
        if entry.address.len() > ADDRESS_BYTES_MAX {
            return;
        }
        let full = self.members.len() >= MEMBERS_MAX;
        let changed = match self.members.get_mut(&from) {
            Some((old, _)) if entry.incarnation < old.incarnation => return,
            Some((old, heard)) => {
                *heard = cx.now;
                let changed = *old != entry;
                *old = entry.clone();
                changed
            }
            None if full => return,
            None => {
                self.members.insert(from, (entry.clone(), cx.now));
                true
            }
        };
        if changed {
            cx.report(Report::Joined(entry));
            self.publish(cx);
        } else if known != self.version {
            cx.send(from, self.list());
        }
        self.set_alarm(cx);
    }

    fn list(&self) -> Message {
        Message::Members { version: self.version, entries: self.members().cloned().collect() }
    }

    fn publish(&mut self, cx: &mut Context<'_, Self>) {
        self.version += 1;
        cx.send_many(self.members.keys().copied().collect(), self.list());
    }

    fn set_alarm(&self, cx: &mut Context<'_, Self>) {
        if let Some(oldest) = self.members.values().map(|(_, heard)| *heard).min() {
            cx.set(Expire, (oldest + self.expiry).since(cx.now));
        }
    }

    fn expire(&mut self, cx: &mut Context<'_, Self>) {
        let limit = self.expiry;
        let before = self.members.len();
        self.members.retain(|&node, (_, heard)| {
            let keep = cx.now.since(*heard) < limit;
            if !keep {
                cx.report(Report::Expired(node));
            }
            keep
        });
        if self.members.len() != before {
            self.publish(cx);
        }
        self.set_alarm(cx);
    }
}

impl Machine for Directory {
    type Message = Message;
    type Command = Never;
    type Report = Report;
    type Record = Never;
    type Snapshot = Never;
    type Alarm = Expire;

    fn handle(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Message { from, body: Message::Announce { incarnation, address, known } } => {
                self.announced(Entry { node: from, incarnation, address }, known, cx);
            }
            Input::Alarm(Expire) => self.expire(cx),
            Input::Restore { snapshot, .. } => match snapshot {},
            Input::Replay { record, .. } => match record {},
            Input::Command(command) => match command {},
            Input::Message { body: Message::Members { .. }, .. }
            | Input::Start
            | Input::Claimed(_)
            | Input::Refused(_)
            | Input::Opened(_)
            | Input::Closed(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use machine::{Effect, Random};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn step(directory: &mut Directory, now: Duration, input: Input<Directory>) -> Vec<String> {
        let (mut random, mut effects) = (Random::from_seed(0), Vec::new());
        let now = Instant::ZERO + now;
        directory.handle(input, &mut Context::new(now, &mut random, &mut effects));
        effects.iter().map(|effect: &Effect<Directory>| format!("{effect:?}")).collect()
    }

    fn announce(node: u32, life: u64, known: u64) -> Input<Directory> {
        let address = format!("a{node}");
        let body = Message::Announce { incarnation: Incarnation(life), address, known };
        Input::Message { from: NodeId(node), body }
    }

    #[test]
    fn each_change_is_told_to_all_and_nothing_else_is() {
        let mut directory = Directory::new(SECOND, Incarnation(0));
        step(&mut directory, Duration::ZERO, announce(1, 1, 0));
        let second = step(&mut directory, Duration::ZERO, announce(2, 1, 0));
        assert!(second[1].starts_with("Send([1, 2], Members { version: 2"), "{second:?}");
        let up_to_date = step(&mut directory, SECOND / 2, announce(1, 1, 2));
        assert_eq!(up_to_date, ["Set(Expire, 1.000)"]);
        let missed = step(&mut directory, SECOND / 2, announce(1, 1, 1));
        assert!(missed[0].starts_with("Send([1], Members { version: 2"), "{missed:?}");
    }

    #[test]
    fn who_stops_announcing_expires() {
        let mut directory = Directory::new(SECOND, Incarnation(0));
        step(&mut directory, Duration::ZERO, announce(1, 1, 0));
        step(&mut directory, SECOND / 2, announce(2, 1, 0));
        let expired = step(&mut directory, SECOND, Input::Alarm(Expire));
        assert_eq!(expired[0], "Report(Expired(NodeId(1)))");
        assert!(expired[1].starts_with("Send([2], Members { version: 3"), "{expired:?}");
        assert_eq!(expired[2], "Set(Expire, 1.500)");
    }

    #[test]
    fn an_earlier_life_never_hides_a_newer_one() {
        let mut directory = Directory::new(SECOND, Incarnation(0));
        step(&mut directory, Duration::ZERO, announce(1, 2, 0));
        assert!(step(&mut directory, Duration::ZERO, announce(1, 1, 0)).is_empty());
        assert_eq!(directory.members().next().map(|entry| entry.incarnation), Some(Incarnation(2)));
    }

    #[test]
    fn the_list_and_its_addresses_are_bounded() {
        let mut directory = Directory::new(SECOND, Incarnation(0));
        let address = "x".repeat(ADDRESS_BYTES_MAX + 1);
        let body = Message::Announce { incarnation: Incarnation(1), address, known: 0 };
        let long = Input::Message { from: NodeId(1), body };
        assert!(step(&mut directory, Duration::ZERO, long).is_empty());
        for node in 0..=MEMBERS_MAX as u32 {
            step(&mut directory, Duration::ZERO, announce(node, 1, 0));
        }
        assert_eq!(directory.members().count(), MEMBERS_MAX);
    }
}
