//! Biases and other small vectors on a uniform symmetric grid.

use mixpress_codebook::{Codebook, QuantizedTensor};

use crate::{Error, assign::quantize_to, error::all_finite};

/// A tensor of values `q · s` with `q` an integer from `-(2^(bits-1) - 1)` to `2^(bits-1) - 1`, and `s` the smallest step,
/// exact in f16, with which the grid reaches the largest magnitude: at 4 bits, `s = max|b| / 7` rounded up.
///
/// Quantising the result again changes nothing as long as its largest value stays what it is; [`quantize_to`] with the
/// result's own codebook never does.
///
/// # Errors
/// A bit width outside 2..=16, values that are not finite, or a shape that does not hold them.
pub fn quantize_uniform(
    name: impl Into<String>,
    shape: impl Into<Vec<usize>>,
    values: &[f32],
    bits: u8,
) -> Result<QuantizedTensor, Error> {
    if !(2..=16).contains(&bits) {
        return Err(Error::Bits { bits });
    }
    all_finite(values)?;
    let largest = values.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    quantize_to(name, shape, values, Codebook::grid_for(largest, bits))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn four_bits_divide_the_largest_by_seven() {
        let tensor = quantize_uniform("b", [4], &[0.7, -0.7, 0.0, 0.26], 4).unwrap();
        let values = tensor.values();
        for (got, expected) in values.iter().zip([0.7, -0.7, 0.0, 0.3]) {
            assert!((got - expected).abs() < 1e-3, "{got} {expected}");
        }
        assert_eq!(values[2], 0.0);
        assert_eq!(quantize_uniform("b", [1], &[0.5], 1), Err(Error::Bits { bits: 1 }));
        assert_eq!(quantize_uniform("b", [1], &[0.5], 17), Err(Error::Bits { bits: 17 }));
        assert!(matches!(quantize_uniform("b", [1], &[f32::NAN], 4), Err(Error::NotFinite { .. })));
        assert_eq!(quantize_uniform("b", [2], &[0.0; 2], 4).unwrap().values(), [0.0; 2]);
    }

    proptest! {
        #[test]
        fn errors_are_at_most_half_a_step(values in prop::collection::vec(-2.0..2.0_f32, 1..60), bits in 2_u8..=12) {
            let tensor = quantize_uniform("b", [values.len()], &values, bits).unwrap();
            let Codebook::Grid { step, .. } = *tensor.codebook() else { panic!("a grid") };
            let quantised = tensor.values();
            for (value, got) in values.iter().zip(&quantised) {
                prop_assert!((value - got).abs() <= 0.5001 * step, "{} {} {}", value, got, step);
                let q = got / step;
                prop_assert!(q == q.round() && q.abs() < f32::from(1_u16 << (bits - 1)));
            }
            let again = quantize_to("b", [values.len()], &quantised, tensor.codebook().clone()).unwrap();
            prop_assert_eq!(again.values(), quantised);
        }
    }
}
