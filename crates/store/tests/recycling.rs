//! A segment's file is used again for the last but one after it: what stood there before is never
//! taken for a record, wherever a write over it is cut.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use machine::{Epoch, NodeId};
use proptest::prelude::*;
use store::segment::END_BYTES;
use store::{Contents, Durability, Journal, read};

const EPOCH: Epoch = Epoch { counter: 1, node: NodeId(1) };

fn segment(dir: &Path) -> PathBuf {
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    files.into_iter().find(|path| path.extension().is_some_and(|end| end == "segment")).unwrap()
}

/// Commits these letters, each as a record of so many bytes. The file after each commit.
fn commit(journal: &mut Journal, dir: &Path, letters: &str, size: usize) -> Vec<Vec<u8>> {
    let segment = segment(dir);
    let each = letters.bytes().map(|letter| {
        journal.append(&vec![letter; size]).unwrap();
        journal.commit().unwrap();
        fs::read(&segment).unwrap()
    });
    each.collect()
}

fn letters(contents: &Contents) -> String {
    let bytes = contents.snapshot.iter().chain(&contents.records).map(|bytes| bytes[0]);
    bytes.map(char::from).collect()
}

/// A segment with the same sizes in the same places as the one it is written over.
struct Sample {
    folder: tempfile::TempDir,
    segment: PathBuf,
    /// The file after the snapshot, then after each commit.
    states: Vec<Vec<u8>>,
}

const WRITTEN: &str = "Nxyz";

impl Sample {
    fn new(size: usize, durability: Durability) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let (mut journal, _) = Journal::claim(dir, EPOCH, durability).unwrap();
        journal.snapshot(&vec![b'O'; size]).unwrap();
        let stale = commit(&mut journal, dir, "abcdefgh", size).pop().unwrap();
        let file = |path: &Path| fs::metadata(path).unwrap().ino();
        let old = file(&segment(dir));
        journal.snapshot(b"between").unwrap();
        journal.snapshot(&vec![b'N'; size]).unwrap();
        let segment = segment(dir);
        assert_eq!(file(&segment), old, "the file is used again");
        let mut states = vec![fs::read(&segment).unwrap()];
        states.extend(commit(&mut journal, dir, &WRITTEN[1..], size));
        let same = stale.iter().zip(&states[3]).rev().take_while(|(old, new)| old == new).count();
        assert!(same > 4 * size, "old commits stand behind the new ones");
        Self { folder, segment, states }
    }

    fn read(&self, bytes: &[u8]) -> Contents {
        fs::write(&self.segment, bytes).unwrap();
        read(self.folder.path()).unwrap().unwrap()
    }
}

#[test]
fn a_commit_over_old_bytes_that_is_cut_anywhere_is_there_as_a_whole_or_not_at_all() {
    for durability in [Durability::Disk, Durability::Memory] {
        let sample = Sample::new(40, durability);
        for (count, states) in sample.states.windows(2).enumerate() {
            let differs = |at: &usize| states[0][*at] != states[1][*at];
            let first = (0..states[0].len()).find(differs).unwrap();
            let last = (0..states[0].len()).rfind(differs).unwrap();
            for cut in first..=last + 1 {
                let found = sample.read(&[&states[1][..cut], &states[0][cut..]].concat());
                let text = letters(&found);
                if cut + END_BYTES <= last {
                    assert_eq!(text, WRITTEN[..=count], "at {cut}");
                    assert_eq!(found.cut.is_some(), cut > first, "at {cut}");
                }
                assert!(text == WRITTEN[..=count] || text == WRITTEN[..count + 2], "at {cut}");
            }
            assert_eq!(letters(&sample.read(&states[1])), WRITTEN[..count + 2]);
        }
    }
}

proptest! {
    /// When the power fails during a commit, any of its sectors may be written and any may not.
    #[test]
    fn a_commit_over_old_bytes_of_which_any_sectors_are_missing_is_cut_off_as_a_whole(
        size in 1..4000_usize,
        written in any::<u64>(),
    ) {
        let sample = Sample::new(size, Durability::Disk);
        let [before, after] = [&sample.states[2], &sample.states[3]];
        let mut bytes = before.clone();
        for (sector, (bytes, after)) in bytes.chunks_mut(512).zip(after.chunks(512)).enumerate() {
            if written >> (sector % 64) & 1 == 1 {
                bytes.copy_from_slice(after);
            }
        }
        let text = letters(&sample.read(&bytes));
        prop_assert!(text == WRITTEN[..3] || text == WRITTEN);
        prop_assert!(bytes != *after || text == WRITTEN);
        prop_assert!(bytes != *before || text == WRITTEN[..3]);
    }
}

#[test]
fn disk_use_is_bounded_by_two_files_however_many_snapshots_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let (mut journal, _) = Journal::claim(dir, EPOCH, Durability::Disk).unwrap();
    let mut most = 0;
    for round in 0..50_u8 {
        journal.snapshot(&vec![round; 3000]).unwrap();
        commit(&mut journal, dir, "abcdefgh", 9000);
        let sizes =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len());
        let sizes: Vec<u64> = sizes.collect();
        assert!(sizes.len() <= 2, "{sizes:?}");
        most = most.max(sizes.iter().sum());
    }
    assert!(most < 600_000, "{most}");
    assert_eq!(letters(&read(dir).unwrap().unwrap())[1..], *"abcdefgh");
}
