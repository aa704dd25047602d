//! The engine with a function that only counts, and the report over what it left.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failure here is a failed test")]

use std::cell::{Cell as Counter, RefCell};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use lab::{
    Cell, Choice, Ended, Experiment, FILE, LabError, Measured, PAGE, Report, Results, SAMPLES_MAX,
    Start, Table, Work, compare, run,
};

const TEXT: &str = r#"
    id = "speed"
    title = "Speed & <size>"
    question = "How fast is it?"
    source = "A document, table 1"
    host = "simulated"
    measure = "fake"
    case = "{mode} of {size}"
    remarks = ["With {more} more."]
    [given]
    more = 1
    [quick.given]
    more = 2
    [[factor]]
    name = "size"
    levels = [1, 10, { value = 100, quick = false }]
    [[factor]]
    name = "mode"
    levels = ["plain", "fast"]
    [[column]]
    name = "rate"
    label = "rate"
    unit = "a second"
    [[column]]
    name = "wait"
    label = "wait"
    unit = "ms"
    only = { mode = "plain" }
    [[column]]
    name = "harm"
    label = "harm"
    [[reference]]
    column = "wait"
    case = { size = 10 }
    value = 50
    [[plot]]
    form = "lines"
    title = "Rate"
    x = "size"
    y = "rate"
    series = ["mode"]
    log_x = true
    [[plot]]
    form = "bars"
    title = "Rate, as bars"
    x = "size"
    y = "rate"
    series = ["mode"]
    [[plot]]
    form = "distribution"
    title = "Waits"
    y = "wait"
    [[plot]]
    form = "sequence"
    title = "Waits, one by one"
    y = "wait"
    [[says]]
    kind = "ratio"
    column = "rate"
    factor = "mode"
    of = "fast"
    to = "plain"
    [[says]]
    kind = "beside"
    [[says]]
    kind = "zero"
    column = "harm"
    [[says]]
    kind = "zero"
    column = "harm"
    only = { size = 10, mode = "fast" }
    [[says]]
    kind = "growth"
    column = "rate"
    factor = "size"
"#;

const CHOICE: &str = r#"
    title = "Which one?"
    source = "A document"
    question = "Fast or plain?"
    experiment = "speed"
    factor = "mode"
    baseline = "plain"
    column = "rate"
    [[harm]]
    experiment = "speed"
    column = "harm"
"#;

fn experiment() -> Experiment {
    Experiment::parse(TEXT).unwrap()
}

fn start(quick: bool) -> Start {
    Start {
        quick,
        version: "1".to_owned(),
        command: "lab".to_owned(),
        unix_seconds: 7,
        machine: vec![("cores".to_owned(), "2".to_owned())],
    }
}

/// Fast is ten times as fast as plain; what waits depends on the repetition.
fn measured(cell: &Cell<'_>) -> Measured {
    let size = cell.case.number("size").unwrap();
    let is_fast = cell.case.text("mode").unwrap() == "fast";
    let repetition = f64::from(cell.repetition);
    let rate = size * if is_fast { 1000.0 } else { 100.0 } + repetition;
    let waits = [repetition, repetition + 1.0, repetition + 8.0];
    Measured::default().with("rate", rate).with("harm", 0.0).with_samples("wait", waits)
}

fn run_all(directory: &Path, quick: bool, measure: impl FnMut(&Cell<'_>) -> Measured) -> Ended {
    let (experiments, mut measure) = ([experiment()], measure);
    let work = Work { experiments: &experiments, seed: 40 };
    run(directory, &work, &start(quick), |cell| Ok(measure(cell)), || false, |_| {}).unwrap()
}

#[test]
fn cells_alternate_and_a_torn_line_is_measured_again() {
    let folder = tempfile::tempdir().unwrap();
    let cells = RefCell::new(Vec::new());
    let note = |cell: &Cell<'_>| {
        cells.borrow_mut().push((cell.repetition, cell.case.label.clone(), cell.seed));
        measured(cell)
    };
    run_all(folder.path(), true, note);
    let first = cells.take();
    assert_eq!(first.len(), 4 * 3);
    assert_eq!(first[0], (1, "plain of 1".to_owned(), 40));
    assert_eq!(first[1], (1, "fast of 1".to_owned(), 40));
    assert_eq!(first[4], (2, "plain of 1".to_owned(), 41));

    run_all(folder.path(), true, note);
    assert!(cells.borrow().is_empty(), "all of it is there");

    let place = folder.path().join(FILE);
    let whole = fs::read_to_string(&place).unwrap();
    let last_cell = whole.trim_end().rfind("\n{\"kind\":\"cell\"").unwrap() + 1;
    fs::write(&place, &whole[..last_cell + 60]).unwrap();
    run_all(folder.path(), true, note);
    assert_eq!(cells.take(), [first[11].clone()], "the torn one, and no other");
    assert_eq!(Results::read(folder.path()).unwrap().done.len(), 12);
}

#[test]
fn a_line_that_can_be_read_but_lacks_its_end_counts_as_torn() {
    let folder = tempfile::tempdir().unwrap();
    run_all(folder.path(), true, measured);
    let place = folder.path().join(FILE);
    let whole = fs::read_to_string(&place).unwrap();
    fs::write(&place, whole.trim_end()).unwrap();
    assert_eq!(Results::read(folder.path()).unwrap().done.len(), 11);
    run_all(folder.path(), true, measured);
    assert_eq!(Results::read(folder.path()).unwrap().done.len(), 12);
}

#[test]
fn what_is_no_result_is_told_with_its_place_and_nothing_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    run_all(folder.path(), true, measured);
    let place = folder.path().join(FILE);
    let mut file = OpenOptions::new().append(true).open(&place).unwrap();
    file.write_all(b"nonsense\n{}\n").unwrap();
    let before = fs::read(&place).unwrap();
    let error = Results::read(folder.path()).unwrap_err();
    assert!(matches!(error, LabError::Line { line: 14, .. }), "{error}");
    assert!(error.to_string().contains("nothing was changed"), "{error}");
    assert_eq!(fs::read(&place).unwrap(), before);
}

#[test]
fn quick_and_full_cells_do_not_mix() {
    let folder = tempfile::tempdir().unwrap();
    run_all(folder.path(), true, measured);
    let experiments = [experiment()];
    let work = Work { experiments: &experiments, seed: 1 };
    let ended = run(folder.path(), &work, &start(false), |_| panic!(), || false, |_| {});
    assert!(matches!(ended, Err(LabError::Extent { .. })), "{ended:?}");
}

#[test]
fn what_fails_is_told_and_tried_again_and_a_stop_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let experiments = [experiment()];
    let work = Work { experiments: &experiments, seed: 1 };
    let count = Counter::new(0);
    let failing = |cell: &Cell<'_>| {
        count.set(count.get() + 1);
        if count.get() == 2 { Err("it broke".to_owned()) } else { Ok(measured(cell)) }
    };
    let is_stopped = || count.get() == 5;
    let ended = run(folder.path(), &work, &start(true), failing, is_stopped, |_| {}).unwrap();
    assert_eq!(ended.failures, ["speed, fast of 1: it broke"]);
    assert!(ended.was_stopped);
    assert_eq!(Results::read(folder.path()).unwrap().done.len(), 3, "1, 3 and 4");
    let rest = Counter::new(0);
    run_all(folder.path(), true, |cell| {
        rest.set(rest.get() + 1);
        measured(cell)
    });
    assert_eq!(rest.get(), 9);
}

#[test]
fn medians_and_samples_of_a_case() {
    let folder = tempfile::tempdir().unwrap();
    run_all(folder.path(), true, measured);
    let (experiment, results) = (experiment(), Results::read(folder.path()).unwrap());
    let table = Table::of(&experiment, &results);
    let row = &table.rows[2];
    assert_eq!(row.case.label, "plain of 10");
    let rate = table.figure(row, "rate").unwrap().spread;
    assert_eq!((rate.median, rate.lowest, rate.highest, rate.count), (1002.0, 1001.0, 1003.0, 3));
    let wait = table.figure(row, "wait").unwrap();
    assert_eq!((wait.spread.median, wait.distribution.unwrap().worst), (3.0, 11.0));
    assert_eq!(wait.distribution.unwrap().count, 9);
    assert!(table.figure(&table.rows[3], "wait").is_none(), "only plain cases have it");
    let csv = table.csv();
    assert!(csv.contains("10,plain,wait,ms,3,3,2,4,9,"), "{csv}");
    assert!(csv.lines().any(|line| line.ends_with(",50")), "the document's figure: {csv}");
}

#[test]
fn samples_are_thinned_out_and_what_is_no_number_is_left_out() {
    let many = (0..5 * SAMPLES_MAX).map(|sample| sample as f64);
    let measured = Measured::default().with_samples("a", many).with("b", f64::NAN);
    let lab::Value::Samples(kept) = &measured.values["a"] else { panic!() };
    assert_eq!((kept.len(), kept[1]), (SAMPLES_MAX, 5.0));
    assert!(!measured.values.contains_key("b"));
}

#[test]
fn two_directories_compare() {
    let [one, other] = [0, 1].map(|_| tempfile::tempdir().unwrap());
    run_all(one.path(), true, measured);
    run_all(other.path(), true, |cell| {
        let measured = measured(cell);
        match cell.case.text("mode").unwrap().as_str() {
            "fast" => measured.with("rate", 1.0),
            _ => measured,
        }
    });
    let results = [&one, &other].map(|folder| Results::read(folder.path()).unwrap());
    let compared = compare(&[experiment()], &results[0], &results[1]);
    let of =
        |case: &str| compared.iter().find(|of| of.case == case && of.column == "rate").unwrap();
    assert_eq!((of("plain of 1").ratio, of("plain of 1").overlap), (Some(1.0), true));
    assert_eq!((of("fast of 1").ratio, of("fast of 1").overlap), (Some(1.0 / 1002.0), false));
    let harm = compared.iter().find(|of| of.column == "harm").unwrap();
    assert_eq!(harm.ratio, None, "nothing is a part of 0");
}

#[test]
fn a_report_is_one_page_that_needs_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    run_all(folder.path(), true, measured);
    let (experiments, results) = ([experiment()], Results::read(folder.path()).unwrap());
    let choices: [Choice; 1] = [toml::from_str(CHOICE).unwrap()];
    let report =
        Report { experiments: &experiments, choices: &choices, results: &results, command: "lab" };
    let place = report.write(folder.path()).unwrap();
    assert_eq!(place, folder.path().join(PAGE));
    let page = fs::read_to_string(place).unwrap();
    for word in ["http:", "https:", "<script", "<link", "<img", "@import", "url(http"] {
        assert!(!page.contains(word), "{word}");
    }
    let said = [
        "Speed &amp; &lt;size&gt;",
        "How fast is it?",
        "A document, table 1",
        "1,002 (1,001 to 1,003)",
        "lab run speed --quick",
        "Rate, fast against plain: 9.82 to 9.98 times; the spreads overlap in neither case.",
        "the document gives 50 ms, our mean is 5 ms: the document&#39;s is 10 times ours",
        "Harm: 0 in every repetition of all 4 cases.",
        "Harm (fast; size = 10): 0 in every repetition of the one case.",
        "Rate (plain): 102 a second at size = 1, 1,002 a second at size = 10, about in proportion.",
        "Recommendation: fast. It gives surely more than plain in both cases of",
        "With 2 more.",
        "1970-01-01 00:00 UTC",
        "<svg",
    ];
    for text in said {
        assert!(page.contains(text), "{text}");
    }
    for plot in ["speed-1.png", "speed-4.png"] {
        let png = fs::read(folder.path().join("plots").join(plot)).unwrap();
        assert!(png.starts_with(b"\x89PNG"), "{plot}");
    }
    assert!(folder.path().join("speed.csv").exists());
}

#[test]
fn a_recommendation_says_where_it_loses_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let other = TEXT.replacen("\"speed\"", "\"other\"", 1).replacen("Speed &", "Other", 1);
    let experiments = [experiment(), Experiment::parse(&other).unwrap()];
    let work = Work { experiments: &experiments, seed: 40 };
    // In the other experiment what is fast elsewhere is slow for the smallest size.
    let measure = |cell: &Cell<'_>| {
        let measured = measured(cell);
        let is_slow = cell.experiment.id == "other" && cell.case.label == "fast of 1";
        Ok(if is_slow { measured.with("rate", 1.0) } else { measured })
    };
    run(folder.path(), &work, &start(true), measure, || false, |_| {}).unwrap();
    let results = Results::read(folder.path()).unwrap();
    let tables = experiments.iter().map(|of| (of.id.clone(), Table::of(of, &results))).collect();
    let text = CHOICE.replacen("factor =", "also = [\"other\"]\nfactor =", 1);
    let choice: Choice =
        toml::from_str(&format!("{text}\n[means]\nfast = \"a word for it\"")).unwrap();
    let said = [
        "fast (a word for it): 9.82 to 9.98 times what plain gives; surely more in both cases; no \
         harm was measured.",
        "fast in \"Other <size>\": 0.0098 to 9.98 times what plain gives; surely more in 1 and surely \
         less in 1 of 2 cases.",
        "Recommendation: fast. It gives surely more than plain in both cases of \"Speed & <size>\". \
         But it gives surely less than plain in 1 of 2 cases of \"Other <size>\", all with size = 1.",
    ];
    assert_eq!(choice.answer(&tables), said);
}

#[test]
fn where_several_figures_are_samples_each_has_a_row() {
    let folder = tempfile::tempdir().unwrap();
    let text = TEXT.to_owned() + "[[column]]\nname = \"rest\"\nlabel = \"rest\"\nunit = \"s\"\n";
    let experiments = [Experiment::parse(&text).unwrap()];
    let work = Work { experiments: &experiments, seed: 40 };
    let measure = |cell: &Cell<'_>| Ok(measured(cell).with_samples("rest", [1.0, 2.0, 3.0]));
    run(folder.path(), &work, &start(true), measure, || false, |_| {}).unwrap();
    let results = Results::read(folder.path()).unwrap();
    let report =
        Report { experiments: &experiments, choices: &[], results: &results, command: "lab" };
    let page = report.page();
    let row = "<tr><td>plain of 10</td><td>Wait, ms</td><td class=\"n\">3 (2 to 4)</td>\
               <td class=\"n\">5</td><td class=\"n\">11</td><td class=\"n\">11</td>\
               <td class=\"n\">9</td><td class=\"n\">50</td></tr>";
    assert!(page.contains(row), "{page}");
    assert!(!page.contains("<td>fast of 1</td><td>Wait, ms</td>"), "only plain cases have it");
}

#[test]
fn definitions_that_make_no_sense_are_refused() {
    let wrong = [
        ("x = \"size\"", "x = \"weight\"", "no factor weight"),
        ("y = \"rate\"", "y = \"pace\"", "no column pace"),
        ("host =", "repetitions = 2\nhost =", "3 times at least"),
        ("column = \"harm\"", "column = \"hurt\"", "no column hurt"),
        ("factor = \"mode\"", "factor = \"node\"", "no factor node"),
        ("title = \"Rate\"", "titel = \"Rate\"", "titel"),
    ];
    for (from, to, told) in wrong {
        let error = Experiment::parse(&TEXT.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
}
