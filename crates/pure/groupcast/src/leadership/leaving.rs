//! Voters that want to go for good. The voters are fixed, so each that goes makes the majority
//! harder to reach; the leader lets one go at a time, and only while a majority stays without it.
//! A leader that crashes forgets whom it let go and has not gone yet: what then may be lost is the
//! majority, and with it the trade, never what was confirmed.

use machine::{Epoch, NodeId};

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
        let Role::Leading { epoch, followers } = &self.role else { return };
        let limit = self.settings.heartbeat_limit;
        let stays = |node: &NodeId| {
            let heard = followers.get(node);
            *node != from
                && !self.released.contains(node)
                && self.detector.is_connected(*node)
                && heard.is_some_and(|&heard| cx.now.since(heard) < limit)
        };
        let staying = self.settings.voters.iter().filter(|node| stays(node)).count();
        if *epoch == asked && staying + 1 >= self.fence.needed() {
            let epoch = *epoch;
            self.released.insert(from);
            cx.send(from, Message::Released(epoch));
        }
    }
}
