//! The value of one setting: a number or a word.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The value of one setting.
///
/// ```
/// use lab::Setting;
///
/// assert_eq!(Setting::from(5.0).to_string(), "5");
/// assert_eq!(Setting::from("bully").to_string(), "bully");
/// assert!(Setting::from(5.0).is(&"5".into()), "they are told apart by what they say");
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Setting {
    /// A number.
    Number(f64),
    /// A word.
    Text(String),
}

impl Setting {
    /// The number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(_) => None,
        }
    }

    /// Whether both say the same.
    pub fn is(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl From<f64> for Setting {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Setting {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
