//! From the bytes of a file to a container.

use std::{borrow::Cow, sync::Arc};

use crate::{
    Archive, AxisRef, Breakdown, Codebook, Container, Dtype, Error, Limits, StoredTensor, TensorKind, UnitGroup,
    archive::{Coded, Contents, Indices},
    binary::{BinaryCoder, Weighed},
    breakdown::TensorBytes,
    container::distinct,
    geometry::Geometry,
    liveness::{live_lengths, live_positions},
    matrix::Spent,
    names::known_structure,
    range_coder::Decoder,
    rans,
    section::{SectionKind, Sections},
    source::{Piece, Source},
    stored::PlainBytes,
    stream::{Coding, MAX_ADAPTIVE, MAX_SIDE, Models, Shape, pivot, sides},
    structure::{Structure, TensorRecord},
    tensor::elements,
    text::Kind,
    trellis::{Recent, Section, TrellisSettings, matrix_shape, section_ends},
    wire,
};

/// What a file holds, under the default [`Limits`].
///
/// # Errors
/// If the bytes are not a well-formed file, or one that asks for more than the limits allow.
pub fn decode(bytes: &[u8]) -> Result<Container, Error> {
    decode_with_limits(bytes, Limits::default())
}

/// What a file holds.
///
/// # Errors
/// If the bytes are not a well-formed file, or one that asks for more than the limits allow.
pub fn decode_with_limits(bytes: &[u8], limits: Limits) -> Result<Container, Error> {
    open(&Source::Memory(bytes), limits)?.into_container()
}

/// Where the bytes of a file go, under the default [`Limits`].
///
/// # Errors
/// If the file does not open: see [`Archive::open`].
pub fn breakdown(bytes: &[u8]) -> Result<Breakdown, Error> {
    open_with_breakdown(&Source::Memory(bytes), Limits::default()).map(|(_, breakdown)| breakdown)
}

/// What a file holds and where its bytes go, in one reading, under the default [`Limits`].
///
/// # Errors
/// As [`decode`].
pub fn decode_with_breakdown(bytes: &[u8]) -> Result<(Container, Breakdown), Error> {
    let (archive, breakdown) = open_with_breakdown(&Source::Memory(bytes), Limits::default())?;
    Ok((archive.into_container()?, breakdown))
}

/// Reads a file's stream.
pub(crate) fn open<'a>(source: &Source<'a>, limits: Limits) -> Result<Archive<'a>, Error> {
    let (stream, sections) = Sections::open(source, &limits)?;
    let coder = Decoder::new(&stream);
    let mut reader = Reader::new(coder, sections, limits, stream.len());
    let archive = reader.archive()?;
    end(&reader.coder)?;
    Ok(archive)
}

/// Reads a file's stream, and counts what it spends on what.
pub(crate) fn open_with_breakdown<'a>(source: &Source<'a>, limits: Limits) -> Result<(Archive<'a>, Breakdown), Error> {
    let (stream, sections) = Sections::open(source, &limits)?;
    let coder = Weighed::new(Decoder::new(&stream));
    let mut reader = Reader::new(coder, sections, limits, stream.len());
    let archive = reader.archive()?;
    end(&reader.coder.inner)?;
    let mut ledger = reader.ledger;
    ledger.total = source.len() as f64;
    ledger.header = reader.sections.header_bytes as f64;
    ledger.checksum = reader.sections.checksum_bytes as f64;
    Ok((archive, ledger))
}

/// Checks that the stream does not go on after its contents. (It may end before them: zeros at its end are not written.)
fn end(coder: &Decoder<'_>) -> Result<(), Error> {
    if coder.unread() > 0 {
        return Err(Error::TrailingBytes { count: coder.unread() as u64 });
    }
    Ok(())
}

/// A tensor before its contents are there: name, shape, axes.
type Announced<'a> = (String, Vec<usize>, Vec<Option<AxisRef>>, Option<Contents<'a>>);

struct Reader<'a, C> {
    coder: C,
    models: Models,
    sections: Sections<'a>,
    limits: Limits,
    /// Bytes of the stream.
    stream: u64,
    /// Bytes that the archive will hold because the stream says so.
    held: u64,
    ledger: Breakdown,
    /// Sections of trellis-coded tensors so far, and what they share.
    trellis_sections: usize,
    recent: Arc<Recent>,
}

impl<'a, C: BinaryCoder> Reader<'a, C> {
    fn new(coder: C, sections: Sections<'a>, limits: Limits, stream: usize) -> Self {
        let (models, ledger) = (Models::new(), Breakdown::default());
        let (stream, recent) = (stream as u64, Arc::default());
        Self { coder, models, sections, limits, stream, held: 0, ledger, trellis_sections: 0, recent }
    }

    /// Counts bytes that will be held, before they are allocated.
    fn hold(&mut self, bytes: u64) -> Result<(), Error> {
        self.held = self.held.saturating_add(bytes);
        self.limits.held(self.held, self.stream)
    }

    fn archive(&mut self) -> Result<Archive<'a>, Error> {
        let structure = self.structure()?;
        self.ledger.structure = self.coder.spent() / 8.0;
        let definition = self.definition()?;
        let before = self.coder.spent();
        let metadata = self.models.metadata(&mut self.coder, &crate::Metadata::default(), &self.limits)?;
        self.ledger.metadata = (self.coder.spent() - before) / 8.0;
        let before = self.coder.spent();
        let groups = structure.groups();
        let mut live: Vec<Vec<bool>> = Vec::with_capacity(groups.len());
        for group in &groups {
            self.hold(group.size as u64)?;
            let mut flags = vec![false; group.size];
            self.models.flags.code(&mut self.coder, group, &mut flags)?;
            live.push(flags);
        }
        self.ledger.flags = (self.coder.spent() - before) / 8.0;
        let ends = section_ends(structure.tensors.iter().map(TensorRecord::trellis_weights));
        let mut tensors = Vec::with_capacity(structure.tensors.len());
        // Trellis-coded tensors have their contents when their section is there.
        let mut trellis = None;
        let mut waiting = Vec::new();
        for (record, ends) in structure.tensors.iter().zip(ends) {
            let (shape, axes) = record.layout();
            let name = record.name()?.to_owned();
            let contents = match record.kind()? {
                TensorKind::Quantized => {
                    Some(Contents::Quantized(self.quantized(&name, &shape, &axes, &groups, &live)?))
                }
                TensorKind::Plain(dtype) => Some(self.plain(&name, &shape, dtype)?),
                TensorKind::Trellis => {
                    waiting.push(tensors.len());
                    self.ledger.tensors.push(TensorBytes::new(&name, "", 0.0, Spent::default(), 0.0));
                    None
                }
            };
            tensors.push((name, shape, axes, contents));
            if ends {
                self.section(&mut tensors, &std::mem::take(&mut waiting), &mut trellis)?;
            }
        }
        self.sections.finish()?;
        let whole = |(name, shape, axes, contents): Announced<'a>| {
            Some(StoredTensor { name, shape, axes, contents: contents? })
        };
        let tensors: Vec<StoredTensor<'a>> = tensors.into_iter().filter_map(whole).collect();
        distinct(tensors.iter().map(StoredTensor::name))?;
        Ok(Archive { tensors, groups, trellis, definition, metadata })
    }

    /// The next section of trellis-coded tensors, those of numbers `waiting`; all sections of a file share `settings`.
    fn section(
        &mut self,
        tensors: &mut [Announced<'a>],
        waiting: &[usize],
        settings: &mut Option<TrellisSettings>,
    ) -> Result<(), Error> {
        let piece = self.sections.take(SectionKind::Trellis)?;
        let taken = piece.len() as u64;
        let mut shapes = Vec::with_capacity(waiting.len());
        let mut decoded = 0;
        for &number in waiting {
            let (name, shape, ..) = &tensors[number];
            decoded += values_bytes(elements(shape).unwrap_or(usize::MAX));
            self.limits.tensor(name, decoded, taken)?;
            shapes.extend(matrix_shape(shape));
        }
        let (number, recent) = (self.trellis_sections, self.recent.clone());
        let section = Section::of_file(piece, number, &recent, &shapes, &mut |bytes| self.hold(bytes))?;
        let section = Arc::new(section);
        self.trellis_sections += 1;
        let own = section.settings()?;
        if *settings.get_or_insert(own) != own {
            let (what, rule) = ("states of a trellis", "all sections of a file have the same, and the same classes");
            return Err(Error::Malformed { what, value: own.trellis().states().into(), rule });
        }
        let described = section.description();
        for ((part, &number), [head, numbers]) in waiting.iter().enumerate().zip(described.shares()) {
            let partner = described.partner(part).map(|partner| &tensors[waiting[partner]].0);
            let is_own = described.predicts_itself(part);
            let states = own.trellis().states();
            let source = match partner {
                Some(partner) => format!(", predicted from {partner}"),
                None if is_own => ", rows predicted from earlier ones".into(),
                None => String::new(),
            };
            let basis = match described.turned_rows(part) {
                0 => String::new(),
                rows => format!(", {rows} lines along principal directions"),
            };
            let coding = format!("trellis, {states} states{source}{basis}");
            let (name, _, _, contents) = &mut tensors[number];
            self.ledger.tensors[number] = TensorBytes::new(name, &coding, head, Spent::default(), numbers);
            *contents = Some(Contents::Trellis(section.clone(), part));
        }
        Ok(())
    }

    fn structure(&mut self) -> Result<Structure, Error> {
        let id = self.models.structure.code(&mut self.coder, 0);
        let structure = if id == 0 {
            let bytes = self.models.text.code(&mut self.coder, Kind::Structure, &[], &self.limits)?;
            let (structure, length) = wire::from_bytes::<Structure>(&bytes)?;
            if length < bytes.len() {
                return Err(Error::TrailingBytes { count: (bytes.len() - length) as u64 });
            }
            structure
        } else {
            known_structure(id).ok_or(Error::Malformed {
                what: "the number of a known structure",
                value: id,
                rule: "this reader knows fewer; update mixpress",
            })?
        };
        structure.check(&self.limits)?;
        Ok(structure)
    }

    fn definition(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let before = self.coder.spent();
        if !self.models.present(&mut self.coder, false) {
            return Ok(None);
        }
        let mut outside = 0;
        let definition = if self.models.outside(&mut self.coder, false) {
            let bytes = self.sections.take(SectionKind::Raw)?.bytes()?.into_owned();
            outside = bytes.len();
            bytes
        } else {
            self.models.text.code(&mut self.coder, Kind::Definition, &[], &self.limits)?
        };
        self.ledger.definition = (self.coder.spent() - before) / 8.0 + outside as f64;
        Ok(Some(definition))
    }

    fn plain(&mut self, name: &str, shape: &[usize], dtype: Dtype) -> Result<Contents<'a>, Error> {
        let before = self.coder.spent();
        let is_narrow = dtype == Dtype::F32 && self.models.present(&mut self.coder, false);
        let size = if is_narrow { 2 } else { dtype.size() };
        // The number of entries passed the limits.
        let length = elements(shape).unwrap_or(usize::MAX).saturating_mul(size);
        let outside = self.models.outside(&mut self.coder, false);
        let (kind, piece) = if outside {
            self.sections.take_any(&[SectionKind::Raw, SectionKind::Planes])?
        } else if length as u64 > self.limits.max_header_bytes {
            let limit = self.limits.max_header_bytes;
            return Err(Error::Limit { what: "bytes of a plain tensor in the stream", claimed: length as u64, limit });
        } else {
            self.hold(length as u64)?;
            let bytes = self.models.text.content(&mut self.coder, Kind::Plain, &[], length);
            (SectionKind::Stream, Piece::Held(Cow::Owned(bytes)))
        };
        let taken = if outside { piece.len() } else { 0 };
        let decoded = elements(shape).unwrap_or(usize::MAX).saturating_mul(dtype.size());
        self.limits.tensor(name, decoded as u64, taken as u64)?;
        let data = PlainBytes::new(dtype, is_narrow, length, kind, piece)?;
        let coding = match (kind, is_narrow) {
            (SectionKind::Stream, false) => "plain, in the stream",
            (SectionKind::Stream, true) => "plain, as f16 in the stream",
            (SectionKind::Planes, false) => "plain, in planes",
            (SectionKind::Planes, true) => "plain, as f16 in planes",
            (_, false) => "plain",
            (_, true) => "plain, as f16",
        };
        let magnitudes = (self.coder.spent() - before) / 8.0 + taken as f64;
        self.ledger.tensors.push(TensorBytes::new(name, coding, 0.0, Spent::default(), magnitudes));
        Ok(Contents::Plain(data))
    }

    fn quantized(
        &mut self,
        name: &str,
        shape: &[usize],
        axes: &[Option<AxisRef>],
        groups: &[UnitGroup],
        live: &[Vec<bool>],
    ) -> Result<Indices<'a>, Error> {
        let before = self.coder.spent();
        let book = self.models.levels.code(&mut self.coder, &Codebook::Values(Vec::new()))?.validated(name)?;
        let total = elements(shape).unwrap_or(usize::MAX);
        if total == 0 {
            let bytes = (self.coder.spent() - before) / 8.0;
            self.ledger.tensors.push(TensorBytes::new(name, "empty", bytes, Spent::default(), 0.0));
            return Ok(Indices { book, zero: 0, live: None, count: 0, coded: Coded::Decoded(Vec::new()) });
        }
        self.hold(positions_bytes(shape, axes))?;
        let lengths = live_lengths(shape, axes, live);
        let count: usize = lengths.iter().product();
        // Only made where they are needed: axes are as long as the file claims.
        let positions = || live_positions(shape, axes, live);
        let zero = match book.zero_index() {
            Some(zero) => zero,
            None if count == total => 0,
            None => {
                return Err(Error::Malformed {
                    what: "the number of dead entries of a tensor without a zero",
                    value: (total - count) as u64,
                    rule: "dead entries are zero",
                });
            }
        };
        let coding = self.models.coding(&mut self.coder, Coding::Adaptive);
        let book_bytes = (self.coder.spent() - before) / 8.0;
        let before = self.coder.spent();
        let mut spent = Spent::default();
        let mut taken = 0;
        let coded = match coding {
            Coding::Adaptive => {
                if count > MAX_ADAPTIVE {
                    return Err(too_many(count));
                }
                self.hold(2 * count as u64)?;
                let (part, parts) = self.adaptive(shape, axes, groups, &positions(), &book, count)?;
                spent = parts;
                Coded::Decoded(in_range(name, part, book.len())?)
            }
            Coding::Inline => {
                if count > MAX_ADAPTIVE {
                    return Err(too_many(count));
                }
                self.hold(2 * count as u64)?;
                let width = book.bit_width();
                let part = (0..count).map(|_| self.coder.bits(0, width) as u16).collect();
                Coded::Decoded(in_range(name, part, book.len())?)
            }
            Coding::Packed => {
                let bytes = self.sections.take(SectionKind::Packed)?;
                taken = bytes.len();
                Coded::Packed(bytes)
            }
            Coding::Static => {
                let (table, zeros) = self.table(&book, count)?;
                let bytes = self.sections.take(SectionKind::Static)?;
                taken = bytes.len();
                Coded::Static { bytes, table, zeros }
            }
        };
        self.limits.tensor(name, values_bytes(total), taken as u64)?;
        let named = spent.positions + spent.signs + spent.magnitudes;
        let rest = (self.coder.spent() - before - named) / 8.0 + taken as f64;
        self.ledger.tensors.push(TensorBytes::new(name, coding.words(), book_bytes, spent, rest));
        let live = (lengths != shape).then(positions);
        Ok(Indices { book, zero, live, count, coded })
    }

    /// The table of a statically coded live part, and how many of its entries are zero.
    fn table(&mut self, book: &Codebook, count: usize) -> Result<(rans::Table, usize), Error> {
        if book.len() > rans::MAX_LEVELS {
            return Err(Error::Malformed {
                what: "the codebook of an entropy-coded section",
                value: book.len() as u64,
                rule: "it has at most 1024 values",
            });
        }
        let mut frequencies = Vec::with_capacity(book.len());
        for _ in 0..book.len() {
            frequencies.push(self.models.frequencies.code(&mut self.coder, 0).min(u64::from(u16::MAX)) as u32);
        }
        let is_paired = self.models.paired(&mut self.coder, book.len(), false);
        let zeros = if book.zero_index().is_some() { self.models.zeros.code(&mut self.coder, 0) } else { 0 };
        if zeros > count as u64 {
            return Err(Error::Malformed {
                what: "the number of zeros of a tensor",
                value: zeros,
                rule: "it has fewer entries",
            });
        }
        Ok((rans::Table { frequencies, is_paired }, zeros as usize))
    }

    fn adaptive(
        &mut self,
        shape: &[usize],
        axes: &[Option<AxisRef>],
        groups: &[UnitGroup],
        live: &[Vec<u32>],
        book: &Codebook,
        count: usize,
    ) -> Result<(Vec<u16>, Spent), Error> {
        let sides = sides(book);
        let largest = sides.negative.max(sides.positive);
        if largest > MAX_SIDE {
            return Err(Error::Malformed {
                what: "the number of codebook values on one side of zero",
                value: u64::from(largest),
                rule: "the adaptive model takes at most 64",
            });
        }
        let geometry = (shape.len() > 1).then(|| Geometry::new(shape, axes, groups, live));
        let layout = match &geometry {
            Some(geometry) => Shape::Matrix { geometry, rows: live[0].len() },
            None => Shape::Vector,
        };
        let mut symbols = vec![0; count];
        let spent = self.models.tensors.code(&mut self.coder, layout, sides, false, &mut symbols);
        let pivot = i32::from(pivot(book));
        Ok((symbols.iter().map(|s| (s + pivot) as u16).collect(), spent))
    }
}

/// Bytes of the live positions of a tensor's axes, at most; they are held only where units may be dead.
pub(crate) fn positions_bytes(shape: &[usize], axes: &[Option<AxisRef>]) -> u64 {
    if axes.iter().all(Option::is_none) {
        return 0;
    }
    shape.iter().fold(0, |bytes, &length| bytes.saturating_add(4 * length as u64))
}

/// Bytes of so many values of a quantised tensor.
pub(crate) fn values_bytes(count: usize) -> u64 {
    (count as u64).saturating_mul(4)
}

/// Indices of a tensor, all of which name one of so many values. A damaged stream may say that an entry is zero where
/// there is no zero.
fn in_range(name: &str, indices: Vec<u16>, levels: usize) -> Result<Vec<u16>, Error> {
    match indices.iter().position(|&index| usize::from(index) >= levels) {
        Some(position) => Err(Error::Index { name: name.to_owned(), position, index: indices[position], levels }),
        None => Ok(indices),
    }
}

fn too_many(count: usize) -> Error {
    Error::Malformed {
        what: "the number of live entries in the stream",
        value: count as u64,
        rule: "it is at most 2^24; more have a section",
    }
}
