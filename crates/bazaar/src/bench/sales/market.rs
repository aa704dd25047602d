//! The market that is measured, and the comparison of its books with what the clients were told.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use host::children::Children;
use host::clock::monotonic_ns;
use machine::NodeId;
use market::{Good, Party};

use super::generator::{FIRST_CLIENT, GOOD, STOCK, Task, Told};
use super::{SalesArgs, Shape};
use crate::bench::resolve;
use crate::places;
use crate::run::{Processes, Venue as _, market, nanos};

/// The peer that is appointed trader; the others are there to vote.
const TRADER: NodeId = NodeId(3);
/// How long the market may take to begin, and the clients beyond what they are asked for.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The name of the process that is all the clients.
const GENERATOR: &str = "generator";

/// Runs a market in `folder`, has the clients buy, and compares all books.
///
/// # Errors
/// A process fails, or the books do not agree.
pub(super) fn measure(args: &SalesArgs, shape: Shape, folder: &Path) -> anyhow::Result<Told> {
    let scenario = resolve(&[
        "fault=[]".into(),
        "run.duration=10m".into(),
        format!("run.peers={TRADER}"),
        // A market needs a buyer and a seller of its own; they deal in another good, and hardly.
        "roles.buyers=1".into(),
        "roles.sellers=1".into(),
        "roles.others=bystander".into(),
        "trade.goods=['pepper']".into(),
        "buyer.think={min='50s',max='50s'}".into(),
        "seller.update_probability=0".into(),
        format!("trader.first={TRADER}"),
        "trade.order=arrival".into(),
        "trade.seller_choice=oldest".into(),
        format!("journal.snapshot_every={}", args.snapshot_every),
        format!("journal.handover={}", shape.handover.name()),
        format!("journal.durability={}", shape.durability.name()),
    ])?;
    let directory = folder.join("market");
    std::fs::create_dir_all(&directory)?;
    let mut arguments = vec![format!("--fsync-delay-us={}", args.fsync_delay_us)];
    arguments.extend((!args.record).then(|| "--omit-requests".to_owned()));
    let mut processes = Processes::start_with(&scenario, &directory, &arguments)?;
    let limit_ns = monotonic_ns() + nanos(PATIENCE);
    while processes.progress().trader != Some(TRADER) {
        processes.look(LOOK_EVERY)?;
        ensure!(monotonic_ns() < limit_ns, "nobody trades after {PATIENCE:?}");
    }
    let task = Task {
        address: std::fs::read_to_string(places::address(&directory, TRADER))?,
        cluster: processes.cluster(),
        shape,
        seconds: args.seconds,
        commission_basis_points: scenario.trade.commission_basis_points,
        parent: std::process::id(),
    };
    let told = generate(&task, folder, &mut processes)?;
    processes.end()?;
    compare(&told, &directory)?;
    Ok(told)
}

/// Runs the process that is all the clients.
fn generate(task: &Task, folder: &Path, processes: &mut Processes) -> anyhow::Result<Told> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bench", GENERATOR, &serde_json::to_string(task)?]).stdout(Stdio::piped());
    let errors = folder.join("generator.stderr");
    let mut children = Children::default();
    children.spawn(GENERATOR, command, &errors)?;
    let output = children.take_output(GENERATOR).context("the generator has no output")?;
    let limit_ns = monotonic_ns() + nanos(PATIENCE + 2 * Duration::from_secs(task.seconds.into()));
    loop {
        if let Some((_, status)) = children.ended(Some(LOOK_EVERY))?.first() {
            let said = std::fs::read_to_string(&errors).unwrap_or_default();
            ensure!(status.success(), "the clients gave up ({status}): {}", said.trim());
            return Ok(serde_json::from_reader(output)?);
        }
        processes.look(Duration::ZERO)?;
        if monotonic_ns() > limit_ns {
            bail!("the clients do not come to an end");
        }
    }
}

/// Compares what the clients and the seller were told with what stands in the journal.
fn compare(told: &Told, directory: &Path) -> anyhow::Result<()> {
    let kernel = market(directory)?.market.context("the journal holds no market")?;
    let sold: u64 = told.bought.iter().sum();
    for (place, &bought) in told.bought.iter().enumerate() {
        let party = Party(u64::from(FIRST_CLIENT) + 1 + place as u64);
        let booked = kernel.account(party).bought;
        ensure!(
            booked == bought,
            "client {party} has receipts for {bought} units, and the journal for {booked}"
        );
    }
    let left = kernel.stock(&Good::new(GOOD)?).units;
    ensure!(
        left + sold == STOCK && kernel.totals().units.shipped == sold,
        "{STOCK} units were deposited, {sold} have receipts, and {left} are left"
    );
    let paid = kernel.totals().paid.0;
    ensure!(paid == told.paid, "receipts say {} was paid, and the journal {paid}", told.paid);
    kernel.check_quick().map_err(anyhow::Error::msg)
}
