//! A dense layer whose weights are mostly zero, on one block of images.

use mixpress_simd::vectorized;

use super::SparsePattern;
use super::lanes::{Cell, LANES, add, add_product, total};
use crate::Element;

/// `y[o] = bias[o] + Σ w[o, i] · x[i]` over the kept weights.
pub(super) fn forward<T: Element>(
    pattern: &SparsePattern,
    values: &[T],
    bias: Option<&[T]>,
    x: &[Cell<T>],
    y: &mut [Cell<T>],
) {
    vectorized(
        #[inline(always)]
        || {
            for (row, y) in y.iter_mut().enumerate() {
                let (start, taps) = pattern.row(row);
                let mut sum = [bias.map_or(T::zero(), |bias| bias[row]); LANES];
                for (tap, &w) in taps.iter().zip(&values[start..]) {
                    let x = &x[tap.channel];
                    for lane in 0..LANES {
                        sum[lane] += w * x[lane];
                    }
                }
                *y = sum;
            }
        },
    );
}

/// The gradient of each kept weight, `Σ dy[o] · x[i]` over the block's images.
pub(super) fn weight_gradient<T: Element>(pattern: &SparsePattern, x: &[Cell<T>], dy: &[Cell<T>], dw: &mut [T]) {
    vectorized(
        #[inline(always)]
        || {
            for (row, dy) in dy.iter().enumerate() {
                let (start, taps) = pattern.row(row);
                for (tap, dw) in taps.iter().zip(&mut dw[start..]) {
                    let mut sum = [T::zero(); LANES];
                    add_product(&mut sum, dy, &x[tap.channel]);
                    *dw = total(sum);
                }
            }
        },
    );
}

/// `dx[i] = Σ w[o, i] · dy[o]` over the kept weights.
pub(super) fn input_gradient<T: Element>(pattern: &SparsePattern, values: &[T], dy: &[Cell<T>], dx: &mut [Cell<T>]) {
    vectorized(
        #[inline(always)]
        || {
            dx.fill([T::zero(); LANES]);
            for (row, dy) in dy.iter().enumerate() {
                let (start, taps) = pattern.row(row);
                for (tap, &w) in taps.iter().zip(&values[start..]) {
                    let dx = &mut dx[tap.channel];
                    for lane in 0..LANES {
                        dx[lane] += w * dy[lane];
                    }
                }
            }
        },
    );
}

/// The gradient of each bias: the sum of `dy` over `positions` neighbouring cells each, and over the block's images.
pub(super) fn bias_gradient<T: Element>(positions: usize, dy: &[Cell<T>], db: &mut [T]) {
    vectorized(
        #[inline(always)]
        || {
            for (dy, db) in dy.chunks_exact(positions).zip(db) {
                let mut sum = [T::zero(); LANES];
                dy.iter().for_each(|dy| add(&mut sum, dy));
                *db = total(sum);
            }
        },
    );
}
