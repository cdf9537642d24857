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

/// What an ideal coder would spend. A product of probabilities takes a logarithm only now and then.
#[derive(Debug)]
struct Spent {
    bits: f64,
    /// The probability of the decisions since `bits` was brought up to date.
    product: f64,
}

impl Default for Spent {
    fn default() -> Self {
        Self { bits: 0.0, product: 1.0 }
    }
}

impl Spent {
    /// Counts a decision that is 1 with probability `p / 65536`.
    fn add(&mut self, bit: bool, p: u32) {
        const LEAST: f64 = 1e-280;
        self.product *= f64::from(if bit { p } else { ONE - p }) / f64::from(ONE);
        if self.product < LEAST {
            *self = Self { bits: self.bits(), product: 1.0 };
        }
    }

    fn bits(&self) -> f64 {
        self.bits - self.product.log2()
    }
}

/// Weighs decisions instead of writing them: the bits that an ideal coder would spend.
#[derive(Debug, Default)]
pub(crate) struct Tally(Spent);

impl Tally {
    /// Bits so far.
    pub(crate) fn bits(&self) -> f64 {
        self.0.bits()
    }
}

impl BinaryCoder for Tally {
    fn code(&mut self, bit: bool, p: u32) -> bool {
        self.0.add(bit, p);
        bit
    }

    fn spent(&self) -> f64 {
        self.0.bits()
    }
}

/// Passes decisions on to another coder, and weighs them.
#[derive(Debug)]
pub(crate) struct Weighed<C> {
    /// The coder that does the work.
    pub(crate) inner: C,
    spent: Spent,
}

impl<C> Weighed<C> {
    /// Weighs what `inner` is asked for.
    pub(crate) fn new(inner: C) -> Self {
        Self { inner, spent: Spent::default() }
    }
}

impl<C: BinaryCoder> BinaryCoder for Weighed<C> {
    fn code(&mut self, bit: bool, p: u32) -> bool {
        let bit = self.inner.code(bit, p);
        self.spent.add(bit, p);
        bit
    }

    fn spent(&self) -> f64 {
        self.spent.bits()
    }
}
