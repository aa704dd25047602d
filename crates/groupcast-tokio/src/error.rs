//! What can go wrong, and what to do about it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use groupcast::group::{MESSAGE_BYTES_MAX, STATE_BYTES_MAX};
use host::HostError;

/// Why a member could not begin. It is in no group and nothing of it runs.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The node could not begin, or it ended before it was in.
    #[error(transparent)]
    Ended(#[from] Ended),
    /// Nobody let the member in.
    #[error(
        "nobody let member {id} into the group {name:?} within {waited:?}, asked through \
         {contacts}; is one of these a member, with the same name, order, delivery, state \
         transfer and transport, and has this member an id above theirs? it is in no group"
    )]
    NoAnswer {
        /// This member's id.
        id: u32,
        /// The group's name.
        name: String,
        /// Who was asked.
        contacts: String,
        /// For how long.
        waited: Duration,
    },
    /// There is nobody to ask.
    #[error("joining takes at least one contact other than the member itself; none was given")]
    NoContacts,
    /// All addresses of the machine are listened on, so there is none to tell to others.
    #[error(
        "others cannot be told to connect to {0}, which stands for any address; set \
         Options::advertise to the one on which they reach this member; nothing was started"
    )]
    Unspecified(std::net::SocketAddr),
    /// The contacts' ids leave no room above them.
    #[error("no id is left above those of the contacts; choose one with Options::id")]
    NoIdLeft,
    /// The kernel gave no random bytes.
    #[error("cannot draw a random number: {0}; nothing was started")]
    Entropy(#[source] io::Error),
    /// The kernel gave no thread.
    #[error("cannot start the member's thread: {0}; nothing was started")]
    Thread(#[source] io::Error),
}

/// Why a member is one no more. Its node has ended; the application may found or join again.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Ended {
    /// It left, as asked.
    #[error("this member has left the group")]
    Left,
    /// Its handle was dropped.
    #[error("the handle of this member was dropped; the others exclude it")]
    Dropped,
    /// The process was asked to end, by Ctrl-C or SIGTERM.
    #[error("a signal asked the process to end, and the member with it")]
    Interrupted,
    /// The application did not take its events.
    #[error(
        "{waiting_bytes} bytes of events waited for the application, more than the \
         {limit_bytes} of Options::backlog_bytes, so the member ended; call Group::next from a \
         task that does nothing slow, and join again for the present state"
    )]
    Slow {
        /// How much waited.
        waiting_bytes: usize,
        /// How much may.
        limit_bytes: usize,
    },
    /// The node could not begin or go on.
    #[error("{0}")]
    Node(Arc<HostError>),
}

/// Why a message was not sent. No member delivers it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SendError {
    /// This node is not in the group: it was removed and has not come back yet, or it is leaving.
    #[error(
        "this member was removed from its group or is leaving it; after Event::Removed, send \
         again when the next Event::View has come; the message was not sent"
    )]
    NotAMember(Bytes),
    /// It is too long.
    #[error(
        "the message has {} bytes and may have {MESSAGE_BYTES_MAX}; send it in parts, or where \
         to find it; it was not sent", .0.len()
    )]
    TooLarge(Bytes),
    /// The member has ended.
    #[error("{why}; the message was not sent")]
    Ended {
        /// The message.
        message: Bytes,
        /// Why.
        why: Ended,
    },
}

impl SendError {
    /// The message that was not sent.
    pub fn into_message(self) -> Bytes {
        match self {
            Self::NotAMember(message) | Self::TooLarge(message) | Self::Ended { message, .. } => {
                message
            }
        }
    }
}

/// A state that is too long to be given to new members.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the state has {0} bytes and may have {STATE_BYTES_MAX}; it was not given, and the members \
     that wait for it go on waiting"
)]
pub struct StateTooLarge(pub usize);
