//! Names of goods.

use std::borrow::Borrow;
use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;

use crate::limits::GOOD_NAME_BYTES_MAX;

/// What is traded: a name of 1 to [`GOOD_NAME_BYTES_MAX`] bytes, without control characters and
/// without blanks at its ends. Cheap to clone.
///
/// ```
/// use market::{BadName, Good};
///
/// assert_eq!(Good::new("salt")?.as_str(), "salt");
/// assert_eq!(Good::new(" salt"), Err(BadName::BlankEnd));
/// # Ok::<(), BadName>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Good(SmolStr);

/// Why a text is no name of a good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// It has no characters.
    #[error("the name of a good is empty; give it 1 to {GOOD_NAME_BYTES_MAX} bytes")]
    Empty,
    /// It has this many bytes.
    #[error("the name of a good has {0} bytes; {GOOD_NAME_BYTES_MAX} are allowed")]
    TooLong(usize),
    /// It has a control character, such as a line break.
    #[error("the name of a good has a control character; leave it out")]
    Control,
    /// It begins or ends with a blank.
    #[error("the name of a good begins or ends with a blank; trim it")]
    BlankEnd,
}

impl Good {
    /// The good of this name.
    ///
    /// # Errors
    /// [`BadName`] if the text is empty or too long, has a control character, or a blank at an end.
    pub fn new(name: &str) -> Result<Self, BadName> {
        if name.is_empty() {
            return Err(BadName::Empty);
        }
        if name.len() > GOOD_NAME_BYTES_MAX {
            return Err(BadName::TooLong(name.len()));
        }
        if name.chars().any(char::is_control) {
            return Err(BadName::Control);
        }
        if name.trim() != name {
            return Err(BadName::BlankEnd);
        }
        Ok(Self(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// So that a map of goods can be asked by name.
impl Borrow<str> for Good {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Good {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Good {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl std::str::FromStr for Good {
    type Err = BadName;
    fn from_str(name: &str) -> Result<Self, BadName> {
        Self::new(name)
    }
}

impl Serialize for Good {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// Refuses what [`Good::new`] refuses.
impl<'de> Deserialize<'de> for Good {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Name)
    }
}

struct Name;

impl Visitor<'_> for Name {
    type Value = Good;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a good")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Good, E> {
        Good::new(name).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        let longest = "x".repeat(GOOD_NAME_BYTES_MAX);
        for name in ["salt", "sea salt", "crème", longest.as_str()] {
            assert_eq!(Good::new(name).unwrap().as_str(), name);
        }
        assert_eq!(Good::new(""), Err(BadName::Empty));
        assert_eq!(Good::new(&format!("{longest}x")), Err(BadName::TooLong(65)));
        assert_eq!(Good::new("sa\nlt"), Err(BadName::Control));
        assert_eq!(Good::new("salt\u{a0}"), Err(BadName::BlankEnd));
    }

    #[test]
    fn a_bad_name_is_refused_on_the_way_in() {
        let bytes = postcard::to_allocvec("salt ").unwrap();
        assert!(postcard::from_bytes::<Good>(&bytes).is_err());
        let bytes = postcard::to_allocvec("salt").unwrap();
        assert_eq!(postcard::from_bytes::<Good>(&bytes), Ok(Good::new("salt").unwrap()));
    }
}
