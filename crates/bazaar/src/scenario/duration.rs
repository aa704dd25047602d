//! Durations as text: a number and its unit.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const UNITS: [(&str, u64); 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

const NANOS_PER_SECOND: u64 = 1_000_000_000;
/// A time that is no whole number of milliseconds is written as seconds from one second on, up to
/// here: eleven digits that nobody counts say less.
const SPLIT_BELOW_SECONDS: u128 = 86_400;

/// Most digits behind the point: no unit has more that make a whole number of nanoseconds.
const FRACTION_MAX_DIGITS: usize = 13;

/// A duration that reads and prints as a number and its unit: `10s`, `1.5s`, `200us`.
///
/// The units are h, m, s, ms, us and ns. It prints without loss, in the largest unit of which it
/// is a whole number, or as a fraction of seconds where that would be micro- or nanoseconds and many.
///
/// ```
/// use bazaar::scenario::DurationText;
///
/// let text: DurationText = "1.5s".parse()?;
/// assert_eq!(text.0.as_millis(), 1500);
/// assert_eq!(text.to_string(), "1500ms");
/// # Ok::<(), bazaar::scenario::WrongDuration>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DurationText(pub Duration);

/// Why a text is no duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WrongDuration {
    /// There is no number in front.
    #[error("a duration begins with a number")]
    Number,
    /// There is a number, and no unit behind it.
    #[error("a duration needs a unit: h, m, s, ms, us or ns")]
    NoUnit,
    /// What stands behind the number is no unit.
    #[error("the units of a duration are h, m, s, ms, us and ns")]
    Unit,
    /// A fraction of a nanosecond.
    #[error("a duration is a whole number of nanoseconds")]
    TooFine,
    /// More than 584 years.
    #[error("the duration is too long")]
    TooLong,
}

impl FromStr for DurationText {
    type Err = WrongDuration;

    fn from_str(text: &str) -> Result<Self, WrongDuration> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = (&text[..end], text[end..].trim_start());
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return Err(WrongDuration::Number);
        }
        let nanos_per_unit = match unit {
            "" if number.bytes().all(|digit| digit == b'0') => 1,
            "" => return Err(WrongDuration::NoUnit),
            _ => UNITS.iter().find(|(name, _)| *name == unit).ok_or(WrongDuration::Unit)?.1,
        };
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > FRACTION_MAX_DIGITS {
            return Err(WrongDuration::TooFine);
        }
        let parts = 10_u128.pow(fraction.len() as u32);
        let of_unit = fraction.parse().unwrap_or(0_u128) * u128::from(nanos_per_unit);
        if of_unit % parts != 0 {
            return Err(WrongDuration::TooFine);
        }
        let whole: u64 = whole.parse().map_err(|_| WrongDuration::TooLong)?;
        let nanos = u128::from(whole) * u128::from(nanos_per_unit) + of_unit / parts;
        let nanos = u64::try_from(nanos).map_err(|_| WrongDuration::TooLong)?;
        Ok(Self(Duration::from_nanos(nanos)))
    }
}

impl fmt::Display for DurationText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        if nanos == 0 {
            return f.write_str("0s");
        }
        let whole = |unit: &(&str, u64)| nanos.is_multiple_of(u128::from(unit.1));
        let seconds = nanos / u128::from(NANOS_PER_SECOND);
        if seconds > 0 && !nanos.is_multiple_of(1_000_000) && seconds < SPLIT_BELOW_SECONDS {
            let rest = format!("{:09}", nanos % u128::from(NANOS_PER_SECOND));
            return write!(f, "{seconds}.{}s", rest.trim_end_matches('0'));
        }
        let (unit, nanos_per_unit) = UNITS.into_iter().find(whole).unwrap_or(("ns", 1));
        write!(f, "{}{unit}", nanos / u128::from(nanos_per_unit))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nanos(text: &str) -> Result<u128, WrongDuration> {
        text.parse::<DurationText>().map(|duration| duration.0.as_nanos())
    }

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        assert_eq!(nanos("0"), Ok(0));
        assert_eq!(nanos("0s"), Ok(0));
        assert_eq!(nanos("200us"), Ok(200_000));
        assert_eq!(nanos("1.5s"), Ok(1_500_000_000));
        assert_eq!(nanos("1.50 s"), Ok(1_500_000_000));
        assert_eq!(nanos("0.25h"), Ok(900_000_000_000));
        assert_eq!(nanos("0.0000000000025h"), Ok(9));
        assert_eq!(nanos("2.0ns"), Ok(2));
        for (text, wrong) in [
            ("", WrongDuration::Number),
            ("s", WrongDuration::Number),
            ("-1s", WrongDuration::Number),
            (".5s", WrongDuration::Number),
            ("1.s", WrongDuration::Number),
            ("1.2.3s", WrongDuration::Number),
            ("5", WrongDuration::NoUnit),
            ("5 parsecs", WrongDuration::Unit),
            ("1m30s", WrongDuration::Unit),
            ("0.5ns", WrongDuration::TooFine),
            ("0.00000000000001h", WrongDuration::TooFine),
            ("5124096h", WrongDuration::TooLong),
            ("99999999999999999999s", WrongDuration::TooLong),
        ] {
            assert_eq!(nanos(text), Err(wrong), "{text:?}");
        }
    }

    #[test]
    fn it_prints_in_the_largest_whole_unit() {
        let print = |nanos| DurationText(Duration::from_nanos(nanos)).to_string();
        assert_eq!(print(0), "0s");
        assert_eq!(print(1_500_000_000), "1500ms");
        assert_eq!(print(120_000_000_000), "2m");
        assert_eq!(print(90_000_000_000), "90s");
        assert_eq!(print(5_690_255_200), "5.6902552s");
        assert_eq!(print(690_255_200), "690255200ns");
        assert_eq!(print(u64::MAX), "18446744073709551615ns");
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_as_the_same(nanos: u64) {
            let text = DurationText(Duration::from_nanos(nanos));
            prop_assert_eq!(text.to_string().parse(), Ok(text));
        }

        #[test]
        fn any_text_is_answered(text in "[0-9.]{0,30}[a-z ]{0,3}|.{0,20}") {
            let _ = text.parse::<DurationText>();
        }
    }
}
