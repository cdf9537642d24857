//! Sums in a fixed order.

use mixpress_simd::vectorized;

use crate::Element;

const LANES: usize = 16;

/// `Σ f(x_i)`, summed in sixteen interleaved lanes that are added at the end.
pub(crate) fn sum_by<T: Element>(values: &[T], f: impl Fn(T) -> T) -> T {
    vectorized(
        #[inline(always)]
        || {
            let mut lanes = [T::zero(); LANES];
            let chunks = values.chunks_exact(LANES);
            let rest = chunks.remainder();
            for chunk in chunks {
                for (lane, &x) in lanes.iter_mut().zip(chunk) {
                    *lane += f(x);
                }
            }
            for (lane, &x) in lanes.iter_mut().zip(rest) {
                *lane += f(x);
            }
            fold(lanes)
        },
    )
}

/// `Σ a_i` and `Σ a_i (b_i - centre)` in one pass, each summed as [`sum_by`] does.
pub(crate) fn sum_and_products<T: Element>(a: &[T], b: &[T], centre: T) -> (T, T) {
    assert_eq!(a.len(), b.len());
    vectorized(
        #[inline(always)]
        || {
            let (mut sums, mut products) = ([T::zero(); LANES], [T::zero(); LANES]);
            let (left, right) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
            let (left_rest, right_rest) = (left.remainder(), right.remainder());
            let mut add = |left: &[T], right: &[T]| {
                for ((sum, product), (&x, &y)) in sums.iter_mut().zip(&mut products).zip(left.iter().zip(right)) {
                    *sum += x;
                    *product += x * (y - centre);
                }
            };
            left.zip(right).for_each(|(left, right)| add(left, right));
            add(left_rest, right_rest);
            (fold(sums), fold(products))
        },
    )
}

/// Sums each column of a row-major matrix of `dst.len()` columns.
pub(crate) fn sum_rows<T: Element>(dst: &mut [T], matrix: &[T]) {
    dst.fill(T::zero());
    if dst.is_empty() {
        return;
    }
    vectorized(
        #[inline(always)]
        || {
            for row in matrix.chunks_exact(dst.len()) {
                for (sum, &x) in dst.iter_mut().zip(row) {
                    *sum += x;
                }
            }
        },
    );
}

fn fold<T: Element>(lanes: [T; LANES]) -> T {
    lanes.into_iter().fold(T::zero(), |sum, lane| sum + lane)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_is_summed_once() {
        for len in [0, 1, 15, 16, 17, 100] {
            let values: Vec<f64> = (0..len).map(f64::from).collect();
            let expected: f64 = values.iter().sum();
            assert_eq!(sum_by(&values, |x| x), expected);
            let products: f64 = values.iter().map(|x| x * (x - 2.0)).sum();
            assert_eq!(sum_and_products(&values, &values, 2.0), (expected, products));
        }
        let mut columns = [1.0_f32; 3];
        sum_rows(&mut columns, &[1.0, 2.0, 3.0, 10.0, 20.0, 30.0]);
        assert_eq!(columns, [11.0, 22.0, 33.0]);
    }
}
