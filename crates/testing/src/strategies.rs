//! Strategies of random inputs for proptest.

use std::ops::Range;

use proptest::prelude::*;

/// Shapes of a rank in `ranks` whose dimensions lie in `dimensions`.
pub fn shape(ranks: Range<usize>, dimensions: Range<usize>) -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(dimensions, ranks)
}

/// A number of either sign whose magnitude is uniform in the exponent between `10^from` and `10^to`: for properties that
/// must hold over many orders of magnitude.
pub fn magnitude(from: f64, to: f64) -> impl Strategy<Value = f64> {
    (from..to, any::<bool>()).prop_map(|(exponent, negative)| {
        let size = 10_f64.powf(exponent);
        if negative { -size } else { size }
    })
}

/// The configuration of a property whose single case is slow: that many cases, and no file of failures.
#[must_use]
pub fn cases(count: u32) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(count) }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest! {
        #![proptest_config(cases(50))]
        #[test]
        fn shapes_and_magnitudes_stay_in_bounds(shape in shape(1..4, 2..5), x in magnitude(-3.0, 2.0)) {
            prop_assert!((1..4).contains(&shape.len()) && shape.iter().all(|d| (2..5).contains(d)));
            prop_assert!((1e-3..=1e2).contains(&x.abs()));
        }
    }
}
