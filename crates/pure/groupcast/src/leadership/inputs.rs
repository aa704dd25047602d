//! What each input does to a node's leadership.

use machine::{Epoch, Input, Machine, NodeId};

use super::{Alarm, Bar, Cause, Command, Cx, Leadership, Message, Report, Role, Stepped, marks};
use crate::detector::Health;
use crate::election::bully;
use crate::fence::majority::{self, Promised};

impl Leadership {
    fn start(&mut self, cx: &mut Cx<'_>) {
        self.role = Role::Seeking { since: cx.now, cause: Cause::Start };
        cx.set(Alarm::Patience, self.settings.heartbeat_limit);
    }

    fn opened(&mut self, node: NodeId, cx: &mut Cx<'_>) {
        self.detector.opened(node, cx.now);
        self.bully(Input::Opened(node), cx);
        self.is_back(node, cx);
        if let Role::Leading { epoch, .. } = self.role {
            // Also the news for a node that comes late.
            cx.send_urgent(vec![node], Message::Lead(epoch));
        }
        self.ask(node, cx);
        self.begin_when_connected(cx);
    }

    fn closed(&mut self, node: NodeId, cx: &mut Cx<'_>) {
        self.detector.closed(node);
        self.askers.remove(&node);
        self.learners.remove(&node);
        self.released.remove(&node);
        match &mut self.role {
            Role::Following { epoch } if epoch.node == node => self.suspect(Cause::Crash, cx),
            Role::Leading { followers, .. } => {
                followers.remove(&node);
            }
            Role::Following { .. } | Role::Seeking { .. } => {}
        }
        self.bully(Input::Closed(node), cx);
    }

    fn suspect(&mut self, cause: Cause, cx: &mut Cx<'_>) {
        let Role::Following { epoch } = self.role else { return };
        cx.report(Report::Suspected { node: epoch.node, cause });
        let silenced = bully::Command::Suspect(epoch.node);
        self.bully(Input::Command(silenced), cx);
        if self.settings.bar != Bar::Resigned {
            self.bar_leader(epoch.node, cx);
        }
        let initiator = self.initiator(epoch, cx);
        self.seek(cause, initiator, cx);
    }

    fn message(&mut self, from: NodeId, body: Message, cx: &mut Cx<'_>) {
        if from == self.settings.me {
            return;
        }
        if !self.settings.voters.contains(&from) {
            return self.learner_message(from, &body, cx);
        }
        if self.detector.is_connected(from) {
            // It hung, perhaps, and was not to be waited for.
            self.bully.is_there(from);
        }
        match body {
            Message::Bully(_) | Message::Fence(_) if !self.is_voter() => {}
            Message::Bully(body) => self.bully_message(from, body, cx),
            Message::Fence(body) => self.fence_input(Input::Message { from, body }, cx),
            Message::Lead(epoch) if epoch.node == from => self.follow(epoch, cx),
            Message::Lead(_) => {}
            Message::Follow(followed) => {
                if let Role::Leading { epoch, followers } = &mut self.role
                    && *epoch == followed
                {
                    followers.insert(from, cx.now);
                }
            }
            Message::Deposed(higher) => self.outbid(higher, cx),
            Message::Leave(epoch) => self.release(from, epoch, cx),
            Message::Released(epoch) => {
                if self.role == (Role::Following { epoch }) && epoch.node == from {
                    cx.report(Report::Released);
                }
            }
            Message::Ask => {}
            Message::Back => self.is_back(from, cx),
            Message::Resign { epoch, initiator } => {
                if self.role == (Role::Following { epoch }) && epoch.node == from {
                    cx.report(Report::Suspected { node: from, cause: Cause::Resign });
                    self.bar_leader(from, cx);
                    self.seek(Cause::Resign, initiator, cx);
                }
            }
        }
    }

    fn bully_message(&mut self, from: NodeId, body: bully::Message, cx: &mut Cx<'_>) {
        match self.role {
            Role::Following { .. } => {
                if let bully::Message::Election { .. } = body {
                    self.askers.insert(from, body);
                }
            }
            Role::Leading { epoch, .. } => cx.send(from, Message::Lead(epoch)),
            Role::Seeking { .. } => self.bully(Input::Message { from, body }, cx),
        }
    }

    fn follow(&mut self, epoch: Epoch, cx: &mut Cx<'_>) {
        // A datagram may outlive its sender.
        if !self.detector.is_connected(epoch.node) || !self.fence.is_plausible(epoch) {
            return;
        }
        let known = self.last_leader.max(self.fence.promised());
        if self.is_below(epoch, known) {
            cx.mark(marks::OLD_LEADER_TOLD);
            return cx.send(epoch.node, Message::Deposed(known));
        }
        // Only this counts as being heard: a leader that stepped down still says other things.
        self.detector.heard(epoch.node, cx.now);
        if self.role != (Role::Following { epoch }) {
            if matches!(self.role, Role::Leading { .. }) {
                cx.mark(marks::LED_AND_FOLLOWED);
            }
            self.step_down(Stepped::Outbid, cx);
            if matches!(self.role, Role::Seeking { cause: Cause::Lost, .. }) {
                // It led, and the others may believe that it hangs: they would not wait for it in
                // the next election, and it would contend with the one that they choose.
                cx.send_many(self.others(), Message::Follow(epoch));
            }
            self.role = Role::Following { epoch };
            self.fence(majority::Command::Withdraw, cx);
            self.fence(majority::Command::Witness(epoch), cx);
            self.fence(majority::Command::Content(true), cx);
            self.settled(cx);
            let messages = self.messages_since_leader();
            cx.report(Report::Followed { epoch, messages });
            cx.set(Alarm::Silence, self.settings.heartbeat_limit);
        }
        cx.send_urgent(vec![epoch.node], Message::Follow(epoch));
    }

    fn outbid(&mut self, higher: Epoch, cx: &mut Cx<'_>) {
        if !self.fence.is_plausible(higher) {
            return;
        }
        self.fence(majority::Command::Witness(higher), cx);
        if let Role::Leading { epoch, .. } = self.role
            && self.is_below(epoch, higher)
        {
            cx.mark(marks::LEADER_OUTBID);
            self.step_down(Stepped::Outbid, cx);
        }
    }

    fn resign(&mut self, cx: &mut Cx<'_>) {
        let Role::Leading { epoch, .. } = self.role else { return };
        let initiator = self.initiator(epoch, cx);
        let others = self.others();
        self.sent += others.len() as u64;
        cx.send_many(others, Message::Resign { epoch, initiator });
        self.tell_learners(Message::Resign { epoch, initiator }, cx);
        self.step_down(Stepped::Resigned, cx);
        self.role = Role::Seeking { since: cx.now, cause: Cause::Resign };
        self.bar_leader(self.settings.me, cx);
    }

    fn beat(&mut self, cx: &mut Cx<'_>) {
        let Role::Leading { epoch, followers } = &self.role else { return };
        let limit = self.settings.heartbeat_limit;
        let recent = followers.values().filter(|&&heard| cx.now.since(heard) < limit).count();
        if recent + 1 < self.fence.needed() {
            cx.mark(marks::NO_MAJORITY);
            return self.step_down(Stepped::NoMajority, cx);
        }
        let epoch = *epoch;
        cx.send_urgent(self.others(), Message::Lead(epoch));
        self.tell_learners(Message::Lead(epoch), cx);
        cx.set(Alarm::Beat, self.settings.heartbeat_period);
    }

    fn listen(&mut self, cx: &mut Cx<'_>) {
        let Role::Following { epoch } = self.role else { return };
        match self.detector.health(epoch.node, cx.now) {
            Health::Alive => {
                cx.set(Alarm::Silence, self.detector.time_left(epoch.node, cx.now));
            }
            Health::Silent => {
                cx.mark(marks::LEADER_HUNG);
                self.suspect(Cause::Hang, cx);
            }
            Health::Closed => self.suspect(Cause::Crash, cx),
        }
    }
}

impl Machine for Leadership {
    type Message = Message;
    type Command = Command;
    type Report = Report;
    type Record = Promised;
    type Snapshot = Promised;
    type Alarm = Alarm;

    fn handle(&mut self, input: Input<Self>, cx: &mut Cx<'_>) {
        match input {
            Input::Restore { journal, snapshot } => {
                self.fence_input(Input::Restore { journal, snapshot }, cx);
            }
            Input::Replay { journal, record } => {
                self.fence_input(Input::Replay { journal, record }, cx);
            }
            Input::Start => self.start(cx),
            Input::Command(Command::Resign) => self.resign(cx),
            Input::Command(Command::Outbid(higher)) => self.outbid(higher, cx),
            Input::Command(Command::Joined(nodes)) => self.joined(nodes, cx),
            Input::Command(Command::Leave) => self.leave(cx),
            Input::Message { from, body } => self.message(from, body, cx),
            Input::Opened(node) => self.opened(node, cx),
            Input::Closed(node) => self.closed(node, cx),
            Input::Alarm(Alarm::Bully(alarm)) => self.bully(Input::Alarm(alarm), cx),
            Input::Alarm(Alarm::Fence(alarm)) => self.fence_input(Input::Alarm(alarm), cx),
            Input::Alarm(Alarm::Beat) => self.beat(cx),
            Input::Alarm(Alarm::Silence) => self.listen(cx),
            Input::Alarm(Alarm::Back) => self.consider_coming_back(cx),
            Input::Alarm(Alarm::Patience) => {
                self.start_election(cx);
                if matches!(self.role, Role::Seeking { .. }) {
                    self.be_patient(cx);
                }
            }
            Input::Claimed(_) | Input::Refused(_) => {}
        }
    }

    fn check(&self) -> Result<(), String> {
        self.fence.check()?;
        match self.role {
            Role::Leading { epoch, .. } if self.is_below(epoch, self.fence.promised()) => {
                Err(format!("leads in {epoch} but has promised {}", self.fence.promised()))
            }
            _ => Ok(()),
        }
    }
}
