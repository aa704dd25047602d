//! The figures of a run of the preset `groupcast`: the object of `summary.json`.

use machine::NodeId;
use serde::Serialize;
use view::{Buys, Cause, Election, Goods, Latency, MoneyFlow, Verdict};

use super::told::Told;
use super::{PRESET, Peers, name};

/// Something that was done to the group.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// When, since the run began.
    pub time_ns: u64,
    /// What.
    pub kind: Kind,
    /// To whom.
    pub node: NodeId,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Its messages were held back.
    Delay,
    /// It was killed.
    Kill,
    /// It was told to leave.
    Leave,
}

/// The figures of a run. The keys are those of every run's summary; a group trades nothing, so
/// those of the market are zero, and those of its messages come in addition.
#[derive(Debug, Serialize)]
pub struct Summary {
    preset: &'static str,
    seed: u64,
    seconds: f64,
    buys: Buys,
    goods: Goods,
    money: MoneyFlow,
    /// From the moment at which a message was meant to be sent until its sender delivered it.
    latency_us: Latency,
    /// Each coordinator, and how it came to be.
    elections: Vec<Election>,
    messages: Messages,
    /// Whether the members agree.
    pub verdict: Verdict,
    violations: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Messages {
    /// Sent by all that stayed or left.
    sent: u64,
    /// Delivered by each that stayed, those of killed members included.
    delivered: u64,
    per_second: f64,
    /// How many members stayed.
    members: usize,
}

impl Summary {
    /// Sums up a run whose streams have ended.
    ///
    /// # Errors
    /// What the members said could not be written.
    pub fn new(
        seed: u64,
        seconds: f64,
        begin_ns: u64,
        peers: &mut Peers,
        faults: &[Fault],
        violations: Vec<String>,
    ) -> anyhow::Result<Self> {
        let record = peers.take_record()?;
        let micros = |quantile| record.latencies.value_at_quantile(quantile).div_ceil(1000);
        let (delivered, members) = peers.look(|board| {
            let delivered = board.present().map(|(_, record)| record.delivered()).min();
            (delivered.unwrap_or_default(), board.present().count())
        });
        Ok(Self {
            preset: PRESET,
            seed,
            seconds: (seconds * 1000.0).round() / 1000.0,
            buys: Buys::default(),
            goods: Goods::default(),
            money: MoneyFlow::default(),
            latency_us: Latency {
                p50: micros(0.5),
                p90: micros(0.9),
                p99: micros(0.99),
                max: record.latencies.max().div_ceil(1000),
            },
            elections: elections(&record.changes, faults, begin_ns),
            messages: Messages {
                sent: peers.look(|board| board.sent.values().sum()),
                delivered,
                per_second: (delivered as f64 / seconds).round(),
                members,
            },
            verdict: if violations.is_empty() { Verdict::Pass } else { Verdict::Fail },
            violations,
        })
    }
}

/// Each change of the coordinator: from what was done to the one before, or from the start of the
/// run, until the first member is in a view with the new one.
fn elections(lines: &[super::told::Line], faults: &[Fault], begin_ns: u64) -> Vec<Election> {
    let mut elections: Vec<Election> = Vec::new();
    for line in lines {
        let Told::View { number, coordinator, .. } = line.told else { continue };
        let before = elections.last().map(|election| election.leader);
        let is_news = elections.last().is_none_or(|election| election.epoch < number);
        if before == Some(coordinator) || !is_news {
            continue;
        }
        let end = before.and_then(|before| faults.iter().rfind(|fault| fault.node == before));
        let (cause, since_ns) = match end {
            None if before.is_none() => (Cause::Start, 0),
            Some(Fault { kind: Kind::Leave, time_ns, .. }) => (Cause::Resign, *time_ns),
            Some(Fault { kind: Kind::Kill, time_ns, .. }) => (Cause::Crash, *time_ns),
            _ => (Cause::Hang, begin_ns),
        };
        elections.push(Election {
            epoch: number,
            leader: coordinator,
            cause,
            ms: line.time_ns.saturating_sub(since_ns) as f64 / 1e6,
            messages: change_messages(lines, number),
        });
    }
    elections
}

/// How many messages all members sent to bring a view about.
fn change_messages(lines: &[super::told::Line], number: u64) -> u64 {
    let mut views = std::collections::BTreeMap::new();
    let mut sum = 0;
    for line in lines {
        match line.told {
            Told::View { number, .. } => {
                views.insert(line.node, number);
            }
            Told::Changed { messages } if views.get(&line.node) == Some(&number) => sum += messages,
            _ => {}
        }
    }
    sum
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { preset, seed, seconds, messages, latency_us, verdict, .. } = self;
        writeln!(f, "{preset}, seed {seed}, {seconds:.3} s: {verdict}\n")?;
        writeln!(
            f,
            "messages   {} delivered by each of the {} members that stayed ({:.0}/s)",
            messages.delivered, messages.members, messages.per_second
        )?;
        let Latency { p50, p90, p99, max } = latency_us;
        writeln!(f, "latency    p50 {p50} us, p90 {p90} us, p99 {p99} us, max {max} us\n")?;
        for Election { epoch, leader, cause, ms, messages } in &self.elections {
            let leader = name(*leader);
            let cause = format!("{cause:?}").to_lowercase();
            writeln!(
                f,
                "view {epoch:<4} led by {leader:<7} {cause:<7} {ms:8.1} ms {messages:5} messages"
            )?;
        }
        self.violations.iter().try_for_each(|violation| writeln!(f, "broken: {violation}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::told::Line;
    use super::*;

    #[test]
    fn each_coordinator_has_its_cause_and_its_time() {
        let view = |time_ns, node, number, coordinator| {
            let told = Told::View { number, members: Vec::new(), coordinator: NodeId(coordinator) };
            Line { time_ns, node: NodeId(node), told }
        };
        let changed = |node, messages| Line {
            time_ns: 0,
            node: NodeId(node),
            told: Told::Changed { messages },
        };
        let fault = |time_ns, kind, node| Fault { time_ns, kind, node: NodeId(node) };
        let lines = [
            view(1_000_000, 1, 1, 1),
            view(2_000_000, 2, 2, 1),
            view(12_000_000, 2, 3, 2),
            changed(2, 5),
            view(13_000_000, 3, 3, 2),
            changed(3, 2),
            view(23_500_000, 3, 4, 3),
        ];
        let faults = [fault(10_000_000, Kind::Leave, 1), fault(20_000_000, Kind::Kill, 2)];
        let found = elections(&lines, &faults, 0);
        let found: Vec<_> =
            found.iter().map(|e| (e.epoch, e.leader.0, e.cause, e.ms, e.messages)).collect();
        assert_eq!(
            found,
            [
                (1, 1, Cause::Start, 1.0, 0),
                (3, 2, Cause::Resign, 2.0, 7),
                (4, 3, Cause::Crash, 3.5, 0)
            ]
        );
    }
}
