//! The parts that sentences over figures are put together from.

use crate::Setting;
use crate::experiment::{Experiment, Settings};
use crate::table::Table;
use crate::words::{list, number, with_unit};

/// The most cases that a sentence names one by one.
const NAMED_MAX: usize = 4;
/// A power nearer to a whole one than this is called by its name.
const POWER_WITHIN: f64 = 0.15;

/// The first of them.
pub(crate) fn some(words: &[String]) -> String {
    match words.len() {
        0..=NAMED_MAX => list(words),
        all => {
            let left = all - NAMED_MAX;
            format!("{}, and {left} more", words[..NAMED_MAX].join(", "))
        }
    }
}

/// Of how many cases is spoken.
pub(crate) fn cases(count: usize) -> String {
    match count {
        1 => "the one case".to_owned(),
        2 => "both cases".to_owned(),
        count => format!("all {count} cases"),
    }
}

/// A level of a factor, by name where the level is a number: *messages lost = 10 %*. The label of a
/// factor ends with its unit, if it has one: *messages lost, %*.
pub(crate) fn at(experiment: &Experiment, factor: &str, level: &Setting) -> String {
    let (Setting::Number(level), Some(factor)) = (level, experiment.factor(factor)) else {
        return level.to_string();
    };
    let (name, unit) = factor.label().rsplit_once(", ").unwrap_or((factor.label(), ""));
    format!("{name} = {}", with_unit(number(*level), unit))
}

/// What is spoken of, and in which cases.
pub(crate) fn scoped(table: &Table<'_>, label: &str, only: &Settings) -> String {
    let names: Vec<String> =
        only.iter().map(|(name, value)| at(table.experiment, name, value)).collect();
    if names.is_empty() { label.to_owned() } else { format!("{label} ({})", names.join("; ")) }
}

/// From one ratio to another one.
pub(crate) fn span(least: f64, most: f64) -> String {
    let [least, most] = [least, most].map(number);
    if least == most { format!("{least} times") } else { format!("{least} to {most} times") }
}

/// Whether a difference may be noise, if the spreads of `apart` of all pairs do not overlap.
pub(crate) fn noise(apart: usize, all: usize) -> String {
    match (apart, all) {
        (0, 1) => "the spreads overlap".to_owned(),
        (1, 1) => "the spreads do not overlap".to_owned(),
        (0, all) => format!("the spreads overlap in {}", cases(all)),
        (2, 2) => "the spreads overlap in neither case".to_owned(),
        (apart, all) if apart == all => format!("the spreads overlap in none of {all} cases"),
        (apart, all) => format!("the spreads overlap in {} of {all} cases", all - apart),
    }
}

/// How something grows, told of the power with which it does.
pub(crate) fn grows(power: f64) -> String {
    match power {
        _ if power.abs() < POWER_WITHIN => ", about the same throughout".to_owned(),
        _ if (power - 1.0).abs() < POWER_WITHIN => ", about in proportion".to_owned(),
        _ if (power - 2.0).abs() < POWER_WITHIN => ", about with the square".to_owned(),
        _ => format!(", about with the power {power:.1}"),
    }
}

/// The text with its first letter large.
pub(crate) fn upper(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
