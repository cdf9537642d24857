//! A file that is read by ranges, and a window that goes through it.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::Error;

/// Bytes that a window reads at once.
const WINDOW: u64 = 16 << 10;

/// A file of a model. Ranges are read by position, so that no more of it is in memory than was asked for.
#[derive(Debug)]
pub(crate) struct Source {
    path: PathBuf,
    length: u64,
    /// When it was last written to, where the system says so.
    modified: Option<SystemTime>,
    /// Absent for files that are opened at each use: a model may have more of them than a process may hold open.
    handle: Option<File>,
}

impl Source {
    /// Opens a file and keeps it open.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Read { path: path.into(), source };
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(Error::NotAFile { path: path.into() });
        }
        Ok(Self { path: path.into(), length: metadata.len(), modified: metadata.modified().ok(), handle: Some(file) })
    }

    /// As [`open`](Self::open), but the file is closed again until it is read.
    pub(crate) fn open_briefly(path: &Path) -> Result<Self, Error> {
        Ok(Self { handle: None, ..Self::open(path)? })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// The bytes of a range, which lies within the length.
    pub(crate) fn read(&self, range: Range<u64>) -> Result<Vec<u8>, Error> {
        let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let mut bytes = Vec::new();
        // A file with holes of its own may be longer than any memory.
        bytes.try_reserve_exact(length).map_err(|error| {
            let source = io::Error::new(io::ErrorKind::OutOfMemory, error);
            Error::Read { path: self.path.clone(), source }
        })?;
        bytes.resize(length, 0);
        self.read_into(range.start, &mut bytes)?;
        Ok(bytes)
    }

    /// Fills `bytes` from `start` on.
    pub(crate) fn read_into(&self, start: u64, bytes: &mut [u8]) -> Result<(), Error> {
        let read = match &self.handle {
            Some(file) => read_exact_at(file, bytes, start),
            None => self.reopened().and_then(|file| read_exact_at(&file, bytes, start)),
        };
        read.map_err(|source| Error::Read { path: self.path.clone(), source })
    }

    /// The file once more, if it is still the one that was opened.
    fn reopened(&self) -> io::Result<File> {
        let file = File::open(&self.path)?;
        let metadata = file.metadata()?;
        // A number of the file itself (an inode) would say no more: some network file systems give new ones at will.
        if metadata.len() != self.length || metadata.modified().ok() != self.modified {
            return Err(io::Error::other("the file changed since it was opened"));
        }
        Ok(file)
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], start: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, start)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut bytes: &mut [u8], mut start: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, bytes, start)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes = &mut bytes[read..];
        start += read as u64;
    }
    Ok(())
}

/// A few bytes of a source around the place that is looked at.
#[derive(Debug)]
pub(crate) struct Window<'a> {
    source: &'a Source,
    start: u64,
    bytes: Vec<u8>,
}

impl<'a> Window<'a> {
    pub(crate) fn new(source: &'a Source) -> Self {
        Self { source, start: 0, bytes: Vec::new() }
    }

    pub(crate) fn source(&self) -> &'a Source {
        self.source
    }

    /// The byte at `at`, which lies within the source.
    pub(crate) fn byte(&mut self, at: u64) -> Result<u8, Error> {
        let inside = at.checked_sub(self.start).filter(|&offset| offset < self.bytes.len() as u64);
        if let Some(offset) = inside {
            return Ok(self.bytes[offset as usize]);
        }
        self.bytes = self.source.read(at..(at + WINDOW).min(self.source.length))?;
        self.start = at;
        Ok(self.bytes[0])
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_window_gives_the_bytes_of_the_file_in_any_order() {
        let bytes: Vec<u8> = (0..WINDOW * 3 + 7).map(|i| (i * 7 % 251) as u8).collect();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes).unwrap();
        for source in [Source::open(file.path()).unwrap(), Source::open_briefly(file.path()).unwrap()] {
            let mut window = Window::new(&source);
            for at in (0..bytes.len()).step_by(5).chain((0..bytes.len()).rev().step_by(997)) {
                assert_eq!(window.byte(at as u64).unwrap(), bytes[at]);
            }
            assert_eq!(source.read(5..900).unwrap(), bytes[5..900]);
        }
    }

    #[test]
    fn a_file_that_became_shorter_is_an_error() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&[1; 100]).unwrap();
        let source = Source::open(file.path()).unwrap();
        file.as_file().set_len(50).unwrap();
        assert!(matches!(source.read(40..60), Err(Error::Read { .. })));
    }

    #[test]
    fn a_file_that_is_opened_at_each_use_has_to_stay_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        let with = |bytes: &[u8], seconds: u64| {
            std::fs::write(&path, bytes).unwrap();
            let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        };
        with(&[1; 100], 1000);
        let source = Source::open_briefly(&path).unwrap();
        assert_eq!(source.read(40..60).unwrap(), [1; 20]);
        for (length, seconds) in [(100, 1002), (101, 1000), (0, 1000)] {
            with(&vec![2; length], seconds);
            let error = source.read(40..60).unwrap_err();
            assert!(error.to_string().contains("changed since it was opened"), "{error}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(source.read(40..60), Err(Error::Read { .. })));
    }
}
