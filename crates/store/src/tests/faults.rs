//! Every single call of the operating system fails once, as on a full disk.

use std::cell::Cell;
use std::io;
use std::path::Path;
use std::rc::Rc;

use machine::{Epoch, NodeId};

use super::text;
use super::turns::with_hook;
use crate::{CommitError, Durability, Journal, read};

/// What a writer did until its first error.
#[derive(Default)]
struct Outcome {
    confirmed: String,
    tried: String,
    error: Option<String>,
}

/// Claims, writes and begins new segments until something fails.
fn write(dir: &Path, epoch: Epoch) -> Outcome {
    let mut outcome = Outcome::default();
    let (mut journal, contents) = match Journal::claim(dir, epoch, Durability::Disk) {
        Ok(claimed) => claimed,
        Err(error) => return Outcome { error: Some(error.to_string()), ..outcome },
    };
    let mut all = text(&contents);
    let mut work = |outcome: &mut Outcome| -> Result<(), CommitError> {
        for letters in ["ab", "cd"] {
            journal.snapshot(all.as_bytes())?;
            outcome.confirmed = all.clone();
            let mut under_way = Vec::new();
            for letter in letters.chars() {
                all.push(letter);
                outcome.tried = all.clone();
                journal.append(letter.to_string().as_bytes())?;
                under_way.push((journal.write()?, all.clone()));
            }
            for (written, text) in under_way {
                journal.confirm(written.sync())?;
                outcome.confirmed = text;
            }
            all.push('-');
            outcome.tried = all.clone();
            journal.append(b"-")?;
            journal.commit()?;
            outcome.confirmed = all.clone();
        }
        Ok(())
    };
    if let Err(error) = work(&mut outcome) {
        let first = error.to_string();
        for later in [journal.append(b"x"), journal.snapshot(b"x"), journal.commit()] {
            match later {
                Err(CommitError::Poisoned(told)) => assert_eq!(told, first),
                other => panic!("{other:?} after {first}"),
            }
        }
        outcome.error = Some(first);
    }
    outcome
}

#[test]
fn nothing_confirmed_is_lost_whichever_call_fails_and_the_next_claim_mends_all() {
    let epoch = |counter| Epoch { counter, node: NodeId(1) };
    for failing in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let before = write(dir, epoch(1));
        assert_eq!(before.confirmed, "ab-cd-");

        let (left, failed) = (Cell::new(failing), Rc::new(Cell::new("")));
        let hook_failed = Rc::clone(&failed);
        let hook = move |what| {
            if left.replace(left.get() - 1) == 0 {
                hook_failed.set(what);
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            Ok(())
        };
        let outcome = with_hook(hook, || write(dir, epoch(2)));
        let failed = failed.get();

        let names = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
        let names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        let own_part = format!("{:020}-{:010}-", 2, 1);
        let is_own_part = |name: &String| name.starts_with(&own_part) && name.ends_with(".part");
        let parts = names.iter().filter(|name| is_own_part(name)).count();
        assert!(parts <= 1, "{failed}: {names:?}");
        let standing = text(&read(dir).unwrap().unwrap());
        assert!(standing.starts_with(&before.confirmed), "{failed}: {standing}");
        assert!(standing.starts_with(&outcome.confirmed), "{failed}: {standing}");
        assert!("ab-cd-ab-cd-".starts_with(&standing), "{failed}: {standing}");
        match &outcome.error {
            Some(error) => {
                assert!(error.contains("no storage space"), "{error}");
                assert!(error.contains(failed) && error.contains(dir.to_str().unwrap()), "{error}");
                let unfinished = error.contains(".part");
                assert!(!unfinished || parts == 0, "{error}: an unfinished segment keeps no room");
            }
            // What failed was to delete an old file or to keep it as a spare, which harms nobody; or
            // nothing did.
            None => assert!(["delete", "rename", ""].contains(&failed), "{failed}"),
        }

        let after = write(dir, epoch(3));
        assert_eq!(after.confirmed, standing + "ab-cd-");
        let files = std::fs::read_dir(dir).unwrap().count();
        assert_eq!(files, 2, "a segment and a spare: all older files are deleted");
        if failed.is_empty() {
            assert!(failing > 40, "the script has steps: {failing}");
            return;
        }
    }
}

#[test]
fn a_disk_that_fails_one_of_two_commits_under_way_confirms_neither() {
    for failing in [0, 1] {
        let folder = tempfile::tempdir().unwrap();
        let epoch = Epoch { counter: 1, node: NodeId(1) };
        let (mut journal, _) = Journal::claim(folder.path(), epoch, Durability::Disk).unwrap();
        journal.snapshot(b"").unwrap();
        let mut write = |record: &[u8]| {
            journal.append(record).unwrap();
            journal.write().unwrap()
        };
        let under_way = [write(b"a"), write(b"b")];
        let syncs = Cell::new(0);
        let hook = move |_| match syncs.replace(syncs.get() + 1) == failing {
            true => Err(io::Error::from(io::ErrorKind::StorageFull)),
            false => Ok(()),
        };
        let synced = with_hook(hook, || under_way.map(crate::Written::sync));
        let mut outcomes = synced.map(|synced| journal.confirm(synced)).into_iter();
        let first = outcomes.next().unwrap();
        // Each waits with a file of its own, so the first one knows of its own bytes.
        assert_eq!(first.is_ok(), failing == 1, "{first:?}");
        assert!(outcomes.next().unwrap().is_err(), "whichever failed");
        assert!(matches!(journal.append(b"c"), Err(CommitError::Poisoned(_))));
    }
}

/// A file that is opened after an error was told to another hears nothing of it.
#[test]
fn whoever_waits_has_a_file_that_was_opened_while_all_was_durable() {
    let folder = tempfile::tempdir().unwrap();
    let epoch = Epoch { counter: 1, node: NodeId(1) };
    let (mut journal, _) = Journal::claim(folder.path(), epoch, Durability::Disk).unwrap();
    journal.snapshot(b"").unwrap();
    let steps = Rc::new(std::cell::RefCell::new(Vec::new()));
    let hook_steps = Rc::clone(&steps);
    let hook = move |what| {
        hook_steps.borrow_mut().push(what);
        Ok(())
    };
    with_hook(hook, || {
        let mut under_way = Vec::new();
        for round in 0..12 {
            journal.append(b"a").unwrap();
            under_way.push(journal.write().unwrap());
            if round % 3 == 2 {
                // The later one speaks for the earlier, which is given back all the same.
                let later = under_way.pop().unwrap();
                journal.confirm(later.sync()).unwrap();
                let earlier = under_way.pop().unwrap();
                journal.take_back(earlier.sync()).unwrap();
            }
        }
    });
    let (mut is_unsure, mut opened) = (false, 0);
    for step in steps.borrow().iter() {
        match *step {
            "write to" => is_unsure = true,
            "sync" => is_unsure = false,
            "open" => {
                assert!(!is_unsure, "{:?}", steps.borrow());
                opened += 1;
            }
            _ => {}
        }
    }
    assert_eq!(opened, 2 * crate::COMMITS_UNDER_WAY, "four stay under way, and need four more");
}

#[test]
fn a_segment_that_is_deleted_underneath_confirms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("journal");
    let epoch = Epoch { counter: 1, node: NodeId(1) };
    let (mut journal, _) = Journal::claim(&dir, epoch, Durability::Disk).unwrap();
    journal.snapshot(b"").unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    journal.append(b"a").unwrap();
    let error = journal.commit().unwrap_err();
    assert!(matches!(error, CommitError::Io { .. }), "{error}");
    assert!(
        matches!(journal.commit(), Err(CommitError::Poisoned(first)) if first == error.to_string())
    );
}
