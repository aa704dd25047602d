//! One member of `bazaar group`, as a process: the machine in the host's loop, told by lines what
//! to do, telling by lines what happens.

use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::AsFd as _;
use std::time::Duration;

use anyhow::Context as _;
use groupcast::group::{self, Delivery, Group, Settings};
use host::{Application, Control, NodeSettings, Transport};
use machine::{Incarnation, Instant, NodeId};

use super::holding::{Command, Holding, Report};
use super::told::{Line, Order, Told, reason};

/// After how long a member that holds up the others is excluded: longer than any message is held
/// back on purpose.
const STALL_LIMIT: Duration = super::HOLD_MAX.saturating_mul(2);
/// How many messages of its stream a member may catch up with in a turn.
const STREAM_PER_TURN: u32 = 64;
/// How often it looks at most whether a message of its stream is due.
const STREAM_LOOK_MIN: Duration = Duration::from_millis(1);

/// What a member process is told on its command line.
#[derive(Debug, Clone, clap::Args)]
pub struct MemberArgs {
    /// Which node
    #[arg(long)]
    pub node: u32,
    /// Where the first member is; without it, this is the first
    #[arg(long)]
    pub first: Option<String>,
    /// In which order messages are delivered
    #[arg(long, value_parser = super::parse_order)]
    pub order: group::Order,
    /// When a message may be delivered
    #[arg(long, value_parser = super::parse_delivery)]
    pub delivery: Delivery,
    /// Whether messages travel as datagrams
    #[arg(long)]
    pub udp: bool,
    /// The moment at which the run began, in nanoseconds of the machine's monotonic clock
    #[arg(long)]
    pub origin_ns: u64,
    /// The tag of the run: messages of other runs are dropped
    #[arg(long)]
    pub cluster: u64,
    /// The seed of the member's chance
    #[arg(long)]
    pub seed: u64,
    /// The process whose end this one shall not outlive
    #[arg(long)]
    pub parent: u32,
}

/// Runs one member until it has left, or is told to stop.
///
/// # Errors
/// The host cannot begin or go on.
pub fn run(args: &MemberArgs) -> anyhow::Result<()> {
    let first = super::SEQUENCER;
    let node = NodeId(args.node);
    let bound = host::Node::bind(NodeSettings {
        node,
        cluster: args.cluster,
        origin_ns: args.origin_ns,
        seed: args.seed,
        transport: if args.udp { Transport::Udp } else { Transport::Tcp },
        listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
        own_journal: None,
        common_journal: None,
        durability: store::Durability::Memory,
        polls_for: host::POLLS_FOR,
        known: args.first.iter().map(|address| (first, address.clone())).collect(),
        lines: Some(io::stdin().as_fd().try_clone_to_owned().context("cannot read lines")?),
        parent: Some(args.parent),
    })?;
    let address = bound.address().to_string();
    let settings = Settings {
        order: args.order,
        delivery: args.delivery,
        // All come in before the first message, so there is no state to be given.
        transfers_state: false,
        stall_limit: STALL_LIMIT,
        limits: if args.udp { group::Limits::datagrams() } else { group::Limits::default() },
        ..Settings::new(node, Incarnation(1), address.clone())
    };
    let enter = match args.first {
        None => group::Command::Found,
        Some(_) => group::Command::Join([first].into()),
    };
    let mut wiring = Wiring {
        node,
        enter: Some(Command::Group(enter)),
        now: Instant::ZERO,
        stream: None,
        streamed: 0,
        stream_look: Instant::ZERO,
        waiting: Waiting::default(),
        looks_in: 0,
        lines: Vec::new(),
    };
    wiring.tell(Told::Listening { address });
    bound.run(Holding::new(Group::new(settings)), &mut wiring)?;
    Ok(())
}

/// What stands between the machine and the lines.
struct Wiring {
    node: NodeId,
    enter: Option<Command>,
    now: Instant,
    /// How often a message of the stream is due, and when the next one is.
    stream: Option<(Duration, Instant)>,
    streamed: u64,
    stream_look: Instant,
    waiting: Waiting,
    /// After how many turns it tells how many wait, if it was asked: what came in the turn of the
    /// question is delivered by then.
    looks_in: u8,
    lines: Vec<u8>,
}

/// How many messages wait, told when it has settled: within a turn it goes up and down.
#[derive(Debug, Default)]
struct Waiting {
    told: u64,
    seen: u64,
}

impl Waiting {
    /// Looks again; the number if it is to be told.
    fn look(&mut self, now: u64) -> Option<u64> {
        let is_settled = std::mem::replace(&mut self.seen, now) == now;
        (is_settled && self.told != now).then(|| {
            self.told = now;
            now
        })
    }

    fn is_settled(&self) -> bool {
        self.told == self.seen
    }
}

impl Wiring {
    fn tell(&mut self, told: Told) {
        let line = Line { time_ns: self.now.as_nanos(), node: self.node, told };
        if serde_json::to_writer(&mut self.lines, &line).is_ok() {
            self.lines.push(b'\n');
        }
    }

    fn group_report(&mut self, report: group::Report, control: &mut Control) {
        match report {
            group::Report::View(view) => self.tell(Told::View {
                number: view.id.number,
                members: view.nodes().collect(),
                coordinator: view.coordinator,
            }),
            group::Report::Delivered { sender, messages } => {
                for message in messages.iter() {
                    let text = String::from_utf8_lossy(message).into_owned();
                    let took_ns = (sender == self.node).then(|| self.took_ns(&text)).flatten();
                    self.tell(Told::Delivered { sender, text, took_ns });
                }
            }
            group::Report::Meet(node, address) => {
                // Addresses come from processes of the same run, which listen on them.
                let _ = control.connect(node, &address);
            }
            group::Report::Refused(message, refusal) => {
                let text = String::from_utf8_lossy(&message).into_owned();
                self.tell(Told::Refused { text, why: reason(refusal).to_owned() });
            }
            group::Report::Removed(unknown) => {
                self.tell(Told::Removed { unknown: unknown.len() as u64 });
            }
            group::Report::Left => {
                self.tell(Told::Left);
                control.stop();
            }
            group::Report::StateWanted(_)
            | group::Report::State(_)
            | group::Report::Room
            | group::Report::Suspected(..) => {}
        }
    }

    /// A message of the stream says when it was sent.
    fn took_ns(&self, text: &str) -> Option<u64> {
        let (_, sent_ns) = text.rsplit_once('@')?;
        Some(self.now.as_nanos().saturating_sub(sent_ns.parse().ok()?))
    }
}

impl Application for Wiring {
    type Machine = Holding;

    fn report(&mut self, at: Instant, report: Report, control: &mut Control) {
        self.now = at;
        match report {
            Report::Group(report) => self.group_report(report, control),
            Report::Holds(peer) => self.tell(Told::Holds { peer }),
            Report::Changed(messages) => self.tell(Told::Changed { messages }),
        }
    }

    fn line(&mut self, line: &str, _: &mut Control) -> Option<Command> {
        let order = Order::read(line)?;
        match order {
            Order::Stream(period) => {
                (self.stream, self.stream_look) = (Some((period, self.now)), Instant::ZERO);
            }
            Order::Quiet => {
                self.stream = None;
                self.tell(Told::Streamed { messages: self.streamed });
            }
            Order::Look => self.looks_in = 2,
            _ => {}
        }
        order.command()
    }

    fn commands(
        &mut self,
        at: Instant,
        machine: &Holding,
        commands: &mut Vec<Command>,
        _: &mut Control,
    ) {
        self.now = at;
        commands.extend(self.enter.take());
        if let Some(messages) = self.waiting.look(machine.group().held_back()) {
            self.tell(Told::Waiting { messages });
        }
        if self.looks_in > 0 {
            self.looks_in -= 1;
            if self.looks_in == 0 {
                self.tell(Told::Looked { messages: machine.group().held_back() });
            }
        }
        let Some((period, mut next)) = self.stream else { return };
        for _ in 0..STREAM_PER_TURN {
            if next > at || !machine.group().has_room(1) {
                break;
            }
            self.streamed += 1;
            // What is late was meant to be sent at its time: that is what its latency counts from.
            let text = format!("{}@{}", self.streamed, next.as_nanos().max(1));
            commands.extend(Order::Multicast(text).command());
            next = next + period;
        }
        self.stream = Some((period, next));
        // Without room it looks again later; what is late is caught up with.
        self.stream_look = next.max(at + STREAM_LOOK_MIN);
    }

    fn wake_at(&self) -> Option<Instant> {
        let look_again = !self.waiting.is_settled() || self.looks_in > 0 || self.enter.is_some();
        let next = self.stream.map(|_| self.stream_look);
        if look_again { Some(Instant::ZERO) } else { next }
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.lines.is_empty() {
            let mut output = io::stdout().lock();
            output.write_all(&self.lines)?;
            output.flush()?;
            self.lines.clear();
        }
        Ok(())
    }
}
