//! Reading a journal while others may write to it.

use std::fs::File;
use std::io;
use std::path::Path;

use machine::Epoch;

use crate::error::Failure;
use crate::name::{Kind, Name};
use crate::place::Place;
use crate::{Contents, Error, database, segment};

/// How often a reader looks for the newest segment. One look fails only if the writer began a new
/// segment during it, so this many in a row mean that something else is wrong.
const LOOKS_MAX: usize = 1000;

/// The highest epoch that claimed the journal in `dir`; none if nobody did.
///
/// # Errors
/// If the directory cannot be listed.
pub fn highest_epoch(dir: &Path) -> io::Result<Option<Epoch>> {
    let look = || match Place::open(dir)? {
        Some(mut place) => Ok(highest(&place.list()?)),
        None => Ok(None),
    };
    look().map_err(|Failure { what, path, source }| {
        io::Error::new(source.kind(), format!("cannot {what} {}: {source}", path.display()))
    })
}

/// What stands in the journal in `dir`, in whichever [form](crate::Form), without claiming it; none
/// if nothing was ever written.
///
/// While a writer is at work, this is all that was confirmed when the call began, and perhaps more.
///
/// # Errors
/// If it cannot be read, or is damaged. Nothing is changed in either case.
pub fn read(dir: &Path) -> Result<Option<Contents>, Error> {
    if let Some(contents) = database::read(dir)? {
        return Ok(Some(contents));
    }
    let Some(mut place) = Place::open(dir)? else { return Ok(None) };
    for _ in 0..LOOKS_MAX {
        let Some((file, name)) = newest(&mut place)?.segment else { return Ok(None) };
        let contents = contents(&place, &file, name);
        // A writer gives a segment's file another name before it writes the next one over it.
        if place.is_named(&file, name)? {
            return contents.map(Some);
        }
    }
    Err(restless(&place).into())
}

/// The highest epoch of which there is evidence.
pub(crate) fn highest(names: &[Name]) -> Option<Epoch> {
    names.iter().rev().find(|name| name.is_evidence()).map(|name| name.epoch)
}

/// What a reader found in a journal's directory.
pub(crate) struct Found {
    pub(crate) names: Vec<Name>,
    /// The newest segment, open. It can be read even when it is deleted; but a reader without a
    /// claim must look afterwards whether it still has its name.
    pub(crate) segment: Option<(File, Name)>,
}

/// Finds the newest segment of one moment during this call.
///
/// A listing alone does not tell: it may show an old segment that a belated writer just finished,
/// and miss both the newer one that was just deleted and the one that took its place. But if a
/// segment existed before a listing, is the newest in it, and still exists after it, then it was
/// the newest when the listing began (the lemma in TAKEOVER.md).
pub(crate) fn newest(place: &mut Place) -> Result<Found, Failure> {
    let newest_of = |names: &[Name]| names.iter().rev().find(|name| name.is_segment()).copied();
    for _ in 0..LOOKS_MAX {
        let name = newest_of(&place.list()?);
        let segment = match name {
            Some(name) => {
                let Some(file) = place.open_to_read(name)? else { continue };
                Some((file, name))
            }
            None => None,
        };
        let names = place.list()?;
        if newest_of(&names) != name {
            continue;
        }
        match &segment {
            Some((file, name)) if !place.is_named(file, *name)? => {}
            _ => return Ok(Found { names, segment }),
        }
    }
    Err(restless(place))
}

fn restless(place: &Place) -> Failure {
    let source = io::Error::other("it changed during each of many looks");
    Failure { what: "read the newest segment in", path: place.path().to_owned(), source }
}

/// Reads a segment.
///
/// Its writer may be at work, and a read is not taken in one moment: it may miss the beginning of a
/// write and see its end, which looks like damage. But writes go upwards, so what one read sees the
/// end of is there as a whole for the next. Damage is real if a second look finds it where it was.
pub(crate) fn contents(place: &Place, file: &File, name: Name) -> Result<Contents, Error> {
    let Kind::Segment(sequence) = name.kind else { return Ok(Contents::default()) };
    let mut looked_up_to = None;
    loop {
        match segment::decode(&place.read(file, name)?, name.epoch, sequence) {
            Ok(contents) => return Ok(contents),
            Err(damage) if looked_up_to < Some(damage.offset) => looked_up_to = Some(damage.offset),
            Err(segment::Damage { offset, what }) => {
                return Err(Error::Damaged { path: place.path_of(name), offset, what });
            }
        }
    }
}
