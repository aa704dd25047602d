//! The figures of an experiment, case by case.

use std::fmt::Write as _;

use serde::Serialize;

use crate::case::Case;
use crate::experiment::{Column, Experiment, Settings};
use crate::results::{Done, Results, Value};
use crate::statistics::{Distribution, Spread};
use crate::words::field;

/// All figures of an experiment.
#[derive(Debug, Clone)]
pub struct Table<'a> {
    /// The experiment.
    pub experiment: &'a Experiment,
    /// Its cases, in order, with those that were not measured.
    pub rows: Vec<Row>,
    /// Cells that another definition of the experiment left, which count for nothing here.
    pub strangers: usize,
}

/// A case and its figures.
#[derive(Debug, Clone)]
pub struct Row {
    /// The case.
    pub case: Case,
    /// One a column, in order; none where nothing was measured.
    pub figures: Vec<Option<Figure>>,
    /// How often it was run.
    pub repetitions: usize,
}

/// What was measured of a column in a case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// Over the repetitions; of samples the median of each.
    pub spread: Spread,
    /// Of samples the mean of each repetition, over the repetitions.
    #[serde(skip)]
    pub means: Option<Spread>,
    /// Over the samples of all repetitions, where there are samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distribution: Option<Distribution>,
    /// The samples of each repetition, in the order in which they were taken.
    #[serde(skip)]
    pub samples: Vec<Vec<f64>>,
}

impl Figure {
    fn of(column: &Column, done: &[&Done]) -> Option<Self> {
        let (mut middles, mut samples) = (Vec::new(), Vec::new());
        for cell in done {
            match cell.values.get(&column.name) {
                Some(Value::Number(number)) => middles.push(*number),
                Some(Value::Samples(of)) => {
                    middles.extend(Spread::of(of).map(|spread| spread.median));
                    samples.push(of.clone());
                }
                None => {}
            }
        }
        let spread = Spread::of(&middles)?;
        let means = samples.iter().filter_map(|of| Some(Distribution::of(of)?.mean));
        let means = Spread::of(&means.collect::<Vec<_>>());
        Some(Self { spread, means, distribution: Distribution::of(&samples.concat()), samples })
    }

    /// What a document's figure, which is a mean, compares with: the mean of all samples, or the
    /// median of single numbers.
    pub fn beside(&self) -> f64 {
        self.distribution.map_or(self.spread.median, |all| all.mean)
    }
}

impl<'a> Table<'a> {
    /// The figures of `experiment` among all results.
    pub fn of(experiment: &'a Experiment, results: &Results) -> Self {
        let of_it: Vec<&Done> =
            results.done.iter().filter(|done| done.experiment == experiment.id).collect();
        let cases = experiment.cases(results.is_quick());
        let mut known = 0;
        let row = |case: Case| {
            let done: Vec<&Done> =
                of_it.iter().filter(|done| done.fingerprint == case.fingerprint).copied().collect();
            known += done.len();
            let figures = experiment.columns.iter().map(|column| {
                if case.fits(&column.only) { Figure::of(column, &done) } else { None }
            });
            Row { figures: figures.collect(), repetitions: done.len(), case }
        };
        let rows = cases.into_iter().map(row).collect();
        Self { experiment, rows, strangers: of_it.len() - known }
    }

    /// Whether anything was measured.
    pub fn is_measured(&self) -> bool {
        self.rows.iter().any(|row| row.repetitions > 0)
    }

    /// What a case has in a column.
    pub fn figure<'b>(&self, row: &'b Row, column: &str) -> Option<&'b Figure> {
        let place = self.experiment.columns.iter().position(|of| of.name == column)?;
        row.figures.get(place)?.as_ref()
    }

    /// The rows with all of these settings that were measured in this column.
    pub fn fitting<'b>(
        &'b self,
        only: &'b Settings,
        column: &'b str,
    ) -> impl Iterator<Item = (&'b Row, &'b Figure)> {
        let rows = self.rows.iter().filter(|row| row.case.fits(only));
        rows.filter_map(move |row| Some((row, self.figure(row, column)?)))
    }

    /// The figures as CSV, a row a case and column.
    pub fn csv(&self) -> String {
        let factors: Vec<&str> =
            self.experiment.factors.iter().map(|factor| &*factor.name).collect();
        let mut text = format!(
            "{}{}column,unit,repetitions,median,lowest,highest,samples,mean,p99,worst,document\n",
            factors.join(","),
            if factors.is_empty() { "" } else { "," }
        );
        for row in &self.rows {
            for (column, figure) in self.experiment.columns.iter().zip(&row.figures) {
                let Some(figure) = figure else { continue };
                for name in &factors {
                    let value = row.case.settings.get(*name).map(ToString::to_string);
                    text += &field(&value.unwrap_or_default());
                    text.push(',');
                }
                let Spread { median, lowest, highest, count } = figure.spread;
                // Writing to a string cannot fail.
                let _ = write!(
                    text,
                    "{},{},{count},{median},{lowest},{highest},",
                    column.name,
                    field(&column.unit)
                );
                let _ = match figure.distribution {
                    Some(Distribution { count, mean, p99, worst }) => {
                        write!(text, "{count},{mean},{p99},{worst},")
                    }
                    None => write!(text, ",,,,"),
                };
                let document = self.experiment.reference(&row.case, &column.name);
                let _ = writeln!(
                    text,
                    "{}",
                    document.map(|of| of.value.to_string()).unwrap_or_default()
                );
            }
        }
        text
    }
}
