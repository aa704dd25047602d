//! `cargo xtask bench peers`: what one trader of ours sells a second, beside what Redis and
//! PostgreSQL do with the same purchase on the same disk: durable before the answer, idempotent,
//! one hot good, one process of clients with as many connections. They take turns in one run.

mod postgres;
mod redis;
mod resp;
mod server;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use self::server::{Folder, Machine};
use crate::command;

/// What is measured: clients, and requests that each keeps under way.
const SHAPES: [Shape; 3] = [
    Shape { clients: 64, in_flight: 1 },
    Shape { clients: 256, in_flight: 1 },
    Shape { clients: 64, in_flight: 16 },
];

/// What `bench peers` is told.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Options {
    pub seconds: u8,
    pub repetitions: u8,
    pub fsync_delay_us: u32,
    /// Where all of them write: name a folder on the disk that is to be measured.
    pub folder: PathBuf,
    pub json: bool,
}

impl Default for Options {
    fn default() -> Self {
        let folder = std::env::temp_dir();
        Self { seconds: 4, repetitions: 3, fsync_delay_us: 0, folder, json: false }
    }
}

impl Options {
    /// Reads what follows `bench peers`.
    pub fn parse(arguments: &[&str]) -> Result<Self, String> {
        fn number<T: std::str::FromStr + PartialOrd + From<u8>>(
            name: &str,
            value: Option<&&str>,
            least: u8,
        ) -> Result<T, String> {
            let value = value.ok_or_else(|| format!("`{name}` needs a number"))?;
            let number = value.parse::<T>().ok().filter(|number| *number >= T::from(least));
            number.ok_or_else(|| format!("`{value}` is no number that `{name}` can be"))
        }
        let mut options = Self::default();
        let mut rest = arguments.iter();
        while let Some(name) = rest.next() {
            match *name {
                "--seconds" => options.seconds = number(name, rest.next(), 1)?,
                "--repetitions" => options.repetitions = number(name, rest.next(), 1)?,
                "--fsync-delay-us" => options.fsync_delay_us = number(name, rest.next(), 0)?,
                "--folder" => {
                    let folder = rest.next().ok_or("`--folder` needs a folder")?;
                    options.folder = folder.into();
                }
                "--json" => options.json = true,
                other => return Err(format!("`{other}` is no option of bench peers")),
            }
        }
        Ok(options)
    }
}

/// How many clients, and how busy each is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shape {
    clients: u32,
    in_flight: u16,
}

/// What one system did in one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    per_second: f64,
    p50_us: f64,
    p99_us: f64,
}

impl Measured {
    fn of(mut took_ns: Vec<u64>, time: Duration) -> anyhow::Result<Self> {
        ensure!(!took_ns.is_empty(), "nothing was sold");
        took_ns.sort_unstable();
        let at = |share: f64| took_ns[((took_ns.len() - 1) as f64 * share) as usize] as f64 / 1e3;
        let per_second = took_ns.len() as f64 / time.as_secs_f64();
        Ok(Self { per_second, p50_us: at(0.5), p99_us: at(0.99) })
    }
}

/// A system, and its figures or why it has none.
struct System {
    name: &'static str,
    figures: Vec<(Shape, Measured)>,
    missing: Option<String>,
}

impl System {
    fn new(name: &'static str) -> Self {
        Self { name, figures: Vec::new(), missing: None }
    }

    fn median(&self, shape: Shape, pick: fn(&Measured) -> f64) -> Option<f64> {
        let of_shape = self.figures.iter().filter(|(other, _)| *other == shape);
        let mut figures: Vec<f64> = of_shape.map(|(_, measured)| pick(measured)).collect();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied()
    }
}

/// Measures all of them in turns and prints the table.
///
/// # Errors
/// Ours cannot be measured. What others lack is said, and they are left out.
pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let program = build()?;
    let scratch = Folder::new(&options.folder).with_context(|| {
        format!("cannot write to {}; nothing was measured", options.folder.display())
    })?;
    let machine = Machine::new(options.seconds, options.fsync_delay_us, &scratch.0)?;
    let mut systems = ["bazaar", "redis", "postgres"].map(System::new);
    let mut probes = Vec::new();
    for repetition in 1..=options.repetitions {
        for shape in SHAPES {
            for system in &mut systems {
                if system.missing.is_some() || (system.name, shape.in_flight) == ("postgres", 16) {
                    continue;
                }
                let folder = scratch.inner(system.name)?;
                let measured = match system.name {
                    "redis" => redis::measure(&machine, shape, &folder.0),
                    "postgres" => postgres::measure(&machine, shape, &folder.0),
                    _ => {
                        let ours = ours(&program, &machine, shape, &folder.0)?;
                        probes.push(ours.1);
                        Ok(ours.0)
                    }
                };
                match measured {
                    Ok(measured) => {
                        eprintln!(
                            "run {repetition}, {} x {}: {:<8} {:>8.0}/s",
                            shape.clients, shape.in_flight, system.name, measured.per_second
                        );
                        system.figures.push((shape, measured));
                    }
                    Err(error) => {
                        eprintln!("{} is left out: {error:#}", system.name);
                        system.missing = Some(format!("{error:#}"));
                    }
                }
            }
        }
    }
    if options.json {
        println!("{}", to_json(options, &systems, &probes));
    } else {
        print!("{}", table(options, &systems, &probes));
    }
    Ok(())
}

/// Builds the binary that is measured: as for use in earnest, which the others are too.
fn build() -> anyhow::Result<PathBuf> {
    let arguments =
        ["build", "--profile", "dist", "--package", "bazaar", "--message-format", "json"];
    let output = command(&arguments).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "bazaar does not build");
    let lines = output.stdout.split(|byte| *byte == b'\n');
    let messages = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let mut files = messages.filter_map(|message| Some(message["executable"].as_str()?.to_owned()));
    files.next_back().map(PathBuf::from).context("cargo does not say where bazaar is")
}

/// Ours, and the probes of its run: a ping-pong and an fdatasync, in microseconds.
fn ours(
    program: &Path,
    machine: &Machine,
    shape: Shape,
    folder: &Path,
) -> anyhow::Result<(Measured, (f64, f64))> {
    let mut command = std::process::Command::new(program);
    command.args(["bench", "sales", "--json", "--repetitions", "1", "--folder"]).arg(folder);
    command.args(["--clients", &shape.clients.to_string()]);
    command.args(["--in-flight", &shape.in_flight.to_string()]);
    command.args(["--seconds", &machine.seconds.to_string()]);
    command.args(["--fsync-delay-us", &machine.fsync_delay_us.to_string()]);
    let output = command.stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "bazaar bench sales failed");
    let figures: Value = serde_json::from_slice(&output.stdout)?;
    let row = &figures["rows"][0];
    let of = |name: &str| row[name].as_f64().with_context(|| format!("bench sales has no {name}"));
    let per_second = of("sales_per_second")?;
    let measured = Measured { per_second, p50_us: of("p50_us")?, p99_us: of("p99_us")? };
    Ok((measured, (of("ping_pong_us")?, of("fdatasync_us")?)))
}

fn table(options: &Options, systems: &[System], probes: &[(f64, f64)]) -> String {
    let mut text = format!(
        "idempotent purchases of one hot good, durable before the answer; fdatasync slowed by {} \
         us\nmedians of {} runs of {} s\n{:<10}{:>8}{:>10}{:>12}{:>10}{:>10}{:>14}\n",
        options.fsync_delay_us,
        options.repetitions,
        options.seconds,
        "",
        "clients",
        "in flight",
        "sales/s",
        "p50 us",
        "p99 us",
        "bazaar is"
    );
    for shape in SHAPES {
        let ours = systems.first().and_then(|ours| ours.median(shape, |m| m.per_second));
        for system in systems {
            let Some(per_second) = system.median(shape, |m| m.per_second) else { continue };
            let times = ours.unwrap_or(f64::NAN) / per_second;
            text += &format!(
                "{:<10}{:>8}{:>10}{per_second:>12.0}{:>10.0}{:>10.0}{times:>12.1} x\n",
                system.name,
                shape.clients,
                shape.in_flight,
                system.median(shape, |m| m.p50_us).unwrap_or(f64::NAN),
                system.median(shape, |m| m.p99_us).unwrap_or(f64::NAN),
            );
        }
    }
    let spread = |pick: fn(&(f64, f64)) -> f64| {
        let figures = || probes.iter().map(pick);
        let (low, high) = (figures().fold(f64::INFINITY, f64::min), figures().fold(0.0, f64::max));
        format!("{low:.0} to {high:.0} us")
    };
    text += &format!(
        "probes beside ours: ping-pong {}, fdatasync {}\n",
        spread(|probe| probe.0),
        spread(|probe| probe.1)
    );
    for system in systems {
        if let Some(missing) = &system.missing {
            text += &format!("{} is left out: {missing}\n", system.name);
        }
    }
    text
}

fn to_json(options: &Options, systems: &[System], probes: &[(f64, f64)]) -> Value {
    let runs = |system: &System| -> Vec<Value> {
        let one = |(shape, measured): &(Shape, Measured)| {
            json!({
                "clients": shape.clients, "in_flight": shape.in_flight,
                "sales_per_second": measured.per_second,
                "p50_us": measured.p50_us, "p99_us": measured.p99_us,
            })
        };
        system.figures.iter().map(one).collect()
    };
    let systems: Vec<Value> = systems
        .iter()
        .map(|system| json!({"name": system.name, "runs": runs(system), "missing": system.missing}))
        .collect();
    json!({
        "fsync_delay_us": options.fsync_delay_us,
        "systems": systems,
        "ping_pong_us": probes.iter().map(|probe| probe.0).collect::<Vec<_>>(),
        "fdatasync_us": probes.iter().map(|probe| probe.1).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_understood() {
        assert_eq!(Options::parse(&[]), Ok(Options::default()));
        let parsed = Options::parse(&["--seconds", "2", "--fsync-delay-us", "1000", "--json"]);
        let expected =
            Options { seconds: 2, fsync_delay_us: 1000, json: true, ..Options::default() };
        assert_eq!(parsed, Ok(expected));
        assert!(Options::parse(&["--seconds"]).is_err());
        assert!(Options::parse(&["--seconds", "0"]).is_err());
        assert!(Options::parse(&["--speed", "9"]).is_err());
    }

    #[test]
    fn a_median_is_of_one_shape() {
        let figure = |per_second| Measured { per_second, p50_us: 1.0, p99_us: 2.0 };
        let mut system = System::new("ours");
        for (place, per_second) in [(0, 5.0), (1, 100.0), (0, 9.0), (0, 7.0)] {
            system.figures.push((SHAPES[place], figure(per_second)));
        }
        assert_eq!(system.median(SHAPES[0], |m| m.per_second), Some(7.0));
        assert_eq!(system.median(SHAPES[2], |m| m.per_second), None);
    }

    #[test]
    fn figures_are_shares_of_all_that_was_sold() {
        let measured =
            Measured::of((1..=100).map(|us| us * 1000).collect(), Duration::from_secs(2));
        let Measured { per_second, p50_us, p99_us } = measured.unwrap();
        assert_eq!((per_second, p50_us, p99_us), (50.0, 50.0, 99.0));
        assert!(Measured::of(Vec::new(), Duration::from_secs(1)).is_err());
    }
}
