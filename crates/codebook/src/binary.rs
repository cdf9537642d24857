//! One binary decision with a known probability: the interface between models and coders.
//!
//! Every model of this crate is written once, against [`BinaryCoder`], and run with an encoder, a decoder or a tally.
//! So the two sides cannot drift apart.

/// Probabilities are in units of 2^-16; a coder takes 1 to 65535.
pub(crate) const ONE: u32 = 1 << 16;

/// Something that codes binary decisions: an encoder writes them, a decoder reads them, a tally weighs them.
pub(crate) trait BinaryCoder {
    /// Codes a decision that is 1 with probability `p / 65536`. An encoder writes `bit` and returns it; a decoder
    /// ignores `bit` and returns what it read.
    fn code(&mut self, bit: bool, p: u32) -> bool;

    /// Bits spent so far, for those coders that keep count.
    fn spent(&self) -> f64 {
        0.0
    }

    /// Codes a decision without a model.
    fn flip(&mut self, bit: bool) -> bool {
        self.code(bit, ONE / 2)
    }

    /// Codes the lowest `count` bits of `value`, highest first, without a model.
    fn bits(&mut self, value: u64, count: u32) -> u64 {
        (0..count).rev().fold(0, |got, i| got << 1 | u64::from(self.flip(value >> i & 1 == 1)))
    }
}

/// Weighs decisions instead of writing them: the bits that an ideal coder would spend.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Bits so far.
    pub(crate) bits: f64,
}

impl BinaryCoder for Tally {
    fn code(&mut self, bit: bool, p: u32) -> bool {
        self.bits += cost(bit, p);
        bit
    }

    fn spent(&self) -> f64 {
        self.bits
    }
}

/// Passes decisions on to another coder, and weighs them.
#[derive(Debug)]
pub(crate) struct Weighed<C> {
    /// The coder that does the work.
    pub(crate) inner: C,
    /// Bits so far.
    pub(crate) bits: f64,
}

impl<C: BinaryCoder> BinaryCoder for Weighed<C> {
    fn code(&mut self, bit: bool, p: u32) -> bool {
        let bit = self.inner.code(bit, p);
        self.bits += cost(bit, p);
        bit
    }

    fn spent(&self) -> f64 {
        self.bits
    }
}

/// Bits that an ideal coder spends on `bit` when 1 has probability `p / 65536`. For choices and reports only.
pub(crate) fn cost(bit: bool, p: u32) -> f64 {
    let p = if bit { p } else { ONE - p };
    16.0 - f64::from(p).log2()
}
