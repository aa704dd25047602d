//! What goes wrong in a world, as values: a fault, when it comes and how long it lasts, and the plan
//! of a whole world. A seed draws a plan; a plan can be listed, taken apart, and played again.
//!
//! Whatever is done to links is the same in all worlds and is done here. Each world does the rest
//! itself, and passes over what it does not know: a group has no disk to be slow.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use machine::{Instant, Machine, NodeId, Random};

use crate::engine::{Links, World};

/// Whom a fault strikes.
#[derive(Clone, PartialEq, Eq)]
pub enum Who {
    /// Whoever leads at that moment: a market's trader, a group's coordinator, the warehouse of
    /// trading houses.
    Leader,
    /// These nodes.
    Nodes(BTreeSet<NodeId>),
}

impl Who {
    /// One node.
    pub fn one(node: NodeId) -> Self {
        Self::Nodes(BTreeSet::from([node]))
    }

    /// The nodes that are named.
    pub fn named(&self) -> impl Iterator<Item = NodeId> + '_ {
        let nodes = match self {
            Self::Leader => None,
            Self::Nodes(nodes) => Some(nodes),
        };
        nodes.into_iter().flatten().copied()
    }

    /// Those that are meant: of those that are named, or of the leader, whoever `is_there`.
    pub(crate) fn meant(
        &self,
        leader: Option<NodeId>,
        is_there: impl Fn(NodeId) -> bool,
    ) -> BTreeSet<NodeId> {
        let leader = leader.filter(|_| *self == Self::Leader);
        self.named().chain(leader).filter(|node| is_there(*node)).collect()
    }
}

impl fmt::Debug for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leader => f.write_str("leader"),
            Self::Nodes(nodes) => f.debug_set().entries(nodes.iter().map(|node| node.0)).finish(),
        }
    }
}

/// The kinds of fault.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// No message passes between these nodes and the others.
    Partition(Who),
    /// What these nodes send does not reach the others.
    OneWay(Who),
    /// No message passes between these two nodes, while others see both.
    Link(NodeId, NodeId),
    /// What the first node sends does not reach the second.
    LinkOneWay(NodeId, NodeId),
    /// These nodes end without warning at the same time, and come back after.
    Crash(Who),
    /// The nodes stop in their tracks, and go on after.
    Pause(Who),
    /// All that the nodes send and receive takes longer.
    Slow(Who, Duration),
    /// All messages are lost with this probability.
    Loss(f64),
    /// The nodes' connections to some others drop, though both ends are up; they return after.
    Flap(Who),
    /// Writes of the leader of that moment take up to two seconds.
    SlowDisk,
    /// The nodes are asked to resign.
    Resign(Who),
    /// A node that was never there before joins, without a vote, and stays.
    Join(NodeId),
    /// The nodes are asked to leave in good order, and come back after.
    Leave(Who),
    /// Whoever leads the next change of views is not heard any more while it goes on; in trading houses
    /// the next hired trader that is about to begin, or to go.
    CutInChange,
    /// Whoever leads the next change of views ends without warning while it goes on; in trading houses
    /// the next hired trader that is about to begin or to go, or the warehouse while it does.
    CrashInChange,
}

impl Fault {
    /// The kind, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Partition(_) => "partition",
            Self::OneWay(_) => "one-way partition",
            Self::Link(..) => "broken link",
            Self::LinkOneWay(..) => "link broken one way",
            Self::Crash(_) => "crash and restart",
            Self::Pause(_) => "pause",
            Self::Slow(..) => "slow node",
            Self::Loss(_) => "loss burst",
            Self::Flap(_) => "flapping links",
            Self::SlowDisk => "slow disk",
            Self::Resign(_) => "resignation",
            Self::Join(_) => "join",
            Self::Leave(_) => "leave and return",
            Self::CutInChange | Self::CrashInChange => "fault in a change",
        }
    }

    /// Whom it is done to, where that can be several.
    pub fn who(&self) -> Option<&Who> {
        match self {
            Self::Partition(who) | Self::OneWay(who) | Self::Crash(who) | Self::Pause(who) => {
                Some(who)
            }
            Self::Slow(who, _) | Self::Flap(who) | Self::Resign(who) | Self::Leave(who) => {
                Some(who)
            }
            _ => None,
        }
    }

    /// All nodes that it names.
    pub fn named(&self) -> BTreeSet<NodeId> {
        match self {
            Self::Link(one, other) | Self::LinkOneWay(one, other) => [*one, *other].into(),
            Self::Join(node) => [*node].into(),
            _ => self.who().into_iter().flat_map(Who::named).collect(),
        }
    }

    /// The same fault, done to others.
    pub fn to(self, who: Who) -> Self {
        match self {
            Self::Partition(_) => Self::Partition(who),
            Self::OneWay(_) => Self::OneWay(who),
            Self::Crash(_) => Self::Crash(who),
            Self::Pause(_) => Self::Pause(who),
            Self::Slow(_, by) => Self::Slow(who, by),
            Self::Flap(_) => Self::Flap(who),
            Self::Resign(_) => Self::Resign(who),
            Self::Leave(_) => Self::Leave(who),
            other => other,
        }
    }
}

/// A fault, when it comes and how long it lasts.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// When it comes.
    pub at: Instant,
    /// How long it lasts.
    pub lasts: Duration,
    /// What it is.
    pub fault: Fault,
}

/// What is to go wrong in a world, in place of what its seed draws. All else stays the seed's: how
/// links behave, what is sent and bought, how long the disks take.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// The faults. Those that come at the same time come in this order.
    pub faults: Vec<Planned>,
    /// Only so many of the seed's nodes are there, the first ones. All if none.
    pub nodes: Option<u32>,
    /// When the faults end, though there may have been little trade until then. As ever if none.
    pub faults_end: Option<Duration>,
    /// Whether links lose, double and hold up nothing but by a fault.
    pub calm_links: bool,
}

impl Plan {
    /// The links of a world that follows this plan.
    pub(crate) fn links(&self, drawn: Links) -> Links {
        match self.calm_links {
            true => Links { loss: 0.0, duplication: 0.0, straggler_one_in: 0, ..drawn },
            false => drawn,
        }
    }
}

/// Begins what is done to links only. False if the fault is none of these.
pub(crate) fn begin<M: Machine>(world: &mut World<M>, all: &[NodeId], fault: &Fault) -> bool {
    match fault {
        Fault::Slow(who, by) => who.named().for_each(|node| world.network.slow(node, *by)),
        Fault::Loss(probability) => world.network.links.loss = *probability,
        Fault::Partition(_) | Fault::OneWay(_) | Fault::Link(..) | Fault::LinkOneWay(..) => {
            ways(all, fault).iter().for_each(|(from, to)| world.network.cut(*from, *to));
        }
        _ => return false,
    }
    true
}

/// Ends what was done to links: they lose what they did before.
pub(crate) fn end<M: Machine>(world: &mut World<M>, all: &[NodeId], fault: &Fault, loss: f64) {
    match fault {
        Fault::Slow(who, _) => {
            who.named().for_each(|node| world.network.slow(node, Duration::ZERO));
        }
        Fault::Loss(_) => world.network.links.loss = loss,
        _ => ways(all, fault).iter().for_each(|(from, to)| world.network.mend(*from, *to)),
    }
}

/// The ways that a fault cuts, from whom to whom.
fn ways(all: &[NodeId], fault: &Fault) -> Vec<(NodeId, NodeId)> {
    let out_of = |side: &Who| -> Vec<(NodeId, NodeId)> {
        let side: BTreeSet<NodeId> = side.named().collect();
        let outside = || all.iter().filter(|node| !side.contains(node));
        side.iter().flat_map(|from| outside().map(|to| (*from, *to))).collect()
    };
    let back = |(from, to): &(NodeId, NodeId)| (*to, *from);
    let mut ways = match fault {
        Fault::Partition(side) | Fault::OneWay(side) => out_of(side),
        Fault::Link(from, to) | Fault::LinkOneWay(from, to) => vec![(*from, *to)],
        _ => Vec::new(),
    };
    if matches!(fault, Fault::Partition(_) | Fault::Link(..)) {
        ways.extend(ways.iter().map(back).collect::<Vec<_>>());
    }
    ways
}

/// Drops each of a node's connections with a chance of a half.
pub(crate) fn flap<M: Machine>(
    world: &mut World<M>,
    all: &[NodeId],
    node: NodeId,
    random: &mut Random,
) {
    for &other in all {
        if other != node && random.chance(0.5) {
            world.drop_connection(node, other);
        }
    }
}
