//! Elections on overlays: they know nothing of them, and end in one leader all the same.

use std::collections::BTreeSet;
use std::time::Duration;

use groupcast::election::bully::{self, Bully};
use groupcast::election::ring::{self, Ring};
use groupcast::election::{self, Command};
use groupcast::leadership::{Bar, First, Initiator, Leadership, Report, Settings};
use groupcast::overlay::Overlay;
use machine::{Epoch, Machine, NodeId, Random};

use super::world::World;
use super::{degree_three, nodes};

fn leadership(voters: &BTreeSet<NodeId>) -> impl Fn(NodeId) -> Leadership + use<> {
    let voters = voters.clone();
    move |me| {
        Leadership::new(Settings {
            me,
            voters: voters.clone(),
            heartbeat_period: Duration::from_millis(100),
            heartbeat_limit: Duration::from_millis(500),
            // Many hops of 5 ms at most, there and back.
            answer_limit: Duration::from_millis(200),
            resend: Duration::from_millis(200),
            initiator: Initiator::Every,
            first: First::Elected,
            bar: Bar::Resigned,
        })
    }
}

/// The epoch that all living nodes agree on.
fn leader(world: &World<Leadership>) -> Epoch {
    let epochs: BTreeSet<_> = world.nodes.values().map(|node| node.inner().epoch()).collect();
    let [Some(epoch)] = Vec::from_iter(epochs)[..] else { panic!("no agreement") };
    assert!(world.nodes[&epoch.node].inner().is_leading());
    epoch
}

#[test]
fn the_leader_is_one_at_the_start_and_after_each_crash() {
    for seed in 0..10 {
        let count = 5 + seed as u32;
        let voters = nodes(count);
        let mut random = Random::from_seed(seed);
        for overlay in [
            degree_three(count, seed),
            Overlay::ring(&voters).unwrap(),
            Overlay::leader_and_random(&voters, NodeId(count), count as usize, &mut random)
                .unwrap(),
        ] {
            let mut world = World::new(overlay, seed, leadership(&voters));
            world.start();
            world.run(Duration::from_secs(5));
            let first = leader(&world);
            assert_eq!(first.node, NodeId(count), "the bully election's highest");
            world.kill(first.node);
            world.run(Duration::from_secs(5));
            let second = leader(&world);
            assert!(second > first);
            assert_eq!(second.node, NodeId(count - 1));
            let elected =
                |(_, report): &&(NodeId, Report)| matches!(report, Report::Elected { .. });
            assert_eq!(world.reports.iter().filter(elected).count(), 2, "one election each");
        }
    }
}

/// Starts an election at some nodes of a degree-three overlay at once; the highest one wins alone.
fn assert_one_wins<M>(seed: u64, make: impl Fn(NodeId, &BTreeSet<NodeId>) -> M)
where
    M: Machine<Command = Command, Report = election::Report>,
{
    let mut random = Random::from_seed(seed);
    let count = random.between(3, 20) as u32;
    let all = nodes(count);
    let mut world = World::new(degree_three(count, seed), seed, |me| make(me, &all));
    world.start();
    world.run(Duration::from_secs(1));
    let mut starters: Vec<NodeId> = world.ids();
    starters.retain(|_| random.chance(0.5));
    for &node in starters.iter().chain([&NodeId(1)]) {
        world.command(node, Command::Start);
    }
    world.run(Duration::from_secs(5));
    let won = world.reports.iter().filter(|(_, report)| *report == election::Report::Won);
    let winners: BTreeSet<NodeId> = won.map(|(node, _)| *node).collect();
    assert_eq!(winners, [NodeId(count)].into(), "seed {seed}");
}

/// Far longer than any way there and back.
const ANSWER_LIMIT: Duration = Duration::from_millis(500);
/// Longer than the test: nobody gives up on the winner.
const VICTORY_LIMIT: Duration = Duration::from_secs(60);

#[test]
fn any_number_of_bully_elections_at_once_end_in_one_winner() {
    for seed in 0..60 {
        assert_one_wins(seed, |me, all| {
            Bully::new(bully::Settings {
                me,
                candidates: all.clone(),
                answer_limit: ANSWER_LIMIT,
                victory_limit: VICTORY_LIMIT,
            })
        });
    }
}

#[test]
fn any_number_of_ring_elections_at_once_end_in_one_winner() {
    for seed in 0..60 {
        assert_one_wins(seed, |me, all| {
            Ring::new(ring::Settings {
                me,
                order: all.iter().copied().collect(),
                answer_limit: ANSWER_LIMIT,
                tries: 1,
                victory_limit: VICTORY_LIMIT,
            })
        });
    }
}
