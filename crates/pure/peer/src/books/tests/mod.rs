//! One input, exact effects; and small markets whose links are cut, step by step.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use machine::{Effect, Instant, Random};
use market::{
    Act, ClientId, Command as Ask, Good, Money, NOT_KNOWN, Offer, Order, Outcome, Request, Rules,
    SellerChoice,
};

use super::*;

mod markets;
mod steps;

const TRADER: NodeId = NodeId(1);
const SELLER: NodeId = NodeId(2);
const BUYER: NodeId = NodeId(3);
const NEXT: NodeId = NodeId(4);

fn epoch(counter: u64, node: NodeId) -> Epoch {
    Epoch { counter, node }
}

fn founding() -> Kernel {
    let rules = Rules { commission_basis_points: 1_000, choice: SellerChoice::Oldest };
    Kernel::new(rules).unwrap()
}

fn books(me: NodeId) -> Books {
    Books::new(Settings {
        me,
        directory: NodeId(0),
        founding: founding(),
        resend: Duration::from_millis(100),
        limit: Duration::from_millis(300),
        items_max: 4,
        part_bytes_max: 64,
        snapshot_every: 1_000,
    })
}

fn entry(party: NodeId, number: u64, command: Ask) -> Entry {
    let client = ClientId { party: crate::party(party), life: 1 };
    let id = RequestId { client, number };
    let act = Act::Request(Request { id, answered_below: 0, command });
    Entry { at_ms: number, trader: crate::party(TRADER), draw: 0, act }
}

fn salt() -> Good {
    Good::new("salt").unwrap()
}

fn deposit(quantity: u32) -> Ask {
    Ask::Deposit(Offer { good: salt(), quantity, unit_price: Money(10), stamp: None })
}

fn buy(quantity: u32) -> Ask {
    Ask::Buy(Order { good: salt(), quantity, limit: None, partial: false })
}

fn step(books: &mut Books, input: Input<Books>) -> Vec<Effect<Books>> {
    let (mut random, mut effects) = (Random::from_seed(1), Vec::new());
    books.handle(input, &mut Context::new(Instant::ZERO, &mut random, &mut effects));
    books.check().unwrap();
    effects
}

/// Four peers whose writes are durable at once.
struct Town {
    books: BTreeMap<NodeId, Books>,
    random: Random,
    wire: VecDeque<(NodeId, NodeId, Message)>,
    /// Whose messages are lost, both ways.
    cut: BTreeSet<NodeId>,
    reports: Vec<(NodeId, Report)>,
    alarms: BTreeSet<(NodeId, Alarm)>,
    written: BTreeMap<NodeId, (Snapshot, Vec<Record>)>,
}

impl Town {
    fn new() -> Self {
        let nodes = [TRADER, SELLER, BUYER, NEXT];
        let mut town = Self {
            books: nodes.iter().map(|node| (*node, books(*node))).collect(),
            random: Random::from_seed(1),
            wire: VecDeque::new(),
            cut: BTreeSet::new(),
            reports: Vec::new(),
            alarms: BTreeSet::new(),
            written: BTreeMap::new(),
        };
        for one in nodes {
            town.input(one, Input::Start);
            for other in nodes.into_iter().filter(|other| *other != one) {
                town.input(one, Input::Opened(other));
            }
        }
        town
    }

    /// With a trader, ten salt of the seller, and a session of the buyer.
    fn open() -> Self {
        let mut town = Self::new();
        town.claim(1, TRADER);
        for entry in
            [entry(SELLER, 0, Ask::Open), entry(SELLER, 1, deposit(10)), entry(BUYER, 0, Ask::Open)]
        {
            town.append(TRADER, entry);
        }
        town.reports.clear();
        town
    }

    fn input(&mut self, node: NodeId, input: Input<Books>) {
        let Some(books) = self.books.get_mut(&node) else { return };
        let mut effects = Vec::new();
        books.handle(input, &mut Context::new(Instant::ZERO, &mut self.random, &mut effects));
        books.check().unwrap();
        for effect in effects {
            match effect {
                Effect::Persist { record, .. } => {
                    self.written.get_mut(&node).unwrap().1.push(record);
                }
                Effect::Snapshot { snapshot, .. } => {
                    self.written.insert(node, (snapshot, Vec::new()));
                }
                Effect::Send { to, body, .. } => {
                    let sends = to.nodes().iter().map(|to| (node, *to, body.clone()));
                    self.wire.extend(sends);
                }
                Effect::Report { report, .. } => self.reports.push((node, report)),
                Effect::Set { alarm, .. } => drop(self.alarms.insert((node, alarm))),
                Effect::Clear(alarm) => drop(self.alarms.remove(&(node, alarm))),
                Effect::Claim(_) => panic!("it has one journal"),
            }
        }
    }

    /// Until nothing is on its way.
    fn settle(&mut self) {
        loop {
            if let Some((from, to, body)) = self.wire.pop_front() {
                if from == to || !self.cut.contains(&from) && !self.cut.contains(&to) {
                    self.input(to, Input::Message { from, body });
                }
            } else if let Some(&alarm) = self.alarms.iter().find(|(_, of)| *of == Alarm::Flush) {
                self.alarms.remove(&alarm);
                self.input(alarm.0, Input::Alarm(Alarm::Flush));
            } else {
                return;
            }
        }
    }

    fn alarm(&mut self, node: NodeId, alarm: Alarm) {
        if self.alarms.remove(&(node, alarm)) {
            self.input(node, Input::Alarm(alarm));
            self.settle();
        }
    }

    /// Cuts a node off, and has the others know of it.
    fn lose(&mut self, node: NodeId) {
        self.cut.insert(node);
        self.connection(node, false);
    }

    fn find(&mut self, node: NodeId) {
        self.cut.remove(&node);
        self.connection(node, true);
    }

    fn connection(&mut self, node: NodeId, is_open: bool) {
        let others: Vec<NodeId> = self.books.keys().copied().filter(|of| *of != node).collect();
        for other in others {
            for (at, of) in [(other, node), (node, other)] {
                let input = if is_open { Input::Opened(of) } else { Input::Closed(of) };
                self.input(at, input);
            }
        }
        self.settle();
    }

    fn claim(&mut self, counter: u64, node: NodeId) {
        self.input(node, Input::Command(Command::Claim(epoch(counter, node))));
        self.settle();
        self.alarm(node, Alarm::Gather);
    }

    fn append(&mut self, trader: NodeId, entry: Entry) -> Ticket {
        self.input(trader, Input::Command(Command::Append(entry)));
        let ticket = self.books[&trader].ticket();
        self.settle();
        ticket
    }

    fn held(&mut self) -> Vec<u64> {
        let reports = std::mem::take(&mut self.reports).into_iter();
        let numbers = reports.filter_map(|(_, report)| match report {
            Report::Held(number) => Some(number),
            _ => None,
        });
        numbers.collect()
    }

    /// The market that a node was told that it trades in.
    fn market(&mut self, node: NodeId) -> Kernel {
        let reports = std::mem::take(&mut self.reports).into_iter().rev();
        let mut markets = reports.filter_map(|(of, report)| match report {
            Report::Claimed(_, kernel) | Report::Joined(_, kernel) if of == node => Some(*kernel),
            _ => None,
        });
        markets.next().unwrap()
    }

    fn left(&self, node: NodeId) -> u64 {
        self.books[&node].book().base.stock(&salt()).units
    }
}
