//! Everything of a model that is not a tensor's payload.

use crate::SourceTensor;
use crate::reading::FileParts;

/// What a model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One safetensors file.
    Safetensors,
    /// An index and the safetensors files that it names.
    ShardedSafetensors,
    /// An ONNX model, with or without external files.
    Onnx,
}

/// A model without the payloads of its tensors: its files, byte for byte, with a hole where each payload goes.
///
/// [`to_bytes`](Self::to_bytes) stores it, [`write`](Self::write) makes the model from it. With the payloads that were
/// cut out, the files are those that were read, byte for byte. With other values the rest of them stays as it is,
/// except for lengths that follow from values which take another number of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skeleton {
    pub(crate) format: Format,
    /// The one that was opened first.
    pub(crate) files: Vec<FileParts>,
    pub(crate) tensors: Vec<SourceTensor>,
}

impl Skeleton {
    /// What the model is.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// The tensors whose payloads are missing, by their numbers.
    #[must_use]
    pub fn tensors(&self) -> &[SourceTensor] {
        &self.tensors
    }

    /// Names of the model's files, the one that was opened first. The others are relative to its folder.
    pub fn file_names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| &file.name[..])
    }
}
