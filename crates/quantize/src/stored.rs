//! The types in which codebook values are stored, or must be exact.

use half::{bf16, f16};
use mixpress_codebook::Codebook;

use crate::Error;

/// The type in which codebook values are stored, or in which a tensor will be restored and its values must be exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Stored {
    /// Half precision: two bytes a value, 11 significant bits.
    #[default]
    F16,
    /// The upper half of single precision: 8 significant bits. A file holds such values as f16 where that is exact.
    BF16,
    /// Single precision: four bytes a value.
    F32,
}

impl Stored {
    /// `value` as it will be read back.
    ///
    /// # Errors
    /// [`Error::Overflow`] when it is finite and its rounded value is not.
    pub fn round(self, value: f32) -> Result<f32, Error> {
        let rounded = match self {
            Self::F16 => f16::from_f32(value).to_f32(),
            Self::BF16 => bf16::from_f32(value).to_f32(),
            Self::F32 => value,
        };
        if rounded.is_finite() || !value.is_finite() {
            Ok(rounded)
        } else {
            Err(Error::Overflow { value, stored: if self == Self::F16 { "f16" } else { "bf16" } })
        }
    }

    /// The finite value of the type that is nearest, of two the one with an even significand.
    pub(crate) fn nearest(self, value: f64) -> f64 {
        // Not by `half`: it looks at the first digits of an f64 only, and where hardware rounds instead, it rounds to
        // f32 first.
        let round = |most: f64, digits: i32, least_exponent: i32| {
            let value = value.clamp(-most, most);
            let exponent = (value.to_bits() >> 52 & 0x7FF) as i32 - 1023;
            let unit = 2.0_f64.powi(exponent.max(least_exponent) - (digits - 1));
            (value / unit).round_ties_even() * unit
        };
        match self {
            Self::F16 => round(f16::MAX.to_f64(), f16::MANTISSA_DIGITS as i32, f16::MIN_EXP - 1),
            Self::BF16 => round(bf16::MAX.to_f64(), bf16::MANTISSA_DIGITS as i32, bf16::MIN_EXP - 1),
            Self::F32 => f64::from(value.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32),
        }
    }

    /// Whether the type has the value.
    pub(crate) fn holds(self, value: f64) -> bool {
        self.nearest(value) == value
    }

    /// A codebook of the values as they will be read back: rounded, sorted, each once, and without a negative zero.
    ///
    /// # Errors
    /// [`Error::Levels`] when there are no values or too many, [`Error::NotFinite`], or [`Error::Overflow`].
    pub fn codebook(self, values: &[f32]) -> Result<Codebook, Error> {
        crate::error::all_finite(values)?;
        let mut rounded = values.iter().map(|&value| self.round(value)).collect::<Result<Vec<_>, _>>()?;
        for value in &mut rounded {
            // -0 + 0 is 0.
            *value += 0.0;
        }
        rounded.sort_by(f32::total_cmp);
        rounded.dedup();
        if rounded.is_empty() || rounded.len() > MOST_LEVELS {
            return Err(Error::Levels { levels: rounded.len() });
        }
        Ok(Codebook::Values(rounded))
    }
}

/// Levels that indices of 16 bits can name.
pub(crate) const MOST_LEVELS: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(Stored::F16.round(1e5), Err(Error::Overflow { value: 1e5, stored: "f16" }));
        assert_eq!(Stored::F32.round(1e5), Ok(1e5));
        assert_eq!(Stored::BF16.round(1e5), Ok(99_840.0));
        assert_eq!(Stored::BF16.round(f32::MAX), Err(Error::Overflow { value: f32::MAX, stored: "bf16" }));
        assert_eq!(Stored::F16.codebook(&[]), Err(Error::Levels { levels: 0 }));
        assert!(matches!(Stored::F32.codebook(&[0.0, f32::NAN]), Err(Error::NotFinite { position: 1, .. })));
        let Ok(Codebook::Values(values)) = Stored::F16.codebook(&[0.5, -0.0, 0.500_01, 0.0]) else { panic!("values") };
        assert_eq!(values, [0.0, 0.5]);
        assert!(values[0].is_sign_positive());
    }

    #[test]
    fn what_is_just_beyond_the_middle_of_two_values_goes_to_the_nearer() {
        for (stored, middle, below, above) in [
            (Stored::BF16, 858.0, 856.0, 860.0),
            (Stored::F16, 2049.0, 2048.0, 2050.0),
            (Stored::F16, -1.5 * 2.0_f64.powi(-24), -(2.0_f64.powi(-23)), -(2.0_f64.powi(-24))),
        ] {
            assert_eq!((stored.nearest(middle.next_down()), stored.nearest(middle.next_up())), (below, above));
        }
        assert_eq!((Stored::BF16.nearest(858.0), Stored::BF16.nearest(862.0)), (856.0, 864.0), "the even one of two");
        assert_eq!((Stored::F16.nearest(1e300), Stored::F16.nearest(-1e-300)), (65504.0, 0.0));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn rounding_twice_changes_nothing_and_is_close(value in -1000.0..1000.0_f32) {
            for (stored, significant) in [(Stored::F16, 2048.0), (Stored::BF16, 256.0), (Stored::F32, 2048.0)] {
                let once = stored.round(value).unwrap();
                prop_assert_eq!(stored.round(once).unwrap(), once);
                prop_assert!((once - value).abs() <= value.abs() / significant + 3e-8);
                prop_assert_eq!(stored.nearest(f64::from(value)), f64::from(once));
                prop_assert!(stored.holds(f64::from(once)));
            }
        }
    }
}
