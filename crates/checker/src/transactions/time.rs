//! Edges of time: what one client did in turn, and what had ended when another began.

use std::collections::{BTreeSet, HashMap};

use super::Consistency;
use super::graph::{Edge, Graph, Kind};
use super::parse::Transaction;

/// Adds the edges that the consistency asks for, among the transactions that committed.
///
/// Of real time only the edges are added from which the others follow: from each transaction that
/// had ended and before whose end no later one had begun and ended. So there are at most as many of
/// them a transaction as there were clients.
pub fn add(
    graph: &mut Graph,
    transactions: &[Transaction<'_>],
    committed: &[bool],
    consistency: Consistency,
) {
    if consistency == Consistency::Serializable {
        return;
    }
    let mut moments = Vec::new();
    let numbered = (0_u32..).zip(transactions);
    for (number, transaction) in numbered.filter(|(number, _)| committed[*number as usize]) {
        moments.push((transaction.operation.invoked, true, number));
        if let (true, Some(ended)) = (transaction.is_certain, transaction.operation.ended) {
            moments.push((ended, false, number));
        }
    }
    moments.sort_unstable();
    let mut last_of: HashMap<u64, u32> = HashMap::new();
    let mut frontier: BTreeSet<u32> = BTreeSet::new();
    let mut before: HashMap<u32, Vec<u32>> = HashMap::new();
    for (_, begins, number) in moments {
        let edge = |kind| Edge { to: number, kind, key: 0, before: None, after: 0 };
        if begins {
            let transaction = &transactions[number as usize];
            let process = transaction.operation.process;
            if let Some(last) = last_of.get(&process) {
                graph.add(*last, edge(Kind::Process));
            }
            // What is in doubt may come to pass after what its client does next.
            if transaction.is_certain {
                last_of.insert(process, number);
            }
            if consistency == Consistency::StrictSerializable {
                frontier.iter().for_each(|earlier| graph.add(*earlier, edge(Kind::RealTime)));
                before.insert(number, frontier.iter().copied().collect());
            }
        } else {
            for earlier in before.remove(&number).into_iter().flatten() {
                frontier.remove(&earlier);
            }
            frontier.insert(number);
        }
    }
}
