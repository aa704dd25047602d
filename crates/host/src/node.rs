//! A node: what is set up around a machine before its loop begins.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use machine::{Epoch, Journal, NodeId};
use mio::{Poll, Token};
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

use crate::application::{Application, Counts};
use crate::bind::Sockets;
use crate::frames::{Hello, Identity};
use crate::journals::Journals;
use crate::lines::Lines;
use crate::network::{LINES, Network, SIGNALS, TIMER, WAKER};
use crate::signals::StopSignals;
use crate::standby::{self, Turns};
use crate::timer::Timer;
use crate::turn::{Loop, Surroundings};
use crate::writer::Writer;
use crate::{HostError, NodeSettings, Waker};

/// A node whose address is known and whose loop has not begun.
#[derive(Debug)]
pub struct Node {
    settings: NodeSettings,
    sockets: Sockets,
    address: SocketAddr,
    known: Vec<(NodeId, SocketAddr)>,
    poll: Poll,
    waker: Waker,
}

impl Node {
    /// Listens, and ties the process to its parent if the settings say so.
    ///
    /// # Errors
    /// The parent is gone, the address is taken, or an address in the settings is none.
    pub fn bind(mut settings: NodeSettings) -> Result<Self, HostError> {
        if let Some(parent) = settings.parent {
            die_with(parent)?;
        }
        let known = std::mem::take(&mut settings.known);
        let known = known.into_iter().map(look_up).collect::<Result<_, _>>()?;
        let (sockets, address) = Sockets::bind(settings.listen, settings.transport)?;
        let poll = Poll::new().map_err(HostError::system("create an epoll instance"))?;
        let waker = mio::Waker::new(poll.registry(), Token(WAKER));
        let waker = Waker(Arc::new(waker.map_err(HostError::system("create a waker"))?));
        Ok(Self { settings, sockets, address, known, poll, waker })
    }

    /// Where the node listens: the settings' address, with the port that was chosen if theirs is 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What other threads wake the node's loop with.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Hands the machine what stands in its own journal and runs it, until `application` or a
    /// signal says stop or the lines end.
    ///
    /// # Errors
    /// See [`HostError`]. Messages and reports that waited for a journal did not leave then.
    pub fn run<A: Application>(
        self,
        machine: A::Machine,
        application: &mut A,
    ) -> Result<Counts, HostError> {
        let (settings, poll) = (self.settings, self.poll);
        let registry = poll.registry();
        let timer = Timer::new(registry, Token(TIMER), settings.origin_ns);
        let timer = timer.map_err(HostError::system("create a timer"))?;
        let lines = settings.lines.map(|lines| Lines::new(lines, registry, Token(LINES)));
        let lines = lines.transpose().map_err(HostError::system("wait for lines"))?;
        let signals = StopSignals::new(registry, Token(SIGNALS), settings.parent.is_some());
        let _signals = signals.map_err(HostError::system("handle signals"))?;

        let identity = Identity {
            node: settings.node,
            cluster: settings.cluster,
            hello: Hello { life: life(), port: self.address.port(), to: None },
        };
        let network = Network::new(identity, self.sockets, &poll);
        let network = network.map_err(HostError::system("wait for the network"))?;

        let (own, contents) = match &settings.own_journal {
            None => (None, None),
            Some(folder) => {
                let failed = |error| HostError::journal(Journal::Own, error);
                std::fs::create_dir_all(folder).map_err(failed)?;
                let highest = store::highest_epoch(folder).map_err(failed)?.unwrap_or(Epoch::ZERO);
                let epoch = highest.next(settings.node);
                let (own, contents) = store::Journal::claim(folder, epoch, settings.durability)
                    .map_err(|error| match error {
                        store::ClaimError::Outbid(epoch) => HostError::Replaced(epoch),
                        error => HostError::journal(Journal::Own, error),
                    })?;
                (Some(own), Some(contents))
            }
        };
        let has_own_journal = own.is_some();
        let journals = Journals::new(own, settings.common_journal, settings.durability);
        let writer = Writer::new(journals, &self.waker.0);
        let writer = writer.map_err(HostError::system("start a thread"))?;

        let polls_for = settings.polls_for;
        let surroundings =
            Surroundings { poll, timer, network, lines, writer, has_own_journal, polls_for };
        let mut node =
            Loop::new(machine, application, surroundings, settings.origin_ns, settings.seed);
        node.begin(contents, self.known)?;
        if !node.waits_for_disk() {
            while node.turn(false)?.is_none() && node.end_turn()? {}
            return node.finish();
        }
        let waker = self.waker;
        standby::run(node, || waker.wake())?.finish()
    }
}

/// A later process of a node has a higher number, on whichever machine it runs.
fn life() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

fn look_up((node, address): (NodeId, String)) -> Result<(NodeId, SocketAddr), HostError> {
    let found = address.to_socket_addrs().and_then(|mut found| {
        found.next().ok_or_else(|| std::io::Error::other("the name has no address"))
    });
    match found {
        Ok(found) => Ok((node, found)),
        Err(source) => Err(HostError::Address { node, address, source }),
    }
}

/// Has the kernel kill this process when its parent ends.
///
/// # Errors
/// `parent` is not this process's parent, or the system refused.
pub fn die_with(parent: u32) -> Result<(), HostError> {
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| HostError::system("watch the parent process")(error.into()))?;
    // The parent may have ended just before.
    let expected = i32::try_from(parent).ok().and_then(Pid::from_raw);
    if expected.is_none() || getppid() != expected {
        return Err(HostError::Orphan { expected: parent });
    }
    Ok(())
}
