//! Rows of numbers, 64 lanes at a time: a plain kernel, and vector kernels with the same results.
//!
//! A table entry is looked up for each lane, by class, parity and the coder's lowest bits; then the coders that fell
//! below 2^16 take the next words of the stream in the order of their lanes, as in [`crate::rans`].

use mixpress_simd::Level;
use rayon::prelude::*;

use super::{LANES, Model, Trellis};
use crate::rans::{LOWER, SCALE, SCALE_BITS};

/// What the lanes of a strip are at.
#[derive(Debug, Clone)]
#[repr(align(64))]
pub(super) struct Lanes {
    /// The rANS coders; those of lanes that a section does not have stay where they are.
    pub(super) coders: [u32; LANES],
    /// The states of the trellis.
    states: [u32; LANES],
    /// The scales of the columns, less the model's lowest class.
    scales: [i32; LANES],
    /// Lanes that have a column.
    width: usize,
    /// The highest class.
    last: i32,
    /// What a number of odd parity, and what an odd `k`, does to a state.
    constants: [u32; 2],
}

impl Default for Lanes {
    fn default() -> Self {
        let (coders, states, scales) = ([LOWER; LANES], [0; LANES], [0; LANES]);
        Self { coders, states, scales, width: 0, last: 0, constants: [0; 2] }
    }
}

impl Lanes {
    /// To the first row of columns of such scales.
    pub(super) fn start(&mut self, trellis: Trellis, model: Model, columns: &[i16]) {
        self.states = [0; LANES];
        self.rescale(model, columns);
        self.width = columns.len();
        self.last = i32::from(model.classes) - 1;
        self.constants = trellis.constants();
    }

    /// To a row from which on columns have such scales.
    pub(super) fn rescale(&mut self, model: Model, columns: &[i16]) {
        let lowest = i32::from(model.lowest);
        self.scales.iter_mut().zip(columns).for_each(|(scale, &column)| *scale = i32::from(column) - lowest);
    }
}

/// Decodes rows of such scales, as long as `words` has a word for each of 64 lanes. Gives the numbers of rows decoded
/// and of words read. There are as many slots as the lanes' classes need.
pub(super) type Rows =
    fn(words: &[[u8; 2]], lanes: &mut Lanes, slots: &[u32], scales: &[i16], out: &mut [[i16; LANES]]) -> (usize, usize);

/// For each class, place in the intervals of its numbers, and parity, which so is the lowest bit of where a slot is:
/// `k` in the highest eight bits, then the place in the number's interval, then its frequency.
pub(super) fn slots(model: &Model) -> Vec<u32> {
    let mut slots = vec![0; usize::from(model.classes) * 2 * SCALE];
    for (class, slots) in slots.as_chunks_mut::<{ 2 * SCALE }>().0.iter_mut().enumerate() {
        let tables = model.tables(class);
        for (z, frequencies) in tables.frequencies.iter().enumerate() {
            let first = (z as i32 - tables.largest) >> 1;
            let mut place = 0;
            for (k, &frequency) in (first..).zip(frequencies) {
                for offset in 0..frequency {
                    slots[2 * place + z] = (k as u32) << 24 | offset << 12 | frequency;
                    place += 1;
                }
            }
        }
    }
    slots
}

/// The kernel of a level; the plain one where the processor lacks the level's units.
pub(super) fn rows_at(level: Level) -> Rows {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 if level.is_available() => x86::avx2_rows,
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 if level.is_available() => x86::avx512_rows,
        _ => plain_rows,
    }
}

/// Writes rows of numbers, times the step, to columns that stand one after the other, each of so many rows, from `row`
/// on.
pub(super) type Turn = fn(tile: &[[i16; LANES]], out: &mut [f32], rows: usize, row: usize, step: f32);

/// [`Turn`] on the units of a level.
pub(super) fn turn_at(level: Level) -> Turn {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 | Level::Avx512 if level.is_available() => x86::avx2_turn,
        _ => plain_turn,
    }
}

/// Side of the squares that are transposed at a time.
pub(super) const SQUARE: usize = 32;

/// Writes the transpose of the rows and columns at the start of `from`, whose rows are `stride` apart; at most a tile.
pub(super) type Transpose = fn(from: &[f32], stride: usize, [usize; 2], to: &mut [[f32; SQUARE]; SQUARE]);

/// [`Transpose`] on the units of a level.
pub(super) fn transpose_at(level: Level) -> Transpose {
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 | Level::Avx512 if level.is_available() => x86::avx2_transpose,
        _ => plain_transpose,
    }
}

/// Writes the transpose of a matrix of such rows and columns.
pub(super) fn transposed(from: &[f32], [rows, columns]: [usize; 2], to: &mut [f32], transpose: Transpose) {
    to.par_chunks_mut((SQUARE * rows).max(1)).enumerate().for_each(|(block, to)| {
        let mut tile = [[0.0; SQUARE]; SQUARE];
        for first in (0..rows).step_by(SQUARE) {
            let (height, width) = (SQUARE.min(rows - first), to.len() / rows);
            transpose(&from[first * columns + block * SQUARE..], columns, [height, width], &mut tile);
            for (to, tile) in to.chunks_exact_mut(rows).zip(&tile) {
                to[first..][..height].copy_from_slice(&tile[..height]);
            }
        }
    });
}

fn plain_transpose(from: &[f32], stride: usize, [rows, columns]: [usize; 2], to: &mut [[f32; SQUARE]; SQUARE]) {
    for row in 0..rows {
        for (to, &value) in to.iter_mut().zip(&from[row * stride..][..columns]) {
            to[row] = value;
        }
    }
}

fn plain_turn(tile: &[[i16; LANES]], out: &mut [f32], rows: usize, row: usize, step: f32) {
    for (lane, out) in out.chunks_exact_mut(rows).enumerate() {
        for (out, numbers) in out[row..].iter_mut().zip(tile) {
            *out = f32::from(numbers[lane]) * step;
        }
    }
}

fn plain_rows(
    words: &[[u8; 2]],
    lanes: &mut Lanes,
    slots: &[u32],
    scales: &[i16],
    out: &mut [[i16; LANES]],
) -> (usize, usize) {
    let [high, odd] = lanes.constants;
    let mut read = 0;
    for (row, (&scale, out)) in scales.iter().zip(out).enumerate() {
        let Some(next) = words[read..].first_chunk::<LANES>() else { return (row, read) };
        let mut taken = 0;
        let columns = lanes.coders.iter_mut().zip(&mut lanes.states).zip(&lanes.scales).zip(out);
        for (((x, state), &column), out) in columns.take(lanes.width) {
            let class = (i32::from(scale) + column).clamp(0, lanes.last) as usize;
            let z = *state & 1;
            let slot = slots[2 * (class * SCALE + *x as usize % SCALE) + z as usize];
            let k = slot as i32 >> 24;
            *out = (2 * k + z as i32) as i16;
            *state = (*state >> 1) ^ ((k as u32 & 1) * odd) ^ (z * high);
            let coder = (slot & 0xFFF) * (*x >> SCALE_BITS) + (slot >> 12 & 0xFFF);
            // Without a branch on whether a word is read: that is as good as random.
            let word = u32::from(u16::from_le_bytes(next[taken % LANES]));
            let is_low = coder < LOWER;
            *x = std::hint::select_unpredictable(is_low, coder << 16 | word, coder);
            taken += usize::from(is_low);
        }
        read += taken;
    }
    (scales.len(), read)
}

#[cfg(target_arch = "x86_64")]
mod x86;
