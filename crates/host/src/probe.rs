//! What the machine underneath can do at best: the figures that ours are read beside.

mod lateness;
pub mod sequencer;

use std::convert::Infallible;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::HostError;
use crate::clock::monotonic_ns;
use crate::node::die_with;

pub use lateness::lateness;

/// How large a message of [`ping_pong`] is.
pub const PING_BYTES: usize = 100;
/// How large a block of [`fdatasync`] is.
pub const BLOCK_BYTES: usize = 4096;
/// How many blocks its file has. They are written beforehand, so that no write changes its size.
const BLOCKS: usize = 256;

/// Measures a bare TCP ping-pong of 100 bytes over loopback with another process, in plain blocking
/// calls. `echo` starts that process, which must call [`echo_server`]. Returns the nanoseconds of
/// each round.
///
/// # Errors
/// The process cannot be started, or the connection broke.
pub fn ping_pong(mut echo: Command, rounds: usize) -> io::Result<Vec<u64>> {
    let child = echo.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut child = Killed(child);
    let output = child.0.stdout.take().ok_or_else(|| io::Error::other("no standard output"))?;
    let mut port = String::new();
    BufReader::new(output).read_line(&mut port)?;
    let port: u16 = port.trim().parse().map_err(io::Error::other)?;

    let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    connection.set_nodelay(true)?;
    let mut message = [7; PING_BYTES];
    let mut times_ns = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let begin_ns = monotonic_ns();
        connection.write_all(&message)?;
        connection.read_exact(&mut message)?;
        times_ns.push(monotonic_ns() - begin_ns);
    }
    Ok(times_ns)
}

/// Keeps a core busy until the process `parent`, which started this one, ends.
///
/// # Errors
/// `parent` is not this process's parent.
pub fn busy(parent: u32) -> Result<Infallible, HostError> {
    die_with(parent)?;
    loop {
        std::hint::spin_loop();
    }
}

/// The other process of [`ping_pong`]: says its port on standard output, and answers one connection
/// until that ends.
///
/// # Errors
/// It cannot listen, or the connection broke.
pub fn echo_server() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("{}", listener.local_addr()?.port());
    let (mut connection, _) = listener.accept()?;
    connection.set_nodelay(true)?;
    let mut message = [0; PING_BYTES];
    loop {
        match connection.read_exact(&mut message) {
            Ok(()) => connection.write_all(&message)?,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Measures the write of a 4 KiB block into a file in `folder`, and its way to the disk. Returns
/// the nanoseconds of each round.
///
/// # Errors
/// The folder cannot be written. The file is gone afterwards either way.
pub fn fdatasync(folder: &Path, rounds: usize) -> io::Result<Vec<u64>> {
    let path = folder.join(format!("probe-{}", std::process::id()));
    let times_ns = fdatasync_in(&path, rounds);
    fs::remove_file(&path)?;
    times_ns
}

fn fdatasync_in(path: &Path, rounds: usize) -> io::Result<Vec<u64>> {
    let file = File::create(path)?;
    file.write_all_at(&[0; BLOCK_BYTES * BLOCKS], 0)?;
    file.sync_all()?;
    let mut times_ns = Vec::with_capacity(rounds);
    for round in 0..rounds {
        let begin_ns = monotonic_ns();
        file.write_all_at(&[1; BLOCK_BYTES], (round % BLOCKS * BLOCK_BYTES) as u64)?;
        file.sync_data()?;
        times_ns.push(monotonic_ns() - begin_ns);
    }
    Ok(times_ns)
}

/// A process that ends with this value.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // Nobody is left to tell an error.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_takes_time_to_reach_the_disk_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let times_ns = fdatasync(folder.path(), 3).unwrap();
        assert!(times_ns.len() == 3 && times_ns.iter().all(|time_ns| *time_ns > 0));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
