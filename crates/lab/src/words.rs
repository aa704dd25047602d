//! Numbers as people read them, and fields of CSV.

use crate::Spread;

/// A number with three digits that count, and its thousands apart.
///
/// ```
/// let written = [0.0, 0.01234, 1.006, 25.04, 999.7, 12345.6].map(lab::number);
/// assert_eq!(written, ["0", "0.0123", "1.01", "25", "1,000", "12,346"]);
/// ```
pub fn number(number: f64) -> String {
    let size = number.abs();
    let digits = match size {
        0.0 => 0,
        _ if size >= 99.95 => 0,
        _ if size >= 9.995 => 1,
        _ if size >= 0.9995 => 2,
        _ => (2.0 - size.log10().floor()).min(12.0) as usize,
    };
    let text = format!("{number:.digits$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    };
    if size < 999.5 {
        return text;
    }
    let (sign, digits) = text.split_at(usize::from(text.starts_with('-')));
    let mut parts = Vec::new();
    let mut rest = digits;
    while rest.len() > 3 {
        let (before, last) = rest.split_at(rest.len() - 3);
        parts.push(last);
        rest = before;
    }
    parts.push(rest);
    parts.reverse();
    format!("{sign}{}", parts.join(","))
}

/// A text with its unit behind it.
pub(crate) fn with_unit(mut text: String, unit: &str) -> String {
    if !unit.is_empty() {
        text.push(' ');
        text.push_str(unit);
    }
    text
}

/// A median, and how far the figures lie around it where that can be seen.
pub(crate) fn spread(spread: &Spread) -> String {
    let [median, lowest, highest] = [spread.median, spread.lowest, spread.highest].map(number);
    if lowest == highest { median } else { format!("{median} ({lowest} to {highest})") }
}

/// A time of Unix as a date and a time of day, by the calendar of Gregory.
///
/// The days are counted in years that begin in March, so that the day of a leap year stands last.
pub(crate) fn utc(unix_seconds: u64) -> String {
    const DAY: u64 = 86_400;
    let (days, seconds) = (unix_seconds / DAY + 719_468, unix_seconds % DAY);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute) = (seconds / 3_600, seconds % 3_600 / 60);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

/// A text as a field of CSV (RFC 4180).
pub fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// Words with commas between them, and an *and* before the last one.
pub(crate) fn list(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_told_where_it_can_be_seen() {
        let said = |lowest, highest| spread(&Spread { median: 11.2, lowest, highest, count: 3 });
        assert_eq!(said(11.16, 11.24), "11.2", "three digits are the same");
        assert_eq!(said(11.0, 11.24), "11.2 (11 to 11.2)");
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        let known = [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (951_868_800, "2000-03-01 00:00 UTC"),
            (1_795_313_881, "2026-11-22 02:18 UTC"),
            (4_107_542_399, "2100-02-28 23:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
        ];
        for (seconds, said) in known {
            assert_eq!(utc(seconds), said);
        }
    }
}
