//! Sorted runs of bits: what is left to say when interchangeable columns stand in order.
//!
//! Hidden units may be permuted freely, so a writer sorts them. Columns that agreed on all rows so far are
//! interchangeable; once sorted, their next bits are zeros first, ones after, and only the number of ones has to be
//! told. That number is binomial, and it is coded by asking at each position whether the ones begin here.

use crate::binary::{BinaryCoder, ONE};

/// Where quotients stop growing: the probability has long reached its floor.
const RATIO_MAX: u128 = 1 << 40;

/// Codes `len` bits of which the first `zeros` are 0 and the others 1, each 1 with probability `p / 65536` before they
/// were sorted. Returns the number of zeros.
pub(crate) fn code_run<C: BinaryCoder>(coder: &mut C, len: usize, zeros: usize, p: u32) -> usize {
    if len == 1 {
        return usize::from(!coder.code(zeros == 0, p));
    }
    // With K ones among len, ratio[k] = P(K <= k) / P(K = k): after len - k zeros the ones begin with
    // probability 1 / ratio[k]. In units of 2^-16.
    let mut ratio = vec![u64::from(ONE); len + 1];
    for k in 1..=len {
        let below = u128::from(ratio[k - 1]) * k as u128 * u128::from(ONE - p);
        let here = (len - k + 1) as u128 * u128::from(p);
        ratio[k] = u64::from(ONE) + (below / here).min(RATIO_MAX) as u64;
    }
    for seen in 0..len {
        let begins = ((1u64 << 32) / ratio[len - seen]).clamp(1, 65535) as u32;
        if coder.code(seen >= zeros, begins) {
            return seen;
        }
    }
    len
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Tally;
    use crate::range_coder::{Decoder, Encoder};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_number_of_zeros_comes_back(len in 1usize..40, zeros in 0usize..40, p in 1u32..65536) {
            let zeros = zeros.min(len);
            let mut encoder = Encoder::new();
            code_run(&mut encoder, len, zeros, p);
            let bytes = encoder.finish();
            prop_assert_eq!(code_run(&mut Decoder::new(&bytes), len, 0, p), zeros);
        }
    }

    #[test]
    fn the_cost_is_that_of_the_binomial_count() {
        let (len, p) = (12u32, 0.2f64);
        let choose = |k: u32| (0..k).fold(1.0, |c, i| c * f64::from(len - i) / f64::from(i + 1));
        for ones in 0..=len {
            let mut tally = Tally::default();
            code_run(&mut tally, len as usize, (len - ones) as usize, (p * 65536.0) as u32);
            let exact = -(choose(ones) * p.powi(ones as i32) * (1.0 - p).powi((len - ones) as i32)).log2();
            // Beyond 14 bits the coder's least probability decides.
            assert!(
                exact > 14.0 || (tally.bits() - exact).abs() < 0.04 * exact.max(1.0),
                "{ones}: {} for {exact}",
                tally.bits()
            );
        }
    }
}
