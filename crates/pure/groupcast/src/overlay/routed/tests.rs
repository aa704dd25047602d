//! One input, exact effects, at node 2 of the path 1 ─ 2 ─ 3 ─ 4. A neighbour's life is its id.

use std::collections::BTreeSet;

use machine::{Destination, Epoch, Instant, Journal, Never, Random};

use super::*;

/// Says what it is told, and sends what it is commanded to.
struct Inner;

impl Machine for Inner {
    type Message = char;
    type Command = Vec<u32>;
    type Report = String;
    type Record = u8;
    type Snapshot = Never;
    type Alarm = u8;

    fn handle(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        cx.report_after(After::Own, format!("{input:?}"));
        if let Input::Command(to) = input {
            let to = Destination::Many(to.into_iter().map(NodeId).collect());
            cx.send_after(After::Own, to, 'x');
        }
    }
}

fn node() -> Routed<Inner> {
    let edges = [(1, 2), (2, 3), (3, 4)].map(|(one, other)| (NodeId(one), NodeId(other)));
    let overlay = Overlay::from_edges(&(1..=4).map(NodeId).collect(), edges).unwrap();
    Routed::new(NodeId(2), overlay, Inner)
}

fn step(node: &mut Routed<Inner>, input: Input<Routed<Inner>>) -> Vec<String> {
    let (mut random, mut effects) = (Random::from_seed(0), Vec::new());
    node.handle(input, &mut Context::new(Instant::ZERO, &mut random, &mut effects));
    effects.iter().map(|effect| format!("{effect:?}")).collect()
}

fn state(origin: u32, changes: u64, down: &[u32]) -> LinkState {
    state_of_life(origin, origin, changes, down)
}

fn state_of_life(origin: u32, life: u32, changes: u64, down: &[u32]) -> LinkState {
    let version = Version { changes, life, ..Version::default() };
    LinkState { origin: NodeId(origin), version, down: down.iter().copied().map(NodeId).collect() }
}

fn states(from: u32, states: Vec<LinkState>) -> Input<Routed<Inner>> {
    Input::Message { from: NodeId(from), body: Message::States { life: from, states } }
}

fn carried(via: u32, from: u32, to: &[u32], hops: u16) -> Input<Routed<Inner>> {
    let to = to.iter().copied().map(NodeId).collect();
    let envelope = Envelope { from: NodeId(from), to, hops, body: 'y' };
    Input::Message { from: NodeId(via), body: Message::Carried(envelope) }
}

fn direct(from: u32) -> Input<Routed<Inner>> {
    Input::Message { from: NodeId(from), body: Message::Direct('y') }
}

/// What the machine inside was told.
fn told(effects: &[String]) -> Vec<&str> {
    effects.iter().filter_map(|effect| effect.strip_prefix("Report(\"")).collect()
}

/// A node that knows the whole path to be up.
fn connected() -> Routed<Inner> {
    let mut node = node();
    step(&mut node, Input::Start);
    step(&mut node, Input::Opened(NodeId(1)));
    step(&mut node, Input::Opened(NodeId(3)));
    step(&mut node, states(1, vec![state(1, 1, &[])]));
    step(&mut node, states(3, vec![state(3, 2, &[]), state(4, 1, &[])]));
    node
}

#[test]
fn a_link_that_opens_is_told_to_the_neighbour_and_to_the_machine_inside() {
    let mut node = node();
    step(&mut node, Input::Opened(NodeId(3)));
    step(&mut node, Input::Alarm(Alarm::Pace));
    let version = "Version { incarnation: Incarnation(0), changes: 2, life: 0 }";
    let own = format!("LinkState {{ origin: NodeId(2), version: {version}, down: {{}} }}");
    let expected = [
        format!("Send([1], States {{ life: 0, states: [{own}] }}, after nothing)"),
        format!("Send([3], States {{ life: 0, states: [{own}] }}, after nothing)"),
        "Set(Pace, 0.010)".to_owned(),
        "Report(\"Opened(1)\", after own)".to_owned(),
    ];
    assert_eq!(step(&mut node, Input::Opened(NodeId(1))), expected);
}

#[test]
fn far_nodes_come_and_go_with_the_states_of_both_ends() {
    let mut node = connected();
    let changed = step(&mut node, states(3, vec![state(3, 3, &[4])]));
    assert_eq!(told(&changed), ["Closed(4)\", after own)"]);
    let changed = step(&mut node, states(3, vec![state(4, 2, &[3])]));
    assert!(told(&changed).is_empty());
    let changed = step(&mut node, states(3, vec![state(3, 4, &[])]));
    assert!(told(&changed).is_empty(), "4 still says that the link is down");
    let changed = step(&mut node, states(3, vec![state(4, 1, &[])]));
    assert!(told(&changed).is_empty(), "an old state says nothing");
    let changed = step(&mut node, states(3, vec![state(4, 3, &[])]));
    assert_eq!(told(&changed), ["Opened(4)\", after own)"]);
    let changed = step(&mut node, Input::Closed(NodeId(3)));
    assert_eq!(told(&changed), ["Closed(3)\", after own)", "Closed(4)\", after own)"]);
}

#[test]
fn states_are_answered_and_passed_on_to_whoever_lacks_them() {
    let mut node = connected();
    step(&mut node, Input::Alarm(Alarm::Pace));
    let effects = step(&mut node, states(3, vec![state(4, 5, &[])]));
    let version = "Version { incarnation: Incarnation(0), changes: 5, life: 4 }";
    assert_eq!(effects.len(), 3);
    let seen = format!("seen: [Seen {{ origin: NodeId(4), version: {version} }}] }}");
    assert!(effects[0].starts_with("Send([3], Known") && effects[0].contains(&seen));
    let passed = format!("[LinkState {{ origin: NodeId(4), version: {version}, down: {{}} }}]");
    assert!(effects[1].starts_with("Send([1], States") && effects[1].contains(&passed));
    assert_eq!(effects[2], "Set(Pace, 0.010)");
}

#[test]
fn what_is_not_known_is_sent_again_until_it_is() {
    let mut node = connected();
    step(&mut node, Input::Alarm(Alarm::Pace));
    let again = step(&mut node, Input::Alarm(Alarm::Resend));
    let to_one = again.iter().find(|effect| effect.starts_with("Send([1], States")).unwrap();
    assert!(to_one.contains("origin: NodeId(4)") && !to_one.contains("origin: NodeId(1)"));
    let all = (1..=4).map(|origin| Seen {
        origin: NodeId(origin),
        version: Version { changes: 9, ..Version::default() },
    });
    for neighbour in [1, 3] {
        let body = Message::Known { life: neighbour, seen: all.clone().collect() };
        assert!(step(&mut node, Input::Message { from: NodeId(neighbour), body }).is_empty());
    }
    step(&mut node, Input::Alarm(Alarm::Pace));
    assert!(step(&mut node, Input::Alarm(Alarm::Resend)).is_empty());
}

#[test]
fn after_a_burst_news_is_gathered_until_the_pace_is_over() {
    let mut node = connected();
    step(&mut node, Input::Alarm(Alarm::Pace));
    let passed_on = |effects: &[String]| {
        effects.iter().filter(|effect| effect.starts_with("Send([1], States")).count()
    };
    for changes in 2..20 {
        let effects = step(&mut node, states(3, vec![state(4, changes, &[])]));
        assert_eq!(passed_on(&effects), usize::from(changes < 2 + u64::from(BURST_MAX)));
    }
    let gathered = step(&mut node, Input::Alarm(Alarm::Pace));
    assert_eq!(passed_on(&gathered), 1);
    assert!(gathered[0].contains("changes: 19"), "{gathered:?}");
}

#[test]
fn another_life_of_a_neighbour_lacks_everything_and_is_no_news_to_the_machine_inside() {
    let mut node = connected();
    let known = |life| {
        let version = Version { changes: 9, ..Version::default() };
        let seen = (1..=4).map(|origin| Seen { origin: NodeId(origin), version }).collect();
        Input::Message { from: NodeId(1), body: Message::Known { life, seen } }
    };
    step(&mut node, known(1));
    step(&mut node, Input::Alarm(Alarm::Pace));
    let shown = step(&mut node, known(77));
    assert!(shown[0].starts_with("Send([1], States"), "{shown:?}");
    assert!(shown[0].contains("origin: NodeId(1)") && !shown[0].contains("origin: NodeId(2)"));
    let next = Message::States { life: 77, states: vec![state_of_life(1, 77, 2, &[])] };
    let effects = step(&mut node, Input::Message { from: NodeId(1), body: next });
    assert!(told(&effects).is_empty(), "its link tells: {effects:?}");
    let sent = effects.iter().find(|effect| effect.starts_with("Send([1], States")).unwrap();
    assert!((2..=4).all(|origin| sent.contains(&format!("origin: NodeId({origin})"))), "{sent}");
}

#[test]
fn a_far_node_in_another_life_is_closed_and_opened() {
    let mut node = connected();
    let effects = step(&mut node, states(3, vec![state_of_life(4, 44, 2, &[])]));
    assert_eq!(told(&effects), ["Closed(4)\", after own)", "Opened(4)\", after own)"]);
}

#[test]
fn what_the_last_life_said_is_outbid() {
    let mut node = connected();
    step(&mut node, Input::Alarm(Alarm::Pace));
    let effects = step(&mut node, states(3, vec![state(2, 50, &[1, 3])]));
    let own = "origin: NodeId(2), version: Version { incarnation: Incarnation(1), changes: 0";
    let sent = effects.iter().filter(|effect| effect.contains("States"));
    assert_eq!(sent.filter(|effect| effect.contains(own)).count(), 2, "{effects:?}");
    let at_the_end = Version { incarnation: machine::Incarnation(u64::MAX), changes: 9, life: 9 };
    let forged = LinkState { version: at_the_end, ..state(2, 0, &[1, 3]) };
    step(&mut node, states(3, vec![forged]));
    assert_eq!(node.routes().reached().count(), 3, "its own links it knows best");
}

#[test]
fn what_is_sent_is_split_by_next_hops_and_keeps_its_order_with_writes() {
    let mut node = connected();
    let sent = step(&mut node, Input::Command(vec![4, 1, 2, 3]));
    let copy = |via, to: &str| {
        let envelope = format!("from: NodeId(2), to: [{to}], hops: 4, body: 'x'");
        format!("Send([{via}], Carried(Envelope {{ {envelope} }}), after own)")
    };
    let itself = "Send([2], Direct('x'), after own)".to_owned();
    let expected = [itself, copy(1, "NodeId(1)"), copy(3, "NodeId(4), NodeId(3)")];
    assert_eq!(sent[1..], expected);
    step(&mut node, Input::Closed(NodeId(3)));
    assert_eq!(step(&mut node, Input::Command(vec![4])).len(), 1, "no way: only the report");
}

#[test]
fn what_is_carried_is_delivered_and_passed_on_with_a_hop_less() {
    let mut node = connected();
    let passed = step(&mut node, carried(1, 1, &[2, 4], 4));
    let envelope = "from: NodeId(1), to: [NodeId(4)], hops: 3, body: 'y'";
    let expected = [
        format!("Send([3], Carried(Envelope {{ {envelope} }}), after nothing)"),
        "Report(\"Message(1, 'y')\", after own)".to_owned(),
    ];
    assert_eq!(passed, expected);
    let back = step(&mut node, carried(3, 4, &[2], 1));
    assert_eq!(told(&back), ["Message(4, 'y')\", after own)"]);
    assert!(step(&mut node, carried(1, 1, &[4], 1)).is_empty(), "out of hops");
    let forged = step(&mut node, carried(1, 1, &[4], u16::MAX));
    assert!(forged[0].contains("hops: 3"), "{forged:?}");
    assert_eq!(told(&step(&mut node, direct(2))).len(), 1, "to itself");
}

#[test]
fn strangers_and_forgers_are_not_heard() {
    let mut node = connected();
    assert!(step(&mut node, carried(4, 4, &[2], 4)).is_empty(), "no neighbour");
    assert!(step(&mut node, direct(4)).is_empty(), "no way past the overlay");
    assert!(step(&mut node, direct(3)).is_empty());
    assert!(step(&mut node, carried(0, 0, &[2], 4)).is_empty(), "not from the outside");
    assert!(step(&mut node, carried(1, 1, &[0], 4)).is_empty(), "not to the outside");
    assert!(step(&mut node, states(4, vec![state(4, 9, &[])])).is_empty());
    assert!(step(&mut node, Input::Opened(NodeId(4))).is_empty(), "no edge");
    assert!(step(&mut node, Input::Closed(NodeId(4))).is_empty());
    assert!(step(&mut node, carried(1, 2, &[2], 4)).is_empty(), "its own name");
    assert!(step(&mut node, carried(1, 1, &[2; NODES_MAX + 1], 4)).is_empty());
    assert!(step(&mut node, states(1, vec![state(9, 9, &[])])).is_empty(), "no such node");
    step(&mut node, states(1, vec![state(1, 9, &[7, 8, 9])]));
    assert_eq!(node.routes().reached().count(), 3, "1 may only speak of its own links");
}

#[test]
fn nodes_outside_the_overlay_are_reached_directly() {
    let mut node = connected();
    assert_eq!(told(&step(&mut node, Input::Opened(NodeId(0)))), ["Opened(0)\", after own)"]);
    let sent = step(&mut node, Input::Command(vec![0]));
    assert_eq!(sent[1], "Send([0], Direct('x'), after own)");
    assert_eq!(told(&step(&mut node, direct(0))), ["Message(0, 'y')\", after own)"]);
    let mut directory = Routed::new(NodeId(0), node.overlay.clone(), Inner);
    assert_eq!(told(&step(&mut directory, Input::Opened(NodeId(4)))).len(), 1);
    assert!(step(&mut directory, Input::Command(vec![4]))[1].starts_with("Send([4], Direct("));
    assert_eq!(told(&step(&mut directory, direct(4))).len(), 1);
}

#[test]
fn a_neighbour_that_is_not_heard_is_gone_until_both_ends_hear_each_other() {
    let mut node = connected().watching(Duration::from_millis(50), Duration::from_millis(200));
    let mut at = |millis: u64, input| {
        let (mut random, mut effects) = (Random::from_seed(0), Vec::new());
        let now = Instant::from_nanos(millis * 1_000_000);
        node.handle(input, &mut Context::new(now, &mut random, &mut effects));
        effects.iter().map(|effect| format!("{effect:?}")).collect::<Vec<_>>()
    };
    let pulse = |hears| Input::Message { from: NodeId(3), body: Message::Pulse { hears } };
    let quiet = at(150, Input::Alarm(Alarm::Pulse));
    assert_eq!(quiet[0], "Send([1, 3], Pulse { hears: true }, after nothing)");
    assert_eq!(quiet[1], "Set(Pulse, 0.200)");
    at(190, carried(1, 1, &[2], 4));
    let lost = at(250, Input::Alarm(Alarm::Pulse));
    assert_eq!(told(&lost), ["Closed(3)\", after own)", "Closed(4)\", after own)"]);
    assert!(lost.contains(&"Send([3], Pulse { hears: false }, after nothing)".to_owned()));
    assert!(told(&at(260, pulse(false))).is_empty(), "it hears nothing yet");
    let back = at(270, pulse(true));
    assert_eq!(told(&back), ["Opened(3)\", after own)", "Opened(4)\", after own)"]);
    assert_eq!(told(&at(280, pulse(false))).len(), 2, "what is sent to it is lost");
}

#[test]
fn everything_else_passes_through() {
    let mut node = node();
    let (journal, epoch) = (Journal::Own, Epoch::ZERO.next(NodeId(1)));
    let replay = Input::Replay { journal, record: 7 };
    assert_eq!(told(&step(&mut node, replay)), ["Replay(Own, 7)\", after own)"]);
    assert_eq!(told(&step(&mut node, Input::Start)), ["Start\", after own)"]);
    assert_eq!(told(&step(&mut node, Input::Claimed(epoch))), ["Claimed(1.1)\", after own)"]);
    assert_eq!(told(&step(&mut node, Input::Refused(epoch))), ["Refused(1.1)\", after own)"]);
    let alarm = Input::Alarm(Alarm::Inner(3));
    assert_eq!(told(&step(&mut node, alarm)), ["Alarm(3)\", after own)"]);
}

#[test]
fn batches_are_bounded_and_lose_nothing() {
    let all: Vec<LinkState> = (0..200)
        .map(|origin| {
            let down: Vec<u32> = (0..origin * 3).collect();
            state(origin, 1, &down)
        })
        .collect();
    let batches = batches(all.clone());
    assert_eq!(batches.concat(), all);
    for batch in &batches {
        let down: usize = batch.iter().map(|state| state.down.len()).sum();
        assert!(batch.len() == 1 || 8 * batch.len() + down <= 256);
    }
    let origins: BTreeSet<usize> = batches.iter().map(Vec::len).collect();
    assert!(!origins.contains(&0) && origins.last().is_some_and(|&most| most > 5));
}
