//! From the figures of an experiment to its plots.

use crate::Setting;
use crate::experiment::{Experiment, Form, Plot};
use crate::plot::{Axis, Bars, Chart, Picture, Point, Series, Style};
use crate::statistics::{quantile, sorted};
use crate::table::{Figure, Row, Table};

/// Steps of a drawn distribution: enough for the eye.
const STEPS: usize = 200;

/// The name of a document's figures beside ours.
const DOCUMENT: &str = "the document";

/// Draws a plot; none if it is a drawing of another kind.
pub fn picture(table: &Table<'_>, plot: &Plot) -> Option<Picture> {
    let column = table.experiment.column(&plot.y)?;
    let label = column.heading();
    match plot.form {
        Form::Lines => Some(Picture::Chart(lines(table, plot, label))),
        Form::Bars => Some(Picture::Bars(bars(table, plot, label))),
        Form::Distribution => Some(Picture::Chart(distribution(table, plot, label))),
        Form::Sequence => Some(Picture::Chart(sequence(table, plot, label))),
        Form::Execution => None,
    }
}

fn point(x: f64, figure: &Figure) -> Point {
    let spread = figure.spread;
    Point { x, y: spread.median, spread: (spread.lowest, spread.highest) }
}

/// Something, kept by the name of its series, in the order of the cases.
fn by_series<'a, T>(
    table: &'a Table<'_>,
    plot: &'a Plot,
    take: impl Fn(&Row, &Figure) -> Option<T>,
) -> Vec<(String, Vec<T>)> {
    let mut series: Vec<(String, Vec<T>)> = Vec::new();
    for (row, figure) in table.fitting(&plot.only, &plot.y) {
        let Some(taken) = take(row, figure) else { continue };
        let name = name_of(table.experiment, plot, row);
        match series.iter_mut().find(|(known, _)| *known == name) {
            Some((_, all)) => all.push(taken),
            None => series.push((name, vec![taken])),
        }
    }
    series
}

fn name_of(experiment: &Experiment, plot: &Plot, row: &Row) -> String {
    let words = row.case.words(experiment, &plot.series);
    if words.is_empty() { "ours".to_owned() } else { words }
}

fn lines(table: &Table<'_>, plot: &Plot, label: String) -> Chart {
    let along = |row: &Row| row.case.settings.get(&plot.x).and_then(Setting::number);
    let ours = by_series(table, plot, |row, figure| Some(point(along(row)?, figure)));
    let mut series: Vec<Series> = ours
        .into_iter()
        .map(|(name, points)| Series { name, points, style: Style::Line })
        .collect();
    let theirs: Vec<Point> = table
        .rows
        .iter()
        .filter(|row| row.case.fits(&plot.only))
        .filter_map(|row| {
            let of = table.experiment.reference(&row.case, &plot.y)?;
            Some(Point::bare(along(row)?, of.value))
        })
        .collect();
    if !theirs.is_empty() {
        series.push(Series { name: DOCUMENT.to_owned(), points: theirs, style: Style::Points });
    }
    let x = table.experiment.factor(&plot.x).map_or("", |factor| factor.label()).to_owned();
    Chart {
        title: plot.title.clone(),
        x: Axis { label: x, is_log: plot.log_x },
        y: Axis { label, is_log: plot.log_y },
        series,
    }
}

fn bars(table: &Table<'_>, plot: &Plot, label: String) -> Bars {
    let group_of = |row: &Row| match row.case.settings.get(&plot.x) {
        Some(value) => value.to_string(),
        None => row.case.label.clone(),
    };
    let mut groups: Vec<String> = Vec::new();
    let mut kinds: Vec<(String, Vec<Option<Point>>)> = Vec::new();
    let mut put = |name: String, group: &str, bar: Point| {
        let known = groups.iter().position(|of| of == group);
        let place = known.unwrap_or_else(|| {
            groups.push(group.to_owned());
            groups.len() - 1
        });
        let known = kinds.iter().position(|(of, _)| *of == name);
        let kind = known.unwrap_or_else(|| {
            kinds.push((name, Vec::new()));
            kinds.len() - 1
        });
        let bars = &mut kinds[kind].1;
        bars.resize(bars.len().max(place + 1), None);
        bars[place] = Some(bar);
    };
    for (row, figure) in table.fitting(&plot.only, &plot.y) {
        put(name_of(table.experiment, plot, row), &group_of(row), point(0.0, figure));
    }
    for (row, _) in table.fitting(&plot.only, &plot.y) {
        if let Some(of) = table.experiment.reference(&row.case, &plot.y) {
            put(DOCUMENT.to_owned(), &group_of(row), Point::bare(0.0, of.value));
        }
    }
    Bars { title: plot.title.clone(), y: label, groups, kinds }
}

/// Which share of all samples of a series is not above a value.
fn distribution(table: &Table<'_>, plot: &Plot, label: String) -> Chart {
    let samples = by_series(table, plot, |_, figure| Some(figure.samples.concat()));
    let steps = |samples: Vec<Vec<f64>>| {
        let sorted = sorted(&samples.concat());
        let count = sorted.len().clamp(1, STEPS);
        let shares = (1..=count).map(|step| step as f64 / count as f64);
        shares
            .filter_map(|share| Some(Point::bare(quantile(&sorted, share)?, share * 100.0)))
            .collect::<Vec<_>>()
    };
    let series = samples.into_iter().map(|(name, samples)| {
        let points = steps(samples);
        let style = if points.len() > 1 { Style::Steps } else { Style::Points };
        Series { name, points, style }
    });
    Chart {
        title: plot.title.clone(),
        x: Axis { label, is_log: plot.log_x },
        y: Axis { label: "samples not above it, %".to_owned(), is_log: false },
        series: series.collect(),
    }
}

fn sequence(table: &Table<'_>, plot: &Plot, label: String) -> Chart {
    let samples = by_series(table, plot, |_, figure| figure.samples.first().cloned());
    let series = samples.into_iter().map(|(name, samples)| {
        let values = samples.into_iter().flatten().enumerate();
        let points: Vec<Point> =
            values.map(|(place, value)| Point::bare(place as f64 + 1.0, value)).collect();
        let style = if points.len() > 1 { Style::Thin } else { Style::Points };
        Series { name, points, style }
    });
    Chart {
        title: plot.title.clone(),
        x: Axis {
            label: "sample, in the order in which they were taken".to_owned(),
            is_log: false,
        },
        y: Axis { label, is_log: plot.log_y },
        series: series.collect(),
    }
}
