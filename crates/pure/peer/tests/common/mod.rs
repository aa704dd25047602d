//! A peer by itself, and the effects of each input.

#![allow(clippy::unwrap_used, reason = "the functions that tests share")]
#![allow(dead_code, reason = "no test file uses all of it")]

use std::time::Duration;

use groupcast::leadership::{self, First, Initiator};
use groupcast::membership;
use machine::{Context, Effect, Epoch, Input, Instant, Machine, NodeId, Random};
use market::{
    ClientId, Command, Good, Kernel, Money, Offer, Order, Outcome, Party, Request, RequestId,
    Rules, SellerChoice,
};
use peer::{
    AnyPeer, Body, BuyerSettings, Message, OrderPolicy, Range, Role, SellerSettings, Settings,
    Trade, TraderSettings,
};

pub const OPENED: Outcome = Outcome::Opened { purchases: 0 };
pub const ME: NodeId = NodeId(2);
pub const CLIENT: NodeId = NodeId(1);
pub const BUYER: NodeId = NodeId(4);
pub const EPOCH: Epoch = Epoch { counter: 1, node: ME };
/// When all of it happens.
pub const NOW: Instant = Instant::from_nanos(7_000_000);

/// Of a peer that wants nothing, and needs no other's promise to lead.
pub fn settings(me: NodeId, role: Role) -> Settings {
    let millis = Duration::from_millis;
    let rules = Rules { commission_basis_points: 1000, choice: SellerChoice::Oldest };
    Settings {
        membership: membership::Settings {
            me,
            directory: NodeId(0),
            address: "here".into(),
            period: millis(1000),
        },
        leadership: leadership::Settings {
            me,
            voters: [me].into(),
            heartbeat_period: millis(100),
            heartbeat_limit: millis(500),
            answer_limit: millis(100),
            resend: millis(100),
            initiator: Initiator::Every,
            first: First::Elected,
            bar: groupcast::leadership::Bar::Resigned,
        },
        goods: vec![fish()],
        role,
        buyer: BuyerSettings {
            quantity: Range { min: 1, max: 1 },
            limit: None,
            partial: false,
            think: Range { min: millis(5), max: millis(5) },
            buy_probability: 0.0,
            purchases: 0,
            pause: None,
            retry_other_good: false,
            leave_when_done: false,
            carts: None,
        },
        seller: SellerSettings {
            stock: Range { min: 3, max: 3 },
            price: Range { min: 10, max: 10 },
            restock_at_zero: true,
            accrue_goods: 0,
            accrue_every: Duration::ZERO,
            update_probability: 0.0,
            update_every: Duration::ZERO,
            inquire_every: Duration::ZERO,
            withdraw_when_leaving: true,
        },
        trader: TraderSettings {
            founding: Kernel::new(rules).unwrap(),
            order: OrderPolicy::Arrival,
            resign_probability: 0.0,
            resign_quantum: Duration::ZERO,
            resign_after_sales: 0,
            snapshot_every: 3,
            pending_max: 2,
            session_idle: millis(60_000),
            holds_carts: true,
        },
        return_as_random: false,
        resend: millis(100),
    }
}

pub fn fish() -> Good {
    Good::new("fish").unwrap()
}

/// A peer and the effects of each input.
pub struct Bench {
    pub peer: AnyPeer,
    pub random: Random,
}

impl Bench {
    pub fn new(role: Role) -> Self {
        Self { peer: AnyPeer::common(settings(ME, role)), random: Random::from_seed(1) }
    }

    pub fn step(&mut self, input: Input<AnyPeer>) -> Vec<Effect<AnyPeer>> {
        let mut effects = Vec::new();
        self.peer.handle(input, &mut Context::new(NOW, &mut self.random, &mut effects));
        self.peer.check().unwrap();
        effects
    }

    /// Elected, and given a market that nobody has used yet.
    pub fn trading() -> Self {
        let mut bench = Self::new(Role { buys: false, sells: false });
        bench.step(Input::Start);
        let won = bench.step(Input::Alarm(patience()));
        assert!(won.iter().any(|effect| matches!(effect, Effect::Claim(EPOCH))), "{won:?}");
        bench
    }

    pub fn ask(&mut self, number: u64, command: Command) -> Vec<Effect<AnyPeer>> {
        self.ask_as(CLIENT, number, command)
    }

    pub fn ask_as(&mut self, from: NodeId, number: u64, command: Command) -> Vec<Effect<AnyPeer>> {
        let client = ClientId { party: Party(from.0.into()), life: 1 };
        let id = RequestId { client, number };
        let body = Body::Request(Request { id, answered_below: 0, command });
        self.step(Input::Message { from, body: Message::Trade(Trade { clock: None, body }) })
    }
}

/// The alarm that starts an election when nobody leads.
pub fn patience() -> <AnyPeer as Machine>::Alarm {
    let mut bench = Bench::new(Role { buys: false, sells: false });
    let started = bench.step(Input::Start);
    alarm(&started, "Patience").unwrap()
}

/// The alarm of this name that some effects set.
pub fn alarm(effects: &[Effect<AnyPeer>], name: &str) -> Option<<AnyPeer as Machine>::Alarm> {
    let mut alarms = effects.iter().filter_map(|effect| match effect {
        Effect::Set { alarm, .. } if format!("{alarm:?}").contains(name) => Some(*alarm),
        _ => None,
    });
    alarms.next()
}

pub fn deposit() -> Command {
    let (good, unit_price) = (fish(), Money(10));
    Command::Deposit(Offer { good, quantity: 5, unit_price, stamp: None })
}

pub fn buy() -> Command {
    Command::Buy(Order { good: fish(), quantity: 2, limit: None, partial: false })
}

/// The answers in some effects.
pub fn answers(effects: &[Effect<AnyPeer>]) -> Vec<&Outcome> {
    let answers = effects.iter().filter_map(|effect| match effect {
        Effect::Send {
            body: Message::Trade(Trade { body: Body::Answer { outcome, .. }, .. }),
            ..
        } => Some(outcome),
        _ => None,
    });
    answers.collect()
}
