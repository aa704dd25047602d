//! The processes of a run: the directory and the peers, each a child of this one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use host::children::Children;
use host::clock::monotonic_ns;
use machine::NodeId;
use peer::Command;
use view::{Event, Fault};

use super::links::Links;
use super::nanos;
use super::shares::Shares;
use super::tails::Tail;
use super::venue::Venue;
use super::watch::Watch;
use crate::node::words;
use crate::nodes::{self, DIRECTORY};
use crate::places;
use crate::scenario::overlay;
use crate::scenario::{Provider, Scenario};

/// How long a process may take until it listens.
const LISTEN_LIMIT: Duration = Duration::from_secs(10);
/// How long a process may take to end when it is asked to.
const END_GRACE: Duration = Duration::from_secs(5);
/// How often a file that must appear is looked for.
const APPEAR_LOOK_EVERY: Duration = Duration::from_millis(1);

/// A run's processes. All are killed when the value is dropped, in a panic too.
#[derive(Debug)]
pub struct Processes {
    directory: PathBuf,
    /// What each process is told beside what all runs tell theirs.
    arguments: Vec<String>,
    origin_ns: u64,
    /// The wall clock then.
    origin_unix_ns: u64,
    cluster: u64,
    directory_address: String,
    children: Children,
    /// The event files of each node, one a start; the last one may still grow.
    tails: BTreeMap<NodeId, Vec<Tail>>,
    paused: BTreeSet<NodeId>,
    links: Links,
    watch: Watch,
    /// What starts a node above the peers, if not this program by itself.
    command: Option<(u32, String)>,
    /// What each trader has of a processor, if that is limited.
    shares: Option<Shares>,
}

impl Processes {
    /// Writes down the scenario and starts all of its processes.
    ///
    /// # Errors
    /// A file cannot be written, or a process cannot be started.
    pub fn start(scenario: &Scenario, directory: &Path) -> anyhow::Result<Self> {
        Self::start_with(scenario, directory, &[])
    }

    /// The same with more arguments for each of the processes.
    ///
    /// # Errors
    /// As with [`Processes::start`].
    pub fn start_with(
        scenario: &Scenario,
        directory: &Path,
        arguments: &[String],
    ) -> anyhow::Result<Self> {
        let percent = scenario.houses.trader_cpu_percent;
        let shares = (percent > 0).then(|| Shares::new(percent)).transpose()?;
        let by_command = scenario.scaling.provider == Provider::Command;
        let command = || (scenario.run.peers, scenario.scaling.command.clone());
        let cannot = || format!("cannot write to the run directory {}", directory.display());
        fs::write(directory.join("scenario.toml"), scenario.to_toml()).with_context(cannot)?;
        overlay::prepare(scenario, directory)?;
        fs::create_dir_all(directory.join("processes")).with_context(cannot)?;
        fs::create_dir_all(places::market(directory)).with_context(cannot)?;
        let mut processes = Self {
            directory: directory.to_owned(),
            arguments: arguments.to_owned(),
            origin_ns: monotonic_ns(),
            origin_unix_ns: unix_ns(),
            cluster: host::entropy::seed().context("cannot draw the tag of the run")?,
            directory_address: String::new(),
            children: Children::default(),
            tails: BTreeMap::new(),
            paused: BTreeSet::new(),
            links: Links::default(),
            watch: Watch::default(),
            command: by_command.then(command),
            shares,
        };
        processes.spawn(DIRECTORY)?;
        processes.directory_address = processes.wait_for_address(DIRECTORY)?;
        for node in 1..=scenario.run.peers {
            processes.spawn(NodeId(node))?;
        }
        Ok(processes)
    }

    /// The tag of the run.
    pub fn cluster(&self) -> u64 {
        self.cluster
    }

    fn spawn(&mut self, node: NodeId) -> anyhow::Result<()> {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut arguments = vec!["node".to_owned(), "--run".to_owned()];
        let path = self.directory.to_str().context("the run directory's name is no text")?;
        arguments.push(path.to_owned());
        let mut tell = |words: [&str; 2]| arguments.extend(words.map(str::to_owned));
        tell(["--node", &node.to_string()]);
        tell(["--origin-ns", &self.origin_ns.to_string()]);
        tell(["--cluster", &self.cluster.to_string()]);
        match (node, self.directory_address.as_str()) {
            (DIRECTORY, "") => {}
            // The others know where it was.
            (DIRECTORY, before) => tell(["--listen", before]),
            (_, directory) => tell(["--directory", directory]),
        }
        let tails = self.tails.entry(node).or_default();
        let start = u32::try_from(tails.len()).context("too many starts of one node")?;
        let events = places::events(&self.directory, node, start);
        let events_path = events.to_str().context("the run directory's name is no text")?;
        tell(["--events", events_path]);
        arguments.extend(self.arguments.iter().cloned());
        let template = self.command.as_ref().filter(|(peers, _)| node.0 > *peers);
        let mut command = match template {
            Some((_, template)) => by_command(template, &program, &arguments, node)?,
            None => {
                let mut command = process::Command::new(program);
                // Its end follows that of this process; what a command starts may be elsewhere, and
                // ends with its standard input.
                command.args(&arguments).args(["--parent", &process::id().to_string()]);
                command
            }
        };
        command.stdout(Stdio::null());
        tails.push(Tail::new(&events));
        let errors = places::errors(&self.directory, node);
        self.children.spawn(&nodes::name(node), command, &errors)?;
        if self.links != Links::default() {
            self.tell_links(node)?;
        }
        Ok(())
    }

    /// Gives those that trade now, and no others, their shares of the processor.
    fn share(&mut self) -> anyhow::Result<()> {
        let Some(shares) = &mut self.shares else { return Ok(()) };
        let process = |node| Some((node, self.children.id(&nodes::name(node))?));
        let traders = self.watch.progress().houses().into_iter().filter_map(process).collect();
        shares.follow(&traders)
    }

    fn tell_links(&mut self, node: NodeId) -> anyhow::Result<()> {
        let line = words::of_links(&self.links.of(node, &self.nodes()))?;
        Ok(self.children.send_line(&nodes::name(node), &line)?)
    }

    fn wait_for_address(&mut self, node: NodeId) -> anyhow::Result<String> {
        let place = places::address(&self.directory, node);
        let limit_ns = monotonic_ns() + nanos(LISTEN_LIMIT);
        loop {
            match fs::read_to_string(&place) {
                Ok(address) => return Ok(address),
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot read {}", place.display()));
                }
                Err(_) if monotonic_ns() > limit_ns => {
                    bail!("{} does not listen after {LISTEN_LIMIT:?}", nodes::name(node));
                }
                Err(_) => self.look(APPEAR_LOOK_EVERY)?,
            }
        }
    }

    /// A process ended: well, if it said that it leaves.
    fn has_ended(&mut self, name: &str, status: ExitStatus) -> anyhow::Result<()> {
        let node = self.tails.keys().copied().find(|node| nodes::name(*node) == name);
        match node {
            Some(node) if status.success() && self.watch.has_left(node) => {
                self.watch.is_gone(node);
                Ok(())
            }
            _ => bail!(
                "the process {name} ended by itself ({status}): {}",
                last_words(&self.directory.join("processes").join(format!("{name}.stderr")))
            ),
        }
    }

    fn read_tails(&mut self) -> anyhow::Result<()> {
        let tails = self.tails.iter_mut();
        for (node, tail) in tails.flat_map(|(node, tails)| tails.iter_mut().map(move |t| (node, t)))
        {
            let events = tail.read();
            let events = events.with_context(|| format!("the events of {}", nodes::name(*node)))?;
            for event in events {
                self.watch.saw(&event);
            }
        }
        Ok(())
    }

    /// Waits until a process that was killed is gone.
    fn wait_for_end(&mut self, name: &str) -> anyhow::Result<()> {
        loop {
            let ended = self.children.ended(Some(END_GRACE))?;
            let is_gone = ended.iter().any(|(ended, _)| ended == name);
            self.read_tails()?;
            for (other, status) in ended.into_iter().filter(|(ended, _)| ended != name) {
                self.has_ended(&other, status)?;
            }
            if is_gone {
                return Ok(());
            }
        }
    }
}

impl Venue for Processes {
    fn now_ns(&self) -> u64 {
        monotonic_ns().saturating_sub(self.origin_ns)
    }

    fn origin_unix_ns(&self) -> u64 {
        self.origin_unix_ns
    }

    fn watch(&self) -> &Watch {
        &self.watch
    }

    fn watch_mut(&mut self) -> &mut Watch {
        &mut self.watch
    }

    /// Reads what the processes wrote, waiting up to `limit` for one to end.
    fn look(&mut self, limit: Duration) -> anyhow::Result<()> {
        let ended = self.children.ended(Some(limit))?;
        self.read_tails()?;
        for (name, status) in ended {
            self.has_ended(&name, status)?;
        }
        self.share()
    }

    fn nodes(&self) -> Vec<NodeId> {
        self.tails.keys().copied().collect()
    }

    fn is_running(&self, node: NodeId) -> bool {
        self.children.id(&nodes::name(node)).is_some()
    }

    fn is_paused(&self, node: NodeId) -> bool {
        self.paused.contains(&node)
    }

    fn carry_out(&mut self, fault: Fault, target: NodeId) -> anyhow::Result<()> {
        let name = nodes::name(target);
        match fault {
            Fault::Kill => {
                self.children.kill(&name)?;
                self.paused.remove(&target);
                self.wait_for_end(&name)?;
                self.watch.is_gone(target);
            }
            Fault::Pause => {
                self.children.pause(&name)?;
                self.paused.insert(target);
            }
            Fault::Resume => {
                self.children.resume(&name)?;
                self.paused.remove(&target);
            }
            Fault::Restart | Fault::Join => self.spawn(target)?,
            Fault::Resign => self.tell(target, Command::Resign)?,
            Fault::Leave => self.tell(target, Command::Leave)?,
        }
        Ok(())
    }

    fn links(&self) -> &Links {
        &self.links
    }

    fn set_links(&mut self, links: Links) -> anyhow::Result<()> {
        self.links = links;
        for node in self.nodes() {
            if self.is_running(node) {
                self.tell_links(node)?;
            }
        }
        Ok(())
    }

    fn tell(&mut self, peer: NodeId, command: Command) -> anyhow::Result<()> {
        Ok(self.children.send_line(&nodes::name(peer), words::of(command))?)
    }

    fn end(mut self) -> anyhow::Result<Vec<Event>> {
        self.children.terminate_all(END_GRACE)?;
        let mut files = vec![self.watch.take_deeds()];
        for place in self.tails.values().flatten().map(Tail::path) {
            let cannot = || format!("cannot read {}", place.display());
            let file = match fs::File::open(place) {
                Ok(file) => file,
                // It was killed before it had anything to tell.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error).with_context(cannot),
            };
            let events = view::lines::read(
                std::io::BufReader::new(file),
                view::lines::Tail::MayBeTorn,
                "an event",
            );
            files.push(events.with_context(cannot)?);
        }
        Ok(view::merge(files))
    }
}

/// The command that starts a node by a template.
fn by_command(
    template: &str,
    program: &Path,
    arguments: &[String],
    node: NodeId,
) -> anyhow::Result<process::Command> {
    let program = program.to_str().context("this program's name is no text")?;
    let words = template.split_whitespace().flat_map(|word| match word {
        "{arguments}" => arguments.to_vec(),
        _ => vec![word.replace("{program}", program).replace("{node}", &node.to_string())],
    });
    let mut words = words.into_iter();
    let first = words.next().context("scaling.command is empty")?;
    let mut command = process::Command::new(first);
    command.args(words);
    Ok(command)
}

fn unix_ns() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, nanos)
}

/// What a process said before it ended.
fn last_words(place: &Path) -> String {
    let text = fs::read_to_string(place).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join(" / ")
}
