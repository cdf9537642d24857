//! Pruning masks: which weights may be nonzero.

use mixpress_mixture::nearest;

/// One entry a weight: whether it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PruningMask {
    kept: Vec<bool>,
}

impl PruningMask {
    /// Prunes the weights that belong to the zero component: those for which none of the other `means` (ascending, in units
    /// of `scale`) is nearer.
    ///
    /// # Panics
    /// When `means` is empty.
    #[must_use]
    #[track_caller]
    pub fn of_zero_component(weights: &[f32], means: &[f64], scale: f64) -> Self {
        let kept = weights.iter().map(|&weight| means[nearest(means, f64::from(weight) / scale)] != 0.0).collect();
        Self { kept }
    }

    /// Prunes the weights that are not larger than `threshold` in magnitude.
    #[must_use]
    pub fn above(weights: &[f32], threshold: f32) -> Self {
        Self { kept: weights.iter().map(|weight| weight.abs() > threshold).collect() }
    }

    /// Whether each weight is kept.
    #[must_use]
    pub fn kept(&self) -> &[bool] {
        &self.kept
    }

    /// Number of weights that are kept.
    #[must_use]
    pub fn count(&self) -> usize {
        self.kept.iter().filter(|&&kept| kept).count()
    }

    /// Share of the weights that are pruned, 0 to 1; 0 without weights.
    #[must_use]
    pub fn sparsity(&self) -> f64 {
        if self.kept.is_empty() { 0.0 } else { 1.0 - self.count() as f64 / self.kept.len() as f64 }
    }

    /// Sets pruned weights, or their gradients, to zero.
    ///
    /// # Panics
    /// When there is not one value an entry of the mask.
    #[track_caller]
    pub fn apply(&self, values: &mut [f32]) {
        assert_eq!(values.len(), self.kept.len(), "one value an entry of the mask");
        for (value, &kept) in values.iter_mut().zip(&self.kept) {
            if !kept {
                *value = 0.0;
            }
        }
    }

    /// Prunes what either mask prunes.
    ///
    /// # Panics
    /// When the masks differ in length.
    #[track_caller]
    pub fn intersect(&mut self, other: &Self) {
        assert_eq!(self.kept.len(), other.kept.len(), "masks of one tensor");
        for (kept, &other) in self.kept.iter_mut().zip(&other.kept) {
            *kept &= other;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_zero_component_prunes() {
        let weights = [0.0, 0.15, 0.25, -0.5, f32::NAN];
        let mut mask = PruningMask::of_zero_component(&weights[..4], &[-4.0, 0.0, 4.0], 0.1);
        assert_eq!(mask.kept(), [false, false, true, true]);
        assert_eq!((mask.count(), mask.sparsity()), (2, 0.5));
        mask.intersect(&PruningMask::above(&weights[..4], 0.3));
        assert_eq!(mask.kept(), [false, false, false, true]);
        assert_eq!(PruningMask::above(&weights[4..], 0.3).kept(), [false], "NaN is never kept");
    }

    proptest! {
        #[test]
        fn applying_twice_changes_nothing(weights in prop::collection::vec(-1.0..1.0_f32, 0..50), threshold in 0.0..1.0_f32) {
            let mask = PruningMask::above(&weights, threshold);
            let mut once = weights.clone();
            mask.apply(&mut once);
            prop_assert_eq!(once.iter().filter(|&&value| value != 0.0).count(), mask.count());
            let mut twice = once.clone();
            mask.apply(&mut twice);
            prop_assert_eq!(&once, &twice);
            prop_assert_eq!(PruningMask::above(&once, threshold), mask);
        }
    }
}
