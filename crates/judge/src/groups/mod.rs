//! The verdict over a group: what its members said that they delivered, and in which views.
//!
//! | property | promised by | judged |
//! |---|---|---|
//! | views form one line | all | a number stands for the same members everywhere, and a member's numbers rise |
//! | each message once | all | no member delivers a message twice in one stay |
//! | FIFO order | all | of each sender, a member delivers every message, in the order sent |
//! | causal order | causal; total orders with safe delivery | a message comes after all that its sender had delivered when it was to be sent |
//! | total order | sequencer, lamport | in each view, all that went on deliver one sequence; with safe delivery, all others a beginning of it |
//! | view synchrony | all | members that go from a view to the same next one delivered the same messages in it |
//! | uniformity | safe delivery | what anybody delivered in a view, all that went on delivered too |
//! | all agree in the end | all | members of the last view delivered the same messages in it |

mod record;
mod rules;

use std::collections::BTreeMap;

use groupcast::group::{Delivery, Order};
use machine::NodeId;
use serde::Deserialize;

use crate::finding::{Finding, Judgement, Ruling};

use record::Record;

/// What a run of a group left behind.
#[derive(Debug, Clone)]
pub struct GroupFiles {
    /// In which order messages were to be delivered.
    pub order: Order,
    /// When a message was to be delivered.
    pub delivery: Delivery,
    /// What the members said, each in its order.
    pub lines: Vec<GroupLine>,
}

/// What a member said.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct GroupLine {
    /// When, in nanoseconds since the run began.
    pub time_ns: u64,
    /// Who.
    pub node: NodeId,
    /// What.
    #[serde(flatten)]
    pub told: GroupTold,
}

/// What a member has to tell, as far as it is judged.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum GroupTold {
    /// A view has begun.
    View {
        /// Its number.
        number: u64,
        /// Who is in.
        members: Vec<NodeId>,
    },
    /// A message was delivered.
    Delivered {
        /// Whose.
        sender: NodeId,
        /// `N@T`: its number, from 1, and when it was to be sent, in nanoseconds.
        text: String,
    },
    /// Its stream has ended.
    Streamed {},
    /// The others went on without it; what it delivers from now on is another stay.
    Removed {},
    /// Anything else.
    #[serde(other)]
    Other,
}

/// What each member delivered in its first stay, in its order: senders and numbers of messages.
pub type Deliveries = BTreeMap<NodeId, Vec<(NodeId, u64)>>;

impl GroupFiles {
    /// What each member delivered in its first stay, as far as messages have numbers.
    pub fn deliveries(&self) -> Deliveries {
        let record = Record::of(&self.lines).unwrap_or_default();
        let firsts = record.stays.iter().filter(|stay| stay.is_first);
        let of_member = |stay: &record::Stay| {
            let messages = stay.deliveries().map(|delivery| delivery.message);
            (stay.node, messages.map(|message| (message.sender, message.number)).collect())
        };
        firsts.map(of_member).collect()
    }
}

/// Judges a group.
pub fn judge_group(files: &GroupFiles) -> Judgement {
    let record = match Record::of(&files.lines) {
        Ok(record) => record,
        Err(evidence) => {
            let finding =
                Finding::new("the record is of numbered messages", Ruling::Unknown, evidence);
            return Judgement::over(vec![finding], 0, 0);
        }
    };
    let (order, delivery) = (files.order, files.delivery);
    let is_safe = delivery == Delivery::Safe;
    let keeps_causes = order == Order::Causal || (order.is_total() && is_safe);
    let promised = |is_promised: bool, property, judge: &dyn Fn() -> Finding| match is_promised {
        true => judge(),
        false => {
            let evidence = format!("the order is {order}, the delivery {delivery}");
            Finding::new(property, Ruling::NotPromised, evidence)
        }
    };
    let findings = vec![
        rules::one_line(&record),
        rules::once(&record),
        rules::fifo(&record),
        promised(keeps_causes, rules::CAUSAL, &|| rules::causal(&record)),
        promised(order.is_total(), rules::TOTAL, &|| rules::total(&record, is_safe)),
        rules::view_synchrony(&record),
        promised(is_safe, rules::UNIFORM, &|| rules::uniform(&record)),
        rules::agree(&record),
    ];
    Judgement::over(findings, 0, 0)
}
