//! Rates of a transformer's layer: the bits a weight that a signal-to-noise ratio costs.

use std::fs;
use std::path::Path;

use anyhow::Context;
use mixpress_cli::mixpress::compress::ModelOutcome;
use mixpress_cli::mixpress::prelude::{Goal, ModelCompressor, Overwrite};

use super::table::Table;
use crate::rate::weights::cut_out;

/// What is in the names of the layer's tensors.
pub const LAYER: &str = "encoder.layer.0.";
/// Entries of its matrices.
const WEIGHTS: u64 = 1_769_472;
/// Efforts and signal-to-noise ratios in dB, each with the most bits a weight that they may cost; all bytes of the file
/// count.
const LIMITS: [(u8, f64, f64); 6] =
    [(5, 13.1, 2.03), (5, 20.8, 3.31), (5, 30.1, 4.84), (9, 13.1, 1.96), (9, 20.8, 3.23), (9, 30.1, 4.76)];

/// What a ratio cost.
#[derive(Debug)]
pub struct Found {
    effort: u8,
    wanted: f64,
    limit: f64,
    outcome: ModelOutcome,
}

/// The header of the table of [`Found::row`].
pub fn table() -> Table {
    Table::new(&["MiniLM's layer 0, matrices", "effort", "dB", "bytes", "bits a weight", "at most", "result"])
}

impl Found {
    /// A row of the table.
    pub fn row(&self) -> [String; 7] {
        [
            format!("at least {} dB", self.wanted),
            self.effort.to_string(),
            format!("{:.3}", self.outcome.snr_db),
            self.outcome.file_bytes.to_string(),
            format!("{:.4}", self.outcome.bits_per_weight),
            self.limit.to_string(),
            if self.problem().is_none() { "ok".to_owned() } else { "WRONG".to_owned() },
        ]
    }

    /// What is wrong, if anything is.
    pub fn problem(&self) -> Option<String> {
        let ModelOutcome { snr_db, bits_per_weight, weights, .. } = self.outcome;
        let is_good = weights == WEIGHTS && snr_db >= self.wanted && bits_per_weight <= self.limit;
        let Self { effort, wanted, limit, .. } = *self;
        (!is_good).then(|| {
            format!(
                "layer 0 at {wanted} dB, effort {effort}: {bits_per_weight:.4} bits a weight, {snr_db:.3} dB, {weights} weights; \
                 at most {limit} bits and exactly {WEIGHTS} weights are wanted"
            )
        })
    }
}

/// Cuts the layer out of `MiniLM` into `folder` and compresses it to each ratio.
///
/// # Errors
/// If the layer is not there or cannot be compressed at all.
pub fn test(mini_lm: &Path, folder: &Path) -> anyhow::Result<Vec<Found>> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let layer = folder.join("layer_0.safetensors");
    cut_out(mini_lm, &layer, |name, shape| shape.len() == 2 && name.contains(LAYER))?;
    LIMITS
        .iter()
        .map(|&(effort, wanted, limit)| {
            let compressor = ModelCompressor::open(&layer)?.goal(Goal::SignalToNoise(wanted)).effort(effort);
            let outcome = compressor.run_to(folder.join("layer_0.mxp"), Overwrite::Replace)?;
            Ok(Found { effort, wanted, limit, outcome })
        })
        .collect()
}
