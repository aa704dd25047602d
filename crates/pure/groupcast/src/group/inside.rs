//! What a member holds while it is in a view.

use std::collections::{BTreeMap, BTreeSet};

use machine::{Epoch, Instant, NodeId};

use super::message::{Joiner, Promise};
use super::settings::Settings;
use super::state::Transfer;
use super::traffic::Traffic;
use super::view::{Proposal, View, ViewId};

/// A member's part in a view.
#[derive(Debug, Clone)]
pub(super) struct Inside {
    pub view: View,
    pub others: Vec<NodeId>,
    pub traffic: Traffic,
    /// Whether this member has the application's state.
    pub has_state: bool,
    pub transfer: Transfer,
    /// The view before, for those who have not heard that it ended.
    pub before: Option<(ViewId, Proposal)>,
    /// What was held of the view before, for those who lack some of it, until all others have been
    /// heard in this view.
    pub traffic_before: Option<Traffic>,
    pub unheard: BTreeSet<NodeId>,

    /// The epoch promised, and when: nothing more is taken in this view since.
    pub promised: Option<(Epoch, Instant)>,
    /// The proposal accepted last; all that lies before its cut is held.
    pub accepted: Option<(Epoch, Proposal)>,
    /// A proposal that will be accepted once all is held, and whose it is.
    pub pending: Option<(Epoch, Proposal, NodeId)>,
    /// What was decided, while something before its cut is missing here, and how often that was
    /// asked for.
    pub decided: Option<(Proposal, usize)>,
    /// What this member does to change the view.
    pub role: Role,
    /// Since when there is reason to do something, for a member that is not the coordinator.
    pub doubtful_since: Option<Instant>,
    /// Who asked whether the coordinator is gone, while it was not.
    pub canvassers: BTreeSet<NodeId>,
    /// Who was reported as suspected.
    pub suspected: BTreeSet<NodeId>,

    pub joiners: BTreeMap<NodeId, Joiner>,
    pub leavers: BTreeSet<NodeId>,
    pub is_leaving: bool,
    /// At the coordinator: how much each member that holds up the others held, and since when.
    pub stalled: BTreeMap<NodeId, (u64, Instant)>,
}

/// What a member does to change the view.
#[derive(Debug, Clone)]
pub(super) enum Role {
    /// Nothing.
    Quiet,
    /// It asks whether the coordinator is gone for a majority.
    Canvassing(BTreeSet<NodeId>),
    /// It collects promises.
    Preparing { epoch: Epoch, since: Instant, promises: BTreeMap<NodeId, Promise> },
    /// It knows the next view, and collects what lies before the cut.
    Gathering {
        epoch: Epoch,
        since: Instant,
        proposal: Proposal,
        promises: BTreeMap<NodeId, Promise>,
    },
    /// It collects the members that accept.
    Proposing {
        epoch: Epoch,
        since: Instant,
        proposal: Proposal,
        promised: BTreeSet<NodeId>,
        accepted: BTreeSet<NodeId>,
    },
}

impl Role {
    pub fn is_active(&self) -> bool {
        !matches!(self, Self::Quiet)
    }

    /// Since when this member waits for what its promisers hold or accept: they may be gone.
    pub fn waits_since(&self) -> Option<Instant> {
        match self {
            Self::Quiet | Self::Canvassing(_) | Self::Preparing { .. } => None,
            Self::Gathering { since, .. } | Self::Proposing { since, .. } => Some(*since),
        }
    }

    /// The epoch that is being made, if one is.
    pub fn epoch(&self) -> Option<Epoch> {
        match self {
            Self::Quiet | Self::Canvassing(_) => None,
            Self::Preparing { epoch, .. }
            | Self::Gathering { epoch, .. }
            | Self::Proposing { epoch, .. } => Some(*epoch),
        }
    }
}

impl Inside {
    /// A member's part in a view that begins; `None` if it is not in it.
    pub fn new(view: View, settings: &Settings, has_state: bool) -> Option<Self> {
        let traffic = Traffic::new(&view, settings, has_state)?;
        let others = view.nodes().filter(|&node| node != settings.me).collect();
        Some(Self {
            view,
            others,
            traffic,
            has_state,
            transfer: Transfer::default(),
            before: None,
            traffic_before: None,
            unheard: BTreeSet::new(),
            promised: None,
            accepted: None,
            pending: None,
            decided: None,
            role: Role::Quiet,
            doubtful_since: None,
            canvassers: BTreeSet::new(),
            suspected: BTreeSet::new(),
            joiners: BTreeMap::new(),
            leavers: BTreeSet::new(),
            is_leaving: false,
            stalled: BTreeMap::new(),
        })
    }

    /// What this member says when it promises.
    pub fn promise(&self) -> Promise {
        Promise {
            accepted: self.accepted.clone(),
            held: self.traffic.held(),
            has_state: self.has_state,
        }
    }

    /// How many more members may be let in: while they have no state, any majority of the view must
    /// keep a member that has it, and a minority that crashes must leave one.
    pub fn room_for_joiners(&self) -> usize {
        let with_state = self.view.members.iter().filter(|member| member.has_state).count();
        let without = self.view.members.len() - with_state;
        with_state
            .saturating_sub(without)
            .min(super::MEMBERS_MAX.saturating_sub(self.view.members.len()))
    }
}
