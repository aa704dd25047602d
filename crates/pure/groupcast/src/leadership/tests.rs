//! Whole groups on perfect links, message by message.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use machine::{Context, Destination, Effect, Epoch, Input, Instant, Machine, NodeId, Random};

use super::*;

mod barring;
mod hangs;
mod learners;
mod starters;

const PERIOD: Duration = Duration::from_millis(100);
const LIMIT: Duration = Duration::from_millis(500);

fn settings(me: u32, nodes: u32) -> Settings {
    Settings {
        me: NodeId(me),
        voters: (1..=nodes).map(NodeId).collect(),
        heartbeat_period: PERIOD,
        heartbeat_limit: LIMIT,
        answer_limit: Duration::from_millis(100),
        resend: Duration::from_millis(50),
        initiator: Initiator::Every,
        first: First::Elected,
        bar: Bar::OneElection,
    }
}

/// A group whose messages arrive at once and in order, and whose alarms go off in order of time.
struct Group {
    now: Instant,
    nodes: BTreeMap<NodeId, Leadership>,
    alarms: BTreeMap<(NodeId, Alarm), Instant>,
    waiting: VecDeque<(NodeId, Input<Leadership>)>,
    reports: Vec<(NodeId, Report)>,
}

impl Group {
    fn new(nodes: u32, change: impl Fn(&mut Settings)) -> Self {
        Self::with_fence(nodes, Fence::Majority, change)
    }

    fn with_fence(nodes: u32, fence: Fence, change: impl Fn(&mut Settings)) -> Self {
        let made = (1..=nodes).map(|node| {
            let mut settings = settings(node, nodes);
            change(&mut settings);
            (NodeId(node), Leadership::with_fence(settings, fence))
        });
        let mut group = Self {
            now: Instant::ZERO,
            nodes: made.collect(),
            alarms: BTreeMap::new(),
            waiting: VecDeque::new(),
            reports: Vec::new(),
        };
        for one in group.ids() {
            group.waiting.push_back((one, Input::Start));
            for other in group.ids().into_iter().filter(|&other| other != one) {
                group.waiting.push_back((one, Input::Opened(other)));
            }
        }
        group.drain();
        group
    }

    fn ids(&self) -> Vec<NodeId> {
        self.nodes.keys().copied().collect()
    }

    fn drain(&mut self) {
        while let Some((to, input)) = self.waiting.pop_front() {
            let Some(node) = self.nodes.get_mut(&to) else { continue };
            let (mut random, mut effects) = (Random::from_seed(1), Vec::new());
            node.handle(input, &mut Context::new(self.now, &mut random, &mut effects));
            node.check().unwrap();
            for effect in effects {
                match effect {
                    Effect::Send { to: nodes, body, .. } => {
                        for &node in Destination::nodes(&nodes) {
                            let input = Input::Message { from: to, body: body.clone() };
                            self.waiting.push_back((node, input));
                        }
                    }
                    Effect::Set { alarm, at } => {
                        self.alarms.insert((to, alarm), at);
                    }
                    Effect::Clear(alarm) => {
                        self.alarms.remove(&(to, alarm));
                    }
                    Effect::Report { report, .. } => self.reports.push((to, report)),
                    Effect::Persist { .. } => {}
                    Effect::Snapshot { .. } | Effect::Claim(_) => unreachable!(),
                }
            }
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some((&key, &at)) = self.alarms.iter().min_by_key(|(key, at)| (**at, **key)) {
            if at > end {
                break;
            }
            // A node that hung finds its alarms overdue.
            self.now = self.now.max(at);
            self.alarms.remove(&key);
            self.waiting.push_back((key.0, Input::Alarm(key.1)));
            self.drain();
        }
        self.now = end;
    }

    fn kill(&mut self, node: u32) {
        let node = NodeId(node);
        self.nodes.remove(&node);
        self.alarms.retain(|key, _| key.0 != node);
        for other in self.ids() {
            self.waiting.push_back((other, Input::Closed(node)));
        }
        self.drain();
    }

    fn command(&mut self, node: u32, command: Command) {
        self.waiting.push_back((NodeId(node), Input::Command(command)));
        self.drain();
    }

    /// The epoch that all nodes agree on.
    fn epoch(&self) -> Epoch {
        let epochs: Vec<_> = self.nodes.values().map(Leadership::epoch).collect();
        assert!(epochs.iter().all(|epoch| epoch.is_some() && *epoch == epochs[0]), "{epochs:?}");
        epochs[0].unwrap()
    }

    fn elected(&self) -> Vec<(u32, Cause)> {
        let elected = self.reports.iter().filter_map(|(node, report)| match report {
            Report::Elected { cause, .. } => Some((node.0, *cause)),
            _ => None,
        });
        elected.collect()
    }
}

#[test]
fn the_highest_leads_and_a_killed_leader_is_replaced_without_waiting() {
    let mut group = Group::new(5, |_| {});
    group.run(PERIOD * 2);
    assert_eq!(group.epoch(), Epoch { counter: 1, node: NodeId(5) });
    let before = group.now;
    group.kill(5);
    assert_eq!(group.epoch(), Epoch { counter: 2, node: NodeId(4) });
    assert_eq!(group.now, before, "no alarm was needed");
    assert_eq!(group.elected(), [(5, Cause::Start), (4, Cause::Crash)]);
    group.run(LIMIT * 4);
    assert_eq!(group.epoch().counter, 2, "heartbeats keep the leader in place");
}

#[test]
fn a_leader_that_resigns_is_barred_for_one_election() {
    let mut group = Group::new(4, |settings| settings.initiator = Initiator::Lowest);
    group.run(PERIOD * 2);
    group.command(4, Command::Resign);
    assert_eq!(group.epoch(), Epoch { counter: 2, node: NodeId(3) });
    group.command(3, Command::Resign);
    assert_eq!(group.epoch(), Epoch { counter: 3, node: NodeId(4) }, "back after one election");
    assert_eq!(group.elected()[1..], [(3, Cause::Resign), (4, Cause::Resign)]);
}

#[test]
fn without_a_majority_nobody_leads() {
    let mut group = Group::new(5, |_| {});
    group.run(PERIOD * 2);
    group.kill(1);
    group.kill(2);
    assert_eq!(group.epoch().counter, 1);
    group.kill(5);
    group.run(LIMIT * 10);
    assert!(group.nodes.values().all(|node| node.epoch().is_none()));
}

#[test]
fn without_a_fence_two_lead_until_they_hear_of_each_other() {
    let mut group = Group::with_fence(2, Fence::None, |_| {});
    group.run(PERIOD * 2);
    for (at, peer) in [(1, 2), (2, 1)] {
        group.waiting.push_back((NodeId(at), Input::Closed(NodeId(peer))));
    }
    group.drain();
    group.run(LIMIT * 2);
    assert!(group.nodes.values().all(Leadership::is_leading), "no majority is needed");
    for (at, peer) in [(1, 2), (2, 1)] {
        group.waiting.push_back((NodeId(at), Input::Opened(NodeId(peer))));
    }
    group.drain();
    assert_eq!(group.epoch(), epoch(2, 1));
}

#[test]
fn a_leader_that_loses_its_majority_steps_down() {
    let mut group = Group::new(3, |_| {});
    group.run(PERIOD * 2);
    group.kill(1);
    group.kill(2);
    group.run(LIMIT + PERIOD);
    let stepped = Report::SteppedDown {
        epoch: Epoch { counter: 1, node: NodeId(3) },
        why: Stepped::NoMajority,
    };
    assert!(group.reports.contains(&(NodeId(3), stepped)));
}

#[test]
fn a_node_that_alone_lost_sight_of_the_leader_disturbs_nobody() {
    let mut group = Group::new(4, |_| {});
    group.run(PERIOD * 2);
    group.waiting.push_back((NodeId(2), Input::Closed(NodeId(4))));
    group.drain();
    group.waiting.push_back((NodeId(2), Input::Opened(NodeId(4))));
    group.run(LIMIT * 2);
    assert_eq!(group.epoch(), Epoch { counter: 1, node: NodeId(4) });
    assert_eq!(group.elected().len(), 1);
}

#[test]
fn one_initiator_sends_fewer_messages_than_all() {
    let messages = |initiator| {
        let mut group = Group::new(7, |settings| settings.initiator = initiator);
        group.run(PERIOD * 2);
        group.kill(7);
        let counts = group.reports.iter().map(|(_, report)| match report {
            Report::Elected { epoch, messages, .. } | Report::Followed { epoch, messages }
                if epoch.counter == 2 =>
            {
                *messages
            }
            _ => 0,
        });
        counts.sum::<u64>()
    };
    let highest = messages(Initiator::Highest);
    // Canvass, prepare and announcement to six others, one of them dead; support and promise from
    // five.
    assert_eq!(highest, 3 * 6 + 2 * 5);
    assert!(messages(Initiator::Every) > highest);
    assert!(messages(Initiator::Random) >= highest);
}

/// What one input makes a node of a group of four do, as text, after these.
fn last_step(me: u32, inputs: Vec<Input<Leadership>>) -> Vec<String> {
    let mut node = Leadership::new(settings(me, 4));
    let mut last = Vec::new();
    for input in inputs {
        let (mut random, mut effects) = (Random::from_seed(1), Vec::new());
        node.handle(input, &mut Context::new(Instant::ZERO, &mut random, &mut effects));
        last = effects.iter().map(|effect: &Effect<Leadership>| format!("{effect:?}")).collect();
    }
    last
}

fn from(node: u32, body: Message) -> Input<Leadership> {
    Input::Message { from: NodeId(node), body }
}

fn epoch(counter: u64, node: u32) -> Epoch {
    Epoch { counter, node: NodeId(node) }
}

#[test]
fn who_asks_before_this_node_has_heard_is_answered_when_it_hears() {
    let election = Message::Bully(bully::Message::Election { round: 3 });
    let resign = Message::Resign { epoch: epoch(1, 1), initiator: Some(NodeId(2)) };
    let effects = last_step(
        4,
        vec![
            Input::Opened(NodeId(1)),
            from(1, Message::Lead(epoch(1, 1))),
            from(2, election),
            from(1, resign),
        ],
    );
    assert!(
        effects.contains(&"Send([2], Bully(Answer { round: 3 }))".to_owned()),
        "nobody waits for the answer limit: {effects:?}"
    );
}

#[test]
fn a_leader_that_stepped_down_is_not_taken_for_one_because_it_still_speaks() {
    let mut group = Group::new(3, |_| {});
    group.run(PERIOD * 2);
    let leader = NodeId(3);
    group.nodes.remove(&leader);
    // It canvasses again and again, and never says that it leads.
    for counter in 2..20 {
        for node in [1, 2] {
            let canvass = majority::Message::Canvass(Epoch { counter, node: leader });
            let input = from(3, Message::Fence(canvass));
            group.waiting.push_back((NodeId(node), input));
        }
        group.drain();
        group.run(PERIOD);
    }
    assert_eq!(group.elected().last(), Some(&(2, Cause::Hang)));
}

#[test]
fn a_voter_that_promised_its_own_proposal_follows_whoever_won_that_counter() {
    let prepare = Message::Fence(majority::Message::Prepare(epoch(7, 4)));
    let follow = |lead| {
        let heard = from(2, Message::Lead(epoch(lead, 2)));
        last_step(1, vec![Input::Opened(NodeId(2)), from(4, prepare.clone()), heard])
    };
    assert!(follow(7).contains(&"Send([2], Follow(7.2), after nothing)".to_owned()));
    assert_eq!(follow(6), ["Send([2], Deposed(7.4))"], "S1: lower counters are refused");
}

#[test]
fn a_connection_that_drops_and_returns_disturbs_no_group_of_any_size() {
    for nodes in 3..=7 {
        let mut group = Group::new(nodes, |_| {});
        group.run(PERIOD * 2);
        let leader = NodeId(nodes);
        for follower in 1..nodes {
            for (at, peer) in [(NodeId(follower), leader), (leader, NodeId(follower))] {
                group.waiting.push_back((at, Input::Closed(peer)));
            }
            group.drain();
            group.run(PERIOD * 2);
            for (at, peer) in [(leader, NodeId(follower)), (NodeId(follower), leader)] {
                group.waiting.push_back((at, Input::Opened(peer)));
            }
            group.drain();
            group.run(PERIOD * 2);
        }
        assert_eq!(group.epoch(), Epoch { counter: 1, node: leader }, "of {nodes}");
    }
}

#[test]
fn the_last_words_of_a_dead_leader_delay_nothing() {
    let mut group = Group::new(5, |_| {});
    group.run(PERIOD * 2);
    let before = group.now;
    group.nodes.remove(&NodeId(5));
    group.alarms.retain(|key, _| key.0 != NodeId(5));
    for node in 1..=4 {
        group.waiting.push_back((NodeId(node), Input::Closed(NodeId(5))));
        group.waiting.push_back((NodeId(node), from(5, Message::Lead(epoch(1, 5)))));
    }
    group.drain();
    assert_eq!((group.epoch(), group.now), (epoch(2, 4), before));
}

#[test]
fn an_absurd_epoch_is_nobodys() {
    let heard = from(2, Message::Lead(epoch(u64::MAX, 2)));
    assert_eq!(last_step(1, vec![Input::Opened(NodeId(2)), heard]), [] as [String; 0]);
}
