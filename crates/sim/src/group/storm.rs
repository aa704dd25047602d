//! A world of its own: a large group that comes together at once, loses a third of its members at
//! once, and takes them in again.

use std::collections::BTreeSet;
use std::time::Duration;

use groupcast::group::{Delivery, Order};
use machine::NodeId;

use super::liveness::is_together;
use super::world::GroupWorld;
use super::{Options, Swarm};
use crate::engine::Links;

/// How long each stage may take.
const STAGE_WITHIN: Duration = Duration::from_secs(120);

/// What one stage took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// What was waited for.
    pub name: &'static str,
    /// Whether it came.
    pub is_reached: bool,
    /// Virtual time.
    pub took: Duration,
    /// Messages of the protocol that were delivered.
    pub messages: u64,
    /// Views that were installed.
    pub views: u64,
}

/// A storm: `nodes` nodes join within half a second, a third of them crash in one instant, and come
/// back after the others have gone on without them. Links of 1 to 3 ms that lose nothing.
pub fn storm(seed: u64, nodes: u32, order: Order, delivery: Delivery) -> Vec<Stage> {
    let mut swarm = Swarm::from_seed(seed);
    swarm.nodes = nodes;
    swarm.faults.clear();
    swarm.links = Links {
        delay_min: Duration::from_millis(1),
        delay_spread: Duration::from_millis(2),
        straggler_one_in: 0,
        loss: 0.0,
        duplication: 0.0,
    };
    let mut settings = groupcast::group::Settings::new(NodeId(0), machine::Incarnation(0), "");
    (settings.order, settings.delivery) = (order, delivery);
    swarm.settings = settings;
    swarm.codec = false;
    let mut group = GroupWorld::new(swarm, &Options::default());
    let mut stages = Vec::new();
    stages.push(stage(&mut group, "all joined", is_together));
    let third: BTreeSet<NodeId> = (0..nodes).step_by(3).map(NodeId).collect();
    for &node in &third {
        group.crash(node);
    }
    let left = nodes as usize - third.len();
    stages.push(stage(&mut group, "a third crashed", |group| {
        group.views().len() == left
            && group.views().iter().all(|(_, view)| view.members.len() == left)
    }));
    for node in third {
        group.start(node);
    }
    stages.push(stage(&mut group, "they came back", is_together));
    stages
}

fn stage(group: &mut GroupWorld, name: &'static str, held: impl Fn(&GroupWorld) -> bool) -> Stage {
    let (began, messages, views) =
        (group.world.now(), group.world.delivered, group.watch.contents.views);
    let mut is_reached = false;
    while !is_reached && group.watch.violation.is_none() {
        let next = group.world.now() + Duration::from_millis(1);
        if next > began + STAGE_WITHIN {
            break;
        }
        group.run_until(next);
        is_reached = held(group);
    }
    Stage {
        name,
        is_reached: is_reached && group.watch.violation.is_none(),
        took: group.world.now().since(began),
        messages: group.world.delivered - messages,
        views: group.watch.contents.views - views,
    }
}
