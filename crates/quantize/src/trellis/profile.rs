//! The scales of a matrix's rows and columns, whatever the step.

use std::borrow::Cow;
use std::sync::Arc;

use mixpress_codebook::trellis::{Basis, MOST_BASIS_COLUMNS, TrellisMatrix};
use rayon::prelude::*;

use super::bases::Bases;
use super::quantize::quarters;
use super::references::References;
use crate::{Error, error::all_finite};

/// Rounds of row and column scales that make each other better.
const ROUNDS: usize = 12;
/// A weight of more standard deviations than this says nothing of its row and column.
const OUTLYING: f32 = 40.0;
/// Entries of a block of rows whose columns are added up on their own.
const BLOCK: usize = 1 << 14;

/// Rows, and of a square matrix columns, that are kept: enough to tell whether matrices correlate.
const SAMPLE: usize = 64;

/// Steps in a standard deviation at some four bits a weight.
const USUAL_STEPS: f64 = 8.0;
/// Weights of a row that may lie along one direction: the root of the most columns that have bases.
const DIRECTED: f32 = 32.0;
const _: () = assert!(MOST_BASIS_COLUMNS <= 32 * 32, "a row lies along a direction");

/// Bins of the sizes of weights over their scales, and how many of them a scale has.
const HISTOGRAM: usize = 256;
const BINS_PER_SCALE: f32 = 16.0;
/// No more bits are said to be saved by a distribution: what the tables of a section can follow.
const MOST_SAVED: f64 = 1.0;

/// What is known of a matrix before there is a step: `w_ij` is as large as `2^(rows[i] + columns[j])`. The weights
/// themselves are not kept.
#[derive(Clone, Debug)]
pub struct TrellisProfile {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) is_transposed: bool,
    /// The logarithms to base 2 of the rows' standard deviations, each over those of the columns; negative infinity for
    /// rows of zeros.
    pub(super) row_logs: Vec<f32>,
    pub(super) column_logs: Vec<f32>,
    /// The largest size of a weight.
    pub(super) largest: f32,
    /// A sample of rows, each weight over its scale and zero where that is; of a square matrix also one of columns.
    samples: [Arc<[f32]>; 2],
    /// Bits that a weight over its scale takes fewer than a normal one, at high rate.
    pub(super) saved: f64,
    /// Rows that may predict others, where that was looked for.
    pub(super) references: Option<References>,
    /// Whether rows may have bases of their own.
    pub(super) has_bases: bool,
    /// Those that they are likely to have at some four bits a weight.
    pub(super) likely: Arc<[Basis]>,
}

impl TrellisProfile {
    /// Looks at a matrix of such rows and columns. The longer side runs down the trellis, because each column starts
    /// anew.
    ///
    /// # Errors
    /// [`Error::NotFinite`] naming the first weight that is NaN or infinite.
    ///
    /// # Panics
    /// If the shape does not hold the weights.
    #[track_caller]
    pub fn new(shape: [usize; 2], weights: &[f32]) -> Result<Self, Error> {
        Self::oriented(shape, weights, shape[0] < shape[1])
    }

    /// [`TrellisProfile::new`], transposed or not as the caller says.
    ///
    /// # Errors
    /// As [`TrellisProfile::new`].
    ///
    /// # Panics
    /// If the shape does not hold the weights.
    #[track_caller]
    pub fn oriented(shape: [usize; 2], weights: &[f32], is_transposed: bool) -> Result<Self, Error> {
        assert_eq!(shape[0].checked_mul(shape[1]), Some(weights.len()), "weights of shape {shape:?}");
        all_finite(weights)?;
        let coded = laid(shape, weights, is_transposed);
        let [rows, columns] = if is_transposed { [shape[1], shape[0]] } else { shape };
        let (row_logs, column_logs) = log_scales(rows, columns, &coded);
        let largest = coded.par_iter().map(|weight| weight.abs()).reduce(|| 0.0, f32::max);
        let over_scale = |row: usize, column: usize| {
            let log = row_logs[row] + column_logs[column];
            if log.is_finite() { coded[row * columns + column] * (-log).exp2() } else { 0.0 }
        };
        let sampled = |lines: usize| (0..SAMPLE.min(lines)).map(move |place| place * lines / SAMPLE.min(lines));
        let of_rows = sampled(rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        let of_columns = sampled(columns).flat_map(|column| (0..rows).map(move |row| (row, column)));
        let samples = [
            of_rows.map(|(row, column)| over_scale(row, column)).collect(),
            of_columns.filter(|_| rows == columns).map(|(row, column)| over_scale(row, column)).collect(),
        ];
        let saved = saved(&coded, &row_logs, &column_logs);
        Ok(Self {
            rows,
            columns,
            is_transposed,
            row_logs,
            column_logs,
            largest,
            samples,
            saved,
            references: None,
            has_bases: false,
            likely: Arc::default(),
        })
    }

    /// Looks for rows that earlier ones make likely, as in tables of embeddings; `weights` are those that the profile was
    /// made of. It takes time in proportion to the square of the rows, where a sample says that there are some.
    ///
    /// # Panics
    /// If the weights are not as many as the profile's.
    #[must_use]
    #[track_caller]
    pub(super) fn with_references(self, weights: &[f32]) -> Self {
        assert_eq!(weights.len(), self.len(), "weights of a profile");
        let coded = laid(self.shape(), weights, self.is_transposed);
        let references = References::find([self.rows, self.columns], &coded, &self.column_logs);
        Self { references, ..self }
    }

    /// Lets rows be coded in bases that follow from rows before them, where that takes fewer bits. What is so coded is
    /// decoded several times more slowly.
    #[must_use]
    pub(super) fn with_bases(self, weights: &[f32]) -> Self {
        let square: f64 = weights.iter().map(|&weight| f64::from(weight).powi(2)).sum();
        let step = ((square / weights.len().max(1) as f64).sqrt() / USUAL_STEPS) as f32;
        let mut likely = Vec::new();
        if step >= f32::MIN_POSITIVE && step.is_finite() {
            let coded = laid(self.shape(), weights, self.is_transposed);
            let matrix = self.matrix(step, quarters(&self.row_logs, &self.column_logs, step));
            likely = Bases::likely(&matrix, &coded);
        }
        Self { has_bases: true, likely: likely.into(), ..self }
    }

    /// The matrix at a step and with such scales of rows and columns, before it has numbers.
    pub(super) fn matrix(&self, step: f32, [row_scales, column_scales]: [Vec<i16>; 2]) -> TrellisMatrix {
        TrellisMatrix {
            rows: self.rows,
            columns: self.columns,
            is_transposed: self.is_transposed,
            step,
            row_scales,
            column_scales,
            numbers: Vec::new(),
            patches: Vec::new(),
            prediction: None,
            bases: Vec::new(),
        }
    }

    /// The largest size of what is quantised: along a direction lies more than a weight.
    pub(super) fn reach(&self) -> f32 {
        if self.has_bases { self.largest * DIRECTED } else { self.largest }
    }

    /// Bits a weight that predictions of rows from earlier ones save, about.
    pub(super) fn saved_by_rows(&self) -> f64 {
        self.references.as_ref().map_or(0.0, |references| references.saved)
    }

    /// The other way round; of a square matrix.
    pub(super) fn turn(&mut self) {
        debug_assert!(self.references.is_none(), "what predicts itself has no partner");
        self.likely = Arc::default();
        self.samples.swap(0, 1);
        std::mem::swap(&mut self.rows, &mut self.columns);
        std::mem::swap(&mut self.row_logs, &mut self.column_logs);
        self.is_transposed = !self.is_transposed;
    }

    /// The sampled rows, or the sampled columns of a square matrix, one after the other.
    pub(super) fn sample(&self, is_turned: bool) -> &[f32] {
        &self.samples[usize::from(is_turned)]
    }

    /// The tensor's own shape.
    #[must_use]
    pub fn shape(&self) -> [usize; 2] {
        if self.is_transposed { [self.columns, self.rows] } else { [self.rows, self.columns] }
    }

    /// Number of weights.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows * self.columns
    }

    /// Whether there are no weights.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// By how many bits the entropy of weights over their scales is below that of normal ones of the same variance, from a
/// histogram (with the correction for few weights of G. A. Miller, 1955).
fn saved(weights: &[f32], row_logs: &[f32], column_logs: &[f32]) -> f64 {
    let inverse = |&log: &f32| if log.is_finite() { (-log).exp2() } else { 0.0 };
    let rows: Vec<f32> = row_logs.iter().map(inverse).collect();
    let columns: Vec<f32> = column_logs.iter().map(inverse).collect();
    let chunks = weights.par_chunks(columns.len().max(1)).zip(&rows).filter(|(_, row)| **row > 0.0);
    let count = |mut counts: Box<[u64; HISTOGRAM]>, (weights, row): (&[f32], &f32)| {
        for (weight, column) in weights.iter().zip(&columns) {
            let place = (weight * row * column).abs() * BINS_PER_SCALE;
            counts[(place as usize).min(HISTOGRAM - 1)] += 1;
        }
        counts
    };
    let add = |mut sum: Box<[u64; HISTOGRAM]>, part: Box<[u64; HISTOGRAM]>| {
        sum.iter_mut().zip(part.iter()).for_each(|(sum, part)| *sum += part);
        sum
    };
    let none = || Box::new([0; HISTOGRAM]);
    let counts = chunks.fold(none, count).reduce(none, add);
    let total = counts.iter().sum::<u64>() as f64;
    if total == 0.0 {
        return 0.0;
    }
    let used = counts.iter().filter(|&&count| count > 0).map(|&count| count as f64);
    let bits: f64 = used.clone().map(|count| -count / total * (count / total).log2()).sum();
    let unseen = (used.count() as f64 - 1.0) / (2.0 * total * std::f64::consts::LN_2);
    // Of sizes, which have a bit less than weights; a bin is this much of a scale.
    let entropy = bits + unseen + 1.0 - f64::from(BINS_PER_SCALE).log2();
    let normal = 0.5 * (2.0 * std::f64::consts::PI * std::f64::consts::E).log2();
    (normal - entropy).clamp(0.0, MOST_SAVED)
}

/// A matrix as it is coded.
pub(super) fn laid(shape: [usize; 2], weights: &[f32], is_transposed: bool) -> Cow<'_, [f32]> {
    if is_transposed { Cow::Owned(transposed(weights, shape)) } else { Cow::Borrowed(weights) }
}

/// The transpose of a matrix of such rows and columns.
fn transposed(weights: &[f32], [rows, columns]: [usize; 2]) -> Vec<f32> {
    const SIDE: usize = 16;
    let mut out = vec![0.0; weights.len()];
    out.par_chunks_mut((SIDE * rows).max(1)).enumerate().for_each(|(block, out)| {
        for row in (0..rows).step_by(SIDE) {
            for (column, out) in out.chunks_exact_mut(rows).enumerate() {
                for at in row..rows.min(row + SIDE) {
                    out[at] = weights[at * columns + block * SIDE + column];
                }
            }
        }
    });
    out
}

/// The logarithms to base 2 of row and column scales that make each other: `r_i² = mean_j w² / c_j²`,
/// `c_j² = mean_i w² / r_i²`.
pub(super) fn log_scales(rows: usize, columns: usize, weights: &[f32]) -> (Vec<f32>, Vec<f32>) {
    if weights.is_empty() {
        return (vec![0.0; rows], vec![0.0; columns]);
    }
    let mut inverse_rows = vec![0.0f32; rows];
    let mut inverse_columns = vec![1.0f32; columns];
    // Brings weights of any size near one: squares neither overflow nor vanish.
    let largest = weights.iter().fold(0.0f32, |largest, weight| largest.max(weight.abs()));
    if largest == 0.0 {
        return (vec![f32::NEG_INFINITY; rows], vec![0.0; columns]);
    }
    let unit = 2f32.powi(-(largest.log2().floor().clamp(-120.0, 120.0) as i32));
    for round in 0..ROUNDS {
        // No weight is outlying before the scales are about right.
        let bound = if round < ROUNDS / 2 { f32::INFINITY } else { OUTLYING * OUTLYING };
        let height = (BLOCK / columns).max(1);
        let blocks: Vec<Vec<f64>> = inverse_rows
            .par_chunks_mut(height)
            .zip(weights.par_chunks(height * columns))
            .map(|(inverse_rows, weights)| {
                let mut sums = vec![0.0f32; columns];
                mixpress_simd::vectorized(
                    #[inline(always)]
                    || block_of_rows(inverse_rows, &inverse_columns, weights, unit, bound, &mut sums),
                );
                sums.into_iter().map(f64::from).collect()
            })
            .collect();
        let mut sums = vec![0.0f64; columns];
        for block in blocks {
            sums.iter_mut().zip(block).for_each(|(sum, part)| *sum += part);
        }
        let inverse = |sum: f64| if sum > 0.0 { (rows as f64 / sum) as f32 } else { 0.0 };
        inverse_columns.iter_mut().zip(sums).for_each(|(inverse_column, sum)| *inverse_column = inverse(sum));
        let logs: Vec<f32> = inverse_columns.iter().filter(|&&c| c > 0.0).map(|c| c.log2()).collect();
        let middle = 2f32.powf(-logs.iter().sum::<f32>() / logs.len().max(1) as f32);
        for inverse in inverse_columns.iter_mut().filter(|inverse| **inverse > 0.0) {
            *inverse = (*inverse * middle).clamp(1e-30, 1e30);
        }
    }
    let log = |&inverse: &f32| if inverse > 0.0 { -0.5 * inverse.log2() } else { f32::NEG_INFINITY };
    let row_logs = inverse_rows.iter().map(|r| log(r) - unit.log2()).collect();
    (row_logs, inverse_columns.iter().map(log).collect())
}

/// The inverse squares of rows' scales, and the sums of `w² / r_i²` of each column.
#[inline(always)]
#[allow(clippy::inline_always, reason = "it must be compiled for its caller's vector units")]
fn block_of_rows(
    inverse_rows: &mut [f32],
    inverse_columns: &[f32],
    weights: &[f32],
    unit: f32,
    bound: f32,
    sums: &mut [f32],
) {
    const LANES: usize = 16;
    let columns = inverse_columns.len();
    for (inverse_row, weights) in inverse_rows.iter_mut().zip(weights.chunks_exact(columns)) {
        let square = |weight: f32| (weight * unit) * (weight * unit);
        let kept = |square: f32, inverse: f32, row: f32| {
            // A column or row of zeros has no scale yet that could be exceeded.
            if square * inverse * row > bound { 0.0 } else { square }
        };
        let row = if *inverse_row > 0.0 { *inverse_row } else { 0.0 };
        let mut lanes = [0.0f32; LANES];
        let (chunks, rest) = weights.as_chunks::<LANES>();
        let (inverse_chunks, inverse_rest) = inverse_columns.as_chunks::<LANES>();
        for (weights, inverses) in chunks.iter().zip(inverse_chunks) {
            for lane in 0..LANES {
                lanes[lane] += kept(square(weights[lane]), inverses[lane], row) * inverses[lane];
            }
        }
        let mut sum = lanes.iter().sum::<f32>();
        for (&weight, &inverse) in rest.iter().zip(inverse_rest) {
            sum += kept(square(weight), inverse, row) * inverse;
        }
        let new = if sum > 0.0 { (columns as f32 / sum).min(1e30) } else { 0.0 };
        *inverse_row = new;
        for ((sum, &weight), &inverse) in sums.iter_mut().zip(weights).zip(inverse_columns) {
            *sum += kept(square(weight), inverse, row) * new;
        }
    }
}
