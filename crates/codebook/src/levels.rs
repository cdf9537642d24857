//! Codebooks in the arithmetic-coded stream: grids as a step, lists as ascending floats.

use half::f16;

use crate::{Codebook, Error, binary::BinaryCoder, codebook::MAX_LEVELS, counter::Counter, numbers::Numbers};

/// Spare mantissa bits of a short grid step.
const SHORT: u32 = 6;

/// Learns what a file's codebooks have in common: mostly their exponents.
#[derive(Debug)]
pub(crate) struct Levels {
    is_grid: Counter,
    grid_bits: Numbers,
    is_short: Counter,
    is_half: Counter,
    has_zero: Counter,
    counts: Numbers,
    spare: Numbers,
    half: Vec<Counter>,
    single: Vec<Counter>,
}

impl Levels {
    pub(crate) fn new() -> Self {
        Self {
            is_grid: Counter::new(),
            grid_bits: Numbers::new(),
            is_short: Counter::new(),
            is_half: Counter::new(),
            has_zero: Counter::new(),
            counts: Numbers::new(),
            spare: Numbers::new(),
            half: vec![Counter::new(); 1 << 5],
            single: vec![Counter::new(); 1 << 8],
        }
    }

    /// Codes a codebook; a decoder gives any. The result is not validated.
    pub(crate) fn code<C: BinaryCoder>(&mut self, coder: &mut C, book: &Codebook) -> Result<Codebook, Error> {
        let (grid_step, grid_bits, values) = match book {
            Codebook::Grid { step, bits } => (*step, *bits, &[][..]),
            Codebook::Values(values) => (0.0, 2, &values[..]),
        };
        if self.is_grid.code(matches!(book, Codebook::Grid { .. }), coder) {
            let bits = self.grid_bits.code(coder, u64::from(grid_bits.saturating_sub(2))).saturating_add(2);
            if bits > 16 {
                return Err(Error::Malformed { what: "a grid's bit width", value: bits, rule: "the largest is 16" });
            }
            let pattern = f16::from_f32(grid_step).to_bits();
            let spare = if self.is_short.code(pattern.trailing_zeros() >= SHORT, coder) { SHORT } else { 0 };
            let step = self.half(coder, pattern, spare);
            return Ok(Codebook::Grid { step: f16::from_bits(step).to_f32(), bits: bits as u8 });
        }
        let negatives = values.iter().take_while(|&&v| v < 0.0).count();
        let has_zero = values.get(negatives).is_some_and(|&v| v == 0.0);
        let positives = values.len() - negatives - usize::from(has_zero);
        let counted = self.counts.code(coder, negatives as u64);
        let has_zero = self.has_zero.code(has_zero, coder);
        let positives = self.counts.code(coder, positives as u64);
        let all = counted.saturating_add(positives).saturating_add(u64::from(has_zero));
        if all > MAX_LEVELS as u64 {
            return Err(Error::Malformed { what: "the size of a codebook", value: all, rule: "the largest is 65536" });
        }
        let negatives = counted as usize;
        let is_half = self.is_half.code(book.is_f16(), coder);
        let patterns: Vec<u32> = (values.iter().filter(|&&v| v != 0.0))
            .map(|v| if is_half { u32::from(f16::from_f32(v.abs()).to_bits()) } else { v.abs().to_bits() })
            .collect();
        let mantissa = if is_half { 10 } else { 23 };
        let spare = patterns.iter().map(|p| p.trailing_zeros()).min().unwrap_or(mantissa).min(mantissa);
        let spare = self.spare.code(coder, u64::from(spare));
        if spare > u64::from(mantissa) {
            return Err(Error::Malformed { what: "spare mantissa bits", value: spare, rule: "a mantissa has no more" });
        }
        // From zero outwards, first the negative side.
        let order = (0..negatives).rev().chain(negatives..negatives + positives as usize);
        let mut out = vec![0.0; negatives + positives as usize];
        for i in order {
            let pattern = patterns.get(i).copied().unwrap_or(0);
            let magnitude = if is_half {
                f16::from_bits(self.half(coder, pattern as u16, spare as u32)).to_f32()
            } else {
                f32::from_bits(self.single(coder, pattern, spare as u32))
            };
            out[i] = if i < negatives { -magnitude } else { magnitude };
        }
        if has_zero {
            out.insert(negatives, 0.0);
        }
        Ok(Codebook::Values(out))
    }

    /// The 15 bits of a positive f16, the lowest `spare` of them zero.
    fn half<C: BinaryCoder>(&mut self, coder: &mut C, pattern: u16, spare: u32) -> u16 {
        let exponent = tree(&mut self.half, coder, u32::from(pattern >> 10), 5);
        let mantissa = coder.bits(u64::from(pattern & 0x3FF) >> spare, 10 - spare) << spare;
        (exponent << 10) as u16 | mantissa as u16
    }

    /// The 31 bits of a positive f32, the lowest `spare` of them zero.
    fn single<C: BinaryCoder>(&mut self, coder: &mut C, pattern: u32, spare: u32) -> u32 {
        let exponent = tree(&mut self.single, coder, pattern >> 23, 8);
        let mantissa = coder.bits(u64::from(pattern & 0x7F_FFFF) >> spare, 23 - spare) << spare;
        exponent << 23 | mantissa as u32
    }
}

/// Codes `bits` bits, highest first, each by the counter of those before it.
fn tree<C: BinaryCoder>(counters: &mut [Counter], coder: &mut C, value: u32, bits: u32) -> u32 {
    let mut node = 1u32;
    for i in (0..bits).rev() {
        let bit = counters[node as usize].code(value >> i & 1 == 1, coder);
        node = node << 1 | u32::from(bit);
    }
    node - (1 << bits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::range_coder::{Decoder, Encoder};
    use proptest::prelude::*;

    fn book() -> impl Strategy<Value = Codebook> {
        let coarse = prop::collection::vec((-40i32..40).prop_map(|v| v as f32 / 16.0), 1..12);
        let fine = prop::collection::vec(any::<f32>().prop_filter("finite", |v| v.is_finite()), 1..12);
        let sorted = |mut v: Vec<f32>| {
            v.iter_mut().filter(|v| **v == 0.0).for_each(|v| *v = 0.0);
            v.sort_by(f32::total_cmp);
            v.dedup();
            Codebook::Values(v)
        };
        let grid =
            (1u16..0x7C00, 2u8..=16).prop_map(|(s, bits)| Codebook::Grid { step: f16::from_bits(s).to_f32(), bits });
        prop_oneof![coarse.prop_map(sorted), fine.prop_map(sorted), grid]
    }

    proptest! {
        #[test]
        fn codebooks_come_back(books in prop::collection::vec(book(), 0..6)) {
            let (mut encoder, mut levels) = (Encoder::new(), Levels::new());
            for book in &books {
                prop_assert_eq!(&levels.code(&mut encoder, book).unwrap(), book);
            }
            let bytes = encoder.finish();
            let (mut decoder, mut levels) = (Decoder::new(&bytes), Levels::new());
            for book in &books {
                prop_assert_eq!(&levels.code(&mut decoder, &Codebook::Values(vec![])).unwrap(), book);
            }
        }
    }
}
