//! The files beside a model, and what of them a tensor means.

use std::ops::Range;

use super::tensor::Tensor;
use crate::location;
use crate::piece::{Hole, Piece};
use crate::{Error, Skeleton};

/// All files beside a model.
#[derive(Debug)]
pub(super) struct Files<'a> {
    files: Vec<File<'a>>,
}

#[derive(Debug)]
struct File<'a> {
    name: &'a str,
    /// Where its pieces begin and end, in order.
    pieces: Vec<(Range<u64>, &'a Piece)>,
    /// Whether some tensor needs the file as it is.
    is_needed: bool,
    goes: bool,
}

/// What lies where a tensor says that its values are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found<'a> {
    /// The payload of the tensor of this number, from its beginning to its end.
    Tensor(usize),
    /// Bytes that stay in the skeleton.
    Bytes(&'a [u8]),
    /// A part of a payload, or several.
    Other,
}

impl<'a> Files<'a> {
    pub(super) fn of(skeleton: &'a Skeleton) -> Self {
        let files = skeleton.files[1..].iter().map(|file| {
            let mut end = 0u64;
            let pieces = file.pieces.iter().map(|piece| {
                let length = match piece {
                    Piece::Literal(bytes) => bytes.len() as u64,
                    Piece::Hole(hole) => skeleton.tensors[hole.tensor].bytes,
                    // Files beside a model have none.
                    Piece::Nested(_) => u64::MAX,
                };
                let start = end;
                end = end.saturating_add(length);
                (start..end, piece)
            });
            File { name: &file.name, pieces: pieces.collect(), is_needed: false, goes: false }
        });
        Self { files: files.collect() }
    }

    /// Whether there are any.
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The number of the file that a tensor lies in, and what it means there.
    pub(super) fn find(&self, tensor: &Tensor, skeleton: &Skeleton) -> Option<(usize, Found<'a>)> {
        let place = tensor.place.as_ref()?;
        let name = location::parts(&place.location).ok()?.join("/");
        let number = self.files.iter().position(|file| file.name == name)?;
        Some((number, self.files[number].find(tensor, skeleton).unwrap_or(Found::Other)))
    }

    /// Notes that a tensor lies in a file, and whether it needs it as it is.
    pub(super) fn note(&mut self, file: usize, needs: bool) {
        self.files[file].is_needed |= needs;
    }

    /// Decides which files go: those that no tensor needs as they are, and that would lose values anyway.
    pub(super) fn decide(&mut self, has_codebook: impl Fn(usize) -> bool) {
        for file in &mut self.files {
            let loses = |piece: &Piece| matches!(piece, &Piece::Hole(Hole { tensor, .. }) if has_codebook(tensor));
            file.goes = !file.is_needed && file.pieces.iter().any(|(_, piece)| loses(piece));
        }
    }

    /// Whether the values of a file go into the model.
    pub(super) fn goes(&self, file: usize) -> bool {
        self.files[file].goes
    }
}

impl<'a> File<'a> {
    fn find(&self, tensor: &Tensor, skeleton: &Skeleton) -> Option<Found<'a>> {
        let place = tensor.place.as_ref()?;
        let bytes = tensor.element?.bits_of(&tensor.shape)?.div_ceil(8);
        let range = place.offset..place.offset.checked_add(bytes)?;
        if place.length.is_some_and(|length| length != bytes) {
            return None;
        }
        let at = self.pieces.partition_point(|(piece, _)| piece.end <= range.start);
        let (piece_range, piece) = self.pieces.get(at)?;
        match piece {
            Piece::Literal(literal) => {
                let within = |at: u64| usize::try_from(at - piece_range.start).ok();
                literal.get(within(range.start)?..within(range.end)?).map(Found::Bytes)
            }
            Piece::Hole(hole) => {
                let info = &skeleton.tensors[hole.tensor];
                let same = Some(info.element) == tensor.element && info.shape == tensor.shape && *piece_range == range;
                same.then_some(Found::Tensor(hole.tensor))
            }
            Piece::Nested(_) => None,
        }
    }
}

/// Refuses files beside a model that are not what a reader makes of them.
pub(super) fn check(skeleton: &Skeleton) -> Result<(), Error> {
    let nested = |piece: &Piece| matches!(piece, Piece::Nested(_));
    match skeleton.files[1..].iter().position(|file| file.pieces.iter().any(nested)) {
        Some(file) => {
            let (what, rule) = ("the number of a file", "files beside a model have no fields");
            Err(Error::Malformed { what, value: file as u64 + 1, rule })
        }
        None => Ok(()),
    }
}
