//! Histograms of a layer's weights before and after joint training, and the mixture that was trained with them.

use mixpress_network::Parameters;
use mixpress_train::{CoveredLayer, JointOutcome, LayerMixture};
use serde::{Deserialize, Serialize};

/// Bins of a histogram; the middle one is around zero.
const BINS: usize = 121;

/// The weights of a layer under the prior, and its mixture at the end of joint training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerDetails {
    /// Parameter name, such as `fc1.weight`.
    pub name: String,
    /// Width of a bin. Bin `i` of `n` has the weights within half a width of `(i - (n - 1) / 2) * width`.
    pub bin_width: f64,
    /// The float network's weights, bin by bin.
    pub before: Vec<usize>,
    /// Those at the end of joint training, before they were quantised; weights that were pruned are zeros.
    pub joint: Vec<usize>,
    /// The number of weights that the mixture expects in each bin: its density by mixing proportions, times the weights that
    /// were not physically removed.
    pub expected: Vec<f64>,
    /// The components in ascending order of their means. The heavy-tailed prior's zero component is a ladder, whose
    /// lowest standard deviation this is.
    pub components: Vec<MixtureComponent>,
}

/// A component of a mixture in units of the weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MixtureComponent {
    /// Its mean.
    pub mean: f64,
    /// Its standard deviation.
    pub std_dev: f64,
    /// Its mixing proportion.
    pub proportion: f64,
}

impl LayerDetails {
    /// Of all layers: `full` are the layers of the whole network, whose weights are those of `float`.
    pub(crate) fn all(full: &[CoveredLayer], float: &Parameters, joint: &JointOutcome) -> Vec<Self> {
        let left = joint.trainee.covered();
        let each = full.iter().zip(&left).zip(&joint.mixtures);
        let of = |((full, left), mixture): ((&CoveredLayer, &CoveredLayer), &LayerMixture)| {
            let (before, after) = (float[full.parameter].data(), joint.trainee.parameters()[left.parameter].data());
            Self::of(&full.name, before, after, mixture)
        };
        each.map(of).collect()
    }

    fn of(name: &str, before: &[f32], left: &[f32], mixture: &LayerMixture) -> Self {
        let largest = before.iter().chain(left).fold(0.0_f32, |largest, weight| largest.max(weight.abs()));
        let largest = if largest > 0.0 { f64::from(largest) } else { 1.0 };
        let half = (BINS / 2) as f64;
        let bin_width = largest / half;
        let mut joint = histogram(left, bin_width);
        // What was removed is zero in the file.
        joint[BINS / 2] += before.len().saturating_sub(left.len());
        let expected = |bin: usize| left.len() as f64 * mass(mixture, (bin as f64 - half) * bin_width, bin_width);
        let components = mixture.components().into_iter();
        Self {
            name: name.to_owned(),
            bin_width,
            before: histogram(before, bin_width),
            joint,
            expected: (0..BINS).map(expected).collect(),
            components: components
                .map(|one| MixtureComponent { mean: one.mean, std_dev: one.std_dev, proportion: one.proportion })
                .collect(),
        }
    }
}

/// Weights in each bin.
fn histogram(weights: &[f32], bin_width: f64) -> Vec<usize> {
    let mut counts = vec![0; BINS];
    for &weight in weights {
        let bin = (f64::from(weight) / bin_width).round() + (BINS / 2) as f64;
        counts[bin.clamp(0.0, (BINS - 1) as f64) as usize] += 1;
    }
    counts
}

/// The probability of a bin around `middle`. The parts of a bin are narrow at zero, where densities are steep: `w = t³`
/// does that.
fn mass(mixture: &LayerMixture, middle: f64, width: f64) -> f64 {
    // Even numbers, so that no point is at zero, where the substitution has no slope.
    let parts = if middle.abs() < 1.5 * width { 64 } else { 12 };
    let (from, to) = ((middle - 0.5 * width).cbrt(), (middle + 0.5 * width).cbrt());
    let step = (to - from) / f64::from(parts);
    let points = (0..parts).map(|part| from + (f64::from(part) + 0.5) * step);
    points.map(|t| mixture.density(t.powi(3)) * 3.0 * t * t * step).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_weight_is_in_a_bin_and_zero_in_the_middle_one() {
        let weights = [-1.0, -0.999, 0.0, 0.001, 0.5, 1.0, 7.0];
        let counts = histogram(&weights, 1.0 / 60.0);
        assert_eq!(counts.iter().sum::<usize>(), weights.len());
        assert_eq!((counts[0], counts[60], counts[90], counts[120]), (2, 2, 1, 2));
    }
}
