//! What the file spends on a tensor: its table of frequencies, its codebook, its stream.
//!
//! The counterpart in `mixpress-codebook` is static coding: frequencies of 2^12 in all, at least one for each index
//! that occurs.

use std::cmp::Ordering;

use half::f16;
use mixpress_codebook::Codebook;

use crate::Stored;

/// Slots of a table.
pub(super) const SLOTS: usize = 1 << 12;

/// Bits of a tensor besides indices, table and codebook: its shape's share of the structure, the way that it is coded,
/// a section's head.
const FIXED: f64 = 100.0;

/// A section's symbols have one lane, eight or 64, from so many on; a lane costs three bytes.
const LANES: [(usize, f64); 3] = [(1 << 17, 64.0), (1 << 14, 8.0), (0, 1.0)];

/// Bits of the exponent of a codebook's value, after learning from those before it.
const EXPONENT: f64 = 2.5;

/// Bits that tell how long a frequency is, after learning from those before it; and that it is zero.
const LENGTH: f64 = 2.0;
const UNUSED: f64 = 0.7;

/// Frequencies of [`SLOTS`] in all, in proportion to the counts, at least one for each count that is not zero.
fn frequencies(counts: &[f64]) -> Vec<u32> {
    let total: f64 = counts.iter().sum();
    let scale = SLOTS as f64 / total.max(f64::MIN_POSITIVE);
    let share = |&count: &f64| if count > 0.0 { ((count * scale).round() as u32).max(1) } else { 0 };
    let mut out: Vec<u32> = counts.iter().map(share).collect();
    // Give or take what rounding left over where it changes the code length least: count / frequency.
    let ratio = |out: &[u32], at: usize| counts[at] / f64::from(out[at]);
    loop {
        let sum = out.iter().sum::<u32>() as usize;
        let (candidate, change) = match sum.cmp(&SLOTS) {
            Ordering::Less => {
                let used = (0..out.len()).filter(|&at| out[at] > 0);
                (used.max_by(|&a, &b| ratio(&out, a).total_cmp(&ratio(&out, b))), 1)
            }
            Ordering::Greater => {
                let spare = (0..out.len()).filter(|&at| out[at] > 1);
                (spare.min_by(|&a, &b| ratio(&out, a).total_cmp(&ratio(&out, b))), -1)
            }
            Ordering::Equal => return out,
        };
        let Some(at) = candidate else { return out };
        out[at] = out[at].wrapping_add_signed(change);
    }
}

/// Bits of an index that has a frequency.
fn bits(frequency: u32) -> f64 {
    (SLOTS as f64 / f64::from(frequency.max(1))).log2()
}

/// Bits that a codebook's list of values takes.
fn list_bits(values: &[f32]) -> f64 {
    let is_half = values.iter().all(|&value| f16::from_f32(value).to_f32() == value);
    let pattern = |value: f32| if is_half { u32::from(f16::from_f32(value).to_bits()) } else { value.to_bits() };
    let mantissa = if is_half { 10 } else { 23 };
    let nonzero = || values.iter().filter(|&&value| value != 0.0);
    let spare = nonzero().map(|&value| pattern(value).trailing_zeros()).min().unwrap_or(mantissa).min(mantissa);
    20.0 + nonzero().count() as f64 * (EXPONENT + f64::from(mantissa - spare))
}

/// Bits of a value in a list.
pub(super) fn value_bits(stored: Stored) -> f64 {
    let mantissa = match stored {
        Stored::F16 => 10.0,
        Stored::BF16 => 7.0,
        Stored::F32 => 23.0,
    };
    EXPONENT + mantissa
}

/// Bits that a codebook takes.
pub(super) fn codebook_bits(codebook: &Codebook) -> f64 {
    match codebook {
        Codebook::Grid { .. } => 20.0,
        Codebook::Values(values) => list_bits(values),
    }
}

/// Bits of a value's place in the table.
pub(super) fn entry_bits(frequency: u32) -> f64 {
    if frequency == 0 { UNUSED } else { LENGTH + f64::from((frequency + 1).ilog2()) }
}

/// Bits that coded indices take with their table: by static coding, or each at the codebook's width where that takes fewer.
pub(super) fn stream_bits(counts: &[f64]) -> f64 {
    let total: f64 = counts.iter().sum();
    let width = counts.len().max(1).next_power_of_two().trailing_zeros();
    let plain = FIXED + total * f64::from(width);
    let table = frequencies(counts);
    let coded: f64 = counts.iter().zip(&table).map(|(count, &frequency)| count * bits(frequency)).sum();
    let entries: f64 = table.iter().map(|&frequency| entry_bits(frequency)).sum();
    let lanes = LANES.iter().find(|(from, _)| total >= *from as f64).map_or(1.0, |lanes| lanes.1);
    plain.min(FIXED + coded + entries + 24.0 * lanes)
}

#[cfg(test)]
mod tests {
    use mixpress_codebook::{Container, QuantizedTensor, encode};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_level_that_occurs_has_a_slot_and_all_slots_are_given() {
        let table = frequencies(&[1e6, 1.0, 0.0, 3e6]);
        assert_eq!(table.iter().sum::<u32>(), 4096);
        assert_eq!((table[1], table[2]), (1, 0));
        assert!(table[3] > 2 * table[0]);
        assert_eq!(frequencies(&[0.0, 0.0]), [0, 0]);
        assert_eq!(bits(1), 12.0);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_file_is_as_long_as_was_estimated(levels in 5_usize..200, spread in 1_usize..5, seed in any::<u64>()) {
            let mut state = seed;
            let mut draw = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as usize % levels
            };
            // The mean of some draws: flat to bell-shaped.
            let indices: Vec<u16> = (0..140_000).map(|_| ((0..spread).map(|_| draw()).sum::<usize>() / spread) as u16).collect();
            let values: Vec<f32> = (0..levels).map(|level| level as f32 + 0.5).collect();
            let codebook = Codebook::Values(values);
            let mut counts = vec![0.0; levels];
            for &index in &indices {
                counts[usize::from(index)] += 1.0;
            }
            let expected = stream_bits(&counts) + codebook_bits(&codebook);
            let tensor = QuantizedTensor::new("t", [indices.len()], codebook, indices).unwrap();
            let bytes = encode(&Container { entries: vec![tensor.into()], ..Container::default() }).unwrap();
            let got = 8.0 * bytes.len() as f64;
            prop_assert!((got - expected).abs() < 0.001 * got + 800.0, "{} bits, estimated {}", got, expected);
        }
    }
}
