//! Voters that want to go for good. The voters are fixed, so each that goes makes the majority
//! harder to reach; the leader lets one go at a time, and only while a majority stays without it.
//! A leader that crashes forgets whom it let go; the next one lets nobody go for as long as a silent
//! node counts as there. Whoever takes longer than that to go may cost the market its majority, and
//! with it the trade, never what was confirmed.

use machine::{Epoch, Instant, NodeId};

use super::{Cx, Leadership, Message, Report, Role};

impl Leadership {
    pub(super) fn leave(&self, cx: &mut Cx<'_>) {
        match self.role {
            _ if !self.is_voter() => cx.report(Report::Released),
            Role::Following { epoch } => cx.send(epoch.node, Message::Leave(epoch)),
            // There is nobody to ask; a leader resigns first.
            Role::Seeking { .. } | Role::Leading { .. } => {}
        }
    }

    pub(super) fn release(&mut self, from: NodeId, asked: Epoch, cx: &mut Cx<'_>) {
        let Role::Leading { epoch, .. } = self.role else { return };
        if epoch == asked && self.is_majority_without(from, cx.now) {
            self.released.insert(from);
            cx.send(from, Message::Released(epoch));
        }
    }

    /// Whether this node leads, and could resign and go: a majority would stay.
    pub fn could_go(&self, now: Instant) -> bool {
        self.is_majority_without(self.settings.me, now)
    }

    fn is_majority_without(&self, gone: NodeId, now: Instant) -> bool {
        let Role::Leading { followers, .. } = &self.role else { return false };
        if now < self.releases_from {
            return false;
        }
        let is_heard = |node: &NodeId| {
            let heard = followers.get(node);
            self.detector.is_connected(*node)
                && heard.is_some_and(|&heard| now.since(heard) < self.settings.heartbeat_limit)
        };
        let stays = |node: &&NodeId| {
            **node != gone
                && !self.released.contains(node)
                && (**node == self.settings.me || is_heard(node))
        };
        self.settings.voters.iter().filter(stays).count() >= self.fence.needed()
    }
}
