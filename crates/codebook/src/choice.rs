//! How the indices of a tensor are stored: in the way that takes the fewest bits.

use crate::{
    Codebook,
    binary::Tally,
    geometry::Arrangement,
    matrix::{is_sorted, sort_key},
    rans,
    stream::{Coding, MAX_ADAPTIVE, MAX_SIDE, Models, Shape, pivot, sides},
};

/// Bits that a section of its own costs besides its contents.
pub(crate) const SECTION_BITS: f64 = 8.0 * 12.0;
/// Live parts up to this size are always tried with the adaptive model, larger ones (up to `MAX_TRIED`) if sparse.
const ALWAYS_TRIED: usize = 1 << 16;
const MAX_TRIED: usize = 1 << 22;
/// The share of zeros that makes a large live part sparse.
const SPARSE: f64 = 0.8;

/// How a live part is coded, and what was made on the way to that choice.
pub(crate) struct Choice {
    pub(crate) coding: Coding,
    /// Whether the adaptive model should take the columns as sorted.
    pub(crate) sorted: bool,
    /// For the adaptive model: indices less that of zero.
    pub(crate) symbols: Vec<i32>,
    /// For static coding.
    pub(crate) table: Option<rans::Table>,
    /// How many entries are zero, where the codebook has one.
    pub(crate) zeros: Option<u64>,
}

/// The coding that takes the fewest bits.
pub(crate) fn choose(models: &Models, book: &Codebook, indices: &[u16], shape: Shape<'_>) -> Choice {
    let count = indices.len();
    let inline = count as f64 * f64::from(book.bit_width());
    let mut best = (Coding::Inline, false, inline);
    let mut offer = |coding, sorted, bits: f64| {
        if bits < best.2 {
            best = (coding, sorted, bits);
        }
    };
    // Without a model the stream is no smaller than a section; long sections are much faster to read.
    if inline > 8.0 * SECTION_BITS {
        offer(Coding::Packed, false, inline - 1.0);
    }
    let counts = rans::counts(indices, book.len());
    let zeros = book.zero_index().map(|zero| counts[usize::from(zero)]);
    let table = rans::Table::new(&counts);
    if let Some(table) = &table {
        let mut tally = Tally::default();
        let mut model = models.frequencies.clone();
        for &f in &table.frequencies {
            model.code(&mut tally, u64::from(f));
        }
        if let Some(zeros) = zeros {
            models.zeros.clone().code(&mut tally, zeros);
        }
        offer(Coding::Static, false, 8.0 * table.expected_len(&counts) + tally.bits() + SECTION_BITS);
    }
    let (pivot, sides) = (pivot(book), sides(book));
    let sparsity = counts[usize::from(pivot)] as f64 / count.max(1) as f64;
    let worth_trying = count <= ALWAYS_TRIED || (count <= MAX_TRIED.min(MAX_ADAPTIVE) && sparsity > SPARSE);
    let mut symbols = Vec::new();
    if sides.negative.max(sides.positive) <= MAX_SIDE && worth_trying {
        symbols = indices.iter().map(|&i| i32::from(i) - i32::from(pivot)).collect();
        let sorted = match shape {
            Shape::Matrix { geometry, .. } => {
                geometry.arrangement == Arrangement::Loose && is_sorted(geometry.columns, &symbols)
            }
            Shape::Vector => symbols.is_sorted_by_key(|&s| sort_key(s)),
        };
        for sorted in [false, true].into_iter().take(1 + usize::from(sorted)) {
            let mut tally = Tally::default();
            let mut models = models.tensors.clone();
            models.code(&mut tally, shape, sides, sorted, &mut symbols);
            offer(Coding::Adaptive, sorted, tally.bits());
        }
    }
    let (coding, sorted, _) = best;
    Choice { coding, sorted, symbols, table, zeros }
}
