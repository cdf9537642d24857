//! Comparison of numbers within a relative and an absolute tolerance.

use std::fmt::Display;

/// Asserts that `|actual - expected| <= abs + rel · |expected|` everywhere.
///
/// Infinities must be equal; NaN is close to NaN only.
///
/// # Panics
///
/// When lengths differ or a pair is not close, naming the index where the tolerance is exceeded most and how many pairs
/// exceed it.
#[track_caller]
pub fn assert_close<A, E>(actual: &[A], expected: &[E], rel: f64, abs: f64)
where
    A: Copy + Into<f64> + Display,
    E: Copy + Into<f64> + Display,
{
    assert_eq!(actual.len(), expected.len(), "{} values compared with {}", actual.len(), expected.len());
    let excesses = actual.iter().zip(expected).map(|(&a, &e)| excess(a.into(), e.into(), rel, abs));
    let (mut worst, mut count) = ((0, 1.0), 0);
    for (index, excess) in excesses.enumerate() {
        if excess > 1.0 {
            count += 1;
            if excess > worst.1 {
                worst = (index, excess);
            }
        }
    }
    assert!(
        count == 0,
        "{count} of {} values are not close; worst at {}: {} instead of {}, {:.3e} times the tolerance (rel {rel:e}, abs {abs:e})",
        actual.len(),
        worst.0,
        actual[worst.0],
        expected[worst.0],
        worst.1,
    );
}

/// The largest `|actual - expected|` and its index; `None` for empty slices.
///
/// # Panics
///
/// When lengths differ.
#[must_use]
#[track_caller]
pub fn worst_difference<A, E>(actual: &[A], expected: &[E]) -> Option<(usize, f64)>
where
    A: Copy + Into<f64>,
    E: Copy + Into<f64>,
{
    assert_eq!(actual.len(), expected.len(), "{} values compared with {}", actual.len(), expected.len());
    let differences = actual.iter().zip(expected).map(|(&a, &e)| (a.into() - e.into()).abs());
    differences.enumerate().max_by(|a, b| a.1.total_cmp(&b.1))
}

/// How many times the tolerance a pair is apart.
fn excess(actual: f64, expected: f64, rel: f64, abs: f64) -> f64 {
    if actual == expected || (actual.is_nan() && expected.is_nan()) {
        return 0.0;
    }
    let ratio = (actual - expected).abs() / (abs + rel * expected.abs());
    // A lone NaN, or an infinity against a number, is as far away as can be.
    if ratio.is_nan() || !expected.is_finite() { f64::INFINITY } else { ratio }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tolerances_add_up() {
        assert_close(&[100.9_f32, 0.0], &[100.0_f64, 0.05], 0.01, 0.05);
        assert_close(&[f64::NAN, f64::INFINITY], &[f64::NAN, f64::INFINITY], 0.0, 0.0);
        assert_eq!(worst_difference(&[1.0, 2.0], &[1.5, 4.0]), Some((1, 2.0)));
    }

    #[test]
    #[should_panic(expected = "2 of 3 values are not close; worst at 2: 9 instead of 3")]
    fn the_worst_place_is_named() {
        assert_close(&[1.0, 2.5, 9.0], &[1.0, 2.0, 3.0], 0.1, 0.0);
    }

    #[test]
    #[should_panic(expected = "worst at 1")]
    fn a_nan_is_close_to_no_number() {
        assert_close(&[1.0, f64::NAN], &[1.0, 2.0], 1e9, 1e9);
    }

    #[test]
    #[should_panic(expected = "worst at 0")]
    fn infinities_are_close_to_no_number() {
        assert_close(&[1.0], &[f64::INFINITY], 0.1, 0.1);
    }
}
