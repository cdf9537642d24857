//! Optimisers over plain slices: one state for each slice of parameters, one learning rate for each call.
//!
//! Groups of parameters are simply several optimisers stepped with different learning rates. A step is elementwise, so it
//! gives the same bytes for any number of threads, and it is compiled for the vector units of the machine without fusing
//! or reordering any operation.

mod adam;
mod sgd;

pub use adam::{Adam, AdamConfig, AdamStep, adam_update};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
pub use sgd::{Sgd, SgdConfig};

use crate::Error;

/// From this many parameters on, a step is worth a second thread.
const PARALLEL: usize = 1 << 16;

/// The settings of an optimiser, by name.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum OptimizerConfig {
    /// Adam, or `AdamW` with a weight decay.
    Adam(AdamConfig),
    /// Stochastic gradient descent, with momentum if wished.
    Sgd(SgdConfig),
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self::Adam(AdamConfig::default())
    }
}

impl OptimizerConfig {
    /// Checks each setting against its range.
    ///
    /// # Errors
    /// [`Error::Setting`] naming the setting, its value and the range.
    pub fn validate(&self) -> Result<(), Error> {
        match self {
            Self::Adam(config) => config.validate(),
            Self::Sgd(config) => config.validate(),
        }
    }
}

/// An optimiser of whichever kind the settings name.
#[derive(Clone, Debug, PartialEq)]
pub enum Optimizer {
    /// Adam and `AdamW`.
    Adam(Adam),
    /// Stochastic gradient descent.
    Sgd(Sgd),
}

impl Optimizer {
    /// The optimiser of `len` parameters, before its first step.
    #[must_use]
    pub fn new(config: OptimizerConfig, len: usize) -> Self {
        match config {
            OptimizerConfig::Adam(config) => Self::Adam(Adam::new(config, len)),
            OptimizerConfig::Sgd(config) => Self::Sgd(Sgd::new(config, len)),
        }
    }

    /// Moves `weights` one step against `gradient`.
    ///
    /// # Panics
    /// When a slice has not as many elements as the optimiser has parameters.
    #[track_caller]
    pub fn step(&mut self, learning_rate: f32, weights: &mut [f32], gradient: &[f32]) {
        match self {
            Self::Adam(adam) => adam.step(learning_rate, weights, gradient),
            Self::Sgd(sgd) => sgd.step(learning_rate, weights, gradient),
        }
    }

    /// Keeps the state of the parameters in `keep` only, in that order: what shrinking a network does to its parameters,
    /// done to their optimiser.
    ///
    /// # Panics
    /// When an index is out of bounds.
    #[track_caller]
    pub fn gather(&mut self, keep: &[usize]) {
        match self {
            Self::Adam(adam) => adam.gather(keep),
            Self::Sgd(sgd) => sgd.gather(keep),
        }
    }
}

/// Calls `body` on equal stretches of a gradient and of `N` slices that change, in blocks of fixed length.
fn for_each_block<const N: usize>(
    mutable: [&mut [f32]; N],
    gradient: &[f32],
    body: impl Fn([&mut [f32]; N], &[f32]) + Sync + Send,
) {
    if gradient.len() < PARALLEL {
        return body(mutable, gradient);
    }
    let mut columns = mutable.map(|slice| slice.chunks_mut(mixpress_parallel::BLOCK));
    let blocks: Vec<_> = gradient
        .chunks(mixpress_parallel::BLOCK)
        .map(|gradient| (columns.each_mut().map(|column| column.next().unwrap_or_default()), gradient))
        .collect();
    blocks.into_par_iter().for_each(|(mutable, gradient)| body(mutable, gradient));
}

#[track_caller]
fn check_lengths(state: usize, weights: &[f32], gradient: &[f32]) {
    assert!(
        weights.len() == state && gradient.len() == state,
        "an optimiser of {state} parameters was given {} weights and {} gradients",
        weights.len(),
        gradient.len()
    );
}

fn gather(values: &mut Vec<f32>, keep: &[usize]) {
    *values = keep.iter().map(|&at| values[at]).collect();
}

fn check(setting: &'static str, value: f32, range: &'static str, is_inside: bool) -> Result<(), Error> {
    if is_inside { Ok(()) } else { Err(Error::Setting { setting, value: value.into(), range }) }
}

#[cfg(test)]
mod tests;
