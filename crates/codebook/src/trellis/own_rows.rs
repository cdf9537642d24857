//! Rows that earlier rows of the same matrix predict: they are added strip by strip, as soon as their numbers are there.

use super::{
    Patch, Prediction, PredictionSource,
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
    /// Of a matrix in strips of so many columns; nothing if it is not predicted from rows of its own.
    pub(super) fn of(head: &'a MatrixHead, lanes: usize) -> Option<Self> {
        let Some(Prediction { source: PredictionSource::Rows(references), gains }) = &head.prediction else {
            return None;
        };
        let mut patches = vec![Vec::new(); head.columns.div_ceil(lanes)];
        for &patch in &head.patches {
            patches[patch.position as usize % head.columns / lanes].push(patch);
        }
        let factors = row_factors(gains, references, &head.row_scales);
        Some(Self { references, factors, patches, lanes, columns: head.columns, step: head.step })
    }

    /// Finishes so many rows of the strip that begins at column `start` of the matrix: in the window stand numbers times
    /// the step, and above them finished rows.
    pub(super) fn finish(&self, window: &mut Window<'_>, at: Place, count: usize, start: usize) {
        let place_of = |row: usize| (row * self.columns) as u64;
        let patches = &self.patches[start / self.lanes];
        let first = patches.partition_point(|patch| patch.position < place_of(at.row));
        let here = patches[first..].iter().take_while(|patch| patch.position < place_of(at.row + count));
        for &Patch { position, number } in here {
            let (row, column) = (position as usize / self.columns, position as usize % self.columns);
            window.set(at, row, column - start, number as f32 * self.step);
        }
        let rows = at.row..at.row + count;
        let predicted = rows.clone().zip(&self.references[rows.clone()]).zip(&self.factors[rows]);
        let predicted = predicted.map(|((row, &reference), &factor)| (row, reference as usize, factor));
        window.add_rows(at, predicted.filter(|row| row.2 != 0.0));
    }
}
