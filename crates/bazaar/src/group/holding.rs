//! A member whose links can lose one peer's messages for a while: how a message comes late.
//!
//! ```text
//!   peer2 ── data ──▶ sequencer            gets through: the message takes its place in the order
//!   peer2 ── data ──╳ peer1                lost, until the time is over
//!   sequencer ── peer2's data again ──╳ peer1      lost too: whoever else holds it cannot help
//!   sequencer ── order ──▶ peer1           gets through, as do heartbeats and changes of views
//! ```
//!
//! Seed 003 takes a place in the order first and sends the message 15 s later, so that whatever is
//! placed behind it waits. Here nobody places a message that it does not hold, so a sender cannot
//! do that. The network can: every member but the coordinator hears the place of a message that it
//! does not get. When the time is over, the protocol's own repair brings it.
//!
//! A wrapper around the machine, so the protocol knows nothing of it.

use std::time::Duration;

use groupcast::group::{self, Group, Message};
use machine::{Context, Effect, Input, Instant, Machine, Never, NodeId};

/// A member, and whose messages its links lose until when.
#[derive(Debug)]
pub struct Holding {
    group: Group,
    held: Option<(NodeId, Instant)>,
    /// Messages about the change of views since the last one, one a receiver.
    change_messages: u64,
}

/// From the layer above.
#[derive(Debug)]
pub enum Command {
    /// For the member.
    Group(group::Command),
    /// From now on for this long, pass on what this peer has sent to the coordinator alone.
    Hold(NodeId, Duration),
}

/// To the layer above.
#[derive(Debug)]
pub enum Report {
    /// From the member.
    Group(group::Report),
    /// This peer's messages are held back from now on.
    Holds(NodeId),
    /// A view has just begun: how many messages this member sent to bring it about.
    Changed(u64),
}

impl Holding {
    /// A member on whose links nothing is lost.
    pub fn new(group: Group) -> Self {
        Self { group, held: None, change_messages: 0 }
    }

    /// The member.
    pub fn group(&self) -> &Group {
        &self.group
    }

    fn pass_on(&mut self, effect: Effect<Group>, cx: &mut Context<'_, Self>) {
        match effect {
            Effect::Send { to, body, after } => {
                if !matches!(body, Message::Frame(_)) {
                    self.change_messages += to.nodes().len() as u64;
                }
                let Some(lossy) = self.without_held(&body, cx.now) else {
                    return cx.send_after(after, to, body);
                };
                let coordinator = self.group.view().map(|view| view.coordinator);
                let (sure, others): (Vec<_>, Vec<_>) =
                    to.nodes().iter().partition(|node| Some(**node) == coordinator);
                cx.send_after(after, machine::Destination::Many(sure), body);
                cx.send_after(after, machine::Destination::Many(others), lossy);
            }
            Effect::Report { report, after } => {
                let is_view = matches!(report, group::Report::View(_));
                cx.report_after(after, Report::Group(report));
                if is_view {
                    let sent = std::mem::take(&mut self.change_messages);
                    cx.report_after(after, Report::Changed(sent));
                }
            }
            Effect::Set { alarm, at } => cx.set(alarm, at.since(cx.now)),
            Effect::Clear(alarm) => cx.clear(alarm),
            // A group keeps nothing in journals.
            Effect::Persist { .. } | Effect::Snapshot { .. } | Effect::Claim(_) => {}
        }
    }

    /// A message as it arrives while a peer's data is lost; `None` if it has none of that.
    fn without_held(&self, body: &Message, now: Instant) -> Option<Message> {
        let (node, until) = self.held?;
        let Message::Frame(frame) = body else { return None };
        let stream = self.group.view()?.position(node)?;
        let is_lost = |pack: &group::Pack| usize::from(pack.stream) == stream;
        if now >= until || !frame.packs.iter().any(is_lost) {
            return None;
        }
        let mut frame = frame.clone();
        frame.packs.retain(|pack| !is_lost(pack));
        Some(Message::Frame(frame))
    }
}

impl Machine for Holding {
    type Message = Message;
    type Command = Command;
    type Report = Report;
    type Record = Never;
    type Snapshot = Never;
    type Alarm = group::Alarm;

    fn handle(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        let input = match input {
            Input::Command(Command::Hold(node, time)) => {
                self.held = Some((node, cx.now + time));
                return cx.report(Report::Holds(node));
            }
            Input::Command(Command::Group(command)) => Input::Command(command),
            Input::Message { from, body } => Input::Message { from, body },
            Input::Opened(node) => Input::Opened(node),
            Input::Closed(node) => Input::Closed(node),
            Input::Alarm(alarm) => Input::Alarm(alarm),
            Input::Start => Input::Start,
            Input::Claimed(epoch) => Input::Claimed(epoch),
            Input::Refused(epoch) => Input::Refused(epoch),
            Input::Restore { snapshot, .. } => match snapshot {},
            Input::Replay { record, .. } => match record {},
        };
        let mut effects = Vec::new();
        self.group.handle(input, &mut Context::new(cx.now, cx.random, &mut effects));
        for effect in effects {
            self.pass_on(effect, cx);
        }
    }

    fn check(&self) -> Result<(), String> {
        self.group.check()
    }
}

#[cfg(test)]
mod tests {
    use groupcast::group::{Alarm, Joiner, Settings};
    use machine::{Incarnation, Random};

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn step(member: &mut Holding, at_ns: u64, input: Input<Holding>) -> Vec<Effect<Holding>> {
        let (mut random, mut effects) = (Random::from_seed(1), Vec::new());
        let now = Instant::from_nanos(at_ns);
        member.handle(input, &mut Context::new(now, &mut random, &mut effects));
        effects
    }

    /// How many packs go to node 2 when a message is sent at this time.
    fn packs_sent(member: &mut Holding, at_ns: u64) -> usize {
        let text = group::Command::Multicast("hola".into());
        step(member, at_ns, Input::Command(Command::Group(text)));
        let packs = |effect: Effect<Holding>| match effect {
            Effect::Send { to, body: Message::Frame(frame), .. } => {
                assert_eq!(to.nodes(), [NodeId(2)]);
                frame.packs.iter().filter(|pack| pack.stream == 0).count()
            }
            _ => 0,
        };
        let effects = step(member, at_ns, Input::Alarm(Alarm::Flush));
        effects.into_iter().map(packs).sum()
    }

    #[test]
    fn a_held_peer_s_messages_are_lost_to_others_until_the_time_is_over() {
        let settings = Settings::new(NodeId(1), Incarnation(1), "127.0.0.1:4001");
        let settings = Settings { transfers_state: false, ..settings };
        let mut member = Holding::new(Group::new(settings));
        let joiner = Joiner {
            node: NodeId(2),
            incarnation: Incarnation(1),
            address: "127.0.0.1:4002".to_owned(),
        };
        step(&mut member, 0, Input::Command(Command::Group(group::Command::Found)));
        step(&mut member, 0, Input::Opened(NodeId(2)));
        let from = NodeId(2);
        step(&mut member, 0, Input::Message { from, body: Message::Join(joiner) });
        assert_eq!(member.group().view().unwrap().members.len(), 2);

        assert_eq!(packs_sent(&mut member, 0), 1);
        let hold = Command::Hold(NodeId(1), Duration::from_secs(1));
        let effects = step(&mut member, 0, Input::Command(hold));
        assert!(matches!(effects[..], [Effect::Report { report: Report::Holds(NodeId(1)), .. }]));
        assert_eq!(packs_sent(&mut member, SECOND - 1), 0);
        assert_eq!(packs_sent(&mut member, SECOND), 1);
    }
}
