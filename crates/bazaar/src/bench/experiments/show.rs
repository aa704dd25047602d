//! An experiment's report: a table for people, and CSV and JSON for programs.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;

use super::samples::{Sample, Statistics};
use super::{ExperimentArgs, Report, Row};

/// What stands for standard output where a file may be named.
const STANDARD_OUTPUT: &str = "-";

pub(super) fn show(report: &Report, args: &ExperimentArgs) -> anyhow::Result<()> {
    let texts = [(&args.csv, csv(&report.rows)), (&args.series, series(report))];
    let wanted = texts.iter().filter_map(|(place, text)| Some((place.as_deref()?, text)));
    let (to_output, to_files): (Vec<_>, Vec<_>) =
        wanted.partition(|(place, _)| *place == Path::new(STANDARD_OUTPUT));
    to_output.iter().for_each(|(_, text)| print!("{text}"));
    if args.json {
        println!("{}", serde_json::to_string(report)?);
    } else if to_output.is_empty() {
        print!("{}", table(report));
    }
    // Last: a run takes long, and a file that cannot be written shall not cost its figures.
    for (place, text) in to_files {
        std::fs::write(place, text).with_context(|| format!("cannot write {}", place.display()))?;
    }
    Ok(())
}

/// A row a figure.
fn csv(rows: &[Row]) -> String {
    let mut text =
        "experiment,case,figure,count,median_ms,mean_ms,p99_ms,worst_ms,paper_ms\n".to_owned();
    for row in rows {
        let ours = match row.ours {
            Some(Statistics { count, median_ms, mean_ms, p99_ms, worst_ms }) => {
                format!("{count},{median_ms:.6},{mean_ms:.6},{p99_ms:.6},{worst_ms:.6}")
            }
            None => "0,,,,".to_owned(),
        };
        let paper = row.paper_ms.map(|ms| ms.to_string()).unwrap_or_default();
        let (case, figure) = (field(&row.case), field(&row.figure));
        let _ = writeln!(text, "{},{case},{figure},{ours},{paper}", row.experiment);
    }
    text
}

/// A row a buy or a halt.
fn series(report: &Report) -> String {
    let mut text =
        "experiment,case,kind,node,number,began_ms,paused_ms,took_ms,takeovers\n".to_owned();
    for (case, sample) in &report.series {
        let Sample { kind, node, number, takeovers, .. } = sample;
        let [began, paused, took] =
            [sample.began_ns, sample.paused_ns, sample.took_ns].map(|nanos| nanos as f64 / 1e6);
        let (experiment, case, kind) = (&report.experiment, field(case), kind.name());
        let _ = writeln!(
            text,
            "{experiment},{case},{kind},{node},{number},{began:.6},{paused:.6},{took:.6},{takeovers}"
        );
    }
    text
}

/// A text as a field of CSV (RFC 4180).
fn field(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn table(report: &Report) -> String {
    let width = |pick: fn(&Row) -> &str, head: &str| {
        report.rows.iter().map(|row| pick(row).len()).max().unwrap_or(0).max(head.len())
    };
    let (cases, figures) = (width(|row| &row.case, "case"), width(|row| &row.figure, "figure"));
    let mut text = format!(
        "{}; paper: {}\n{:<cases$}  {:<figures$}{:>7}{:>12}{:>10}{:>10}{:>10}{:>13}\n",
        report.experiment,
        report.paper,
        "case",
        "figure",
        "count",
        "median ms",
        "mean",
        "p99",
        "worst",
        "paper's mean"
    );
    for row in &report.rows {
        let _ = write!(text, "{:<cases$}  {:<figures$}", row.case, row.figure);
        let _ = match row.ours {
            Some(Statistics { count, median_ms, mean_ms, p99_ms, worst_ms }) => write!(
                text,
                "{count:>7}{median_ms:>12.3}{mean_ms:>10.3}{p99_ms:>10.3}{worst_ms:>10.3}"
            ),
            None => write!(text, "{:>7}{:>12}{:>10}{:>10}{:>10}", 0, "-", "-", "-", "-"),
        };
        let paper = row.paper_ms.map_or_else(|| "-".to_owned(), |ms| ms.to_string());
        let _ = writeln!(text, "{paper:>13}");
    }
    for remark in &report.remarks {
        let _ = writeln!(text, "{remark}");
    }
    let _ = writeln!(text, "verdict over all runs: {}", report.verdict);
    for violation in &report.violations {
        let _ = writeln!(text, "  {violation}");
    }
    text
}

#[cfg(test)]
mod tests {
    use view::Verdict;

    use super::*;

    #[test]
    fn what_did_not_happen_has_empty_fields_and_commas_are_quoted() {
        let row = Row {
            experiment: "requests".to_owned(),
            case: "one, \"two\"".to_owned(),
            figure: "buy".to_owned(),
            ours: None,
            paper_ms: Some(12.2),
        };
        let text = csv(std::slice::from_ref(&row));
        assert_eq!(text.lines().nth(1), Some("requests,\"one, \"\"two\"\"\",buy,0,,,,,12.2"));
        let report = Report {
            experiment: "requests".to_owned(),
            paper: "a paper".to_owned(),
            rows: vec![row],
            remarks: Vec::new(),
            verdict: Verdict::Pass,
            violations: Vec::new(),
            series: Vec::new(),
        };
        assert!(table(&report).contains('-'));
    }
}
