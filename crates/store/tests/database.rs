//! What the journal in a database promises: the same as the one in files.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use machine::{Epoch, NodeId};
use store::{ClaimError, CommitError, Contents, Database, Durability, Form, Log, read};

fn epoch(counter: u64) -> Epoch {
    Epoch { counter, node: NodeId(1) }
}

fn claim(dir: &Path, counter: u64) -> (Database, Contents) {
    Database::claim(dir, epoch(counter)).unwrap()
}

#[test]
fn what_was_confirmed_is_read_back_and_a_snapshot_replaces_it() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("deep").join("journal");
    assert_eq!(read(&dir).unwrap(), None);
    let (mut log, contents) = claim(&dir, 1);
    assert_eq!(contents, Contents::default());
    assert_eq!(read(&dir).unwrap(), None, "a claim writes nothing");
    assert!(matches!(log.append(b"a"), Err(CommitError::NoSnapshot)));
    assert!(matches!(log.commit(), Err(CommitError::NoSnapshot)));

    log.snapshot(b"state").unwrap();
    for records in [&[&b"one"[..], b"two"][..], &[], &[b""]] {
        records.iter().for_each(|record| log.append(record).unwrap());
        log.commit().unwrap();
    }
    log.append(b"never committed").unwrap();
    let found = read(&dir).unwrap().unwrap();
    assert_eq!(found.snapshot.as_deref(), Some(&b"state"[..]));
    assert_eq!(found.records, [&b"one"[..], b"two", b""]);

    log.snapshot(b"later").unwrap();
    log.append(b"three").unwrap();
    log.commit().unwrap();
    let (_, contents) = claim(&dir, 2);
    assert_eq!(contents.snapshot.as_deref(), Some(&b"later"[..]));
    assert_eq!(contents.records, [b"three"]);
}

#[test]
fn a_claim_refuses_lower_epochs_for_good_whatever_they_do_first() {
    for first in [|log: &mut Database| log.commit(), |log: &mut Database| log.snapshot(b"old")] {
        let folder = tempfile::tempdir().unwrap();
        let (mut old, _) = claim(folder.path(), 7);
        old.snapshot(b"").unwrap();
        old.append(b"late").unwrap();
        let (mut new, _) = claim(folder.path(), 8);
        let outbid = |result| matches!(result, Err(CommitError::Outbid(by)) if by == epoch(8));
        assert!(outbid(first(&mut old)));
        assert!(outbid(old.append(b"later")) && outbid(old.commit()) && outbid(old.snapshot(b"")));
        for counter in [6, 7, 8] {
            let refused = Database::claim(folder.path(), epoch(counter));
            assert!(matches!(refused, Err(ClaimError::Outbid(by)) if by == epoch(8)));
        }
        new.snapshot(b"new").unwrap();
        let found = read(folder.path()).unwrap().unwrap();
        assert_eq!((found.snapshot.unwrap(), found.records.len()), (b"new".to_vec(), 0));
    }
}

#[test]
fn a_batch_that_is_too_large_for_one_transaction_is_split() {
    let folder = tempfile::tempdir().unwrap();
    let (mut log, _) = claim(folder.path(), 1);
    log.snapshot(b"").unwrap();
    let record = |number: usize| vec![number as u8; store::RECORD_MAX_BYTES - number];
    (0..9).for_each(|number| log.append(&record(number)).unwrap());
    log.commit().unwrap();
    assert!(read(folder.path()).unwrap().unwrap().records.into_iter().eq((0..9).map(record)));
    let large = vec![0; store::RECORD_MAX_BYTES + 1];
    assert!(matches!(log.append(&large), Err(CommitError::TooLarge { .. })));
}

#[test]
fn a_file_that_is_no_database_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.redb");
    std::fs::write(&file, b"something else, and quite long").unwrap();
    let error = Database::claim(folder.path(), epoch(1)).unwrap_err();
    assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
    assert!(read(folder.path()).unwrap_err().to_string().contains(file.to_str().unwrap()));
}

#[test]
fn whoever_claims_while_another_writes_finds_all_that_was_confirmed() {
    let folder = tempfile::tempdir().unwrap();
    let confirmed = AtomicU32::new(0);
    let last = |contents: &Contents| {
        let number = |bytes: &Vec<u8>| u32::from_le_bytes(bytes[..].try_into().unwrap());
        let first = contents.snapshot.as_ref().map_or(0, number);
        let records = contents.records.iter().map(number);
        assert!(records.eq(first + 1..=first + contents.records.len() as u32), "in order, once");
        first + contents.records.len() as u32
    };
    std::thread::scope(|scope| {
        for counter in 1..=15 {
            let before = confirmed.load(Ordering::SeqCst);
            let (mut log, contents) = claim(folder.path(), counter);
            let from = last(&contents);
            assert!(from >= before, "{counter} read {from}, {before} was confirmed");
            let confirmed = &confirmed;
            let writer = scope.spawn(move || {
                let mut write = || {
                    log.snapshot(&from.to_le_bytes())?;
                    for number in from + 1.. {
                        log.append(&number.to_le_bytes())?;
                        log.commit()?;
                        confirmed.fetch_max(number, Ordering::SeqCst);
                    }
                    Ok(())
                };
                let end: Result<(), CommitError> = write();
                assert!(matches!(end, Err(CommitError::Outbid(_))), "{end:?}");
            });
            let before = confirmed.load(Ordering::SeqCst);
            while confirmed.load(Ordering::SeqCst) < before + 3 {
                assert!(!writer.is_finished(), "nobody outbids it yet");
                std::thread::yield_now();
            }
        }
        // The last one is stopped by a claim that nothing comes after.
        let (_, contents) = claim(folder.path(), 99);
        assert!(last(&contents) >= confirmed.load(Ordering::SeqCst));
    });
}

/// Kills the process when the test ends, even by a panic.
struct Writer(Child);

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const PLACE: &str = "STORE_TEST_DATABASE";

/// The other process of the test below: counts, and says up to where on standard output.
#[test]
fn the_process_that_is_killed() {
    let Some(place) = std::env::var_os(PLACE) else { return };
    let (mut log, _) = claim(Path::new(&place), 1);
    log.snapshot(b"").unwrap();
    for number in 0_u32.. {
        log.append(&number.to_le_bytes()).unwrap();
        log.commit().unwrap();
        println!("confirmed {number}");
    }
}

#[test]
fn what_a_process_confirmed_before_it_was_killed_is_there_for_the_next() {
    use std::io::{BufRead, BufReader};
    let form = Form::Database;
    for round in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "the_process_that_is_killed", "--nocapture"]);
        let child = command.env(PLACE, folder.path()).stdout(Stdio::piped()).spawn().unwrap();
        let mut writer = Writer(child);
        let mut lines = BufReader::new(writer.0.stdout.take().unwrap()).lines();
        let mut confirmed = lines.by_ref().filter_map(|line| {
            line.unwrap().strip_prefix("confirmed ").map(|number| number.parse::<u32>().unwrap())
        });
        confirmed.by_ref().find(|number| *number == 5 + 7 * round).unwrap();
        // While the other one writes, the journal can be read.
        assert!(read(folder.path()).unwrap().unwrap().records.len() as u32 > 5 + 7 * round);
        writer.0.kill().unwrap();
        let last = confirmed.last().unwrap_or(5 + 7 * round);
        drop(writer);
        let found = read(folder.path()).unwrap().unwrap();
        let (mut log, contents) = form.claim(folder.path(), epoch(2), Durability::Disk).unwrap();
        assert_eq!(contents, found);
        assert!(contents.records.len() as u32 > last);
        let numbers = contents.records.iter().map(|record| record[..].try_into().unwrap());
        assert!(numbers.map(u32::from_le_bytes).eq(0..contents.records.len() as u32));
        log.snapshot(b"on").unwrap();
    }
}

#[test]
fn a_file_that_was_removed_confirms_nothing() {
    for replaced in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let (mut log, _) = claim(folder.path(), 1);
        log.snapshot(b"0").unwrap();
        std::fs::remove_file(folder.path().join("journal.redb")).unwrap();
        let successor = replaced.then(|| claim(folder.path(), 2));
        log.append(b"1").unwrap();
        let said = log.commit().unwrap_err();
        assert!(matches!(said, CommitError::Io { .. }), "{said}");
        assert!(said.to_string().contains("journal.redb"), "{said}");
        assert!(matches!(log.commit(), Err(CommitError::Poisoned(_))), "it is closed");
        drop(successor);
    }
}

/// The other process of the test below: stays in the middle of a transaction.
#[test]
fn the_process_that_hangs() {
    let Some(place) = std::env::var_os(PLACE) else { return };
    let database = redb::Builder::new()
        .set_concurrency_mode(redb::ConcurrencyMode::MultiWriter)
        .open(Path::new(&place).join("journal.redb"))
        .unwrap();
    let _transaction = database.begin_write().unwrap();
    println!("in a transaction");
    loop {
        std::thread::park();
    }
}

#[test]
fn whoever_claims_waits_for_a_process_that_hangs_in_a_transaction_until_it_is_killed() {
    use std::io::{BufRead, BufReader};
    let folder = tempfile::tempdir().unwrap();
    let (mut log, _) = claim(folder.path(), 1);
    log.snapshot(b"all").unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "the_process_that_hangs", "--nocapture"]);
    let child = command.env(PLACE, folder.path()).stdout(Stdio::piped()).spawn().unwrap();
    let mut hangs = Writer(child);
    let mut lines = BufReader::new(hangs.0.stdout.take().unwrap()).lines();
    lines.find(|line| line.as_ref().unwrap().contains("in a transaction")).unwrap().unwrap();
    std::thread::scope(|scope| {
        let (tell, told) = std::sync::mpsc::channel();
        scope.spawn(move || tell.send(claim(folder.path(), 2).1));
        let early = told.recv_timeout(std::time::Duration::from_millis(200));
        hangs.0.kill().unwrap();
        assert!(early.is_err(), "it claimed while another one was in a transaction");
        assert_eq!(told.recv().unwrap().snapshot.as_deref(), Some(&b"all"[..]));
    });
}
