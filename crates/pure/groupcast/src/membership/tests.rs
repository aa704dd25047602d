use std::collections::BTreeMap;

use machine::{Context, Effect, Input, Instant, Machine, Random};
use proptest::prelude::*;

use super::newcomer::PROVISIONAL_MIN;
use super::voter::{self, Voter};
use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn step(directory: &mut Directory, now: Duration, input: Input<Directory>) -> Vec<String> {
    let (mut random, mut effects) = (Random::from_seed(0), Vec::new());
    let now = Instant::ZERO + now;
    directory.handle(input, &mut Context::new(now, &mut random, &mut effects));
    effects.iter().map(|effect: &Effect<Directory>| format!("{effect:?}")).collect()
}

fn announce(node: u32, life: u64, known: u64) -> Input<Directory> {
    let address = format!("a{node}");
    let body = Message::Announce { incarnation: Incarnation(life), address, known };
    Input::Message { from: NodeId(node), body }
}

#[test]
fn each_change_is_told_to_all_and_nothing_else_is() {
    let mut directory = Directory::new(SECOND, Incarnation(0));
    step(&mut directory, Duration::ZERO, announce(1, 1, 0));
    let second = step(&mut directory, Duration::ZERO, announce(2, 1, 0));
    assert!(second[1].starts_with("Send([1, 2], Members { version: 2"), "{second:?}");
    let up_to_date = step(&mut directory, SECOND / 2, announce(1, 1, 2));
    assert_eq!(up_to_date, ["Set(Expire, 1.000)"]);
    let missed = step(&mut directory, SECOND / 2, announce(1, 1, 1));
    assert!(missed[0].starts_with("Send([1], Members { version: 2"), "{missed:?}");
}

#[test]
fn a_list_has_the_order_in_which_nodes_joined_last() {
    let mut directory = Directory::new(SECOND, Incarnation(0));
    for (node, life) in [(3, 1), (1, 1), (2, 1), (1, 2), (3, 1)] {
        step(&mut directory, Duration::ZERO, announce(node, life, 0));
    }
    let settings =
        Settings { me: NodeId(2), directory: NodeId(0), address: "a2".into(), period: SECOND };
    let mut member = Member::new(settings);
    let (mut random, mut effects) = (Random::from_seed(0), Vec::new());
    let message = Input::Message { from: NodeId(0), body: directory.list() };
    member.handle(message, &mut Context::new(Instant::ZERO, &mut random, &mut effects));
    assert_eq!(member.order(), [3, 2, 1].map(NodeId));
}

#[test]
fn who_stops_announcing_expires() {
    let mut directory = Directory::new(SECOND, Incarnation(0));
    step(&mut directory, Duration::ZERO, announce(1, 1, 0));
    step(&mut directory, SECOND / 2, announce(2, 1, 0));
    let expired = step(&mut directory, SECOND, Input::Alarm(Expire));
    assert_eq!(expired[0], "Report(Expired(NodeId(1)))");
    assert!(expired[1].starts_with("Send([2], Members { version: 3"), "{expired:?}");
    assert_eq!(expired[2], "Set(Expire, 1.500)");
}

#[test]
fn an_earlier_life_never_hides_a_newer_one() {
    let mut directory = Directory::new(SECOND, Incarnation(0));
    step(&mut directory, Duration::ZERO, announce(1, 2, 0));
    assert!(step(&mut directory, Duration::ZERO, announce(1, 1, 0)).is_empty());
    assert_eq!(directory.members().next().map(|entry| entry.incarnation), Some(Incarnation(2)));
}

#[test]
fn the_list_and_its_addresses_are_bounded() {
    let mut directory = Directory::new(SECOND, Incarnation(0));
    let address = "x".repeat(ADDRESS_BYTES_MAX + 1);
    let body = Message::Announce { incarnation: Incarnation(1), address, known: 0 };
    let long = Input::Message { from: NodeId(1), body };
    assert!(step(&mut directory, Duration::ZERO, long).is_empty());
    for node in 0..=MEMBERS_MAX as u32 {
        step(&mut directory, Duration::ZERO, announce(node, 1, 0));
    }
    assert_eq!(directory.members().count(), MEMBERS_MAX);
}

fn message(node: u32, body: Message) -> Input<Directory> {
    Input::Message { from: NodeId(node), body }
}

fn leave(node: u32, life: u64) -> Input<Directory> {
    message(node, Message::Leave { incarnation: Incarnation(life) })
}

#[test]
fn who_leaves_is_gone_at_once_and_a_late_announcement_does_not_bring_it_back() {
    let mut directory = Directory::new(SECOND, Incarnation(0));
    step(&mut directory, Duration::ZERO, announce(1, 1, 0));
    step(&mut directory, Duration::ZERO, announce(2, 5, 0));
    assert!(step(&mut directory, SECOND / 2, leave(2, 4)).is_empty(), "an earlier life");
    let left = step(&mut directory, SECOND / 2, leave(2, 5));
    assert_eq!(left[0], "Report(Expired(NodeId(2)))");
    assert!(left[1].starts_with("Send([1], Members { version: 3"), "{left:?}");
    assert!(step(&mut directory, SECOND / 2, leave(2, 5)).is_empty(), "once");
    assert!(step(&mut directory, SECOND / 2, announce(2, 5, 0)).is_empty());
    let back = step(&mut directory, SECOND / 2, announce(2, 6, 0));
    assert!(back[0].starts_with("Report(Joined(Entry { node: NodeId(2)"), "{back:?}");
    step(&mut directory, SECOND / 2, leave(2, 6));
    let forgotten = step(&mut directory, SECOND * 3 / 2, Input::Alarm(Expire));
    assert_eq!(forgotten[0], "Report(Expired(NodeId(1)))");
    assert_eq!(forgotten.len(), 1, "2 has been reported, and nobody is left to tell");
}

#[test]
fn ids_begin_above_the_floor_and_are_never_given_twice() {
    let mut directory = Directory::new(SECOND, Incarnation(0)).gives_ids_above(NodeId(9));
    let provisional = PROVISIONAL_MIN.0 + 5;
    let mut ask =
        |node, token| step(&mut directory, Duration::ZERO, message(node, Message::AskId { token }));
    assert_eq!(ask(provisional, 1), given(provisional, 1, 10));
    assert_eq!(ask(provisional, 1), given(provisional, 1, 10), "the question was repeated");
    assert_eq!(ask(provisional, 2), given(provisional, 2, 11), "two nodes drew the same id");
    step(&mut directory, Duration::ZERO, announce(40, 1, 0));
    step(&mut directory, Duration::ZERO, leave(40, 1));
    let mut ids = std::collections::BTreeSet::new();
    for token in 0..200 {
        let body = Message::AskId { token };
        let answer = step(&mut directory, Duration::ZERO, message(provisional + 1, body));
        assert!(ids.insert(answer.concat()), "token {token}");
    }
    assert!(ids.contains(&given(provisional + 1, 0, 41).concat()), "40 is taken");
    step(&mut directory, Duration::ZERO, announce(PROVISIONAL_MIN.0 - 1, 1, 0));
    let body = Message::AskId { token: 1000 };
    assert!(
        step(&mut directory, Duration::ZERO, message(provisional, body)).is_empty(),
        "none left"
    );
}

fn given(node: u32, token: u64, id: u32) -> [String; 1] {
    [format!("Send([{node}], Id {{ token: {token}, id: NodeId({id}) }})")]
}

#[test]
fn one_member_at_a_time_may_elect() {
    let mut directory = Directory::new(4 * SECOND, Incarnation(0)).lets_elect_for(2 * SECOND);
    let ask = |node| message(node, Message::MayElect { incarnation: Incarnation(1) });
    let over = |node| message(node, Message::ElectionOver { incarnation: Incarnation(1) });
    let granted = |node: u32, lasts: &str| {
        [format!("Send([{node}], Elect {{ incarnation: Incarnation(1), lasts: {lasts} }})")]
    };
    assert!(step(&mut directory, SECOND, ask(1)).is_empty(), "no member");
    for node in 1..=3 {
        step(&mut directory, SECOND, announce(node, 1, 0));
    }
    assert_eq!(step(&mut directory, SECOND, ask(1)), granted(1, "2s"));
    assert!(step(&mut directory, SECOND, ask(2)).is_empty());
    assert!(step(&mut directory, SECOND, over(2)).is_empty(), "of no effect: it is not its turn");
    assert_eq!(
        step(&mut directory, 2 * SECOND, ask(1)),
        granted(1, "1s"),
        "asking prolongs nothing"
    );
    step(&mut directory, 2 * SECOND, over(1));
    assert_eq!(step(&mut directory, 2 * SECOND, ask(2)), granted(2, "2s"));
    step(&mut directory, 2 * SECOND, leave(2, 1));
    assert_eq!(step(&mut directory, 2 * SECOND, ask(3)), granted(3, "2s"), "2 has left");
    step(&mut directory, 2 * SECOND, announce(3, 2, 0));
    assert_eq!(step(&mut directory, 2 * SECOND, ask(1)), granted(1, "2s"), "3 lives anew");
    step(&mut directory, 4 * SECOND, announce(3, 1, 0));
    let three = message(3, Message::MayElect { incarnation: Incarnation(2) });
    assert_eq!(step(&mut directory, 4 * SECOND, three).len(), 1, "the grant of 1 is over");
}

/// Voters and a directory without delays: what they send arrives at once, or never.
struct Booth {
    now: Instant,
    random: Random,
    loss: f64,
    directory: Directory,
    voters: BTreeMap<NodeId, Voter>,
    may: BTreeMap<NodeId, bool>,
    alarms: BTreeMap<(NodeId, voter::Alarm), Instant>,
}

impl Booth {
    fn new(loss: f64, seed: u64) -> Self {
        let expiry = Duration::from_secs(1_000_000);
        let mut booth = Self {
            now: Instant::ZERO,
            random: Random::from_seed(seed),
            loss,
            directory: Directory::new(expiry, Incarnation(0)).lets_elect_for(5 * SECOND),
            voters: BTreeMap::new(),
            may: BTreeMap::new(),
            alarms: BTreeMap::new(),
        };
        for node in 1..=4 {
            step(&mut booth.directory, Duration::ZERO, announce(node, 1, 0));
            let voter = Voter::new(NodeId(0), Incarnation(1), SECOND);
            booth.voters.insert(NodeId(node), voter);
        }
        booth
    }

    fn input(&mut self, node: NodeId, input: Input<Voter>) {
        let Some(voter) = self.voters.get_mut(&node) else { return };
        let mut effects = Vec::new();
        voter.handle(input, &mut Context::new(self.now, &mut self.random, &mut effects));
        for effect in effects {
            match effect {
                Effect::Send { body, .. } => self.ask(node, body),
                Effect::Set { alarm, at } => drop(self.alarms.insert((node, alarm), at)),
                Effect::Clear(alarm) => drop(self.alarms.remove(&(node, alarm))),
                Effect::Report { report, .. } => {
                    self.may.insert(node, report != voter::Report::Lapsed);
                }
                other => panic!("a voter asks for {other:?}"),
            }
        }
    }

    fn ask(&mut self, from: NodeId, body: Message) {
        if self.random.chance(self.loss) {
            return;
        }
        let (mut effects, input) = (Vec::new(), Input::Message { from, body });
        self.directory.handle(input, &mut Context::new(self.now, &mut self.random, &mut effects));
        for effect in effects {
            let Effect::Send { to, body, .. } = effect else { continue };
            if !self.random.chance(self.loss) {
                self.input(to.nodes()[0], Input::Message { from: NodeId(0), body });
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some((&(node, alarm), &at)) = self.alarms.iter().min_by_key(|(_, at)| **at)
            && at <= end
        {
            self.now = at;
            self.alarms.remove(&(node, alarm));
            self.input(node, Input::Alarm(alarm));
        }
        self.now = end;
    }

    fn command(&mut self, node: u32, command: voter::Command) {
        if command == voter::Command::Done {
            self.may.remove(&NodeId(node));
        }
        self.input(NodeId(node), Input::Command(command));
    }

    fn holders(&self) -> usize {
        self.may.values().filter(|may| **may).count()
    }
}

proptest! {
    /// Whoever asks, is done, or crashes, and whatever is lost: never two at once; and when no more
    /// is lost, whoever asks may elect as soon as a grant is over at the latest.
    #[test]
    fn never_two_may_elect_and_a_crashed_voter_blocks_nobody(
        steps in prop::collection::vec((1..=3_u32, 0..20_u8, 0..3000_u64), 1..60),
        loss in 0.0..0.5,
        seed: u64,
    ) {
        let mut booth = Booth::new(loss, seed);
        for (node, what, millis) in steps {
            match what {
                0 => {
                    // A crash: whether it held the lock, only the directory knows.
                    booth.voters.remove(&NodeId(node));
                    booth.may.remove(&NodeId(node));
                    booth.alarms.retain(|(owner, _), _| *owner != NodeId(node));
                }
                1..=9 => booth.command(node, voter::Command::Ask),
                _ => booth.command(node, voter::Command::Done),
            }
            prop_assert!(booth.holders() <= 1);
            booth.pass(Duration::from_millis(millis));
            prop_assert!(booth.holders() <= 1);
        }
        booth.loss = 0.0;
        (1..=3).for_each(|node| booth.command(node, voter::Command::Done));
        booth.command(4, voter::Command::Ask);
        for _ in 0..6 {
            if booth.may.get(&NodeId(4)) != Some(&true) {
                booth.pass(SECOND);
            }
        }
        prop_assert_eq!(booth.may.get(&NodeId(4)), Some(&true));
    }
}

#[test]
fn a_voter_whose_election_is_over_gives_back_what_comes_late() {
    let mut booth = Booth::new(0.0, 0);
    booth.command(1, voter::Command::Ask);
    assert_eq!(booth.holders(), 1);
    booth.pass(5 * SECOND);
    assert_eq!(booth.may.get(&NodeId(1)), Some(&false), "its time is over");
    // A question that was on its way for long.
    booth.ask(NodeId(1), Message::MayElect { incarnation: Incarnation(1) });
    assert_eq!(booth.holders(), 0);
    booth.command(2, voter::Command::Ask);
    assert_eq!(booth.holders(), 1, "2 need not wait");
}
