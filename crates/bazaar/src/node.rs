//! One process of a run: a peer or the directory, around the host's event loop.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use groupcast::overlay::Overlay;
use host::{Application, CommonJournal, Control, NodeSettings, Transport};
use machine::{Incarnation, Instant, NodeId};
use peer::{Command, Event, Node, Report, What};

use crate::actor::{Actor, Part};
use crate::bug::Bug;
use crate::nodes::DIRECTORY;
use crate::places;
use crate::scenario::overlay;
use crate::scenario::{self, Scenario};

/// What a process of a run is told on its command line; the rest stands in the run directory.
#[derive(Debug, Clone, clap::Args)]
pub struct NodeArgs {
    /// The run directory, with scenario.toml in it
    #[arg(long)]
    pub run: PathBuf,
    /// Which node; 0 is the directory
    #[arg(long)]
    pub node: u32,
    /// The moment at which the run began, in nanoseconds of the machine's monotonic clock
    #[arg(long)]
    pub origin_ns: u64,
    /// The tag of the run: messages of other runs are dropped
    #[arg(long)]
    pub cluster: u64,
    /// Where the directory listens
    #[arg(long)]
    pub directory: Option<String>,
    /// Where this process is to listen, if it was there before
    #[arg(long)]
    pub listen: Option<SocketAddr>,
    /// The file that this process, and no other, writes its events to
    #[arg(long)]
    pub events: PathBuf,
    /// The process whose end this one shall not outlive
    #[arg(long)]
    pub parent: Option<u32>,
    /// Makes each fdatasync of the journals take so much longer, in microseconds; for benches
    #[arg(long, default_value_t = 0)]
    pub fsync_delay_us: u32,
    /// Keeps no record of single requests and answers: such a run cannot be checked; for benches of
    /// trading posts
    #[arg(long)]
    pub omit_requests: bool,
}

/// The words that the runner says to a process, a line each.
pub mod words {
    use host::Impairment;

    use super::Command;

    /// What comes before all that is wrong with a node's links.
    const LINKS: &str = "links ";

    /// What is said of a node's links.
    ///
    /// # Errors
    /// It cannot be written down.
    pub fn of_links(impairment: &Impairment) -> serde_json::Result<String> {
        Ok(LINKS.to_owned() + &serde_json::to_string(impairment)?)
    }

    /// What is said of a node's links, if that is what is said.
    pub fn links(line: &str) -> Option<Impairment> {
        serde_json::from_str(line.strip_prefix(LINKS)?).ok()
    }

    /// What is said for a command.
    pub fn of(command: Command) -> &'static str {
        match command {
            Command::WindDown => "wind-down",
            Command::Resign => "resign",
            Command::Leave => "leave",
        }
    }

    /// The command that is said.
    pub fn command(word: &str) -> Option<Command> {
        let all = [Command::WindDown, Command::Resign, Command::Leave];
        all.into_iter().find(|command| of(*command) == word)
    }
}

/// Runs one process until it is told to stop.
///
/// # Errors
/// The scenario cannot be read, or the host cannot begin or go on.
pub fn run(args: &NodeArgs) -> anyhow::Result<()> {
    let node = NodeId(args.node);
    let scenario = Scenario::resolve("market", Some(&args.run.join("scenario.toml")), &[])?;
    let port = match scenario.run.base_port {
        0 => 0,
        base => u32::from(base) + args.node,
    };
    let listen = match args.listen {
        Some(listen) => listen,
        None => SocketAddr::new(scenario.run.host, u16::try_from(port)?),
    };
    let is_of_houses = scenario.is_of_houses();
    anyhow::ensure!(
        !(is_of_houses && args.omit_requests),
        "--omit-requests is for trading posts: trading houses record every request; leave it out; \
         nothing was started"
    );
    let peers_only = |place: PathBuf| (node != DIRECTORY).then_some(place);
    let node_settings = NodeSettings {
        node,
        cluster: args.cluster,
        origin_ns: args.origin_ns,
        // Chance differs from life to life, or a restarted peer would draw the same again.
        seed: host::entropy::seed().context("cannot draw a seed")?,
        transport: match scenario.run.transport {
            scenario::Transport::Tcp => Transport::Tcp,
            scenario::Transport::Udp => Transport::Udp,
        },
        listen,
        own_journal: match node {
            DIRECTORY => is_of_houses.then(|| places::warehouse(&args.run)),
            _ => Some(places::own(&args.run, node)),
        },
        common_journal: peers_only(places::market(&args.run)).and_then(|folder| {
            let form = match scenario.journal.handover {
                _ if is_of_houses => return None,
                scenario::Handover::File => store::Form::Files,
                scenario::Handover::Database => store::Form::Database,
                scenario::Handover::Replicated | scenario::Handover::Sellers => return None,
            };
            Some(CommonJournal { folder, form })
        }),
        polls_for: match scenario.houses.trader_cpu_percent {
            0 => host::POLLS_FOR,
            // To look for work would use up the share that is for work.
            _ => Duration::ZERO,
        },
        durability: match scenario.journal.durability {
            scenario::Durability::Disk if args.fsync_delay_us > 0 => {
                store::Durability::SlowedDisk(Duration::from_micros(args.fsync_delay_us.into()))
            }
            scenario::Durability::Disk => store::Durability::Disk,
            scenario::Durability::Memory => store::Durability::Memory,
        },
        known: args.directory.iter().map(|address| (DIRECTORY, address.clone())).collect(),
        lines: Some(io::stdin().as_fd().try_clone_to_owned().context("cannot read lines")?),
        parent: args.parent,
    };
    let bound = host::Node::bind(node_settings)?;
    let address = bound.address().to_string();
    publish(&places::address(&args.run, node), &address)?;
    let overlay = overlay::read(&args.run)?;
    // Rises from start to start of a process, on one machine and in one run.
    let life = Incarnation(host::clock::monotonic_ns() >> 24);
    let bug = Bug::default();
    let part = Part {
        scenario: &scenario,
        node,
        address,
        life,
        overlay,
        omits_requests: args.omit_requests,
        bug,
    };
    match is_of_houses {
        true => live::<::houses::Node>(bound, args, part),
        false => live::<Node>(bound, args, part),
    }
}

/// Runs the machine until it is told to stop.
fn live<A: Actor>(bound: host::Node, args: &NodeArgs, part: Part<'_>) -> anyhow::Result<()> {
    let (node, overlay) = (part.node, part.overlay.clone());
    let machine = A::new(part);
    let place = &args.events;
    let events = File::options().create_new(true).append(true).open(place);
    let events = events.with_context(|| format!("cannot write events to {}", place.display()))?;
    let mut wiring = Wiring::<A> { node, overlay, events, lines: Vec::new(), obeys: PhantomData };
    bound.run(machine, &mut wiring)?;
    let time_ns = host::clock::monotonic_ns().saturating_sub(args.origin_ns);
    wiring.write(&Event { time_ns, node, clock: None, what: What::Stopped });
    wiring.flush().with_context(|| format!("cannot write events to {}", place.display()))
}

/// Makes a small file appear as a whole.
fn publish(place: &Path, text: &str) -> anyhow::Result<()> {
    let draft = place.with_extension("draft");
    fs::write(&draft, text).with_context(|| format!("cannot write {}", draft.display()))?;
    fs::rename(&draft, place).with_context(|| format!("cannot write {}", place.display()))
}

/// What stands between the machine and its surroundings: reports become lines of the event file,
/// and members that join are connected to, if they are neighbours.
struct Wiring<A> {
    node: NodeId,
    /// Who talks to whom; all to all if none.
    overlay: Option<Overlay>,
    events: File,
    lines: Vec<u8>,
    obeys: PhantomData<fn() -> A>,
}

impl<A> Wiring<A> {
    /// Whether there is to be a connection to a member: all dial the directory by themselves, and
    /// one that the overlay does not have is talked to directly.
    fn talks_to(&self, member: NodeId) -> bool {
        let along =
            |overlay: &Overlay| !overlay.contains(member) || overlay.has_edge(self.node, member);
        self.node != DIRECTORY && self.overlay.as_ref().is_none_or(along)
    }

    fn write(&mut self, event: &Event) {
        if serde_json::to_writer(&mut self.lines, event).is_ok() {
            self.lines.push(b'\n');
        }
    }
}

impl<A: Actor> Application for Wiring<A> {
    type Machine = A;

    fn report(&mut self, _: Instant, report: Report, control: &mut Control) {
        let Report { at, clock, what } = report;
        if let What::Joined { member, address, .. } = &what
            && *member != self.node
            && self.talks_to(*member)
        {
            // The address came from that member; one that is none leads nowhere, and is on record.
            let _ = control.connect(*member, address);
        }
        match &what {
            // Only that it may be gone for good is known: a link that is up stays.
            What::Expired { member } if self.node != DIRECTORY => control.stop_dialing(*member),
            What::Left => control.stop(),
            _ => {}
        }
        self.write(&Event { time_ns: at.as_nanos(), node: self.node, clock, what });
    }

    fn line(&mut self, line: &str, control: &mut Control) -> Option<A::Command> {
        if let Some(impairment) = words::links(line) {
            control.impair(impairment);
        }
        words::command(line).and_then(A::obeys)
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.lines.is_empty() {
            self.events.write_all(&self.lines)?;
            self.lines.clear();
        }
        Ok(())
    }
}
