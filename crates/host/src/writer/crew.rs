//! The threads that make commits.
//!
//! They take turns: one takes what has gathered and writes it, and while it waits for the disk the
//! next one may take more ([`Queue`](super::queue::Queue) says when). So on a slow disk several
//! commits are under way at a time, and a write waits for hardly more than its own.
//!
//! Whatever ends first, what is told is told in order: a commit that has ended speaks for all that
//! were begun before it, and those say nothing more.

use std::sync::Arc;
use std::thread::JoinHandle;

use mio::Waker;

use super::Desk;
use super::hand::Hand;

/// As many as there may be commits under way: each waits for one.
const THREADS: usize = store::COMMITS_UNDER_WAY;

/// The threads, as the loop sees them.
#[derive(Debug)]
pub(super) struct Crew {
    desk: Arc<Desk>,
    threads: Vec<JoinHandle<()>>,
    /// A waker that closes takes a wake-up with it that was not seen yet, so it must outlive the
    /// threads.
    _waker: Arc<Waker>,
}

impl Crew {
    pub fn start(hand: &Hand, waker: &Arc<Waker>) -> std::io::Result<Self> {
        let mut crew =
            Self { desk: Arc::clone(&hand.desk), threads: Vec::new(), _waker: Arc::clone(waker) };
        for _ in 0..THREADS {
            let mate = Mate(Hand { waker: Some(Arc::clone(waker)), ..hand.clone() });
            let work = move || {
                let _ = mate.work();
            };
            let thread = std::thread::Builder::new().name("journals".to_owned()).spawn(work);
            // If one cannot be had, the others end with the crew.
            crew.threads.push(thread?);
        }
        Ok(crew)
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.desk.queue.close();
        // A panic of a thread has been told of.
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

/// One of the threads.
struct Mate(Hand);

impl Mate {
    /// Makes commits until nobody hands over any more, or one failed: then there is nothing to
    /// return.
    fn work(&self) -> Option<()> {
        loop {
            let turns = self.0.desk.queue.take()?;
            let begun = self.0.begin(&turns)?;
            self.0.end(begun, &turns)?;
        }
    }
}

impl Drop for Mate {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.give_up();
        }
    }
}
