//! How another thread has a node's loop look for commands.

use std::sync::Arc;

/// Wakes the loop of one node, from any thread: its application is then asked for
/// [`commands`](crate::Application::commands).
#[derive(Debug, Clone)]
pub struct Waker(pub(crate) Arc<mio::Waker>);

impl Waker {
    /// Has the loop make a turn soon. Several calls before that turn may become one; nothing
    /// happens once the loop has ended.
    ///
    /// Costs one system call. Put what the node shall find where
    /// [`commands`](crate::Application::commands) looks for it first, then wake it.
    pub fn wake(&self) {
        // It fails only if the kernel's counter cannot take one more, and then the loop is about to
        // be woken anyway.
        let _ = self.0.wake();
    }
}
