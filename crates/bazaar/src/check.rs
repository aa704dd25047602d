//! `bazaar check`: the verdict over a run directory, or over a bare history.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use judge::Judgement;
use view::Verdict;

use crate::exit;

/// What `bazaar check` is told.
#[derive(Debug, Clone, clap::Args)]
pub struct CheckArgs {
    /// A run directory, or a history of operations (.jsonl)
    pub path: PathBuf,
    /// Prints the verdict as JSON
    #[arg(long)]
    pub json: bool,
}

/// `bazaar check`.
///
/// # Errors
/// The files cannot be read.
pub fn command(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let judgement = judge(&args.path).map_err(exit::Unusable)?;
    if args.json {
        println!("{}", serde_json::to_string(&judgement)?);
    } else {
        println!("{}", judgement.verdict);
        for finding in &judgement.findings {
            println!("  {finding}");
        }
    }
    Ok(match judgement.verdict {
        Verdict::Pass => ExitCode::SUCCESS,
        Verdict::Fail => exit::BROKEN.into(),
        Verdict::Unknown => exit::UNKNOWN.into(),
    })
}

fn judge(path: &std::path::Path) -> anyhow::Result<Judgement> {
    if path.is_dir() {
        return Ok(judge::judge(&crate::run::read(path)?));
    }
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let history = view::history::read(BufReader::new(file));
    let history = history.with_context(|| path.display().to_string())?;
    Ok(judge::judge_history(&history))
}
