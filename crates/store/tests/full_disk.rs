//! A disk that is really full, and a directory that is really read-only.
//!
//! Each test runs itself again in a mount namespace of its own, on a file system of 1 MiB in memory
//! that goes with it. Where the machine gives no such namespace, the test says so and is skipped.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use machine::{Epoch, NodeId};
use store::{ClaimError, CommitError, Contents, Durability, Journal, read};

const PLACE: &str = "STORE_TEST_SMALL_DISK";

/// The small disk, inside of the namespace; outside, runs the test there and gives none.
fn small_disk(test: &str) -> Option<PathBuf> {
    if let Some(place) = std::env::var_os(PLACE) {
        return Some(PathBuf::from(place));
    }
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| -> std::io::Result<ExitStatus> {
        let script = "mount -t tmpfs -o size=1m tmpfs \"$0\" && exec \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]);
        command.arg(folder.path()).args(arguments).env(PLACE, folder.path()).status()
    };
    if !run(&["true"]).is_ok_and(|status| status.success()) {
        // Not by a macro: test runners keep what those say to themselves.
        let _ = writeln!(
            std::io::stderr(),
            "{test}: SKIPPED, this machine gives no mount namespace to a test"
        );
        return None;
    }
    let own = std::env::current_exe().unwrap();
    let status = run(&[own.to_str().unwrap(), "--exact", test, "--nocapture"]).unwrap();
    assert!(status.success(), "{test} failed on the small disk; what it said stands above");
    None
}

fn epoch(counter: u64) -> Epoch {
    Epoch { counter, node: NodeId(1) }
}

fn numbers(contents: &Contents) -> Vec<u32> {
    let number = |record: &Vec<u8>| u32::from_le_bytes(record[..4].try_into().unwrap());
    contents.records.iter().map(number).collect()
}

/// Commits numbers until that fails. How many were confirmed, and the error.
fn fill(journal: &mut Journal, from: u32) -> (u32, CommitError) {
    for number in from.. {
        let append = journal.append(&number.to_le_bytes().repeat(500));
        if let Err(error) = append.and_then(|()| journal.commit()) {
            return (number, error);
        }
    }
    unreachable!("the disk is small")
}

/// That an error says what, where and why, and that nothing is lost.
fn assert_clear(error: &str, dir: &Path, why: &str) {
    assert!(error.contains(dir.to_str().unwrap()) && error.contains(why), "{error}");
    assert!(error.contains("stands") || error.contains("is lost"), "{error}");
}

#[test]
fn a_full_disk_is_a_clear_error_and_loses_nothing() {
    let Some(disk) = small_disk("a_full_disk_is_a_clear_error_and_loses_nothing") else { return };
    let dir = disk.join("journal");
    let ballast = disk.join("ballast");
    fs::write(&ballast, vec![1; 500 << 10]).unwrap();
    let (mut journal, _) = Journal::claim(&dir, epoch(1), Durability::Disk).unwrap();
    journal.snapshot(b"first").unwrap();
    let (confirmed, error) = fill(&mut journal, 0);
    assert!(confirmed > 100, "{confirmed}");
    assert_clear(&error.to_string(), &dir, "No space left on device");
    assert!(matches!(journal.commit(), Err(CommitError::Poisoned(_))), "it takes no more");

    // All is there, for readers and for the next writer, while the disk is still full. What was not
    // confirmed may be there, too.
    let found = numbers(&read(&dir).unwrap().unwrap());
    assert!(found.len() as u32 >= confirmed && found.iter().copied().eq(0..found.len() as u32));
    // A claim needs a name in the directory, and no room.
    let (mut next, contents) = Journal::claim(&dir, epoch(2), Durability::Disk).unwrap();
    assert_eq!(numbers(&contents), found);
    let error = next.snapshot(&vec![2; 200 << 10]).unwrap_err();
    assert_clear(&error.to_string(), &dir, "No space left on device");
    assert_eq!(numbers(&read(&dir).unwrap().unwrap()), found, "the old segment stands");

    // The disk is mended, and trade goes on when those who failed have ended.
    drop((journal, next));
    fs::remove_file(&ballast).unwrap();
    let (mut next, contents) = Journal::claim(&dir, epoch(3), Durability::Disk).unwrap();
    assert_eq!(numbers(&contents), found);
    next.snapshot(b"second").unwrap();
    let (more, _) = fill(&mut next, 0);
    assert!(more > confirmed, "the old files are gone: {more} after {confirmed}");
}

#[test]
fn a_snapshot_for_which_the_disk_has_no_room_leaves_the_journal_as_it_was() {
    let test = "a_snapshot_for_which_the_disk_has_no_room_leaves_the_journal_as_it_was";
    let Some(disk) = small_disk(test) else { return };
    let dir = disk.join("journal");
    let (mut journal, _) = Journal::claim(&dir, epoch(1), Durability::Disk).unwrap();
    for _ in 0..3 {
        // From the second on, there is a spare file.
        journal.snapshot(b"small").unwrap();
    }
    journal.append(&7_u32.to_le_bytes()).unwrap();
    journal.commit().unwrap();
    let error = journal.snapshot(&vec![2; 2 << 20]).unwrap_err();
    assert_clear(&error.to_string(), &dir, "No space left on device");
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 1, "what was begun keeps no room");
    let (mut next, contents) = Journal::claim(&dir, epoch(2), Durability::Disk).unwrap();
    assert_eq!((contents.snapshot.as_deref(), numbers(&contents)), (Some(&b"small"[..]), vec![7]));
    next.snapshot(b"small again").unwrap();
}

#[test]
fn a_read_only_directory_is_a_clear_error_and_can_be_read() {
    let Some(disk) = small_disk("a_read_only_directory_is_a_clear_error_and_can_be_read") else {
        return;
    };
    let dir = disk.join("journal");
    let (mut journal, _) = Journal::claim(&dir, epoch(1), Durability::Disk).unwrap();
    journal.snapshot(b"").unwrap();
    journal.append(&7_u32.to_le_bytes()).unwrap();
    journal.commit().unwrap();
    drop(journal);
    let remount = Command::new("mount").args(["-o", "remount,ro"]).arg(&disk).status().unwrap();
    assert!(remount.success());

    let error = Journal::claim(&dir, epoch(2), Durability::Disk).unwrap_err();
    assert!(matches!(error, ClaimError::Io { .. }));
    assert_clear(&error.to_string(), &dir, "Read-only file system");
    assert_eq!(numbers(&read(&dir).unwrap().unwrap()), [7]);
    let error = Journal::claim(&disk.join("new"), epoch(1), Durability::Disk).unwrap_err();
    assert_clear(&error.to_string(), &disk, "Read-only file system");
}
