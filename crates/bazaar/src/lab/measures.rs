//! What runs a cell: the function that an experiment names.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ::lab::{Cell, Execution, Measured};
use anyhow::bail;

use super::{command, market, simulated};

/// All functions that run cells, and where they may write meanwhile.
pub(super) struct Measures {
    folder: PathBuf,
    stop: Arc<AtomicBool>,
}

impl Measures {
    pub(super) fn new(folder: &Path, stop: Arc<AtomicBool>) -> Self {
        Self { folder: folder.to_owned(), stop }
    }

    /// Runs a cell.
    ///
    /// # Errors
    /// The experiment names no such function, its data do not say what that needs, or it fails.
    pub(super) fn measure(&mut self, cell: &Cell<'_>) -> anyhow::Result<Measured> {
        match &*cell.experiment.measure {
            "market" => market::measure(cell, &self.folder),
            "command" => command::measure(cell, &self.folder, &self.stop),
            "election" => simulated::election(cell),
            "false_alarm" => simulated::false_alarm(cell),
            "orders" => simulated::orders(cell),
            "houses_world" => simulated::houses(cell),
            "execution" => {
                let count = |name| cell.case.count(name);
                let drawn = Execution::draw(count("processes")?, count("events")?, cell.seed);
                let stamps = drawn.stamps();
                Ok(Measured::default()
                    .with("pairs", stamps.pairs as f64)
                    .with("ordered", stamps.ordered as f64)
                    .with("concurrent", stamps.concurrent as f64)
                    .with("lamport_ordered", stamps.concurrent_in_lamport_order as f64)
                    .with("wrong", stamps.wrong as f64))
            }
            other => bail!("there is no measure {other}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use ::lab::Host;

    use super::*;
    use crate::lab::catalogue::experiments;

    /// Each experiment's first simulated quick case gives every column that it says it has.
    #[test]
    fn the_first_case_of_each_simulated_experiment_gives_its_columns() {
        let folder = tempfile::tempdir().unwrap();
        let mut measures = Measures::new(folder.path(), Arc::default());
        let mut measured = 0;
        for experiment in &experiments().unwrap() {
            // What runs this program would run the program of the tests.
            if experiment.host != Host::Simulated || experiment.measure == "command" {
                continue;
            }
            let cases = experiment.cases(true);
            let cell = Cell { experiment, case: &cases[0], repetition: 1, seed: 1 };
            let found = measures.measure(&cell).unwrap();
            for column in experiment.columns.iter().filter(|of| cases[0].fits(&of.only)) {
                let has = found.values.contains_key(&column.name);
                assert!(has, "{} gives no {}", experiment.id, column.name);
            }
            measured += 1;
        }
        assert!(measured >= 8);
    }
}
