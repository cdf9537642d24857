//! The arithmetic-coded stream of a file: what its parts share, and the parts that writer and reader code alike.

use crate::{
    Codebook, Error, Limits, Metadata,
    binary::BinaryCoder,
    counter::Counter,
    geometry::{Arrangement, Geometry},
    levels::Levels,
    liveness::Flags,
    matrix::{Sides, Spent, code_matrix},
    numbers::Numbers,
    rans,
    text::{Kind, Text},
    tuning::tuning,
    vector::Vectors,
};

/// How the indices of a tensor are coded; the numbers are the format's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    /// In the stream, by the adaptive model.
    Adaptive = 0,
    /// In the stream, each index at the codebook's bit width.
    Inline = 1,
    /// In a section of its own, each index at the codebook's bit width.
    Packed = 2,
    /// In a section of its own, entropy-coded by one static table.
    Static = 3,
}

impl Coding {
    /// The coding, in words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Adaptive => "adaptive arithmetic coding",
            Self::Inline => "bits in the stream",
            Self::Packed => "bit-packed",
            Self::Static => "static entropy coding",
        }
    }
}

/// Magnitudes that the adaptive model takes: it counts them step by step.
pub(crate) const MAX_SIDE: u32 = 64;
/// Entries of one live part that the adaptive model takes: it is exact, not fast.
pub(crate) const MAX_ADAPTIVE: usize = 1 << 24;

/// The models that live as long as the stream.
#[derive(Debug)]
pub(crate) struct Models {
    pub(crate) structure: Numbers,
    pub(crate) text: Text,
    present: Counter,
    outside: Counter,
    pub(crate) flags: Flags,
    pub(crate) levels: Levels,
    coding: [Counter; 4],
    pub(crate) tensors: TensorModels,
    pub(crate) frequencies: Numbers,
    paired: Counter,
    pub(crate) zeros: Numbers,
    pub(crate) numbers: Numbers,
}

impl Models {
    pub(crate) fn new() -> Self {
        Self {
            structure: Numbers::new(),
            text: Text::new(),
            present: Counter::new(),
            outside: Counter::new(),
            flags: Flags::new(),
            levels: Levels::new(),
            coding: [Counter::new(); 4],
            tensors: TensorModels { sorted: Counter::new(), vectors: Vectors::new() },
            frequencies: Numbers::new(),
            paired: Counter::new(),
            zeros: Numbers::new(),
            numbers: Numbers::new(),
        }
    }

    /// Whether something optional is there.
    pub(crate) fn present<C: BinaryCoder>(&mut self, coder: &mut C, present: bool) -> bool {
        self.present.code(present, coder)
    }

    /// Whether something stands in a section of its own.
    pub(crate) fn outside<C: BinaryCoder>(&mut self, coder: &mut C, outside: bool) -> bool {
        self.outside.code(outside, coder)
    }

    /// How indices are coded.
    pub(crate) fn coding<C: BinaryCoder>(&mut self, coder: &mut C, coding: Coding) -> Coding {
        let number = coding as u8;
        let high = self.coding[1].code(number >> 1 == 1, coder);
        let low = self.coding[2 + usize::from(high)].code(number & 1 == 1, coder);
        match (high, low) {
            (false, false) => Coding::Adaptive,
            (false, true) => Coding::Inline,
            (true, false) => Coding::Packed,
            (true, true) => Coding::Static,
        }
    }

    /// Whether statically coded indices of so many levels are coded in pairs.
    pub(crate) fn paired<C: BinaryCoder>(&mut self, coder: &mut C, levels: usize, paired: bool) -> bool {
        levels <= rans::PAIRED && self.paired.code(paired, coder)
    }

    /// Codes the metadata.
    pub(crate) fn metadata<C: BinaryCoder>(
        &mut self,
        coder: &mut C,
        source: &Metadata,
        limits: &Limits,
    ) -> Result<Metadata, Error> {
        let mut out = Metadata::default();
        if self.present(coder, source.recipe.is_some()) {
            let recipe = source.recipe.as_deref().unwrap_or_default();
            out.recipe = Some(self.text.code(coder, Kind::Recipe, recipe, limits)?);
        }
        if self.present(coder, source.seed.is_some()) {
            let seed = source.seed.unwrap_or_default();
            // Numbers end below 2^63, seeds do not: the lowest bit goes apart.
            let low = coder.bits(seed & 1, 1);
            out.seed = Some(self.numbers.code(coder, seed >> 1) << 1 | low);
        }
        for (from, to) in [(source.float_error, &mut out.float_error), (source.error, &mut out.error)] {
            if self.present(coder, from.is_some()) {
                let error = self.numbers.code(coder, u64::from(from.unwrap_or_default()));
                *to = Some(u32::try_from(error).map_err(|_| Error::Malformed {
                    what: "an error in the metadata",
                    value: error,
                    rule: "it has 32 bits",
                })?);
            }
        }
        for i in 0.. {
            let pair = source.extra.get(i);
            if !self.present(coder, pair.is_some()) {
                break;
            }
            if i as u64 >= limits.max_tensors {
                return Err(Error::Limit { what: "metadata keys", claimed: i as u64 + 1, limit: limits.max_tensors });
            }
            let mut text = |kind, what, source: Option<&String>| {
                let bytes = source.map(String::as_bytes).unwrap_or_default();
                let bytes = self.text.code(coder, kind, bytes, limits)?;
                String::from_utf8(bytes).map_err(|_| Error::Utf8 { what })
            };
            let key = text(Kind::Key, "a metadata key", pair.map(|p| &p.0))?;
            let value = text(Kind::Value, "a metadata value", pair.map(|p| &p.1))?;
            out.extra.push((key, value));
        }
        Ok(out)
    }
}

/// The models of adaptively coded tensors.
#[derive(Debug, Clone)]
pub(crate) struct TensorModels {
    sorted: Counter,
    vectors: Vectors,
}

impl TensorModels {
    /// Codes the symbols of a tensor's live part by the adaptive model; `sorted` is told where it makes a difference.
    pub(crate) fn code<C: BinaryCoder>(
        &mut self,
        coder: &mut C,
        shape: Shape<'_>,
        sides: Sides,
        sorted: bool,
        symbols: &mut [i32],
    ) -> Spent {
        match shape {
            Shape::Vector => {
                let sorted = self.sorted.code(sorted, coder);
                self.vectors.code(coder, sides, sorted, symbols)
            }
            Shape::Matrix { geometry, rows } => {
                let sorted = geometry.arrangement == Arrangement::Loose && self.sorted.code(sorted, coder);
                code_matrix(coder, geometry, tuning(geometry.arrangement), rows, sides, sorted, symbols)
            }
        }
    }
}

/// How the entries of a tensor's live part stand to each other.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape<'a> {
    /// At most one axis.
    Vector,
    /// Rows along the first axis, columns along the others.
    Matrix {
        /// The columns.
        geometry: &'a Geometry,
        /// Number of rows.
        rows: usize,
    },
}

/// The index that symbol 0 stands for: that of zero, or the middle one where there is no zero.
pub(crate) fn pivot(book: &Codebook) -> u16 {
    book.zero_index().unwrap_or(((book.len() - 1) / 2) as u16)
}

/// Codebook values on either side of the pivot.
pub(crate) fn sides(book: &Codebook) -> Sides {
    let pivot = u32::from(pivot(book));
    Sides { negative: pivot, positive: book.len() as u32 - 1 - pivot }
}
