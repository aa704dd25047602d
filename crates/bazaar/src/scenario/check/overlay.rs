//! Whether the overlay of a scenario can be had.

use super::{Checker, Problem, Scenario};
use crate::scenario::OverlayForm;
use crate::scenario::overlay;
use crate::scenario::setting::Leaf as _;

/// Whether the file of an overlay holds one.
pub(in crate::scenario) fn overlay_file(scenario: &Scenario) -> Result<(), Problem> {
    let wrong = |error: anyhow::Error| Problem {
        place: None,
        key: "overlay.file".to_owned(),
        value: Some(scenario.overlay.file.text()),
        reason: format!("this is no overlay of the peers: {error:#}"),
        mend: "give a file with all peers, those that join included, and their edges".to_owned(),
    };
    overlay::of(scenario).map(|_| ()).map_err(wrong)
}

impl Checker<'_> {
    pub(super) fn overlay(&mut self, scenario: &Scenario) {
        let keys = ["overlay.form", "overlay.file"];
        let overlay = &scenario.overlay;
        match (overlay.form, overlay.file.is_empty()) {
            (OverlayForm::File, true) => {
                self.blame(&keys, "no file is named", "give overlay.file, or another form")
            }
            (OverlayForm::File, false) | (_, true) => {}
            (_, false) => self.blame(
                &keys,
                "this form comes from no file",
                "give overlay.form = \"file\", or leave the file empty",
            ),
        }
        if overlay.form == OverlayForm::Ring && !scenario.joiners().is_empty() {
            self.blame(
                &["overlay.form", "fault"],
                "a ring has no place for a peer that may join",
                "give overlay.form = \"random\", or no fault that joins",
            );
        }
    }
}
