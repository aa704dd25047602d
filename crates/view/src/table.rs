//! The summary of a run as a table for people, 80 columns wide at most.

use std::fmt::Write as _;

use crate::Cause;
use crate::summary::Summary;

/// Longer lists are cut here; all of it stands in `summary.json`.
const ROWS_MAX: usize = 20;

const WIDTH: usize = 80;

impl Summary {
    /// The summary as an aligned table, 80 columns wide at most.
    pub fn table(&self) -> String {
        let Self { preset, seed, seconds, buys, goods, money, latency_us: latency, .. } = self;
        let verdict = self.verdict.to_string().to_uppercase();
        let mut text = wrapped(&format!("{preset}, seed {seed}, {seconds} s: {verdict}"));
        let mut group = |name: &str, cells: &[(&str, u64)]| {
            text.push('\n');
            row(&mut text, name, cells.iter().map(|(head, _)| (*head).to_owned()));
            row(&mut text, "", cells.iter().map(|(_, number)| count(*number)));
        };
        group(
            "buys",
            &[
                ("asked", buys.asked),
                ("sold", buys.sold),
                ("refused", buys.refused),
                ("unanswered", buys.unanswered),
            ],
        );
        group(
            "goods",
            &[
                ("deposited", goods.deposited),
                ("shipped", goods.shipped),
                ("left", goods.left),
                ("per second", goods.per_second.round() as u64),
                ("oversold", goods.oversold),
                ("undersold", goods.undersold),
            ],
        );
        group(
            "money",
            &[("paid", money.paid), ("earned", money.earned), ("commission", money.commission)],
        );
        group(
            "latency",
            &[
                ("p50 us", latency.p50),
                ("p90 us", latency.p90),
                ("p99 us", latency.p99),
                ("max us", latency.max),
            ],
        );
        self.elections_table(&mut text);
        self.violations_list(&mut text);
        text
    }

    fn elections_table(&self, text: &mut String) {
        text.push('\n');
        let heads = ["epoch", "leader", "cause", "ms", "messages"];
        row(text, "elections", heads.map(str::to_owned));
        for election in self.elections.iter().take(ROWS_MAX) {
            let cells = [
                count(election.epoch),
                election.leader.to_string(),
                cause(election.cause).to_owned(),
                format!("{:.1}", election.ms),
                count(election.messages),
            ];
            row(text, "", cells);
        }
        more(text, self.elections.len());
    }

    fn violations_list(&self, text: &mut String) {
        if !self.violations.is_empty() {
            text.push_str("\nviolations\n");
        }
        for violation in self.violations.iter().take(ROWS_MAX) {
            text.push_str(&wrapped(violation));
        }
        more(text, self.violations.len());
    }
}

/// One line: a name, then up to six columns.
fn row(text: &mut String, name: &str, cells: impl IntoIterator<Item = String>) {
    let mut line = format!("{name:<9}");
    for cell in cells {
        line.push_str(&format!(" {cell:>10}"));
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

fn more(text: &mut String, rows: usize) {
    if let Some(cut @ 1..) = rows.checked_sub(ROWS_MAX) {
        let _ = writeln!(text, "and {cut} more");
    }
}

/// The number, or its size where it is too long for a column.
fn count(number: u64) -> String {
    if number < 10_000_000_000 { number.to_string() } else { format!("{:.3e}", number as f64) }
}

fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Start => "start",
        Cause::Resign => "resign",
        Cause::Crash => "crash",
        Cause::Hang => "hang",
        Cause::Lost => "lost",
    }
}

/// Lines of whole words; a word that is longer than a line is cut.
fn wrapped(sentence: &str) -> String {
    let (mut text, mut used) = (String::new(), 0);
    for word in sentence.split_whitespace() {
        let length = word.chars().count().min(WIDTH);
        if used > 0 {
            let fits = used + 1 + length <= WIDTH;
            text.push(if fits { ' ' } else { '\n' });
            used = if fits { used + 1 } else { 0 };
        }
        text.extend(word.chars().take(WIDTH));
        used += length;
    }
    text.push('\n');
    text
}
