//! The node's thread: the host's event loop around the machine, and what passes between them and
//! the application's queues.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use groupcast::group::{self, Command, Refusal, Report};
use host::{Application, Control, HostError, NodeSettings};
use machine::{Instant, NodeId};
use tokio::sync::oneshot;

use crate::error::{Ended, StartError};
use crate::options::{Contact, Options};
use crate::shared::{Raw, Shared, Standing};

/// How many messages go to the machine a turn. More come with the next one, and what the machine
/// refuses for want of room is no more than this.
const MESSAGES_PER_TURN: usize = 4096;

/// Starts a member's thread. It ends by `Shared::stop`, or when the member is one no more.
pub(crate) fn start(
    options: Options,
    me: NodeId,
    contacts: Vec<Contact>,
    shared: Arc<Shared>,
    address: oneshot::Sender<SocketAddr>,
) -> Result<std::thread::JoinHandle<()>, StartError> {
    let thread = std::thread::Builder::new().name(format!("group-{me}"));
    let run = move || {
        let mut wiring = Wiring::new(Arc::clone(&shared), &options, &contacts);
        let why = match wiring.run(&options, me, &contacts, address) {
            Err(error) => wiring.failed.take().unwrap_or(Ended::Node(Arc::new(error))),
            Ok(()) if wiring.has_left => Ended::Left,
            Ok(()) if shared.lock().wants_stop => Ended::Dropped,
            Ok(()) => Ended::Interrupted,
        };
        shared.end(why);
    };
    thread.spawn(run).map_err(StartError::Thread)
}

/// What stands between the machine and the queues.
struct Wiring {
    shared: Arc<Shared>,
    /// How to come in; taken by the first turn.
    enter: Option<Command>,
    /// Messages in their order: refused in this turn, refused before, taken from the queue.
    refused: VecDeque<Bytes>,
    pending: VecDeque<Bytes>,
    /// How many of the pending ones have left the queue for good, from the front.
    released: usize,
    awaits_room: bool,
    /// Whether the next turn shall come at once.
    resumes: bool,
    asked_to_leave: bool,
    has_left: bool,
    events: Vec<Raw>,
    pause: Duration,
    failed: Option<Ended>,
}

impl Wiring {
    fn new(shared: Arc<Shared>, options: &Options, contacts: &[Contact]) -> Self {
        let nodes: BTreeSet<_> = contacts.iter().map(|contact| NodeId(contact.id)).collect();
        let enter = if nodes.is_empty() { Command::Found } else { Command::Join(nodes) };
        Self {
            shared,
            enter: Some(enter),
            refused: VecDeque::new(),
            pending: VecDeque::new(),
            released: 0,
            awaits_room: false,
            resumes: true,
            asked_to_leave: false,
            has_left: false,
            events: Vec::new(),
            pause: options.heartbeat_period() / 4,
            failed: None,
        }
    }

    fn run(
        &mut self,
        options: &Options,
        me: NodeId,
        contacts: &[Contact],
        address: oneshot::Sender<SocketAddr>,
    ) -> Result<(), HostError> {
        let system = |what| move |source| HostError::System { what, source };
        let node = host::Node::bind(NodeSettings {
            node: me,
            cluster: options.tag(),
            origin_ns: host::clock::monotonic_ns(),
            seed: host::entropy::seed().map_err(system("draw a seed"))?,
            transport: options.transport,
            listen: options.listen,
            own_journal: None,
            common_journal: None,
            durability: store::Durability::Memory,
            polls_for: host::POLLS_FOR,
            known: contacts.iter().map(|c| (NodeId(c.id), c.address.clone())).collect(),
            lines: None,
            parent: None,
        })?;
        let reached = options.advertise.unwrap_or(node.address());
        // Nobody waits for it any more if the start was given up.
        let _ = address.send(reached);
        self.shared.set_waker(node.waker());
        let machine = group::Group::new(options.settings(me, reached));
        node.run(machine, self).map(|_| ())
    }

    /// Gives the machine as many messages as it may have room for. One that it refuses for want
    /// of room makes it say when there is room again.
    fn pass_on(&mut self, machine: &group::Group, commands: &mut Vec<Command>) {
        let mut bytes = 0;
        for _ in 0..MESSAGES_PER_TURN {
            let Some(message) = self.pending.pop_front() else { return };
            match self.released.checked_sub(1) {
                Some(released) => self.released = released,
                None => self.shared.took(&message),
            }
            bytes += message.len();
            commands.push(Command::Multicast(message));
            if !machine.has_room(bytes) {
                break;
            }
        }
        self.resumes = !self.pending.is_empty();
    }

    /// All messages that have not been delivered, when this member is one no more.
    fn hand_back(&mut self, mut unknown: Vec<Bytes>) -> Vec<Bytes> {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        if state.standing == Standing::Member {
            state.standing = Standing::Outside;
        }
        self.pending.append(&mut state.outgoing);
        drop(state);
        for message in self.pending.iter().skip(self.released) {
            shared.took(message);
        }
        unknown.extend(self.refused.drain(..).chain(self.pending.drain(..)));
        (self.released, self.awaits_room) = (0, false);
        unknown
    }
}

impl Application for Wiring {
    type Machine = group::Group;

    fn report(&mut self, _: Instant, report: Report, control: &mut Control) {
        match report {
            Report::View(view) => {
                let mut state = self.shared.lock();
                if state.standing == Standing::Outside {
                    state.standing = Standing::Member;
                }
                self.events.push(Raw::View(view));
            }
            Report::Delivered { sender, messages } => {
                self.events.push(Raw::Delivered(sender, messages));
            }
            Report::StateWanted(view) => self.events.push(Raw::StateWanted(view)),
            Report::State(state) => self.events.push(Raw::State(state)),
            Report::Meet(node, address) => {
                // An address that is none leads nowhere: that member is never connected to.
                let _ = control.connect(node, &address);
            }
            Report::Refused(message, Refusal::NoRoom) => {
                self.awaits_room = true;
                self.refused.push_back(message);
            }
            // Neither is asked for: lengths are checked before, and members alone pass messages on.
            Report::Refused(_, Refusal::NotAMember | Refusal::TooLarge) => {}
            Report::Room => (self.awaits_room, self.resumes) = (false, true),
            Report::Suspected(..) => {}
            Report::Removed(unsettled) => {
                let unknown = self.hand_back(unsettled);
                self.events.push(Raw::Removed(unknown));
            }
            Report::Left => {
                self.has_left = true;
                control.stop();
            }
        }
    }

    fn line(&mut self, _: &str, _: &mut Control) -> Option<Command> {
        None
    }

    fn commands(
        &mut self,
        _: Instant,
        machine: &group::Group,
        commands: &mut Vec<Command>,
        control: &mut Control,
    ) {
        self.resumes = false;
        commands.extend(self.enter.take());
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        state.is_woken = false;
        if state.wants_stop {
            return control.stop();
        }
        let answers = state.answers.drain(..);
        commands.extend(answers.map(|(view, answer)| Command::State(view, answer)));
        self.pending.append(&mut state.outgoing);
        let (is_leaving, brakes) = (state.standing == Standing::Leaving, shared.brakes(&state));
        drop(state);
        // What was refused comes first again, and no longer counts as queued.
        self.released += self.refused.len();
        self.refused.append(&mut self.pending);
        std::mem::swap(&mut self.refused, &mut self.pending);
        let may_send = machine.view().is_some() && !self.awaits_room && !self.asked_to_leave;
        // A member that leaves is not asked to keep up.
        if may_send && (!brakes || is_leaving) {
            self.pass_on(machine, commands);
        }
        if is_leaving && !self.asked_to_leave && self.pending.is_empty() {
            // A message of this very turn may be refused; then it is asked once that one is through.
            let is_through = !commands.iter().any(|c| matches!(c, Command::Multicast(_)));
            if is_through {
                self.asked_to_leave = true;
                commands.push(Command::Leave);
            } else {
                self.resumes = true;
            }
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        self.resumes.then_some(Instant::ZERO)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.shared.deliver(&mut self.events, self.pause).map_err(|why| {
            self.failed = Some(why.clone());
            io::Error::other(why)
        })
    }
}
