//! Both journals of a node behind one sequence of numbered writes: what is durable, what was
//! refused, and what a claim found.
//!
//! A commit is made as a whole, or in [`halves`].

pub(crate) mod halves;

use machine::{Epoch, Journal};
use store::{ClaimError, CommitError, Contents, Durability, Form, Log};

use crate::writes::Work;
use crate::{CommonJournal, HostError};

/// What became of writes.
#[derive(Debug)]
pub(crate) enum Event {
    /// All writes up to this one are done with: durable, or refused as told before.
    Durable(u64),
    /// All writes to the own journal up to this one are durable.
    OwnDurable(u64),
    /// A snapshot is larger than a journal takes: the journal goes on without it.
    Skipped,
    /// This write to the common journal was refused, and so are later ones until the next claim.
    Refused { write: u64, epoch: Epoch },
    /// The common journal belongs to this epoch, and this stands in it.
    Claimed { epoch: Epoch, contents: Contents },
    /// The disk failed: nothing more will be durable.
    Failed(HostError),
}

/// The two journals.
#[derive(Debug)]
pub(crate) struct Journals {
    own: Option<store::Journal>,
    common: Option<Box<dyn Log>>,
    /// Where the common journal is, for a claim.
    place: Option<CommonJournal>,
    durability: Durability,
    last_write: u64,
    /// Up to which write all are told to be done with.
    told: u64,
    own_changed: bool,
    /// The first write to the common journal since the last commit.
    common_changed: Option<u64>,
    refused: Option<(u64, Epoch)>,
    /// How many commits are under way, and of which journal.
    under_way: (usize, Journal),
}

impl Journals {
    pub fn new(
        own: Option<store::Journal>,
        place: Option<CommonJournal>,
        durability: Durability,
    ) -> Self {
        Self {
            own,
            common: None,
            place,
            durability,
            last_write: 0,
            told: 0,
            own_changed: false,
            common_changed: None,
            refused: None,
            under_way: (0, Journal::Own),
        }
    }

    /// Whether any commit waits for the disk. Those of a database do, whatever the durability.
    pub fn wait_for_disk(&self) -> bool {
        let is_database = |place: &CommonJournal| place.form == Form::Database;
        self.durability != Durability::Memory || self.place.as_ref().is_some_and(is_database)
    }

    /// Makes durable these writes, which are numbered and follow the last ones, in one commit, and
    /// tells at once what became of them. None is under way.
    ///
    /// # Errors
    /// A journal failed: nobody may be told of what is not durable by now.
    pub fn write<'a>(
        &mut self,
        writes: impl IntoIterator<Item = (u64, Work<'a>)>,
        tell: &mut dyn FnMut(Event),
    ) -> Result<(), HostError> {
        for (write, work) in writes {
            self.take(write, work, tell)?;
        }
        self.commit(tell)
    }

    /// Takes one write; it counts for nothing before the next commit.
    fn take(
        &mut self,
        write: u64,
        work: Work<'_>,
        tell: &mut dyn FnMut(Event),
    ) -> Result<(), HostError> {
        match work {
            Work::Record(journal, bytes) => {
                self.apply(write, journal, |target| target.append(bytes))?;
            }
            Work::Snapshot(journal, bytes) => {
                self.snapshot(write, journal, tell, |target| target.snapshot(bytes))?;
            }
            Work::TooLarge(journal, limit_bytes) => {
                let (what, limit_bytes) = ("snapshot", limit_bytes as u64);
                let error =
                    CommitError::TooLarge { what, size_bytes: limit_bytes + 1, limit_bytes };
                self.snapshot(write, journal, tell, |_| Err(error))?;
            }
            Work::Claim(epoch) => {
                self.commit(tell)?;
                self.claim(write, epoch, tell)?;
            }
        }
        self.last_write = write;
        Ok(())
    }

    /// Takes a snapshot, or goes on without one that is too large: the records that it would have
    /// replaced say the same.
    fn snapshot(
        &mut self,
        write: u64,
        journal: Journal,
        tell: &mut dyn FnMut(Event),
        change: impl FnOnce(&mut dyn Log) -> Result<(), CommitError>,
    ) -> Result<(), HostError> {
        let mut skipped = false;
        self.apply(write, journal, |target| match change(target) {
            Err(CommitError::TooLarge { .. }) if target.has_segment() => {
                skipped = true;
                Ok(())
            }
            result => result,
        })?;
        if skipped {
            tell(Event::Skipped);
        }
        Ok(())
    }

    fn apply(
        &mut self,
        write: u64,
        journal: Journal,
        change: impl FnOnce(&mut dyn Log) -> Result<(), CommitError>,
    ) -> Result<(), HostError> {
        match journal {
            Journal::Own => {
                let Some(own) = &mut self.own else { return Ok(()) };
                self.own_changed = true;
                change(own).map_err(own_failed)
            }
            Journal::Common => {
                // After a refusal, what the machine wrote before it heard of it means nothing.
                let Some(common) = &mut self.common else { return Ok(()) };
                let first = *self.common_changed.get_or_insert(write);
                let changed = change(common.as_mut());
                self.refuse_if_outbid(first, changed)
            }
        }
    }

    /// Makes durable all that was taken, and says what became of it.
    fn commit(&mut self, tell: &mut dyn FnMut(Event)) -> Result<(), HostError> {
        if std::mem::take(&mut self.own_changed)
            && let Some(own) = &mut self.own
        {
            own.commit().map_err(own_failed)?;
            if self.common_changed.is_some() {
                tell(Event::OwnDurable(self.last_write));
            }
        }
        if let (Some(first), Some(common)) = (self.common_changed.take(), &mut self.common) {
            let committed = common.commit();
            self.refuse_if_outbid(first, committed)?;
        }
        self.tell_refused(tell);
        self.tell_durable(self.last_write, tell);
        Ok(())
    }

    fn tell_refused(&mut self, tell: &mut dyn FnMut(Event)) {
        if let Some((write, epoch)) = self.refused.take() {
            self.tell_durable(write - 1, tell);
            tell(Event::Refused { write, epoch });
        }
    }

    fn tell_durable(&mut self, write: u64, tell: &mut dyn FnMut(Event)) {
        if write > self.told {
            self.told = write;
            tell(Event::Durable(write));
        }
    }

    /// Closes the common journal if another epoch has it, from this write on at the latest.
    fn refuse_if_outbid(
        &mut self,
        first: u64,
        outcome: Result<(), CommitError>,
    ) -> Result<(), HostError> {
        match outcome {
            Ok(()) => Ok(()),
            Err(CommitError::Outbid(epoch)) => {
                self.common = None;
                self.common_changed = None;
                // What is under way is all for this journal, and refused as well.
                let first = if self.is_at_rest() { first } else { self.told + 1 };
                self.refused = Some((first, epoch));
                Ok(())
            }
            Err(error) => Err(HostError::journal(Journal::Common, error)),
        }
    }

    fn claim(
        &mut self,
        write: u64,
        epoch: Epoch,
        tell: &mut dyn FnMut(Event),
    ) -> Result<(), HostError> {
        self.common = None;
        let place = self.place.as_ref().ok_or(HostError::NoCommonJournal)?;
        let claimed = place.form.claim(&place.folder, epoch, self.durability);
        match claimed {
            Ok((journal, contents)) => {
                self.common = Some(journal);
                self.tell_durable(write, tell);
                tell(Event::Claimed { epoch, contents });
            }
            Err(ClaimError::Outbid(epoch)) => tell(Event::Refused { write, epoch }),
            Err(error) => return Err(HostError::journal(Journal::Common, error)),
        }
        Ok(())
    }
}

fn own_failed(error: CommitError) -> HostError {
    match error {
        CommitError::Outbid(epoch) => HostError::Replaced(epoch),
        error => HostError::journal(Journal::Own, error),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use machine::NodeId;

    pub fn epoch(counter: u64) -> Epoch {
        Epoch { counter, node: NodeId(1) }
    }

    pub fn record(journal: Journal) -> Work<'static> {
        Work::Record(journal, &[1])
    }

    pub fn snapshot(journal: Journal) -> Work<'static> {
        Work::Snapshot(journal, &[0])
    }

    /// What becomes of writes that are numbered from `first`.
    pub fn write(journals: &mut Journals, first: u64, works: Vec<Work<'_>>) -> Vec<String> {
        let mut events = Vec::new();
        journals.write((first..).zip(works), &mut |event| events.push(event)).unwrap();
        text(&events)
    }

    pub fn text(events: &[Event]) -> Vec<String> {
        let text = events.iter().map(|event| match event {
            Event::Claimed { epoch, contents } => {
                format!("Claimed({epoch}, {} records)", contents.records.len())
            }
            Event::Refused { write, epoch } => format!("Refused({write}, {epoch})"),
            other => format!("{other:?}"),
        });
        text.collect()
    }

    #[test]
    fn commits_of_a_database_wait_for_the_disk_whatever_the_durability() {
        let waits = |form: Option<store::Form>, durability| {
            let place = form.map(|form| CommonJournal { folder: "common".into(), form });
            Journals::new(None, place, durability).wait_for_disk()
        };
        assert!(waits(None, Durability::Disk) && waits(Some(Form::Files), Durability::Disk));
        assert!(waits(Some(Form::Database), Durability::Memory));
        assert!(!waits(None, Durability::Memory) && !waits(Some(Form::Files), Durability::Memory));
    }

    #[test]
    fn a_snapshot_that_is_too_large_is_skipped_and_the_journal_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let (own, _) = store::Journal::claim(folder.path(), epoch(1), Durability::Memory).unwrap();
        let mut journals = Journals::new(Some(own), None, Durability::Memory);
        let limit = store::SNAPSHOT_MAX_BYTES;
        let too_large = || Work::TooLarge(Journal::Own, limit);
        let first = journals.write([(1, too_large())], &mut |_| {});
        assert!(matches!(first, Err(HostError::Journal { .. })), "a journal begins with one");
        let begin = vec![snapshot(Journal::Own), record(Journal::Own)];
        assert_eq!(write(&mut journals, 1, begin), ["Durable(2)"]);
        let bytes = vec![0; limit + 1];
        let large = Work::Snapshot(Journal::Own, &bytes);
        let works = vec![record(Journal::Own), too_large(), large, record(Journal::Own)];
        assert_eq!(write(&mut journals, 3, works), ["Skipped", "Skipped", "Durable(6)"]);
        assert_eq!(store::read(folder.path()).unwrap().unwrap().records.len(), 3);
    }

    #[test]
    fn a_refused_write_splits_its_commit_at_the_first_write_to_the_common_journal() {
        for form in [store::Form::Files, store::Form::Database] {
            refused_write_splits_its_commit(form);
        }
    }

    fn refused_write_splits_its_commit(form: store::Form) {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        let (own, _) = store::Journal::claim(&own, epoch(1), Durability::Memory).unwrap();
        let common = CommonJournal { folder: folder.path().join("common"), form };
        let mut journals = Journals::new(Some(own), Some(common.clone()), Durability::Memory);

        let begin = vec![
            snapshot(Journal::Own),
            Work::Claim(epoch(1)),
            snapshot(Journal::Common),
            record(Journal::Common),
        ];
        let told = ["Durable(1)", "Durable(2)", "Claimed(1.1, 0 records)", "Durable(4)"];
        assert_eq!(write(&mut journals, 1, begin), told);

        common.form.claim(&common.folder, epoch(5), Durability::Memory).unwrap();
        let works = vec![
            record(Journal::Own),
            record(Journal::Common),
            record(Journal::Own),
            record(Journal::Common),
        ];
        let told = ["OwnDurable(8)", "Durable(5)", "Refused(6, 5.1)", "Durable(8)"];
        assert_eq!(write(&mut journals, 5, works), told);
        assert_eq!(write(&mut journals, 9, vec![record(Journal::Common)]), ["Durable(9)"]);

        let lower = vec![record(Journal::Own), Work::Claim(epoch(2))];
        let told = ["Durable(10)", "Refused(11, 5.1)", "Durable(11)"];
        assert_eq!(write(&mut journals, 10, lower), told);
        let higher = vec![Work::Claim(epoch(6)), snapshot(Journal::Common)];
        let told = write(&mut journals, 12, higher);
        assert_eq!((told[0].as_str(), told[2].as_str()), ("Durable(12)", "Durable(13)"));
        assert!(told[1].starts_with("Claimed(6.1, "), "{told:?}");
    }
}
