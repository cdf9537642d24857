//! From a container to the bytes of a file.

use crate::{
    Codebook, Container, Dtype, Entry, Error, Limits, PlainTensor, QuantizedTensor,
    binary::{BinaryCoder, Tally},
    bitpack,
    codebook::is_f16_exact,
    geometry::{Arrangement, Geometry},
    liveness::{gather, live_positions, live_units},
    matrix::{is_sorted, sort_key},
    names::structure_id,
    range_coder::Encoder,
    rans,
    section::{self, Section, SectionKind},
    stream::{Coding, MAX_ADAPTIVE, MAX_SIDE, Models, Shape, pivot, sides},
    structure::Structure,
    text::Kind,
    wire,
};

/// A definition longer than this, or a plain tensor, stands in a section of its own.
const MAX_INLINE_TEXT: usize = 1 << 16;
const MAX_INLINE_PLAIN: usize = 1 << 10;
/// Bits that a section of its own costs besides its contents.
const SECTION_BITS: f64 = 8.0 * 12.0;
/// Live parts up to this size are always tried with the adaptive model, larger ones (up to `MAX_TRIED`) if sparse.
const ALWAYS_TRIED: usize = 1 << 16;
const MAX_TRIED: usize = 1 << 22;
/// The share of zeros that makes a large live part sparse.
const SPARSE: f64 = 0.8;

/// The bytes of a file that holds `container`.
///
/// The same container gives the same bytes, always and everywhere.
///
/// # Errors
/// If the container is inconsistent (see [`Container::check`]) or something in it is too large for the format.
pub fn encode(container: &Container) -> Result<Vec<u8>, Error> {
    container.check()?;
    // A writer trusts what it is given; the format's own bounds stay.
    let limits = Limits { max_total_elements: u64::MAX, max_header_bytes: u64::MAX, max_tensors: u64::MAX };
    let mut writer = Writer { coder: Encoder::new(), models: Models::new(), sections: Vec::new() };
    let structure = Structure::of(container);
    structure.check(&limits)?;
    let id = structure_id(&structure).unwrap_or(0);
    writer.models.structure.code(&mut writer.coder, id);
    if id == 0 {
        let bytes = wire::to_bytes(&structure)?;
        writer.models.text.code(&mut writer.coder, Kind::Structure, &bytes, &limits)?;
    }
    writer.definition(container.definition.as_deref(), &limits)?;
    writer.models.metadata(&mut writer.coder, &container.metadata, &limits)?;
    let mut live = live_units(container);
    for (group, flags) in container.groups.iter().zip(&mut live) {
        writer.models.flags.code(&mut writer.coder, group, flags)?;
    }
    for entry in &container.entries {
        match entry {
            Entry::Quantized(tensor) => {
                let live = live_positions(tensor.shape(), tensor.axes(), &live);
                let geometry = (tensor.shape().len() > 1 && !tensor.is_empty())
                    .then(|| Geometry::new(tensor.shape(), tensor.axes(), &container.groups, &live));
                writer.quantized(tensor, &live, geometry.as_ref())?;
            }
            Entry::Plain(tensor) => writer.plain(tensor),
        }
    }
    let stream = Section { kind: SectionKind::Stream, bytes: writer.coder.finish() };
    section::assemble(stream, writer.sections)
}

struct Writer {
    coder: Encoder,
    models: Models,
    sections: Vec<Section>,
}

impl Writer {
    fn definition(&mut self, definition: Option<&[u8]>, limits: &Limits) -> Result<(), Error> {
        let Some(bytes) = definition else {
            self.models.present(&mut self.coder, false);
            return Ok(());
        };
        self.models.present(&mut self.coder, true);
        if self.models.outside(&mut self.coder, bytes.len() > MAX_INLINE_TEXT) {
            self.sections.push(Section { kind: SectionKind::Raw, bytes: bytes.to_vec() });
        } else {
            self.models.text.code(&mut self.coder, Kind::Definition, bytes, limits)?;
        }
        Ok(())
    }

    fn plain(&mut self, tensor: &PlainTensor) {
        let mut data = tensor.data().to_vec();
        if tensor.dtype() == Dtype::F32 {
            let values = tensor.values().unwrap_or_default();
            // Bits are compared: a NaN's payload and a zero's sign survive or the tensor stays as it is.
            let narrow = values.iter().all(|&v| is_f16_exact(v) || v.is_nan())
                && values.iter().all(|&v| half::f16::from_f32(v).to_f32().to_bits() == v.to_bits());
            if self.models.present(&mut self.coder, narrow) {
                data = values.iter().flat_map(|&v| half::f16::from_f32(v).to_le_bytes()).collect();
            }
        }
        if self.models.outside(&mut self.coder, data.len() > MAX_INLINE_PLAIN) {
            self.sections.push(Section { kind: SectionKind::Raw, bytes: data });
        } else {
            self.models.text.content(&mut self.coder, Kind::Plain, &data, data.len());
        }
    }

    fn quantized(
        &mut self,
        tensor: &QuantizedTensor,
        live: &[Vec<u32>],
        geometry: Option<&Geometry>,
    ) -> Result<(), Error> {
        let book = tensor.codebook();
        self.models.levels.code(&mut self.coder, book)?;
        if tensor.is_empty() {
            return Ok(());
        }
        let indices = gather(tensor, live);
        let shape = match geometry {
            Some(geometry) => Shape::Matrix { geometry, rows: live[0].len() },
            None => Shape::Vector,
        };
        let Choice { coding, sorted, mut symbols, table, zeros } = self.choose(book, &indices, shape);
        self.models.coding(&mut self.coder, coding);
        let width = book.bit_width();
        match coding {
            Coding::Adaptive => {
                self.models.tensors.code(&mut self.coder, shape, sides(book), sorted, &mut symbols);
            }
            Coding::Inline => {
                for &index in indices.iter() {
                    self.coder.bits(u64::from(index), width);
                }
            }
            Coding::Packed => {
                self.sections.push(Section { kind: SectionKind::Packed, bytes: bitpack::pack(&indices, width) });
            }
            Coding::Static => {
                let table = table.unwrap_or_else(|| unreachable!("static coding was chosen by its table"));
                for &frequency in &table.frequencies {
                    self.models.frequencies.code(&mut self.coder, u64::from(frequency));
                }
                self.models.paired(&mut self.coder, book.len(), table.is_paired);
                if let Some(zeros) = zeros {
                    self.models.zeros.code(&mut self.coder, zeros);
                }
                self.sections.push(Section { kind: SectionKind::Static, bytes: rans::encode(&indices, &table) });
            }
        }
        Ok(())
    }

    /// The coding that takes the fewest bits.
    fn choose(&self, book: &Codebook, indices: &[u16], shape: Shape<'_>) -> Choice {
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
            let mut model = self.models.frequencies.clone();
            for &f in &table.frequencies {
                model.code(&mut tally, u64::from(f));
            }
            if let Some(zeros) = zeros {
                self.models.zeros.clone().code(&mut tally, zeros);
            }
            offer(Coding::Static, false, 8.0 * table.expected_len(&counts) + tally.bits + SECTION_BITS);
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
                let mut models = self.models.tensors.clone();
                models.code(&mut tally, shape, sides, sorted, &mut symbols);
                offer(Coding::Adaptive, sorted, tally.bits);
            }
        }
        let (coding, sorted, _) = best;
        Choice { coding, sorted, symbols, table, zeros }
    }
}

/// How a live part is coded, and what was made on the way to that choice.
struct Choice {
    coding: Coding,
    /// Whether the adaptive model should take the columns as sorted.
    sorted: bool,
    /// For the adaptive model: indices less that of zero.
    symbols: Vec<i32>,
    /// For static coding.
    table: Option<rans::Table>,
    /// How many entries are zero, where the codebook has one.
    zeros: Option<u64>,
}
