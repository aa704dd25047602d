//! A recommendation: which level of a factor to use instead of the usual one, and when; told from
//! the figures alone.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::Setting;
use crate::experiment::Settings;
use crate::phrases::{at, cases, span};
use crate::says::pairs;
use crate::table::Table;
use crate::words::{list, number, with_unit};

/// What is asked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// What the question is called.
    pub title: String,
    /// Where it comes from.
    pub source: String,
    /// What is asked.
    pub question: String,
    /// The experiment that tells what is gained.
    pub experiment: String,
    /// Others with the same factor and column: where what is recommended loses in them, the
    /// recommendation says so.
    #[serde(default)]
    pub also: Vec<String>,
    /// What the levels are, in words for who reads this first.
    #[serde(default)]
    pub means: BTreeMap<String, String>,
    /// Its factor: what there is to choose from.
    pub factor: String,
    /// The level that the others are compared with.
    pub baseline: Setting,
    /// What is gained: a column of which more is better.
    pub column: String,
    /// What it may cost.
    #[serde(default, rename = "harm")]
    pub harms: Vec<Harm>,
    /// What these figures leave open.
    #[serde(default)]
    pub open: Vec<String>,
}

/// Something that is wanted to be 0.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Harm {
    /// The experiment that tells it; its cases have the same factor.
    pub experiment: String,
    /// The column.
    pub column: String,
}

/// What the figures say of one level.
struct Found {
    level: Setting,
    /// Its figure, as often as it holds that of the baseline, and whether that is sure.
    ratios: Vec<(Settings, f64, bool)>,
    harms: Vec<String>,
}

impl Found {
    fn won(&self) -> usize {
        self.ratios.iter().filter(|(_, ratio, sure)| *sure && *ratio > 1.0).count()
    }

    fn lost(&self) -> usize {
        self.ratios.iter().filter(|(_, ratio, sure)| *sure && *ratio < 1.0).count()
    }

    fn middle(&self) -> f64 {
        let ratios: Vec<f64> = self.ratios.iter().map(|(_, ratio, _)| *ratio).collect();
        crate::Spread::of(&ratios).map_or(f64::NAN, |spread| spread.median)
    }
}

impl Choice {
    /// The answer, in sentences; none where nothing was measured.
    pub fn answer(&self, tables: &BTreeMap<String, Table<'_>>) -> Vec<String> {
        let Some(table) = tables.get(&self.experiment) else { return Vec::new() };
        let Some(factor) = table.experiment.factor(&self.factor) else { return Vec::new() };
        let levels = factor.levels.iter().map(|level| level.value.clone());
        let candidates = levels.filter(|level| !level.is(&self.baseline));
        let found: Vec<Found> = candidates
            .map(|level| self.found(table, tables, level))
            .filter(|found| !found.ratios.is_empty())
            .collect();
        let mut said: Vec<String> = found.iter().map(|found| self.tell(found)).collect();
        if found.is_empty() {
            return said;
        }
        let best = Self::best(&found);
        let others = self.also.iter().filter_map(|id| tables.get(id));
        let others: Vec<(&Table<'_>, Found)> = others
            .filter_map(|other| {
                let found = self.found(other, tables, best?.level.clone());
                (!found.ratios.is_empty()).then_some((other, found))
            })
            .collect();
        said.extend(others.iter().map(|(other, found)| self.tell_elsewhere(other, found)));
        let mut advice = self.recommend(table, best);
        for (other, found) in others {
            advice.extend(self.exception(other, &found));
        }
        said.push(advice);
        said
    }

    /// The level that does no harm and gains, by the middle ratio the most.
    fn best(found: &[Found]) -> Option<&Found> {
        let harmless = found.iter().filter(|found| found.harms.is_empty() && found.won() > 0);
        harmless.max_by(|one, other| one.middle().total_cmp(&other.middle()))
    }

    fn found(
        &self,
        table: &Table<'_>,
        tables: &BTreeMap<String, Table<'_>>,
        level: Setting,
    ) -> Found {
        let none = Settings::new();
        let pairs = pairs(table, &self.column, &self.factor, [&level, &self.baseline], &none);
        let ratios = pairs
            .iter()
            .map(|(row, one, other)| {
                let mut settings = row.case.settings.clone();
                settings.remove(&self.factor);
                let ratio = one.spread.median / other.spread.median;
                (settings, ratio, !one.spread.overlaps(&other.spread))
            })
            .filter(|(_, ratio, _)| ratio.is_finite())
            .collect();
        let harms = self.harms.iter().filter_map(|harm| {
            let table = tables.get(&harm.experiment)?;
            let column = table.experiment.column(&harm.column)?;
            let only = Settings::from([(self.factor.clone(), level.clone())]);
            let worst = table
                .fitting(&only, &harm.column)
                .map(|(_, figure)| figure.spread.highest)
                .max_by(f64::total_cmp)?;
            let most = with_unit(number(worst), &column.unit);
            (worst > 0.0).then(|| format!("{} of up to {most}", column.label))
        });
        let harms = harms.collect();
        Found { level, ratios, harms }
    }

    fn tell(&self, found: &Found) -> String {
        let harm = match found.harms.as_slice() {
            [] => "no harm was measured".to_owned(),
            harms => format!("at the price of {}", list(harms)),
        };
        let what = match self.means.get(&found.level.to_string()) {
            Some(means) => format!(" ({means})"),
            None => String::new(),
        };
        format!("{}{what}: {}; {harm}.", found.level, self.compared(found))
    }

    fn tell_elsewhere(&self, table: &Table<'_>, found: &Found) -> String {
        let title = &table.experiment.title;
        format!("{} in \"{title}\": {}.", found.level, self.compared(found))
    }

    fn compared(&self, found: &Found) -> String {
        let mut sorted: Vec<f64> = found.ratios.iter().map(|(_, ratio, _)| *ratio).collect();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = match sorted.as_slice() {
            [] => (f64::NAN, f64::NAN),
            [least, .., most] => (*least, *most),
            [one] => (*one, *one),
        };
        let all = sorted.len();
        let sure = match (found.won(), found.lost()) {
            (0, 0) => "no case surely differs".to_owned(),
            (won, 0) if won == all => format!("surely more in {}", cases(all)),
            (0, lost) if lost == all => format!("surely less in {}", cases(all)),
            (won, lost) => format!("surely more in {won} and surely less in {lost} of {all} cases"),
        };
        format!("{} what {} gives; {sure}", span(least, most), self.baseline)
    }

    /// Where the level that is recommended surely gives less; none if it never does.
    fn exception(&self, table: &Table<'_>, found: &Found) -> Option<String> {
        let mut losses = found.ratios.iter().filter(|(_, ratio, sure)| *sure && *ratio < 1.0);
        let mut shared = losses.next()?.0.clone();
        for (settings, ..) in losses {
            shared.retain(|name, value| settings.get(name).is_some_and(|of| of.is(value)));
        }
        let shared: Vec<String> =
            shared.iter().map(|(name, value)| at(table.experiment, name, value)).collect();
        let (lost, all) = (found.lost(), found.ratios.len());
        let those =
            if shared.is_empty() { String::new() } else { format!(", all with {}", list(&shared)) };
        let title = &table.experiment.title;
        Some(format!(
            " But it gives surely less than {} in {lost} of {all} cases of \"{title}\"{those}.",
            self.baseline
        ))
    }

    fn recommend(&self, table: &Table<'_>, best: Option<&Found>) -> String {
        let Some(best) = best else {
            return format!(
                "Recommendation: {}. Nothing that was measured surely gains by leaving it without \
                 doing harm.",
                self.baseline
            );
        };
        let level = &best.level;
        if best.won() == best.ratios.len() {
            let (all, title) = (cases(best.ratios.len()), &table.experiment.title);
            return format!(
                "Recommendation: {level}. It gives surely more than {} in {all} of \"{title}\".",
                self.baseline
            );
        }
        let always = conditions(table, best, |ratio, sure| sure && ratio > 1.0);
        let when = match always.as_slice() {
            [] => format!(
                "where it pays, which is in {} of {} cases and hangs on no single setting",
                best.won(),
                best.ratios.len()
            ),
            always => format!("wherever {}", either(always)),
        };
        let elsewhere = if best.lost() == 0 {
            format!("elsewhere it is no worse than {}, within the spreads", self.baseline)
        } else {
            let settings = conditions(table, best, |ratio, sure| sure && ratio < 1.0);
            let where_ = match settings.as_slice() {
                [] => "in the cases where it gives less".to_owned(),
                settings => format!("wherever {}", either(settings)),
            };
            format!("{} {where_}", self.baseline)
        };
        format!("Recommendation: {level} {when}; {elsewhere}.")
    }
}

/// The single settings with which all ratios are as wanted: each of them is enough.
fn conditions(
    table: &Table<'_>,
    found: &Found,
    is_wanted: impl Fn(f64, bool) -> bool,
) -> Vec<String> {
    let mut by_setting: BTreeMap<String, bool> = BTreeMap::new();
    for (settings, ratio, sure) in &found.ratios {
        for (name, value) in settings {
            let all = by_setting.entry(at(table.experiment, name, value)).or_insert(true);
            *all &= is_wanted(*ratio, *sure);
        }
    }
    by_setting.into_iter().filter(|(_, all)| *all).map(|(setting, _)| setting).collect()
}

/// Words with commas between them, and an *or* before the last one.
fn either(words: &[String]) -> String {
    match words {
        [all @ .., last] if !all.is_empty() => format!("{} or {last}", all.join(", ")),
        words => words.concat(),
    }
}
