//! A probability from counts, leaning on a prior while counts are small.

use crate::{binary::ONE, logistic::Logistic};

/// `(ones + strength · prior) / (seen + strength)`, `strength` in sixteenths, probabilities in units of 2^-16, clamped to
/// 8..=65528.
pub(crate) fn estimate(ones: u32, seen: u32, prior: u32, strength: u32) -> u32 {
    let numerator = (u64::from(ones) << 20) + u64::from(strength) * u64::from(prior);
    let denominator = (u64::from(seen) << 4) + u64::from(strength);
    ((numerator / denominator) as u32).clamp(8, ONE - 8)
}

/// By how much the logit of an estimate exceeds that of its prior.
pub(crate) fn excess(logistic: Logistic, ones: u32, seen: u32, prior: u32, strength: u32) -> i32 {
    logistic.stretch(estimate(ones, seen, prior, strength)) - logistic.stretch(prior)
}
