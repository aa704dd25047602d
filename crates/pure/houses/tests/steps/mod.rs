//! One input at a time: what tests of single machines share.
#![allow(dead_code, reason = "no test file uses all of it")]

use std::time::Duration;

use houses::{Cache, Durability, Message, Settings, Times};
use machine::{Context, Effect, Input, Instant, Machine, NodeId, Random};
use market::{Rules, SellerChoice, TermId};
use peer::{Report, What};

pub const WAREHOUSE: NodeId = NodeId(0);
pub const ELECTED: NodeId = NodeId(1);
pub const HIRED: NodeId = NodeId(2);
pub const CUSTOMER: NodeId = NodeId(3);
pub const RULES: Rules = Rules { commission_basis_points: 1_000, choice: SellerChoice::Oldest };

pub fn settings(me: NodeId) -> Settings {
    let second = Duration::from_secs(1);
    Settings {
        me,
        warehouse: WAREHOUSE,
        traders: vec![ELECTED, HIRED],
        hired: [HIRED].into(),
        customers: [CUSTOMER].into(),
        cache: Cache::Lease,
        durability: Durability::Buddy,
        times: Times {
            beat_period: second,
            beat_limit: second * 9,
            resend: second,
            report_every: second,
            recall_limit: second,
            horizon: second,
        },
        tells_answers: false,
        #[cfg(feature = "planted")]
        planted: None,
    }
}

/// What a machine sends and tells when this happens to it.
pub fn happens<M: Machine<Message = Message, Report = Report>>(
    machine: &mut M,
    input: Input<M>,
) -> (Vec<(NodeId, Message)>, Vec<What>) {
    let (mut random, mut effects) = (Random::from_seed(1), Vec::new());
    machine.handle(input, &mut Context::new(Instant::ZERO, &mut random, &mut effects));
    let (mut sent, mut told) = (Vec::new(), Vec::new());
    for effect in effects {
        match effect {
            Effect::Send { to, body, .. } => {
                sent.extend(to.nodes().iter().map(|to| (*to, body.clone())));
            }
            Effect::Report { report, .. } => told.push(report.what),
            _ => {}
        }
    }
    (sent, told)
}

pub fn from<M: Machine<Message = Message>>(from: NodeId, body: Message) -> Input<M> {
    Input::Message { from, body }
}

pub const fn term(trader: NodeId, number: u64) -> TermId {
    TermId { trader: market::Party(trader.0 as u64), number }
}
