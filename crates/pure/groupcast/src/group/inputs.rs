//! What a member does with each input.

use machine::{Context, Input, Machine, Never, NodeId};

use super::message::{Frame, Message};
use super::settings::MESSAGE_BYTES_MAX;
use super::traffic::To;
use super::view::ViewId;
use super::{Alarm, Command, EARLY_MAX, Group, Refusal, Report, Standing};

impl Machine for Group {
    type Message = Message;
    type Command = Command;
    type Report = Report;
    type Record = Never;
    type Snapshot = Never;
    type Alarm = Alarm;

    fn handle(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        // Before anybody is judged: whoever was stopped for long has heard nobody because of that.
        if cx.now >= self.beat_due && matches!(self.standing, Standing::Inside(_)) {
            self.detector.woke(self.beat_due, cx.now);
            self.beat_due = cx.now + self.settings.heartbeat_period;
        }
        match input {
            Input::Message { from, body } => {
                self.detector.heard(from, cx.now);
                self.counts.received += 1;
                self.counts.heartbeats_received += u64::from(matches!(body, Message::Heartbeat(_)));
                self.message(from, body, cx);
            }
            Input::Command(command) => self.command(command, cx),
            Input::Alarm(alarm) => self.alarm(alarm, cx),
            Input::Opened(node) => {
                self.detector.opened(node, cx.now);
                if matches!(&self.standing, Standing::Joining(contacts) if contacts.contains(&node))
                {
                    self.ask_to_join(cx);
                }
                self.consider(cx);
            }
            Input::Closed(node) => {
                self.detector.closed(node);
                self.consider(cx);
            }
            Input::Start | Input::Claimed(_) | Input::Refused(_) => {}
            Input::Restore { snapshot, .. } => match snapshot {},
            Input::Replay { record, .. } => match record {},
        }
    }

    fn check(&self) -> Result<(), String> {
        let Standing::Inside(inside) = &self.standing else { return Ok(()) };
        if inside.view.position(self.settings.me).is_none() {
            return Err(format!("a member of {:?} is not in it", inside.view.id));
        }
        if inside.promised.is_some_and(|(epoch, _)| epoch <= inside.view.epoch) {
            return Err(format!("in {:?} an epoch that is over was promised", inside.view.id));
        }
        inside.traffic.check()
    }
}

impl Group {
    fn command(&mut self, command: Command, cx: &mut Context<'_, Self>) {
        match command {
            Command::Found => self.found(cx),
            Command::Join(contacts) => self.join(contacts, cx),
            Command::State(view, state) => self.state_given(view, state, cx),
            Command::Leave => self.leave(cx),
            Command::Multicast(message) => {
                let refusal = match &mut self.standing {
                    Standing::Inside(inside) if !inside.is_leaving => {
                        if message.len() > MESSAGE_BYTES_MAX {
                            Refusal::TooLarge
                        } else if !inside.traffic.has_room(message.len()) {
                            self.has_refused = true;
                            Refusal::NoRoom
                        } else {
                            inside.traffic.send(message);
                            return self.set_flush(cx);
                        }
                    }
                    _ => Refusal::NotAMember,
                };
                cx.report(Report::Refused(message, refusal));
            }
        }
    }

    fn message(&mut self, from: NodeId, body: Message, cx: &mut Context<'_, Self>) {
        // Most of what comes is of the present view.
        if let Some(view) = view_of(&body)
            && self.view().map(|mine| mine.id) != Some(view)
        {
            return self.other_view(from, view, body, cx);
        }
        let is_member = self.view().is_some_and(|view| view.position(from).is_some());
        match body {
            Message::Frame(frame) | Message::Heartbeat(frame) => self.frame(from, frame, cx),
            Message::Join(joiner) => self.join_asked(from, joiner, cx),
            Message::AskMe => self.told_to_ask(from, cx),
            Message::Install(view, proposal) => self.install_came(view, proposal, cx),
            Message::Removed(_) => self.excluded(cx),
            _ if !is_member => {}
            Message::Leave(_, incarnation) => {
                if self.view().is_some_and(|view| view.has(from, incarnation)) {
                    self.leave_asked(from, cx);
                }
            }
            Message::Canvass(_) => self.canvassed(from, cx),
            Message::Support(_) => self.supported(from, cx),
            Message::Prepare(_, epoch) => self.prepare_asked(from, epoch, cx),
            Message::Promised(_, epoch, promise) => self.promised(from, epoch, promise, cx),
            Message::Reject(_, epoch) => self.rejected(epoch, cx),
            Message::Propose(_, epoch, proposal) => self.proposed(from, epoch, proposal, cx),
            Message::Accepted(_, epoch) => self.accepted(from, epoch, cx),
            Message::Fetch(_, epoch, missing) => self.fetched(from, epoch, &missing, cx),
            Message::Supply(_, epoch, packs) => self.supplied(epoch, packs, cx),
            Message::Behind(_) => {}
            Message::WantState(view, offset) => self.state_wanted(from, view, offset, cx),
            Message::State { view, total_bytes, offset, part } => {
                self.state_came(view, total_bytes, offset, &part, cx);
            }
        }
    }

    /// A message of another view than the present one.
    fn other_view(
        &mut self,
        from: NodeId,
        view: ViewId,
        body: Message,
        cx: &mut Context<'_, Self>,
    ) {
        if let Message::Install(view, proposal) = body {
            return self.install_came(view, proposal, cx);
        }
        let is_ended = self.ended.as_ref().is_some_and(|(ended, _)| *ended == view);
        let mine = self.view().map(|mine| mine.id);
        let is_past = mine.is_some_and(|mine| view.group == mine.group && view < mine);
        if is_ended || is_past {
            return self.tell_what_followed(from, view, &body, cx);
        }
        // The news of that view is on its way; what overtook it is kept until then. If the news was
        // lost, whoever has gone on is asked again with each of its heartbeats.
        let asks_again = matches!(body, Message::Heartbeat(_));
        let Some(mine) = mine else {
            if asks_again {
                self.counted_on(from, cx);
            }
            return;
        };
        if view.group != mine.group || matches!(body, Message::Removed(_)) {
            return;
        }
        if self.early.len() < EARLY_MAX {
            self.early.push((from, body));
        }
        if self.early.len() == 1 || asks_again {
            self.send(from, Message::Behind(mine), cx);
        }
    }

    /// Somebody is still in a view that has ended.
    fn tell_what_followed(
        &mut self,
        from: NodeId,
        view: ViewId,
        body: &Message,
        cx: &mut Context<'_, Self>,
    ) {
        if let Message::Fetch(_, epoch, missing) = body {
            let inside = self
                .inside()
                .filter(|inside| inside.before.as_ref().is_some_and(|(before, _)| *before == view));
            let held = inside.and_then(|inside| inside.traffic_before.as_ref());
            let supplies = held.map(|held| held.supply(missing)).unwrap_or_default();
            for packs in supplies {
                self.send(from, Message::Supply(view, *epoch, packs), cx);
            }
            return;
        }
        // Answers to what is over need no answer.
        let asks = matches!(
            body,
            Message::Frame(_)
                | Message::Heartbeat(_)
                | Message::Canvass(_)
                | Message::Prepare(..)
                | Message::Behind(_)
                | Message::Leave(..)
        );
        if !asks {
            return;
        }
        let before = self.inside().and_then(|inside| inside.before.clone());
        let known = before.into_iter().chain(self.ended.clone()).find(|(ended, _)| *ended == view);
        let answer = match known {
            Some((ended, proposal)) => Message::Install(ended, proposal),
            None => Message::Removed(view),
        };
        self.send(from, answer, cx);
    }

    fn frame(&mut self, from: NodeId, frame: Frame, cx: &mut Context<'_, Self>) {
        let Some(inside) = self.inside() else { return };
        let Some(position) = inside.view.position(from) else { return };
        let is_new = frame.has_state && !inside.view.members[position].has_state;
        if inside.unheard.remove(&from) && inside.unheard.is_empty() {
            inside.traffic_before = None;
        }
        inside.traffic.receive(position, frame);
        self.set_flush(cx);
        if is_new {
            self.has_state(position, cx);
        }
    }

    fn alarm(&mut self, alarm: Alarm, cx: &mut Context<'_, Self>) {
        match alarm {
            Alarm::Flush => {
                self.is_flush_set = false;
                self.pump(cx);
            }
            Alarm::Beat => {
                self.heartbeat(cx);
                self.look_for_stalled(cx);
                cx.set(Alarm::Beat, self.settings.heartbeat_period);
                self.beat_due = cx.now + self.settings.heartbeat_period;
                self.consider(cx);
            }
            Alarm::Repair => {
                self.is_repair_set = false;
                self.repair(cx);
            }
            Alarm::Candidate => self.consider(cx),
            Alarm::Join => self.ask_to_join(cx),
        }
    }

    /// All that comes in one turn of the host is handled together: the alarm goes off at its end.
    pub(super) fn set_flush(&mut self, cx: &mut Context<'_, Self>) {
        if !self.is_flush_set {
            self.is_flush_set = true;
            cx.set(Alarm::Flush, std::time::Duration::ZERO);
        }
    }

    pub(super) fn set_repair(&mut self, cx: &mut Context<'_, Self>) {
        if !self.is_repair_set {
            self.is_repair_set = true;
            cx.set(Alarm::Repair, self.settings.repair_period);
        }
    }

    fn pump(&mut self, cx: &mut Context<'_, Self>) {
        let Some(inside) = self.inside() else { return };
        let pumped = inside.traffic.pump(inside.has_state);
        let (is_leaving, is_busy) = (inside.is_leaving, inside.traffic.is_busy());
        self.report_delivered(pumped.delivered, cx);
        self.send_frames(pumped.frames, cx);
        if is_busy {
            self.set_repair(cx);
        }
        if self.has_refused && self.has_room(1) {
            self.has_refused = false;
            cx.report(Report::Room);
        }
        if is_leaving {
            self.ask_to_leave(cx);
        }
    }

    pub(super) fn report_delivered(
        &mut self,
        delivered: Vec<super::order::Delivered>,
        cx: &mut Context<'_, Self>,
    ) {
        let Some(inside) = self.inside() else { return };
        for (position, messages) in delivered {
            let sender = inside.view.members[position].node;
            cx.report(Report::Delivered { sender, messages });
        }
    }

    fn send_frames(&mut self, frames: Vec<(To, Frame)>, cx: &mut Context<'_, Self>) {
        for (to, frame) in frames {
            let Some(inside) = self.inside() else { return };
            match to {
                To::One(position) => {
                    let node = inside.view.members[position].node;
                    self.send(node, Message::Frame(frame), cx);
                }
                To::Others => {
                    let others = inside.others.clone();
                    self.send_many(others, Message::Frame(frame), cx);
                }
            }
        }
    }

    /// Says to all others that this member is there, and what it holds.
    pub(super) fn heartbeat(&mut self, cx: &mut Context<'_, Self>) {
        let Some(inside) = self.inside() else { return };
        let frame = inside.traffic.frame(Vec::new(), inside.has_state);
        let others = inside.others.clone();
        self.counts.sent += others.len() as u64;
        self.counts.heartbeats += others.len() as u64;
        cx.send_urgent(others, Message::Heartbeat(frame));
    }

    fn repair(&mut self, cx: &mut Context<'_, Self>) {
        let Some(inside) = self.inside() else { return };
        let (frames, is_busy) = (inside.traffic.repair(inside.has_state), inside.traffic.is_busy());
        self.send_frames(frames, cx);
        if is_busy {
            self.set_repair(cx);
        }
        self.repair_change(cx);
        self.want_state(cx);
        if self.inside().is_some_and(|inside| inside.is_leaving) {
            self.ask_to_leave(cx);
        }
    }
}

/// The view that a message is of, if it is of one.
fn view_of(body: &Message) -> Option<ViewId> {
    match body {
        Message::Join(_) | Message::AskMe => None,
        Message::Frame(frame) | Message::Heartbeat(frame) => Some(frame.view),
        Message::Leave(view, _)
        | Message::Canvass(view)
        | Message::Support(view)
        | Message::Prepare(view, _)
        | Message::Promised(view, ..)
        | Message::Reject(view, _)
        | Message::Propose(view, ..)
        | Message::Accepted(view, _)
        | Message::Fetch(view, ..)
        | Message::Supply(view, ..)
        | Message::Install(view, _)
        | Message::Behind(view)
        | Message::Removed(view)
        | Message::WantState(view, _)
        | Message::State { view, .. } => Some(*view),
    }
}
