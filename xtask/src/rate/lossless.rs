//! Models kept bit for bit: our byte planes beside `zstd -19` and `ZipNN`.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::ensure;
use half::bf16;
use mixpress_cli::mixpress::compress::{Model, WriteOptions, restore};
use mixpress_cli::mixpress::prelude::{Goal, ModelCompressor, Overwrite};
use safetensors::Dtype;
use serde::{Deserialize, Serialize};

use super::weights::write;
use crate::{python, repository};

const INSTALLS: [&[&str]; 1] = [&["zipnn==0.5.4", "zstandard==0.25.0"]];
const PROBE: &str = "import zipnn, zstandard";

/// What a codec makes of a file.
#[derive(Debug, Deserialize, Serialize)]
pub struct Lossless {
    pub codec: String,
    pub bytes: u64,
    pub encoding_seconds: f64,
    pub decoding_seconds: f64,
}

/// A model, with what its numbers are and what the codecs make of it.
#[derive(Debug, Serialize)]
pub struct OfModel {
    pub model: &'static str,
    pub bytes: u64,
    pub codecs: Vec<Lossless>,
}

/// A model in f32 and, rounded, in bf16.
///
/// # Errors
/// If our codec fails; the others are left out, and that is said, where they cannot be installed.
pub fn measure(model: &Path, folder: &Path) -> anyhow::Result<Vec<OfModel>> {
    let rounded = folder.join("bf16.safetensors");
    round(model, &rounded)?;
    let environment = python::environment(&repository::root().join("target/lossless"), PROBE, &INSTALLS);
    if let Err(error) = &environment {
        eprintln!("zstd and ZipNN are not compared: {error:#}");
    }
    let mut all = Vec::new();
    for (name, path, kind) in [("f32", model, "float32"), ("rounded to bf16", &rounded, "bfloat16")] {
        let mut codecs = vec![ours(path, folder)?];
        if let Ok(python) = &environment {
            codecs.extend(python::json::<Vec<Lossless>, _>(python, "lossless.py", [path.as_os_str(), kind.as_ref()])?);
        }
        all.push(OfModel { model: name, bytes: path.metadata()?.len(), codecs });
    }
    Ok(all)
}

fn ours(model: &Path, folder: &Path) -> anyhow::Result<Lossless> {
    let (file, back) = (folder.join("lossless.mxp"), folder.join("back.safetensors"));
    let start = Instant::now();
    let outcome = ModelCompressor::open(model)?.goal(Goal::Lossless).run_to(&file, Overwrite::Replace)?;
    let encoding_seconds = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let options = WriteOptions { overwrite: true, ..WriteOptions::default() };
    restore(&file, &back, &options)?;
    let decoding_seconds = start.elapsed().as_secs_f64();
    ensure!(fs::read(&back)? == fs::read(model)?, "{} does not come back", model.display());
    Ok(Lossless { codec: "mixpress --lossless".into(), bytes: outcome.file_bytes, encoding_seconds, decoding_seconds })
}

/// A model of the same tensors in bf16.
fn round(model: &Path, into: &Path) -> anyhow::Result<()> {
    let model = Model::open(model)?;
    let mut tensors = Vec::new();
    for (number, tensor) in model.tensors().iter().enumerate().filter(|(_, tensor)| tensor.element().name() == "f32") {
        let shape: Vec<usize> = tensor.shape().iter().map(|&length| length as usize).collect();
        let payload = model.payload(number)?;
        let rounded = payload
            .as_chunks::<4>()
            .0
            .iter()
            .flat_map(|&bytes| bf16::from_f32(f32::from_le_bytes(bytes)).to_le_bytes());
        tensors.push((tensor.name().to_owned(), shape, rounded.collect::<Vec<u8>>()));
    }
    write(into, Dtype::BF16, &tensors)
}
