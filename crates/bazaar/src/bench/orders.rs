//! `bazaar bench orders`: the orders of multicast beside each other as the group grows, simulated.
//!
//! What a multicast costs in messages and in delays of a link is the protocol's own, so it is taken
//! where nothing else plays a part: on links that take a fixed time. What a machine makes of it is
//! for `bazaar bench multicast`.

use std::process::ExitCode;

use groupcast::group::{Delivery, Order};
use serde_json::json;
use sim::orders::{Row, measure};

/// The largest group that is measured: Lamport's order sends the square of it a message.
const MEMBERS_MAX: u32 = 100;

/// What `bazaar bench orders` is told.
#[derive(Debug, Clone, clap::Args)]
pub struct OrdersArgs {
    /// Sizes of the group, 3 to 100
    #[arg(long, value_delimiter = ',', default_value = "3,5,10,20,50",
        value_parser = clap::value_parser!(u32).range(3..=i64::from(MEMBERS_MAX)))]
    members: Vec<u32>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// `bazaar bench orders`.
///
/// # Errors
/// A group lost a message.
pub(super) fn command(args: &OrdersArgs) -> anyhow::Result<ExitCode> {
    let mut rows = Vec::new();
    for &members in &args.members {
        for order in Order::ALL {
            for delivery in Delivery::ALL {
                rows.push(measure(order, delivery, members).map_err(anyhow::Error::msg)?);
            }
        }
    }
    if args.json {
        let rows: Vec<_> = rows.iter().map(to_json).collect();
        println!("{}", serde_json::to_string_pretty(&rows)?);
    } else {
        print!("{}", table(&rows));
    }
    Ok(ExitCode::SUCCESS)
}

fn to_json(row: &Row) -> serde_json::Value {
    let load = |load: &sim::orders::Load| {
        json!({
            "messages": load.messages,
            "messages_at_busiest": load.messages_at_busiest,
            "own_delays": load.own_delays,
            "others_delays": load.others_delays,
        })
    };
    json!({
        "order": row.order,
        "delivery": row.delivery,
        "members": row.members,
        "quiet": load(&row.quiet),
        "busy": load(&row.busy),
        "crash": { "gap_delays": row.crash.gap_delays, "messages": row.crash.messages },
    })
}

fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "messages for one multicast, in all and at the busiest member; latency and gap in delays of a link\n\
         \n\
         members order     delivery |  quiet busiest  own others |   busy busiest  own others | crash gap messages\n",
    );
    for row in rows {
        let (quiet, busy, crash) = (&row.quiet, &row.busy, &row.crash);
        text += &format!(
            "{:>7} {:<9} {:<8} | {:>6.1} {:>7.1} {:>4.1} {:>6.1} | {:>6.1} {:>7.1} {:>4.1} {:>6.1} | {:>9.1} {:>8}\n",
            row.members,
            row.order,
            row.delivery,
            quiet.messages,
            quiet.messages_at_busiest,
            quiet.own_delays,
            quiet.others_delays,
            busy.messages,
            busy.messages_at_busiest,
            busy.own_delays,
            busy.others_delays,
            crash.gap_delays,
            crash.messages,
        );
    }
    text
}
