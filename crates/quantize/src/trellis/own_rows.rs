//! A matrix whose rows are predicted from earlier rows of it, segment by segment.

use mixpress_codebook::trellis::{Prediction, PredictionSource, TrellisMatrix, row_factor};
use rayon::prelude::*;

use super::{
    predict::row_bits,
    quantize::{Part, Quantizer, inverse_squares, least_scale, place, scale_of},
    references::{AHEAD, GAIN_BITS, References, SEGMENT, number_bits},
    viterbi::LANES,
};

/// How a row is predicted.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    reference: u32,
    gain: i8,
    scale: i16,
}

/// The rows of a matrix as they are settled.
pub(super) struct OwnRows<'a> {
    references: &'a References,
    columns: usize,
    /// What rows are read as, in the basis at hand.
    values: Vec<f32>,
    from: Vec<u32>,
    gains: Vec<i8>,
}

impl<'a> OwnRows<'a> {
    pub(super) fn new(references: &'a References, rows: usize, columns: usize) -> Self {
        Self { references, columns, values: vec![0.0; rows * columns], from: vec![0; rows], gains: vec![0; rows] }
    }

    /// What the rows before this one are read as.
    pub(super) fn values_before(&mut self, row: usize) -> &mut [f32] {
        &mut self.values[..row * self.columns]
    }

    /// Quantises rows that have one basis, whose weights these are, of a matrix laid as it is coded, of which all but
    /// numbers, patches and prediction is there. Gives their squared error.
    pub(super) fn quantize(
        &mut self,
        quantizer: Quantizer<'_>,
        matrix: &mut TrellisMatrix,
        (first, last): (usize, usize),
        weights: &[f32],
        states: &mut [[u32; LANES]],
    ) -> f64 {
        let (columns, mut distortion) = (self.columns, 0.0);
        let mut settled = first;
        // What is left of the rows from the last settled one on.
        let mut rest = Vec::new();
        let mut start = first;
        while start < last {
            let end = last.min((start / SEGMENT + 1) * SEGMENT);
            rest.extend_from_slice(&weights[(start - first) * columns..(end - first) * columns]);
            self.predict(matrix, start, settled, &mut rest[(start - settled) * columns..]);
            let until = if end == last { last } else { end.saturating_sub(AHEAD).max(settled) };
            let strips = quantizer.strips(Part { matrix, start: settled, end: until, weights: &rest }, states);
            distortion += place(matrix, settled, strips);
            self.read_back(matrix, settled, until);
            rest.drain(..(until - settled) * columns);
            (settled, start) = (until, end);
        }
        distortion
    }

    /// Takes from the rows from `start` on, whose weights are `rest`, what those before `settled` predict, where that
    /// pays.
    fn predict(&mut self, matrix: &mut TrellisMatrix, start: usize, settled: usize, rest: &mut [f32]) {
        let (columns, step) = (self.columns, matrix.step);
        let column_scales = matrix.scales_at(start);
        let (bits, inverse) = (row_bits(column_scales), inverse_squares(column_scales));
        let least = least_scale(column_scales);
        let before = &self.values[..settled * columns];
        let chosen: Vec<Row> = (rest.par_chunks_mut(columns).enumerate())
            .map(|(place, rest)| {
                let row = start + place;
                let alone = Row { scale: matrix.row_scales[row], ..Row::default() };
                let Some(reference) = self.references.of_rows[row] else { return alone };
                let other = &before[reference as usize * columns..][..columns];
                let other_scale = matrix.row_scales[reference as usize];
                let Some((gain, scale)) = gain(rest, other, &inverse, step, other_scale) else { return alone };
                let scale = scale.clamp(least, alone.scale.max(least));
                let price = number_bits(row) + GAIN_BITS;
                if bits(alone.scale) - bits(scale) <= price {
                    return alone;
                }
                let factor = row_factor(gain, scale, other_scale);
                rest.iter_mut().zip(other).for_each(|(rest, &other)| *rest -= other * factor);
                Row { reference, gain, scale }
            })
            .collect();
        for (row, chosen) in (start..).zip(chosen) {
            (matrix.row_scales[row], self.from[row], self.gains[row]) = (chosen.scale, chosen.reference, chosen.gain);
        }
    }

    /// What rows that were quantised are read as.
    fn read_back(&mut self, matrix: &TrellisMatrix, settled: usize, until: usize) {
        let (columns, step) = (self.columns, matrix.step);
        let TrellisMatrix { numbers, patches, row_scales, .. } = matrix;
        let (before, here) = self.values.split_at_mut(settled * columns);
        let here = &mut here[..(until - settled) * columns];
        let numbers = &numbers[settled * columns..until * columns];
        here.par_iter_mut().zip(numbers).for_each(|(value, &number)| *value = f32::from(number) * step);
        let first = patches.partition_point(|patch| patch.position < (settled * columns) as u64);
        for patch in &patches[first..] {
            here[patch.position as usize - settled * columns] = patch.number as f32 * step;
        }
        let (from, gains) = (&self.from, &self.gains);
        let predicted = (settled..until).into_par_iter().zip(here.par_chunks_mut(columns));
        predicted.filter(|(row, _)| gains[*row] != 0).for_each(|(row, values)| {
            let reference = from[row] as usize;
            let factor = row_factor(gains[row], row_scales[row], row_scales[reference]);
            let other = &before[reference * columns..][..columns];
            values.iter_mut().zip(other).for_each(|(value, &other)| *value += other * factor);
        });
    }

    /// What rows are predicted from, if any is.
    pub(super) fn prediction(self) -> Option<Prediction> {
        let is_predicted = self.gains.iter().any(|&gain| gain != 0);
        is_predicted.then_some(Prediction { source: PredictionSource::Rows(self.from), gains: self.gains })
    }
}

/// The least-squares gain of a row over an earlier one, whose scale is `other_scale`, and the scale of what is left;
/// nothing where that is not less than nothing at all. `inverse` are the columns' squared scales, inverted.
fn gain(weights: &[f32], other: &[f32], inverse: &[f32], step: f32, other_scale: i16) -> Option<(i8, i16)> {
    let (mut both, mut square, mut own) = (0.0f64, 0.0f64, 0.0f64);
    for ((&weight, &value), &inverse) in weights.iter().zip(other).zip(inverse) {
        both += f64::from(weight * value * inverse);
        square += f64::from(value * value * inverse);
        own += f64::from(weight * weight * inverse);
    }
    if square <= 0.0 || own <= 0.0 {
        return None;
    }
    let left = (own - both * both / square).max(1e-9 * own);
    let scale = scale_of(left / weights.len() as f64, step);
    let unit = f64::from(row_factor(8, scale, other_scale));
    let gain = (8.0 * both / square / unit).round().clamp(-127.0, 127.0) as i8;
    (gain != 0).then_some((gain, scale))
}

#[cfg(test)]
mod tests {
    use mixpress_codebook::trellis::Section;

    use super::super::{TrellisPlan, TrellisProfile, references::tests::related};

    /// A table of related rows, or its transpose, with weights that are far too large for their rows.
    fn table(shape: [usize; 2]) -> Vec<f32> {
        let [rows, columns] = if shape[0] < shape[1] { [shape[1], shape[0]] } else { shape };
        let mut weights = related(rows, columns);
        for far in [3, 777, 60_011] {
            weights[far] = 90.0;
        }
        if rows == shape[0] {
            return weights;
        }
        (0..rows * columns).map(|at| weights[at % rows * columns + at / rows]).collect()
    }

    #[test]
    fn related_rows_save_bits_and_come_back() {
        for shape in [[2000, 40], [40, 2000]] {
            let weights = table(shape);
            let bytes = |step: f32, is_related: bool| {
                let profile = TrellisProfile::new(shape, &weights).unwrap();
                let profile = if is_related { profile.with_references(&weights) } else { profile };
                let plan = TrellisPlan::new(vec![profile]);
                let coded = plan.quantize(|_| &weights, &[step], 16).unwrap();
                assert_eq!(coded.matrices[0].prediction.is_some(), is_related && step < 1.0);
                let bytes = coded.encode().unwrap();
                let mut values = vec![0.0; weights.len()];
                Section::open(&bytes, &[shape]).unwrap().decode(&mut [&mut values]).unwrap();
                let error: f64 = weights.iter().zip(&values).map(|(w, v)| f64::from(w - v).powi(2)).sum();
                assert!((error / coded.distortion - 1.0).abs() < 1e-3, "{error} {}", coded.distortion);
                let of_step = error / f64::from(step * step) / weights.len() as f64;
                assert!(of_step < 0.28, "{of_step}");
                bytes
            };
            let (alone, with) = (bytes(0.1, false).len() as f64, bytes(0.1, true).len() as f64);
            let saved = 8.0 * (alone - with) / weights.len() as f64;
            assert!(saved > 0.15, "{saved} bits a weight at {shape:?}");
            // Where all are rounded to nearly nothing it does not pay to say which row is like which.
            assert!(bytes(3.0, true).len() <= bytes(3.0, false).len() + 2);
            let on = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| bytes(0.2, true))
            };
            assert!(on(1) == on(3));
        }
    }
}
