//! What is compared: each engine in the shape that suits it best.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use machine::{Epoch, NodeId};
use redb::{ReadableDatabase, ReadableTable, TableDefinition};
use store::{Durability, Journal};

use crate::{BUYERS, Failure};

/// The journal comes first: the others are compared with it.
pub const NAMES: [&str; 4] = ["journal", "fjall", "redb", "probe"];

pub fn open(name: &str, place: &Path) -> Result<Box<dyn Engine>, Failure> {
    std::fs::create_dir_all(place)?;
    Ok(match name {
        "journal" => Box::new(Ours::open(place)?),
        "fjall" => Box::new(Fjall::open(place)?),
        "redb" => Box::new(Redb::open(place)?),
        _ => Box::new(Probe::open(place)?),
    })
}

pub trait Engine {
    /// Makes the purchases that were not made before, durable when this returns.
    fn make(&mut self, purchases: &[Purchase]) -> Result<(), Failure>;
    /// Fails unless this purchase was made.
    fn knows(&mut self, purchase: &Purchase) -> Result<(), Failure>;
}

/// The buyer's number, and that of the request among its own: as in the market.
type ReceiptId = (u64, u64);

/// A buy of one unit of one hot good.
#[derive(Clone, Copy)]
pub struct Purchase {
    id: ReceiptId,
    paid: u64,
}

const SELLER: u64 = u64::MAX;
const RECORD_BYTES: usize = 100;

impl Purchase {
    pub fn of(number: u64) -> Self {
        Self { id: (number % BUYERS, number / BUYERS), paid: 100 }
    }

    fn key(&self) -> [u8; 16] {
        let (buyer, number) = (self.id.0.to_be_bytes(), self.id.1.to_be_bytes());
        std::array::from_fn(|at| if at < 8 { buyer[at] } else { number[at - 8] })
    }

    /// As large as an entry of a market's journal.
    fn record(&self) -> [u8; RECORD_BYTES] {
        let mut record = [7; RECORD_BYTES];
        for (at, number) in [self.id.0, self.id.1, SELLER, self.paid].into_iter().enumerate() {
            record[at * 8..at * 8 + 8].copy_from_slice(&number.to_le_bytes());
        }
        record
    }
}

/// How much the balances change by a batch, for engines that gain from changing each only once.
fn changes(purchases: impl Iterator<Item = Purchase>) -> HashMap<u64, i64> {
    let mut changes = HashMap::new();
    for purchase in purchases {
        *changes.entry(purchase.id.0).or_default() -= purchase.paid as i64;
        *changes.entry(SELLER).or_default() += purchase.paid as i64;
    }
    changes
}

/// Memory is the database, the journal is the truth.
struct Ours {
    journal: Journal,
    receipts: HashSet<ReceiptId>,
    balances: HashMap<u64, i64>,
    records: usize,
    records_due: usize,
}

/// A snapshot is due after as many records as the last one had parts, and at least so many.
const RECORDS_MIN: usize = 10_000;

impl Ours {
    fn open(place: &Path) -> Result<Self, Failure> {
        let epoch = Epoch::ZERO.next(NodeId(1));
        let (mut journal, _) = Journal::claim(place, epoch, Durability::Disk)?;
        journal.snapshot(&[])?;
        let (receipts, balances) = (HashSet::new(), HashMap::new());
        Ok(Self { journal, receipts, balances, records: 0, records_due: RECORDS_MIN })
    }

    fn snapshot(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity((self.receipts.len() + self.balances.len()) * 16);
        for (buyer, number) in &self.receipts {
            bytes.extend_from_slice(&buyer.to_le_bytes());
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        for (account, balance) in &self.balances {
            bytes.extend_from_slice(&account.to_le_bytes());
            bytes.extend_from_slice(&balance.to_le_bytes());
        }
        bytes
    }
}

impl Engine for Ours {
    fn make(&mut self, purchases: &[Purchase]) -> Result<(), Failure> {
        for purchase in purchases {
            if self.receipts.insert(purchase.id) {
                *self.balances.entry(purchase.id.0).or_default() -= purchase.paid as i64;
                *self.balances.entry(SELLER).or_default() += purchase.paid as i64;
                self.journal.append(&purchase.record())?;
                self.records += 1;
            }
        }
        self.journal.commit()?;
        if self.records >= self.records_due {
            self.journal.snapshot(&self.snapshot())?;
            self.records = 0;
            self.records_due = RECORDS_MIN.max(self.receipts.len() + self.balances.len());
        }
        Ok(())
    }

    fn knows(&mut self, purchase: &Purchase) -> Result<(), Failure> {
        self.receipts.contains(&purchase.id).then_some(()).ok_or("it is not known".into())
    }
}

struct Fjall {
    database: Database,
    receipts: Keyspace,
    balances: Keyspace,
}

impl Fjall {
    fn open(place: &Path) -> Result<Self, Failure> {
        let database = Database::builder(place).open()?;
        let receipts = database.keyspace("receipts", KeyspaceCreateOptions::default)?;
        let balances = database.keyspace("balances", KeyspaceCreateOptions::default)?;
        Ok(Self { database, receipts, balances })
    }
}

impl Engine for Fjall {
    fn make(&mut self, purchases: &[Purchase]) -> Result<(), Failure> {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncData));
        let mut new = Vec::with_capacity(purchases.len());
        for purchase in purchases {
            if !self.receipts.contains_key(purchase.key())? {
                batch.insert(&self.receipts, purchase.key(), purchase.record());
                new.push(*purchase);
            }
        }
        for (account, change) in changes(new.into_iter()) {
            let balance = match self.balances.get(account.to_be_bytes())? {
                Some(balance) => i64::from_le_bytes(balance[..].try_into()?),
                None => 0,
            };
            let balance = (balance + change).to_le_bytes();
            batch.insert(&self.balances, account.to_be_bytes(), balance);
        }
        Ok(batch.commit()?)
    }

    fn knows(&mut self, purchase: &Purchase) -> Result<(), Failure> {
        let known = self.receipts.contains_key(purchase.key())?;
        known.then_some(()).ok_or("it is not known".into())
    }
}

const RECEIPTS: TableDefinition<'_, ReceiptId, &[u8]> = TableDefinition::new("receipts");
const BALANCES: TableDefinition<'_, u64, i64> = TableDefinition::new("balances");

struct Redb(redb::Database);

impl Redb {
    fn open(place: &Path) -> Result<Self, Failure> {
        Ok(Self(redb::Database::create(place.join("redb"))?))
    }
}

impl Engine for Redb {
    fn make(&mut self, purchases: &[Purchase]) -> Result<(), Failure> {
        let transaction = self.0.begin_write()?;
        {
            let mut receipts = transaction.open_table(RECEIPTS)?;
            let mut new = Vec::with_capacity(purchases.len());
            for purchase in purchases {
                if receipts.insert(purchase.id, &purchase.record()[..])?.is_none() {
                    new.push(*purchase);
                }
            }
            let mut balances = transaction.open_table(BALANCES)?;
            for (account, change) in changes(new.into_iter()) {
                let balance = balances.get(account)?.map_or(0, |balance| balance.value());
                balances.insert(account, balance + change)?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn knows(&mut self, purchase: &Purchase) -> Result<(), Failure> {
        let receipts = self.0.begin_read()?.open_table(RECEIPTS)?;
        receipts.get(purchase.id)?.map(drop).ok_or("it is not known".into())
    }
}

/// What the disk allows: the bytes alone, into a file that has its blocks.
struct Probe {
    file: File,
    at: u64,
}

const PROBE_BYTES: u64 = 64 << 20;

impl Probe {
    fn open(place: &Path) -> Result<Self, Failure> {
        let file = File::create(place.join("probe"))?;
        file.write_all_at(&vec![0; PROBE_BYTES as usize], 0)?;
        file.sync_all()?;
        Ok(Self { file, at: 0 })
    }
}

impl Engine for Probe {
    fn make(&mut self, purchases: &[Purchase]) -> Result<(), Failure> {
        let bytes: Vec<u8> = purchases.iter().flat_map(Purchase::record).collect();
        if self.at + bytes.len() as u64 > PROBE_BYTES {
            self.at = 0;
        }
        self.file.write_all_at(&bytes, self.at)?;
        self.at += bytes.len() as u64;
        Ok(self.file.sync_data()?)
    }

    fn knows(&mut self, _: &Purchase) -> Result<(), Failure> {
        Ok(())
    }
}
