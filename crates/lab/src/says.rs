//! What is told of an experiment. Its data ask; the figures answer. No sentence stands anywhere
//! before it was measured, so none can contradict the numbers.

use serde::Deserialize;

use crate::Setting;
use crate::experiment::{Column, Settings};
use crate::phrases::{at, cases, grows, noise, scoped, some, span, upper};
use crate::statistics::power;
use crate::table::{Figure, Row, Table};
use crate::words::{number, spread, with_unit};

/// Ratios nearer to 1 than this are called about the same.
const SAME_WITHIN: f64 = 0.1;

/// A question to the figures.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Says {
    /// Which case has the least of a column, and which the most.
    Range {
        /// The column.
        column: String,
        /// In the cases with these settings.
        #[serde(default)]
        only: Settings,
    },
    /// How one level of a factor compares with another one, all else alike.
    Ratio {
        /// The column.
        column: String,
        /// The factor.
        factor: String,
        /// This level…
        of: Setting,
        /// …beside that one.
        to: Setting,
        /// In the cases with these settings.
        #[serde(default)]
        only: Settings,
    },
    /// How a column grows with a factor that is a number.
    Growth {
        /// The column.
        column: String,
        /// The factor.
        factor: String,
        /// In the cases with these settings.
        #[serde(default)]
        only: Settings,
    },
    /// How ours compares with what the document found.
    Beside,
    /// Whether two columns are the same.
    Equal {
        /// One.
        one: String,
        /// The other.
        other: String,
        /// In the cases with these settings.
        #[serde(default)]
        only: Settings,
    },
    /// Whether a column is 0 throughout.
    Zero {
        /// The column.
        column: String,
        /// In the cases with these settings.
        #[serde(default)]
        only: Settings,
    },
}

impl Says {
    /// The columns that it asks for.
    pub fn columns(&self) -> Vec<&str> {
        match self {
            Self::Range { column, .. }
            | Self::Ratio { column, .. }
            | Self::Growth { column, .. }
            | Self::Zero { column, .. } => vec![column],
            Self::Equal { one, other, .. } => vec![one, other],
            Self::Beside => Vec::new(),
        }
    }

    /// The factors that it asks for.
    pub fn factors(&self) -> Vec<&str> {
        match self {
            Self::Ratio { factor, .. } | Self::Growth { factor, .. } => vec![factor],
            _ => Vec::new(),
        }
    }

    /// The answer, in sentences; none where nothing was measured.
    pub fn answer(&self, table: &Table<'_>) -> Vec<String> {
        match self {
            Self::Range { column, only } => range(table, column, only).into_iter().collect(),
            Self::Ratio { column, factor, of, to, only } => {
                ratio(table, column, factor, [of, to], only).into_iter().collect()
            }
            Self::Growth { column, factor, only } => growth(table, column, factor, only),
            Self::Beside => beside(table),
            Self::Equal { one, other, only } => {
                equal(table, one, other, only).into_iter().collect()
            }
            Self::Zero { column, only } => zero(table, column, only).into_iter().collect(),
        }
    }
}

/// All that an experiment's data ask, answered.
pub fn answers(table: &Table<'_>) -> Vec<String> {
    table.experiment.says.iter().flat_map(|says| says.answer(table)).collect()
}

fn column<'a>(table: &Table<'a>, name: &str) -> Option<&'a Column> {
    table.experiment.column(name)
}

fn range(table: &Table<'_>, name: &str, only: &Settings) -> Option<String> {
    let column = column(table, name)?;
    let by_median = |one: &(&Row, &Figure), other: &(&Row, &Figure)| {
        one.1.spread.median.total_cmp(&other.1.spread.median)
    };
    let least = table.fitting(only, name).min_by(by_median)?;
    let most = table.fitting(only, name).max_by(by_median)?;
    let said = |(row, figure): (&Row, &Figure)| {
        let value = with_unit(number(figure.spread.median), &column.unit);
        format!("{value} ({})", row.case.label)
    };
    let label = upper(&scoped(table, &column.label, only));
    let all = table.fitting(only, name).count();
    if all == 1 {
        let value = with_unit(spread(&least.1.spread), &column.unit);
        return Some(format!("{label}: {value}."));
    }
    let [low, high] = [least, most].map(|(_, figure)| number(figure.spread.median));
    if low == high {
        let value = with_unit(low, &column.unit);
        return Some(format!("{label}: {value} in {}.", cases(all)));
    }
    let noise = if least.1.spread.overlaps(&most.1.spread) {
        "; these spreads overlap, so the difference may be noise"
    } else {
        ""
    };
    Some(format!("{label}: from {} to {}{noise}.", said(least), said(most)))
}

/// Cases that differ in one factor only, at two levels of it.
pub(crate) fn pairs<'a>(
    table: &'a Table<'_>,
    name: &'a str,
    factor: &'a str,
    levels: [&'a Setting; 2],
    only: &'a Settings,
) -> Vec<(&'a Row, &'a Figure, &'a Figure)> {
    let at = |row: &Row, level: &Setting| {
        row.case.settings.get(factor).is_some_and(|value| value.is(level))
    };
    let others = |row: &Row| {
        let mut settings = row.case.settings.clone();
        settings.remove(factor);
        settings
    };
    let mut pairs = Vec::new();
    for (row, figure) in table.fitting(only, name).filter(|(row, _)| at(row, levels[0])) {
        let twin = table
            .fitting(only, name)
            .find(|(twin, _)| at(twin, levels[1]) && others(twin) == others(row));
        if let Some((_, twin)) = twin {
            pairs.push((row, figure, twin));
        }
    }
    pairs
}

fn ratio(
    table: &Table<'_>,
    name: &str,
    factor: &str,
    levels: [&Setting; 2],
    only: &Settings,
) -> Option<String> {
    let column = column(table, name)?;
    let pairs = pairs(table, name, factor, levels, only);
    let mut ratios: Vec<f64> = pairs
        .iter()
        .map(|(_, one, other)| one.spread.median / other.spread.median)
        .filter(|ratio| ratio.is_finite())
        .collect();
    ratios.sort_by(f64::total_cmp);
    let (&least, &most) = (ratios.first()?, ratios.last()?);
    let apart = pairs.iter().filter(|(_, one, other)| !one.spread.overlaps(&other.spread)).count();
    let label = upper(&scoped(table, &column.label, only));
    let is_same = [least, most].iter().all(|ratio| (ratio - 1.0).abs() < SAME_WITHIN);
    let how = if is_same { "about the same".to_owned() } else { span(least, most) };
    let [of, to] = levels.map(|level| at(table.experiment, factor, level));
    let doubt = if apart == 0 && !is_same { ", so this may be noise" } else { "" };
    let noise = noise(apart, pairs.len());
    Some(format!("{label}, {of} against {to}: {how}; {noise}{doubt}."))
}

fn growth(table: &Table<'_>, name: &str, factor: &str, only: &Settings) -> Vec<String> {
    let Some(column) = column(table, name) else { return Vec::new() };
    let others: Vec<String> = table
        .experiment
        .factors
        .iter()
        .filter(|of| of.name != factor && !only.contains_key(&of.name))
        .map(|of| of.name.clone())
        .collect();
    let mut series: Vec<(String, Vec<(f64, f64)>)> = Vec::new();
    for (row, figure) in table.fitting(only, name) {
        let Some(x) = row.case.settings.get(factor).and_then(Setting::number) else { continue };
        let words = row.case.words(table.experiment, &others);
        let point = (x, figure.spread.median);
        match series.iter_mut().find(|(known, _)| *known == words) {
            Some((_, points)) => points.push(point),
            None => series.push((words, vec![point])),
        }
    }
    let sentence = |(words, points): &(String, Vec<(f64, f64)>)| {
        let [first, last] = [points.first()?, points.last()?];
        let whose = if words.is_empty() { String::new() } else { format!(" ({words})") };
        let [from, to] = [first, last].map(|(x, y)| {
            let x = at(table.experiment, factor, &Setting::Number(*x));
            format!("{} at {x}", with_unit(number(*y), &column.unit))
        });
        let shape = power(points).map(grows).unwrap_or_default();
        Some(format!("{}{whose}: {from}, {to}{shape}.", upper(&column.label)))
    };
    series.iter().filter(|(_, points)| points.len() > 1).filter_map(sentence).collect()
}

fn beside(table: &Table<'_>) -> Vec<String> {
    let mut said = Vec::new();
    for column in &table.experiment.columns {
        for (row, figure) in table.fitting(&Settings::new(), &column.name) {
            let Some(theirs) = table.experiment.reference(&row.case, &column.name) else {
                continue;
            };
            let ours = figure.beside();
            let how = match ours / theirs.value {
                ratio if (ratio - 1.0).abs() < SAME_WITHIN => "about the same".to_owned(),
                ratio if !ratio.is_finite() || ratio == 0.0 => "nothing to compare".to_owned(),
                ratio if ratio < 1.0 => {
                    format!("the document's is {} times ours", number(1.0 / ratio))
                }
                ratio => format!("ours is {} times the document's", number(ratio)),
            };
            let which = if figure.distribution.is_some() { "mean" } else { "median" };
            let remark = match theirs.remark.as_str() {
                "" => String::new(),
                remark => format!(" ({remark})"),
            };
            said.push(format!(
                "{}, {}: the document gives {}{remark}, our {which} is {}: {how}.",
                upper(&column.label),
                row.case.label,
                with_unit(number(theirs.value), &column.unit),
                with_unit(number(ours), &column.unit),
            ));
        }
    }
    said
}

fn equal(table: &Table<'_>, one: &str, other: &str, only: &Settings) -> Option<String> {
    let labels = [column(table, one)?, column(table, other)?].map(|column| column.label.clone());
    let both: Vec<(&Row, f64, f64)> = table
        .fitting(only, one)
        .filter_map(|(row, figure)| {
            Some((row, figure.spread.median, table.figure(row, other)?.spread.median))
        })
        .collect();
    let differs: Vec<String> = both
        .iter()
        .filter(|(_, one, other)| one != other)
        .map(|(row, one, other)| {
            format!("{} and {} ({})", number(*one), number(*other), row.case.label)
        })
        .collect();
    let (all, names) = (both.len(), format!("{} and {}", labels[0], labels[1]));
    match differs.len() {
        _ if all == 0 => None,
        0 => Some(format!("{} are the same in {}.", upper(&names), cases(all))),
        count => {
            Some(format!("{} differ in {count} of {all} cases: {}.", upper(&names), some(&differs)))
        }
    }
}

fn zero(table: &Table<'_>, name: &str, only: &Settings) -> Option<String> {
    let column = column(table, name)?;
    let figures: Vec<(&Row, &Figure)> = table.fitting(only, name).collect();
    let above: Vec<String> = figures
        .iter()
        .filter(|(_, figure)| figure.spread.highest > 0.0)
        .map(|(row, figure)| {
            let most = with_unit(number(figure.spread.highest), &column.unit);
            format!("up to {most} ({})", row.case.label)
        })
        .collect();
    let (all, label) = (figures.len(), upper(&scoped(table, &column.label, only)));
    match above.len() {
        _ if all == 0 => None,
        0 => Some(format!("{label}: 0 in every repetition of {}.", cases(all))),
        count => Some(format!("{label}: above 0 in {count} of {all} cases: {}.", some(&above))),
    }
}
