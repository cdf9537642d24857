//! The bytes of a plain tensor as they stand in a file.

use std::borrow::Cow;

use crate::{Dtype, Error, limits::zeros, plain, planes, section::SectionKind, source::Piece};

/// The bytes of a plain tensor, in a section that is yet to be decoded or as they are.
#[derive(Debug, Clone)]
pub(crate) struct PlainBytes<'a> {
    pub(crate) dtype: Dtype,
    /// Whether values of an f32 tensor stand as f16.
    is_narrow: bool,
    /// Whether `piece` is a section of planes.
    is_planes: bool,
    /// Bytes of the values as they stand.
    length: usize,
    piece: Piece<'a>,
}

impl<'a> PlainBytes<'a> {
    /// So many bytes of values, which `piece`, of a section of such a kind, holds.
    pub(crate) fn new(
        dtype: Dtype,
        is_narrow: bool,
        length: usize,
        kind: SectionKind,
        piece: Piece<'a>,
    ) -> Result<Self, Error> {
        let is_planes = kind == SectionKind::Planes;
        if !is_planes && piece.len() != length {
            let (needed, found) = (length as u64, piece.len() as u64);
            return Err(Error::SectionLength { part: "plain values", needed, found });
        }
        Ok(Self { dtype, is_narrow, is_planes, length, piece })
    }

    /// Bytes of a section that is yet to be decoded.
    pub(crate) fn waiting(&self) -> usize {
        if self.is_planes { self.piece.len() } else { 0 }
    }

    /// What the bytes that stand there are.
    fn stored_dtype(&self) -> Dtype {
        if self.is_narrow { Dtype::F16 } else { self.dtype }
    }

    /// The bytes that stand there.
    fn stored(&self, name: &str) -> Result<Cow<'_, [u8]>, Error> {
        let bytes = self.piece.bytes()?;
        if !self.is_planes {
            return Ok(bytes);
        }
        let mut out = zeros(name, self.length)?;
        planes::decode(&bytes, self.stored_dtype(), &mut out)?;
        Ok(Cow::Owned(out))
    }

    /// The values' bytes.
    pub(crate) fn bytes(&self, name: &str) -> Result<Vec<u8>, Error> {
        let stored = self.stored(name)?;
        if !self.is_narrow {
            return Ok(stored.into_owned());
        }
        let mut out = zeros(name, stored.len().saturating_mul(2))?;
        plain::widen(&stored, &mut out);
        Ok(out)
    }

    /// [`PlainBytes::bytes`], without copying those that are held.
    pub(crate) fn into_bytes(self, name: &str) -> Result<Vec<u8>, Error> {
        if self.is_narrow || self.is_planes { self.bytes(name) } else { self.piece.into_bytes() }
    }

    /// Writes the values of an f32, f16 or bf16 tensor; gives whether it is one.
    pub(crate) fn values_into(&self, name: &str, out: &mut [f32]) -> Result<bool, Error> {
        Ok(plain::values_into(self.stored_dtype(), &self.stored(name)?, out))
    }

    /// Number of values that are not zero.
    pub(crate) fn nonzeros(&self, name: &str) -> Result<usize, Error> {
        Ok(plain::nonzeros(self.stored_dtype(), &self.stored(name)?))
    }
}
