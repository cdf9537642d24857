//! Where the bytes of a file are: in memory, or on disk, read when they are asked for.

use std::{
    borrow::Cow,
    fs::File,
    io::{Cursor, Read, Seek, SeekFrom},
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{Error, Limits, section::MAGIC};

/// Bytes that are read at a time to compute a checksum: few, so that they stay in a cache.
const CHUNK: usize = 1 << 17;

/// A whole file.
#[derive(Debug, Clone)]
pub(crate) enum Source<'a> {
    Memory(&'a [u8]),
    Disk { file: Arc<Mutex<Handle>>, length: u64 },
}

/// An open file.
#[derive(Debug)]
pub(crate) enum Handle {
    File(File),
    /// What came out of a pipe, which can be read but once.
    Piped(Cursor<Vec<u8>>),
}

impl<'a> Source<'a> {
    /// A file on disk, of the length that it has now. What is no regular file is read to its end, if it begins as a
    /// file of this format does.
    pub(crate) fn of_file(mut file: File, limits: &Limits) -> Result<Self, Error> {
        let metadata = file.metadata().map_err(|error| unreadable(&error))?;
        // Files that the system makes up as they are read have no length.
        let handle = if metadata.is_file() && metadata.len() > 0 {
            Handle::File(file)
        } else {
            let mut bytes = Vec::new();
            let mut read = |length: u64, bytes: &mut Vec<u8>| {
                file.by_ref().take(length).read_to_end(bytes).map_err(|error| unreadable(&error))
            };
            read(MAGIC.len() as u64, &mut bytes)?;
            if bytes == MAGIC {
                read(limits.max_piped_bytes, &mut bytes)?;
            }
            let (claimed, limit) = (bytes.len() as u64, limits.max_piped_bytes);
            if claimed > limit {
                return Err(Error::Limit { what: "bytes of a pipe, which a file on disk may have,", claimed, limit });
            }
            Handle::Piped(Cursor::new(bytes))
        };
        let length = match &handle {
            Handle::File(_) => metadata.len(),
            Handle::Piped(bytes) => bytes.get_ref().len() as u64,
        };
        Ok(Self::Disk { file: Arc::new(Mutex::new(handle)), length })
    }

    /// Number of bytes.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Disk { length, .. } => *length,
        }
    }

    /// The bytes from `start` on that are there, at most `length`.
    pub(crate) fn bytes(&self, start: u64, length: usize) -> Result<Cow<'a, [u8]>, Error> {
        match self {
            Self::Memory(bytes) => {
                let start = bytes.len().min(start as usize);
                Ok(Cow::Borrowed(&bytes[start..start + length.min(bytes.len() - start)]))
            }
            Self::Disk { length: all, .. } => {
                let mut bytes = vec![0; all.saturating_sub(start).min(length as u64) as usize];
                self.read(start, &mut bytes)?;
                Ok(Cow::Owned(bytes))
            }
        }
    }

    /// The CRC-32 of the bytes from `start` on, which are there.
    pub(crate) fn checksum(&self, start: u64, length: u64) -> Result<u32, Error> {
        if let Self::Memory(_) = self {
            return Ok(crc32fast::hash(&self.bytes(start, length as usize)?));
        }
        let mut hasher = crc32fast::Hasher::new();
        let mut chunk = vec![0; length.min(CHUNK as u64) as usize];
        let mut done = 0;
        while done < length {
            let part = &mut chunk[..(length - done).min(CHUNK as u64) as usize];
            self.read(start + done, part)?;
            hasher.update(part);
            done += part.len() as u64;
        }
        Ok(hasher.finalize())
    }

    /// Fills `out` from a file on disk.
    fn read(&self, start: u64, out: &mut [u8]) -> Result<(), Error> {
        let Self::Disk { file, .. } = self else { return Ok(()) };
        // A panic of another reader leaves nothing half done: each seeks first.
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        let read = match &mut *file {
            Handle::File(file) => file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(out)),
            Handle::Piped(bytes) => bytes.seek(SeekFrom::Start(start)).and_then(|_| bytes.read_exact(out)),
        };
        read.map_err(|error| unreadable(&error))
    }
}

fn unreadable(error: &std::io::Error) -> Error {
    let reason = match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "it became shorter while it was read".to_owned(),
        _ => error.to_string(),
    };
    Error::Unreadable { kind: error.kind(), reason }
}

/// A part of a file.
#[derive(Debug, Clone)]
pub(crate) enum Piece<'a> {
    Held(Cow<'a, [u8]>),
    Disk { source: Source<'a>, start: u64, length: usize, checksum: u32 },
}

impl<'a> Piece<'a> {
    /// The section at `start` of a file, whose checksum was compared.
    pub(crate) fn of_section(source: &Source<'a>, start: u64, length: usize, checksum: u32) -> Result<Self, Error> {
        match source {
            Source::Memory(_) => Ok(Self::Held(source.bytes(start, length)?)),
            Source::Disk { .. } => Ok(Self::Disk { source: source.clone(), start, length, checksum }),
        }
    }

    /// Number of bytes.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Held(bytes) => bytes.len(),
            Self::Disk { length, .. } => *length,
        }
    }

    /// A range of the bytes, which is there; those on disk are not compared with the checksum again.
    pub(crate) fn part(&self, range: Range<usize>) -> Result<Cow<'_, [u8]>, Error> {
        match self {
            Self::Held(bytes) => Ok(Cow::Borrowed(&bytes[range])),
            Self::Disk { source, start, .. } => source.bytes(start + range.start as u64, range.len()),
        }
    }

    /// The bytes; those on disk are read and compared with their checksum again, for the file may have been changed.
    pub(crate) fn bytes(&self) -> Result<Cow<'_, [u8]>, Error> {
        match self {
            Self::Held(bytes) => Ok(Cow::Borrowed(bytes)),
            Self::Disk { source, start, length, checksum } => {
                let bytes = source.bytes(*start, *length)?;
                let computed = crc32fast::hash(&bytes);
                if computed == *checksum {
                    Ok(bytes)
                } else {
                    Err(Error::Checksum { part: "a section", stored: *checksum, computed })
                }
            }
        }
    }

    /// [`Piece::bytes`], without copying those that are held.
    pub(crate) fn into_bytes(self) -> Result<Vec<u8>, Error> {
        match self {
            Self::Held(bytes) => Ok(bytes.into_owned()),
            Self::Disk { .. } => Ok(self.bytes()?.into_owned()),
        }
    }
}
