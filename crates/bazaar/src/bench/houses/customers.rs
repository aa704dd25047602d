//! The process that is all the customers of one trader, in one thread.
//!
//! ```text
//! Stocking (the first trader's only): a seller deposits → Opening: the buyers open their sessions
//!   → Buying: each keeps one order under way; a quarter of the time warms up → Ending → done
//! ```
//!
//! Where traders promise at once (the ledger), a customer goes on when it is promised, with so many
//! answers to come, and latency is the time until then; goods count when they are confirmed.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use hdrhistogram::Histogram;
use host::clock::monotonic_ns;
use host::crowd::{Crowd, Say, Speaker};
use houses::Message;
use machine::NodeId;
use market::limits::QUANTITY_MAX;
use market::{ClientId, Command, Good, Money, Offer, Order, Outcome, Request, RequestId, TermId};
use peer::party;
use serde::{Deserialize, Serialize};

use super::node::FIRST_CUSTOMER;

/// What is sold.
const GOOD: &str = "salt";
/// In how many lots, each as large as one may be.
const LOTS: u64 = 256;
/// How many units that makes: more than any run can sell.
pub(super) const STOCK: u64 = LOTS * QUANTITY_MAX as u64;
/// How many deposits are under way at once.
const DEPOSITS: u64 = 16;
const UNIT_PRICE: Money = Money(100);
/// How many orders of a customer may wait for their answers.
const WINDOW: usize = peer::client::WINDOW_MAX;
/// How long nothing may come while something is under way.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// The longest latency that is told apart: longer ones count as this.
const LATENCY_MAX_NS: u64 = 120_000_000_000;
/// How long one wait takes when nothing comes.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What the customers are told.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CustomersTask {
    pub address: String,
    pub cluster: u64,
    pub parent: u32,
    /// The trader's term, which is the home of their orders.
    pub home: TermId,
    /// The number of the first of them.
    pub first: u32,
    pub customers: u32,
    /// For how long they buy; with 0 the first of them brings the stock, and nothing else is done.
    pub seconds: u8,
}

/// What they tell.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CustomersTold {
    /// Units confirmed in the measured time.
    pub goods: u64,
    pub seconds: f64,
    pub p50_us: f64,
    pub p99_us: f64,
    /// All units that they have receipts for.
    pub bought: u64,
    /// What all receipts say was paid.
    pub paid: u64,
}

/// `bazaar bench house-customers`.
///
/// # Errors
/// The trader does not answer, or answers wrongly.
pub(in crate::bench) fn run(task: &str) -> anyhow::Result<()> {
    let task: CustomersTask = serde_json::from_str(task).context("cannot read the task")?;
    host::die_with(task.parent)?;
    let address: SocketAddr = task.address.parse().context("cannot read the trader's address")?;
    let first = NodeId(FIRST_CUSTOMER + task.first);
    let mut crowd = Crowd::connect(address, task.cluster, first, task.customers)
        .context("cannot connect to the trader")?;
    let mut customers = Customers::new(&task)?;
    let mut quiet_since_ns = monotonic_ns();
    let mut heard = 0;
    while !customers.is_over {
        crowd.turn(LOOK_EVERY, &mut customers)?;
        let now_ns = monotonic_ns();
        if std::mem::replace(&mut heard, customers.heard) != customers.heard {
            quiet_since_ns = now_ns;
        }
        let quiet = Duration::from_nanos(now_ns - quiet_since_ns);
        ensure!(quiet < SILENCE_MAX, "no answer for {SILENCE_MAX:?}");
    }
    println!("{}", serde_json::to_string(&customers.told()?)?);
    Ok(())
}

/// One of them.
#[derive(Debug, Clone)]
struct Customer {
    client: ClientId,
    next: u64,
    /// What is not answered, and when it was asked for.
    sent_ns: BTreeMap<u64, u64>,
    /// Of these, what is promised.
    promised: BTreeSet<u64>,
}

impl Customer {
    /// Whether it waits for a promise or an answer before it asks again.
    fn is_waiting(&self) -> bool {
        self.promised.len() < self.sent_ns.len() || self.promised.len() >= WINDOW
    }
}

struct Customers {
    home: TermId,
    lasts_ns: u64,
    good: Good,
    customers: Vec<Customer>,
    ready: usize,
    deposited: u64,
    /// When measuring begins and ends; none before all have their sessions.
    measured_ns: Option<(u64, u64)>,
    idle: usize,
    is_over: bool,
    heard: u64,
    goods: u64,
    latency: Histogram<u64>,
    bought: u64,
    paid: u64,
}

impl Customers {
    fn new(task: &CustomersTask) -> anyhow::Result<Self> {
        let first = FIRST_CUSTOMER + task.first;
        let customer = |number| {
            let client = ClientId { party: party(NodeId(first + number)), life: 1 };
            Customer { client, next: 1, sent_ns: BTreeMap::new(), promised: BTreeSet::new() }
        };
        Ok(Self {
            home: task.home,
            lasts_ns: u64::from(task.seconds) * 1_000_000_000,
            good: Good::new(GOOD)?,
            customers: (0..task.customers).map(customer).collect(),
            ready: 0,
            deposited: 0,
            measured_ns: None,
            idle: 0,
            is_over: false,
            heard: 0,
            goods: 0,
            latency: Histogram::new_with_bounds(1, LATENCY_MAX_NS, 3)?,
            bought: 0,
            paid: 0,
        })
    }

    fn ask(&mut self, of: usize, command: Command) -> Message {
        let customer = &mut self.customers[of];
        let number = customer.next;
        customer.next += 1;
        customer.sent_ns.insert(number, monotonic_ns());
        let id = RequestId { client: customer.client, number };
        let home = matches!(command, Command::Buy(_)).then_some(self.home);
        let answered_below = customer.sent_ns.keys().next().copied().unwrap_or(number);
        let request = Request { id, answered_below, command };
        Message::Ask { request, home, is_retried: false, seen: None }
    }

    fn deposit(&mut self) -> Message {
        let (good, unit_price) = (self.good.clone(), UNIT_PRICE);
        let offer = Offer { good, quantity: QUANTITY_MAX, unit_price, stamp: None };
        self.ask(0, Command::Deposit(offer))
    }

    fn buy(&mut self, of: usize) -> Message {
        let good = self.good.clone();
        self.ask(of, Command::Buy(Order { good, quantity: 1, limit: None, partial: false }))
    }

    fn opened_session(&mut self, say: &mut Say<'_, Message>) -> io::Result<()> {
        self.ready += 1;
        if self.lasts_ns == 0 {
            for _ in 0..DEPOSITS {
                let deposit = self.deposit();
                say.send(0, &deposit)?;
            }
        } else if self.ready == self.customers.len() {
            let begins_ns = monotonic_ns() + self.lasts_ns / 4;
            self.measured_ns = Some((begins_ns, begins_ns + self.lasts_ns));
            for of in 0..self.customers.len() {
                let buy = self.buy(of);
                say.send(of, &buy)?;
            }
        }
        Ok(())
    }

    fn deposited(
        &mut self,
        of: usize,
        id: RequestId,
        say: &mut Say<'_, Message>,
    ) -> io::Result<()> {
        self.customers[of].sent_ns.remove(&id.number);
        self.deposited += 1;
        self.is_over = self.deposited == LOTS;
        if self.deposited + DEPOSITS <= LOTS {
            let deposit = self.deposit();
            say.send(0, &deposit)?;
        }
        Ok(())
    }

    fn bought(
        &mut self,
        of: usize,
        id: RequestId,
        receipt: &market::Receipt,
        say: &mut Say<'_, Message>,
    ) -> io::Result<()> {
        let customer = &mut self.customers[of];
        let sent_ns = (id.client == customer.client)
            .then(|| customer.sent_ns.remove(&id.number))
            .flatten()
            .ok_or_else(|| io::Error::other(format!("customer {of} was told of {id} unasked")))?;
        let was_promised = customer.promised.remove(&id.number);
        if (receipt.quantity, receipt.paid) != (1, UNIT_PRICE) {
            return Err(io::Error::other(format!("customer {of} was told {receipt:?}")));
        }
        self.bought += 1;
        self.paid += receipt.paid.0;
        let now_ns = monotonic_ns();
        let (begins_ns, ends_ns) = self.measured_ns.unwrap_or_default();
        if sent_ns >= begins_ns && now_ns < ends_ns {
            self.goods += 1;
            if !was_promised {
                self.latency.saturating_record(now_ns - sent_ns);
            }
        }
        self.go_on(of, say)
    }

    /// A trader promised it: the customer goes on, and the answer follows.
    fn promised(&mut self, of: usize, id: RequestId, say: &mut Say<'_, Message>) -> io::Result<()> {
        let customer = &mut self.customers[of];
        // An answer may overtake its promise.
        let Some(&sent_ns) = customer.sent_ns.get(&id.number) else { return Ok(()) };
        if id.client != customer.client || !customer.promised.insert(id.number) {
            return Ok(());
        }
        let now_ns = monotonic_ns();
        let (begins_ns, ends_ns) = self.measured_ns.unwrap_or_default();
        if sent_ns >= begins_ns && now_ns < ends_ns {
            self.latency.saturating_record(now_ns - sent_ns);
        }
        self.go_on(of, say)
    }

    /// Asks again, unless the time is over.
    fn go_on(&mut self, of: usize, say: &mut Say<'_, Message>) -> io::Result<()> {
        let (_, ends_ns) = self.measured_ns.unwrap_or_default();
        let customer = &self.customers[of];
        if monotonic_ns() >= ends_ns {
            self.idle += usize::from(customer.sent_ns.is_empty());
            self.is_over = self.idle == self.customers.len();
            return Ok(());
        }
        if customer.is_waiting() {
            return Ok(());
        }
        let buy = self.buy(of);
        say.send(of, &buy)
    }

    /// A trader that goes by counts may not have heard of the stock when the first ones ask; later
    /// there is enough of it for everybody.
    fn denied(&mut self, of: usize, id: RequestId, say: &mut Say<'_, Message>) -> io::Result<bool> {
        let is_early = self.measured_ns.is_none_or(|(begins_ns, _)| monotonic_ns() < begins_ns);
        if is_early && self.customers[of].sent_ns.remove(&id.number).is_some() {
            self.go_on(of, say)?;
            return Ok(true);
        }
        Ok(false)
    }

    fn told(&self) -> anyhow::Result<CustomersTold> {
        let us = |quantile| self.latency.value_at_quantile(quantile) as f64 / 1e3;
        ensure!(self.lasts_ns == 0 || self.goods > 0, "nothing was sold");
        Ok(CustomersTold {
            goods: self.goods,
            seconds: self.lasts_ns as f64 / 1e9,
            p50_us: us(0.5),
            p99_us: us(0.99),
            bought: self.bought,
            paid: self.paid,
        })
    }
}

impl Speaker for Customers {
    type Message = Message;

    fn opened(&mut self, of: usize, say: &mut Say<'_, Message>) -> io::Result<()> {
        let id = RequestId { client: self.customers[of].client, number: 0 };
        let request = Request { id, answered_below: 0, command: Command::Open };
        say.send(of, &Message::Ask { request, home: None, is_retried: false, seen: None })
    }

    fn heard(&mut self, of: usize, message: Message, say: &mut Say<'_, Message>) -> io::Result<()> {
        let (id, outcome, is_by_cache) = match message {
            Message::Answer { id, outcome, is_by_cache, .. } => (id, outcome, is_by_cache),
            Message::Promised { id, .. } => {
                self.heard += 1;
                return self.promised(of, id, say);
            }
            _ => return Ok(()),
        };
        self.heard += 1;
        if is_by_cache && self.denied(of, id, say)? {
            return Ok(());
        }
        match outcome {
            Outcome::Opened { .. } => self.opened_session(say),
            Outcome::Deposited { .. } => self.deposited(of, id, say),
            Outcome::Bought(receipt) => self.bought(of, id, &receipt, say),
            other => Err(io::Error::other(format!("customer {of} was told {other:?}"))),
        }
    }
}
