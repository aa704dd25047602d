//! One input, exact effects.

use machine::{Effect, Instant, Random};

use super::*;

fn bully(me: u32) -> Bully {
    let limit = Duration::from_millis(10);
    Bully::new(Settings {
        me: NodeId(me),
        candidates: (1..=4).map(NodeId).collect(),
        answer_limit: limit,
        victory_limit: limit * 4,
    })
}

/// The effects of one input, as text.
fn step(bully: &mut Bully, input: Input<Bully>) -> Vec<String> {
    let (mut random, mut effects) = (Random::from_seed(0), Vec::new());
    bully.handle(input, &mut Context::new(Instant::ZERO, &mut random, &mut effects));
    effects.iter().map(|effect: &Effect<Bully>| format!("{effect:?}")).collect()
}

fn open(bully: &mut Bully, nodes: &[u32]) {
    for &node in nodes {
        assert!(step(bully, Input::Opened(NodeId(node))).is_empty());
    }
}

const WON: [&str; 4] = ["Report(Campaigned)", "Clear(Answers)", "Clear(Victory)", "Report(Won)"];

#[test]
fn the_highest_that_is_reachable_wins_at_once() {
    let mut bully = bully(3);
    open(&mut bully, &[1, 2]);
    assert_eq!(step(&mut bully, Input::Command(Command::Start)), WON);
}

#[test]
fn higher_ones_are_asked_and_their_answer_is_waited_for() {
    let mut bully = bully(2);
    open(&mut bully, &[1, 3, 4]);
    assert_eq!(
        step(&mut bully, Input::Command(Command::Start)),
        [
            "Report(Campaigned)",
            "Send([3, 4], Election { round: 1 })",
            "Clear(Victory)",
            "Set(Answers, 0.010)"
        ]
    );
    let stale = Input::Message { from: NodeId(3), body: Message::Answer { round: 0 } };
    assert!(step(&mut bully, stale).is_empty());
    let answer = Input::Message { from: NodeId(3), body: Message::Answer { round: 1 } };
    assert_eq!(step(&mut bully, answer), ["Clear(Answers)", "Set(Victory, 0.040)"]);
    // The one that answered dies before it leads; 4 still has not answered and is asked again.
    let effects = step(&mut bully, Input::Closed(NodeId(3)));
    assert_eq!(effects[1], "Send([4], Election { round: 2 })");
    assert_eq!(bully.messages_sent(), 3);
}

#[test]
fn the_last_one_asked_that_goes_makes_the_asker_win() {
    let mut bully = bully(2);
    open(&mut bully, &[3, 4]);
    step(&mut bully, Input::Command(Command::Start));
    assert!(step(&mut bully, Input::Closed(NodeId(4))).is_empty());
    assert_eq!(step(&mut bully, Input::Command(Command::Suspect(NodeId(3)))), WON[1..]);
}

#[test]
fn one_that_hangs_is_waited_for_no_longer_than_the_limit() {
    let mut bully = bully(3);
    open(&mut bully, &[4]);
    step(&mut bully, Input::Command(Command::Start));
    assert_eq!(step(&mut bully, Input::Alarm(Alarm::Answers)), WON[1..]);
}

#[test]
fn a_lower_one_is_answered_and_starts_this_nodes_own_election() {
    let mut bully = bully(3);
    let election = Input::Message { from: NodeId(1), body: Message::Election { round: 7 } };
    let effects = step(&mut bully, election);
    assert_eq!(effects[0], "Send([1], Answer { round: 7 })");
    assert_eq!(effects[1..], WON);
    let higher = Input::Message { from: NodeId(4), body: Message::Election { round: 1 } };
    assert!(step(&mut bully, higher).is_empty());
}

#[test]
fn a_barred_node_yields_to_a_lower_one_but_leads_if_nobody_else_is_there() {
    let mut bully = bully(4);
    step(&mut bully, Input::Command(Command::Bar(BTreeSet::from([NodeId(4)]))));
    assert_eq!(step(&mut bully, Input::Command(Command::Start)), WON);
    open(&mut bully, &[1]);
    let effects = step(&mut bully, Input::Command(Command::Start));
    assert_eq!(effects[1], "Send([1], Election { round: 2 })");
}

fn with_posts(me: u32, posts: usize) -> Bully {
    let options = Options { posts, announce: true, ..Options::default() };
    let mut bully = Bully::with_options(bully(me).settings, options);
    for node in (1..=4).filter(|&node| node != me) {
        assert!(step(&mut bully, Input::Opened(NodeId(node))).is_empty());
    }
    bully
}

fn from(node: u32, body: Message) -> Input<Bully> {
    Input::Message { from: NodeId(node), body }
}

fn coordinator(claims: &[(u32, u64, u32)]) -> Message {
    let epoch = |counter, node| machine::Epoch { counter, node: NodeId(node) };
    let seats = claims.iter().map(|&(post, counter, node)| (post, epoch(counter, node)));
    Message::Coordinator { seats: seats.collect() }
}

#[test]
fn one_answer_less_than_posts_is_a_victory_and_takes_the_post_of_that_number() {
    let mut bully = with_posts(3, 2);
    step(&mut bully, Input::Command(Command::Start));
    let effects = step(&mut bully, from(4, Message::Answer { round: 1 }));
    assert_eq!(
        effects[2..],
        [
            "Report(Won)",
            "Report(Seated({1: 1.3}))",
            "Send([1, 2, 4], Coordinator { seats: {1: 1.3} })"
        ]
    );
}

#[test]
fn who_hears_of_a_winner_while_posts_are_vacant_stands_as_well() {
    let mut bully = with_posts(3, 2);
    let effects = step(&mut bully, from(4, coordinator(&[(0, 1, 4)])));
    assert_eq!(effects[0], "Report(Seated({0: 1.4}))");
    assert_eq!(effects[4], "Report(Won)", "4 is not asked, for it has a post: {effects:?}");
    assert_eq!(effects[5], "Report(Seated({0: 1.4, 1: 2.3}))");
}

#[test]
fn a_lost_post_is_filled_and_the_others_stay() {
    let mut bully = with_posts(2, 2);
    step(&mut bully, from(4, coordinator(&[(0, 1, 4), (1, 1, 1)])));
    let effects = step(&mut bully, Input::Closed(NodeId(4)));
    assert_eq!(effects[1], "Send([3], Election { round: 1 })", "not 1, which has a post");
    let settled = step(&mut bully, from(3, coordinator(&[(0, 2, 3)])));
    assert_eq!(settled[0], "Report(Seated({0: 2.3, 1: 1.1}))");
    assert!(step(&mut bully, Input::Alarm(Alarm::Victory)).is_empty(), "all posts are held");
}

#[test]
fn who_has_a_post_tells_the_asker_and_whoever_comes_late_or_is_behind() {
    let mut bully = with_posts(3, 1);
    step(&mut bully, from(2, coordinator(&[(0, 4, 3)])));
    let told = ["Send([2], Coordinator { seats: {0: 4.3} })"];
    assert_eq!(step(&mut bully, from(2, Message::Election { round: 1 })), told);
    assert_eq!(step(&mut bully, Input::Opened(NodeId(2))), told);
    assert_eq!(step(&mut bully, from(2, coordinator(&[(0, 3, 4)]))), told);
    let displaced = step(&mut bully, from(4, coordinator(&[(0, 5, 4)])));
    assert_eq!(displaced, ["Report(Seated({0: 5.4}))"]);
}

#[test]
fn who_is_asked_before_it_noticed_the_loss_begins_when_it_notices() {
    let mut bully = with_posts(3, 1);
    bully.standing.starters = crate::election::Starters::new(
        crate::election::Initiator::Lowest,
        &bully.standing.candidates,
    );
    step(&mut bully, from(4, coordinator(&[(0, 1, 4)])));
    let answered = step(&mut bully, from(1, Message::Election { round: 1 }));
    assert_eq!(answered[0], "Send([1], Answer { round: 1 })");
    assert!(!answered.contains(&"Report(Campaigned)".to_owned()), "it has a leader");
    assert!(step(&mut bully, Input::Closed(NodeId(4))).contains(&"Report(Won)".to_owned()));
}

#[test]
fn a_leader_that_is_told_to_yield_has_left_its_post() {
    let mut bully = with_posts(3, 1);
    step(&mut bully, from(4, coordinator(&[(0, 1, 4)])));
    let effects = step(&mut bully, Input::Command(Command::Bar(BTreeSet::from([NodeId(4)]))));
    assert!(effects.contains(&"Report(Seated({0: 2.3}))".to_owned()), "{effects:?}");
}
