//! The kinds of frames, and what is said before any message.

use machine::NodeId;
use serde::{Deserialize, Serialize};
use wire::{EncodeError, Header};

/// The first frame each way on a connection: a [`Hello`].
pub(crate) const HELLO: u8 = 1;
/// A machine's message.
pub(crate) const MESSAGE: u8 = 2;
/// The first frame of a datagram: the [`NodeId`] that it is for. An address may have passed to
/// another node, and a message meant for one must not be taken by another.
pub(crate) const ENVELOPE: u8 = 3;

/// What a node says first on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    /// Which process of the node this is: a later one has a higher number.
    pub life: u64,
    /// The port on which it listens, and from which its datagrams come.
    pub port: u16,
    /// Whom it means to talk to, if it dialed: the address may have passed to another node, which
    /// must not take this for a newer connection of its own. None if it was dialed, or takes
    /// whoever is there.
    pub to: Option<NodeId>,
}

/// Who this node is, as others see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity {
    pub node: NodeId,
    pub cluster: u64,
    pub hello: Hello,
}

impl Identity {
    /// Appends a frame of this node; on an error `out` is as before.
    pub fn encode<T: Serialize>(
        &self,
        kind: u8,
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        wire::encode(&Header { kind, cluster: self.cluster, from: self.node }, value, out)
    }
}
