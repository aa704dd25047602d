//! A market in the books of its peers, from the outside: who is answered when.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

mod common;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use common::fish;
use machine::{Context, Effect, Input, Instant, Machine, NodeId, Random};
use market::{ClientId, Command, Money, NOT_KNOWN, Offer, Order, Outcome, Request, RequestId};
use peer::{AnyPeer, Body, Message, MessageLimits, Role, Settings, Trade, What};

const TRADER: NodeId = NodeId(1);
const SELLER: NodeId = NodeId(2);
const BUYER: NodeId = NodeId(3);

type Alarm = <AnyPeer as Machine>::Alarm;

/// Peers that want nothing by themselves; the trader needs no other's promise.
fn settings(me: NodeId) -> Settings {
    let mut settings = common::settings(me, Role { buys: false, sells: false });
    settings.leadership.voters = [TRADER].into();
    settings.leadership.heartbeat_limit = Duration::from_millis(300);
    settings.seller.restock_at_zero = false;
    settings.trader.snapshot_every = 1000;
    settings.trader.pending_max = 10;
    settings
}

fn buy(quantity: u32) -> Command {
    Command::Buy(Order { good: fish(), quantity, limit: None, partial: false })
}

/// Three peers whose writes are durable at once; requests are made by hand.
struct Town {
    peers: BTreeMap<NodeId, AnyPeer>,
    random: Random,
    wire: VecDeque<(NodeId, NodeId, Message)>,
    cut: BTreeSet<NodeId>,
    alarms: BTreeMap<(NodeId, Alarm), Instant>,
    answers: Vec<Outcome>,
    sold: usize,
    stepped_down: usize,
}

impl Town {
    /// The trader has its market; who of the others has a connection has registered.
    fn new(linked: &[NodeId]) -> Self {
        let peer = |node| AnyPeer::with_books(settings(node), MessageLimits::STREAMS);
        let mut town = Self {
            peers: [TRADER, SELLER, BUYER].into_iter().map(|node| (node, peer(node))).collect(),
            random: Random::from_seed(1),
            wire: VecDeque::new(),
            cut: BTreeSet::new(),
            alarms: BTreeMap::new(),
            answers: Vec::new(),
            sold: 0,
            stepped_down: 0,
        };
        for node in [TRADER, SELLER, BUYER] {
            town.input(node, Input::Start);
        }
        linked.iter().for_each(|node| town.connection(*node, true));
        town.alarm("Patience");
        town.settle();
        assert!(town.peers[&TRADER].peer().trader().epoch().is_some());
        town
    }

    /// With five fish of the seller, and a session of the buyer.
    fn open() -> Self {
        let mut town = Self::new(&[SELLER, BUYER]);
        let offer = Offer { good: fish(), quantity: 5, unit_price: Money(10), stamp: None };
        town.ask(SELLER, 0, Command::Open);
        town.ask(SELLER, 1, Command::Deposit(offer));
        town.ask(BUYER, 0, Command::Open);
        assert_eq!(std::mem::take(&mut town.answers).len(), 3);
        town
    }

    fn input(&mut self, node: NodeId, input: Input<AnyPeer>) {
        let (mut effects, now) = (Vec::new(), Instant::from_nanos(7_000_000));
        let peer = self.peers.get_mut(&node).unwrap();
        peer.handle(input, &mut Context::new(now, &mut self.random, &mut effects));
        peer.check().unwrap();
        for effect in effects {
            match effect {
                Effect::Send { to, body, .. } => {
                    let sends = to.nodes().iter().map(|to| (node, *to, body.clone()));
                    self.wire.extend(sends);
                }
                Effect::Set { alarm, at } => drop(self.alarms.insert((node, alarm), at)),
                Effect::Clear(alarm) => drop(self.alarms.remove(&(node, alarm))),
                Effect::Report { report, .. } => {
                    self.sold += usize::from(matches!(report.what, What::Sold { .. }));
                    let is_end = matches!(report.what, What::SteppedDown { .. });
                    self.stepped_down += usize::from(is_end);
                }
                Effect::Persist { .. } | Effect::Snapshot { .. } => {}
                Effect::Claim(_) => panic!("there is no common journal"),
            }
        }
    }

    /// Until nothing is on its way. Answers go to the one who asks by hand.
    fn settle(&mut self) {
        loop {
            while let Some((from, to, body)) = self.wire.pop_front() {
                if let Message::Trade(Trade { body: Body::Answer { outcome, .. }, .. }) = body {
                    self.answers.push(outcome);
                } else if self.peers.contains_key(&to)
                    && (from == to || !self.cut.contains(&from) && !self.cut.contains(&to))
                {
                    self.input(to, Input::Message { from, body });
                }
            }
            if !self.alarm("Flush") {
                return;
            }
        }
    }

    /// Lets the trader's alarm of this name go off, if it is set.
    fn alarm(&mut self, name: &str) -> bool {
        let is_meant = |(node, alarm): &&(NodeId, Alarm)| {
            *node == TRADER && format!("{alarm:?}").contains(name)
        };
        let Some(&found) = self.alarms.keys().find(is_meant) else { return false };
        self.alarms.remove(&found);
        self.input(TRADER, Input::Alarm(found.1));
        true
    }

    /// The time after which the books say again what was not answered.
    fn wait(&mut self) {
        assert!(self.alarm("Books(Resend)"));
        self.settle();
    }

    fn connection(&mut self, node: NodeId, is_open: bool) {
        for (at, of) in [(TRADER, node), (node, TRADER)] {
            let input = if is_open { Input::Opened(of) } else { Input::Closed(of) };
            self.input(at, input);
        }
        self.settle();
    }

    fn ask(&mut self, from: NodeId, number: u64, command: Command) {
        let client = ClientId { party: peer::party(from), life: 1 };
        let id = RequestId { client, number };
        let body = Body::Request(Request { id, answered_below: 0, command });
        let body = Message::Trade(Trade { clock: None, body });
        self.input(TRADER, Input::Message { from, body });
        self.settle();
    }
}

#[test]
fn a_repeated_answer_waits_for_the_books_as_the_first_one_does() {
    let mut town = Town::open();
    town.cut.insert(SELLER);
    town.ask(BUYER, 1, buy(2));
    town.ask(BUYER, 1, buy(2));
    assert_eq!((town.answers.len(), town.sold), (0, 0));
    // What concerns others does not wait for that seller.
    town.ask(BUYER, 2, buy(9));
    assert!(matches!(town.answers[..], [Outcome::Refused(_)]));
    town.cut.clear();
    (0..2).for_each(|_| town.wait());
    assert!(matches!(town.answers[1..], [Outcome::Bought(_), Outcome::Bought(_)]));
    assert_eq!(town.sold, 1);
}

#[test]
fn nobody_waits_for_a_seller_that_is_gone_and_what_came_of_it_is_not_known() {
    let mut town = Town::open();
    town.cut.insert(SELLER);
    town.ask(BUYER, 1, buy(2));
    town.connection(SELLER, false);
    assert_eq!(town.answers, []);
    town.ask(BUYER, 1, buy(2));
    assert_eq!(town.answers, [NOT_KNOWN]);
    town.ask(BUYER, 2, buy(2));
    assert!(matches!(town.answers[1..], [Outcome::Refused(_)]), "its goods are not for sale");
    // When it is back it writes the sale down: now it is one.
    town.cut.clear();
    town.connection(SELLER, true);
    assert_eq!(town.sold, 1);
    town.ask(BUYER, 3, buy(3));
    assert!(matches!(town.answers.last(), Some(Outcome::Bought(_))));
}

#[test]
fn a_request_waits_until_its_client_has_registered() {
    let mut town = Town::new(&[SELLER]);
    town.cut.insert(BUYER);
    town.connection(BUYER, true);
    town.ask(BUYER, 0, Command::Open);
    assert_eq!(town.answers, []);
    town.cut.clear();
    town.wait();
    assert_eq!(town.answers, [Outcome::Opened { purchases: 0 }]);
}

/// What it was seen to sell is sold, and told, before another one takes over.
#[test]
fn a_trader_resigns_when_its_last_sale_is_in_all_books_and_waits_for_nobody_who_is_away() {
    for (is_away_before, goes_away) in [(false, false), (true, false), (false, true)] {
        let mut town = Town::open();
        town.cut.insert(SELLER);
        town.ask(BUYER, 1, buy(2));
        if is_away_before {
            town.connection(SELLER, false);
        }
        town.input(TRADER, Input::Command(peer::Command::Resign));
        town.settle();
        assert_eq!(town.stepped_down, usize::from(is_away_before));
        if goes_away {
            town.connection(SELLER, false);
            assert_eq!((town.sold, town.stepped_down), (0, 1));
        } else if !is_away_before {
            town.cut.clear();
            (0..2).for_each(|_| town.wait());
            assert_eq!((town.answers.len(), town.sold, town.stepped_down), (1, 1, 1));
        }
    }
}
