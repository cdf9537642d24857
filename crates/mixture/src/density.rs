//! Density, score, responsibilities and moments of a mixture, by log-sum-exp everywhere.
//!
//! Every term is formed as a logarithm and the largest is taken out before anything is exponentiated, so that the
//! results are finite wherever the arguments are: 40 standard deviations from every mean, or a million ranges away.

use crate::Mixture;
use crate::component::normal_cdf;

/// Logarithm of a density and its derivative at one point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogDensity {
    /// `ln p(u)`.
    pub value: f64,
    /// `d/du ln p(u)`, the score.
    pub score: f64,
}

impl Mixture {
    /// `ln p(u)`.
    #[must_use]
    pub fn log_density(&self, u: f64) -> f64 {
        let peak = self.peak(u);
        peak + self.terms().iter().map(|term| (term.log(u) - peak).exp()).sum::<f64>().ln()
    }

    /// The score `d/du ln p(u) = -Σ_k r_k(u) (u - μ_k) / σ_k²`, with `r_k` the responsibilities.
    #[must_use]
    pub fn score(&self, u: f64) -> f64 {
        self.evaluate(u).score
    }

    /// `ln p(u)` and the score together.
    #[must_use]
    pub fn evaluate(&self, u: f64) -> LogDensity {
        let peak = self.peak(u);
        let (mut sum, mut slope) = (0.0, 0.0);
        for term in self.terms() {
            let share = (term.log(u) - peak).exp();
            sum += share;
            slope += share * term.z(u) * term.inverse_std_dev;
        }
        LogDensity { value: peak + sum.ln(), score: -slope / sum }
    }

    /// Writes the responsibilities `r_k(u) = π_k N(u | μ_k, σ_k²) / p(u)` of the components for `u`; they sum to one.
    ///
    /// # Panics
    /// When `responsibilities` has another length than there are components.
    #[track_caller]
    pub fn responsibilities(&self, u: f64, responsibilities: &mut [f64]) {
        assert_eq!(responsibilities.len(), self.len(), "one responsibility a component");
        let peak = self.peak(u);
        let mut sum = 0.0;
        for (share, term) in responsibilities.iter_mut().zip(self.terms()) {
            *share = (term.log(u) - peak).exp();
            sum += *share;
        }
        for share in responsibilities {
            *share /= sum;
        }
    }

    /// The distribution function: the probability of a value up to `u`.
    #[must_use]
    pub fn cdf(&self, u: f64) -> f64 {
        (self.components().iter().zip(self.terms()))
            .map(|(component, term)| component.proportion * normal_cdf(term.z(u)))
            .sum()
    }

    /// The mixture's own mean, `Σ_k π_k μ_k`.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.components().iter().map(|component| component.proportion * component.mean).sum()
    }

    /// The mixture's own standard deviation: the root of `Σ_k π_k (σ_k² + (μ_k - mean)²)`.
    #[must_use]
    pub fn std_dev(&self) -> f64 {
        let mean = self.mean();
        let variance: f64 = self
            .components()
            .iter()
            .map(|component| {
                component.proportion * (component.std_dev * component.std_dev + (component.mean - mean).powi(2))
            })
            .sum();
        variance.sqrt()
    }

    /// The largest of the terms `ln (π_k N(u | μ_k, σ_k²))`.
    #[inline]
    pub(crate) fn peak(&self, u: f64) -> f64 {
        self.terms().iter().map(|term| term.log(u)).fold(f64::NEG_INFINITY, f64::max)
    }
}

#[cfg(test)]
mod tests;
