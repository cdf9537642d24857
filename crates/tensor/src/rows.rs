//! Plain functions on rows of numbers: softmax and argmax, for predictions outside a tape.

use crate::Element;

/// Replaces each row of `columns` logits by its softmax, `e^(x_i - m) / Σ_j e^(x_j - m)` with `m` the row's maximum.
///
/// Rows that hold a NaN or +∞ become NaN.
///
/// # Panics
///
/// When `columns` is zero or does not divide the number of elements.
#[track_caller]
pub fn softmax_rows<T: Element>(values: &mut [T], columns: usize) {
    check(values.len(), columns);
    for row in values.chunks_exact_mut(columns) {
        log_sum_exp_in_place(row);
    }
}

/// Turns a row of logits into its softmax and returns the logarithm of the sum of their exponentials.
pub(crate) fn log_sum_exp_in_place<T: Element>(row: &mut [T]) -> T {
    let maximum = row.iter().copied().fold(T::neg_infinity(), T::max);
    let mut sum = T::zero();
    for x in row.iter_mut() {
        *x = (*x - maximum).exp();
        sum += *x;
    }
    let scale = T::one() / sum;
    for x in row.iter_mut() {
        *x *= scale;
    }
    maximum + sum.ln()
}

/// The index of the largest value, the first one on ties; NaN is never the largest. 0 for an empty slice.
#[must_use]
pub fn argmax<T: Element>(values: &[T]) -> usize {
    let mut best = (0, T::neg_infinity());
    for (index, &value) in values.iter().enumerate() {
        if value > best.1 {
            best = (index, value);
        }
    }
    best.0
}

/// [`argmax`] of each row of `columns` values.
///
/// # Panics
///
/// When `columns` is zero or does not divide the number of elements.
#[track_caller]
pub fn argmax_rows<T: Element>(values: &[T], columns: usize) -> impl Iterator<Item = usize> + '_ {
    check(values.len(), columns);
    values.chunks_exact(columns).map(argmax)
}

#[track_caller]
fn check(len: usize, columns: usize) {
    assert!(columns > 0 && len.is_multiple_of(columns), "{len} values are not rows of {columns} columns");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn softmax_sums_to_one_and_keeps_the_order(mut row in vec(-1e4_f32..1e4, 1..20)) {
            let before = row.clone();
            let columns = row.len();
            softmax_rows(&mut row, columns);
            prop_assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            for (i, j) in (0..columns).zip(1..columns) {
                prop_assert!(!(before[i] < before[j] && row[i] > row[j]));
            }
        }

        #[test]
        fn softmax_ignores_a_common_shift(row in vec(-5.0_f64..5.0, 1..20), shift in -700.0_f64..700.0) {
            let mut shifted: Vec<f64> = row.iter().map(|x| x + shift).collect();
            let mut row = row;
            let columns = row.len();
            softmax_rows(&mut row, columns);
            softmax_rows(&mut shifted, columns);
            for (a, b) in row.iter().zip(&shifted) {
                prop_assert!((a - b).abs() < 1e-11);
            }
        }
    }

    #[test]
    fn argmax_takes_the_first_of_equals_and_no_nan() {
        assert_eq!(argmax(&[1.0_f32, 3.0, f32::NAN, 3.0]), 1);
        assert_eq!(argmax_rows(&[1.0_f32, 2.0, 5.0, 4.0], 2).collect::<Vec<_>>(), [1, 0]);
    }
}
