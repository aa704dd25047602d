//! The same journal in an embedded database: one file that every process of the machine opens, and
//! one transaction for each commit.
//!
//! ```text
//! claims      0 → (counter, node) of the highest epoch that claimed the journal
//! snapshots   0 → the state before the records
//! records     number from 0 → record
//! ```
//!
//! **Promise.** What [`Journal`](crate::Journal) promises: from the moment of a claim on, no commit of
//! a lower epoch is confirmed, and the claimer reads all that was (SAFETY S8). *Why:* the database
//! lets one process write at a time, and each transaction looks first whether its epoch is still the
//! one that stands in `claims`. So of a claim and a commit one comes first as a whole.
//!
//! **What differs.** Here is a lock. The system frees it when its holder is killed; but while a
//! process is *stopped* in the middle of a transaction, all others wait for it, whatever their
//! epoch. And each commit waits for the disk more than once, with
//! [`Durability::Memory`](crate::Durability::Memory) too: the database gives processes no other way
//! to see each other's writes. Each looks too whether the file is still in its place: the system lets
//! a process write to a file that was removed.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use machine::{Epoch, NodeId};
use redb::{
    Builder, ConcurrencyMode, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition,
    TableError, WriteTransaction,
};

use crate::error::Failure;
use crate::journal::limit;
use crate::place::Place;
use crate::{
    BATCH_MAX_BYTES, ClaimError, CommitError, Contents, Durability, Error, Log, RECORD_MAX_BYTES,
    SNAPSHOT_MAX_BYTES,
};

const FILE_NAME: &str = "journal.redb";

/// How much of the file is kept in memory, in bytes. It is only ever read as a whole, at a claim; a
/// commit touches the last few pages.
const CACHE_BYTES: usize = 16 << 20;

const CLAIMS: TableDefinition<'_, u8, (u64, u32)> = TableDefinition::new("claims");
const SNAPSHOTS: TableDefinition<'_, u8, &[u8]> = TableDefinition::new("snapshots");
const RECORDS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");

/// The only key of the tables with one row.
const ONLY: u8 = 0;

/// The right of one epoch to write to a journal in a database, until a higher one claims it.
#[derive(Debug)]
pub struct Database {
    path: PathBuf,
    database: redb::Database,
    epoch: Epoch,
    /// The number of the next record; none before the first snapshot.
    next: Option<u64>,
    /// The records that wait for a commit.
    waiting: Vec<Vec<u8>>,
    waiting_bytes: usize,
    closed: Option<String>,
    outbid: Option<Epoch>,
    /// Which file was opened: its device and its number there.
    identity: (u64, u64),
}

impl Database {
    /// Claims the journal in `dir` for `epoch`, and reads what stands there, as
    /// [`Journal::claim`](crate::Journal::claim) does. Waits while another process is in a
    /// transaction.
    ///
    /// # Errors
    /// [`ClaimError::Outbid`] if this epoch or a higher one stands there.
    pub fn claim(dir: &Path, epoch: Epoch) -> Result<(Self, Contents), ClaimError> {
        let place = Place::create(dir, Durability::Disk)?;
        let path = dir.join(FILE_NAME);
        let claim = || -> Result<_, redb::Error> {
            let database = builder().create(&path)?;
            let transaction = database.begin_write()?;
            if let Some(standing) = standing(&transaction)?.filter(|other| *other >= epoch) {
                return Ok(Err(standing));
            }
            let claimed = (epoch.counter, epoch.node.0);
            transaction.open_table(CLAIMS)?.insert(ONLY, claimed)?;
            transaction.commit()?;
            // From here on no lower epoch commits; and whatever a higher one does, this one will not.
            let contents = contents(&database)?;
            Ok(Ok((database, contents)))
        };
        match claim().map_err(|error| failure("claim", &path, error))? {
            Err(standing) => Err(ClaimError::Outbid(standing)),
            Ok((database, contents)) => {
                place.sync_names()?;
                let (next, waiting, waiting_bytes) = (None, Vec::new(), 0);
                let (closed, outbid) = (None, None);
                let identity = identity(&path)?;
                let this = Self {
                    path,
                    database,
                    epoch,
                    next,
                    waiting,
                    waiting_bytes,
                    closed,
                    outbid,
                    identity,
                };
                Ok((this, contents))
            }
        }
    }

    /// One transaction, if this epoch still stands; the last of `change` is the next record's number.
    fn transact(
        &mut self,
        change: impl FnOnce(&WriteTransaction) -> Result<u64, redb::Error>,
    ) -> Result<(), CommitError> {
        let transact = || -> Result<_, redb::Error> {
            let transaction = self.database.begin_write()?;
            if let Some(higher) = standing(&transaction)?.filter(|other| *other != self.epoch) {
                return Ok(Err(higher));
            }
            let next = change(&transaction)?;
            transaction.commit()?;
            Ok(Ok(next))
        };
        let done = transact().map_err(|error| failure("write to", &self.path, error));
        match done.and_then(|done| self.is_in_its_place().map(|()| done)) {
            Ok(Ok(next)) => {
                self.next = Some(next);
                self.waiting.clear();
                self.waiting_bytes = 0;
                Ok(())
            }
            Ok(Err(higher)) => {
                self.outbid = Some(higher);
                Err(CommitError::Outbid(higher))
            }
            Err(error) => {
                let error = CommitError::from(error);
                self.closed = Some(error.to_string());
                Err(error)
            }
        }
    }

    /// That the file is where others look for it. One that was removed takes writes as before, and
    /// nobody would ever read them.
    fn is_in_its_place(&self) -> Result<(), Failure> {
        if identity(&self.path)? == self.identity {
            return Ok(());
        }
        let other = std::io::Error::other("another file has taken its place");
        Err(Failure::new("write to", &self.path, other))
    }

    fn ready(&self) -> Result<(), CommitError> {
        match (&self.outbid, &self.closed) {
            (Some(higher), _) => Err(CommitError::Outbid(*higher)),
            (None, Some(first)) => Err(CommitError::Poisoned(first.clone())),
            (None, None) => Ok(()),
        }
    }
}

impl Log for Database {
    fn has_segment(&self) -> bool {
        self.next.is_some()
    }

    fn snapshot(&mut self, snapshot: &[u8]) -> Result<(), CommitError> {
        self.ready()?;
        limit("snapshot", snapshot.len() as u64, SNAPSHOT_MAX_BYTES as u64)?;
        self.transact(|transaction| {
            transaction.delete_table(RECORDS)?;
            transaction.open_table(RECORDS)?;
            transaction.open_table(SNAPSHOTS)?.insert(ONLY, snapshot)?;
            Ok(0)
        })
    }

    fn append(&mut self, record: &[u8]) -> Result<(), CommitError> {
        self.ready()?;
        if self.next.is_none() {
            return Err(CommitError::NoSnapshot);
        }
        limit("record", record.len() as u64, RECORD_MAX_BYTES as u64)?;
        if self.waiting_bytes + record.len() > BATCH_MAX_BYTES {
            self.commit()?;
        }
        self.waiting_bytes += record.len();
        self.waiting.push(record.to_vec());
        Ok(())
    }

    fn commit(&mut self) -> Result<(), CommitError> {
        self.ready()?;
        let Some(first) = self.next else { return Err(CommitError::NoSnapshot) };
        let waiting = std::mem::take(&mut self.waiting);
        self.transact(|transaction| {
            let mut records = transaction.open_table(RECORDS)?;
            for (number, record) in (first..).zip(&waiting) {
                records.insert(number, &record[..])?;
            }
            Ok(first + waiting.len() as u64)
        })
    }
}

/// What stands in the database in `dir`; none if there is no database, or nothing was written to it.
pub(crate) fn read(dir: &Path) -> Result<Option<Contents>, Error> {
    let path = dir.join(FILE_NAME);
    if !path.exists() {
        return Ok(None);
    }
    let read = || -> Result<_, redb::Error> {
        match builder().open_read_only(&path) {
            // Whoever wrote last was killed: the next one to open it for writing puts it in order.
            Err(DatabaseError::RepairAborted) => contents(&builder().open(&path)?),
            opened => contents(&opened?),
        }
    };
    let contents = read().map_err(|error| failure("read", &path, error))?;
    Ok(contents.snapshot.is_some().then_some(contents))
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_concurrency_mode(ConcurrencyMode::MultiWriter).set_cache_size(CACHE_BYTES);
    builder
}

/// The epoch that claimed the journal last.
fn standing(transaction: &WriteTransaction) -> Result<Option<Epoch>, redb::Error> {
    let claims = transaction.open_table(CLAIMS)?;
    let claim = claims.get(ONLY)?.map(|claim| claim.value());
    Ok(claim.map(|(counter, node)| Epoch { counter, node: NodeId(node) }))
}

/// What stands in a database, as of one moment.
fn contents(database: &impl ReadableDatabase) -> Result<Contents, redb::Error> {
    let transaction = database.begin_read()?;
    let mut contents = Contents::default();
    match transaction.open_table(SNAPSHOTS) {
        // Nobody has written a snapshot yet, and so no record.
        Err(TableError::TableDoesNotExist(_)) => return Ok(contents),
        snapshots => {
            contents.snapshot = snapshots?.get(ONLY)?.map(|snapshot| snapshot.value().to_vec());
        }
    }
    for row in transaction.open_table(RECORDS)?.iter()? {
        contents.records.push(row?.1.value().to_vec());
    }
    Ok(contents)
}

fn identity(path: &Path) -> Result<(u64, u64), Failure> {
    let found = std::fs::metadata(path).map_err(|error| Failure::new("find", path, error))?;
    Ok((found.dev(), found.ino()))
}

fn failure(what: &'static str, path: &Path, error: redb::Error) -> Failure {
    let source = match error {
        redb::Error::Io(source) => source,
        error => std::io::Error::other(error),
    };
    Failure { what, path: path.to_owned(), source }
}
