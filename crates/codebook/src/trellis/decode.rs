//! The reader's side: the head, blocks in parallel, patches, bases, predictions.

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use mixpress_simd::Level;
use rayon::prelude::*;

use super::{
    Patch, Prediction, PredictionSource, Predictor, TrellisMatrix, TrellisSettings,
    basis::{scales_at, turn_back},
    block::{BlockReader, Windows},
    description::Description,
    head::{Hold, MatrixHead},
    kernels::{self, Transpose, slots, transposed},
    predict::{Scales, add_rows, row_factors},
    recent::Recent,
    strips::Strips,
    window::Window,
};
use crate::{Error, limits::zeros, source::Piece};

/// A section whose head was read.
#[derive(Debug)]
pub struct Section<'a> {
    piece: Piece<'a>,
    described: Description,
    slots: OnceLock<Vec<u32>>,
    /// Its number among the sections of its file, which share what they keep of blocks.
    number: usize,
    recent: Arc<Recent>,
}

impl<'a> Section<'a> {
    /// Reads the head of a section that holds tensors of such shapes; for each of its rows and columns it holds two
    /// bytes, and sixteen for each patch, of which there is at most one for eight entries.
    ///
    /// # Errors
    /// If the bytes are no section for tensors of these shapes.
    pub fn open(bytes: &'a [u8], shapes: &[[usize; 2]]) -> Result<Self, Error> {
        Self::of_file(Piece::Held(Cow::Borrowed(bytes)), 0, &Arc::default(), shapes, &mut |_| Ok(()))
    }

    /// [`Section::open`] for a part of a file, the section of such a number; `hold` is told the bytes of what is found
    /// before there is room for it.
    pub(crate) fn of_file(
        piece: Piece<'a>,
        number: usize,
        recent: &Arc<Recent>,
        shapes: &[[usize; 2]],
        hold: Hold<'_>,
    ) -> Result<Self, Error> {
        let described = Description::read(|range| piece.part(range), piece.len(), shapes, hold)?;
        Ok(Self { piece, described, slots: OnceLock::new(), number, recent: recent.clone() })
    }

    pub(crate) fn description(&self) -> &Description {
        &self.described
    }

    /// What it has in common with the other sections of its file.
    pub(crate) fn settings(&self) -> Result<TrellisSettings, Error> {
        let (trellis, lowest, classes) = self.described.shared();
        TrellisSettings::new(trellis, lowest, classes)
    }

    /// Decodes all tensors, each row by row.
    ///
    /// # Errors
    /// If the bytes are not those that a writer wrote.
    ///
    /// # Panics
    /// If there is not one output a tensor, with room for just its values.
    #[track_caller]
    pub fn decode(&self, outputs: &mut [&mut [f32]]) -> Result<(), Error> {
        assert_eq!(outputs.len(), self.described.matrices.len(), "outputs for tensors");
        self.decode_at(mixpress_simd::level(), outputs.iter_mut().map(|out| Some(&mut **out)).collect())
    }

    /// Decodes one tensor, by the blocks that it has a part of.
    ///
    /// # Errors
    /// If the bytes are not those that a writer wrote, or there is no memory for a partner.
    ///
    /// # Panics
    /// If there is no such tensor, or `out` has not just the room for its values.
    #[track_caller]
    pub fn decode_one(&self, tensor: usize, out: &mut [f32]) -> Result<(), Error> {
        if let Some(values) = self.recent.partner(self.number, tensor) {
            out.copy_from_slice(&values);
            return Ok(());
        }
        let level = mixpress_simd::level();
        let count = self.described.matrices.len();
        if let Some(partner) = self.described.whole_partner(tensor) {
            let values = if let Some(values) = self.recent.partner(self.number, partner) {
                values
            } else {
                let mut room = zeros("a tensor's partner", out.len())?;
                self.decode_with(level, alone(count, partner, &mut room), None)?;
                let values = Arc::new(room);
                self.recent.keep_partner(self.number, partner, &values);
                values
            };
            return self.decode_with(level, alone(count, tensor, out), Some((partner, &values)));
        }
        self.decode_with(level, alone(count, tensor, out), None)?;
        let is_partner = (tensor + 1..count).any(|other| self.described.whole_partner(other) == Some(tensor));
        if is_partner && Recent::has_room_for(out.len()) {
            let mut values = zeros("a tensor's partner", out.len())?;
            values.copy_from_slice(out);
            self.recent.keep_partner(self.number, tensor, &Arc::new(values));
        }
        Ok(())
    }

    /// All matrices as they were coded, each in the form that [`TrellisMatrix::settle`] gives it.
    ///
    /// # Errors
    /// If the bytes are not those that a writer wrote, or there is no memory for the numbers.
    pub(crate) fn matrices(&self) -> Result<Vec<TrellisMatrix>, Error> {
        self.matrices_at(mixpress_simd::level())
    }

    /// [`Section::matrices`] on the units of `level`.
    pub(super) fn matrices_at(&self, level: Level) -> Result<Vec<TrellisMatrix>, Error> {
        let heads = &self.described.matrices;
        let mut numbers = Vec::with_capacity(heads.len());
        for matrix in heads {
            numbers.push(zeros("of a trellis-coded section", matrix.rows * matrix.columns)?);
        }
        let mut rest = numbers.iter_mut();
        let windows = self.windows(|_, widths| rest.next().map(|numbers| Window::cut_numbers(numbers, widths)));
        self.fill(level, windows)?;
        let matrix = |(head, numbers): (&MatrixHead, Vec<i16>)| {
            let mut matrix = head.with(numbers);
            matrix.settle();
            matrix
        };
        Ok(heads.iter().zip(numbers).map(matrix).collect())
    }

    /// Decodes the tensors that there are outputs for, partners of predicted ones among them, on the units of `level`.
    #[track_caller]
    pub(super) fn decode_at(&self, level: Level, outputs: Vec<Option<&mut [f32]>>) -> Result<(), Error> {
        self.decode_with(level, outputs, None)
    }

    /// [`Section::decode_at`], of which one partner may be given.
    #[track_caller]
    fn decode_with(
        &self,
        level: Level,
        mut outputs: Vec<Option<&mut [f32]>>,
        given: Option<(usize, &[f32])>,
    ) -> Result<(), Error> {
        let matrices = &self.described.matrices;
        let mut rest = outputs.iter_mut();
        let windows = self.windows(|number, widths| {
            let (out, matrix) = (rest.next()?.as_deref_mut()?, &matrices[number]);
            assert_eq!(out.len(), matrix.rows * matrix.columns, "room for tensor {number}");
            Some(Window::cut(out, matrix.rows, matrix.is_transposed, widths))
        });
        self.fill(level, windows)?;
        let transpose = kernels::transpose_at(level);
        let turned = outputs.par_iter_mut().zip(matrices).enumerate().map(|(number, (out, matrix))| {
            let Some(out) = out.as_deref_mut().filter(|_| !self.described.is_finished_in_strips(number)) else {
                return Ok(());
            };
            matrix.patch(out);
            if matrix.bases.is_empty() { Ok(()) } else { matrix.turn_back(out, transpose) }
        });
        turned.collect::<Vec<Result<(), Error>>>().into_iter().collect::<Result<(), Error>>()?;
        for (number, matrix) in matrices.iter().enumerate() {
            let (before, from) = outputs.split_at_mut(number);
            let (Some(out), Some(partner)) = (from[0].as_deref_mut(), self.described.whole_partner(number)) else {
                continue;
            };
            let given = given.filter(|given| given.0 == partner).map(|given| given.1);
            let (Some(values), Some(prediction)) = (given.or(before[partner].as_deref()), &matrix.prediction) else {
                continue;
            };
            let other = &matrices[partner];
            let predictor = Predictor::new(&prediction.gains, matrix.scales(), other.scales());
            predictor.add_whole((out, matrix.is_transposed), (values, other.is_transposed), transpose);
        }
        Ok(())
    }

    /// Decodes the blocks that there are windows for.
    fn fill(&self, level: Level, windows: Vec<Windows<'_>>) -> Result<(), Error> {
        let mut is_wanted = vec![false; self.described.matrices.len()];
        for (number, _, window) in windows.iter().flatten() {
            is_wanted[*number] = window.has_values();
        }
        let strips = Strips::all(&self.described, &is_wanted);
        let reader = BlockReader {
            piece: &self.piece,
            described: &self.described,
            slots: self.slots.get_or_init(|| slots(&self.described.model)),
            section: self.number,
            recent: &self.recent,
            strips: &strips,
            rows: kernels::rows_at(level),
            turn: kernels::turn_at(level),
            transpose: kernels::transpose_at(level),
        };
        let results: Vec<Result<(), Error>> =
            windows.into_par_iter().enumerate().map(|(number, windows)| reader.block(number, windows)).collect();
        // The first block's error, not the first thread's.
        results.into_iter().collect()
    }

    /// For each block its windows on the matrices that it has a part of and that are wanted; `cut` makes those of a
    /// matrix, of so many columns each.
    fn windows<'o>(&self, mut cut: impl FnMut(usize, &[usize]) -> Option<Vec<Window<'o>>>) -> Vec<Windows<'o>> {
        let Description { blocks, matrices, .. } = &self.described;
        // The parts of each matrix: block, first column, columns.
        let mut parts: Vec<Vec<(usize, usize, usize)>> = vec![Vec::new(); matrices.len()];
        for (number, block) in blocks.iter().enumerate() {
            for strip in &block.strips {
                match parts[strip.matrix].last_mut() {
                    Some((last, _, columns)) if *last == number => *columns += strip.width,
                    _ => parts[strip.matrix].push((number, strip.first, strip.width)),
                }
            }
        }
        let mut windows: Vec<Windows> = blocks.iter().map(|_| Vec::new()).collect();
        for (number, parts) in parts.iter().enumerate() {
            let widths: Vec<usize> = parts.iter().map(|part| part.2).collect();
            for (&(block, first, _), window) in parts.iter().zip(cut(number, &widths).into_iter().flatten()) {
                windows[block].push((number, first, window));
            }
        }
        windows
    }
}

/// Outputs of so many tensors of which one is wanted.
fn alone(count: usize, tensor: usize, out: &mut [f32]) -> Vec<Option<&mut [f32]>> {
    let mut outputs: Vec<Option<&mut [f32]>> = (0..count).map(|_| None).collect();
    outputs[tensor] = Some(out);
    outputs
}

impl MatrixHead {
    /// The number of the matrix that predicts this one, if one does.
    pub(super) fn partner(&self) -> Option<usize> {
        self.prediction.as_ref()?.partner()
    }

    pub(super) fn scales(&self) -> Scales<'_> {
        (self.step, &self.row_scales, &self.column_scales)
    }

    /// The matrix of such numbers.
    fn with(&self, numbers: Vec<i16>) -> TrellisMatrix {
        let Self { rows, columns, is_transposed, step, .. } = *self;
        let (row_scales, column_scales) = (self.row_scales.clone(), self.column_scales.clone());
        let (patches, prediction, bases) = (self.patches.clone(), self.prediction.clone(), self.bases.clone());
        TrellisMatrix {
            rows,
            columns,
            is_transposed,
            step,
            row_scales,
            column_scales,
            numbers,
            patches,
            prediction,
            bases,
        }
    }

    /// The scales of the columns in a row, or of the directions of its basis.
    pub(super) fn scales_at(&self, row: usize) -> &[i16] {
        scales_at(&self.bases, &self.column_scales, row)
    }

    /// What numbers are multiplied by before bases are left.
    pub(super) fn unit(&self) -> f32 {
        if self.bases.is_empty() { self.step } else { 1.0 }
    }

    /// Makes values of numbers that have bases, and adds what earlier rows predict.
    fn turn_back(&self, out: &mut [f32], transpose: Transpose) -> Result<(), Error> {
        let mut turned = Vec::new();
        if self.is_transposed {
            turned = zeros("a tensor that is turned", out.len())?;
            transposed(out, [self.columns, self.rows], &mut turned, transpose);
        }
        let coded = if self.is_transposed { &mut turned } else { &mut *out };
        turn_back(&self.bases, &self.row_scales, &self.column_scales, coded);
        coded.par_iter_mut().for_each(|value| *value *= self.step);
        if let Some(Prediction { source: PredictionSource::Rows(references), gains }) = &self.prediction {
            let factors = row_factors(gains, references, &self.row_scales);
            add_rows(coded, self.columns, 0, references, &factors);
        }
        if self.is_transposed {
            transposed(&turned, [self.rows, self.columns], out, transpose);
        }
        Ok(())
    }

    /// Puts the numbers of patches in their places.
    fn patch(&self, out: &mut [f32]) {
        for &Patch { position, number } in &self.patches {
            let position = position as usize;
            let (row, column) = (position / self.columns, position % self.columns);
            let at = if self.is_transposed { column * self.rows + row } else { position };
            out[at] = number as f32 * self.unit();
        }
    }
}
