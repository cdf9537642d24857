//! From tensors to the bytes of a file, one tensor at a time.

use std::borrow::Cow;
use std::io::{Cursor, Read, Seek, Write};

use rayon::prelude::*;

use crate::{
    Container, Dtype, Entry, Error, Limits, Outline, PlainTensor, QuantizedTensor, TensorOutline, UnitGroup,
    binary::BinaryCoder,
    bitpack,
    choice::{Choice, SECTION_BITS, choose},
    geometry::Geometry,
    liveness::{gather, is_whole, live_positions},
    names::structure_id,
    plain::narrowed,
    planes,
    range_coder::Encoder,
    rans,
    reader::{positions_bytes, values_bytes},
    section::{self, SectionKind},
    spool::{Spool, unwritable},
    stream::{Coding, Models, Shape, sides},
    structure::Structure,
    tensor::nonzeros,
    text::Kind,
    trellis::{self, Encoded, TrellisMatrix, TrellisSettings, TrellisTensor, section_ends},
    wire,
};

/// A definition longer than this, or a plain tensor, stands in a section of its own.
const MAX_INLINE_TEXT: usize = 1 << 16;
const MAX_INLINE_PLAIN: usize = 1 << 10;
/// A section for less than this would cost more than it can save.
const MIN_OUTSIDE: usize = 1 << 6;
/// Bytes of tensors that [`encode`] has in flight at a time.
const IN_FLIGHT: usize = 1 << 27;
/// The bytes of a file that holds `container`.
///
/// The same container gives the same bytes, always and everywhere.
///
/// # Errors
/// If the container is inconsistent (see [`Container::check`]) or something in it is too large for the format.
pub fn encode(container: &Container) -> Result<Vec<u8>, Error> {
    container.check()?;
    let mut writer = ContainerWriter::new(Outline::of(container), Cursor::new(Vec::new()))?;
    let mut entries = &container.entries[..];
    while !entries.is_empty() {
        let mut bytes = 0;
        let count = entries.iter().take_while(|entry| {
            let before = bytes;
            bytes += plain_bytes(entry);
            before < IN_FLIGHT
        });
        let (now, later) = entries.split_at(count.count());
        writer.push_all(now)?;
        entries = later;
    }
    let mut out = Vec::new();
    writer.finish(&mut out)?;
    Ok(out)
}

fn plain_bytes(entry: &Entry) -> usize {
    match entry {
        Entry::Quantized(_) | Entry::Trellis(_) => 0,
        Entry::Plain(tensor) => tensor.data().len(),
    }
}

/// Writes a file tensor by tensor, so that memory never holds all of them.
///
/// Large contents wait in a spool, as a temporary file is one; memory holds the small ones, the tensors that are being
/// pushed, and the trellis-coded ones whose section is not full yet: it is with 2^26 weights. The bytes are those of
/// [`encode`], where the outline says of units what the container would.
///
/// ```
/// use mixpress_codebook::{ContainerWriter, Dtype, Outline, PlainTensor, QuantizedTensor, TensorOutline, decode};
/// use std::io::Cursor;
///
/// let tensors = vec![TensorOutline::quantized("weight", [4]), TensorOutline::plain("ids", [3], Dtype::U8)];
/// let outline = Outline { tensors, ..Outline::default() };
/// let mut writer = ContainerWriter::new(outline, Cursor::new(Vec::new()))?; // a temporary file, for large models
/// writer.push(&QuantizedTensor::from_values("weight", [4], &[0.5, 0.0, -0.5, 0.5])?.into())?;
/// writer.push(&PlainTensor::from_bytes("ids", [3], Dtype::U8, vec![7, 8, 9])?.into())?;
/// let mut file = Vec::new();
/// writer.finish(&mut file)?;
/// assert_eq!(decode(&file)?.entries.len(), 2);
/// # Ok::<(), mixpress_codebook::Error>(())
/// ```
#[derive(Debug)]
pub struct ContainerWriter<S> {
    coder: Encoder,
    models: Models,
    spool: Spool<S>,
    tensors: Vec<TensorOutline>,
    groups: Vec<UnitGroup>,
    live: Vec<Vec<bool>>,
    /// Number of tensors that were pushed.
    pushed: usize,
    /// What trellis-coded tensors share, if there are some.
    trellis: Option<TrellisSettings>,
    /// Whether a section of them ends with each tensor.
    ends: Vec<bool>,
    /// Those whose section has not ended: numbers of tensors, and matrices.
    waiting: Vec<usize>,
    matrices: Vec<TrellisMatrix>,
    /// Those of the readers that the file is for.
    limits: Limits,
    /// Bytes that such a reader holds because the stream says so.
    held: u64,
}

impl<S: Read + Write + Seek> ContainerWriter<S> {
    /// Begins a file of these tensors, for readers that have [`Limits::tensor_by_tensor`]; its sections wait in
    /// `spool`, from where that stands on.
    ///
    /// # Errors
    /// If the outline is inconsistent: two tensors of one name, axes that do not fit their groups, another number of flags
    /// than units. If something in it is too large for the format or for those readers, or the spool fails.
    pub fn new(outline: Outline, spool: S) -> Result<Self, Error> {
        Self::with_limits(outline, spool, Limits::tensor_by_tensor())
    }

    /// As [`ContainerWriter::new`], for readers that have these limits.
    ///
    /// # Errors
    /// As [`ContainerWriter::new`].
    pub fn with_limits(outline: Outline, spool: S, limits: Limits) -> Result<Self, Error> {
        outline.check()?;
        let structure = Structure::of(&outline);
        structure.check(&limits).map_err(for_no_reader)?;
        let mut live = outline.live();
        let (mut coder, mut models, mut spool) = (Encoder::new(), Models::new(), Spool::new(spool)?);
        let id = structure_id(&structure).unwrap_or(0);
        models.structure.code(&mut coder, id);
        if id == 0 {
            let bytes = wire::to_bytes(&structure)?;
            // A record has a limit of its own, whatever the readers'.
            if wire::from_bytes::<Structure>(&bytes).is_err() {
                let (what, value) =
                    ("the record of names and shapes, in bytes as a reader holds it,", structure.held());
                return Err(Error::TooLarge { what, value, limit: wire::LIMIT as u64 });
            }
            models.text.code(&mut coder, Kind::Structure, &bytes, &limits).map_err(for_no_reader)?;
        }
        let definition = outline.definition.as_deref();
        models.present(&mut coder, definition.is_some());
        if let Some(bytes) = definition {
            if models.outside(&mut coder, bytes.len() > MAX_INLINE_TEXT) {
                spool.push(SectionKind::Raw, bytes)?;
            } else {
                models.text.code(&mut coder, Kind::Definition, bytes, &limits).map_err(for_no_reader)?;
            }
        }
        models.metadata(&mut coder, &outline.metadata, &limits).map_err(for_no_reader)?;
        for (group, flags) in outline.groups.iter().zip(&mut live) {
            models.flags.code(&mut coder, group, flags)?;
        }
        let held = outline.groups.iter().map(|group| group.size as u64).sum();
        let Outline { tensors, groups, trellis, .. } = outline;
        let ends = section_ends(tensors.iter().map(TensorOutline::trellis_weights));
        let (waiting, matrices) = (Vec::new(), Vec::new());
        Ok(Self {
            coder,
            models,
            spool,
            tensors,
            groups,
            live,
            pushed: 0,
            trellis,
            ends,
            waiting,
            matrices,
            limits,
            held,
        })
    }

    /// Writes the next tensor.
    ///
    /// # Errors
    /// If it is not the one that the outline announces, has nonzero entries at dead units, takes more than readers have
    /// for it, or the spool fails. If it is trellis-coded and its columns do not follow the trellis, its partner is
    /// none, or more of its numbers are far from likely than a section has room for; that may show as late as with the
    /// tensor that its section ends with. The file is then lost.
    pub fn push(&mut self, entry: &Entry) -> Result<(), Error> {
        self.push_all(std::slice::from_ref(entry))
    }

    /// Writes the next tensors, working on several at a time; the bytes are those of pushing one after the other.
    ///
    /// # Errors
    /// As [`ContainerWriter::push`].
    pub fn push_all(&mut self, entries: &[Entry]) -> Result<(), Error> {
        for (number, entry) in entries.iter().enumerate() {
            let expected = self.tensors.get(self.pushed + number);
            if expected != Some(&TensorOutline::from(entry)) {
                let expected = expected.map(|tensor| tensor.name.clone());
                return Err(Error::Unannounced { name: entry.name().to_owned(), expected });
            }
        }
        let plain: Vec<Option<PlainContent<'_>>> = entries.par_iter().map(PlainContent::of_entry).collect();
        for (entry, plain) in entries.iter().zip(plain) {
            let before = self.spool.len();
            let decoded = match (entry, plain) {
                (Entry::Trellis(tensor), _) => self.trellis(tensor)?,
                (Entry::Quantized(tensor), _) => {
                    self.quantized(tensor)?;
                    values_bytes(tensor.len())
                }
                (Entry::Plain(tensor), content) => {
                    self.plain(content.unwrap_or_else(|| PlainContent::of(tensor)))?;
                    tensor.data().len() as u64
                }
            };
            self.limits.tensor(entry.name(), decoded, self.spool.len() - before).map_err(for_no_reader)?;
            self.pushed += 1;
        }
        Ok(())
    }

    /// Bytes of the contents so far, to a few: what pushing a tensor adds is what it takes in the file, but for
    /// trellis-coded tensors, of which the last one of a section adds what all of them take.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.coder.len() + self.spool.len()
    }

    /// Writes the file; gives the number of its bytes.
    ///
    /// # Errors
    /// If tensors of the outline were not pushed, the stream is longer than readers take, there are too many sections
    /// for the format, or the spool or `out` fails.
    pub fn finish(mut self, mut out: impl Write) -> Result<u64, Error> {
        if self.pushed < self.tensors.len() {
            return Err(Error::Unfinished { announced: self.tensors.len(), given: self.pushed });
        }
        let (rows, total) = (self.spool.take_rows(), self.spool.len());
        let stream = self.coder.finish();
        let length = stream.len() as u64;
        section::stream_within(length, &self.limits)
            .and_then(|()| self.limits.held(self.held, length))
            .map_err(for_no_reader)?;
        let head = section::head(&stream, rows)?;
        out.write_all(&head).map_err(|error| unwritable(&error))?;
        self.spool.copy(&mut out)?;
        out.flush().map_err(|error| unwritable(&error))?;
        Ok(head.len() as u64 + total)
    }

    /// Takes a trellis-coded tensor, and writes the section that ends with it, if one does; gives the bytes of all values
    /// of that section.
    fn trellis(&mut self, tensor: &TrellisTensor) -> Result<u64, Error> {
        let Some(settings) = self.trellis else { return Err(Error::TrellisSettings { count: 1 }) };
        let named = |tensor: &TensorOutline, cause| Error::TrellisTensor { name: tensor.name.clone(), cause };
        let matrix = tensor.matrix().clone();
        let number = self.matrices.len();
        let checked = matrix.check(settings.trellis(), number, &self.matrices);
        checked.map_err(|cause| named(&self.tensors[self.pushed], cause.into()))?;
        self.matrices.push(matrix);
        self.waiting.push(self.pushed);
        if !self.ends[self.pushed] {
            return Ok(0);
        }
        let (matrices, waiting) = (std::mem::take(&mut self.matrices), std::mem::take(&mut self.waiting));
        let encoded = trellis::encode_checked(&matrices, settings.trellis(), settings.model());
        let Encoded { bytes, held } = encoded.map_err(|cause| match cause {
            Error::TrellisMatrix { matrix, .. } => named(&self.tensors[waiting[matrix]], cause.into()),
            other => other,
        })?;
        self.held += held;
        self.spool.push(SectionKind::Trellis, &bytes)?;
        Ok(matrices.iter().map(|matrix| values_bytes(matrix.numbers.len())).sum())
    }

    fn plain(&mut self, content: PlainContent<'_>) -> Result<(), Error> {
        let PlainContent { narrow, bytes, planes } = content;
        if let Some(is_narrow) = narrow {
            self.models.present(&mut self.coder, is_narrow);
        }
        let is_inline = bytes.len() <= MAX_INLINE_PLAIN
            && planes.as_ref().is_none_or(|planes| {
                self.models.text.cost(Kind::Plain, &bytes) < 8.0 * planes.len() as f64 + SECTION_BITS
            });
        if self.models.outside(&mut self.coder, !is_inline) {
            match planes {
                Some(planes) => self.spool.push(SectionKind::Planes, &planes),
                None => self.spool.push(SectionKind::Raw, &bytes),
            }
        } else {
            self.held += bytes.len() as u64;
            self.models.text.content(&mut self.coder, Kind::Plain, &bytes, bytes.len());
            Ok(())
        }
    }

    fn quantized(&mut self, tensor: &QuantizedTensor) -> Result<(), Error> {
        let live = live_positions(tensor.shape(), tensor.axes(), &self.live);
        let book = tensor.codebook();
        let indices = gather(tensor, &live);
        if !is_whole(tensor.shape(), &live) {
            let all = tensor.nonzeros();
            let within = book.zero_index().map_or(indices.len(), |zero| nonzeros(&indices, zero));
            if within < all {
                return Err(Error::DeadUnits { name: tensor.name().to_owned(), entries: all - within });
            }
        }
        self.models.levels.code(&mut self.coder, book)?;
        if tensor.is_empty() {
            return Ok(());
        }
        let geometry =
            (tensor.shape().len() > 1).then(|| Geometry::new(tensor.shape(), tensor.axes(), &self.groups, &live));
        let shape = match &geometry {
            Some(geometry) => Shape::Matrix { geometry, rows: live[0].len() },
            None => Shape::Vector,
        };
        let Choice { coding, sorted, mut symbols, table, zeros } = choose(&self.models, book, &indices, shape);
        self.models.coding(&mut self.coder, coding);
        let width = book.bit_width();
        self.held += positions_bytes(tensor.shape(), tensor.axes());
        if matches!(coding, Coding::Adaptive | Coding::Inline) {
            self.held += 2 * indices.len() as u64;
        }
        match coding {
            Coding::Adaptive => {
                self.models.tensors.code(&mut self.coder, shape, sides(book), sorted, &mut symbols);
                Ok(())
            }
            Coding::Inline => {
                for &index in indices.iter() {
                    self.coder.bits(u64::from(index), width);
                }
                Ok(())
            }
            Coding::Packed => self.spool.push(SectionKind::Packed, &bitpack::pack(&indices, width)),
            Coding::Static => {
                let table = table.unwrap_or_else(|| unreachable!("static coding was chosen by its table"));
                for &frequency in &table.frequencies {
                    self.models.frequencies.code(&mut self.coder, u64::from(frequency));
                }
                self.models.paired(&mut self.coder, book.len(), table.is_paired);
                if let Some(zeros) = zeros {
                    self.models.zeros.code(&mut self.coder, zeros);
                }
                self.spool.push(SectionKind::Static, &rans::encode(&indices, &table))
            }
        }
    }
}

/// What a reader would refuse is not written.
fn for_no_reader(error: Error) -> Error {
    match error {
        Error::Limit { .. } | Error::TensorLimit { .. } => Error::ForNoReader { refusal: Box::new(error) },
        other => other,
    }
}

/// The bytes of a plain tensor as they may stand, which depend on nothing before them.
struct PlainContent<'a> {
    /// For f32, whether values stand as f16.
    narrow: Option<bool>,
    bytes: Cow<'a, [u8]>,
    /// A section of planes, if it is smaller than the bytes.
    planes: Option<Vec<u8>>,
}

impl<'a> PlainContent<'a> {
    fn of_entry(entry: &'a Entry) -> Option<Self> {
        match entry {
            Entry::Quantized(_) | Entry::Trellis(_) => None,
            Entry::Plain(tensor) => Some(Self::of(tensor)),
        }
    }

    fn of(tensor: &'a PlainTensor) -> Self {
        let is_f32 = tensor.dtype() == Dtype::F32;
        let narrowed = if is_f32 { narrowed(tensor.data()) } else { None };
        let narrow = is_f32.then_some(narrowed.is_some());
        let dtype = if narrowed.is_some() { Dtype::F16 } else { tensor.dtype() };
        let bytes = narrowed.map_or(Cow::Borrowed(tensor.data()), Cow::Owned);
        let planes = if bytes.len() < MIN_OUTSIDE { None } else { planes::encode(&bytes, dtype) };
        Self { narrow, bytes, planes }
    }
}
