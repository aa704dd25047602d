//! One combination of settings of an experiment.

use crate::experiment::{Experiment, Level, Settings};
use crate::{LabError, Setting};

/// One combination of settings of an experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The level of each factor.
    pub settings: Settings,
    /// What all cases of the experiment are given.
    pub given: Settings,
    /// Keys of the scenario, where there is one.
    pub sets: Vec<String>,
    /// What it is called.
    pub label: String,
    /// Changes with anything that the case says: results of another fingerprint are not its own.
    pub fingerprint: String,
}

impl Case {
    pub(crate) fn first(experiment: &Experiment, quick: bool) -> Self {
        let mut given = experiment.given.clone();
        if quick {
            given.extend(experiment.quick.given.clone());
        }
        Self {
            settings: Settings::new(),
            given,
            sets: experiment.sets.clone(),
            label: String::new(),
            fingerprint: String::new(),
        }
    }

    pub(crate) fn with(&self, factor: &str, level: &Level) -> Self {
        let mut case = self.clone();
        case.settings.insert(factor.to_owned(), level.value.clone());
        case.sets.extend(level.sets.iter().cloned());
        case
    }

    pub(crate) fn finished(mut self, experiment: &Experiment, quick: bool) -> Self {
        if quick {
            self.sets.extend(experiment.quick.sets.iter().cloned());
        }
        self.sets = self.sets.iter().map(|text| self.fill(text)).collect();
        self.label = if experiment.case.is_empty() {
            let said = experiment.factors.iter().filter_map(|factor| {
                Some(format!("{} {}", factor.label(), self.settings.get(&factor.name)?))
            });
            said.collect::<Vec<_>>().join(", ")
        } else {
            self.fill(&experiment.case)
        };
        let said =
            serde_json::to_vec(&(&experiment.measure, &self.settings, &self.given, &self.sets));
        // Maps with names for keys always become JSON.
        self.fingerprint = format!("{:08x}", crc32fast::hash(&said.unwrap_or_default()));
        self
    }

    /// A text with `{name}` replaced by the setting of that name.
    pub(crate) fn fill(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in self.settings.iter().chain(&self.given) {
            text = text.replace(&format!("{{{name}}}"), &value.to_string());
        }
        text
    }

    /// Whether it has all of these settings.
    pub fn fits(&self, settings: &Settings) -> bool {
        settings.iter().all(|(name, value)| self.setting(name).is_some_and(|of| of.is(value)))
    }

    /// A setting: the level of a factor, or what all cases are given.
    pub fn setting(&self, name: &str) -> Option<&Setting> {
        self.settings.get(name).or_else(|| self.given.get(name))
    }

    /// A setting that is a number.
    ///
    /// # Errors
    /// It is missing, or a word.
    pub fn number(&self, name: &str) -> Result<f64, LabError> {
        self.setting(name).and_then(Setting::number).ok_or_else(|| self.lacks(name, "a number"))
    }

    /// A setting that is a whole number, not below 0.
    ///
    /// # Errors
    /// It is missing or something else.
    pub fn count(&self, name: &str) -> Result<u32, LabError> {
        let number = self.number(name)?;
        let is_count = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
        // In range and without a fraction.
        is_count.then_some(number as u32).ok_or_else(|| self.lacks(name, "a whole number"))
    }

    /// A setting as a word.
    ///
    /// # Errors
    /// It is missing.
    pub fn text(&self, name: &str) -> Result<String, LabError> {
        self.setting(name).map(Setting::to_string).ok_or_else(|| self.lacks(name, "a word"))
    }

    fn lacks(&self, name: &str, what: &str) -> LabError {
        let label = &self.label;
        LabError::Definition(format!("the setting {name} of the case \"{label}\" is not {what}"))
    }

    /// The settings of other factors than these, as words: what a series is called.
    pub fn words(&self, experiment: &Experiment, factors: &[String]) -> String {
        let known = factors.iter().filter_map(|name| experiment.factor(name));
        let words = known.filter_map(|factor| {
            let value = self.settings.get(&factor.name)?;
            Some(match value {
                Setting::Number(number) => format!("{} {number}", factor.label()),
                Setting::Text(text) => text.clone(),
            })
        });
        words.collect::<Vec<_>>().join(", ")
    }
}
