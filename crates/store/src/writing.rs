//! The segment that is being written, and what becomes of its file when the next one is begun.
//!
//! ```text
//! N.segment ── N+1 is confirmed: rename ──▶ N+2.segment.part ── written over: rename ──▶ N+2.segment
//! ```
//!
//! So two files take turns. They have their blocks already, and an append within them changes no
//! metadata: `fdatasync` writes the records and nothing else, even right after a snapshot.
//!
//! A frame that is [`Written`] is on its way to the disk; others may be written behind it meanwhile.
//! Linux tells an error of the disk once to each open file, and never to one that was opened after
//! another was told. So each of those that wait has one to itself, opened while all was durable:
//! whoever finds no error knows that all is durable that was written before, by whomever.

use std::fs::File;
use std::io;

use machine::Epoch;

use crate::error::Failure;
use crate::journal::limit;
use crate::name::Name;
use crate::place::{self, Place};
use crate::segment::{self, END_BYTES, Salt};
use crate::{COMMITS_UNDER_WAY, CommitError, Durability, SEGMENT_MAX_BYTES, writeback};

/// How many zeros are written ahead of the records, in bytes: as many as the segment holds already,
/// within these bounds. An append into them leaves the size and the blocks of the file as they are,
/// so that `fdatasync` writes the record and nothing else. A new segment gets few of them, because a
/// takeover waits for it; a long one gets many at a time, because each time costs a slower commit.
const FILL_MIN_BYTES: u64 = 64 << 10;
const FILL_MAX_BYTES: u64 = 512 << 10;

/// The largest file that is kept for the next segment: a takeover reads it as a whole, stale bytes
/// included, and one long segment shall not make all later takeovers slow.
const SPARE_MAX_BYTES: u64 = 64 << 20;

/// The segment that is being written.
#[derive(Debug)]
pub(crate) struct Segment {
    file: File,
    name: Name,
    sequence: u64,
    salt: Salt,
    /// Where the next frame goes.
    end_bytes: u64,
    /// Up to where all is durable.
    firm_bytes: u64,
    /// Up to where the file has its blocks.
    filled_bytes: u64,
    /// The same file, opened again while all was durable, for those that wait for it.
    again: Vec<File>,
}

/// What was written and may not be durable yet: [`sync`](Self::sync) waits for it.
#[derive(Debug)]
#[must_use = "it is durable when it was synced, and confirmed when the journal says so"]
pub struct Written {
    file: File,
    durability: Durability,
    sequence: u64,
    /// From where on it may not be durable, and up to where it was written.
    from_bytes: u64,
    end_bytes: u64,
}

/// What became of something [`Written`].
#[derive(Debug)]
#[must_use = "it is confirmed when the journal says so"]
pub struct Synced {
    written: Written,
    outcome: io::Result<()>,
}

impl Written {
    /// Has the disk begin with it, and waits for nothing but room in its queue. Whoever has something
    /// else to do first waits for less with [`sync`](Self::sync).
    pub fn start(&self) {
        if self.durability == Durability::Disk {
            writeback::start(&self.file, self.from_bytes..self.end_bytes);
        }
    }

    /// Waits until all that the journal was given up to here is durable, or cannot be. Any thread
    /// may do this, beside others and while the journal is written to.
    pub fn sync(self) -> Synced {
        let outcome = place::sync(&self.file, self.durability);
        Synced { written: self, outcome }
    }
}

/// The file of an earlier segment of this epoch, under the name of the next one's part.
#[derive(Debug)]
pub(crate) struct Spare {
    file: File,
    filled_bytes: u64,
}

impl Segment {
    /// Makes a segment under another name, and puts it in place when it is whole and durable.
    pub(crate) fn make(
        place: &Place,
        epoch: Epoch,
        sequence: u64,
        snapshot: &[u8],
        spare: Option<Spare>,
    ) -> Result<Self, Failure> {
        let (part, name) = (Name::part(epoch, sequence), Name::segment(epoch, sequence));
        let Spare { file, filled_bytes } = match spare {
            Some(spare) => spare,
            None => {
                let file = place.make(part)?.ok_or_else(|| {
                    Failure::new("make", &place.path_of(part), io::ErrorKind::AlreadyExists)
                })?;
                Spare { file, filled_bytes: 0 }
            }
        };
        let bytes = segment::begin(epoch, sequence, snapshot);
        place.write((&file, part), &bytes, 0)?;
        let end_bytes = (bytes.len() - END_BYTES) as u64;
        let salt = Salt::of(epoch, sequence);
        let mut segment = Self {
            file,
            name: part,
            sequence,
            salt,
            end_bytes,
            firm_bytes: end_bytes,
            filled_bytes,
            again: Vec::new(),
        };
        segment.fill(place)?;
        place.sync(&segment.file, part)?;
        place.rename(part, name)?;
        place.sync_names()?;
        Ok(Self { name, ..segment })
    }

    /// Writes a frame, room for its head and a body.
    pub(crate) fn write(&mut self, place: &Place, frame: &mut Vec<u8>) -> Result<(), CommitError> {
        let end_bytes = self.end_bytes + (frame.len() as u64).next_multiple_of(8);
        limit("segment", end_bytes + END_BYTES as u64, SEGMENT_MAX_BYTES)?;
        self.salt.seal(self.end_bytes, self.firm_bytes, frame);
        place.write((&self.file, self.name), frame, self.end_bytes)?;
        self.end_bytes = end_bytes;
        Ok(self.fill(place)?)
    }

    /// Makes durable all that was written.
    pub(crate) fn sync(&mut self, place: &Place) -> Result<(), Failure> {
        if self.firm_bytes < self.end_bytes {
            place.sync(&self.file, self.name)?;
            self.firm_bytes = self.end_bytes;
        }
        Ok(())
    }

    /// A file to wait with for what is written next. If all are with others, this waits first until
    /// what those wait for is durable: only then another can be opened that will hear of each error.
    pub(crate) fn file_to_wait_with(&mut self, place: &Place) -> Result<File, Failure> {
        if let Some(file) = self.again.pop() {
            return Ok(file);
        }
        self.sync(place)?;
        for _ in 1..COMMITS_UNDER_WAY {
            self.again.push(place.open_again(&self.file, self.name)?);
        }
        place.open_again(&self.file, self.name)
    }

    /// What was written up to now, to be waited for with `file`.
    pub(crate) fn written(&self, place: &Place, file: File) -> Written {
        let (durability, sequence) = (place.durability(), self.sequence);
        let (from_bytes, end_bytes) = (self.firm_bytes, self.end_bytes);
        Written { file, durability, sequence, from_bytes, end_bytes }
    }

    /// Takes back what was waited for. Of an earlier segment only a failure matters: whoever replaced
    /// it made durable what stood there.
    pub(crate) fn settle(&mut self, place: &Place, synced: Synced) -> Result<(), Failure> {
        let Synced { written, outcome } = synced;
        outcome.map_err(|error| Failure::new("sync", &place.path_of(self.name), error))?;
        if written.sequence == self.sequence {
            self.firm_bytes = self.firm_bytes.max(written.end_bytes);
            if self.again.len() < COMMITS_UNDER_WAY {
                self.again.push(written.file);
            }
        }
        Ok(())
    }

    /// Writes zeros behind the end if nothing is left of those that were written before.
    fn fill(&mut self, place: &Place) -> Result<(), Failure> {
        let end_bytes = self.end_bytes + END_BYTES as u64;
        if end_bytes <= self.filled_bytes {
            return Ok(());
        }
        self.filled_bytes = end_bytes;
        if place.durability() != Durability::Memory {
            let wanted_bytes = end_bytes.clamp(FILL_MIN_BYTES, FILL_MAX_BYTES);
            let zeros = vec![0; wanted_bytes.min(SEGMENT_MAX_BYTES - end_bytes) as usize];
            place.write((&self.file, self.name), &zeros, end_bytes)?;
            self.filled_bytes += zeros.len() as u64;
        }
        Ok(())
    }

    /// Gives the file the name of another segment's part. None if it is too large, or gone because
    /// a higher epoch deleted it, or cannot be renamed; what then is left of it, the next snapshot
    /// deletes.
    ///
    /// The caller has confirmed a newer segment and deleted all that is older than this one: by the
    /// lemma in TAKEOVER.md, giving a file another name is like deleting it.
    pub(crate) fn retire(self, place: &Place, epoch: Epoch, sequence: u64) -> Option<Spare> {
        if self.filled_bytes > SPARE_MAX_BYTES {
            // If this fails, the next snapshot tries again.
            let _ = place.delete(self.name);
            return None;
        }
        place.rename(self.name, Name::part(epoch, sequence)).ok()?;
        Some(Spare { file: self.file, filled_bytes: self.filled_bytes })
    }

    /// Whether nobody deleted it.
    pub(crate) fn is_in_place(&self, place: &Place) -> Result<bool, Failure> {
        place.is_named(&self.file, self.name)
    }

    pub(crate) fn name(&self) -> Name {
        self.name
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }
}
