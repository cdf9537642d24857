//! Rows of a matrix that are like earlier ones, as those of related words in a table of embeddings are.
//!
//! A row is predicted from what earlier rows are read as, and a search settles rows a segment at a time: those of one
//! segment are predicted from the segments before it.

use std::sync::Arc;

use ndarray::ArrayView2;
use rayon::prelude::*;

/// Rows that are settled together.
pub(super) const SEGMENT: usize = 256;
/// Rows after them that the search takes into account.
pub(super) const AHEAD: usize = 32;
/// A matrix of fewer segments has too few rows to choose from.
const LEAST_SEGMENTS: usize = 4;
/// Rows that tell whether it is worth its time to look at all, and those that they are compared with.
const SAMPLE: usize = 64;
const SAMPLED_BEFORE: usize = 2048;
/// Bits that the gain of a row takes, about.
pub(super) const GAIN_BITS: f64 = 4.0;
/// Bits a weight that a sample has to promise.
const WORTH: f64 = 0.01;
/// Rows of fewer columns are all alike, and their numbers are not worth those of others.
const LEAST_COLUMNS: usize = 32;
/// Multiply-adds a weight, at most: in long tables each row is compared with fewer rows before it.
const MOST_MULTIPLY_ADDS: usize = 1 << 14;
/// The share of a row that quantisation makes of it anyway, and no prediction takes off.
const LEAST_REST: f64 = 0.01;
/// Rows that are compared at a time, by some of their columns: of each such block the most alike is looked at whole.
const AT_ONCE: usize = 1024;
const LOOKED_AT: usize = 128;

/// The row that may predict each row, chosen without regard to a step.
#[derive(Clone, Debug)]
pub(super) struct References {
    pub(super) of_rows: Arc<[Option<u32>]>,
    /// Bits that a weight takes fewer for it, at high rate.
    pub(super) saved: f64,
}

impl References {
    /// Of a matrix laid as it is coded, with these logarithms of the scales of its columns; nothing where it does not pay.
    pub(super) fn find([rows, columns]: [usize; 2], weights: &[f32], column_logs: &[f32]) -> Option<Self> {
        if rows < LEAST_SEGMENTS * SEGMENT || columns < LEAST_COLUMNS || u32::try_from(rows).is_err() {
            return None;
        }
        let inverse: Vec<f32> =
            column_logs.iter().map(|&log| if log.is_finite() { (-log).exp2() } else { 0.0 }).collect();
        let row = |row: usize| unit(&weights[row * columns..][..columns], &inverse);
        // The sample is of the last quarter, and looks at some of the rows before that.
        let quarter = rows / 4;
        let some = |first: usize, count: usize, of: usize| -> Vec<f32> {
            (0..count).flat_map(|place| row(first + place * of / count)).collect()
        };
        let before = SAMPLED_BEFORE.min(rows - quarter);
        let (sample, before) = (some(rows - quarter, SAMPLE, quarter), some(0, before, rows - quarter));
        let promised: f64 = best(&sample, &before, columns, 0).iter().map(|&(_, of)| saved(of, columns, rows)).sum();
        if promised < WORTH * sample.len() as f64 {
            return None;
        }
        let units: Vec<f32> = (0..rows).into_par_iter().flat_map_iter(row).collect();
        let step = (columns / LOOKED_AT).max(1);
        let parts: Vec<f32> =
            units.par_chunks(columns).flat_map_iter(|unit| unit.iter().step_by(step).copied()).collect();
        let width = columns.div_ceil(step);
        let reach = (MOST_MULTIPLY_ADDS * columns / width).max(SEGMENT);
        let of_segment = |segment: usize| {
            let start = segment * SEGMENT;
            let end = rows.min(start + SEGMENT);
            let mut found = vec![(0, 0.0f32); end - start];
            // What was settled when the segment begins.
            let settled = start.saturating_sub(AHEAD);
            for first in (settled.saturating_sub(reach)..settled).step_by(AT_ONCE) {
                let before = &parts[first * width..settled.min(first + AT_ONCE) * width];
                let candidates = best(&parts[start * width..end * width], before, width, first);
                for ((row, found), (other, _)) in (start..).zip(&mut found).zip(candidates) {
                    let of_both = units[row * columns..][..columns].iter().zip(&units[other * columns..]);
                    let correlation = of_both.map(|(a, b)| a * b).sum::<f32>().abs();
                    if correlation > found.1 {
                        *found = (other, correlation);
                    }
                }
            }
            found
        };
        let found: Vec<Vec<(usize, f32)>> = (0..rows.div_ceil(SEGMENT)).into_par_iter().map(of_segment).collect();
        let mut all = 0.0;
        let mut of_row = |(row, (reference, correlation)): (usize, (usize, f32))| {
            let saved = saved(correlation, columns, row);
            all += saved;
            (saved > 0.0).then_some(reference as u32)
        };
        let of_rows = found.into_iter().flatten().enumerate().map(&mut of_row).collect();
        Some(Self { of_rows, saved: all / (rows * columns) as f64 })
    }
}

/// The row over the columns' scales, and of unit length.
fn unit(weights: &[f32], inverse: &[f32]) -> Vec<f32> {
    let mut unit: Vec<f32> = weights.iter().zip(inverse).map(|(weight, inverse)| weight * inverse).collect();
    let length = unit.iter().map(|&weight| f64::from(weight).powi(2)).sum::<f64>().sqrt();
    let by = if length > 0.0 { (1.0 / length) as f32 } else { 0.0 };
    for weight in &mut unit {
        *weight *= by;
    }
    unit
}

/// For each row of so many columns the one of others, numbered from `first`, whose product with it is largest, and the
/// product's size.
fn best(rows: &[f32], others: &[f32], columns: usize, first: usize) -> Vec<(usize, f32)> {
    let [Ok(rows), Ok(others)] =
        [rows, others].map(|rows| ArrayView2::from_shape((rows.len() / columns, columns), rows))
    else {
        return Vec::new();
    };
    let products = rows.dot(&others.t());
    let largest = |products: &[f32]| {
        // Sizes first, which vector units find, and then the place.
        let largest = products.iter().fold(0.0f32, |largest, product| largest.max(product.abs()));
        let place = products.iter().position(|product| product.abs() == largest).unwrap_or(0);
        (first + place, largest)
    };
    products.rows().into_iter().map(|row| largest(row.as_slice().unwrap_or_default())).collect()
}

/// Bits that a row takes fewer for a correlation with one of so many rows before it, at high rate.
fn saved(correlation: f32, columns: usize, before: usize) -> f64 {
    let rest = (1.0 - f64::from(correlation).powi(2)).max(LEAST_REST);
    (-0.5 * columns as f64 * rest.log2() - number_bits(before) - GAIN_BITS).max(0.0)
}

/// Bits that the number of one of so many rows takes.
pub(super) fn number_bits(before: usize) -> f64 {
    f64::from(usize::BITS - before.saturating_sub(1).leading_zeros())
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::tests::Draw;
    use super::*;

    /// Rows that are drawn, each followed much later by rows like it.
    pub(in crate::trellis) fn related(rows: usize, columns: usize) -> Vec<f32> {
        let mut draw = Draw(37);
        let mut weights = Vec::with_capacity(rows * columns);
        for row in 0..rows {
            for column in 0..columns {
                let own = draw.normal();
                let like = if row < 512 { own } else { 0.5 * own - 0.8 * weights[(row * 7 % 256) * columns + column] };
                weights.push(like);
            }
        }
        weights
    }

    #[test]
    fn rows_that_are_like_earlier_ones_are_found() {
        let (rows, columns) = (2000, 40);
        let found = References::find([rows, columns], &related(rows, columns), &vec![0.0; columns]).unwrap();
        let right = (512..rows).filter(|&row| found.of_rows[row] == Some((row * 7 % 256) as u32)).count();
        assert!(right > 1400, "{right}");
        assert!(found.of_rows[..SEGMENT].iter().all(Option::is_none), "no row comes before the first segment");
        let settled = |row: usize| (row / SEGMENT * SEGMENT).saturating_sub(AHEAD);
        let before = |(row, reference): (usize, &Option<u32>)| reference.is_none_or(|r| (r as usize) < settled(row));
        assert!(found.of_rows.iter().enumerate().all(before));
        assert!(found.saved > 0.1, "{}", found.saved);
    }

    #[test]
    fn rows_that_are_not_are_left_alone() {
        let weights = Draw(41).matrix([2000, 64], 0.5);
        assert!(References::find([2000, 64], &weights, &[0.0; 64]).is_none());
        let narrow: Vec<f32> = Draw(43).matrix([20_000, 4], 0.2);
        assert!(References::find([20_000, 4], &narrow, &[0.0; 4]).is_none());
        assert!(References::find([700, 64], &related(700, 64), &[0.0; 64]).is_none());
        assert!(References::find([2000, 32], &vec![0.0; 64_000], &[f32::NEG_INFINITY; 32]).is_none());
    }
}
