//! Commits in two halves, so that others can be begun while the disk is at work.
//!
//! ```text
//! write ------------------------------------------> events   a whole one, with none under way
//! begin --> UnderWay -- wait, on any thread --> end --> events   records to one journal alone
//! ```
//!
//! All that are under way at a time are of the same journal, and are written there in their order. So
//! whichever ends first speaks for those that were begun before it, and a refusal of any refuses all
//! that were not confirmed by then.

use machine::Journal;
use store::{CommitError, Synced, Written};

use super::{Event, Journals, own_failed};
use crate::HostError;
use crate::writes::Work;

/// A commit that is on its way to the disk.
#[derive(Debug)]
#[must_use = "it is told of when it has ended"]
pub(crate) struct UnderWay<W = Written> {
    journal: Journal,
    /// The last of its writes.
    last_write: u64,
    written: W,
}

impl UnderWay {
    /// Has the disk begin, so that there is less to wait for later.
    pub fn start(&self) {
        self.written.start();
    }

    /// Waits for the disk.
    pub fn wait(self) -> UnderWay<Synced> {
        let Self { journal, last_write, written } = self;
        UnderWay { journal, last_write, written: written.sync() }
    }
}

impl Journals {
    /// Whether a commit of this journal may begin before those that are under way have ended.
    pub fn may_begin(&self, journal: Journal) -> bool {
        self.under_way.0 == 0 || self.under_way.1 == journal
    }

    /// Whether there is no commit under way.
    pub fn is_at_rest(&self) -> bool {
        self.under_way.0 == 0
    }

    /// Begins a commit of these records, which are numbered and follow the last ones; all are for
    /// this journal, which [may begin](Self::may_begin) one. None if it must be whole, or was refused:
    /// then the next [`Journals::write`] tells what became of the records.
    ///
    /// # Errors
    /// A journal failed: nobody may be told of what is not durable by now.
    pub fn begin<'a>(
        &mut self,
        journal: Journal,
        records: impl IntoIterator<Item = (u64, Work<'a>)>,
    ) -> Result<Option<UnderWay>, HostError> {
        for (write, work) in records {
            self.take(write, work, &mut |_| {})?;
        }
        let written = match (journal, &mut self.own, &mut self.common) {
            (Journal::Own, Some(own), _) => Some(own.write().map_err(own_failed)?),
            (Journal::Common, _, Some(common)) => match common.write() {
                Ok(written) => written,
                outcome => {
                    let first = self.common_changed.unwrap_or(self.last_write);
                    self.refuse_if_outbid(first, outcome.map(drop))?;
                    None
                }
            },
            _ => None,
        };
        let Some(written) = written else { return Ok(None) };
        (self.own_changed, self.common_changed) = (false, None);
        self.under_way = (self.under_way.0 + 1, journal);
        Ok(Some(UnderWay { journal, last_write: self.last_write, written }))
    }

    /// Ends a commit for which somebody waited, and tells what became of it.
    ///
    /// # Errors
    /// A journal failed: nobody may be told of what is not durable by now.
    pub fn end(
        &mut self,
        UnderWay { journal, last_write, written }: UnderWay<Synced>,
        tell: &mut dyn FnMut(Event),
    ) -> Result<(), HostError> {
        let is_told = last_write <= self.told;
        match (journal, &mut self.own, &mut self.common) {
            (Journal::Own, Some(own), _) if is_told => {
                own.take_back(written).map_err(own_failed)?
            }
            (Journal::Own, Some(own), _) => own.confirm(written).map_err(own_failed)?,
            (Journal::Common, _, Some(common)) if is_told => match common.take_back(written) {
                // The next write finds that out.
                Ok(()) | Err(CommitError::Outbid(_)) => {}
                Err(error) => return Err(HostError::journal(Journal::Common, error)),
            },
            (Journal::Common, _, Some(common)) => {
                let confirmed = common.confirm(written);
                self.refuse_if_outbid(last_write, confirmed)?;
            }
            // One that was begun later, or ended before, was refused, and this one with it.
            _ => {}
        }
        if !is_told {
            self.tell_refused(tell);
            self.tell_durable(last_write, tell);
        }
        self.under_way.0 -= 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use store::Durability;

    use super::*;
    use crate::CommonJournal;
    use crate::journals::tests::{epoch, record, snapshot, text, write};

    /// A common journal that holds two writes, and where another may claim it.
    fn common(folder: &std::path::Path, form: store::Form) -> (Journals, CommonJournal) {
        let place = CommonJournal { folder: folder.to_owned(), form };
        let mut journals = Journals::new(None, Some(place.clone()), Durability::Memory);
        write(&mut journals, 1, vec![Work::Claim(epoch(1)), snapshot(Journal::Common)]);
        (journals, place)
    }

    fn begin(journals: &mut Journals, write: u64) -> Option<UnderWay> {
        journals.begin(Journal::Common, [(write, record(Journal::Common))]).unwrap()
    }

    fn end(journals: &mut Journals, under_way: UnderWay) -> Vec<String> {
        let mut events = Vec::new();
        journals.end(under_way.wait(), &mut |event| events.push(event)).unwrap();
        text(&events)
    }

    #[test]
    fn a_commit_that_ends_speaks_for_those_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journals, _) = common(folder.path(), store::Form::Files);
        let [one, two, three] = [3, 4, 5].map(|write| begin(&mut journals, write).unwrap());
        assert!(!journals.may_begin(Journal::Own) && journals.may_begin(Journal::Common));
        assert_eq!(end(&mut journals, two), ["Durable(4)"]);
        assert_eq!(end(&mut journals, one), [""; 0]);
        assert!(!journals.is_at_rest());
        assert_eq!(end(&mut journals, three), ["Durable(5)"]);
        assert!(journals.is_at_rest() && journals.may_begin(Journal::Own));
        assert_eq!(write(&mut journals, 6, vec![record(Journal::Common)]), ["Durable(6)"]);
    }

    #[test]
    fn a_refusal_reaches_back_to_the_first_commit_that_is_under_way() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journals, place) = common(folder.path(), store::Form::Files);
        let [one, two, three] = [3, 4, 5].map(|write| begin(&mut journals, write).unwrap());
        assert_eq!(end(&mut journals, one), ["Durable(3)"]);
        place.form.claim(&place.folder, epoch(5), Durability::Memory).unwrap();
        assert_eq!(end(&mut journals, three), ["Refused(4, 5.1)", "Durable(5)"]);
        assert_eq!(end(&mut journals, two), [""; 0]);
        assert!(begin(&mut journals, 6).is_none(), "there is no journal to write to");
        assert_eq!(write(&mut journals, 7, Vec::new()), ["Durable(6)"]);
    }

    #[test]
    fn a_commit_that_cannot_begin_refuses_those_that_are_under_way() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journals, place) = common(folder.path(), store::Form::Files);
        let under_way = [3, 4, 5, 6].map(|write| begin(&mut journals, write).unwrap());
        assert_eq!(under_way.len(), store::COMMITS_UNDER_WAY);
        let (mut newer, _) = place.form.claim(&place.folder, epoch(5), Durability::Memory).unwrap();
        newer.snapshot(&[0]).unwrap();
        assert!(begin(&mut journals, 7).is_none(), "one more has to look for the segment");
        let told = under_way.map(|under_way| end(&mut journals, under_way));
        assert_eq!(told[0], ["Refused(3, 5.1)", "Durable(3)"]);
        assert_eq!(told[1..], [["Durable(4)"], ["Durable(5)"], ["Durable(6)"]]);
        assert_eq!(write(&mut journals, 8, Vec::new()), ["Durable(7)"]);
    }

    #[test]
    fn a_commit_that_cannot_begin_is_refused_from_its_first_write() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journals, place) = common(folder.path(), store::Form::Files);
        let (mut newer, _) = place.form.claim(&place.folder, epoch(5), Durability::Memory).unwrap();
        newer.snapshot(&[0]).unwrap();
        let records = [3, 4, 5].map(|write| (write, record(Journal::Common)));
        assert!(journals.begin(Journal::Common, records).unwrap().is_none());
        let told = write(&mut journals, 6, Vec::new());
        assert_eq!(told, ["Refused(3, 5.1)", "Durable(5)"]);
    }

    #[test]
    fn a_database_makes_whole_commits_only() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journals, _) = common(folder.path(), store::Form::Database);
        assert!(begin(&mut journals, 3).is_none());
        assert_eq!(write(&mut journals, 4, Vec::new()), ["Durable(3)"]);
    }
}
