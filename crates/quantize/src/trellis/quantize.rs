//! Matrices to numbers, at a step.

use std::{borrow::Cow, collections::BTreeMap};

use mixpress_codebook::trellis::{
    DULL, MAX_CLASSES, MAX_SCALE, Model, Patch, Prediction, Trellis, TrellisMatrix, TrellisSettings, classes,
    section_ends,
};
use rayon::prelude::*;

use super::{
    bases::{Bases, parts},
    costs::{Costs, PATCHED},
    own_rows::OwnRows,
    pairs,
    predict::{Predicted, predict},
    profile::{TrellisProfile, laid},
    viterbi::{Columns, LANES, search},
};
use crate::Error;

/// Steps from which a number has its own value: what is larger makes the step too fine.
const LARGEST: f32 = (1 << 30) as f32;

/// Classes below and above those of columns that directions of bases are in.
const BELOW: i16 = 4;
const ABOVE: u16 = 16;

/// Matrices that are to be quantised together, and which of them predicts which. Their weights are asked for one matrix
/// after the other.
#[derive(Clone, Debug)]
pub struct TrellisPlan {
    profiles: Vec<TrellisProfile>,
    /// Where the section of each begins.
    firsts: Vec<usize>,
    /// Numbers within the section.
    partners: Vec<Option<usize>>,
}

impl TrellisPlan {
    /// Finds matrices that make others likely: they have the same shape, transposed if need be, and correlate row by
    /// row. A partner comes before the matrix that it predicts. All are of one section.
    #[must_use]
    pub fn new(mut profiles: Vec<TrellisProfile>) -> Self {
        let partners = pairs::find(&mut profiles);
        Self { firsts: vec![0; profiles.len()], profiles, partners }
    }

    /// As [`TrellisPlan::new`], for the matrices of a file, which are of several sections if they are large.
    #[must_use]
    pub fn of_file(mut profiles: Vec<TrellisProfile>) -> Self {
        let ends = section_ends(profiles.iter().map(|profile| Some(profile.len() as u64)));
        let (mut firsts, mut partners) = (Vec::new(), Vec::new());
        let mut first = 0;
        for (last, _) in ends.into_iter().enumerate().filter(|(_, ends)| *ends) {
            let section = first..last + 1;
            firsts.resize(section.end, first);
            partners.extend(pairs::find(&mut profiles[section]));
            first = last + 1;
        }
        Self { profiles, firsts, partners }
    }

    /// Each matrix on its own.
    #[must_use]
    pub fn without_pairs(profiles: Vec<TrellisProfile>) -> Self {
        Self { firsts: vec![0; profiles.len()], partners: vec![None; profiles.len()], profiles }
    }

    /// For each matrix the number, within its section, of the one that may predict it. Whether it does depends on the
    /// step.
    #[must_use]
    pub fn partners(&self) -> &[Option<usize>] {
        &self.partners
    }

    /// Begins to quantise each matrix at its step by a trellis of so many states.
    ///
    /// # Errors
    /// [`Error::Step`] for a step that is not positive and finite or too fine for its weights, and an error for a
    /// number of states that no trellis has.
    ///
    /// # Panics
    /// If there is not one step a matrix.
    #[track_caller]
    pub fn quantizer<'a>(&'a self, steps: &'a [f32], states: u16) -> Result<TrellisQuantizer<'a>, Error> {
        assert_eq!(self.profiles.len(), steps.len(), "steps for matrices");
        let trellis = Trellis::new(states)?;
        for (profile, &step) in self.profiles.iter().zip(steps) {
            let largest = profile.reach();
            if !(step > 0.0 && step.is_finite()) || largest / step > LARGEST {
                return Err(Error::Step { step, largest });
            }
        }
        let scale = |(profile, &step): (&TrellisProfile, &f32)| quarters(&profile.row_logs, &profile.column_logs, step);
        let scales: Vec<[Vec<i16>; 2]> = self.profiles.iter().zip(steps).map(scale).collect();
        let borrowed: Vec<(&[i16], &[i16])> = scales.iter().map(|[rows, columns]| (&rows[..], &columns[..])).collect();
        let (mut lowest, mut count) = classes(&borrowed);
        if self.profiles.iter().any(|profile| profile.has_bases) {
            // Directions differ more than columns do; by how much shows when there are some.
            lowest = lowest.saturating_sub(BELOW).max(DULL as i16);
            count = (count + BELOW as u16 + ABOVE).min(MAX_CLASSES as u16);
        }
        let settings = TrellisSettings::new(trellis, lowest, count)?;
        let costs = Costs::new(&settings.model());
        Ok(TrellisQuantizer { plan: self, steps, scales, settings, costs, partners: BTreeMap::new(), next: 0 })
    }

    /// Quantises each matrix at its step by a trellis of so many states; `weights` gives those of a matrix, as its
    /// profile was made of.
    ///
    /// # Errors
    /// As [`TrellisPlan::quantizer`].
    ///
    /// # Panics
    /// If there is not one step a matrix, or the weights are not as many as the profile's.
    #[track_caller]
    pub fn quantize<'w>(
        &self,
        weights: impl Fn(usize) -> &'w [f32],
        steps: &[f32],
        states: u16,
    ) -> Result<TrellisCoded, Error> {
        let mut quantizer = self.quantizer(steps, states)?;
        let (settings, mut distortion) = (quantizer.settings(), 0.0);
        let matrix = |number| {
            let (matrix, error) = quantizer.next(weights(number));
            distortion += error;
            matrix
        };
        let matrices = (0..steps.len()).map(matrix).collect();
        Ok(TrellisCoded { matrices, trellis: settings.trellis(), model: settings.model(), distortion })
    }
}

/// Quantises the matrices of a plan in their order, one at a time.
#[derive(Debug)]
pub struct TrellisQuantizer<'a> {
    plan: &'a TrellisPlan,
    steps: &'a [f32],
    /// Those of rows and columns that are not predicted.
    scales: Vec<[Vec<i16>; 2]>,
    settings: TrellisSettings,
    costs: Costs,
    /// Matrices that others may be predicted from, without numbers, and their values.
    partners: BTreeMap<usize, (TrellisMatrix, Vec<f32>)>,
    next: usize,
}

impl TrellisQuantizer<'_> {
    /// What the matrices share in a file.
    #[must_use]
    pub fn settings(&self) -> TrellisSettings {
        self.settings
    }

    /// The next matrix, of which these are the weights that its profile was made of, and its squared error.
    ///
    /// # Panics
    /// If there is no further matrix, or it has another number of weights.
    #[track_caller]
    pub fn next(&mut self, weights: &[f32]) -> (TrellisMatrix, f64) {
        let number = self.next;
        self.next += 1;
        let (profile, step) = (&self.plan.profiles[number], self.steps[number]);
        assert_eq!(weights.len(), profile.len(), "weights of matrix {number}");
        let weights = laid(profile.shape(), weights, profile.is_transposed);
        let scales = std::mem::take(&mut self.scales[number]);
        let first = self.plan.firsts[number];
        let predicted = self.plan.partners[number].and_then(|partner| {
            let (other, values) = self.partners.get(&(first + partner))?;
            predict(&weights, step, &scales, partner, (other, values))
        });
        let model = self.settings.model();
        let quantizer = Quantizer { trellis: self.settings.trellis(), model, costs: &self.costs };
        let is_predicted = predicted.is_some();
        let (matrix, distortion) = match predicted {
            Some(Predicted { prediction, scales, rest }) => {
                quantizer.quantize(profile, &rest, step, scales, Some(prediction))
            }
            None => quantizer.quantize(profile, &weights, step, scales, None),
        };
        // Values wait until the last of those that they may predict is done.
        let plan = self.plan;
        let is_wanted = |partner: usize| {
            let later = plan.partners.iter().zip(&plan.firsts).skip(number + 1);
            later.take_while(|(_, first)| **first <= partner).any(|(other, first)| *other == Some(partner - first))
        };
        self.partners.retain(|&partner, _| is_wanted(partner));
        if !is_predicted && is_wanted(number) {
            let values = matrix.coded_values();
            self.partners.insert(number, (TrellisMatrix { numbers: Vec::new(), ..matrix.clone() }, values));
        }
        (matrix, distortion)
    }
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
    /// The bytes of a section that holds the matrices, which are of a plan of one section.
    ///
    /// # Errors
    /// If so many weights are far larger than the step that the section has no room for them.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        Ok(mixpress_codebook::trellis::encode(&self.matrices, self.trellis, self.model)?)
    }
}

/// The scales of rows and columns, in quarters of the logarithm to base 2, over the step.
pub(super) fn quarters(row_logs: &[f32], column_logs: &[f32], step: f32) -> [Vec<i16>; 2] {
    let step = step.log2();
    let end = i32::from(MAX_SCALE);
    let quarters = |log: f32| (4.0 * log).round().clamp(-(end as f32), end as f32) as i32;
    let scales = |logs: &[f32], over: f32, least: i32| -> Vec<i16> {
        logs.iter().map(|&log| quarters(log - over).max(least) as i16).collect()
    };
    let rows = scales(row_logs, step, least_scale(&scales(column_logs, 0.0, -end)).into());
    let columns = scales(column_logs, 0.0, least_scale(&rows).into());
    [rows, columns]
}

/// The scale that makes all numbers zero where others are such: none is lower.
pub(super) fn least_scale(others: &[i16]) -> i16 {
    let highest = others.iter().max().map_or(0, |&scale| i32::from(scale));
    (DULL - highest).clamp(-i32::from(MAX_SCALE), MAX_SCALE.into()) as i16
}

/// The scale of a row whose weights over those of their columns have such a mean square.
pub(super) fn scale_of(mean_square: f64, step: f32) -> i16 {
    let log = 0.5 * mean_square.log2() - f64::from(step).log2();
    (4.0 * log).round().clamp(-f64::from(MAX_SCALE), MAX_SCALE.into()) as i16
}

/// One over the square of what each scale says.
pub(super) fn inverse_squares(scales: &[i16]) -> Vec<f32> {
    scales.iter().map(|&scale| (-0.5 * f32::from(scale)).exp2()).collect()
}

/// What all matrices share.
#[derive(Clone, Copy)]
pub(super) struct Quantizer<'a> {
    trellis: Trellis,
    model: Model,
    costs: &'a Costs,
}

/// Rows of a matrix, from `start` to before `end`, that are quantised together.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    /// The matrix, of which all scales of these rows and all columns are there. All are in one basis.
    pub(super) matrix: &'a TrellisMatrix,
    pub(super) start: usize,
    pub(super) end: usize,
    /// The rows' weights, or what predictions left of them; and those of rows after them that are taken into account.
    pub(super) weights: &'a [f32],
}

impl Quantizer<'_> {
    /// A matrix and its squared error. `weights` are the profile's, or what a prediction from another matrix left of them.
    fn quantize(
        self,
        profile: &TrellisProfile,
        weights: &[f32],
        step: f32,
        scales: [Vec<i16>; 2],
        prediction: Option<Prediction>,
    ) -> (TrellisMatrix, f64) {
        let TrellisProfile { rows, columns, .. } = *profile;
        let mut matrix = TrellisMatrix { prediction, ..profile.matrix(step, scales) };
        let mut states = vec![[0; LANES]; columns.div_ceil(LANES)];
        let mut own_rows = profile.references.as_ref().map(|references| OwnRows::new(references, rows, columns));
        let likely = if profile.has_bases { Bases::likely(&matrix, weights) } else { Vec::new() };
        let starts: Vec<usize> = likely.iter().map(|basis| basis.first_row).collect();
        matrix.numbers = vec![0i16; rows * columns];
        let mut bases = (!starts.is_empty()).then(|| Bases::new(&matrix));
        let mut distortion = 0.0;
        for (start, end) in parts(&starts, rows) {
            let mut weights = Cow::Borrowed(&weights[start * columns..end * columns]);
            if let Some(bases) = bases.as_mut().filter(|_| start > 0) {
                let before = own_rows.as_mut().map_or(&mut [][..], |own| own.values_before(start));
                weights = bases.turn(&mut matrix, start, weights, before);
            }
            distortion += if let Some(own_rows) = &mut own_rows {
                own_rows.quantize(self, &mut matrix, (start, end), &weights, &mut states)
            } else {
                let strips = self.strips(Part { matrix: &matrix, start, end, weights: &weights }, &mut states);
                place(&mut matrix, start, strips)
            };
            if let Some(bases) = bases.as_mut().filter(|_| end < rows) {
                bases.add(&matrix, start, end);
            }
        }
        if let Some(own_rows) = own_rows {
            matrix.prediction = own_rows.prediction();
        }
        (matrix, distortion)
    }

    /// The strips of some rows, whose columns are in such states; those that they get into take their place.
    pub(super) fn strips(self, part: Part<'_>, states: &mut [[u32; LANES]]) -> Vec<Strip> {
        let strips = states.par_iter_mut().enumerate();
        strips.map(|(strip, states)| self.strip(part, strip * LANES, states)).collect()
    }

    /// The sixteen columns from `first` on.
    fn strip(self, part: Part<'_>, first: usize, states: &mut [u32; LANES]) -> Strip {
        let TrellisMatrix { columns, step, ref row_scales, .. } = *part.matrix;
        let column_scales = part.matrix.scales_at(part.start);
        let width = LANES.min(columns - first);
        let parts = || part.weights.chunks_exact(columns).map(|row| &row[first..][..width]);
        let mut scaled = vec![[0.0f32; LANES]; part.weights.len() / columns];
        for (scaled, weights) in scaled.iter_mut().zip(parts()) {
            scaled.iter_mut().zip(weights).for_each(|(scaled, &weight)| *scaled = weight / step);
        }
        let mut lane_scales = [0; LANES];
        let own = &column_scales[first..][..width];
        lane_scales.iter_mut().zip(own).for_each(|(to, &scale)| *to = i32::from(scale) - i32::from(self.model.lowest));
        let last = i32::from(self.model.classes) - 1;
        let rows = &row_scales[part.start..][..scaled.len()];
        let columns_here = Columns { weights: &scaled, rows, lanes: lane_scales, last };
        let settled = part.end - part.start;
        let numbers = search(self.trellis, self.costs, &columns_here, settled, states);
        let mut patches = Vec::new();
        let mut distortion = 0.0;
        for (row, ((numbers, scaled), weights)) in numbers.iter().zip(&scaled).zip(parts()).enumerate() {
            let mut sum = 0.0;
            for (lane, &weight) in weights.iter().enumerate() {
                let mut number = f32::from(numbers[lane]);
                let off = scaled[lane] - number;
                if off * off > PATCHED {
                    number = scaled[lane].round();
                    let position = ((part.start + row) * columns + first + lane) as u64;
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

/// Sixteen columns of some rows as they were quantised.
pub(super) struct Strip {
    numbers: Vec<[i16; LANES]>,
    patches: Vec<Patch>,
    distortion: f64,
}

/// Puts strips, whose rows begin at `start`, into their matrix. Gives their squared error.
pub(super) fn place(matrix: &mut TrellisMatrix, start: usize, strips: Vec<Strip>) -> f64 {
    let rows = strips.first().map_or(0, |strip| strip.numbers.len());
    let columns = matrix.columns.max(1);
    let here = &mut matrix.numbers[start * matrix.columns..][..rows * matrix.columns];
    here.par_chunks_mut(columns).enumerate().for_each(|(row, numbers)| {
        for (numbers, strip) in numbers.chunks_mut(LANES).zip(&strips) {
            numbers.copy_from_slice(&strip.numbers[row][..numbers.len()]);
        }
    });
    let distortion = strips.iter().map(|strip| strip.distortion).sum();
    let mut patches: Vec<Patch> = strips.into_iter().flat_map(|strip| strip.patches).collect();
    patches.sort_unstable_by_key(|patch| patch.position);
    matrix.patches.extend(patches);
    distortion
}
