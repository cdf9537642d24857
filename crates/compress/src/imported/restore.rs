//! From a file back to the model that it was made of.

use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};

use mixpress_codebook::{Archive, Breakdown, Codebook, StoredTensor};
use mixpress_interchange::{BoxError, Codebooks, Element, Gathered, Limits, Skeleton, WriteOptions};

use super::payload;
use crate::Error;

/// The first byte of a definition that is another program's model. In a network's definition it is the number of dimensions of
/// its input.
pub(crate) const IMPORTED: u8 = 0xFF;

/// The definition of a file that holds a model.
pub(super) fn definition(skeleton: &Skeleton) -> Vec<u8> {
    let mut out = vec![IMPORTED];
    out.extend(skeleton.to_bytes());
    out
}

/// An `.mxp` file that holds another program's model. Tensors are decoded when they are asked for.
#[derive(Debug)]
pub struct ModelFile {
    archive: Archive<'static>,
    breakdown: Breakdown,
    skeleton: Skeleton,
}

impl ModelFile {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::Codebook`] when it is damaged or is no `.mxp` file; [`Error::NotImported`] when it holds a network
    /// that was trained here; [`Error::Tensors`] when its tensors are not those of its model.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|source| Error::Read { path: path.into(), source })?;
        let (archive, breakdown) = Archive::open_file(file)?;
        let Some([IMPORTED, stored @ ..]) = archive.definition() else {
            return Err(Error::NotImported { path: path.into() });
        };
        let skeleton = Skeleton::from_bytes(stored, &Limits::default())?;
        let (tensors, held) = (skeleton.tensors(), archive.tensors());
        if tensors.len() != held.len() {
            return Err(Error::Tensors(format!("it has {} tensors, its model {}", held.len(), tensors.len())));
        }
        for (tensor, held) in tensors.iter().zip(held) {
            let shape = payload::shape(tensor)?;
            let is_whole = held.shape() == shape || held.dtype().is_some();
            if tensor.name() != held.name() || !is_whole {
                return Err(Error::Tensors(format!(
                    "{} is not the tensor {} of its model",
                    held.name(),
                    tensor.name()
                )));
            }
            if held.dtype().is_none() && !tensor.element().is_compressible() {
                return Err(Error::Tensors(format!(
                    "{} has values, but its type is {}",
                    held.name(),
                    tensor.element()
                )));
            }
        }
        Ok(Self { archive, breakdown, skeleton })
    }

    /// The model without its tensors' values: its tensors' names, shapes and types are there.
    #[must_use]
    pub fn skeleton(&self) -> &Skeleton {
        &self.skeleton
    }

    /// The tensors as the file holds them, in the order of [`Skeleton::tensors`].
    #[must_use]
    pub fn tensors(&self) -> &[StoredTensor<'static>] {
        self.archive.tensors()
    }

    /// Where the bytes of the file go.
    #[must_use]
    pub fn breakdown(&self) -> &Breakdown {
        &self.breakdown
    }

    /// The number of the tensor of a name; a tensor may have several.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.skeleton.tensors().iter().position(|tensor| tensor.names().iter().any(|own| own == name))
    }

    /// The type of a tensor's entries.
    pub(super) fn element(&self, number: usize) -> Element {
        self.skeleton.tensors()[number].element()
    }

    /// The little-endian bytes of a tensor, as its model has them.
    ///
    /// # Errors
    /// [`Error::Codebook`] if its section does not decode.
    ///
    /// # Panics
    /// If there is no tensor of this number.
    pub fn payload(&self, number: usize) -> Result<Vec<u8>, Error> {
        let stored = &self.archive.tensors()[number];
        if stored.dtype().is_some() {
            return Ok(stored.data()?);
        }
        let values = stored.values()?;
        let bytes = payload::bytes(self.element(number), &values);
        bytes.ok_or_else(|| Error::Tensors(format!("{} has values, but no weights' type", stored.name())))
    }

    /// Writes the model, and returns the paths of all files that it has, that one first.
    ///
    /// # Errors
    /// [`Error::Codebook`] if a tensor does not decode; [`Error::Interchange`] if a file cannot be written.
    pub fn restore(&self, out: impl AsRef<Path>, options: &WriteOptions) -> Result<Vec<PathBuf>, Error> {
        let mut payloads = |number: usize| Ok(Cow::Owned(self.payload(number)?));
        Ok(self.skeleton.write(out, &mut payloads, options)?)
    }

    /// Writes an ONNX model in which each tensor of which the file has a codebook and at most 256 values in use stays one: its indices
    /// are bytes, and `Gather` looks them up. The model is small by itself, runs in any runtime of ONNX, and gives the results of
    /// the one that [`ModelFile::restore`] writes. Tells which weights are plain, and why.
    ///
    /// # Errors
    /// As [`ModelFile::restore`]; [`Error::Interchange`] also for a model that is not ONNX, or whose versions do not have what it
    /// takes (see [`Skeleton::write_gathered`]).
    pub fn restore_as_gather(&self, out: impl AsRef<Path>, options: &WriteOptions) -> Result<Gathered, Error> {
        Ok(self.skeleton.write_gathered(out, &mut &*self, options)?)
    }
}

/// A codebook may have more values than entries have: it is the values in use that count.
impl Codebooks for &ModelFile {
    fn codebook(&mut self, tensor: usize) -> Result<Option<Vec<u8>>, BoxError> {
        let stored = &self.archive.tensors()[tensor];
        let Some(codebook) = stored.codebook() else { return Ok(None) };
        if !(1..=256).contains(&stored.used_values()?) {
            return Ok(None);
        }
        let used = in_use(codebook, &stored.indices()?);
        let used = used.iter().enumerate().filter(|&(_, &used)| used);
        let values: Vec<f32> = used.map(|(index, _)| codebook.value(index as u16)).collect();
        Ok(payload::bytes(self.element(tensor), &values))
    }

    fn indices(&mut self, tensor: usize) -> Result<Vec<u8>, BoxError> {
        let stored = &self.archive.tensors()[tensor];
        let codebook = stored.codebook().ok_or("it has no codebook")?;
        let indices = stored.indices()?;
        // The place of a value is the number of those in use before it.
        let places = in_use(codebook, &indices).into_iter().scan(0u32, |before, used| {
            let place = *before as u8;
            *before += u32::from(used);
            Some(place)
        });
        let places: Vec<u8> = places.collect();
        Ok(indices.iter().map(|&index| places[usize::from(index)]).collect())
    }

    fn payload(&mut self, tensor: usize) -> Result<Vec<u8>, BoxError> {
        Ok(ModelFile::payload(self, tensor)?)
    }
}

/// Which values of a codebook some entry has.
fn in_use(codebook: &Codebook, indices: &[u16]) -> Vec<bool> {
    let mut used = vec![false; codebook.len()];
    for &index in indices {
        used[usize::from(index)] = true;
    }
    used
}

/// Writes the model that a file was made of: see [`ModelFile::restore`].
///
/// # Errors
/// As [`ModelFile::open`] and [`ModelFile::restore`].
pub fn restore(file: impl AsRef<Path>, out: impl AsRef<Path>, options: &WriteOptions) -> Result<Vec<PathBuf>, Error> {
    ModelFile::open(file)?.restore(out, options)
}
