//! An experiment as data: what is asked, where the question comes from, which settings are tried,
//! what is measured, and how it is drawn and told.
//!
//! ```
//! let text = r#"
//!     id = "elections"
//!     title = "Elections as peers grow"
//!     question = "How many messages does an election take?"
//!     host = "simulated"
//!     measure = "election"
//!     [[factor]]
//!     name = "algorithm"
//!     levels = ["bully", "ring"]
//!     [[factor]]
//!     name = "peers"
//!     levels = [5, 10, { value = 1000, quick = false }]
//!     [[column]]
//!     name = "messages"
//!     label = "messages of one election"
//! "#;
//! let experiment = lab::Experiment::parse(text).unwrap();
//! assert_eq!(experiment.cases(false).len(), 6);
//! assert_eq!(experiment.cases(true).len(), 4);
//! ```

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::case::Case;
use crate::says::Says;
use crate::{LabError, Setting};

/// The fewest repetitions of a cell: a median and a spread need three.
pub const REPETITIONS_MIN: u32 = 3;
/// The most cases of one experiment: a table that nobody reads is a mistake in its data.
const CASES_MAX: usize = 1000;

/// Values by the names of settings.
pub type Settings = BTreeMap<String, Setting>;

/// One experiment.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Its name on the command line.
    pub id: String,
    /// Its name in a report.
    pub title: String,
    /// What is asked.
    pub question: String,
    /// Where the question comes from: document and place.
    #[serde(default)]
    pub source: String,
    /// What the nodes are.
    pub host: Host,
    /// The function that runs a cell.
    pub measure: String,
    /// What a case is called; `{factor}` stands for its level.
    #[serde(default)]
    pub case: String,
    /// How often each case is run.
    #[serde(default = "repetitions_min")]
    pub repetitions: u32,
    /// Whether the first case is run once more before all others, and not counted.
    #[serde(default)]
    pub warm_up: bool,
    /// How long a cell takes, in seconds, until it is known.
    #[serde(default = "one_second")]
    pub cell_seconds: f64,
    /// What the function is told beside the levels.
    #[serde(default)]
    pub given: Settings,
    /// Keys of the scenario, where there is one; `{factor}` stands for its level.
    #[serde(default)]
    pub sets: Vec<String>,
    /// What differs when it shall be quick.
    #[serde(default)]
    pub quick: Quick,
    /// What is varied; the last one varies fastest.
    #[serde(default, rename = "factor")]
    pub factors: Vec<Factor>,
    /// Cases that are left out: those with all of these settings.
    #[serde(default)]
    pub except: Vec<Settings>,
    /// What is measured.
    #[serde(rename = "column")]
    pub columns: Vec<Column>,
    /// What the documents found.
    #[serde(default, rename = "reference")]
    pub references: Vec<Reference>,
    /// How it is drawn.
    #[serde(default, rename = "plot")]
    pub plots: Vec<Plot>,
    /// What is told of it: each is a question that the figures answer.
    #[serde(default)]
    pub says: Vec<Says>,
    /// What a reader must know; `{name}` stands for what all cases are given under that name.
    #[serde(default)]
    pub remarks: Vec<String>,
}

/// What the nodes of an experiment are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Host {
    /// Processes of this machine.
    Processes,
    /// Simulated, in virtual time.
    Simulated,
}

/// What differs when an experiment shall be quick.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quick {
    /// Laid over what the function is given.
    #[serde(default)]
    pub given: Settings,
    /// Further keys of the scenario.
    #[serde(default)]
    pub sets: Vec<String>,
    /// How often each case is run.
    pub repetitions: Option<u32>,
    /// Further cases that are left out.
    #[serde(default)]
    pub except: Vec<Settings>,
}

/// Something that is varied.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Factor {
    /// What it is called in the data.
    pub name: String,
    /// What it is called in a report; its name, if empty.
    #[serde(default)]
    pub label: String,
    /// The values that it takes.
    pub levels: Vec<Level>,
}

impl Factor {
    /// What it is called in a report.
    pub fn label(&self) -> &str {
        if self.label.is_empty() { &self.name } else { &self.label }
    }
}

/// A value of a factor, and what comes with it.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "LevelForm")]
pub struct Level {
    /// The value.
    pub value: Setting,
    /// Keys of the scenario that come with it.
    pub sets: Vec<String>,
    /// Whether it is tried when the experiment shall be quick.
    pub is_quick: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum LevelForm {
    Plain(Setting),
    Full {
        value: Setting,
        #[serde(default)]
        sets: Vec<String>,
        #[serde(default = "yes")]
        quick: bool,
    },
}

impl From<LevelForm> for Level {
    fn from(form: LevelForm) -> Self {
        let (value, sets, is_quick) = match form {
            LevelForm::Plain(value) => (value, Vec::new(), true),
            LevelForm::Full { value, sets, quick } => (value, sets, quick),
        };
        Self { value, sets, is_quick }
    }
}

/// Something that is measured: one number a cell, or many.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// What it is called in the data.
    pub name: String,
    /// What it is called in a report.
    pub label: String,
    /// Its unit; none for a bare number.
    #[serde(default)]
    pub unit: String,
    /// The cases that have it: those with all of these settings.
    #[serde(default)]
    pub only: Settings,
    /// Where it stands in the JSON that a command prints (RFC 6901), if a command is run; a `*` takes
    /// all elements of a list.
    #[serde(default)]
    pub at: String,
    /// Where the number stands that it is divided by; nothing is, if empty.
    #[serde(default)]
    pub per: String,
    /// What a number found there is multiplied by to have the unit.
    #[serde(default = "one")]
    pub scale: f64,
}

impl Column {
    /// The label with the unit.
    pub fn heading(&self) -> String {
        if self.unit.is_empty() {
            self.label.clone()
        } else {
            format!("{}, {}", self.label, self.unit)
        }
    }
}

/// A figure that a document gives.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Of which column.
    pub column: String,
    /// In the cases with all of these settings.
    #[serde(default)]
    pub case: Settings,
    /// The figure, in the column's unit.
    pub value: f64,
    /// What the document says beside.
    #[serde(default)]
    pub remark: String,
}

/// A drawing.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plot {
    /// Its form.
    pub form: Form,
    /// Its title.
    pub title: String,
    /// The factor along the horizontal axis.
    #[serde(default)]
    pub x: String,
    /// The column along the vertical one.
    #[serde(default)]
    pub y: String,
    /// The factors that tell the series apart.
    #[serde(default)]
    pub series: Vec<String>,
    /// The cases that are drawn: those with all of these settings.
    #[serde(default)]
    pub only: Settings,
    /// Whether the horizontal axis is logarithmic.
    #[serde(default)]
    pub log_x: bool,
    /// Whether the vertical axis is logarithmic.
    #[serde(default)]
    pub log_y: bool,
}

/// The form of a drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Medians with their spread over a factor that is a number.
    Lines,
    /// Medians with their spread beside each other, and what the document found.
    Bars,
    /// Which share of all samples is not above a value.
    Distribution,
    /// The samples of the first repetition, one after the other.
    Sequence,
    /// A drawn execution with the stamps of its events.
    Execution,
}

impl Experiment {
    /// Reads an experiment, and looks whether it makes sense.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, LabError> {
        let experiment: Self =
            toml::from_str(text).map_err(|error| LabError::Definition(error.to_string()))?;
        let wrong = |what: String| LabError::Definition(format!("{}: {what}", experiment.id));
        let columns: BTreeSet<&str> =
            experiment.columns.iter().map(|column| &*column.name).collect();
        let factors: BTreeSet<&str> =
            experiment.factors.iter().map(|factor| &*factor.name).collect();
        let repetitions = [Some(experiment.repetitions), experiment.quick.repetitions];
        if repetitions.iter().flatten().any(|&count| count < REPETITIONS_MIN) {
            return Err(wrong(format!("a case is run {REPETITIONS_MIN} times at least")));
        }
        let count: usize = experiment.factors.iter().map(|factor| factor.levels.len()).product();
        if count > CASES_MAX {
            return Err(wrong(format!("{count} cases are more than {CASES_MAX}")));
        }
        for plot in &experiment.plots {
            let series = plot.series.iter().chain(Some(&plot.x)).chain(plot.only.keys());
            let mut unknown = series.filter(|name| !factors.contains(&***name));
            if plot.form != Form::Execution && !columns.contains(&*plot.y) {
                return Err(wrong(format!("the plot {} has no column {}", plot.title, plot.y)));
            }
            if let Some(name) = unknown.find(|name| !name.is_empty()) {
                return Err(wrong(format!("the plot {} has no factor {name}", plot.title)));
            }
        }
        let references = experiment.references.iter().map(|of| &*of.column);
        let said = experiment.says.iter().flat_map(Says::columns);
        if let Some(name) = references.chain(said).find(|name| !columns.contains(name)) {
            return Err(wrong(format!("there is no column {name}")));
        }
        if let Some(name) =
            experiment.says.iter().flat_map(Says::factors).find(|name| !factors.contains(name))
        {
            return Err(wrong(format!("there is no factor {name}")));
        }
        Ok(experiment)
    }

    /// All combinations of levels but those left out; the last factor varies fastest.
    pub fn cases(&self, quick: bool) -> Vec<Case> {
        let mut cases = vec![Case::first(self, quick)];
        for factor in &self.factors {
            let levels = factor.levels.iter().filter(|level| level.is_quick || !quick);
            let levels: Vec<&Level> = levels.collect();
            cases = cases
                .iter()
                .flat_map(|case| levels.iter().map(|level| case.with(&factor.name, level)))
                .collect();
        }
        let left_out = self.except.iter().chain(self.quick.except.iter().filter(|_| quick));
        let left_out: Vec<&Settings> = left_out.collect();
        cases.retain(|case| !left_out.iter().any(|settings| case.fits(settings)));
        cases.into_iter().map(|case| case.finished(self, quick)).collect()
    }

    /// How often each case is run.
    pub fn repetitions(&self, quick: bool) -> u32 {
        self.quick.repetitions.filter(|_| quick).unwrap_or(self.repetitions)
    }

    /// A column by its name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// A factor by its name.
    pub fn factor(&self, name: &str) -> Option<&Factor> {
        self.factors.iter().find(|factor| factor.name == name)
    }

    /// What its document gives for a column of a case.
    pub fn reference(&self, case: &Case, column: &str) -> Option<&Reference> {
        self.references.iter().find(|of| of.column == column && case.fits(&of.case))
    }
}

const fn repetitions_min() -> u32 {
    REPETITIONS_MIN
}

const fn one_second() -> f64 {
    1.0
}

const fn one() -> f64 {
    1.0
}

const fn yes() -> bool {
    true
}
