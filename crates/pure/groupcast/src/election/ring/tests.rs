//! One input, exact effects.

use std::time::Duration;

use machine::{Effect, Epoch, Instant, Random};

use super::*;

fn ring_with(me: u32, nodes: u32, options: Options) -> Ring {
    let settings = Settings {
        me: NodeId(me),
        order: (1..=nodes).map(NodeId).collect(),
        answer_limit: Duration::from_millis(10),
        tries: 2,
        victory_limit: Duration::from_millis(500),
    };
    let mut ring = Ring::with_options(settings, options);
    for node in (1..=nodes).filter(|&node| node != me) {
        assert!(step(&mut ring, Input::Opened(NodeId(node))).is_empty());
    }
    ring
}

fn ring(me: u32) -> Ring {
    ring_with(me, 4, Options::default())
}

fn announcing() -> Options {
    Options { announce: true, ..Options::default() }
}

/// The effects of one input, as text.
fn step(ring: &mut Ring, input: Input<Ring>) -> Vec<String> {
    let (mut random, mut effects) = (Random::from_seed(0), Vec::new());
    ring.handle(input, &mut Context::new(Instant::ZERO, &mut random, &mut effects));
    effects.iter().map(|effect: &Effect<Ring>| format!("{effect:?}")).collect()
}

const START: Input<Ring> = Input::Command(Command::Start);

fn from(node: u32, body: Message) -> Input<Ring> {
    Input::Message { from: NodeId(node), body }
}

fn token(owner: u32, round: u64, passed: &[u32]) -> Message {
    let passed = passed.iter().copied().map(NodeId).collect();
    Message::Token(Token { owner: NodeId(owner), round, passed, seats: Seats::new() })
}

fn ack(owner: u32, round: u64) -> Message {
    Message::Ack { owner: NodeId(owner), round }
}

fn sent(to: u32, body: &Message) -> String {
    format!("Send([{to}], {body:?})")
}

#[test]
fn who_starts_sends_its_token_to_the_next_one() {
    let mut ring = ring(4);
    assert_eq!(
        step(&mut ring, START),
        [
            "Report(Campaigned)",
            "Set(Victory, 0.500)",
            &sent(1, &token(4, 1, &[])),
            "Set(Ack(NodeId(4)), 0.010)",
        ],
        "the ring closes behind the last one"
    );
    assert_eq!(step(&mut ring, from(1, ack(4, 1))), ["Clear(Ack(NodeId(4)))"]);
    let home = step(&mut ring, from(3, token(4, 1, &[1, 2, 3])));
    assert_eq!(home, [&sent(3, &ack(4, 1)), "Clear(Victory)", "Report(Won)"]);
    let again = step(&mut ring, from(3, token(4, 1, &[1, 2, 3])));
    assert_eq!(again, [sent(3, &ack(4, 1))], "it has won already");
}

#[test]
fn a_higher_ones_token_is_sent_on_once() {
    let mut ring = ring(2);
    let effects = step(&mut ring, from(1, token(3, 7, &[1])));
    assert_eq!(
        effects,
        [
            &sent(1, &ack(3, 7)),
            "Set(Victory, 0.500)",
            &sent(3, &token(3, 7, &[1, 2])),
            "Set(Ack(NodeId(3)), 0.010)"
        ]
    );
    let repeated = step(&mut ring, from(1, token(3, 7, &[1])));
    assert_eq!(repeated, [sent(1, &ack(3, 7))], "only the acknowledgement was lost");
}

#[test]
fn the_next_life_of_an_owner_counts_its_tokens_anew() {
    let mut ring = ring(2);
    step(&mut ring, from(1, token(4, 1, &[1])));
    step(&mut ring, from(3, ack(4, 1)));
    step(&mut ring, Input::Closed(NodeId(4)));
    step(&mut ring, Input::Opened(NodeId(4)));
    let effects = step(&mut ring, from(1, token(4, 1, &[1])));
    assert_eq!(effects[2], sent(3, &token(4, 1, &[1, 2])), "no repetition");
}

#[test]
fn a_lower_ones_token_is_swallowed_and_this_nodes_own_goes_round() {
    let mut ring = ring(3);
    let effects = step(&mut ring, from(2, token(2, 1, &[])));
    assert_eq!(effects[1], "Report(Campaigned)");
    assert_eq!(effects[3], sent(4, &token(3, 1, &[])));
    let another = step(&mut ring, from(2, token(1, 1, &[2])));
    assert_eq!(another, [sent(2, &ack(1, 1))], "its own is on its way");
}

#[test]
fn one_that_does_not_acknowledge_is_skipped_after_so_many_tries() {
    let mut ring = ring(1);
    step(&mut ring, START);
    let due = || Input::Alarm(Alarm::Ack(NodeId(1)));
    let again = step(&mut ring, due());
    assert_eq!(again[0], sent(2, &token(1, 1, &[])));
    let skipped = step(&mut ring, due());
    assert_eq!(skipped[1], sent(3, &token(1, 1, &[])));
    let closed = step(&mut ring, Input::Closed(NodeId(3)));
    assert_eq!(closed[1], sent(4, &token(1, 1, &[])), "a closed connection is not waited for");
    let late = step(&mut ring, from(3, ack(1, 1)));
    assert!(late.is_empty(), "4 has the token now");
}

#[test]
fn the_last_one_left_wins_at_once() {
    let mut ring = ring(2);
    for node in [1, 3, 4] {
        step(&mut ring, Input::Closed(NodeId(node)));
    }
    let effects = step(&mut ring, START);
    assert_eq!(effects[2..], ["Clear(Victory)", "Report(Won)"]);
}

#[test]
fn a_token_whose_owner_is_gone_ends_where_the_owner_would_be() {
    let mut ring = ring(3);
    step(&mut ring, Input::Closed(NodeId(4)));
    let effects = step(&mut ring, from(2, token(4, 1, &[1, 2])));
    assert!(!effects.iter().any(|effect| effect.contains("owner: NodeId(4), round: 1, passed")));
    assert!(effects.contains(&sent(1, &token(3, 1, &[]))), "an election of its own: {effects:?}");
}

#[test]
fn the_owner_may_go_while_its_token_is_with_it() {
    let mut ring = ring(3);
    step(&mut ring, from(2, token(4, 1, &[1, 2])));
    let effects = step(&mut ring, Input::Closed(NodeId(4)));
    assert!(effects.contains(&sent(1, &token(3, 1, &[]))), "{effects:?}");
}

#[test]
fn without_a_winner_in_time_a_node_starts_again() {
    let mut ring = ring(2);
    step(&mut ring, from(1, token(4, 1, &[1])));
    let effects = step(&mut ring, Input::Alarm(Alarm::Victory));
    assert_eq!(effects[0], "Report(Campaigned)");
    assert!(step(&mut ring, Input::Command(Command::Settle)).contains(&"Clear(Victory)".into()));
    assert!(step(&mut ring, Input::Alarm(Alarm::Victory)).is_empty(), "it was settled");
}

#[test]
fn an_ineligible_node_sends_lower_ones_tokens_on_but_leads_if_nobody_else_is_there() {
    let options = Options { ineligible: BTreeSet::from([NodeId(4)]), ..Options::default() };
    let mut ring = ring_with(4, 4, options);
    let effects = step(&mut ring, from(1, token(1, 1, &[])));
    assert_eq!(effects[2], sent(2, &token(1, 1, &[4])).replace("[2]", "[1]"), "{effects:?}");
    let mut alone = ring_with(4, 4, Options::default());
    step(&mut alone, Input::Command(Command::Bar(BTreeSet::from([NodeId(4)]))));
    for node in 1..=3 {
        step(&mut alone, Input::Closed(NodeId(node)));
    }
    assert_eq!(step(&mut alone, START).last().unwrap(), "Report(Won)");
}

#[test]
fn the_winner_gives_out_all_vacant_posts_and_tells_all() {
    let mut ring = ring_with(4, 4, Options { posts: 2, ..Options::default() });
    step(&mut ring, START);
    let effects = step(&mut ring, from(2, token(4, 1, &[1, 2])));
    let seats = "{0: 1.4, 1: 1.2}";
    assert_eq!(
        effects[3..],
        [
            "Report(Won)".to_owned(),
            format!("Report(Seated({seats}))"),
            format!("Send([1, 2, 3], Coordinator {{ seats: {seats} }})"),
        ],
        "3 was skipped"
    );
}

#[test]
fn only_the_vacant_post_is_filled_and_its_winner_learns_of_it() {
    let mut ring = ring_with(2, 4, Options { posts: 2, ..Options::default() });
    let seats = |pairs: [(u64, u32); 2]| -> Seats {
        let epochs = pairs.map(|(counter, node)| Epoch { counter, node: NodeId(node) });
        (0..).zip(epochs).collect()
    };
    step(&mut ring, from(4, Message::Coordinator { seats: seats([(1, 4), (1, 3)]) }));
    let started = step(&mut ring, Input::Closed(NodeId(4)));
    assert!(started[2].starts_with("Send([3], Token"), "{started:?}");
    let won = step(&mut ring, from(3, Message::Coordinator { seats: seats([(2, 2), (1, 3)]) }));
    assert_eq!(won[..2], ["Report(Won)", "Report(Seated({0: 2.2, 1: 1.3}))"]);
}

#[test]
fn who_holds_a_post_gets_no_second_one() {
    let mut ring = ring_with(2, 4, Options { posts: 3, ..Options::default() });
    let seats = Seats::from([(1, Epoch { counter: 1, node: NodeId(3) })]);
    step(&mut ring, from(3, Message::Coordinator { seats: seats.clone() }));
    step(&mut ring, Input::Closed(NodeId(1)));
    step(&mut ring, Input::Closed(NodeId(4)));
    step(&mut ring, START);
    let passed = BTreeSet::from([NodeId(3)]);
    let home = Token { owner: NodeId(2), round: 1, passed, seats };
    let effects = step(&mut ring, from(3, Message::Token(home)));
    let seated = "Report(Seated({0: 2.2, 1: 1.3}))".to_owned();
    assert!(effects.contains(&seated), "one post stays vacant: {effects:?}");
}

#[test]
fn who_asks_for_an_election_that_is_not_needed_is_told_who_leads() {
    let options = Options { initiator: crate::election::Initiator::Lowest, ..announcing() };
    let mut ring = ring_with(3, 4, options);
    let seats = Seats::from([(0, Epoch { counter: 5, node: NodeId(4) })]);
    step(&mut ring, from(4, Message::Coordinator { seats: seats.clone() }));
    let effects = step(&mut ring, from(2, token(2, 1, &[])));
    assert_eq!(effects[1..], [sent(2, &Message::Coordinator { seats })]);
    let effects = step(&mut ring, Input::Closed(NodeId(4)));
    assert_eq!(effects[0], "Report(Campaigned)", "now it has a reason too");
}

#[test]
fn strangers_and_their_tokens_are_nobodys() {
    let mut ring = ring(2);
    assert!(step(&mut ring, from(9, token(9, 1, &[]))).is_empty());
    assert_eq!(step(&mut ring, from(1, token(9, 1, &[]))), [sent(1, &ack(9, 1))]);
    let effects = step(&mut ring, from(1, token(4, 1, &[1, 9])));
    assert_eq!(effects[2], sent(3, &token(4, 1, &[1, 2])), "a stranger did not pass it on");
}
