//! Two directories of results beside each other.

use serde::Serialize;

use crate::experiment::Experiment;
use crate::results::Results;
use crate::statistics::Spread;
use crate::table::Table;

/// One figure in both.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// Which experiment.
    pub experiment: String,
    /// Which case of it.
    pub case: String,
    /// Which column.
    pub column: String,
    /// Its unit.
    pub unit: String,
    /// In the first directory.
    pub first: Spread,
    /// In the second one.
    pub second: Spread,
    /// How often the second median holds the first one; none if that is 0.
    pub ratio: Option<f64>,
    /// Whether the spreads overlap: then the difference may be nothing but noise.
    pub overlap: bool,
}

/// Everything that was measured in both, case by case.
pub fn compare(experiments: &[Experiment], first: &Results, second: &Results) -> Vec<Compared> {
    let mut compared = Vec::new();
    for experiment in experiments {
        let tables = [first, second].map(|results| Table::of(experiment, results));
        for row in &tables[0].rows {
            let twin = tables[1].rows.iter().find(|of| of.case.settings == row.case.settings);
            let Some(twin) = twin else { continue };
            let pairs = row.figures.iter().zip(&twin.figures).zip(&experiment.columns);
            compared.extend(pairs.filter_map(|((one, other), column)| {
                let (first, second) = (one.as_ref()?.spread, other.as_ref()?.spread);
                let ratio = second.median / first.median;
                Some(Compared {
                    experiment: experiment.id.clone(),
                    case: row.case.label.clone(),
                    column: column.name.clone(),
                    unit: column.unit.clone(),
                    first,
                    second,
                    ratio: ratio.is_finite().then_some(ratio),
                    overlap: first.overlaps(&second),
                })
            }));
        }
    }
    compared
}
