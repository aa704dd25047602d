//! Who steps in when the coordinator is gone, or when a change that was begun does not end.
//!
//! The first member of the view that has the state and is not suspected acts at once; each next one
//! holds back a little longer. Before it disturbs anybody, it asks whether a majority has lost the
//! coordinator too (Ongaro 2014: the vote before the vote): a member that alone lost sight of a
//! healthy coordinator changes nothing. The coordinator itself asks, too, when it has promised an
//! epoch to somebody that vanished: until it hears that the others do not follow that one, it stays
//! frozen.

use std::collections::BTreeSet;

use machine::{Context, NodeId};

use super::inside::Role;
use super::message::Message;
use super::view::Member;
use super::{Alarm, Group, Standing};

/// By how much of the flush limit each next candidate holds back.
pub(super) const CANDIDATE_STEP: u32 = 8;
/// After how many flush limits a promise that nothing came of is doubted.
pub(super) const PATIENCE: u32 = 2;

impl Group {
    /// At another member: whether it has to step in for the coordinator, or for a member that began
    /// a change and does not end it.
    pub(super) fn stand_in(&mut self, cx: &mut Context<'_, Self>) {
        let (me, flush_limit) = (self.settings.me, self.settings.flush_limit);
        let Some(inside) = self.inside() else { return };
        let doubted = match inside.promised {
            None => Some(inside.view.coordinator),
            Some((epoch, at)) if cx.now.since(at) < flush_limit * PATIENCE => Some(epoch.node),
            Some(_) => None,
        };
        let is_doubtful = doubted.is_none_or(|node| node == me || inside.suspected.contains(&node));
        if !is_doubtful {
            inside.doubtful_since = None;
            if let Some((_, at)) = inside.promised {
                let patience = flush_limit * PATIENCE;
                cx.set(Alarm::Candidate, (at + patience).since(cx.now));
            }
            return;
        }
        let since = *inside.doubtful_since.get_or_insert(cx.now);
        let view = inside.view.id;
        let canvassers: Vec<_> = std::mem::take(&mut inside.canvassers).into_iter().collect();
        if !canvassers.is_empty() {
            self.send_many(canvassers, Message::Support(view), cx);
        }
        let Some(rank) = self.rank() else { return };
        let due = since + flush_limit * rank / CANDIDATE_STEP;
        if cx.now < due {
            return cx.set(Alarm::Candidate, due.since(cx.now));
        }
        self.canvass(cx);
    }

    /// How many members come before this one when it is about who steps in; `None` if it may not.
    fn rank(&self) -> Option<u32> {
        let Standing::Inside(inside) = &self.standing else { return None };
        if !inside.has_state {
            return None;
        }
        let me = self.settings.me;
        let before = inside.view.members.iter().take_while(|member| member.node != me);
        let may = |member: &&Member| {
            member.has_state
                && member.node != inside.view.coordinator
                && !inside.suspected.contains(&member.node)
        };
        u32::try_from(before.filter(may).count()).ok()
    }

    fn canvass(&mut self, cx: &mut Context<'_, Self>) {
        let me = self.settings.me;
        let Some(inside) = self.inside() else { return };
        inside.role = Role::Canvassing(BTreeSet::from([me]));
        let (others, view) = (inside.others.clone(), inside.view.id);
        self.send_many(others, Message::Canvass(view), cx);
        self.set_repair(cx);
        self.advance(cx);
    }

    /// A member asks whether the coordinator is gone.
    pub(super) fn canvassed(&mut self, from: NodeId, cx: &mut Context<'_, Self>) {
        self.report_suspects(cx);
        if let Some(inside) = self.inside() {
            let coordinator = inside.view.coordinator;
            // A coordinator that asks is frozen: however healthy it is, it leads nobody any more, and
            // whoever has not promised follows nobody else.
            let is_leaderless = inside.promised.is_none()
                && (from == coordinator || inside.suspected.contains(&coordinator));
            let is_doubtful = inside.doubtful_since.is_some()
                || matches!(inside.role, Role::Canvassing(_))
                || is_leaderless;
            if is_doubtful {
                let view = inside.view.id;
                self.send(from, Message::Support(view), cx);
            } else {
                inside.canvassers.insert(from);
            }
        }
        self.consider(cx);
    }

    pub(super) fn supported(&mut self, from: NodeId, cx: &mut Context<'_, Self>) {
        if let Some(inside) = self.inside()
            && let Role::Canvassing(supporters) = &mut inside.role
        {
            supporters.insert(from);
            self.advance(cx);
        }
    }
}
