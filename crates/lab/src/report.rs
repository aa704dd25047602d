//! The report over the results of experiments: one page, and beside it each plot as PNG and each
//! experiment's figures as CSV.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::LabError;
use crate::case::Case;
use crate::choice::Choice;
use crate::drawing::picture;
use crate::execution::Execution;
use crate::experiment::{Column, Experiment, Form, Host, Plot};
use crate::html::{Page, escaped};
use crate::page_table;
use crate::results::Results;
use crate::says::answers;
use crate::table::Table;
use crate::words::utc;

/// The name of the page.
pub const PAGE: &str = "report.html";

/// What a report is written over.
#[derive(Debug)]
pub struct Report<'a> {
    /// All experiments that there are; those without results are named.
    pub experiments: &'a [Experiment],
    /// The recommendations that are asked for.
    pub choices: &'a [Choice],
    /// What was measured.
    pub results: &'a Results,
    /// The command that makes it again, without the names of experiments.
    pub command: &'a str,
}

impl Report<'_> {
    /// Writes the page, `plots/` and a CSV for each experiment into a directory; says where the page
    /// is.
    ///
    /// # Errors
    /// A file cannot be written, or a plot cannot be drawn.
    pub fn write(&self, directory: &Path) -> Result<PathBuf, LabError> {
        let plots = directory.join("plots");
        fs::create_dir_all(&plots).map_err(LabError::file("make the directory", &plots))?;
        for table in self.tables().values() {
            let place = directory.join(format!("{}.csv", table.experiment.id));
            fs::write(&place, table.csv()).map_err(LabError::file("write", &place))?;
            for (number, plot) in table.experiment.plots.iter().enumerate() {
                let Some(picture) = picture(table, plot) else { continue };
                let place = plots.join(format!("{}-{}.png", table.experiment.id, number + 1));
                fs::write(&place, picture.png()?).map_err(LabError::file("write", &place))?;
            }
        }
        let place = directory.join(PAGE);
        fs::write(&place, self.page()).map_err(LabError::file("write", &place))?;
        Ok(place)
    }

    fn tables(&self) -> BTreeMap<String, Table<'_>> {
        let tables = self.experiments.iter().map(|of| Table::of(of, self.results));
        tables
            .filter(Table::is_measured)
            .map(|table| (table.experiment.id.clone(), table))
            .collect()
    }

    /// The page.
    pub fn page(&self) -> String {
        let tables = self.tables();
        let measured: Vec<&Table<'_>> =
            self.experiments.iter().filter_map(|of| tables.get(&of.id)).collect();
        let mut page = Page::new("bazaar lab: what the experiments found");
        self.front(&mut page, &measured, &tables);
        let mut drawings = 0;
        for choice in self.choices {
            let said = choice.answer(&tables);
            if !said.is_empty() {
                write_choice(&mut page, choice, &said, &tables);
            }
        }
        for table in &measured {
            self.experiment(&mut page, table, &mut drawings);
        }
        self.machine(&mut page);
        page.end()
    }

    fn front(
        &self,
        page: &mut Page,
        measured: &[&Table<'_>],
        tables: &BTreeMap<String, Table<'_>>,
    ) {
        let cells = self.results.done.len();
        let extent = if self.results.is_quick() { "quick" } else { "full" };
        page.element(
            "p",
            "soft",
            &format!(
                "{} experiments, {cells} cells ({extent}). Figures are medians over repetitions; \
                 behind them, and as thin bars in plots, stand the lowest and the highest \
                 repetition. Of samples the median of each repetition counts; their mean, 99th \
                 percentile (p99) and worst are over all of them. What was seen is computed from \
                 the figures. Where the spreads of two figures overlap (the lowest to the highest \
                 repetition), their difference may be noise.",
                measured.len()
            ),
        );
        let violations = self.results.violations();
        if violations.is_empty() {
            page.element("p", "good", "No promise was found broken in any cell that was measured.");
        } else {
            page.element("p", "bad", "Promises were found broken:");
            page.list(&violations);
        }
        let links = measured.iter().map(|table| {
            let Experiment { id, title, .. } = table.experiment;
            format!("<li><a href=\"#{}\">{}</a></li>", escaped(id), escaped(title))
        });
        let answered = self.choices.iter().filter(|of| !of.answer(tables).is_empty());
        let choices = answered.map(|choice| {
            format!("<li><a href=\"#{}\">{}</a></li>", slug(&choice.title), escaped(&choice.title))
        });
        let links: String = choices.chain(links).collect();
        page.raw(&format!("<nav><h3>Contents</h3><ul>{links}</ul></nav>"));
        let missing: Vec<&str> = self
            .experiments
            .iter()
            .filter(|of| !measured.iter().any(|table| table.experiment.id == of.id))
            .map(|of| &*of.id)
            .collect();
        if !missing.is_empty() {
            page.element("p", "soft", &format!("Not measured here: {}.", missing.join(", ")));
        }
    }

    fn experiment(&self, page: &mut Page, table: &Table<'_>, drawings: &mut usize) {
        let experiment = table.experiment;
        page.section(&experiment.id, &experiment.title);
        page.element("p", "question", &experiment.question);
        if !experiment.source.is_empty() {
            page.element("p", "soft", &format!("Asked by: {}", experiment.source));
        }
        let host = match experiment.host {
            Host::Processes => "processes of this machine",
            Host::Simulated => "simulated in virtual time",
        };
        let repetitions = table.rows.iter().map(|row| row.repetitions).max().unwrap_or(0);
        let warm_up = if experiment.warm_up { ", after one that is not counted" } else { "" };
        let missing = table.rows.iter().filter(|row| row.repetitions == 0);
        let missing: Vec<String> = missing.map(|row| row.case.label.clone()).collect();
        let missing = match missing.len() {
            0 => String::new(),
            count => {
                let all = table.rows.len();
                format!(" {count} of {all} cases were not measured: {}.", missing.join("; "))
            }
        };
        page.element(
            "p",
            "soft",
            &format!("Nodes: {host}. Each case ran {repetitions} times{warm_up}.{missing}"),
        );
        let said = answers(table);
        if !said.is_empty() {
            page.element("h3", "", "What was seen");
            page.list(&said);
        }
        for plot in &experiment.plots {
            *drawings += 1;
            self.draw(page, table, plot, *drawings);
        }
        page_table::write(page, table);
        let given = Case::first(experiment, self.results.is_quick());
        let remarks: Vec<String> =
            experiment.remarks.iter().map(|remark| given.fill(remark)).collect();
        page.list(&remarks);
        if table.strangers > 0 {
            page.element(
                "p",
                "soft",
                &format!("{} cells of another definition are left out.", table.strangers),
            );
        }
        page.element("p", "soft", "Make it again:");
        let quick = if self.results.is_quick() { " --quick" } else { "" };
        page.element("pre", "", &format!("{} run {}{quick}", self.command, experiment.id));
    }

    fn draw(&self, page: &mut Page, table: &Table<'_>, plot: &Plot, number: usize) {
        if plot.form == Form::Execution {
            if let Some(execution) = self.execution(table) {
                page.figure(&plot.title, &execution.diagram().svg());
            }
        } else if let Some(picture) = picture(table, plot) {
            page.figure(&plot.title, &with_view_box(&picture.svg(number), &plot.title));
        }
    }

    /// The execution of the first case that was measured, drawn again from its seed.
    fn execution(&self, table: &Table<'_>) -> Option<Execution> {
        let row = table.rows.iter().find(|row| row.repetitions > 0)?;
        let mut done = self.results.done.iter();
        let done = done.find(|done| done.fingerprint == row.case.fingerprint)?;
        let count = |name| row.case.count(name).ok();
        Some(Execution::draw(count("processes")?, count("events")?, done.seed))
    }

    fn machine(&self, page: &mut Page) {
        page.section("machine", "The machine");
        for start in &self.results.starts {
            let rows: Vec<Vec<String>> = [
                ("program".to_owned(), format!("bazaar {}", start.version)),
                ("command".to_owned(), start.command.clone()),
                ("began".to_owned(), utc(start.unix_seconds)),
            ]
            .into_iter()
            .chain(start.machine.iter().cloned())
            .map(|(name, text)| vec![name, text])
            .collect();
            page.table("", &["".to_owned(), "".to_owned()], &rows, &[]);
        }
    }
}

fn slug(title: &str) -> String {
    let letters =
        title.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' });
    letters.collect::<String>().to_lowercase()
}

fn write_choice(
    page: &mut Page,
    choice: &Choice,
    said: &[String],
    tables: &BTreeMap<String, Table<'_>>,
) {
    page.section(&slug(&choice.title), &choice.title);
    page.element("p", "question", &choice.question);
    page.element("p", "soft", &format!("Asked by: {}", choice.source));
    let (advice, found) = said.split_last().map_or((None, said), |(last, rest)| (Some(last), rest));
    if let Some(advice) = advice {
        page.element("p", "advice", advice);
    }
    page.list(found);
    let column = tables
        .get(&choice.experiment)
        .and_then(|table| table.experiment.column(&choice.column))
        .map_or_else(|| choice.column.clone(), Column::heading);
    page.element(
        "p",
        "soft",
        &format!(
            "Compared are medians of: {column}. A difference is sure where the spreads of both do \
             not overlap."
        ),
    );
    if !choice.open.is_empty() {
        page.element("h3", "", "What these figures leave open");
        page.list(&choice.open);
    }
}

/// Lets a drawing of the library shrink with the page, and names it.
pub(crate) fn with_view_box(svg: &str, title: &str) -> String {
    let size = |name: &str| {
        let (_, rest) = svg.split_once(&format!("{name}=\""))?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    let (Some(width), Some(height)) = (size("width"), size("height")) else {
        return svg.to_owned();
    };
    let title = escaped(title);
    let with =
        format!("<svg role=\"img\" aria-label=\"{title}\" viewBox=\"0 0 {width} {height}\" ");
    svg.replacen("<svg ", &with, 1)
}
