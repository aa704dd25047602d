//! What goes into a machine, and what comes out of it.

use crate::{Epoch, Instant, Machine, NodeId};

/// Which of its two journals a machine means.
///
/// A journal is an ordered list of records behind one snapshot, and it has one writer at a time:
/// the highest epoch that claimed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Journal {
    /// The node's own: the host claims it before `Start` and hands over what stands in it.
    Own,
    /// One that all nodes can reach; a machine claims it with [`Effect::Claim`] when it has been
    /// given the right to write there (SAFETY S8).
    Common,
}

/// What a machine is told.
pub enum Input<M: Machine> {
    /// The state before the records that follow; at most one, and the first, of each journal.
    Restore {
        /// Where it comes from.
        journal: Journal,
        /// The state as of that moment.
        snapshot: M::Snapshot,
    },
    /// One decision, in the order in which they were persisted. A machine emits nothing here.
    Replay {
        /// Where it comes from.
        journal: Journal,
        /// The decision.
        record: M::Record,
    },
    /// The node's own journal has been handed over and belongs to it; the machine begins. Its
    /// first write there must be a snapshot.
    Start,
    /// The common journal has been handed over and belongs to this epoch. The machine's next write
    /// there must be a snapshot.
    Claimed(Epoch),
    /// A claim of the common journal or a write to it was refused: this higher epoch stands there.
    /// What waited behind the write was dropped.
    Refused(Epoch),
    /// The layer above asks for something.
    Command(M::Command),
    /// A peer sent something.
    Message {
        /// Who.
        from: NodeId,
        /// What.
        body: M::Message,
    },
    /// A connection to a peer came up.
    Opened(NodeId),
    /// A connection to a peer ended: a suspicion, not a death (SAFETY S5).
    Closed(NodeId),
    /// A timer reached its deadline.
    Alarm(M::Alarm),
}

impl<M: Machine> Input<M> {
    /// The same for a machine that has all types in common with this one.
    pub fn same<N>(self) -> Input<N>
    where
        N: Machine<
                Message = M::Message,
                Command = M::Command,
                Record = M::Record,
                Snapshot = M::Snapshot,
                Alarm = M::Alarm,
            >,
    {
        match self {
            Self::Restore { journal, snapshot } => Input::Restore { journal, snapshot },
            Self::Replay { journal, record } => Input::Replay { journal, record },
            Self::Start => Input::Start,
            Self::Claimed(epoch) => Input::Claimed(epoch),
            Self::Refused(epoch) => Input::Refused(epoch),
            Self::Command(command) => Input::Command(command),
            Self::Message { from, body } => Input::Message { from, body },
            Self::Opened(node) => Input::Opened(node),
            Self::Closed(node) => Input::Closed(node),
            Self::Alarm(alarm) => Input::Alarm(alarm),
        }
    }
}

/// What a machine asks its host to do.
pub enum Effect<M: Machine> {
    /// Append a record; later sends and reports wait until it is durable.
    Persist {
        /// Where.
        journal: Journal,
        /// What.
        record: M::Record,
    },
    /// Replace all that stands in a journal.
    Snapshot {
        /// Where.
        journal: Journal,
        /// By what.
        snapshot: M::Snapshot,
    },
    /// Claim the common journal: refuse every lower epoch from now on, then hand over what stands
    /// there. Answered by `Restore`, `Replay`…, `Claimed`, or by `Refused`.
    Claim(Epoch),
    /// Send a message.
    Send {
        /// To whom; serialised once. The node itself is as good as any other.
        to: Destination,
        /// What.
        body: M::Message,
        /// Which writes it waits for.
        after: After,
    },
    /// Set a timer; its old deadline is replaced.
    Set {
        /// Which.
        alarm: M::Alarm,
        /// When.
        at: Instant,
    },
    /// Clear a timer.
    Clear(M::Alarm),
    /// Tell the layer above.
    Report {
        /// What.
        report: M::Report,
        /// Which writes it waits for.
        after: After,
    },
}

/// Which of the writes that were made before a send or a report must be durable before it leaves.
/// What waits for the same writes leaves in the order made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum After {
    /// None: it is a heartbeat, and a slow disk accuses nobody.
    Nothing,
    /// Those to the node's own journal: it says nothing of what the common one holds.
    Own,
    /// All: it may tell of any of them. If a write to the common journal is refused, what waits
    /// behind it here is dropped.
    All,
}

/// To whom a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// One node.
    One(NodeId),
    /// Several nodes: the body is serialised once.
    Many(Vec<NodeId>),
}

impl Destination {
    /// The nodes meant.
    pub fn nodes(&self) -> &[NodeId] {
        match self {
            Self::One(node) => std::slice::from_ref(node),
            Self::Many(nodes) => nodes,
        }
    }
}

// Derived impls would ask that `M` itself has these traits; only its associated types need them.
impl<M: Machine> std::fmt::Debug for Input<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Restore { journal, snapshot } => write!(f, "Restore({journal:?}, {snapshot:?})"),
            Self::Replay { journal, record } => write!(f, "Replay({journal:?}, {record:?})"),
            Self::Start => f.write_str("Start"),
            Self::Claimed(epoch) => write!(f, "Claimed({epoch})"),
            Self::Refused(epoch) => write!(f, "Refused({epoch})"),
            Self::Command(command) => write!(f, "Command({command:?})"),
            Self::Message { from, body } => write!(f, "Message({from}, {body:?})"),
            Self::Opened(node) => write!(f, "Opened({node})"),
            Self::Closed(node) => write!(f, "Closed({node})"),
            Self::Alarm(alarm) => write!(f, "Alarm({alarm:?})"),
        }
    }
}

impl<M: Machine> std::fmt::Debug for Effect<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Persist { journal, record } => write!(f, "Persist({journal:?}, {record:?})"),
            Self::Snapshot { journal, snapshot } => {
                write!(f, "Snapshot({journal:?}, {snapshot:?})")
            }
            Self::Claim(epoch) => write!(f, "Claim({epoch})"),
            Self::Send { to, body, after } => {
                let nodes: Vec<_> = to.nodes().iter().map(|node| node.0).collect();
                write!(f, "Send({nodes:?}, {body:?}{})", note(*after))
            }
            Self::Set { alarm, at } => write!(f, "Set({alarm:?}, {at})"),
            Self::Clear(alarm) => write!(f, "Clear({alarm:?})"),
            Self::Report { report, after } => write!(f, "Report({report:?}{})", note(*after)),
        }
    }
}

fn note(after: After) -> &'static str {
    match after {
        After::Nothing => ", after nothing",
        After::Own => ", after own",
        After::All => "",
    }
}
