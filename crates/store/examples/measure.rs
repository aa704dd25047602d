//! What the journal costs on this disk: `cargo run --release -p store --example measure [DIR]`.
//!
//! Times are medians and 99th percentiles in microseconds. A growing file, written to and synced
//! in the same way without zeros ahead, stands beside the journal for comparison.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use machine::{Epoch, NodeId};
use store::{Durability, Journal};

type Failure = Box<dyn std::error::Error>;

const RECORD: [u8; 100] = [7; 100];
const SNAPSHOT: [u8; 10 << 10] = [7; 10 << 10];

fn main() -> Result<(), Failure> {
    let dir = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = dir.join(format!("store-measure-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let result = measure(&dir);
    std::fs::remove_dir_all(&dir)?;
    result
}

fn measure(dir: &Path) -> Result<(), Failure> {
    for batch in [1, 256] {
        let mut file = File::create(dir.join(format!("growing-{batch}")))?;
        let bytes = RECORD.repeat(batch);
        time(&format!("growing file, write and fdatasync, {batch} of 100 bytes"), 2000, || {
            file.write_all(&bytes)?;
            Ok(file.sync_data()?)
        })?;
        for durability in [Durability::Disk, Durability::Memory] {
            let (mut journal, _) =
                claim(&dir.join(format!("{durability:?}-{batch}")), 1, durability)?;
            journal.snapshot(&SNAPSHOT)?;
            time(
                &format!("journal, {durability:?}, commit of {batch} of 100 bytes"),
                2000,
                || {
                    for _ in 0..batch {
                        journal.append(&RECORD)?;
                    }
                    Ok(journal.commit()?)
                },
            )?;
        }
    }
    for durability in [Durability::Disk, Durability::Memory] {
        let dir = dir.join(format!("takeover-{durability:?}"));
        let (mut claims_us, mut takeovers_us) = (Vec::new(), Vec::new());
        for round in 1..=200 {
            let begun = Instant::now();
            let (mut journal, _) = claim(&dir, round, durability)?;
            claims_us.push(passed_us(begun));
            journal.snapshot(&SNAPSHOT)?;
            takeovers_us.push(passed_us(begun));
        }
        print(&format!("{durability:?}, claim"), claims_us);
        print(&format!("{durability:?}, claim and first snapshot of 10 KiB"), takeovers_us);
        let (mut journal, _) = claim(&dir, 9999, durability)?;
        journal.snapshot(&SNAPSHOT)?;
        time(&format!("{durability:?}, later snapshot of 10 KiB"), 200, || {
            Ok(journal.snapshot(&SNAPSHOT)?)
        })?;
        time(&format!("{durability:?}, look for claims"), 20_000, || Ok(journal.commit()?))?;
        for _ in 0..10_000 {
            journal.append(&RECORD)?;
        }
        journal.commit()?;
        time(&format!("{durability:?}, read 10,000 records"), 200, || {
            store::read(&dir)?.ok_or("nothing stands there")?;
            Ok(())
        })?;
    }
    Ok(())
}

fn claim(
    dir: &Path,
    counter: u64,
    durability: Durability,
) -> Result<(Journal, store::Contents), Failure> {
    Ok(Journal::claim(dir, Epoch { counter, node: NodeId(1) }, durability)?)
}

fn time(
    what: &str,
    rounds: u64,
    mut work: impl FnMut() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut times_us = Vec::new();
    for _ in 0..rounds {
        let begun = Instant::now();
        work()?;
        times_us.push(passed_us(begun));
    }
    print(what, times_us);
    Ok(())
}

fn passed_us(begun: Instant) -> f64 {
    begun.elapsed().as_nanos() as f64 / 1000.0
}

fn print(what: &str, mut times_us: Vec<f64>) {
    times_us.sort_by(f64::total_cmp);
    let at = |share: usize| times_us[times_us.len() * share / 100];
    println!("{what:<60} {:>9.1} us  p99 {:>9.1} us", at(50), at(99));
}
