//! What a run leaves behind, and the verdict over it from the files alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter};
use std::path::Path;

use anyhow::Context as _;
use groupcast::overlay::Overlay;
use judge::{Houses, Judgement, RunFiles};
use machine::NodeId;
use market::Kernel;
use view::lines::Tail;
use view::topology::{self, Topology};
use view::{Event, Facts, Summary, history};

use super::journal::{Journaled, market};
use crate::nodes::{self, DIRECTORY};
use crate::scenario::overlay;
use crate::scenario::{Cache, Scenario};
use crate::settings::roles;

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// Its figures and its verdict.
    pub summary: Summary,
    /// All events, in order of time.
    pub events: Vec<Event>,
}

/// Writes the files of a run, then judges them.
pub(super) fn finish(
    scenario: &Scenario,
    directory: &Path,
    events: Vec<Event>,
    seconds: f64,
    origin_unix_ns: u64,
) -> anyhow::Result<Outcome> {
    write_lines(&directory.join("events.jsonl"), &events)?;
    let history = history::from_events(&events);
    let file = create(&directory.join("history.jsonl"))?;
    history::write(file, &history).context("cannot write history.jsonl")?;
    for (name, text) in view::texts(&events, origin_unix_ns) {
        let place = directory.join(format!("{name}.txt"));
        fs::write(&place, text).with_context(|| format!("cannot write {}", place.display()))?;
    }
    let topology = topology(scenario, directory, &events)?;
    let text = serde_json::to_string_pretty(&topology)?;
    fs::write(directory.join("topology.json"), text).context("cannot write topology.json")?;
    let drawing = topology.svg();
    fs::write(directory.join("topology.svg"), &drawing).context("cannot write topology.svg")?;
    let Journaled { market, in_books } = market(directory)?;
    let run = RunFiles { events, history, market, in_books, houses: houses(scenario) };
    let judgement = judge::judge(&run);
    let summary = summarise(scenario, &run, &judgement, seconds);
    let text = serde_json::to_string(&summary)? + "\n";
    fs::write(directory.join("summary.json"), text).context("cannot write summary.json")?;
    write_report(directory, &summary, &run.events, &drawing)?;
    // All of it stands in events.jsonl now.
    match fs::remove_dir_all(directory.join("processes")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).context("cannot remove the parts of a run");
        }
        _ => {}
    }
    Ok(Outcome { summary, events: run.events })
}

/// What a scenario of trading houses promises.
fn houses(scenario: &Scenario) -> Option<Houses> {
    let goes_by_counts = matches!(scenario.cache, Cache::TimeToLive | Cache::Push | Cache::Ledger);
    let (traders, traders_max) = (scenario.houses.traders, scenario.scaling.traders_max);
    let (peers, replaces_lost) = (scenario.run.peers, scenario.houses.replace_lost);
    let houses = Houses { traders, peers, traders_max, replaces_lost, goes_by_counts };
    scenario.is_of_houses().then_some(houses)
}

/// Writes the page over a run.
///
/// # Errors
/// The file cannot be written.
pub fn write_report(
    directory: &Path,
    summary: &Summary,
    events: &[Event],
    topology_svg: &str,
) -> anyhow::Result<()> {
    let page = lab::RunReport { summary, events, topology_svg }.page();
    fs::write(directory.join(lab::PAGE), page).context("cannot write report.html")
}

fn summarise(scenario: &Scenario, run: &RunFiles, judgement: &Judgement, seconds: f64) -> Summary {
    let facts = Facts {
        preset: scenario.preset.clone(),
        seed: scenario.seed,
        seconds,
        totals: run.market.as_ref().map(Kernel::totals),
        oversold: judgement.oversold,
        undersold: judgement.undersold,
        verdict: judgement.verdict,
        violations: judgement.violations(),
    };
    Summary::tally(&run.events, facts)
}

/// What a run directory holds, for its judge.
///
/// # Errors
/// A file is missing or cannot be read.
pub fn read(directory: &Path) -> anyhow::Result<RunFiles> {
    let open = |name: &str| {
        let place = directory.join(name);
        let file = File::open(&place);
        file.map(BufReader::new).with_context(|| format!("cannot open {}", place.display()))
    };
    let events = view::lines::read(open("events.jsonl")?, Tail::Whole, "an event");
    let history = history::read(open("history.jsonl")?);
    let Journaled { market, in_books } = market(directory)?;
    let scenario = Scenario::resolve("market", Some(&directory.join("scenario.toml")), &[])?;
    Ok(RunFiles {
        events: events.with_context(|| directory.join("events.jsonl").display().to_string())?,
        history: history.with_context(|| directory.join("history.jsonl").display().to_string())?,
        market,
        in_books,
        houses: houses(&scenario),
    })
}

fn create(place: &Path) -> anyhow::Result<BufWriter<File>> {
    let file = File::create(place).with_context(|| format!("cannot write {}", place.display()))?;
    Ok(BufWriter::new(file))
}

fn write_lines(place: &Path, events: &[Event]) -> anyhow::Result<()> {
    let written = view::lines::write(create(place)?, events);
    written.with_context(|| format!("cannot write {}", place.display()))
}

/// Who led when the run began to end: whoever was elected last; of trading houses everybody who was
/// elected and not lost.
fn leaders(events: &[Event], of_houses: bool) -> BTreeSet<NodeId> {
    let mut leaders = BTreeSet::new();
    for event in view::until_the_end(events) {
        match &event.what {
            view::What::Elected { .. } => {
                if !of_houses {
                    leaders.clear();
                }
                leaders.insert(event.node);
            }
            view::What::Fault { fault: view::Fault::Kill, target } if of_houses => {
                leaders.remove(target);
            }
            _ => {}
        }
    }
    leaders
}

/// Who is there and who talks to whom; the directory talks to everybody.
fn topology(scenario: &Scenario, directory: &Path, events: &[Event]) -> anyhow::Result<Topology> {
    let mut addresses = BTreeMap::new();
    for event in events {
        if let view::What::Joined { member, address, .. } = &event.what {
            addresses.insert(*member, address.clone());
        }
    }
    let leaders = leaders(events, scenario.is_of_houses());
    let roles = roles(scenario);
    let node = |id: NodeId| {
        let role = match (id.0 as usize).checked_sub(1).and_then(|place| roles.get(place)) {
            Some(role) => role.name(),
            None if scenario.is_of_houses() => "warehouse",
            None => "directory",
        };
        topology::Node {
            id,
            name: nodes::name(id),
            role: role.to_owned(),
            address: addresses.get(&id).cloned().filter(|_| id != DIRECTORY),
            leads: leaders.contains(&id),
        }
    };
    let peers = &scenario.first_peers() | &scenario.joiners();
    let overlay = match overlay::read(directory)? {
        Some(overlay) => overlay,
        None => Overlay::mesh(&peers).context("cannot draw the topology")?,
    };
    Ok(Topology { overlay, nodes: [DIRECTORY].into_iter().chain(peers).map(node).collect() })
}

#[cfg(test)]
mod tests {
    use machine::Epoch;
    use view::{Cause, Fault, What};

    use super::*;

    #[test]
    fn who_leads_in_the_end_is_not_who_was_elected_among_those_that_ended() {
        let event = |node, what| Event { time_ns: 0, node: NodeId(node), clock: None, what };
        let elected = |node| {
            let epoch = Epoch { counter: 1, node: NodeId(node) };
            event(node, What::Elected { epoch, cause: Cause::Start, took_ns: 0 })
        };
        let events = [
            elected(3),
            elected(2),
            event(0, What::Fault { fault: Fault::Kill, target: NodeId(3) }),
            elected(1),
            event(0, What::Ending),
            elected(4),
        ];
        assert_eq!(leaders(&events, false), BTreeSet::from([NodeId(1)]));
        assert_eq!(leaders(&events, true), BTreeSet::from([NodeId(1), NodeId(2)]));
    }
}
