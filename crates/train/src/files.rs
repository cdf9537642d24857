//! Files that are written whole or not at all.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::Error;

/// Writes a file whole or not at all: into a new file beside it, down to the disk, then under its name.
///
/// # Errors
/// [`Error::Write`]; then nothing is left behind, and a file that stood at `path` still does.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = folder_of(path);
    let written = written(folder, ".mixpress-".as_ref(), ".part", bytes).and_then(|file| Ok(file.persist(path)?));
    written.map_err(|source| Error::Write { path: path.into(), source })?;
    // The rename itself reaches the disk with the folder, where the system lets a folder be opened.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// Writes a new file into `folder`, whole or not at all, under a name that begins with `prefix`, ends with `suffix` and is not
/// taken; returns its path.
///
/// # Errors
/// What the system said; then nothing is left behind.
pub fn write_new(folder: &Path, prefix: &OsStr, suffix: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    Ok(written(folder, prefix, suffix, bytes)?.keep()?.1)
}

/// The folder that a file lies in.
#[must_use]
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

/// A file on the disk that vanishes unless it is kept.
fn written(folder: &Path, prefix: &OsStr, suffix: &str, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    // What is made for the moment only is private; this file is to stay, with the permissions of any other.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.prefix(prefix).suffix(suffix).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}
