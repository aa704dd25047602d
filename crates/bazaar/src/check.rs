//! `bazaar check`: the verdict over a run directory, or over a bare history.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use checker::{Budget, Consistency, DEFAULT_BYTES, DEFAULT_SECONDS, Model, Step};
use clap::builder::PossibleValuesParser;
use judge::Judgement;
use serde::Serialize;
use view::Verdict;
use view::lines::{self, Tail};

use crate::exit;
use crate::group::preset;

/// What `bazaar check` is told.
#[derive(Debug, Clone, clap::Args)]
pub struct CheckArgs {
    /// A run directory, or a history of operations (.jsonl)
    pub path: PathBuf,
    /// What a bare history is of; guessed from its operations if not said
    #[arg(long, value_parser = models())]
    pub model: Option<String>,
    /// How the order of transactions must agree with time
    #[arg(long, default_value = Consistency::default().name(), value_parser = consistencies())]
    pub consistency: String,
    /// How long a search may take; when it ran out, the verdict is unknown
    #[arg(long, default_value_t = DEFAULT_SECONDS, value_name = "N")]
    pub budget_seconds: u64,
    /// Prints the verdict as JSON
    #[arg(long)]
    pub json: bool,
}

/// The name of the model of our own histories, which the checker does not know.
const MARKET: &str = "market";

fn models() -> PossibleValuesParser {
    [MARKET].into_iter().chain(Model::ALL.map(Model::name)).collect::<Vec<_>>().into()
}

fn consistencies() -> PossibleValuesParser {
    Consistency::ALL.map(Consistency::name).into()
}

/// What is printed as JSON.
#[derive(Debug, Serialize)]
struct Told {
    /// What a bare history was taken for.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'static str>,
    #[serde(flatten)]
    judgement: Judgement,
}

/// `bazaar check`.
///
/// # Errors
/// The files cannot be read.
pub fn command(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let Told { model, judgement } = judge(args).map_err(exit::Unusable)?;
    if let (Some(model), None, false) = (model, &args.model, args.json) {
        println!("taken for a history of the model {model}");
    }
    let verdict = judgement.verdict;
    if args.json {
        println!("{}", serde_json::to_string(&Told { model, judgement })?);
    } else {
        println!("{verdict}");
        for finding in &judgement.findings {
            println!("  {finding}");
        }
    }
    Ok(match verdict {
        Verdict::Pass => ExitCode::SUCCESS,
        Verdict::Fail => exit::BROKEN.into(),
        Verdict::Unknown => exit::UNKNOWN.into(),
    })
}

fn judge(args: &CheckArgs) -> anyhow::Result<Told> {
    let path = &args.path;
    let mut budget = Budget::new(args.budget_seconds, DEFAULT_BYTES);
    if path.is_dir() {
        anyhow::ensure!(
            args.model.is_none(),
            "--model is for bare histories, not for a run's files"
        );
        if path.join(preset::MESSAGES).exists() {
            let judgement = judge::judge_group(&preset::read(path)?);
            return Ok(Told { model: None, judgement });
        }
        let run = crate::run::read(path)?;
        return Ok(Told { model: None, judgement: judge::judge_within(&run, &mut budget) });
    }
    // A step of a market's history is one of the checker's too, so this reads both.
    let steps: Vec<Step> = lines::read(open(path)?, Tail::Whole, "a step of a history")
        .with_context(|| path.display().to_string())?;
    let model = match &args.model {
        Some(name) => Model::ALL.into_iter().find(|model| model.name() == name),
        None if steps.iter().all(is_of_a_market) => None,
        None => Some(Model::guess(&steps).with_context(|| {
            let of_no_model =
                "its operations are of no model that is known; say which with --model";
            format!("{}: {of_no_model}", path.display())
        })?),
    };
    let judgement = match model {
        None => {
            let history = view::history::read(open(path)?);
            judge::judge_history(&history.with_context(|| path.display().to_string())?)
        }
        Some(model) => {
            let mut consistencies = Consistency::ALL.into_iter();
            let consistency = consistencies.find(|one| one.name() == args.consistency);
            judge::judge_model(model, &steps, consistency.unwrap_or_default(), &mut budget)
                .with_context(|| path.display().to_string())?
        }
    };
    Ok(Told { model: Some(model.map_or(MARKET, Model::name)), judgement })
}

fn is_of_a_market(step: &Step) -> bool {
    matches!(&step.f[..], "deposit" | "buy" | "withdraw" | "look" | "hold" | "claim" | "void")
}

fn open(path: &Path) -> anyhow::Result<BufReader<File>> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    Ok(BufReader::new(file))
}
