//! The writer of a journal.

use std::io;
use std::path::Path;

use machine::Epoch;

use crate::error::Failure;
use crate::name::Name;
use crate::place::Place;
use crate::segment::{self, HEAD_BYTES};
use crate::writing::{Segment, Spare, Synced, Written};
use crate::{
    BATCH_MAX_BYTES, ClaimError, CommitError, Contents, Durability, RECORD_MAX_BYTES,
    SNAPSHOT_MAX_BYTES, read,
};

/// The right of one epoch to write to a journal, until a higher one claims it.
///
/// Nothing is confirmed until [`snapshot`](Self::snapshot), [`commit`](Self::commit) or
/// [`confirm`](Self::confirm) returns `Ok`. After an error other than [`CommitError::NoSnapshot`] and [`CommitError::TooLarge`] the
/// journal takes no more.
#[derive(Debug)]
pub struct Journal {
    place: Place,
    epoch: Epoch,
    segment: Option<Segment>,
    /// What the next segment is written over.
    spare: Option<Spare>,
    /// The next frame: room for its head, then the records that wait for a commit.
    batch: Vec<u8>,
    closed: Option<Closed>,
}

#[derive(Debug)]
enum Closed {
    Outbid(Epoch),
    Failed(String),
}

impl Journal {
    /// Claims the journal in `dir` for `epoch`, and reads what stands there. Commits of lower
    /// epochs are refused from now on. The directory is made if there is none.
    ///
    /// All that was confirmed is in the contents, and perhaps some that was not; none of it is
    /// durable for this epoch until its first snapshot is.
    ///
    /// # Errors
    /// [`ClaimError::Outbid`] if this epoch or a higher one stands there. Nobody may claim the same
    /// epoch twice, not even its owner.
    pub fn claim(
        dir: &Path,
        epoch: Epoch,
        durability: Durability,
    ) -> Result<(Self, Contents), ClaimError> {
        let mut place = Place::create(dir, durability)?;
        if let Some(standing) = read::highest(&place.list()?).filter(|other| *other >= epoch) {
            return Err(ClaimError::Outbid(standing));
        }
        let name = Name::claim(epoch);
        let Some(claim) = place.make(name)? else { return Err(ClaimError::Outbid(epoch)) };
        place.sync_names()?;

        let found = read::newest(&mut place)?;
        let newer = found.names.iter().rev().find(|other| other.is_evidence() && **other > name);
        if let Some(newer) = newer {
            return Err(ClaimError::Outbid(newer.epoch));
        }
        // The listing counts only if the claim outlived it (the lemma in TAKEOVER.md).
        if !place.is_named(&claim, name)? {
            let standing = read::highest(&place.list()?);
            return Err(ClaimError::Outbid(standing.unwrap_or(epoch)));
        }
        let contents = match found.segment {
            Some((file, name)) => read::contents(&place, &file, name)?,
            None => Contents::default(),
        };
        let batch = vec![0; HEAD_BYTES];
        Ok((Self { place, epoch, segment: None, spare: None, batch, closed: None }, contents))
    }

    /// Replaces all that stands in the journal: begins a new segment, confirms it, deletes the older
    /// ones, and keeps the last one's file for the next. Records that wait for a commit are dropped; the
    /// snapshot covers them, and those that are on their way to the disk.
    ///
    /// # Errors
    /// See [`CommitError`]; the snapshot is not confirmed then. After [`CommitError::TooLarge`] all
    /// is as before: whoever has a segment may go on in it, and loses nothing but time at the next
    /// claim.
    pub fn snapshot(&mut self, snapshot: &[u8]) -> Result<(), CommitError> {
        self.ready()?;
        limit("snapshot", snapshot.len() as u64, SNAPSHOT_MAX_BYTES as u64)?;
        let result = self.begin_segment(snapshot);
        self.settle(result)
    }

    /// Whether there is a segment that records can go to.
    pub fn has_segment(&self) -> bool {
        self.segment.is_some()
    }

    /// Adds a record to those that wait for a [`commit`](Self::commit).
    ///
    /// # Errors
    /// See [`CommitError`]; the record is not added then.
    pub fn append(&mut self, record: &[u8]) -> Result<(), CommitError> {
        self.ready()?;
        if self.segment.is_none() {
            return Err(CommitError::NoSnapshot);
        }
        limit("record", record.len() as u64, RECORD_MAX_BYTES as u64)?;
        if self.batch.len() + 4 + record.len() > HEAD_BYTES + BATCH_MAX_BYTES {
            // Durable with the rest of its commit.
            let result = self.write_batch();
            self.settle(result)?;
        }
        segment::push_record(&mut self.batch, record);
        Ok(())
    }

    /// Confirms all records that were appended: one write for all, made durable, and a look whether
    /// a higher epoch claimed the journal meanwhile. Without records it is only the look.
    ///
    /// # Errors
    /// See [`CommitError`]; none of the records is confirmed then. After
    /// [`CommitError::TooLarge`] they still wait.
    pub fn commit(&mut self) -> Result<(), CommitError> {
        self.ready()?;
        let result = self.write_batch().and_then(|()| self.sync()).and_then(|()| self.look());
        self.settle(result.map(drop))
    }

    /// The first half of a commit: writes the records that were appended, so that others can be
    /// appended and written while somebody waits for the disk. [`COMMITS_UNDER_WAY`](crate::COMMITS_UNDER_WAY) of them may be on
    /// their way to it; one more waits here until those are durable. Whatever the disk keeps of them if
    /// the machine stops, a prefix of them will be read. What is written shall be given back, to
    /// [`confirm`](Self::confirm) or [`take_back`](Self::take_back).
    ///
    /// ```
    /// # use machine::{Epoch, NodeId};
    /// # let folder = tempfile::tempdir()?;
    /// # let epoch = Epoch::ZERO.next(NodeId(1));
    /// # let (mut journal, _) = store::Journal::claim(folder.path(), epoch, store::Durability::Disk)?;
    /// # journal.snapshot(b"ten apples")?;
    /// journal.append(b"sold two")?;
    /// let two = journal.write()?;
    /// journal.append(b"sold three")?;
    /// let three = journal.write()?;
    /// let two = std::thread::spawn(move || two.sync());
    /// let three = three.sync();
    /// journal.confirm(three)?; // and what was written before it
    /// # journal.confirm(two.join().unwrap())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// See [`CommitError`]; none of the records is confirmed then. After
    /// [`CommitError::TooLarge`] they still wait.
    pub fn write(&mut self) -> Result<Written, CommitError> {
        self.ready()?;
        let result = self.write_to_wait_for();
        let (written, result) = match result {
            Ok(written) => (Some(written), Ok(())),
            Err(error) => (None, Err(error)),
        };
        self.settle(result)?;
        written.ok_or(CommitError::NoSnapshot)
    }

    /// The second half: confirms all that was written before and with what was waited for, if a look
    /// tells that no higher epoch claimed the journal meanwhile.
    ///
    /// # Errors
    /// See [`CommitError`]; nothing more is confirmed then, be it durable or not.
    pub fn confirm(&mut self, synced: Synced) -> Result<(), CommitError> {
        self.take_back(synced)?;
        let result = self.look();
        self.settle(result.map(drop))
    }

    /// Takes back what a later commit has confirmed already.
    ///
    /// # Errors
    /// See [`CommitError`]: the disk failed it, and so nothing more will be confirmed.
    pub fn take_back(&mut self, synced: Synced) -> Result<(), CommitError> {
        self.ready()?;
        let segment = self.segment.as_mut().ok_or(CommitError::NoSnapshot)?;
        let settled = segment.settle(&self.place, synced).map_err(CommitError::from);
        self.settle(settled)
    }

    fn write_to_wait_for(&mut self) -> Result<Written, CommitError> {
        let segment = self.segment.as_mut().ok_or(CommitError::NoSnapshot)?;
        let file = segment.file_to_wait_with(&self.place)?;
        self.write_batch()?;
        let segment = self.segment.as_ref().ok_or(CommitError::NoSnapshot)?;
        Ok(segment.written(&self.place, file))
    }

    fn sync(&mut self) -> Result<(), CommitError> {
        let segment = self.segment.as_mut().ok_or(CommitError::NoSnapshot)?;
        Ok(segment.sync(&self.place)?)
    }

    /// Writes the records that wait, as one frame.
    fn write_batch(&mut self) -> Result<(), CommitError> {
        let segment = self.segment.as_mut().ok_or(CommitError::NoSnapshot)?;
        if self.batch.len() == HEAD_BYTES {
            return Ok(());
        }
        segment.write(&self.place, &mut self.batch)?;
        self.batch.truncate(HEAD_BYTES);
        Ok(())
    }

    fn begin_segment(&mut self, snapshot: &[u8]) -> Result<(), CommitError> {
        let sequence = self.segment.as_ref().map_or(1, |segment| segment.sequence() + 1);
        let spare = self.spare.take();
        let made = Segment::make(&self.place, self.epoch, sequence, snapshot, spare);
        let segment = made.inspect_err(|_| {
            // On a full disk the room is needed; if this fails too, the next snapshot sees to it.
            let _ = self.place.delete(Name::part(self.epoch, sequence));
        })?;
        let name = segment.name();
        let last = self.segment.replace(segment);
        self.batch.truncate(HEAD_BYTES);
        let names = self.look()?;
        // Oldest first: the lemma in TAKEOVER.md rests on it. What cannot be deleted is harmless,
        // and the next snapshot tries again.
        let last_name = last.as_ref().map_or(name, Segment::name);
        let mut older = names.iter().take_while(|older| **older < last_name);
        if older.all(|older| self.place.delete(*older).is_ok()) {
            self.spare = last.and_then(|last| last.retire(&self.place, self.epoch, sequence + 1));
        }
        Ok(())
    }

    /// Looks whether this epoch is still the highest, after all that was written.
    fn look(&mut self) -> Result<Vec<Name>, CommitError> {
        let segment = self.segment.as_ref().ok_or(CommitError::NoSnapshot)?;
        let names = self.place.list()?;
        let higher = |names| read::highest(names).filter(|other| *other > self.epoch);
        if let Some(higher) = higher(&names) {
            return Err(CommitError::Outbid(higher));
        }
        // The listing counts only if the segment outlived it (the lemma in TAKEOVER.md).
        if segment.is_in_place(&self.place)? {
            return Ok(names);
        }
        match higher(&self.place.list()?) {
            Some(higher) => Err(CommitError::Outbid(higher)),
            None => {
                let path = self.place.path_of(segment.name());
                Err(Failure::new("find", &path, io::ErrorKind::NotFound).into())
            }
        }
    }

    fn ready(&self) -> Result<(), CommitError> {
        match &self.closed {
            None => Ok(()),
            Some(Closed::Outbid(epoch)) => Err(CommitError::Outbid(*epoch)),
            Some(Closed::Failed(first)) => Err(CommitError::Poisoned(first.clone())),
        }
    }

    /// Closes the journal if a write failed. The failure may be due to a higher epoch, which deletes
    /// what an older one has in the making; then it is told as that.
    fn settle(&mut self, result: Result<(), CommitError>) -> Result<(), CommitError> {
        let error = match result {
            Err(error @ CommitError::Io { .. }) => {
                let standing = self.place.list().ok().and_then(|names| read::highest(&names));
                match standing.filter(|other| *other > self.epoch) {
                    Some(higher) => CommitError::Outbid(higher),
                    None => error,
                }
            }
            Err(error @ CommitError::Outbid(_)) => error,
            other => return other,
        };
        self.closed = Some(match &error {
            CommitError::Outbid(higher) => Closed::Outbid(*higher),
            error => Closed::Failed(error.to_string()),
        });
        Err(error)
    }
}

pub(crate) fn limit(
    what: &'static str,
    size_bytes: u64,
    limit_bytes: u64,
) -> Result<(), CommitError> {
    if size_bytes <= limit_bytes {
        return Ok(());
    }
    Err(CommitError::TooLarge { what, size_bytes, limit_bytes })
}
