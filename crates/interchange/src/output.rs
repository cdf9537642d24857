//! Files that appear whole or not at all, all of a model together.

use std::collections::{BTreeSet, HashSet};
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
    ///
    /// Files cannot be renamed together. So a model whose files beside it are replaced loses its own place first: for
    /// that moment there is none, and never one beside another's files.
    pub(crate) fn finish(mut self) -> Result<Vec<PathBuf>, Error> {
        let targets: Vec<PathBuf> =
            (0..self.paths.len()).map(|number| self.target(number)).collect::<Result<_, Error>>()?;
        let is_mixed = self.overwrite && targets[1..].iter().any(|target| target.exists());
        let mut former = if is_mixed && targets[0].is_file() { Some(self.set_aside(&targets[0])?) } else { None };
        let mut files: Vec<TempPath> = mem::take(&mut self.waiting);
        for number in (1..files.len()).rev() {
            let renamed = self.rename(number, files.remove(number), &targets[number]);
            let is_untouched = renamed.is_err() && number + 1 == targets.len();
            if let Some(former) = former.take_if(|_| is_untouched)
                && let Err(error) = former.persist_noclobber(&targets[0])
            {
                // Better under another name than gone.
                let _ = error.path.keep();
            }
            renamed?;
        }
        sync_folders(&targets[1..]);
        for file in files {
            self.rename(0, file, &targets[0])?;
        }
        sync_folders(&targets[..1]);
        drop(former);
        Ok(self.paths)
    }

    /// What is written for a path. A link at the model's own place stays a link; the file that it leads to is written.
    fn target(&self, number: usize) -> Result<PathBuf, Error> {
        self.refuse_links(number)?;
        let path = &self.paths[number];
        let is_through = self.overwrite && path.is_symlink();
        let target = if is_through { path.canonicalize() } else { Ok(path.clone()) };
        target.map_err(|source| Error::Write { path: path.clone(), source })
    }

    /// Gives the file at the model's own place another name; dropped, it is gone.
    fn set_aside(&self, target: &Path) -> Result<TempPath, Error> {
        let failed = |source| Error::Write { path: self.paths[0].clone(), source };
        let folder = folder_of(target);
        let aside = tempfile::Builder::new().prefix(".mixpress-").suffix(".old").tempfile_in(folder).map_err(failed)?;
        let aside = aside.into_temp_path();
        fs::rename(target, &aside).map_err(failed)?;
        sync_folders(&[target.into()]);
        Ok(aside)
    }

    fn rename(&self, number: usize, file: TempPath, target: &Path) -> Result<(), Error> {
        let path = || self.paths[number].clone();
        let renamed = if self.overwrite { file.persist(target) } else { file.persist_noclobber(target) };
        renamed.map_err(|error| match error.error.kind() {
            std::io::ErrorKind::AlreadyExists => Error::Exists { path: path() },
            _ => Error::Write { path: path(), source: error.error },
        })
    }
}

/// Takes renames to the disk, which they reach with their folders, where the system lets a folder be opened.
fn sync_folders(paths: &[PathBuf]) {
    let folders: BTreeSet<&Path> = paths.iter().map(|path| folder_of(path)).collect();
    for folder in folders {
        if let Ok(folder) = File::open(folder) {
            let _ = folder.sync_all();
        }
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
