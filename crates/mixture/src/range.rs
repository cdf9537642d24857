//! The preset range of the means, divided equally (step 1 of the method).

use serde::{Deserialize, Serialize};

use crate::Error;

/// The most components a mixture can have: their indices fit 16 bits.
pub const MAX_COMPONENTS: usize = 1 << 16;

/// The preset range `[a, b]` of the means, in units of a layer's scale: finite, `a < 0 < b`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[f64; 2]", into = "[f64; 2]")]
pub struct Range {
    a: f64,
    b: f64,
}

impl Range {
    /// The range from `a` to `b`.
    ///
    /// # Errors
    /// [`Error::Range`] unless `a < 0 < b` and both, and their distance, are finite.
    pub fn new(a: f64, b: f64) -> Result<Self, Error> {
        if a < 0.0 && 0.0 < b && (b - a).is_finite() { Ok(Self { a, b }) } else { Err(Error::Range { a, b }) }
    }

    /// Lower end.
    #[must_use]
    pub fn a(self) -> f64 {
        self.a
    }

    /// Upper end.
    #[must_use]
    pub fn b(self) -> f64 {
        self.b
    }

    /// Distance of neighbouring points when the range is divided into `k` points, both ends included.
    #[must_use]
    pub fn spacing(self, k: usize) -> f64 {
        (self.b - self.a) / (k.max(2) - 1) as f64
    }

    /// The means of `k` components: `k` equally spaced points, both ends included, in ascending order.
    ///
    /// Where no point falls on zero, one is added, so that there may be `k + 1` of them. A point that misses zero by
    /// rounding alone counts as zero.
    ///
    /// # Errors
    /// [`Error::TooFewComponents`] when `k < 2`, [`Error::TooManyComponents`] beyond [`MAX_COMPONENTS`].
    pub fn means(self, k: usize) -> Result<Vec<f64>, Error> {
        if k < 2 {
            return Err(Error::TooFewComponents { got: k });
        }
        if k >= MAX_COMPONENTS {
            return Err(Error::TooManyComponents { got: k, limit: MAX_COMPONENTS });
        }
        let spacing = self.spacing(k);
        let mut means: Vec<f64> = (0..k)
            .map(|i| if i + 1 == k { self.b } else { self.a + i as f64 * spacing })
            .map(|mean| if mean.abs() < 1e-9 * spacing { 0.0 } else { mean })
            .collect();
        if !means.contains(&0.0) {
            means.insert(means.partition_point(|&mean| mean < 0.0), 0.0);
        }
        Ok(means)
    }
}

impl TryFrom<[f64; 2]> for Range {
    type Error = Error;

    fn try_from([a, b]: [f64; 2]) -> Result<Self, Error> {
        Self::new(a, b)
    }
}

impl From<Range> for [f64; 2] {
    fn from(range: Range) -> Self {
        [range.a, range.b]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bad_ranges_are_named() {
        for (a, b) in [(1.0, -1.0), (0.0, 1.0), (-1.0, 0.0), (0.5, 1.0), (f64::NAN, 1.0), (-1.0, f64::INFINITY)] {
            let error = Range::new(a, b).unwrap_err();
            assert!(matches!(error, Error::Range { .. }));
            assert!(error.to_string().contains("a < 0 < b"), "{error}");
        }
        assert!(Range::new(-f64::MAX, f64::MAX).is_err(), "the width overflows");
        let range = Range::new(-1.0, 1.0).unwrap();
        assert_eq!(range.means(1), Err(Error::TooFewComponents { got: 1 }));
        assert!(matches!(range.means(1 << 40), Err(Error::TooManyComponents { .. })));
        assert!(serde_json::from_str::<Range>("[1.0, 2.0]").is_err());
    }

    #[test]
    fn the_default_range_has_a_point_at_zero() {
        let range = Range::new(-16.0, 16.0).unwrap();
        assert_eq!(range.means(9).unwrap(), [-16.0, -12.0, -8.0, -4.0, 0.0, 4.0, 8.0, 12.0, 16.0]);
        assert_eq!(range.means(2).unwrap(), [-16.0, 0.0, 16.0]);
    }

    proptest! {
        #[test]
        fn means_are_equally_spaced_with_both_ends_and_zero(a in -1e3..-1e-3, b in 1e-3..1e3, k in 2_usize..300) {
            let range = Range::new(a, b).unwrap();
            let means = range.means(k).unwrap();
            prop_assert_eq!(means[0], a);
            prop_assert_eq!(means[means.len() - 1], b);
            prop_assert_eq!(means.iter().filter(|&&mean| mean == 0.0).count(), 1);
            prop_assert!(means.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(means.len() == k || means.len() == k + 1);
            for mean in means.iter().filter(|&&mean| mean != 0.0) {
                let steps = (mean - a) / range.spacing(k);
                prop_assert!((steps - steps.round()).abs() < 1e-6, "{} is off the grid", mean);
            }
        }

        #[test]
        fn rounding_alone_does_not_add_a_point(k in 2_usize..300, left in 1_usize..299, spacing in 1e-3..1e3) {
            prop_assume!(left + 1 < k);
            let range = Range::new(-(left as f64) * spacing, (k - 1 - left) as f64 * spacing).unwrap();
            prop_assert_eq!(range.means(k).unwrap().len(), k);
        }
    }
}
