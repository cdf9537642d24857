//! Files of arrays as numpy writes them: `.npz`, a zip of one `.npy` an array.

mod header;
mod npy;
mod write;

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use zip::ZipArchive;

use crate::{Arrays, Error};

/// Limits on what a file of arrays may make its reader hold in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all arrays, decompressed (default 8 GiB). Entries of fewer than four bytes that are not `u8` take four
    /// in memory.
    pub max_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: 8 << 30 }
    }
}

impl Arrays {
    /// Reads all arrays of an `.npz` file, as `numpy.savez` and `numpy.savez_compressed` write it.
    ///
    /// Floats become `f32`; `u8` stays; other whole numbers and truth values become `i32`. Arrays may be in C or in
    /// Fortran order and of either byte order; here they are in C order. Entries of the file that do not end in `.npy`
    /// are left alone.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::Archive`] for what is no zip or is damaged; [`Error::NoArrays`];
    /// [`Error::DuplicateName`]; [`Error::Limit`]; of a single array [`Error::Npy`], [`Error::Dtype`],
    /// [`Error::ArrayLength`] and [`Error::Range`].
    pub fn read_npz(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::read_npz_with(path, Limits::default())
    }

    /// As [`read_npz`](Self::read_npz), within these limits.
    ///
    /// # Errors
    /// As [`read_npz`](Self::read_npz).
    pub fn read_npz_with(path: impl AsRef<Path>, limits: Limits) -> Result<Self, Error> {
        let arrays = Self::read_npz_where(&path, limits, |_| true)?;
        if arrays.is_empty() { Err(Error::NoArrays { path: path.as_ref().into() }) } else { Ok(arrays) }
    }

    /// As [`read_npz_with`](Self::read_npz_with), but only the arrays whose names are `wanted`, maybe none. It is asked
    /// about every name once, in the order of the file; other arrays may be of any size and type.
    ///
    /// # Errors
    /// As [`read_npz`](Self::read_npz), but for [`Error::NoArrays`].
    pub fn read_npz_where(
        path: impl AsRef<Path>,
        limits: Limits,
        wanted: impl FnMut(&str) -> bool,
    ) -> Result<Self, Error> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|source| Error::Read { path: path.into(), source })?;
        from_reader(path, BufReader::new(file), limits, wanted)
    }
}

fn from_reader(
    path: &Path,
    reader: impl Read + Seek,
    limits: Limits,
    mut wanted: impl FnMut(&str) -> bool,
) -> Result<Arrays, Error> {
    let broken = |reason: String| Error::Archive { path: path.into(), reason };
    let mut archive = ZipArchive::new(reader).map_err(|error| broken(error.to_string()))?;
    if archive.has_duplicate_names() {
        return Err(broken("a name stands in it twice".into()));
    }
    let (mut arrays, mut names, mut left) = (Arrays::new(), HashSet::new(), limits.max_bytes);
    for number in 0..archive.len() {
        let mut entry = archive.by_index(number).map_err(|error| broken(error.to_string()))?;
        let full = entry.name().map_err(|error| broken(error.to_string()))?.into_owned();
        let Some(name) = full.strip_suffix(".npy") else { continue };
        if !names.insert(name.to_owned()) {
            return Err(Error::DuplicateName { name: name.into() });
        }
        if !wanted(name) {
            continue;
        }
        // The sizes that the entry claims are not looked at: memory grows with the bytes that arrive.
        let mut bytes = Vec::new();
        let read = (&mut entry).take(left.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| broken(format!("{full}: {error}")))?;
        left =
            left.checked_sub(bytes.len() as u64).ok_or(Error::Limit { path: path.into(), limit: limits.max_bytes })?;
        arrays.insert(name, npy::read(name, &bytes)?)?;
    }
    Ok(arrays)
}

#[cfg(test)]
mod tests;
