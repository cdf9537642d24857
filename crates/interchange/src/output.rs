//! Files that appear whole or not at all, all of a model together.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::Error;
use crate::location::folder_of;

/// Files that are written but do not have their names yet. Dropped, they are gone.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    waiting: Vec<(NamedTempFile, PathBuf)>,
}

impl Outputs {
    /// Writes a file beside its place, down to the disk.
    pub(crate) fn write(
        &mut self,
        path: PathBuf,
        fill: impl FnOnce(&mut dyn Write) -> Result<(), Filling>,
    ) -> Result<(), Error> {
        let failed = |source| Error::Write { path: path.clone(), source };
        let folder = folder_of(&path);
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
        self.waiting.push((file, path));
        Ok(())
    }

    /// Gives all files their names, the first one last: where it is, the others are. Returns the paths, the first one
    /// first.
    pub(crate) fn finish(self, overwrite: bool) -> Result<Vec<PathBuf>, Error> {
        let mut paths = Vec::with_capacity(self.waiting.len());
        for (file, path) in self.waiting.into_iter().rev() {
            // A link stays a link; the file that it leads to is written.
            let target = if overwrite && path.is_symlink() { path.canonicalize() } else { Ok(path.clone()) };
            let target = target.map_err(|source| Error::Write { path: path.clone(), source })?;
            let persisted = if overwrite { file.persist(&target) } else { file.persist_noclobber(&target) };
            match persisted {
                Ok(_) => {}
                Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
                    return Err(Error::Exists { path });
                }
                Err(error) => return Err(Error::Write { path, source: error.error }),
            }
            // The rename itself reaches the disk with the folder, where the system lets a folder be opened.
            if let Ok(folder) = File::open(folder_of(&target)) {
                let _ = folder.sync_all();
            }
            paths.push(path);
        }
        paths.reverse();
        Ok(paths)
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
pub(crate) fn beside(model: &Path, name: &str) -> PathBuf {
    let folder = model.parent().unwrap_or(Path::new(""));
    name.split('/').fold(folder.to_path_buf(), |path, part| path.join(part))
}

/// Whether `Weights` and `weights` are one file here, as far as the system says: a folder may differ.
const FOLDS_CASE: bool = cfg!(any(windows, target_os = "macos"));

/// The same for all names of one place, however they are spelt.
pub(crate) fn place(path: &Path) -> PathBuf {
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
