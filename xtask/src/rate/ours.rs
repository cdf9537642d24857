//! What our files take at a signal-to-noise ratio, and how fast they are made and read.

use std::fs;
use std::path::Path;
use std::time::Instant;

use mixpress_cli::mixpress::codebook::{Archive, StoredTensor};
use mixpress_cli::mixpress::prelude::{Goal, ModelCompressor, Overwrite};
use rayon::ThreadPool;
use serde::Serialize;

/// Rounds of reading, of which the median counts.
const ROUNDS: usize = 7;

/// How much is tried for a file.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Coding {
    /// Codebooks alone.
    Codebooks,
    /// Trellises where they are smaller, with an effort.
    Effort(u8),
}

/// A file of ours.
#[derive(Debug, Serialize)]
pub struct Ours {
    pub coding: Coding,
    /// Bits a weight: all bytes of the file count.
    pub bits: f64,
    pub snr_db: f64,
    pub bytes: u64,
    /// From opening the model to the file that was read back and compared, on all threads.
    pub encoded_million_per_second: f64,
    /// From the file in memory to all values in f32, on one thread.
    pub decoded_million_per_second: f64,
}

impl Ours {
    /// Compresses a model to a ratio.
    ///
    /// # Errors
    /// If it cannot be compressed or read.
    pub fn measure(model: &Path, ratio: f64, coding: Coding, one: &ThreadPool) -> anyhow::Result<Self> {
        let file = model.with_extension("mxp");
        let start = Instant::now();
        let compressor = ModelCompressor::open(model)?.goal(Goal::SignalToNoise(ratio));
        let compressor = match coding {
            Coding::Codebooks => compressor.codebooks_only(true),
            Coding::Effort(effort) => compressor.effort(effort),
        };
        let outcome = compressor.run_to(&file, Overwrite::Replace)?;
        let encoding = start.elapsed().as_secs_f64();
        let bytes = fs::read(&file)?;
        let longest = Archive::open(&bytes)?.tensors().iter().map(StoredTensor::len).max().unwrap_or(0);
        let (mut room, mut seconds) = (vec![0.0; longest], Vec::new());
        for _ in 0..ROUNDS {
            let start = Instant::now();
            one.install(|| decode(&bytes, &mut room))?;
            seconds.push(start.elapsed().as_secs_f64());
        }
        seconds.sort_by(f64::total_cmp);
        let millions = outcome.weights as f64 / 1e6;
        Ok(Self {
            coding,
            bits: outcome.bits_per_weight,
            snr_db: outcome.snr_db,
            bytes: outcome.file_bytes,
            encoded_million_per_second: millions / encoding,
            decoded_million_per_second: millions / seconds[ROUNDS / 2],
        })
    }
}

/// Every tensor, one after the other, to the same room.
fn decode(bytes: &[u8], room: &mut [f32]) -> anyhow::Result<()> {
    let archive = Archive::open(bytes)?;
    for tensor in archive.tensors() {
        tensor.values_into(&mut room[..tensor.len()])?;
    }
    Ok(())
}
