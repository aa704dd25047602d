//! Keys that hold a plain value: a number, a word, an address, a duration.

use std::net::IpAddr;
use std::num::NonZeroU64;
use std::time::Duration;

use market::Good;
use market::limits::GOOD_NAME_BYTES_MAX;

use super::duration::DurationText;
use super::setting::{Leaf, Wrong};
use super::tree::{Value, quote};

macro_rules! whole_numbers {
    ($($type:ty),*) => {$(
        impl Leaf for $type {
            fn form() -> String {
                format!("a whole number from 0 to {}", <$type>::MAX)
            }
            fn parse(value: &Value) -> Result<Self, Wrong> {
                match value {
                    Value::Integer(number) => (*number).try_into().map_err(|_| Wrong::Range),
                    _ => Err(Wrong::Kind),
                }
            }
            fn text(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

whole_numbers!(u16, u32, u64);

/// A number of which 0 means that there is none.
impl Leaf for Option<NonZeroU64> {
    fn form() -> String {
        "a whole number, or 0 for none".to_owned()
    }
    fn parse(value: &Value) -> Result<Self, Wrong> {
        u64::parse(value).map(NonZeroU64::new)
    }
    fn text(&self) -> String {
        self.map_or(0, NonZeroU64::get).to_string()
    }
}

impl Leaf for bool {
    fn form() -> String {
        "true or false".to_owned()
    }
    fn parse(value: &Value) -> Result<Self, Wrong> {
        match value {
            Value::Boolean(value) => Ok(*value),
            _ => Err(Wrong::Kind),
        }
    }
    fn text(&self) -> String {
        self.to_string()
    }
}

impl Leaf for String {
    fn form() -> String {
        "text".to_owned()
    }
    fn parse(value: &Value) -> Result<Self, Wrong> {
        match value {
            Value::Text(text) => Ok(text.clone()),
            _ => Err(Wrong::Kind),
        }
    }
    fn text(&self) -> String {
        quote(self)
    }
}

impl Leaf for Good {
    fn form() -> String {
        format!(
            "a name of 1 to {GOOD_NAME_BYTES_MAX} bytes, without control characters, and without \
             blanks at its ends"
        )
    }
    fn parse(value: &Value) -> Result<Self, Wrong> {
        let name = String::parse(value)?;
        Self::new(&name).map_err(|_| Wrong::Because("this is no name of a good".to_owned()))
    }
    fn text(&self) -> String {
        quote(self.as_str())
    }
}

impl Leaf for IpAddr {
    fn form() -> String {
        "an address, such as \"127.0.0.1\"".to_owned()
    }
    fn parse(value: &Value) -> Result<Self, Wrong> {
        let text = String::parse(value)?;
        text.parse().map_err(|_| Wrong::Because("this is no IP address".to_owned()))
    }
    fn text(&self) -> String {
        quote(&self.to_string())
    }
}

impl Leaf for Duration {
    fn form() -> String {
        "a number with its unit, such as \"100ms\" or \"1.5s\"".to_owned()
    }
    fn parse(value: &Value) -> Result<Self, Wrong> {
        let text = match value {
            Value::Integer(number) => number.to_string(),
            _ => String::parse(value)?,
        };
        match text.parse::<DurationText>() {
            Ok(duration) => Ok(duration.0),
            Err(wrong) => Err(Wrong::Because(wrong.to_string())),
        }
    }
    fn text(&self) -> String {
        quote(&DurationText(*self).to_string())
    }
}
