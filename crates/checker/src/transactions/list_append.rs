//! Transactions that append to lists and read whole lists, each value appended to a key once.
//!
//! Every read of a key shows a beginning of the one order in which its values were appended, so the
//! longest read is the order of versions. What was surely appended, but is in no read, follows all
//! that is.
//!
//! Beside cycles, these break the promise: a read that contradicts what its own transaction did
//! (`internal`), or shows what was rolled back (`G1a`), what nobody appended (`phantom`), what its
//! writer then added to in the same transaction (`G1b`), or a value twice (`duplicate`); and two
//! reads neither of which is the beginning of the other (`incompatible order`).
//!
//! What it does not see: in which order values stand that nobody read.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;

use super::graph::{Edge, Graph, Kind};
use super::parse::{Micro, Names, Transaction, Writers, transactions, writers};
use super::{Consistency, SUCCESSORS_MAX, cycle, tell, time};
use crate::history::{Malformed, Operation};
use crate::verdict::Finding;

/// A read: by whom, of which key, what.
struct Read {
    by: u32,
    key: u32,
    list: Vec<u32>,
}

/// Judges a history.
///
/// # Errors
/// Some operation is no such transaction.
pub fn judge(operations: &[Operation], consistency: Consistency) -> Result<Finding, Malformed> {
    let mut names = Names::default();
    let transactions = transactions(operations, "append", &mut names)?;
    let reads = reads(&transactions, &mut names)?;
    let writers = match writers(&transactions, &names) {
        Ok(writers) => writers,
        Err(why) => return Ok(Finding::unknown(why)),
    };
    let checked = check_values(&transactions, &reads, &writers, &names)
        .and_then(|()| orders(&transactions, &reads, &names));
    let orders = match checked {
        Ok(orders) => orders,
        Err(evidence) => return Ok(Finding::fail(evidence)),
    };
    let mut committed: Vec<bool> =
        transactions.iter().map(|transaction| transaction.is_certain).collect();
    for (key, value) in orders.iter().flat_map(|(key, order)| order.iter().map(|v| (*key, *v))) {
        committed[writers[&(key, value)].transaction as usize] = true;
    }
    let mut graph = dependencies(&transactions, &reads, &writers, &orders);
    time::add(&mut graph, &transactions, &committed, consistency);
    if let Some(cycle) = cycle::worst(&graph) {
        return Ok(Finding::fail(tell::tell(&cycle, &transactions, &names, "appended")));
    }
    let edges: usize = graph.edges.iter().map(Vec::len).sum();
    Ok(match reads.len() {
        0 => Finding::idle("no transaction read anything"),
        reads => Finding::pass(format!(
            "transactions: {}, reads: {reads}, dependencies: {edges}, without a cycle",
            committed.iter().filter(|committed| **committed).count()
        )),
    })
}

fn reads<'a>(
    transactions: &[Transaction<'a>],
    names: &mut Names<'a>,
) -> Result<Vec<Read>, Malformed> {
    let mut reads = Vec::new();
    for (by, transaction) in (0..).zip(transactions) {
        for micro in &transaction.micros {
            let Micro::Read(key, Some(value)) = micro else { continue };
            let list = match value {
                Value::Null => &[][..],
                Value::Array(list) => list,
                _ => {
                    let line = transaction.operation.ended.unwrap_or_default() + 1;
                    let expected = "a transaction that reads lists";
                    return Err(Malformed::NotOfTheModel { line, expected });
                }
            };
            let list = list.iter().map(|value| names.number(value)).collect();
            reads.push(Read { by, key: *key, list });
        }
    }
    Ok(reads)
}

/// Each read agrees with its own transaction, and shows nothing that must not be seen.
fn check_values(
    transactions: &[Transaction<'_>],
    reads: &[Read],
    writers: &Writers,
    names: &Names<'_>,
) -> Result<(), String> {
    check_own(transactions, reads, names)?;
    for Read { by, key, list } in reads {
        let said = |what: &str, value: u32| {
            let line = transactions[*by as usize].operation.ended.unwrap_or_default() + 1;
            format!("{what}: line {line} read {} of key {}", names.name(value), names.name(*key))
        };
        let mut seen = HashSet::new();
        for value in list {
            if !seen.insert(*value) {
                return Err(said("duplicate", *value) + " twice");
            }
            let Some(writer) = writers.get(&(*key, *value)) else {
                return Err(said("phantom", *value) + ", which nobody appended");
            };
            let writer = &transactions[writer.transaction as usize];
            if writer.is_aborted {
                let line = writer.operation.invoked + 1;
                return Err(said("G1a", *value)
                    + &format!(", which a transaction appended that failed (line {line})"));
            }
        }
        if let Some(last) = list.last()
            && let writer = writers[&(*key, *last)]
            && !writer.is_last
            && writer.transaction != *by
        {
            let line = transactions[writer.transaction as usize].operation.invoked + 1;
            return Err(said("G1b", *last)
                + &format!(" last, but its transaction appended more (line {line})"));
        }
    }
    Ok(())
}

/// Within a transaction, a read shows what it read before and what it appended since.
fn check_own(
    transactions: &[Transaction<'_>],
    reads: &[Read],
    names: &Names<'_>,
) -> Result<(), String> {
    let mut reads = reads.iter().peekable();
    for (by, transaction) in (0..).zip(transactions) {
        // What it read of a key, and what it appended since.
        let mut known: HashMap<u32, (Option<&[u32]>, Vec<u32>)> = HashMap::new();
        for micro in &transaction.micros {
            match micro {
                Micro::Write(key, value) => known.entry(*key).or_default().1.push(*value),
                Micro::Read(_, None) => {}
                Micro::Read(key, Some(shown)) => {
                    let Some(read) = reads.next_if(|read| read.by == by) else { continue };
                    let (before, since) = known.entry(*key).or_default();
                    let rest = read.list.strip_suffix(&since[..]);
                    let fits = match (rest, &before) {
                        (Some(rest), Some(before)) => rest == *before,
                        (rest, _) => rest.is_some(),
                    };
                    if !fits {
                        let line = transaction.operation.ended.unwrap_or_default() + 1;
                        let key = names.name(*key);
                        return Err(format!(
                            "internal: the transaction of line {line} read {shown} of key {key}, \
                             against what it had read or appended itself"
                        ));
                    }
                    (*before, *since) = (Some(&read.list[..]), Vec::new());
                }
            }
        }
    }
    Ok(())
}

/// The order of versions of each key: its longest read. All others must be a beginning of it.
fn orders<'a>(
    transactions: &[Transaction<'_>],
    reads: &'a [Read],
    names: &Names<'_>,
) -> Result<BTreeMap<u32, &'a [u32]>, String> {
    let mut longest: BTreeMap<u32, &Read> = BTreeMap::new();
    for read in reads {
        let known = longest.entry(read.key).or_insert(read);
        if read.list.len() > known.list.len() {
            *known = read;
        }
    }
    for read in reads {
        let order = longest[&read.key];
        if let Some(at) = read.list.iter().zip(&order.list).position(|(one, other)| one != other) {
            let line = |read: &Read| {
                transactions[read.by as usize].operation.ended.unwrap_or_default() + 1
            };
            return Err(format!(
                "incompatible order: of key {}, line {} read {} in place {}, and line {} read {} \
                 there",
                names.name(read.key),
                line(read),
                names.name(read.list[at]),
                at + 1,
                line(order),
                names.name(order.list[at])
            ));
        }
    }
    Ok(longest.into_iter().map(|(key, read)| (key, &read.list[..])).collect())
}

fn dependencies(
    transactions: &[Transaction<'_>],
    reads: &[Read],
    writers: &Writers,
    orders: &BTreeMap<u32, &[u32]>,
) -> Graph {
    let mut graph = Graph::new(transactions.len());
    let writer = |key, value| writers[&(key, value)].transaction;
    let mut unseen: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let seen: HashSet<(u32, u32)> =
        orders.iter().flat_map(|(key, order)| order.iter().map(|value| (*key, *value))).collect();
    for transaction in transactions.iter().filter(|transaction| transaction.is_certain) {
        for micro in &transaction.micros {
            if let Micro::Write(key, value) = *micro
                && !seen.contains(&(key, value))
            {
                unseen.entry(key).or_default().push(value);
            }
        }
    }
    let unseen = |key| unseen.get(&key).into_iter().flatten().take(SUCCESSORS_MAX).copied();
    for (key, order) in orders {
        for pair in order.windows(2) {
            let to = writer(*key, pair[1]);
            let (kind, before) = (Kind::WriteWrite, Some(pair[0]));
            graph.add(writer(*key, pair[0]), Edge { to, kind, key: *key, before, after: pair[1] });
        }
        if let Some(last) = order.last() {
            for after in unseen(*key) {
                let (to, kind) = (writer(*key, after), Kind::WriteWrite);
                let before = Some(*last);
                graph.add(writer(*key, *last), Edge { to, kind, key: *key, before, after });
            }
        }
    }
    for Read { by, key, list } in reads {
        let before = list.last().copied();
        if let Some(last) = before {
            let kind = Kind::WriteRead;
            graph.add(writer(*key, last), Edge { to: *by, kind, key: *key, before, after: last });
        }
        let next = orders[key].get(list.len()).copied();
        let rest = if next.is_none() { Some(unseen(*key)) } else { None };
        for after in next.into_iter().chain(rest.into_iter().flatten()) {
            let (to, kind) = (writer(*key, after), Kind::ReadWrite);
            graph.add(*by, Edge { to, kind, key: *key, before, after });
        }
    }
    graph
}
