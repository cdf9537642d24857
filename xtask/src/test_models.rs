//! `cargo xtask test-models`: real trained models go in and come back, within their limits of size and time.
//!
//! Everything is done with the library, on two threads, into `target/test-models`; figures are of files that were
//! opened again. With `--runtimes` the restored models also run in other people's runtimes, and decoding is timed
//! beside another codec.

pub mod layer;
mod outputs;
mod round_trip;
mod runtimes;
pub mod table;

use std::path::Path;

use anyhow::{Context, bail};
use clap::Args;
use rayon::ThreadPoolBuilder;

use crate::{models, repository};

/// Threads that everything is computed on.
const THREADS: usize = 2;

/// What is tested.
#[derive(Debug, Args)]
pub struct TestModelsArgs {
    /// Also runs originals and restored models in ONNX Runtime and `NumPy`, and times decoding beside `NNCodec`;
    /// installs what it needs under target/ at the first call.
    #[arg(long)]
    runtimes: bool,
}

/// Runs the tests; what was found is printed before an error says how much of it is wrong.
///
/// # Errors
/// If a model does not come back as it should, or misses a limit.
pub fn run(args: &TestModelsArgs) -> anyhow::Result<()> {
    let models = models::fetch()?;
    let folder = repository::root().join("target/test-models");
    let pool = ThreadPoolBuilder::new().num_threads(THREADS).build().context("cannot start the threads")?;
    let problems = pool.install(|| tests(&models, &folder))?;
    if args.runtimes {
        runtimes::run(&models, &folder, &pool)?;
    }
    for problem in &problems {
        eprintln!("{problem}");
    }
    if !problems.is_empty() {
        bail!("{} checks of models failed", problems.len());
    }
    Ok(())
}

/// The tests that need Rust alone; what is wrong, a sentence each.
fn tests(models: &models::Models, folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    let mut table = round_trip::table();
    for model in &models.all {
        let limit = (*model == models.mini_lm).then_some(round_trip::MINI_LM_SECONDS);
        let found = round_trip::test(model, &folder.join("models"), limit)
            .with_context(|| format!("the test of {} cannot go on", model.display()))?;
        table.add_row(found.row());
        problems.extend(found.problems);
    }
    println!("{}\n", table.text());

    let mut table = outputs::table();
    for model in models.all.iter().filter(|path| path.extension().is_some_and(|ending| ending == "onnx")) {
        let found = outputs::test(model, &folder.join("outputs"))
            .with_context(|| format!("the outputs of {} cannot be compared", model.display()))?;
        table.add_row(found.row());
        problems.extend(found.problems);
    }
    println!("{}\n", table.text());

    let mut table = layer::table();
    for found in layer::test(&models.mini_lm, &folder.join("layer"))? {
        table.add_row(found.row());
        problems.extend(found.problem());
    }
    println!("{}\n", table.text());
    Ok(problems)
}
