//! What can go wrong, with its place.

use std::path::PathBuf;

/// What can go wrong in the lab itself.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// An experiment's data make no sense.
    #[error("the definition of an experiment is wrong: {0}")]
    Definition(String),
    /// A file cannot be read or written.
    #[error("cannot {what} {}: {source}", place.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// Where.
        place: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A line of the results is not one.
    #[error(
        "{}, line {line}: this is not a result ({why}); nothing was changed; take the line out or \
         name another directory",
        place.display()
    )]
    Line {
        /// The file.
        place: PathBuf,
        /// Counted from 1.
        line: usize,
        /// Why not.
        why: String,
    },
    /// Results of the other extent stand there.
    #[error(
        "{} holds results of {there} cells, and these are {asked}; nothing was changed; name \
         another directory with --out, or ask for the same",
        place.display()
    )]
    Extent {
        /// The file.
        place: PathBuf,
        /// Quick or full.
        there: &'static str,
        /// The other one.
        asked: &'static str,
    },
    /// A drawing failed.
    #[error("cannot draw {what}: {why}")]
    Drawing {
        /// Which.
        what: String,
        /// What the library says.
        why: String,
    },
}

impl LabError {
    pub(crate) fn file(
        what: &'static str,
        place: &std::path::Path,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let place = place.to_owned();
        move |source| Self::File { what, place, source }
    }
}
