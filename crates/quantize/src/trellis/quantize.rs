//! Matrices to numbers, at a step.

use mixpress_codebook::trellis::{MAX_SCALE, Model, Patch, Prediction, Trellis, TrellisMatrix, classes};
use rayon::prelude::*;

use super::{
    costs::{Costs, PATCHED},
    pairs,
    predict::{Predicted, predict},
    profile::TrellisProfile,
    viterbi::{Columns, LANES, search},
};
use crate::Error;

/// Steps from which a number has its own value: what is larger makes the step too fine.
const LARGEST: f32 = (1 << 30) as f32;

/// Matrices that are to be quantised together, and which of them predicts which.
#[derive(Clone, Debug)]
pub struct TrellisPlan {
    profiles: Vec<TrellisProfile>,
    partners: Vec<Option<usize>>,
}

impl TrellisPlan {
    /// Finds matrices that make others likely: they have the same shape, transposed if need be, and correlate row by
    /// row. A partner comes before the matrix that it predicts.
    #[must_use]
    pub fn new(mut profiles: Vec<TrellisProfile>) -> Self {
        let partners = pairs::find(&mut profiles);
        Self { profiles, partners }
    }

    /// Each matrix on its own.
    #[must_use]
    pub fn without_pairs(profiles: Vec<TrellisProfile>) -> Self {
        let partners = vec![None; profiles.len()];
        Self { profiles, partners }
    }

    /// For each matrix the number of the one that may predict it. Whether it does depends on the step.
    #[must_use]
    pub fn partners(&self) -> &[Option<usize>] {
        &self.partners
    }

    /// Quantises each matrix at its step by a trellis of so many states.
    ///
    /// # Errors
    /// [`Error::Step`] for a step that is not positive and finite or too fine for its weights, and an error for a
    /// number of states that no trellis has.
    ///
    /// # Panics
    /// If there is not one step a matrix.
    #[track_caller]
    pub fn quantize(&self, steps: &[f32], states: u16) -> Result<TrellisCoded, Error> {
        assert_eq!(self.profiles.len(), steps.len(), "steps for matrices");
        let trellis = Trellis::new(states)?;
        for (profile, &step) in self.profiles.iter().zip(steps) {
            let largest = profile.weights.par_iter().map(|weight| weight.abs()).reduce(|| 0.0, f32::max);
            if !(step > 0.0 && step.is_finite()) || largest / step > LARGEST {
                return Err(Error::Step { step, largest });
            }
        }
        let scale = |(profile, &step): (&TrellisProfile, &f32)| quarters(&profile.row_logs, &profile.column_logs, step);
        let scales: Vec<[Vec<i16>; 2]> = self.profiles.iter().zip(steps).map(scale).collect();
        let borrowed: Vec<(&[i16], &[i16])> = scales.iter().map(|[rows, columns]| (&rows[..], &columns[..])).collect();
        let (lowest, count) = classes(&borrowed);
        let model = Model::normal(lowest, count);
        let quantizer = Quantizer { trellis, model, costs: &Costs::new(&model) };
        let mut matrices: Vec<TrellisMatrix> = Vec::with_capacity(steps.len());
        // The values of those that others may need.
        let mut values: Vec<Vec<f32>> = Vec::with_capacity(steps.len());
        let mut distortion = 0.0;
        for (number, (profile, scales)) in self.profiles.iter().zip(scales).enumerate() {
            let step = steps[number];
            let predicted = self.partners[number]
                .and_then(|partner| predict(profile, step, &scales, partner, (&matrices[partner], &values[partner])));
            let is_predicted = predicted.is_some();
            let (matrix, error) = match predicted {
                Some(Predicted { prediction, scales, rest }) => {
                    quantizer.quantize(profile, &rest, step, scales, Some(prediction))
                }
                None => quantizer.quantize(profile, &profile.weights, step, scales, None),
            };
            let is_partner = !is_predicted && self.partners.contains(&Some(number));
            values.push(if is_partner { coded_values(&matrix) } else { Vec::new() });
            matrices.push(matrix);
            distortion += error;
        }
        Ok(TrellisCoded { matrices, trellis, model, distortion })
    }
}

/// The values of a matrix that is not predicted, as it is coded.
fn coded_values(matrix: &TrellisMatrix) -> Vec<f32> {
    let mut values: Vec<f32> = matrix.numbers.iter().map(|&number| f32::from(number) * matrix.step).collect();
    for patch in &matrix.patches {
        values[patch.position as usize] = patch.number as f32 * matrix.step;
    }
    values
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

/// States of the trellis for an effort of 1 to 9: time doubles with them, and bits get fewer by a hundredth and less a
/// weight.
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

/// Numbers of classes below this are nearly all zero, whatever the class.
const DULL: i32 = -12;

/// The scales of rows and columns, in quarters of the logarithm to base 2, over the step.
pub(super) fn quarters(row_logs: &[f32], column_logs: &[f32], step: f32) -> [Vec<i16>; 2] {
    let step = step.log2();
    let end = i32::from(MAX_SCALE);
    let quarters = |log: f32| (4.0 * log).round().clamp(-(end as f32), end as f32) as i32;
    let scales = |logs: &[f32], over: f32, least: i32| -> Vec<i16> {
        logs.iter().map(|&log| quarters(log - over).max(least) as i16).collect()
    };
    let highest = |scales: &[i16]| scales.iter().max().map_or(0, |&scale| i32::from(scale));
    // No scale is lower than what makes all its numbers zero.
    let least = |others: &[i16]| (DULL - highest(others)).clamp(-end, end);
    let rows = scales(row_logs, step, least(&scales(column_logs, 0.0, -end)));
    let columns = scales(column_logs, 0.0, least(&rows));
    [rows, columns]
}

/// What all matrices share.
#[derive(Clone, Copy)]
struct Quantizer<'a> {
    trellis: Trellis,
    model: Model,
    costs: &'a Costs,
}

impl Quantizer<'_> {
    /// A matrix and its squared error. `weights` are the profile's, or what a prediction left of them.
    fn quantize(
        self,
        profile: &TrellisProfile,
        weights: &[f32],
        step: f32,
        [row_scales, column_scales]: [Vec<i16>; 2],
        prediction: Option<Prediction>,
    ) -> (TrellisMatrix, f64) {
        let TrellisProfile { rows, columns, is_transposed, .. } = *profile;
        let mut matrix = TrellisMatrix {
            rows,
            columns,
            is_transposed,
            step,
            row_scales,
            column_scales,
            numbers: vec![0i16; rows * columns],
            patches: Vec::new(),
            prediction,
        };
        let strips: Vec<Strip> = (0..columns.div_ceil(LANES))
            .into_par_iter()
            .map(|strip| self.strip(&matrix, weights, strip * LANES))
            .collect();
        matrix.numbers.par_chunks_mut(columns.max(1)).enumerate().for_each(|(row, numbers)| {
            for (numbers, strip) in numbers.chunks_mut(LANES).zip(&strips) {
                numbers.copy_from_slice(&strip.numbers[row][..numbers.len()]);
            }
        });
        let distortion = strips.iter().map(|strip| strip.distortion).sum();
        matrix.patches = strips.into_iter().flat_map(|strip| strip.patches).collect();
        matrix.patches.sort_unstable_by_key(|patch| patch.position);
        (matrix, distortion)
    }

    /// The sixteen columns from `first` on.
    fn strip(self, matrix: &TrellisMatrix, weights: &[f32], first: usize) -> Strip {
        let TrellisMatrix { rows, columns, step, ref column_scales, ref row_scales, .. } = *matrix;
        let width = LANES.min(columns - first);
        let parts = || weights.chunks_exact(columns).map(|row| &row[first..][..width]);
        let mut scaled = vec![[0.0f32; LANES]; rows];
        for (scaled, weights) in scaled.iter_mut().zip(parts()) {
            scaled.iter_mut().zip(weights).for_each(|(scaled, &weight)| *scaled = weight / step);
        }
        let mut lane_scales = [0; LANES];
        let own = &column_scales[first..][..width];
        lane_scales.iter_mut().zip(own).for_each(|(to, &scale)| *to = i32::from(scale) - i32::from(self.model.lowest));
        let last = i32::from(self.model.classes) - 1;
        let columns_here = Columns { weights: &scaled, rows: row_scales, lanes: lane_scales, last };
        let numbers = search(self.trellis, self.costs, &columns_here);
        let mut patches = Vec::new();
        let mut distortion = 0.0;
        for (row, ((numbers, scaled), weights)) in numbers.iter().zip(&scaled).zip(parts()).enumerate() {
            let mut sum = 0.0;
            for (lane, &weight) in weights.iter().enumerate() {
                let mut number = f32::from(numbers[lane]);
                let off = scaled[lane] - number;
                if off * off > PATCHED {
                    number = scaled[lane].round();
                    let position = (row * columns + first + lane) as u64;
                    patches.push(Patch { position, number: number as i32 });
                }
                let off = f64::from(weight) - f64::from(number * step);
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
