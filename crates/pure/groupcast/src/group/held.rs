//! Who holds what: the acknowledgements of all streams by all members, and what follows from them.

/// Of each member and each stream, how many items the member is known to hold.
#[derive(Debug, Clone)]
pub(super) struct Held {
    by: Vec<Vec<u64>>,
    me: usize,
    by_majority: Vec<u64>,
    by_all: Vec<u64>,
    /// What the coordinator said last that a majority holds.
    announced: Vec<u64>,
}

impl Held {
    pub fn new(members: usize, streams: usize, me: usize) -> Self {
        let none = vec![0; streams];
        Self {
            by: vec![none.clone(); members],
            me,
            by_majority: none.clone(),
            by_all: none.clone(),
            announced: none,
        }
    }

    /// What a member says that it holds. It never holds less than before.
    pub fn said(&mut self, member: usize, held: &[u64]) {
        raise(&mut self.by[member], held);
    }

    /// What the coordinator says that a majority and all hold.
    pub fn announced(&mut self, by_majority: &[u64], by_all: &[u64]) {
        raise(&mut self.announced, by_majority);
        raise(&mut self.by_majority, by_majority);
        raise(&mut self.by_all, by_all);
    }

    /// How many items of a stream are known to be held by a majority.
    pub fn by_majority(&self) -> &[u64] {
        &self.by_majority
    }

    /// How many items of a stream are known to be held by all.
    pub fn by_all(&self) -> &[u64] {
        &self.by_all
    }

    /// What a member said last.
    pub fn of(&self, member: usize) -> &[u64] {
        &self.by[member]
    }

    /// The most that anybody is known to hold of a stream.
    pub fn most(&self, stream: usize) -> u64 {
        self.by.iter().map(|held| held[stream]).max().unwrap_or_default()
    }

    /// Another member that holds more than `than` items of a stream; the `turn`th of them, in a
    /// circle.
    pub fn holder(&self, stream: usize, than: u64, turn: usize) -> Option<usize> {
        let holds = |&member: &usize| member != self.me && self.by[member][stream] > than;
        let holders: Vec<_> = (0..self.by.len()).filter(holds).collect();
        (!holders.is_empty()).then(|| holders[turn % holders.len()])
    }

    /// Works out what a majority and all hold.
    pub fn count(&mut self) {
        for stream in 0..self.by_all.len() {
            let (majority, all) = self.of_stream(stream, None);
            self.by_majority[stream] = self.by_majority[stream].max(majority);
            self.by_all[stream] = self.by_all[stream].max(all);
        }
    }

    /// How many items of a stream a majority holds, as far as the coordinator can know, whom this
    /// member `told` what it holds.
    pub fn majority_if_told(&self, stream: usize, told: u64) -> u64 {
        self.of_stream(stream, Some(told)).0.max(self.announced[stream])
    }

    fn of_stream(&self, stream: usize, mine: Option<u64>) -> (u64, u64) {
        let members = self.by.len();
        let held = |member: usize| match mine {
            Some(told) if member == self.me => told,
            _ => self.by[member][stream],
        };
        // The most that so many hold: counted, for groups are small.
        let mut sorted: Vec<u64> = (0..members).map(held).collect();
        sorted.sort_unstable();
        (sorted[members - (members / 2 + 1)], sorted[0])
    }
}

fn raise(old: &mut [u64], new: &[u64]) {
    for (old, &new) in old.iter_mut().zip(new) {
        *old = (*old).max(new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_majority_and_all_are_counted_and_never_fall() {
        let mut held = Held::new(5, 1, 0);
        for (member, count) in [(0, 9), (1, 7), (2, 5), (3, 3), (4, 1)] {
            held.said(member, &[count]);
        }
        held.count();
        assert_eq!((held.by_majority(), held.by_all()), (&[5][..], &[1][..]));
        held.said(4, &[0]);
        held.announced(&[6], &[0]);
        held.count();
        assert_eq!((held.by_majority(), held.by_all()), (&[6][..], &[1][..]));
        assert_eq!(held.majority_if_told(0, 0), 6);
        assert_eq!(
            (held.most(0), held.holder(0, 6, 0), held.holder(0, 6, 1)),
            (9, Some(1), Some(1))
        );
        assert_eq!(held.holder(0, 8, 0), None, "not itself");
    }

    #[test]
    fn what_was_not_said_does_not_count() {
        let mut held = Held::new(3, 1, 1);
        held.said(1, &[4]);
        held.said(0, &[4]);
        assert_eq!(held.majority_if_told(0, 0), 0);
        assert_eq!(held.majority_if_told(0, 4), 4);
    }
}
