//! The project's chores, run as `cargo xtask CHORE`; `cargo xtask help` lists them.

mod debian;
mod peers;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, bail};

const HELP: &str = "\
The project's chores.

Usage: cargo xtask CHORE

  test                Run all tests: those of every crate, and those that plant known bugs.
  verify              Check format, lints and documentation. Changes no file of the project.
  fuzz [--seconds N]  Run each fuzz target for N seconds (60 if not said).
                      Installs cargo-fuzz if it is missing.
  bench journal [--seconds N] [--repetitions N] [--csv] [DIR]
                      The same purchases on the journal and on two embedded stores.
  bench peers [--seconds N] [--repetitions N] [--fsync-delay-us N] [--folder F] [--json]
                      Measure sales beside Redis and PostgreSQL, in turns. Installs Redis if it is
                      missing (Debian, as root); leaves out what it cannot have, and says why.
  help                Print this.

Exit codes: 0 all is well, 1 a check failed or could not run, 2 wrong usage.
";

/// What `test` runs, in this order: all tests, then those that a build with planted bugs has beside
/// them. These leave out examples in documentation, so that a test runner's result is the last line
/// of all.
const TESTS: &[&[&[&str]]] = &[
    &[&["test", "--workspace", "--release"]],
    &[PLANTED, &["market", "--test", "planted"]],
    &[PLANTED, &["houses", "--test", "retry_model"]],
    &[PLANTED, &["sim", "--test", "*planted", "--test", "shrunk"]],
    &[PLANTED, &["bazaar", "--test", "planted*"]],
];

const PLANTED: &[&str] = &["test", "--release", "--features", "planted", "--package"];

/// What `verify` runs, in this order.
const CHECKS: &[&[&str]] = &[
    &["fmt", "--all", "--check"],
    &["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"],
    &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
    &["doc", "--workspace", "--no-deps"],
];

#[derive(Debug, PartialEq)]
enum Chore {
    Test,
    Verify,
    Fuzz { seconds: u32 },
    BenchJournal(Vec<String>),
    BenchPeers(peers::Options),
    Help,
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    let arguments: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
    let done = match parse(&arguments) {
        Ok(Chore::Test) => test(),
        Ok(Chore::Verify) => CHECKS.iter().try_for_each(|arguments| cargo(arguments)),
        Ok(Chore::Fuzz { seconds }) => fuzz(seconds),
        Ok(Chore::BenchJournal(rest)) => {
            let example =
                ["run", "--release", "--package", "store", "--example", "purchases", "--"];
            cargo(&example.into_iter().chain(rest.iter().map(String::as_str)).collect::<Vec<_>>())
        }
        Ok(Chore::BenchPeers(options)) => peers::run(&options),
        Ok(Chore::Help) => {
            print!("{HELP}");
            Ok(())
        }
        Err(problem) => {
            eprintln!("xtask: {problem}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: &[&str]) -> Result<Chore, String> {
    match arguments {
        ["test"] => Ok(Chore::Test),
        ["verify"] => Ok(Chore::Verify),
        ["fuzz"] => Ok(Chore::Fuzz { seconds: 60 }),
        ["fuzz", "--seconds", seconds] => match seconds.parse() {
            // The fuzzer takes 0 for no end.
            Ok(seconds @ 1..) => Ok(Chore::Fuzz { seconds }),
            _ => Err(format!("`{seconds}` is not a whole number of seconds from 1 on")),
        },
        ["bench", "journal", rest @ ..] => {
            Ok(Chore::BenchJournal(rest.iter().map(|&word| word.to_owned()).collect()))
        }
        ["bench", "peers", rest @ ..] => peers::Options::parse(rest).map(Chore::BenchPeers),
        ["help" | "--help" | "-h"] => Ok(Chore::Help),
        [] => Err("say which chore".to_owned()),
        other => Err(format!("`{}` is not a chore", other.join(" "))),
    }
}

/// Installs what tests need beside Rust, and runs them.
fn test() -> anyhow::Result<()> {
    match debian::is_root()? {
        // For the disks on which tests fail the power.
        true => debian::program("mkfs.ext4", "e2fsprogs").map(drop)?,
        false => {
            eprintln!("xtask: not as root: the tests that mount disks of their own are skipped")
        }
    }
    TESTS.iter().try_for_each(|parts| cargo(&parts.concat()))
}

/// Runs every target in `fuzz/fuzz_targets`; the first finding ends it.
fn fuzz(seconds: u32) -> anyhow::Result<()> {
    let version =
        command(&["fuzz", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !version.is_ok_and(|status| status.success()) {
        cargo(&["install", "--locked", "cargo-fuzz"])?;
    }
    let limit = format!("-max_total_time={seconds}");
    for target in fuzz_targets()? {
        cargo(&["fuzz", "run", &target, "--", &limit, "-timeout=10"]).with_context(|| {
            format!("the fuzz target `{target}` found something; see fuzz/artifacts/{target}")
        })?;
    }
    Ok(())
}

fn fuzz_targets() -> anyhow::Result<Vec<String>> {
    let folder = root().join("fuzz/fuzz_targets");
    let list = || -> std::io::Result<Vec<PathBuf>> {
        std::fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect()
    };
    let files = list().with_context(|| format!("cannot list {}", folder.display()))?;
    let sources = files.iter().filter(|file| file.extension() == Some(OsStr::new("rs")));
    let mut targets: Vec<String> =
        sources.filter_map(|file| Some(file.file_stem()?.to_string_lossy().into_owned())).collect();
    targets.sort();
    if targets.is_empty() {
        bail!("there is no fuzz target in {}", folder.display());
    }
    Ok(targets)
}

fn cargo(arguments: &[&str]) -> anyhow::Result<()> {
    let line = format!("cargo {}", arguments.join(" "));
    eprintln!("$ {line}");
    let status = command(arguments).status().with_context(|| format!("cannot run `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed: {status}");
    }
    Ok(())
}

fn command(arguments: &[&str]) -> Command {
    // The cargo that runs this program, of the same toolchain.
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    match arguments {
        ["doc", ..] => {
            command.env("RUSTDOCFLAGS", "-D warnings");
        }
        // Histories of other projects, with known verdicts, for the checker's tests.
        ["test", ..] => {
            let vectors = root().parent().map(|beside| beside.join("shared/vectors"));
            if let Some(vectors) = vectors.filter(|vectors| vectors.is_dir())
                && std::env::var_os("BAZAAR_VECTORS").is_none()
            {
                command.env("BAZAAR_VECTORS", vectors);
            }
        }
        // The fuzzer's instrumentation is behind flags that a stable compiler refuses otherwise.
        ["fuzz", ..] => {
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        _ => {}
    }
    command
}

/// The project's folder.
fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chores_are_understood() {
        assert_eq!(parse(&["test"]), Ok(Chore::Test));
        assert_eq!(parse(&["fuzz"]), Ok(Chore::Fuzz { seconds: 60 }));
        assert_eq!(parse(&["fuzz", "--seconds", "5"]), Ok(Chore::Fuzz { seconds: 5 }));
        assert_eq!(parse(&["--help"]), Ok(Chore::Help));
        let rest = vec!["--csv".to_owned()];
        assert_eq!(parse(&["bench", "journal", "--csv"]), Ok(Chore::BenchJournal(rest)));
    }

    #[test]
    fn wrong_usage_is_told() {
        let told = |arguments: &[&str]| parse(arguments).unwrap_err();
        assert_eq!(told(&[]), "say which chore");
        assert_eq!(told(&["tset"]), "`tset` is not a chore");
        assert_eq!(told(&["test", "now"]), "`test now` is not a chore");
        let wrong = "is not a whole number of seconds from 1 on";
        assert_eq!(told(&["fuzz", "--seconds", "0"]), format!("`0` {wrong}"));
        assert_eq!(told(&["fuzz", "--seconds", "-1"]), format!("`-1` {wrong}"));
    }

    /// A test that only a build with planted bugs has would otherwise never run.
    #[test]
    fn every_test_of_planted_bugs_is_run() {
        let mut found = 0;
        for crates in ["crates", "crates/pure"] {
            for package in std::fs::read_dir(root().join(crates)).unwrap() {
                let package = package.unwrap().path();
                let Ok(tests) = std::fs::read_dir(package.join("tests")) else { continue };
                for test in tests.map(|test| test.unwrap().path()).filter(|test| test.is_file()) {
                    let text = std::fs::read_to_string(&test).unwrap();
                    if text.contains("feature = \"planted\"") {
                        found += 1;
                        let [package, test] = [&package, &test]
                            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned());
                        let runs = |rest: &&[&str]| {
                            let mut named = rest.iter().skip(1).filter(|word| **word != "--test");
                            let fits = |name: &&str| match name.split_once('*') {
                                Some((from, to)) => test.starts_with(from) && test.ends_with(to),
                                None => test == *name,
                            };
                            rest[0] == package && named.any(fits)
                        };
                        let mut lines = TESTS.iter().filter_map(|parts| parts.get(1));
                        assert!(lines.any(runs), "{package}: {test} is not run");
                    }
                }
            }
        }
        assert!(found > 4, "only {found} were found");
    }

    #[test]
    fn every_fuzz_target_is_found() {
        assert!(fuzz_targets().unwrap().contains(&"frames".to_owned()));
    }
}
