//! The probability of a bit in one context, learned from the bits seen there.

use crate::binary::BinaryCoder;

/// Bits after which a counter forgets: later bits weigh as if the counter had seen this many.
const LIMIT: u16 = 255;

/// An adaptive probability: the mean of the bits seen, with more weight on later ones once it has seen many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counter {
    /// Probability of a one in units of 2^-22.
    p: u32,
    /// Bits seen, at most `LIMIT`.
    seen: u16,
}

impl Counter {
    /// A counter that has seen nothing and thinks both bits equally likely.
    pub(crate) fn new() -> Self {
        Self { p: 1 << 21, seen: 0 }
    }

    /// A counter that starts at `p / 65536`, trusted as if `seen` bits had led there.
    pub(crate) fn starting(p: u32, seen: u16) -> Self {
        Self { p: p << 6, seen }
    }

    /// Probability of a one in units of 2^-16, 1 to 65535.
    pub(crate) fn p(self) -> u32 {
        (self.p >> 6).clamp(1, 65535)
    }

    /// Learns from a bit: `p += (bit - p) / (seen + 1.5)`, the quotient cut towards zero.
    pub(crate) fn update(&mut self, bit: bool) {
        let target = if bit { 1i64 << 22 } else { 0 };
        let step = (target - i64::from(self.p)) * 2 / (2 * i64::from(self.seen) + 3);
        self.p = (i64::from(self.p) + step) as u32;
        self.seen = (self.seen + 1).min(LIMIT);
    }

    /// Codes a bit with this probability alone, and learns from it.
    pub(crate) fn code<C: BinaryCoder>(&mut self, bit: bool, coder: &mut C) -> bool {
        let bit = coder.code(bit, self.p());
        self.update(bit);
        bit
    }
}
