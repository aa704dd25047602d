//! The loop: what one turn does, in which order, and what becomes of a machine's effects.
//!
//! ```text
//! wait for sockets, lines, the next alarm, the writer, another thread
//!   → what became of writes     (releases what waited for them)
//!   → inputs                    (one read a connection, then the machine handles each)
//!   → the application's commands
//!   → alarms that are due       (one set at `now` by an input gathers the turn's batch)
//!   → the turn's writes to the writer, or to the disk: then this thread leaves the loop for it, what
//!     came in is read while the disk is at work, and another thread makes turns if it takes long
//!   → what became of them
//!   → the application's output, then the turn's messages, one write a peer
//! ```

mod effects;
mod polling;
mod waiting;

use std::net::SocketAddr;
use std::time::Duration;

use machine::{Destination, Effect, Input, Instant, Journal, Machine, NodeId, Random};
use mio::{Events, Poll};
use store::Contents;

use self::polling::Polling;
use crate::HostError;
use crate::alarms::Alarms;
use crate::application::{Application, Control, Counts};
use crate::clock::Clock;
use crate::journals::Event;
use crate::lines::Lines;
use crate::network::Network;
use crate::outbox::Outbox;
use crate::standby::Turns;
use crate::timer::Timer;
use crate::writer::{self, Writer};
use crate::writes::Turn;

/// How many writes, sends and reports may wait for the journals before the node reads no more.
const WAITING_MAX: usize = 1 << 16;
/// How many before it gives up: alarms go on while nothing is read, and a machine that makes so
/// much by alarms alone would fill the memory.
const WAITING_LIMIT: usize = 1 << 20;
/// How many events one wait takes; more come with the next one.
const EVENTS_MAX: usize = 256;

/// What a loop works with.
pub(crate) struct Surroundings {
    pub poll: Poll,
    pub timer: Timer,
    pub network: Network,
    pub lines: Option<Lines>,
    pub writer: Writer,
    pub has_own_journal: bool,
    pub polls_for: Duration,
}

/// What waits for the journals.
enum Held<M: Machine> {
    Send(Destination, M::Message),
    Report(M::Report),
}

/// A machine at work.
pub(crate) struct Loop<'a, A: Application> {
    machine: A::Machine,
    application: &'a mut A,
    control: Control,
    around: Surroundings,
    clock: Clock,
    now: Instant,
    polling: Polling,
    random: Random,
    alarms: Alarms<<A::Machine as Machine>::Alarm>,
    /// What waits for all writes, and numbers them.
    outbox: Outbox<Held<A::Machine>>,
    /// What waits for writes to the node's own journal only.
    own_outbox: Outbox<Held<A::Machine>>,
    /// The writes of this turn.
    works: Turn,
    holds_common: bool,
    /// What the machine is to be told: of this turn, and what came up after the turn's inputs.
    inbox: Vec<Input<A::Machine>>,
    effects: Vec<Effect<A::Machine>>,
    commands: Vec<<A::Machine as Machine>::Command>,
    events: Events,
    /// There were events since the last wait.
    has_news: bool,
    outcomes: Vec<Event>,
}

impl<'a, A: Application> Loop<'a, A> {
    pub fn new(
        machine: A::Machine,
        application: &'a mut A,
        around: Surroundings,
        origin_ns: u64,
        seed: u64,
    ) -> Self {
        let clock = Clock::since(origin_ns);
        let polling = Polling::new(around.polls_for);
        Self {
            machine,
            application,
            control: Control::default(),
            around,
            clock,
            now: clock.now(),
            polling,
            random: Random::from_seed(seed),
            alarms: Alarms::new(),
            outbox: Outbox::new(),
            own_outbox: Outbox::new(),
            works: Turn::default(),
            holds_common: false,
            inbox: Vec::new(),
            effects: Vec::new(),
            commands: Vec::new(),
            events: Events::with_capacity(EVENTS_MAX),
            has_news: false,
            outcomes: Vec::new(),
        }
    }

    /// Hands the machine its own journal and starts it.
    pub fn begin(
        &mut self,
        contents: Option<Contents>,
        known: Vec<(NodeId, SocketAddr)>,
    ) -> Result<(), HostError> {
        for (node, address) in known {
            self.around.network.connect(node, address, self.now);
        }
        if let Some(contents) = contents {
            self.replay(Journal::Own, contents)?;
        }
        self.handle(Input::Start)
    }

    /// Whether a commit waits for the disk.
    pub fn waits_for_disk(&self) -> bool {
        self.around.writer.waits()
    }

    /// Writes what is on its way to a journal, lets go what waited for it, and ends.
    pub fn finish(mut self) -> Result<Counts, HostError> {
        self.hand_over();
        for outcome in self.around.writer.finish() {
            match outcome {
                Event::Durable(write) => self.release(write),
                Event::OwnDurable(write) => self.release_own(write),
                Event::Refused { write, .. } => self.drop_behind(write),
                Event::Claimed { .. } | Event::Skipped => {}
                Event::Failed(error) => return Err(error),
            }
        }
        self.send()?;
        Ok(self.control.counts)
    }

    /// Whether so much waits for the journals that nothing more should come in.
    fn is_backed_up(&self) -> bool {
        self.backlog() > WAITING_MAX
    }

    /// How many writes, sends and reports wait for the journals.
    fn backlog(&self) -> usize {
        self.outbox.backlog() + self.own_outbox.len()
    }

    /// Reads what has come in and has the machine handle it.
    fn receive(&mut self) -> Result<(), HostError> {
        let network = &mut self.around.network;
        network.do_chores(self.now, &mut self.inbox);
        if !self.is_backed_up() {
            self.around.network.receive(self.now, &mut self.inbox);
            self.read_lines()?;
        }
        let mut inputs = std::mem::take(&mut self.inbox);
        for input in inputs.drain(..) {
            if matches!(input, Input::Message { .. }) {
                self.around.network.counts.received += 1;
            }
            self.handle(input)?;
        }
        // What came up meanwhile is for the next turn.
        inputs.append(&mut self.inbox);
        self.inbox = inputs;
        Ok(())
    }

    fn read_lines(&mut self) -> Result<(), HostError> {
        let Some(lines) = &mut self.around.lines else { return Ok(()) };
        let read = lines.read(&mut self.around.network.counts);
        let read = read.map_err(HostError::system("read lines"))?;
        self.control.stop |= lines.has_ended();
        for line in read {
            let command = self.application.line(&line, &mut self.control);
            self.take_requests();
            self.inbox.extend(command.map(Input::Command));
        }
        Ok(())
    }

    /// Asks the application for commands and has the machine handle them.
    fn take_commands(&mut self) -> Result<(), HostError> {
        if self.is_backed_up() {
            return Ok(());
        }
        let mut commands = std::mem::take(&mut self.commands);
        let at = self.clock.now();
        self.application.commands(at, &self.machine, &mut commands, &mut self.control);
        self.take_requests();
        for command in commands.drain(..) {
            self.handle_at(at, Input::Command(command))?;
        }
        self.commands = commands;
        Ok(())
    }

    fn fire_alarms(&mut self) -> Result<(), HostError> {
        let (round, now) = (self.alarms.round(), self.clock.now());
        while let Some(alarm) = self.alarms.pop(now, round) {
            self.handle(Input::Alarm(alarm))?;
        }
        Ok(())
    }

    fn hand_over(&mut self) {
        if !self.works.is_empty() {
            self.around.writer.hand_over(&mut self.works);
        }
    }

    /// Tells the application, then the network, that the turn is over.
    fn send(&mut self) -> Result<(), HostError> {
        self.control.counts = self.around.network.counts;
        self.application.flush().map_err(HostError::Application)?;
        self.around.network.flush(self.now, &mut self.inbox);
        Ok(())
    }
}

impl<A: Application> Turns for Loop<'_, A> {
    type Errand = writer::Errand;

    /// One turn, up to its writes. If the loop's own thread is to commit them, the turn ends when it
    /// has.
    fn turn(&mut self, can_leave: bool) -> Result<Option<writer::Errand>, HostError> {
        self.wait()?;
        self.around.writer.events(&mut self.outcomes);
        self.take_outcomes()?;
        self.receive()?;
        self.take_commands()?;
        self.fire_alarms()?;
        if can_leave && let Some(errand) = self.around.writer.lend(&mut self.works) {
            return Ok(Some(errand));
        }
        self.hand_over();
        Ok(None)
    }

    /// The end of a turn. False if it was the last.
    fn end_turn(&mut self) -> Result<bool, HostError> {
        self.around.writer.events(&mut self.outcomes);
        self.take_outcomes()?;
        let waiting = self.outbox.backlog() + self.own_outbox.backlog();
        if waiting > WAITING_LIMIT {
            return Err(HostError::Overloaded { waiting });
        }
        self.send()?;
        Ok(!self.control.stop)
    }

    /// Reads what has come in meanwhile, for the next turn: the disk is at work for this one. What is
    /// handled before this commit ends would be a group of its own, and two small commits take longer
    /// than a large one.
    fn look_ahead(&mut self) -> Result<(), HostError> {
        self.look()?;
        if !self.is_backed_up() {
            self.around.network.receive(self.now, &mut self.inbox);
        }
        Ok(())
    }
}
