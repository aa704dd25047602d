//! A cycle in words.

use super::cycle::Cycle;
use super::graph::{Edge, Kind};
use super::parse::{Names, Transaction};

/// The longest text of a transaction that a sentence shows, in characters.
const SHOWN_CHARACTERS_MAX: usize = 300;

/// As in `G-single: let T1 be …; T1 < T2 because T1 did not see …; yet T2 < T1 because …`.
/// `wrote` is the word for a write, as in `appended`.
pub fn tell(
    cycle: &Cycle,
    transactions: &[Transaction<'_>],
    names: &Names<'_>,
    wrote: &str,
) -> String {
    let of = |node: u32| {
        let at = cycle.edges.iter().position(|(from, _)| *from == node).unwrap_or_default();
        format!("T{}", at + 1)
    };
    let mut text = format!("{}: let", cycle.name);
    for (at, (node, _)) in cycle.edges.iter().enumerate() {
        let operation = transactions[*node as usize].operation;
        let told = operation.answer().unwrap_or(&operation.asked).to_string();
        let mut shown: String = told.chars().take(SHOWN_CHARACTERS_MAX).collect();
        if shown.len() < told.len() {
            shown.push('…');
        }
        let comma = if at == 0 { "" } else { "," };
        text += &format!("{comma} {} be {shown} (line {})", of(*node), operation.invoked + 1);
    }
    let last = cycle.edges.len() - 1;
    for (at, (from, edge)) in cycle.edges.iter().enumerate() {
        let yet = match at {
            0 => ". Then ",
            at if at == last => "; yet ",
            _ => "; ",
        };
        let (one, other) = (of(*from), of(edge.to));
        let first = transactions[*from as usize].operation;
        let second = transactions[edge.to as usize].operation;
        let why = why(edge, &one, &other, names, wrote).unwrap_or_else(|| match edge.kind {
            Kind::Process => format!("process {} did {one} first", first.process),
            _ => format!(
                "{one} had ended at line {} when {other} began at line {}",
                first.ended.unwrap_or_default() + 1,
                second.invoked + 1
            ),
        });
        text += &format!("{yet}{one} < {other} because {why}");
    }
    text + ": a contradiction"
}

/// None for edges of time.
fn why(edge: &Edge, one: &str, other: &str, names: &Names<'_>, wrote: &str) -> Option<String> {
    let (key, after) = (names.name(edge.key), names.name(edge.after));
    let before = edge.before.map(|before| names.name(before));
    let to = if wrote == "appended" { "to" } else { "of" };
    Some(match (edge.kind, before) {
        (Kind::WriteWrite, Some(before)) => {
            format!("{other} {wrote} {after} {to} key {key} after {one} {wrote} {before}")
        }
        (Kind::WriteWrite, None) => format!("{other} {wrote} {after} {to} key {key} later"),
        (Kind::WriteRead, _) => {
            format!("{other} read of key {key} the value {after}, which {one} {wrote}")
        }
        (Kind::ReadWrite, Some(before)) => format!(
            "{one} read key {key} up to {before} and did not see {after}, which {other} {wrote}"
        ),
        (Kind::ReadWrite, None) => {
            format!("{one} read key {key} before anything was there, and {other} {wrote} {after}")
        }
        (Kind::Process | Kind::RealTime, _) => return None,
    })
}
