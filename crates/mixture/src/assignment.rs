//! Which component a weight belongs to, and which components a layer keeps (step 5 of the method, claims 4 and 5).

use mixpress_parallel::map_reduce;
use serde::{Deserialize, Serialize};

use crate::{Error, error::positive};

/// Position of the mean nearest to `u`; a tie goes to the lower mean.
///
/// `means` is in ascending order and not empty.
///
/// # Panics
/// When `means` is empty.
#[must_use]
#[inline]
#[track_caller]
pub fn nearest(means: &[f64], u: f64) -> usize {
    assert!(!means.is_empty(), "nothing is nearest among no means");
    let upper = means.partition_point(|&mean| mean < u);
    if upper == 0 {
        return 0;
    }
    if upper == means.len() {
        return upper - 1;
    }
    if u - means[upper - 1] <= means[upper] - u { upper - 1 } else { upper }
}

/// Counts the weights of each component: each weight `w` of a layer of scale `scale` counts for the mean nearest to
/// `w / scale`.
///
/// # Panics
/// When `means` is empty.
#[must_use]
#[track_caller]
pub fn counts(means: &[f64], weights: &[f32], scale: f64) -> Vec<usize> {
    let count = |range: std::ops::Range<usize>| {
        let mut counts = vec![0; means.len()];
        for &weight in &weights[range] {
            counts[nearest(means, f64::from(weight) / scale)] += 1;
        }
        counts
    };
    let add = |mut left: Vec<usize>, right: Vec<usize>| {
        for (left, right) in left.iter_mut().zip(right) {
            *left += right;
        }
        left
    };
    map_reduce(weights.len(), count, add).unwrap_or_else(|| vec![0; means.len()])
}

/// The count that a layer's component must exceed to be a target component.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CountThreshold {
    /// A number of weights.
    pub absolute: usize,
    /// A fraction of the layer's weights; the larger of the two counts.
    pub fraction: f64,
}

impl Default for CountThreshold {
    /// More than 4 weights, and more than one in 20,000: what a codebook entry costs in a file.
    fn default() -> Self {
        Self { absolute: 4, fraction: 5e-5 }
    }
}

impl CountThreshold {
    /// Checks the fraction.
    ///
    /// # Errors
    /// [`Error::Setting`] when it is not between 0 and 1.
    pub fn validate(&self) -> Result<(), Error> {
        let rule = "between 0 and 1";
        if (0.0..=1.0).contains(&self.fraction) {
            Ok(())
        } else {
            Err(Error::Setting { setting: "the threshold's fraction of a layer's weights", value: self.fraction, rule })
        }
    }

    /// The count that must be exceeded in a layer of `layer_len` weights.
    #[must_use]
    pub fn count(&self, layer_len: usize) -> f64 {
        (self.absolute as f64).max(self.fraction * layer_len as f64)
    }
}

/// The target components of a layer, as ascending positions: those whose count exceeds the threshold, the zero component,
/// and the nonzero component with the most weights (the first of several).
///
/// Weights of components that were dropped go to the nearest that was kept: that is [`nearest`] among the kept means.
///
/// # Panics
/// When `zero` is not a position of `counts`.
#[must_use]
#[track_caller]
pub fn target_components(counts: &[usize], zero: usize, layer_len: usize, threshold: &CountThreshold) -> Vec<usize> {
    assert!(zero < counts.len(), "zero component {zero} of {} components", counts.len());
    let needed = threshold.count(layer_len);
    let mut largest = None;
    for (position, &count) in counts.iter().enumerate() {
        if position != zero && largest.is_none_or(|largest: usize| count > counts[largest]) {
            largest = Some(position);
        }
    }
    (0..counts.len())
        .filter(|&position| position == zero || Some(position) == largest || counts[position] as f64 > needed)
        .collect()
}

/// The standard deviation of weights that were given, about zero: their root mean square, a layer's scale where no network
/// was drawn. `None` when it is zero or not finite, so that there is nothing to divide by.
#[must_use]
pub fn root_mean_square(weights: &[f32]) -> Option<f64> {
    let squares = mixpress_parallel::sum(weights.len(), |range| {
        weights[range].iter().map(|&weight| f64::from(weight) * f64::from(weight)).sum()
    });
    positive("the root mean square", (squares / weights.len() as f64).sqrt()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sorted(mut means: Vec<f64>) -> Vec<f64> {
        means.sort_by(f64::total_cmp);
        means
    }

    proptest! {
        #[test]
        fn nearest_really_is_nearest(means in prop::collection::vec(-5.0..5.0_f64, 1..20), u in -7.0..7.0_f64) {
            let means = sorted(means);
            let got = (means[nearest(&means, u)] - u).abs();
            prop_assert!(means.iter().all(|mean| got <= (mean - u).abs()));
        }

        #[test]
        fn every_weight_is_counted_once(weights in prop::collection::vec(-3.0..3.0_f32, 0..500), means in prop::collection::vec(-5.0..5.0_f64, 1..9)) {
            let means = sorted(means);
            let counts = counts(&means, &weights, 0.5);
            prop_assert_eq!(counts.len(), means.len());
            prop_assert_eq!(counts.iter().sum::<usize>(), weights.len());
            for (position, &count) in counts.iter().enumerate() {
                let expected = weights.iter().filter(|&&w| nearest(&means, f64::from(w) / 0.5) == position).count();
                prop_assert_eq!(count, expected);
            }
        }

        #[test]
        fn targets_are_those_above_the_threshold(counts in prop::collection::vec(0_usize..100, 2..12), zero in 0_usize..12, absolute in 0_usize..120, fraction in 0.0..0.3_f64) {
            let zero = zero % counts.len();
            let layer: usize = counts.iter().sum();
            let threshold = CountThreshold { absolute, fraction };
            let targets = target_components(&counts, zero, layer, &threshold);
            prop_assert!(targets.is_sorted_by(|a, b| a < b));
            prop_assert!(targets.contains(&zero) && targets.len() >= 2);
            let largest = (0..counts.len()).filter(|&k| k != zero).map(|k| counts[k]).max().unwrap();
            prop_assert!(targets.iter().any(|&k| k != zero && counts[k] == largest));
            for (position, &count) in counts.iter().enumerate() {
                let enough = count > absolute && count as f64 > fraction * layer as f64;
                prop_assert!(!enough || targets.contains(&position));
                prop_assert!(enough || !targets.contains(&position) || position == zero || count == largest);
            }
        }
    }

    #[test]
    fn ties_go_to_the_lower_mean_and_the_first_of_the_largest_stays() {
        assert_eq!(nearest(&[-1.0, 1.0], 0.0), 0);
        assert_eq!(nearest(&[0.0, 0.0, 2.0], 0.0), 0);
        assert_eq!(nearest(&[0.0, 1.0], f64::NAN), 0);
        let threshold = CountThreshold { absolute: 30, fraction: 3e-4 };
        assert_eq!(target_components(&[30, 30, 900, 31], 2, 991, &threshold), [2, 3]);
        assert_eq!(target_components(&[5, 5, 900], 2, 910, &threshold), [0, 2]);
        assert_eq!(target_components(&[5, 900, 40], 1, 1_000_000, &threshold), [1, 2]);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        for fraction in [-0.1, 1.5, f64::NAN] {
            let error = CountThreshold { absolute: 0, fraction }.validate().unwrap_err();
            assert!(error.to_string().contains("between 0 and 1"));
        }
        assert!(CountThreshold { absolute: 30, fraction: 3e-4 }.validate().is_ok());
    }

    #[test]
    fn the_root_mean_square_of_nothing_is_none() {
        assert_eq!(root_mean_square(&[]), None);
        assert_eq!(root_mean_square(&[0.0; 5]), None);
        assert_eq!(root_mean_square(&[f32::NAN]), None);
        assert_eq!(root_mean_square(&[3.0, -3.0]), Some(3.0));
    }
}
