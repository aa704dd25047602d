//! Redis, which makes each command durable before its answer, and the same purchase as a script:
//! the first answer of a request id is kept and given again.

use std::path::Path;

use anyhow::{Context as _, ensure};

use super::resp::{Connection, STOCK, Told, generate};
use super::server::{Machine, Server, free_port, stay_until};
use super::{Measured, Shape};
use crate::debian::program;

/// How long a receipt is kept. Ours go when the client has acknowledged them.
const RECEIPT_SECONDS: u32 = 600;

/// What a purchase is. The receipt names the request and the units left, so that no two are alike.
const BUY: &str = "local first = redis.call('GET', KEYS[1]) \
    if first then return first end \
    local left = tonumber(redis.call('GET', KEYS[2])) \
    if left < 1 then return 'sold out' end \
    left = redis.call('DECR', KEYS[2]) \
    local receipt = ARGV[1] .. ':' .. left \
    redis.call('SET', KEYS[1], receipt, 'EX', ARGV[2]) \
    return receipt";

/// A server of one measurement.
///
/// # Errors
/// There is none to be had, or it fails.
pub(super) fn measure(machine: &Machine, shape: Shape, folder: &Path) -> anyhow::Result<Measured> {
    let port = free_port()?;
    let mut command = machine.command(&program("redis-server", "redis-server")?, None);
    let folder = folder.join("redis");
    std::fs::create_dir_all(&folder)?;
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
    command.args(["--appendonly", "yes", "--appendfsync", "always", "--daemonize", "no"]);
    command.arg("--dir").arg(&folder);
    let mut server = Server::start(command, &folder.join("log"))?;
    let mut connection = stay_until(&mut server, || Connection::connect(port))?;
    connection.ask(&["SET", "stock", &STOCK.to_string()])?;
    let script = connection.ask(&["SCRIPT", "LOAD", BUY])?;
    let told = generate(port, &script, &RECEIPT_SECONDS.to_string(), shape, machine.seconds)?;
    let left: u64 = connection.ask(&["GET", "stock"])?.parse().context("the stock is no number")?;
    let Told { bought, measured } = told;
    ensure!(left + bought == STOCK, "{bought} receipts of {STOCK} units, and {left} are left");
    Ok(measured)
}
