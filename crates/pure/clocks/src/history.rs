//! Random histories of events and messages, with the truth about what happened before what: what
//! the clocks are tested against.

use machine::NodeId;
use proptest::prelude::*;

/// One event of a history.
#[derive(Debug, Clone)]
pub struct Event {
    /// Where.
    pub node: NodeId,
    /// The event that sent the message received here, if it is a receipt.
    pub sender: Option<usize>,
    /// The events that happened before it, a bit each.
    past: u64,
}

/// Events in an order in which they may have come about.
#[derive(Debug, Clone)]
pub struct History(pub Vec<Event>);

impl History {
    /// The truth: whether a chain of messages and of events on one node leads from one to the
    /// other.
    pub fn before(&self, first: usize, second: usize) -> bool {
        self.0[second].past & (1 << first) != 0
    }

    /// All pairs of events.
    pub fn pairs(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let events = self.0.len();
        (0..events).flat_map(move |first| (0..events).map(move |second| (first, second)))
    }
}

/// Up to 40 events on 4 nodes.
pub fn histories() -> impl Strategy<Value = History> {
    let step = (0_u32..4, proptest::option::of(any::<prop::sample::Index>()));
    prop::collection::vec(step, 0..=40).prop_map(|steps| {
        let mut events: Vec<Event> = Vec::new();
        for (node, sender) in steps {
            let node = NodeId(node);
            let sender = sender.filter(|_| !events.is_empty()).map(|s| s.index(events.len()));
            let previous = events.iter().rposition(|event| event.node == node);
            let direct = [sender, previous].into_iter().flatten();
            let past = direct.fold(0, |past, event| past | events[event].past | 1 << event);
            events.push(Event { node, sender, past });
        }
        History(events)
    })
}
