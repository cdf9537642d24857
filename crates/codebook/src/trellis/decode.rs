//! The reader's side: the head, blocks in parallel, patches, predictions.

use mixpress_simd::Level;
use rayon::prelude::*;

use super::{
    LANES, Model, Patch, Predictor, TILE, Trellis,
    head::{HeadCoder, MatrixHead, SectionHead},
    kernels::{self, Lanes, Rows, Turn, slots},
    layout::{Strip, blocks, lanes},
    predict::Scales,
    window::{Place, Tile, Window},
};
use crate::{Error, limits::zeros, range_coder::Decoder, rans::LOWER};

/// A section whose head was read.
#[derive(Debug)]
pub struct Section<'a> {
    trellis: Trellis,
    model: Model,
    matrices: Vec<MatrixHead>,
    lanes: usize,
    blocks: Vec<Block<'a>>,
}

#[derive(Debug)]
struct Block<'a> {
    strips: Vec<Strip>,
    bytes: &'a [u8],
}

fn truncated(needed: usize, available: usize) -> Error {
    Error::Truncated { part: "trellis-coded numbers", needed: needed as u64, available: available as u64 }
}

impl<'a> Section<'a> {
    /// Reads the head of a section that holds tensors of such shapes; for each of its rows and columns it holds two
    /// bytes, and sixteen for each patch, of which there is at most one for eight entries.
    ///
    /// # Errors
    /// If the bytes are no section for tensors of these shapes.
    pub fn open(bytes: &'a [u8], shapes: &[[usize; 2]]) -> Result<Self, Error> {
        let (length, rest) = bytes.split_first_chunk().ok_or_else(|| truncated(4, bytes.len()))?;
        let length = u32::from_le_bytes(*length) as usize;
        let (head, mut rest) = rest.split_at_checked(length).ok_or_else(|| truncated(length, rest.len()))?;
        let mut coder = Decoder::new(head);
        let any = SectionHead { trellis: Trellis::new(4)?, model: Model::normal(0, 1) };
        let SectionHead { trellis, model } = HeadCoder::section(&mut coder, any)?;
        let mut models = HeadCoder::new();
        let mut matrices = Vec::with_capacity(shapes.len());
        for &shape in shapes {
            let matrix = models.matrix(&mut coder, shape, &MatrixHead::default(), &matrices)?;
            matrices.push(matrix);
        }
        if coder.unread() > 0 {
            let found = head.len() as u64;
            let needed = found - coder.unread() as u64;
            return Err(Error::SectionLength { part: "the head of trellis-coded matrices", needed, found });
        }
        let coded: Vec<[usize; 2]> = matrices.iter().map(|matrix| [matrix.rows, matrix.columns]).collect();
        let strips = blocks(&coded);
        let before = strips.len() - 1;
        let lengths = rest.split_off(..4 * before).ok_or_else(|| truncated(4 * before, rest.len()))?;
        let mut parts = Vec::with_capacity(strips.len());
        for length in lengths.as_chunks::<4>().0 {
            let length = u32::from_le_bytes(*length) as usize;
            parts.push(rest.split_off(..length).ok_or_else(|| truncated(length, rest.len()))?);
        }
        parts.push(rest);
        let blocks = strips.into_iter().zip(parts).map(|(strips, bytes)| Block { strips, bytes }).collect();
        Ok(Self { trellis, model, matrices, lanes: lanes(&coded), blocks })
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
        assert_eq!(outputs.len(), self.matrices.len(), "outputs for tensors");
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
        let partner = self.matrices[tensor].prediction.as_ref().map(|prediction| prediction.partner);
        let mut room = match partner {
            Some(_) => zeros("a tensor's partner", out.len())?,
            None => Vec::new(),
        };
        let mut outputs: Vec<Option<&mut [f32]>> = self.matrices.iter().map(|_| None).collect();
        if let Some(partner) = partner {
            outputs[partner] = Some(&mut room);
        }
        outputs[tensor] = Some(out);
        self.decode_at(mixpress_simd::level(), outputs)
    }

    /// Decodes the tensors that there are outputs for, partners of predicted ones among them, on the units of `level`.
    #[track_caller]
    pub(super) fn decode_at(&self, level: Level, mut outputs: Vec<Option<&mut [f32]>>) -> Result<(), Error> {
        let slots = slots(&self.model);
        let reader =
            BlockReader { section: self, rows: kernels::rows_at(level), turn: kernels::turn_at(level), slots: &slots };
        let windows = self.windows(&mut outputs);
        let results: Vec<Result<(), Error>> =
            self.blocks.par_iter().zip(windows).map(|(block, windows)| reader.block(block, windows)).collect();
        // The first block's error, not the first thread's.
        results.into_iter().collect::<Result<(), Error>>()?;
        for (matrix, out) in self.matrices.iter().zip(&mut outputs) {
            if let Some(out) = out {
                matrix.patch(out);
            }
        }
        for (number, matrix) in self.matrices.iter().enumerate() {
            let Some(prediction) = &matrix.prediction else { continue };
            let (before, from) = outputs.split_at_mut(number);
            let (Some(out), Some(partner)) = (&mut from[0], &before[prediction.partner]) else { continue };
            let other = &self.matrices[prediction.partner];
            let predictor = Predictor::new(&prediction.gains, matrix.scales(), other.scales());
            predictor.add((out, matrix.is_transposed), (partner, other.is_transposed), kernels::transpose_at(level));
        }
        Ok(())
    }

    /// For each block its windows on the outputs that it has a part of: matrix, first column, window.
    #[track_caller]
    fn windows<'o>(&self, outputs: &'o mut [Option<&mut [f32]>]) -> Vec<Vec<(usize, usize, Window<'o>)>> {
        // The parts of each matrix: block, first column, columns.
        let mut parts: Vec<Vec<(usize, usize, usize)>> = vec![Vec::new(); outputs.len()];
        for (number, block) in self.blocks.iter().enumerate() {
            for strip in &block.strips {
                match parts[strip.matrix].last_mut() {
                    Some((last, _, columns)) if *last == number => *columns += strip.width,
                    _ => parts[strip.matrix].push((number, strip.first, strip.width)),
                }
            }
        }
        let mut windows: Vec<Vec<(usize, usize, Window)>> = self.blocks.iter().map(|_| Vec::new()).collect();
        for (number, (out, parts)) in outputs.iter_mut().zip(&parts).enumerate() {
            let Some(out) = out else { continue };
            let matrix = &self.matrices[number];
            assert_eq!(out.len(), matrix.rows * matrix.columns, "room for tensor {number}");
            let widths: Vec<usize> = parts.iter().map(|part| part.2).collect();
            for (&(block, first, _), window) in
                parts.iter().zip(Window::cut(out, matrix.rows, matrix.is_transposed, &widths))
            {
                windows[block].push((number, first, window));
            }
        }
        windows
    }
}

impl MatrixHead {
    fn scales(&self) -> Scales<'_> {
        (self.step, &self.row_scales, &self.column_scales)
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
    fn block(&self, block: &Block, mut windows: Vec<(usize, usize, Window)>) -> Result<(), Error> {
        if windows.is_empty() && self.section.blocks.len() > 1 {
            return Ok(());
        }
        let Section { trellis, model, lanes, .. } = *self.section;
        let mut words = Words::new(block.bytes, lanes)?;
        let mut tile: Box<Tile> = Box::new([[0; LANES]; TILE]);
        for &strip in &block.strips {
            let matrix = &self.section.matrices[strip.matrix];
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
