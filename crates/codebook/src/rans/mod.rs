//! Static entropy coding of long index streams: table-driven, interleaved rANS (J. Duda, *Asymmetric numeral systems*,
//! 2013; F. Giesen, *Interleaved entropy coders*, 2014).
//!
//! Frequencies sum to 2^12. Indices are cut into blocks of 2^20 that share one table and stand alone otherwise, so that
//! they are coded in parallel. In a block, symbol `i` belongs to lane `i mod lanes`. A lane is a state of 32 bits, kept
//! at 2^16 or above by whole 16-bit words. Words stand in the order in which a loop over the symbols asks for them: a
//! plain loop reads one after another, and a vector loop spreads as many as a vector's lanes ask for over those lanes,
//! with the same result.
//!
//! Long streams of few levels are coded in pairs: a symbol stands for two indices, one in each half of a group of twice
//! as many indices as there are lanes, as if they were independent of each other. That costs next to nothing where
//! levels are about equally likely, and a reader takes half the steps.
//!
//! Coding and decoding take constant time a symbol.

mod decode;
mod encode;
mod frequencies;
#[allow(unsafe_code, reason = "vector units")]
mod kernels;
mod table;

pub(crate) use decode::decode;
pub(crate) use encode::{Step, encode};
pub(crate) use frequencies::counts;
#[cfg(target_arch = "x86_64")]
pub(crate) use kernels::EXPANSIONS;
pub(crate) use kernels::Store;
pub(crate) use table::{PAIRED, Table};

use table::pair;

/// Frequencies sum to two to this power.
pub(crate) const SCALE_BITS: u32 = 12;
pub(crate) const SCALE: usize = 1 << SCALE_BITS;
/// The most levels that a table of 2^12 slots can serve.
pub(crate) const MAX_LEVELS: usize = 1 << 10;
/// States never fall below this between symbols.
pub(crate) const LOWER: u32 = 1 << 16;
/// Symbols of a block; the last one of a stream may have fewer.
pub(crate) const BLOCK: usize = 1 << 20;
/// Lanes of a long block.
pub(crate) const LANES: usize = 64;
/// From so many symbols on a block has eight lanes, and from so many all.
const MIDDLE: usize = 1 << 14;
const LONG: usize = 1 << 17;

/// Lanes of a block: more where the 32 bits that each costs weigh little.
pub(crate) fn lanes(count: usize) -> usize {
    match count {
        0..MIDDLE => 1,
        MIDDLE..LONG => 8,
        _ => LANES,
    }
}

/// Blocks of a stream; one even where there is no symbol.
fn blocks(count: usize) -> usize {
    count.div_ceil(BLOCK).max(1)
}

#[cfg(test)]
mod tests;
