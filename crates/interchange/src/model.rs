//! A model on the disk: what it is, its tensors, and everything else of it.

use std::path::Path;

use crate::location::own_name;
use crate::reading::{FileParts, Place, Reading};
use crate::source::Source;
use crate::{Element, Error, Format, Kept, Limits, Skeleton, onnx, safetensors, twins};

/// A tensor of a model. Tensors that are stored several times with equal shape, type and bytes are one, with several
/// names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceTensor {
    pub(crate) names: Vec<String>,
    pub(crate) shape: Vec<u64>,
    pub(crate) element: Element,
    pub(crate) bytes: u64,
}

impl SourceTensor {
    /// Its name, the first one where it has several. What has no name in the file is called after where it stands: a
    /// constant by its node's output, within subgraphs after the nodes and attributes that lead there, as in
    /// `If_0/then_branch/Constant_12`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.names[0]
    }

    /// All its names, in the order of the file. No two tensors of a model share one.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Lengths of its axes; none for a scalar.
    #[must_use]
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// The type of its entries.
    #[must_use]
    pub fn element(&self) -> Element {
        self.element
    }

    /// Bytes of its payload.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// A model that was opened: a safetensors file, a sharded set of them, or an ONNX model with its external files.
///
/// Its files stay where they are. A payload is read when it is asked for, by its position, so that no more than it is
/// in memory; nothing is mapped, so that a file which another program cuts short is an error and not a crash.
#[derive(Debug)]
pub struct Model {
    skeleton: Skeleton,
    reading: Reading,
    places: Vec<Place>,
}

impl Model {
    /// Opens a model; what it is, its contents say: a safetensors file, the index of a sharded model (`weight_map`), or
    /// an ONNX model. Files that belong to it are looked for in its folder.
    ///
    /// # Errors
    /// [`Error::Unrecognised`] for anything else; whatever rule of its format a file breaks; [`Error::Read`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(path, Limits::default())
    }

    /// As [`open`](Self::open), within these limits.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`Error::Limit`].
    pub fn open_with(path: impl AsRef<Path>, limits: Limits) -> Result<Self, Error> {
        let path = path.as_ref();
        let source = Source::open(path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = own_name(&name).to_owned();
        let mut reading = Reading::new(limits);
        let format = recognise(&source)?;
        let mut files = match format {
            Format::Safetensors => {
                let pieces = safetensors::read(&mut reading, source)?;
                vec![FileParts { name, pieces }]
            }
            Format::ShardedSafetensors => safetensors::read_index(&mut reading, source, name)?,
            Format::Onnx => onnx::read(&mut reading, source, name)?,
        };
        let (tensors, places) = twins::merge(&mut reading, &mut files)?;
        Ok(Self { skeleton: Skeleton { format, files, tensors }, reading, places })
    }

    /// What the model is.
    #[must_use]
    pub fn format(&self) -> Format {
        self.skeleton.format
    }

    /// All tensors that were cut out. Of safetensors files these are all that they have. Of ONNX models these are
    /// trained weights ([`Element::is_compressible`]) from 64 bytes on and others from 1 KiB on; [`kept`](Self::kept)
    /// has the rest.
    #[must_use]
    pub fn tensors(&self) -> &[SourceTensor] {
        &self.skeleton.tensors
    }

    /// The tensors that stay in the skeleton with their values, and why.
    #[must_use]
    pub fn kept(&self) -> &[Kept] {
        &self.reading.kept
    }

    /// Everything of the model that is not a tensor's payload.
    #[must_use]
    pub fn skeleton(&self) -> &Skeleton {
        &self.skeleton
    }

    /// The payload of a tensor by its number in [`tensors`](Self::tensors): its entries in row-major order,
    /// little-endian.
    ///
    /// # Errors
    /// [`Error::Read`], also where the file was changed since it was opened.
    ///
    /// # Panics
    /// If there is no tensor of this number.
    #[track_caller]
    pub fn payload(&self, tensor: usize) -> Result<Vec<u8>, Error> {
        let count = self.places.len();
        assert!(tensor < count, "tensor {tensor} of a model of {count}");
        twins::payload(&self.reading, self.skeleton.tensors[tensor].element, &self.places[tensor])
    }

    /// Paths of all files of the model, the one that was opened first.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.reading.sources.iter().map(Source::path)
    }

    /// Bytes of all files of the model.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.reading.sources.iter().map(Source::length).sum()
    }
}

/// What a file is, by its contents.
fn recognise(source: &Source) -> Result<Format, Error> {
    let first = source.read(0..source.length().min(64))?;
    // The length of a header is far below 2^32, and no ONNX model begins with four zeros in these places.
    let is_safetensors = first.get(8) == Some(&b'{') && first[4..8] == [0; 4];
    if is_safetensors {
        return Ok(Format::Safetensors);
    }
    if first.trim_ascii_start().starts_with(b"{") {
        return Ok(Format::ShardedSafetensors);
    }
    if onnx::is_model(source)? {
        return Ok(Format::Onnx);
    }
    if first.get(8) == Some(&b'{') {
        return Ok(Format::Safetensors);
    }
    let found = first[..first.len().min(16)].to_vec();
    Err(Error::Unrecognised { path: source.path().into(), found })
}
