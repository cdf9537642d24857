//! Where the result of a run goes: whole or not at all, and not lost where that fails.

use std::env;
use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::path::Path;

use mixpress_train::{Draft, folder_of, write_new, write_whole, write_whole_new};

use crate::Error;

/// What to do when the output exists already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// Fail before anything is computed.
    Refuse,
    /// Replace it once the new file is whole.
    Replace,
}

impl Overwrite {
    /// Refuses an output that is there already, unless it may be replaced.
    pub(crate) fn refuse_taken(self, path: &Path) -> Result<(), Error> {
        match self {
            Self::Refuse if path.symlink_metadata().is_ok() => Err(Error::Exists { path: path.into() }),
            _ => Ok(()),
        }
    }

    /// A file that waits beside its place.
    pub(crate) fn draft(self, path: &Path) -> Result<Draft, Error> {
        Ok(if self == Self::Replace { Draft::replacing(path)? } else { Draft::new(path)? })
    }

    /// Writes a file, whole or not at all.
    pub(crate) fn write(self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        match self {
            Self::Replace => write_whole(path, bytes)?,
            Self::Refuse => write_whole_new(path, bytes)?,
        }
        Ok(())
    }
}

/// Writes the result of a run; where that fails, saves it beside the output or among the system's temporary files.
pub(super) fn write_result(path: &Path, bytes: &[u8], overwrite: Overwrite) -> Result<(), Error> {
    overwrite.write(path, bytes).map_err(|problem| {
        let mut prefix = path.file_stem().unwrap_or_default().to_owned();
        prefix.push("-");
        saved_elsewhere(problem, bytes, &prefix, &[folder_of(path), &env::temp_dir()])
    })
}

/// A problem that a file's bytes outlive: in the first of some folders that takes them.
pub(super) fn saved_elsewhere(problem: Error, bytes: &[u8], prefix: &OsStr, folders: &[&Path]) -> Error {
    match folders.iter().find_map(|folder| write_new(folder, prefix, ".mxp", bytes).ok()) {
        Some(saved) => Error::Saved { problem: Box::new(problem), saved },
        None => problem,
    }
}

/// Finds out before a long run whether its result can be written.
pub(super) fn check_output(path: &Path, overwrite: Overwrite) -> Result<(), Error> {
    overwrite.refuse_taken(path)?;
    if path.exists() {
        let opened = OpenOptions::new().append(true).open(path);
        return opened.map(drop).map_err(|source| Error::Write { path: path.into(), source });
    }
    tempfile::tempfile_in(folder_of(path)).map(drop).map_err(|source| Error::Write { path: path.into(), source })
}
