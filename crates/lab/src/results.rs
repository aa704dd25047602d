//! What was measured, in one file that only grows: `results.jsonl`.
//!
//! A line is written as soon as its cell is done, so what was measured survives any end. A line that
//! an end tore is cut off when the file is opened again. Each start writes down the machine first.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::LabError;
use crate::experiment::Settings;

/// The name of the file.
pub const FILE: &str = "results.jsonl";
/// The most samples of one column of one cell that are kept: beyond that every second one, every
/// third one… is.
pub const SAMPLES_MAX: usize = 1000;

/// What a cell gives for a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// One number.
    Number(f64),
    /// Many, in the order in which they were taken.
    Samples(Vec<f64>),
}

/// What a cell gives.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measured {
    /// By the names of columns. A number that is none (infinite, or not a number) is left out.
    pub values: BTreeMap<String, Value>,
    /// Promises that were found broken meanwhile, a sentence each.
    pub violations: Vec<String>,
}

impl Measured {
    /// Notes one number, if it is one.
    #[must_use]
    pub fn with(mut self, column: &str, number: f64) -> Self {
        if number.is_finite() {
            self.values.insert(column.to_owned(), Value::Number(number));
        }
        self
    }

    /// Notes many, thinned out to [`SAMPLES_MAX`].
    #[must_use]
    pub fn with_samples(mut self, column: &str, samples: impl IntoIterator<Item = f64>) -> Self {
        let samples: Vec<f64> = samples.into_iter().filter(|sample| sample.is_finite()).collect();
        let step = samples.len().div_ceil(SAMPLES_MAX).max(1);
        let kept = samples.into_iter().step_by(step).collect();
        self.values.insert(column.to_owned(), Value::Samples(kept));
        self
    }
}

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Line {
    /// The lab was started.
    Start(Start),
    /// A cell was measured.
    Cell(Box<Done>),
}

/// Where and with what the cells that follow were measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// Whether the cells are the quick ones.
    pub quick: bool,
    /// Of this program.
    pub version: String,
    /// The command that was given.
    pub command: String,
    /// When, in seconds since 1970.
    pub unix_seconds: u64,
    /// The machine, a name and a text each: cores, memory, what it could do at best.
    pub machine: Vec<(String, String)>,
}

/// A cell that was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// Which experiment.
    pub experiment: String,
    /// Which case of it.
    pub settings: Settings,
    /// What the case said then.
    pub fingerprint: String,
    /// Which repetition, from 1.
    pub repetition: u32,
    /// Where its chance came from.
    pub seed: u64,
    /// How long it took.
    pub took_seconds: f64,
    /// What was measured.
    pub values: BTreeMap<String, Value>,
    /// Promises that were found broken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<String>,
}

/// All that a directory holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Results {
    /// Each start, the first one first.
    pub starts: Vec<Start>,
    /// Each cell, in the order in which they were done.
    pub done: Vec<Done>,
}

impl Results {
    /// Reads what a directory holds; nothing if there is no file. A torn last line is left out.
    ///
    /// # Errors
    /// The file cannot be read, or another line is not one.
    pub fn read(directory: &Path) -> Result<Self, LabError> {
        Ok(Self::read_whole(&directory.join(FILE))?.0)
    }

    /// The results, and how many bytes of the file they take: what follows is torn.
    fn read_whole(place: &Path) -> Result<(Self, u64), LabError> {
        let text = match fs::read_to_string(place) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(LabError::file("read", place)(error)),
        };
        let (mut results, mut whole) = (Self::default(), 0);
        for (index, line) in text.split_inclusive('\n').enumerate() {
            match serde_json::from_str(line) {
                // Without its end it may lack digits, though it can be read.
                Ok(_) if !line.ends_with('\n') => break,
                Ok(Line::Start(start)) => results.starts.push(start),
                Ok(Line::Cell(done)) => results.done.push(*done),
                Err(_) if !line.ends_with('\n') => break,
                Err(error) => {
                    let (place, why) = (place.to_owned(), error.to_string());
                    return Err(LabError::Line { place, line: index + 1, why });
                }
            }
            whole += line.len() as u64;
        }
        Ok((results, whole))
    }

    /// Whether the cells are the quick ones.
    pub fn is_quick(&self) -> bool {
        self.starts.first().is_some_and(|start| start.quick)
    }

    /// What was broken in any cell.
    pub fn violations(&self) -> Vec<String> {
        let said = |done: &Done| {
            let experiment = &done.experiment;
            done.violations.iter().map(move |broken| format!("{experiment}: {broken}")).collect()
        };
        self.done.iter().flat_map(|done| -> Vec<String> { said(done) }).collect()
    }
}

/// The file, open to be written on.
#[derive(Debug)]
pub struct Record {
    place: PathBuf,
    file: File,
}

impl Record {
    /// Opens the file of a directory, makes both if they are not there, and cuts off a torn line.
    ///
    /// # Errors
    /// The file cannot be made, read or cut, or it holds cells of the other extent.
    pub fn open(directory: &Path, start: &Start) -> Result<(Self, Results), LabError> {
        fs::create_dir_all(directory).map_err(LabError::file("make the directory", directory))?;
        let place = directory.join(FILE);
        let (results, whole) = Results::read_whole(&place)?;
        if results.starts.iter().any(|before| before.quick != start.quick) {
            let name = |quick: bool| if quick { "quick" } else { "full" };
            let (there, asked) = (name(!start.quick), name(start.quick));
            return Err(LabError::Extent { place, there, asked });
        }
        let file = OpenOptions::new().create(true).append(true).open(&place);
        let file = file.map_err(LabError::file("write", &place))?;
        file.set_len(whole).map_err(LabError::file("cut the torn end of", &place))?;
        let mut record = Self { place, file };
        record.write(&Line::Start(start.clone()))?;
        Ok((record, results))
    }

    /// Writes a line.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&mut self, line: &Line) -> Result<(), LabError> {
        let mut text = serde_json::to_string(line)
            .map_err(|error| LabError::file("write", &self.place)(error.into()))?;
        text.push('\n');
        self.file.write_all(text.as_bytes()).map_err(LabError::file("write", &self.place))
    }
}
