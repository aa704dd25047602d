//! Transactions that read and write registers, each value written to a key once.
//!
//! A read tells who wrote what it saw; which write followed which must be inferred. Two things are
//! certain in every serial order: null, which stands for the beginning, comes before all writes; and
//! a transaction that reads a value of a key and then writes the key writes the next version.
//!
//! Beside cycles, these break the promise: a read that contradicts what its own transaction did
//! (`internal`), or shows what was rolled back (`G1a`) or what its writer replaced in the same
//! transaction (`G1b`).
//!
//! What it does not see: the order of writes by transactions that did not read the key, and values
//! that nobody in the history wrote (they may have been there before); those are counted and said.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::graph::{Edge, Graph, Kind};
use super::parse::{Micro, Names, Transaction, Writers, transactions, writers};
use super::{Consistency, SUCCESSORS_MAX, cycle, tell, time};
use crate::history::{Malformed, Operation};
use crate::verdict::Finding;

/// What a transaction did to one key, as others see it.
#[derive(Default)]
struct Touched {
    /// What it read before it wrote; the inner none is the beginning.
    read: Option<Option<u32>>,
    /// What it wrote last.
    wrote: Option<u32>,
}

/// Judges a history.
///
/// # Errors
/// Some operation is no such transaction.
pub fn judge(operations: &[Operation], consistency: Consistency) -> Result<Finding, Malformed> {
    let mut names = Names::default();
    let transactions = transactions(operations, "w", &mut names)?;
    let writers = match writers(&transactions, &names) {
        Ok(writers) => writers,
        Err(why) => return Ok(Finding::unknown(why)),
    };
    let touched = match touched(&transactions, &mut names) {
        Ok(touched) => touched,
        Err(evidence) => return Ok(Finding::fail(evidence)),
    };
    let foreign = match check_reads(&transactions, &touched, &writers, &names) {
        Ok(foreign) => foreign,
        Err(evidence) => return Ok(Finding::fail(evidence)),
    };
    let mut committed: Vec<bool> =
        transactions.iter().map(|transaction| transaction.is_certain).collect();
    for (key, value) in touched
        .iter()
        .flatten()
        .filter_map(|(key, touched)| touched.read.flatten().map(|value| (*key, value)))
    {
        if let Some(writer) = writers.get(&(key, value)) {
            committed[writer.transaction as usize] = true;
        }
    }
    let mut graph = dependencies(&touched, &committed, &writers);
    time::add(&mut graph, &transactions, &committed, consistency);
    if let Some(cycle) = cycle::worst(&graph) {
        return Ok(Finding::fail(tell::tell(&cycle, &transactions, &names, "wrote")));
    }
    let reads = touched.iter().flatten().filter(|(_, touched)| touched.read.is_some()).count();
    let edges: usize = graph.edges.iter().map(Vec::len).sum();
    Ok(match reads {
        0 => Finding::idle("no transaction read what another may have written"),
        _ => {
            let evidence = format!(
                "transactions: {}, reads: {reads}, dependencies: {edges}, without a cycle",
                committed.iter().filter(|committed| **committed).count()
            );
            Finding::pass(match foreign {
                0 => evidence,
                _ => format!(
                    "{evidence}; reads of values that nobody in the history wrote, which this \
                     model does not judge: {foreign}"
                ),
            })
        }
    })
}

/// What each transaction did to each key. The error is one that contradicts itself.
fn touched<'a>(
    transactions: &[Transaction<'a>],
    names: &mut Names<'a>,
) -> Result<Vec<BTreeMap<u32, Touched>>, String> {
    let mut all = Vec::with_capacity(transactions.len());
    for transaction in transactions {
        let mut touched: BTreeMap<u32, Touched> = BTreeMap::new();
        let mut own: HashMap<u32, Option<u32>> = HashMap::new();
        for micro in &transaction.micros {
            match micro {
                Micro::Write(key, value) => {
                    touched.entry(*key).or_default().wrote = Some(*value);
                    own.insert(*key, Some(*value));
                }
                Micro::Read(_, None) => {}
                Micro::Read(key, Some(shown)) => {
                    let value = match shown {
                        Value::Null => None,
                        shown => Some(names.number(shown)),
                    };
                    let expected = own.insert(*key, value);
                    if expected.is_some_and(|expected| expected != value) {
                        let line = transaction.operation.ended.unwrap_or_default() + 1;
                        let key = names.name(*key);
                        return Err(format!(
                            "internal: the transaction of line {line} read {shown} of key {key}, \
                             against what it had read or written itself"
                        ));
                    }
                    if expected.is_none() {
                        touched.entry(*key).or_default().read = Some(value);
                    }
                }
            }
        }
        all.push(touched);
    }
    Ok(all)
}

/// How many values were read that nobody wrote. The error is a value that must not be seen.
fn check_reads(
    transactions: &[Transaction<'_>],
    touched: &[BTreeMap<u32, Touched>],
    writers: &Writers,
    names: &Names<'_>,
) -> Result<usize, String> {
    let mut foreign = 0;
    for (transaction, touched) in transactions.iter().zip(touched) {
        for (key, Touched { read, .. }) in touched {
            let Some(Some(value)) = read else { continue };
            let Some(writer) = writers.get(&(*key, *value)) else {
                foreign += 1;
                continue;
            };
            let by = &transactions[writer.transaction as usize];
            let line = transaction.operation.ended.unwrap_or_default() + 1;
            let said =
                format!("line {line} read {} of key {}", names.name(*value), names.name(*key));
            let wrote = by.operation.invoked + 1;
            if by.is_aborted {
                return Err(format!(
                    "G1a: {said}, which a transaction wrote that failed (line {wrote})"
                ));
            }
            if !writer.is_last {
                return Err(format!(
                    "G1b: {said}, which its transaction then replaced (line {wrote})"
                ));
            }
        }
    }
    Ok(foreign)
}

/// A key and its value; none is the beginning.
type Version = (u32, Option<u32>);

fn dependencies(
    touched: &[BTreeMap<u32, Touched>],
    committed: &[bool],
    writers: &Writers,
) -> Graph {
    let mut graph = Graph::new(touched.len());
    // Of each version: who read it, and who wrote a version that follows it.
    let mut readers: BTreeMap<Version, Vec<u32>> = BTreeMap::new();
    let mut followers: BTreeMap<Version, Vec<(u32, u32)>> = BTreeMap::new();
    let numbered = (0..).zip(touched);
    for (number, touched) in numbered.filter(|(number, _)| committed[*number as usize]) {
        for (key, Touched { read, wrote }) in touched {
            if let Some(read) = read {
                readers.entry((*key, *read)).or_default().push(number);
            }
            if let Some(wrote) = wrote {
                // Nothing is known of what a write without a read follows, but the beginning.
                let after = read
                    .filter(|read| read.is_none_or(|value| writers.contains_key(&(*key, value))));
                followers.entry((*key, after.flatten())).or_default().push((number, *wrote));
            }
        }
    }
    for ((key, version), readers) in &readers {
        let writer = version.and_then(|value| Some((value, writers.get(&(*key, value))?)));
        if let Some((value, writer)) = writer {
            for reader in readers {
                let (kind, before) = (Kind::WriteRead, *version);
                let edge = Edge { to: *reader, kind, key: *key, before, after: value };
                graph.add(writer.transaction, edge);
            }
        }
        for (to, after) in
            followers.get(&(*key, *version)).into_iter().flatten().take(SUCCESSORS_MAX)
        {
            for reader in readers {
                let (kind, before) = (Kind::ReadWrite, *version);
                graph.add(*reader, Edge { to: *to, kind, key: *key, before, after: *after });
            }
        }
    }
    for ((key, version), followers) in &followers {
        let writer = version.and_then(|value| writers.get(&(*key, value)));
        let Some(writer) = writer else { continue };
        for (to, after) in followers {
            let (kind, before) = (Kind::WriteWrite, *version);
            graph.add(writer.transaction, Edge { to: *to, kind, key: *key, before, after: *after });
        }
    }
    graph
}
