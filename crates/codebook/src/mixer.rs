//! Logistic mixing: several opinions about one bit become one probability, and learn whom to trust.
//!
//! `logit p = Σ w_i x_i`, and after the bit is known `w_i += rate · (bit - p) · x_i`: the online gradient step on coding
//! cost of M. Mahoney's *Adaptive Weighing of Context Models* (2005), in integers.

use crate::{
    binary::ONE,
    logistic::{LOGIT_MAX, Logistic},
};

/// A weight of one.
const UNIT: i32 = 1 << 20;
/// Weights are clamped to plus and minus this.
const WEIGHT_MAX: i64 = 16 << 20;

/// One set of weights for `N` inputs.
#[derive(Debug, Clone)]
pub(crate) struct Mixer<const N: usize> {
    weights: [i32; N],
    /// Learning rate in units of 2^-16.
    rate: i32,
}

impl<const N: usize> Mixer<N> {
    /// A mixer whose weights start at so many hundredths.
    pub(crate) fn hundredths(weights: [i32; N], rate: i32) -> Self {
        Self { weights: weights.map(|w| w * (UNIT / 100)), rate }
    }

    /// Probability of a one given logits in units of 1/256 nat.
    pub(crate) fn p(&self, logistic: Logistic, inputs: &[i32; N]) -> u32 {
        let sum: i64 = self.weights.iter().zip(inputs).map(|(&w, &x)| i64::from(w) * i64::from(x)).sum();
        logistic.squash((sum >> 20).clamp(-i64::from(LOGIT_MAX), i64::from(LOGIT_MAX)) as i32)
    }

    /// Learns from a bit that had probability `p`.
    pub(crate) fn update(&mut self, inputs: &[i32; N], p: u32, bit: bool) {
        let error = i64::from(if bit { ONE as i32 - p as i32 } else { -(p as i32) });
        for (w, &x) in self.weights.iter_mut().zip(inputs) {
            // error 2^-16, input 2^-8, rate 2^-16, weight 2^-20: 40 - 20 bits too many.
            let step = (error * i64::from(x) * i64::from(self.rate) + (1 << 19)) >> 20;
            *w = (i64::from(*w) + step).clamp(-WEIGHT_MAX, WEIGHT_MAX) as i32;
        }
    }
}
