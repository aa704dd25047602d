//! `bazaar bench flash-sale`: few units, many more buyers, nine of ten of them at one trader.
//!
//! Every buyer has a session of its own and wants one unit. They come over some connections of each
//! trader's, one after the other on each, as fast as they are served. At the end all units are sold
//! to somebody, and nobody was denied one that was there: both are counted, by the buyers' own
//! clock and by the warehouse's journal.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use host::clock::monotonic_ns;
use host::crowd::{Crowd, Say, Speaker};
use houses::Message;
use machine::NodeId;
use market::limits::QUANTITY_MAX;
use market::{
    ClientId, Command, Good, Money, Offer, Order, Outcome, Refusal, Request, RequestId, TermId,
};
use peer::party;
use serde::{Deserialize, Serialize};

use super::market::{Houses, PATIENCE, books};
use super::node::{FIRST_CUSTOMER, WAREHOUSE, trader};
use super::{Cache, Shape};
use crate::scratch::Scratch;

/// Connections of each trader: so many buyers are served by it at once.
const CONNECTIONS: u32 = 64;
const GOOD: &str = "ticket";
const UNIT_PRICE: Money = Money(100);
/// Of ten buyers, how many are at the first trader.
const CROWDED: u32 = 9;
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long nothing may come while something is under way.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// What `bazaar bench flash-sale` is told.
#[derive(Debug, Clone, clap::Args)]
pub struct FlashSaleArgs {
    /// How traders use what they know
    #[arg(long, value_delimiter = ',', default_value = "none,push,lease-buddy")]
    cache: Vec<Cache>,
    /// How many units there are
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=QUANTITY_MAX as i64))]
    units: u32,
    /// How many buyers come, each for one
    #[arg(long, default_value_t = 40_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    buyers: u32,
    /// How many traders there are
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(2..=16))]
    traders: u32,
    /// By how much each message between a trader and the warehouse is late, in microseconds
    #[arg(long, default_value_t = 0)]
    delay_us: u32,
    /// Where the journals go while it runs
    #[arg(long, default_value = "runs")]
    folder: PathBuf,
    /// Prints a line for each cache as CSV
    #[arg(long)]
    csv: bool,
}

/// What a process of buyers is told; with no buyers it brings the stock.
#[derive(Debug, Serialize, Deserialize)]
struct BuyersTask {
    address: String,
    cluster: u64,
    parent: u32,
    home: TermId,
    first: u32,
    buyers: u32,
    units: u32,
    /// Where it tells: that is more than a pipe holds.
    told: PathBuf,
}

/// What it tells.
#[derive(Debug, Default, Serialize, Deserialize)]
struct BuyersTold {
    sold: u64,
    paid: u64,
    /// When each buyer that was refused for want of goods heard of it.
    refused_ns: Vec<u64>,
    /// Buyers that were told that it is not known.
    not_known: u64,
    /// When the last order was sent that was met.
    last_sold_sent_ns: u64,
    began_ns: u64,
    ended_ns: u64,
}

#[derive(Debug)]
struct Figures {
    cache: Cache,
    sold: u64,
    refused: u64,
    not_known: u64,
    false_refusals: u64,
    oversold: u64,
    seconds: f64,
}

/// `bazaar bench flash-sale`.
///
/// # Errors
/// A process fails, or the books do not agree with what buyers were told.
pub(in crate::bench) fn command(args: &FlashSaleArgs) -> anyhow::Result<ExitCode> {
    let mut all = Vec::new();
    for &cache in &args.cache {
        let scratch = Scratch::new(&args.folder, "bench")?;
        all.push(one(args, cache, scratch.path())?);
    }
    if args.csv {
        println!("cache,units,buyers,sold,refused,not_known,false_refusals,oversold,seconds");
    } else {
        println!(
            "{} units, {} buyers, {CROWDED} of 10 of them at one of {} traders\n\
             {:<18}{:>8}{:>9}{:>11}{:>16}{:>10}{:>13}{:>9}",
            args.units,
            args.buyers,
            args.traders,
            "cache",
            "sold",
            "refused",
            "not known",
            "false refusals",
            "oversold",
            "undersold",
            "seconds"
        );
    }
    for Figures { cache, sold, refused, not_known, false_refusals, oversold, seconds } in all {
        let cache = cache.name();
        if args.csv {
            println!(
                "{cache},{},{},{sold},{refused},{not_known},{false_refusals},{oversold},{seconds:.3}",
                args.units, args.buyers
            );
        } else {
            let share = (not_known + false_refusals) as f64 / f64::from(args.buyers) * 100.0;
            println!(
                "{cache:<18}{sold:>8}{refused:>9}{not_known:>11}{false_refusals:>16}{oversold:>10}\
                 {share:>11.3} %{seconds:>9.2}"
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn one(args: &FlashSaleArgs, cache: Cache, folder: &std::path::Path) -> anyhow::Result<Figures> {
    let (traders, delay_us) = (args.traders, args.delay_us);
    let shape = Shape { cache, traders, customers: CONNECTIONS, delay_us };
    let (mut houses, known) = Houses::open(shape, folder)?;
    let spawn = |houses: &mut Houses<'_>, name: &str, number: u32, first: u32, buyers: u32| {
        let task = BuyersTask {
            address: known[1 + number as usize].1.clone(),
            cluster: houses.cluster(),
            parent: std::process::id(),
            home: TermId { trader: party(trader(number)), number: 1 },
            first,
            buyers,
            units: args.units,
            told: folder.join(format!("{name}.json")),
        };
        houses.spawn(name, "flash-buyers", &task)
    };
    // Nobody buys its own goods: who brings the stock comes behind all others.
    spawn(&mut houses, "stock", 0, traders * CONNECTIONS, 0)?;
    houses.end(&["stock".into()], PATIENCE)?;
    let crowded = args.buyers / 10 * CROWDED;
    let elsewhere = args.buyers - crowded;
    let mut names = Vec::new();
    for number in 0..traders {
        let buyers = match number {
            0 => crowded,
            _ => elsewhere / (traders - 1) + u32::from(number - 1 < elsewhere % (traders - 1)),
        };
        if buyers > 0 {
            let name = format!("buyers-{number}");
            spawn(&mut houses, &name, number, number * CONNECTIONS, buyers)?;
            names.push(name);
        }
    }
    houses.end(&names, PATIENCE + Duration::from_millis(args.buyers.into()))?;
    let told = names.iter().map(|name| -> anyhow::Result<BuyersTold> {
        let place = folder.join(format!("{name}.json"));
        let text =
            std::fs::read(&place).with_context(|| format!("cannot read {}", place.display()));
        Ok(serde_json::from_slice(&text?)?)
    });
    let told: Vec<BuyersTold> = told.collect::<anyhow::Result<_>>()?;
    houses.close()?;
    let sum = |pick: fn(&BuyersTold) -> u64| told.iter().map(pick).sum::<u64>();
    let (sold, paid) = (sum(|told| told.sold), sum(|told| told.paid));
    let kernel = books(&folder.join(WAREHOUSE.to_string()))?;
    let totals = kernel.totals();
    ensure!(
        (totals.units.shipped, totals.paid.0) == (sold, paid),
        "buyers have receipts for {sold} units and {paid} of money, and the books say {totals:?}"
    );
    // Whoever asked after somebody had been refused, and was served, shows that one of them was
    // refused while there was something.
    let last_ns = told.iter().map(|told| told.last_sold_sent_ns).max().unwrap_or_default();
    let refused = || told.iter().flat_map(|told| &told.refused_ns);
    let ended_ns = told.iter().map(|told| told.ended_ns).max().unwrap_or_default();
    let began_ns = told.iter().map(|told| told.began_ns).min().unwrap_or_default();
    Ok(Figures {
        cache,
        sold,
        refused: refused().count() as u64,
        not_known: sum(|told| told.not_known),
        false_refusals: refused().filter(|heard_ns| **heard_ns < last_ns).count() as u64,
        oversold: sold.saturating_sub(args.units.into()),
        seconds: (ended_ns - began_ns) as f64 / 1e9,
    })
}

/// `bazaar bench flash-buyers`.
///
/// # Errors
/// The trader does not answer, or answers wrongly.
pub(in crate::bench) fn run(task: &str) -> anyhow::Result<()> {
    let task: BuyersTask = serde_json::from_str(task).context("cannot read the task")?;
    host::die_with(task.parent)?;
    let address: SocketAddr = task.address.parse().context("cannot read the trader's address")?;
    let connections = if task.buyers == 0 { 1 } else { CONNECTIONS.min(task.buyers) };
    let first = NodeId(FIRST_CUSTOMER + task.first);
    let mut crowd = Crowd::connect(address, task.cluster, first, connections)
        .context("cannot connect to the trader")?;
    let mut buyers = Buyers {
        good: Good::new(GOOD)?,
        home: task.home,
        units: task.units,
        to_come: task.buyers.saturating_sub(connections),
        present: connections,
        is_stocking: task.buyers == 0,
        slots: (0..connections).map(|number| Slot::first(first.0 + number)).collect(),
        heard: 0,
        told: BuyersTold { began_ns: monotonic_ns(), ..BuyersTold::default() },
    };
    let (mut quiet_since_ns, mut heard) = (monotonic_ns(), 0);
    while buyers.present > 0 {
        crowd.turn(LOOK_EVERY, &mut buyers)?;
        if std::mem::replace(&mut heard, buyers.heard) != buyers.heard {
            quiet_since_ns = monotonic_ns();
        }
        let quiet = Duration::from_nanos(monotonic_ns() - quiet_since_ns);
        ensure!(quiet < SILENCE_MAX, "no answer for {SILENCE_MAX:?}");
    }
    buyers.told.ended_ns = monotonic_ns();
    std::fs::write(&task.told, serde_json::to_vec(&buyers.told)?)
        .with_context(|| format!("cannot write {}", task.told.display()))
}

/// The buyer that a connection serves now.
#[derive(Debug, Clone, Copy)]
struct Slot {
    client: ClientId,
    sent_ns: u64,
}

impl Slot {
    fn first(node: u32) -> Self {
        Self { client: ClientId { party: party(NodeId(node)), life: 1 }, sent_ns: 0 }
    }
}

struct Buyers {
    good: Good,
    home: TermId,
    units: u32,
    /// Buyers that have not come yet, and connections that have not served their last.
    to_come: u32,
    present: u32,
    is_stocking: bool,
    slots: Vec<Slot>,
    heard: u64,
    told: BuyersTold,
}

impl Buyers {
    fn open(&self, of: usize, say: &mut Say<'_, Message>) -> io::Result<()> {
        let id = RequestId { client: self.slots[of].client, number: 0 };
        let request = Request { id, answered_below: 0, command: Command::Open };
        say.send(of, &Message::Ask { request, home: None, is_retried: false, seen: None })
    }

    /// Asks for what it came for.
    fn ask(&mut self, of: usize, say: &mut Say<'_, Message>) -> io::Result<()> {
        let (good, unit_price) = (self.good.clone(), UNIT_PRICE);
        let command = match self.is_stocking {
            true => Command::Deposit(Offer { good, quantity: self.units, unit_price, stamp: None }),
            false => Command::Buy(Order { good, quantity: 1, limit: None, partial: false }),
        };
        let slot = &mut self.slots[of];
        slot.sent_ns = monotonic_ns();
        let id = RequestId { client: slot.client, number: 1 };
        let home = (!self.is_stocking).then_some(self.home);
        let request = Request { id, answered_below: 1, command };
        say.send(of, &Message::Ask { request, home, is_retried: false, seen: None })
    }

    /// The next buyer comes over this connection.
    fn next(&mut self, of: usize, say: &mut Say<'_, Message>) -> io::Result<()> {
        match self.to_come.checked_sub(1) {
            Some(left) => {
                self.to_come = left;
                self.slots[of].client.life += 1;
                self.open(of, say)
            }
            None => {
                self.present -= 1;
                Ok(())
            }
        }
    }
}

impl Speaker for Buyers {
    type Message = Message;

    fn opened(&mut self, of: usize, say: &mut Say<'_, Message>) -> io::Result<()> {
        self.open(of, say)
    }

    fn heard(&mut self, of: usize, message: Message, say: &mut Say<'_, Message>) -> io::Result<()> {
        let Message::Answer { id, outcome, .. } = message else { return Ok(()) };
        if id.client != self.slots[of].client {
            return Err(io::Error::other(format!("a buyer was told of {id} unasked")));
        }
        self.heard += 1;
        match outcome {
            Outcome::Opened { .. } => return self.ask(of, say),
            Outcome::Deposited { .. } if self.is_stocking => {}
            Outcome::Bought(receipt) if (receipt.quantity, receipt.paid) == (1, UNIT_PRICE) => {
                self.told.sold += 1;
                self.told.paid += receipt.paid.0;
                self.told.last_sold_sent_ns =
                    self.told.last_sold_sent_ns.max(self.slots[of].sent_ns);
            }
            Outcome::Refused(Refusal::OutOfStock { .. }) => {
                self.told.refused_ns.push(monotonic_ns());
            }
            Outcome::Refused(Refusal::Lent { .. }) => self.told.not_known += 1,
            other => return Err(io::Error::other(format!("a buyer was told {other:?}"))),
        }
        self.next(of, say)
    }
}
