//! The writer's side: symbols last to first, words backwards into a buffer, no division.

use rayon::prelude::*;

use super::{BLOCK, LANES, LOWER, SCALE, SCALE_BITS, Table, blocks, lanes, pair};

/// What coding one index takes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Step {
    /// `2^44 / frequency`, rounded up.
    reciprocal: u64,
    /// The largest state that needs no word taken out of it first.
    limit: u32,
    start: u32,
    /// 2^12 less the frequency.
    complement: u32,
}

/// With a state `x` below `f · 2^20` and `r = ceil(2^44 / f)`, `f <= 2^12`, the product `x · r` is below 2^64, and
/// `x · r >> 44` is `x / f`: `r · f` exceeds 2^44 by less than `f`, and `x · (f - 1)` is below 2^44.
const SHIFT: u32 = 44;

impl Step {
    pub(crate) fn all(frequencies: &[u32]) -> Vec<Self> {
        let mut start = 0;
        let step = |&frequency: &u32| {
            if frequency == 0 {
                return Self::default();
            }
            let step = Self {
                reciprocal: (1u64 << SHIFT).div_ceil(u64::from(frequency)),
                limit: ((u64::from(frequency) << (32 - SCALE_BITS)) - 1) as u32,
                start,
                complement: SCALE as u32 - frequency,
            };
            start += frequency;
            step
        };
        frequencies.iter().map(step).collect()
    }

    /// Codes the symbol into a lane's state. Where a word has to go out it stands below `words[*free]`, which then
    /// moves there.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "the heart of the loops around it")]
    pub(crate) fn code(&self, x: &mut u32, words: &mut [u16], free: &mut usize) {
        // Without a branch on whether a word goes out: that is as good as random.
        let is_large = *x > self.limit;
        words[*free - 1] = *x as u16;
        *free -= usize::from(is_large);
        let state = if is_large { *x >> 16 } else { *x };
        let quotient = ((u64::from(state) * self.reciprocal) >> SHIFT) as u32;
        *x = state + self.start + quotient * self.complement;
    }
}

/// Codes indices whose frequencies are not zero.
pub(crate) fn encode(indices: &[u16], table: &Table) -> Vec<u8> {
    let steps = Step::all(&table.symbols());
    let encode = |block: &[u16], buffer: &mut Vec<u16>| {
        if table.is_paired {
            encode_block::<2>(block, &steps, buffer)
        } else {
            encode_block::<1>(block, &steps, buffer)
        }
    };
    if blocks(indices.len()) == 1 {
        return encode(indices, &mut Vec::new());
    }
    let coded: Vec<Vec<u8>> =
        indices.par_chunks(BLOCK).map_init(Vec::new, |buffer, block| encode(block, buffer)).collect();
    let lengths = coded[..coded.len() - 1].iter().flat_map(|block| (block.len() as u32).to_le_bytes());
    let mut out: Vec<u8> = lengths.collect();
    out.reserve_exact(coded.iter().map(Vec::len).sum());
    for block in &coded {
        out.extend_from_slice(block);
    }
    out
}

/// Codes a block in symbols of `W` indices; `words` is room to work in.
fn encode_block<const W: usize>(indices: &[u16], steps: &[Step], words: &mut Vec<u16>) -> Vec<u8> {
    match lanes(indices.len()) {
        1 => encode_lanes::<1, W>(indices, steps, words),
        8 => encode_lanes::<8, W>(indices, steps, words),
        _ => encode_lanes::<LANES, W>(indices, steps, words),
    }
}

fn encode_lanes<const L: usize, const W: usize>(indices: &[u16], steps: &[Step], words: &mut Vec<u16>) -> Vec<u8> {
    // A word a symbol at most, and one that is written but not kept.
    let needed = indices.len() + 1;
    if words.len() < needed {
        words.resize(needed, 0);
    }
    let words = &mut words[..needed];
    let mut free = needed;
    let mut states = [LOWER; L];
    let mut code = |x: &mut u32, symbol: u16| steps[usize::from(symbol)].code(x, words, &mut free);
    let (parts, _) = indices.as_chunks::<L>();
    let groups = parts.chunks_exact(W);
    let rest = &indices[groups.len() * W * L..];
    for (lane, x) in states.iter_mut().enumerate().take(rest.len()).rev() {
        let first = rest[lane];
        let symbol = if W == 1 { first } else { pair(first, rest.get(lane + L).copied().unwrap_or(first)) };
        code(x, symbol);
    }
    for group in groups.rev() {
        for (lane, x) in states.iter_mut().enumerate().rev() {
            code(x, if W == 1 { group[0][lane] } else { pair(group[0][lane], group[1][lane]) });
        }
    }
    let words = &words[free..];
    let mut out = Vec::with_capacity(4 * L + 2 * words.len());
    out.extend(states.iter().flat_map(|x| x.to_le_bytes()));
    out.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reciprocal_divides_exactly() {
        for frequency in 1..=SCALE as u32 {
            let reciprocal = (1u64 << SHIFT).div_ceil(u64::from(frequency));
            let end = u64::from(frequency) << 20;
            let near = |x: u64| x.saturating_sub(2)..(x + 3).min(end);
            let multiples = (1..64).map(|i| end / 64 * i / u64::from(frequency) * u64::from(frequency));
            for x in multiples.flat_map(near).chain(near(0)).chain(near(end)) {
                let quotient = (u128::from(x) * u128::from(reciprocal)) >> SHIFT;
                assert!(u64::try_from(u128::from(x) * u128::from(reciprocal)).is_ok());
                assert_eq!(quotient, u128::from(x / u64::from(frequency)), "{x} / {frequency}");
            }
        }
    }
}
