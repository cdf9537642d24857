//! The outermost layer of a file: magic, version, table of sections, checksums.

use bincode::{Decode, Encode};

use crate::{Error, Limits, wire};

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
}

/// A section to be written.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) kind: SectionKind,
    pub(crate) bytes: Vec<u8>,
}

/// The table of sections. A file of one section, the stream, needs none: the stream fills it up to the checksum.
#[derive(Debug, Encode, Decode)]
enum Table {
    StreamOnly,
    Sections(Vec<Row>),
}

#[derive(Debug, Encode, Decode)]
struct Row {
    kind: u8,
    length: u64,
    crc: u32,
}

/// The bytes of a file with these sections.
pub(crate) fn assemble(stream: Section, others: Vec<Section>) -> Result<Vec<u8>, Error> {
    let mut out = MAGIC.to_vec();
    out.push(VERSION);
    if others.is_empty() {
        out.extend(wire::to_bytes(&Table::StreamOnly)?);
        out.extend(stream.bytes);
        out.extend(crc32fast::hash(&out).to_le_bytes());
        return Ok(out);
    }
    let sections: Vec<Section> = std::iter::once(stream).chain(others).collect();
    let rows = sections.iter().map(|s| Row {
        kind: s.kind as u8,
        length: s.bytes.len() as u64,
        crc: crc32fast::hash(&s.bytes),
    });
    out.extend(wire::to_bytes(&Table::Sections(rows.collect()))?);
    out.extend(crc32fast::hash(&out).to_le_bytes());
    for s in &sections {
        out.extend(&s.bytes);
    }
    Ok(out)
}

/// The sections of a file, their checksums compared.
#[derive(Debug)]
pub(crate) struct Sections<'a> {
    pub(crate) stream: &'a [u8],
    /// The others, in the order of the file; optional ones of unknown kind are left out.
    others: Vec<(u8, &'a [u8])>,
    next: usize,
    /// Bytes of magic, version and table.
    pub(crate) header_bytes: usize,
    /// Bytes of all checksums.
    pub(crate) checksum_bytes: usize,
}

impl<'a> Sections<'a> {
    /// Takes a file apart.
    pub(crate) fn open(bytes: &'a [u8], limits: &Limits) -> Result<Self, Error> {
        if !bytes.starts_with(&MAGIC) {
            return Err(Error::NotMxp { found: bytes[..bytes.len().min(MAGIC.len())].to_vec() });
        }
        let truncated =
            |part, needed: usize| Error::Truncated { part, needed: needed as u64, available: bytes.len() as u64 };
        let version = *bytes.get(MAGIC.len()).ok_or_else(|| truncated("the version", PREFIX))?;
        if version > VERSION {
            return Err(Error::NewerVersion { version, supported: VERSION });
        }
        let (table, length) = wire::from_bytes::<Table>(&bytes[PREFIX..])?;
        let table_end = PREFIX + length;
        let rows = match table {
            Table::StreamOnly => {
                let end = bytes.len().saturating_sub(CRC);
                if end < table_end {
                    return Err(truncated("the checksum", table_end + CRC));
                }
                compare("the file", &bytes[..end], stored_crc(&bytes[end..]))?;
                return Ok(Self {
                    stream: &bytes[table_end..end],
                    others: Vec::new(),
                    next: 0,
                    header_bytes: table_end,
                    checksum_bytes: CRC,
                });
            }
            Table::Sections(rows) => rows,
        };
        let mut position = table_end + CRC;
        let stored = bytes.get(table_end..position).ok_or_else(|| truncated("the header's checksum", position))?;
        compare("the header", &bytes[..table_end], stored_crc(stored))?;
        // A section a tensor, the stream, a definition; room for kinds to come.
        if rows.len() as u64 > limits.max_tensors.saturating_mul(2).saturating_add(16) {
            return Err(Error::Limit { what: "sections", claimed: rows.len() as u64, limit: limits.max_tensors });
        }
        let mut others = Vec::new();
        let mut stream = None;
        for (number, row) in rows.iter().enumerate() {
            let left = (bytes.len() - position) as u64;
            if row.length > left {
                return Err(Error::Truncated { part: "a section", needed: row.length, available: left });
            }
            let section = &bytes[position..position + row.length as usize];
            compare("a section", section, row.crc)?;
            position += section.len();
            match row.kind {
                0 if number == 0 => stream = Some(section),
                1..=3 => others.push((row.kind, section)),
                OPTIONAL.. => {}
                kind => return Err(Error::UnknownSection { position: number, kind }),
            }
        }
        if position < bytes.len() {
            return Err(Error::TrailingBytes { count: (bytes.len() - position) as u64 });
        }
        let stream = stream.ok_or(Error::Malformed {
            what: "the number of sections before the stream",
            value: rows.len() as u64,
            rule: "the stream comes first",
        })?;
        let rows = rows.len();
        Ok(Self {
            stream,
            others,
            next: 0,
            header_bytes: table_end.saturating_sub(CRC * rows),
            checksum_bytes: CRC + CRC * rows,
        })
    }

    /// The next section after the stream, which has to be of `kind`.
    pub(crate) fn take(&mut self, kind: SectionKind) -> Result<&'a [u8], Error> {
        let &(found, bytes) = self.others.get(self.next).ok_or(Error::Truncated {
            part: "the list of sections",
            needed: self.next as u64 + 1,
            available: self.others.len() as u64,
        })?;
        if found != kind as u8 {
            return Err(Error::Malformed {
                what: "the kind of a section",
                value: u64::from(found),
                rule: "it is the one that the stream announced",
            });
        }
        self.next += 1;
        Ok(bytes)
    }

    /// Checks that every section was taken.
    pub(crate) fn finish(&self) -> Result<(), Error> {
        let left = self.others[self.next..].iter().map(|s| s.1.len() as u64).sum();
        if self.next < self.others.len() { Err(Error::TrailingBytes { count: left }) } else { Ok(()) }
    }
}

fn stored_crc(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |crc, &b| crc << 8 | u32::from(b))
}

fn compare(part: &'static str, bytes: &[u8], stored: u32) -> Result<(), Error> {
    let computed = crc32fast::hash(bytes);
    if computed == stored { Ok(()) } else { Err(Error::Checksum { part, stored, computed }) }
}
