//! The market as a run's journals hold it, when its processes have ended.

use std::path::Path;

use anyhow::Context as _;
use groupcast::log::{Content as _, Position, Record as LogRecord};
use market::Kernel;
use peer::{Record, Replica, Snapshot};
use store::Contents;

use crate::node::places;

/// The market of a run; none if nothing was ever written.
///
/// # Errors
/// A journal is damaged, or is not one of a market.
pub fn market(directory: &Path) -> anyhow::Result<Option<Kernel>> {
    let place = places::market(directory);
    let contents = store::read(&place).context("cannot read the market's journal")?;
    match contents {
        Some(contents) => market_of(contents, &place),
        None => replicated(directory),
    }
}

/// The market that stands in the journal at `place`; none if nothing was ever written there.
///
/// # Errors
/// The journal is not one of a market.
pub fn market_of(contents: Contents, place: &Path) -> anyhow::Result<Option<Kernel>> {
    let Some(bytes) = contents.snapshot else { return Ok(None) };
    let not_ours = || format!("{} does not hold a market", place.display());
    let mut kernel = match wire::from_bytes(&bytes).with_context(not_ours)? {
        Snapshot::Market(kernel) => *kernel,
        Snapshot::Own(_) | Snapshot::Replica { .. } | Snapshot::Keeper { .. } => {
            anyhow::bail!(not_ours())
        }
    };
    for record in &contents.records {
        match wire::from_bytes(record).with_context(not_ours)? {
            Record::Entry(entry) => {
                kernel.apply(&entry);
            }
            _ => anyhow::bail!(not_ours()),
        }
    }
    Ok(Some(kernel))
}

/// The market that the peers hold together: that of whoever stands furthest, which has all that was
/// ever committed.
fn replicated(directory: &Path) -> anyhow::Result<Option<Kernel>> {
    let place = places::journals(directory);
    let mut furthest: Option<(Position, Kernel)> = None;
    let Ok(entries) = std::fs::read_dir(&place) else { return Ok(None) };
    for entry in entries {
        let place = entry.with_context(|| format!("cannot list {}", place.display()))?.path();
        let contents = store::read(&place).context("cannot read a peer's journal")?;
        let Some(contents) = contents else { continue };
        if let Some((position, kernel)) = replica_of(contents, &place)?
            && furthest.as_ref().is_none_or(|(other, _)| position > *other)
        {
            furthest = Some((position, kernel));
        }
    }
    Ok(furthest.map(|(_, kernel)| kernel))
}

/// What stands in a peer's own journal, and where in the log; none if the market is not replicated.
fn replica_of(contents: Contents, place: &Path) -> anyhow::Result<Option<(Position, Kernel)>> {
    let not_ours = || format!("{} is not the journal of a peer", place.display());
    let Some(bytes) = contents.snapshot else { return Ok(None) };
    let snapshot: Snapshot = wire::from_bytes(&bytes).with_context(not_ours)?;
    let Snapshot::Replica { log, .. } = snapshot else { return Ok(None) };
    let (mut position, mut replica): (Position, Replica) = (log.position, log.content);
    for record in &contents.records {
        match wire::from_bytes(record).with_context(not_ours)? {
            Record::Log(LogRecord::Adopted(epoch)) => position.epoch = epoch,
            Record::Log(LogRecord::Entry(entry)) => {
                replica.apply(&entry);
                position.length += 1;
            }
            _ => {}
        }
    }
    Ok(Some((position, replica.0)))
}
