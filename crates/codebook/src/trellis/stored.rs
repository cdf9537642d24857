//! Sections of a file that are yet to be decoded, and the tensors that share them.

use std::sync::Arc;

use super::{Section, TrellisMatrix, TrellisSettings, description::Description, head::Hold};
use crate::{Error, source::Piece};

/// A section of a file, its head read.
#[derive(Debug)]
pub(crate) struct StoredSection<'a> {
    piece: Piece<'a>,
    described: Arc<Description>,
}

/// A tensor's part of a section.
#[derive(Debug, Clone)]
pub(crate) struct StoredMatrix<'a> {
    pub(crate) section: Arc<StoredSection<'a>>,
    /// Its number among those of the section.
    pub(crate) number: usize,
}

impl<'a> StoredSection<'a> {
    /// The section of tensors of such shapes; `hold` is told the bytes of what is found before there is room for it.
    pub(crate) fn open(piece: Piece<'a>, shapes: &[[usize; 2]], hold: Hold<'_>) -> Result<Self, Error> {
        let described = Arc::new(Description::read(|range| piece.part(range), piece.len(), shapes, hold)?);
        Ok(Self { piece, described })
    }

    pub(crate) fn description(&self) -> &Description {
        &self.described
    }

    /// What it has in common with the other sections of its file.
    pub(crate) fn settings(&self) -> Result<TrellisSettings, Error> {
        let (trellis, lowest, classes) = self.described.shared();
        TrellisSettings::new(trellis, lowest, classes)
    }

    /// All matrices, decoded.
    pub(crate) fn matrices(&self) -> Result<Vec<TrellisMatrix>, Error> {
        Section::described(&self.described, &self.piece.bytes()?)?.matrices()
    }
}

impl StoredMatrix<'_> {
    /// Writes the values of the tensor, row by row.
    #[track_caller]
    pub(crate) fn values_into(&self, out: &mut [f32]) -> Result<(), Error> {
        let bytes = self.section.piece.bytes()?;
        Section::described(&self.section.described, &bytes)?.decode_one(self.number, out)
    }
}
