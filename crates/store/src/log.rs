//! What a writer of a journal can do, in whichever form the journal is kept.

use std::path::Path;

use machine::Epoch;

use crate::{ClaimError, CommitError, Contents, Database, Durability, Journal, Synced, Written};

/// How a journal is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// In segments: [`Journal`].
    #[default]
    Files,
    /// In an embedded database: [`Database`].
    Database,
}

impl Form {
    /// Claims the journal in `dir`: see [`Journal::claim`].
    ///
    /// # Errors
    /// [`ClaimError::Outbid`] if this epoch or a higher one stands there.
    pub fn claim(
        self,
        dir: &Path,
        epoch: Epoch,
        durability: Durability,
    ) -> Result<(Box<dyn Log>, Contents), ClaimError> {
        Ok(match self {
            Self::Files => {
                let (journal, contents) = Journal::claim(dir, epoch, durability)?;
                (Box::new(journal), contents)
            }
            Self::Database => {
                let (database, contents) = Database::claim(dir, epoch)?;
                (Box::new(database), contents)
            }
        })
    }
}

/// The right of one epoch to write, until a higher one claims the journal. Each of its methods
/// promises what that of [`Journal`] does.
pub trait Log: std::fmt::Debug + Send {
    /// Whether there was a snapshot, so that records may follow.
    fn has_segment(&self) -> bool;

    /// Replaces all that stands in the journal; records that wait for a commit are dropped.
    ///
    /// # Errors
    /// See [`CommitError`]; the snapshot is not confirmed then.
    fn snapshot(&mut self, snapshot: &[u8]) -> Result<(), CommitError>;

    /// Adds a record to those that wait for a commit.
    ///
    /// # Errors
    /// See [`CommitError`]; the record is not added then.
    fn append(&mut self, record: &[u8]) -> Result<(), CommitError>;

    /// Confirms all records that were appended, if this epoch is still the highest.
    ///
    /// # Errors
    /// See [`CommitError`]; none of the records is confirmed then.
    fn commit(&mut self) -> Result<(), CommitError>;

    /// The first half of a commit; none if it cannot be halved, and records still wait for one.
    ///
    /// # Errors
    /// See [`Journal::write`].
    fn write(&mut self) -> Result<Option<Written>, CommitError> {
        Ok(None)
    }

    /// The second half of a commit that was halved: see [`Journal::confirm`]. Who halves none has
    /// only whole ones.
    ///
    /// # Errors
    /// See [`CommitError`].
    fn confirm(&mut self, synced: Synced) -> Result<(), CommitError> {
        drop(synced);
        self.commit()
    }

    /// Takes back a half that a later commit has confirmed already: see [`Journal::take_back`].
    ///
    /// # Errors
    /// See [`CommitError`].
    fn take_back(&mut self, synced: Synced) -> Result<(), CommitError> {
        drop(synced);
        Ok(())
    }
}

impl Log for Journal {
    fn has_segment(&self) -> bool {
        self.has_segment()
    }

    fn snapshot(&mut self, snapshot: &[u8]) -> Result<(), CommitError> {
        self.snapshot(snapshot)
    }

    fn append(&mut self, record: &[u8]) -> Result<(), CommitError> {
        self.append(record)
    }

    fn commit(&mut self) -> Result<(), CommitError> {
        self.commit()
    }

    fn write(&mut self) -> Result<Option<Written>, CommitError> {
        self.write().map(Some)
    }

    fn confirm(&mut self, synced: Synced) -> Result<(), CommitError> {
        self.confirm(synced)
    }

    fn take_back(&mut self, synced: Synced) -> Result<(), CommitError> {
        self.take_back(synced)
    }
}
