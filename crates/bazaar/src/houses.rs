//! From a scenario of trading houses to what each of its processes is told.

use std::time::Duration;

use groupcast::election::bully;
use houses::{
    Cache, CustomerSettings, Durability, Hired, Node, Premises, Refuse, Resident, ResidentSettings,
    Scaling, Settings, Times, TraderChoice, Warehouse, WarehouseSettings,
};
use machine::{Incarnation, NodeId};
use market::Kernel;

use crate::bug::Bug;
use crate::nodes::DIRECTORY;
use crate::scenario::{self, LeaseDurability, Scenario};
use crate::settings::{buyer_settings, membership_settings, role, rules, seller_settings};

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
        let scaling = scaling(scenario);
        let own = WarehouseSettings { founding, snapshot_every, scaling };
        let warehouse = Warehouse::new(settings, own);
        Node::Premises(Box::new(Premises::new(warehouse, scenario.group.expiry, life)))
    } else if me.0 > scenario.run.peers {
        let membership = membership_settings(scenario, me, address);
        let (rules, limit) = (rules(scenario), gather_limit(scenario));
        Node::Hired(Box::new(Hired::new(settings, rules, membership, limit)))
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
        traders: peers(scenario).chain(hired(scenario)).collect(),
        hired: hired(scenario).collect(),
        customers: peers(scenario).collect(),
        cache: match scenario.cache {
            scenario::Cache::None => Cache::None,
            scenario::Cache::TimeToLive => Cache::TimeToLive { age_max: houses.age_max, refuse },
            scenario::Cache::Push => Cache::Push { period: houses.push_period, refuse },
            scenario::Cache::Ledger => Cache::Ledger { period: houses.push_period, refuse },
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
                scenario::TraderChoice::LeastLoaded => TraderChoice::LeastLoaded,
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
        replaces_lost: scenario.houses.replace_lost,
        gather: scenario.run.peers as usize - 1,
        gather_limit: gather_limit(scenario),
    }
}

fn peers(scenario: &Scenario) -> impl Iterator<Item = NodeId> {
    (1..=scenario.run.peers).map(NodeId)
}

/// The traders that may be started beside those that are elected: their numbers follow the peers'.
pub fn hired(scenario: &Scenario) -> impl Iterator<Item = NodeId> + use<> {
    let most = scenario.scaling.traders_max.saturating_sub(scenario.houses.traders);
    let first = scenario.run.peers + 1;
    (first..first + most).map(NodeId)
}

fn gather_limit(scenario: &Scenario) -> Duration {
    scenario.group.heartbeat_limit.max(Duration::from_millis(1))
}

fn scaling(scenario: &Scenario) -> Scaling {
    let (scaling, houses) = (&scenario.scaling, &scenario.houses);
    Scaling {
        least: houses.traders as usize,
        most: scaling.traders_max as usize,
        answers_per_second: scaling.answers_per_second,
        tolerance_percent: scaling.tolerance_percent,
        period: scaling.period,
        calm: scaling.calm,
        tells_loads: houses.choice == scenario::TraderChoice::LeastLoaded,
    }
}
