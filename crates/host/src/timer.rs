//! A deadline to the microsecond, as something that the loop can wait for.
//!
//! The timeout of an epoll instance counts whole milliseconds; a timer of the kernel counts
//! nanoseconds, and no slack is added to it.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use machine::Instant;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// A timer of the kernel with one deadline.
#[derive(Debug)]
pub(crate) struct Timer {
    descriptor: OwnedFd,
    origin_ns: u64,
    armed: Option<Instant>,
}

impl Timer {
    /// A timer that makes `token` readable; its deadlines count from `origin_ns` on the monotonic
    /// clock.
    ///
    /// # Errors
    /// The system gives no descriptor.
    pub fn new(registry: &Registry, token: Token, origin_ns: u64) -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let descriptor = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let raw = descriptor.as_raw_fd();
        registry.register(&mut SourceFd(&raw), token, Interest::READABLE)?;
        Ok(Self { descriptor, origin_ns, armed: None })
    }

    /// Goes off at `deadline` at the latest. An earlier deadline that was set before stays: it
    /// costs one wake-up, and a deadline that moves on with each turn costs no call a turn.
    ///
    /// # Errors
    /// The system refused.
    pub fn set(&mut self, deadline: Instant, now: Instant) -> io::Result<()> {
        if self.armed.is_some_and(|armed| armed > now && armed <= deadline) {
            return Ok(());
        }
        let at_ns = self.origin_ns.saturating_add(deadline.as_nanos());
        // Zero would mean: never.
        let it_value = Timespec {
            tv_sec: i64::try_from(at_ns / NANOS_PER_SECOND).unwrap_or(i64::MAX),
            tv_nsec: (at_ns % NANOS_PER_SECOND).max(1).cast_signed(),
        };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value };
        // Setting it anew also takes back an expiry that was not read.
        timerfd_settime(&self.descriptor, TimerfdTimerFlags::ABSTIME, &once)?;
        self.armed = Some(deadline);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mio::{Events, Poll};

    use super::*;
    use crate::clock::{Clock, monotonic_ns};

    /// Waits for the timer, with a minute of patience. When it went off.
    fn wait(poll: &mut Poll, clock: Clock) -> Instant {
        let mut events = Events::with_capacity(4);
        poll.poll(&mut events, Some(Duration::from_secs(60))).unwrap();
        assert_eq!(events.iter().count(), 1, "the timer did not go off");
        clock.now()
    }

    #[test]
    fn it_goes_off_at_each_deadline_and_never_early() {
        let mut poll = Poll::new().unwrap();
        let origin_ns = monotonic_ns();
        let clock = Clock::since(origin_ns);
        let mut timer = Timer::new(poll.registry(), Token(0), origin_ns).unwrap();
        for micros in [0, 1, 300, 1_700] {
            let now = clock.now();
            let deadline = now + Duration::from_micros(micros);
            timer.set(deadline, now).unwrap();
            assert!(wait(&mut poll, clock) >= deadline);
        }
    }

    #[test]
    fn an_earlier_deadline_replaces_a_later_one_and_stays_under_one() {
        let mut poll = Poll::new().unwrap();
        let origin_ns = monotonic_ns();
        let clock = Clock::since(origin_ns);
        let mut timer = Timer::new(poll.registry(), Token(0), origin_ns).unwrap();
        let now = clock.now();
        let hour = now + Duration::from_secs(3600);
        for deadline in [hour, now + Duration::from_millis(2), hour] {
            timer.set(deadline, now).unwrap();
        }
        assert!(wait(&mut poll, clock) < hour);
    }
}
