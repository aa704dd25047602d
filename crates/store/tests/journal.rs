//! What a journal promises to those who use it properly.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

use std::path::Path;

use machine::{Epoch, NodeId};
use proptest::prelude::*;
use store::{
    BATCH_MAX_BYTES, ClaimError, CommitError, Contents, Durability, Error, Journal,
    RECORD_MAX_BYTES, SNAPSHOT_MAX_BYTES, highest_epoch, read,
};

fn epoch(counter: u64) -> Epoch {
    Epoch { counter, node: NodeId(1) }
}

fn claim(dir: &Path, counter: u64) -> (Journal, Contents) {
    Journal::claim(dir, epoch(counter), Durability::Memory).unwrap()
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[derive(Debug, Clone)]
enum Step {
    Snapshot(Vec<u8>),
    Append(Vec<u8>),
    Commit,
    Claim,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..40);
    let step = prop_oneof![
        1 => bytes().prop_map(Step::Snapshot),
        6 => bytes().prop_map(Step::Append),
        3 => Just(Step::Commit),
        1 => Just(Step::Claim),
    ];
    proptest::collection::vec(step, 0..40)
}

proptest! {
    #[test]
    fn what_was_confirmed_is_read_back(steps in steps(), disk in any::<bool>()) {
        let durability = if disk { Durability::Disk } else { Durability::Memory };
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let mut counter = 1;
        let (mut journal, _) = Journal::claim(dir, epoch(counter), durability).unwrap();
        journal.snapshot(b"").unwrap();
        let mut confirmed = Contents { snapshot: Some(Vec::new()), ..Contents::default() };
        let mut waiting = Vec::new();
        for step in steps {
            match step {
                Step::Snapshot(bytes) => {
                    journal.snapshot(&bytes).unwrap();
                    waiting.clear();
                    confirmed = Contents { snapshot: Some(bytes), ..Contents::default() };
                }
                Step::Append(record) => {
                    journal.append(&record).unwrap();
                    waiting.push(record);
                }
                Step::Commit => {
                    journal.commit().unwrap();
                    confirmed.records.append(&mut waiting);
                }
                Step::Claim => {
                    counter += 1;
                    let claimed = Journal::claim(dir, epoch(counter), durability).unwrap();
                    prop_assert_eq!(&claimed.1, &confirmed);
                    waiting.clear();
                    journal = claimed.0;
                    journal.snapshot(b"again").unwrap();
                    let snapshot = Some(b"again".to_vec());
                    confirmed = Contents { snapshot, ..Contents::default() };
                }
            }
            prop_assert_eq!(&read(dir).unwrap().unwrap(), &confirmed);
            prop_assert_eq!(highest_epoch(dir).unwrap(), Some(epoch(counter)));
        }
    }
}

#[test]
fn where_nothing_was_written_nothing_stands_and_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("deep").join("journal");
    assert_eq!(highest_epoch(&dir).unwrap(), None);
    assert_eq!(read(&dir).unwrap(), None);
    assert_eq!(names(folder.path()), [""; 0]);

    let (_, contents) = Journal::claim(&dir, epoch(1), Durability::Disk).unwrap();
    assert_eq!(contents, Contents::default());
    assert_eq!(read(&dir).unwrap(), None, "a claim writes nothing");
    assert_eq!(highest_epoch(&dir).unwrap(), Some(epoch(1)));
}

#[test]
fn a_claim_is_refused_if_the_same_or_a_higher_epoch_stands_there() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = claim(folder.path(), 7);
    let refused = |counter| match Journal::claim(folder.path(), epoch(counter), Durability::Disk) {
        Err(ClaimError::Outbid(standing)) => standing,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(6), epoch(7));
    assert_eq!(refused(7), epoch(7));
    journal.snapshot(b"").unwrap();
    assert_eq!(names(folder.path()).len(), 1, "the segment stands for the claim");
    assert_eq!(refused(6), epoch(7));
    assert_eq!(refused(7), epoch(7));
    let other_node = Epoch { node: NodeId(2), ..epoch(7) };
    Journal::claim(folder.path(), other_node, Durability::Disk).unwrap();
    assert_eq!(refused(7), other_node);
}

#[test]
fn a_claim_refuses_the_old_writer_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let (mut old, _) = claim(folder.path(), 7);
    old.snapshot(b"all").unwrap();
    old.append(b"confirmed").unwrap();
    old.commit().unwrap();
    old.append(b"late").unwrap();

    let (mut new, contents) = claim(folder.path(), 8);
    assert_eq!(contents.records, [b"confirmed"]);
    let outbid = |result| matches!(result, Err(CommitError::Outbid(by)) if by == epoch(8));
    assert!(outbid(old.commit()));
    // The late record is on the disk, and was not confirmed. Epoch 8 did not see it; who claims
    // before epoch 8 has written sees it. Either is right.
    let (mut newest, contents) = claim(folder.path(), 9);
    assert_eq!(contents.records, [&b"confirmed"[..], b"late"]);
    assert!(matches!(new.snapshot(b"8"), Err(CommitError::Outbid(by)) if by == epoch(9)));
    newest.snapshot(b"9").unwrap();

    assert!(outbid(old.append(b"later")));
    assert!(outbid(old.commit()));
    assert!(outbid(old.snapshot(b"7")));
    assert_eq!(read(folder.path()).unwrap().unwrap().snapshot.unwrap(), b"9");
}

#[test]
fn who_slept_through_a_takeover_changes_nothing_whatever_it_does_first() {
    for first in [Journal::commit, |journal: &mut Journal| journal.snapshot(b"old")] {
        let folder = tempfile::tempdir().unwrap();
        let (mut old, _) = claim(folder.path(), 7);
        old.snapshot(b"").unwrap();
        old.append(b"late").unwrap();
        let (mut new, _) = claim(folder.path(), 8);
        new.snapshot(b"new").unwrap();
        assert!(matches!(first(&mut old), Err(CommitError::Outbid(by)) if by == epoch(8)));
        let contents = read(folder.path()).unwrap().unwrap();
        assert_eq!((contents.snapshot.unwrap(), contents.records.len()), (b"new".to_vec(), 0));
        new.append(b"more").unwrap();
        new.commit().unwrap();
    }
}

#[test]
fn a_commit_without_records_is_a_look_for_higher_epochs() {
    let folder = tempfile::tempdir().unwrap();
    let (mut old, _) = claim(folder.path(), 7);
    old.snapshot(b"").unwrap();
    old.commit().unwrap();
    let _new = claim(folder.path(), 8);
    assert!(matches!(old.commit(), Err(CommitError::Outbid(by)) if by == epoch(8)));
}

#[test]
fn the_first_write_after_a_claim_must_be_a_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = claim(folder.path(), 1);
    assert!(matches!(journal.append(b"a"), Err(CommitError::NoSnapshot)));
    assert!(matches!(journal.commit(), Err(CommitError::NoSnapshot)));
    journal.snapshot(b"").unwrap();
    journal.append(b"a").unwrap();
    journal.commit().unwrap();
}

#[test]
fn what_is_too_large_is_refused_and_the_journal_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = claim(folder.path(), 1);
    let snapshot = vec![0; SNAPSHOT_MAX_BYTES + 1];
    let too_large = |result| matches!(result, Err(CommitError::TooLarge { .. }));
    assert!(too_large(journal.snapshot(&snapshot)));
    journal.snapshot(b"").unwrap();
    assert!(too_large(journal.append(&snapshot[..RECORD_MAX_BYTES + 1])));
    journal.append(&snapshot[..RECORD_MAX_BYTES]).unwrap();
    journal.commit().unwrap();
    assert_eq!(read(folder.path()).unwrap().unwrap().records.len(), 1);
}

#[test]
fn a_batch_that_is_too_large_for_one_write_is_split() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::claim(folder.path(), epoch(1), Durability::Disk).unwrap();
    journal.snapshot(b"").unwrap();
    let record = |number: usize| vec![number as u8; RECORD_MAX_BYTES - number];
    let count = 2 * BATCH_MAX_BYTES / RECORD_MAX_BYTES + 1;
    (0..count).for_each(|number| journal.append(&record(number)).unwrap());
    journal.commit().unwrap();
    let records = read(folder.path()).unwrap().unwrap().records;
    assert!(records.into_iter().eq((0..count).map(record)));
}

#[test]
fn a_snapshot_deletes_what_it_replaces_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    std::fs::write(dir.join("notes.txt"), "a stranger's").unwrap();
    // What a writer left that died before its segment was whole.
    let part = "00000000000000000001-0000000001-00000000000000000001.segment.part";
    std::fs::write(dir.join(part), "half").unwrap();
    let _abandoned = claim(dir, 2);
    let (mut journal, _) = claim(dir, 3);
    for sequence in 1..4 {
        journal.snapshot(b"").unwrap();
        let segment = format!("00000000000000000003-0000000001-{sequence:020}.segment");
        let spare = format!("00000000000000000003-0000000001-{:020}.segment.part", sequence + 1);
        let spare = (sequence > 1).then_some(spare);
        let expected: Vec<String> =
            [segment].into_iter().chain(spare).chain(["notes.txt".to_owned()]).collect();
        assert_eq!(names(dir), expected);
    }
}

#[test]
fn a_directory_that_is_none_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let path = file.to_str().unwrap();
    let claimed = Journal::claim(&file, epoch(1), Durability::Disk).unwrap_err();
    assert!(matches!(claimed, ClaimError::Io { .. }) && claimed.to_string().contains(path));
    let found = read(&file).unwrap_err();
    assert!(matches!(found, Error::Io { .. }) && found.to_string().contains(path));
    assert!(highest_epoch(&file).unwrap_err().to_string().contains(path));
}

#[test]
fn a_directory_that_was_moved_away_confirms_nothing() {
    for replaced in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("journal");
        let (mut journal, _) = claim(&place, 1);
        journal.snapshot(b"0").unwrap();
        std::fs::rename(&place, folder.path().join("elsewhere")).unwrap();
        let successor = replaced.then(|| claim(&place, 2));
        journal.append(b"1").unwrap();
        let said = journal.commit().unwrap_err();
        assert!(matches!(said, CommitError::Io { .. }), "{said}");
        assert!(said.to_string().contains(place.to_str().unwrap()), "{said}");
        assert!(matches!(journal.commit(), Err(CommitError::Poisoned(_))), "it is closed");
        drop(successor);
    }
}
