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
    let mut draft = Draft::replacing(path)?;
    draft.fill(bytes)?;
    draft.put()
}

/// As [`write_whole`], where nothing may stand at `path` yet.
///
/// # Errors
/// [`Error::Write`]; of kind [`io::ErrorKind::AlreadyExists`] where something stands there, which stays as it is.
pub fn write_whole_new(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut draft = Draft::new(path)?;
    draft.fill(bytes)?;
    draft.put()
}

/// A file beside the place where it is to stand. It vanishes unless it is put there, so what can be wrong with it may
/// be found before.
#[derive(Debug)]
pub struct Draft {
    file: NamedTempFile,
    target: PathBuf,
    may_replace: bool,
}

impl Draft {
    /// A file for a place where nothing may stand when it is put there.
    ///
    /// # Errors
    /// [`Error::Write`] where its folder is not there, or takes no files.
    pub fn new(path: &Path) -> Result<Self, Error> {
        Self::beside(path, path.into(), false)
    }

    /// A file that may replace what stands at its place. A link stays a link; the file that it leads to is replaced.
    ///
    /// # Errors
    /// As [`Draft::new`].
    pub fn replacing(path: &Path) -> Result<Self, Error> {
        let target = if path.is_symlink() { path.canonicalize() } else { Ok(path.into()) };
        Self::beside(path, target.map_err(|source| Error::Write { path: path.into(), source })?, true)
    }

    fn beside(path: &Path, target: PathBuf, may_replace: bool) -> Result<Self, Error> {
        let file = temporary(folder_of(&target), ".mixpress-".as_ref(), ".part");
        let file = file.map_err(|source| Error::Write { path: path.into(), source: plain(source) })?;
        Ok(Self { file, target, may_replace })
    }

    /// Where it is until it is put in its place.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// The file, open for writing.
    pub fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Writes these bytes.
    fn fill(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let written = self.file().write_all(bytes);
        written.map_err(|source| Error::Write { path: self.target.clone(), source })
    }

    /// Brings it down to the disk and puts it in its place.
    ///
    /// # Errors
    /// [`Error::Write`]; then nothing is left behind, and what stood at its place still does.
    pub fn put(self) -> Result<(), Error> {
        let Self { file, target, may_replace } = self;
        let put = file.as_file().sync_all().and_then(|()| {
            let put = if may_replace { file.persist(&target) } else { file.persist_noclobber(&target) };
            put.map_err(io::Error::from)
        });
        put.map_err(|source| Error::Write { path: target.clone(), source: plain(source) })?;
        // The rename itself reaches the disk with the folder, where the system lets a folder be opened.
        if let Ok(folder) = File::open(folder_of(&target)) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

/// Writes a new file into `folder`, whole or not at all, under a name that begins with `prefix`, ends with `suffix` and
/// is not taken; returns its path.
///
/// # Errors
/// What the system said; then nothing is left behind.
pub fn write_new(folder: &Path, prefix: &OsStr, suffix: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    let mut file = temporary(folder, prefix, suffix)?;
    file.as_file_mut().write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file.keep()?.1)
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

/// A file that vanishes unless it is kept.
fn temporary(folder: &Path, prefix: &OsStr, suffix: &str) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    // What is made for the moment only is private; this file is to stay, with the permissions of any other.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.prefix(prefix).suffix(suffix).tempfile_in(folder)
}
