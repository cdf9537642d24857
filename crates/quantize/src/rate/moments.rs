//! Zeroth, first and second moments of weights: all that squared error asks for.

use std::ops::{Add, Sub};

/// Number, sum and sum of squares of some weights.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Moments {
    pub(super) count: f64,
    pub(super) first: f64,
    pub(super) second: f64,
}

impl Moments {
    /// Moments of `count` weights that are spread evenly from `low` to `high`.
    pub(super) fn uniform(count: f64, low: f64, high: f64) -> Self {
        let (first, second) = (0.5 * (low + high), (low * low + low * high + high * high) / 3.0);
        Self { count, first: count * first, second: count * second }
    }

    /// The mean; zero where there is no weight.
    pub(super) fn mean(self) -> f64 {
        if self.count > 0.0 { self.first / self.count } else { 0.0 }
    }

    /// The sum of squared distances from `value`. What may be nothing but rounding of the sums is zero.
    pub(super) fn error(self, value: f64) -> f64 {
        if self.count <= 0.0 {
            return 0.0;
        }
        let mean = self.mean();
        let scatter = self.second - self.first * mean;
        let scatter = if scatter > 16.0 * f64::EPSILON * self.second { scatter } else { 0.0 };
        scatter + self.count * (mean - value) * (mean - value)
    }
}

impl Add for Moments {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { count: self.count + other.count, first: self.first + other.first, second: self.second + other.second }
    }
}

impl Sub for Moments {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { count: self.count - other.count, first: self.first - other.first, second: self.second - other.second }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(weights: &[f64]) -> Moments {
        let add = |sum: Moments, &w: &f64| sum + Moments { count: 1.0, first: w, second: w * w };
        weights.iter().fold(Moments::default(), add)
    }

    #[test]
    fn the_error_is_that_of_the_weights() {
        let weights = [0.5, -0.25, 2.0, 2.0];
        let expected: f64 = weights.iter().map(|w| (w - 0.75) * (w - 0.75)).sum();
        assert!((of(&weights).error(0.75) - expected).abs() < 1e-12);
        assert_eq!(of(&[0.1; 7]).error(of(&[0.1; 7]).mean()), 0.0);
        assert_eq!((Moments::default().mean(), Moments::default().error(3.0)), (0.0, 0.0));
    }

    #[test]
    fn even_spread_has_a_twelfth_of_the_squared_width() {
        let even = Moments::uniform(3.0, -1.0, 2.0);
        assert!((even.mean() - 0.5).abs() < 1e-15);
        assert!((even.error(0.5) - 3.0 * 9.0 / 12.0).abs() < 1e-12);
    }
}
