//! A segment file of any bytes: reading it never panics and never allocates much more than its
//! size, and what it returns can be written and read back.
//!
//! Random bytes hardly ever have a right checksum, so most inputs are bodies that are sealed into
//! frames here, and then spoiled in a few places.
#![no_main]

use libfuzzer_sys::{arbitrary, fuzz_target};
use machine::{Epoch, NodeId};
use store::segment::{self, END_BYTES, HEAD_BYTES, Salt};

const EPOCH: Epoch = Epoch { counter: 7, node: NodeId(5) };
const SEQUENCE: u64 = 1;

#[derive(Debug, arbitrary::Arbitrary)]
struct Input {
    snapshot: Vec<u8>,
    commits: Vec<Commit>,
    /// How many bytes before each commit need not be durable.
    unsure_bytes: u16,
    /// Bytes behind the last commit.
    end: Vec<u8>,
    /// Where a byte is changed, and how.
    changes: Vec<(u16, u8)>,
    /// How much is cut off.
    cut_bytes: u8,
}

#[derive(Debug, arbitrary::Arbitrary)]
enum Commit {
    Records(Vec<Vec<u8>>),
    /// A body that need not hold records.
    Body(Vec<u8>),
    /// Bytes that need not be a frame.
    Bytes(Vec<u8>),
}

fuzz_target!(|input: Input| {
    let salt = Salt::of(EPOCH, SEQUENCE);
    let mut bytes = segment::begin(EPOCH, SEQUENCE, &input.snapshot);
    bytes.truncate(bytes.len() - END_BYTES);
    let mut written = Vec::new();
    for commit in &input.commits {
        let mut frame = vec![0; HEAD_BYTES];
        match commit {
            Commit::Records(records) => {
                records.iter().for_each(|record| segment::push_record(&mut frame, record));
                written.extend(records.clone());
            }
            Commit::Body(body) => frame.extend_from_slice(body),
            Commit::Bytes(raw) => {
                bytes.extend_from_slice(raw);
                bytes.resize(bytes.len().next_multiple_of(8), 0);
                continue;
            }
        }
        let end_bytes = bytes.len() as u64;
        salt.seal(end_bytes, end_bytes - u64::from(input.unsure_bytes).min(end_bytes), &mut frame);
        bytes.extend_from_slice(&frame[..frame.len() - END_BYTES]);
    }
    bytes.extend_from_slice(&input.end);
    for (at, change) in &input.changes {
        if let Some(byte) = bytes.get_mut(usize::from(*at)) {
            *byte ^= change;
        }
    }
    bytes.truncate(bytes.len() - usize::from(input.cut_bytes).min(bytes.len()));

    let Ok(contents) = segment::decode(&bytes, EPOCH, SEQUENCE) else { return };
    let snapshot = contents.snapshot.as_deref().expect("a segment has a snapshot");
    assert_eq!(snapshot, input.snapshot, "a snapshot is read as it was written or not at all");
    if input.commits.iter().all(|commit| matches!(commit, Commit::Records(_))) {
        assert!(written.starts_with(&contents.records), "nothing is invented, nothing is left out");
    }
    let size_bytes: usize = contents.records.iter().map(|record| record.len() + 4).sum();
    assert!(size_bytes <= bytes.len());

    // Written again, with a commit for each record, it reads the same, and so does each prefix.
    let mut again = segment::begin(EPOCH, SEQUENCE, snapshot);
    again.truncate(again.len() - END_BYTES);
    for count in 0..=contents.records.len() {
        // Each prefix of a long journal would take too long.
        if count == contents.records.len() || count < 8 {
            let found = segment::decode(&again, EPOCH, SEQUENCE).expect("it was just written");
            assert_eq!(found.snapshot.as_deref(), Some(snapshot));
            assert_eq!(found.records, contents.records[..count]);
            assert_eq!(found.cut, None);
        }
        if let Some(record) = contents.records.get(count) {
            let mut frame = vec![0; HEAD_BYTES];
            segment::push_record(&mut frame, record);
            salt.seal(again.len() as u64, again.len() as u64, &mut frame);
            again.extend_from_slice(&frame[..frame.len() - END_BYTES]);
        }
    }
});
