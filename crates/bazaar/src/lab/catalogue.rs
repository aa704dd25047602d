//! The experiments that are shipped.

use ::lab::{Choice, Experiment};
use anyhow::Context as _;

/// Each experiment's data, in the order of the report.
const TEXTS: &[&str] = &[
    include_str!("../../experiments/houses.toml"),
    include_str!("../../experiments/overselling.toml"),
    include_str!("../../experiments/houses-run.toml"),
    include_str!("../../experiments/sizes.toml"),
    include_str!("../../experiments/trader-loss.toml"),
    include_str!("../../experiments/trader-share.toml"),
    include_str!("../../experiments/lag.toml"),
    include_str!("../../experiments/reelection.toml"),
    include_str!("../../experiments/transactions.toml"),
    include_str!("../../experiments/responses.toml"),
    include_str!("../../experiments/requests.toml"),
    include_str!("../../experiments/slow-peer.toml"),
    include_str!("../../experiments/formula.toml"),
    include_str!("../../experiments/elections.toml"),
    include_str!("../../experiments/election-links.toml"),
    include_str!("../../experiments/orders.toml"),
    include_str!("../../experiments/order-loss.toml"),
    include_str!("../../experiments/multicast.toml"),
    include_str!("../../experiments/stamps.toml"),
    include_str!("../../experiments/failover.toml"),
    include_str!("../../experiments/market-loss.toml"),
    include_str!("../../experiments/market-delay.toml"),
];

/// The recommendations that are asked for.
const CHOICES: &[&str] = &[include_str!("../../experiments/choice-cache.toml")];

/// All experiments.
pub(super) fn experiments() -> anyhow::Result<Vec<Experiment>> {
    TEXTS.iter().map(|text| Ok(Experiment::parse(text)?)).collect()
}

/// All recommendations.
pub(super) fn choices() -> anyhow::Result<Vec<Choice>> {
    let parse = |text: &&str| toml::from_str(text).context("the data of a recommendation");
    CHOICES.iter().map(parse).collect()
}

/// An experiment by its name.
///
/// # Errors
/// There is none of that name.
pub(crate) fn experiment(id: &str) -> anyhow::Result<Experiment> {
    let mut all = experiments()?;
    let names: Vec<String> = all.iter().map(|of| of.id.clone()).collect();
    let place = names.iter().position(|name| name == id).with_context(|| {
        format!("there is no experiment {id}; there are {}; nothing was run", names.join(", "))
    })?;
    Ok(all.swap_remove(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_experiments_make_sense_and_have_names_of_their_own() {
        let all = experiments().unwrap();
        let mut names: Vec<&str> = all.iter().map(|of| &*of.id).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TEXTS.len());
        for of in &all {
            for quick in [true, false] {
                assert!(!of.cases(quick).is_empty(), "{}", of.id);
            }
            let cases = of.cases(false);
            for reference in &of.references {
                let fits = cases.iter().any(|case| case.fits(&reference.case));
                assert!(fits, "{}: a reference fits no case: {reference:?}", of.id);
            }
        }
        for choice in choices().unwrap() {
            let of = experiment(&choice.experiment).unwrap();
            assert!(of.factor(&choice.factor).is_some() && of.column(&choice.column).is_some());
            for id in &choice.also {
                let also = experiment(id).unwrap();
                assert!(also.factor(&choice.factor).is_some(), "{id}");
                assert!(also.column(&choice.column).is_some(), "{id}");
            }
            let levels = of.factor(&choice.factor).unwrap().levels.iter();
            let levels: Vec<String> = levels.map(|level| level.value.to_string()).collect();
            let unknown = choice.means.keys().find(|level| !levels.contains(level));
            assert_eq!(unknown, None, "what is explained must be there");
            for harm in &choice.harms {
                assert!(experiment(&harm.experiment).unwrap().column(&harm.column).is_some());
            }
        }
    }
}
