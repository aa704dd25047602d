//! The disks: each node's own journal, and the common one that is checked by epoch.
//!
//! The common journal behaves as the real one does. A commit writes first, so that a claimer may
//! read it, and looks for a higher claim when it is durable; a claim publishes its epoch first and
//! reads then. Between the two ends of a commit anything may happen.

use machine::{Epoch, Machine};

/// What one node keeps for itself.
#[derive(Debug)]
pub(super) struct OwnDisk<M: Machine> {
    pub snapshot: Option<M::Snapshot>,
    pub records: Vec<M::Record>,
}

impl<M: Machine> OwnDisk<M> {
    pub fn new() -> Self {
        Self { snapshot: None, records: Vec::new() }
    }
}

/// Something to be written, in order.
#[derive(Debug)]
pub(super) enum Write<M: Machine> {
    OwnRecord(M::Record),
    OwnSnapshot(M::Snapshot),
    CommonRecord(M::Record),
    CommonSnapshot(M::Snapshot),
    Claim(Epoch),
}

/// What stands in a journal.
#[derive(Debug)]
pub(super) struct Contents<M: Machine> {
    pub snapshot: Option<M::Snapshot>,
    pub records: Vec<M::Record>,
}

/// The newest segment of the common journal.
#[derive(Debug)]
pub struct Segment<M: Machine> {
    /// Who wrote it.
    pub epoch: Epoch,
    /// The state before the records.
    pub snapshot: M::Snapshot,
    /// The records since, in order.
    pub records: Vec<M::Record>,
}

/// The common journal, and beside it what no real disk keeps: every record that led to what stands
/// there, from the beginning of the world.
#[derive(Debug)]
pub struct Common<M: Machine> {
    claimed: Epoch,
    segment: Option<Segment<M>>,
    chain: Vec<M::Record>,
}

impl<M: Machine> Common<M> {
    pub(super) fn new() -> Self {
        Self { claimed: Epoch::ZERO, segment: None, chain: Vec::new() }
    }

    /// Every record that led to what stands in the journal, in order.
    pub fn chain(&self) -> &[M::Record] {
        &self.chain
    }

    /// What stands in the journal; none if nothing was ever written.
    pub fn newest(&self) -> Option<&Segment<M>> {
        self.segment.as_ref()
    }

    /// The highest epoch that claimed the journal.
    pub fn claimed(&self) -> Epoch {
        self.claimed
    }

    /// Publishes a claim and reads: what stands here, and how long the chain behind it is.
    pub(super) fn claim(&mut self, epoch: Epoch) -> Result<(Contents<M>, usize), Epoch> {
        if epoch <= self.claimed {
            return Err(self.claimed);
        }
        self.claimed = epoch;
        let contents = match &self.segment {
            Some(segment) => Contents {
                snapshot: Some(segment.snapshot.clone()),
                records: segment.records.clone(),
            },
            None => Contents { snapshot: None, records: Vec::new() },
        };
        Ok((contents, self.chain.len()))
    }

    /// A record becomes visible, if the writer's segment is the newest one.
    pub(super) fn append(&mut self, epoch: Epoch, record: M::Record) -> bool {
        match &mut self.segment {
            Some(segment) if segment.epoch == epoch => {
                segment.records.push(record.clone());
                self.chain.push(record);
                true
            }
            // A file that nobody will read again.
            _ => false,
        }
    }

    /// A crash in the middle of a write takes back its last records, unless somebody read them.
    /// Whether it took any.
    pub(super) fn tear(&mut self, epoch: Epoch, records: usize) -> bool {
        if self.claimed != epoch {
            return false;
        }
        if let Some(segment) = &mut self.segment
            && segment.epoch == epoch
        {
            let keep = segment.records.len().saturating_sub(records);
            self.chain.truncate(self.chain.len() - (segment.records.len() - keep));
            let is_torn = keep < segment.records.len();
            segment.records.truncate(keep);
            return is_torn;
        }
        false
    }

    /// A new segment takes its place, unless a newer one is there. `read` is the length of the
    /// chain that the writer's claim read; `covered` are the records since then or since the last
    /// snapshot that stand nowhere but in this one.
    pub(super) fn rotate(
        &mut self,
        epoch: Epoch,
        snapshot: M::Snapshot,
        read: usize,
        covered: Vec<M::Record>,
    ) {
        match &self.segment {
            Some(segment) if segment.epoch > epoch => return,
            Some(segment) if segment.epoch == epoch => {}
            _ => self.chain.truncate(read),
        }
        self.chain.extend(covered);
        self.segment = Some(Segment { epoch, snapshot, records: Vec::new() });
    }
}
