//! From the figures of an experiment to its plots.

use crate::Setting;
use crate::experiment::{Form, Plot};
use crate::plot::{Axis, Bars, Chart, Picture, Point, Series, Style};
use crate::statistics::{Spread, quantile, sorted};
use crate::table::{Figure, Row, Table};

/// Steps of a drawn distribution: enough for the eye.
const STEPS: usize = 200;

/// The name of a document's figures beside ours.
const DOCUMENT: &str = "the document";
const OURS: &str = "ours";

/// Draws a plot; none if it is a drawing of another kind.
pub fn picture(table: &Table<'_>, plot: &Plot) -> Option<Picture> {
    let column = table.experiment.column(&plot.y)?;
    let label = column.heading();
    let label = if is_of_means(table, plot) { format!("{label} (mean)") } else { label };
    match plot.form {
        Form::Lines => Some(Picture::Chart(lines(table, plot, label))),
        Form::Bars => Some(Picture::Bars(bars(table, plot, label))),
        Form::Distribution => Some(Picture::Chart(distribution(table, plot, label))),
        Form::Sequence => Some(Picture::Chart(sequence(table, plot, label))),
        Form::Execution => None,
    }
}

/// Whether a document's figures are drawn beside ours. They are means, so ours must be: the median of
/// waits of which some are near and some are far away may be either.
fn is_beside(table: &Table<'_>, plot: &Plot) -> bool {
    let is_of_figures = matches!(plot.form, Form::Lines | Form::Bars);
    let mut rows = table.fitting(&plot.only, &plot.y);
    is_of_figures && rows.any(|(row, _)| table.experiment.reference(&row.case, &plot.y).is_some())
}

fn is_of_means(table: &Table<'_>, plot: &Plot) -> bool {
    let mut rows = table.fitting(&plot.only, &plot.y);
    is_beside(table, plot) && rows.all(|(_, figure)| figure.means.is_some())
}

fn point(x: f64, figure: &Figure, is_of_means: bool) -> Point {
    let Spread { median, lowest, highest, .. } = figure.spread;
    match figure.means {
        Some(means) if is_of_means => {
            Point { x, y: figure.beside(), spread: (means.lowest, means.highest) }
        }
        _ => Point { x, y: median, spread: (lowest, highest) },
    }
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
        let name = name_of(table, plot, row);
        match series.iter_mut().find(|(known, _)| *known == name) {
            Some((_, all)) => all.push(taken),
            None => series.push((name, vec![taken])),
        }
    }
    series
}

/// What a series is called; nothing if it is alone, and the title says all.
fn name_of(table: &Table<'_>, plot: &Plot, row: &Row) -> String {
    let words = row.case.words(table.experiment, &plot.series);
    if words.is_empty() && is_beside(table, plot) { OURS.to_owned() } else { words }
}

/// Draws series that lie upon each other once, under the names of all: a reader would look in vain
/// for those below. The others keep their places, and so their colours.
fn merged(mut series: Vec<Series>) -> Vec<Series> {
    for place in 1..series.len() {
        let (before, rest) = series.split_at_mut(place);
        let one = &mut rest[0];
        let twin = before.iter_mut().find(|of| !of.points.is_empty() && of.points == one.points);
        if let Some(twin) = twin {
            twin.name = format!("{} = {}", twin.name, one.name);
            one.points.clear();
        }
    }
    series
}

fn lines(table: &Table<'_>, plot: &Plot, label: String) -> Chart {
    let along = |row: &Row| row.case.settings.get(&plot.x).and_then(Setting::number);
    let of_means = is_of_means(table, plot);
    let ours = by_series(table, plot, |row, figure| Some(point(along(row)?, figure, of_means)));
    let series = ours
        .into_iter()
        .map(|(name, points)| Series { name, points, style: Style::Line })
        .collect();
    let mut series = merged(series);
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
    let of_means = is_of_means(table, plot);
    for (row, figure) in table.fitting(&plot.only, &plot.y) {
        put(name_of(table, plot, row), &group_of(row), point(0.0, figure, of_means));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, values: &[f64]) -> Series {
        let points = values.iter().enumerate().map(|(x, y)| Point::bare(x as f64, *y)).collect();
        Series { name: name.to_owned(), points, style: Style::Line }
    }

    #[test]
    fn what_lies_upon_each_other_is_drawn_once_and_the_others_keep_their_places() {
        let all = [
            series("fifo", &[1.0, 2.0]),
            series("causal", &[1.0, 2.0]),
            series("sequencer", &[1.0, 3.0]),
            series("lamport", &[1.0, 2.0]),
        ];
        let drawn = merged(all.to_vec());
        let names: Vec<(&str, usize)> =
            drawn.iter().map(|of| (&*of.name, of.points.len())).collect();
        let expected =
            [("fifo = causal = lamport", 2), ("causal", 0), ("sequencer", 2), ("lamport", 0)];
        assert_eq!(names, expected);
    }

    #[test]
    fn beside_a_documents_mean_stands_our_mean() {
        let text = r#"
            id = "a"
            title = "A"
            question = "?"
            host = "simulated"
            measure = "fake"
            [[column]]
            name = "wait"
            label = "wait"
            unit = "ms"
            [[reference]]
            column = "wait"
            value = 9
            [[plot]]
            form = "bars"
            title = "Waits"
            y = "wait"
        "#;
        let experiment = crate::Experiment::parse(text).unwrap();
        let mut table = Table::of(&experiment, &crate::Results::default());
        let samples = vec![vec![1.0, 1.0, 40.0], vec![1.0, 1.0, 43.0], vec![1.0, 1.0, 46.0]];
        let means = Spread::of(&[14.0, 15.0, 16.0]);
        let distribution = crate::Distribution::of(&samples.concat());
        let spread = Spread::of(&[1.0, 1.0, 1.0]).unwrap();
        table.rows[0].figures[0] = Some(Figure { spread, means, distribution, samples });
        let Some(Picture::Bars(bars)) = picture(&table, &experiment.plots[0]) else { panic!() };
        assert_eq!(bars.y, "wait, ms (mean)");
        let ours = Point { x: 0.0, y: 15.0, spread: (14.0, 16.0) };
        let expected = [
            (OURS.to_owned(), vec![Some(ours)]),
            (DOCUMENT.to_owned(), vec![Some(Point::bare(0.0, 9.0))]),
        ];
        assert_eq!(bars.kinds, expected);
    }
}
