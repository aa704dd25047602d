//! Fault plans as files: what a seed draws is written, read, and is the same world; what does not
//! fit is told with its place; a world that was saved is compared with itself.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

use std::path::Path;
use std::process::{Command, Output};

use bazaar::scenario::{Compared, PlanText, SavedWorld};
use sim::{Kind, Options};

fn kinds() -> [Kind; 3] {
    [
        Kind::Market(Options::default()),
        Kind::Group(sim::group::Options::default()),
        Kind::Houses(sim::houses::Options::default()),
    ]
}

#[test]
fn a_drawn_plan_that_was_written_and_read_is_the_same_world_to_the_byte() {
    for kind in kinds() {
        for seed in 0..4 {
            let plan = kind.plan(seed);
            let text = PlanText::of(&plan, &kind).to_toml("a plan");
            let read = PlanText::from_text("plan", &text, &kind, kind.nodes(seed)).unwrap();
            assert_eq!(read, plan, "{text}");
            let (drawn, played) = (kind.play(seed, None, true), kind.play(seed, Some(&read), true));
            assert!(drawn.trace.lines().count() > 1_000, "seed {seed} left a trace");
            assert!(drawn.trace == played.trace, "seed {seed} of {kind:?} gave two traces");
        }
    }
}

#[test]
fn every_drawn_plan_is_read_as_it_was_written() {
    for kind in kinds() {
        for seed in 0..300 {
            let plan = kind.plan(seed);
            let text = PlanText::of(&plan, &kind).to_toml("a plan");
            let read = PlanText::from_text("plan", &text, &kind, kind.nodes(seed)).unwrap();
            assert_eq!(read, plan, "seed {seed}: {text}");
        }
    }
}

#[test]
fn what_does_not_fit_is_told_with_its_place_and_how_to_mend_it() {
    let [market, group, _] = kinds();
    let told = |kind: &Kind, text: &str| {
        PlanText::from_text("plan.toml", text, kind, 7).unwrap_err().to_string()
    };
    for (kind, fault, wrong) in [
        (&market, r#"at = "5s", do = "kil", who = 3"#, "give \"kill\", \"pause\""),
        (&market, r#"at = "5s", do = "kill""#, "fault[0].who: somebody must be struck by it"),
        (&market, r#"at = "5s", do = "kill", who = "coordinator""#, "give \"trader\""),
        (&market, r#"at = "5s", do = "kill", who = 10"#, "there is no node 10 in this world"),
        (
            &market,
            r#"at = "5s", do = "cut-in-change""#,
            "no world of this kind knows cut-in-change",
        ),
        (&group, r#"at = "5s", do = "slow-disk""#, "no world of this kind knows slow-disk"),
        (&group, r#"at = "5s", do = "kill", who = 7"#, "give 0 to 6"),
        (&market, r#"at = "5s", do = "drop", who = 1, chance = 0.1"#, "leave it out"),
        (&market, r#"at = "5s", do = "drop""#, "give chance = 0.1"),
        (&market, r#"at = "5s", do = "delay", who = 1"#, "give by = \"20ms\""),
        (&market, r#"at = "5s", do = "delay", who = 1, by = "2m""#, "give 1m at most"),
        (&market, r#"at = "5s", do = "kill", who = 1, by = "2s""#, "only delay has this"),
        (&market, r#"at = "9h", do = "kill", who = 1"#, "give 1h at most"),
        (&market, r#"at = "5s", do = "partition", who = [1, 2], to = 3"#, "give its number"),
        (&market, r#"at = "5s", do = "kill", whom = 1"#, "did you mean fault[0].who?"),
    ] {
        let text = told(kind, &format!("fault = [\n    {{ {fault} }},\n]\n"));
        assert!(text.contains(wrong), "{fault}: {text}");
        assert!(text.starts_with("plan.toml:2:"), "{text}");
        assert!(text.ends_with("nothing was started"), "{text}");
    }
    let text = told(&market, "nodes = 1\nfaults_end = \"2h\"\nfault = []\n");
    assert!(text.contains("give 3 to 7") && text.contains("give 1h at most"), "{text}");
}

#[test]
fn a_plan_by_hand_is_done_as_it_says() {
    let kind = Kind::Market(Options::default());
    let text = r#"
        calm_links = true
        faults_end = "12s"
        [[fault]]
        at = "5s"
        do = "kill"
        who = "trader"
        for = "2s"
        [[fault]]
        at = "8s"
        do = "partition"
        who = [1, 2]
        one_way = true
        for = "500ms"
        [[fault]]
        at = "9s"
        do = "partition"
        who = 3
        to = 4
    "#;
    let plan = PlanText::from_text("plan", text, &kind, 10).unwrap();
    let played = kind.play(5, Some(&plan), true);
    assert_eq!(played.violation, None);
    let kinds: Vec<&str> = played.faults.keys().copied().collect();
    assert_eq!(kinds, ["broken link", "crash and restart", "one-way partition"]);
    let came = |what: &str| {
        let line = played.trace.lines().find(|line| line.contains(what));
        let line = line.unwrap_or_else(|| panic!("{what} is not in the trace"));
        line.trim().split(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert_eq!(came("fault begins: Crash("), 5.0);
    assert_eq!(came("fault ends: Crash("), 7.0);
    assert_eq!(came("fault ends: OneWay({1, 2})"), 8.5);
    // When all faults end: at the last thing that happened before.
    assert_eq!(came("fault ends: Link("), came("all faults end"));
    assert!((11.5..=12.0).contains(&came("all faults end")));
}

#[test]
fn a_plan_without_most_nodes_names_who_is_there() {
    let kind = Kind::Group(sim::group::Options::default());
    let seed = (0..100).find(|seed| kind.nodes(*seed) >= 5).unwrap();
    let text = "nodes = 3\nfault = [{ at = \"5s\", do = \"kill\", who = 4 }]";
    let wrong = PlanText::from_text("plan", text, &kind, kind.nodes(seed)).unwrap_err().to_string();
    assert!(wrong.contains("there is no node 4") && wrong.contains("give 0 to 2"), "{wrong}");
    let plan = PlanText::from_text("plan", "nodes = 3\nfault = []", &kind, 7).unwrap();
    let played = kind.play(seed, Some(&plan), true);
    assert_eq!(played.violation, None);
    assert!(!played.trace.contains("  3 starts") && played.trace.contains("  2 starts"));
}

fn bazaar(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_bazaar")).args(arguments).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap())
}

#[test]
fn a_saved_world_is_the_same_or_differs_at_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("world.toml");
    let path = file.to_str().unwrap();
    let (code, text) = bazaar(&["sim", "replay", "4", "--world", "group", "--save", path]);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = bazaar(&["sim", "load", path]);
    assert!(code == Some(0) && text.contains("the trace is the same, line by line"), "{text}");

    // Another fault, and what a build does otherwise: all goes the same way until it comes.
    let saved = SavedWorld::read(&file).unwrap();
    let kind = Kind::Group(sim::group::Options::default());
    let mut plan = kind.plan(4);
    let last = plan.faults.pop().unwrap();
    let played = kind.play(4, Some(&plan), true);
    let Compared::Differs { line } = saved.compare(&played) else { panic!("they differ") };
    let at = |line: &str| line.trim().split(' ').next().unwrap().parse::<f64>().unwrap();
    let before = kind.play(4, None, true);
    let first = before.trace.lines().zip(played.trace.lines()).position(|(a, b)| a != b).unwrap();
    // A byte is the same by chance once in 256 times.
    assert!((first + 1..first + 3).contains(&line), "line {line}, and it is {}", first + 1);
    let since = before.trace.lines().nth(first).map(at).unwrap();
    assert!(since >= last.at.as_nanos() as f64 / 1e9 - 1e-6, "{since} s");

    let written = std::fs::read_to_string(&file).unwrap();
    let told = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let (code, text) = bazaar(&["sim", "load", path]);
        (code, text)
    };
    let (code, text) = told(&written.replace("format = 1", "format = 2"));
    assert!(code == Some(2) && text.contains("play it with the program that saved it"), "{text}");
    let (code, text) = told(&written.replace("--world group", "--world grape"));
    assert!(code == Some(2) && text.contains("this program cannot play its world"), "{text}");
    let (code, text) = told(&written.replace("lines = [", "lines = [\n    \"00\","));
    assert!(code == Some(3) && text.contains("the trace differs from line 1 on"), "{text}");
}

#[test]
fn faults_are_listed_played_from_a_file_and_there_is_nothing_to_shrink_in_a_sound_world() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plan.toml");
    let path = file.to_str().unwrap();
    let (code, text) = bazaar(&["sim", "faults", "3", "--world", "houses"]);
    assert!(code == Some(0) && text.starts_with("# What goes wrong in seed 3."), "{text}");
    std::fs::write(&file, &text).unwrap();
    let traced = |more: &[&str]| {
        let replay = ["sim", "replay", "3", "--world", "houses", "--trace"];
        bazaar(&[&replay, more].concat()).1
    };
    assert!(traced(&[]) == traced(&["--faults", path]), "the same world");
    let sweep = ["sim", "--world", "houses", "--seeds", "0..4", "--faults", path];
    let (code, text) = bazaar(&sweep);
    assert!(code == Some(0) && text.contains("4 worlds"), "{text}");
    let (code, text) = bazaar(&["sim", "shrink", "3", "--world", "houses"]);
    assert!(code == Some(0) && text.contains("there is nothing to shrink"), "{text}");
    let missing = Path::new(path).with_extension("none");
    let (code, text) = bazaar(&["sim", "--faults", missing.to_str().unwrap()]);
    assert!(code == Some(2) && text.contains("as bazaar sim faults prints"), "{text}");
}
