//! The reader's side: blocks in parallel, groups of one symbol a lane by a kernel, the end of a block step by step.
//!
//! `W` is the width of a symbol all through: the indices that it stands for, one or two.

use std::hint::select_unpredictable;

use mixpress_simd::Level;
use rayon::prelude::*;

use super::{BLOCK, LANES, LOWER, MAX_LEVELS, PAIRED, SCALE, SCALE_BITS, Table, blocks, kernels, lanes};
use crate::{Error, output::Output};

/// The values of a codebook.
#[derive(Debug)]
pub(crate) struct Values {
    /// Zeros behind them.
    pub(super) table: Box<[f32; MAX_LEVELS]>,
    /// Their number.
    pub(super) levels: usize,
    /// Whether outputs are too many for the caches, so that they had better be written past them.
    pub(super) is_large: bool,
}

/// Outputs of more bytes are written past the caches.
const LARGE: usize = 1 << 23;

/// What a state's lowest bits say: the index, its frequency, the place in its interval.
pub(super) trait Slot: Copy {
    fn new(index: usize, frequency: u32, offset: u32) -> Self;
    fn parts(self) -> (u16, u32, u32);
}

/// An index below 256 and a frequency below 2^12: one load gives all. The index stands lowest, where permutations look.
impl Slot for u32 {
    fn new(index: usize, frequency: u32, offset: u32) -> Self {
        frequency << 20 | offset << 8 | index as Self
    }

    fn parts(self) -> (u16, u32, u32) {
        (self as u16 & 0xFF, self >> 20, self >> 8 & 0xFFF)
    }
}

/// Any index and any frequency.
impl Slot for u64 {
    fn new(index: usize, frequency: u32, offset: u32) -> Self {
        (index as Self) << 32 | Self::from(offset) << 16 | Self::from(frequency)
    }

    fn parts(self) -> (u16, u32, u32) {
        ((self >> 32) as u16, self as u32 & 0xFFFF, (self >> 16) as u32 & 0xFFFF)
    }
}

#[derive(Debug)]
enum Slots {
    Narrow(Box<[u32; SCALE]>),
    Wide(Box<[u64; SCALE]>),
}

/// A slot for each place in the intervals of all indices; the frequencies sum to 2^12.
#[allow(clippy::unnecessary_box_returns, reason = "tables of tens of KiB, too large to move around")]
fn slots<S: Slot>(frequencies: &[u32]) -> Box<[S; SCALE]> {
    let place = |(index, &frequency)| (0..frequency).map(move |offset| S::new(index, frequency, offset));
    let slots: Box<[S]> = frequencies.iter().enumerate().flat_map(place).collect();
    slots.try_into().unwrap_or_else(|_| unreachable!("frequencies sum to the number of slots"))
}

/// Reads as many indices as `out` has room for. `values` are those of the codebook where the output is values.
///
/// # Errors
/// If the frequencies do not sum to 2^12, or the bytes are too few, too many, or do not lead back to the states that a
/// writer starts from.
pub(crate) fn decode<T: Output>(bytes: &[u8], table: &Table, values: &[f32], out: &mut [T]) -> Result<(), Error> {
    decode_at(mixpress_simd::level(), bytes, table, values, out)
}

/// [`decode`] on the units of `level`.
pub(super) fn decode_at<T: Output>(
    level: Level,
    bytes: &[u8],
    table: &Table,
    values: &[f32],
    out: &mut [T],
) -> Result<(), Error> {
    let Table { frequencies, is_paired } = table;
    let sum: u64 = frequencies.iter().map(|&f| u64::from(f)).sum();
    if sum != SCALE as u64 {
        return Err(Error::Malformed { what: "the sum of frequencies", value: sum, rule: "it is 4096" });
    }
    if *is_paired && frequencies.len() > PAIRED {
        let value = frequencies.len() as u64;
        return Err(Error::Malformed {
            what: "the codebook of paired indices",
            value,
            rule: "it has at most 16 values",
        });
    }
    let symbols = table.symbols();
    let is_narrow = symbols.len() <= 256 && symbols.iter().all(|&f| f < SCALE as u32);
    let slots = if is_narrow { Slots::Narrow(slots(&symbols)) } else { Slots::Wide(slots(&symbols)) };
    let mut padded = Box::new([0.0; MAX_LEVELS]);
    padded.iter_mut().zip(values).for_each(|(to, &value)| *to = value);
    let values = Values { table: padded, levels: frequencies.len(), is_large: size_of_val(out) > LARGE };
    let reader = BlockReader { level, slots, is_paired: *is_paired, values };
    let parts = split(bytes, out.len())?;
    if let [part] = parts[..] {
        return reader.block(part, out);
    }
    let results: Vec<Result<(), Error>> =
        out.par_chunks_mut(BLOCK).zip(parts).map(|(out, part)| reader.block(part, out)).collect();
    // The first block's error, not the first thread's.
    results.into_iter().collect()
}

/// The blocks of a stream.
fn split(bytes: &[u8], count: usize) -> Result<Vec<&[u8]>, Error> {
    let before = blocks(count) - 1;
    let (lengths, mut rest) = bytes.split_at_checked(4 * before).ok_or_else(|| truncated(bytes, 4 * before))?;
    let mut parts = Vec::with_capacity(before + 1);
    for length in lengths.as_chunks::<4>().0 {
        let length = u32::from_le_bytes(*length) as usize;
        let (part, others) = rest.split_at_checked(length).ok_or_else(|| truncated(rest, length))?;
        parts.push(part);
        rest = others;
    }
    parts.push(rest);
    Ok(parts)
}

fn truncated(bytes: &[u8], needed: usize) -> Error {
    Error::Truncated { part: "entropy-coded indices", needed: needed as u64, available: bytes.len() as u64 }
}

/// What all blocks of a stream share.
#[derive(Debug)]
struct BlockReader {
    level: Level,
    slots: Slots,
    is_paired: bool,
    values: Values,
}

impl BlockReader {
    fn block<T: Output>(&self, bytes: &[u8], out: &mut [T]) -> Result<(), Error> {
        if self.is_paired { self.symbols::<2, T>(bytes, out) } else { self.symbols::<1, T>(bytes, out) }
    }

    fn symbols<const W: usize, T: Output>(&self, bytes: &[u8], out: &mut [T]) -> Result<(), Error> {
        let values = &self.values;
        match (&self.slots, lanes(out.len())) {
            (Slots::Narrow(slots), 1) => {
                lanes_of_block::<1, W, _, T>(bytes, out, slots, values, plain_groups::<1, W, _, T>)
            }
            (Slots::Narrow(slots), 8) => {
                lanes_of_block::<8, W, _, T>(bytes, out, slots, values, plain_groups::<8, W, _, T>)
            }
            (Slots::Narrow(slots), _) => {
                let kernel = kernels::groups_at::<W, T>(self.level);
                lanes_of_block::<LANES, W, _, T>(bytes, out, slots, values, kernel)
            }
            (Slots::Wide(slots), 1) => {
                lanes_of_block::<1, W, _, T>(bytes, out, slots, values, plain_groups::<1, W, _, T>)
            }
            (Slots::Wide(slots), 8) => {
                lanes_of_block::<8, W, _, T>(bytes, out, slots, values, plain_groups::<8, W, _, T>)
            }
            (Slots::Wide(slots), _) => {
                lanes_of_block::<LANES, W, _, T>(bytes, out, slots, values, plain_groups::<LANES, W, _, T>)
            }
        }
    }
}

/// Decodes whole groups of `L` symbols, as long as `out` has room for one and `words` has a word for each of its lanes.
/// Gives the numbers of indices decoded and of words read.
pub(super) type Groups<const L: usize, S, T> =
    fn(words: &[[u8; 2]], out: &mut [T], states: &mut [u32; L], slots: &[S; SCALE], values: &Values) -> (usize, usize);

/// A symbol and the state after it, before a word is read.
#[inline(always)]
#[allow(clippy::inline_always, reason = "the heart of the loops around it")]
fn step<S: Slot>(x: u32, slots: &[S; SCALE]) -> (u16, u32) {
    let (symbol, frequency, offset) = slots[x as usize % SCALE].parts();
    (symbol, frequency * (x >> SCALE_BITS) + offset)
}

/// The index at `place` of the `W` that a symbol stands for.
#[inline(always)]
#[allow(clippy::inline_always, reason = "the heart of the loops around it")]
fn index<const W: usize>(symbol: u16, place: usize) -> u16 {
    if W == 1 { symbol } else { symbol >> (4 * place) & (PAIRED as u16 - 1) }
}

/// The plain kernel.
pub(super) fn plain_groups<const L: usize, const W: usize, S: Slot, T: Output>(
    words: &[[u8; 2]],
    out: &mut [T],
    states: &mut [u32; L],
    slots: &[S; SCALE],
    values: &Values,
) -> (usize, usize) {
    const { assert!(L.is_power_of_two(), "lanes are counted by a mask") };
    let (mut done, mut read) = (0, 0);
    for group in out.as_chunks_mut::<L>().0.chunks_exact_mut(W) {
        let Some(next) = words[read..].first_chunk::<L>() else { break };
        let mut taken = 0;
        for (lane, x) in states.iter_mut().enumerate() {
            let (symbol, state) = step(*x, slots);
            // Without a branch on whether a word is read: that is as good as random.
            let word = u32::from(u16::from_le_bytes(next[taken % L]));
            let is_low = state < LOWER;
            *x = select_unpredictable(is_low, state << 16 | word, state);
            taken += usize::from(is_low);
            for (place, part) in group.iter_mut().enumerate() {
                part[lane] = T::of(index::<W>(symbol, place), &values.table[..]);
            }
        }
        read += taken;
        done += W * L;
    }
    (done, read)
}

fn lanes_of_block<const L: usize, const W: usize, S: Slot, T: Output>(
    bytes: &[u8],
    out: &mut [T],
    slots: &[S; SCALE],
    values: &Values,
    groups: Groups<L, S, T>,
) -> Result<(), Error> {
    let (head, rest) = bytes.split_at_checked(4 * L).ok_or_else(|| truncated(bytes, 4 * L))?;
    let mut states = [0; L];
    states.iter_mut().zip(head.as_chunks::<4>().0).for_each(|(state, bytes)| *state = u32::from_le_bytes(*bytes));
    if let Some(&state) = states.iter().find(|&&x| x < LOWER) {
        return Err(Error::Malformed {
            what: "the first state of a lane",
            value: u64::from(state),
            rule: "it is at least 65536",
        });
    }
    let (words, odd) = rest.as_chunks::<2>();
    let (mut done, mut read) = groups(words, out, &mut states, slots, values);
    if out.len() - done >= W * L {
        // Fewer words are left than a group may ask for: go on with zeros behind them, and see whether any was read.
        let left = words.len() - read;
        let mut padded = [[0; 2]; 2 * LANES];
        padded[..left].copy_from_slice(&words[read..]);
        let (more, taken) = groups(&padded[..left + L], &mut out[done..], &mut states, slots, values);
        if taken > left {
            return Err(truncated(bytes, bytes.len() + 2));
        }
        done += more;
        read += taken;
    }
    let out = &mut out[done..];
    for (lane, x) in states.iter_mut().enumerate().take(out.len()) {
        let (symbol, state) = step(*x, slots);
        *x = state;
        if state < LOWER {
            let word = words.get(read).ok_or_else(|| truncated(bytes, bytes.len() + 2))?;
            *x = state << 16 | u32::from(u16::from_le_bytes(*word));
            read += 1;
        }
        // The second index of a pair may be past the end.
        for (place, out) in out[lane..].iter_mut().step_by(L).take(W).enumerate() {
            *out = T::of(index::<W>(symbol, place), &values.table[..]);
        }
    }
    let left = 2 * (words.len() - read) + odd.len();
    if left > 0 {
        return Err(Error::SectionLength {
            part: "entropy-coded indices",
            needed: (bytes.len() - left) as u64,
            found: bytes.len() as u64,
        });
    }
    if let Some(&state) = states.iter().find(|&&x| x != LOWER) {
        return Err(Error::Malformed {
            what: "the last state of a lane",
            value: u64::from(state),
            rule: "it is 65536",
        });
    }
    Ok(())
}
