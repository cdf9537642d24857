//! One Gaussian component of a mixture.

use std::f64::consts::TAU;

use serde::{Deserialize, Serialize};

use crate::Error;

/// `sqrt(2 π)`.
pub(crate) const SQRT_TAU: f64 = 2.506_628_274_631_000_5;

/// A Gaussian with its mixing proportion.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// Mean `μ`, in units of a layer's scale.
    pub mean: f64,
    /// Standard deviation `σ`, in units of a layer's scale; positive.
    pub std_dev: f64,
    /// Mixing proportion `π`: the share of the weights that the component accounts for.
    pub proportion: f64,
}

impl Component {
    /// `ln N(u | μ, σ²)`, without the mixing proportion.
    #[must_use]
    pub fn log_normal(&self, u: f64) -> f64 {
        let z = (u - self.mean) / self.std_dev;
        -0.5 * (z * z + TAU.ln()) - self.std_dev.ln()
    }

    /// The Gaussian's distribution function at `u`, without the mixing proportion.
    #[must_use]
    pub fn normal_cdf(&self, u: f64) -> f64 {
        normal_cdf((u - self.mean) / self.std_dev)
    }

    /// The component's precision `1 / σ²`.
    #[must_use]
    pub fn precision(&self) -> f64 {
        (self.std_dev * self.std_dev).recip()
    }

    /// Checks mean, standard deviation and proportion on their own.
    pub(crate) fn validate(&self, component: usize) -> Result<(), Error> {
        if !self.mean.is_finite() {
            return Err(Error::Mean { component, value: self.mean });
        }
        if !(self.std_dev > 0.0 && self.std_dev.is_finite() && self.std_dev.recip().is_finite()) {
            return Err(Error::StdDev { component, value: self.std_dev });
        }
        if !(self.proportion > 0.0 && self.proportion.is_finite()) {
            return Err(Error::Proportion { component, value: self.proportion });
        }
        Ok(())
    }
}

/// Distribution function of the standard Gaussian, `erfc(-z / √2) / 2`.
pub(crate) fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constant_is_the_square_root_of_tau() {
        assert!((SQRT_TAU - TAU.sqrt()).abs() < 1e-15);
    }

    #[test]
    fn the_standard_gaussian_has_its_known_values() {
        let standard = Component { mean: 0.0, std_dev: 1.0, proportion: 1.0 };
        assert!((standard.log_normal(0.0) + 0.918_938_533_204_672_8).abs() < 1e-15);
        assert!((standard.log_normal(2.0) + 2.918_938_533_204_672_8).abs() < 1e-15);
        assert!((standard.normal_cdf(1.959_963_984_540_054) - 0.975).abs() < 1e-12);
        assert!((standard.normal_cdf(-1.0) + standard.normal_cdf(1.0) - 1.0).abs() < 1e-15);
        let shifted = Component { mean: 3.0, std_dev: 0.5, proportion: 0.2 };
        assert!((shifted.log_normal(3.0) - (2.0_f64.ln() - 0.918_938_533_204_672_8)).abs() < 1e-15);
        assert_eq!(shifted.normal_cdf(3.0), 0.5);
        assert_eq!(shifted.precision(), 4.0);
    }
}
