//! How the peers of a world behave: a lively market, with limits short enough for a minute.

use std::time::Duration;

use groupcast::leadership::{self, First, Initiator};
use groupcast::membership;
use machine::NodeId;
use market::{Good, Kernel, Rules, SellerChoice};
use peer::{BuyerSettings, Range, Role, SellerSettings, Settings, TraderSettings};

use crate::market_world::DIRECTORY;
use crate::swarm::{Handover, Swarm};

/// A commission that needs rounding on most sales.
const RULES: Rules = Rules { commission_basis_points: 1_250, choice: SellerChoice::Random };

/// The empty market that the first trader founds.
pub(crate) fn founding() -> Kernel {
    Kernel::new(RULES).expect("the commission is below the whole price")
}

/// Of ten peers five buy, three sell and two do both.
fn role(node: NodeId) -> Role {
    let place = node.0 % 10;
    Role { buys: !matches!(place, 1 | 4 | 7), sells: matches!(place, 1 | 4 | 7 | 2 | 5) }
}

/// Every other peer takes back what is unsold when it leaves, unless it would bring nothing after.
pub(crate) fn takes_back(node: NodeId, swarm: &Swarm) -> bool {
    node.0.is_multiple_of(2) && !swarm.one_stock
}

/// What a peer of a world is told.
pub(crate) fn settings(me: NodeId, swarm: &Swarm) -> Settings {
    let millis = Duration::from_millis;
    let initiators = [Initiator::Every, Initiator::Random, Initiator::Lowest, Initiator::Highest];
    Settings {
        membership: membership::Settings {
            me,
            directory: DIRECTORY,
            address: format!("node {me}"),
            period: millis(2_000),
        },
        leadership: leadership::Settings {
            me,
            voters: (1..=swarm.peers).map(NodeId).collect(),
            heartbeat_period: millis(250),
            heartbeat_limit: millis(1_000),
            answer_limit: millis(200),
            resend: millis(100),
            initiator: initiators[swarm.initiator as usize % initiators.len()],
            first: First::Elected,
            bar: swarm.bar,
        },
        goods: ["salt", "boar", "fish"].iter().filter_map(|name| Good::new(name).ok()).collect(),
        role: role(me),
        buyer: BuyerSettings {
            quantity: Range { min: 1, max: 5 },
            limit: None,
            partial: me.0.is_multiple_of(2),
            think: Range { min: millis(50), max: millis(400) },
            buy_probability: 0.1,
            purchases: 0,
            pause: None,
            retry_other_good: true,
            leave_when_done: false,
            carts: swarm.carts,
        },
        seller: SellerSettings {
            stock: match swarm.one_stock {
                true => Range { min: 50_000, max: 100_000 },
                false => Range { min: 20, max: 100 },
            },
            price: Range { min: 1, max: 20 },
            restock_at_zero: !swarm.one_stock,
            accrue_goods: if swarm.one_stock { 0 } else { 10 },
            accrue_every: millis(2_000),
            update_probability: if swarm.one_stock { 0.0 } else { 0.2 },
            update_every: millis(5_000),
            inquire_every: millis(1_000),
            withdraw_when_leaving: takes_back(me, swarm),
        },
        trader: TraderSettings {
            founding: founding(),
            order: swarm.order,
            resign_probability: swarm.resign_probability,
            resign_quantum: millis(2_000),
            resign_after_sales: 0,
            snapshot_every: swarm.snapshot_every,
            pending_max: 1_000,
            session_idle: swarm.session_idle,
            holds_carts: swarm.handover != Handover::Sellers,
        },
        return_as_random: false,
        resend: millis(300),
    }
}
