//! One block: its words are read strip by strip, and its numbers go where they are wanted.
//!
//! A block may hold parts of many tensors, and whoever reads tensor after tensor asks for it again and again. So the
//! numbers of such blocks are kept for a while.

use std::sync::Arc;

use super::{
    LANES, TILE,
    description::{Block, Description, truncated},
    kernels::{Lanes, Rows, Transpose, Turn},
    layout::Strip,
    recent::{BlockNumbers, Recent},
    strips::{Kept, Strips},
    window::{Place, Tile, Window},
};
use crate::{Error, rans::LOWER, source::Piece};

/// The windows of a block: matrix, first column, window.
pub(super) type Windows<'a> = Vec<(usize, usize, Window<'a>)>;

/// Rows of numbers that a block may have to be kept: 8 MiB. Narrow matrices have more rows than entries would let expect.
const MOST_ROWS: usize = 1 << 16;

/// Where the window on a matrix is among those of a block, which are in the order of matrices.
fn place_of(windows: &Windows<'_>, matrix: usize) -> Option<usize> {
    windows.binary_search_by_key(&matrix, |window| window.0).ok()
}

/// What all blocks share.
pub(super) struct BlockReader<'a> {
    pub(super) piece: &'a Piece<'a>,
    pub(super) described: &'a Description,
    pub(super) slots: &'a [u32],
    /// The section's number in its file, and the blocks that were read last.
    pub(super) section: usize,
    pub(super) recent: &'a Recent,
    /// For each matrix what it takes to finish its strips, or those that it predicts, if it takes something.
    pub(super) strips: &'a [Option<Strips<'a>>],
    pub(super) rows: Rows,
    pub(super) turn: Turn,
    pub(super) transpose: Transpose,
}

impl BlockReader<'_> {
    /// Fills windows on the matrices of a block.
    pub(super) fn block(&self, number: usize, mut windows: Windows<'_>) -> Result<(), Error> {
        let Description { matrices, blocks, .. } = self.described;
        let block = &blocks[number];
        if windows.is_empty() && blocks.len() > 1 {
            return Ok(());
        }
        let mut kept = Kept::default();
        let is_wanted = |strip: &Strip| place_of(&windows, strip.matrix).is_some();
        let rows: usize = block.strips.iter().map(|strip| matrices[strip.matrix].rows).sum();
        if rows > MOST_ROWS || block.strips.iter().all(is_wanted) {
            return self.read(block, |strip, row, tile| self.fill(&mut windows, &mut kept, strip, row, tile));
        }
        let numbers = self.numbers(number, rows)?;
        let mut rest = &numbers[..];
        for &strip in &block.strips {
            let (of_strip, others) = rest.split_at(matrices[strip.matrix].rows);
            for (number, tile) in of_strip.chunks(TILE).enumerate() {
                self.fill(&mut windows, &mut kept, strip, number * TILE, tile);
            }
            rest = others;
        }
        Ok(())
    }

    /// The numbers of a block of so many rows, which are kept for the next that asks.
    fn numbers(&self, number: usize, rows: usize) -> Result<Arc<BlockNumbers>, Error> {
        if let Some(numbers) = self.recent.block(self.section, number) {
            return Ok(numbers);
        }
        let mut numbers = Vec::with_capacity(rows);
        self.read(&self.described.blocks[number], |_, _, tile| numbers.extend_from_slice(tile))?;
        let numbers = Arc::new(numbers);
        self.recent.keep_block(self.section, number, numbers.clone());
        Ok(numbers)
    }

    /// Decodes all of a block, some rows of a strip at a time.
    fn read(&self, block: &Block, mut take: impl FnMut(Strip, usize, &[[i16; LANES]])) -> Result<(), Error> {
        let Description { trellis, model, lanes, ref matrices, .. } = *self.described;
        let bytes = self.piece.part(block.bytes.clone())?;
        let mut words = Words::new(&bytes, lanes)?;
        let mut tile: Box<Tile> = Box::new([[0; LANES]; TILE]);
        for &strip in &block.strips {
            let matrix = &matrices[strip.matrix];
            words.lanes.start(trellis, model, &matrix.column_scales[strip.first..][..strip.width]);
            let mut bases = matrix.bases.iter().peekable();
            for (number, scales) in matrix.row_scales.chunks(TILE).enumerate() {
                if let Some(basis) = bases.next_if(|basis| basis.first_row == number * TILE) {
                    words.lanes.rescale(model, &basis.scales[strip.first..][..strip.width]);
                }
                let tile = &mut tile[..scales.len()];
                words.rows(self.rows, self.slots, scales, tile)?;
                take(strip, number * TILE, tile);
            }
        }
        words.finish()
    }

    /// Writes rows of a strip, from `row` on, into the window on its matrix, if there is one. `kept` is what the rows and the
    /// strip before left.
    fn fill(&self, windows: &mut Windows<'_>, kept: &mut Kept, strip: Strip, row: usize, tile: &[[i16; LANES]]) {
        let matrix = &self.described.matrices[strip.matrix];
        let place = place_of(windows, strip.matrix);
        let first = place.map_or(strip.first, |place| windows[place].1);
        let at = Place { first: strip.first - first, width: strip.width, row, rows: matrix.rows };
        let mut window = place.map(|place| &mut windows[place].2);
        let strips = self.strips[strip.matrix].as_ref();
        if let Some(window) = window.as_mut().filter(|_| !strips.is_some_and(Strips::is_predicted)) {
            window.fill(tile, at, matrix.unit(), self.turn);
        }
        if let Some(strips) = strips {
            strips.take(window, tile, at, strip.first, kept, self.transpose);
        }
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
