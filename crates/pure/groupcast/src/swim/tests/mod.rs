mod world;

use machine::{Effect, Instant, Random};
use proptest::prelude::*;

use super::*;
use world::{PERIOD, World};

/// By when news has reached everybody, in groups of up to 60: a probe that meets the crashed one,
/// eight periods of suspicion, and a few rounds of gossip.
const NEWS: u32 = 25;

fn gathered(size: u32, seed: u64) -> World {
    let mut world = World::new(size, seed);
    world.pass(NEWS * PERIOD);
    assert!(world.agrees(), "{size} machines with seed {seed} do not know each other");
    world
}

fn step(swim: &mut Swim, input: Input<Swim>) -> Vec<String> {
    let (mut random, mut effects) = (Random::from_seed(0), Vec::new());
    swim.handle(input, &mut Context::new(Instant::ZERO, &mut random, &mut effects));
    effects
        .iter()
        .map(|effect: &Effect<Swim>| match effect {
            Effect::Send { to, after, .. } => format!("Send({:?}) after {after:?}", to.nodes()),
            other => format!("{other:?}"),
        })
        .collect()
}

fn swim(node: u32, seeds: &[u32]) -> Swim {
    let mut settings = Settings::new(NodeId(node), PERIOD, 10);
    settings.seeds = seeds.iter().copied().map(NodeId).collect();
    Swim::new(settings, Incarnation(1))
}

#[test]
fn a_start_asks_the_seeds_until_one_answers() {
    let mut swim = swim(2, &[1, 2, 3]);
    let asked = ["Send([NodeId(1)]) after Nothing", "Send([NodeId(3)]) after Nothing"];
    let expected = [asked[0], asked[1], "Set(Join, 1.000)"];
    assert!(step(&mut swim, Input::Opened(NodeId(1))).is_empty(), "not before the start");
    assert_eq!(step(&mut swim, Input::Start), expected);
    assert_eq!(step(&mut swim, Input::Alarm(Alarm::Join)), expected);
    assert_eq!(step(&mut swim, Input::Opened(NodeId(3))), [asked[1]]);
    assert!(step(&mut swim, Input::Opened(NodeId(4))).is_empty(), "no seed");
}

#[test]
fn groups_of_three_to_sixty_find_a_crashed_member_though_messages_are_lost() {
    let worlds = [(3, 20), (5, 10), (10, 10), (30, 3), (60, 2)];
    for (size, seed) in worlds.iter().flat_map(|&(size, seeds)| (0..seeds).map(move |s| (size, s)))
    {
        let mut world = gathered(size, seed);
        world.loss = 0.05;
        world.crash(size / 2 + 1);
        let crashed = NodeId(size / 2 + 1);
        world.pass(2 * NEWS * PERIOD);
        assert!(world.agrees(), "seed {seed}: somebody of {size} has not heard of the crash");
        assert_eq!(world.count(Report::Down(crashed)), size as usize - 1);
        assert_eq!(world.count(Report::Rejoined), 0, "seed {seed}: nobody alive was down");
    }
}

#[test]
fn a_slow_member_refutes_and_is_never_down() {
    let mut world = gathered(10, 1);
    world.slow.insert(NodeId(4), PERIOD * 5 / 4);
    world.pass(20 * NEWS * PERIOD);
    assert_eq!(world.count(Report::Down(NodeId(4))), 0);
    let suspicions = |world: &World| {
        let machines = world.machines.values();
        machines.filter(|swim| swim.timers.contains_key(&Alarm::Suspicion(NodeId(4)))).count()
    };
    assert!(suspicions(&world) > 0, "but it was suspected: its answers come too late");
    assert_eq!(world.count(Report::Rejoined), 0, "and who refuted is not told that it is down");
    // The same with less time to refute than news takes.
    let mut world = gathered(10, 1);
    world.slow.insert(NodeId(4), 10 * PERIOD);
    world.pass(NEWS * PERIOD);
    assert!(world.count(Report::Down(NodeId(4))) > 0);
}

#[test]
fn traffic_a_node_does_not_grow_with_the_group() {
    let periods = 300;
    let a_node_and_period = |size: u32| {
        let mut world = gathered(size, 1);
        world.pass(10 * NEWS * PERIOD);
        let before = world.sent;
        world.pass(periods * PERIOD);
        (world.sent - before) as f64 / f64::from(size * periods)
    };
    // A probe and its answer, and each thirtieth period a question for members and its answer.
    let expected = 2.0 + 2.0 / 30.0;
    for size in [10, 20, 60] {
        let messages = a_node_and_period(size);
        assert!((messages - expected).abs() < 0.02, "{size} nodes: {messages} a node and period");
    }
}

#[test]
fn who_leaves_is_down_before_any_suspicion_could_be() {
    let mut world = gathered(10, 1);
    world.input(NodeId(4), Input::Command(Command::Leave));
    world.pass(2 * PERIOD);
    assert_eq!(world.count(Report::Down(NodeId(4))), 9);
    assert_eq!(world.machines[&NodeId(4)].members().count(), 0);
    let sent = world.sent;
    world.input(NodeId(4), Input::Alarm(Alarm::Probe));
    world.input(NodeId(4), Input::Alarm(Alarm::Join));
    assert_eq!(world.sent, sent, "it is silent from now on");
}

#[test]
fn who_was_cut_off_comes_back_and_accuses_nobody() {
    let mut world = gathered(10, 1);
    world.parted.insert(NodeId(4));
    world.pass(4 * NEWS * PERIOD);
    assert_eq!(world.count(Report::Down(NodeId(4))), 9);
    assert_eq!(world.machines[&NodeId(4)].members().count(), 0);
    world.reports.clear();
    world.parted.clear();
    world.pass(NEWS * PERIOD);
    assert!(world.agrees());
    assert_eq!(world.reports[&NodeId(4)][..2], [Report::Up(NodeId(1)), Report::Rejoined]);
    for node in [1, 2, 3, 5, 6, 7, 8, 9, 10] {
        assert_eq!(world.reports[&NodeId(node)], [Report::Up(NodeId(4))]);
    }
}

#[test]
fn halves_that_were_parted_find_together() {
    for (size, seed) in [4, 10].into_iter().flat_map(|size| (0..20).map(move |seed| (size, seed))) {
        let mut world = gathered(size, seed);
        world.parted.extend((size / 2 + 1..=size).map(NodeId));
        world.pass(4 * NEWS * PERIOD);
        assert_eq!(world.machines[&NodeId(1)].members().count() as u32, size / 2 - 1);
        assert_eq!(world.machines[&NodeId(size)].members().count() as u32, size / 2 - 1);
        world.parted.clear();
        // It takes until a member that is down is asked.
        world.pass(8 * NEWS * PERIOD);
        assert!(world.agrees(), "seed {seed} of {size}");
    }
}

#[test]
fn a_restart_that_nobody_noticed_is_down_and_up() {
    let mut world = gathered(5, 1);
    world.reports.clear();
    world.crash(4);
    world.start(4, 5, 2);
    world.pass(NEWS * PERIOD);
    assert!(world.agrees());
    let expected = [Report::Down(NodeId(4)), Report::Up(NodeId(4))];
    for node in [1, 2, 3, 5] {
        assert_eq!(world.reports[&NodeId(node)], expected);
    }
}

/// To whom a machine sends what on this input.
fn sent(swim: &mut Swim, input: Input<Swim>) -> Vec<(NodeId, Message)> {
    let (mut random, mut effects) = (Random::from_seed(0), Vec::new());
    swim.handle(input, &mut Context::new(Instant::ZERO, &mut random, &mut effects));
    let messages = effects.into_iter().filter_map(|effect| match effect {
        Effect::Send { to, body, .. } => Some((to.nodes()[0], body)),
        _ => None,
    });
    messages.collect()
}

/// What a node that starts sends to its seed, as the seed gets it.
fn announcement(node: u32, seed: u32) -> Input<Swim> {
    let (_, body) = sent(&mut swim(node, &[seed]), Input::Start).remove(0);
    Input::Message { from: NodeId(node), body }
}

#[test]
fn a_sender_that_is_not_who_it_says_is_ignored() {
    let mut one = swim(1, &[]);
    step(&mut one, Input::Start);
    let Input::Message { body, .. } = announcement(2, 1) else { panic!("no message") };
    assert!(step(&mut one, Input::Message { from: NodeId(3), body: body.clone() }).is_empty());
    let heard = step(&mut one, Input::Message { from: NodeId(2), body });
    assert_eq!(heard[0], "Report(Up(NodeId(2)))");
}

#[test]
fn the_list_is_bounded_and_those_on_it_are_heard_when_it_is_full() {
    let (mut full, mut two) = (swim(1, &[]), swim(2, &[]));
    let unknown = MEMBERS_MAX as u32 + 1000;
    step(&mut full, Input::Start);
    step(&mut two, Input::Start);
    step(&mut two, announcement(1, 2));
    step(&mut two, announcement(unknown, 2));
    for node in 2..=MEMBERS_MAX as u32 + 100 {
        step(&mut full, announcement(node, 1));
    }
    assert_eq!((full.members().count(), full.check()), (MEMBERS_MAX, Ok(())));
    // What 2 says is heard, without the news of the one that is too many.
    let mut answers = Vec::new();
    for (_, body) in sent(&mut two, announcement(1, 2)) {
        answers.extend(step(&mut full, Input::Message { from: NodeId(2), body }));
    }
    for (to, body) in sent(&mut two, Input::Alarm(Alarm::Gossip)) {
        if to == NodeId(1) {
            assert!(body.0.len() > 15, "with the news of {unknown}");
            answers.extend(step(&mut full, Input::Message { from: NodeId(2), body }));
        }
    }
    assert_eq!(answers, [""; 0], "no report of a member more");
    assert_eq!(full.members().count(), MEMBERS_MAX);
    assert_eq!(step(&mut full, announcement(2, 1)), ["Send([NodeId(2)]) after Nothing"]);
}

proptest! {
    /// Bytes at random, and messages of a real group with some bytes changed.
    #[test]
    fn no_message_makes_a_panic(
        noise in prop::collection::vec(any::<u8>(), 0..100),
        changes in prop::collection::vec((0..60_usize, any::<u8>()), 0..6),
    ) {
        let mut one = swim(1, &[2]);
        let (mut random, mut effects) = (Random::from_seed(0), Vec::new());
        let mut cx = Context::new(Instant::ZERO, &mut random, &mut effects);
        one.handle(Input::Start, &mut cx);
        let mut other = swim(2, &[1]);
        other.handle(Input::Start, &mut cx);
        for _ in 0..3 {
            for effect in std::mem::take(&mut effects) {
                let Effect::Send { body: Message(data), .. } = effect else { continue };
                let mut data = data.to_vec();
                for &(at, byte) in &changes {
                    if let Some(place) = data.get_mut(at) {
                        *place = byte;
                    }
                }
                for (data, from) in [(data.clone(), 1), (data, 2), (noise.clone(), 2)] {
                    let mut cx = Context::new(Instant::ZERO, &mut random, &mut effects);
                    let body = Message(data.into());
                    let input = Input::Message { from: NodeId(from), body: body.clone() };
                    one.handle(input, &mut cx);
                    other.handle(Input::Message { from: NodeId(from), body }, &mut cx);
                }
            }
        }
        prop_assert_eq!((one.check(), other.check()), (Ok(()), Ok(())));
    }
}
