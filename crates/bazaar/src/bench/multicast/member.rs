//! One member of the measured group: a process that sends as it is told, one call a message, and
//! verifies every message that is delivered to it.

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::time::Duration;

use anyhow::Context as _;
use groupcast::detector::Health;
use groupcast::group::{Command, Group, Limits, Refusal, Report, Settings};
use hdrhistogram::Histogram;
use host::clock::monotonic_ns;
use host::{Application, Control, NodeSettings, Transport};
use machine::{Incarnation, Instant, NodeId};

use super::content::{self, Header};
use super::sequence::Sequence;
use super::words::{Figures, Load, MemberSettings, Said, State, Task, Told};

/// How many messages that are due are sent in one turn, so that a member that is behind still
/// reads.
const SENDS_PER_TURN: u64 = 1024;
/// The longest latency that is told apart: longer ones count as this.
const LATENCY_MAX_NS: u64 = 120_000_000_000;

/// `bazaar bench member`.
///
/// # Errors
/// The settings cannot be read, or the host cannot begin or go on.
pub(in crate::bench) fn run(settings: &str) -> anyhow::Result<()> {
    let settings: MemberSettings =
        serde_json::from_str(settings).context("cannot read the member's settings")?;
    let me = NodeId(settings.node);
    let contact = settings.contact.clone();
    let node = host::Node::bind(NodeSettings {
        node: me,
        cluster: settings.cluster,
        origin_ns: settings.origin_ns,
        seed: host::entropy::seed().context("cannot draw a seed")?,
        transport: if settings.uses_udp { Transport::Udp } else { Transport::Tcp },
        listen: settings.listen.parse().context("cannot read where to listen")?,
        own_journal: None,
        common_journal: None,
        durability: store::Durability::Memory,
        polls_for: Duration::from_micros(settings.polls_us.into()),
        known: contact.iter().map(|(node, address)| (NodeId(*node), address.clone())).collect(),
        lines: Some(io::stdin().as_fd().try_clone_to_owned().context("cannot read lines")?),
        parent: Some(settings.parent),
    })?;
    let life = monotonic_ns();
    let address = node.address().to_string();
    let mut group = Settings::new(me, Incarnation(life), address.clone());
    group.order = settings.order;
    group.delivery = settings.delivery;
    group.transfers_state = false;
    if settings.uses_udp {
        group.limits = Limits::datagrams();
    }
    let mut member = Member {
        me,
        life,
        begin: Some(match contact {
            None => Command::Found,
            Some((node, _)) => Command::Join(BTreeSet::from([NodeId(node)])),
        }),
        sequence: Sequence::new(settings.order.is_total()),
        task: None,
        due_ns: 0,
        sent: 0,
        delivered: 0,
        refused: VecDeque::new(),
        is_blocked: true,
        counted: Counted::new()?,
        gap: Gap { last_ns: monotonic_ns().saturating_sub(settings.origin_ns), longest_ns: 0 },
        output: Vec::new(),
        settings,
    };
    member.say(&Said::Listens(address));
    node.run(Group::new(group), &mut member)?;
    Ok(())
}

/// What stands between the group and the bench.
struct Member {
    settings: MemberSettings,
    me: NodeId,
    /// Which life sends: a new one begins with the process, and whenever it was removed.
    life: u64,
    /// The command with which it begins.
    begin: Option<Command>,
    sequence: Sequence,
    task: Option<Task>,
    /// When the next message is due, under an open load.
    due_ns: u64,
    /// Messages of this life sent, and those of them delivered here.
    sent: u64,
    delivered: u64,
    /// Messages that found no room, to be sent before any other.
    refused: VecDeque<Command>,
    /// Whether there is no use in sending before the group says so.
    is_blocked: bool,
    counted: Counted,
    gap: Gap,
    output: Vec<u8>,
}

/// What is counted for the figures.
struct Counted {
    delivered: u64,
    doubts: u64,
    own: Histogram<u64>,
    others: Histogram<u64>,
}

impl Counted {
    fn new() -> anyhow::Result<Self> {
        let latencies = || Histogram::new_with_max(LATENCY_MAX_NS, 3);
        Ok(Self { delivered: 0, doubts: 0, own: latencies()?, others: latencies()? })
    }

    fn clear(&mut self) {
        self.delivered = 0;
        self.doubts = 0;
        self.own.clear();
        self.others.clear();
    }
}

/// The longest time without a delivery.
struct Gap {
    last_ns: u64,
    longest_ns: u64,
}

impl Gap {
    fn longest_at(&self, now_ns: u64) -> u64 {
        self.longest_ns.max(now_ns.saturating_sub(self.last_ns))
    }
}

impl Member {
    fn say(&mut self, said: &Said) {
        if serde_json::to_writer(&mut self.output, said).is_ok() {
            self.output.push(b'\n');
        }
    }

    fn now_ns(&self) -> u64 {
        monotonic_ns().saturating_sub(self.settings.origin_ns)
    }

    fn under_way(&self) -> u64 {
        self.sent - self.delivered
    }

    /// When the next message may be sent, as things are.
    fn next_send_ns(&self, now_ns: u64) -> Option<u64> {
        if self.is_blocked {
            return None;
        }
        if !self.refused.is_empty() {
            return Some(0);
        }
        let task = self.task?;
        let at_ns = match task.load? {
            Load::Closed { window } => (self.under_way() < window).then_some(task.begin_ns)?,
            Load::Open { .. } => self.due_ns,
        };
        (now_ns.max(at_ns) < task.end_ns).then_some(at_ns)
    }

    fn take_send(&mut self, now_ns: u64) -> Command {
        if let Some(refused) = self.refused.pop_front() {
            return refused;
        }
        let mut intended_ns = now_ns;
        if let Some(Task { load: Some(Load::Open { interval_ns }), .. }) = self.task {
            intended_ns = self.due_ns;
            self.due_ns += interval_ns;
        }
        let header = Header { life: self.life, number: self.sent, intended_ns };
        self.sent += 1;
        Command::Multicast(content::write(self.me, header, self.settings.size_bytes).into())
    }

    fn deliver(&mut self, sender: NodeId, message: &[u8], now_ns: u64) -> Result<(), String> {
        let header = content::read(sender, message, self.settings.size_bytes)
            .ok_or_else(|| format!("a message of member {sender} is not what was sent"))?;
        self.sequence.take(sender, header)?;
        let is_own = sender == self.me && header.life == self.life;
        self.delivered += u64::from(is_own);
        if self.task.is_some_and(|task| (task.count_from_ns..task.end_ns).contains(&now_ns)) {
            self.counted.delivered += 1;
            let took_ns = now_ns.saturating_sub(header.intended_ns);
            let latencies = if is_own { &mut self.counted.own } else { &mut self.counted.others };
            latencies.saturating_record(took_ns);
        }
        Ok(())
    }

    fn told(&mut self, told: &Told) {
        match told {
            Told::Do(task) => {
                self.counted.clear();
                self.due_ns = task.begin_ns;
                self.task = Some(*task);
            }
            Told::Stop => self.task = None,
            Told::WatchGap => self.gap.longest_ns = 0,
            Told::State => {
                let state = State {
                    under_way: self.under_way(),
                    present: self.sequence.present(),
                    longest_gap_ns: self.gap.longest_at(self.now_ns()),
                };
                self.say(&Said::State(state));
            }
            Told::Figures => {
                let figures = Figures {
                    delivered: self.counted.delivered,
                    own: pairs(&self.counted.own),
                    others: pairs(&self.counted.others),
                    longest_gap_ns: self.gap.longest_at(self.now_ns()),
                    doubts: self.counted.doubts,
                };
                self.say(&Said::Figures(figures));
            }
        }
    }
}

impl Application for Member {
    type Machine = Group;

    fn report(&mut self, _: Instant, report: Report, control: &mut Control) {
        match report {
            Report::Delivered { sender, messages } => {
                let now_ns = self.now_ns();
                for message in messages.iter() {
                    if let Err(broken) = self.deliver(sender, message, now_ns) {
                        self.say(&Said::Broken(broken));
                        control.stop();
                        return;
                    }
                }
                self.gap.longest_ns = self.gap.longest_at(now_ns);
                self.gap.last_ns = now_ns;
            }
            Report::View(view) => {
                self.is_blocked = false;
                if let Some(ended) = self.sequence.begin(view.id.number) {
                    self.say(&Said::Ended(ended));
                }
                self.say(&Said::View {
                    number: view.id.number,
                    members: view.members.iter().map(|member| member.node.0).collect(),
                    coordinator: view.coordinator.0,
                });
            }
            Report::Meet(node, address) => {
                // One that is no address leads nowhere, and its member is not heard of.
                let _ = control.connect(node, &address);
            }
            Report::Refused(message, Refusal::NoRoom | Refusal::NotAMember) => {
                self.is_blocked = true;
                self.refused.push_back(Command::Multicast(message));
            }
            Report::Suspected(_, health) => {
                self.counted.doubts += u64::from(health != Health::Alive);
            }
            Report::Room => self.is_blocked = false,
            // What becomes of its messages is open: another life begins.
            Report::Removed(_) => {
                (self.life, self.sent, self.delivered) = (monotonic_ns(), 0, 0);
                self.refused.clear();
                self.is_blocked = true;
                self.sequence.leave();
                self.say(&Said::Removed);
            }
            Report::Refused(_, Refusal::TooLarge)
            | Report::StateWanted(_)
            | Report::State(_)
            | Report::Left => {}
        }
    }

    fn line(&mut self, line: &str, _: &mut Control) -> Option<Command> {
        match serde_json::from_str(line) {
            Ok(told) => self.told(&told),
            Err(error) => self.say(&Said::Broken(format!("cannot read {line}: {error}"))),
        }
        None
    }

    fn commands(&mut self, _: Instant, _: &Group, commands: &mut Vec<Command>, _: &mut Control) {
        commands.extend(self.begin.take());
        let now_ns = self.now_ns();
        for _ in 0..SENDS_PER_TURN {
            if self.next_send_ns(now_ns).is_none_or(|at_ns| at_ns > now_ns) {
                return;
            }
            let send = self.take_send(now_ns);
            commands.push(send);
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        match &self.begin {
            Some(_) => Some(Instant::ZERO),
            None => self.next_send_ns(self.now_ns()).map(Instant::from_nanos),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.output.is_empty() {
            let mut output = io::stdout().lock();
            output.write_all(&self.output)?;
            output.flush()?;
            self.output.clear();
        }
        Ok(())
    }
}

fn pairs(latencies: &Histogram<u64>) -> Vec<(u64, u64)> {
    latencies
        .iter_recorded()
        .map(|step| (step.value_iterated_to(), step.count_at_value()))
        .collect()
}
