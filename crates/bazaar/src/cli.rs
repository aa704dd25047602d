//! The command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::audit::AuditArgs;
use crate::bench::BenchVerb;
use crate::check::CheckArgs;
use crate::exit;
use crate::export::ExportArgs;
use crate::group::member::MemberArgs;
use crate::group::{GroupArgs, preset};
use crate::lab::LabVerb;
use crate::maelstrom::MaelstromArgs;
use crate::node::NodeArgs;
use crate::run::RunArgs;
use crate::scenario::{Scenario, ScenarioError};
use crate::simulate::SimArgs;

/// A fault-tolerant market of isolated processes, and the bench to break and check it.
///
/// Without a command: `bazaar run`, a market of six peers that loses its trader half-way.
#[derive(Debug, Parser)]
#[command(name = "bazaar", version, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 pass, 1 a promise was found broken, 2 wrong usage or \
    configuration, 3 unknown, 4 the program itself failed.")]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Runs a market of isolated processes and judges it
    Run(RunArgs),
    /// Runs simulated markets, seed by seed, and checks their invariants
    Sim(SimArgs),
    /// Judges a run directory, or a bare history, from the files alone
    Check(CheckArgs),
    /// Do the books add up? Reads the journal of a run, which may be going on
    Audit(AuditArgs),
    /// Writes the record of a run in the format of another tool
    Export(ExportArgs),
    /// Plays with a group of processes: multicast, delay, leave, stop, info
    Group(GroupArgs),
    /// Takes figures, each beside what the machine could do at best
    #[command(subcommand)]
    Bench(BenchVerb),
    /// Runs experiments, reports on them, and compares them
    #[command(subcommand)]
    Lab(LabVerb),
    /// Is a node of a test of the Maelstrom workbench, on standard input and output
    Maelstrom(MaelstromArgs),
    /// Shows presets and resolved scenarios
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Runs one process of a run; `bazaar run` starts these
    #[command(hide = true)]
    Node(NodeArgs),
    /// Runs one member of a group; `bazaar group` starts these
    #[command(hide = true)]
    GroupMember(MemberArgs),
}

#[derive(Debug, Subcommand)]
enum ConfigVerb {
    /// Lists the presets
    Presets,
    /// Prints the scenario that the arguments of `run` give, with every key and its comment
    Show(RunArgs),
}

/// Runs the program with the process's own arguments.
pub fn main() -> ExitCode {
    // clap ends the process itself, with 2, if the arguments are wrong.
    let verb = Cli::parse().verb.unwrap_or_else(|| Verb::Run(RunArgs::default()));
    let result = match &verb {
        Verb::Run(args) => crate::run::command(args),
        Verb::Sim(args) => crate::simulate::command(args),
        Verb::Audit(args) => crate::audit::command(args),
        Verb::Check(args) => crate::check::command(args),
        Verb::Export(args) => crate::export::command(args),
        Verb::Bench(verb) => crate::bench::command(verb),
        Verb::Lab(verb) => crate::lab::command(verb),
        Verb::Maelstrom(args) => crate::maelstrom::command(args),
        Verb::Config(verb) => config(verb),
        Verb::Group(args) => crate::group::command(args),
        Verb::GroupMember(args) => crate::group::member::run(args).map(|()| ExitCode::SUCCESS),
        Verb::Node(args) => crate::node::run(args).map(|()| ExitCode::SUCCESS),
    };
    result.unwrap_or_else(|error| {
        if let Some(scenario) = error.downcast_ref::<ScenarioError>() {
            eprintln!("{scenario}");
            return exit::USAGE.into();
        }
        eprintln!("error: {error:#}");
        let unusable = error.downcast_ref::<exit::Unusable>().is_some();
        (if unusable { exit::USAGE } else { exit::FAILED }).into()
    })
}

fn config(verb: &ConfigVerb) -> anyhow::Result<ExitCode> {
    match verb {
        ConfigVerb::Presets => {
            for (name, line) in Scenario::presets() {
                println!("{name:<18} {line}");
            }
            let about = preset::TEXT.lines().next().unwrap_or_default();
            println!("{:<18} {}", crate::group::PRESET, about.trim_start_matches("# "));
        }
        ConfigVerb::Show(args) if args.is_groupcast() => print!("{}", preset::TEXT),
        ConfigVerb::Show(args) => print!("{}", args.resolve()?.to_toml()),
    }
    Ok(ExitCode::SUCCESS)
}
