//! Where the sections of a file wait until all of them are known.

use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::{
    Error,
    section::{Row, SectionKind},
};

/// Sections, one after the other, in something that can be written and read again.
#[derive(Debug)]
pub(crate) struct Spool<S> {
    inner: S,
    /// Where the first section begins.
    start: u64,
    rows: Vec<Row>,
    /// Bytes of all sections.
    length: u64,
}

impl<S: Read + Write + Seek> Spool<S> {
    /// A spool that begins where `inner` stands.
    pub(crate) fn new(mut inner: S) -> Result<Self, Error> {
        let start = inner.stream_position().map_err(|error| unwritable(&error))?;
        Ok(Self { inner, start, rows: Vec::new(), length: 0 })
    }

    /// Adds a section.
    pub(crate) fn push(&mut self, kind: SectionKind, bytes: &[u8]) -> Result<(), Error> {
        self.inner.write_all(bytes).map_err(|error| unwritable(&error))?;
        self.rows.push(Row::new(kind, bytes));
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Bytes of all sections.
    pub(crate) fn len(&self) -> u64 {
        self.length
    }

    /// The rows of the sections for a file's table.
    pub(crate) fn take_rows(&mut self) -> Vec<Row> {
        std::mem::take(&mut self.rows)
    }

    /// Copies all sections.
    pub(crate) fn copy(mut self, out: &mut impl Write) -> Result<(), Error> {
        let (inner, total) = (&mut self.inner, self.length);
        inner.flush().and_then(|()| inner.seek(SeekFrom::Start(self.start))).map_err(|error| unwritable(&error))?;
        let copied = io::copy(&mut inner.take(total), out).map_err(|error| unwritable(&error))?;
        if copied < total {
            return Err(unwritable(&io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(())
    }
}

pub(crate) fn unwritable(error: &io::Error) -> Error {
    Error::Unwritable { kind: error.kind(), reason: error.to_string() }
}
