//! What `foca` sees of the machine: an identity, a runtime, and only messages that are fit for it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::{Buf, Bytes};
use foca::{Codec, Header, Member, NoCustomBroadcast, Notification, PostcardCodec};
use machine::{After, Destination, Incarnation, NodeId, Random};
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

use super::{Alarm, Cx, MEMBERS_MAX, Message, Report, Settings};

pub(super) type Foca = foca::Foca<Identity, PostcardCodec, Pcg64Mcg, NoCustomBroadcast>;
pub(super) type Timer = foca::Timer<Identity>;

/// Who a member is: of two identities of a node, the later one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Identity {
    node: NodeId,
    incarnation: Incarnation,
    /// How often it was declared down and came back in that life.
    returns: u32,
}

impl Identity {
    pub fn new(node: NodeId, incarnation: Incarnation) -> Self {
        Self { node, incarnation, returns: 0 }
    }

    /// The identity after it was declared down.
    pub fn returned(self) -> Self {
        Self { returns: self.returns.saturating_add(1), ..self }
    }
}

impl foca::Identity for Identity {
    type Addr = NodeId;

    fn addr(&self) -> NodeId {
        self.node
    }

    /// Never by `foca` itself: it would first spread what it believes of the others.
    fn renew(&self) -> Option<Self> {
        None
    }

    fn win_addr_conflict(&self, adversary: &Self) -> bool {
        self > adversary
    }
}

pub(super) fn begin(identity: Identity, settings: &Settings, random: &mut Random) -> Foca {
    let seed = (u128::from(random.next_u64()) << 64) | u128::from(random.next_u64());
    Foca::new(identity, settings.config(), Pcg64Mcg::new(seed), PostcardCodec)
}

/// The message as far as it may be taken: none of it if its sender is not who the host says, and
/// nothing about nodes for which the list has no room.
pub(super) fn admitted(foca: &Foca, from: NodeId, data: Bytes) -> Option<Bytes> {
    let mut rest = &data[..];
    let header: Header<Identity> = PostcardCodec.decode_header(&mut rest).ok()?;
    if header.src.node != from {
        return None;
    }
    let room = MEMBERS_MAX.saturating_sub(foca.iter_membership_state().len());
    // Each update takes five bytes at least, and the sender may be new as well.
    if rest.len() / 5 < room {
        return Some(data);
    }
    let known: BTreeSet<NodeId> =
        foca.iter_membership_state().map(|member| member.id().node).collect();
    if !known.contains(&from) {
        return None;
    }
    if rest.len() < 2 {
        return Some(data);
    }
    let mut kept = Vec::from(&data[..data.len() - rest.len()]);
    let (mut count, mut updates) = (0_u16, Vec::new());
    for _ in 0..rest.get_u16() {
        let update: Member<Identity> = PostcardCodec.decode_member(&mut rest).ok()?;
        if known.contains(&update.id().node) {
            PostcardCodec.encode_member(&update, &mut updates).ok()?;
            count += 1;
        }
    }
    kept.extend(count.to_be_bytes());
    kept.extend(updates);
    Some(kept.into())
}

/// Whether this is the end of a suspicion that no longer stands.
pub(super) fn was_refuted(foca: &Foca, timer: &Timer) -> bool {
    let Timer::ChangeSuspectToDown { member_id, incarnation, .. } = timer else { return false };
    let suspect = Member::new(*member_id, *incarnation, foca::State::Suspect);
    !foca.iter_membership_state().any(|member| *member == suspect)
}

/// The world as `foca` acts on it.
pub(super) struct Outside<'a, 'c> {
    pub cx: &'a mut Cx<'c>,
    pub timers: &'a mut BTreeMap<Alarm, Timer>,
    pub up: &'a mut BTreeSet<NodeId>,
    pub fate: Option<Fate>,
}

/// What may become of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It holds all others for down.
    Alone,
    /// It was told that it is held for down; or it left.
    Down,
}

impl Outside<'_, '_> {
    fn up(&mut self, node: NodeId) {
        if self.up.insert(node) {
            self.cx.report(Report::Up(node));
        }
    }

    fn down(&mut self, node: NodeId) {
        if self.up.remove(&node) {
            self.cx.report(Report::Down(node));
        }
    }
}

impl foca::Runtime<Identity> for &mut Outside<'_, '_> {
    fn notify(&mut self, notification: Notification<'_, Identity>) {
        match notification {
            Notification::MemberUp(member) => self.up(member.node),
            Notification::MemberDown(member) => self.down(member.node),
            // A restart that was faster than its detection.
            Notification::Rename(old, new)
                if old.incarnation != new.incarnation && self.up.contains(&old.node) =>
            {
                self.down(old.node);
                self.up(new.node);
            }
            Notification::Rename(..) => {}
            Notification::Active => {
                self.fate = None;
                self.cx.clear(Alarm::Join);
            }
            Notification::Idle => self.fate = Some(Fate::Alone),
            Notification::Defunct => self.fate = Some(Fate::Down),
            // Only of identities that renew themselves.
            Notification::Rejoin(_) => {}
        }
    }

    fn send_to(&mut self, to: Identity, data: &[u8]) {
        let body = Message(Bytes::copy_from_slice(data));
        // Nothing here is durable, so it waits for no journal.
        self.cx.send_after(After::Nothing, Destination::One(to.node), body);
    }

    fn submit_after(&mut self, timer: Timer, delay: Duration) {
        let alarm = match &timer {
            Timer::ProbeRandomMember(_) => Alarm::Probe,
            Timer::SendIndirectProbe { .. } => Alarm::Indirect,
            Timer::PeriodicAnnounce(_) => Alarm::Announce,
            Timer::PeriodicAnnounceDown(_) => Alarm::AnnounceDown,
            Timer::PeriodicGossip(_) => Alarm::Gossip,
            Timer::ChangeSuspectToDown { member_id, .. } => Alarm::Suspicion(member_id.node),
            Timer::RemoveDown(member) => Alarm::Forget(member.node),
        };
        // A suspect that is probed in vain again gets no more time. In all other cases the newer
        // timer makes the older one of its name void: its token, incarnation or identity is older.
        if self.timers.get(&alarm) != Some(&timer) || !matches!(alarm, Alarm::Suspicion(_)) {
            self.timers.insert(alarm, timer);
            self.cx.set(alarm, delay);
        }
    }
}
