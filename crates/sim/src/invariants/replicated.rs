//! The market's journal where there is no common one: every entry that the leaders of the
//! replicated log appended, each behind what it took over, as their own journals tell.

use std::collections::BTreeMap;

use groupcast::log::{Position, Record as LogRecord};
use machine::{Epoch, NodeId};
use peer::{Record, Snapshot};

#[derive(Debug, Default)]
pub(super) struct Replicated {
    /// Where each node stands.
    stands: BTreeMap<NodeId, Position>,
    /// What each epoch's log leads to, from the beginning of the world.
    logs: BTreeMap<Epoch, Vec<Record>>,
}

impl Replicated {
    pub fn appended(&mut self, node: NodeId, record: &Record) {
        let stands = self.stands.entry(node).or_default();
        match record {
            Record::Log(LogRecord::Adopted(epoch)) => {
                let Position { epoch: before, length } = std::mem::take(stands);
                *stands = Position { epoch: *epoch, length };
                if epoch.node == node {
                    let taken = self
                        .logs
                        .get(&before)
                        .map_or(&[][..], |log| log.get(..length as usize).unwrap_or_default());
                    let taken = taken.to_vec();
                    self.logs.insert(*epoch, taken);
                }
            }
            Record::Log(LogRecord::Entry(entry)) => {
                stands.length += 1;
                if stands.epoch.node == node
                    && let Some(log) = self.logs.get_mut(&stands.epoch)
                {
                    log.push(Record::Entry(entry.clone()));
                }
            }
            _ => {}
        }
    }

    pub fn replaced(&mut self, node: NodeId, snapshot: &Snapshot) {
        if let Snapshot::Replica { log, .. } = snapshot {
            self.stands.insert(node, log.position);
        }
    }

    /// The log of the highest epoch: it continues all that was ever committed.
    pub fn chain(&self) -> &[Record] {
        self.logs.last_key_value().map_or(&[], |(_, log)| log)
    }
}
