//! The experiments of the papers, from the same data that `bazaar lab` runs.
//!
//! Two things hold throughout. Where a paper gives the bare round trip of a buy, buyers do not
//! pause. And a buyer of ours that knows of no trader does not ask yet: what an election costs is a
//! figure of its own, and seldom a slow buy.

use anyhow::Context as _;
use machine::NodeId;

use super::samples::Measure;

/// One run, and what is taken from it.
pub(crate) struct Case {
    pub label: String,
    pub preset: String,
    /// Keys that are laid over the preset.
    pub sets: Vec<String>,
    pub ends: Ends,
    pub figures: Vec<Figure>,
}

/// When a run has what it is run for.
#[derive(Clone, Copy)]
pub(crate) enum Ends {
    /// All buyers have made their purchases.
    Purchases,
    /// So many traders were followed by another one.
    Halts(u64),
}

/// What is taken from a run.
pub(crate) struct Figure {
    /// Its column.
    pub name: String,
    pub label: String,
    pub measure: Measure,
    /// The paper's mean, in milliseconds, where it gives one.
    pub paper_ms: Option<f64>,
}

impl Case {
    /// A case of an experiment that runs a market.
    ///
    /// # Errors
    /// The data of the experiment do not say what is needed.
    pub fn of(experiment: &lab::Experiment, case: &lab::Case) -> anyhow::Result<Self> {
        let ends = match case.text("ends")?.as_str() {
            "purchases" => Ends::Purchases,
            "halts" => Ends::Halts(case.count("halts")?.into()),
            other => anyhow::bail!("a run ends with \"purchases\" or \"halts\", not {other}"),
        };
        let columns = experiment.columns.iter().filter(|column| case.fits(&column.only));
        let figures = columns.map(|column| {
            let paper = experiment.reference(case, &column.name);
            Ok(Figure {
                name: column.name.clone(),
                label: column.label.clone(),
                measure: measure(&column.name)
                    .with_context(|| format!("nothing of a run is called {}", column.name))?,
                paper_ms: paper.map(|of| of.value),
            })
        });
        Ok(Self {
            label: case.label.clone(),
            preset: case.text("preset")?,
            sets: case.sets.clone(),
            ends,
            figures: figures.collect::<anyhow::Result<_>>()?,
        })
    }
}

/// What of a run a column shows.
fn measure(column: &str) -> Option<Measure> {
    match column {
        "buy_ms" => Some(Measure::Buys),
        "over_election_ms" => Some(Measure::OverElections),
        "halt_ms" => Some(Measure::Halts),
        of_one => {
            let buyer = of_one.strip_prefix("buy_ms_of_peer_")?;
            Some(Measure::BuysOf(NodeId(buyer.parse().ok()?)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;
    use crate::settings::roles;

    fn cases(id: &str) -> Vec<Case> {
        let experiment = crate::lab::experiment(id).unwrap();
        experiment.cases(false).iter().map(|case| Case::of(&experiment, case).unwrap()).collect()
    }

    /// In figure 1 of the paper of 2024 peer 0 leads, 1, 2 and 4 buy, 3 and 5 sell; its peer k is
    /// our node k + 1.
    #[test]
    fn the_roles_are_those_of_figure_1() {
        for case in cases("transactions") {
            let scenario = Scenario::resolve(&case.preset, None, &case.sets).unwrap();
            let buys: Vec<bool> = roles(&scenario).iter().take(6).map(|role| role.buys).collect();
            assert_eq!(buys, [false, true, true, false, true, false]);
        }
    }
}
