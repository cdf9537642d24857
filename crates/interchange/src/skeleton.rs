//! Everything of a model that is not a tensor's payload.

use crate::SourceTensor;
use crate::piece::Piece;
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

    /// Whether it is the skeleton of the same model, which may lie in a file of another name.
    #[must_use]
    pub fn is_same_model(&self, other: &Self) -> bool {
        self.tensors == other.tensors && self.has_same_files(other, |file, other| file.pieces == other.pieces)
    }

    /// Whether all bytes of the models are the same that are no payloads, and tell no lengths that follow from them.
    /// The models' own files may have other names.
    #[must_use]
    pub fn is_same_rest(&self, other: &Self) -> bool {
        self.has_same_files(other, |file, other| is_same_rest(&file.pieces, &other.pieces))
    }

    fn has_same_files(&self, other: &Self, is_same: impl Fn(&FileParts, &FileParts) -> bool) -> bool {
        let names = |skeleton: &Self| skeleton.file_names().skip(1).map(str::to_owned).collect::<Vec<_>>();
        self.format == other.format
            && names(self) == names(other)
            && self.files.iter().zip(&other.files).all(|(file, other)| is_same(file, other))
    }
}

fn is_same_rest(pieces: &[Piece], others: &[Piece]) -> bool {
    let is_same = |(piece, other): (&Piece, &Piece)| match (piece, other) {
        (Piece::Literal(bytes), Piece::Literal(others)) => bytes == others,
        // Which tensor goes there is told by its name beside it.
        (Piece::Hole(hole), Piece::Hole(other)) => hole.encoding == other.encoding,
        (Piece::Nested(nested), Piece::Nested(other)) => {
            nested.tag == other.tag && is_same_rest(&nested.content, &other.content)
        }
        _ => false,
    };
    pieces.len() == others.len() && pieces.iter().zip(others).all(is_same)
}
