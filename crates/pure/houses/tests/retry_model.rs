//! The trap of the retried sale, model-checked with the very machines that run: a request that was
//! sent to its home and to another trader, a home that is lost or only thought so, a warehouse that
//! begins again, and messages that arrive in any order, late, again, or never.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::time::Duration;

use houses::{
    Cache, Durability, Message, Scaling, Settings, Snapshot, Times, Trader, Warehouse,
    WarehouseSettings, trader, warehouse,
};
use machine::{Context, Effect, Input, Instant, Machine, NodeId, Random};
use market::{
    Act, ClientId, Command, Entry, Good, Kernel, Money, Offer, Order, Party, Request, RequestId,
    Rules, SellerChoice, TermId,
};
use stateright::{Checker, Model, Property};

const WAREHOUSE: NodeId = NodeId(0);
const TRADERS: [NodeId; 2] = [NodeId(1), NodeId(2)];
const CUSTOMER: NodeId = NodeId(3);
const SELLER: u64 = 9;
const UNITS: u32 = 16;
const RULES: Rules = Rules { commission_basis_points: 1_000, choice: SellerChoice::Oldest };

/// All processes, and all that they ever said.
#[derive(Clone, Debug)]
struct Houses {
    warehouse: Warehouse,
    traders: Vec<Trader>,
    /// By what it looks like: the same message sent again is no other message.
    sent: BTreeMap<String, (NodeId, NodeId, Message)>,
    /// What the customer was told.
    told: BTreeSet<String>,
    crashes_left: u8,
    suspicions_left: u8,
    /// What it looks like.
    looks: u64,
}

impl PartialEq for Houses {
    fn eq(&self, other: &Self) -> bool {
        self.looks == other.looks
    }
}
impl Eq for Houses {}
impl Hash for Houses {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.looks.hash(state);
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Deliver(String),
    /// The trader of node 1 ends and begins a new life.
    Crash,
    /// The warehouse takes the trader of node 1 for gone.
    Suspect,
    /// What is to be sent after a while, is sent.
    Report(usize),
    /// What is not answered is sent again, by the warehouse or by a trader.
    Resend(usize),
}

struct Retried {
    durability: Durability,
    crashes: u8,
    suspicions: u8,
    #[cfg(feature = "planted")]
    planted: Option<houses::Planted>,
}

fn salt() -> Good {
    Good::new("salt").unwrap()
}

fn request() -> Request {
    let client = ClientId { party: Party(CUSTOMER.0.into()), life: 1 };
    let order = Order { good: salt(), quantity: 3, limit: None, partial: false };
    let id = RequestId { client, number: 1 };
    Request { id, answered_below: 1, command: Command::Buy(order) }
}

/// A market with stock, and a session of the customer's.
fn stocked() -> Kernel {
    let mut kernel = Kernel::new(RULES).unwrap();
    let offer = Offer { good: salt(), quantity: UNITS, unit_price: Money(10), stamp: None };
    let seller = ClientId { party: Party(SELLER), life: 1 };
    let steps = [
        (seller, 0, Command::Open),
        (seller, 1, Command::Deposit(offer)),
        (request().id.client, 0, Command::Open),
    ];
    for (client, number, command) in steps {
        let id = RequestId { client, number };
        let act = Act::Request(Request { id, answered_below: 0, command });
        kernel.apply(&Entry { at_ms: 0, trader: Party(0), draw: 0, act });
    }
    kernel
}

impl Retried {
    fn settings(&self, me: NodeId) -> Settings {
        let never = Duration::from_secs(3600);
        Settings {
            me,
            warehouse: WAREHOUSE,
            traders: TRADERS.to_vec(),
            hired: [].into(),
            customers: BTreeSet::from([CUSTOMER]),
            cache: Cache::Lease,
            durability: self.durability,
            times: Times {
                beat_period: never,
                beat_limit: never,
                resend: never,
                report_every: never,
                recall_limit: never,
                horizon: never,
            },
            tells_answers: false,
            #[cfg(feature = "planted")]
            planted: self.planted,
        }
    }

    /// Both traders have terms, the first has some salt on loan, and the request is on its way to
    /// both: the first is its home.
    fn begin(&self) -> Houses {
        let scaling = Scaling::fixed(TRADERS.len());
        let own = WarehouseSettings { founding: stocked(), snapshot_every: 1_000_000, scaling };
        let mut houses = Houses {
            warehouse: Warehouse::new(self.settings(WAREHOUSE), own),
            traders: TRADERS.map(|node| Trader::new(self.settings(node), RULES)).to_vec(),
            sent: BTreeMap::new(),
            told: BTreeSet::new(),
            crashes_left: self.crashes,
            suspicions_left: self.suspicions,
            looks: 0,
        };
        houses.warehouse_input(Input::Start);
        (0..TRADERS.len()).for_each(|index| houses.trader_input(index, Input::Start));
        houses.settle();
        // Whoever was to stand by another one may not have had a term of its own yet.
        houses.warehouse_input(Input::Alarm(warehouse::Alarm::Resend));
        houses.settle();
        let home = houses.traders[0].term().unwrap();
        let buddy = houses.warehouse.market().term(home).unwrap().buddy();
        assert_eq!(buddy.is_some(), self.durability == Durability::Buddy);
        let wish =
            houses::Message::House(houses::House::Wish { term: home, good: salt(), units: 4 });
        houses.warehouse_input(Input::Message { from: TRADERS[0], body: wish });
        houses.settle();
        for (index, is_retried) in [(0, false), (1, true)] {
            let body =
                Message::Ask { request: request(), home: Some(home), is_retried, seen: None };
            houses.post(CUSTOMER, TRADERS[index], body);
        }
        houses.look();
        houses
    }
}

impl Houses {
    /// All that is under way arrives, once and in order, and nothing is remembered of it.
    fn settle(&mut self) {
        while let Some((_, (from, to, body))) = self.sent.pop_first() {
            self.input(to, Input::Message { from, body });
        }
    }

    fn post(&mut self, from: NodeId, to: NodeId, body: Message) {
        match body {
            Message::Answer { id, outcome, .. } if to == CUSTOMER => {
                assert_eq!(id, request().id);
                self.told.insert(format!("{outcome:?}"));
            }
            // Who trades, and who is there, is of no account here.
            Message::Roster { .. } | Message::Beat { .. } | Message::Lost { .. } => {}
            body => _ = self.sent.insert(format!("{from}>{to} {body:?}"), (from, to, body)),
        }
    }

    fn input(&mut self, node: NodeId, input: Input<Trader>) {
        let index = TRADERS.iter().position(|other| *other == node);
        match (index, input) {
            (Some(index), input) => self.trader_input(index, input),
            (None, Input::Message { from, body }) => {
                self.warehouse_input(Input::Message { from, body });
            }
            (None, _) => {}
        }
    }

    fn warehouse_input(&mut self, input: Input<Warehouse>) {
        let (mut random, mut effects) = (Random::from_seed(1), Vec::new());
        let mut cx = Context::new(Instant::ZERO, &mut random, &mut effects);
        self.warehouse.handle(input, &mut cx);
        self.send(WAREHOUSE, effects);
    }

    fn trader_input(&mut self, index: usize, input: Input<Trader>) {
        let (mut random, mut effects) = (Random::from_seed(1), Vec::new());
        let mut cx = Context::new(Instant::ZERO, &mut random, &mut effects);
        self.traders[index].handle(input, &mut cx);
        self.send(TRADERS[index], effects);
    }

    /// All that is written is durable at once.
    fn send<M: Machine<Message = Message>>(&mut self, from: NodeId, effects: Vec<Effect<M>>) {
        for effect in effects {
            if let Effect::Send { to, body, .. } = effect {
                to.nodes().iter().for_each(|to| self.post(from, *to, body.clone()));
            }
        }
    }

    fn look(&mut self) {
        let mut hasher = std::hash::DefaultHasher::new();
        format!("{:?} {:?}", self.warehouse, self.traders).hash(&mut hasher);
        self.sent.keys().for_each(|key| key.hash(&mut hasher));
        (&self.told, self.crashes_left, self.suspicions_left).hash(&mut hasher);
        self.looks = hasher.finish();
    }

    fn bought(&self) -> u64 {
        self.warehouse.market().account(request().id.client.party).bought
    }

    /// Which terms are open, at the warehouse.
    fn terms(&self) -> Vec<TermId> {
        self.warehouse.market().terms().map(|(id, _)| id).collect()
    }
}

impl Model for Retried {
    type State = Houses;
    type Action = Step;

    fn init_states(&self) -> Vec<Houses> {
        vec![self.begin()]
    }

    fn actions(&self, state: &Houses, actions: &mut Vec<Step>) {
        actions.extend(state.sent.keys().cloned().map(Step::Deliver));
        if state.crashes_left > 0 {
            actions.push(Step::Crash);
        }
        if state.suspicions_left > 0 {
            actions.push(Step::Suspect);
        }
        actions.extend((0..TRADERS.len()).map(Step::Report));
        actions.extend((0..=TRADERS.len()).map(Step::Resend));
    }

    fn next_state(&self, state: &Houses, action: Step) -> Option<Houses> {
        let mut next = state.clone();
        match action {
            Step::Deliver(key) => {
                let (from, to, body) = state.sent[&key].clone();
                next.input(to, Input::Message { from, body });
            }
            Step::Crash => {
                next.crashes_left -= 1;
                next.traders[0] = Trader::new(self.settings(TRADERS[0]), RULES);
                let (journal, snapshot) =
                    (machine::Journal::Own, Snapshot::Life(machine::Incarnation(1)));
                next.trader_input(0, Input::Restore { journal, snapshot });
                next.trader_input(0, Input::Start);
            }
            Step::Suspect => {
                next.suspicions_left -= 1;
                next.warehouse_input(Input::Closed(TRADERS[0]));
            }
            Step::Report(index) => next.trader_input(index, Input::Alarm(trader::Alarm::Report)),
            Step::Resend(0) => next.warehouse_input(Input::Alarm(warehouse::Alarm::Resend)),
            Step::Resend(index) => {
                next.trader_input(index - 1, Input::Alarm(trader::Alarm::Resend));
            }
        }
        next.look();
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("a request has one effect", |_, state: &Houses| {
                state.bought() <= 3 && state.warehouse.market().broken_sales() == 0
            }),
            Property::always("a customer is told one thing", |_, state: &Houses| {
                state.told.len() <= 1
            }),
            Property::always("what was confirmed is not lost", |_, state: &Houses| {
                // When the home's term is over, all that was confirmed in it is in the books.
                let is_told = state.told.iter().any(|told| told.starts_with("Bought"));
                let home = TermId { trader: Party(TRADERS[0].0.into()), number: 1 };
                !is_told || state.terms().contains(&home) || state.bought() == 3
            }),
            Property::sometimes("the home sells", |_, state: &Houses| {
                state.told.iter().any(|told| told.starts_with("Bought")) && state.bought() == 0
            }),
            Property::sometimes("the home's term ends", |_, state: &Houses| {
                let home = TermId { trader: Party(TRADERS[0].0.into()), number: 1 };
                !state.terms().contains(&home)
            }),
        ]
    }
}

fn check(model: Retried, depth: usize) -> (usize, Vec<&'static str>) {
    // With more threads a state may be found on a longer way first, and the count would vary.
    let checker = model.checker().target_max_depth(depth).spawn_bfs().join();
    let mut discoveries: Vec<&str> = checker.discoveries().into_keys().collect();
    discoveries.sort_unstable();
    println!("depth {depth}: {} states, {discoveries:?}", checker.unique_state_count());
    (checker.unique_state_count(), discoveries)
}

fn retried(durability: Durability, crashes: u8, suspicions: u8) -> Retried {
    Retried {
        durability,
        crashes,
        suspicions,
        #[cfg(feature = "planted")]
        planted: None,
    }
}

const RARE: [&str; 2] = ["the home sells", "the home's term ends"];

#[test]
fn a_retried_request_is_sold_once_where_a_buddy_holds_the_sale() {
    let (states, found) = check(retried(Durability::Buddy, 1, 1), 9);
    assert_eq!(found, RARE);
    assert_eq!(states, 56_983);
}

#[test]
fn so_it_is_where_the_warehouse_confirms() {
    let (states, found) = check(retried(Durability::Warehouse, 1, 1), 9);
    assert_eq!(found, RARE[1..], "nobody is told before the warehouse knows");
    assert_eq!(states, 19_276);
}

#[cfg(feature = "planted")]
#[test]
fn it_is_not_where_the_warehouse_does_not_ask_the_home() {
    let planted = Some(houses::Planted::UnshutRetry);
    let (_, found) = check(Retried { planted, ..retried(Durability::Buddy, 0, 0) }, 9);
    assert!(found.contains(&"a request has one effect"), "{found:?}");
}

#[cfg(feature = "planted")]
#[test]
fn nor_where_it_does_not_ask_who_holds_the_sales_of_a_trader_that_is_gone() {
    let planted = Some(houses::Planted::HastyFence);
    let (_, found) = check(Retried { planted, ..retried(Durability::Buddy, 1, 1) }, 9);
    assert!(found.contains(&"what was confirmed is not lost"), "{found:?}");
}
