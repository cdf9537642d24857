//! What a section says of itself: heads of matrices, and where its blocks are. No number is decoded for it.

use std::{borrow::Cow, collections::BTreeMap, ops::Range};

use super::{
    Model, Trellis,
    basis::ends,
    head::{HeadCoder, Hold, MatrixHead, SectionHead},
    layout::{Strip, blocks, lanes},
};
use crate::{
    Error,
    binary::{BinaryCoder, Weighed},
    range_coder::Decoder,
};

/// A section without its numbers.
#[derive(Debug)]
pub(crate) struct Description {
    pub(super) trellis: Trellis,
    pub(super) model: Model,
    pub(super) matrices: Vec<MatrixHead>,
    pub(super) lanes: usize,
    pub(super) blocks: Vec<Block>,
    /// Bits of the head that each matrix takes.
    bits: Vec<f64>,
    /// Bytes of the head, with the length before it.
    head: usize,
}

/// The strips of a block, and where its bytes are in the section.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) strips: Vec<Strip>,
    pub(super) bytes: Range<usize>,
}

/// Bytes of the length of a head, and of a block.
const LENGTH: usize = 4;

pub(super) fn truncated(needed: usize, available: usize) -> Error {
    Error::Truncated { part: "trellis-coded numbers", needed: needed as u64, available: available as u64 }
}

fn number(bytes: [u8; LENGTH]) -> usize {
    u32::from_le_bytes(bytes) as usize
}

impl Description {
    /// Reads that of a section of `length` bytes for tensors of such shapes, of which `part` gives a range. `hold` is
    /// told the bytes of what is found before there is room for it.
    pub(crate) fn read<'a>(
        part: impl Fn(Range<usize>) -> Result<Cow<'a, [u8]>, Error>,
        length: usize,
        shapes: &[[usize; 2]],
        hold: Hold<'_>,
    ) -> Result<Self, Error> {
        let prefix = part(0..length.min(LENGTH))?;
        let prefix = *prefix.first_chunk().ok_or_else(|| truncated(LENGTH, prefix.len()))?;
        let (head_length, room) = (number(prefix), length - LENGTH);
        if head_length > room {
            return Err(truncated(head_length, room));
        }
        let head = part(LENGTH..LENGTH + head_length)?;
        let mut coder = Weighed::new(Decoder::new(&head));
        let any = SectionHead { trellis: Trellis::new(4)?, model: Model::normal(0, 1) };
        let SectionHead { trellis, model } = HeadCoder::section(&mut coder, any)?;
        let mut models = HeadCoder::new();
        let (mut matrices, mut bits) = (Vec::with_capacity(shapes.len()), Vec::with_capacity(shapes.len()));
        for &shape in shapes {
            let before = coder.spent();
            let matrix = models.matrix(&mut coder, shape, &MatrixHead::default(), &matrices, hold)?;
            matrices.push(matrix);
            bits.push(coder.spent() - before);
        }
        if coder.inner.unread() > 0 {
            let found = head.len() as u64;
            let needed = found - coder.inner.unread() as u64;
            return Err(Error::SectionLength { part: "the head of trellis-coded matrices", needed, found });
        }
        let coded: Vec<[usize; 2]> = matrices.iter().map(|matrix| [matrix.rows, matrix.columns]).collect();
        let strips = blocks(&coded, |matrix| matrices[matrix].partner());
        let (head, before) = (LENGTH + head_length, LENGTH * (strips.len() - 1));
        if before > length - head {
            return Err(truncated(before, length - head));
        }
        let lengths = part(head..head + before)?;
        let lengths: Vec<usize> = lengths.as_chunks::<LENGTH>().0.iter().copied().map(number).collect();
        let mut start = head + before;
        let mut blocks = Vec::with_capacity(strips.len());
        for (place, strips) in strips.into_iter().enumerate() {
            let room = length - start;
            let taken = lengths.get(place).copied().unwrap_or(room);
            if taken > room {
                return Err(truncated(taken, room));
            }
            blocks.push(Block { strips, bytes: start..start + taken });
            start += taken;
        }
        Ok(Self { trellis, model, matrices, lanes: lanes(&coded), blocks, bits, head })
    }

    /// What every section of a file has to have in common.
    pub(crate) fn shared(&self) -> (Trellis, i16, u16) {
        (self.trellis, self.model.lowest, self.model.classes)
    }

    /// The number of the matrix that predicts a matrix.
    pub(crate) fn partner(&self, matrix: usize) -> Option<usize> {
        self.matrices[matrix].partner()
    }

    /// The number of the matrix that predicts a matrix, where that is done when both are there: bases take whole rows.
    pub(super) fn whole_partner(&self, matrix: usize) -> Option<usize> {
        self.partner(matrix).filter(|_| !self.is_finished_in_strips(matrix))
    }

    /// Whether a matrix is predicted, and that as soon as its numbers are there. Bases take whole rows.
    pub(super) fn is_finished_in_strips(&self, matrix: usize) -> bool {
        let head = &self.matrices[matrix];
        let is_alone = |partner: usize| self.matrices[partner].bases.is_empty();
        head.prediction.is_some() && head.bases.is_empty() && head.partner().is_none_or(is_alone)
    }

    /// Whether rows of a matrix predict others of it.
    pub(crate) fn predicts_itself(&self, matrix: usize) -> bool {
        self.matrices[matrix].prediction.as_ref().is_some_and(|prediction| prediction.partner().is_none())
    }

    /// How many rows of a matrix, as it is coded, are so along principal directions.
    pub(crate) fn turned_rows(&self, matrix: usize) -> usize {
        let MatrixHead { rows, ref bases, .. } = self.matrices[matrix];
        bases
            .iter()
            .zip(ends(bases, rows))
            .filter(|(basis, _)| basis.is_turned)
            .map(|(basis, end)| end - basis.first_row)
            .sum()
    }

    /// Bytes of each matrix, in the head and as numbers. A block's are shared in proportion to the bits that the scales
    /// make one expect; the sum is that of the section.
    pub(crate) fn shares(&self) -> Vec<[f64; 2]> {
        let count = self.matrices.len().max(1) as f64;
        // What no matrix takes: the model, the length of the head, and its end.
        let rest = self.head as f64 - self.bits.iter().sum::<f64>() / 8.0;
        let mut shares: Vec<[f64; 2]> = self.bits.iter().map(|bits| [bits / 8.0 + rest / count, 0.0]).collect();
        let bits = self.model.expected_bits();
        let parts: Vec<Vec<Part<'_>>> = self.matrices.iter().map(parts).collect();
        for (place, block) in self.blocks.iter().enumerate() {
            let mut expected: BTreeMap<usize, f64> = BTreeMap::new();
            for strips in block.strips.chunk_by(|a, b| a.matrix == b.matrix) {
                let (matrix, first) = (strips[0].matrix, strips[0].first);
                let columns: usize = strips.iter().map(|strip| strip.width).sum();
                let mut sum = 0.0;
                for part in &parts[matrix] {
                    let columns = histogram(&part.columns[first..][..columns]);
                    for (&row, &times) in &part.rows {
                        let of = |(&column, &count): (&i16, &u64)| {
                            (times * count) as f64 * bits[self.model.class(row, column)]
                        };
                        sum += columns.iter().map(of).sum::<f64>();
                    }
                }
                *expected.entry(matrix).or_default() += sum;
            }
            let length = if place + 1 < self.blocks.len() { LENGTH } else { 0 };
            let bytes = (block.bytes.len() + length) as f64;
            let total: f64 = expected.values().sum();
            for (matrix, bits) in expected {
                shares[matrix][1] += bytes * bits / total;
            }
        }
        shares
    }
}

/// Rows of a matrix that have the same basis: how often their scales come, and those of what they are numbers along.
struct Part<'a> {
    rows: BTreeMap<i16, u64>,
    columns: &'a [i16],
}

fn parts(matrix: &MatrixHead) -> Vec<Part<'_>> {
    let part = |first: usize, end: usize| Part {
        rows: histogram(&matrix.row_scales[first..end]),
        columns: matrix.scales_at(first),
    };
    let before = part(0, matrix.bases.first().map_or(matrix.rows, |basis| basis.first_row));
    let of_bases = matrix.bases.iter().zip(ends(&matrix.bases, matrix.rows));
    std::iter::once(before).chain(of_bases.map(|(basis, end)| part(basis.first_row, end))).collect()
}

/// How often each scale comes.
fn histogram(scales: &[i16]) -> BTreeMap<i16, u64> {
    let mut counts = BTreeMap::new();
    for &scale in scales {
        *counts.entry(scale).or_default() += 1;
    }
    counts
}
