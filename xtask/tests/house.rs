//! The rules of the house that no compiler holds: who may depend on whom, and what no file may
//! contain.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Who depends on whom, in normal and build dependencies. Arrows point down only: a crate may name
/// crates that stand on lines below its own.
const EDGES: &[(&str, &[&str])] = &[
    ("xtask", &[]),
    (
        "bazaar",
        &[
            "lab",
            "judge",
            "checker",
            "exports",
            "view",
            "sim",
            "maelstrom",
            "host",
            "store",
            "houses",
            "peer",
            "market",
            "groupcast",
            "wire",
            "machine",
        ],
    ),
    ("lab", &["view", "market", "clocks", "machine"]),
    ("judge", &["view", "checker", "market", "groupcast", "clocks", "machine"]),
    ("exports", &["view", "market", "machine"]),
    ("view", &["peer", "market", "groupcast", "machine"]),
    ("sim", &["houses", "peer", "market", "groupcast", "wire", "machine", "clocks"]),
    ("groupcast-tokio", &["host", "store", "groupcast", "machine"]),
    // Of the host it uses the clock alone: its links are standard input and output.
    ("maelstrom", &["host", "wire", "groupcast", "machine"]),
    ("host", &["store", "wire", "machine"]),
    ("store", &["machine"]),
    ("checker", &[]),
    ("houses", &["peer", "market", "groupcast", "machine"]),
    ("peer", &["market", "groupcast", "clocks", "machine"]),
    ("market", &["clocks"]),
    ("groupcast", &["machine"]),
    ("wire", &["machine"]),
    ("clocks", &["machine"]),
    ("machine", &[]),
];

/// Who needs whom for tests only.
const DEV_EDGES: &[(&str, &[&str])] = &[
    ("bazaar", &["clocks"]),
    ("maelstrom", &["checker"]),
    ("view", &["clocks"]),
    ("market", &["machine"]),
    ("groupcast", &["wire"]),
    ("store", &["market", "wire"]),
];

/// The crates without clocks, sockets, files and threads of their own. They live under
/// `crates/pure`, whose `clippy.toml` bans these.
const PURE: &[&str] = &["clocks", "groupcast", "houses", "machine", "market", "peer", "wire"];

/// What a pure crate may use of others' crates.
const PURE_MAY_USE: &[&str] = &[
    "bytes",
    "crc32fast",
    "foca",
    "postcard",
    "rand_core",
    "rand_pcg",
    "serde",
    "smol_str",
    "thiserror",
];

/// A file beyond this holds more than one idea.
const LINES_MAX: usize = 400;

/// What no file of the project may contain (split, so that this one does not).
const FORBIDDEN: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("/wo", "rk/")];

type Edges = BTreeSet<(String, String)>;

struct Package {
    name: String,
    folder: PathBuf,
    dependencies: Vec<Dependency>,
}

struct Dependency {
    name: String,
    internal: bool,
    dev: bool,
}

#[test]
fn arrows_point_down_only() {
    let lines: Vec<&str> = EDGES.iter().map(|(from, _)| *from).collect();
    for (line, (from, to)) in EDGES.iter().enumerate() {
        for to in *to {
            assert!(
                lines[line + 1..].contains(to),
                "{from} may not depend on {to}: it does not stand on a line below"
            );
        }
    }
    let names: BTreeSet<_> = packages().into_iter().map(|package| package.name).collect();
    let listed: BTreeSet<_> = lines.into_iter().map(str::to_owned).collect();
    assert_eq!(names, listed, "each crate of the workspace needs its line in EDGES");
}

#[test]
fn crates_depend_on_each_other_as_listed() {
    assert_edges("EDGES", EDGES, false);
    assert_edges("DEV_EDGES", DEV_EDGES, true);
}

fn assert_edges(table: &str, listed: &[(&str, &[&str])], dev: bool) {
    let listed: Edges = listed
        .iter()
        .flat_map(|(from, to)| to.iter().map(|to| ((*from).to_owned(), (*to).to_owned())))
        .collect();
    let mut found = Edges::new();
    for package in packages() {
        let internal = package.dependencies.into_iter().filter(|edge| edge.internal);
        let names = internal.filter(|edge| edge.dev == dev).map(|edge| edge.name);
        found.extend(names.map(|name| (package.name.clone(), name)));
    }
    let mut problems = Vec::new();
    for (from, to) in found.difference(&listed) {
        problems.push(format!("{from} depends on {to}, which {table} does not list"));
    }
    for (from, to) in listed.difference(&found) {
        problems.push(format!("{table} lists {from} -> {to}, which no longer exists: strike it"));
    }
    assert_none(&problems);
}

#[test]
fn pure_crates_stay_pure() {
    let folder = root().join("crates/pure");
    let mut problems = Vec::new();
    let mut found = BTreeSet::new();
    for package in packages().iter().filter(|package| package.folder.starts_with(&folder)) {
        let name = &package.name;
        found.insert(name.clone());
        for used in package.dependencies.iter().filter(|used| !used.dev) {
            let allowed = if used.internal { PURE } else { PURE_MAY_USE };
            if !allowed.contains(&used.name.as_str()) {
                problems.push(format!("{name} is pure and may not use {}", used.name));
            }
        }
        for nearer in ["clippy.toml", ".clippy.toml"] {
            if package.folder.join(nearer).exists() {
                problems.push(format!("{name} has a {nearer} that hides the one of crates/pure"));
            }
        }
    }
    let pure: BTreeSet<_> = PURE.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(found, pure, "the crates under crates/pure are not those listed as PURE");
    assert_none(&problems);
}

/// The one crate that allows unsafe code, and the one file of it; the file says what for.
const UNSAFE: (&str, &str) = ("store", "crates/store/src/writeback.rs");

#[test]
fn every_crate_has_the_lints_of_the_workspace() {
    let workspace = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(workspace.contains("\nunsafe_code = \"forbid\"\n"), "the workspace forbids unsafe");
    let problems: Vec<_> = packages()
        .iter()
        .filter(|package| {
            let manifest = std::fs::read_to_string(package.folder.join("Cargo.toml")).unwrap();
            if package.name == UNSAFE.0 {
                let lints = workspace.split("[workspace.lints.").skip(1);
                let lines =
                    lints.flat_map(|lints| lints.split("\n\n").next().unwrap().lines().skip(1));
                let lines = lines.filter(|line| !line.starts_with('#'));
                let mut lines = lines.map(|line| line.replace("forbid", "deny"));
                return !lines.all(|line| manifest.lines().any(|other| other == line));
            }
            !manifest.contains("\n[lints]\nworkspace = true\n")
        })
        .map(|package| format!("{} does not have the lints of the workspace", package.name))
        .collect();
    assert_none(&problems);
}

#[test]
fn one_file_alone_has_unsafe_code() {
    let allowance = concat!("allow(", "unsafe_code");
    let allows = texts().into_iter().filter(|(_, text)| text.contains(allowance));
    let files: Vec<String> = allows.map(|(path, _)| path.display().to_string()).collect();
    assert_eq!(files, [UNSAFE.1]);
}

#[test]
fn no_source_file_is_too_long() {
    let mut problems = Vec::new();
    for (path, text) in texts() {
        let source = path.starts_with("xtask") || path.components().any(|c| c.as_os_str() == "src");
        let lines = text.lines().count();
        if source && path.extension().is_some_and(|end| end == "rs") && lines > LINES_MAX {
            problems.push(format!("{} has {lines} lines, above {LINES_MAX}", path.display()));
        }
    }
    assert_none(&problems);
}

#[test]
fn no_file_contains_what_is_forbidden() {
    let mut problems = Vec::new();
    for (path, text) in texts() {
        for (index, line) in text.lines().enumerate() {
            for word in FORBIDDEN.iter().filter(|word| line.contains(**word)) {
                problems.push(format!("{}:{}: contains {word}", path.display(), index + 1));
            }
        }
    }
    assert_none(&problems);
}

fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo metadata: {errors}");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().iter().map(package).collect()
}

fn package(value: &Value) -> Package {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let dependencies = value["dependencies"].as_array().unwrap().iter();
    Package {
        name: text(&value["name"]),
        folder: Path::new(&text(&value["manifest_path"])).parent().unwrap().to_owned(),
        dependencies: dependencies
            .map(|edge| Dependency {
                name: text(&edge["name"]),
                internal: edge.get("path").is_some_and(Value::is_string),
                dev: edge["kind"] == "dev",
            })
            .collect(),
    }
}

/// All text files of the project that git does not ignore, by their path from the root.
fn texts() -> BTreeMap<PathBuf, String> {
    let ignored = std::fs::read_to_string(root().join(".gitignore")).unwrap();
    let ignored = ignored.lines().chain(["/.git"]);
    let skipped: Vec<_> = ignored.map(|line| root().join(line.trim_matches('/'))).collect();
    let (mut texts, mut folders) = (BTreeMap::new(), vec![root()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if skipped.contains(&path) || path.is_symlink() {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                texts.insert(path.strip_prefix(root()).unwrap().to_owned(), text);
            }
        }
    }
    assert!(texts.contains_key(Path::new("Cargo.toml")), "the project's own files are found");
    texts
}
