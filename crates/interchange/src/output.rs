//! Files that appear whole or not at all, all of a model together.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::{iter, mem};

use tempfile::TempPath;

use crate::Error;
use crate::location::{folder_of, refuse_links};

/// A model's files, which are written one after the other and do not have their names yet. Dropped, they are gone.
#[derive(Debug)]
pub(crate) struct Outputs {
    /// Where the files go, the model's own first.
    paths: Vec<PathBuf>,
    /// What the model calls those beside it.
    beside: Vec<String>,
    overwrite: bool,
    /// Closed: a model may have more files than a process may hold open.
    waiting: Vec<TempPath>,
}

impl Outputs {
    /// A model at `path` with these files beside it. All places are free, none is there twice, and none of those beside
    /// the model is reached through a link.
    pub(crate) fn new(path: &Path, names: &[&str], overwrite: bool) -> Result<Self, Error> {
        let paths = iter::once(path.into()).chain(names.iter().map(|name| beside(path, name))).collect();
        let outputs =
            Self { paths, beside: names.iter().map(|&name| name.to_owned()).collect(), overwrite, waiting: Vec::new() };
        let mut seen = HashSet::new();
        for (number, path) in outputs.paths.iter().enumerate() {
            if !seen.insert(place(path)) {
                return Err(Error::SamePlace { path: path.clone() });
            }
            if !overwrite && path.symlink_metadata().is_ok() {
                return Err(Error::Exists { path: path.clone() });
            }
            outputs.refuse_links(number)?;
        }
        Ok(outputs)
    }

    /// The place of the model itself is the caller's word; those beside it are words of the model.
    fn refuse_links(&self, number: usize) -> Result<(), Error> {
        match number.checked_sub(1) {
            Some(number) => refuse_links(folder_of(&self.paths[0]), &self.beside[number]),
            None => Ok(()),
        }
    }

    /// Writes the next file beside its place, down to the disk.
    pub(crate) fn write(&mut self, fill: impl FnOnce(&mut dyn Write) -> Result<(), Filling>) -> Result<(), Error> {
        let number = self.waiting.len();
        self.refuse_links(number)?;
        let path = &self.paths[number];
        let failed = |source| Error::Write { path: path.clone(), source };
        let folder = folder_of(path);
        fs::create_dir_all(folder).map_err(failed)?;
        let mut builder = tempfile::Builder::new();
        // What is made for the moment only is private; this file is to stay, with the permissions of any other.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.prefix(".mixpress-").suffix(".part").tempfile_in(folder).map_err(failed)?;
        let mut writer = BufWriter::with_capacity(1 << 16, file.as_file());
        fill(&mut writer).map_err(|filling| match filling {
            Filling::Io(source) => failed(source),
            Filling::Other(error) => error,
        })?;
        writer.flush().map_err(failed)?;
        drop(writer);
        file.as_file().sync_all().map_err(failed)?;
        self.waiting.push(file.into_temp_path());
        Ok(())
    }

    /// Gives all files their names, the first one last: where it is, the others are. Returns the paths, the first one
    /// first.
    pub(crate) fn finish(mut self) -> Result<Vec<PathBuf>, Error> {
        for (number, file) in mem::take(&mut self.waiting).into_iter().enumerate().rev() {
            self.refuse_links(number)?;
            let path = &self.paths[number];
            // A link at the model's own place stays a link; the file that it leads to is written.
            let target = if self.overwrite && path.is_symlink() { path.canonicalize() } else { Ok(path.clone()) };
            let target = target.map_err(|source| Error::Write { path: path.clone(), source })?;
            let persisted = if self.overwrite { file.persist(&target) } else { file.persist_noclobber(&target) };
            match persisted {
                Ok(_) => {}
                Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
                    return Err(Error::Exists { path: path.clone() });
                }
                Err(error) => return Err(Error::Write { path: path.clone(), source: error.error }),
            }
            // The rename itself reaches the disk with the folder, where the system lets a folder be opened.
            if let Ok(folder) = File::open(folder_of(&target)) {
                let _ = folder.sync_all();
            }
        }
        Ok(self.paths)
    }
}

/// Why a file could not be filled.
#[derive(Debug)]
pub(crate) enum Filling {
    /// Its writer failed.
    Io(std::io::Error),
    /// What goes into it failed.
    Other(Error),
}

impl From<std::io::Error> for Filling {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Error> for Filling {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// The place of a file that a model names, beside the model's own and spelt as that is.
fn beside(model: &Path, name: &str) -> PathBuf {
    let folder = model.parent().unwrap_or(Path::new(""));
    name.split('/').fold(folder.to_path_buf(), |path, part| path.join(part))
}

/// Whether `Weights` and `weights` are one file here, as far as the system says: a folder may differ.
const FOLDS_CASE: bool = cfg!(any(windows, target_os = "macos"));

/// The same for all names of one place, however they are spelt.
fn place(path: &Path) -> PathBuf {
    place_as(path, FOLDS_CASE)
}

fn place_as(path: &Path, folds_case: bool) -> PathBuf {
    // A link is written through, so it is the place that it leads to.
    let linked = if path.is_symlink() { path.canonicalize().ok() } else { None };
    let folder = || folder_of(path).canonicalize().ok();
    let place = linked.or_else(|| Some(folder()?.join(path.file_name()?))).unwrap_or_else(|| path.into());
    if folds_case { place.to_string_lossy().to_lowercase().into() } else { place }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_place_are_equal() {
        let folder = tempfile::tempdir().unwrap();
        let within = |name: &str| folder.path().join(name);
        fs::create_dir(within("sub")).unwrap();
        assert_eq!(place(Path::new("a")), place(Path::new("./a")));
        assert_eq!(place(&within("a")), place(&within("sub/../a")));
        assert_ne!(place(&within("a")), place(&within("sub/a")));
        assert_ne!(place_as(&within("a"), false), place_as(&within("A"), false));
        assert_eq!(place_as(&within("Gewicht/\u{c4}"), true), place_as(&within("gewicht/\u{e4}"), true));
        #[cfg(unix)]
        {
            fs::write(within("a"), "a").unwrap();
            std::os::unix::fs::symlink("a", within("link")).unwrap();
            assert_eq!(place(&within("link")), place(&within("a")));
        }
    }
}
