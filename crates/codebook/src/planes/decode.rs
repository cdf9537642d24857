//! The reader's side: blocks in parallel, into bytes whose number is known.

use rayon::prelude::*;

use super::{CHUNKS, Head, Layout, block, split::join};
use crate::{Dtype, Error, wire};

/// Reads a section of values of a type; `out` is as long as they are.
///
/// # Errors
/// If the section is not well-formed, or holds another number of bytes.
pub(crate) fn decode(bytes: &[u8], dtype: Dtype, out: &mut [u8]) -> Result<(), Error> {
    let (Head { layout, chunk, blocks }, length) = wire::from_bytes::<Head>(bytes)?;
    if !CHUNKS.contains(&chunk) {
        let rule = "it is 12 to 40";
        return Err(Error::Malformed { what: "the length of chunks, as a power of two,", value: chunk.into(), rule });
    }
    let planes = layout.planes(dtype);
    if layout != Layout::Whole && planes == 1 {
        let rule = "numbers of one byte stand whole";
        return Err(Error::Malformed { what: "the layout of planes", value: layout as u64, rule });
    }
    let room = room(planes, chunk, usize::MAX);
    let chunks = out.len().div_ceil(room);
    if blocks.len() != chunks * planes {
        return Err(Error::SectionLength {
            part: "the blocks of a tensor's planes",
            needed: (chunks * planes) as u64,
            found: blocks.len() as u64,
        });
    }
    let parts = parts(&bytes[length..], &blocks, planes, room, out.len())?;
    let results: Vec<Result<(), Error>> = out
        .par_chunks_mut(room)
        .zip(parts.par_chunks(planes))
        .map_init(Vec::new, |room, (out, parts)| {
            if let (Layout::Whole, [(coded, bytes)]) = (layout, parts) {
                return block::decode(*coded, bytes, out);
            }
            room.resize(out.len(), 0);
            for ((coded, bytes), plane) in parts.iter().zip(room.chunks_exact_mut(out.len() / planes)) {
                block::decode(*coded, bytes, plane)?;
            }
            join(room, planes, layout == Layout::SplitSignLast, out);
            Ok(())
        })
        .collect();
    // The first block's error, not the first thread's.
    results.into_iter().collect()
}

/// Bytes of a whole chunk, `most` where it has more: on a machine of 32 bits the longest chunks have more bytes than it can
/// count, and what it can hold is one of them.
pub(super) fn room(planes: usize, chunk: u8, most: usize) -> usize {
    let numbers = 1u64.checked_shl(chunk.into()).unwrap_or(u64::MAX);
    numbers.saturating_mul(planes as u64).min(most as u64) as usize
}

/// The bytes of each block, which are all that are there.
fn parts<'a>(
    bytes: &'a [u8],
    blocks: &[block::Coded],
    planes: usize,
    room: usize,
    total: usize,
) -> Result<Vec<(block::Coded, &'a [u8])>, Error> {
    let mut rest = bytes;
    let mut parts = Vec::with_capacity(blocks.len());
    for (number, &coded) in blocks.iter().enumerate() {
        let start = number / planes * room;
        let needed = coded.len(room.min(total - start) / planes);
        let part = usize::try_from(needed).ok().and_then(|needed| rest.split_at_checked(needed));
        let (part, after) = part.ok_or(Error::Truncated {
            part: "a block of a tensor's planes",
            needed,
            available: rest.len() as u64,
        })?;
        parts.push((coded, part));
        rest = after;
    }
    if rest.is_empty() { Ok(parts) } else { Err(Error::TrailingBytes { count: rest.len() as u64 }) }
}
