//! Writers, claimers and readers at the same time, on threads with journals of their own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by a panic")]

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ScopedJoinHandle;

use machine::{Epoch, NodeId};
use store::{ClaimError, CommitError, Contents, Durability, Journal, read};

fn epoch(counter: u64) -> Epoch {
    Epoch { counter, node: NodeId(1) }
}

/// The journals of these tests count: a snapshot is a number, a record the one after it. What was
/// under way at the moment of reading may be cut off.
fn last(contents: &Contents) -> u32 {
    let number = |bytes: &Vec<u8>| u32::from_le_bytes(bytes[..4].try_into().unwrap());
    let first = contents.snapshot.as_ref().map_or(0, number);
    let records = contents.records.iter().map(number);
    assert!(records.eq(first + 1..=first + contents.records.len() as u32), "in order, once");
    first + contents.records.len() as u32
}

/// A number that fills more than a page, so that a reader can come in the middle of its writing.
fn bytes(number: u32) -> Vec<u8> {
    number.to_le_bytes().repeat(1500)
}

/// Ends all writers when the test ends, even if it fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Counts on from what stands there, with a snapshot now and then, until a higher epoch takes over.
fn count(
    journal: &mut Journal,
    from: u32,
    confirmed: impl Fn(u32),
    stop: &AtomicBool,
) -> Result<(), CommitError> {
    journal.snapshot(&bytes(from))?;
    confirmed(from);
    for number in (from + 1..).take_while(|_| !stop.load(Ordering::Acquire)) {
        if number % 5 == 0 {
            journal.snapshot(&bytes(number))?;
        } else {
            journal.append(&bytes(number))?;
            journal.commit()?;
        }
        confirmed(number);
    }
    Ok(())
}

/// Writers of these epochs, one taking over from the other; `beside` runs at the same time.
fn take_over_again_and_again(dir: &Path, epochs: u64, beside: impl Fn(u32)) {
    let highest = Mutex::new(0);
    let confirmed = || *highest.lock().unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _stop = Stop(&stop);
        let mut writers = Vec::new();
        for counter in 1..=epochs {
            let (mut journal, contents) =
                Journal::claim(dir, epoch(counter), Durability::Memory).unwrap();
            let from = last(&contents);
            assert!(from >= confirmed(), "{counter} read {from}, {} was confirmed", confirmed());
            let (highest, stop) = (&highest, &stop);
            let writer = scope.spawn(move || {
                let told = |number: u32| {
                    let mut highest = highest.lock().unwrap();
                    *highest = number.max(*highest);
                };
                let end = count(&mut journal, from, told, stop);
                assert!(matches!(end, Err(CommitError::Outbid(_))), "{end:?}");
            });
            // Until the new one is at work.
            let before = confirmed();
            while confirmed() < before + 7 {
                assert!(!writer.is_finished(), "nobody outbids it yet");
                beside(confirmed());
            }
            writers.push(writer);
        }
        // The last one is stopped by a claim that nothing comes after.
        let (_, contents) = Journal::claim(dir, epoch(epochs + 1), Durability::Memory).unwrap();
        assert!(last(&contents) >= confirmed());
        // Its writer must find that out by itself, before `stop` is set.
        while !writers.iter().all(ScopedJoinHandle::is_finished) {
            std::thread::yield_now();
        }
    });
    assert!(last(&read(dir).unwrap().unwrap()) >= confirmed());
}

#[test]
fn whoever_claims_while_another_writes_finds_all_that_was_confirmed() {
    let folder = tempfile::tempdir().unwrap();
    take_over_again_and_again(folder.path(), 300, |_| std::thread::yield_now());
}

#[test]
fn whoever_reads_while_another_writes_finds_all_that_was_confirmed() {
    let folder = tempfile::tempdir().unwrap();
    take_over_again_and_again(folder.path(), 100, |confirmed| {
        if let Some(contents) = read(folder.path()).unwrap() {
            assert!(last(&contents) >= confirmed);
        }
    });
}

#[test]
fn when_many_claim_at_once_the_highest_that_got_it_keeps_it() {
    for _ in 0..50 {
        let folder = tempfile::tempdir().unwrap();
        let (dir, go) = (folder.path(), AtomicBool::new(false));
        let confirmed: Vec<u64> = std::thread::scope(|scope| {
            let claimers: Vec<_> = (1..=6)
                .map(|counter| {
                    let go = &go;
                    scope.spawn(move || {
                        while !go.load(Ordering::Acquire) {
                            std::hint::spin_loop();
                        }
                        let claimed = Journal::claim(dir, epoch(counter), Durability::Memory);
                        let (mut journal, contents) = match claimed {
                            Ok(claimed) => claimed,
                            Err(ClaimError::Outbid(higher)) => {
                                assert!(higher > epoch(counter));
                                return None;
                            }
                            Err(error) => panic!("{error}"),
                        };
                        let mut all = contents.snapshot.unwrap_or_default();
                        all.push(counter as u8);
                        journal.snapshot(&all).is_ok().then_some(counter)
                    })
                })
                .collect();
            go.store(true, Ordering::Release);
            claimers.into_iter().filter_map(|claimer| claimer.join().unwrap()).collect()
        });
        let standing = read(dir).unwrap().unwrap().snapshot.unwrap();
        assert!(standing.is_sorted(), "{standing:?}");
        for counter in confirmed {
            assert!(standing.contains(&(counter as u8)), "{counter} in {standing:?}");
        }
        assert!(standing.contains(&6), "nobody outbids the highest");
    }
}
