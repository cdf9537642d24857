//! The settings of the training phases, each with the defaults of the fixed recipe.
//!
//! Lengths count optimiser steps, not passes over the data, so that one set of defaults serves sets of 1,400 and of
//! 60,000 items. Strengths are in nats of prior for a nat of task loss summed over the training set (`τ` of the method).

use mixpress_mixture::{CountThreshold, Proportions};
use serde::{Deserialize, Serialize};

/// Steps between two readings of the validation error, two prunings and two removals of dead units.
///
/// It is one pass over MNIST's 55,000 training images in batches of 128; small sets are passed over several times in one.
pub const ROUND: u64 = 429;

/// Phase A: plain training of the float network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlainConfig {
    /// Rounds of [`ROUND`] steps.
    pub rounds: u64,
    /// Learning rate of Adam at the start.
    pub learning_rate: f32,
    /// Learning rate at the end of the half-cosine.
    pub final_learning_rate: f32,
}

/// Which prior the weights are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PriorKind {
    /// A zero component that is itself a scale mixture, statistics re-estimated from the weights (the default).
    HeavyTailed,
    /// The plain Gaussian mixture of the claims: means, log-precisions and proportions learned by gradient.
    Classic,
}

/// The mixture over the scaled weights `u = w / s_l`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PriorConfig {
    /// The family of the prior.
    pub kind: PriorKind,
    /// Preset number of components `K`, the zero component included.
    pub components: usize,
    /// Preset range `[a, b]` of the means, in units of a layer's scale.
    pub range: [f64; 2],
    /// How the initial mixing proportions are drawn.
    pub proportions: Proportions,
    /// Initial standard deviation of a component as a fraction of the spacing of the means.
    pub std_dev: f64,
    /// One mixture shared by all layers (each with its own scale) instead of one a layer.
    pub shared: bool,
    /// The count that a component of a layer must exceed to be kept.
    pub threshold: CountThreshold,
}

/// Phase B: joint training of the weights and the mixture under a rising strength.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JointConfig {
    /// Rounds of [`ROUND`] steps.
    pub rounds: u64,
    /// Final strength `τ` of the prior.
    pub strength: f32,
    /// Fraction of the phase over which the strength rises linearly from zero.
    pub ramp: f32,
    /// Learning rate of Adam at the start.
    pub learning_rate: f32,
    /// Learning rate at the end of the half-cosine, as a fraction of the first.
    pub floor: f32,
    /// Steps between two re-estimates of the mixture from the weights.
    pub refresh: u64,
    /// A weight counts as nonzero from this fraction of its layer's typical large weight `M` on.
    pub threshold: f32,
    /// Fraction of the phase after which weights below a rising threshold are pruned for good at each round's end.
    pub prune_from: f32,
    /// Fraction of the phase after which units without inputs or outputs are removed at each round's end.
    pub shrink_from: f32,
    /// Strength of the pull of biases to zero, relative to the prior's.
    pub bias_strength: f32,
}

/// Phase C: hard assignment with a straight-through gradient, still under the joint objective.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HardConfig {
    /// Rounds of [`ROUND`] steps.
    pub rounds: u64,
    /// Strength of the prior, relative to the joint phase's.
    pub strength: f32,
    /// Learning rate of Adam at the start.
    pub learning_rate: f32,
    /// Learning rate at the end of the half-cosine, as a fraction of the first.
    pub floor: f32,
    /// Steps between two moves of the levels to the mean of their weights.
    pub refresh: u64,
    /// Common standard deviation of the components at the start and the end, as fractions of the smallest level's magnitude.
    pub std_dev: [f64; 2],
    /// A level's magnitude stays above this fraction of its layer's smallest at the start, so that the codebook cannot collapse.
    pub level_floor: f32,
}

/// Phase D: fine-tuning of the compressed network with tied weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TiedConfig {
    /// Rounds of [`ROUND`] steps.
    pub rounds: u64,
    /// Learning rate of Adam at the start; it falls to zero along a half-cosine.
    pub learning_rate: f32,
    /// Bits of a bias; biases are rounded halfway through the phase and stay fixed from then on.
    pub bias_bits: u8,
}

impl Default for PlainConfig {
    fn default() -> Self {
        Self { rounds: 10, learning_rate: 1.5e-3, final_learning_rate: 1e-5 }
    }
}

impl Default for PriorConfig {
    fn default() -> Self {
        Self {
            kind: PriorKind::HeavyTailed,
            components: 9,
            range: [-16.0, 16.0],
            proportions: Proportions::StickBreaking { alpha: 1.0 },
            std_dev: 0.5,
            shared: false,
            threshold: CountThreshold { absolute: 30, fraction: 3e-4 },
        }
    }
}

impl Default for JointConfig {
    fn default() -> Self {
        Self {
            rounds: 24,
            strength: 0.3,
            ramp: 0.5,
            learning_rate: 1.5e-3,
            floor: 0.1,
            refresh: 100,
            threshold: 0.2,
            prune_from: 0.4,
            shrink_from: 0.3,
            bias_strength: 1.0,
        }
    }
}

impl Default for HardConfig {
    fn default() -> Self {
        Self {
            rounds: 10,
            strength: 1.0,
            learning_rate: 1e-3,
            floor: 0.05,
            refresh: 100,
            std_dev: [0.30, 0.15],
            level_floor: 0.75,
        }
    }
}

impl Default for TiedConfig {
    fn default() -> Self {
        Self { rounds: 6, learning_rate: 1e-3, bias_bits: 4 }
    }
}
