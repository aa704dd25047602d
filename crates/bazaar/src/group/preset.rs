//! `bazaar run --preset groupcast`: seed 003's trials in one run, without a hand on the menu.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use groupcast::group::{Delivery, Order};
use judge::{GroupFiles, GroupLine};
use machine::NodeId;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use view::Verdict;
use view::lines::{self, Tail};

use super::board::Standing;
use super::summary::{Fault, Kind, Summary};
use super::{HOLD_MAX, PEERS_MAX, Peers, Setup, told};
use crate::exit;
use crate::run::{RunArgs, new_directory};
use crate::scenario::DurationText;

/// The file of what the members told.
pub const MESSAGES: &str = "messages.jsonl";
/// The file of the resolved keys.
const SCENARIO: &str = "scenario.toml";
/// Its text.
pub const TEXT: &str = include_str!("../../presets/groupcast.toml");

/// How often the run looks whether a fault is due.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How long the members have to end their streams, and then to agree.
const END_LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Config {
    preset: String,
    seed: u64,
    run: RunConfig,
    group: GroupConfig,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct RunConfig {
    #[serde(deserialize_with = "duration", serialize_with = "duration_text")]
    duration: Duration,
    transport: String,
    peers: u32,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct GroupConfig {
    order: Order,
    delivery: Delivery,
    rate: u32,
}

fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    super::parse_duration(&text).map_err(serde::de::Error::custom)
}

fn duration_text<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&DurationText(*duration))
}

impl Config {
    /// The preset, with single keys laid over it.
    fn resolve(sets: &[String]) -> anyhow::Result<Self> {
        let mut tree: toml::Table = toml::from_str(TEXT).context("the preset groupcast")?;
        for set in sets {
            let usage = || format!("--set {set}: give KEY=VALUE, as in run.peers=6");
            let (key, value) = set.split_once('=').with_context(usage)?;
            let mut table = &mut tree;
            let mut path: Vec<&str> = key.trim().split('.').collect();
            let last = path.pop().with_context(usage)?;
            for part in path {
                let inner = table.get_mut(part).and_then(toml::Value::as_table_mut);
                table = inner.with_context(|| format!("--set {set}: there is no table {part}"))?;
            }
            let value = value.trim();
            // TOML, or a bare word.
            let read = toml::from_str::<toml::Table>(&format!("value = {value}"));
            let read = read.ok().and_then(|mut table| table.remove("value"));
            let value = read.unwrap_or_else(|| toml::Value::String(value.to_owned()));
            table.insert(last.to_owned(), value);
        }
        let config: Self = tree.try_into().context("the preset groupcast with the keys given")?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> anyhow::Result<()> {
        let (run, group) = (&self.run, &self.group);
        super::parse_transport(&run.transport)
            .map_err(|mend| anyhow::anyhow!("run.transport = {:?}: {mend}", run.transport))?;
        if !(5..=PEERS_MAX).contains(&run.peers) {
            bail!("run.peers = {}: give 5 to {PEERS_MAX}; three of them go", run.peers);
        }
        let hours = Duration::from_secs(24 * 3600);
        if !(Duration::from_secs(1)..=hours).contains(&run.duration) {
            bail!("run.duration = {:?}: give 1s to 24h", run.duration);
        }
        if !(1..=1000).contains(&group.rate) {
            bail!("group.rate = {}: give 1 to 1000 messages a second and member", group.rate);
        }
        Ok(())
    }
}

/// Runs the preset.
///
/// # Errors
/// A key is wrong, or a process cannot be started or fails.
pub fn run(args: &RunArgs) -> anyhow::Result<ExitCode> {
    if let Some(file) = &args.scenario {
        let why = anyhow::anyhow!(
            "the preset groupcast takes no scenario file, and {} was given; set its keys with \
             --set; nothing was started",
            file.display()
        );
        return Err(exit::Unusable(why).into());
    }
    let config = Config::resolve(&args.all_sets()).map_err(exit::Unusable)?;
    let directory = new_directory(args.out.as_deref()).map_err(exit::Unusable)?;
    let interrupt = host::Interrupt::listen().context("cannot listen for signals")?;
    let GroupConfig { order, delivery, rate } = config.group;
    if !args.quiet {
        eprintln!(
            "group of {} over {}, {order} order, {delivery} delivery, for {:?}, seed {}; files in {}",
            config.run.peers,
            config.run.transport,
            config.run.duration,
            config.seed,
            directory.display()
        );
    }
    let setup = Setup {
        peers: config.run.peers - 1,
        order,
        delivery,
        udp: config.run.transport == "udp",
        seed: config.seed,
    };
    let errors = directory.join("processes");
    fs::create_dir(&errors).context("cannot write to the run directory")?;
    let resolved = toml::to_string(&config).context("the resolved keys")?;
    fs::write(directory.join(SCENARIO), resolved).context("cannot write scenario.toml")?;
    let record = File::create(directory.join(MESSAGES)).context("cannot write messages.jsonl")?;
    let mut peers = Peers::start(setup, &errors, Some(record))?;

    let begin_ns = peers.now_ns();
    let mut trials = Trials { next: 0, faults: Vec::new() };
    peers.tell_all(&told::Order::Stream(Duration::from_secs(1) / rate))?;
    let elapsed = |peers: &Peers| Duration::from_nanos(peers.now_ns() - begin_ns);
    while !interrupt.is_set() && elapsed(&peers) < config.run.duration {
        let at = elapsed(&peers);
        trials.look(&mut peers, at, config.run.duration)?;
        std::thread::sleep(LOOK_EVERY);
    }
    let seconds = elapsed(&peers).as_secs_f64();
    peers.tell_all(&told::Order::Quiet)?;
    peers.wait("all streams have ended", END_LIMIT, |board| {
        board.present().all(|(_, record)| record.streamed.is_some())
    })?;
    let violations = peers.verdict(END_LIMIT)?;
    let summary =
        Summary::new(config.seed, seconds, begin_ns, &mut peers, &trials.faults, violations)?;
    let text = serde_json::to_string(&summary)?;
    fs::write(directory.join("summary.json"), text.clone() + "\n")
        .context("cannot write summary.json")?;
    drop(peers);
    fs::remove_dir_all(&errors).context("cannot remove the parts of a run")?;
    if args.json {
        println!("{text}");
    } else {
        print!("{summary}");
    }
    Ok(match summary.verdict {
        Verdict::Pass => ExitCode::SUCCESS,
        Verdict::Fail => exit::BROKEN.into(),
        Verdict::Unknown => exit::UNKNOWN.into(),
    })
}

/// What a run of the preset left behind, for its judge.
///
/// # Errors
/// A file is missing or cannot be read.
pub fn read(directory: &Path) -> anyhow::Result<GroupFiles> {
    let place = directory.join(SCENARIO);
    let text = fs::read_to_string(&place);
    let text = text.with_context(|| format!("cannot read {}", place.display()))?;
    let config: Config = toml::from_str(&text).with_context(|| place.display().to_string())?;
    let place = directory.join(MESSAGES);
    let file = File::open(&place).with_context(|| format!("cannot open {}", place.display()))?;
    let lines: Result<Vec<GroupLine>, _> =
        lines::read(BufReader::new(file), Tail::MayBeTorn, "what a member told");
    let lines = lines.with_context(|| place.display().to_string())?;
    let GroupConfig { order, delivery, .. } = config.group;
    Ok(GroupFiles { order, delivery, lines })
}

/// What goes wrong, in this order.
const AGENDA: [(f64, Trial); 4] =
    [(0.2, Trial::Delay), (0.4, Trial::Kill), (0.6, Trial::Leave), (0.8, Trial::KillCoordinator)];

#[derive(Debug, Clone, Copy)]
enum Trial {
    Delay,
    Kill,
    Leave,
    KillCoordinator,
}

struct Trials {
    next: usize,
    faults: Vec<Fault>,
}

impl Trials {
    /// Lets come what is due.
    fn look(&mut self, peers: &mut Peers, at: Duration, of: Duration) -> anyhow::Result<()> {
        let Some(&(share, trial)) = AGENDA.get(self.next) else { return Ok(()) };
        if at < of.mul_f64(share) {
            return Ok(());
        }
        self.next += 1;
        let coordinator = peers.look(|board| {
            board.present().max_by_key(|(_, r)| r.view).map(|(_, record)| record.coordinator)
        });
        let coordinator = coordinator.context("nobody is left in the group")?;
        let other = |board: &mut super::Board| -> Option<NodeId> {
            board.present().map(|(node, _)| node).find(|&node| node != coordinator)
        };
        let other = peers.look(other).context("nobody but the coordinator is left")?;
        let (kind, node) = match trial {
            Trial::Delay => {
                peers.hold(other, (of / 10).min(HOLD_MAX))?;
                (Kind::Delay, other)
            }
            Trial::Kill => (Kind::Kill, other),
            Trial::Leave => (Kind::Leave, coordinator),
            Trial::KillCoordinator => (Kind::Kill, coordinator),
        };
        self.faults.push(Fault { time_ns: peers.now_ns(), kind, node });
        match kind {
            Kind::Delay => Ok(()),
            Kind::Kill => peers.stop(node),
            Kind::Leave => {
                peers.quiet(node)?;
                peers.wait("its stream has ended", END_LIMIT, |board| {
                    let ended = |record: &super::board::Record| record.streamed.is_some();
                    board.record(node).is_none_or(|r| ended(r) || r.standing != Standing::In)
                })?;
                peers.leave(node)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(sets: &[&str]) -> Result<Config, String> {
        let sets: Vec<_> = sets.iter().map(|set| (*set).to_owned()).collect();
        Config::resolve(&sets).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn keys_are_laid_over_the_preset() {
        let config =
            resolve(&["seed=5", "run.duration=2s", "group.order=lamport", "run.peers=7"]).unwrap();
        assert_eq!((config.seed, config.run.duration), (5, Duration::from_secs(2)));
        assert_eq!((config.group.order, config.run.peers), (Order::Lamport, 7));
    }

    #[test]
    fn wrong_keys_are_refused_with_reasons() {
        for (set, reason) in [
            ("run.peers=2", "give 5 to"),
            ("run.peeers=6", "unknown field `peeers`"),
            ("trade.goods=x", "no table trade"),
            ("run.duration=10", "invalid type"),
            ("run.duration=10x", "the units of a duration"),
            ("run.transport=pigeon", "give tcp or udp"),
            ("group.order=alphabetic", "unknown variant"),
            ("group.rate=0", "give 1 to 1000"),
            ("nonsense", "give KEY=VALUE"),
        ] {
            let error = resolve(&[set]).unwrap_err();
            assert!(error.contains(reason), "{set}: {error}");
        }
    }
}
