//! The real code of several writers, on a real directory, in many orders of their steps.
//!
//! Whoever is stopped may stay so until all others are done, like a process that was stopped and
//! wakes up minutes later; and whenever all stand still, what stands in the journal is what a
//! claimer would read if all of them died there. All orders without any bound are walked through
//! on a model of the protocol, in tests/model.rs.

use std::path::Path;
use std::sync::Mutex;

use machine::{Epoch, NodeId};

use super::text;
use super::turns::every_order;
use crate::{CommitError, Durability, Journal, read};

fn epoch(counter: u64) -> Epoch {
    Epoch { counter, node: NodeId(1) }
}

/// The longest text that was confirmed, and by whom.
type Confirmed = Mutex<(Epoch, String)>;

/// A journal and all of its text, as its writer knows it.
struct Writer<'a> {
    epoch: Epoch,
    journal: Journal,
    text: String,
    confirmed: &'a Confirmed,
}

impl<'a> Writer<'a> {
    fn claim(dir: &Path, epoch: Epoch, confirmed: &'a Confirmed) -> Option<Self> {
        let (journal, contents) = Journal::claim(dir, epoch, Durability::Memory).ok()?;
        let text = text(&contents);
        let (standing, before) = &*confirmed.lock().unwrap();
        assert!(*standing > epoch || text.starts_with(before), "{epoch} read {text}, not {before}");
        Some(Self { epoch, journal, text, confirmed })
    }

    fn snapshot(&mut self) -> Result<(), CommitError> {
        self.journal.snapshot(self.text.as_bytes())?;
        self.told_confirmed();
        Ok(())
    }

    fn write(&mut self, letter: char) -> Result<(), CommitError> {
        self.text.push(letter);
        self.journal.append(letter.to_string().as_bytes())?;
        self.journal.commit()?;
        self.told_confirmed();
        Ok(())
    }

    /// The second is written before the first is confirmed.
    fn write_two(&mut self, letters: [char; 2]) -> Result<(), CommitError> {
        let mut write = |letter: char| -> Result<_, CommitError> {
            self.text.push(letter);
            self.journal.append(letter.to_string().as_bytes())?;
            Ok((self.journal.write()?, self.text.clone()))
        };
        for (written, text) in [write(letters[0])?, write(letters[1])?] {
            self.journal.confirm(written.sync())?;
            self.told(&text);
        }
        Ok(())
    }

    fn told_confirmed(&self) {
        self.told(&self.text);
    }

    fn told(&self, text: &str) {
        let mut confirmed = self.confirmed.lock().unwrap();
        if text.starts_with(&confirmed.1) {
            *confirmed = (self.epoch, text.to_owned());
        }
        // Who is stopped between its last look and its return tells late of what others have read.
        assert!(confirmed.1.starts_with(text), "{} and {text}", confirmed.1);
    }
}

/// Lets a writer of epoch 7 and claimers of these epochs take turns.
fn explore(claimers: &[u64], preemptions_max: usize) -> usize {
    let place: Mutex<Option<tempfile::TempDir>> = Mutex::default();
    let confirmed = Confirmed::default();
    let actors = || {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().to_owned();
        *confirmed.lock().unwrap() = (Epoch::ZERO, String::new());
        let mut old = Writer::claim(&dir, epoch(7), &confirmed).unwrap();
        old.snapshot().unwrap();
        *place.lock().unwrap() = Some(folder);
        let mut actors: Vec<Box<dyn FnOnce() + Send>> = vec![Box::new(move || {
            let mut work = || {
                old.write('a')?;
                old.snapshot()?;
                old.write_two(['b', 'c'])
            };
            tolerate(work());
        })];
        for counter in claimers {
            let (dir, confirmed) = (dir.clone(), &confirmed);
            actors.push(Box::new(move || {
                let Some(mut new) = Writer::claim(&dir, epoch(*counter), confirmed) else { return };
                let mut work = || {
                    new.snapshot()?;
                    new.write(char::from_digit(*counter as u32, 10).unwrap())
                };
                tolerate(work());
            }));
        }
        actors
    };
    let look = |step| {
        if !["write to", "rename", "delete"].contains(&step) {
            return;
        }
        let folder = place.lock().unwrap();
        let standing = text(&read(folder.as_ref().unwrap().path()).unwrap().unwrap());
        let (epoch, before) = &*confirmed.lock().unwrap();
        assert!(standing.starts_with(before), "{standing} stands, {epoch} confirmed {before}");
    };
    every_order(preemptions_max, actors, look)
}

/// The only error that another writer may cause.
fn tolerate(result: Result<(), CommitError>) {
    assert!(matches!(result, Ok(()) | Err(CommitError::Outbid(_))), "{result:?}");
}

#[test]
fn a_writer_and_a_claimer_lose_nothing_in_any_order_with_three_preemptions() {
    let orders = explore(&[8], 3);
    assert!(orders > 800, "{orders}");
}

#[test]
fn a_writer_and_two_claimers_lose_nothing_in_any_order_with_two_preemptions() {
    let orders = explore(&[8, 9], 2);
    assert!(orders > 4000, "{orders}");
}
