//! The lab: experiments as data, the engine that runs them cell by cell, and the reports over what
//! they found, and over what a single run left behind.
//!
//! ```text
//!   experiments (data) ─▶ cases x repetitions = cells ─▶ results.jsonl ─▶ figures ─▶ report.html
//!                                             ▲                                     plots/*.png
//!                          a function that runs one cell                            *.csv
//! ```
//!
//! Nothing here knows a protocol: whoever uses the lab gives the function that runs a cell. What a
//! report says is computed from the figures; no sentence stands anywhere before it was measured.

mod case;
mod choice;
mod compare;
mod drawing;
mod engine;
mod error;
mod execution;
mod experiment;
mod html;
mod page_table;
mod phrases;
mod plot;
mod report;
mod results;
mod run_report;
mod says;
mod setting;
mod spacetime;
mod statistics;
mod table;
mod words;

pub use case::Case;
pub use choice::{Choice, Harm};
pub use compare::{Compared, compare};
pub use engine::{Cell, Ended, Progress, Work, run};
pub use error::LabError;
pub use execution::{Execution, Stamps};
pub use experiment::{
    Column, Experiment, Factor, Form, Host, Level, Plot, Quick, REPETITIONS_MIN, Reference,
    Settings,
};
pub use report::{PAGE, Report};
pub use results::{Done, FILE, Line, Measured, Record, Results, SAMPLES_MAX, Start, Value};
pub use run_report::RunReport;
pub use says::{Says, answers};
pub use setting::Setting;
pub use statistics::{Distribution, Spread, power};
pub use table::{Figure, Row, Table};
pub use words::{field, number};
