//! A member of the group, hosted: its alarms are kept, its messages become bodies of packets, and
//! what it reports is handed back in order.

use std::collections::{BTreeMap, VecDeque};

use groupcast::group::{Alarm, Group, Message, Report, Settings};
use machine::{Context, Effect, Input, Instant, Machine, NodeId, Random};
use serde_json::Value;

use crate::hex;
use crate::packet::Body;

/// The `type` of packets between members.
pub const KIND: &str = "group";

/// A member and its alarms.
#[derive(Debug)]
pub struct Member {
    group: Group,
    me: NodeId,
    random: Random,
    alarms: BTreeMap<Alarm, Instant>,
}

/// What a member wants.
#[derive(Debug)]
pub enum Wish {
    /// Send this to these nodes.
    Send(Vec<NodeId>, Body),
    /// Hear this.
    Hear(Report),
}

impl Member {
    /// A member with its settings, and its chance.
    pub fn new(settings: Settings, random: Random) -> Self {
        Self { me: settings.me, group: Group::new(settings), random, alarms: BTreeMap::new() }
    }

    /// The member itself, to look at.
    pub fn group(&self) -> &Group {
        &self.group
    }

    /// When the next alarm goes off.
    pub fn wake_at(&self) -> Option<Instant> {
        self.alarms.values().min().copied()
    }

    /// Lets all alarms go off that are due.
    pub fn wake(&mut self, now: Instant) -> Vec<Wish> {
        let due = self.alarms.iter().filter(|(_, at)| **at <= now).map(|(alarm, _)| *alarm);
        let mut wishes = Vec::new();
        for alarm in due.collect::<Vec<_>>() {
            self.alarms.remove(&alarm);
            wishes.extend(self.handle(now, Input::Alarm(alarm)));
        }
        wishes
    }

    /// Hands the member a packet of another one; none if it is not that.
    pub fn packet(&mut self, now: Instant, from: NodeId, body: &Body) -> Option<Vec<Wish>> {
        let bytes = hex::to_bytes(body.get("bytes")?.as_str()?)?;
        let body: Message = wire::from_bytes(&bytes).ok()?;
        Some(self.handle(now, Input::Message { from, body }))
    }

    /// Hands the member an input, and what it says to itself.
    pub fn handle(&mut self, now: Instant, input: Input<Group>) -> Vec<Wish> {
        let (mut inputs, mut wishes) = (VecDeque::from([input]), Vec::new());
        while let Some(input) = inputs.pop_front() {
            let mut effects = Vec::new();
            self.group.handle(input, &mut Context::new(now, &mut self.random, &mut effects));
            for effect in effects {
                match effect {
                    Effect::Send { to, body, .. } => {
                        let others = to.nodes().iter().copied().filter(|node| *node != self.me);
                        let others: Vec<_> = others.collect();
                        if others.len() < to.nodes().len() {
                            inputs.push_back(Input::Message { from: self.me, body: body.clone() });
                        }
                        if let Some(body) = told(&body) {
                            wishes.push(Wish::Send(others, body));
                        }
                    }
                    Effect::Set { alarm, at } => {
                        self.alarms.insert(alarm, at);
                    }
                    Effect::Clear(alarm) => {
                        self.alarms.remove(&alarm);
                    }
                    Effect::Report { report, .. } => wishes.push(Wish::Hear(report)),
                    Effect::Persist { record, .. } => match record {},
                    Effect::Snapshot { snapshot, .. } => match snapshot {},
                    // A group has no common journal.
                    Effect::Claim(_) => {}
                }
            }
        }
        wishes
    }
}

/// A member's message as the body of a packet. The name is for whoever reads along.
fn told(message: &Message) -> Option<Body> {
    let name = match message {
        Message::Frame(_) => "frame",
        Message::Heartbeat(_) => "heartbeat",
        Message::Join(_) | Message::AskMe | Message::Leave(..) => "join or leave",
        Message::WantState(..) | Message::State { .. } => "state",
        _ => "change of views",
    };
    // Longer than may be is nothing that a member says; lost is what a link may do to a message.
    let bytes = wire::to_bytes(message).ok()?;
    let fields = [("type", KIND.into()), ("name", name.into()), ("bytes", hex::to_text(&bytes))];
    Some(fields.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect())
}
