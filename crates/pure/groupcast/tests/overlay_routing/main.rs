//! Whole groups whose messages cross edges of an overlay only.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

mod elections;
mod world;

use std::collections::BTreeSet;
use std::time::Duration;

use groupcast::overlay::Overlay;
use machine::{Context, Input, Machine, Never, NodeId, Random};
use proptest::prelude::*;

use self::world::World;

/// Sends a call to all others, and answers calls. It keeps who is there, as it was told.
struct Echo {
    me: NodeId,
    all: Vec<NodeId>,
    there: BTreeSet<NodeId>,
}

#[derive(Debug, Clone, PartialEq)]
enum Call {
    Call(u32),
    Answer(u32),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Called(NodeId, u32),
    Answered(NodeId, u32),
    Came(NodeId),
    Went(NodeId),
}

impl Machine for Echo {
    type Message = Call;
    type Command = u32;
    type Report = Told;
    type Record = Never;
    type Snapshot = Never;
    type Alarm = Never;

    fn handle(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Command(number) => {
                let others = self.all.iter().copied().filter(|&node| node != self.me).collect();
                cx.send_many(others, Call::Call(number));
            }
            Input::Message { from, body: Call::Call(number) } => {
                cx.report(Told::Called(from, number));
                cx.send(from, Call::Answer(number));
            }
            Input::Message { from, body: Call::Answer(number) } => {
                cx.report(Told::Answered(from, number));
            }
            Input::Opened(node) => {
                assert!(self.there.insert(node), "{} is told twice that {node} came", self.me);
                cx.report(Told::Came(node));
            }
            Input::Closed(node) => {
                assert!(self.there.remove(&node), "{} is told twice that {node} went", self.me);
                cx.report(Told::Went(node));
            }
            _ => {}
        }
    }
}

fn nodes(count: u32) -> BTreeSet<NodeId> {
    (1..=count).map(NodeId).collect()
}

fn echo(overlay: &Overlay) -> impl Fn(NodeId) -> Echo + use<> {
    let all: Vec<NodeId> = overlay.nodes().collect();
    move |me| Echo { me, all: all.clone(), there: BTreeSet::new() }
}

fn echoes(overlay: Overlay, seed: u64) -> World<Echo> {
    let make = echo(&overlay);
    let mut world = World::new(overlay, seed, make);
    world.start();
    world
}

fn degree_three(count: u32, seed: u64) -> Overlay {
    Overlay::degree_three(&nodes(count), &mut Random::from_seed(seed)).unwrap()
}

/// Ample for whatever a world still has to say about its links.
const SETTLE: Duration = Duration::from_secs(20);

/// Each living node knows exactly the shortest ways that are there, and told its machine so.
fn assert_knows(world: &World<Echo>) {
    for (&me, node) in &world.nodes {
        let truth = world.overlay.routes_over(me, |one, other| world.is_up(one, other));
        assert_eq!(node.routes(), &truth, "the ways of {me}");
        let reached: BTreeSet<NodeId> = truth.reached().collect();
        assert_eq!(node.inner().there, reached, "what {me} was told");
    }
}

/// Each node calls all others; exactly those that it can reach answer, once, over shortest ways.
fn assert_all_hear_each_other(world: &mut World<Echo>) {
    world.run(SETTLE);
    assert!(world.is_quiet(), "nothing is said when nothing changes");
    assert_knows(world);
    world.reports.clear();
    world.arrivals.clear();
    for node in world.ids() {
        world.command(node, node.0);
    }
    world.run(SETTLE);
    let mut expected = Vec::new();
    for (&me, node) in &world.nodes {
        for other in node.routes().reached() {
            expected.push((me, Told::Answered(other, me.0)));
            expected.push((me, Told::Called(other, other.0)));
        }
    }
    expected.sort();
    world.reports.sort();
    assert_eq!(world.reports, expected);
    assert_eq!(world.arrivals.len(), expected.len());
    for &(from, to, crossed) in &world.arrivals {
        assert_eq!(world.nodes[&from].routes().hops(to), Some(crossed), "{from} to {to}");
    }
}

#[test]
fn all_hear_each_other_over_edges_only() {
    for count in 1..=30 {
        for seed in 0..3 {
            let mut random = Random::from_seed(seed);
            let leader = NodeId(count);
            for overlay in [
                degree_three(count, seed),
                Overlay::ring(&nodes(count)).unwrap(),
                Overlay::leader_and_random(&nodes(count), leader, 3, &mut random).unwrap(),
            ] {
                assert_all_hear_each_other(&mut echoes(overlay, seed));
            }
        }
    }
    assert_all_hear_each_other(&mut echoes(Overlay::mesh(&nodes(20)).unwrap(), 1));
}

#[test]
fn a_multicast_crosses_each_edge_of_a_tree_once() {
    for seed in 0..60 {
        let overlay = degree_three(2 + seed as u32 % 30, seed);
        let routes = overlay.routes(NodeId(1));
        let ways: Vec<u16> = routes.reached().filter_map(|node| routes.hops(node)).collect();
        let answers: u64 = ways.iter().copied().map(u64::from).sum();
        let mut world = echoes(overlay, seed);
        world.run(SETTLE);
        world.command(NodeId(1), 1);
        world.run(SETTLE);
        assert_eq!(world.carried, ways.len() as u64 + answers);
    }
}

#[test]
fn after_crashes_that_leave_the_overlay_connected_all_survivors_hear_each_other() {
    let mut crashed = 0;
    for seed in 0..40 {
        let mut random = Random::from_seed(seed);
        let count = random.between(4, 30) as u32;
        let mut world = echoes(degree_three(count, seed), seed);
        world.run(SETTLE);
        for victim in world.ids() {
            let left = |node| node != victim && world.nodes.contains_key(&node);
            let from = world.ids().into_iter().find(|&node| left(node)).unwrap();
            let routes = world.overlay.routes_over(from, |one, other| left(one) && left(other));
            let connected = routes.reached().count() + 2 == world.nodes.len();
            if connected && world.nodes.len() > 2 && random.chance(0.3) {
                world.kill(victim);
                crashed += 1;
                if random.chance(0.5) {
                    assert_all_hear_each_other(&mut world);
                }
            }
        }
        assert_all_hear_each_other(&mut world);
    }
    assert!(crashed > 100, "{crashed} crashes");
}

#[test]
fn a_crash_is_told_to_all_within_a_few_hops_and_to_neighbours_at_once() {
    let mut world = echoes(Overlay::ring(&nodes(9)).unwrap(), 3);
    world.run(SETTLE);
    world.reports.clear();
    world.kill(NodeId(5));
    world.run(Duration::from_millis(1));
    let went = Told::Went(NodeId(5));
    assert_eq!(world.reports.iter().filter(|(_, told)| *told == went).count(), 2);
    // What 6 saw has six hops to 3, of 5 ms at most; no timer is waited for.
    world.run(Duration::from_millis(30));
    assert_eq!(world.reports.iter().filter(|(_, told)| *told == went).count(), 8);
    assert_eq!(world.reports.len(), 8, "nobody is told anything else");
}

#[test]
fn a_neighbour_whose_link_alone_is_cut_comes_back_by_another_way() {
    let mut world = echoes(Overlay::ring(&nodes(5)).unwrap(), 4);
    world.run(SETTLE);
    world.reports.clear();
    world.cut(NodeId(1), NodeId(2));
    world.run(SETTLE);
    world.reports.sort();
    let expected = [(1, 2), (2, 1)].map(|(me, other)| {
        let other = NodeId(other);
        [(NodeId(me), Told::Came(other)), (NodeId(me), Told::Went(other))]
    });
    assert_eq!(world.reports, expected.concat(), "all others saw another way all along");
    assert_all_hear_each_other(&mut world);
    world.heal(NodeId(1), NodeId(2));
    assert_all_hear_each_other(&mut world);
}

#[test]
fn what_is_cut_off_is_known_to_be_gone_and_comes_back_with_the_link() {
    let edges = [(1, 2), (2, 3), (3, 1), (3, 4), (4, 5), (5, 6), (6, 4)];
    let edges = edges.map(|(one, other)| (NodeId(one), NodeId(other)));
    let overlay = Overlay::from_edges(&nodes(6), edges).unwrap();
    let mut world = echoes(overlay, 5);
    world.run(SETTLE);
    world.cut(NodeId(3), NodeId(4));
    assert_all_hear_each_other(&mut world);
    assert_eq!(world.nodes[&NodeId(1)].inner().there, [NodeId(2), NodeId(3)].into());
    world.cut(NodeId(5), NodeId(6));
    assert_all_hear_each_other(&mut world);
    world.heal(NodeId(3), NodeId(4));
    assert_all_hear_each_other(&mut world);
    assert_eq!(world.nodes[&NodeId(1)].inner().there.len(), 5);
}

#[test]
fn a_node_that_restarts_is_told_to_be_another_one_wherever_it_was_known() {
    for seed in 0..20 {
        let mut world = echoes(Overlay::ring(&nodes(8)).unwrap(), seed);
        world.run(SETTLE);
        world.reports.clear();
        let (node, make) = (NodeId(3), echo(&world.overlay));
        world.kill(node);
        // Sooner than the news of its end has gone round.
        world.run(Duration::from_millis(seed));
        world.restart(node, make(node));
        world.run(SETTLE);
        for other in world.ids().into_iter().filter(|&other| other != node) {
            let count = |told: Told| {
                world.reports.iter().filter(|report| **report == (other, told.clone())).count()
            };
            let (went, came) = (count(Told::Went(node)), count(Told::Came(node)));
            assert!(went == came && went >= 1, "{other} was told {went} times in seed {seed}");
        }
        assert_all_hear_each_other(&mut world);
    }
}

/// What may happen to a group.
#[derive(Debug, Clone)]
enum Happening {
    Kill(u32),
    Restart(u32),
    Cut(usize),
    Heal(usize),
    Call(u32),
    Pass(u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        (1..=12_u32).prop_map(Happening::Kill),
        (1..=12_u32).prop_map(Happening::Restart),
        (0..18_usize).prop_map(Happening::Cut),
        (0..18_usize).prop_map(Happening::Heal),
        (1..=12_u32).prop_map(Happening::Call),
        (0..40_u64).prop_map(Happening::Pass),
    ]
}

fn happen(world: &mut World<Echo>, happening: &Happening) {
    let edges: Vec<_> = world.overlay.edges().collect();
    let make = echo(&world.overlay);
    match *happening {
        Happening::Kill(node) => world.kill(NodeId(node)),
        Happening::Restart(node) => {
            let node = NodeId(node);
            if world.overlay.contains(node) && !world.nodes.contains_key(&node) {
                world.restart(node, make(node));
            }
        }
        Happening::Cut(place) => {
            edges.get(place).into_iter().for_each(|&(one, other)| world.cut(one, other));
        }
        Happening::Heal(place) => {
            edges.get(place).into_iter().for_each(|&(one, other)| world.heal(one, other));
        }
        Happening::Call(node) => world.command(NodeId(node), 0),
        Happening::Pass(millis) => world.run(Duration::from_millis(millis)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_happened_when_it_ends_all_know_the_ways_there_are(
        count in 2..=12_u32,
        seed: u64,
        loss in 0.0..0.4_f64,
        happenings in proptest::collection::vec(happening(), 0..60),
    ) {
        let mut world = echoes(degree_three(count, seed), seed);
        (world.loss, world.doubling) = (loss, 0.1);
        world.longest_delay = Duration::from_millis(1 + seed % 100);
        for happening in &happenings {
            happen(&mut world, happening);
        }
        (world.loss, world.doubling) = (0.0, 0.0);
        assert_all_hear_each_other(&mut world);
    }
}
