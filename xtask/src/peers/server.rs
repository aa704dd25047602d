//! Servers that are measured: where their programs are, and that each ends with its value.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// How long a server may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(20);
/// How often it is tried.
const TRY_EVERY: Duration = Duration::from_millis(20);
/// What slows a disk down for a program that knows nothing of it.
const SLOW_FSYNC: &str = include_str!("slow_fsync.c");

/// How everything is measured.
pub(super) struct Machine {
    pub seconds: u8,
    pub fsync_delay_us: u32,
    /// What slows a server's disk down, if it is to be.
    slow: Option<PathBuf>,
}

impl Machine {
    /// # Errors
    /// A slower disk is asked for, and there is no C compiler to make one.
    pub fn new(seconds: u8, fsync_delay_us: u32, folder: &Path) -> anyhow::Result<Self> {
        let slow = match fsync_delay_us {
            0 => None,
            _ => Some(build_slow_fsync(folder)?),
        };
        Ok(Self { seconds, fsync_delay_us, slow })
    }

    /// A command of a server that ends when this process does, as another user if one is named.
    pub fn command(&self, program: &Path, user: Option<&str>) -> Command {
        let mut command = Command::new("setpriv");
        if let Some(user) = user {
            command.args(["--reuid", user, "--regid", "nogroup", "--clear-groups"]);
        }
        command.args(["--pdeathsig", "KILL", "--"]).arg(program);
        if let Some(slow) = &self.slow {
            command.env("LD_PRELOAD", slow);
            command.env("FSYNC_DELAY_US", self.fsync_delay_us.to_string());
        }
        command
    }
}

fn build_slow_fsync(folder: &Path) -> anyhow::Result<PathBuf> {
    let (source, library) = (folder.join("slow_fsync.c"), folder.join("slow_fsync.so"));
    fs::write(&source, SLOW_FSYNC)?;
    let mut command = Command::new("cc");
    command.args(["-O2", "-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl");
    let output = command.output().context("a slower disk needs a C compiler (cc)")?;
    if !output.status.success() {
        bail!("cc: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(library)
}

/// A server, which is killed when the value is dropped, in a panic too.
pub(super) struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts a server; what it says goes to the file `log`.
    pub fn start(mut command: Command, log: &Path) -> anyhow::Result<Self> {
        let file = File::create(log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        Ok(Self { child, log: log.to_owned() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nobody is left to tell an error. A server's own children end when they miss it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tries something until it succeeds.
///
/// # Errors
/// The server ends, or it takes too long.
pub(super) fn stay_until<T>(
    server: &mut Server,
    mut attempt: impl FnMut() -> io::Result<T>,
) -> anyhow::Result<T> {
    let limit = Instant::now() + START_LIMIT;
    loop {
        let error = match attempt() {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let ended = server.child.try_wait()?;
        if ended.is_some() || Instant::now() > limit {
            let said = fs::read_to_string(&server.log).unwrap_or_default();
            let last = said.lines().last().unwrap_or_default();
            bail!("the server does not answer ({error}); it said last: {last}");
        }
        std::thread::sleep(TRY_EVERY);
    }
}

/// A port that nobody has now.
pub(super) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A folder that goes with its value.
pub(super) struct Folder(pub PathBuf);

impl Folder {
    /// A new folder in `parent`.
    pub fn new(parent: &Path) -> io::Result<Self> {
        let folder = parent.join(format!("bazaar-bench-peers-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    /// A new folder in this one, for one measurement.
    pub fn inner(&self, name: &str) -> io::Result<Self> {
        let folder = self.0.join(name);
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
