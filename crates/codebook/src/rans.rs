//! Static entropy coding of long index streams: table-driven rANS (J. Duda, *Asymmetric numeral systems*, 2013).
//!
//! Frequencies sum to 2^12. States are 32 bits, kept at 2^16 or above by whole 16-bit words. Symbol `i` belongs to lane
//! `i mod lanes`; short streams have one lane, long ones eight, so that a reader overlaps their latencies.

use std::cmp::Ordering;

use crate::Error;

/// Frequencies sum to two to this power.
pub(crate) const SCALE_BITS: u32 = 12;
const SCALE: u32 = 1 << SCALE_BITS;
/// The most levels that a table of 2^12 slots can serve.
pub(crate) const MAX_LEVELS: usize = 1 << 10;
/// States never fall below this between symbols.
const LOWER: u32 = 1 << 16;
/// From so many symbols on there are eight lanes.
const LONG: usize = 1 << 14;

fn lanes(count: usize) -> usize {
    if count < LONG { 1 } else { 8 }
}

/// Frequencies of 2^12 in all, at least 1 for each level that occurs, 0 for the others. `None` without symbols or with
/// too many levels.
pub(crate) fn frequencies(indices: &[u16], levels: usize) -> Option<Vec<u32>> {
    if indices.is_empty() || levels > MAX_LEVELS {
        return None;
    }
    let mut counts = vec![0u64; levels];
    for &i in indices {
        counts[usize::from(i)] += 1;
    }
    let total = indices.len() as u64;
    let mut out: Vec<u32> = counts
        .iter()
        .map(|&c| if c == 0 { 0 } else { ((c * u64::from(SCALE) + total / 2) / total).max(1) as u32 })
        .collect();
    // Give or take what rounding left over where it changes the code length least: count / frequency.
    loop {
        let sum: u32 = out.iter().sum();
        let ratio = |i: &usize| counts[*i] as f64 / f64::from(out[*i]);
        match sum.cmp(&SCALE) {
            Ordering::Equal => return Some(out),
            Ordering::Less => {
                let best = (0..levels).filter(|&i| out[i] > 0).max_by(|a, b| ratio(a).total_cmp(&ratio(b)))?;
                out[best] += 1;
            }
            Ordering::Greater => {
                let best = (0..levels).filter(|&i| out[i] > 1).min_by(|a, b| ratio(a).total_cmp(&ratio(b)))?;
                out[best] -= 1;
            }
        }
    }
}

/// Bytes that [`encode`] will write, to within a few.
pub(crate) fn expected_len(indices: &[u16], frequencies: &[u32]) -> f64 {
    let mut counts = vec![0u64; frequencies.len()];
    for &i in indices {
        counts[usize::from(i)] += 1;
    }
    let bits: f64 = counts
        .iter()
        .zip(frequencies)
        .filter(|&(&count, _)| count > 0)
        .map(|(&count, &f)| count as f64 * (f64::from(SCALE_BITS) - f64::from(f).log2()))
        .sum();
    bits / 8.0 + 4.0 * lanes(indices.len()) as f64
}

/// Codes indices whose frequencies are not zero.
pub(crate) fn encode(indices: &[u16], frequencies: &[u32]) -> Vec<u8> {
    let lanes = lanes(indices.len());
    let mut starts = Vec::with_capacity(frequencies.len());
    let mut sum = 0;
    for &f in frequencies {
        starts.push(sum);
        sum += f;
    }
    let mut states = vec![LOWER; lanes];
    let mut words = Vec::with_capacity(indices.len() / 4);
    for (i, &index) in indices.iter().enumerate().rev() {
        let (f, start) = (frequencies[usize::from(index)], starts[usize::from(index)]);
        let x = &mut states[i % lanes];
        if u64::from(*x) >= u64::from(f) << (32 - SCALE_BITS) {
            words.push(*x as u16);
            *x >>= 16;
        }
        *x = ((*x / f) << SCALE_BITS) + *x % f + start;
    }
    let mut out: Vec<u8> = states.iter().flat_map(|x| x.to_le_bytes()).collect();
    out.extend(words.iter().rev().flat_map(|w| w.to_le_bytes()));
    out
}

/// Reads `count` indices.
///
/// # Errors
/// If the frequencies do not sum to 2^12, or the bytes are too few, too many, or do not lead back to the states that a
/// writer starts from.
pub(crate) fn decode(bytes: &[u8], count: usize, frequencies: &[u32]) -> Result<Vec<u16>, Error> {
    let sum: u64 = frequencies.iter().map(|&f| u64::from(f)).sum();
    if sum != u64::from(SCALE) {
        return Err(Error::Malformed { what: "the sum of frequencies", value: sum, rule: "it is 4096" });
    }
    let truncated = |needed: usize| Error::Truncated {
        part: "an entropy-coded section",
        needed: needed as u64,
        available: bytes.len() as u64,
    };
    let mut table = Vec::with_capacity(SCALE as usize);
    for (index, &frequency) in frequencies.iter().enumerate() {
        table.extend((0..frequency).map(|offset| Slot { index: index as u16, frequency, offset }));
    }
    let head = 4 * lanes(count);
    let (states, words) = bytes.split_at_checked(head).ok_or_else(|| truncated(head))?;
    let mut words = words.chunks_exact(2);
    let (out, state) = match head {
        4 => decode_lanes::<1>(states, &mut words, count, &table),
        _ => decode_lanes::<8>(states, &mut words, count, &table),
    }
    .ok_or_else(|| truncated(bytes.len() + 2))?;
    let left = words.len() * 2 + words.remainder().len();
    if left > 0 {
        return Err(Error::SectionLength {
            part: "entropy-coded indices",
            needed: (bytes.len() - left) as u64,
            found: bytes.len() as u64,
        });
    }
    if state != LOWER {
        return Err(Error::Malformed {
            what: "the last state of an entropy-coded section",
            value: u64::from(state),
            rule: "it is 65536",
        });
    }
    Ok(out)
}

/// What a state's lowest bits say: the index, its frequency, the place in its interval.
#[derive(Debug, Clone, Copy)]
struct Slot {
    index: u16,
    frequency: u32,
    offset: u32,
}

/// Reads `count` symbols from `L` lanes; `None` when words are missing. Gives the symbols and the last state that is not
/// `LOWER`, if there is one, `LOWER` otherwise.
fn decode_lanes<const L: usize>(
    states: &[u8],
    words: &mut std::slice::ChunksExact<'_, u8>,
    count: usize,
    table: &[Slot],
) -> Option<(Vec<u16>, u32)> {
    let table: &[Slot; SCALE as usize] = table.try_into().expect("frequencies sum to the table's size");
    let mut lanes: [u32; L] = std::array::from_fn(|i| {
        let b = &states[4 * i..];
        u32::from_le_bytes([b[0], b[1], b[2], b[3]])
    });
    let mut out = vec![0; count];
    for group in out.chunks_mut(L) {
        for (index, x) in group.iter_mut().zip(&mut lanes) {
            let slot = table[(*x & (SCALE - 1)) as usize];
            *index = slot.index;
            *x = slot.frequency * (*x >> SCALE_BITS) + slot.offset;
            if *x < LOWER {
                let word = words.next()?;
                *x = *x << 16 | u32::from(u16::from_le_bytes([word[0], word[1]]));
            }
        }
    }
    Some((out, lanes.into_iter().find(|&x| x != LOWER).unwrap_or(LOWER)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn indices_come_back_near_their_entropy(
            levels in 1usize..40, skew in 1u32..9, seed in any::<u32>(), count in prop_oneof![1usize..300, 16000usize..20000]
        ) {
            let mut state = seed;
            let indices: Vec<u16> = (0..count).map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let u = f64::from(state) / 4_294_967_296.0;
                (u.powi(skew as i32) * levels as f64) as u16
            }).collect();
            let f = frequencies(&indices, levels).unwrap();
            prop_assert_eq!(f.iter().sum::<u32>(), 4096);
            let bytes = encode(&indices, &f);
            prop_assert!((bytes.len() as f64 - expected_len(&indices, &f)).abs() < 8.0 + 0.01 * bytes.len() as f64);
            prop_assert_eq!(decode(&bytes, count, &f).unwrap(), indices);
            prop_assert!(decode(&bytes[..bytes.len() - 1], count, &f).is_err());
        }
    }

    #[test]
    fn a_table_that_does_not_sum_up_is_refused() {
        assert!(matches!(decode(&[0; 8], 1, &[1, 2]), Err(Error::Malformed { value: 3, .. })));
    }
}
