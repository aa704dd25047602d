//! What a history may be a history of, and how to tell.

use std::collections::BTreeSet;

use crate::budget::Budget;
use crate::history::{Malformed, Phase, Step, operations};
use crate::invariants::{bank, counter, kafka, set};
use crate::models::{self, mutex::Mutex, register::Register, text::Text};
use crate::transactions::{Consistency, list_append, rw_register};
use crate::verdict::Finding;

/// How many steps are looked at to tell what a history is of.
const LOOKED_AT_MAX: usize = 10_000;

/// The names of operations on logs.
const KAFKA: [&str; 7] =
    ["send", "poll", "txn", "assign", "subscribe", "crash", "debug-topic-partitions"];

/// What a history is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// Registers, by key: `read`, `write`, `cas`. Linearizable.
    CasRegister,
    /// Texts, by key: `get`, `put`, `append`. Linearizable.
    Kv,
    /// A lock: `acquire`, `release`. Linearizable.
    Mutex,
    /// Accounts: `transfer`, and `read` of all balances.
    Bank,
    /// A counter: `add`, `read`.
    Counter,
    /// A set that only grows: `add`, `read`.
    SetFull,
    /// Logs with offsets: `send`, `poll`, `assign`.
    Kafka,
    /// Transactions of `append` and `r`.
    ListAppend,
    /// Transactions of `w` and `r`.
    RwRegister,
}

impl Model {
    /// All models.
    pub const ALL: [Self; 9] = [
        Self::CasRegister,
        Self::Kv,
        Self::Mutex,
        Self::Bank,
        Self::Counter,
        Self::SetFull,
        Self::Kafka,
        Self::ListAppend,
        Self::RwRegister,
    ];

    /// The name by which it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::CasRegister => "cas-register",
            Self::Kv => "kv",
            Self::Mutex => "mutex",
            Self::Bank => "bank",
            Self::Counter => "counter",
            Self::SetFull => "set-full",
            Self::Kafka => "kafka",
            Self::ListAppend => "list-append",
            Self::RwRegister => "rw-register",
        }
    }

    /// What it promises, in words.
    pub fn promise(self, consistency: Consistency) -> &'static str {
        match (self, consistency) {
            (Self::CasRegister, _) => "the registers are linearizable",
            (Self::Kv, _) => "the keys are linearizable",
            (Self::Mutex, _) => "one at a time holds the lock",
            (Self::Bank, _) => "money is conserved",
            (Self::Counter, _) => "readings are within what was added",
            (Self::SetFull, _) => "no element is lost",
            (Self::Kafka, _) => "no message is lost, doubled, skipped or out of order",
            (_, Consistency::Serializable) => "the transactions are serializable",
            (_, Consistency::StrongSessionSerializable) => {
                "the transactions are strong session serializable"
            }
            (_, Consistency::StrictSerializable) => "the transactions are strict serializable",
        }
    }

    /// The model of which these steps are, by the names of their operations and the forms of their
    /// values; none if they are of no model here.
    pub fn guess(steps: &[Step]) -> Option<Self> {
        let mut names = BTreeSet::new();
        let (mut lists, mut maps, mut numbers) = (false, false, false);
        let (mut appends, mut writes) = (false, false);
        for step in steps.iter().filter(|step| step.process.is_u64()).take(LOOKED_AT_MAX) {
            names.insert(step.f.as_str());
            if step.f == "read" && step.phase == Phase::Ok {
                lists |= step.value.is_array();
                maps |= step.value.is_object();
            }
            numbers |= step.f == "add" && step.value.is_number();
            for micro in step.value.as_array().into_iter().flatten() {
                let Some([f, _, value]) = micro.as_array().map(Vec::as_slice) else { continue };
                appends |= f == "append" || (f == "r" && value.is_array());
                writes |= f == "w" || f == "r";
            }
        }
        let only = |known: &[&str]| names.iter().all(|name| known.contains(name));
        match () {
            () if names.is_empty() => None,
            () if only(&["", "txn"]) && appends => Some(Self::ListAppend),
            () if only(&["", "txn"]) && writes => Some(Self::RwRegister),
            () if (names.contains("send") || names.contains("poll")) && only(&KAFKA) => {
                Some(Self::Kafka)
            }
            () if only(&["acquire", "release"]) => Some(Self::Mutex),
            () if only(&["read", "transfer"]) && (names.contains("transfer") || maps) => {
                Some(Self::Bank)
            }
            () if only(&["get", "put", "append"]) => Some(Self::Kv),
            () if only(&["read", "write", "cas"]) => Some(Self::CasRegister),
            () if only(&["add", "read"]) && (lists || !numbers) => Some(Self::SetFull),
            () if only(&["add", "read"]) => Some(Self::Counter),
            () => None,
        }
    }

    /// Judges a history by this model. `consistency` is asked of transactions only.
    ///
    /// # Errors
    /// The steps are no history of this model.
    pub fn judge(
        self,
        steps: &[Step],
        consistency: Consistency,
        budget: &mut Budget,
    ) -> Result<Finding, Malformed> {
        let operations = operations(steps)?;
        match self {
            Self::CasRegister => models::judge(&Register, &operations, budget),
            Self::Kv => models::judge(&Text, &operations, budget),
            Self::Mutex => models::judge(&Mutex, &operations, budget),
            Self::Bank => bank::judge(&operations),
            Self::Counter => counter::judge(&operations),
            Self::SetFull => set::judge(&operations),
            Self::Kafka => kafka::judge(&operations),
            Self::ListAppend => list_append::judge(&operations, consistency),
            Self::RwRegister => rw_register::judge(&operations, consistency),
        }
    }
}

/// Reads the steps of a history from its lines of JSON, as in a file; blank lines are passed over.
///
/// # Errors
/// The first line that is no step.
pub fn steps(text: &str) -> Result<Vec<Step>, serde_json::Error> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(serde_json::from_str).collect::<Result<_, _>>()
}
