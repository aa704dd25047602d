//! Who talks to whom in a run: from a scenario to its overlay, and the file in which a run keeps it.
//!
//! The runner makes the overlay once and writes it down; every process reads it there, so that all
//! have the same one, whatever becomes of the file that it came from.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use groupcast::overlay::Overlay;
use machine::{NodeId, Random};

use super::{OverlayForm, Scenario};
use crate::places;

/// The user of the scenario's seed that draws the overlay.
const STREAM: u64 = u64::MAX - 1;
/// How large the file of an overlay may be: twice what the largest overlay takes.
const FILE_MAX_BYTES: u64 = 1 << 20;

/// The overlay that a scenario asks for; none if all talk to all.
///
/// # Errors
/// The scenario names a file that cannot be read, or that does not hold an overlay of its peers.
pub fn of(scenario: &Scenario) -> anyhow::Result<Option<Overlay>> {
    let (first, later) = (scenario.first_peers(), scenario.joiners());
    let mut random = Random::fork(scenario.seed, STREAM);
    Ok(match scenario.overlay.form {
        OverlayForm::Mesh => None,
        OverlayForm::Ring => Some(Overlay::ring(&first)?),
        OverlayForm::Random => Some(Overlay::degree_three_joined_by(&first, &later, &mut random)?),
        OverlayForm::File => {
            let overlay = read_file(Path::new(&scenario.overlay.file))?;
            fits(&overlay, &first, &later)?;
            Some(overlay)
        }
    })
}

/// Whether an overlay is one of these peers, and connects those who are there from the start.
fn fits(
    overlay: &Overlay,
    first: &BTreeSet<NodeId>,
    later: &BTreeSet<NodeId>,
) -> anyhow::Result<()> {
    let (peers, nodes) = (first | later, overlay.nodes().collect());
    if let Some(missing) = peers.difference(&nodes).next() {
        bail!("peer {missing} is not one of its nodes");
    }
    if let Some(unknown) = nodes.difference(&peers).next() {
        bail!("its node {unknown} is no peer of this run");
    }
    let Some(&one) = first.first() else { return Ok(()) };
    let routes = overlay.routes_over(one, |a, b| first.contains(&a) && first.contains(&b));
    let cut_off = first.iter().find(|&&node| node != one && routes.next_hop(node).is_none());
    match cut_off {
        Some(cut_off) => bail!("no way leads from peer {one} to {cut_off} before others join"),
        None => Ok(()),
    }
}

/// The overlay that a scenario asks for, written down in the directory of its run; none if all talk
/// to all.
///
/// # Errors
/// There is no such overlay, or it cannot be written.
pub fn prepare(scenario: &Scenario, directory: &Path) -> anyhow::Result<Option<Overlay>> {
    let overlay = of(scenario).context("cannot make the overlay of the run")?;
    if let Some(overlay) = &overlay {
        let place = places::overlay(directory);
        fs::write(&place, serde_json::to_string(overlay)?)
            .with_context(|| format!("cannot write {}", place.display()))?;
    }
    Ok(overlay)
}

/// The overlay of a run, from its directory; none if all talk to all.
///
/// # Errors
/// The file cannot be read, or holds no overlay.
pub fn read(directory: &Path) -> anyhow::Result<Option<Overlay>> {
    let place = places::overlay(directory);
    if !place.exists() {
        return Ok(None);
    }
    let read = read_file(&place).map(Some);
    read.with_context(|| format!("cannot read the overlay {}", place.display()))
}

fn read_file(place: &Path) -> anyhow::Result<Overlay> {
    let mut text = String::new();
    File::open(place)?.take(FILE_MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_MAX_BYTES {
        bail!("it is larger than {FILE_MAX_BYTES} bytes");
    }
    Ok(serde_json::from_str(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(sets: &[&str]) -> Scenario {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        Scenario::resolve("market", None, &sets).unwrap()
    }

    #[test]
    fn all_processes_of_a_run_have_the_same_overlay() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(prepare(&scenario(&[]), folder.path()).unwrap(), None);
        assert_eq!(read(folder.path()).unwrap(), None);
        let join = "fault=[{at='1s',do='join',who=12}]";
        let scenario = scenario(&["overlay.form=random", "run.peers=10", join]);
        let overlay = of(&scenario).unwrap();
        assert_eq!(overlay, of(&scenario).unwrap());
        assert_eq!(overlay, prepare(&scenario, folder.path()).unwrap());
        assert_eq!(overlay, read(folder.path()).unwrap());
        let overlay = overlay.unwrap();
        assert_eq!(overlay.size(), 11);
        assert!(overlay.nodes().all(|node| overlay.neighbours(node).len() <= 3));
    }

    #[test]
    fn a_file_must_hold_an_overlay_of_the_peers() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("edges.json");
        let form = format!("overlay.file='{}'", place.display());
        let join = "fault=[{at='1s',do='join',who=5}]";
        let scenario = scenario(&["run.peers=4", "overlay.form=file", &form, join]);
        let said = |nodes: &str, edges: &str| {
            let text = format!(r#"{{"kind":"edges","nodes":[{nodes}],"edges":[{edges}]}}"#);
            fs::write(&place, text).unwrap();
            of(&scenario).map_or_else(|error| error.to_string(), |_| "fits".to_owned())
        };
        assert_eq!(said("1,2,3,4,5", "[1,2],[2,3],[3,4],[4,5]"), "fits");
        assert_eq!(said("1,2,3,5", "[1,2],[2,3],[3,5]"), "peer 4 is not one of its nodes");
        let more = said("1,2,3,4,5,6", "[1,2],[2,3],[3,4],[4,5],[5,6]");
        assert_eq!(more, "its node 6 is no peer of this run");
        let cut = said("1,2,3,4,5", "[1,2],[2,3],[4,5],[5,1]");
        assert_eq!(cut, "no way leads from peer 1 to 4 before others join");
        assert!(said("1,2,3,4,5", "[1,2]").starts_with("no way leads from node 1 to node 3"));
        fs::remove_file(&place).unwrap();
        assert!(of(&scenario).is_err());
    }
}
