//! The change of views, at the member that leads it.
//!
//! ```text
//!            the coordinator has a reason
//!   Quiet ──────────────────────────────────▶ Preparing ──▶ Gathering ──▶ Proposing ──▶ Install
//!     │  the coordinator is gone                 ▲   a majority     all before    a majority
//!     └─────────────────────────▶ Canvassing ────┘   promised, and  the cut is    accepted, and
//!                                  a majority says   all that are   here          all that are
//!                                  that it is gone   there did                    there did
//!
//!   Canvass, Support              is the coordinator gone for you too? it is
//!   Prepare {epoch}, Promised     take no more in this view, and say what you hold
//!   Fetch, Supply                 what is held by others and lies before the cut
//!   Propose {proposal}, Accepted  the next view and the cut; accepted once all before it is held
//!   Install {proposal}            decided
//!   Reject {epoch}                a higher epoch was promised: give up
//! ```
//!
//! It is Paxos for one value a view: the view that follows it and the cut (Lamport 1998). **At most
//! one proposal is decided for a view**, because a candidate that finds an accepted one among the
//! promises of a majority proposes that and no other (SAFETY S2). **Nothing that was delivered safe
//! is lost**, because it was held by a majority before any of them promised, and the cut takes in
//! all that any promiser holds. **Members that go on together delivered the same**, because only
//! promisers go on, a promiser takes nothing more, and each delivers exactly up to the cut.
//!
//! A member that is slow but not suspected is waited for, up to the flush limit; so a change does
//! not cost healthy members their place.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use machine::{Context, Epoch, NodeId};

use super::candidate::{CANDIDATE_STEP, PATIENCE};
use super::inside::{Inside, Role};
use super::marks;
use super::message::{Message, Promise};
use super::view::{Member, Proposal, View, ViewId};
use super::{Alarm, Group, Report, Standing};
use crate::detector::Health;

impl Group {
    /// Looks whether there is something to do about the view.
    pub(super) fn consider(&mut self, cx: &mut Context<'_, Self>) {
        self.report_suspects(cx);
        let (me, patience) = (self.settings.me, self.settings.flush_limit * PATIENCE);
        let Some(inside) = self.inside() else { return };
        if inside.decided.is_some() {
            return;
        }
        if inside.role.is_active() {
            let waits_since = inside.role.waits_since();
            if waits_since.is_some_and(|since| cx.now.since(since) >= patience) {
                // Too few of those that promised are left: others may promise now.
                cx.mark(marks::PREPARED_AGAIN);
                return self.prepare(cx);
            }
            return self.advance(cx);
        }
        if inside.view.coordinator == me && inside.promised.is_none() {
            if self.has_reason(cx) {
                self.prepare(cx);
            }
        } else {
            self.stand_in(cx);
        }
    }

    pub(super) fn report_suspects(&mut self, cx: &mut Context<'_, Self>) {
        let (detector, now) = (&self.detector, cx.now);
        let Standing::Inside(inside) = &mut self.standing else { return };
        for &node in &inside.others {
            // A new life of it that asks to be let in is not the member.
            let is_reborn = inside.joiners.contains_key(&node);
            let health = match detector.health(node, now) {
                Health::Alive if is_reborn => Health::Closed,
                health => health,
            };
            if health == Health::Alive {
                inside.suspected.remove(&node);
            } else if inside.suspected.insert(node) {
                cx.report(Report::Suspected(node, health));
            }
        }
    }

    /// At the coordinator: whether the view has to change.
    fn has_reason(&mut self, cx: &mut Context<'_, Self>) -> bool {
        if !self.admissible(cx).is_empty() {
            return true;
        }
        let Some(inside) = self.inside() else { return false };
        let is_gone = |node: &NodeId| {
            inside.suspected.contains(node)
                || inside.leavers.contains(node)
                || inside.joiners.contains_key(node)
        };
        inside.others.iter().any(is_gone) || inside.may_leave() || self.has_stalled(cx)
    }

    /// Asks all for their promise of an epoch of its own.
    pub(super) fn prepare(&mut self, cx: &mut Context<'_, Self>) {
        let me = self.settings.me;
        self.counts.changes += 1;
        let epoch = match self.inside() {
            Some(inside) => inside.view.epoch,
            None => return,
        };
        let epoch = self.highest.max(epoch).next(me);
        self.highest = epoch;
        let Some(inside) = self.inside() else { return };
        inside.promised = Some((epoch, cx.now));
        // What another candidate proposed before may not be accepted any more (SAFETY S1).
        inside.pending = None;
        inside.traffic.freeze();
        let promises = BTreeMap::from([(me, inside.promise())]);
        inside.role = Role::Preparing { epoch, since: cx.now, promises };
        let (others, view) = (inside.others.clone(), inside.view.id);
        self.send_many(others, Message::Prepare(view, epoch), cx);
        self.set_repair(cx);
        self.advance(cx);
    }

    /// A member promised.
    pub(super) fn promised(
        &mut self,
        from: NodeId,
        epoch: Epoch,
        promise: Promise,
        cx: &mut Context<'_, Self>,
    ) {
        let Some(inside) = self.inside() else { return };
        let streams = inside.traffic.held().len();
        let fits = promise.held.len() == streams
            && promise.accepted.as_ref().is_none_or(|(_, accepted)| accepted.cut.len() == streams);
        if let Role::Preparing { epoch: mine, promises, .. } = &mut inside.role
            && *mine == epoch
            && fits
        {
            promises.entry(from).or_insert(promise);
            self.advance(cx);
        }
    }

    /// A member promised a higher epoch to another one.
    pub(super) fn rejected(&mut self, epoch: Epoch, cx: &mut Context<'_, Self>) {
        self.highest = self.highest.max(epoch);
        let Some(inside) = self.inside() else { return };
        if inside.role.epoch().is_some_and(|mine| mine < epoch) {
            cx.mark(marks::OVERTAKEN);
            inside.role = Role::Quiet;
            inside.doubtful_since = Some(cx.now);
            // Of two that stand in each other's way, one comes first the next time.
            let limit = self.settings.flush_limit / CANDIDATE_STEP;
            let nanos = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
            let delay = Duration::from_nanos(cx.random.below(nanos));
            cx.set(Alarm::Candidate, delay);
        }
    }

    /// Takes the next step, if all that it needs is there.
    pub(super) fn advance(&mut self, cx: &mut Context<'_, Self>) {
        let (me, flush_limit) = (self.settings.me, self.settings.flush_limit);
        let Some(inside) = self.inside() else { return };
        let majority = inside.view.majority();
        match &inside.role {
            Role::Quiet => {}
            Role::Canvassing(supporters) => {
                let is_doubtful = inside.promised.is_some()
                    || inside.suspected.contains(&inside.view.coordinator);
                if !is_doubtful {
                    inside.role = Role::Quiet;
                    inside.doubtful_since = None;
                } else if supporters.len() >= majority {
                    self.prepare(cx);
                }
            }
            Role::Preparing { epoch, since, promises } => {
                let is_waited_for = |node: &NodeId| {
                    !promises.contains_key(node) && !inside.suspected.contains(node)
                };
                let has_time = cx.now.since(*since) < flush_limit;
                let with_state = promises.values().any(|promise| promise.has_state);
                if promises.len() < majority
                    || !with_state
                    || has_time && inside.others.iter().any(is_waited_for)
                {
                    return;
                }
                let (epoch, promises) = (*epoch, promises.clone());
                let Some(proposal) = self.choose(epoch, &promises, cx) else { return };
                if let Some(inside) = self.inside() {
                    inside.role = Role::Gathering { epoch, since: cx.now, proposal, promises };
                    self.gather(cx);
                }
            }
            Role::Gathering { .. } => self.gather(cx),
            Role::Proposing { since, proposal, promised, accepted, .. } => {
                let has_time = cx.now.since(*since) < flush_limit;
                let is_waited_for = |node: &NodeId| {
                    *node != me
                        && promised.contains(node)
                        && !accepted.contains(node)
                        && !inside.suspected.contains(node)
                };
                if accepted.len() < majority || has_time && promised.iter().any(is_waited_for) {
                    return;
                }
                let proposal = proposal.clone();
                self.decide(proposal, cx);
            }
        }
    }

    /// What to propose: what may have been decided already, or else the next view as it should be.
    fn choose(
        &mut self,
        epoch: Epoch,
        promises: &BTreeMap<NodeId, Promise>,
        cx: &mut Context<'_, Self>,
    ) -> Option<Proposal> {
        let accepted = promises.values().filter_map(|promise| promise.accepted.as_ref());
        if let Some((accepted, proposal)) = accepted.max_by_key(|(epoch, _)| *epoch) {
            // What this member put forward by itself in that epoch only it could have decided, and
            // it has not. Who was to be in that view may be gone since.
            let is_own = accepted.node == self.settings.me && proposal.view.epoch == *accepted;
            if !is_own {
                cx.mark(marks::PROPOSAL_TAKEN_OVER);
                return Some(proposal.clone());
            }
            cx.mark(marks::OWN_PROPOSAL_DROPPED);
        }
        let transfers_state = self.settings.transfers_state;
        #[cfg(feature = "planted")]
        let planted = self.settings.planted;
        let (me, admitted) = (self.settings.me, self.admissible(cx));
        let inside = self.inside()?;
        // A process that has started again is not what promised before.
        let goes =
            |node: &NodeId| inside.leavers.contains(node) || inside.joiners.contains_key(node);
        // Somebody has to stay that has the state.
        let stays =
            |(node, promise): (&NodeId, &Promise)| *node != me && promise.has_state && !goes(node);
        let leaves = inside.may_leave() && promises.iter().any(stays);
        let mut members: Vec<Member> = Vec::new();
        for member in &inside.view.members {
            let Some(promise) = promises.get(&member.node) else { continue };
            let is_out = goes(&member.node) || (leaves && member.node == me);
            if !is_out {
                members.push(Member { has_state: promise.has_state, ..member.clone() });
            }
        }
        let with_state = members.iter().filter(|member| member.has_state).map(|member| member.node);
        let mut coordinators = with_state
            .filter(|&node| node == me)
            .chain(members.iter().filter(|member| member.has_state).map(|member| member.node));
        let coordinator = coordinators.next()?;
        drop(coordinators);
        let all = members.len();
        let room = keep_balance(&mut members, transfers_state);
        if members.len() < all {
            cx.mark(marks::UNBALANCED);
        }
        members.extend(admitted.into_iter().take(room).map(|joiner| Member {
            node: joiner.node,
            incarnation: joiner.incarnation,
            address: joiner.address,
            has_state: !transfers_state,
        }));
        let mut cut = inside.traffic.held();
        for promise in promises.values() {
            #[cfg(feature = "planted")]
            if planted == Some(super::Planted::CutOfItsOwn) {
                break;
            }
            for (cut, &held) in cut.iter_mut().zip(&promise.held) {
                *cut = held.max(*cut);
            }
        }
        let id = ViewId { number: inside.view.id.number + 1, ..inside.view.id };
        Some(Proposal { view: View { id, epoch, members, coordinator }, cut })
    }

    /// Gets what lies before the cut, and then proposes.
    fn gather(&mut self, cx: &mut Context<'_, Self>) {
        let me = self.settings.me;
        let Some(inside) = self.inside() else { return };
        let Role::Gathering { epoch, proposal, promises, .. } = &inside.role else { return };
        let (epoch, proposal, view) = (*epoch, proposal.clone(), inside.view.id);
        let missing = inside.traffic.missing(&proposal.cut);
        if !missing.is_empty() {
            cx.mark(marks::CANDIDATE_LACKED);
            let mut wanted: BTreeMap<NodeId, Vec<(u16, u64)>> = BTreeMap::new();
            for (stream, from) in missing {
                let holds = |promise: &Promise| promise.held[usize::from(stream)];
                let best = promises.iter().max_by_key(|(_, promise)| holds(promise));
                if let Some((&node, _)) = best {
                    wanted.entry(node).or_default().push((stream, from));
                }
            }
            for (node, missing) in wanted {
                self.send(node, Message::Fetch(view, epoch, missing), cx);
            }
            return self.set_repair(cx);
        }
        let promised: BTreeSet<NodeId> = promises.keys().copied().collect();
        inside.accepted = Some((epoch, proposal.clone()));
        inside.role = Role::Proposing {
            epoch,
            since: cx.now,
            proposal: proposal.clone(),
            promised: promised.clone(),
            accepted: BTreeSet::from([me]),
        };
        let to = promised.into_iter().filter(|&node| node != me).collect();
        self.introduce(&proposal.view, cx);
        self.send_many(to, Message::Propose(view, epoch, proposal), cx);
        self.set_repair(cx);
        self.advance(cx);
    }

    /// A member accepted.
    pub(super) fn accepted(&mut self, from: NodeId, epoch: Epoch, cx: &mut Context<'_, Self>) {
        if let Some(inside) = self.inside()
            && let Role::Proposing { epoch: mine, accepted, .. } = &mut inside.role
            && *mine == epoch
        {
            accepted.insert(from);
            self.advance(cx);
        }
    }

    /// Says again what was not answered.
    pub(super) fn repair_change(&mut self, cx: &mut Context<'_, Self>) {
        let Some(inside) = self.inside() else { return };
        if inside.decided.is_some() {
            return self.fetch_rest(cx);
        }
        let view = inside.view.id;
        let without = |answered: &dyn Fn(&NodeId) -> bool| -> Vec<NodeId> {
            inside.others.iter().copied().filter(|node| !answered(node)).collect()
        };
        let (to, body) = match &inside.role {
            Role::Quiet => {
                self.accept_pending(cx);
                return;
            }
            Role::Canvassing(supporters) => {
                (without(&|node| supporters.contains(node)), Message::Canvass(view))
            }
            Role::Preparing { epoch, promises, .. } => {
                (without(&|node| promises.contains_key(node)), Message::Prepare(view, *epoch))
            }
            Role::Gathering { .. } => return self.gather(cx),
            Role::Proposing { epoch, proposal, promised, accepted, .. } => (
                without(&|node| accepted.contains(node) || !promised.contains(node)),
                Message::Propose(view, *epoch, proposal.clone()),
            ),
        };
        self.send_many(to, body, cx);
        self.set_repair(cx);
        self.consider(cx);
    }
}

/// Leaves out members without state that are more than those with it: otherwise the next minority
/// that crashes could take the state with it. How many may be let in beside the others.
fn keep_balance(members: &mut Vec<Member>, transfers_state: bool) -> usize {
    if !transfers_state {
        return super::MEMBERS_MAX.saturating_sub(members.len());
    }
    let mut room = members.iter().filter(|member| member.has_state).count();
    members.retain(|member| {
        let stays = member.has_state || room > 0;
        room -= usize::from(stays && !member.has_state);
        stays
    });
    room
}

impl Inside {
    /// Whether this member may go now: its messages are delivered, and somebody stays that has the
    /// state.
    fn may_leave(&self) -> bool {
        let stays = |member: &Member| member.has_state && self.others.contains(&member.node);
        self.is_leaving
            && match self.promised {
                // The end of the view that is under way delivers what is in its stream.
                Some(_) => self.traffic.is_packed(),
                None => self.traffic.is_settled(),
            }
            && self.view.members.iter().any(stays)
    }
}
