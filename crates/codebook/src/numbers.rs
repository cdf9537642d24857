//! Whole numbers of unknown size, small ones cheap: Exp-Golomb with learned lengths.

use crate::{binary::BinaryCoder, counter::Counter};

/// Learns how large the numbers of one kind are.
#[derive(Debug, Clone)]
pub(crate) struct Numbers {
    longer: Vec<Counter>,
}

impl Numbers {
    pub(crate) fn new() -> Self {
        Self { longer: vec![Counter::new(); 64] }
    }

    /// Codes a number below 2^63. With `v = number + 1` of `n` bits, `n - 1` is told in unary, each step by a counter of
    /// its own; then the bits of `v` below its highest, without a model.
    pub(crate) fn code<C: BinaryCoder>(&mut self, coder: &mut C, number: u64) -> u64 {
        let value = number.saturating_add(1);
        let wanted = value.ilog2() as usize;
        let mut length = 0;
        while length < 63 && self.longer[length].code(length < wanted, coder) {
            length += 1;
        }
        (1 << length | coder.bits(value & ((1 << length) - 1), length as u32)) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::range_coder::{Decoder, Encoder};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(numbers in prop::collection::vec(prop_oneof![0u64..10, 0u64..1 << 20, 0u64..1 << 63], 0..30)) {
            let (mut encoder, mut model) = (Encoder::new(), Numbers::new());
            for &n in &numbers {
                model.code(&mut encoder, n);
            }
            let bytes = encoder.finish();
            let (mut decoder, mut model) = (Decoder::new(&bytes), Numbers::new());
            for &n in &numbers {
                prop_assert_eq!(model.code(&mut decoder, 0), n);
            }
        }
    }
}
