//! A node: lines and the time go in, packets come out.
//!
//! ```text
//!            init                 500 ms                  a view of a majority of the nodes
//!   new ───────────▶ initialised ───────▶ among the others ───────────────────────────────▶ open
//!        echo, unique ids, the set, the counter and polls are served from `init` on
//!        what needs the order waits until the node is open, and while it is out of the group
//! ```
//!
//! A node that hears less than a majority of its view refuses what needs the order at once, with an
//! error that says that it was not begun: it could not be delivered. What was begun before, and is
//! not delivered in time, is answered with an error that leaves open what became of it.

mod cluster;
mod ordered;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use groupcast::group::{Delivery, Order};
use machine::Instant;
use serde_json::{Number, Value};

use crate::packet::{Asker, Body, Packet};
use crate::refusal::{Code, Refusal};
use crate::request::Request;
use crate::services::one;
use cluster::Cluster;

/// How long a node says nothing to others after `init`. The workbench starts all nodes at once and
/// cannot take a message for one that it has not started yet: its thread for the sender's messages
/// gives up for good.
pub const GREETING_DELAY: Duration = Duration::from_millis(500);
/// How long a client is kept waiting. The workbench's clients give up after 5 s; those that do so
/// may be gone then, and it cannot take a message for one that is gone, as above.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(4);
/// After how long without a majority in hearing a node refuses what needs one. As long as its group
/// takes to suspect a silent member.
pub const CUT_OFF_LIMIT: Duration = Duration::from_secs(1);
/// How many requests may wait for the group to form. The workbench's clients have one each.
pub const WAITING_MAX: usize = 4096;
/// The most nodes: a group has no more members.
pub const NODES_MAX: usize = groupcast::group::MEMBERS_MAX;

/// What a node is told before it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Which total order.
    pub order: Order,
    /// When a message may be delivered. With [`Delivery::Agreed`] registers and transactions are
    /// not linearizable in a partition: docs/maelstrom.md.
    pub delivery: Delivery,
    /// Which life of the node this is: higher than all before, and by more than the number of times
    /// that the group removed the last one. Nanoseconds of a clock do.
    pub life: u64,
    /// What its chance begins with.
    pub seed: u64,
}

impl Default for Settings {
    /// A sequencer, safe delivery, a first life.
    fn default() -> Self {
        Self { order: Order::Sequencer, delivery: Delivery::Safe, life: 1, seed: 0 }
    }
}

/// What comes out of a node.
#[derive(Debug, Default)]
pub struct Output {
    /// To be sent, in this order.
    pub packets: Vec<Packet>,
    /// For whoever reads the log.
    pub notes: Vec<String>,
    /// Why this node cannot go on, if it cannot.
    pub failed: Option<String>,
}

/// A node of a test.
#[derive(Debug)]
pub struct Node {
    settings: Settings,
    cluster: Option<Box<Cluster>>,
}

impl Node {
    /// A node that waits for its `init`.
    pub fn new(settings: Settings) -> Self {
        Self { settings, cluster: None }
    }

    /// When the node wants to be woken, if at all.
    pub fn wake_at(&self) -> Option<Instant> {
        self.cluster.as_ref().and_then(|cluster| cluster.wake_at())
    }

    /// What is due is done. At the end of each turn: the lines that came together, then this.
    pub fn wake(&mut self, now: Instant, output: &mut Output) {
        if let Some(cluster) = &mut self.cluster {
            cluster.wake(now, output);
        }
    }

    /// A line came.
    pub fn line(&mut self, now: Instant, line: &[u8], output: &mut Output) {
        match Packet::read(line) {
            Ok(packet) => self.packet(now, packet, output),
            Err(error) => output.notes.push(error.to_string()),
        }
    }

    fn packet(&mut self, now: Instant, packet: Packet, output: &mut Output) {
        if let Some(cluster) = &mut self.cluster
            && cluster.is_other(&packet.source)
        {
            return cluster.said(now, packet, output);
        }
        // An answer, but this node asks no client anything.
        if packet.body.contains_key("in_reply_to") {
            return;
        }
        let Some(asker) = Asker::of(&packet) else {
            let (kind, source) = (packet.kind(), &packet.source);
            let note = format!("a request {kind:?} of {source} has no `msg_id`: not done");
            return output.notes.push(note);
        };
        let answer = Request::read(&packet.body)
            .and_then(|request| self.request(now, &asker, request, output));
        let me = self.cluster.as_ref().map_or(&packet.destination[..], |cluster| cluster.name());
        match answer {
            Ok(Some((kind, fields))) => output.packets.push(asker.answer(me, kind, fields)),
            Ok(None) => {}
            Err(refusal) => output.packets.push(refusal.answer(me, &asker)),
        }
    }

    /// The answer to a request, if it can be given at once.
    fn request(
        &mut self,
        now: Instant,
        asker: &Asker,
        request: Request,
        output: &mut Output,
    ) -> Result<Option<(&'static str, Body)>, Refusal> {
        let Some(cluster) = &mut self.cluster else {
            let Request::Init { me, nodes } = request else {
                return Err(Refusal::unavailable(
                    "this node has not been told who it is: no `init`",
                ));
            };
            self.cluster = Some(Box::new(begin(&self.settings, now, me, nodes)?));
            return Ok(Some(("init_ok", Body::new())));
        };
        Ok(Some(match request {
            Request::Init { .. } => {
                let text = format!("this node has been told already that it is {}", cluster.name());
                return Err(Refusal::malformed(text));
            }
            Request::Topology => {
                cluster.serves_set = true;
                ("topology_ok", Body::new())
            }
            Request::Echo(value) => ("echo_ok", one("echo", value)),
            Request::Generate => ("generate_ok", one("id", cluster.unique().into())),
            Request::Broadcast(value) => {
                cluster.serves_set = true;
                cluster.gossip.broadcast(value)?;
                ("broadcast_ok", Body::new())
            }
            Request::Add(delta) => {
                cluster.gossip.add(delta)?;
                ("add_ok", Body::new())
            }
            // The two workloads ask alike, and each refuses the other's answer. That of the set
            // tells each node the topology first.
            Request::ReadAll if cluster.serves_set => {
                let values = cluster.gossip.values().cloned().collect::<Vec<_>>();
                ("read_ok", one("messages", Value::Array(values)))
            }
            Request::ReadAll => {
                let range = || Refusal::new(Code::Abort, "the counter is out of JSON's range");
                let count = Number::from_i128(cluster.gossip.count()).ok_or_else(range)?;
                ("read_ok", one("value", Value::Number(count)))
            }
            Request::Poll(offsets) => cluster.services.poll(&offsets),
            Request::ListCommittedOffsets(keys) => cluster.services.committed(&keys),
            Request::Ordered(operation) => {
                cluster.order(now, asker.clone(), operation, output)?;
                return Ok(None);
            }
        }))
    }
}

fn begin(
    settings: &Settings,
    now: Instant,
    me: String,
    nodes: Vec<String>,
) -> Result<Cluster, Refusal> {
    let nodes: BTreeSet<String> = nodes.into_iter().collect();
    if nodes.len() > NODES_MAX {
        let text = format!("{} nodes are more than the {NODES_MAX} of a group", nodes.len());
        return Err(Refusal::malformed(text));
    }
    if !nodes.contains(&me) {
        return Err(Refusal::malformed(format!("`node_ids` does not contain `node_id`, {me:?}")));
    }
    Ok(Cluster::new(settings, now, me, nodes.into_iter().collect()))
}
