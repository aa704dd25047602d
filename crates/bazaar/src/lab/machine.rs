//! The facts of the machine, and what it can do at best, beside every start of the lab.

use std::fs;
use std::path::Path;
use std::process::Command;

use ::lab::Start;
use anyhow::Context as _;

/// Rounds of a bare ping-pong, and blocks made durable.
const PROBE_ROUNDS: usize = 300;

/// What is written down before the cells of a start.
///
/// # Errors
/// A probe fails.
pub(super) fn start(quick: bool, folder: &Path) -> anyhow::Result<Start> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let words: Vec<String> = std::env::args().skip(1).collect();
    Ok(Start {
        quick,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        command: format!("bazaar {}", words.join(" ")),
        unix_seconds: since.map_or(0, |since| since.as_secs()),
        machine: facts(folder)?,
    })
}

fn facts(folder: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let mut echo = Command::new(std::env::current_exe()?);
    echo.args(["bench", "echo"]);
    let ping_pong = host::probe::ping_pong(echo, PROBE_ROUNDS).context("the ping-pong failed")?;
    let fdatasync = host::probe::fdatasync(folder, PROBE_ROUNDS).context("fdatasync failed")?;
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let facts = [
        ("cores", cores.to_string()),
        ("processor", line("/proc/cpuinfo", "model name")),
        ("memory", memory()),
        ("kernel", fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default()),
        ("load before (1, 5, 15 minutes)", load()),
        ("bare TCP ping-pong over the loopback", spread(ping_pong)),
        ("fdatasync of a block in the directory of results", spread(fdatasync)),
    ];
    Ok(facts.map(|(name, text)| (name.to_owned(), text.trim().to_owned())).to_vec())
}

/// In GiB, which Linux tells in units of 1,024 bytes.
fn memory() -> String {
    let text = line("/proc/meminfo", "MemTotal");
    let kibibytes = text.split(' ').next().and_then(|count| count.parse::<f64>().ok());
    kibibytes.map_or(text, |count| format!("{} GiB", ::lab::number(count / 1024.0 / 1024.0)))
}

/// Without the counts of processes that stand behind it.
fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(", ")
}

/// What stands behind the colon of the first line that begins so; empty if there is none.
fn line(place: &str, begins: &str) -> String {
    let text = fs::read_to_string(place).unwrap_or_default();
    let found = text.lines().find(|line| line.starts_with(begins));
    found
        .and_then(|line| line.split_once(':'))
        .map(|(_, of)| of.trim().to_owned())
        .unwrap_or_default()
}

fn spread(mut nanos: Vec<u64>) -> String {
    nanos.sort_unstable();
    let at = |share: f64| {
        let place = (nanos.len().saturating_sub(1)) as f64 * share;
        let nanos = nanos.get(place.round() as usize).copied().unwrap_or_default();
        ::lab::number(nanos as f64 / 1000.0)
    };
    format!("median {} µs, 99th percentile {} µs", at(0.5), at(0.99))
}
