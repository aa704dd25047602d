//! A reader comes in the middle of a write: what it sees of it is not of one moment.

use std::cell::Cell;
use std::path::PathBuf;

use machine::{Epoch, NodeId};

use super::text;
use super::turns::with_hook;
use crate::segment::END_BYTES;
use crate::{Durability, Error, Journal, read};

/// A journal of three commits, and its bytes with one of them missing, as a reader may see them that
/// passes there just before the writer does.
struct Sample {
    folder: tempfile::TempDir,
    file: PathBuf,
    whole: Vec<u8>,
    without_first: Vec<u8>,
    without_second: Vec<u8>,
}

impl Sample {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let epoch = Epoch { counter: 1, node: NodeId(1) };
        let (mut journal, _) = Journal::claim(folder.path(), epoch, Durability::Memory).unwrap();
        journal.snapshot(b"").unwrap();
        let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        let size = || std::fs::read(&file).unwrap().len() - END_BYTES;
        let mut ends = vec![size()];
        for letter in ["a", "b", "c"] {
            journal.append(letter.as_bytes()).unwrap();
            journal.commit().unwrap();
            ends.push(size());
        }
        let whole = std::fs::read(&file).unwrap();
        let without = |commit: usize| {
            let mut bytes = whole.clone();
            bytes[ends[commit - 1]..ends[commit]].fill(0);
            bytes
        };
        let (without_first, without_second) = (without(1), without(2));
        Self { folder, file, whole, without_first, without_second }
    }

    /// Reads the journal while its file holds these bytes, one after the other, at each look.
    fn read(&self, looks: &[&[u8]]) -> Result<String, Error> {
        let looks: Vec<Vec<u8>> = looks.iter().map(|bytes| bytes.to_vec()).collect();
        let (file, look) = (self.file.clone(), Cell::new(0));
        let hook = move |step| {
            if step == "read" {
                std::fs::write(&file, &looks[look.replace(look.get() + 1)])?;
            }
            Ok(())
        };
        with_hook(hook, || read(self.folder.path())).map(|found| text(&found.unwrap()))
    }
}

#[test]
fn what_the_writer_was_just_about_to_write_is_no_damage() {
    let sample = Sample::new();
    let Sample { whole, without_first, without_second, .. } = &sample;
    assert_eq!(sample.read(&[without_first, whole]).unwrap(), "abc");
    assert_eq!(sample.read(&[without_first, without_second, whole]).unwrap(), "abc");
}

#[test]
fn what_stays_missing_is_damage() {
    let sample = Sample::new();
    let Sample { without_first, without_second, .. } = &sample;
    for looks in [
        &[&without_first[..], without_first][..],
        &[without_first, without_second, without_second],
        // What was there before and is gone: no writer does that.
        &[without_second, without_first],
    ] {
        assert!(matches!(sample.read(looks), Err(Error::Damaged { .. })));
    }
}
