//! Several commits on their way to the disk at a time.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

use std::fs;
use std::path::{Path, PathBuf};

use machine::{Epoch, NodeId};
use proptest::prelude::*;
use store::{CommitError, Durability, Error, Journal, read};

fn epoch(counter: u64) -> Epoch {
    Epoch { counter, node: NodeId(1) }
}

fn begin(dir: &Path) -> Journal {
    let (mut journal, _) = Journal::claim(dir, epoch(1), Durability::Disk).unwrap();
    journal.snapshot(b"the state").unwrap();
    journal
}

fn write(journal: &mut Journal, record: &[u8]) -> store::Written {
    journal.append(record).unwrap();
    journal.write().unwrap()
}

fn records(dir: &Path) -> Vec<Vec<u8>> {
    read(dir).unwrap().unwrap().records
}

fn segment(dir: &Path) -> PathBuf {
    fs::read_dir(dir).unwrap().next().unwrap().unwrap().path()
}

/// The end of the last frame: no record here ends in zeros.
fn used(segment: &Path) -> usize {
    let bytes = fs::read(segment).unwrap();
    (bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1).next_multiple_of(8)
}

#[test]
fn whichever_ends_first_confirms_what_was_written_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = begin(folder.path());
    let one = write(&mut journal, b"one");
    let two = write(&mut journal, b"two");
    let three = write(&mut journal, b"three");
    assert_eq!(records(folder.path()).len(), 3, "written, and in order");
    // The disk may begin early, and twice: it changes nothing but the wait.
    [&two, &three, &three].into_iter().for_each(store::Written::start);
    journal.confirm(two.sync()).unwrap();
    journal.confirm(one.sync()).unwrap();
    // Nobody waits for the third any more: the next whole commit makes it durable.
    drop(three);
    journal.append(b"four").unwrap();
    journal.commit().unwrap();
    assert_eq!(records(folder.path()), [&b"one"[..], b"two", b"three", b"four"]);
}

#[test]
fn a_snapshot_confirms_what_is_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = begin(folder.path());
    let one = write(&mut journal, b"one");
    journal.snapshot(b"one").unwrap();
    let two = write(&mut journal, b"two");
    journal.confirm(one.sync()).unwrap();
    journal.confirm(two.sync()).unwrap();
    let contents = read(folder.path()).unwrap().unwrap();
    assert_eq!(
        (contents.snapshot.unwrap(), contents.records),
        (b"one".into(), vec![b"two".into()])
    );
}

#[test]
fn a_claim_refuses_all_that_is_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = begin(folder.path());
    let one = write(&mut journal, b"one");
    let two = write(&mut journal, b"two");
    let (_, contents) = Journal::claim(folder.path(), epoch(2), Durability::Disk).unwrap();
    assert_eq!(contents.records.len(), 2, "it was there to be read");
    for synced in [two.sync(), one.sync()] {
        let refused = journal.confirm(synced);
        assert!(matches!(refused, Err(CommitError::Outbid(by)) if by == epoch(2)), "{refused:?}");
    }
}

#[test]
fn a_segment_that_is_deleted_takes_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = begin(folder.path());
    fs::remove_file(segment(folder.path())).unwrap();
    journal.append(b"one").unwrap();
    let error = journal.write().unwrap_err();
    assert!(matches!(error, CommitError::Io { .. }), "{error}");
    assert!(matches!(journal.write(), Err(CommitError::Poisoned(_))));
}

#[test]
fn a_commit_larger_than_a_batch_is_durable_as_a_whole_or_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = begin(folder.path());
    journal.append(b"before").unwrap();
    journal.commit().unwrap();
    let file = segment(folder.path());
    let first = used(&file);
    let record = vec![7; store::RECORD_MAX_BYTES];
    (0..9).for_each(|_| journal.append(&record).unwrap());
    journal.commit().unwrap();
    assert_eq!(records(folder.path()).len(), 10);
    // The disk kept the end of it and lost the beginning.
    let mut bytes = fs::read(&file).unwrap();
    bytes[first + 8..first + 4096].fill(0);
    fs::write(&file, bytes).unwrap();
    let contents = read(folder.path()).unwrap().unwrap();
    assert_eq!(contents.records, [b"before"]);
    assert_eq!(contents.cut.unwrap().offset, first as u64);
}

proptest! {
    /// When the power fails, any sectors of what is under way may be written and any may not; what
    /// was confirmed is all there.
    #[test]
    fn a_prefix_is_left_of_what_was_under_way_and_all_of_what_was_confirmed(
        lengths in proptest::collection::vec(1..1500_usize, 2..=store::COMMITS_UNDER_WAY),
        confirmed in 0..=store::COMMITS_UNDER_WAY,
        written in any::<u64>(),
        spoiled in any::<prop::sample::Index>(),
    ) {
        let confirmed = confirmed.min(lengths.len());
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let mut journal = begin(dir);
        let file = segment(dir);
        let mut ends = vec![used(&file)];
        let mut under_way = Vec::new();
        for (at, length) in lengths.iter().enumerate() {
            under_way.push(write(&mut journal, &vec![0xA5; *length]));
            ends.push(used(&file));
            if at + 1 == confirmed {
                // The last of them speaks for all.
                journal.confirm(under_way.pop().unwrap().sync()).unwrap();
            }
        }
        let whole = fs::read(&file).unwrap();
        let mut bytes = whole.clone();
        let lost = ends[confirmed]..*ends.last().unwrap();
        for (at, byte) in lost.clone().zip(&mut bytes[lost]) {
            if written >> (at / 512 % 64) & 1 == 0 {
                *byte = 0;
            }
        }
        fs::write(&file, &bytes).unwrap();
        let contents = read(dir).unwrap().unwrap();
        let left = contents.records.len();
        prop_assert_eq!(left, (1..ends.len()).take_while(|at| bytes[..ends[*at]] == whole[..ends[*at]]).count());
        prop_assert!(left >= confirmed);

        // What was confirmed before a later commit was written is damaged if it does not stand.
        if (1..lengths.len()).contains(&confirmed) {
            let mut bytes = whole;
            bytes[ends[0] + spoiled.index(ends[confirmed] - ends[0])] ^= 1;
            fs::write(&file, &bytes).unwrap();
            match read(dir) {
                Err(Error::Damaged { .. }) => {}
                // The zeros that pad a frame are no part of it.
                Ok(found) => prop_assert_eq!(found.unwrap().records.len(), lengths.len()),
                Err(error) => panic!("{error}"),
            }
        }
    }
}
