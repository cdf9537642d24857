//! One block: bytes that are coded alone, in the way that takes the fewest.

use std::io::{self, Write};

use bincode::{Decode, Encode};
use zstd::{bulk, stream::write as stream, zstd_safe};

use crate::{Error, rans};

/// How a block is coded, and the bytes that it takes where that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(super) enum Coded {
    /// The bytes as they are.
    Raw,
    /// One byte, which all of them are.
    Run,
    /// Frequencies of bytes, then the bytes entropy-coded by that table.
    Static(u64),
    /// A frame of Zstandard.
    Zstd(u64),
}

impl Coded {
    /// Bytes that a block of `count` takes.
    pub(super) fn len(self, count: usize) -> u64 {
        match self {
            Self::Raw => count as u64,
            Self::Run => 1,
            Self::Static(length) | Self::Zstd(length) => length,
        }
    }
}

/// A level that says fast whether there is anything to find, and one that finds it.
const FAST: i32 = 3;
const BEST: i32 = 19;

/// Codes the bytes of a block, of which there is one at least.
pub(super) fn encode(bytes: &[u8]) -> (Coded, Vec<u8>) {
    if bytes.iter().all(|&byte| byte == bytes[0]) {
        return (Coded::Run, vec![bytes[0]]);
    }
    let coding = encode_static(bytes).filter(|coding| coding.len() < bytes.len());
    if let Some(coding) = zstd_if_below(bytes, coding.as_ref().map_or(bytes.len(), Vec::len)) {
        return (Coded::Zstd(coding.len() as u64), coding);
    }
    coding.map_or_else(|| (Coded::Raw, bytes.to_vec()), |coding| (Coded::Static(coding.len() as u64), coding))
}

/// Bytes as one frame of Zstandard at its best, unless it does not look as if that were below `limit`.
fn zstd_if_below(bytes: &[u8], limit: usize) -> Option<Vec<u8>> {
    if zstd_fast_len(bytes) >= limit {
        return None;
    }
    zstd(bytes).filter(|coding| coding.len() < limit)
}

/// Bytes that a fast level of Zstandard takes, without room for them where they are many.
pub(super) fn zstd_fast_len(bytes: &[u8]) -> usize {
    if bytes.len() <= MANY {
        return bulk::compress(bytes, FAST).map_or(usize::MAX, |coding| coding.len());
    }
    let count = || {
        let mut encoder = stream::Encoder::new(Count(0), FAST)?;
        encoder.set_pledged_src_size(Some(bytes.len() as u64))?;
        encoder.write_all(bytes)?;
        encoder.finish().map(|count| count.0)
    };
    count().unwrap_or(usize::MAX)
}

/// Bytes from which on their coding is counted and not kept.
const MANY: usize = 1 << 20;

/// Counts what is written.
struct Count(usize);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes as one frame of Zstandard at its best. Each has a context of its own, so that nothing depends on what came before.
pub(super) fn zstd(bytes: &[u8]) -> Option<Vec<u8>> {
    bulk::compress(bytes, BEST).ok()
}

/// Frequencies, then the symbols.
fn encode_static(bytes: &[u8]) -> Option<Vec<u8>> {
    let symbols: Vec<u16> = bytes.iter().map(|&byte| byte.into()).collect();
    let table = rans::Table::single(&rans::counts(&symbols, 1 << 8))?;
    let mut out = Vec::new();
    let mut zeros = 0;
    for &frequency in &table.frequencies {
        if frequency == 0 {
            zeros += 1;
            continue;
        }
        if zeros > 0 {
            out.extend([0, zeros - 1]);
            zeros = 0;
        }
        if frequency >= LONG {
            out.push((frequency >> 8 | LONG) as u8);
        }
        out.push(frequency as u8);
    }
    out.extend(rans::encode(&symbols, &table));
    Some(out)
}

/// Frequencies from here on take two bytes.
const LONG: u32 = 1 << 7;

/// The table at the start of a statically coded block, and what follows it.
fn table(bytes: &[u8]) -> Result<(rans::Table, &[u8]), Error> {
    let mut frequencies = Vec::new();
    let mut sum = 0;
    let mut rest = bytes;
    let mut next = || {
        let (&byte, after) = rest.split_first().ok_or(Error::Truncated {
            part: "the frequencies of a block",
            needed: bytes.len() as u64 + 1,
            available: bytes.len() as u64,
        })?;
        rest = after;
        Ok::<u32, Error>(byte.into())
    };
    while sum < rans::SCALE {
        match next()? {
            0 => frequencies.resize(frequencies.len() + next()? as usize + 1, 0),
            short @ 1..LONG => frequencies.push(short),
            high => frequencies.push((high - LONG) << 8 | next()?),
        }
        if frequencies.len() > 1 << 8 {
            return Err(Error::Malformed {
                what: "the number of frequencies of a block",
                value: frequencies.len() as u64,
                rule: "a byte has 256 values",
            });
        }
        sum += frequencies.last().map_or(0, |&frequency| frequency as usize);
    }
    // A sum of more than that is for the decoder to refuse.
    Ok((rans::Table { frequencies, is_paired: false }, rest))
}

/// Reads a block as long as `out`.
pub(super) fn decode(coded: Coded, bytes: &[u8], out: &mut [u8]) -> Result<(), Error> {
    match coded {
        Coded::Raw => out.copy_from_slice(bytes),
        Coded::Run => out.fill(bytes[0]),
        Coded::Static(_) => {
            let (table, bytes) = table(bytes)?;
            rans::decode(bytes, &table, &[], out)?;
        }
        Coded::Zstd(_) => {
            let needed = out.len();
            let is_one_frame = zstd_safe::find_frame_compressed_size(bytes) == Ok(bytes.len());
            if !is_one_frame || bulk::decompress_to_buffer(bytes, out).ok() != Some(needed) {
                return Err(Error::Zstandard { length: bytes.len() as u64, needed: needed as u64 });
            }
        }
    }
    Ok(())
}
