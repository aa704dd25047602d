//! PostgreSQL, with a commit that is durable before its answer, and the same purchase as a function:
//! the first answer of a request id is kept and given again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

use super::server::{Machine, Server, free_port, stay_until};
use super::{Measured, Shape};
use crate::debian::{find, is_root};

/// Where Debian keeps what it does not put into the path.
const PLACES: &[&str] = &["/usr/local/bin", "/usr/lib/postgresql/15/bin"];
/// How many units there are: more than any run can sell.
const STOCK: u64 = 64_000_000;
/// It does not run as root, so root runs it as this one.
const USER: &str = "nobody";

const TABLES: &str = "
    CREATE TABLE stock (good int PRIMARY KEY, units bigint NOT NULL) WITH (fillfactor = 50);
    CREATE TABLE receipts (client int, number bigint, units bigint, PRIMARY KEY (client, number));
    INSERT INTO stock VALUES (1, STOCK);
    CREATE FUNCTION buy(client int, number bigint) RETURNS bigint LANGUAGE plpgsql AS $$
    DECLARE answer bigint;
    BEGIN
        SELECT units INTO answer FROM receipts r WHERE r.client = $1 AND r.number = $2;
        IF FOUND THEN RETURN answer; END IF;
        UPDATE stock SET units = units - 1 WHERE good = 1 AND units >= 1 RETURNING units INTO answer;
        IF NOT FOUND THEN RAISE 'sold out'; END IF;
        INSERT INTO receipts VALUES ($1, $2, answer);
        RETURN answer;
    END $$;";
/// One request of a `pgbench` client. Two draws that are the same are one request made twice.
const BUY: &str = "\\set number random(1, 1000000000000)\nSELECT buy(:client_id, :number);\n";

/// A server of one measurement. `pgbench` keeps one request a connection under way.
///
/// # Errors
/// There is none to be had, or it fails.
pub(super) fn measure(machine: &Machine, shape: Shape, folder: &Path) -> anyhow::Result<Measured> {
    ensure!(shape.in_flight == 1, "pgbench keeps one request a connection under way");
    let programs = Programs::find()?;
    let (port, folder) = (free_port()?.to_string(), folder.join("postgres"));
    fs::create_dir_all(&folder)?;
    let user = is_root()?.then_some(USER);
    if user.is_some() {
        run(Command::new("chown").arg("-R").arg(USER).arg(&folder))?;
    }
    let data = folder.join("data");
    let mut make = machine.command(&programs.initdb, user);
    make.args(["--auth=trust", "--username=bench", "--encoding=UTF8", "--no-sync"]);
    run(make.arg("-D").arg(&data).current_dir(&folder))?;
    let mut command = machine.command(&programs.postgres, user);
    command.arg("-D").arg(&data).args(["-p", &port, "-c", "listen_addresses=127.0.0.1"]);
    command.args(["-c", "unix_socket_directories=", "-c", "synchronous_commit=on"]);
    command.args(["-c", "fsync=on", "-c", "wal_sync_method=fdatasync"]);
    command.args(["-c", "max_connections=600", "-c", "shared_buffers=256MB"]);
    command.current_dir(&folder);
    let mut server = Server::start(command, &folder.join("log"))?;
    let ask = |sql: &str| -> anyhow::Result<String> {
        let mut ask = Command::new(&programs.psql);
        ask.args(["-h", "127.0.0.1", "-p", &port, "-U", "bench", "-d", "postgres"]);
        run(ask.args(["-v", "ON_ERROR_STOP=1", "-q", "-A", "-t", "-c", sql]))
    };
    let ready = stay_until(&mut server, || ask("SELECT 1").map_err(std::io::Error::other))?;
    ensure!(ready.trim() == "1", "the server says {ready}");
    ask(&TABLES.replace("STOCK", &STOCK.to_string()))?;

    let (script, log) = (folder.join("buy.sql"), folder.join("took"));
    fs::write(&script, BUY)?;
    let bench = |seconds: u8| -> anyhow::Result<()> {
        let mut bench = Command::new(&programs.pgbench);
        bench.args(["-h", "127.0.0.1", "-p", &port, "-U", "bench", "-n", "-M", "prepared"]);
        bench.args(["-c", &shape.clients.to_string(), "-j", "1", "-T", &seconds.to_string()]);
        bench.arg("-l").arg("--log-prefix").arg(&log).arg("-f").arg(&script).arg("postgres");
        run(&mut bench).map(drop)
    };
    bench((machine.seconds / 4).max(1))?;
    remove_logs(&folder)?;
    bench(machine.seconds)?;
    let measured = measured(&folder, machine.seconds)?;
    let books = "SELECT (SELECT units FROM stock) + (SELECT count(*) FROM receipts)";
    let sum = ask(books)?;
    ensure!(sum.trim() == STOCK.to_string(), "what is left and the receipts are {sum} units");
    Ok(measured)
}

/// Where the programs are.
struct Programs {
    postgres: PathBuf,
    initdb: PathBuf,
    pgbench: PathBuf,
    psql: PathBuf,
}

impl Programs {
    fn find() -> anyhow::Result<Self> {
        let find = |name| find(name, PLACES).with_context(|| format!("{name} is missing"));
        Ok(Self {
            postgres: find("postgres")?,
            initdb: find("initdb")?,
            pgbench: find("pgbench")?,
            psql: find("psql")?,
        })
    }
}

fn logs(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let files: Result<Vec<PathBuf>, std::io::Error> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect();
    let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
    Ok(files?
        .into_iter()
        .filter(|path| name(path).is_some_and(|n| n.starts_with("took.")))
        .collect())
}

fn remove_logs(folder: &Path) -> anyhow::Result<()> {
    Ok(logs(folder)?.iter().try_for_each(fs::remove_file)?)
}

/// What `pgbench` wrote: a line for each transaction, with its microseconds in the third column.
fn measured(folder: &Path, seconds: u8) -> anyhow::Result<Measured> {
    let mut took_ns = Vec::new();
    for log in logs(folder)? {
        for line in fs::read_to_string(log)?.lines() {
            let us = line.split(' ').nth(2).and_then(|us| us.parse::<u64>().ok());
            took_ns.push(1000 * us.with_context(|| format!("no time in `{line}`"))?);
        }
    }
    Measured::of(took_ns, Duration::from_secs(seconds.into()))
}

/// Runs a command to its end. What it said.
fn run(command: &mut Command) -> anyhow::Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot run {name}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{name}: {}", said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
