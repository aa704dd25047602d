//! The way from no leader to a leader: elections and the fence.

use machine::{Epoch, Input, NodeId};

use super::{Alarm, Bar, Cause, Cx, First, Leadership, Message, Report, Role, Stepped};
use crate::detector::Health;
use crate::election::bully;
use crate::fence::majority;

impl Leadership {
    /// The leader is gone: look for another one.
    pub(super) fn seek(&mut self, cause: Cause, initiator: Option<NodeId>, cx: &mut Cx<'_>) {
        self.role = Role::Seeking { since: cx.now, cause };
        cx.clear(Alarm::Silence);
        cx.clear(Alarm::Beat);
        self.fence(majority::Command::Content(false), cx);
        for (from, body) in std::mem::take(&mut self.askers) {
            self.bully(Input::Message { from, body }, cx);
        }
        if initiator.is_none_or(|node| node == self.settings.me) {
            self.start_election(cx);
        }
        // Whoever shall start it may be gone too.
        self.be_patient(cx);
    }

    /// Starts an election of its own if nobody leads by then. The spread keeps two nodes that
    /// outbid each other from doing so for ever.
    pub(super) fn be_patient(&mut self, cx: &mut Cx<'_>) {
        if !self.is_voter() {
            return cx.set(Alarm::Patience, self.settings.heartbeat_period);
        }
        let limit = self.settings.answer_limit;
        let spread = limit.mul_f64(cx.random.unit());
        cx.set(Alarm::Patience, limit * 3 + spread);
    }

    /// Who starts the election after `gone`; everyone if none.
    pub(super) fn initiator(&self, gone: Epoch, cx: &Cx<'_>) -> Option<NodeId> {
        self.starters.choose(gone, |node| {
            node != gone.node
                && (node == self.settings.me
                    || self.detector.health(node, cx.now) != Health::Closed)
        })
    }

    pub(super) fn start_election(&mut self, cx: &mut Cx<'_>) {
        if !self.is_voter() {
            self.ask_all(cx);
        } else if matches!(self.role, Role::Seeking { .. }) && !self.fence.is_proposing() {
            self.bully(Input::Command(bully::Command::Start), cx);
        }
    }

    /// At the start: begin as soon as all are there. Who is appointed needs a majority only.
    pub(super) fn begin_when_connected(&mut self, cx: &mut Cx<'_>) {
        if self.had_leader || !self.is_voter() || !matches!(self.role, Role::Seeking { .. }) {
            return;
        }
        let others = self.others();
        let connected = others.iter().filter(|&&node| self.detector.is_connected(node)).count();
        let quorum = self.fence.needed();
        match self.settings.first {
            First::Appointed(node) if node == self.settings.me && connected + 1 >= quorum => {
                if !self.fence.is_proposing() {
                    self.fence(majority::Command::Propose, cx);
                }
            }
            // A group that runs already may have a leader that is about to be heard of.
            First::Elected if connected == others.len() && !self.was_complete => {
                self.was_complete = true;
                if self.initiator(Epoch::ZERO, cx).is_none_or(|node| node == self.settings.me) {
                    cx.set(Alarm::Patience, self.settings.heartbeat_period);
                }
            }
            First::Appointed(_) | First::Elected => {}
        }
    }

    /// Who starts may be another one now, this node for instance.
    pub(super) fn joined(&mut self, nodes: Vec<NodeId>, cx: &mut Cx<'_>) {
        let before = self.initiator(Epoch::ZERO, cx);
        nodes.into_iter().for_each(|node| self.starters.joined(node));
        // Who hears of the same one again waits no longer for it.
        let is_another = self.initiator(Epoch::ZERO, cx) != before;
        let is_before_the_first = self.was_complete && !self.had_leader && !self.has_campaigned;
        if is_another && is_before_the_first {
            // It may have been this node's turn, as far as it knew.
            cx.set(Alarm::Patience, self.settings.heartbeat_limit);
            self.was_complete = false;
            self.begin_when_connected(cx);
        }
    }

    pub(super) fn bully(&mut self, input: Input<bully::Bully>, cx: &mut Cx<'_>) {
        if !self.is_voter() {
            return;
        }
        for report in cx.run(&mut self.bully, input) {
            match report {
                // An election takes as many rounds as there is news of who is there.
                bully::Report::Campaigned if self.has_campaigned => {}
                bully::Report::Campaigned => {
                    self.has_campaigned = true;
                    cx.report(Report::Campaigned);
                }
                bully::Report::Won if self.fence.is_proposing() => {}
                bully::Report::Won => self.fence(majority::Command::Propose, cx),
                // Leaders are announced here, with the fence's epoch.
                bully::Report::Seated(_) => {}
            }
        }
    }

    pub(super) fn fence(&mut self, command: majority::Command, cx: &mut Cx<'_>) {
        self.fence_input(Input::Command(command), cx);
    }

    pub(super) fn fence_input(&mut self, input: Input<majority::Majority>, cx: &mut Cx<'_>) {
        for report in cx.run(&mut self.fence, input) {
            match report {
                majority::Report::Granted(epoch) => self.lead(epoch, cx),
                majority::Report::Outbid(_) => self.be_patient(cx),
            }
        }
        self.yield_to_promise(cx);
    }

    /// S1: a leader that has promised a higher epoch leads no more.
    fn yield_to_promise(&mut self, cx: &mut Cx<'_>) {
        if let Role::Leading { epoch, .. } = self.role
            && self.is_below(epoch, self.fence.promised())
        {
            self.step_down(Stepped::Outbid, cx);
        }
    }

    fn lead(&mut self, epoch: Epoch, cx: &mut Cx<'_>) {
        let (since, cause) = match self.role {
            Role::Seeking { since, cause } => (since, cause),
            Role::Following { .. } | Role::Leading { .. } => (cx.now, Cause::Lost),
        };
        let others = self.others();
        self.sent += others.len() as u64;
        let followers = others.iter().map(|&node| (node, cx.now)).collect();
        self.role = Role::Leading { epoch, followers };
        self.settled(cx);
        let messages = self.messages_since_leader();
        cx.report(Report::Elected { epoch, cause, took: cx.now.since(since), messages });
        self.released.clear();
        self.releases_from = cx.now + self.settings.heartbeat_limit;
        cx.send_many(others, Message::Lead(epoch));
        self.tell_learners(Message::Lead(epoch), cx);
        cx.set(Alarm::Beat, self.settings.heartbeat_period);
        // Last, since whoever waits for this voter is to hear of the leader first.
        self.fence(majority::Command::Content(true), cx);
    }

    /// Someone leads: no election is needed, and whoever yielded in the last one may lead again.
    pub(super) fn settled(&mut self, cx: &mut Cx<'_>) {
        self.had_leader = true;
        self.has_campaigned = false;
        self.last_leader = self.epoch().unwrap_or(self.last_leader);
        self.askers.clear();
        self.bar_until_back(cx);
        self.bully(Input::Command(bully::Command::Settle), cx);
        cx.clear(Alarm::Patience);
    }

    pub(super) fn step_down(&mut self, why: Stepped, cx: &mut Cx<'_>) {
        let Role::Leading { epoch, .. } = self.role else { return };
        cx.report(Report::SteppedDown { epoch, why });
        self.role = Role::Seeking { since: cx.now, cause: Cause::Lost };
        self.fence(majority::Command::Content(false), cx);
        cx.clear(Alarm::Beat);
        if matches!(self.settings.bar, Bar::UntilBack { .. }) {
            self.bar_leader(self.settings.me, cx);
        }
        self.be_patient(cx);
    }
}
