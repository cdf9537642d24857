//! The levels of a layer: the values that its weights may take once they are assigned.

/// Values in ascending order, zero among them, with the boundaries between them.
///
/// ```
/// let levels = mixpress_train::Levels::new(vec![0.5, -0.3]);
/// assert_eq!(levels.values(), [-0.3, 0.0, 0.5]);
/// assert_eq!(levels.nearest(0.24), levels.zero());
/// assert_eq!(levels.nearest(0.26), 2);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Levels {
    values: Vec<f32>,
    /// Halfway between neighbours: a weight is as many levels up as boundaries lie below it.
    boundaries: Vec<f32>,
    zero: usize,
}

impl Levels {
    /// Levels in any order. Zero is added where it is missing; duplicates and values that are not finite are dropped.
    #[must_use]
    pub fn new(mut values: Vec<f32>) -> Self {
        // -0.0 and 0.0 are one level.
        values.retain(|&value| value.is_finite() && value != 0.0);
        values.push(0.0);
        values.sort_by(f32::total_cmp);
        values.dedup();
        let boundaries = values.windows(2).map(|pair| 0.5 * (pair[0] + pair[1])).collect();
        let zero = values.iter().position(|&value| value == 0.0).unwrap_or(0);
        Self { values, boundaries, zero }
    }

    /// The levels, ascending.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Position of the zero level.
    #[must_use]
    pub fn zero(&self) -> usize {
        self.zero
    }

    /// Position of the level nearest to a weight; a tie goes to the lower level.
    #[must_use]
    #[inline]
    pub fn nearest(&self, weight: f32) -> usize {
        self.boundaries.iter().map(|&boundary| usize::from(weight > boundary)).sum()
    }

    /// The nearest level itself.
    #[must_use]
    #[inline]
    pub fn quantize(&self, weight: f32) -> f32 {
        self.values[self.nearest(weight)]
    }

    /// The smallest magnitude of a nonzero level; infinite when there is none.
    #[must_use]
    pub fn smallest_magnitude(&self) -> f32 {
        let magnitudes = self.values.iter().map(|value| value.abs());
        magnitudes.filter(|&magnitude| magnitude > 0.0).fold(f32::INFINITY, f32::min)
    }

    /// Number of weights at each level and the sum of those weights. Weights that are exactly zero are pruned and stay at
    /// the zero level.
    #[must_use]
    pub fn tally(&self, weights: &[f32]) -> Vec<Tally> {
        let mut tallies = vec![Tally::default(); self.values.len()];
        for &weight in weights {
            let tally = &mut tallies[if weight == 0.0 { self.zero } else { self.nearest(weight) }];
            tally.count += 1;
            tally.sum += f64::from(weight);
        }
        tallies
    }
}

/// The weights at one level.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// How many there are.
    pub count: usize,
    /// Their sum.
    pub sum: f64,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nearest_really_is_nearest(values in prop::collection::vec(-2.0_f32..2.0, 0..9), weight in -3.0_f32..3.0) {
            let levels = Levels::new(values);
            let found = (levels.quantize(weight) - weight).abs();
            let best = levels.values().iter().map(|value| (value - weight).abs()).fold(f32::INFINITY, f32::min);
            prop_assert!(found <= best + 1e-6, "{found} instead of {best}");
            prop_assert_eq!(levels.quantize(levels.quantize(weight)), levels.quantize(weight));
            prop_assert_eq!(levels.values()[levels.zero()], 0.0);
        }

        #[test]
        fn every_weight_is_tallied_once(values in prop::collection::vec(-2.0_f32..2.0, 1..5), weights in prop::collection::vec(-3.0_f32..3.0, 0..50)) {
            let tallies = Levels::new(values).tally(&weights);
            prop_assert_eq!(tallies.iter().map(|tally| tally.count).sum::<usize>(), weights.len());
            let sum: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
            prop_assert!((tallies.iter().map(|tally| tally.sum).sum::<f64>() - sum).abs() < 1e-9);
        }
    }

    #[test]
    fn odd_values_are_dropped() {
        assert_eq!(Levels::new(vec![f32::NAN, -0.0, 1.0, 1.0, f32::INFINITY]).values(), [0.0, 1.0]);
        assert_eq!(Levels::new(vec![]).smallest_magnitude(), f32::INFINITY);
    }
}
