//! Signals: what ends a node cleanly, and Ctrl-C in the process that started the others.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::{Interest, Registry, Token};
use signal_hook::SigId;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::{pipe, unregister};

/// The exit code of a process that a second Ctrl-C ended, as shells have it: 128 and the signal.
const INTERRUPTED_EXIT_CODE: i32 = 130;

/// Ctrl-C (SIGINT) and SIGTERM as a flag. The second one ends the process at once.
///
/// The signals have their usual meaning again when the value is dropped.
#[derive(Debug)]
pub struct Interrupt {
    flag: Arc<AtomicBool>,
    _handlers: Handlers,
}

impl Interrupt {
    /// Listens for the signals.
    ///
    /// # Errors
    /// The system refused.
    pub fn listen() -> io::Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        let mut handlers = Handlers(Vec::new());
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag down and raises it.
            let exit = Arc::clone(&flag);
            handlers.0.push(signal_hook::flag::register_conditional_shutdown(
                signal,
                INTERRUPTED_EXIT_CODE,
                exit,
            )?);
            handlers.0.push(signal_hook::flag::register(signal, Arc::clone(&flag))?);
        }
        Ok(Self { flag, _handlers: handlers })
    }

    /// Whether one of the signals has come.
    pub fn is_set(&self) -> bool {
        self.flag.load(Ordering::SeqCst)
    }

    /// The flag itself, for a thread that waits elsewhere.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.flag)
    }
}

/// The signals that end a node's loop, as something that the loop can wait for.
#[derive(Debug)]
pub(crate) struct StopSignals {
    _readable: mio::net::UnixStream,
    _handlers: Handlers,
}

impl StopSignals {
    /// Makes `token` readable when the node shall stop: at SIGTERM, and at SIGINT unless a parent
    /// decides on that.
    ///
    /// # Errors
    /// The system refused.
    pub fn new(registry: &Registry, token: Token, has_parent: bool) -> io::Result<Self> {
        let (readable, written) = UnixStream::pair()?;
        readable.set_nonblocking(true)?;
        let mut readable = mio::net::UnixStream::from_std(readable);
        registry.register(&mut readable, token, Interest::READABLE)?;
        let mut handlers = Handlers(Vec::new());
        handlers.0.push(pipe::register(SIGTERM, written.try_clone()?)?);
        handlers.0.push(if has_parent {
            // A handler that does nothing: without any, the signal would end the process.
            signal_hook::flag::register(SIGINT, Arc::new(AtomicBool::new(false)))?
        } else {
            pipe::register(SIGINT, written)?
        });
        Ok(Self { _readable: readable, _handlers: handlers })
    }
}

/// Handlers that end with this value.
#[derive(Debug)]
struct Handlers(Vec<SigId>);

impl Drop for Handlers {
    fn drop(&mut self) {
        for handler in self.0.drain(..) {
            unregister(handler);
        }
    }
}
