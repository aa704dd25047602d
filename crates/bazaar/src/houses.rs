//! From a scenario of trading houses to what each of its processes is told.

use std::time::Duration;

use groupcast::election::bully;
use houses::{
    Cache, CustomerSettings, Durability, Node, Premises, Refuse, Resident, ResidentSettings,
    Settings, Times, TraderChoice, Warehouse, WarehouseSettings,
};
use machine::{Incarnation, NodeId};
use market::Kernel;

use crate::actor::Bug;
use crate::scenario::{self, LeaseDurability, Scenario};
use crate::settings::{
    DIRECTORY, buyer_settings, membership_settings, role, rules, seller_settings,
};

/// The machine of the node `me`, which listens on `address`: node 0 is the warehouse, whose lives
/// rise from start to start.
#[cfg_attr(not(feature = "planted"), allow(unused_variables, reason = "there is no bug then"))]
pub fn node(scenario: &Scenario, me: NodeId, address: String, life: Incarnation, bug: Bug) -> Node {
    let settings = settings(scenario, me);
    #[cfg(feature = "planted")]
    let settings = Settings { planted: bug.houses, ..settings };
    if me == DIRECTORY {
        let founding = Kernel::new(rules(scenario));
        let founding = founding.expect("a scenario's commission is no more than the price");
        let snapshot_every = scenario.journal.snapshot_every.into();
        let warehouse = Warehouse::new(settings, WarehouseSettings { founding, snapshot_every });
        Node::Premises(Box::new(Premises::new(warehouse, scenario.group.expiry, life)))
    } else {
        let own = resident_settings(scenario, me, address);
        Node::Resident(Box::new(Resident::new(settings, own)))
    }
}

fn settings(scenario: &Scenario, me: NodeId) -> Settings {
    let (houses, group) = (&scenario.houses, &scenario.group);
    let refuse = match houses.refuse {
        scenario::Refuse::Never => Refuse::Never,
        scenario::Refuse::FreshZero => Refuse::Fresh(houses.age_max),
        scenario::Refuse::Zero => Refuse::Always,
    };
    Settings {
        me,
        warehouse: DIRECTORY,
        // Any peer may be elected, and who is not buys or sells.
        traders: peers(scenario).collect(),
        customers: peers(scenario).collect(),
        cache: match scenario.cache {
            scenario::Cache::None => Cache::None,
            scenario::Cache::TimeToLive => Cache::TimeToLive { age_max: houses.age_max, refuse },
            scenario::Cache::Push => Cache::Push { period: houses.push_period, refuse },
            scenario::Cache::Lease => Cache::Lease,
        },
        durability: match houses.durability {
            LeaseDurability::Warehouse => Durability::Warehouse,
            LeaseDurability::Buddy => Durability::Buddy,
            LeaseDurability::TraderLog => Durability::TraderLog,
        },
        times: Times {
            beat_period: group.heartbeat_period,
            beat_limit: group.heartbeat_limit,
            resend: scenario.trade.resend,
            report_every: houses.report_every,
            recall_limit: houses.recall_limit,
            horizon: houses.horizon,
        },
        tells_answers: true,
        #[cfg(feature = "planted")]
        planted: None,
    }
}

fn resident_settings(scenario: &Scenario, me: NodeId, address: String) -> ResidentSettings {
    let answer_limit = scenario.group.answer_limit;
    ResidentSettings {
        rules: rules(scenario),
        customer: CustomerSettings {
            role: role(scenario, me),
            buyer: buyer_settings(scenario, me),
            seller: seller_settings(scenario),
            goods: scenario.trade.goods.clone(),
            choice: match scenario.houses.choice {
                scenario::TraderChoice::Random => TraderChoice::Random,
                scenario::TraderChoice::Sticky => TraderChoice::Sticky,
            },
        },
        membership: membership_settings(scenario, me, address),
        election: bully::Settings {
            me,
            candidates: peers(scenario).collect(),
            answer_limit,
            // Who answered may have to wait for an answer itself.
            victory_limit: answer_limit * 3,
        },
        posts: scenario.houses.traders as usize,
        gather: scenario.run.peers as usize - 1,
        gather_limit: scenario.group.heartbeat_limit.max(Duration::from_millis(1)),
    }
}

fn peers(scenario: &Scenario) -> impl Iterator<Item = NodeId> {
    (1..=scenario.run.peers).map(NodeId)
}
