//! A dense layer whose weights are mostly zero, on one block of images.

use mixpress_simd::vectorized_narrow;

use super::SparsePattern;
use super::lanes::{Cell, LANES, plus, plus_product, plus_scaled, total, total_of};
use crate::Element;

/// `y[o] = bias[o] + Σ w[o, i] · x[i]` over the kept weights.
pub(super) fn forward<T: Element>(
    pattern: &SparsePattern,
    values: &[T],
    bias: Option<&[T]>,
    x: &[Cell<T>],
    y: &mut [Cell<T>],
) {
    vectorized_narrow(
        #[inline(always)]
        || {
            for (row, y) in y.iter_mut().enumerate() {
                let (start, taps) = pattern.row(row);
                let mut sum = [bias.map_or(T::zero(), |bias| bias[row]); LANES];
                for (tap, &w) in taps.iter().zip(&values[start..]) {
                    sum = plus_scaled(sum, w, x[tap.channel]);
                }
                *y = sum;
            }
        },
    );
}

/// The gradient of each kept weight, `Σ dy[o] · x[i]` over the block's images.
pub(super) fn weight_gradient<T: Element>(pattern: &SparsePattern, x: &[Cell<T>], dy: &[Cell<T>], dw: &mut [T]) {
    vectorized_narrow(
        #[inline(always)]
        || {
            for (row, dy) in dy.iter().enumerate() {
                let (start, taps) = pattern.row(row);
                for (tap, dw) in taps.iter().zip(&mut dw[start..]) {
                    *dw = total(plus_product([T::zero(); LANES], *dy, x[tap.channel]));
                }
            }
        },
    );
}

/// `dx[i] = Σ w[o, i] · dy[o]` over the kept weights.
pub(super) fn input_gradient<T: Element>(pattern: &SparsePattern, values: &[T], dy: &[Cell<T>], dx: &mut [Cell<T>]) {
    vectorized_narrow(
        #[inline(always)]
        || {
            dx.as_flattened_mut().fill(T::zero());
            for (row, dy) in dy.iter().enumerate() {
                let (start, taps) = pattern.row(row);
                for (tap, &w) in taps.iter().zip(&values[start..]) {
                    let dx = &mut dx[tap.channel];
                    *dx = plus_scaled(*dx, w, *dy);
                }
            }
        },
    );
}

/// The gradient of each bias: the sum of `dy` over `positions` neighbouring cells each, and over the block's images.
pub(super) fn bias_gradient<T: Element>(positions: usize, dy: &[Cell<T>], db: &mut [T]) {
    vectorized_narrow(
        #[inline(always)]
        || {
            for (dy, db) in dy.chunks_exact(positions).zip(db) {
                *db = total_of(&dy.iter().fold([T::zero(); LANES], |sum, dy| plus(sum, *dy)));
            }
        },
    );
}
