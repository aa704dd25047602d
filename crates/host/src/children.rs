//! Child processes by name: started, spoken to, paused, killed, and never left behind.
//!
//! ```
//! use host::children::Children;
//! use std::process::{Command, Stdio};
//!
//! # let folder = tempfile::tempdir()?;
//! let mut children = Children::default();
//! let mut command = Command::new("cat");
//! command.stdout(Stdio::null());
//! children.spawn("reader", command, &folder.path().join("reader.err"))?;
//! children.send_line("reader", "hello")?;
//! children.kill("reader")?;
//! let ended = children.ended(None)?;
//! assert_eq!(ended[0].0, "reader");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use crate::clock::monotonic_ns;

/// How long a line to a child may be, its end included: what a pipe takes whole or not at all.
pub const CHILD_LINE_MAX_BYTES: usize = 4096;

/// Why something could not be done to a child. Other children are as before.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// No such child runs.
    #[error("no process of the name {0} runs; nothing was done")]
    NotRunning(String),
    /// Such a child runs already.
    #[error("a process of the name {0} runs already; end it first; nothing was started")]
    Running(String),
    /// The line is too long.
    #[error(
        "the line for {name} has {size_bytes} bytes and may have {CHILD_LINE_MAX_BYTES}; nothing \
         was sent"
    )]
    LineTooLong {
        /// The child.
        name: String,
        /// The line's length and its end.
        size_bytes: usize,
    },
    /// The operating system refused. A pipe that would block belongs to a child that does not read
    /// its lines: it is paused, or busy.
    #[error("cannot {what} the process {name}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// The child.
        name: String,
        /// What the system said.
        source: io::Error,
    },
}

/// The children of this process. When the value is dropped, in a panic too, all are killed.
///
/// Start them from a thread that lives as long as they shall: a node that watches its parent dies
/// with the *thread* that started it.
#[derive(Debug, Default)]
pub struct Children {
    running: BTreeMap<String, Running>,
}

#[derive(Debug)]
struct Running {
    process: Child,
    lines: Option<ChildStdin>,
    /// Readable when the process has ended.
    end: OwnedFd,
}

impl Children {
    /// Starts a child under a name that no running child has. Its standard input is a pipe for
    /// [`Children::send_line`], its standard error is appended to the file `errors`, and its
    /// standard output is as set in `command`. Returns the process id.
    ///
    /// # Errors
    /// The name is taken, the file cannot be written, or the program cannot be started.
    pub fn spawn(
        &mut self,
        name: &str,
        mut command: Command,
        errors: &Path,
    ) -> Result<u32, ChildError> {
        if self.running.contains_key(name) {
            return Err(ChildError::Running(name.to_owned()));
        }
        let errors = File::options().create(true).append(true).open(errors);
        let errors = errors.map_err(failed("write the errors of", name))?;
        command.stdin(Stdio::piped()).stderr(errors);
        let process = command.spawn().map_err(failed("start", name))?;
        let running = Running::new(process).map_err(failed("watch", name))?;
        let id = running.process.id();
        self.running.insert(name.to_owned(), running);
        Ok(id)
    }

    /// The names of the children that run, or whose end has not been asked about.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.running.keys().map(String::as_str)
    }

    /// The process id of a child.
    pub fn id(&self, name: &str) -> Option<u32> {
        Some(self.running.get(name)?.process.id())
    }

    /// Takes the reading end of a child's standard output, if `command` said that it is a pipe.
    pub fn take_output(&mut self, name: &str) -> Option<ChildStdout> {
        self.running.get_mut(name)?.process.stdout.take()
    }

    /// Sends a line to a child's standard input, and never waits for it.
    ///
    /// # Errors
    /// No such child runs, the line is too long, or the child does not read.
    pub fn send_line(&mut self, name: &str, line: &str) -> Result<(), ChildError> {
        let running = self.get(name)?;
        let line = format!("{line}\n");
        if line.len() > CHILD_LINE_MAX_BYTES {
            let (name, size_bytes) = (name.to_owned(), line.len());
            return Err(ChildError::LineTooLong { name, size_bytes });
        }
        match &mut running.lines {
            None => Err(ChildError::NotRunning(name.to_owned())),
            Some(lines) => lines.write_all(line.as_bytes()).map_err(failed("send a line to", name)),
        }
    }

    /// Kills a child at once, paused or not, and leaves it to [`Children::ended`] to say so.
    ///
    /// # Errors
    /// No such child runs, or the system refused.
    pub fn kill(&mut self, name: &str) -> Result<(), ChildError> {
        self.signal(name, Signal::KILL, "kill")
    }

    /// Stops a child where it is, without its knowledge.
    ///
    /// # Errors
    /// No such child runs, or the system refused.
    pub fn pause(&mut self, name: &str) -> Result<(), ChildError> {
        self.signal(name, Signal::STOP, "pause")
    }

    /// Lets a paused child go on.
    ///
    /// # Errors
    /// No such child runs, or the system refused.
    pub fn resume(&mut self, name: &str) -> Result<(), ChildError> {
        self.signal(name, Signal::CONT, "resume")
    }

    /// Asks a child to end: its lines end, and SIGTERM comes. A paused one goes on for that.
    ///
    /// # Errors
    /// No such child runs, or the system refused.
    pub fn terminate(&mut self, name: &str) -> Result<(), ChildError> {
        self.get(name)?.lines.take();
        self.signal(name, Signal::TERM, "terminate")?;
        self.signal(name, Signal::CONT, "resume")
    }

    /// Asks all children to end, kills those that run after `grace`, and says how each ended.
    ///
    /// # Errors
    /// The system refused; children that run still die with this value.
    pub fn terminate_all(
        &mut self,
        grace: Duration,
    ) -> Result<Vec<(String, ExitStatus)>, ChildError> {
        let names: Vec<String> = self.names().map(str::to_owned).collect();
        for name in &names {
            self.terminate(name)?;
        }
        let deadline_ns = monotonic_ns().saturating_add(nanos(grace));
        let mut all = Vec::new();
        while !self.running.is_empty() {
            let left = Duration::from_nanos(deadline_ns.saturating_sub(monotonic_ns()));
            if left.is_zero() {
                self.running
                    .values_mut()
                    .try_for_each(Running::kill)
                    .map_err(failed("kill", "*"))?;
            }
            all.extend(self.ended((!left.is_zero()).then_some(left))?);
        }
        Ok(all)
    }

    /// Waits until a child ends, at most for `limit`, or without end; less if a signal comes. Those
    /// that have ended are forgotten, and their names are free.
    ///
    /// # Errors
    /// The system refused.
    pub fn ended(
        &mut self,
        limit: Option<Duration>,
    ) -> Result<Vec<(String, ExitStatus)>, ChildError> {
        let mut ends: Vec<PollFd<'_>> =
            self.running.values().map(|running| PollFd::new(&running.end, PollFlags::IN)).collect();
        let limit = limit.map(|limit| Timespec {
            tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: limit.subsec_nanos().into(),
        });
        match rustix::event::poll(&mut ends, limit.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(failed("wait for", "*")(error.into())),
        }
        let mut ended = Vec::new();
        for (name, running) in &mut self.running {
            if let Some(status) = running.process.try_wait().map_err(failed("wait for", name))? {
                ended.push((name.clone(), status));
            }
        }
        for (name, _) in &ended {
            self.running.remove(name);
        }
        Ok(ended)
    }

    fn get(&mut self, name: &str) -> Result<&mut Running, ChildError> {
        self.running.get_mut(name).ok_or_else(|| ChildError::NotRunning(name.to_owned()))
    }

    fn signal(&mut self, name: &str, signal: Signal, what: &'static str) -> Result<(), ChildError> {
        self.get(name)?.signal(signal).map_err(failed(what, name))
    }
}

impl Running {
    /// Watches a process; one that cannot be watched is killed.
    fn new(mut process: Child) -> io::Result<Self> {
        let lines = process.stdin.take();
        let prepared = pid(&process).and_then(|pid| {
            // A paused child's pipe fills up, and then a line must fail instead of waiting.
            if let Some(lines) = &lines {
                fcntl_setfl(lines, fcntl_getfl(lines)? | OFlags::NONBLOCK)?;
            }
            Ok(pidfd_open(pid, PidfdFlags::empty())?)
        });
        match prepared {
            Ok(end) => Ok(Self { process, lines, end }),
            Err(error) => {
                process.kill()?;
                process.wait()?;
                Err(error)
            }
        }
    }

    fn signal(&mut self, signal: Signal) -> io::Result<()> {
        // Its id cannot be another process's: only `try_wait` frees it, and then it is forgotten.
        Ok(kill_process(pid(&self.process)?, signal)?)
    }

    fn kill(&mut self) -> io::Result<()> {
        self.signal(Signal::KILL)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both do nothing to a process whose end is known, and there is nobody to tell an error.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn pid(process: &Child) -> io::Result<Pid> {
    let raw = i32::try_from(process.id()).map_err(io::Error::other)?;
    Pid::from_raw(raw).ok_or_else(|| io::Error::other("a process without an id"))
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn failed(what: &'static str, name: &str) -> impl FnOnce(io::Error) -> ChildError {
    let name = name.to_owned();
    move |source| ChildError::System { what, name, source }
}
