//! What only trading houses promise: that each term is one trader's, that every post is held, and
//! how far their caches were wrong.
//!
//! The warehouse is the serial order here: all that it told, in the order in which it told of it.

use std::collections::{BTreeMap, BTreeSet};

use machine::{Epoch, NodeId};
use view::{Event, Fault, LinkFault, What};

use crate::PATIENCE_NS;
use crate::finding::{Finding, Ruling};
use crate::story::line;

const TERMS: &str = "sales and loans stay within their terms";
const POSTS: &str = "every post is held at the end";
const LOAD: &str = "there are as many traders as the load asks for";

/// The node that all others go by.
pub(crate) const WAREHOUSE: NodeId = NodeId(0);

/// What the scenario of trading houses promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Houses {
    /// How many traders are to be elected.
    pub traders: u32,
    /// How many peers there are; who has a higher number was started for the load.
    pub peers: u32,
    /// How many traders there may be in all.
    pub traders_max: u32,
    /// Whether another one is elected when one is lost.
    pub replaces_lost: bool,
    /// Whether traders deny or pass on by counts that may be old: then over-selling and under-selling
    /// are counted, and not broken promises.
    pub goes_by_counts: bool,
}

/// Each term begins once and ends once at most; nothing is lent in it, or sold from what was lent,
/// before or after.
pub fn terms(events: &[Event]) -> Finding {
    Finding::from_check(TERMS, check_terms(events))
}

fn check_terms(events: &[Event]) -> Result<Finding, String> {
    let (mut open, mut over): (BTreeSet<Epoch>, BTreeMap<Epoch, usize>) = Default::default();
    // What a warehouse did last before it was killed may never have been told.
    let mut was_killed = false;
    let mut acts = 0;
    for (at, event) in events.iter().enumerate() {
        if event.what == (What::Fault { fault: Fault::Kill, target: WAREHOUSE }) {
            was_killed = true;
        }
        let epoch = match &event.what {
            _ if event.node != WAREHOUSE => continue,
            What::TermBegan { epoch } => {
                let is_new = !over.contains_key(epoch) && open.insert(*epoch);
                match is_new {
                    true => continue,
                    false => return Err(format!("term {epoch} began again at {}", line(at))),
                }
            }
            What::TermEnded { epoch, .. } => {
                let was_open = open.remove(epoch);
                if over.insert(*epoch, at).is_some() {
                    return Err(format!("term {epoch} ended again at {}", line(at)));
                }
                match was_open || was_killed {
                    true => continue,
                    false => {
                        let line = line(at);
                        return Err(format!("term {epoch} ended at {line} and never began"));
                    }
                }
            }
            What::Lent { epoch, .. } => epoch,
            // What the warehouse sold itself is sold in no term.
            What::Sold { epoch, .. } if epoch.counter > 0 => epoch,
            _ => continue,
        };
        acts += 1;
        if let Some(ended) = over.get(epoch) {
            return Err(format!(
                "term {epoch} ended at line {} and something was lent or sold in it at {}",
                ended + 1,
                line(at)
            ));
        }
        if !open.contains(epoch) && !was_killed {
            return Err(format!(
                "something was lent or sold at {} in term {epoch}, which never began",
                line(at)
            ));
        }
    }
    let evidence = format!(
        "loans and sales from loans: {acts}, in {} terms, {} of them over",
        open.len() + over.len(),
        over.len()
    );
    Ok(Finding::held(TERMS, acts, evidence, "nothing was lent"))
}

/// As many terms as there are to be traders are open when the run is over, if there was
/// time enough since the last fault.
pub fn posts(events: &[Event], houses: Houses) -> Finding {
    let end = End::of(events);
    let held = end.open.iter().filter(|epoch| epoch.node.0 <= houses.peers).count();
    let evidence = format!("{held} of {} posts are held", houses.traders);
    if !houses.replaces_lost {
        let evidence = format!("{evidence}; none is elected for one that is lost");
        return Finding::new(POSTS, Ruling::NeverExercised, evidence);
    }
    // A term that could not be ended yet counts beside the one that took its post.
    Finding::new(POSTS, end.ruling(held >= houses.traders as usize, end.disturbed_ns), evidence)
}

/// As many terms are open when the run is over as the warehouse wanted last, if there was time
/// enough since then and since the last fault; `None` where their number is fixed.
pub fn load(events: &[Event], houses: Houses) -> Option<Finding> {
    if houses.traders_max <= houses.traders {
        return None;
    }
    let end = End::of(events);
    let (mut wanted, mut since_ns, mut changes) = (u64::from(houses.traders), 0, 0);
    for event in end.events {
        if let What::TradersWanted { wanted: now, .. } = event.what {
            changes += usize::from(now != wanted);
            (wanted, since_ns) = (now, event.time_ns);
        }
    }
    if changes == 0 {
        let evidence = "the load never asked for another number".to_owned();
        return Some(Finding::new(LOAD, Ruling::NeverExercised, evidence));
    }
    let there = end.open.len();
    let evidence =
        format!("there are {there} traders, {wanted} are wanted; changes of the number: {changes}");
    let since_ns = since_ns.max(end.disturbed_ns);
    Some(Finding::new(LOAD, end.ruling(there as u64 == wanted, since_ns), evidence))
}

/// How things stood when the run was over.
struct End<'a> {
    events: &'a [Event],
    open: BTreeSet<Epoch>,
    /// When something was done to nodes or links for the last time.
    disturbed_ns: u64,
    now_ns: u64,
}

impl<'a> End<'a> {
    fn of(events: &'a [Event]) -> Self {
        let end = events.iter().position(|event| event.what == What::Ending);
        let events = &events[..end.unwrap_or(events.len())];
        let now_ns = events.last().map_or(0, |event| event.time_ns);
        let mut end = Self { events, open: BTreeSet::new(), disturbed_ns: 0, now_ns };
        for event in events {
            match &event.what {
                What::TermBegan { epoch } => _ = end.open.insert(*epoch),
                What::TermEnded { epoch, .. } => _ = end.open.remove(epoch),
                What::Fault { .. }
                | What::Links(LinkFault::Mend { .. } | LinkFault::Heal | LinkFault::Cut { .. }) => {
                    end.disturbed_ns = event.time_ns;
                }
                _ => {}
            }
        }
        end
    }

    /// What is not as it should be may still become so if there was little time.
    fn ruling(&self, is_kept: bool, since_ns: u64) -> Ruling {
        match is_kept {
            true => Ruling::Pass,
            false if self.now_ns.saturating_sub(since_ns) < PATIENCE_NS => Ruling::NeverExercised,
            false => Ruling::Unknown,
        }
    }
}
