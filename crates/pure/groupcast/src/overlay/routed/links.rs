//! Which links of the overlay are up, as far as a node knows, and what its neighbours do not know
//! yet. A value: [`Routed`](super::Routed) sends what it says is owed.

use std::collections::{BTreeMap, BTreeSet};

use machine::{Incarnation, NodeId};
use serde::{Deserialize, Serialize};

use crate::overlay::Overlay;

/// How much one message of states holds, counted as eight for a state and one for a link that is
/// down: some 400 bytes with small ids, and hardly ever above what one datagram takes (1232).
const BATCH_MAX: usize = 256;
const STATE_SIZE: usize = 8;

/// How new a state is. No two states of a node have the same version, and any two can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Version {
    /// One above the highest that the origin heard of from lives before its own.
    pub incarnation: Incarnation,
    /// How many changes of its links there were since.
    pub changes: u64,
    /// Drawn at the start of a life: what tells two of them apart until the later one has heard of
    /// the earlier one.
    pub life: u32,
}

/// What a node says of its own links.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkState {
    /// Who says it.
    pub origin: NodeId,
    /// How new it is.
    pub version: Version,
    /// The neighbours to which no link is up.
    pub down: BTreeSet<NodeId>,
}

impl LinkState {
    fn seen(&self) -> Seen {
        Seen { origin: self.origin, version: self.version }
    }
}

/// That a state, or a newer one of the same origin, is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Whose state.
    pub origin: NodeId,
    /// How new the known one is.
    pub version: Version,
}

/// The newest states known, one an origin at most, and to whom they are owed.
#[derive(Debug, Clone)]
pub(super) struct Links {
    me: NodeId,
    states: BTreeMap<NodeId, LinkState>,
    /// The neighbours to which a link is up; for each the origins whose states it is not known to
    /// have, and whether these were sent.
    owed: BTreeMap<NodeId, BTreeMap<NodeId, bool>>,
}

impl Links {
    pub fn new(me: NodeId, overlay: &Overlay) -> Self {
        let down = overlay.neighbours(me).clone();
        let own = LinkState { origin: me, version: Version::default(), down };
        let states = BTreeMap::from([(me, own)]);
        Self { me, states, owed: BTreeMap::new() }
    }

    pub fn begin(&mut self, life: u32) {
        self.own().version.life = life;
    }

    /// The life that a node was last known to be in; none if nothing was heard of it.
    pub fn life(&self, node: NodeId) -> Option<u32> {
        self.states.get(&node).map(|state| state.version.life)
    }

    /// The life of this node.
    pub fn own_life(&self) -> u32 {
        self.life(self.me).unwrap_or_default()
    }

    /// Whether this node's own link to a neighbour is up.
    pub fn is_open(&self, neighbour: NodeId) -> bool {
        self.owed.contains_key(&neighbour)
    }

    /// Whether a link is up, as far as this node knows: of its own it is the judge, of others both
    /// ends must say so.
    pub fn is_up(&self, one: NodeId, other: NodeId) -> bool {
        if one == self.me {
            self.is_open(other)
        } else {
            self.says(one, other) && self.says(other, one)
        }
    }

    /// Whether a node says that its link to another one is up, and is to be believed: who still
    /// calls a link up that this node knows to be closed has not noticed yet, and may be dead.
    fn says(&self, one: NodeId, other: NodeId) -> bool {
        let (Some(own), Some(state)) = (self.states.get(&self.me), self.states.get(&one)) else {
            return false;
        };
        let is_stale = own.down.contains(&one) && !state.down.contains(&self.me);
        !is_stale && !state.down.contains(&other)
    }

    /// A link of this node came up or went down.
    pub fn set(&mut self, neighbour: NodeId, is_open: bool) {
        if !is_open && !self.is_open(neighbour) {
            return;
        }
        let own = self.own();
        let changed =
            if is_open { own.down.remove(&neighbour) } else { own.down.insert(neighbour) };
        if changed {
            own.version.changes = own.version.changes.saturating_add(1);
        }
        if is_open {
            self.owe_all(neighbour);
        } else {
            self.owed.remove(&neighbour);
        }
        if changed {
            self.owe(self.me);
        }
    }

    /// Takes what a life of a neighbour says: whether a state changed, and what to answer.
    pub fn learn(
        &mut self,
        from: NodeId,
        life: u32,
        states: Vec<LinkState>,
        overlay: &Overlay,
    ) -> (bool, Vec<Seen>) {
        let (mut changed, mut known) = (false, Vec::new());
        let heard_of: Vec<Seen> = states.iter().map(LinkState::seen).collect();
        for state in states.into_iter().filter(|state| overlay.contains(state.origin)) {
            let (origin, heard) = (state.origin, state.version);
            if origin == self.me {
                self.outlive(heard);
            } else if self.states.get(&origin).is_none_or(|mine| mine.version < heard) {
                self.replace(state, overlay);
                changed = true;
            }
            let version = self.states.get(&origin).map_or(heard, |mine| mine.version);
            known.push(Seen { origin, version });
            if heard < version {
                self.owed.get_mut(&from).and_then(|owed| owed.insert(origin, false));
            }
        }
        self.known(from, life, &heard_of);
        (changed, known)
    }

    fn replace(&mut self, mut state: LinkState, overlay: &Overlay) {
        let (origin, life) = (state.origin, state.version.life);
        state.down.retain(|&neighbour| overlay.has_edge(origin, neighbour));
        let last = self.states.insert(origin, state);
        if last.is_some_and(|last| last.version.life != life) && self.is_open(origin) {
            // A new life of a neighbour knows nothing of what an earlier one knew.
            self.owe_all(origin);
        }
        self.owe(origin);
    }

    /// A newer state of this node than its own is of a life before: a higher incarnation makes its
    /// own word the newest.
    fn outlive(&mut self, heard: Version) {
        let own = self.own();
        if heard > own.version {
            let incarnation = heard.incarnation.next();
            own.version = Version { incarnation, changes: 0, life: own.version.life };
            self.owe(self.me);
        }
    }

    /// A life of a neighbour knows these. What another life knew than the one that is known here
    /// says nothing, except that one of the two is out of date: the neighbour is shown what is
    /// known of it.
    pub fn known(&mut self, from: NodeId, life: u32, seen: &[Seen]) {
        let is_current = self.life(from) == Some(life);
        let Some(owed) = self.owed.get_mut(&from) else { return };
        if !is_current {
            owed.insert(from, false);
            return;
        }
        for Seen { origin, version } in seen {
            if self.states.get(origin).is_some_and(|mine| mine.version <= *version) {
                owed.remove(origin);
            }
        }
    }

    /// For each neighbour the states that it lacks and was not sent; they count as sent from now
    /// on.
    pub fn take_unsent(&mut self) -> Vec<(NodeId, Vec<LinkState>)> {
        let mut unsent = Vec::new();
        for (&neighbour, owed) in &mut self.owed {
            let mut new = Vec::new();
            for (origin, was_sent) in owed.iter_mut().filter(|(_, was_sent)| !**was_sent) {
                *was_sent = true;
                new.extend(self.states.get(origin).cloned());
            }
            if !new.is_empty() {
                unsent.push((neighbour, new));
            }
        }
        unsent
    }

    /// What was sent and is not known may have been lost.
    pub fn forget_sent(&mut self) {
        self.owed
            .values_mut()
            .flat_map(BTreeMap::values_mut)
            .for_each(|was_sent| *was_sent = false);
    }

    fn own(&mut self) -> &mut LinkState {
        self.states.get_mut(&self.me).expect("a node's own state is made with it and never removed")
    }

    /// Owes one origin's state to all neighbours.
    fn owe(&mut self, origin: NodeId) {
        for owed in self.owed.values_mut() {
            owed.insert(origin, false);
        }
    }

    /// Owes all states to one neighbour.
    fn owe_all(&mut self, neighbour: NodeId) {
        let all = self.states.keys().map(|&origin| (origin, false)).collect();
        self.owed.insert(neighbour, all);
    }
}

/// Cuts states into messages of bounded size, none of them empty.
pub(super) fn batches(states: Vec<LinkState>) -> Vec<Vec<LinkState>> {
    let (mut batches, mut room) = (Vec::<Vec<LinkState>>::new(), 0);
    for state in states {
        let size = STATE_SIZE + state.down.len();
        match batches.last_mut() {
            Some(batch) if size <= room => {
                room -= size;
                batch.push(state);
            }
            _ => {
                room = BATCH_MAX.saturating_sub(size);
                batches.push(vec![state]);
            }
        }
    }
    batches
}
