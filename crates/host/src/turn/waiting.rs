//! How a loop waits.
//!
//! A core that sleeps takes tens of microseconds to wake, on a virtual machine above all: more
//! than the message took. So a loop that has nothing to do looks again for a while, and lets other
//! threads have the core between two looks; only then does it sleep. A busy group whose messages
//! come every few microseconds never sleeps, and an idle one hardly looks.

use std::io::ErrorKind;
use std::time::Duration;

use machine::Instant;
use rustix::thread::sched_yield;

use super::Loop;
use crate::HostError;
use crate::application::Application;
use crate::lines::Lines;
use crate::network::{LINES, SIGNALS, TIMER, WAKER};

/// When there is something to do that no event announces.
enum Due {
    Now,
    At(Instant),
    Never,
}

impl<A: Application> Loop<'_, A> {
    /// Waits until there is something to do, and takes note of what that is.
    pub(super) fn wait(&mut self) -> Result<(), HostError> {
        self.poll(Some(Duration::ZERO))?;
        let mut now = self.clock.now();
        let sleeps_at = self.polling.until(now);
        while self.events.is_empty() {
            match self.due(now) {
                Due::Now => break,
                Due::At(_) | Due::Never if now < sleeps_at => {
                    sched_yield();
                    self.poll(Some(Duration::ZERO))?;
                    let back_at = self.clock.now();
                    self.polling.yielded(now, back_at);
                    now = back_at;
                }
                Due::At(next) => {
                    let set = self.around.timer.set(next, now);
                    set.map_err(HostError::system("set the timer"))?;
                    self.poll(None)?;
                    break;
                }
                Due::Never => {
                    self.poll(None)?;
                    break;
                }
            }
        }
        self.has_news = false;
        self.now = self.clock.now();
        self.note_events();
        Ok(())
    }

    /// Takes note of what there is to do, without waiting for anything. The next wait is none if
    /// there is anything: some of it is looked for in each turn, and announced once.
    pub(super) fn look(&mut self) -> Result<(), HostError> {
        self.poll(Some(Duration::ZERO))?;
        self.has_news |= !self.events.is_empty();
        self.note_events();
        Ok(())
    }

    fn poll(&mut self, patience: Option<Duration>) -> Result<(), HostError> {
        match self.around.poll.poll(&mut self.events, patience) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => self.events.clear(),
            Err(error) => return Err(HostError::system("wait for events")(error)),
        }
        Ok(())
    }

    fn note_events(&mut self) {
        for event in &self.events {
            match (event.token().0, &mut self.around.lines) {
                (SIGNALS, _) => self.control.stop = true,
                // What they announce is looked for in each turn.
                (WAKER | TIMER, _) => {}
                (LINES, Some(lines)) => lines.event(),
                _ => self.around.network.event(event),
            }
        }
    }

    fn due(&self, now: Instant) -> Due {
        let around = &self.around;
        let unread =
            around.network.is_pending() || around.lines.as_ref().is_some_and(Lines::is_pending);
        if self.has_news
            || !self.inbox.is_empty()
            || !self.works.is_empty()
            || unread && !self.is_backed_up()
        {
            return Due::Now;
        }
        let wake_at = self.application.wake_at().filter(|_| !self.is_backed_up());
        let next = [self.alarms.next(), around.network.next_chore(), wake_at];
        match next.into_iter().flatten().min() {
            None => Due::Never,
            Some(next) if next <= now => Due::Now,
            Some(next) => Due::At(next),
        }
    }
}
