//! Exponential and logarithm without branches or tables: loops over arrays of them fill vector registers.
//!
//! Both are plain products and sums, so they give the same bytes at each level of vector units and on each platform, which
//! the system's own functions do not. Reduction of the argument as in fdlibm (`e_exp.c`, `e_log.c`), then a series.

// The digits of fdlibm.
#![allow(clippy::excessive_precision)]

use std::f64::consts::{LN_2, LOG2_E, SQRT_2};

/// Numbers that are worked on at once: several vector registers, so that no operation waits for the one before it.
pub(crate) const LANES: usize = 16;

/// One number a lane.
pub(crate) type Lanes = [f64; LANES];

/// From 2^52 on, neighbouring floats are 1 apart: adding this rounds, and leaves the integer in the lowest bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// The upper bits of `ln 2`: its product with an exponent has no rounding error.
const LN_2_HIGH: f64 = 6.931_471_803_691_238_164_90e-1;
const LN_2_LOW: f64 = 1.908_214_929_270_587_700_02e-10;

/// `1 / n!`, from `n = 10` down to 0.
const FACTORIALS: [f64; 11] = [
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    0.5,
    1.0,
    1.0,
];

/// `e^x` for `x` up to about 700, to a relative error of about 1e-12; from -708 down it stays at the smallest normal
/// numbers.
#[inline(always)]
#[allow(clippy::inline_always, reason = "it must be compiled for its caller's vector units")]
pub(crate) fn exp(x: f64) -> f64 {
    let x = if x > -708.0 { x } else { -708.0 };
    let rounded = x * LOG2_E + ROUNDER;
    let power = rounded - ROUNDER;
    let rest = (x - power * LN_2_HIGH) - power * LN_2_LOW;
    let mut sum = FACTORIALS[0];
    for factorial in &FACTORIALS[1..] {
        sum = sum * rest + factorial;
    }
    // The low bits of `rounded` are the power of two, which belongs into the exponent.
    sum * f64::from_bits((rounded.to_bits() << 52).wrapping_add(1.0_f64.to_bits()))
}

/// `ln x` for normal `x >= 1`, to an error of about 1e-12.
#[inline(always)]
#[allow(clippy::inline_always, reason = "it must be compiled for its caller's vector units")]
pub(crate) fn ln(x: f64) -> f64 {
    const TWO_TO_52: f64 = 4_503_599_627_370_496.0;
    // The exponent's field counts from the number whose mantissa is 1/√2 and whose exponent is that of 1/2.
    let power = (x.to_bits() - (SQRT_2 / 2.0).to_bits()) >> 52;
    let mantissa = f64::from_bits(x.to_bits() - (power << 52));
    let power = f64::from_bits(power | TWO_TO_52.to_bits()) - TWO_TO_52;
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let s2 = s * s;
    // 2 artanh(s), and |s| is below 0.172.
    let mut sum = 1.0 / 15.0;
    for denominator in [13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        sum = sum * s2 + 1.0 / denominator;
    }
    2.0 * s * sum + power * LN_2
}

/// The sum of the lanes, in a fixed order.
pub(crate) fn sum(lanes: &Lanes) -> f64 {
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn they_agree_with_the_system(x in -700.0..700.0_f64) {
            prop_assert!((exp(x) / x.exp() - 1.0).abs() < 2e-12, "exp({x}) = {}", exp(x));
            let y = x.abs().exp();
            prop_assert!((ln(y) - x.abs()).abs() < 1e-12 * (1.0 + x.abs()), "ln({y}) = {}", ln(y));
        }
    }

    #[test]
    fn the_ends_are_exact_or_finite() {
        assert_eq!([exp(0.0), ln(1.0)], [1.0, 0.0]);
        for x in [f64::NEG_INFINITY, -1e300, -709.0] {
            assert!(exp(x) > 0.0 && exp(x) < 1e-307);
        }
        for y in [1.0, 0.999_999 * SQRT_2, 1.000_001 * SQRT_2, 2.0, 65_535.0] {
            assert!((ln(y) - y.ln()).abs() < 1e-12, "{y}");
        }
    }
}
