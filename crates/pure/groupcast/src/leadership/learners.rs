//! Nodes without a vote. A learner asks the voters that it is connected to who leads; each of them
//! remembers it, so that whoever leads then, or is elected later, sends it what it sends the voters.
//! What a learner says changes nothing at a voter but who is told.

use machine::NodeId;

use super::{Alarm, Cx, Leadership, Message, Role};

impl Leadership {
    pub(super) fn is_voter(&self) -> bool {
        self.settings.voters.contains(&self.settings.me)
    }

    /// A learner asks one voter, whether it follows already or not: to be remembered there.
    pub(super) fn ask(&self, voter: NodeId, cx: &mut Cx<'_>) {
        if !self.is_voter() && self.settings.voters.contains(&voter) {
            cx.send_urgent(vec![voter], Message::Ask);
        }
    }

    /// A learner that follows nobody asks all voters, until one of them leads.
    pub(super) fn ask_all(&self, cx: &mut Cx<'_>) {
        if matches!(self.role, Role::Seeking { .. }) {
            let voters = self.settings.voters.iter().copied();
            let connected = voters.filter(|&voter| self.detector.is_connected(voter)).collect();
            cx.send_urgent(connected, Message::Ask);
            cx.set(Alarm::Patience, self.settings.heartbeat_period);
        }
    }

    pub(super) fn learner_message(&mut self, from: NodeId, body: &Message, cx: &mut Cx<'_>) {
        // No more are remembered than there are connections.
        if !matches!(body, Message::Ask | Message::Follow(_)) || !self.detector.is_connected(from) {
            return;
        }
        self.learners.insert(from);
        if let (Message::Ask, Role::Leading { epoch, .. }) = (body, &self.role) {
            cx.send_urgent(vec![from], Message::Lead(*epoch));
        }
    }

    pub(super) fn tell_learners(&self, body: Message, cx: &mut Cx<'_>) {
        cx.send_urgent(self.learners.iter().copied().collect(), body);
    }
}
