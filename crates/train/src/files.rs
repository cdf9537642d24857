//! Files that are written whole or not at all.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::Error;

/// Writes a file whole or not at all: into a new file beside it, down to the disk, then under its name. A link stays a link;
/// the file that it leads to is written.
///
/// # Errors
/// [`Error::Write`]; then nothing is left behind, and a file that stood at `path` still does.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_whole_with(path, |file| file.write_all(bytes))
}

/// As [`write_whole`], where nothing may stand at `path` yet.
///
/// # Errors
/// [`Error::Write`]; of kind [`io::ErrorKind::AlreadyExists`] where something stands there, which stays as it is.
pub fn write_whole_new(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_whole_new_with(path, |file| file.write_all(bytes))
}

/// As [`write_whole`], of what `fill` writes.
///
/// # Errors
/// As [`write_whole`], and what `fill` says.
pub fn write_whole_with(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), Error> {
    let target = if path.is_symlink() { path.canonicalize() } else { Ok(path.into()) };
    let target = target.map_err(|source| Error::Write { path: path.into(), source })?;
    write(&target, fill, |file| Ok(file.persist(&target)?))
}

/// As [`write_whole_new`], of what `fill` writes.
///
/// # Errors
/// As [`write_whole_new`], and what `fill` says.
pub fn write_whole_new_with(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), Error> {
    write(path, fill, |file| Ok(file.persist_noclobber(path)?))
}

fn write(
    path: &Path,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
    persist: impl FnOnce(NamedTempFile) -> io::Result<File>,
) -> Result<(), Error> {
    let folder = folder_of(path);
    let written = written(folder, ".mixpress-".as_ref(), ".part", fill).and_then(persist);
    written.map_err(|source| Error::Write { path: path.into(), source: plain(source) })?;
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
    Ok(written(folder, prefix, suffix, |file| file.write_all(bytes))?.keep()?.1)
}

/// The system's own error, without the name of a temporary file that nobody will find.
fn plain(error: io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|inner| inner.source()).and_then(|inner| inner.downcast_ref::<io::Error>());
    inner.and_then(io::Error::raw_os_error).map_or(error, io::Error::from_raw_os_error)
}

/// The folder that a file lies in.
#[must_use]
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

/// A file on the disk that vanishes unless it is kept.
fn written(
    folder: &Path,
    prefix: &OsStr,
    suffix: &str,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    // What is made for the moment only is private; this file is to stay, with the permissions of any other.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.prefix(prefix).suffix(suffix).tempfile_in(folder)?;
    fill(file.as_file_mut())?;
    file.as_file().sync_all()?;
    Ok(file)
}
