//! How an overlay is written: kind, nodes, edges. Reading it allocates no more than an overlay may
//! hold, whatever the input is.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use machine::NodeId;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{EDGES_MAX, Kind, NODES_MAX, Overlay, OverlayError};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename = "overlay")]
pub(super) struct Form {
    kind: Kind,
    #[serde(deserialize_with = "nodes")]
    nodes: Vec<NodeId>,
    #[serde(deserialize_with = "edges")]
    edges: Vec<(NodeId, NodeId)>,
}

impl From<Overlay> for Form {
    fn from(overlay: Overlay) -> Self {
        Self {
            kind: overlay.kind(),
            nodes: overlay.nodes().collect(),
            edges: overlay.edges().collect(),
        }
    }
}

impl TryFrom<Form> for Overlay {
    type Error = OverlayError;

    fn try_from(form: Form) -> Result<Self, OverlayError> {
        let mut nodes = BTreeSet::new();
        if let Some(&node) = form.nodes.iter().find(|&&node| !nodes.insert(node)) {
            return Err(OverlayError::RepeatedNode { node });
        }
        Self::checked(form.kind, &nodes, form.edges)
    }
}

fn nodes<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<NodeId>, D::Error> {
    from.deserialize_seq(Bounded::<NodeId> { most: NODES_MAX, what: "nodes", item: PhantomData })
}

fn edges<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(NodeId, NodeId)>, D::Error> {
    from.deserialize_seq(Bounded { most: EDGES_MAX, what: "edges", item: PhantomData })
}

struct Bounded<T> {
    most: usize,
    what: &'static str,
    item: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Bounded<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a list of at most {} {}", self.most, self.what)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            if items.len() == self.most {
                return Err(A::Error::invalid_length(self.most + 1, &self));
            }
            items.push(item);
        }
        Ok(items)
    }
}
