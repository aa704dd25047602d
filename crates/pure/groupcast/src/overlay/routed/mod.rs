//! Routing: a machine that stands for any other one, and carries what it sends along the edges of
//! an overlay only.
//!
//! ```text
//!   Carried {from, to, hops, body}           a message of the machine inside, to the next hop on
//!                                            the way to each of `to`: one copy for all beyond it
//!   States {life, [{origin, version, down}]} neighbour to neighbour: which links each origin says
//!                                            are down
//!   Known {life, [{origin, version}]}        the answer: I have that, or better; stop sending it
//!   Pulse {hears}                            I am there, and have heard you of late, or not
//!   Direct                                   to or from a node outside the overlay: as it is
//!
//!          a link of its own opens or closes, or a newer state comes
//!   Quiet ─────────────────────────────────────────────────────────▶ Owing ──┐ Resend: send again
//!     ▲                                                                │ ▲───┘ what is not known
//!     └─────────────── Known by each neighbour ────────────────────────┘
//! ```
//!
//! The overlay is fixed and the same at all nodes; only which of its links are up changes. Each
//! node floods the links that it finds down, under a version that rises with each change and each
//! life, and sends that again to each neighbour until it is known there. A node keeps nothing over
//! a crash: it learns from its neighbours what its last life said, and outbids that. A link that is
//! not the node's own is up if both its ends say so.
//!
//! **What the machine inside is told.** It sees each node of the overlay as one connection:
//! `Opened(node)` when a way to it appears, be it a neighbour or not, and `Closed(node)` when the
//! last one is gone. When the link to a neighbour closes, the neighbour counts as gone at once
//! (SAFETY S5: suspected without a timer), and all that it said with it. It comes back when it says
//! itself that the link is closed: a living node that lost a link says so by another way, a dead
//! one says nothing. A far node that is heard to be in another life than before is `Closed` and
//! `Opened`.
//!
//! **Links that are open and dead.** Where a rhythm is set ([`Routed::watching`]), a link is up only
//! while both its ends hear each other: each says so once a period, and a neighbour that hangs, or
//! that a cut keeps from being heard, is taken for gone after the limit, and ways lead around it.
//!
//! **Promise.** Messages cross edges of the overlay only. When the links of a group stay as they
//! are, each node soon has a shortest way to each one that any way leads to, its machine was told
//! exactly these, and nothing more is said about links. While links change, a message may be lost,
//! or go round in a circle for as many hops as there are nodes; it is not doubled.
//!
//! **Why.** Each copy of a message is for other nodes than all other copies, and goes to a next
//! hop. Of each origin there is one newest state; whoever has it owes it to each neighbour until
//! this very life of the neighbour says that it has it, so it spreads over all links that are up.
//! Equal states give equal distances at all nodes, and each hop lowers the distance by one.
//!
//! Neighbours are trusted: one that lies about links, or about who sent what, is believed. A node
//! outside the overlay, such as a directory, is reached directly by all, forwards nothing, and need
//! not know of the overlay: what it sends and is sent is `Direct`.

mod links;
mod message;
mod neighbours;
#[cfg(test)]
mod tests;
mod watch;

pub use links::{LinkState, Seen, Version};
pub use message::{Alarm, Envelope, Message};

use std::collections::BTreeMap;
use std::time::Duration;

use machine::{After, Context, Destination, Effect, Input, Machine, NodeId};

use self::links::{Links, batches};
use self::watch::{Rhythm, Watch};
use super::{NODES_MAX, Overlay, Routes};

/// How long a node counts what it sends of states, and after how many of them it gathers what comes
/// next until that time is over. The news of a crash, one from each of a few neighbours, waits for
/// nothing; the many that a start brings share messages.
const PACE: Duration = Duration::from_millis(10);
const BURST_MAX: u32 = 8;
/// After how long states that a neighbour is not known to have are sent again: above the time of
/// one round over a link between continents.
const RESEND: Duration = Duration::from_millis(250);

/// Any machine, on an overlay.
///
/// ```
/// use groupcast::overlay::{Message, Overlay, Routed};
/// use machine::{Context, Effect, Input, Instant, Machine, Never, NodeId, Random};
///
/// /// Greets whoever it is told to.
/// struct Greeter;
///
/// impl Machine for Greeter {
///     type Message = &'static str;
///     type Command = NodeId;
/// #   type Report = Never;
/// #   type Record = Never;
/// #   type Snapshot = Never;
/// #   type Alarm = Never;
///     // …
///     fn handle(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
///         if let Input::Command(to) = input {
///             cx.send(to, "hello");
///         }
///     }
/// }
///
/// let ring = Overlay::ring(&(1..=5).map(NodeId).collect())?;
/// let mut node = Routed::new(NodeId(1), ring, Greeter);
/// let (mut random, mut effects) = (Random::from_seed(1), Vec::new());
/// for input in [Input::Start, Input::Opened(NodeId(2)), Input::Command(NodeId(2))] {
///     node.handle(input, &mut Context::new(Instant::ZERO, &mut random, &mut effects));
/// }
/// let Some(Effect::Send { body: Message::Carried(envelope), .. }) = effects.last() else {
///     panic!("a neighbour whose link is up is reached")
/// };
/// assert_eq!((envelope.from, envelope.body), (NodeId(1), "hello"));
/// # Ok::<(), groupcast::overlay::OverlayError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Routed<M> {
    me: NodeId,
    overlay: Overlay,
    links: Links,
    rhythm: Option<Rhythm>,
    watch: Watch,
    routes: Routes,
    /// The nodes that the machine inside was told are there, each in which life.
    reached: BTreeMap<NodeId, Option<u32>>,
    burst: u32,
    resending: bool,
    inner: M,
}

type Cx<'a, M> = Context<'a, Routed<M>>;

impl<M: Machine> Routed<M> {
    /// A node whose links are all down. Its neighbours are those that its host should connect to.
    pub fn new(me: NodeId, overlay: Overlay, inner: M) -> Self {
        Self {
            me,
            links: Links::new(me, &overlay),
            rhythm: None,
            watch: Watch::default(),
            overlay,
            routes: Routes::default(),
            reached: BTreeMap::new(),
            burst: 0,
            resending: false,
            inner,
        }
    }

    /// Has the node say that it is there each `period`, and take a neighbour for gone after `limit`
    /// without a word: the same at all nodes, and the limit several periods. Without it, only the
    /// end of a connection says that a neighbour is gone.
    #[must_use]
    pub fn watching(mut self, period: Duration, limit: Duration) -> Self {
        self.rhythm = Some(Rhythm { period, limit });
        self
    }

    /// The machine inside.
    pub fn inner(&self) -> &M {
        &self.inner
    }

    /// The ways that it sends by at the moment.
    pub fn routes(&self) -> &Routes {
        &self.routes
    }

    /// Lets the machine inside handle an input. What it sends is split by next hops, so
    /// [`Context::run`], which keeps destinations as they are, does not serve here.
    fn pass(&mut self, input: Input<M>, cx: &mut Cx<'_, M>) {
        let mut effects = Vec::new();
        self.inner.handle(input, &mut cx.listed(&mut effects));
        for effect in effects {
            match effect {
                Effect::Persist { journal, record } => cx.persist(journal, record),
                Effect::Snapshot { journal, snapshot } => cx.snapshot(journal, snapshot),
                Effect::Claim(epoch) => cx.claim(epoch),
                Effect::Send { to, body, after } => {
                    let (from, to) = (self.me, to.nodes().to_vec());
                    self.dispatch(Envelope { from, to, hops: self.hops_max(), body }, after, cx);
                }
                Effect::Set { alarm, at } => cx.set(Alarm::Inner(alarm), at.since(cx.now)),
                Effect::Clear(alarm) => cx.clear(Alarm::Inner(alarm)),
                Effect::Report { report, after } => cx.report_after(after, report),
            }
        }
    }

    /// No shortest way crosses more edges.
    fn hops_max(&self) -> u16 {
        u16::try_from(self.overlay.size()).unwrap_or(u16::MAX)
    }

    /// Whether no edges lie between: one of the two is outside the overlay.
    fn is_outside(&self, node: NodeId) -> bool {
        !(self.overlay.contains(node) && self.overlay.contains(self.me))
    }

    /// Whether a node is reached without the overlay.
    fn is_direct(&self, node: NodeId) -> bool {
        node == self.me || self.is_outside(node)
    }

    /// Sends one copy to each neighbour on the way to some of the destinations. What has no way is
    /// dropped, as by a connection that is closed.
    fn dispatch(&self, envelope: Envelope<M::Message>, after: After, cx: &mut Cx<'_, M>) {
        let mut ways: BTreeMap<NodeId, Vec<NodeId>> = BTreeMap::new();
        for &node in &envelope.to {
            if self.is_direct(node) {
                let body = Message::Direct(envelope.body.clone());
                cx.send_after(after, Destination::One(node), body);
            } else if let Some(via) = self.routes.next_hop(node) {
                ways.entry(via).or_default().push(node);
            }
        }
        for (via, to) in ways {
            let body = Message::Carried(Envelope { to, body: envelope.body.clone(), ..envelope });
            cx.send_after(after, Destination::One(via), body);
        }
    }

    fn carried(&mut self, mut envelope: Envelope<M::Message>, cx: &mut Cx<'_, M>) {
        if envelope.from == self.me || envelope.to.len() > NODES_MAX {
            return;
        }
        let is_mine = envelope.to.contains(&self.me);
        // Nobody speaks to the outside for another one.
        envelope.to.retain(|&node| !self.is_direct(node));
        envelope.hops = envelope.hops.min(self.hops_max()).saturating_sub(1);
        if envelope.hops > 0 && !envelope.to.is_empty() {
            // It says nothing of this node's journals.
            self.dispatch(envelope.clone(), After::Nothing, cx);
        }
        if is_mine {
            self.pass(Input::Message { from: envelope.from, body: envelope.body }, cx);
        }
    }

    /// Searches the ways anew, and tells the machine inside who went and who came.
    fn find_ways(&mut self, cx: &mut Cx<'_, M>) {
        let (me, links) = (self.me, &self.links);
        self.routes = self.overlay.routes_over(me, |one, other| links.is_up(one, other));
        let lives = self.routes.reached().map(|node| (node, links.life(node)));
        let before = std::mem::replace(&mut self.reached, lives.collect());
        // Of a neighbour's life its link tells.
        let stays = |node: &NodeId| match (before.get(node), self.reached.get(node)) {
            (Some(one), Some(other)) => one == other || links.is_open(*node),
            (None, _) | (_, None) => false,
        };
        let gone: Vec<NodeId> = before.keys().copied().filter(|node| !stays(node)).collect();
        let come: Vec<NodeId> = self.reached.keys().copied().filter(|node| !stays(node)).collect();
        for node in gone {
            self.pass(Input::Closed(node), cx);
        }
        for node in come {
            self.pass(Input::Opened(node), cx);
        }
    }

    /// Sends the states that neighbours lack and were not sent, at most [`BURST_MAX`] times a
    /// [`PACE`].
    fn share(&mut self, cx: &mut Cx<'_, M>) {
        if self.burst == BURST_MAX {
            return;
        }
        let unsent = self.links.take_unsent();
        if unsent.is_empty() {
            return;
        }
        let life = self.links.own_life();
        for (node, states) in unsent {
            for states in batches(states) {
                cx.send_urgent(vec![node], Message::States { life, states });
            }
        }
        if self.burst == 0 {
            cx.set(Alarm::Pace, PACE);
        }
        self.burst += 1;
        if !self.resending {
            self.resending = true;
            cx.set(Alarm::Resend, RESEND);
        }
    }
}

impl<M: Machine> Machine for Routed<M> {
    type Message = Message<M::Message>;
    type Command = M::Command;
    type Report = M::Report;
    type Record = M::Record;
    type Snapshot = M::Snapshot;
    type Alarm = Alarm<M::Alarm>;

    fn handle(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Restore { journal, snapshot } => {
                self.pass(Input::Restore { journal, snapshot }, cx);
            }
            Input::Replay { journal, record } => self.pass(Input::Replay { journal, record }, cx),
            Input::Start => {
                self.links.begin(cx.random.next_u64() as u32);
                self.pulse(cx);
                self.pass(Input::Start, cx);
            }
            Input::Claimed(epoch) => self.pass(Input::Claimed(epoch), cx),
            Input::Refused(epoch) => self.pass(Input::Refused(epoch), cx),
            Input::Command(command) => self.pass(Input::Command(command), cx),
            Input::Alarm(Alarm::Inner(alarm)) => self.pass(Input::Alarm(alarm), cx),
            Input::Message { from, body } => self.message(from, body, cx),
            Input::Opened(node) => self.connection(node, true, cx),
            Input::Closed(node) => self.connection(node, false, cx),
            Input::Alarm(Alarm::Pulse) => self.pulse(cx),
            Input::Alarm(Alarm::Pace) => {
                self.burst = 0;
                self.share(cx);
            }
            Input::Alarm(Alarm::Resend) => {
                self.resending = false;
                self.links.forget_sent();
                self.share(cx);
            }
        }
    }

    fn check(&self) -> Result<(), String> {
        self.inner.check()
    }
}
