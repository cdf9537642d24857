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
#[serde(deny_unknown_fields)]
pub struct CountThreshold {
    /// A number of weights.
    pub absolute: usize,
    /// A fraction of the layer's weights; the larger of the two counts.
    pub fraction: f64,
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
