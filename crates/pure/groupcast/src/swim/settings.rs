//! What a member needs to know.

use std::num::{NonZeroU8, NonZeroUsize};
use std::time::Duration;

use machine::NodeId;

use super::MESSAGE_BYTES_MAX;

/// How many others probe a member that did not answer. Three find one way round a broken link
/// nearly always; more is traffic at a bad moment.
const INDIRECT_PROBES: NonZeroUsize = NonZeroUsize::MIN.saturating_add(2);
/// To how many members news is passed in each of the five rounds of a period.
const GOSSIP_FANOUT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(2);
/// How many rounds of gossip a period has.
const GOSSIP_ROUNDS: u32 = 5;
/// How often a member passes on a piece of news, for each factor of ten in the size of the group.
/// Some of it goes to members that are down or over links that lose it, and a suspect that does not
/// hear of its suspicion cannot refute. Of 200 groups of ten that lost a tenth of all messages over
/// 50 periods, 227 live members were declared down with 2 repeats, 25 with 4, and 4 with 6.
const REPEATS: u8 = 6;
/// After how many periods a member asks another one for members it has not heard of.
const ANNOUNCE_PERIODS: u32 = 30;
/// After how many periods a member asks one that is down: so halves of a group that was parted find
/// together again.
const ANNOUNCE_DOWN_PERIODS: u32 = 60;
/// After how many periods a node that is down is forgotten. Old news of it must be gone by then.
const FORGET_PERIODS: u32 = 3600;

/// What a member needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// This node.
    pub me: NodeId,
    /// Through whom it joins: any members, of which one must be there. Empty for the first one.
    pub seeds: Vec<NodeId>,
    /// How often it probes a member. Longer: less traffic, later detection. From 10 ms to an hour.
    pub period: Duration,
    /// How long it waits for the answer before others probe too: the time in which nearly all
    /// answers come. At most a third of the period counts, so that they have time to answer.
    pub answer_limit: Duration,
    /// How long a suspect may take to refute. Longer: fewer errors, later detection.
    pub suspicion_limit: Duration,
    /// How large the group will be, within a factor of ten. It decides how often news is repeated:
    /// too low, and some members miss it.
    pub members_expected: u32,
}

impl Settings {
    /// Defaults for a period and a size: an answer within a third of the period, and a suspicion of
    /// four periods for each factor of ten in the size, as memberlist has it.
    pub fn new(me: NodeId, period: Duration, members_expected: u32) -> Self {
        let tens = tens(members_expected);
        Self {
            me,
            seeds: Vec::new(),
            period,
            answer_limit: period / 3,
            suspicion_limit: period.saturating_mul(4 * u32::from(tens)),
            members_expected,
        }
    }

    /// The same as `foca` wants it, in range.
    pub(super) fn config(&self) -> foca::Config {
        let period = self.period.clamp(Duration::from_millis(10), Duration::from_secs(3600));
        let every = |frequency, num_members| Some(foca::PeriodicParams { frequency, num_members });
        foca::Config {
            probe_period: period,
            probe_rtt: self.answer_limit.clamp(Duration::from_millis(1), period / 3),
            num_indirect_probes: INDIRECT_PROBES,
            suspect_to_down_after: self.suspicion_limit.max(period),
            remove_down_after: Some(period * FORGET_PERIODS),
            max_packet_size: NonZeroUsize::MIN.saturating_add(MESSAGE_BYTES_MAX - 1),
            notify_down_members: true,
            periodic_announce: every(period * ANNOUNCE_PERIODS, NonZeroUsize::MIN),
            periodic_announce_to_down_members: every(
                period * ANNOUNCE_DOWN_PERIODS,
                NonZeroUsize::MIN,
            ),
            periodic_gossip: every(period / GOSSIP_ROUNDS, GOSSIP_FANOUT),
            max_transmissions: NonZeroU8::MIN
                .saturating_add(REPEATS * tens(self.members_expected) - 1),
        }
    }
}

/// How many factors of ten a number has, begun ones included: 1 up to ten, 2 up to a hundred…
fn tens(members: u32) -> u8 {
    members.saturating_sub(1).max(1).ilog10() as u8 + 1
}
