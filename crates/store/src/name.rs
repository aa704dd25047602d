//! Names of the files in a journal's directory.
//!
//! Numbers have a fixed width, so that names sort like what they mean:
//!
//! ```text
//! 00000000000000000007-0000000005.claim                                epoch 7.5 may write
//! 00000000000000000007-0000000005-00000000000000000001.segment         its first segment
//! 00000000000000000007-0000000005-00000000000000000002.segment.part    its second, unfinished
//! ```
//!
//! Every other name is left alone.

use machine::{Epoch, NodeId};

const COUNTER_DIGITS: usize = 20;
const NODE_DIGITS: usize = 10;
const SEQUENCE_DIGITS: usize = 20;

/// A file of a journal. The order is the one in which files replace each other: all of a higher
/// epoch is newer, and within an epoch its claim comes before its segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    pub(crate) epoch: Epoch,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// An epoch's right to write.
    Claim,
    /// A segment in the making; nobody reads it.
    Part(u64),
    /// A snapshot and the records after it, numbered within the epoch.
    Segment(u64),
}

impl Name {
    pub(crate) fn claim(epoch: Epoch) -> Self {
        Self { epoch, kind: Kind::Claim }
    }

    pub(crate) fn part(epoch: Epoch, sequence: u64) -> Self {
        Self { epoch, kind: Kind::Part(sequence) }
    }

    pub(crate) fn segment(epoch: Epoch, sequence: u64) -> Self {
        Self { epoch, kind: Kind::Segment(sequence) }
    }

    /// The meaning of a file's name; none if it is not one of ours.
    pub(crate) fn parse(name: &[u8]) -> Option<Self> {
        let (counter, rest) = number(name, COUNTER_DIGITS)?;
        let (node, rest) = number(rest.strip_prefix(b"-")?, NODE_DIGITS)?;
        let epoch = Epoch { counter, node: NodeId(u32::try_from(node).ok()?) };
        if rest == b".claim" {
            return Some(Self::claim(epoch));
        }
        let (sequence, rest) = number(rest.strip_prefix(b"-")?, SEQUENCE_DIGITS)?;
        match rest {
            b".segment" => Some(Self::segment(epoch, sequence)),
            b".segment.part" => Some(Self::part(epoch, sequence)),
            _ => None,
        }
    }

    /// Whether the file shows that its epoch claimed the journal.
    pub(crate) fn is_evidence(&self) -> bool {
        !matches!(self.kind, Kind::Part(_))
    }

    pub(crate) fn is_segment(&self) -> bool {
        matches!(self.kind, Kind::Segment(_))
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Epoch { counter, node: NodeId(node) } = self.epoch;
        write!(f, "{counter:0COUNTER_DIGITS$}-{node:0NODE_DIGITS$}")?;
        match self.kind {
            Kind::Claim => f.write_str(".claim"),
            Kind::Segment(sequence) => write!(f, "-{sequence:0SEQUENCE_DIGITS$}.segment"),
            Kind::Part(sequence) => write!(f, "-{sequence:0SEQUENCE_DIGITS$}.segment.part"),
        }
    }
}

/// A number of exactly so many digits, and what follows it.
fn number(text: &[u8], digits: usize) -> Option<(u64, &[u8])> {
    let (number, rest) = text.split_at_checked(digits)?;
    let value = number.iter().try_fold(0_u64, |value, digit| match digit {
        b'0'..=b'9' => value.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })?;
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names() -> impl Strategy<Value = Name> {
        let kinds = prop_oneof![
            Just(Kind::Claim),
            any::<u64>().prop_map(Kind::Part),
            any::<u64>().prop_map(Kind::Segment),
        ];
        (any::<u64>(), any::<u32>(), kinds).prop_map(|(counter, node, kind)| Name {
            epoch: Epoch { counter, node: NodeId(node) },
            kind,
        })
    }

    fn segments() -> impl Strategy<Value = Name> {
        // Small numbers, so that some are the same; large ones, so that the widths differ.
        let number = || prop_oneof![0..3_u64, any::<u64>()];
        (number(), 0..3_u32, number()).prop_map(|(counter, node, sequence)| {
            Name::segment(Epoch { counter, node: NodeId(node) }, sequence)
        })
    }

    proptest! {
        #[test]
        fn a_name_reads_back_as_what_it_means(name in names()) {
            prop_assert_eq!(Name::parse(name.to_string().as_bytes()), Some(name));
        }

        #[test]
        fn segments_sort_as_text_like_what_they_mean(
            one in segments(),
            other in segments(),
        ) {
            prop_assert_eq!(one.cmp(&other), one.to_string().cmp(&other.to_string()));
        }

        #[test]
        fn any_bytes_are_a_name_of_ours_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Some(name) = Name::parse(&bytes) {
                prop_assert_eq!(name.to_string().into_bytes(), bytes);
            }
        }
    }

    #[test]
    fn the_names_of_the_format_and_strangers() {
        let epoch = Epoch { counter: 7, node: NodeId(5) };
        let segment = "00000000000000000007-0000000005-00000000000000000001.segment";
        assert_eq!(Name::parse(segment.as_bytes()), Some(Name::segment(epoch, 1)));
        let claim = "00000000000000000007-0000000005.claim";
        assert_eq!(Name::parse(claim.as_bytes()), Some(Name::claim(epoch)));
        for stranger in [
            "",
            ".",
            "..",
            "notes.txt",
            "7-5.claim",
            "99999999999999999999-0000000005.claim",
            "00000000000000000007-9999999999.claim",
            "00000000000000000007-0000000005.claim~",
            "00000000000000000007-0000000005-00000000000000000001.segment.bak",
        ] {
            assert_eq!(Name::parse(stranger.as_bytes()), None, "{stranger}");
        }
    }

    #[test]
    fn a_higher_epoch_is_newer_and_a_claim_comes_before_its_segments() {
        let epoch = |counter| Epoch { counter, node: NodeId(1) };
        let order = [
            Name::segment(epoch(7), 9),
            Name::claim(epoch(8)),
            Name::segment(epoch(8), 1),
            Name::segment(epoch(8), 2),
            Name::claim(epoch(9)),
        ];
        assert!(order.is_sorted());
    }
}
