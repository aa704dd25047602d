//! From the layers of a scenario to one tree: reads them, finds the preset, lays one over another.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::preset;
use super::problem::{Problem, Problems, ScenarioError};
use super::tree::{self, Node, Place, Source, Value};

/// Largest scenario file, in bytes: a hundred times what one with every key and comment needs is
/// a file of something else.
pub(super) const FILE_MAX_BYTES: u64 = 1 << 19;

/// Ranks of the layers.
const RANK_BASE: u8 = 0;
const RANK_PRESET: u8 = 1;
const RANK_FILE: u8 = 2;
const RANK_SET: u8 = 3;

/// Reads a scenario file.
pub(super) fn read_file(path: &Path) -> Result<Place, ScenarioError> {
    let mend = "give the path of a scenario file, or a preset by --preset";
    read_text(path, ("scenario", mend), FILE_MAX_BYTES)
}

/// Reads a file of the kind that is named, with how to mend it if it cannot be.
pub(super) fn read_text(
    path: &Path,
    (kind, mend): (&str, &str),
    most_bytes: u64,
) -> Result<Place, ScenarioError> {
    let name = path.display().to_string();
    let problem = |reason: String, mend: &str| Problem {
        place: Some(file(name.clone(), String::new())),
        key: String::new(),
        value: None,
        reason,
        mend: mend.to_owned(),
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(most_bytes + 1).read_to_end(&mut bytes))
        .map_err(|error| problem(format!("the {kind} cannot be read: {error}"), mend))?;
    if bytes.len() as u64 > most_bytes {
        let reason = format!("the file is larger than {most_bytes} bytes");
        return Err(problem(reason, &format!("give a {kind}, which is far smaller")).into());
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(file(name, text)),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let reason = format!("the file is not UTF-8 text, from byte {at} on");
            Err(problem(reason, "save it as UTF-8").into())
        }
    }
}

/// The beginning of a scenario file.
pub(super) fn file(name: String, text: String) -> Place {
    Place::start(Source { rank: RANK_FILE, name, text })
}

/// Lays all layers over one another. The last one that names a preset says which.
pub(super) fn merge(
    preset: &str,
    file: Option<Place>,
    sets: &[String],
) -> Result<Node, ScenarioError> {
    let option = |name: &str, rank| {
        Place::start(Source { rank, name: name.to_owned(), text: String::new() })
    };
    let mut problems = Problems::default();
    let mut over = Vec::new();
    over.extend(file.and_then(|start| problems.keep(tree::parse(&start))));
    let set = option("--set", RANK_SET);
    over.extend(sets.iter().filter_map(|text| problems.keep(tree::parse_set(&set, text))));
    problems.finish(Some(()))?;

    let argument = Value::Text(preset.to_owned());
    let place = option("--preset", RANK_PRESET);
    let argument = Node { key: place.clone(), place, value: argument };
    let named = over.iter().rev().find_map(|layer| layer.get("preset")).unwrap_or(&argument);
    let mut tree = find(preset::BASE, RANK_BASE, named)?;
    // A preset that is no text is reported when the tree is read.
    if let Value::Text(name) = &named.value
        && name != preset::BASE
    {
        tree.overlay(find(name, RANK_PRESET, named)?);
    }
    over.into_iter().for_each(|layer| tree.overlay(layer));
    Ok(tree)
}

fn find(name: &str, rank: u8, named: &Node) -> Result<Node, ScenarioError> {
    let start = preset::find(name, rank).map_err(|mend| Problem {
        place: Some(named.place.clone()),
        key: "preset".to_owned(),
        value: Some(named.value.shown()),
        reason: "there is no such preset".to_owned(),
        mend,
    })?;
    Ok(tree::parse(&start)?)
}
