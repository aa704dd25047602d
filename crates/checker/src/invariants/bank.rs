//! A bank: money moves between accounts, and every reading of all accounts must add up to the same
//! total, with no account below zero.
//!
//! What it does not see: money that went to the wrong account, or a transfer that had no effect.

use serde_json::Value;

use crate::history::{End, Malformed, Operation};
use crate::verdict::Finding;

const EXPECTED: &str =
    "an operation of a bank: `transfer`, or `read` with the balance of each account";

/// Judges a bank.
///
/// # Errors
/// Some operation is not of a bank.
pub fn judge(operations: &[Operation]) -> Result<Finding, Malformed> {
    let mut total: Option<(i128, usize)> = None;
    let mut reads = 0;
    for operation in operations {
        let line = operation.ended.unwrap_or(operation.invoked) + 1;
        let wrong = || Malformed::NotOfTheModel { line, expected: EXPECTED };
        let balances = match (operation.f.as_str(), &operation.end) {
            ("read", End::Ok(Value::Object(balances))) => balances,
            ("read", End::Fail | End::Info) | ("transfer", _) => continue,
            _ => return Err(wrong()),
        };
        reads += 1;
        let mut sum: i128 = 0;
        for (account, balance) in balances {
            let balance = balance.as_i64().ok_or_else(wrong)?;
            if balance < 0 {
                return Ok(Finding::fail(format!(
                    "account {account} had {balance} at line {line}, below zero"
                )));
            }
            sum = sum.saturating_add(balance.into());
        }
        let (before, first) = *total.get_or_insert((sum, line));
        if sum != before {
            return Ok(Finding::fail(format!(
                "all accounts had {before} together at line {first}, but {sum} at line {line}"
            )));
        }
    }
    Ok(match total {
        None => Finding::idle("nobody read the accounts"),
        Some((total, _)) => Finding::pass(format!("readings: {reads}, each of {total} in all")),
    })
}
