//! From a scenario to what each process is told.

use std::time::Duration;

use groupcast::leadership::{self, Bar, First};
use groupcast::membership;
use machine::{NodeId, Random};
use market::{Kernel, Money, Rules};
use peer::{
    AnyPeer, BuyerSettings, Carts, Form, MessageLimits, Node, OrderPolicy, Pause, Range, Role,
    SellerSettings, Settings, TraderSettings,
};

use crate::nodes::{DIRECTORY, JOINERS_MAX};
use crate::scenario::{
    self, Between, Deal, FirstTrader, Handover, Initiator, Order, OtherRoles, ReturnAs, Scenario,
    SellerChoice, Service, Transport,
};

/// The role of each peer, in order from peer 1, those that may join included: the same at every
/// process of the run.
pub fn roles(scenario: &Scenario) -> Vec<Role> {
    let mut random = Random::fork(scenario.seed, u64::MAX);
    let (buyer, seller) = (Role { buys: true, sells: false }, Role { buys: false, sells: true });
    let roles = &scenario.roles;
    let mut dealt: Vec<Role> = Vec::new();
    for place in 0..scenario.run.peers {
        let fixed = match place.checked_sub(roles.buyers) {
            None => Some(buyer),
            Some(place) if place < roles.sellers => Some(seller),
            Some(_) => None,
        };
        dealt.push(fixed.unwrap_or_else(|| of_kind(roles.others, &mut random)));
    }
    if roles.deal == Deal::Shuffled {
        for last in (1..dealt.len()).rev() {
            dealt.swap(last, random.below(last as u64 + 1) as usize);
        }
    }
    // Who joins later is dealt its role last, so that nobody else's changes.
    dealt.extend((0..JOINERS_MAX).map(|_| of_kind(roles.joiners, &mut random)));
    dealt
}

/// The peers that are there from the start and buy, as long as they do not lead.
pub fn buyers(scenario: &Scenario) -> Vec<NodeId> {
    let peers = (1..).map(NodeId).zip(roles(scenario)).take(scenario.run.peers as usize);
    peers.filter(|(_, role)| role.buys).map(|(node, _)| node).collect()
}

fn of_kind(kind: OtherRoles, random: &mut Random) -> Role {
    let (buyer, seller) = (Role { buys: true, sells: false }, Role { buys: false, sells: true });
    match kind {
        OtherRoles::Both => Role { buys: true, sells: true },
        OtherRoles::Buyer => buyer,
        OtherRoles::Seller => seller,
        OtherRoles::Bystander => Role { buys: false, sells: false },
        OtherRoles::Random if random.chance(0.5) => buyer,
        OtherRoles::Random => seller,
    }
}

/// The machine of the peer `me`, which listens on `address`.
pub fn peer(scenario: &Scenario, me: NodeId, address: String) -> Node {
    let settings = peer_settings(scenario, me, address);
    let limits = match scenario.run.transport {
        Transport::Tcp => MessageLimits::STREAMS,
        Transport::Udp => MessageLimits::DATAGRAMS,
    };
    Node::Peer(Box::new(match scenario.journal.handover {
        Handover::Replicated => AnyPeer::replicated(settings, limits),
        Handover::Sellers => AnyPeer::with_books(settings, limits),
        Handover::File | Handover::Database => AnyPeer::common(settings),
    }))
}

/// What the peer `me`, which listens on `address`, is told.
fn peer_settings(scenario: &Scenario, me: NodeId, address: String) -> Settings {
    let group = &scenario.group;
    Settings {
        membership: membership_settings(scenario, me, address),
        leadership: leadership::Settings {
            me,
            voters: (1..=scenario.run.peers).map(NodeId).collect(),
            heartbeat_period: group.heartbeat_period,
            heartbeat_limit: group.heartbeat_limit,
            answer_limit: group.answer_limit,
            resend: group.resend,
            initiator: match group.initiator {
                Initiator::Every => leadership::Initiator::Every,
                Initiator::Random => leadership::Initiator::Random,
                Initiator::Lowest => leadership::Initiator::Lowest,
                Initiator::Highest => leadership::Initiator::Highest,
                Initiator::LastToJoin => leadership::Initiator::LastToJoin,
            },
            first: match scenario.trader.first {
                FirstTrader::Elected => First::Elected,
                FirstTrader::Appointed(node) => First::Appointed(node),
            },
            bar: bar(&scenario.trader),
        },
        goods: scenario.trade.goods.clone(),
        role: role(scenario, me),
        buyer: buyer_settings(scenario, me),
        seller: seller_settings(scenario),
        trader: trader_settings(scenario),
        return_as_random: scenario.trader.return_as == ReturnAs::Random,
        resend: scenario.trade.resend,
    }
}

/// How the peer `me` announces itself.
pub(crate) fn membership_settings(
    scenario: &Scenario,
    me: NodeId,
    address: String,
) -> membership::Settings {
    membership::Settings {
        me,
        directory: DIRECTORY,
        address,
        period: scenario.group.announce_period,
    }
}

/// The role of the peer `me`.
pub(crate) fn role(scenario: &Scenario, me: NodeId) -> Role {
    let place = (me.0 as usize).checked_sub(1);
    let role = place.and_then(|place| roles(scenario).get(place).copied());
    role.unwrap_or(Role { buys: false, sells: false })
}

pub(crate) fn buyer_settings(scenario: &Scenario, me: NodeId) -> BuyerSettings {
    let buyer = &scenario.buyer;
    BuyerSettings {
        quantity: range(buyer.quantity),
        limit: buyer.limit.map(|limit| Money(limit.get())),
        partial: buyer.partial,
        think: range(buyer.think),
        buy_probability: buyer.buy_probability.get(),
        purchases: buyer.purchases.map_or(0, |count| count.get()),
        pause: (1..=buyer.slow_peers).contains(&me.0).then(|| Pause {
            after: buyer.pause_after.map_or(0, |count| count.get()),
            lasts: buyer.pause,
        }),
        retry_other_good: buyer.retry_other_good,
        leave_when_done: buyer.leave_when_done,
        carts: (buyer.cart_probability.get() > 0.0).then(|| Carts {
            probability: buyer.cart_probability.get(),
            hold_for: buyer.cart_time_out,
            void_probability: buyer.void_probability.get(),
            forget_probability: buyer.forget_probability.get(),
        }),
    }
}

pub(crate) fn seller_settings(scenario: &Scenario) -> SellerSettings {
    let seller = &scenario.seller;
    SellerSettings {
        stock: range(seller.stock),
        price: range(seller.price),
        restock_at_zero: seller.restock_at_zero,
        accrue_goods: seller.accrue_goods,
        accrue_every: if seller.accrue_goods == 0 { Duration::ZERO } else { seller.accrue_every },
        update_probability: seller.update_probability.get(),
        update_every: if seller.update_probability.get() == 0.0 {
            Duration::ZERO
        } else {
            seller.update_every
        },
        inquire_every: seller.inquire_every,
        withdraw_when_leaving: seller.withdraw_when_leaving,
    }
}

fn bar(trader: &scenario::Trader) -> Bar {
    match (trader.bar_last_trader, trader.back_probability.get()) {
        (false, _) => Bar::Resigned,
        (true, 0.0) => Bar::OneElection,
        (true, probability) => Bar::UntilBack { every: trader.back_every, probability },
    }
}

/// The market's rules.
pub(crate) fn rules(scenario: &Scenario) -> Rules {
    let trade = &scenario.trade;
    Rules {
        commission_basis_points: trade.commission_basis_points,
        choice: match trade.seller_choice {
            SellerChoice::Oldest => market::SellerChoice::Oldest,
            SellerChoice::Cheapest => market::SellerChoice::Cheapest,
            SellerChoice::Random => market::SellerChoice::Random,
            SellerChoice::Lamport => market::SellerChoice::Lamport,
            SellerChoice::Vector => market::SellerChoice::Vector,
        },
    }
}

fn trader_settings(scenario: &Scenario) -> TraderSettings {
    let (trade, trader) = (&scenario.trade, &scenario.trader);
    let rules = rules(scenario);
    let form = match trade.service {
        Service::Eager => Form::Eager,
        Service::Stable => Form::Stable,
    };
    TraderSettings {
        founding: Kernel::new(rules).expect("a scenario's commission is no more than the price"),
        order: match trade.order {
            Order::Arrival => OrderPolicy::Arrival,
            Order::Lamport => OrderPolicy::Lamport(form),
            Order::Vector => OrderPolicy::Vector(form),
        },
        resign_probability: trader.resign_probability.get(),
        resign_quantum: if trader.resign_probability.get() == 0.0 {
            Duration::ZERO
        } else {
            trader.resign_quantum
        },
        resign_after_sales: trader.resign_after_sales.map_or(0, |count| count.get()),
        snapshot_every: scenario.journal.snapshot_every.into(),
        pending_max: scenario.limits.pending_orders as usize,
        session_idle: scenario.limits.session_idle,
        holds_carts: scenario.journal.handover != scenario::Handover::Sellers,
    }
}

fn range<T>(between: Between<T>) -> Range<T> {
    Range { min: between.min, max: between.max }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_dealt_as_the_scenario_says() {
        let sets = ["roles.buyers=1", "roles.sellers=2", "roles.others=bystander"];
        let sets = sets.map(str::to_owned).to_vec();
        let scenario = Scenario::resolve("market", None, &sets).unwrap();
        let names: Vec<_> = roles(&scenario).iter().map(|role| role.name()).collect();
        let others = ["bystander"; 3];
        assert_eq!(names[..3], ["buyer", "seller", "seller"]);
        assert_eq!(names[3..6], others);
        assert_eq!(names[6], "buyer", "one that joins");
    }

    #[test]
    fn roles_by_chance_are_the_same_at_every_process() {
        let scenario = Scenario::resolve("trading-post-udp", None, &[]).unwrap();
        assert_eq!(roles(&scenario), roles(&scenario));
        assert!(roles(&scenario).iter().any(|role| role.buys));
        assert!(roles(&scenario).iter().any(|role| role.sells));
    }
}
