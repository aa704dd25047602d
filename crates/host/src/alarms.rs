//! Timers by name, each with at most one deadline, handed out in the order of their deadlines.

use std::collections::{BTreeMap, BTreeSet};

use machine::Instant;

/// The timers that are set.
#[derive(Debug)]
pub(crate) struct Alarms<A> {
    deadlines: BTreeMap<A, (Instant, u64)>,
    /// The same, by deadline; of equal deadlines the one that was set first comes first.
    order: BTreeSet<(Instant, u64, A)>,
    settings: u64,
}

impl<A: Copy + Ord> Alarms<A> {
    pub fn new() -> Self {
        Self { deadlines: BTreeMap::new(), order: BTreeSet::new(), settings: 0 }
    }

    /// Sets a timer, in place of its old deadline.
    pub fn set(&mut self, alarm: A, at: Instant) {
        self.clear(alarm);
        self.settings += 1;
        self.deadlines.insert(alarm, (at, self.settings));
        self.order.insert((at, self.settings, alarm));
    }

    /// Clears a timer; nothing happens if it is not set.
    pub fn clear(&mut self, alarm: A) {
        if let Some((at, setting)) = self.deadlines.remove(&alarm) {
            self.order.remove(&(at, setting, alarm));
        }
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _, _)| *at)
    }

    /// What to hand to [`Alarms::pop`] so that timers that are set from now on wait for the next
    /// round: one that always sets itself anew at `now` cannot keep a round from ending.
    pub fn round(&self) -> u64 {
        self.settings
    }

    /// Takes the earliest timer of this round whose deadline is `now` or earlier.
    pub fn pop(&mut self, now: Instant, round: u64) -> Option<A> {
        let due = self.order.iter().take_while(|(at, _, _)| *at <= now);
        let (_, _, alarm) = *due.filter(|(_, setting, _)| *setting <= round).take(1).last()?;
        self.clear(alarm);
        Some(alarm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: u64) -> Instant {
        Instant::from_nanos(nanos)
    }

    fn due(alarms: &mut Alarms<char>, now: u64) -> Vec<char> {
        let round = alarms.round();
        std::iter::from_fn(|| alarms.pop(at(now), round)).collect()
    }

    #[test]
    fn alarms_come_by_deadline_then_by_setting() {
        let mut alarms = Alarms::new();
        for (alarm, deadline) in [('z', 5), ('b', 9), ('a', 9), ('c', 10), ('d', 11)] {
            alarms.set(alarm, at(deadline));
        }
        assert_eq!(alarms.next(), Some(at(5)));
        assert_eq!(due(&mut alarms, 10), ['z', 'b', 'a', 'c']);
        assert_eq!(alarms.next(), Some(at(11)));
    }

    #[test]
    fn a_new_deadline_replaces_the_old_one_and_a_cleared_alarm_is_gone() {
        let mut alarms = Alarms::new();
        alarms.set('a', at(1));
        alarms.set('b', at(1));
        alarms.set('a', at(8));
        alarms.clear('b');
        alarms.clear('x');
        assert_eq!(due(&mut alarms, 7), []);
        assert_eq!(due(&mut alarms, 8), ['a']);
        assert_eq!(alarms.next(), None);
    }

    #[test]
    fn what_is_set_during_a_round_waits_for_the_next_one() {
        let mut alarms = Alarms::new();
        alarms.set('a', at(3));
        let round = alarms.round();
        assert_eq!(alarms.pop(at(3), round), Some('a'));
        alarms.set('a', at(3));
        assert_eq!(alarms.pop(at(3), round), None);
        assert_eq!(due(&mut alarms, 3), ['a']);
    }
}
