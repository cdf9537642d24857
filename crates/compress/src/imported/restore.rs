//! From a file back to the model that it was made of.

use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};

use mixpress_codebook::{Archive, Breakdown, Limits as CodebookLimits, StoredTensor};
use mixpress_interchange::{Element, Gathered, Limits, Skeleton, WriteOptions};
use mixpress_train::CancelToken;

use super::gather::{Stoppable, stop};
use super::payload;
use crate::{CompressedModel, Error};

/// The first byte of a definition that is another program's model. In a network's definition it is the number of
/// dimensions of its input.
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
    /// [`Error::Read`]; [`Error::Codebook`] when it is damaged or is no `.mxp` file; [`Error::NotImported`] when it
    /// holds a network that was trained here; [`Error::Tensors`] when its tensors are not those of its model.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        match Opened::open(path.as_ref())? {
            Opened::Model(model) => Ok(model),
            Opened::Network(_) => Err(Error::NotImported { path: path.as_ref().into() }),
        }
    }

    pub(crate) fn of_archive(archive: Archive<'static>, breakdown: Breakdown) -> Result<Self, Error> {
        let Some([IMPORTED, stored @ ..]) = archive.definition() else { return Err(Error::NoDefinition) };
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

    /// The little-endian bytes of a tensor, as its model has them; values of a trellis-coded one are rounded to the type.
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

    /// Number of states of the trellis, where tensors are trellis-coded; otherwise 0.
    #[must_use]
    pub fn states(&self) -> u16 {
        self.archive.trellis().map_or(0, |settings| settings.trellis().states())
    }

    /// Writes the model, and returns the paths of all files that it has, that one first.
    ///
    /// # Errors
    /// [`Error::Codebook`] if a tensor does not decode; [`Error::Interchange`] if a file cannot be written.
    pub fn restore(&self, out: impl AsRef<Path>, options: &WriteOptions) -> Result<Vec<PathBuf>, Error> {
        self.restore_until(out, options, &CancelToken::new())
    }

    /// [`ModelFile::restore`], stopped at the next tensor when somebody asks for that; nothing is left behind then.
    ///
    /// # Errors
    /// As [`ModelFile::restore`]; [`Error::Interrupted`].
    pub fn restore_until(
        &self,
        out: impl AsRef<Path>,
        options: &WriteOptions,
        cancel: &CancelToken,
    ) -> Result<Vec<PathBuf>, Error> {
        let mut payloads = |number: usize| {
            stop(cancel)?;
            Ok(Cow::Owned(self.payload(number)?))
        };
        self.skeleton.write(out, &mut payloads, options).map_err(written)
    }

    /// Writes an ONNX model in which each tensor of which the file has a codebook and at most 256 values in use stays
    /// one: its indices are bytes, and `Gather` looks them up. The model is small by itself, runs in any runtime of
    /// ONNX, and gives the results of the one that [`ModelFile::restore`] writes. Tells which weights are plain, and
    /// why.
    ///
    /// # Errors
    /// As [`ModelFile::restore`]; [`Error::Interchange`] also for a model that is not ONNX, or whose versions do not
    /// have what it takes (see [`Skeleton::write_gathered`]).
    pub fn restore_as_gather(&self, out: impl AsRef<Path>, options: &WriteOptions) -> Result<Gathered, Error> {
        self.restore_as_gather_until(out, options, &CancelToken::new())
    }

    /// [`ModelFile::restore_as_gather`], stopped at the next tensor when somebody asks for that; nothing is left behind
    /// then.
    ///
    /// # Errors
    /// As [`ModelFile::restore_as_gather`]; [`Error::Interrupted`].
    pub fn restore_as_gather_until(
        &self,
        out: impl AsRef<Path>,
        options: &WriteOptions,
        cancel: &CancelToken,
    ) -> Result<Gathered, Error> {
        let mut source = Stoppable { file: self, cancel };
        self.skeleton.write_gathered(out, &mut source, options).map_err(written)
    }
}

/// What an error in writing a model means: payloads fail also because somebody stopped them.
pub(super) fn written(error: mixpress_interchange::Error) -> Error {
    match error {
        mixpress_interchange::Error::Payload { source, .. }
            if matches!(source.downcast_ref(), Some(Error::Interrupted { .. })) =>
        {
            Error::Interrupted { checkpoint: None, best: None }
        }
        error => error.into(),
    }
}

/// What an `.mxp` file may hold.
#[derive(Debug)]
pub enum Opened {
    /// Another program's model.
    Model(ModelFile),
    /// A network that was trained here, or tensors alone.
    Network(CompressedModel),
}

impl Opened {
    /// Opens a file once, whatever it holds: it may be a pipe.
    ///
    /// # Errors
    /// As [`ModelFile::open`] and [`CompressedModel::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let (archive, breakdown) = open_archive(path.as_ref())?;
        if is_model(&archive) {
            return Ok(Self::Model(ModelFile::of_archive(archive, breakdown)?));
        }
        let entries: u64 = archive.tensors().iter().map(|tensor| tensor.len() as u64).sum();
        let limit = CodebookLimits::default().max_total_elements;
        if entries > limit {
            let what = "entries of all tensors";
            return Err(mixpress_codebook::Error::Limit { what, claimed: entries, limit }.into());
        }
        Ok(Self::Network(CompressedModel::of_container(archive.into_container()?, breakdown)?))
    }
}

/// Opens a file. Tensors are decoded one by one, so their entries together bound nothing that is in memory at once; those of
/// each have a limit.
pub(crate) fn open_archive(path: &Path) -> Result<(Archive<'static>, Breakdown), Error> {
    let file = File::open(path).map_err(|source| Error::Read { path: path.into(), source })?;
    Ok(Archive::open_file_with_limits(file, CodebookLimits::tensor_by_tensor())?)
}

/// Whether a file holds another program's model.
pub(crate) fn is_model(archive: &Archive<'_>) -> bool {
    matches!(archive.definition(), Some([IMPORTED, ..]))
}

/// Writes the model that a file was made of: see [`ModelFile::restore`].
///
/// # Errors
/// As [`ModelFile::open`] and [`ModelFile::restore`].
pub fn restore(file: impl AsRef<Path>, out: impl AsRef<Path>, options: &WriteOptions) -> Result<Vec<PathBuf>, Error> {
    ModelFile::open(file)?.restore(out, options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_hold_as_many_tensors_as_a_model_may_have() {
        assert_eq!(CodebookLimits::tensor_by_tensor().max_tensors, Limits::default().max_tensors);
    }
}
