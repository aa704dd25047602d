//! The same purchases on the journal and on two embedded stores, durable at each batch:
//! `cargo xtask bench journal [--seconds N] [--repetitions N] [--csv] [DIR]`.
//!
//! A purchase is known by its receipt's id: the id is looked up first, so that none is made twice;
//! then the purchase is kept under it, and the balances of its buyer and its seller change. All of a
//! batch is durable when the batch ends. The engines take turns, and between them a probe writes the
//! batch's bytes into a file that has its blocks already and waits for `fdatasync`, and does nothing
//! else: no engine can be faster than that.

mod engines;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use engines::{Engine, Purchase};

type Failure = Box<dyn std::error::Error>;

const BATCHES: [u64; 3] = [1, 16, 256];
/// So many buyers take turns, as the clients of one trader do.
const BUYERS: u64 = 1000;

struct Options {
    dir: PathBuf,
    seconds: f64,
    repetitions: usize,
    csv: bool,
}

fn options() -> Result<Options, Failure> {
    let mut options =
        Options { dir: PathBuf::from("target"), seconds: 1.0, repetitions: 3, csv: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--seconds" => options.seconds = value()?.parse()?,
            "--repetitions" => options.repetitions = value()?.parse()?,
            "--csv" => options.csv = true,
            dir if !dir.starts_with('-') => options.dir = PathBuf::from(dir),
            other => return Err(format!("{other} is not an option").into()),
        }
    }
    if options.repetitions == 0 || options.seconds.is_nan() || options.seconds <= 0.0 {
        return Err("there must be a repetition, and time for it".into());
    }
    Ok(options)
}

/// What one engine did with one size of batch, a figure for each repetition.
#[derive(Default)]
struct Row {
    purchases_per_second: Vec<f64>,
    batch_us: Vec<f64>,
}

fn main() -> Result<(), Failure> {
    let options = options()?;
    let dir = options.dir.join(format!("bench-journal-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let measured = measure(&options, &dir);
    std::fs::remove_dir_all(&dir)?;
    show(&options, &measured?);
    Ok(())
}

fn measure(options: &Options, dir: &Path) -> Result<Vec<Vec<Row>>, Failure> {
    let mut rows: Vec<Vec<Row>> = Vec::new();
    for batch in BATCHES {
        let mut of_batch: Vec<Row> = engines::NAMES.iter().map(|_| Row::default()).collect();
        for repetition in 0..options.repetitions {
            for (name, row) in engines::NAMES.iter().zip(&mut of_batch) {
                let place = dir.join(format!("{name}-{batch}-{repetition}"));
                let mut engine = engines::open(name, &place)?;
                let (rate, batch_us) = run(engine.as_mut(), batch, options.seconds)?;
                row.purchases_per_second.push(rate);
                row.batch_us.push(batch_us);
                drop(engine);
                std::fs::remove_dir_all(&place)?;
            }
        }
        rows.push(of_batch);
    }
    Ok(rows)
}

/// Purchases a second, and the median time of a batch in microseconds.
fn run(engine: &mut dyn Engine, batch: u64, seconds: f64) -> Result<(f64, f64), Failure> {
    let (mut times_us, mut next) = (Vec::new(), 0);
    let begun = Instant::now();
    let lasts = Duration::from_secs_f64(seconds);
    while begun.elapsed() < lasts {
        let purchases: Vec<Purchase> = (next..next + batch).map(Purchase::of).collect();
        next += batch;
        let before = Instant::now();
        engine.make(&purchases)?;
        times_us.push(before.elapsed().as_nanos() as f64 / 1000.0);
    }
    let rate = next as f64 / begun.elapsed().as_secs_f64();
    // A repeated purchase must be known, in each of the engines.
    engine.knows(&Purchase::of(next - 1))?;
    Ok((rate, median(&times_us)))
}

fn median(figures: &[f64]) -> f64 {
    let mut figures = figures.to_vec();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn show(options: &Options, rows: &[Vec<Row>]) {
    if options.csv {
        println!("engine,batch,purchases_per_second,lowest,highest,batch_us,times_slower");
    } else {
        println!("Purchases a second, durable at each batch; medians of {}:", options.repetitions);
    }
    for (batch, of_batch) in BATCHES.iter().zip(rows) {
        let ours = median(&of_batch[0].purchases_per_second);
        for (name, row) in engines::NAMES.iter().zip(of_batch) {
            let rates = &row.purchases_per_second;
            let (rate, batch_us) = (median(rates), median(&row.batch_us));
            let lowest = rates.iter().copied().fold(f64::INFINITY, f64::min);
            let highest = rates.iter().copied().fold(0.0, f64::max);
            let slower = ours / rate;
            if options.csv {
                println!(
                    "{name},{batch},{rate:.0},{lowest:.0},{highest:.0},{batch_us:.1},{slower:.2}"
                );
            } else {
                println!(
                    "  batches of {batch:<4} {name:<8} {rate:>10.0} ({lowest:.0} to {highest:.0}), \
                     {batch_us:>8.1} us a batch, the journal is {slower:.2} times as fast"
                );
            }
        }
    }
}
