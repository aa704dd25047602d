//! The market as a run's journals hold it, when its processes have ended.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use groupcast::log::{Content as _, Position, Record as LogRecord};
use machine::NodeId;
use market::{Act, Applied, Deed, Entry, Kernel, TermAct, TermId};
use peer::books::Book;
use peer::{Record, Replica, Snapshot};
use store::Contents;

use crate::places;

/// What the journals of a run hold.
#[derive(Debug, Default)]
pub struct Journaled {
    /// The market; none if nothing was ever written.
    pub market: Option<Kernel>,
    /// Whether it is the sum of books that each peer keeps for itself.
    pub in_books: bool,
}

/// The market of a run.
///
/// # Errors
/// A journal is damaged, or is not one of a market.
pub fn market(directory: &Path) -> anyhow::Result<Journaled> {
    match chain(directory)? {
        Some(chain) => {
            let mut market = chain.market();
            take_logs(directory, &mut market)?;
            Ok(Journaled { market: Some(market), in_books: false })
        }
        // Neither is there for the peers to hold it.
        None if places::warehouse(directory).exists() => Ok(Journaled::default()),
        None => held_by_peers(directory),
    }
}

/// A market as its journal has it: what the last snapshot holds, and the steps since then.
#[derive(Debug)]
pub struct Chain {
    start: Kernel,
    entries: Vec<Entry>,
}

impl Chain {
    /// The market in the end.
    pub fn market(self) -> Kernel {
        self.replay(|_, _| {})
    }

    /// The same; `each` sees every step since the last snapshot.
    pub fn replay(self, mut each: impl FnMut(&Entry, &Applied)) -> Kernel {
        let mut kernel = self.start;
        for entry in &self.entries {
            let applied = kernel.apply(entry);
            each(entry, &applied);
        }
        kernel
    }
}

/// The chain of a run's market; none if nothing was ever written, or if the peers hold the market.
///
/// # Errors
/// A journal is damaged, or is not one of a market.
pub fn chain(directory: &Path) -> anyhow::Result<Option<Chain>> {
    let place = places::warehouse(directory);
    if place.exists() {
        let contents = store::read(&place).context("cannot read the warehouse's journal")?;
        return contents.map(|contents| chain_of_warehouse(&contents, &place)).transpose();
    }
    let place = places::market(directory);
    match store::read(&place).context("cannot read the market's journal")? {
        Some(contents) => chain_of(&contents, &place),
        None => Ok(None),
    }
}

/// The market that stands in the journal at `place`; none if nothing was ever written there.
///
/// # Errors
/// The journal is not one of a market.
pub fn market_of(contents: &Contents, place: &Path) -> anyhow::Result<Option<Kernel>> {
    Ok(chain_of(contents, place)?.map(Chain::market))
}

fn chain_of(contents: &Contents, place: &Path) -> anyhow::Result<Option<Chain>> {
    let Some(bytes) = &contents.snapshot else { return Ok(None) };
    let not_ours = || format!("{} does not hold a market", place.display());
    let start = match wire::from_bytes(bytes).with_context(not_ours)? {
        Snapshot::Market(kernel) => *kernel,
        Snapshot::Own(_) | Snapshot::Replica { .. } | Snapshot::Keeper { .. } => {
            anyhow::bail!(not_ours())
        }
    };
    let entries = contents.records.iter().map(|record| {
        match wire::from_bytes(record).with_context(not_ours)? {
            Record::Entry(entry) => Ok(entry),
            _ => anyhow::bail!(not_ours()),
        }
    });
    Ok(Some(Chain { start, entries: entries.collect::<anyhow::Result<_>>()? }))
}

/// The market that stands in the warehouse's journal at `place`.
///
/// # Errors
/// The journal is not a warehouse's.
pub fn of_warehouse(contents: &Contents, place: &Path) -> anyhow::Result<Kernel> {
    Ok(chain_of_warehouse(contents, place)?.market())
}

fn chain_of_warehouse(contents: &Contents, place: &Path) -> anyhow::Result<Chain> {
    let not_ours = || format!("{} is not the journal of a warehouse", place.display());
    let bytes = contents.snapshot.as_ref().with_context(not_ours)?;
    let houses::Snapshot::Market(start) = wire::from_bytes(bytes).with_context(not_ours)? else {
        anyhow::bail!(not_ours());
    };
    let entries = contents.records.iter().map(|record| {
        match wire::from_bytes(record).with_context(not_ours)? {
            houses::Record::Entry(entry) => Ok(entry),
            _ => anyhow::bail!(not_ours()),
        }
    });
    Ok(Chain { start: *start, entries: entries.collect::<anyhow::Result<_>>()? })
}

/// Takes into the market what traders' own logs hold of terms that are open: where such a log
/// confirms a sale, its trader may have been killed before the warehouse heard of it.
///
/// # Errors
/// A log is damaged, or is not one of a trader.
pub fn take_logs(directory: &Path, market: &mut Kernel) -> anyhow::Result<()> {
    let open: Vec<TermId> = market.terms().map(|(term, _)| term).collect();
    for term in open {
        let Ok(node) = u32::try_from(term.trader.0) else { continue };
        let place = places::own(directory, NodeId(node));
        let contents = store::read(&place).context("cannot read a trader's journal")?;
        let Some(contents) = contents else { continue };
        if let Some((from, deeds)) = logged(&contents, term, &place)? {
            let act = Act::Term(TermAct::Take { term, received: 0, from, deeds });
            let at_ms = market.now_ms();
            market.apply(&Entry { at_ms, trader: term.trader, draw: 0, act });
        }
    }
    Ok(())
}

/// The deeds of a term in its trader's log that the warehouse may not have, and the number of the
/// first.
fn logged(
    contents: &Contents,
    term: TermId,
    place: &Path,
) -> anyhow::Result<Option<(u64, Vec<Deed>)>> {
    let not_ours = || format!("{} is not the journal of a trader", place.display());
    let Some(bytes) = &contents.snapshot else { return Ok(None) };
    let mut log = match wire::from_bytes(bytes).with_context(not_ours)? {
        houses::Snapshot::Log { term, taken, deeds, .. } => Some((term, taken, deeds)),
        houses::Snapshot::Life(_) => None,
        houses::Snapshot::Market(_) => anyhow::bail!(not_ours()),
    };
    for record in &contents.records {
        match (wire::from_bytes(record).with_context(not_ours)?, &mut log) {
            (houses::Record::Term(term), log) => *log = Some((term, 0, Vec::new())),
            (houses::Record::Deed(deed), Some((_, _, deeds))) => deeds.push(deed),
            (houses::Record::Taken(below), Some((_, from, deeds))) => {
                let known = usize::try_from(below.saturating_sub(*from)).unwrap_or(usize::MAX);
                deeds.drain(..known.min(deeds.len()));
                *from = below.max(*from);
            }
            (houses::Record::Deed(_) | houses::Record::Taken(_), None) => {}
            (houses::Record::Entry(_), _) => anyhow::bail!(not_ours()),
        }
    }
    Ok(log.filter(|(of, ..)| *of == term).map(|(_, from, deeds)| (from, deeds)))
}

/// The market that the peers hold: that of whoever stands furthest in the log, which has all that
/// was ever committed; or the sum of their books.
fn held_by_peers(directory: &Path) -> anyhow::Result<Journaled> {
    let place = places::journals(directory);
    let mut furthest: Option<(Position, Kernel)> = None;
    let mut books = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir(&place) else { return Ok(Journaled::default()) };
    for entry in entries {
        let place = entry.with_context(|| format!("cannot list {}", place.display()))?.path();
        let contents = store::read(&place).context("cannot read a peer's journal")?;
        let Some(contents) = contents else { continue };
        match part_of(contents, &place)? {
            Some(Part::Replica(position, kernel))
                if furthest.as_ref().is_none_or(|(other, _)| position > *other) =>
            {
                furthest = Some((position, *kernel));
            }
            Some(Part::Book(node, book)) => drop(books.insert(node, *book)),
            Some(Part::Replica(..)) | None => {}
        }
    }
    let in_books = !books.is_empty();
    let market = match in_books {
        true => peer::books::sum(books),
        false => furthest.map(|(_, kernel)| kernel),
    };
    Ok(Journaled { market, in_books })
}

/// A peer's part in the market.
enum Part {
    /// What stands there, and where in the log.
    Replica(Position, Box<Kernel>),
    /// Its book.
    Book(NodeId, Box<Book>),
}

/// What a peer's own journal holds of the market; none if that is held elsewhere.
fn part_of(contents: Contents, place: &Path) -> anyhow::Result<Option<Part>> {
    let not_ours = || format!("{} is not the journal of a peer", place.display());
    let Some(bytes) = contents.snapshot else { return Ok(None) };
    let records = contents.records.iter().map(|bytes| wire::from_bytes(bytes));
    match wire::from_bytes(&bytes).with_context(not_ours)? {
        Snapshot::Replica { log, .. } => {
            let (mut position, mut replica): (Position, Replica) = (log.position, log.content);
            for record in records {
                match record.with_context(not_ours)? {
                    Record::Log(LogRecord::Adopted(epoch)) => position.epoch = epoch,
                    Record::Log(LogRecord::Entry(entry)) => {
                        replica.apply(&entry);
                        position.length += 1;
                    }
                    _ => {}
                }
            }
            Ok(Some(Part::Replica(position, Box::new(replica.0))))
        }
        Snapshot::Keeper { mut book, .. } => {
            let node = places::peer(place).with_context(not_ours)?;
            for record in records {
                if let Record::Book(record) = record.with_context(not_ours)? {
                    book.replay(peer::party(node), record);
                }
            }
            Ok(Some(Part::Book(node, book)))
        }
        Snapshot::Own(_) | Snapshot::Market(_) => Ok(None),
    }
}
