//! The settings of the training phases, each with the defaults of the fixed recipe.
//!
//! Lengths count optimiser steps, not passes over the data, so that one set of defaults serves sets of 1,400 and of
//! 60,000 items. A strength of 1 weighs a nat of prior like a nat of task loss
//! summed over the training set (`τ` of the method).

use mixpress_mixture::{CountThreshold, Proportions};
use mixpress_network::ParameterKind;
use serde::{Deserialize, Serialize};

/// Steps between two readings of the validation error, two prunings and two removals of dead units.
///
/// It is one pass over MNIST's 55,000 training images in batches of 128; small sets are passed over several times in one.
pub const ROUND: u64 = 429;

/// From this many training samples on, the strength of the prior is what the recipe says.
const MANY_SAMPLES: f64 = 50_000.0;

/// Phase A: plain training of the float network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlainConfig {
    /// Rounds of [`ROUND`] steps.
    pub rounds: u64,
    /// Learning rate of Adam at the start.
    pub learning_rate: f64,
    /// Learning rate at the end of the half-cosine.
    pub final_learning_rate: f64,
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

/// Which parameters the prior covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Coverage {
    /// Weight matrices and kernels (the default).
    #[default]
    Weights,
    /// Each parameter that is learned, biases and norms included, as the claims have it.
    All,
}

impl Coverage {
    /// Whether the prior covers parameters of a kind.
    #[must_use]
    pub fn includes(self, kind: ParameterKind) -> bool {
        match self {
            Self::Weights => kind.is_weight(),
            Self::All => kind.is_learned(),
        }
    }
}

/// The mixture over the scaled weights `u = w / s_l`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PriorConfig {
    /// The family of the prior.
    pub kind: PriorKind,
    /// The parameters that it covers.
    pub covers: Coverage,
    /// Preset number of components `K`, the zero component included.
    pub components: usize,
    /// Preset range `[a, b]` of the means, in units of a layer's scale.
    pub range: [f64; 2],
    /// How the initial mixing proportions are drawn.
    pub proportions: Proportions,
    /// Initial standard deviation of a component as a fraction of the spacing of the means.
    pub std_dev: f64,
    /// One mixture shared by all layers (each with its own scale) instead of one a layer. Under the heavy-tailed prior the
    /// layers share what weights are drawn from and what they start with; then each re-estimates its own.
    pub shared: bool,
    /// A component whose weights spread by more than this fraction of its mean is divided before target components are
    /// selected.
    pub spread: f64,
    /// The count that a component of a layer must exceed to be kept.
    pub threshold: CountThreshold,
}

/// Phase B: joint training of the weights and the mixture under a rising strength.
///
/// `refresh`, `threshold`, `prune_from` and `shrink_from` are settings of the heavy-tailed prior: the classic one learns its
/// mixture at each step and prunes by its zero component, when target components are selected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JointConfig {
    /// Rounds of [`ROUND`] steps.
    pub rounds: u64,
    /// Final strength `τ` of the prior where there are many training samples; see [`JointConfig::strength_for`].
    pub strength: f64,
    /// The strength is multiplied by this where the network has convolutions: each of their weights works at many places.
    pub convolutional: f64,
    /// Fraction of the phase over which the strength rises linearly from zero.
    pub ramp: f64,
    /// Learning rate of Adam at the start.
    pub learning_rate: f64,
    /// Learning rate at the end of the half-cosine, as a fraction of the first.
    pub floor: f64,
    /// Steps between two re-estimates of the mixture from the weights.
    pub refresh: u64,
    /// A weight counts as nonzero from this fraction of its layer's typical large weight `M` on.
    pub threshold: f64,
    /// Fraction of the phase after which weights below a rising threshold are pruned for good at each round's end.
    pub prune_from: f64,
    /// Fraction of the phase after which units without inputs or outputs are removed at each round's end.
    pub shrink_from: f64,
    /// Strength of the pull of biases to zero, relative to the prior's.
    pub bias_strength: f64,
    /// What follows the rounds above: stages in which the strength rises further.
    pub rise: RiseConfig,
}

/// Stages at the end of phase B, each with a higher strength than the one before: every stage's end is a network that can be
/// compressed, so one run makes files of many sizes. There is none by default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RiseConfig {
    /// Number of stages.
    pub stages: u64,
    /// Rounds of [`ROUND`] steps in each.
    pub rounds: u64,
    /// By how much each stage multiplies the strength; it rises over the fraction [`JointConfig::ramp`] of the stage.
    pub factor: f64,
    /// Learning rate of Adam at the start of a stage; it falls to where the phase's own learning rate ended.
    pub learning_rate: f64,
    /// The last stage multiplies the strength by `factor` to this power only: 1 is a stage like the others.
    pub last_step: f64,
}

/// Phase C: hard assignment with a straight-through gradient, still under the joint objective.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HardConfig {
    /// Rounds of [`ROUND`] steps.
    pub rounds: u64,
    /// Strength of the prior, relative to the joint phase's.
    pub strength: f64,
    /// Learning rate of Adam at the start.
    pub learning_rate: f64,
    /// Learning rate at the end of the half-cosine, as a fraction of the first.
    pub floor: f64,
    /// Steps between two moves of the levels to the mean of their weights.
    pub refresh: u64,
    /// Common standard deviation of the components at the start and the end, as fractions of the smallest level's magnitude.
    pub std_dev: [f64; 2],
    /// A level's magnitude stays above this fraction of its layer's smallest at the start, so that the codebook cannot
    /// collapse.
    pub level_floor: f64,
}

/// Phase D: fine-tuning of the compressed network with tied weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TiedConfig {
    /// Rounds of [`ROUND`] steps.
    pub rounds: u64,
    /// Learning rate of Adam at the start; it falls to zero along a half-cosine.
    pub learning_rate: f64,
    /// Bits of the mantissa of a codebook value as it is stored: 10 is all of half precision. Fewer make a smaller
    /// codebook, and the values are rounded in the end, when the other parameters have long been fixed.
    pub level_bits: u8,
    /// Bits of a bias; biases are rounded halfway through the phase and stay fixed from then on.
    pub bias_bits: u8,
}

impl Default for PlainConfig {
    fn default() -> Self {
        Self { rounds: 8, learning_rate: 1.5e-3, final_learning_rate: 1e-5 }
    }
}

impl Default for PriorConfig {
    fn default() -> Self {
        Self {
            kind: PriorKind::HeavyTailed,
            covers: Coverage::Weights,
            components: 9,
            range: [-16.0, 16.0],
            proportions: Proportions::StickBreaking { alpha: 1.0 },
            std_dev: 0.5,
            shared: false,
            spread: 0.25,
            threshold: CountThreshold::default(),
        }
    }
}

impl Default for JointConfig {
    fn default() -> Self {
        Self {
            rounds: 40,
            strength: 0.35,
            convolutional: 0.55,
            ramp: 0.5,
            learning_rate: 1.5e-3,
            floor: 0.1,
            refresh: 100,
            threshold: 0.2,
            prune_from: 0.4,
            shrink_from: 0.4,
            bias_strength: 1.0,
            rise: RiseConfig::default(),
        }
    }
}

impl Default for RiseConfig {
    fn default() -> Self {
        Self { stages: 0, rounds: 6, factor: 1.3, learning_rate: 1e-3, last_step: 1.0 }
    }
}

impl RiseConfig {
    /// By how much all stages together multiply the strength.
    #[must_use]
    pub fn gain(&self) -> f64 {
        if self.stages == 0 { 1.0 } else { self.risen_by(self.stages, 1.0) }
    }

    /// By how much the strength has been multiplied when a share of stage `stage`, counted from 1, has been risen.
    pub(crate) fn risen_by(&self, stage: u64, share: f64) -> f64 {
        let share = if stage == self.stages { share * self.last_step } else { share };
        self.factor.powf((stage - 1) as f64 + share)
    }
}

impl JointConfig {
    /// Rounds of the whole phase, its stages included.
    #[must_use]
    pub fn all_rounds(&self) -> u64 {
        self.rounds.saturating_add(self.rise.stages.saturating_mul(self.rise.rounds))
    }

    /// The strength after all stages, where there are many training samples.
    #[must_use]
    pub fn last_strength(&self) -> f64 {
        self.strength * self.rise.gain()
    }

    /// The strength before any stage, for a training set of `samples`: below 50,000 it falls as the power 9/4 of their
    /// number; networks with convolutions have a factor of their own.
    ///
    /// A small set is fitted to the last sample, so its task loss says little of what a weight is worth on other samples;
    /// the prior must not outweigh what is left of it.
    #[must_use]
    pub fn strength_for(&self, samples: usize, has_convolutions: bool) -> f64 {
        let kind = if has_convolutions { self.convolutional } else { 1.0 };
        self.strength * kind * (samples as f64 / MANY_SAMPLES).min(1.0).powf(2.25)
    }
}

impl Default for HardConfig {
    fn default() -> Self {
        Self {
            rounds: 16,
            strength: 0.5,
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
        Self { rounds: 8, learning_rate: 1e-3, level_bits: 6, bias_bits: 4 }
    }
}
