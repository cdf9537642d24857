//! A file whose stream has been read and whose sections have not: structure at once, values when they are wanted.

use std::{fs::File, sync::Arc};

use rayon::prelude::*;

use crate::{
    AxisRef, Breakdown, Codebook, Container, Dtype, Entry, Error, Limits, Metadata, PlainTensor, QuantizedTensor,
    TensorKind, UnitGroup, bitpack,
    limits::zeros,
    liveness::live_offsets,
    output::Output,
    rans, reader,
    source::{Piece, Source},
    stored::PlainBytes,
    tensor::{elements, mark_used, nonzeros},
    trellis::{Section, TrellisMatrix, TrellisSettings, TrellisTensor},
};

/// Bytes of sections from which on threads are asked for help.
const WORTH_SHARING: usize = 1 << 15;

/// An opened file: checksums compared, the stream decoded, large sections of indices left as they are until a tensor is
/// asked for its values.
///
/// Opening costs time in proportion to the file's bytes and the units of its groups, not to its entries, but for
/// tensors that stand in the stream; one with dead units or with a trellis takes time and room in proportion to the
/// lengths of its axes. Values are decoded on the threads of the current rayon pool; they are the same for any number
/// of them.
///
/// ```
/// # use mixpress_codebook::{Archive, Codebook, Container, QuantizedTensor, encode};
/// # let indices = (0..40_000u32).map(|i| (i.wrapping_mul(i) >> 7) as u16 % 9).collect();
/// # let book = Codebook::grid_for(1.0, 4);
/// # let tensor = QuantizedTensor::new("fc1.weight", [200, 200], book, indices)?;
/// # let bytes = encode(&Container { entries: vec![tensor.into()], ..Container::default() })?;
/// let archive = Archive::open(&bytes)?;
/// let tensor = archive.get("fc1.weight").expect("the file has such a tensor");
/// println!("{:?}, {} nonzero entries", tensor.shape(), tensor.nonzeros()?);
/// let mut values = vec![0.0; tensor.len()];
/// tensor.values_into(&mut values)?;
/// let indices: Vec<u8> = tensor.indices_u8()?;
/// assert_eq!(values[7], tensor.codebook().unwrap().value(indices[7].into()));
/// # Ok::<(), mixpress_codebook::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Archive<'a> {
    pub(crate) tensors: Vec<StoredTensor<'a>>,
    pub(crate) groups: Vec<UnitGroup>,
    pub(crate) trellis: Option<TrellisSettings>,
    pub(crate) definition: Option<Vec<u8>>,
    pub(crate) metadata: Metadata,
}

/// A tensor of an [`Archive`].
#[derive(Debug, Clone)]
pub struct StoredTensor<'a> {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) axes: Vec<Option<AxisRef>>,
    pub(crate) contents: Contents<'a>,
}

/// How a tensor is stored.
#[derive(Debug, Clone)]
pub(crate) enum Contents<'a> {
    /// Bytes of values.
    Plain(PlainBytes<'a>),
    /// Indices into a codebook.
    Quantized(Indices<'a>),
    /// The tensor of such a number among those of a section of trellis-coded ones.
    Trellis(Arc<Section<'a>>, usize),
}

/// The indices of a quantised tensor.
#[derive(Debug, Clone)]
pub(crate) struct Indices<'a> {
    pub(crate) book: Codebook,
    /// The index of dead entries.
    pub(crate) zero: u16,
    /// Live positions of each axis, where not all are.
    pub(crate) live: Option<Vec<Vec<u32>>>,
    /// Entries of the live part.
    pub(crate) count: usize,
    pub(crate) coded: Coded<'a>,
}

/// The indices of a live part.
#[derive(Debug, Clone)]
pub(crate) enum Coded<'a> {
    /// Read along with the stream.
    Decoded(Vec<u16>),
    /// A section of packed indices.
    Packed(Piece<'a>),
    /// A section of statically coded ones, `zeros` of which are zero as the file says.
    Static { bytes: Piece<'a>, table: rans::Table, zeros: usize },
}

impl<'a> Archive<'a> {
    /// Opens the bytes of a file under the default [`Limits`].
    ///
    /// # Errors
    /// If the bytes are not a well-formed file, or one that asks for more than the limits allow. What is wrong inside a
    /// section of indices shows only when the tensor is decoded.
    pub fn open(bytes: &'a [u8]) -> Result<Self, Error> {
        Self::open_with_limits(bytes, Limits::default())
    }

    /// Opens the bytes of a file.
    ///
    /// # Errors
    /// As [`Archive::open`].
    pub fn open_with_limits(bytes: &'a [u8], limits: Limits) -> Result<Self, Error> {
        reader::open(&Source::Memory(bytes), limits)
    }

    /// Opens the bytes of a file under the default [`Limits`], and says where they go.
    ///
    /// # Errors
    /// As [`Archive::open`].
    pub fn open_with_breakdown(bytes: &'a [u8]) -> Result<(Self, Breakdown), Error> {
        reader::open_with_breakdown(&Source::Memory(bytes), Limits::default())
    }

    /// Opens a file on disk under the default [`Limits`], and says where its bytes go.
    ///
    /// # Errors
    /// As [`Archive::open_file_with_limits`].
    pub fn open_file(file: File) -> Result<(Archive<'static>, Breakdown), Error> {
        Self::open_file_with_limits(file, Limits::default())
    }

    /// Opens a file on disk, and says where its bytes go. All checksums are compared, and sections are read again when
    /// a tensor is decoded, and compared again, for the file may have been changed. Of a section of trellis-coded tensors
    /// only those blocks are read that a tensor has a part of, a few of which are kept, of 8 MiB at most, for the next
    /// tensor, and two tensors at most, of 16 MiB, that predict others and have bases; a block that was changed shows by
    /// the states in which its coders end. Otherwise memory never holds more than the stream and the sections in use. What
    /// is no regular file, as a pipe, is held whole.
    ///
    /// # Errors
    /// As [`Archive::open`], and [`Error::Unreadable`] when the file cannot be read.
    pub fn open_file_with_limits(file: File, limits: Limits) -> Result<(Archive<'static>, Breakdown), Error> {
        reader::open_with_breakdown(&Source::of_file(file, &limits)?, limits)
    }

    /// The tensors, in the order of the file.
    #[must_use]
    pub fn tensors(&self) -> &[StoredTensor<'a>] {
        &self.tensors
    }

    /// The tensor called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&StoredTensor<'a>> {
        self.tensors.iter().find(|tensor| tensor.name == name)
    }

    /// The unit groups that tensor axes refer to.
    #[must_use]
    pub fn groups(&self) -> &[UnitGroup] {
        &self.groups
    }

    /// What trellis-coded tensors share, if there are some.
    #[must_use]
    pub fn trellis(&self) -> Option<TrellisSettings> {
        self.trellis
    }

    /// The network's definition; this crate does not look inside.
    #[must_use]
    pub fn definition(&self) -> Option<&[u8]> {
        self.definition.as_deref()
    }

    /// How the file came about.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Everything that the file holds, decoded; several tensors at a time, trellis-coded ones a section at a time.
    ///
    /// # Errors
    /// If a section does not decode: the error of the first such tensor, those that are trellis-coded before others.
    pub fn into_container(self) -> Result<Container, Error> {
        let Self { tensors, groups, trellis, definition, metadata } = self;
        let mut matrices = Vec::new();
        for tensor in &tensors {
            // Sections hold all trellis-coded tensors, in the order of the file.
            if let Contents::Trellis(section, 0) = &tensor.contents {
                matrices.extend(section.matrices()?);
            }
        }
        let mut matrices = matrices.into_iter();
        let with_matrix = |tensor: StoredTensor<'a>| match &tensor.contents {
            Contents::Trellis(..) => (tensor, matrices.next()),
            _ => (tensor, None),
        };
        let tensors: Vec<(StoredTensor<'a>, Option<TrellisMatrix>)> = tensors.into_iter().map(with_matrix).collect();
        let waiting: usize = tensors.iter().map(|(tensor, _)| tensor.waiting()).sum();
        let entry = |(tensor, matrix): (StoredTensor<'a>, Option<TrellisMatrix>)| tensor.into_entry(matrix);
        let entries: Vec<Result<Entry, Error>> = if waiting < WORTH_SHARING {
            tensors.into_iter().map(entry).collect()
        } else {
            tensors.into_par_iter().map(entry).collect()
        };
        let entries = entries.into_iter().collect::<Result<_, _>>()?;
        Ok(Container { entries, groups, trellis, definition, metadata })
    }
}

impl StoredTensor<'_> {
    /// Name, as `fc1.weight`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Length of each axis.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The unit group that each axis belongs to, if any.
    #[must_use]
    pub fn axes(&self) -> &[Option<AxisRef>] {
        &self.axes
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        // The reader's limits bound it.
        elements(&self.shape).unwrap_or(usize::MAX)
    }

    /// Whether the tensor has no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values that the indices name; nothing for a tensor that is plain or trellis-coded.
    #[must_use]
    pub fn codebook(&self) -> Option<&Codebook> {
        match &self.contents {
            Contents::Quantized(indices) => Some(&indices.book),
            Contents::Plain(_) | Contents::Trellis(..) => None,
        }
    }

    /// What stands for the values: indices into a codebook, the values themselves, or numbers that follow a trellis.
    #[must_use]
    pub fn kind(&self) -> TensorKind {
        match &self.contents {
            Contents::Quantized(_) => TensorKind::Quantized,
            Contents::Plain(plain) => TensorKind::Plain(plain.dtype),
            Contents::Trellis(..) => TensorKind::Trellis,
        }
    }

    /// What the values of a plain tensor are; nothing for a quantised one, trellis-coded ones among them.
    #[must_use]
    pub fn dtype(&self) -> Option<Dtype> {
        match &self.contents {
            Contents::Plain(plain) => Some(plain.dtype),
            Contents::Quantized(_) | Contents::Trellis(..) => None,
        }
    }

    /// Number of entries that are not zero. A statically coded tensor knows it as the file says, any other one counts.
    ///
    /// # Errors
    /// If the tensor's section does not decode.
    pub fn nonzeros(&self) -> Result<usize, Error> {
        match &self.contents {
            Contents::Plain(plain) => plain.nonzeros(&self.name),
            Contents::Trellis(..) => Ok(self.values()?.into_iter().filter(|&value| value != 0.0).count()),
            Contents::Quantized(indices) => match (&indices.coded, indices.book.zero_index()) {
                (_, None) => Ok(self.len()),
                (Coded::Static { zeros, .. }, Some(_)) => Ok(indices.count - zeros),
                (Coded::Decoded(part), Some(zero)) => Ok(nonzeros(part, zero)),
                (Coded::Packed(_), Some(zero)) => Ok(nonzeros(&indices.part::<u16>(&self.name)?, zero)),
            },
        }
    }

    /// Number of codebook values that some entry has; 0 without a codebook: see [`StoredTensor::used`].
    ///
    /// # Errors
    /// If the tensor's section does not decode.
    pub fn used_values(&self) -> Result<usize, Error> {
        Ok(self.used()?.into_iter().filter(|&used| used).count())
    }

    /// Whether some entry has it, for each value of the codebook; nothing without one. A statically coded tensor knows it
    /// as the file says, any other one looks.
    ///
    /// # Errors
    /// If the tensor's section does not decode.
    pub fn used(&self) -> Result<Vec<bool>, Error> {
        let Contents::Quantized(indices) = &self.contents else { return Ok(Vec::new()) };
        let mut used = vec![false; indices.book.len()];
        match &indices.coded {
            Coded::Decoded(part) => mark_used(part, &mut used),
            Coded::Packed(_) => mark_used(&indices.part::<u16>(&self.name)?, &mut used),
            Coded::Static { table, .. } => {
                used.iter_mut().zip(&table.frequencies).for_each(|(used, &frequency)| *used = frequency > 0);
            }
        }
        if indices.count < self.len() {
            used[usize::from(indices.zero)] = true;
        }
        Ok(used)
    }

    /// The values, row by row.
    ///
    /// # Errors
    /// If the tensor's section does not decode, or it is a plain tensor that is not f32, f16 or bf16.
    pub fn values(&self) -> Result<Vec<f32>, Error> {
        let mut out = zeros(&self.name, self.len())?;
        self.values_into(&mut out)?;
        Ok(out)
    }

    /// Writes the values, row by row, without making the indices first. Of a trellis-coded tensor's section the blocks
    /// are decoded that it, or the tensor that predicts it, has a part of.
    ///
    /// # Errors
    /// As [`StoredTensor::values`].
    ///
    /// # Panics
    /// If `out` has not the tensor's length.
    #[track_caller]
    pub fn values_into(&self, out: &mut [f32]) -> Result<(), Error> {
        assert_eq!(out.len(), self.len(), "the values of {} need as much room as it has entries", self.name);
        match &self.contents {
            Contents::Quantized(indices) => indices.whole(&self.name, &self.shape, out),
            Contents::Trellis(section, number) => section.decode_one(*number, out),
            Contents::Plain(plain) => {
                let is_float = plain.values_into(&self.name, out)?;
                if is_float { Ok(()) } else { Err(Error::NotFloats { name: self.name.clone() }) }
            }
        }
    }

    /// The little-endian bytes of a plain tensor's values, row by row: those that the file was made from, to the last bit.
    ///
    /// # Errors
    /// If the tensor's section does not decode, or the tensor is quantised.
    pub fn data(&self) -> Result<Vec<u8>, Error> {
        match &self.contents {
            Contents::Plain(plain) => plain.bytes(&self.name),
            Contents::Quantized(_) | Contents::Trellis(..) => Err(Error::NotPlain { name: self.name.clone() }),
        }
    }

    /// The indices into the codebook, row by row.
    ///
    /// # Errors
    /// If the tensor's section does not decode, or the tensor is plain.
    pub fn indices(&self) -> Result<Vec<u16>, Error> {
        self.whole(1 << 16)
    }

    /// Writes the indices into the codebook, row by row.
    ///
    /// # Errors
    /// As [`StoredTensor::indices`].
    ///
    /// # Panics
    /// If `out` has not the tensor's length.
    #[track_caller]
    pub fn indices_into(&self, out: &mut [u16]) -> Result<(), Error> {
        self.whole_into(1 << 16, out)
    }

    /// The indices into a codebook of at most 256 values, row by row.
    ///
    /// # Errors
    /// If the tensor's section does not decode, the tensor is plain, or its codebook has more values.
    pub fn indices_u8(&self) -> Result<Vec<u8>, Error> {
        self.whole(1 << 8)
    }

    /// Writes the indices into a codebook of at most 256 values, row by row.
    ///
    /// # Errors
    /// As [`StoredTensor::indices_u8`].
    ///
    /// # Panics
    /// If `out` has not the tensor's length.
    #[track_caller]
    pub fn indices_u8_into(&self, out: &mut [u8]) -> Result<(), Error> {
        self.whole_into(1 << 8, out)
    }

    /// All indices, of a codebook of at most `levels` values.
    fn whole<T: Output>(&self, levels: usize) -> Result<Vec<T>, Error> {
        let indices = self.quantized(levels)?;
        let mut out = zeros(&self.name, self.len())?;
        indices.whole(&self.name, &self.shape, &mut out)?;
        Ok(out)
    }

    #[track_caller]
    fn whole_into<T: Output>(&self, levels: usize, out: &mut [T]) -> Result<(), Error> {
        assert_eq!(out.len(), self.len(), "the indices of {} need as much room as it has entries", self.name);
        self.quantized(levels)?.whole(&self.name, &self.shape, out)
    }

    /// The indices, if the codebook has at most `levels` values.
    fn quantized(&self, levels: usize) -> Result<&Indices<'_>, Error> {
        let name = || self.name.clone();
        match &self.contents {
            Contents::Plain(_) | Contents::Trellis(..) => Err(Error::NotQuantized { name: name() }),
            Contents::Quantized(indices) if indices.book.len() <= levels => Ok(indices),
            Contents::Quantized(Indices { book, .. }) => {
                Err(Error::NotIndices { name: name(), levels: book.len(), limit: levels })
            }
        }
    }

    /// Bytes of a section of its own that is yet to be decoded.
    fn waiting(&self) -> usize {
        match &self.contents {
            Contents::Quantized(Indices { coded: Coded::Packed(bytes) | Coded::Static { bytes, .. }, .. }) => {
                bytes.len()
            }
            Contents::Plain(plain) => plain.waiting(),
            Contents::Quantized(_) | Contents::Trellis(..) => 0,
        }
    }

    /// The tensor decoded; `matrix` is that of a trellis-coded one, where its section was decoded before.
    fn into_entry(self, matrix: Option<TrellisMatrix>) -> Result<Entry, Error> {
        match self.contents {
            Contents::Trellis(section, number) => {
                let matrix = match matrix {
                    Some(matrix) => matrix,
                    None => section.matrices()?.swap_remove(number),
                };
                Ok(TrellisTensor::new(self.name, self.shape, matrix)?.into())
            }
            Contents::Plain(plain) => {
                let dtype = plain.dtype;
                let bytes = plain.into_bytes(&self.name)?;
                Ok(PlainTensor::from_bytes(self.name, self.shape, dtype, bytes)?.into())
            }
            Contents::Quantized(indices) => {
                let told = match &indices.coded {
                    Coded::Static { zeros, .. } if indices.book.zero_index().is_some() => Some(indices.count - zeros),
                    _ => None,
                };
                let (book, all) = indices.into_whole(&self.name, &self.shape)?;
                let tensor = QuantizedTensor::new(self.name, self.shape, book, all)?.with_axes(self.axes)?;
                if let Some(told) = told
                    && told != tensor.nonzeros()
                {
                    return Err(Error::Malformed {
                        what: "the number of nonzero entries that the file tells",
                        value: told as u64,
                        rule: "its indices have another",
                    });
                }
                Ok(tensor.into())
            }
        }
    }
}

impl Indices<'_> {
    /// The live part.
    fn part<T: Output>(&self, name: &str) -> Result<Vec<T>, Error> {
        let mut out = zeros(name, self.count)?;
        self.part_into(&self.book.to_values(), &mut out)?;
        Ok(out)
    }

    fn part_into<T: Output>(&self, values: &[f32], out: &mut [T]) -> Result<(), Error> {
        match &self.coded {
            Coded::Decoded(part) => {
                out.iter_mut().zip(part).for_each(|(out, &index)| *out = T::of(index, values));
                Ok(())
            }
            Coded::Packed(bytes) => bitpack::unpack(&bytes.bytes()?, values, out),
            Coded::Static { bytes, table, .. } => rans::decode(&bytes.bytes()?, table, values, out),
        }
    }

    /// The codebook, and the indices of all entries of a tensor of this shape.
    fn into_whole(self, name: &str, shape: &[usize]) -> Result<(Codebook, Vec<u16>), Error> {
        match self {
            Self { book, live: None, coded: Coded::Decoded(part), .. } => Ok((book, part)),
            other => {
                let mut all = zeros(name, elements(shape).unwrap_or(usize::MAX))?;
                other.whole(name, shape, &mut all)?;
                Ok((other.book, all))
            }
        }
    }

    /// All entries of a tensor of this shape: the live part where it belongs, zeros elsewhere.
    fn whole<T: Output>(&self, name: &str, shape: &[usize], out: &mut [T]) -> Result<(), Error> {
        let values = self.book.to_values();
        let Some(live) = &self.live else { return self.part_into(&values, out) };
        let mut part: Vec<T> = zeros(name, self.count)?;
        self.part_into(&values, &mut part)?;
        out.fill(T::of(self.zero, &values));
        live_offsets(shape, live).zip(part).for_each(|(offset, value)| out[offset] = value);
        Ok(())
    }
}
