//! What a member is told before it begins.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use groupcast::detector;
use groupcast::group::{Delivery, Limits, Order, Settings};
use host::Transport;
use machine::{Incarnation, NodeId};

use crate::StartError;

/// How far above its contacts' ids a joining member draws its own: two that draw at once hardly
/// ever meet (among 100 once in 3,000 times), and hundreds may join one behind the other.
const ID_SPAN: u32 = 1 << 24;

/// How a member takes part in a group.
///
/// ```
/// use groupcast_tokio::{Options, Order};
///
/// let options = Options { id: Some(7), order: Order::Causal, ..Options::new("chat") };
/// assert_eq!(options.listen.port(), 0, "any port that is free");
/// ```
#[derive(Debug, Clone)]
pub struct Options {
    /// The name of the group. Members of other names do not hear each other, nor do members that
    /// differ in `order`, `delivery`, `transfers_state` or `transport`.
    pub name: String,
    /// This member's id, which no other member has; drawn at random without one.
    ///
    /// Of two members the one with the higher id opens the connection. So a chosen id must be
    /// above the contacts', unless they know this member at this address from before.
    pub id: Option<u32>,
    /// Where to listen. Port 0 is any that is free.
    ///
    /// Messages are neither encrypted nor is anybody asked who it is: listen on networks alone in
    /// which you trust every host.
    pub listen: SocketAddr,
    /// Where others reach this member, if that is another address than it listens on.
    pub advertise: Option<SocketAddr>,
    /// In which order messages are delivered. The same at all members.
    pub order: Order,
    /// When a message may be delivered. The same at all members.
    pub delivery: Delivery,
    /// Whether a member that joins gets the state of the application. The same at all members.
    pub transfers_state: bool,
    /// What carries messages. The same at all members.
    pub transport: Transport,
    /// After how long a member that hangs is suspected. One that is killed is noticed at once.
    pub silence_limit: Duration,
    /// How long [`Group::join`](crate::Group::join) waits to be let in.
    pub join_limit: Duration,
    /// How many bytes of events may wait for an application that does not take them; beyond it the
    /// member leaves the group ([`Ended::Slow`](crate::Ended::Slow)).
    pub backlog_bytes: usize,
}

impl Options {
    /// Total order by sequencer, safe delivery, with state transfer, over TCP on this machine; a
    /// member that hangs is suspected after a second, joining may take half a minute, and 64 MiB
    /// may wait for the application.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            id: None,
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            advertise: None,
            order: Order::Sequencer,
            delivery: Delivery::Safe,
            transfers_state: true,
            transport: Transport::Tcp,
            silence_limit: Duration::from_secs(1),
            join_limit: Duration::from_secs(30),
            backlog_bytes: 64 << 20,
        }
    }

    /// The tag of the group's messages: a hash of all in which members must agree (FNV-1a).
    pub(crate) fn tag(&self) -> u64 {
        let Self { name, order, delivery, transfers_state, transport, .. } = self;
        let agreed = format!("{order} {delivery} {transfers_state} {transport:?} {name}");
        agreed.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
        })
    }

    /// The id that was chosen, or one drawn above those of the contacts.
    pub(crate) fn draw_id(&self, contacts: &[Contact]) -> Result<NodeId, StartError> {
        if let Some(id) = self.id {
            return Ok(NodeId(id));
        }
        let seed = host::entropy::seed().map_err(StartError::Entropy)?;
        let above = contacts.iter().map(|contact| contact.id).max().unwrap_or(0);
        let drawn = above.checked_add(1 + (seed % u64::from(ID_SPAN)) as u32);
        drawn.map(NodeId).ok_or(StartError::NoIdLeft)
    }

    /// What the machine is told.
    pub(crate) fn settings(&self, me: NodeId, address: SocketAddr) -> Settings {
        // A later life has a higher number, as long as the clock is not set back.
        let life = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let life = Incarnation(u64::try_from(life).unwrap_or(u64::MAX));
        Settings {
            order: self.order,
            delivery: self.delivery,
            transfers_state: self.transfers_state,
            detector: detector::Settings::fixed(self.silence_limit),
            heartbeat_period: self.heartbeat_period(),
            flush_limit: self.silence_limit,
            stall_limit: 10 * self.silence_limit,
            limits: match self.transport {
                Transport::Tcp => Limits::default(),
                Transport::Udp => Limits::datagrams(),
            },
            ..Settings::new(me, life, address.to_string())
        }
    }

    pub(crate) fn heartbeat_period(&self) -> Duration {
        self.silence_limit / 5
    }
}

/// Where a member of the group is: `ID@HOST:PORT`. The host may be a name.
///
/// ```
/// use groupcast_tokio::Contact;
///
/// let contact: Contact = "7@localhost:4001".parse()?;
/// assert_eq!((contact.id, contact.to_string()), (7, "7@localhost:4001".to_owned()));
/// assert!("localhost:4001".parse::<Contact>().is_err());
/// # Ok::<(), groupcast_tokio::ContactError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The member's id.
    pub id: u32,
    /// Its address: `HOST:PORT`.
    pub address: String,
}

/// A text that should say where a member is and does not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no contact; write ID@HOST:PORT, as in 1@127.0.0.1:4001")]
pub struct ContactError(String);

impl FromStr for Contact {
    type Err = ContactError;

    fn from_str(text: &str) -> Result<Self, ContactError> {
        let contact = || {
            let (id, address) = text.split_once('@')?;
            let (host, port) = address.rsplit_once(':')?;
            let is_sound = !host.is_empty() && port.parse::<u16>().is_ok();
            is_sound.then_some(Self { id: id.parse().ok()?, address: address.to_owned() })
        };
        contact().ok_or_else(|| ContactError(text.to_owned()))
    }
}

impl std::fmt::Display for Contact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.id, self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_without_id_host_or_port_are_refused() {
        for text in ["", "7", "7@", "7@host", "7@:4001", "x@host:1", "7@host:99999"] {
            assert_eq!(text.parse::<Contact>(), Err(ContactError(text.to_owned())));
        }
        assert_eq!("7@[::1]:4001".parse::<Contact>().unwrap().address, "[::1]:4001");
    }

    #[test]
    fn an_id_is_drawn_above_the_contacts() {
        let contacts = ["5@h:1", "90@h:1"].map(|text| text.parse().unwrap());
        let options = Options::new("x");
        assert!(options.draw_id(&contacts).unwrap() > NodeId(90));
        let chosen = Options { id: Some(3), ..options };
        assert_eq!(chosen.draw_id(&contacts).unwrap(), NodeId(3));
    }

    #[test]
    fn members_that_disagree_have_other_tags() {
        let options = Options::new("x");
        let others = [
            Options::new("y"),
            Options { order: Order::Fifo, ..options.clone() },
            Options { delivery: Delivery::Agreed, ..options.clone() },
            Options { transfers_state: false, ..options.clone() },
            Options { transport: Transport::Udp, ..options.clone() },
        ];
        assert!(others.iter().all(|other| other.tag() != options.tag()));
        assert_eq!(Options { id: Some(1), ..options.clone() }.tag(), options.tag());
    }
}
