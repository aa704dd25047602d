//! Group communication, as machines: agreed views, ordered multicast, and what they stand on.
//!
//! A replicated service is a deterministic program that runs at several places and gets the same
//! messages in the same order everywhere. This crate gives the second half of that sentence. A
//! [`group`] is a set of members that agree on who is in, and that multicast to each other in a
//! chosen order; when a member dies, the others agree on what belongs before its death and go on.
//!
//! # The first page: three members, one order
//!
//! Nothing here touches a socket or a clock: a member is a [`Machine`](machine::Machine), a value
//! that takes an input and answers with effects. The crate `host` runs such machines as processes;
//! `groupcast-tokio` gives them to applications as `send` and `next`; `sim` runs whole clusters from
//! one seed. A host small enough for this page:
//!
//! ```
//! use std::collections::{BTreeMap, BTreeSet, VecDeque};
//!
//! use bytes::Bytes;
//! use groupcast::group::{Alarm, Command, Group, Report, Settings};
//! use machine::{Context, Effect, Incarnation, Input, Instant, Machine, NodeId, Random};
//!
//! let nodes = [1, 2, 3].map(NodeId);
//! let mut groups: BTreeMap<NodeId, Group> = BTreeMap::new();
//! // Who is to be told what: links that lose nothing.
//! let mut inputs: VecDeque<(NodeId, Input<Group>)> = VecDeque::new();
//! for node in nodes {
//!     // Total order by a sequencer, delivered when a majority holds it: the defaults.
//!     let settings = Settings::new(node, Incarnation(1), "no address");
//!     groups.insert(node, Group::new(Settings { transfers_state: false, ..settings }));
//!     for other in nodes.into_iter().filter(|&other| other != node) {
//!         inputs.push_back((node, Input::Opened(other)));
//!     }
//! }
//! // One founds the group, the others join through it.
//! inputs.push_back((nodes[0], Input::Command(Command::Found)));
//! for node in &nodes[1..] {
//!     inputs.push_back((*node, Input::Command(Command::Join(BTreeSet::from([nodes[0]])))));
//! }
//!
//! let (mut logs, mut random) = (BTreeMap::<NodeId, Vec<Bytes>>::new(), Random::from_seed(1));
//! while let Some((node, input)) = inputs.pop_front() {
//!     let mut effects = Vec::new();
//!     let group = groups.get_mut(&node).expect("it is one of the three");
//!     group.handle(input, &mut Context::new(Instant::ZERO, &mut random, &mut effects));
//!     for effect in effects {
//!         match effect {
//!             Effect::Send { to, body, .. } => inputs.extend(to.nodes().iter().map(|&to| {
//!                 (to, Input::Message { from: node, body: body.clone() })
//!             })),
//!             // The end of a turn: what came together is handled together.
//!             Effect::Set { alarm: Alarm::Flush, .. } => {
//!                 inputs.push_back((node, Input::Alarm(Alarm::Flush)));
//!             }
//!             // When all are in, each of them says something.
//!             Effect::Report { report: Report::View(view), .. } if view.members.len() == 3 => {
//!                 let message = Bytes::from(format!("hello from {node}"));
//!                 inputs.push_back((node, Input::Command(Command::Multicast(message))));
//!             }
//!             Effect::Report { report: Report::Delivered { messages, .. }, .. } => {
//!                 logs.entry(node).or_default().extend(messages.shared());
//!             }
//!             _ => {}
//!         }
//!     }
//! }
//! assert_eq!(logs[&nodes[0]].len(), 3);
//! assert!(logs.values().all(|log| *log == logs[&nodes[0]]), "the same everywhere");
//! ```
//!
//! Next: [`choosing`] an order, then [`group`]. The repository's `docs/protocols` has a page for each
//! protocol: its messages, its states with a sentence per arrow, why its promise holds, and what
//! breaks it.
//!
//! # What there is
//!
//! | part | promise | relies on |
//! |---|---|---|
//! | [`group`] | one line of agreed views; members that go on together delivered the same messages; FIFO, causal or total order; what was delivered safe is never taken back | a majority of each view (SAFETY S1 to S7) |
//! | [`detector`] | a killed process is suspected as soon as its connection ends, a hung one after a limit, fixed or by phi accrual; a slow node does not accuse the others | the host's liveness links (S5) |
//! | [`swim`] | a node of a large group that crashed is found at a cost that does not grow with the group | probing through others; it may be wrong for a while |
//! | [`membership`] | a node that announces itself is introduced to all others; one that stops is expired | nothing: it introduces, it never decides (S3) |
//! | [`election`] | of any number of elections at once, some candidate wins as long as links work | answers within a limit; no safety at all |
//! | [`fence`] | at most one leader an epoch, whatever the network does | a majority of durable promises (S1 to S4) |
//! | [`leadership`] | detector, election and fence in one: at most one leader an epoch, and some leader while a majority can talk | those three |
//! | [`log`] | what one leader at a time appends and a majority holds is part of all that follows, even if all crash and return | epochs from [`leadership`]; durable journals (S1, S2, S4) |
//! | [`overlay`] | each node of a connected overlay hears each other one, over its edges only | neighbours that forward |
//!
//! The rules S1 to S7 that pages and code name are those of the project: epochs and promises (S1),
//! what a promise returns (S2), majorities of the last view (S3), memory and disk (S4), suspicion is
//! not death (S5), agreed and safe (S6), what a view means (S7).

pub mod choosing;
pub mod detector;
pub mod election;
pub mod fence;
pub mod group;
pub mod leadership;
pub mod log;
pub mod membership;
pub mod overlay;
pub mod swim;
