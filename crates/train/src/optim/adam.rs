//! Adam and `AdamW`.
//!
//! With the gradient `g_t`, moments `m`, `v` that start at zero, learning rate `η` and decay `λ`:
//!
//! ```text
//! w ← w (1 - η λ)                                  (decoupled decay)
//! m ← β₁ m + (1 - β₁) g,   v ← β₂ v + (1 - β₂) g²
//! w ← w - η / (1 - β₁ᵗ) · m / (√v / √(1 - β₂ᵗ) + ε)
//! ```
//!
//! Kingma & Ba 2015 (arXiv 1412.6980), algorithm 1; Loshchilov & Hutter 2019 (arXiv 1711.05101), algorithm 2, in the form
//! that `PyTorch` computes: the decay is scaled by the learning rate.

use mixpress_simd::vectorized;
use serde::{Deserialize, Serialize};

use super::{check, check_lengths, for_each_block, gather};
use crate::Error;

/// The constants of Adam.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdamConfig {
    /// Decay `β₁` of the mean of gradients, in [0, 1).
    pub beta1: f32,
    /// Decay `β₂` of the mean of squared gradients, in [0, 1).
    pub beta2: f32,
    /// `ε`, above 0.
    pub epsilon: f32,
    /// Decoupled weight decay `λ`, at least 0; anything above makes it `AdamW`.
    pub weight_decay: f32,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 }
    }
}

impl AdamConfig {
    /// Checks each setting against its range.
    ///
    /// # Errors
    /// [`Error::Setting`] naming the setting, its value and the range.
    pub fn validate(&self) -> Result<(), Error> {
        check("beta1", self.beta1, "in [0, 1)", (0.0..1.0).contains(&self.beta1))?;
        check("beta2", self.beta2, "in [0, 1)", (0.0..1.0).contains(&self.beta2))?;
        check("epsilon", self.epsilon, "above 0", self.epsilon > 0.0 && self.epsilon.is_finite())?;
        let decays = self.weight_decay >= 0.0 && self.weight_decay.is_finite();
        check("weight_decay", self.weight_decay, "at least 0", decays)
    }
}

/// What all parameters of one step have in common: the constants, with the bias corrections of that step multiplied in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    beta1: f32,
    beta2: f32,
    one_minus_beta1: f32,
    one_minus_beta2: f32,
    /// `η / (1 - β₁ᵗ)`
    rate: f32,
    /// `1 / √(1 - β₂ᵗ)`
    correction: f32,
    epsilon: f32,
    /// `1 - η λ`
    shrink: f32,
}

impl AdamStep {
    /// The common factors of step `t`, counted from 1.
    #[must_use]
    pub fn new(config: &AdamConfig, learning_rate: f32, t: u64) -> Self {
        let [beta1, beta2, rate] = [config.beta1, config.beta2, learning_rate].map(f64::from);
        // Above 2³¹ steps both powers are zero anyway.
        let power = |base: f64| base.powi(i32::try_from(t).unwrap_or(i32::MAX));
        Self {
            beta1: config.beta1,
            beta2: config.beta2,
            one_minus_beta1: (1.0 - beta1) as f32,
            one_minus_beta2: (1.0 - beta2) as f32,
            rate: (rate / (1.0 - power(beta1))) as f32,
            correction: (1.0 / (1.0 - power(beta2)).sqrt()) as f32,
            epsilon: config.epsilon,
            shrink: (1.0 - rate * f64::from(config.weight_decay)) as f32,
        }
    }
}

/// Adam's step for a single weight, to be called from a loop that does more than that in the same pass over memory.
#[inline]
pub fn adam_update(step: &AdamStep, weight: &mut f32, gradient: f32, m: &mut f32, v: &mut f32) {
    *m = step.beta1 * *m + step.one_minus_beta1 * gradient;
    *v = step.beta2 * *v + step.one_minus_beta2 * gradient * gradient;
    *weight = step.shrink * *weight - step.rate * *m / (v.sqrt() * step.correction + step.epsilon);
}

/// [`adam_update`] for whole slices. A function of its own, because only arguments tell the compiler that the slices do not
/// overlap, without which it would not use vector units.
#[inline(always)]
#[allow(clippy::inline_always, reason = "it must be compiled inside the function that has the vector units enabled")]
fn update_all(step: AdamStep, weights: &mut [f32], gradient: &[f32], m: &mut [f32], v: &mut [f32]) {
    for (((weight, &gradient), m), v) in weights.iter_mut().zip(gradient).zip(m).zip(v) {
        adam_update(&step, weight, gradient, m, v);
    }
}

/// Adam for one slice of parameters.
///
/// ```
/// use mixpress_train::{Adam, AdamConfig};
///
/// let mut weights = [1.0, -2.0];
/// let mut adam = Adam::new(AdamConfig::default(), weights.len());
/// adam.step(0.1, &mut weights, &[3.0, -0.5]);
/// // The first step is the learning rate against the sign of the gradient.
/// assert!((weights[0] - 0.9).abs() < 1e-6 && (weights[1] + 1.9).abs() < 1e-6);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Adam {
    config: AdamConfig,
    m: Vec<f32>,
    v: Vec<f32>,
    steps: u64,
}

impl Adam {
    /// The optimiser of `len` parameters, before its first step.
    #[must_use]
    pub fn new(config: AdamConfig, len: usize) -> Self {
        Self { config, m: vec![0.0; len], v: vec![0.0; len], steps: 0 }
    }

    /// An optimiser with the moments and the step count that [`Self::mean`], [`Self::square`] and [`Self::steps`] once
    /// gave.
    ///
    /// # Panics
    /// When the two slices differ in length.
    #[must_use]
    #[track_caller]
    pub fn restored(config: AdamConfig, mean: &[f32], square: &[f32], steps: u64) -> Self {
        assert_eq!(mean.len(), square.len(), "both moments belong to the same parameters");
        Self { config, m: mean.to_vec(), v: square.to_vec(), steps }
    }

    /// The constants.
    #[must_use]
    pub fn config(&self) -> &AdamConfig {
        &self.config
    }

    /// The decayed mean of the gradients, not corrected for its start at zero.
    #[must_use]
    pub fn mean(&self) -> &[f32] {
        &self.m
    }

    /// The decayed mean of the squared gradients, not corrected for its start at zero.
    #[must_use]
    pub fn square(&self) -> &[f32] {
        &self.v
    }

    /// Steps done.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Counts one step and lends what [`adam_update`] needs for it: the common factors and both moments. For callers that
    /// compute the gradient in the same pass.
    pub fn begin(&mut self, learning_rate: f32) -> (AdamStep, &mut [f32], &mut [f32]) {
        self.steps = self.steps.saturating_add(1);
        (AdamStep::new(&self.config, learning_rate, self.steps), &mut self.m, &mut self.v)
    }

    /// Moves `weights` one step against `gradient`.
    ///
    /// # Panics
    /// When a slice has not as many elements as the optimiser has parameters.
    #[track_caller]
    pub fn step(&mut self, learning_rate: f32, weights: &mut [f32], gradient: &[f32]) {
        check_lengths(self.m.len(), weights, gradient);
        let (step, m, v) = self.begin(learning_rate);
        for_each_block([weights, m, v], gradient, |[weights, m, v], gradient| {
            vectorized(
                #[inline(always)]
                || update_all(step, weights, gradient, m, v),
            );
        });
    }

    /// As [`Self::step`], for the parameters at the given positions only. Where all others are zero and so are their
    /// moments, as after [`Self::reset_where`], and their gradients, a whole step would do the same.
    ///
    /// # Panics
    /// As [`Self::step`], or when a position is out of bounds.
    #[track_caller]
    pub fn step_at(&mut self, positions: &[usize], learning_rate: f32, weights: &mut [f32], gradient: &[f32]) {
        check_lengths(self.m.len(), weights, gradient);
        let (step, m, v) = self.begin(learning_rate);
        for &at in positions {
            adam_update(&step, &mut weights[at], gradient[at], &mut m[at], &mut v[at]);
        }
    }

    /// Forgets the moments of those parameters whose position `is_meant` picks.
    pub fn reset_where(&mut self, is_meant: impl Fn(usize) -> bool) {
        for (at, (m, v)) in self.m.iter_mut().zip(&mut self.v).enumerate() {
            if is_meant(at) {
                (*m, *v) = (0.0, 0.0);
            }
        }
    }

    /// Keeps the moments of the parameters in `keep` only, in that order.
    ///
    /// # Panics
    /// When an index is out of bounds.
    #[track_caller]
    pub fn gather(&mut self, keep: &[usize]) {
        gather(&mut self.m, keep);
        gather(&mut self.v, keep);
    }
}
