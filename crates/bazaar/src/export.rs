//! `bazaar export`: the record of a run in the formats of other tools.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use view::Event;
use view::lines::{self, Tail};

use crate::exit;
use crate::group::preset;

/// What `bazaar export` is told.
#[derive(Debug, Clone, clap::Args)]
pub struct ExportArgs {
    /// A run directory
    pub directory: PathBuf,
    /// The format
    #[arg(long, value_enum)]
    pub format: Format,
    /// The file to write, which must not exist [default: standard output]
    #[arg(long, short)]
    pub out: Option<PathBuf>,
}

/// A format of other tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Operations, an object a line; of a group: its deliveries as transactions (adya, Elle)
    JepsenJsonl,
    /// Operations, a map a line, in EDN (Elle, Knossos, Jepsen)
    JepsenEdn,
    /// All events with vector clocks (ShiViz)
    Shiviz,
    /// Operations, faults and what led to what over time (Perfetto, chrome://tracing)
    ChromeTrace,
    /// Who told whom something, as a graph (Graphviz)
    Dot,
    /// All events as a table
    Csv,
}

/// `bazaar export`.
///
/// # Errors
/// The directory holds no such record, or the file cannot be written.
pub fn command(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let record = Record::read(&args.directory, args.format).map_err(exit::Unusable)?;
    match &args.out {
        None => match record.write(args.format, BufWriter::new(io::stdout().lock())) {
            // Who reads has enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            written => written.context("cannot write to standard output")?,
        },
        Some(place) => {
            let file = File::create_new(place);
            let cannot = || format!("cannot write {}", place.display());
            let file = file.with_context(cannot).map_err(exit::Unusable)?;
            record.write(args.format, BufWriter::new(file)).with_context(cannot)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

enum Record {
    Events(Vec<Event>),
    Deliveries(judge::Deliveries),
}

impl Record {
    fn read(directory: &Path, format: Format) -> anyhow::Result<Self> {
        if directory.join(preset::MESSAGES).exists() {
            if format != Format::JepsenJsonl {
                bail!(
                    "{} holds a run of the preset groupcast, of which there is only \
                     --format jepsen-jsonl",
                    directory.display()
                );
            }
            return Ok(Self::Deliveries(preset::read(directory)?.deliveries()));
        }
        let place = directory.join("events.jsonl");
        let file =
            File::open(&place).with_context(|| format!("cannot open {}", place.display()))?;
        let events = lines::read(BufReader::new(file), Tail::Whole, "an event");
        Ok(Self::Events(events.with_context(|| place.display().to_string())?))
    }

    fn write(&self, format: Format, to: impl Write) -> io::Result<()> {
        match (self, format) {
            (Self::Deliveries(deliveries), _) => exports::deliveries::jsonl(deliveries, to),
            (Self::Events(events), Format::JepsenJsonl) => exports::jepsen::jsonl(events, to),
            (Self::Events(events), Format::JepsenEdn) => exports::jepsen::edn(events, to),
            (Self::Events(events), Format::Shiviz) => exports::shiviz::write(events, to),
            (Self::Events(events), Format::ChromeTrace) => exports::chrome::write(events, to),
            (Self::Events(events), Format::Dot) => exports::dot::write(events, to),
            (Self::Events(events), Format::Csv) => exports::csv::write(events, to),
        }
    }
}
