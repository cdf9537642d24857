//! Rows that others predict, finished strip by strip as soon as their numbers are there.
//!
//! Other rows are anywhere in a tensor, and a strip's part of them in as many places. So the values of a strip are kept
//! side by side: those of earlier rows until its end, and those of a partner for the strips that it predicts, which come
//! next. That is less memory to wander about in.

use super::{
    LANES, Patch, Prediction, PredictionSource, Predictor,
    description::Description,
    head::MatrixHead,
    kernels::Transpose,
    predict::{add_rows, row_factors},
    window::{Place, Window},
};

/// What it takes to finish a matrix's strips.
#[derive(Debug)]
pub(super) struct Strips<'a> {
    source: Source<'a>,
    /// Those of each strip: a value may be predicted from one that has some.
    patches: Vec<Vec<Patch>>,
    lanes: usize,
    columns: usize,
    step: f32,
}

/// What rows are predicted from.
#[derive(Debug)]
enum Source<'a> {
    /// Nothing; they predict those of other matrices.
    None,
    Rows {
        references: &'a [u32],
        factors: Vec<f32>,
    },
    Partner(Predictor),
}

/// Values of strips, row by row.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Of the strip at hand: all rows so far, or the last ones.
    own: Vec<f32>,
    /// Of the partner's strip before it.
    partner: Vec<f32>,
}

impl<'a> Strips<'a> {
    /// Of each matrix, if it takes something; `is_wanted` says for each whether its values are.
    pub(super) fn all(described: &'a Description, is_wanted: &[bool]) -> Vec<Option<Self>> {
        let matrices = &described.matrices;
        let mut is_partner = vec![false; matrices.len()];
        for (number, is_wanted) in is_wanted.iter().enumerate().filter(|(_, is_wanted)| **is_wanted) {
            if let Some(partner) =
                described.partner(number).filter(|_| *is_wanted && described.is_finished_in_strips(number))
            {
                is_partner[partner] = true;
            }
        }
        let of_matrix = |(number, head): (usize, &'a MatrixHead)| {
            let is_finished = is_wanted[number] && described.is_finished_in_strips(number);
            let source = match &head.prediction {
                Some(Prediction { source: PredictionSource::Rows(references), gains }) if is_finished => {
                    Source::Rows { references, factors: row_factors(gains, references, &head.row_scales) }
                }
                Some(Prediction { source: PredictionSource::Matrix(partner), gains }) if is_finished => {
                    Source::Partner(Predictor::new(gains, head.scales(), matrices[*partner].scales()))
                }
                _ if is_partner[number] => Source::None,
                _ => return None,
            };
            let lanes = described.lanes;
            let mut patches = vec![Vec::new(); head.columns.div_ceil(lanes)];
            for &patch in &head.patches {
                patches[patch.position as usize % head.columns / lanes].push(patch);
            }
            Some(Self { source, patches, lanes, columns: head.columns, step: head.step })
        };
        matrices.iter().enumerate().map(of_matrix).collect()
    }

    /// Whether it is predicted, and so writes its values itself.
    pub(super) fn is_predicted(&self) -> bool {
        !matches!(self.source, Source::None)
    }

    /// Takes rows of the strip that begins at column `start` of the matrix, and writes them into the window if they are
    /// predicted. `kept` is what the rows and the strip before left.
    pub(super) fn take(
        &self,
        window: Option<&mut Window<'_>>,
        tile: &[[i16; LANES]],
        at: Place,
        start: usize,
        kept: &mut Kept,
        transpose: Transpose,
    ) {
        let Place { width, row: first, .. } = at;
        match &self.source {
            Source::None => {
                kept.partner.truncate(first * width);
                self.append(tile, at, start, &mut kept.partner);
                return;
            }
            Source::Rows { references, factors } => {
                kept.own.truncate(first * width);
                self.append(tile, at, start, &mut kept.own);
                add_rows(&mut kept.own, width, first, references, factors);
            }
            Source::Partner(predictor) => {
                kept.own.clear();
                self.append(tile, at, start, &mut kept.own);
                // The partner's strip came just before this one.
                let partner = &kept.partner[first * width..][..tile.len() * width];
                predictor.add(&mut kept.own, partner, first, start, width);
            }
        }
        if let Some(window) = window {
            let behind = kept.own.len() - tile.len() * width;
            window.copy(&kept.own[behind..], at, transpose);
        }
    }

    /// Appends the values of rows before anything is added to them.
    fn append(&self, tile: &[[i16; LANES]], at: Place, start: usize, values: &mut Vec<f32>) {
        let Place { width, row: first, .. } = at;
        let before = values.len();
        mixpress_simd::vectorized(
            #[inline(always)]
            || {
                for numbers in tile {
                    if width == LANES {
                        values.extend(numbers.iter().map(|&number| f32::from(number) * self.step));
                    } else {
                        values.extend(numbers[..width].iter().map(|&number| f32::from(number) * self.step));
                    }
                }
            },
        );
        let position_of = |row: usize| (row * self.columns) as u64;
        let patches = &self.patches[start / self.lanes];
        let earlier = patches.partition_point(|patch| patch.position < position_of(first));
        let here = patches[earlier..].iter().take_while(|patch| patch.position < position_of(first + tile.len()));
        for &Patch { position, number } in here {
            let (row, column) = (position as usize / self.columns, position as usize % self.columns);
            values[before + (row - first) * width + column - start] = number as f32 * self.step;
        }
    }
}
