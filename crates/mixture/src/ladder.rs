//! The heavy-tailed zero component: a ladder of zero-mean Gaussians.
//!
//! Rung `k` has standard deviation `ε 2^k`, and the *peak heights* of the rungs, proportion and normalisation included,
//! fall as `2^(-k κ G)`. Between the lowest and the highest rung the density therefore falls like the power law
//! `|u|^(-κ G)`: small values are pulled to zero strongly, large ones hardly at all (a force of `κ G / |u|`), which one
//! Gaussian cannot do. It is a finite scale mixture (Andrews and Mallows 1974), in the role that the horseshoe and
//! log-uniform priors have in *Bayesian Compression for Deep Learning* (Louizos et al. 2017, arXiv 1705.08665).
//!
//! The exponent `G` is an argument: it says how expensive a large weight is at its place, see
//! [`exponent`](crate::exponent).

use std::f64::consts::LN_2;

use ndarray_rand::rand::Rng;
use ndarray_rand::rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::component::{SQRT_TAU, normal_cdf};
use crate::density::LogDensity;
use crate::sampling::pick;
use crate::{Error, error::positive};

/// Rungs that cover magnitudes from `ε` to `2048 ε`.
pub const RUNGS: usize = 12;

/// The most rungs there can be; with [`STEEPEST`], it keeps the heights within the range of floating-point numbers.
const MOST_RUNGS: usize = 16;

/// The largest `κ` there can be.
const STEEPEST: f64 = 4.0;

/// A scale mixture of zero-mean Gaussians whose density falls like a power law; normalised for every exponent `G`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Ladder {
    rungs: usize,
    kappa: f64,
    epsilon: f64,
}

/// What of a ladder is written down.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    rungs: usize,
    kappa: f64,
    epsilon: f64,
}

impl TryFrom<Stored> for Ladder {
    type Error = Error;

    fn try_from(Stored { rungs, kappa, epsilon }: Stored) -> Result<Self, Error> {
        Self::with_shape(rungs, kappa, epsilon)
    }
}

impl From<Ladder> for Stored {
    fn from(Ladder { rungs, kappa, epsilon }: Ladder) -> Self {
        Self { rungs, kappa, epsilon }
    }
}

impl Ladder {
    /// A ladder of [`RUNGS`] rungs with `κ = 1`, the lowest of standard deviation `epsilon`.
    ///
    /// # Errors
    /// [`Error::Setting`] when `epsilon` is not positive and finite.
    pub fn new(epsilon: f64) -> Result<Self, Error> {
        Self::with_shape(RUNGS, 1.0, epsilon)
    }

    /// A ladder of `rungs` rungs whose heights fall as `2^(-k kappa G)`, the lowest of standard deviation `epsilon`.
    ///
    /// # Errors
    /// [`Error::Setting`] when there are not 1 to 16 rungs, or `kappa` or `epsilon` are not positive and finite.
    pub fn with_shape(rungs: usize, kappa: f64, epsilon: f64) -> Result<Self, Error> {
        if !(1..=MOST_RUNGS).contains(&rungs) {
            let rule = "from 1 to 16";
            return Err(Error::Setting { setting: "the number of rungs of the ladder", value: rungs as f64, rule });
        }
        if !(kappa > 0.0 && kappa <= STEEPEST) {
            let rule = "above 0 and at most 4";
            return Err(Error::Setting { setting: "the steepness kappa of the ladder", value: kappa, rule });
        }
        let epsilon = positive("the lowest standard deviation epsilon of the ladder", epsilon)?;
        Ok(Self { rungs, kappa, epsilon })
    }

    /// The same ladder moved to another lowest standard deviation.
    ///
    /// # Errors
    /// [`Error::Setting`] when `epsilon` is not positive and finite.
    pub fn at(&self, epsilon: f64) -> Result<Self, Error> {
        Self::with_shape(self.rungs, self.kappa, epsilon)
    }

    /// Number of rungs.
    #[must_use]
    pub fn rungs(&self) -> usize {
        self.rungs
    }

    /// How steeply the heights fall, relative to `G`.
    #[must_use]
    pub fn kappa(&self) -> f64 {
        self.kappa
    }

    /// Standard deviation of the lowest rung.
    #[must_use]
    pub fn epsilon(&self) -> f64 {
        self.epsilon
    }

    /// Standard deviation `ε 2^k` of rung `k`.
    #[must_use]
    pub fn std_dev(&self, rung: usize) -> f64 {
        self.epsilon * (rung as f64).exp2()
    }

    /// Logarithm of the height of rung `k` relative to that of rung 0: `-k κ g ln 2`.
    #[inline]
    pub(crate) fn log_height(&self, rung: usize, g: f64) -> f64 {
        -(rung as f64) * self.kappa * g * LN_2
    }

    /// Logarithm of the integral of the ladder whose lowest rung has height 1.
    pub(crate) fn log_integral(&self, g: f64) -> f64 {
        let relative: f64 = (0..self.rungs).map(|rung| ((rung as f64) * (1.0 - self.kappa * g)).exp2()).sum();
        (self.epsilon * SQRT_TAU * relative).ln()
    }

    /// Share of each rung in the probability; they sum to one.
    fn shares(&self, g: f64) -> impl Iterator<Item = f64> + Clone {
        let growth = 1.0 - self.kappa * g;
        let total: f64 = (0..self.rungs).map(|rung| (rung as f64 * growth).exp2()).sum();
        (0..self.rungs).map(move |rung| (rung as f64 * growth).exp2() / total)
    }

    /// `ln p(u)` where large weights have exponent `g`.
    #[must_use]
    pub fn log_density(&self, u: f64, g: f64) -> f64 {
        self.evaluate(u, g).value
    }

    /// `d/du ln p(u)` where large weights have exponent `g`.
    #[must_use]
    pub fn score(&self, u: f64, g: f64) -> f64 {
        self.evaluate(u, g).score
    }

    /// `ln p(u)` and the score together.
    #[must_use]
    pub fn evaluate(&self, u: f64, g: f64) -> LogDensity {
        let log = |rung: usize| {
            let z = u / self.std_dev(rung);
            self.log_height(rung, g) - 0.5 * z * z
        };
        let peak = (0..self.rungs).map(log).fold(f64::NEG_INFINITY, f64::max);
        let (mut sum, mut slope) = (0.0, 0.0);
        for rung in 0..self.rungs {
            let share = (log(rung) - peak).exp();
            let std_dev = self.std_dev(rung);
            sum += share;
            slope += share * (u / std_dev) / std_dev;
        }
        LogDensity { value: peak + sum.ln() - self.log_integral(g), score: -slope / sum }
    }

    /// The distribution function where large weights have exponent `g`.
    #[must_use]
    pub fn cdf(&self, u: f64, g: f64) -> f64 {
        self.shares(g).enumerate().map(|(rung, share)| share * normal_cdf(u / self.std_dev(rung))).sum()
    }

    /// A draw: a rung by its share, then a value from its Gaussian.
    pub fn sample(&self, g: f64, rng: &mut impl Rng) -> f64 {
        let rung = pick(self.shares(g), rng);
        let normal: f64 = StandardNormal.sample(rng);
        self.std_dev(rung) * normal
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bad_shapes_are_named() {
        assert!(Ladder::new(0.0).unwrap_err().to_string().contains("epsilon"));
        assert!(Ladder::new(f64::NAN).is_err());
        assert!(Ladder::with_shape(0, 1.0, 1.0).unwrap_err().to_string().contains("from 1 to 16"));
        assert!(Ladder::with_shape(12, -1.0, 1.0).unwrap_err().to_string().contains("kappa"));
        assert!(Ladder::with_shape(17, 1.0, 1.0).is_err());
    }

    proptest! {
        #[test]
        fn it_is_a_density(log_epsilon in -8.0..8.0_f64, g in 0.5..12.0_f64) {
            let ladder = Ladder::new(log_epsilon.exp()).unwrap();
            // Composite Simpson on u = ε sinh t, which spreads 12 octaves evenly.
            let (steps, end) = (4000, 11.0_f64);
            let h = 2.0 * end / f64::from(steps);
            let integral: f64 = (0..=steps).map(|i| {
                let t = -end + f64::from(i) * h;
                let weight = if i == 0 || i == steps { 1.0 } else if i % 2 == 1 { 4.0 } else { 2.0 };
                let u = ladder.epsilon() * t.sinh();
                weight * h / 3.0 * ladder.log_density(u, g).exp() * ladder.epsilon() * t.cosh()
            }).sum();
            prop_assert!((integral - 1.0).abs() < 1e-6, "{}", integral);
        }

        #[test]
        fn peak_heights_fall_as_the_formula_says(g in 0.5..10.0_f64, kappa in 0.3..2.0_f64) {
            let ladder = Ladder::with_shape(6, kappa, 0.1).unwrap();
            let shares: Vec<f64> = ladder.shares(g).collect();
            for rung in 1..6 {
                let height = |k: usize| shares[k] / ladder.std_dev(k);
                let fall = height(rung) / height(rung - 1);
                prop_assert!((fall - (-kappa * g).exp2()).abs() < 1e-9);
            }
        }

        #[test]
        fn the_score_is_the_slope_and_is_odd(log_u in -4.0..9.0_f64, g in 1.0..10.0_f64) {
            let ladder = Ladder::new(1.0).unwrap();
            let u = log_u.exp();
            let h = 1e-5 * u;
            let slope = (ladder.log_density(u + h, g) - ladder.log_density(u - h, g)) / (2.0 * h);
            let score = ladder.score(u, g);
            prop_assert!((score - slope).abs() < 1e-6 * slope.abs().max(1e-3), "{} {}", score, slope);
            prop_assert_eq!(ladder.score(-u, g), -score);
            prop_assert!(score <= 0.0);
        }

        #[test]
        fn the_distribution_function_integrates_the_density(log_u in -2.0..6.0_f64, g in 1.0..6.0_f64) {
            let ladder = Ladder::new(1.0).unwrap();
            let u = log_u.exp();
            let h = 1e-4 * u;
            let slope = (ladder.cdf(u + h, g) - ladder.cdf(u - h, g)) / (2.0 * h);
            let density = ladder.log_density(u, g).exp();
            prop_assert!((slope - density).abs() < 1e-5 * density + 1e-10, "{} {}", slope, density);
        }
    }

    #[test]
    fn between_the_rungs_it_falls_like_a_power_law() {
        let ladder = Ladder::new(1.0).unwrap();
        for g in [1.5, 3.0, 6.0] {
            for u in [8.0, 20.0, 64.0, 150.0] {
                let exponent = -ladder.score(u, g) * u;
                assert!((exponent - g).abs() < 0.25 * g, "exponent {exponent} at {u} instead of {g}");
            }
        }
    }

    #[test]
    fn far_out_it_stays_finite() {
        let ladder = Ladder::new(1e-3).unwrap();
        for u in [0.0, 1e-300, 1e6, -1e9] {
            let at = ladder.evaluate(u, 9.0);
            assert!(at.value.is_finite() && at.score.is_finite(), "{at:?} at {u}");
        }
    }
}
