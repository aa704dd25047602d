//! What a member is told.

use std::sync::Arc;

use bytes::Bytes;
use groupcast::group::{STATE_BYTES_MAX, View, ViewId};
use machine::NodeId;

use crate::error::StateTooLarge;
use crate::shared::Shared;

/// What a member is told. With a total order all members hear the same messages, views and
/// requests for the state in the same places.
#[derive(Debug)]
pub enum Event {
    /// The state of the application, as the others had it when the view began that comes next.
    /// It replaces whatever this member has.
    State(Bytes),
    /// The members from here on.
    View(View),
    /// A message.
    Delivered {
        /// Who sent it.
        sender: NodeId,
        /// What was sent.
        message: Bytes,
    },
    /// New members wait for the state: answer with what follows from all events before this one.
    StateWanted(StateWanted),
    /// The others went on without this member, because it hung or was cut off. It joins again by
    /// itself: a state and a view come once it is in.
    Removed {
        /// Messages that this member had sent and not delivered. The others may have delivered
        /// them or not: send again what may be done twice, or what the next state does not show.
        unknown: Vec<Bytes>,
    },
}

/// A question for the state of the application.
#[derive(Debug)]
#[must_use = "the new members wait until it is answered"]
pub struct StateWanted {
    pub(crate) view: ViewId,
    pub(crate) shared: Arc<Shared>,
}

impl StateWanted {
    /// Gives the state. This may happen later, from another task, as long as it is the state as of
    /// the moment of the question: take a copy or serialise first, then go on with the next event.
    ///
    /// # Errors
    /// It is too long: [`STATE_BYTES_MAX`].
    pub fn answer(self, state: impl Into<Bytes>) -> Result<(), StateTooLarge> {
        let state = state.into();
        if state.len() > STATE_BYTES_MAX {
            return Err(StateTooLarge(state.len()));
        }
        self.shared.answer(self.view, state);
        Ok(())
    }
}
