//! `bazaar sim --world houses`: trading houses, seed by seed.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use sim::Kind;
use sim::houses::{Options, Totals, run_seeds};

use super::{SweepArgs, coverage, explain, no_violation, progress, threads};
use crate::exit;

/// Runs the worlds of all seeds.
pub fn command(args: &SweepArgs, kind: &Kind, options: &Options) -> ExitCode {
    let (threads, began) = (threads(args), Instant::now());
    let (totals, failure) = run_seeds(args.seeds(), threads, options, progress(args));
    print!("{}", describe(&totals, began.elapsed().as_secs_f64(), threads));
    print!("{}", coverage::describe(kind, &totals.coverage));
    let Some(outcome) = failure else {
        return no_violation(&args.seeds(), totals.worlds);
    };
    print!("{}", explain(args, outcome.seed, &outcome.trace, outcome.violation.as_ref()));
    exit::BROKEN.into()
}

fn describe(totals: &Totals, seconds: f64, threads: usize) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{} worlds in {seconds:.1} s on {threads} threads: {:.1} seeds a second",
        totals.worlds,
        totals.worlds as f64 / seconds.max(1e-9)
    );
    let contents = &totals.contents;
    let least = totals.virtual_time_min.unwrap_or_default().as_secs();
    let lines = [
        (totals.virtual_time.as_secs(), format!("virtual seconds (at least {least} a world)")),
        (totals.leases, "worlds whose traders sell from loans".into()),
        (totals.hiring, "worlds in which traders are hired".into()),
        (
            contents.buys(),
            format!(
                "buys answered, and carts filled (at least {} a world)",
                totals.buys_min.unwrap_or(0)
            ),
        ),
        (contents.sold, "sales".into()),
        (contents.refused, "refusals".into()),
        (contents.not_known, "answers that it is not known".into()),
        (contents.denied, "denials by traders' counts".into()),
        (contents.promised, "promises by a ledger".into()),
        (contents.taken_back, "promises taken back".into()),
        (contents.in_doubt, "requests whose client never learns".into()),
        (contents.deposits, "deposits".into()),
        (contents.terms, "terms".into()),
        (contents.loans, "loans".into()),
        (contents.rises, "times more traders were wanted".into()),
        (contents.falls, "times fewer were wanted".into()),
        (totals.messages[0], "messages delivered".into()),
        (totals.messages[1], "messages lost".into()),
        (totals.messages[2], "messages doubled".into()),
    ];
    let lines: Vec<(u64, String)> = lines.into();
    for (count, what) in lines {
        let _ = writeln!(text, "  {count:>12} {what}");
    }
    for (kind, count) in &totals.faults {
        let _ = writeln!(text, "  {count:>12} faults: {kind}");
    }
    text
}
