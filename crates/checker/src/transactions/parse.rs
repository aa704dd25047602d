//! Transactions as they stand in a history: lists of reads and writes.

use std::collections::HashMap;

use serde_json::Value;

use crate::history::{End, Malformed, Operation};

const EXPECTED: &str = "a transaction: a list of reads [\"r\", key, value] and of writes [\"append\" or \"w\", key, value]";

/// One read or write. Keys and values are numbered, see [`Names`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Micro<'a> {
    /// What was read; none if nobody can tell.
    Read(u32, Option<&'a Value>),
    /// What was written.
    Write(u32, u32),
}

/// A transaction that committed, or may have.
#[derive(Debug)]
pub struct Transaction<'a> {
    pub operation: &'a Operation,
    pub micros: Vec<Micro<'a>>,
    /// Whether it surely committed.
    pub is_certain: bool,
    /// Whether it surely did not.
    pub is_aborted: bool,
}

/// The numbers of keys and values.
#[derive(Default)]
pub struct Names<'a> {
    numbers: HashMap<&'a Value, u32>,
    names: Vec<&'a Value>,
}

impl<'a> Names<'a> {
    pub fn number(&mut self, value: &'a Value) -> u32 {
        let next = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        *self.numbers.entry(value).or_insert_with(|| {
            self.names.push(value);
            next
        })
    }

    pub fn name(&self, number: u32) -> &'a Value {
        self.names.get(number as usize).copied().unwrap_or(&Value::Null)
    }
}

/// The transactions of a history. `write` is the word for a write.
pub fn transactions<'a>(
    operations: &'a [Operation],
    write: &str,
    names: &mut Names<'a>,
) -> Result<Vec<Transaction<'a>>, Malformed> {
    let mut transactions = Vec::with_capacity(operations.len());
    for operation in operations {
        // What committed is told at the end, with what it read.
        let (told, at) = match (&operation.end, operation.ended) {
            (End::Ok(answer), Some(ended)) => (answer, ended),
            _ => (&operation.asked, operation.invoked),
        };
        let wrong = || Malformed::NotOfTheModel { line: at + 1, expected: EXPECTED };
        let mut micros = Vec::new();
        for micro in told.as_array().ok_or_else(wrong)? {
            let [f, key, value] = micro.as_array().map_or(&[][..], Vec::as_slice) else {
                return Err(wrong());
            };
            let key = names.number(key);
            match f.as_str() {
                Some("r") => {
                    let is_told = operation.answer().is_some();
                    micros.push(Micro::Read(key, is_told.then_some(value)));
                }
                Some(f) if f == write => micros.push(Micro::Write(key, names.number(value))),
                _ => return Err(wrong()),
            }
        }
        transactions.push(Transaction {
            operation,
            micros,
            is_certain: operation.answer().is_some(),
            is_aborted: operation.end == End::Fail,
        });
    }
    Ok(transactions)
}

/// Who wrote a value.
#[derive(Debug, Clone, Copy)]
pub struct Writer {
    pub transaction: u32,
    /// Whether it is the last value that this transaction wrote to the key.
    pub is_last: bool,
}

/// Who wrote what: by key, then by value.
pub type Writers = HashMap<(u32, u32), Writer>;

/// Finds the writer of each value.
///
/// The error is a sentence: a value was written to a key twice, so reads do not tell whose they saw.
pub fn writers(transactions: &[Transaction<'_>], names: &Names<'_>) -> Result<Writers, String> {
    let mut writers = Writers::new();
    for (number, transaction) in (0..).zip(transactions) {
        let mut last: HashMap<u32, u32> = HashMap::new();
        for micro in &transaction.micros {
            let Micro::Write(key, value) = *micro else { continue };
            if let Some(before) = last.insert(key, value)
                && let Some(writer) = writers.get_mut(&(key, before))
            {
                writer.is_last = false;
            }
            let writer = Writer { transaction: number, is_last: true };
            if let Some(other) = writers.insert((key, value), writer) {
                let other = &transactions[other.transaction as usize];
                return Err(format!(
                    "{} is written to {} at line {} and again at line {}: this model needs values \
                     that tell who wrote them",
                    names.name(value),
                    names.name(key),
                    other.operation.invoked + 1,
                    transaction.operation.invoked + 1
                ));
            }
        }
    }
    Ok(writers)
}
