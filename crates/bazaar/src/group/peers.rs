//! The members of a group as child processes, and what can be done to them.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use groupcast::group::{Delivery, Order};
use hdrhistogram::Histogram;
use host::children::Children;
use machine::{NodeId, Random};

use super::board::{Board, Standing};
use super::told::{self, Line, Told};
use super::{HOLD_MAX, SEQUENCER, name};

/// How long a group may take to form, on a machine that has much else to do.
const FORM_LIMIT: Duration = Duration::from_secs(60);
/// How long a member has to take note of a fault or an order.
const ORDER_LIMIT: Duration = Duration::from_secs(30);

/// How long a member may take to say how it stands, before what it last said is shown.
const LOOK_LIMIT: Duration = Duration::from_secs(5);
/// A latency above an hour counts as an hour: it bounds the memory.
const LATENCY_MAX_NS: u64 = 3_600_000_000_000;

/// What a group is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// How many members there are beside the first one.
    pub peers: u32,
    /// In which order messages are delivered.
    pub order: Order,
    /// When a message may be delivered.
    pub delivery: Delivery,
    /// Whether messages travel as datagrams.
    pub udp: bool,
    /// The seed of all chance.
    pub seed: u64,
}

/// The processes. All are killed when the value is dropped, in a panic too.
#[derive(Debug)]
pub struct Peers {
    setup: Setup,
    origin_ns: u64,
    cluster: u64,
    folder: PathBuf,
    children: Children,
    shared: Arc<Shared>,
    readers: Vec<JoinHandle<()>>,
}

/// What the threads that read from the members write to.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    board: Board,
    file: Option<BufWriter<File>>,
    record: Option<Record>,
}

/// What a run's summary is made from.
#[derive(Debug)]
pub struct Record {
    /// All lines but those of deliveries, which would fill the memory in a long run.
    pub changes: Vec<Line>,
    /// How long its own messages took at each member, in nanoseconds.
    pub latencies: Histogram<u64>,
}

impl Record {
    fn new() -> Self {
        let latencies = Histogram::new_with_max(LATENCY_MAX_NS, 3);
        let latencies = latencies.expect("an hour and three digits are within what it can count");
        Self { changes: Vec::new(), latencies }
    }

    fn feed(&mut self, line: &Line) {
        match line.told {
            Told::Delivered { took_ns: Some(took_ns), .. } => {
                self.latencies.saturating_record(took_ns);
            }
            Told::Delivered { .. } | Told::Waiting { .. } | Told::Looked { .. } => {}
            _ => self.changes.push(line.clone()),
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, node: NodeId, output: ChildStdout) {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let mut state = self.lock();
            match serde_json::from_str::<Line>(&line) {
                Ok(line) => {
                    if let Some(record) = &mut state.record {
                        record.feed(&line);
                    }
                    state.board.feed(node, line.told);
                }
                // A process that is killed may leave a torn line.
                Err(_) => continue,
            }
            if let Some(file) = &mut state.file {
                // What cannot be written is missed at the end, when the file is flushed.
                let _ = writeln!(file, "{line}");
            }
            self.changed.notify_all();
        }
        self.lock().board.ended(node);
        self.changed.notify_all();
    }
}

impl Peers {
    /// Starts all members and waits until they are one group. What they say is kept in `file`
    /// and for a summary, if it is given; their errors go to files in `folder`.
    ///
    /// # Errors
    /// A process cannot be started, or the group does not form.
    pub fn start(setup: Setup, folder: &Path, file: Option<File>) -> anyhow::Result<Self> {
        let nodes = (1..=setup.peers + 1).map(NodeId);
        let state = State {
            board: Board::new(setup.order, nodes.clone()),
            record: file.is_some().then(Record::new),
            file: file.map(BufWriter::new),
        };
        let mut peers = Self {
            origin_ns: host::clock::monotonic_ns(),
            cluster: host::entropy::seed().context("cannot draw the tag of the run")?,
            setup,
            folder: folder.to_owned(),
            children: Children::default(),
            shared: Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() }),
            readers: Vec::new(),
        };
        peers.spawn(SEQUENCER, None)?;
        let listens = |board: &Board| board.record(SEQUENCER)?.address.clone();
        peers.wait("the sequencer listens", FORM_LIMIT, |board| listens(board).is_some())?;
        let first = peers.look(|board| listens(board));
        for node in nodes.skip(1) {
            peers.spawn(node, first.as_deref())?;
        }
        let all = peers.setup.peers as usize + 1;
        peers.wait("all members are in one view", FORM_LIMIT, |board| {
            board.present().filter(|(_, record)| record.members.len() == all).count() == all
        })?;
        Ok(peers)
    }

    fn spawn(&mut self, node: NodeId, first: Option<&str>) -> anyhow::Result<()> {
        let Setup { order, delivery, udp, seed, .. } = self.setup;
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut command = Command::new(program);
        command.args(["group-member", "--node", &node.to_string()]);
        command.args(["--order", &order.to_string(), "--delivery", &delivery.to_string()]);
        command.args(["--origin-ns", &self.origin_ns.to_string()]);
        command.args(["--cluster", &self.cluster.to_string()]);
        command.args(["--seed", &Random::fork(seed, node.0.into()).next_u64().to_string()]);
        command.args(["--parent", &std::process::id().to_string()]);
        command.args(udp.then_some("--udp"));
        command.args(first.iter().flat_map(|address| ["--first", address]));
        command.stdout(Stdio::piped());
        let name = name(node);
        self.children.spawn(&name, command, &self.errors_of(node))?;
        let output = self.children.take_output(&name).context("a child without output")?;
        let shared = Arc::clone(&self.shared);
        self.readers.push(std::thread::spawn(move || shared.read(node, output)));
        Ok(())
    }

    fn errors_of(&self, node: NodeId) -> PathBuf {
        self.folder.join(format!("{}.stderr", name(node)))
    }

    /// What the group is made of.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Nanoseconds since the run began.
    pub fn now_ns(&self) -> u64 {
        host::clock::monotonic_ns().saturating_sub(self.origin_ns)
    }

    /// Looks at what is known.
    pub fn look<T>(&self, what: impl FnOnce(&mut Board) -> T) -> T {
        what(&mut self.shared.lock().board)
    }

    /// Takes what was recorded.
    ///
    /// # Errors
    /// The file could not be written.
    pub fn take_record(&mut self) -> anyhow::Result<Record> {
        let mut state = self.shared.lock();
        if let Some(file) = &mut state.file {
            file.flush().context("cannot write what the members said")?;
        }
        state.record.replace(Record::new()).context("nothing was recorded")
    }

    /// Waits until a condition holds.
    ///
    /// # Errors
    /// It does not within `patience`, or a process ended that should not have.
    pub fn wait(
        &self,
        what: &str,
        patience: Duration,
        mut holds: impl FnMut(&Board) -> bool,
    ) -> anyhow::Result<()> {
        let deadline = Instant::now() + patience;
        let mut state = self.shared.lock();
        loop {
            if holds(&state.board) {
                return Ok(());
            }
            if let Some(node) = state.board.lost() {
                drop(state);
                let errors = fs::read_to_string(self.errors_of(node)).unwrap_or_default();
                bail!("the process of {} ended by itself: {}", name(node), errors.trim());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Impatient { what: what.to_owned(), patience }.into());
            }
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Tells a member to send a message.
    ///
    /// # Errors
    /// Its process takes no more lines.
    pub fn multicast(&mut self, node: NodeId, text: &str) -> anyhow::Result<()> {
        // A line ends where its text does.
        let text = text.replace(['\n', '\r'], " ");
        self.look(|board| *board.sent.entry(node).or_default() += 1);
        self.say(node, &told::Order::Multicast(text))
    }

    /// Has a member send a message that all but the coordinator get only after `delay`, and waits
    /// until the coordinator has it: with the sequencer's order, it has its place then.
    ///
    /// # Errors
    /// The delay is too long, or a process takes no more lines.
    pub fn delay(&mut self, node: NodeId, text: &str, delay: Duration) -> anyhow::Result<()> {
        self.hold(node, delay)?;
        // What a member said last may be older than what it has delivered since.
        self.refresh()?;
        let held = |board: &Board| {
            let leader = board.record(node).and_then(|record| board.record(record.coordinator));
            leader.map_or(0, |leader| leader.delivered() + leader.waiting)
        };
        let before = self.look(|board| held(board));
        self.multicast(node, text)?;
        self.wait("the coordinator has the message", ORDER_LIMIT, |board| held(board) > before)
    }

    /// Has the network lose what a member sends to all but the coordinator, for a time.
    ///
    /// # Errors
    /// The time is too long, or a process takes no more lines.
    pub fn hold(&mut self, node: NodeId, time: Duration) -> anyhow::Result<()> {
        if time > HOLD_MAX {
            bail!("messages are held back for at most {HOLD_MAX:?}, not {time:?}");
        }
        let present: Vec<_> = self.look(|board| board.present().map(|(node, _)| node).collect());
        for &member in &present {
            self.look(|board| board.asked_to_hold(member));
            self.say(member, &told::Order::Hold(node, time))?;
        }
        self.wait("all members hold back", ORDER_LIMIT, |board| {
            board.present().all(|(_, record)| record.holds == Some(node))
        })
    }

    /// Has a member leave.
    ///
    /// # Errors
    /// Its process takes no more lines.
    pub fn leave(&mut self, node: NodeId) -> anyhow::Result<()> {
        self.look(|board| board.stands(node, Standing::Leaving));
        self.say(node, &told::Order::Leave)
    }

    /// Ends a member's stream.
    ///
    /// # Errors
    /// Its process takes no more lines.
    pub fn quiet(&mut self, node: NodeId) -> anyhow::Result<()> {
        self.say(node, &told::Order::Quiet)
    }

    /// Kills a member's process: it leaves without a word.
    ///
    /// # Errors
    /// It does not run.
    pub fn stop(&mut self, node: NodeId) -> anyhow::Result<()> {
        self.look(|board| board.stands(node, Standing::Stopped));
        Ok(self.children.kill(&name(node))?)
    }

    /// Tells all members that are present.
    ///
    /// # Errors
    /// A process takes no more lines.
    pub fn tell_all(&mut self, order: &told::Order) -> anyhow::Result<()> {
        let present: Vec<_> = self.look(|board| board.present().map(|(node, _)| node).collect());
        present.into_iter().try_for_each(|node| self.say(node, order))
    }

    /// Asks all members how they stand. One that does not answer stands as it last said.
    ///
    /// # Errors
    /// A process has ended that should not have.
    pub fn refresh(&mut self) -> anyhow::Result<()> {
        self.look(Board::asked_to_look);
        self.tell_all(&told::Order::Look)?;
        let looked = |board: &Board| board.present().all(|(_, record)| record.has_looked);
        match self.wait("all members answer", LOOK_LIMIT, looked) {
            Err(error) if !error.is::<Impatient>() => Err(error),
            _ => Ok(()),
        }
    }

    fn say(&mut self, node: NodeId, order: &told::Order) -> anyhow::Result<()> {
        Ok(self.children.send_line(&name(node), &order.to_string())?)
    }

    /// Waits until all that are left agree; what is still missing then is a violation. The
    /// sentences that say what was broken.
    ///
    /// # Errors
    /// A process ended that should not have.
    pub fn verdict(&mut self, patience: Duration) -> anyhow::Result<Vec<String>> {
        match self.wait("all members have delivered all messages", patience, Board::is_settled) {
            Ok(()) => {}
            Err(error) if error.is::<Impatient>() => self.look(|board| {
                let counts = board.present().map(|(node, record)| {
                    format!("{}: {} of {:?}", name(node), record.delivered(), record.delivered)
                });
                let counts: Vec<_> = counts.collect();
                let sent = &board.sent;
                let violation = format!(
                    "after {patience:?} not all have delivered the same: {}; sent: {sent:?}",
                    counts.join("; ")
                );
                board.violate(violation);
            }),
            Err(error) => return Err(error),
        }
        Ok(self.look(|board| board.violations.clone()))
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        // Their output ends with them, and so do the threads that read it.
        drop(std::mem::take(&mut self.children));
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }
}

/// A condition did not come to hold.
#[derive(Debug, thiserror::Error)]
#[error("waited {patience:?}, and it did not come to this: {what}")]
pub struct Impatient {
    what: String,
    patience: Duration,
}
