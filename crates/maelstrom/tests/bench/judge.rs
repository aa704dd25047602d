//! The verdict over what a bench has seen.

use std::fmt::Write as _;

use checker::{Budget, Consistency, Finding, Model, Phase, Step, Verdict};
use serde_json::json;

use super::Bench;
use super::workload::Kind;

/// What a checker says of a history, if one judges this workload.
pub fn judge(kind: Kind, history: &[Step]) -> Option<Finding> {
    let model = match kind {
        // The bench itself compares each answer.
        Kind::Echo | Kind::UniqueIds => return None,
        Kind::Broadcast => Model::SetFull,
        Kind::GCounter | Kind::PnCounter => Model::Counter,
        Kind::Kafka => Model::Kafka,
        Kind::LinKv => Model::CasRegister,
        Kind::TxnListAppend => Model::ListAppend,
    };
    Some(model.judge(history, Consistency::StrictSerializable, &mut Budget::default()).unwrap())
}

/// What the crate `adya`, a checker by others, says of transactions.
pub fn by_adya(history: &[Step]) -> adya::Valid {
    let history = adya::History::from_json(&text(history)).unwrap();
    let models = vec![Consistency::StrictSerializable.name().into()];
    let options = adya::Opts { models, ..adya::Opts::default() };
    adya::check(&history, adya::Workload::ListAppend, &options).valid
}

/// A history as its lines.
pub fn text(history: &[Step]) -> String {
    let mut text = String::new();
    for (index, step) in history.iter().enumerate() {
        let phase = match step.phase {
            Phase::Invoke => "invoke",
            Phase::Ok => "ok",
            Phase::Fail => "fail",
            Phase::Info => "info",
        };
        let (process, f, value) = (&step.process, &step.f, &step.value);
        let mut line = json!({"index": index, "time": index, "type": phase, "process": process, "f": f, "value": value});
        if !step.key.is_null() {
            line["key"] = step.key.clone();
        }
        writeln!(text, "{line}").unwrap();
    }
    text
}

/// Panics unless all is as the workload promises.
pub fn assert_well(bench: &Bench) {
    let seed = bench.plan.seed;
    let kind = bench.plan.kind;
    assert!(
        bench.violations.is_empty(),
        "{kind:?}, seed {seed}: {:#?}\n{:?}",
        &bench.violations[..bench.violations.len().min(5)],
        bench.counts
    );
    let oks = bench.clients.iter().map(|client| client.oks).min();
    assert!(oks > Some(0), "{kind:?}, seed {seed}: a client was never answered");
    if let Some(finding) = judge(kind, &bench.history) {
        assert_eq!(finding.verdict, Verdict::Pass, "{kind:?}, seed {seed}: {}", finding.evidence);
    }
    if kind == Kind::TxnListAppend {
        assert_eq!(by_adya(&bench.history), adya::Valid::True, "seed {seed}");
    }
}
