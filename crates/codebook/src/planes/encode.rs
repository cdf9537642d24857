//! The writer's side: the layout and the chunks that take the fewest bytes.

use rayon::prelude::*;

use super::{CHUNKS, Head, Layout, block, split::split};
use crate::{Dtype, wire};

/// Powers of two of numbers in a chunk: short ones follow what changes along a tensor, long ones tell fewer tables.
const TRIED: [u8; 2] = [16, 18];
/// Up to so many bytes Zstandard is tried at its best unless its fast level is far behind. Floats seldom repeat.
const SHORT_FLOATS: usize = 1 << 17;
const SHORT: usize = 1 << 20;

/// The smallest section of these bytes of a type, if it is smaller than they are.
pub(crate) fn encode(bytes: &[u8], dtype: Dtype) -> Option<Vec<u8>> {
    if bytes.is_empty() {
        return None;
    }
    let (planes, fast) = rayon::join(|| in_planes(bytes, dtype), || block::zstd_fast_len(bytes));
    let best = planes.filter(|planes| planes.len() < bytes.len());
    let limit = best.as_ref().map_or(bytes.len(), Vec::len);
    // How far the fast level may be behind: the best one takes a long tensor minutes, and seldom makes up for more.
    let is_short = bytes.len() <= if dtype.is_float() { SHORT_FLOATS } else { SHORT };
    let reach = limit.saturating_add(limit / if is_short { 2 } else { 20 });
    let whole = if fast < reach { whole(bytes) } else { None };
    whole.filter(|whole| whole.len() < limit).or(best)
}

/// Bytes as one frame of Zstandard.
fn whole(bytes: &[u8]) -> Option<Vec<u8>> {
    let chunk = (bytes.len().next_power_of_two().ilog2() as u8).max(*CHUNKS.start());
    if chunk > *CHUNKS.end() {
        return None;
    }
    let coding = block::zstd(bytes)?;
    let blocks = vec![block::Coded::Zstd(coding.len() as u64)];
    assemble(&Head { layout: Layout::Whole, chunk, blocks }, vec![coding])
}

/// Bytes in the planes of their type, in chunks of the size that serves them best.
fn in_planes(bytes: &[u8], dtype: Dtype) -> Option<Vec<u8>> {
    let layout = Layout::of(dtype);
    let count = bytes.len() / layout.planes(dtype);
    // One chunk is one chunk, however long it might be.
    let tried = if count <= 1 << TRIED[0] { &TRIED[..1] } else { &TRIED[..] };
    tried.iter().filter_map(|&chunk| in_chunks(bytes, layout, layout.planes(dtype), chunk)).min_by_key(Vec::len)
}

fn in_chunks(bytes: &[u8], layout: Layout, planes: usize, chunk: u8) -> Option<Vec<u8>> {
    let coded: Vec<Vec<(block::Coded, Vec<u8>)>> = bytes
        .par_chunks(planes << chunk)
        .map_init(Vec::new, |room, numbers| {
            room.resize(numbers.len(), 0);
            split(numbers, planes, layout == Layout::SplitSignLast, room);
            room.chunks_exact(numbers.len() / planes).map(block::encode).collect()
        })
        .collect();
    let (blocks, codings): (Vec<_>, Vec<_>) = coded.into_iter().flatten().unzip();
    assemble(&Head { layout, chunk, blocks }, codings)
}

/// A section; nothing where there are too many blocks for a record. Codings go as they are copied: a tensor may be large.
fn assemble(head: &Head, codings: Vec<Vec<u8>>) -> Option<Vec<u8>> {
    let mut out = wire::to_bytes(head).ok()?;
    // What a reader would refuse.
    wire::from_bytes::<Head>(&out).ok()?;
    out.reserve_exact(codings.iter().map(Vec::len).sum());
    for coding in codings {
        out.extend_from_slice(&coding);
    }
    Some(out)
}
