//! The process that is all the clients: one seller and many buyers, in one thread.
//!
//! ```text
//! Stocking: the seller opens a session and deposits   → Opening: the buyers open theirs
//!   → Buying: each keeps so many requests under way; a quarter of the time warms up
//!   → Ending: nothing new is asked; when all is answered, the seller asks where it stands → done
//! ```

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use hdrhistogram::Histogram;
use host::clock::monotonic_ns;
use host::crowd::{Crowd, Say, Speaker};
use machine::NodeId;
use market::limits::QUANTITY_MAX;
use market::{Command, Good, Money, Offer, Outcome};
use peer::{Body, Message, Standing, Trade};
use serde::{Deserialize, Serialize};

use super::buyer::{Buyer, Expected, message};
use super::{Latency, Shape};

/// What is sold.
pub(super) const GOOD: &str = "salt";
/// In how many lots, each as large as one may be.
const LOTS: u64 = 64;
/// How many units that makes: more than any run can sell.
pub(super) const STOCK: u64 = LOTS * QUANTITY_MAX as u64;
/// The id of the seller; those of the buyers follow. Ids below are for the market's own peers.
pub(super) const FIRST_CLIENT: u32 = 1000;
const SELLER: usize = 0;
const UNIT_PRICE: Money = Money(100);
/// A life of its own for each process of clients is not needed: they come once to each market.
const LIFE: u64 = 1;
/// How long nothing may come while something is under way.
const SILENCE_MAX: Duration = Duration::from_secs(5);
/// The longest latency that is told apart: longer ones count as this.
const LATENCY_MAX_NS: u64 = 120_000_000_000;
/// How long one wait takes when nothing comes.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What the generator is told.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Task {
    pub address: String,
    pub cluster: u64,
    pub shape: Shape,
    pub seconds: u8,
    pub commission_basis_points: u16,
    /// The process whose end this one shall not outlive.
    pub parent: u32,
}

/// What it tells.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Told {
    /// Sales confirmed in the measured time.
    pub sales: u64,
    pub seconds: f64,
    pub latency_us: Latency,
    /// The units that each buyer has receipts for, over the whole run.
    pub bought: Vec<u64>,
    /// What all receipts say was paid.
    pub paid: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Stocking,
    Opening,
    Buying { measured_from_ns: u64, ends_ns: u64 },
    Ending,
    Done(Standing),
}

/// `bazaar bench generator`.
///
/// # Errors
/// The market does not answer, or answers wrongly.
pub(in crate::bench) fn run(task: &str) -> anyhow::Result<()> {
    let task: Task = serde_json::from_str(task).context("cannot read what to generate")?;
    host::die_with(task.parent)?;
    let told = generate(&task)?;
    println!("{}", serde_json::to_string(&told)?);
    Ok(())
}

fn generate(task: &Task) -> anyhow::Result<Told> {
    let address: SocketAddr = task.address.parse().context("cannot read the trader's address")?;
    let count = task.shape.clients + 1;
    let mut crowd = Crowd::connect(address, task.cluster, NodeId(FIRST_CLIENT), count)
        .context("cannot connect to the trader")?;
    let mut clients = Clients::new(task)?;
    let mut quiet_since_ns = monotonic_ns();
    let mut heard = 0;
    while !matches!(clients.stage, Stage::Done(_)) {
        crowd.turn(LOOK_EVERY, &mut clients)?;
        let now_ns = monotonic_ns();
        if std::mem::replace(&mut heard, clients.heard) != clients.heard {
            quiet_since_ns = now_ns;
        }
        ensure!(
            Duration::from_nanos(now_ns - quiet_since_ns) < SILENCE_MAX,
            "no answer for {SILENCE_MAX:?} ({:?})",
            clients.stage
        );
        clients.go_on(now_ns, &mut crowd)?;
    }
    clients.told()
}

struct Clients {
    shape: Shape,
    lasts_ns: u64,
    stage: Stage,
    /// How many have done what the stage is for.
    ready: u32,
    clients: Vec<Buyer>,
    expected: Expected,
    heard: u64,
    sales: u64,
    /// When the first and the last measured answer came.
    measured_ns: Option<(u64, u64)>,
    latency: Histogram<u64>,
    paid: u64,
    /// Units that the seller was told of, sale by sale.
    noticed: u64,
}

impl Clients {
    fn new(task: &Task) -> anyhow::Result<Self> {
        let nodes = (0..=task.shape.clients).map(|number| NodeId(FIRST_CLIENT + number));
        let commission = UNIT_PRICE.0 * u64::from(task.commission_basis_points) / 10_000;
        Ok(Self {
            shape: task.shape,
            lasts_ns: u64::from(task.seconds) * 1_000_000_000,
            stage: Stage::Stocking,
            ready: 0,
            clients: nodes.map(|node| Buyer::new(node, LIFE)).collect(),
            expected: Expected {
                good: Good::new(GOOD)?,
                unit_price: UNIT_PRICE,
                commission: Money(commission),
            },
            heard: 0,
            sales: 0,
            measured_ns: None,
            latency: Histogram::new_with_bounds(1, LATENCY_MAX_NS, 3)?,
            paid: 0,
            noticed: 0,
        })
    }

    /// Goes to the next stage when this one's time is over.
    fn go_on(&mut self, now_ns: u64, crowd: &mut Crowd) -> io::Result<()> {
        match self.stage {
            Stage::Buying { ends_ns, .. } if now_ns >= ends_ns => {
                self.stage = Stage::Ending;
                // The answers under way, if there are any, come first.
                self.end_if_idle(&mut crowd.say())
            }
            _ => Ok(()),
        }
    }

    fn end_if_idle(&mut self, say: &mut Say<'_, Message>) -> io::Result<()> {
        if self.stage == Stage::Ending && self.clients.iter().all(Buyer::is_idle) {
            say.send(SELLER, &message(Body::Inquire))?;
        }
        Ok(())
    }

    fn answered(
        &mut self,
        client: usize,
        id: market::RequestId,
        outcome: &Outcome,
        say: &mut Say<'_, Message>,
    ) -> Result<(), String> {
        let sent = |sent: io::Result<()>| sent.map_err(|error| error.to_string());
        if id.number == 0 {
            if !matches!(outcome, Outcome::Opened { .. }) {
                return Err(format!("client {client} asked for a session, and got {outcome:?}"));
            }
            return sent(self.opened_session(client, say));
        }
        let sent_ns = self.clients[client].answered(id)?;
        if client == SELLER {
            if !matches!(outcome, Outcome::Deposited { .. }) {
                return Err(format!("a deposit was answered with {outcome:?}"));
            }
            return sent(self.deposited(say));
        }
        self.paid += self.expected.check(outcome)?;
        self.clients[client].bought += 1;
        let now_ns = monotonic_ns();
        if let Stage::Buying { measured_from_ns, ends_ns } = self.stage
            && now_ns < ends_ns
        {
            if sent_ns >= measured_from_ns {
                let (first_ns, _) = self.measured_ns.unwrap_or((measured_from_ns, now_ns));
                self.measured_ns = Some((first_ns, now_ns));
                self.sales += 1;
                self.latency.saturating_record(now_ns - sent_ns);
            }
            let buy = self.clients[client].buy(&self.expected.good, now_ns);
            return sent(say.send(client, &buy));
        }
        match self.clients[client].is_idle() {
            true => sent(self.end_if_idle(say)),
            false => Ok(()),
        }
    }

    fn opened_session(&mut self, client: usize, say: &mut Say<'_, Message>) -> io::Result<()> {
        if client == SELLER {
            for _ in 0..LOTS {
                let good = self.expected.good.clone();
                let (quantity, unit_price) = (QUANTITY_MAX, UNIT_PRICE);
                let offer = Offer { good, quantity, unit_price, stamp: None };
                let deposit = self.clients[SELLER].ask(Command::Deposit(offer), monotonic_ns());
                say.send(SELLER, &deposit)?;
            }
            return Ok(());
        }
        self.ready += 1;
        if self.ready < self.shape.clients {
            return Ok(());
        }
        let now_ns = monotonic_ns();
        let measured_from_ns = now_ns + self.lasts_ns / 4;
        self.stage = Stage::Buying { measured_from_ns, ends_ns: measured_from_ns + self.lasts_ns };
        for client in SELLER + 1..self.clients.len() {
            for _ in 0..self.shape.in_flight {
                let buy = self.clients[client].buy(&self.expected.good, now_ns);
                say.send(client, &buy)?;
            }
        }
        Ok(())
    }

    fn deposited(&mut self, say: &mut Say<'_, Message>) -> io::Result<()> {
        if self.clients[SELLER].is_idle() {
            self.stage = Stage::Opening;
            for client in SELLER + 1..self.clients.len() {
                say.send(client, &self.clients[client].open())?;
            }
        }
        Ok(())
    }

    /// What is told of it all.
    fn told(&self) -> anyhow::Result<Told> {
        let Stage::Done(standing) = self.stage else { anyhow::bail!("it is not over") };
        let bought: Vec<u64> =
            self.clients[SELLER + 1..].iter().map(|buyer| buyer.bought).collect();
        let sold: u64 = bought.iter().sum();
        ensure!(
            (standing.deposited, standing.sold, standing.left) == (STOCK, sold, STOCK - sold),
            "the clients have receipts for {sold} of {STOCK} units, and the seller is told \
             {standing:?}"
        );
        ensure!(
            standing.earned.0 + sold * self.expected.commission.0 == self.paid,
            "{} was paid, and the seller is told {standing:?}",
            self.paid
        );
        ensure!(
            self.noticed == sold,
            "{sold} units were sold, and the seller had notice of {}",
            self.noticed
        );
        let (first_ns, last_ns) = self.measured_ns.context("nothing was sold")?;
        let us = |nanos: u64| nanos as f64 / 1e3;
        Ok(Told {
            sales: self.sales,
            seconds: (last_ns - first_ns) as f64 / 1e9,
            latency_us: Latency {
                p50: us(self.latency.value_at_quantile(0.5)),
                p99: us(self.latency.value_at_quantile(0.99)),
                max: us(self.latency.max()),
            },
            bought,
            paid: self.paid,
        })
    }
}

impl Speaker for Clients {
    type Message = Message;

    fn opened(&mut self, client: usize, say: &mut Say<'_, Message>) -> io::Result<()> {
        match client {
            SELLER => say.send(SELLER, &self.clients[SELLER].open()),
            _ => Ok(()),
        }
    }

    fn heard(
        &mut self,
        client: usize,
        message: Message,
        say: &mut Say<'_, Message>,
    ) -> io::Result<()> {
        let Message::Trade(Trade { body, .. }) = message else { return Ok(()) };
        match body {
            Body::Answer { id, outcome, .. } => {
                self.heard += 1;
                self.answered(client, id, &outcome, say).map_err(io::Error::other)
            }
            Body::Notice { standing, sales } if sales.is_empty() => {
                self.stage = Stage::Done(standing);
                Ok(())
            }
            Body::Notice { sales, .. } => {
                self.noticed += sales.iter().map(|sale| u64::from(sale.quantity)).sum::<u64>();
                Ok(())
            }
            // Clients ask; and a market that serves by arrival needs no clocks.
            _ => Err(io::Error::other("the trader says what a client cannot be told")),
        }
    }
}
