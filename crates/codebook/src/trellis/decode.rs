//! The reader's side: the head, blocks in parallel, patches, predictions.

use std::{borrow::Cow, ops::Range, sync::Arc};

use mixpress_simd::Level;
use rayon::prelude::*;

use super::{
    LANES, Patch, Predictor, TILE, TrellisMatrix,
    description::{Block, Description, truncated},
    head::MatrixHead,
    kernels::{self, Lanes, Rows, Turn, slots},
    predict::Scales,
    window::{Place, Tile, Window},
};
use crate::{Error, limits::zeros, rans::LOWER};

/// A section whose head was read.
#[derive(Debug)]
pub struct Section<'a> {
    described: Arc<Description>,
    bytes: &'a [u8],
}

impl<'a> Section<'a> {
    /// Reads the head of a section that holds tensors of such shapes; for each of its rows and columns it holds two
    /// bytes, and sixteen for each patch, of which there is at most one for eight entries.
    ///
    /// # Errors
    /// If the bytes are no section for tensors of these shapes.
    pub fn open(bytes: &'a [u8], shapes: &[[usize; 2]]) -> Result<Self, Error> {
        let part = |range: Range<usize>| Ok(Cow::Borrowed(&bytes[range]));
        let described = Description::read(part, bytes.len(), shapes, &mut |_| Ok(()))?;
        Ok(Self { described: Arc::new(described), bytes })
    }

    /// A section whose head was read before.
    pub(crate) fn described(described: &Arc<Description>, bytes: &'a [u8]) -> Result<Self, Error> {
        if bytes.len() < described.len() {
            return Err(truncated(described.len(), bytes.len()));
        }
        Ok(Self { described: described.clone(), bytes })
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

    /// Decodes one tensor: the blocks that it shares with others, and its partner's.
    ///
    /// # Errors
    /// If the bytes are not those that a writer wrote, or there is no memory for a partner.
    ///
    /// # Panics
    /// If there is no such tensor, or `out` has not just the room for its values.
    #[track_caller]
    pub fn decode_one(&self, tensor: usize, out: &mut [f32]) -> Result<(), Error> {
        let partner = self.described.partner(tensor);
        let mut room = match partner {
            Some(_) => zeros("a tensor's partner", out.len())?,
            None => Vec::new(),
        };
        let mut outputs: Vec<Option<&mut [f32]>> = self.described.matrices.iter().map(|_| None).collect();
        if let Some(partner) = partner {
            outputs[partner] = Some(&mut room);
        }
        outputs[tensor] = Some(out);
        self.decode_at(mixpress_simd::level(), outputs)
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
    pub(super) fn decode_at(&self, level: Level, mut outputs: Vec<Option<&mut [f32]>>) -> Result<(), Error> {
        let matrices = &self.described.matrices;
        let mut rest = outputs.iter_mut();
        let windows = self.windows(|number, widths| {
            let (out, matrix) = (rest.next()?.as_deref_mut()?, &matrices[number]);
            assert_eq!(out.len(), matrix.rows * matrix.columns, "room for tensor {number}");
            Some(Window::cut(out, matrix.rows, matrix.is_transposed, widths))
        });
        self.fill(level, windows)?;
        for (matrix, out) in matrices.iter().zip(&mut outputs) {
            if let Some(out) = out {
                matrix.patch(out);
            }
        }
        for (number, matrix) in matrices.iter().enumerate() {
            let Some(prediction) = &matrix.prediction else { continue };
            let (before, from) = outputs.split_at_mut(number);
            let (Some(out), Some(partner)) = (&mut from[0], &before[prediction.partner]) else { continue };
            let other = &matrices[prediction.partner];
            let predictor = Predictor::new(&prediction.gains, matrix.scales(), other.scales());
            predictor.add((out, matrix.is_transposed), (partner, other.is_transposed), kernels::transpose_at(level));
        }
        Ok(())
    }

    /// Decodes the blocks that there are windows for.
    fn fill(&self, level: Level, windows: Vec<Windows<'_>>) -> Result<(), Error> {
        let slots = slots(&self.described.model);
        let reader =
            BlockReader { section: self, rows: kernels::rows_at(level), turn: kernels::turn_at(level), slots: &slots };
        let results: Vec<Result<(), Error>> = (self.described.blocks.par_iter().zip(windows))
            .map(|(block, windows)| reader.block(block, windows))
            .collect();
        // The first block's error, not the first thread's.
        results.into_iter().collect()
    }

    /// For each block its windows on the matrices that it has a part of and that are wanted; `cut` makes those of a
    /// matrix, of so many columns each.
    fn windows<'o>(&self, mut cut: impl FnMut(usize, &[usize]) -> Option<Vec<Window<'o>>>) -> Vec<Windows<'o>> {
        let Description { blocks, matrices, .. } = &*self.described;
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

/// The windows of a block: matrix, first column, window.
type Windows<'a> = Vec<(usize, usize, Window<'a>)>;

impl MatrixHead {
    fn scales(&self) -> Scales<'_> {
        (self.step, &self.row_scales, &self.column_scales)
    }

    /// The matrix of such numbers.
    fn with(&self, numbers: Vec<i16>) -> TrellisMatrix {
        let Self { rows, columns, is_transposed, step, .. } = *self;
        let (row_scales, column_scales) = (self.row_scales.clone(), self.column_scales.clone());
        let (patches, prediction) = (self.patches.clone(), self.prediction.clone());
        TrellisMatrix { rows, columns, is_transposed, step, row_scales, column_scales, numbers, patches, prediction }
    }

    /// Puts the numbers of patches in their places.
    fn patch(&self, out: &mut [f32]) {
        for &Patch { position, number } in &self.patches {
            let position = position as usize;
            let (row, column) = (position / self.columns, position % self.columns);
            let at = if self.is_transposed { column * self.rows + row } else { position };
            out[at] = number as f32 * self.step;
        }
    }
}

/// What all blocks share.
struct BlockReader<'a> {
    section: &'a Section<'a>,
    rows: Rows,
    turn: Turn,
    slots: &'a [u32],
}

impl BlockReader<'_> {
    fn block(&self, block: &Block, mut windows: Windows<'_>) -> Result<(), Error> {
        let Description { trellis, model, lanes, ref matrices, ref blocks, .. } = *self.section.described;
        if windows.is_empty() && blocks.len() > 1 {
            return Ok(());
        }
        let mut words = Words::new(&self.section.bytes[block.bytes.clone()], lanes)?;
        let mut tile: Box<Tile> = Box::new([[0; LANES]; TILE]);
        for &strip in &block.strips {
            let matrix = &matrices[strip.matrix];
            words.lanes.start(trellis, model, &matrix.column_scales[strip.first..][..strip.width]);
            let mut window = windows.iter_mut().find(|(number, ..)| *number == strip.matrix);
            for (number, scales) in matrix.row_scales.chunks(TILE).enumerate() {
                let tile = &mut tile[..scales.len()];
                words.rows(self.rows, self.slots, scales, tile)?;
                if let Some((_, first, window)) = &mut window {
                    let first = strip.first - *first;
                    let place = Place { first, width: strip.width, row: number * TILE, rows: matrix.rows };
                    window.fill(tile, place, matrix.step, self.turn);
                }
            }
        }
        words.finish()
    }
}

/// The words of a block, and the lanes that read them.
struct Words<'a> {
    all: &'a [[u8; 2]],
    lanes: Lanes,
    /// Words of the block that were read.
    read: usize,
    /// The last words, fewer than a row may ask for, and zeros behind them; once they are looked at, how many were read
    /// before.
    tail: [[u8; 2]; 2 * LANES],
    before: Option<usize>,
    /// Bytes of the block.
    length: usize,
}

impl<'a> Words<'a> {
    fn new(bytes: &'a [u8], count: usize) -> Result<Self, Error> {
        let (head, rest) = bytes.split_at_checked(4 * count).ok_or_else(|| truncated(4 * count, bytes.len()))?;
        let mut lanes = Lanes::default();
        let states = head.as_chunks::<4>().0;
        lanes.coders.iter_mut().zip(states).for_each(|(state, bytes)| *state = u32::from_le_bytes(*bytes));
        if let Some(&state) = lanes.coders.iter().find(|&&x| x < LOWER) {
            return Err(Error::Malformed {
                what: "the first state of a lane",
                value: u64::from(state),
                rule: "it is at least 65536",
            });
        }
        let (all, odd) = rest.as_chunks::<2>();
        if !odd.is_empty() {
            let found = bytes.len() as u64;
            return Err(Error::SectionLength { part: "trellis-coded numbers", needed: found - 1, found });
        }
        Ok(Self { all, lanes, read: 0, tail: [[0; 2]; 2 * LANES], before: None, length: bytes.len() })
    }

    /// Decodes the next rows of the lanes' columns, which have such scales.
    fn rows(&mut self, rows: Rows, slots: &[u32], scales: &[i16], out: &mut [[i16; LANES]]) -> Result<(), Error> {
        let mut done = 0;
        loop {
            let words = match self.before {
                None => &self.all[self.read..],
                Some(before) => &self.tail[self.read - before..self.all.len() - before + LANES],
            };
            let (more, taken) = rows(words, &mut self.lanes, slots, &scales[done..], &mut out[done..]);
            done += more;
            self.read += taken;
            if done == scales.len() {
                return Ok(());
            }
            if self.before.is_some() {
                return Err(truncated(self.length + 2, self.length));
            }
            // Fewer words are left than a row may ask for: go on with zeros behind them, and see whether any was read.
            let left = self.all.len() - self.read;
            self.tail[..left].copy_from_slice(&self.all[self.read..]);
            self.before = Some(self.read);
        }
    }

    fn finish(self) -> Result<(), Error> {
        if self.read > self.all.len() {
            return Err(truncated(self.length + 2, self.length));
        }
        let left = 2 * (self.all.len() - self.read);
        if left > 0 {
            let (needed, found) = ((self.length - left) as u64, self.length as u64);
            return Err(Error::SectionLength { part: "trellis-coded numbers", needed, found });
        }
        if let Some(&state) = self.lanes.coders.iter().find(|&&x| x != LOWER) {
            return Err(Error::Malformed {
                what: "the last state of a lane",
                value: u64::from(state),
                rule: "it is 65536",
            });
        }
        Ok(())
    }
}
