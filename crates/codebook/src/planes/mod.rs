//! Bytes of plain tensors, split into planes: losslessly small, in blocks that are coded in parallel.
//!
//! The highest byte of a float, once its sign has been moved out of it, is its exponent: weights have a few dozen of
//! them, very unevenly. The bytes below are as good as random. So numbers are taken apart byte by byte: byte `j` of all
//! numbers is plane `j`. Numbers are cut into chunks, a plane of a chunk is a block, and each block is coded in the way
//! that takes the fewest bytes (see [`block`]). Where splitting does not pay, as for text or for numbers that repeat,
//! the bytes stand whole: one plane.

mod block;
mod decode;
mod encode;
mod split;

pub(crate) use decode::decode;
pub(crate) use encode::encode;

use bincode::{Decode, Encode};

use crate::Dtype;

/// What stands before the blocks of a section.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
struct Head {
    layout: Layout,
    /// A chunk has two to this power numbers; the last one of a tensor may have fewer.
    chunk: u8,
    /// Chunk by chunk, plane by plane.
    blocks: Vec<block::Coded>,
}

/// How bytes are arranged in planes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
enum Layout {
    /// Each byte is a number: there is one plane.
    Whole,
    /// A plane for each byte of a number, the lowest first.
    Split,
    /// The same, after a number's bits were rotated upwards by one place: its sign is now the lowest bit.
    SplitSignLast,
}

impl Layout {
    /// The layout for a type's numbers.
    fn of(dtype: Dtype) -> Self {
        match (dtype.number_size(), dtype.is_float()) {
            (1, _) => Self::Whole,
            (_, false) => Self::Split,
            (_, true) => Self::SplitSignLast,
        }
    }

    /// Planes of values of a type: bytes of a number.
    fn planes(self, dtype: Dtype) -> usize {
        if self == Self::Whole { 1 } else { dtype.number_size() }
    }
}

/// Chunks have at least and at most two to these powers numbers.
const CHUNKS: std::ops::RangeInclusive<u8> = 12..=40;

#[cfg(test)]
mod tests;
