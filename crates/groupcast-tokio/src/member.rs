//! A member of a group, as the application holds it.

use std::sync::Arc;
use std::thread::JoinHandle;

use bytes::Bytes;
use machine::NodeId;
use tokio::sync::oneshot;

use crate::error::{Ended, SendError, StartError};
use crate::event::{Event, StateWanted};
use crate::node;
use crate::options::{Contact, Options};
use crate::shared::{Found, Raw, Shared};

/// A member of a group. Its protocol runs on a thread of its own, which ends with this value: then
/// the others notice at once and go on without it.
#[derive(Debug)]
pub struct Group {
    id: NodeId,
    contact: Contact,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// The rest of what came last from one sender.
    sender: NodeId,
    messages: std::vec::IntoIter<Bytes>,
}

/// Sends to a group from any task.
#[derive(Debug, Clone)]
pub struct Sender {
    shared: Arc<Shared>,
}

impl Group {
    /// Begins a group of which this member is the first. Exactly one process does it; all others
    /// join. Its first event is the view.
    ///
    /// # Errors
    /// The node cannot begin: [`StartError`].
    pub async fn found(options: Options) -> Result<Self, StartError> {
        let group = Self::start(options, &[]).await?;
        group.enter().await?;
        Ok(group)
    }

    /// Joins a group through any of its members, or of those that will be. Its first events are
    /// the state, unless [`Options::transfers_state`] is off, and the view.
    ///
    /// A contact with this member's own id is left out, so all processes of a service may be given
    /// the same list.
    ///
    /// # Errors
    /// The node cannot begin, or nobody let it in: [`StartError`].
    pub async fn join(options: Options, contacts: Vec<Contact>) -> Result<Self, StartError> {
        let is_other = |contact: &Contact| Some(contact.id) != options.id;
        let contacts: Vec<_> = contacts.into_iter().filter(is_other).collect();
        if contacts.is_empty() {
            return Err(StartError::NoContacts);
        }
        let (name, waited) = (options.name.clone(), options.join_limit);
        let group = Self::start(options, &contacts).await?;
        match tokio::time::timeout(waited, group.enter()).await {
            Ok(entered) => entered?,
            Err(_) => {
                let contacts: Vec<_> = contacts.iter().map(Contact::to_string).collect();
                let (id, contacts) = (group.id.0, contacts.join(", "));
                return Err(StartError::NoAnswer { id, name, contacts, waited });
            }
        }
        Ok(group)
    }

    async fn start(options: Options, contacts: &[Contact]) -> Result<Self, StartError> {
        let reached = options.advertise.unwrap_or(options.listen);
        if reached.ip().is_unspecified() {
            return Err(StartError::Unspecified(reached));
        }
        let id = options.draw_id(contacts)?;
        let shared = Arc::new(Shared::new(options.backlog_bytes));
        let (tell, address) = oneshot::channel();
        let thread = node::start(options, id, contacts.to_vec(), Arc::clone(&shared), tell)?;
        let mut group = Self {
            id,
            contact: Contact { id: id.0, address: reached.to_string() },
            shared,
            thread: Some(thread),
            sender: id,
            messages: Vec::new().into_iter(),
        };
        // The thread's first act is to listen; if it cannot, it ends and says why.
        if let Ok(address) = address.await {
            group.contact.address = address.to_string();
        }
        Ok(group)
    }

    async fn enter(&self) -> Result<(), StartError> {
        Ok(self.shared.joined().await?)
    }

    /// This member's id.
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// Where others reach this member.
    pub fn contact(&self) -> Contact {
        self.contact.clone()
    }

    /// Sends a message to all members, this one included; waits while the group does not keep up.
    ///
    /// A message that was taken is delivered everywhere, unless this member ends or is removed
    /// first: [`Event::Removed`] hands back what has an open fate.
    ///
    /// Dropping the future before it is done sends nothing.
    ///
    /// # Errors
    /// The message was not taken: [`SendError`].
    pub async fn send(&self, message: impl Into<Bytes>) -> Result<(), SendError> {
        self.shared.send(message.into()).await
    }

    /// What other tasks send with.
    pub fn sender(&self) -> Sender {
        Sender { shared: Arc::clone(&self.shared) }
    }

    /// Waits for the next event. Dropping the future loses none.
    ///
    /// # Errors
    /// The member is one no more, and all events have been taken: [`Ended`].
    pub async fn next(&mut self) -> Result<Event, Ended> {
        loop {
            if let Some(message) = self.messages.next() {
                return Ok(Event::Delivered { sender: self.sender, message });
            }
            let raw = match self.shared.take() {
                Found::Event(raw) => raw,
                Found::Ended(why) => return Err(why),
                Found::Nothing => {
                    self.shared.news().await;
                    continue;
                }
            };
            return Ok(match raw {
                Raw::State(state) => Event::State(state),
                Raw::View(view) => Event::View(view),
                Raw::Removed(unknown) => Event::Removed { unknown },
                Raw::StateWanted(view) => {
                    Event::StateWanted(StateWanted { view, shared: Arc::clone(&self.shared) })
                }
                Raw::Delivered(sender, messages) => {
                    self.sender = sender;
                    self.messages = messages.shared().collect::<Vec<_>>().into_iter();
                    // A busy group must not keep the runtime's other tasks from running.
                    tokio::task::yield_now().await;
                    continue;
                }
            });
        }
    }

    /// Leaves the group once all of this member's messages are delivered. Events that were not
    /// taken are dropped.
    ///
    /// # Errors
    /// The member had ended for another cause before.
    pub async fn leave(self) -> Result<(), Ended> {
        self.shared.leave();
        loop {
            match self.shared.take() {
                Found::Event(_) => {}
                Found::Ended(Ended::Left) => return Ok(()),
                Found::Ended(why) => return Err(why),
                Found::Nothing => self.shared.news().await,
            }
        }
    }
}

impl Sender {
    /// As [`Group::send`].
    ///
    /// # Errors
    /// As there.
    pub async fn send(&self, message: impl Into<Bytes>) -> Result<(), SendError> {
        self.shared.send(message.into()).await
    }
}

/// Ends the node, and waits for its thread: a turn of its loop.
impl Drop for Group {
    fn drop(&mut self) {
        self.shared.stop();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so, and there is nobody here to tell.
            let _ = thread.join();
        }
    }
}
