//! Numbers as people read them, and fields of CSV.

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

/// A number with its unit.
pub(crate) fn with_unit(value: f64, unit: &str) -> String {
    let number = number(value);
    match unit {
        "" => number,
        "%" => format!("{number} %"),
        unit => format!("{number} {unit}"),
    }
}

/// A text as a field of CSV (RFC 4180).
pub fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// How often one number holds the other, in words: "3.2 times", "0.31 times".
pub(crate) fn times(ratio: f64) -> String {
    format!("{} times", number(ratio))
}

/// Words with commas between them, and an *and* before the last one.
pub(crate) fn list(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}
