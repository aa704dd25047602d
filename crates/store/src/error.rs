//! What can go wrong, and what it means for the data.

use std::io;
use std::path::{Path, PathBuf};

use machine::Epoch;

/// A journal could not be read. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Bytes that were once confirmed are not as they were written.
    #[error(
        "{path} is damaged at byte {offset}: {what}; nothing was changed; restore the file from a \
         copy, or move it away to go back to the segment before it, if there is one, and lose what \
         this one holds"
    )]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Bytes from the beginning of the file.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// The operating system refused.
    #[error("cannot {what} {path}: {source}; nothing that was confirmed is lost")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

/// A journal could not be claimed. What stands in it is as before, but the claim itself may stand:
/// the next one needs a higher epoch.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// This epoch stands there: a higher one, or the one that was to be claimed.
    #[error("the journal belongs to epoch {0}; claim it for a higher one")]
    Outbid(Epoch),
    /// Bytes that were once confirmed are not as they were written.
    #[error(
        "{path} is damaged at byte {offset}: {what}; nothing of it was changed; restore the file \
         from a copy, or move it away to go back to the segment before it, if there is one, and \
         lose what this one holds"
    )]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Bytes from the beginning of the file.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// The operating system refused.
    #[error("cannot {what} {path}: {source}; nothing that was confirmed is lost")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

/// A write was not confirmed. All that was confirmed before stands.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A higher epoch claimed the journal. Of this write nothing, a part or all may survive; no
    /// later one can succeed.
    #[error(
        "epoch {0} claimed the journal; this write is not confirmed, and none of this epoch will be"
    )]
    Outbid(Epoch),
    /// The first write after a claim was not a snapshot. Nothing was written.
    #[error("a snapshot must come first after a claim; nothing was written")]
    NoSnapshot,
    /// Too many bytes. Nothing was written and the journal goes on. If it is the segment that is
    /// too large, a snapshot begins a new one.
    #[error(
        "the {what} would have {size_bytes} bytes and may have {limit_bytes}; nothing was written; \
         what was confirmed stands"
    )]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        size_bytes: u64,
        /// How large it may be.
        limit_bytes: u64,
    },
    /// The operating system refused. Of this write nothing, a part or all may survive; the journal
    /// takes no more, since after a failed write nobody knows what the disk holds.
    #[error(
        "cannot {what} {path}: {source}; this write is not confirmed, what was confirmed before \
         stands; mend the disk, then claim the journal again"
    )]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// An earlier write failed, as told here. Nothing was written.
    #[error("the journal was closed by an earlier failure, nothing was written: {0}")]
    Poisoned(String),
}

/// A failed call of the operating system, before it is known what it means for the caller.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) what: &'static str,
    pub(crate) path: PathBuf,
    pub(crate) source: io::Error,
}

impl Failure {
    pub(crate) fn new(what: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        Self { what, path: path.to_owned(), source: source.into() }
    }
}

impl From<Failure> for Error {
    fn from(Failure { what, path, source }: Failure) -> Self {
        Self::Io { what, path, source }
    }
}

impl From<Failure> for ClaimError {
    fn from(Failure { what, path, source }: Failure) -> Self {
        Self::Io { what, path, source }
    }
}

impl From<Error> for ClaimError {
    fn from(error: Error) -> Self {
        match error {
            Error::Damaged { path, offset, what } => Self::Damaged { path, offset, what },
            Error::Io { what, path, source } => Self::Io { what, path, source },
        }
    }
}

impl From<Failure> for CommitError {
    fn from(Failure { what, path, source }: Failure) -> Self {
        Self::Io { what, path, source }
    }
}
