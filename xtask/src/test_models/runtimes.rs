//! Restored models in other people's runtimes, and the time of decoding beside another codec.
//!
//! The scripts in `xtask/python` are given the originals and the folder of the restored models, `BITS/NAME`, and print
//! tables.

mod decoding;

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use mixpress_cli::mixpress::prelude::Goal;
use rayon::ThreadPool;

use super::outputs;
use super::round_trip::round_trip;
use crate::models::Models;
use crate::{python, repository};

/// Bits a weight of the restored models.
const BITS: [u8; 5] = [2, 3, 4, 6, 8];
/// The folder of the models that come back exactly.
const LOSSLESS: &str = "lossless";
/// What the scripts import.
const PACKAGES: [&str; 5] = ["numpy", "onnx", "onnxruntime", "safetensors", "tokenizers"];

/// Restores models at several rates, runs them, and times decoding.
///
/// # Errors
/// If something cannot be installed, a script fails or finds outputs that are not equal and should be, or decoding is
/// too slow.
pub fn run(models: &Models, folder: &Path, pool: &ThreadPool) -> anyhow::Result<()> {
    let root = repository::root();
    let python =
        python::environment(&root.join("target/runtimes"), &format!("import {}", PACKAGES.join(", ")), &[&PACKAGES])?;
    let restored = folder.join("restored");
    let speech: Vec<_> = models.all.iter().filter(|path| path.extension() == Some(OsStr::new("onnx"))).collect();
    for model in speech.iter().copied().chain([&models.mini_lm]) {
        pool.install(|| round_trip(model, Goal::Lossless, &restored.join(LOSSLESS)))?;
        for bits in BITS {
            pool.install(|| round_trip(model, Goal::BitsPerWeight(bits.into()), &restored.join(bits.to_string())))?;
        }
    }
    let scripts = root.join("xtask/python");
    python::check(
        Command::new(&python).arg(scripts.join("speech.py")).arg(&restored).args(&speech),
        "run the speech detectors",
    )?;
    python::check(
        Command::new(&python).arg(scripts.join("sentences.py")).arg(&restored).arg(&models.mini_lm),
        "run the sentence encoder",
    )?;
    let encoder = folder.join("encoder");
    python::check(
        Command::new(&python).arg(scripts.join("sentence_encoder.py")).arg(&models.mini_lm).arg(&encoder),
        "write the sentence encoder as ONNX",
    )?;
    println!("{}\n", pool.install(|| outputs::sentences(&encoder))?);
    decoding::run(&models.mini_lm, &folder.join("decoding"), pool)
}
