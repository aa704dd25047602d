//! What is left of a journal whose bytes were cut off, changed or lost.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

use std::fs;
use std::path::{Path, PathBuf};

use machine::{Epoch, NodeId};
use proptest::prelude::*;
use store::segment::END_BYTES;
use store::{ClaimError, Contents, Cut, Durability, Error, Journal, SEGMENT_MAX_BYTES, read};
use tempfile::TempDir;

fn epoch(counter: u64) -> Epoch {
    Epoch { counter, node: NodeId(1) }
}

/// A journal on the disk, and where each of its parts ends in the file.
struct Sample {
    folder: TempDir,
    segment: PathBuf,
    bytes: Vec<u8>,
    /// The end of the snapshot, then that of each commit, in bytes.
    ends: Vec<usize>,
    /// The records, one list for each commit.
    commits: Vec<Vec<Vec<u8>>>,
}

impl Sample {
    fn new(durability: Durability, commits: &[&[&[u8]]]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::claim(folder.path(), epoch(1), durability).unwrap();
        journal.snapshot(b"the state").unwrap();
        let segment = only_file(folder.path());
        let mut ends = vec![used(&segment)];
        for commit in commits {
            commit.iter().for_each(|record| journal.append(record).unwrap());
            journal.commit().unwrap();
            ends.push(used(&segment));
        }
        let commits = commits.iter().map(|commit| commit.iter().map(|r| r.to_vec()).collect());
        let (bytes, commits) = (fs::read(&segment).unwrap(), commits.collect());
        Self { folder, segment, bytes, ends, commits }
    }

    fn small(durability: Durability) -> Self {
        Self::new(durability, &[&[b"one", b"two"], &[b"three"], &[b"", b"four", b"five"]])
    }

    /// What stands there when the file holds these bytes.
    fn read(&self, bytes: &[u8]) -> Result<Contents, Error> {
        fs::write(&self.segment, bytes).unwrap();
        let found = read(self.folder.path()).map(|found| found.expect("there is a segment"));
        assert_eq!(fs::read(&self.segment).unwrap(), bytes, "reading changes nothing");
        found
    }

    fn records(&self, commits: usize) -> Vec<Vec<u8>> {
        self.commits[..commits].concat()
    }

    /// How many commits end at or before `offset`.
    fn commits_before(&self, offset: usize) -> usize {
        self.ends[1..].iter().filter(|end| **end <= offset).count()
    }
}

fn only_file(dir: &Path) -> PathBuf {
    let mut files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let file = files.next().unwrap();
    assert_eq!(files.next(), None);
    file
}

/// The end of the last frame: no frame of the sample ends in more than seven zeros.
fn used(segment: &Path) -> usize {
    let bytes = fs::read(segment).unwrap();
    (bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1).next_multiple_of(8)
}

#[test]
fn a_file_that_is_cut_anywhere_keeps_the_commits_that_are_whole() {
    for durability in [Durability::Disk, Durability::Memory] {
        let sample = Sample::small(durability);
        for length in 0..sample.ends[3] {
            let found = sample.read(&sample.bytes[..length]);
            // The zeros that pad a frame are no part of it.
            let snapshot_end = sample.bytes[..sample.ends[0]].iter().rposition(|byte| *byte != 0);
            if length <= snapshot_end.unwrap() {
                assert!(matches!(found, Err(Error::Damaged { .. })), "{length}: {found:?}");
                continue;
            }
            let found = found.unwrap();
            assert_eq!(found.snapshot.as_deref(), Some(&b"the state"[..]));
            let whole = (0..=3).rev().find(|commits| found.records == sample.records(*commits));
            let whole = whole.expect("a prefix");
            let padded = sample.commits_before(length.next_multiple_of(8));
            assert!(whole == sample.commits_before(length) || whole == padded, "{length}");
            let torn = sample.bytes[..length][sample.ends[whole].min(length)..].iter();
            let size_bytes = torn.clone().rposition(|byte| *byte != 0).map(|last| last as u64 + 1);
            let offset = sample.ends[whole] as u64;
            assert_eq!(found.cut, size_bytes.map(|size_bytes| Cut { offset, size_bytes }));
        }
    }
}

#[test]
fn a_file_in_which_any_byte_is_changed_keeps_the_commits_before_or_is_an_error() {
    for durability in [Durability::Disk, Durability::Memory] {
        let sample = Sample::small(durability);
        let end = sample.ends[3];
        let changes = [1, 2, 4, 8, 16, 32, 64, 128, 255];
        for (at, change) in (0..end).flat_map(|at| changes.map(|change| (at, change))) {
            let mut bytes = sample.bytes.clone();
            bytes[at] ^= change;
            match sample.read(&bytes) {
                Ok(found) => {
                    let whole = found.records.len();
                    let padding = found.records == sample.records(3);
                    let last = at >= sample.ends[2] && found.records == sample.records(2);
                    assert!(padding || last, "{at}: {whole} records");
                    assert_eq!(found.cut.is_some(), last && !padding);
                }
                Err(Error::Damaged { offset, path, .. }) => {
                    assert_eq!(path, sample.segment);
                    let begins: Vec<usize> =
                        [0, 32].into_iter().chain(sample.ends.clone()).collect();
                    let frame = begins.iter().rev().find(|begin| **begin <= at).unwrap();
                    assert_eq!(offset, *frame as u64, "at {at}");
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn bytes_behind_the_end_are_cut_off() {
    let sample = Sample::small(Durability::Disk);
    let end = sample.ends[3];
    for at in [end, end + 1, end + 77, sample.bytes.len() - 1] {
        let mut bytes = sample.bytes.clone();
        bytes[at] = 9;
        let found = sample.read(&bytes).unwrap();
        assert_eq!(found.records, sample.records(3));
        let size_bytes = (at - end) as u64 + 1;
        // Behind the mark of the end stands what an earlier segment left.
        let torn = at < end + END_BYTES;
        assert_eq!(found.cut, torn.then_some(Cut { offset: end as u64, size_bytes }));
    }
}

#[test]
fn damage_in_the_middle_stops_a_claim_and_nothing_is_changed() {
    let sample = Sample::small(Durability::Disk);
    let mut bytes = sample.bytes.clone();
    bytes[sample.ends[0] + 12] ^= 1;
    fs::write(&sample.segment, &bytes).unwrap();
    let dir = sample.folder.path();
    let error = Journal::claim(dir, epoch(2), Durability::Disk).unwrap_err();
    assert!(matches!(error, ClaimError::Damaged { offset, .. } if offset == sample.ends[0] as u64));
    let name = sample.segment.to_str().unwrap();
    assert!(error.to_string().contains(name), "{error}");
    assert_eq!(fs::read(&sample.segment).unwrap(), bytes);
    // The file is restored from a copy: the next claim finds all.
    fs::write(&sample.segment, &sample.bytes).unwrap();
    let (_, contents) = Journal::claim(dir, epoch(3), Durability::Disk).unwrap();
    assert_eq!(contents.records, sample.records(3));
}

#[test]
fn a_commit_whose_blocks_were_all_lost_is_damage_if_another_follows() {
    let sample = Sample::small(Durability::Disk);
    let mut bytes = sample.bytes.clone();
    bytes[sample.ends[0]..sample.ends[1]].fill(0);
    assert!(matches!(sample.read(&bytes), Err(Error::Damaged { .. })));
}

proptest! {
    /// When the power fails during a commit, any of its sectors may be written and any may not.
    #[test]
    fn a_commit_of_which_any_sectors_are_missing_is_cut_off_as_a_whole(
        lengths in proptest::collection::vec(0..700_usize, 1..20),
        written in any::<u32>(),
    ) {
        let records: Vec<Vec<u8>> = lengths.iter().map(|length| vec![0xA5; *length]).collect();
        let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        let sample = Sample::new(Durability::Disk, &[&[b"before"], &records]);
        let mut bytes = sample.bytes.clone();
        let commit = sample.ends[1]..sample.ends[2];
        for (at, byte) in commit.clone().zip(&mut bytes[commit]) {
            if written >> (at / 512 % 32) & 1 == 0 {
                *byte = 0;
            }
        }
        let found = sample.read(&bytes).unwrap();
        let whole = bytes == sample.bytes;
        prop_assert_eq!(found.records, sample.records(1 + usize::from(whole)));
    }
}

#[test]
fn bytes_of_another_segment_are_never_valid() {
    // Two segments alike in all but their numbers.
    let (one, other) = (Sample::small(Durability::Memory), tempfile::tempdir().unwrap());
    let (mut journal, _) = Journal::claim(other.path(), epoch(2), Durability::Memory).unwrap();
    journal.snapshot(b"the state").unwrap();
    let segment = only_file(other.path());
    // As a whole, under the other's name.
    let own = fs::read(&segment).unwrap();
    fs::write(&segment, &one.bytes).unwrap();
    assert!(matches!(read(other.path()), Err(Error::Damaged { offset: 0, .. })));
    // And as the stale end of a file whose beginning was written anew.
    let mixed = [&own[..one.ends[0]], &one.bytes[one.ends[0]..]].concat();
    fs::write(&segment, &mixed).unwrap();
    let found = read(other.path()).unwrap().unwrap();
    assert_eq!(found.records, Vec::<Vec<u8>>::new());
    let size_bytes = found.cut.unwrap().size_bytes;
    assert!((one.ends[3] - one.ends[0]) as u64 - size_bytes < 8);
}

#[test]
fn a_file_larger_than_any_segment_is_not_read() {
    let sample = Sample::small(Durability::Memory);
    let file = fs::File::options().write(true).open(&sample.segment).unwrap();
    file.set_len(SEGMENT_MAX_BYTES + 1).unwrap();
    let error = read(sample.folder.path()).unwrap_err();
    assert!(error.to_string().contains(sample.segment.to_str().unwrap()), "{error}");
}
