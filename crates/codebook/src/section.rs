//! The outermost layer of a file: magic, version, table of sections, checksums.

use std::borrow::Cow;

use bincode::{Decode, Encode};

use crate::{
    Error, Limits,
    source::{Piece, Source},
    wire,
};

/// The first three bytes of every `.mxp` file.
pub const MAGIC: [u8; 3] = *b"MXP";
/// The version that this crate writes, and the newest that it reads. 0 until the format is frozen at 1.0.
const VERSION: u8 = 0;
/// Magic and version.
const PREFIX: usize = 4;
/// Bytes of a CRC-32.
const CRC: usize = 4;
/// Sections of kinds from here on may be skipped by readers that do not know them.
const OPTIONAL: u8 = 128;

/// What a section holds; the numbers are the format's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SectionKind {
    /// The arithmetic-coded stream, one a file, first.
    Stream = 0,
    /// Indices at a fixed number of bits.
    Packed = 1,
    /// Indices entropy-coded by a static table.
    Static = 2,
    /// Bytes as they are.
    Raw = 3,
    /// Bytes of values, split into planes.
    Planes = 4,
    /// Trellis-coded matrices.
    Trellis = 5,
}

/// The table of sections. A file of one section, the stream, needs none: the stream fills it up to the checksum.
#[derive(Debug, Encode, Decode)]
enum Table {
    StreamOnly,
    Sections(Vec<Row>),
}

/// What the table says of a section.
#[derive(Debug, Encode, Decode)]
pub(crate) struct Row {
    kind: u8,
    length: u64,
    crc: u32,
}

impl Row {
    pub(crate) fn new(kind: SectionKind, bytes: &[u8]) -> Self {
        Self { kind: kind as u8, length: bytes.len() as u64, crc: crc32fast::hash(bytes) }
    }
}

/// A file up to the end of its stream, which sections of these rows follow; all of it where there are none.
pub(crate) fn head(stream: &[u8], others: Vec<Row>) -> Result<Vec<u8>, Error> {
    let mut out = MAGIC.to_vec();
    out.push(VERSION);
    if others.is_empty() {
        out.extend(wire::to_bytes(&Table::StreamOnly)?);
        out.extend(stream);
        out.extend(crc32fast::hash(&out).to_le_bytes());
        return Ok(out);
    }
    let rows = std::iter::once(Row::new(SectionKind::Stream, stream)).chain(others);
    out.extend(wire::to_bytes(&Table::Sections(rows.collect()))?);
    out.extend(crc32fast::hash(&out).to_le_bytes());
    out.extend(stream);
    Ok(out)
}

/// The sections of a file but the stream, their checksums compared.
#[derive(Debug)]
pub(crate) struct Sections<'a> {
    /// In the order of the file; optional ones of unknown kind are left out.
    others: Vec<(u8, Piece<'a>)>,
    next: usize,
    /// Bytes of magic, version and table.
    pub(crate) header_bytes: usize,
    /// Bytes of all checksums.
    pub(crate) checksum_bytes: usize,
}

/// Bytes at the start of a file that hold the table of sections, unless there are hundreds of them.
const HEAD: usize = 1 << 12;
/// Bytes that the longest table may take.
const LONGEST_HEAD: usize = PREFIX + (1 << 24);

impl<'a> Sections<'a> {
    /// Takes a file apart: its stream, and the other sections.
    pub(crate) fn open(source: &Source<'a>, limits: &Limits) -> Result<(Cow<'a, [u8]>, Self), Error> {
        let all = source.len();
        let truncated = |part, needed: usize| Error::Truncated { part, needed: needed as u64, available: all };
        let mut head = source.bytes(0, HEAD)?;
        if !head.starts_with(&MAGIC) {
            return Err(Error::NotMxp { found: head[..head.len().min(MAGIC.len())].to_vec() });
        }
        let version = *head.get(MAGIC.len()).ok_or_else(|| truncated("the version", PREFIX))?;
        if version > VERSION {
            return Err(Error::NewerVersion { version, supported: VERSION });
        }
        let (table, length) = match wire::from_bytes::<Table>(&head[PREFIX..]) {
            Err(Error::Truncated { .. }) if all > head.len() as u64 => {
                head = source.bytes(0, LONGEST_HEAD)?;
                wire::from_bytes::<Table>(&head[PREFIX..])?
            }
            other => other?,
        };
        let table_end = PREFIX + length;
        let rows = match table {
            Table::StreamOnly => {
                stream_within(all, limits)?;
                let bytes = source.bytes(0, all as usize)?;
                let end = bytes.len().saturating_sub(CRC);
                if end < table_end {
                    return Err(truncated("the whole file", table_end + CRC));
                }
                compare("the file", crc32fast::hash(&bytes[..end]), stored_crc(&bytes[end..]))?;
                let stream = match bytes {
                    Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[table_end..end]),
                    Cow::Owned(bytes) => Cow::Owned(bytes[table_end..end].to_vec()),
                };
                let sections = Self { others: Vec::new(), next: 0, header_bytes: table_end, checksum_bytes: CRC };
                return Ok((stream, sections));
            }
            Table::Sections(rows) => rows,
        };
        let stored = source.bytes(table_end as u64, CRC)?;
        if stored.len() < CRC {
            return Err(truncated("the header's checksum", table_end + CRC));
        }
        compare("the header", crc32fast::hash(&head[..table_end]), stored_crc(&stored))?;
        // A section a tensor, the stream, a definition; room for kinds to come.
        if rows.len() as u64 > limits.max_tensors.saturating_mul(2).saturating_add(16) {
            return Err(Error::Limit { what: "sections", claimed: rows.len() as u64, limit: limits.max_tensors });
        }
        let mut position = (table_end + CRC) as u64;
        let mut others = Vec::new();
        let mut stream = None;
        for (number, row) in rows.iter().enumerate() {
            let left = all - position;
            if row.length > left {
                return Err(Error::Truncated { part: "a section", needed: row.length, available: left });
            }
            if row.kind == 0 && number == 0 {
                stream_within(row.length, limits)?;
                // What is decoded is what was compared.
                let bytes = source.bytes(position, row.length as usize)?;
                compare("the stream", crc32fast::hash(&bytes), row.crc)?;
                stream = Some(bytes);
                position += row.length;
                continue;
            }
            compare("a section", source.checksum(position, row.length)?, row.crc)?;
            match row.kind {
                0 => {
                    return Err(Error::Malformed {
                        what: "the number of a second stream's section",
                        value: number as u64,
                        rule: "a file has one stream, first",
                    });
                }
                1..=5 => {
                    let piece = Piece::of_section(source, position, row.length as usize, row.crc)?;
                    others.push((row.kind, piece));
                }
                OPTIONAL.. => {}
                kind => return Err(Error::UnknownSection { position: number, kind }),
            }
            position += row.length;
        }
        if position < all {
            return Err(Error::TrailingBytes { count: all - position });
        }
        let stream = stream.ok_or(Error::Malformed {
            what: "the number of sections before the stream",
            value: rows.len() as u64,
            rule: "the stream comes first",
        })?;
        let rows = rows.len();
        let sections = Self {
            others,
            next: 0,
            header_bytes: table_end.saturating_sub(CRC * rows),
            checksum_bytes: CRC + CRC * rows,
        };
        Ok((stream, sections))
    }

    /// The next section after the stream, which has to be of `kind`.
    pub(crate) fn take(&mut self, kind: SectionKind) -> Result<Piece<'a>, Error> {
        self.take_any(&[kind]).map(|(_, piece)| piece)
    }

    /// The next section after the stream, which has to be of one of these kinds; and its kind.
    pub(crate) fn take_any(&mut self, kinds: &[SectionKind]) -> Result<(SectionKind, Piece<'a>), Error> {
        let (found, piece) = self.others.get(self.next).ok_or(Error::Truncated {
            part: "the list of sections",
            needed: self.next as u64 + 1,
            available: self.others.len() as u64,
        })?;
        let kind = kinds.iter().copied().find(|&kind| kind as u8 == *found).ok_or(Error::Malformed {
            what: "the kind of a section",
            value: u64::from(*found),
            rule: "it is the one that the stream announced",
        })?;
        self.next += 1;
        Ok((kind, piece.clone()))
    }

    /// Checks that every section was taken.
    pub(crate) fn finish(&self) -> Result<(), Error> {
        let left = self.others[self.next..].iter().map(|s| s.1.len() as u64).sum();
        if self.next < self.others.len() { Err(Error::TrailingBytes { count: left }) } else { Ok(()) }
    }
}

/// Whether the stream is short enough to be in memory.
pub(crate) fn stream_within(length: u64, limits: &Limits) -> Result<(), Error> {
    let limit = limits.max_stream_bytes;
    if length > limit { Err(Error::Limit { what: "bytes of the stream", claimed: length, limit }) } else { Ok(()) }
}

fn stored_crc(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |crc, &b| crc << 8 | u32::from(b))
}

fn compare(part: &'static str, computed: u32, stored: u32) -> Result<(), Error> {
    if computed == stored { Ok(()) } else { Err(Error::Checksum { part, stored, computed }) }
}
