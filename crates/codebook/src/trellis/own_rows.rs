//! Rows that earlier rows of the same matrix predict: they are added strip by strip, as soon as their numbers are there.
//!
//! Earlier rows are anywhere in the tensor, and a strip's part of them in as many places. So the values of a strip are
//! kept side by side until the next one, which is less memory to wander about in.

use super::{
    LANES, Patch, Prediction, PredictionSource,
    head::MatrixHead,
    predict::row_factors,
    window::{Place, Window},
};

/// What it takes to finish the rows of a matrix's strips.
#[derive(Debug)]
pub(super) struct OwnRows<'a> {
    references: &'a [u32],
    factors: Vec<f32>,
    /// Those of each strip: a row may be predicted from one that has some.
    patches: Vec<Vec<Patch>>,
    lanes: usize,
    columns: usize,
    step: f32,
}

impl<'a> OwnRows<'a> {
    /// Of a matrix in strips of so many columns; nothing if it is not predicted from rows of its own, or those have bases,
    /// which take whole rows.
    pub(super) fn of(head: &'a MatrixHead, lanes: usize) -> Option<Self> {
        let Some(Prediction { source: PredictionSource::Rows(references), gains }) = &head.prediction else {
            return None;
        };
        if !head.is_finished_in_strips() {
            return None;
        }
        let mut patches = vec![Vec::new(); head.columns.div_ceil(lanes)];
        for &patch in &head.patches {
            patches[patch.position as usize % head.columns / lanes].push(patch);
        }
        let factors = row_factors(gains, references, &head.row_scales);
        Some(Self { references, factors, patches, lanes, columns: head.columns, step: head.step })
    }

    /// Finishes rows of the strip that begins at column `start` of the matrix and writes them into the window. `strip`
    /// holds the values of the strip's rows before these, side by side.
    pub(super) fn fill(
        &self,
        window: &mut Window<'_>,
        tile: &[[i16; LANES]],
        at: Place,
        start: usize,
        strip: &mut Vec<f32>,
    ) {
        let Place { width, row: first, .. } = at;
        strip.truncate(first * width);
        mixpress_simd::vectorized(
            #[inline(always)]
            || {
                for numbers in tile {
                    strip.extend(numbers[..width].iter().map(|&number| f32::from(number) * self.step));
                }
            },
        );
        let position_of = |row: usize| (row * self.columns) as u64;
        let patches = &self.patches[start / self.lanes];
        let before = patches.partition_point(|patch| patch.position < position_of(first));
        let here = patches[before..].iter().take_while(|patch| patch.position < position_of(first + tile.len()));
        for &Patch { position, number } in here {
            let (row, column) = (position as usize / self.columns, position as usize % self.columns);
            strip[row * width + column - start] = number as f32 * self.step;
        }
        mixpress_simd::vectorized(
            #[inline(always)]
            || {
                let rows = first..first + tile.len();
                let predicted = rows.clone().zip(&self.references[rows.clone()]).zip(&self.factors[rows]);
                for ((row, &reference), &factor) in predicted.filter(|row| *row.1 != 0.0) {
                    let (before, from) = strip.split_at_mut(row * width);
                    let (other, out) = (&before[reference as usize * width..][..width], &mut from[..width]);
                    if let (Some(other), Some(out)) = (other.first_chunk::<LANES>(), out.first_chunk_mut::<LANES>()) {
                        out.iter_mut().zip(other).for_each(|(out, other)| *out += other * factor);
                    } else {
                        out.iter_mut().zip(other).for_each(|(out, other)| *out += other * factor);
                    }
                }
            },
        );
        window.copy(&strip[first * width..], at);
    }
}
