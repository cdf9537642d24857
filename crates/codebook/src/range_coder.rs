//! A binary range coder: 32-bit range, carries propagated, not a byte more than needed at the end.
//!
//! After G. N. N. Martin, *Range encoding* (1979), in the carry-counting form of LZMA. Two differences from LZMA: the
//! first byte, which is always zero there, is not written, and neither are zero bytes at the end: a decoder reads zeros
//! past the end.

use crate::binary::BinaryCoder;

/// Below this the range is shifted up by a byte.
const TOP: u32 = 1 << 24;

/// Writes decisions.
#[derive(Debug)]
pub(crate) struct Encoder {
    low: u64,
    range: u32,
    /// The last byte before `low` that a carry can still reach, and how many bytes 0xFF follow it.
    cache: u8,
    pending: u64,
    started: bool,
    out: Vec<u8>,
}

impl Encoder {
    pub(crate) fn new() -> Self {
        Self { low: 0, range: u32::MAX, cache: 0, pending: 0, started: false, out: Vec::new() }
    }

    /// Bytes that the decisions so far take, to a few.
    pub(crate) fn len(&self) -> u64 {
        self.out.len() as u64 + self.pending
    }

    /// Moves the highest byte of `low` out, resolving carries.
    fn shift(&mut self) {
        if self.low < 0xFF00_0000 || self.low > 0xFFFF_FFFF {
            let carry = (self.low >> 32) as u8;
            if self.started {
                self.out.push(self.cache.wrapping_add(carry));
            }
            for _ in 0..self.pending {
                self.out.push(0xFF_u8.wrapping_add(carry));
            }
            self.pending = 0;
            self.started = true;
            self.cache = (self.low >> 24) as u8;
        } else {
            self.pending += 1;
        }
        self.low = (self.low & 0x00FF_FFFF) << 8;
    }

    /// The bytes written, as few as identify the decisions.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        // Of all numbers in [low, low + range) take the one with the most zeros at its end.
        let end = self.low + u64::from(self.range) - 1;
        self.low = (0..=32)
            .rev()
            .map(|zeros| end >> zeros << zeros)
            .find(|&value| value >= self.low)
            .expect("with no zeros asked for, the end itself is in the interval");
        for _ in 0..5 {
            self.shift();
        }
        while self.out.last() == Some(&0) {
            self.out.pop();
        }
        self.out
    }
}

impl BinaryCoder for Encoder {
    fn code(&mut self, bit: bool, p: u32) -> bool {
        debug_assert!((1..1 << 16).contains(&p), "probability {p} of 65536");
        let bound = ((u64::from(self.range) * u64::from(p)) >> 16) as u32;
        if bit {
            self.range = bound;
        } else {
            self.low += u64::from(bound);
            self.range -= bound;
        }
        while self.range < TOP {
            self.range <<= 8;
            self.shift();
        }
        bit
    }
}

/// Reads decisions.
#[derive(Debug)]
pub(crate) struct Decoder<'a> {
    range: u32,
    code: u32,
    input: &'a [u8],
    position: usize,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(input: &'a [u8]) -> Self {
        let mut decoder = Self { range: u32::MAX, code: 0, input, position: 0 };
        for _ in 0..4 {
            decoder.shift();
        }
        decoder
    }

    fn shift(&mut self) {
        self.code = self.code << 8 | u32::from(self.input.get(self.position).copied().unwrap_or(0));
        self.position += 1;
    }

    /// Bytes of the input that were not read.
    pub(crate) fn unread(&self) -> usize {
        self.input.len().saturating_sub(self.position)
    }
}

impl BinaryCoder for Decoder<'_> {
    fn code(&mut self, _: bool, p: u32) -> bool {
        let bound = ((u64::from(self.range) * u64::from(p)) >> 16) as u32;
        let bit = self.code < bound;
        if bit {
            self.range = bound;
        } else {
            self.code -= bound;
            self.range -= bound;
        }
        while self.range < TOP {
            self.range <<= 8;
            self.shift();
        }
        bit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Tally;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_goes_in_comes_out_at_the_ideal_length(
            decisions in prop::collection::vec((any::<bool>(), prop_oneof![1u32..40, 1u32..65536, 65500u32..65536]), 0..600)
        ) {
            let (mut encoder, mut tally) = (Encoder::new(), Tally::default());
            for &(bit, p) in &decisions {
                encoder.code(bit, p);
                tally.code(bit, p);
            }
            let bytes = encoder.finish();
            prop_assert!(bytes.len() as f64 <= tally.bits() / 8.0 * 1.0001 + 1.0, "{} bytes, {} bits", bytes.len(), tally.bits());
            let mut decoder = Decoder::new(&bytes);
            for (i, &(bit, p)) in decisions.iter().enumerate() {
                prop_assert_eq!(decoder.code(false, p), bit, "decision {}", i);
            }
            prop_assert_eq!(decoder.unread(), 0);
        }
    }

    #[test]
    fn nothing_costs_nothing() {
        assert!(Encoder::new().finish().is_empty());
    }
}
