//! One model in and out: without loss byte for byte, and at four bits a weight with nothing but weights' values changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use mixpress_cli::mixpress::compress::{Model, ModelOutcome, WriteOptions, compare, verify};
use mixpress_cli::mixpress::prelude::{Goal, ModelCompressor, ModelFile, Overwrite};

use super::table::Table;

/// The most bits a weight of the second round trip; all bytes of the file count.
const BITS: f64 = 4.0;

/// The longest that `MiniLM` may take at these bits, in seconds, from opening it to the file that was compared with it.
pub const MINI_LM_SECONDS: f64 = 10.0;

/// How often a time is measured until it is within its limit: others may use the machine.
const ATTEMPTS: usize = 3;

/// What was found.
#[derive(Debug)]
pub struct Found {
    name: String,
    lossless_bytes: u64,
    outcome: ModelOutcome,
    seconds: f64,
    /// What is wrong, a sentence each.
    pub problems: Vec<String>,
}

/// The header of the table of [`Found::row`].
pub fn table() -> Table {
    Table::new(&["model", "bytes", "lossless", "of it", "weights", "at 4 bits", "bits a weight", "dB", "s", "result"])
}

impl Found {
    /// A row of the table.
    pub fn row(&self) -> [String; 10] {
        let Self { name, lossless_bytes, outcome, seconds, problems } = self;
        [
            name.clone(),
            outcome.original_bytes.to_string(),
            lossless_bytes.to_string(),
            format!("{:.1} %", 100.0 * *lossless_bytes as f64 / outcome.original_bytes as f64),
            outcome.weights.to_string(),
            outcome.file_bytes.to_string(),
            format!("{:.4}", outcome.bits_per_weight),
            format!("{:.2}", outcome.snr_db),
            format!("{seconds:.1}"),
            if problems.is_empty() { "ok".to_owned() } else { "WRONG".to_owned() },
        ]
    }
}

/// Compresses a model without loss and at [`BITS`], restores both below `folder` and compares them with it.
///
/// # Errors
/// If the model cannot be opened or compressed at all.
pub fn test(model: &Path, folder: &Path, limit: Option<f64>) -> anyhow::Result<Found> {
    let name = model.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut problems = Vec::new();
    let lossless = round_trip(model, Goal::Lossless, &folder.join("lossless"))?;
    if fs::read(model)? != fs::read(&lossless.restored)? {
        problems.push(format!("{name}: without loss it does not come back byte for byte"));
    }
    let mut coded = round_trip(model, Goal::BitsPerWeight(BITS), &folder.join("4"))?;
    for _ in 1..ATTEMPTS {
        if limit.is_some_and(|limit| coded.seconds > limit) {
            coded = round_trip(model, Goal::BitsPerWeight(BITS), &folder.join("4"))?;
        }
    }
    let outcome = &coded.outcome;
    // Written so that a file without weights, whose bits are no number, is wrong, too.
    if !(outcome.weights > 0 && outcome.bits_per_weight <= BITS) {
        problems.push(format!("{name}: {} bits a weight are more than {BITS}", outcome.bits_per_weight));
    }
    if let Some(limit) = limit.filter(|&limit| coded.seconds > limit) {
        problems.push(format!("{name}: {:.1} s are more than {limit}, {ATTEMPTS} times", coded.seconds));
    }
    problems.extend(differences(model, &coded)?.into_iter().map(|problem| format!("{name}: {problem}")));
    let lossless_bytes = lossless.outcome.file_bytes;
    Ok(Found { name, lossless_bytes, seconds: coded.seconds, outcome: coded.outcome, problems })
}

/// A model that was compressed and restored.
#[derive(Debug)]
pub struct RoundTrip {
    /// What the file reached.
    pub outcome: ModelOutcome,
    /// The file.
    pub file: PathBuf,
    /// The restored model, which has the name of the original.
    pub restored: PathBuf,
    /// Seconds from opening the model to the file that was compared with it.
    pub seconds: f64,
}

/// Compresses a model into `folder`, and restores it there.
///
/// # Errors
/// If either fails.
pub fn round_trip(model: &Path, goal: Goal, folder: &Path) -> anyhow::Result<RoundTrip> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let restored = folder.join(model.file_name().unwrap_or_default());
    // Two exports may differ in nothing but their ending.
    let file = folder.join(format!("{}.mxp", restored.file_name().unwrap_or_default().display()));
    let start = Instant::now();
    let outcome = ModelCompressor::open(model)?.goal(goal).run_to(&file, Overwrite::Replace)?;
    let seconds = start.elapsed().as_secs_f64();
    ModelFile::open(&file)?.restore(&restored, &WriteOptions { overwrite: true, ..WriteOptions::default() })?;
    Ok(RoundTrip { outcome, file, restored, seconds })
}

/// What is wrong with a model that was restored with other values.
fn differences(model: &Path, coded: &RoundTrip) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    let source = Model::open(model)?;
    if let Err(error) = verify(&coded.file, Some(&source)) {
        problems.push(format!("the file is not verified against it: {error}"));
    }
    match Model::open(&coded.restored) {
        Ok(restored) if restored.skeleton() == source.skeleton() => {}
        Ok(_) => problems.push("the restored model differs in more than tensors' values".to_owned()),
        Err(error) => problems.push(format!("the restored model does not open: {error}")),
    }
    for difference in compare(model, &coded.restored)? {
        let number = source.tensors().iter().position(|tensor| tensor.names().contains(&difference.name));
        let is_coded = number.is_some_and(|number| coded.outcome.tensors[number].is_compressed());
        if difference.what.is_some() || !is_coded {
            let what = difference.what.as_deref().unwrap_or("other values");
            problems.push(format!("the restored tensor {} is not as it was: {what}", difference.name));
        }
    }
    Ok(problems)
}
