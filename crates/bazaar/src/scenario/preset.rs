//! The scenarios that come with the program.

use super::suggest::suggest;
use super::tree::{Place, Source};

/// Holds every key; all other layers are laid over it.
pub(super) const BASE: &str = "market";

const PRESETS: [(&str, &str); 5] = [
    (BASE, include_str!("../../presets/market.toml")),
    ("asterix", include_str!("../../presets/asterix.toml")),
    ("trading-post", include_str!("../../presets/trading-post.toml")),
    ("trading-houses", include_str!("../../presets/trading-houses.toml")),
    ("trading-post-udp", include_str!("../../presets/trading-post-udp.toml")),
];

/// The name of every preset, and what it is, in a line.
pub(super) fn all() -> Vec<(&'static str, &'static str)> {
    let about = |text: &'static str| text.lines().next().unwrap_or_default();
    PRESETS.iter().map(|(name, text)| (*name, about(text).trim_start_matches("# "))).collect()
}

/// The beginning of a preset's text; without one, what to say about the name.
pub(super) fn find(name: &str, rank: u8) -> Result<Place, String> {
    match PRESETS.iter().find(|(known, _)| *known == name) {
        Some((name, text)) => {
            let name = format!("preset {name}");
            Ok(Place::start(Source { rank, name, text: (*text).to_owned() }))
        }
        None => {
            let names = PRESETS.map(|(name, _)| name);
            Err(match suggest(name, names) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("give {}", either(&names)),
            })
        }
    }
}

/// `a, b or c`.
fn either(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
