//! How expensive a large weight is at its place in a weight matrix.
//!
//! Weights of a row or a column that is dying out should be expensive, so that whole units and input pixels vanish. The
//! densities of nonzeros of the row, `a`, and of the column, `b`, relative to that of the layer, `d`, give the log-odds of
//! a nonzero at a place if rows and columns act independently:
//!
//! ```text
//! z = min(cap, logit a + logit b - logit d),    G = ln(1 + e^-z) + 1.2
//! ```
//!
//! `ln(1 + e^-z)` is the code length, in nats, of "there is a nonzero here" under that probability, `1.2` stands for
//! its sign and magnitude. So the prior charges what the file's entropy coder will. The cap keeps dust, counted as
//! weights while a layer is still dense, from making itself cheap.

use serde::{Deserialize, Serialize};

use crate::Error;

/// No place is cheaper than this log-odds says.
pub const DEFAULT_CAP: f32 = -1.4;

/// Nats that sign and magnitude of a nonzero weight cost.
const SIGN_AND_MAGNITUDE: f64 = 1.2;

/// The exponent `G = ln(1 + e^-z) + 1.2` of the ladder where a nonzero has log-odds `z`.
#[must_use]
pub fn exponent(z: f64) -> f64 {
    // ln(1 + e^-z) without overflow for very negative z.
    (-z).max(0.0) + (-z.abs()).exp().ln_1p() + SIGN_AND_MAGNITUDE
}

/// Log-odds of a nonzero at each place of a weight of shape `[rows, cols, block]`.
///
/// A dense weight is `[out, in, 1]`; a convolution `[out, in, kh, kw]` is `[out, in, kh * kw]`, its "column" an input
/// channel. Densities are smoothed by one pseudo-weight of the layer's own density.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceContext {
    rows: Vec<f32>,
    cols: Vec<f32>,
    block: usize,
    cap: f32,
    density: f64,
}

impl PlaceContext {
    /// The context of the weights larger than `threshold` in magnitude.
    ///
    /// # Panics
    /// When there are not `rows * cols * block` weights.
    #[must_use]
    #[track_caller]
    pub fn from_weights(weights: &[f32], shape: [usize; 3], threshold: f32) -> Self {
        Self::build(weights, shape, |weight| weight.abs() > threshold)
    }

    /// The context of the weights that `mask` says may be nonzero.
    ///
    /// # Panics
    /// When there are not `rows * cols * block` entries.
    #[must_use]
    #[track_caller]
    pub fn from_mask(mask: &[bool], shape: [usize; 3]) -> Self {
        Self::build(mask, shape, |&kept| kept)
    }

    #[track_caller]
    fn build<T>(weights: &[T], shape: [usize; 3], is_nonzero: impl Fn(&T) -> bool) -> Self {
        let [rows, cols, block] = shape;
        assert_eq!(weights.len(), rows * cols * block, "weights of shape {shape:?}");
        let mut in_row = vec![0_usize; rows];
        let mut in_col = vec![0_usize; cols];
        if !weights.is_empty() {
            for (row, count) in weights.chunks_exact(cols * block).zip(&mut in_row) {
                for (place, in_col) in row.chunks_exact(block).zip(&mut in_col) {
                    let nonzeros = place.iter().filter(|weight| is_nonzero(weight)).count();
                    *count += nonzeros;
                    *in_col += nonzeros;
                }
            }
        }
        let total: usize = in_row.iter().sum();
        // Half a weight each way keeps the layer's own density inside (0, 1).
        let density = (total as f64 + 0.5) / (weights.len() as f64 + 1.0);
        let smoothed = |count: usize, of: usize| logit((count as f64 + density) / (of as f64 + 1.0));
        let of_layer = logit(density);
        Self {
            rows: in_row.iter().map(|&count| smoothed(count, cols * block) as f32).collect(),
            cols: in_col.iter().map(|&count| (smoothed(count, rows * block) - of_layer) as f32).collect(),
            block,
            cap: DEFAULT_CAP,
            density,
        }
    }

    /// The same context with another cap on the log-odds.
    ///
    /// # Errors
    /// [`Error::Setting`] when the cap is not a number.
    pub fn with_cap(mut self, cap: f32) -> Result<Self, Error> {
        if cap.is_nan() {
            return Err(Error::Setting { setting: "the cap on log-odds", value: f64::from(cap), rule: "a number" });
        }
        self.cap = cap;
        Ok(self)
    }

    /// `logit a` of each row.
    #[must_use]
    pub fn rows(&self) -> &[f32] {
        &self.rows
    }

    /// `logit b - logit d` of each column.
    #[must_use]
    pub fn cols(&self) -> &[f32] {
        &self.cols
    }

    /// Weights at one place: 1, or the number of positions of a convolution's kernel.
    #[must_use]
    pub fn block(&self) -> usize {
        self.block
    }

    /// The cap on the log-odds.
    #[must_use]
    pub fn cap(&self) -> f32 {
        self.cap
    }

    /// The layer's own density of nonzeros, inside (0, 1).
    #[must_use]
    pub fn density(&self) -> f64 {
        self.density
    }

    /// Log-odds of a nonzero at row `row` and column `col`: `min(cap, rows[row] + cols[col])`.
    ///
    /// # Panics
    /// When there is no such row or column.
    #[must_use]
    #[inline]
    #[track_caller]
    pub fn z(&self, row: usize, col: usize) -> f32 {
        (self.rows[row] + self.cols[col]).min(self.cap)
    }
}

fn logit(p: f64) -> f64 {
    p.ln() - (-p).ln_1p()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_exponent_is_a_code_length_plus_sign_and_magnitude() {
        for p in [0.001, 0.1, 0.5, 0.9_f64] {
            assert!((exponent(logit(p)) - (1.2 - p.ln())).abs() < 1e-12);
        }
        assert_eq!(exponent(1e4), 1.2);
        assert!((exponent(-1e4) - 10_001.2).abs() < 1e-9);
    }

    #[test]
    fn rows_and_columns_are_counted_by_hand() {
        // Two rows, three columns, kernels of two positions.
        let mask = [true, false, false, false, true, true, false, false, false, false, true, false];
        let context = PlaceContext::from_mask(&mask, [2, 3, 2]);
        let d = 4.5 / 13.0;
        assert!((context.density() - d).abs() < 1e-12);
        let close = |got: f32, expected: f64| assert!((f64::from(got) - expected).abs() < 1e-5, "{got} {expected}");
        close(context.rows()[0], logit((3.0 + d) / 7.0));
        close(context.rows()[1], logit((1.0 + d) / 7.0));
        for (col, count) in [1.0, 0.0, 3.0].into_iter().enumerate() {
            close(context.cols()[col], logit((count + d) / 5.0) - logit(d));
        }
        let weights = mask.map(|kept| if kept { -0.5 } else { 0.1 });
        assert_eq!(PlaceContext::from_weights(&weights, [2, 3, 2], 0.2), context);
    }

    #[test]
    fn an_empty_layer_has_an_empty_context() {
        let context = PlaceContext::from_mask(&[], [0, 5, 1]);
        assert_eq!((context.rows().len(), context.cols().len()), (0, 5));
        assert!(context.cols().iter().all(|z| z.is_finite()));
    }

    proptest! {
        #[test]
        fn log_odds_are_finite_capped_and_grow_with_density(seed: u64, rows in 1_usize..8, cols in 1_usize..8, block in 1_usize..4) {
            let mut state = seed | 1;
            let mut mask: Vec<bool> = (0..rows * cols * block).map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                state >> 62 == 0
            }).collect();
            let before = PlaceContext::from_mask(&mask, [rows, cols, block]);
            for row in 0..rows {
                for col in 0..cols {
                    prop_assert!(before.z(row, col).is_finite() && before.z(row, col) <= DEFAULT_CAP);
                }
            }
            // One more nonzero makes its row denser.
            if let Some(position) = mask.iter().position(|&kept| !kept) {
                mask[position] = true;
                let after = PlaceContext::from_mask(&mask, [rows, cols, block]);
                let row = position / (cols * block);
                prop_assert!(after.rows()[row] > before.rows()[row]);
            }
        }

        #[test]
        fn full_and_empty_masks_are_harmless(rows in 1_usize..5, cols in 1_usize..5, full: bool) {
            let context = PlaceContext::from_mask(&vec![full; rows * cols], [rows, cols, 1]);
            prop_assert!(context.rows().iter().chain(context.cols()).all(|z| z.is_finite()));
        }
    }
}
