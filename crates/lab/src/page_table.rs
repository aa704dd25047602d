//! The figures of an experiment as the table of its section.
//!
//! A case is a row. Where several columns hold samples, each with a mean, a percentile and more beside
//! it, that would be wider than any page; so then each figure of a case is a row.

use crate::Distribution;
use crate::html::Page;
use crate::phrases::upper;
use crate::table::{Figure, Row, Table};
use crate::words::{number, spread};

const CAPTION: &str = "Median, and in brackets the lowest and the highest repetition";
/// What stands beside the median of samples.
const OF_SAMPLES: [&str; 4] = ["mean", "p99", "worst", "samples"];
const DOCUMENT: &str = "the document";

/// Writes the table of all cases that were measured.
pub(crate) fn write(page: &mut Page, table: &Table<'_>) {
    let places = 0..table.experiment.columns.len();
    let samples = places.clone().filter(|place| has_samples(table, *place)).count();
    let (head, rows) = if samples > 1 { long(table) } else { wide(table) };
    let texts = if samples > 1 { 2 } else { 1 };
    let numbers: Vec<usize> = (texts..head.len()).collect();
    page.table(CAPTION, &head, &rows, &numbers);
}

fn measured<'a>(table: &'a Table<'_>) -> impl Iterator<Item = &'a Row> {
    table.rows.iter().filter(|row| row.repetitions > 0)
}

fn has_samples(table: &Table<'_>, place: usize) -> bool {
    measured(table)
        .filter_map(|row| row.figures[place].as_ref())
        .any(|figure| figure.distribution.is_some())
}

fn document(table: &Table<'_>, row: &Row, place: usize) -> Option<String> {
    let column = &table.experiment.columns[place].name;
    Some(number(table.experiment.reference(&row.case, column)?.value))
}

fn of_samples(figure: Option<&Figure>) -> [String; 4] {
    let Some(Distribution { count, mean, p99, worst }) = figure.and_then(|of| of.distribution)
    else {
        return Default::default();
    };
    [number(mean), number(p99), number(worst), number(count as f64)]
}

/// A row a case.
fn wide(table: &Table<'_>) -> (Vec<String>, Vec<Vec<String>>) {
    let mut head = vec!["case".to_owned()];
    let mut rows: Vec<Vec<String>> =
        measured(table).map(|row| vec![row.case.label.clone()]).collect();
    for (place, column) in table.experiment.columns.iter().enumerate() {
        let has_samples = has_samples(table, place);
        let is_beside = measured(table).any(|row| document(table, row, place).is_some());
        head.push(upper(&column.heading()));
        if has_samples {
            head.extend(OF_SAMPLES.map(str::to_owned));
        }
        head.extend(is_beside.then(|| DOCUMENT.to_owned()));
        for (row, cells) in measured(table).zip(&mut rows) {
            let figure = row.figures[place].as_ref();
            cells.push(figure.map(|of| spread(&of.spread)).unwrap_or_default());
            if has_samples {
                cells.extend(of_samples(figure));
            }
            if is_beside {
                cells.push(document(table, row, place).unwrap_or_default());
            }
        }
    }
    (head, rows)
}

/// A row a figure.
fn long(table: &Table<'_>) -> (Vec<String>, Vec<Vec<String>>) {
    let places = 0..table.experiment.columns.len();
    let is_beside = measured(table)
        .any(|row| places.clone().any(|place| document(table, row, place).is_some()));
    let mut head = vec!["case".to_owned(), "figure".to_owned(), "median".to_owned()];
    head.extend(OF_SAMPLES.map(str::to_owned));
    head.extend(is_beside.then(|| DOCUMENT.to_owned()));
    let mut rows = Vec::new();
    for row in measured(table) {
        for (place, column) in table.experiment.columns.iter().enumerate() {
            let Some(figure) = &row.figures[place] else { continue };
            let mut cells =
                vec![row.case.label.clone(), upper(&column.heading()), spread(&figure.spread)];
            cells.extend(of_samples(Some(figure)));
            if is_beside {
                cells.push(document(table, row, place).unwrap_or_default());
            }
            rows.push(cells);
        }
    }
    (head, rows)
}
