//! A market of one kernel and some nodes that leaves the record of a run, step by step. It keeps
//! every promise; tests break one by changing what it left.

use std::collections::BTreeMap;

use clocks::VectorClock;
use judge::{Finding, Ruling, RunFiles};
use machine::{Epoch, Incarnation, NodeId};
use market::{
    Act, Applied, ClientId, Command, EndedHold, Entry, Good, Kernel, Money, Offer, Order, Outcome,
    Party, Request, RequestId, Rules, SellerChoice,
};
use view::{Cause, Event, Fault, What, history};

pub const MS: u64 = 1_000_000;
pub const SECOND: u64 = 1000 * MS;

/// A run in the making. Nodes 1 to 4 are peers; 4 trades first.
pub struct World {
    pub kernel: Kernel,
    pub events: Vec<Event>,
    pub now: u64,
    pub epoch: Epoch,
    pub clocks: BTreeMap<u32, VectorClock>,
    pub next: BTreeMap<ClientId, u64>,
    pub lives: BTreeMap<u32, u64>,
    /// What clients have on record without an answer.
    pub under_way: Vec<(u32, Request)>,
}

pub fn good(name: &str) -> Good {
    Good::new(name).unwrap()
}

pub fn buy(name: &str, quantity: u32) -> Command {
    Command::Buy(Order { good: good(name), quantity, limit: None, partial: false })
}

pub fn deposit(name: &str, quantity: u32, price: u64) -> Command {
    let unit_price = Money(price);
    Command::Deposit(Offer { good: good(name), quantity, unit_price, stamp: None })
}

pub fn hold(name: &str, quantity: u32, for_ms: u64) -> Command {
    let order = Order { good: good(name), quantity, limit: None, partial: false };
    Command::Hold { order, for_ms }
}

impl World {
    pub fn new() -> Self {
        let rules = Rules { commission_basis_points: 1000, choice: SellerChoice::Oldest };
        let mut world = Self {
            kernel: Kernel::new(rules).unwrap(),
            events: Vec::new(),
            now: 0,
            epoch: Epoch::ZERO,
            clocks: BTreeMap::new(),
            next: BTreeMap::new(),
            lives: BTreeMap::new(),
            under_way: Vec::new(),
        };
        for node in 0..=4 {
            world.start(node);
        }
        world.elect(4, Cause::Start);
        world
    }

    /// Something happens at a node a millisecond later.
    pub fn happen(&mut self, node: u32, what: What) {
        self.now += MS;
        let clock = (node != 0).then(|| {
            let clock = self.clocks.entry(node).or_default();
            clock.tick(NodeId(node));
            clocks::Stamp::Vector(clock.clone())
        });
        self.events.push(Event { time_ns: self.now, node: NodeId(node), clock, what });
    }

    /// What one node knows reaches another.
    pub fn message(&mut self, from: u32, to: u32) {
        let known = self.clocks.entry(from).or_default().clone();
        self.clocks.entry(to).or_default().merge(&known);
    }

    pub fn start(&mut self, node: u32) {
        let life = self.lives.entry(node).or_default();
        *life += 1;
        let incarnation = Incarnation(*life);
        self.clocks.remove(&node);
        self.happen(node, What::Started { incarnation, role: "peer".to_owned() });
        let kept = |command: &Command| !matches!(command, Command::Buy(_));
        let under_way = self.under_way.clone().into_iter();
        for (_, request) in under_way.filter(|(of, it)| *of == node && kept(&it.command)) {
            self.ask(node, &request);
        }
        if node != 0 {
            let open = self.request(node, Command::Open);
            let Outcome::Opened { purchases } = self.apply(&open).outcome else { return };
            if incarnation > Incarnation(1) {
                self.happen(node, What::Returned { purchases });
            }
        }
    }

    pub fn elect(&mut self, node: u32, cause: Cause) {
        self.epoch = self.epoch.next(NodeId(node));
        let epoch = self.epoch;
        self.happen(node, What::Elected { epoch, cause, took_ns: 3 * MS });
        for follower in 1..=4 {
            self.happen(follower, What::Followed { epoch, messages: 2 });
        }
        let shipped_before = self.kernel.totals().units.shipped;
        self.happen(node, What::Trading { epoch, shipped_before });
    }

    /// The trader dies, another one takes over, and the dead one comes back.
    pub fn fail_over(&mut self, to: u32) {
        let old = self.epoch.node;
        self.happen(0, What::Fault { fault: Fault::Kill, target: old });
        for node in (1..=4).filter(|node| NodeId(*node) != old) {
            self.happen(node, What::Suspected { suspect: old, cause: Cause::Crash });
        }
        self.happen(0, What::Fault { fault: Fault::Restart, target: old });
        self.start(old.0);
        self.elect(to, Cause::Crash);
    }

    pub fn client(&self, node: u32) -> ClientId {
        ClientId { party: Party(node.into()), life: self.lives[&node] }
    }

    pub fn request(&mut self, node: u32, command: Command) -> Request {
        let client = self.client(node);
        let next = self.next.entry(client).or_default();
        let number = *next;
        *next += 1;
        let id = RequestId { client, number };
        Request { id, answered_below: number, command }
    }

    pub fn apply(&mut self, request: &Request) -> Applied {
        let trader = Party(self.epoch.node.0.into());
        let (at_ms, act) = (self.now / MS, Act::Request(request.clone()));
        self.kernel.apply(&Entry { at_ms, trader, draw: 7, act })
    }

    pub fn ask(&mut self, node: u32, request: &Request) {
        let operation = (&request.command).into();
        self.happen(node, What::Asked { request: request.id, operation, stamp: None });
    }

    /// The trader serves a request and says so.
    pub fn serve(&mut self, node: u32, request: &Request) -> Outcome {
        let trader = self.epoch.node.0;
        self.message(node, trader);
        let applied = self.apply(request);
        let what = self.what(request, &applied);
        self.happen(trader, what);
        applied.outcome
    }

    pub fn what(&self, request: &Request, applied: &Applied) -> What {
        let (epoch, id, party) = (self.epoch, request.id, request.id.client.party);
        match (&applied.outcome, &request.command) {
            _ if applied.repeated => What::Repeated { epoch, request: id },
            (Outcome::Bought(receipt), _) => {
                What::Sold { epoch, request: id, receipt: receipt.clone(), buyer: party }
            }
            (Outcome::Deposited { lot }, Command::Deposit(offer)) => What::Deposited {
                epoch,
                request: id,
                seller: party,
                good: offer.good.clone(),
                quantity: offer.quantity,
                unit_price: offer.unit_price,
                lot: *lot,
            },
            (Outcome::Withdrawn { good, quantity }, Command::Withdraw { lot }) => What::Withdrawn {
                epoch,
                request: id,
                seller: party,
                good: good.clone(),
                quantity: *quantity,
                lot: *lot,
            },
            (Outcome::Held { hold, receipt, .. }, _) => {
                let (hold, receipt) = (*hold, receipt.clone());
                What::Held { epoch, request: id, buyer: party, hold, receipt }
            }
            (Outcome::Voided { good, quantity }, Command::Void { hold }) => {
                let (good, quantity, hold) = (good.clone(), *quantity, *hold);
                What::HoldEnded { epoch, hold, good, quantity, request: Some(id) }
            }
            (Outcome::Refused(refusal), Command::Buy(order) | Command::Hold { order, .. }) => {
                let (good, refusal) = (order.good.clone(), *refusal);
                What::Refused { epoch, request: id, good, refusal }
            }
            other => panic!("the traders do not tell of {other:?}"),
        }
    }

    pub fn answer(&mut self, node: u32, request: &Request, outcome: Outcome) {
        self.message(self.epoch.node.0, node);
        let (id, operation) = (request.id, (&request.command).into());
        self.happen(node, What::Answered { request: id, operation, outcome, took_ns: 2 * MS });
    }

    /// A request that goes well.
    pub fn go(&mut self, node: u32, command: Command) -> Outcome {
        let request = self.request(node, command);
        self.ask(node, &request);
        let outcome = self.serve(node, &request);
        self.answer(node, &request, outcome.clone());
        outcome
    }

    /// The trader ends the carts whose time is over.
    pub fn end_holds(&mut self) {
        let (epoch, trader) = (self.epoch, Party(self.epoch.node.0.into()));
        let entry = Entry { at_ms: self.now / MS, trader, draw: 7, act: Act::EndHolds };
        let Outcome::HoldsEnded(ended) = self.kernel.apply(&entry).outcome else { return };
        for EndedHold { hold, good, quantity } in ended {
            let over = What::HoldEnded { epoch, hold, good, quantity, request: None };
            self.happen(epoch.node.0, over);
        }
    }

    /// All is stopped in good order.
    pub fn finish(mut self) -> RunFiles {
        for node in 0..=4 {
            self.happen(node, What::Stopped);
        }
        let history = history::from_events(&self.events);
        RunFiles { events: self.events, history, market: Some(self.kernel), ..RunFiles::default() }
    }
}

/// Two sellers, two buyers, refusals, a withdrawal, a failover, and a repeated request.
pub fn good_run() -> RunFiles {
    let mut world = World::new();
    world.go(1, deposit("fish", 10, 8));
    let Outcome::Deposited { lot } = world.go(2, deposit("salt", 5, 3)) else { panic!() };
    world.go(2, deposit("fish", 2, 9));
    world.go(3, buy("fish", 4));
    world.go(1, buy("salt", 2));
    world.go(3, buy("boar", 1));
    world.go(3, buy("salt", 9));
    world.go(2, Command::Withdraw { lot });
    // The trader sells and dies before it can say so; the next one is asked again.
    let request = world.request(3, buy("fish", 7));
    world.ask(3, &request);
    world.apply(&request);
    world.fail_over(2);
    let outcome = world.serve(3, &request);
    world.answer(3, &request, outcome);
    // One waits in vain for an answer and dies.
    let request = world.request(1, buy("fish", 1));
    world.ask(1, &request);
    world.fail_over(3);
    world.go(4, buy("fish", 1));
    world.finish()
}

/// A deposit of 10 fish at 8, and two buys of 4 and 3: 20 events so far.
pub fn small() -> World {
    let mut world = World::new();
    world.go(1, deposit("fish", 10, 8));
    world.go(3, buy("fish", 4));
    world.go(2, buy("fish", 3));
    world
}

pub fn is_sold(what: &What) -> bool {
    matches!(what, What::Sold { .. })
}

pub fn is_bought(what: &What) -> bool {
    matches!(what, What::Answered { outcome: Outcome::Bought(_), .. })
}

/// Judges, and gives the one finding.
pub fn finding(run: &RunFiles, property: &str) -> Finding {
    let findings = judge::judge(run).findings;
    findings.into_iter().find(|finding| finding.property == property).expect("no such property")
}

/// Judges, and demands that this property is broken with this evidence.
#[track_caller]
pub fn assert_broken(run: &RunFiles, property: &str, evidence: &str) {
    let Finding { ruling, evidence: given, .. } = finding(run, property);
    assert_eq!((ruling, given.as_str()), (Ruling::Fail, evidence));
}

/// Puts the history right after the events were changed.
pub fn retell(run: &mut RunFiles) {
    run.history = history::from_events(&run.events);
}

/// The position of the first event of which this holds.
#[track_caller]
pub fn at(run: &RunFiles, holds: impl Fn(&What) -> bool) -> usize {
    run.events.iter().position(|event| holds(&event.what)).expect("no such event")
}
