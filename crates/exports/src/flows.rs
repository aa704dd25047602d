//! What led to what at another node, as far as the events tell.
//!
//! | from | to |
//! |---|---|
//! | a client asks | the trader sells, refuses, repeats, takes in, gives back |
//! | that | the client has its answer; a seller earns |
//! | a node is elected | others follow it |
//! | a node starts | another one hears that it joined |
//!
//! A flow never leads to an event that stands before its cause: where two clocks of one instant
//! leave that open, it is left out.

use std::collections::BTreeMap;

use machine::{Epoch, NodeId};
use market::RequestId;
use view::{Event, What};

/// That one event led to another. Both are positions in the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// The cause.
    pub from: usize,
    /// The effect.
    pub to: usize,
    /// What it is about.
    pub about: About,
}

/// What a flow is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// A question on its way to a trader.
    Question,
    /// An answer on its way back.
    Answer,
    /// A notice to a seller.
    Notice,
    /// Who leads.
    Leader,
    /// Who is there.
    Presence,
}

impl About {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Question => "question",
            Self::Answer => "answer",
            Self::Notice => "notice",
            Self::Leader => "leader",
            Self::Presence => "presence",
        }
    }
}

/// All flows, in the order of their effects.
pub fn flows(events: &[Event]) -> Vec<Flow> {
    let mut flows = Vec::new();
    let mut asked: BTreeMap<RequestId, usize> = BTreeMap::new();
    let mut served: BTreeMap<RequestId, usize> = BTreeMap::new();
    let mut elected: BTreeMap<Epoch, usize> = BTreeMap::new();
    let mut started: BTreeMap<NodeId, usize> = BTreeMap::new();
    for (to, event) in events.iter().enumerate() {
        let mut flow = |from: Option<&usize>, about| {
            if let Some(&from) = from
                && events[from].node != event.node
            {
                flows.push(Flow { from, to, about });
            }
        };
        match &event.what {
            What::Asked { request, .. } => {
                asked.insert(*request, to);
            }
            What::Sold { request, .. }
            | What::Refused { request, .. }
            | What::Repeated { request, .. }
            | What::Deposited { request, .. }
            | What::Withdrawn { request, .. }
            | What::Held { request, .. }
            | What::HoldEnded { request: Some(request), .. }
            | What::DeniedByCache { request, .. } => {
                flow(asked.get(request), About::Question);
                served.insert(*request, to);
            }
            What::Answered { request, .. } => flow(served.get(request), About::Answer),
            What::Earned { request, .. } => flow(served.get(request), About::Notice),
            What::Elected { epoch, .. } => {
                elected.insert(*epoch, to);
            }
            What::Followed { epoch, .. } => flow(elected.get(epoch), About::Leader),
            What::Started { .. } => {
                started.insert(event.node, to);
            }
            What::Joined { member, .. } => flow(started.get(member), About::Presence),
            _ => {}
        }
    }
    flows
}
