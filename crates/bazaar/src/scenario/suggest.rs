//! Did you mean: the known word nearest to a mistyped one.

/// Longest word that is compared, in characters; no key or name is longer, and it bounds the work.
const WORD_MAX_CHARS: usize = 40;

/// The known word nearest to `word`, if it is near enough for a slip of the fingers: one edit for
/// every three characters, and at least one. An edit is a character added, dropped, changed, or
/// swapped with its neighbour. Of equally near words the first.
///
/// ```
/// use bazaar::scenario::suggest;
///
/// assert_eq!(suggest("peeers", ["duration", "peers"]), Some("peers"));
/// assert_eq!(suggest("bananas", ["duration", "peers"]), None);
/// ```
pub fn suggest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(WORD_MAX_CHARS + 1).collect();
    if word.len() > WORD_MAX_CHARS {
        return None;
    }
    let allowed = (word.len() / 3).max(1);
    known
        .into_iter()
        .map(|known| (edits(&word, &known.chars().collect::<Vec<_>>()), known))
        .filter(|(edits, _)| *edits <= allowed)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, known)| known)
}

/// The optimal string alignment distance.
fn edits(from: &[char], to: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let mut least = (row[j] + usize::from(a != b)).min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                least = least.min(before[j - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_is_an_addition_a_drop_a_change_or_a_swap() {
        let distance = |from: &str, to: &str| {
            edits(&from.chars().collect::<Vec<_>>(), &to.chars().collect::<Vec<_>>())
        };
        for (from, to, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("peers", "peers", 0),
            ("peeers", "peers", 1),
            ("pers", "peers", 1),
            ("pears", "peers", 1),
            ("peres", "peers", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(from, to), expected, "{from} {to}");
            assert_eq!(distance(to, from), expected, "{to} {from}");
        }
    }

    #[test]
    fn only_a_near_word_is_suggested() {
        assert_eq!(suggest("tpc", ["udp", "tcp"]), Some("tcp"));
        assert_eq!(suggest("x", ["tcp"]), None);
        assert_eq!(suggest(&"x".repeat(1_000_000), ["tcp"]), None);
    }
}
