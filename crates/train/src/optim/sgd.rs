//! Stochastic gradient descent with momentum.
//!
//! With momentum `ρ`, learning rate `η` and decay `λ`, and a velocity `b` that starts at zero:
//!
//! ```text
//! d ← g + λ w,   b ← ρ b + d,   w ← w - η b          (or - η (d + ρ b), Nesterov)
//! ```
//!
//! Sutskever et al. 2013 (ICML 28), in the form that `PyTorch` computes: the learning rate multiplies the velocity instead
//! of entering it.

use mixpress_simd::vectorized;
use serde::{Deserialize, Serialize};

use super::{check, check_lengths, for_each_block, gather};
use crate::Error;

/// The constants of stochastic gradient descent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SgdConfig {
    /// Momentum `ρ`, in [0, 1).
    pub momentum: f32,
    /// Whether the gradient is looked for ahead, in Nesterov's way.
    pub nesterov: bool,
    /// Weight decay `λ`, added to the gradient; at least 0.
    pub weight_decay: f32,
}

impl Default for SgdConfig {
    fn default() -> Self {
        Self { momentum: 0.9, nesterov: false, weight_decay: 0.0 }
    }
}

impl SgdConfig {
    /// Checks each setting against its range.
    ///
    /// # Errors
    /// [`Error::Setting`] naming the setting, its value and the range.
    pub fn validate(&self) -> Result<(), Error> {
        check("momentum", self.momentum, "in [0, 1)", (0.0..1.0).contains(&self.momentum))?;
        let decays = self.weight_decay >= 0.0 && self.weight_decay.is_finite();
        check("weight_decay", self.weight_decay, "at least 0", decays)
    }
}

/// Stochastic gradient descent for one slice of parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Sgd {
    config: SgdConfig,
    velocity: Vec<f32>,
}

impl Sgd {
    /// The optimiser of `len` parameters, before its first step.
    #[must_use]
    pub fn new(config: SgdConfig, len: usize) -> Self {
        Self { config, velocity: vec![0.0; len] }
    }

    /// An optimiser with the velocity that [`Self::velocity`] once gave.
    #[must_use]
    pub fn restored(config: SgdConfig, velocity: &[f32]) -> Self {
        Self { config, velocity: velocity.to_vec() }
    }

    /// The constants.
    #[must_use]
    pub fn config(&self) -> &SgdConfig {
        &self.config
    }

    /// The decayed sum of the gradients.
    #[must_use]
    pub fn velocity(&self) -> &[f32] {
        &self.velocity
    }

    /// Moves `weights` one step against `gradient`.
    ///
    /// # Panics
    /// When a slice has not as many elements as the optimiser has parameters.
    #[track_caller]
    pub fn step(&mut self, learning_rate: f32, weights: &mut [f32], gradient: &[f32]) {
        check_lengths(self.velocity.len(), weights, gradient);
        for_each_block([weights, &mut self.velocity], gradient, |[weights, velocity], gradient| {
            vectorized(
                #[inline(always)]
                || update_all(self.config, learning_rate, weights, gradient, velocity),
            );
        });
    }

    /// Keeps the velocity of the parameters in `keep` only, in that order.
    ///
    /// # Panics
    /// When an index is out of bounds.
    #[track_caller]
    pub fn gather(&mut self, keep: &[usize]) {
        gather(&mut self.velocity, keep);
    }
}

/// One step of all parameters. A function of its own, because only arguments tell the compiler that the slices do not
/// overlap, without which it would not use vector units.
#[inline(always)]
#[allow(clippy::inline_always, reason = "it must be compiled inside the function that has the vector units enabled")]
fn update_all(config: SgdConfig, learning_rate: f32, weights: &mut [f32], gradient: &[f32], velocity: &mut [f32]) {
    let SgdConfig { momentum, nesterov, weight_decay } = config;
    // Nesterov's step is `1 · d + ρ · b`, the plain one `0 · d + 1 · b`.
    let (of_gradient, of_velocity) = if nesterov { (1.0, momentum) } else { (0.0, 1.0) };
    for ((weight, &gradient), velocity) in weights.iter_mut().zip(gradient).zip(velocity) {
        let gradient = gradient + weight_decay * *weight;
        *velocity = momentum * *velocity + gradient;
        *weight -= learning_rate * (of_gradient * gradient + of_velocity * *velocity);
    }
}
