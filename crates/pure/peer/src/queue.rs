//! The order of service, seen from the trader: what waits, and what may be served now.
//!
//! *Eager* (seeds 001, 002): of what is here, the lowest stamp first. A request that was asked for
//! earlier and comes later is served later.
//!
//! *Stable*: a request is held back as long as an earlier one may still come (seed 000 for vector
//! clocks; Lamport's mutual exclusion for his). The trader knows that none can by the floors of
//! all peers that are up (see [`ordering`](crate::ordering)); it asks those whose floor is too low.
//!
//! **Promise** of the stable form: of two purchases of peers that the trader holds to be up, the
//! one with the lower stamp is served first: by Lamport's clocks and the buyers' ids one order of
//! all, by vector clocks whatever happened before. *Why:* a request passes only above the floors of
//! all; nothing that comes after has a stamp below its sender's floor; and a floor counts what
//! is unanswered, so what was lost on its way keeps it low until it is sent again.
//!
//! *What breaks it:* a peer that is taken for gone holds nobody up, and is served late if it was
//! not. A peer that hangs holds the others up until the directory strikes it off.

use std::collections::{BTreeMap, BTreeSet};

use clocks::Stamp;
use machine::NodeId;
use market::Request;

use crate::ordering::own_count;
use crate::settings::{Form, OrderPolicy};

/// A request that waits to be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// Who sent it.
    pub from: NodeId,
    /// What.
    pub request: Request,
    /// When it was asked for, if the market keeps a clock and it is a purchase.
    pub stamp: Option<Stamp>,
}

impl Queued {
    fn rank(&self) -> (u128, NodeId) {
        (self.stamp.as_ref().map_or(0, Stamp::rank), self.from)
    }
}

/// What waits at a trader.
#[derive(Debug, Clone)]
pub struct Queue {
    policy: OrderPolicy,
    limit: usize,
    waiting: Vec<Queued>,
    floors: BTreeMap<NodeId, u64>,
    /// Who was asked for its floor and has said none that is higher: what it asked for earlier is
    /// on its way, and asking again would not hasten it.
    asked: BTreeSet<NodeId>,
}

impl Queue {
    /// An empty one that takes up to `limit` requests.
    pub fn new(policy: OrderPolicy, limit: usize) -> Self {
        let (waiting, floors, asked) = (Vec::new(), BTreeMap::new(), BTreeSet::new());
        Self { policy, limit, waiting, floors, asked }
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many requests wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::new(self.policy, self.limit);
    }

    /// Lets a request wait; false, and nothing changed, if too many wait already. A repetition takes
    /// the place of its original.
    pub fn put(&mut self, queued: Queued) -> bool {
        let same = |other: &&mut Queued| other.request.id == queued.request.id;
        if let Some(original) = self.waiting.iter_mut().find(same) {
            *original = queued;
            return true;
        }
        let fits = self.waiting.len() < self.limit;
        if fits {
            self.waiting.push(queued);
        }
        fits
    }

    /// A peer's floor is no lower than this; whether that is news.
    pub fn floor(&mut self, node: NodeId, floor: u64) -> bool {
        let known = self.floors.entry(node).or_default();
        let is_news = floor > *known;
        if is_news {
            *known = floor;
            self.asked.remove(&node);
        }
        is_news
    }

    /// A peer is gone: should it come back, it knows nothing of what it said.
    pub fn gone(&mut self, node: NodeId) {
        self.floors.remove(&node);
        self.asked.remove(&node);
    }

    /// Takes what may be served now, in the order in which it is to be served; `up` are the peers
    /// from which something earlier may still come.
    pub fn take(&mut self, up: &BTreeSet<NodeId>) -> Vec<Queued> {
        let is_stable = match self.policy {
            OrderPolicy::Arrival => return std::mem::take(&mut self.waiting),
            OrderPolicy::Lamport(form) | OrderPolicy::Vector(form) => form == Form::Stable,
        };
        // Stable: what has no stamp keeps the order in which it came, before all others.
        self.waiting.sort_by_key(Queued::rank);
        if !is_stable {
            return std::mem::take(&mut self.waiting);
        }
        let (mut taken, mut held) = (Vec::new(), Vec::new());
        for queued in std::mem::take(&mut self.waiting) {
            if self.blockers(&queued, up).next().is_some() {
                held.push(queued);
                continue;
            }
            if let Some(stamp) = &queued.stamp {
                // It was its sender's lowest.
                self.floor(queued.from, own_count(stamp, queued.from).saturating_add(1));
            }
            taken.push(queued);
        }
        self.waiting = held;
        taken
    }

    /// Who may still send something earlier than this.
    fn blockers<'a>(
        &'a self,
        queued: &'a Queued,
        up: &'a BTreeSet<NodeId>,
    ) -> impl Iterator<Item = NodeId> + 'a {
        let stamp = queued.stamp.as_ref();
        up.iter().copied().filter(move |&node| {
            let floor = self.floors.get(&node).copied().unwrap_or(0);
            match stamp {
                None => false,
                Some(Stamp::Lamport(clock)) => (floor, node) < (clock.0, queued.from),
                Some(Stamp::Vector(clock)) if node == queued.from => floor < clock.get(node),
                Some(Stamp::Vector(clock)) => floor <= clock.get(node),
            }
        })
    }

    /// Whom to ask for its floor, each with the highest stamp that waits for it. Who was asked
    /// already is asked again only if `again`.
    pub fn questions(&mut self, up: &BTreeSet<NodeId>, again: bool) -> Vec<(NodeId, Stamp)> {
        if again {
            self.asked.clear();
        }
        let mut questions: BTreeMap<NodeId, Stamp> = BTreeMap::new();
        for queued in &self.waiting {
            let Some(stamp) = &queued.stamp else { continue };
            for node in self.blockers(queued, up).filter(|node| !self.asked.contains(node)) {
                questions
                    .entry(node)
                    .and_modify(|highest| join(highest, stamp))
                    .or_insert_with(|| stamp.clone());
            }
        }
        self.asked.extend(questions.keys());
        questions.into_iter().collect()
    }

    /// What waits, with the first peer that it waits for.
    pub fn held<'a>(
        &'a self,
        up: &'a BTreeSet<NodeId>,
    ) -> impl Iterator<Item = (&'a Queued, NodeId)> + 'a {
        self.waiting.iter().filter_map(|queued| Some((queued, self.blockers(queued, up).next()?)))
    }
}

/// The lowest stamp above both.
fn join(stamp: &mut Stamp, other: &Stamp) {
    match (stamp, other) {
        (Stamp::Lamport(one), Stamp::Lamport(other)) => *one = (*one).max(*other),
        (Stamp::Vector(one), Stamp::Vector(other)) => one.merge(other),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use clocks::{LamportClock, VectorClock};
    use market::{ClientId, Command, Party, RequestId};

    use super::*;

    const A: NodeId = NodeId(1);
    const B: NodeId = NodeId(2);
    const C: NodeId = NodeId(3);

    fn queued(from: NodeId, stamp: Stamp) -> Queued {
        let client = ClientId { party: Party(from.0.into()), life: 1 };
        let id = RequestId { client, number: own_count(&stamp, from) };
        let request = Request { id, answered_below: 0, command: Command::Open };
        Queued { from, request, stamp: Some(stamp) }
    }

    fn lamport(count: u64) -> Stamp {
        Stamp::Lamport(LamportClock(count))
    }

    fn vector(counts: &[(NodeId, u64)]) -> Stamp {
        let mut clock = VectorClock::new();
        for &(node, count) in counts {
            (0..count).for_each(|_| clock.tick(node));
        }
        Stamp::Vector(clock)
    }

    fn senders(taken: &[Queued]) -> Vec<NodeId> {
        taken.iter().map(|queued| queued.from).collect()
    }

    fn up() -> BTreeSet<NodeId> {
        [A, B, C].into()
    }

    #[test]
    fn eager_serves_the_lowest_of_what_is_here() {
        let mut queue = Queue::new(OrderPolicy::Lamport(Form::Eager), 9);
        for (from, count) in [(C, 4), (B, 2), (A, 4)] {
            assert!(queue.put(queued(from, lamport(count))));
        }
        assert_eq!(senders(&queue.take(&up())), [B, A, C], "ties go to the lower id");
        assert!(queue.is_empty());
    }

    /// A asked first and B knew of it; but B's request comes first.
    fn late_cause(policy: OrderPolicy, stamps: [Stamp; 2], floor_of_c: u64) -> Vec<NodeId> {
        let [first, second] = stamps;
        let mut queue = Queue::new(policy, 9);
        queue.floor(B, own_count(&second, B));
        queue.put(queued(B, second));
        let mut served = senders(&queue.take(&up()));
        for (asked, _) in queue.questions(&up(), false) {
            queue.floor(asked, if asked == A { 1 } else { floor_of_c });
        }
        served.extend(senders(&queue.take(&up())));
        queue.floor(A, 1);
        queue.put(queued(A, first));
        served.extend(senders(&queue.take(&up())));
        // A has its answer, and took note of B's stamp when it was asked.
        queue.floor(A, 4);
        served.extend(senders(&queue.take(&up())));
        served
    }

    #[test]
    fn stable_holds_back_what_eager_serves_too_early() {
        let stamps = || [lamport(1), lamport(3)];
        assert_eq!(late_cause(OrderPolicy::Lamport(Form::Eager), stamps(), 4), [B, A]);
        assert_eq!(late_cause(OrderPolicy::Lamport(Form::Stable), stamps(), 4), [A, B]);
        let stamps = || [vector(&[(A, 1)]), vector(&[(A, 1), (B, 1)])];
        assert_eq!(late_cause(OrderPolicy::Vector(Form::Eager), stamps(), 1), [B, A]);
        assert_eq!(late_cause(OrderPolicy::Vector(Form::Stable), stamps(), 1), [A, B]);
    }

    #[test]
    fn vector_clocks_hold_back_only_what_has_a_cause() {
        let mut queue = Queue::new(OrderPolicy::Vector(Form::Stable), 9);
        for node in [A, B, C] {
            queue.floor(node, 1);
        }
        queue.put(queued(C, vector(&[(C, 1)])));
        queue.put(queued(B, vector(&[(A, 1), (B, 1)])));
        assert_eq!(senders(&queue.take(&up())), [C], "concurrent with what is missing");
        let held: Vec<_> = queue.held(&up()).map(|(queued, by)| (queued.from, by)).collect();
        assert_eq!(held, [(B, A)]);
    }

    #[test]
    fn who_is_gone_holds_nobody_up_and_starts_anew() {
        let mut queue = Queue::new(OrderPolicy::Lamport(Form::Stable), 9);
        assert!(queue.floor(C, 9) && queue.floor(B, 2));
        assert!(!queue.floor(B, 1), "an old one");
        queue.put(queued(B, lamport(2)));
        assert!(queue.take(&up()).is_empty());
        assert_eq!(queue.questions(&up(), false), [(A, lamport(2))]);
        assert!(queue.questions(&up(), false).is_empty(), "it was asked");
        assert_eq!(queue.questions(&up(), true), [(A, lamport(2))], "until it is time again");
        assert_eq!(senders(&queue.take(&[B, C].into())), [B]);
        queue.gone(C);
        queue.floor(B, 3);
        queue.put(queued(B, lamport(3)));
        assert!(queue.take(&[B, C].into()).is_empty(), "another life of it may say anything");
    }

    #[test]
    fn it_is_bounded_and_a_repetition_takes_no_room() {
        let mut queue = Queue::new(OrderPolicy::Arrival, 1);
        assert!(queue.put(queued(A, lamport(1))));
        assert!(queue.put(queued(A, lamport(1))));
        assert!(!queue.put(queued(B, lamport(1))));
        assert_eq!(queue.take(&up()).len(), 1);
    }
}
