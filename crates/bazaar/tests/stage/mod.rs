//! One scenario on both hosts: simulated, and as real processes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure here is a failed test")]
#![allow(dead_code, reason = "no test file uses all of it")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use clocks::Stamp;
use machine::{Epoch, NodeId};
use market::{Outcome, Party, Receipt, RequestId};
use view::{Event, Fault, Operation, Summary, What};

/// What a run left behind.
pub struct Run {
    /// Where it took place.
    pub is_simulated: bool,
    pub summary: Summary,
    pub events: Vec<Event>,
    folder: tempfile::TempDir,
}

/// Runs a scenario on both hosts; each run must pass, and `check` looks at what it left behind.
pub fn on_both_hosts(preset: &str, sets: &[&str], check: impl Fn(&Run)) {
    for is_simulated in [true, false] {
        check(&run(preset, sets, is_simulated));
    }
}

/// Runs a scenario, which must pass.
pub fn run(preset: &str, sets: &[&str], is_simulated: bool) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bazaar"));
    command.args(["run", "--json", "--quiet", "--preset", preset, "--out"]).arg(folder.path());
    command.args(is_simulated.then_some("--simulated"));
    command.arg("--set=run.base_port=0");
    command.args(sets.iter().map(|set| format!("--set={set}")));
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "simulated: {is_simulated}: {text}{errors}");
    let events = fs::read_to_string(folder.path().join("events.jsonl")).unwrap();
    let events = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    Run { is_simulated, summary: serde_json::from_str(&text).unwrap(), events, folder }
}

/// A sale, as its trader tells of it.
pub struct Sale<'a> {
    pub at: usize,
    pub epoch: Epoch,
    pub request: RequestId,
    pub buyer: Party,
    pub receipt: &'a Receipt,
}

impl Run {
    /// The story of a process in words.
    pub fn story(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(format!("{name}.txt"))).unwrap()
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What `bazaar check` makes of its files.
    pub fn check(&self) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bazaar"));
        command.arg("check").arg(self.folder()).output().unwrap()
    }

    /// What `bazaar check` says of its files, which must pass.
    pub fn checked(&self) -> String {
        let output = self.check();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "simulated: {}: {told}", self.is_simulated);
        told
    }

    /// What was done to nodes in this way, in order: position and node.
    pub fn faults(&self, wanted: Fault) -> Vec<(usize, NodeId)> {
        let of = |(at, event): (usize, &Event)| match event.what {
            What::Fault { fault, target } if fault == wanted => Some((at, target)),
            _ => None,
        };
        self.events.iter().enumerate().filter_map(of).collect()
    }

    /// What one node told, with the position in the stream.
    pub fn of(&self, node: u32) -> impl DoubleEndedIterator<Item = (usize, &Event)> {
        let events = self.events.iter().enumerate();
        events.filter(move |(_, event)| event.node == NodeId(node))
    }

    /// The first event for which `wanted` holds, at `from` or later.
    pub fn find(&self, from: usize, wanted: impl Fn(&Event) -> bool) -> Option<usize> {
        let found = self.events[from.min(self.events.len())..].iter().position(wanted)?;
        Some(from + found)
    }

    /// The same for what must be there.
    pub fn first(&self, from: usize, what: &str, wanted: impl Fn(&Event) -> bool) -> usize {
        let found = self.find(from, wanted);
        found.unwrap_or_else(|| panic!("simulated: {}: there is no {what}", self.is_simulated))
    }

    /// All sales, in order.
    pub fn sales(&self) -> Vec<Sale<'_>> {
        let mut sales = Vec::new();
        for (at, event) in self.events.iter().enumerate() {
            if let What::Sold { epoch, request, buyer, receipt } = &event.what {
                let (epoch, request, buyer) = (*epoch, *request, *buyer);
                sales.push(Sale { at, epoch, request, buyer, receipt });
            }
        }
        sales
    }

    /// The purchases that a peer has its answer to: position, answer and how long it took.
    pub fn answers(&self, node: u32) -> Vec<(usize, &Outcome, u64)> {
        let mut answers = Vec::new();
        for (at, event) in self.of(node) {
            if let What::Answered { operation: Operation::Buy(_), outcome, took_ns, .. } =
                &event.what
            {
                answers.push((at, outcome, *took_ns));
            }
        }
        answers
    }

    /// All purchases that were asked for, in order, each once.
    pub fn purchases(&self) -> Vec<Purchase<'_>> {
        let mut purchases: Vec<Purchase<'_>> = Vec::new();
        for (at, event) in self.events.iter().enumerate() {
            if let What::Asked { request, operation: Operation::Buy(_), stamp: Some(stamp) } =
                &event.what
                && !purchases.iter().rev().any(|known| known.request == *request)
            {
                purchases.push(Purchase { at, buyer: event.node, request: *request, stamp });
            }
        }
        purchases
    }

    /// Purchases in the order in which a trader first served them, each with its position.
    pub fn served(&self) -> Vec<(usize, Purchase<'_>)> {
        let mut asked: BTreeMap<_, _> =
            self.purchases().into_iter().map(|purchase| (purchase.request, purchase)).collect();
        let mut served = Vec::new();
        for (at, event) in self.events.iter().enumerate() {
            if let What::Sold { request, .. } | What::Refused { request, .. } = &event.what
                && let Some(purchase) = asked.remove(request)
            {
                served.push((at, purchase));
            }
        }
        served
    }

    /// Pairs of purchases of which the one that happened before the other was served after it.
    pub fn out_of_order(&self) -> usize {
        let served = self.served();
        let later = |place: usize| &served[place + 1..];
        let overtaken = served.iter().enumerate().map(|(place, (_, first))| {
            later(place).iter().filter(|(_, next)| next.stamp.before(first.stamp)).count()
        });
        overtaken.sum()
    }

    /// The terms that began to trade: position, epoch, and what the market had shipped before.
    pub fn terms(&self) -> Vec<(usize, Epoch, u64)> {
        let mut terms = Vec::new();
        for (at, event) in self.events.iter().enumerate() {
            if let What::Trading { epoch, shipped_before } = event.what {
                terms.push((at, epoch, shipped_before));
            }
        }
        terms
    }

    /// Between the end of each term and the beginning of the next nothing is sold, refused or taken
    /// into stock; and each trader takes over all that was shipped before.
    pub fn hands_over_whole_and_halts_meanwhile(&self) {
        let terms = self.terms();
        for pair in terms.windows(2) {
            let [(began, old, _), (next, _, shipped_before)] = *pair else { continue };
            let ended = self.find(began, |event| {
                matches!(event.what, What::SteppedDown { epoch, .. } if epoch == old)
                    || matches!(event.what, What::Fault { target, .. } if target == old.node)
            });
            // On a busy machine one that was taken for dead may hear of it later than the others.
            let ended = match ended.filter(|ended| *ended < next) {
                Some(ended) => ended,
                None if !self.is_simulated => continue,
                None => panic!("{old} does not end before the next term begins"),
            };
            let trades = |event: &&Event| {
                matches!(
                    event.what,
                    What::Sold { .. } | What::Refused { .. } | What::Deposited { .. }
                )
            };
            // What waited for the journal may be told behind the end of the term, of its instant.
            let since_ns = self.events[ended].time_ns;
            let meanwhile =
                self.events[ended..next].iter().filter(|event| event.time_ns > since_ns);
            let meanwhile = meanwhile.filter(trades).count();
            assert_eq!(meanwhile, 0, "trade goes on without a trader");
            let sales = self.sales();
            let before = sales.iter().filter(|sale| sale.epoch <= old);
            let shipped: u64 = before.map(|sale| u64::from(sale.receipt.quantity)).sum();
            // What was written down last it may not have come to tell.
            assert!(shipped_before >= shipped, "{shipped_before} and {shipped}");
        }
    }
}

/// A purchase, as its buyer tells of it.
pub struct Purchase<'a> {
    pub at: usize,
    pub buyer: NodeId,
    pub request: RequestId,
    pub stamp: &'a Stamp,
}
