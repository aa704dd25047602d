//! A reading of either clock, as messages and records carry it.

use std::cmp::Ordering;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::vector::Entries;
use crate::{LamportClock, VectorClock};

/// A reading of a clock of either kind. Readings of different kinds do not compare.
///
/// In a format for people (JSON) it is the number, or the map from nodes to numbers, and nothing
/// else; in a binary one it says first which it is.
///
/// ```
/// use clocks::{LamportClock, Stamp, VectorClock};
/// use machine::NodeId;
///
/// let mut clock = VectorClock::new();
/// clock.tick(NodeId(3));
/// let stamps = [Stamp::Lamport(LamportClock(7)), Stamp::Vector(clock)];
/// let text = serde_json::to_string(&stamps).unwrap();
/// assert_eq!(text, r#"[7,{"3":1}]"#);
/// assert_eq!(serde_json::from_str::<[Stamp; 2]>(&text).unwrap(), stamps);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub enum Stamp {
    /// Of a Lamport clock.
    Lamport(LamportClock),
    /// Of a vector clock.
    Vector(VectorClock),
}

impl Stamp {
    /// Whether this says that it was read before the other: for vector clocks that it happened
    /// before; for Lamport clocks only that it cannot have happened after.
    pub fn before(&self, other: &Self) -> bool {
        self < other
    }

    /// How many nodes it counts.
    pub fn nodes(&self) -> usize {
        match self {
            Self::Lamport(_) => 1,
            Self::Vector(clock) => clock.iter().count(),
        }
    }

    /// A number that is lower for what happened before: the reading of a Lamport clock, the sum of
    /// a vector clock's.
    pub fn rank(&self) -> u128 {
        match self {
            Self::Lamport(clock) => clock.0.into(),
            Self::Vector(clock) => clock.iter().map(|(_, count)| u128::from(count)).sum(),
        }
    }
}

impl PartialOrd for Stamp {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Lamport(one), Self::Lamport(other)) => one.partial_cmp(other),
            (Self::Vector(one), Self::Vector(other)) => one.partial_cmp(other),
            _ => None,
        }
    }
}

impl std::fmt::Display for Stamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lamport(clock) => clock.fmt(f),
            Self::Vector(clock) => clock.fmt(f),
        }
    }
}

impl std::fmt::Debug for Stamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// Reads what a format for people says: a number or a map.
struct Plain;

impl<'de> Visitor<'de> for Plain {
    type Value = Stamp;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the number of a Lamport clock, or a vector clock's map of nodes to numbers")
    }

    fn visit_u64<E: serde::de::Error>(self, count: u64) -> Result<Stamp, E> {
        Ok(Stamp::Lamport(LamportClock(count)))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Stamp, A::Error> {
        Entries.visit_map(map).map(Stamp::Vector)
    }
}

/// In a binary format.
#[derive(Deserialize)]
enum Tagged {
    Lamport(LamportClock),
    Vector(VectorClock),
}

#[derive(Serialize)]
enum TaggedRef<'a> {
    Lamport(LamportClock),
    Vector(&'a VectorClock),
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match (self, serializer.is_human_readable()) {
            (Self::Lamport(clock), true) => clock.serialize(serializer),
            (Self::Vector(clock), true) => clock.serialize(serializer),
            (Self::Lamport(clock), false) => TaggedRef::Lamport(*clock).serialize(serializer),
            (Self::Vector(clock), false) => TaggedRef::Vector(clock).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(if deserializer.is_human_readable() {
            deserializer.deserialize_any(Plain)?
        } else {
            match Tagged::deserialize(deserializer)? {
                Tagged::Lamport(clock) => Self::Lamport(clock),
                Tagged::Vector(clock) => Self::Vector(clock),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use machine::NodeId;

    use super::*;

    fn vector(counts: &[(u32, u64)]) -> Stamp {
        let mut clock = VectorClock::new();
        for &(node, count) in counts {
            (0..count).for_each(|_| clock.tick(NodeId(node)));
        }
        Stamp::Vector(clock)
    }

    #[test]
    fn only_readings_of_one_kind_compare() {
        let lamport = |count| Stamp::Lamport(LamportClock(count));
        assert!(lamport(1).before(&lamport(2)));
        assert!(vector(&[(1, 1)]).before(&vector(&[(1, 1), (2, 1)])));
        assert!(!vector(&[(1, 2)]).before(&vector(&[(1, 1), (2, 3)])));
        assert!(!lamport(0).before(&vector(&[(1, 1)])));
        assert_eq!((lamport(5).rank(), vector(&[(1, 2), (4, 3)]).rank()), (5, 5));
    }

    #[test]
    fn it_is_read_inside_of_a_tagged_value_too() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind")]
        enum Told {
            Asked { stamp: Option<Stamp> },
        }
        for stamp in [Stamp::Lamport(LamportClock(7)), vector(&[]), vector(&[(1, 2), (9, 1)])] {
            let told = Told::Asked { stamp: Some(stamp) };
            let text = serde_json::to_string(&told).unwrap();
            assert_eq!(serde_json::from_str::<Told>(&text).unwrap(), told, "{text}");
        }
        for wrong in ["-1", "\"7\"", "{\"x\":1}", "{\"4294967296\":1}", "{\"1\":1,\"1\":2}"] {
            assert!(serde_json::from_str::<Stamp>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_kind_survives_the_wire() {
        for stamp in [Stamp::Lamport(LamportClock(u64::MAX)), vector(&[(1, 2), (9, 1)])] {
            let bytes = postcard::to_allocvec(&stamp).unwrap();
            assert_eq!(postcard::from_bytes::<Stamp>(&bytes).unwrap(), stamp);
        }
        assert!(postcard::from_bytes::<Stamp>(&[2, 0]).is_err(), "no such kind");
    }
}
