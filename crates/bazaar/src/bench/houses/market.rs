//! The houses that are measured, and the comparison of the warehouse's books with what the customers
//! were told.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use host::children::Children;
use host::clock::monotonic_ns;
use machine::NodeId;
use market::{Kernel, TermId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::customers::{CustomersTask, CustomersTold, STOCK};
use super::node::{NodeTask, NodeTold, READY, WAREHOUSE, trader};
use super::{Measured, Shape};
use crate::run::nanos;

/// How long processes may take beyond what they are asked for.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The processes of one measurement. When the value is dropped, all are killed.
pub(super) struct Houses<'a> {
    shape: Shape,
    folder: &'a Path,
    cluster: u64,
    children: Children,
    outputs: BTreeMap<String, BufReader<ChildStdout>>,
}

/// Runs houses in `folder`, has the customers buy, and compares the books.
///
/// # Errors
/// A process fails, or the books do not agree.
pub(super) fn measure(shape: Shape, seconds: u8, folder: &Path) -> anyhow::Result<Measured> {
    let (mut houses, known) = Houses::open(shape, folder)?;
    houses.customers(0, &known[1].1, 0)?;
    houses.end(&["customers-0".into()], PATIENCE)?;
    for number in 0..shape.traders {
        houses.customers(number, &known[1 + number as usize].1, seconds)?;
    }
    let names: Vec<String> =
        (0..shape.traders).map(|number| format!("customers-{number}")).collect();
    let lasts = 2 * Duration::from_secs(seconds.into()) + PATIENCE;
    houses.end(&names, lasts)?;
    let told = names.iter().map(|name| houses.told::<CustomersTold>(name));
    let told: Vec<CustomersTold> = told.collect::<anyhow::Result<_>>()?;
    let messages = houses.close()?;
    let bought: u64 = told.iter().map(|told| told.bought).sum();
    compare(&told, bought, &folder.join(WAREHOUSE.to_string()))?;
    let worst = |pick: fn(&CustomersTold) -> f64| told.iter().map(pick).fold(0.0, f64::max);
    Ok(Measured {
        shape,
        repetition: 0,
        goods_per_second: told.iter().map(|told| told.goods as f64 / told.seconds).sum(),
        p50_us: super::median(told.iter().map(|told| told.p50_us).collect()),
        p99_us: worst(|told| told.p99_us),
        messages_per_good: messages as f64 / bought as f64,
        verified: bought,
    })
}

impl<'a> Houses<'a> {
    /// Starts a warehouse and traders; also says where each listens.
    ///
    /// # Errors
    /// A process fails.
    pub(super) fn open(
        shape: Shape,
        folder: &'a Path,
    ) -> anyhow::Result<(Self, Vec<(NodeId, String)>)> {
        let mut houses = Self {
            shape,
            folder,
            cluster: host::entropy::seed()?,
            children: Children::default(),
            outputs: BTreeMap::new(),
        };
        let origin_ns = monotonic_ns();
        let mut known = Vec::new();
        for node in std::iter::once(WAREHOUSE).chain((0..shape.traders).map(trader)) {
            let address = houses.start(node, origin_ns, &known)?;
            known.push((node, address));
        }
        for number in 0..shape.traders {
            let name = trader(number).to_string();
            let said = houses.line(&name)?;
            ensure!(said == READY, "{name} said {said:?} in place of {READY:?}");
        }
        Ok((houses, known))
    }

    pub(super) fn cluster(&self) -> u64 {
        self.cluster
    }

    /// Has the traders retire and ends all; how many messages the warehouse received and sent.
    pub(super) fn close(&mut self) -> anyhow::Result<u64> {
        let names: Vec<String> =
            (0..self.shape.traders).map(|number| trader(number).to_string()).collect();
        for name in &names {
            self.children.send_line(name, "retire")?;
        }
        self.end(&names, PATIENCE)?;
        let warehouse = WAREHOUSE.to_string();
        self.children.send_line(&warehouse, "stop")?;
        self.end(std::slice::from_ref(&warehouse), PATIENCE)?;
        let NodeTold { received, sent } = self.told(&warehouse)?;
        Ok(received + sent)
    }

    /// Starts a process and reads its first line: where it listens.
    fn start(
        &mut self,
        node: NodeId,
        origin_ns: u64,
        known: &[(NodeId, String)],
    ) -> anyhow::Result<String> {
        let name = node.to_string();
        let task = NodeTask {
            node,
            shape: self.shape,
            cluster: self.cluster,
            origin_ns,
            parent: std::process::id(),
            known: known.to_vec(),
            journal: self.folder.join(&name),
        };
        self.spawn(&name, "house", &task)?;
        self.line(&name)
    }

    /// Starts the customers of a trader; with no seconds, one that brings the stock.
    fn customers(&mut self, number: u32, address: &str, seconds: u8) -> anyhow::Result<()> {
        let task = CustomersTask {
            address: address.to_owned(),
            cluster: self.cluster,
            parent: std::process::id(),
            home: TermId { trader: peer::party(trader(number)), number: 1 },
            // Nobody buys its own goods: who brings the stock comes behind all others.
            first: match seconds {
                0 => self.shape.traders * self.shape.customers,
                _ => number * self.shape.customers,
            },
            customers: if seconds == 0 { 1 } else { self.shape.customers },
            seconds,
        };
        self.spawn(&format!("customers-{number}"), "house-customers", &task)
    }

    pub(super) fn spawn(
        &mut self,
        name: &str,
        verb: &str,
        task: &impl Serialize,
    ) -> anyhow::Result<()> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["bench", verb, &serde_json::to_string(task)?]).stdout(Stdio::piped());
        self.children.spawn(name, command, &self.errors(name))?;
        let output = self.children.take_output(name).context("the process has no output")?;
        self.outputs.insert(name.to_owned(), BufReader::new(output));
        Ok(())
    }

    fn errors(&self, name: &str) -> std::path::PathBuf {
        self.folder.join(format!("{name}.stderr"))
    }

    fn line(&mut self, name: &str) -> anyhow::Result<String> {
        let output = self.outputs.get_mut(name).context("the process has no output")?;
        let mut line = String::new();
        output.read_line(&mut line)?;
        ensure!(!line.is_empty(), "{name} said nothing: {}", self.said(name));
        Ok(line.trim_end().to_owned())
    }

    /// What a process wrote last.
    fn told<T: DeserializeOwned>(&mut self, name: &str) -> anyhow::Result<T> {
        let line = self.line(name)?;
        serde_json::from_str(&line).with_context(|| format!("{name} told {line}"))
    }

    fn said(&self, name: &str) -> String {
        std::fs::read_to_string(self.errors(name)).unwrap_or_default()
    }

    /// Waits until these have ended well, and no other one has ended.
    pub(super) fn end(&mut self, names: &[String], within: Duration) -> anyhow::Result<()> {
        let mut running: Vec<&String> = names.iter().collect();
        let limit_ns = monotonic_ns() + nanos(within);
        while !running.is_empty() {
            for (name, status) in self.children.ended(Some(LOOK_EVERY))? {
                let expected = running.iter().any(|running| **running == name);
                if !expected || !status.success() {
                    bail!("{name} ended ({status}): {}", self.said(&name).trim());
                }
                running.retain(|running| **running != name);
            }
            ensure!(monotonic_ns() < limit_ns, "{running:?} do not come to an end");
        }
        Ok(())
    }
}

/// The warehouse's books in the end, when all traders have retired.
pub(super) fn books(journal: &Path) -> anyhow::Result<Kernel> {
    let contents = store::read(journal)?.context("the warehouse wrote nothing")?;
    let kernel = crate::run::of_warehouse(&contents, journal)?;
    kernel.audit().map_err(anyhow::Error::msg)?;
    ensure!(kernel.terms().count() == 0, "terms are open, though all traders have retired");
    ensure!(kernel.broken_sales() == 0, "sales were reported that the books have no room for");
    Ok(kernel)
}

/// Compares what the customers were told with what stands in the warehouse's journal.
fn compare(told: &[CustomersTold], bought: u64, journal: &Path) -> anyhow::Result<()> {
    let kernel = books(journal)?;
    let totals = kernel.totals();
    let paid: u64 = told.iter().map(|told| told.paid).sum();
    ensure!(
        (totals.units.shipped, totals.paid.0) == (bought, paid),
        "customers have receipts for {bought} units and {paid} of money, and the books say {totals:?}"
    );
    ensure!(
        totals.units.left + bought == STOCK,
        "{STOCK} units were deposited, {bought} have receipts, and {} are left",
        totals.units.left
    );
    Ok(())
}
