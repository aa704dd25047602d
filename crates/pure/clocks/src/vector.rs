//! One number a node: exactly which events happened before which.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use machine::NodeId;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How many nodes a clock may count when it is read or written.
///
/// An entry takes at most 15 bytes on the wire, so a full clock still fits into one UDP datagram
/// (65 507 bytes).
pub const ENTRIES_MAX: usize = 4096;

/// How many events of each node are known; a node that is not listed has had none.
///
/// Clocks are ordered by happened-before, which is a partial order: `a < b` says that `a` happened
/// before `b`, and two clocks that are neither equal nor ordered are concurrent.
///
/// Reading and writing fail above [`ENTRIES_MAX`] nodes. Merging does not, so merge the clocks of
/// members only.
///
/// ```
/// use clocks::VectorClock;
/// use machine::NodeId;
///
/// let (mut first, mut second) = (VectorClock::new(), VectorClock::new());
/// first.tick(NodeId(1));
/// second.tick(NodeId(2));
/// assert!(first.concurrent(&second));
///
/// second.merge(&first);
/// assert!(first.before(&second));
/// assert_eq!(second.to_string(), "{1:1 2:1}");
/// ```
// Never holds a zero: equal clocks have equal maps.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct VectorClock(BTreeMap<NodeId, u64>);

impl VectorClock {
    /// The clock of one who knows of no event.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more event of `node`.
    pub fn tick(&mut self, node: NodeId) {
        let count = self.0.entry(node).or_default();
        *count = count.saturating_add(1);
    }

    /// At least so many events of `node` are known.
    pub fn raise(&mut self, node: NodeId, count: u64) {
        if count > self.get(node) {
            self.0.insert(node, count);
        }
    }

    /// How many events of `node` are known.
    pub fn get(&self, node: NodeId) -> u64 {
        self.0.get(&node).copied().unwrap_or_default()
    }

    /// The nodes of which at least one event is known, with their counts, in the order of nodes.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, u64)> + '_ {
        self.0.iter().map(|(&node, &count)| (node, count))
    }

    /// Learns all that `other` knows: the least clock that is at or above both.
    pub fn merge(&mut self, other: &Self) {
        for (node, count) in other.iter() {
            let known = self.0.entry(node).or_default();
            *known = count.max(*known);
        }
    }

    /// Whether this happened before `other`: `other` knows all that this knows, and more.
    pub fn before(&self, other: &Self) -> bool {
        self < other
    }

    /// Whether neither happened before the other, and they differ.
    pub fn concurrent(&self, other: &Self) -> bool {
        self.partial_cmp(other).is_none()
    }

    fn knows_all_of(&self, other: &Self) -> bool {
        other.iter().all(|(node, count)| self.get(node) >= count)
    }
}

impl PartialOrd for VectorClock {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self.knows_all_of(other), other.knows_all_of(self)) {
            (true, true) => Some(Ordering::Equal),
            (true, false) => Some(Ordering::Greater),
            (false, true) => Some(Ordering::Less),
            (false, false) => None,
        }
    }
}

/// Node and count, in the order of nodes, as in `{1:3 4:7}`.
impl std::fmt::Display for VectorClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("{")?;
        for (position, (node, count)) in self.iter().enumerate() {
            let space = if position == 0 { "" } else { " " };
            write!(f, "{space}{node}:{count}")?;
        }
        f.write_str("}")
    }
}

/// As it is displayed: traces are full of clocks.
impl std::fmt::Debug for VectorClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl Serialize for VectorClock {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.len() > ENTRIES_MAX {
            return Err(S::Error::custom(too_many()));
        }
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for VectorClock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries)
    }
}

/// Reads entries one by one, so that a false length in the input reserves no memory.
pub(crate) struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = VectorClock;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a map of at most {ENTRIES_MAX} nodes to their counts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<VectorClock, A::Error> {
        let mut counts = BTreeMap::new();
        let mut entries = 0;
        while let Some((node, count)) = map.next_entry::<Key, u64>()? {
            let Key(node) = node;
            entries += 1;
            if entries > ENTRIES_MAX {
                return Err(A::Error::custom(too_many()));
            }
            if counts.insert(node, count).is_some() {
                return Err(A::Error::custom(format_args!("node {node} is counted twice")));
            }
        }
        counts.retain(|_, count| *count > 0);
        Ok(VectorClock(counts))
    }
}

/// A node as the key of an entry. A format for people has its digits as text, or as a number, and
/// does not always know which is wanted: a map inside of a tagged value is read before its type is
/// known.
struct Key(NodeId);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(Digits)
        } else {
            NodeId::deserialize(deserializer).map(Self)
        }
    }
}

struct Digits;

impl Visitor<'_> for Digits {
    type Value = Key;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the number of a node")
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Key, E> {
        let node = u32::try_from(number);
        node.map(|node| Key(NodeId(node))).map_err(|_| E::custom("no such node"))
    }

    fn visit_str<E: serde::de::Error>(self, digits: &str) -> Result<Key, E> {
        let node = digits.parse();
        node.map(|node| Key(NodeId(node))).map_err(|_| E::custom("no such node"))
    }
}

fn too_many() -> String {
    format!("a vector clock counts more than {ENTRIES_MAX} nodes")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::history::{History, histories};

    fn clock(entries: &[(u32, u64)]) -> VectorClock {
        VectorClock(entries.iter().map(|&(node, count)| (NodeId(node), count)).collect())
    }

    fn clocks() -> impl Strategy<Value = VectorClock> {
        // Few nodes and low counts, so that equal and ordered clocks are common.
        prop::collection::btree_map((0_u32..4).prop_map(NodeId), 1_u64..4, 0..4)
            .prop_map(VectorClock)
    }

    fn stamps(history: &History) -> Vec<VectorClock> {
        let mut clocks = BTreeMap::<NodeId, VectorClock>::new();
        let mut stamps: Vec<VectorClock> = Vec::new();
        for event in &history.0 {
            let clock = clocks.entry(event.node).or_default();
            if let Some(sender) = event.sender {
                clock.merge(&stamps[sender]);
            }
            clock.tick(event.node);
            stamps.push(clock.clone());
        }
        stamps
    }

    proptest! {
        #[test]
        fn the_order_of_clocks_is_happened_before(history in histories()) {
            let stamps = stamps(&history);
            for (first, second) in history.pairs() {
                let before = stamps[first].before(&stamps[second]);
                prop_assert_eq!(before, history.before(first, second));
            }
        }

        #[test]
        fn before_is_a_strict_partial_order(a in clocks(), b in clocks(), c in clocks()) {
            prop_assert!(!a.before(&a));
            prop_assert!(!(a.before(&b) && b.before(&a)));
            prop_assert!(!(a.before(&b) && b.before(&c)) || a.before(&c));
        }

        #[test]
        fn two_clocks_are_equal_ordered_or_concurrent(a in clocks(), b in clocks()) {
            let relations = [a == b, a.before(&b), b.before(&a), a.concurrent(&b)];
            prop_assert_eq!(relations.iter().filter(|&&holds| holds).count(), 1);
            prop_assert_eq!(a.partial_cmp(&b), b.partial_cmp(&a).map(Ordering::reverse));
        }

        #[test]
        fn merge_is_the_least_upper_bound(a in clocks(), b in clocks(), bound in clocks()) {
            let mut merged = a.clone();
            merged.merge(&b);
            prop_assert!(merged >= a && merged >= b);
            if bound >= a && bound >= b {
                prop_assert!(bound >= merged);
            }
        }

        #[test]
        fn reading_gives_what_was_written(clock in clocks()) {
            let bytes = postcard::to_stdvec(&clock).unwrap();
            prop_assert_eq!(postcard::from_bytes::<VectorClock>(&bytes).unwrap(), clock.clone());
            let json = serde_json::to_string(&clock).unwrap();
            prop_assert_eq!(serde_json::from_str::<VectorClock>(&json).unwrap(), clock);
        }
    }

    #[test]
    fn a_tick_counts_one_event_of_one_node() {
        let mut counted = VectorClock::new();
        counted.tick(NodeId(4));
        counted.tick(NodeId(4));
        counted.tick(NodeId(1));
        assert_eq!(counted, clock(&[(1, 1), (4, 2)]));
        assert_eq!((counted.get(NodeId(4)), counted.get(NodeId(9))), (2, 0));

        let mut full = clock(&[(1, u64::MAX)]);
        full.tick(NodeId(1));
        assert_eq!(full.get(NodeId(1)), u64::MAX);
    }

    #[test]
    fn a_clock_reads_well_in_a_line() {
        assert_eq!(VectorClock::new().to_string(), "{}");
        assert_eq!(clock(&[(10, 7), (2, 3)]).to_string(), "{2:3 10:7}");
    }

    #[test]
    fn false_clocks_are_refused() {
        let read = |json| serde_json::from_str::<VectorClock>(json);
        assert_eq!(read(r#"{"1":0,"2":3}"#).unwrap(), clock(&[(2, 3)]));
        let twice = read(r#"{"1":1,"1":2}"#).unwrap_err().to_string();
        assert!(twice.starts_with("node 1 is counted twice"), "{twice}");
        assert!(read("[1, 2]").unwrap_err().to_string().contains("a map of at most 4096 nodes"));
    }

    #[test]
    fn the_limit_of_entries_holds_on_both_sides() {
        let entries = |count: u32| -> BTreeMap<_, _> { (0..count).map(|n| (n, 1_u64)).collect() };
        let (largest, larger) = (entries(4096), entries(4097));

        let bytes = postcard::to_stdvec(&largest).unwrap();
        let mut clock: VectorClock = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(postcard::to_stdvec(&clock).unwrap(), bytes);

        let bytes = postcard::to_stdvec(&larger).unwrap();
        assert!(postcard::from_bytes::<VectorClock>(&bytes).is_err());
        clock.tick(NodeId(4096));
        assert!(postcard::to_stdvec(&clock).is_err());
    }

    #[test]
    fn the_largest_clock_fits_into_a_datagram() {
        let far = u32::MAX - ENTRIES_MAX as u32;
        let full = VectorClock((far..u32::MAX).map(|node| (NodeId(node), u64::MAX)).collect());
        assert!(postcard::to_stdvec(&full).unwrap().len() < 65_507);
    }
}
