//! Matrices to numbers, at a step.

use mixpress_codebook::trellis::{MAX_SCALE, Model, Patch, Trellis, TrellisMatrix, classes};
use rayon::prelude::*;

use super::{
    costs::{Costs, PATCHED},
    profile::TrellisProfile,
    viterbi::{Columns, LANES, search},
};
use crate::Error;

/// Steps from which a number has its own value: what is larger makes the step too fine.
const LARGEST: f32 = (1 << 30) as f32;

/// A matrix that is to be quantised.
#[derive(Clone, Copy, Debug)]
pub struct TrellisSource<'a> {
    /// The matrix.
    pub profile: &'a TrellisProfile,
    /// Its step.
    pub step: f32,
}

/// Matrices as they were quantised.
#[derive(Clone, Debug, PartialEq)]
pub struct TrellisCoded {
    /// The matrices, in the order of the sources.
    pub matrices: Vec<TrellisMatrix>,
    /// What their columns follow.
    pub trellis: Trellis,
    /// The model that their numbers were chosen by.
    pub model: Model,
    /// The squared error of all weights together.
    pub distortion: f64,
}

impl TrellisCoded {
    /// The bytes of a section that holds the matrices.
    ///
    /// # Errors
    /// If so many weights are far larger than the step that the section has no room for them.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        Ok(mixpress_codebook::trellis::encode(&self.matrices, self.trellis, self.model)?)
    }
}

/// States of the trellis for an effort of 1 to 9: time doubles with them, and bits get fewer by a hundredth and less a weight.
#[must_use]
pub fn states_of_effort(effort: u8) -> u16 {
    match effort {
        0..=2 => 4,
        3..=5 => 8,
        6 => 16,
        7 => 32,
        8 => 64,
        _ => 256,
    }
}

/// Quantises matrices by a trellis of so many states.
///
/// # Errors
/// [`Error::Step`] for a step that is not positive and finite or too fine for its weights, and an error for a number of states that
/// no trellis has.
pub fn quantize_trellis(sources: &[TrellisSource], states: u16) -> Result<TrellisCoded, Error> {
    let trellis = Trellis::new(states)?;
    for source in sources {
        let largest = source.profile.weights.par_iter().map(|weight| weight.abs()).reduce(|| 0.0, f32::max);
        if !(source.step > 0.0 && source.step.is_finite()) || largest / source.step > LARGEST {
            return Err(Error::Step { step: source.step, largest });
        }
    }
    let scales: Vec<[Vec<i16>; 2]> = sources.iter().map(TrellisSource::scales).collect();
    let borrowed: Vec<(&[i16], &[i16])> = scales.iter().map(|[rows, columns]| (&rows[..], &columns[..])).collect();
    let (lowest, count) = classes(&borrowed);
    let model = Model::normal(lowest, count);
    let costs = Costs::new(&model);
    let coded: Vec<(TrellisMatrix, f64)> =
        (sources.iter().zip(scales)).map(|(source, scales)| source.quantize(trellis, &model, &costs, scales)).collect();
    let distortion = coded.iter().map(|(_, distortion)| distortion).sum();
    let matrices = coded.into_iter().map(|(matrix, _)| matrix).collect();
    Ok(TrellisCoded { matrices, trellis, model, distortion })
}

/// Numbers of classes below this are nearly all zero, whatever the class.
const DULL: i32 = -12;

impl TrellisSource<'_> {
    /// The scales of rows and columns, in quarters of the logarithm to base 2, over the step.
    fn scales(&self) -> [Vec<i16>; 2] {
        let TrellisProfile { row_logs, column_logs, .. } = self.profile;
        let step = self.step.log2();
        let end = i32::from(MAX_SCALE);
        let quarters = |log: f32| (4.0 * log).round().clamp(-(end as f32), end as f32) as i32;
        let mut rows: Vec<i32> = row_logs.iter().map(|&log| quarters(log - step)).collect();
        let mut columns: Vec<i32> = column_logs.iter().map(|&log| quarters(log)).collect();
        // No scale is lower than what makes all its numbers zero.
        let (highest_row, highest_column) = (rows.iter().max().copied(), columns.iter().max().copied());
        let raised = |scales: &mut [i32], highest: Option<i32>| -> Vec<i16> {
            let least = (DULL - highest.unwrap_or(0)).clamp(-end, end);
            scales.iter().map(|&scale| scale.max(least) as i16).collect()
        };
        [raised(&mut rows, highest_column), raised(&mut columns, highest_row)]
    }

    /// The matrix and its squared error.
    fn quantize(
        &self,
        trellis: Trellis,
        model: &Model,
        costs: &Costs,
        [row_scales, column_scales]: [Vec<i16>; 2],
    ) -> (TrellisMatrix, f64) {
        let TrellisProfile { rows, columns, is_transposed, .. } = *self.profile;
        let strips: Vec<Strip> = (0..columns.div_ceil(LANES))
            .into_par_iter()
            .map(|strip| self.strip(trellis, model, costs, &row_scales, &column_scales, strip * LANES))
            .collect();
        let mut numbers = vec![0i16; rows * columns];
        numbers.par_chunks_mut(columns.max(1)).enumerate().for_each(|(row, numbers)| {
            for (numbers, strip) in numbers.chunks_mut(LANES).zip(&strips) {
                numbers.copy_from_slice(&strip.numbers[row][..numbers.len()]);
            }
        });
        let distortion = strips.iter().map(|strip| strip.distortion).sum();
        let mut patches: Vec<Patch> = strips.into_iter().flat_map(|strip| strip.patches).collect();
        patches.sort_unstable_by_key(|patch| patch.position);
        let step = self.step;
        let matrix = TrellisMatrix {
            rows,
            columns,
            is_transposed,
            step,
            row_scales,
            column_scales,
            numbers,
            patches,
            prediction: None,
        };
        (matrix, distortion)
    }

    fn strip(
        &self,
        trellis: Trellis,
        model: &Model,
        costs: &Costs,
        row_scales: &[i16],
        column_scales: &[i16],
        first: usize,
    ) -> Strip {
        let columns = self.profile.columns;
        let width = LANES.min(columns - first);
        let inverse = 1.0 / self.step;
        let rows = || self.profile.weights.chunks_exact(columns).map(|row| &row[first..][..width]);
        let mut scaled = vec![[0.0f32; LANES]; self.profile.rows];
        for (scaled, weights) in scaled.iter_mut().zip(rows()) {
            scaled.iter_mut().zip(weights).for_each(|(scaled, &weight)| *scaled = weight * inverse);
        }
        let mut lane_scales = [0; LANES];
        let own = &column_scales[first..][..width];
        lane_scales.iter_mut().zip(own).for_each(|(to, &scale)| *to = i32::from(scale) - i32::from(model.lowest));
        let last = i32::from(model.classes) - 1;
        let numbers =
            search(trellis, costs, &Columns { weights: &scaled, rows: row_scales, columns: lane_scales, last });
        let mut patches = Vec::new();
        let mut distortion = 0.0;
        for (row, ((numbers, scaled), weights)) in numbers.iter().zip(&scaled).zip(rows()).enumerate() {
            let mut sum = 0.0;
            for (lane, &weight) in weights.iter().enumerate() {
                let mut number = f32::from(numbers[lane]);
                let off = scaled[lane] - number;
                if off * off > PATCHED {
                    number = scaled[lane].round();
                    let position = (row * columns + first + lane) as u64;
                    patches.push(Patch { position, number: number as i32 });
                }
                let off = f64::from(weight) - f64::from(number * self.step);
                sum += off * off;
            }
            distortion += sum;
        }
        Strip { numbers, patches, distortion }
    }
}

/// Sixteen columns as they were quantised.
struct Strip {
    numbers: Vec<[i16; LANES]>,
    patches: Vec<Patch>,
    distortion: f64,
}
