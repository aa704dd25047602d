//! A simulated world as a file: all that is needed to play it again, and enough of its trace to say
//! at which line another build leaves it.
//!
//! Of each line the file keeps one byte of a hash over all lines so far. So it stays small, and
//! two traces that differ in a line differ, but for chance, in all bytes from there on: the first
//! that differs names the line, and one time in 256 the line behind it.

use std::path::Path;

use sim::fault::Plan;
use sim::{Kind, Played};

use super::layers;
use super::plan::{PlanText, PlannedFault};
use super::problem::{Problem, Problems, ScenarioError};
use super::setting::{Cursor, Leaf, Setting, Written, Wrong, tables};
use super::text;
use super::tree::{self, Node, Value, quote};

/// The form of the file, which rises with each change that an older program would misread.
const FORMAT: u32 = 1;
/// Largest file, in bytes: three a line for the longest trace of a hundred peers.
const FILE_MAX_BYTES: u64 = 32 << 20;
/// How many lines a row of the file stands for.
const ROW_LINES: usize = 40;

/// One byte a line of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineSums(Vec<u8>);

impl LineSums {
    /// Of all lines of a trace.
    fn of(trace: &str) -> Self {
        // FNV-1a, which is the same in every build.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let sums = trace.lines().map(|line| {
            for byte in line.bytes().chain([b'\n']) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
            hash.to_le_bytes().into_iter().fold(0, |sum, byte| sum ^ byte)
        });
        Self(sums.collect())
    }
}

impl Leaf for LineSums {
    fn form() -> String {
        "what was saved, unchanged".to_owned()
    }
    fn parse(value: &Value) -> Result<Self, Wrong> {
        let Value::List(rows) = value else { return Err(Wrong::Kind) };
        let changed = || Wrong::Because("these are no rows of hexadecimal digits".to_owned());
        let mut sums = Vec::new();
        for row in rows {
            let Value::Text(text) = &row.value else { return Err(changed()) };
            for pair in text.as_bytes().chunks(2) {
                let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2);
                let sum = pair.and_then(|pair| u8::from_str_radix(pair, 16).ok());
                sums.push(sum.ok_or_else(changed)?);
            }
        }
        Ok(Self(sums))
    }
    fn text(&self) -> String {
        let row = |sums: &[u8]| {
            let digits: String = sums.iter().map(|sum| format!("{sum:02x}")).collect();
            format!("    {},\n", quote(&digits))
        };
        format!("[\n{}]", self.0.chunks(ROW_LINES).map(row).collect::<String>())
    }
}

tables! {
    /// A world that was played, to be played again.
    pub struct SavedWorld {
        /// The form of this file.
        #[within(FORMAT..=FORMAT, "this program reads no other form")]
        pub format: u32,
        /// The program that saved it.
        pub program: String,
        /// What the world is made of, as bazaar sim is told.
        pub options: String,
        /// The seed.
        pub seed: u64,
        /// Only so many of the seed's nodes are there, the first ones.
        pub nodes: Option<u32>,
        /// When all faults end, though there may have been little trade until then.
        pub faults_end: Option<std::time::Duration>,
        /// Whether links lose, double and hold up nothing but by a fault.
        pub calm_links: Option<bool>,
        /// What goes wrong, and when.
        pub fault: Vec<PlannedFault>,
        /// The invariant that broke; none if absent.
        pub broken: Option<String>,
        /// One byte a line of the trace.
        pub lines: LineSums,
    }
}

/// A trace beside the one that was saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// They are the same.
    Same,
    /// They differ from this line on, counted from 1.
    Differs {
        /// Which.
        line: usize,
    },
}

impl SavedWorld {
    /// The program that runs now.
    pub fn program_now() -> String {
        format!("bazaar {}", env!("CARGO_PKG_VERSION"))
    }

    /// A world that was played, with its trace.
    pub fn of(seed: u64, options: &str, kind: &Kind, played: &Played) -> Self {
        let PlanText { nodes, faults_end, calm_links, fault } =
            PlanText::of(&kind.plan(seed), kind);
        Self {
            format: FORMAT,
            program: Self::program_now(),
            options: options.to_owned(),
            seed,
            nodes,
            faults_end,
            calm_links,
            fault,
            broken: played.violation.as_ref().map(|broken| broken.invariant.to_owned()),
            lines: LineSums::of(&played.trace),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// All that is wrong with it, with places.
    pub fn read(path: &Path) -> Result<Self, ScenarioError> {
        let form = ("saved world", "give the path of a file that bazaar sim replay --save left");
        let tree = tree::parse(&layers::read_text(path, form, FILE_MAX_BYTES)?)?;
        let mut problems = Problems::default();
        // Of another form nothing else is worth a word.
        if let Some(Node { value: Value::Integer(format), place, .. }) = tree.get("format")
            && *format != i128::from(FORMAT)
        {
            return Err(Problem {
                place: Some(place.clone()),
                key: "format".to_owned(),
                value: Some(format.to_string()),
                reason: format!("this program reads form {FORMAT} only"),
                mend: "play it with the program that saved it".to_owned(),
            }
            .into());
        }
        let cursor = Cursor { path: String::new(), node: &tree };
        let saved = <Self as Setting>::read(&cursor, &mut problems);
        problems.finish(saved)
    }

    /// What goes wrong in it.
    ///
    /// # Errors
    /// A fault does not fit its world.
    pub fn plan(&self, kind: &Kind, nodes: u32) -> Result<Plan, ScenarioError> {
        let text = PlanText {
            nodes: self.nodes,
            faults_end: self.faults_end,
            calm_links: self.calm_links,
            fault: self.fault.clone(),
        };
        let written = text.to_toml("the faults of a saved world");
        PlanText::from_text("the faults of the saved world", &written, kind, nodes)
    }

    /// The trace of the same world as it is now, beside the one that was saved.
    pub fn compare(&self, played: &Played) -> Compared {
        let (then, now) = (&self.lines.0, LineSums::of(&played.trace).0);
        let differs = then.iter().zip(&now).position(|(then, now)| then != now);
        match differs {
            Some(index) => Compared::Differs { line: index + 1 },
            None if then.len() == now.len() => Compared::Same,
            None => Compared::Differs { line: then.len().min(now.len()) + 1 },
        }
    }

    /// The file.
    pub fn to_toml(&self) -> String {
        let header = "# A simulated world. To play it again: bazaar sim load FILE\n";
        match self.written() {
            Written::Table(entries) => header.to_owned() + &text::document(&entries),
            Written::Value(_) | Written::List(_) | Written::Absent => header.to_owned(),
        }
    }
}
