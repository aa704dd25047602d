//! `bazaar maelstrom`: a node of a Maelstrom test, on standard input and output.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use groupcast::group::{Delivery, Order};
use maelstrom::Settings;

/// The arguments of `bazaar maelstrom`.
#[derive(Debug, Clone, clap::Args)]
pub struct MaelstromArgs {
    /// Which total order: sequencer or lamport
    #[arg(long, default_value_t = Order::Sequencer, value_parser = total_order)]
    order: Order,
    /// When a message may be delivered: safe or agreed (which is not linearizable in a partition)
    #[arg(long, default_value_t = Delivery::Safe, value_parser = crate::group::parse_delivery)]
    delivery: Delivery,
}

fn total_order(text: &str) -> Result<Order, String> {
    let order = crate::group::parse_order(text)?;
    order.is_total().then_some(order).ok_or_else(|| {
        format!("{order} is no total order, which replicas need: sequencer or lamport")
    })
}

/// Serves until the input ends.
///
/// # Errors
/// The input or output fails, or the node cannot go on.
pub fn command(args: &MaelstromArgs) -> anyhow::Result<ExitCode> {
    // A later life has a higher number, as long as the clock is not set back.
    let life = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let settings = Settings {
        order: args.order,
        delivery: args.delivery,
        life: u64::try_from(life).unwrap_or(u64::MAX),
        seed: host::entropy::seed().context("cannot draw a seed; nothing was done")?,
    };
    let (input, output, log) = (std::io::stdin(), std::io::stdout().lock(), std::io::stderr());
    maelstrom::run(settings, input, output, log)?;
    Ok(ExitCode::SUCCESS)
}
