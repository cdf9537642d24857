//! The values that a tensor's indices name: a list, or a uniform grid.

use half::f16;

use crate::Error;

/// The most values a codebook can have.
pub const MAX_LEVELS: usize = 1 << 16;

/// The values that the indices of a tensor name.
#[derive(Debug, Clone, PartialEq)]
pub enum Codebook {
    /// Strictly ascending, finite values. A file holds them as f16 when all of them are exact in f16, as f32 otherwise.
    Values(Vec<f32>),
    /// The symmetric uniform grid `q * step` for `q` from `-(2^(bits-1) - 1)` to `2^(bits-1) - 1`; index `i` is
    /// `q = i - (2^(bits-1) - 1)`.
    Grid {
        /// Distance of neighbouring values: positive and exact in f16.
        step: f32,
        /// Bit width, 2 to 16.
        bits: u8,
    },
}

impl Codebook {
    /// The finest grid of `bits` bits that reaches `max_abs`, its step rounded up to f16 (or to the nearest f16 where
    /// rounding up would overflow). A `max_abs` of zero gives the smallest step there is.
    ///
    /// # Panics
    /// If `bits` is not in 2..=16 or `max_abs` is negative or not finite.
    #[must_use]
    #[track_caller]
    pub fn grid_for(max_abs: f32, bits: u8) -> Self {
        assert!((2..=16).contains(&bits), "a grid has 2 to 16 bits, not {bits}");
        assert!(max_abs.is_finite() && max_abs >= 0.0, "max_abs must be finite and not negative, not {max_abs}");
        let wanted = max_abs / half_range(bits) as f32;
        let mut step = f16::from_f32(wanted);
        if step.to_f32() < wanted {
            step = f16::from_bits(step.to_bits() + 1);
        }
        if !step.is_finite() {
            step = f16::MAX;
        }
        if step.to_f32() <= 0.0 {
            step = f16::from_bits(1);
        }
        Self::Grid { step: step.to_f32(), bits }
    }

    /// Number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Values(values) => values.len(),
            Self::Grid { bits, .. } => 2 * half_range(*bits) + 1,
        }
    }

    /// Whether there is no value at all, which no valid codebook is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value that `index` names.
    ///
    /// # Panics
    /// If `index` is not below [`Codebook::len`].
    #[must_use]
    #[track_caller]
    pub fn value(&self, index: u16) -> f32 {
        match self {
            Self::Values(values) => values[usize::from(index)],
            Self::Grid { step, bits } => {
                assert!(usize::from(index) < self.len(), "index {index} of a codebook of {} values", self.len());
                (i32::from(index) - half_range(*bits) as i32) as f32 * step
            }
        }
    }

    /// All values, ascending.
    #[must_use]
    pub fn to_values(&self) -> Vec<f32> {
        (0..self.len()).map(|i| self.value(i as u16)).collect()
    }

    /// The index of the value zero, if there is one.
    #[must_use]
    pub fn zero_index(&self) -> Option<u16> {
        match self {
            Self::Values(values) => values.iter().position(|&v| v == 0.0).map(|i| i as u16),
            Self::Grid { bits, .. } => Some(half_range(*bits) as u16),
        }
    }

    /// Bits that tell the values apart: `ceil(log2(len))`.
    #[must_use]
    pub fn bit_width(&self) -> u32 {
        self.len().max(1).next_power_of_two().trailing_zeros()
    }

    /// Index of the value nearest to `x`; a tie goes to the lower value.
    #[must_use]
    pub fn nearest(&self, x: f32) -> u16 {
        match self {
            Self::Values(values) => {
                let upper = values.partition_point(|&v| v < x);
                let below = upper.saturating_sub(1);
                let above = upper.min(values.len().saturating_sub(1));
                let pick = if (x - values[below]).abs() <= (values[above] - x).abs() { below } else { above };
                pick as u16
            }
            Self::Grid { step, bits } => {
                let half = half_range(*bits) as f32;
                // The nearest to what is not a number is zero, as for a list of values.
                let steps = if x.is_nan() { 0.0 } else { (x / step).clamp(-half, half) };
                (steps + half).round() as u16
            }
        }
    }

    /// Whether every value is exact in f16, so that two bytes a value suffice.
    #[must_use]
    pub fn is_f16(&self) -> bool {
        match self {
            Self::Values(values) => values.iter().all(|&v| is_f16_exact(v)),
            Self::Grid { .. } => true,
        }
    }

    /// Checks what the variants promise; `-0.0` becomes `0.0`.
    pub(crate) fn validated(self, name: &str) -> Result<Self, Error> {
        match self {
            Self::Values(mut values) => {
                let levels = values.len();
                if levels == 0 || levels > MAX_LEVELS {
                    return Err(Error::CodebookSize { name: name.to_owned(), levels });
                }
                for (position, value) in values.iter_mut().enumerate() {
                    if !value.is_finite() {
                        return Err(Error::CodebookNotFinite { name: name.to_owned(), position, value: *value });
                    }
                    if *value == 0.0 {
                        *value = 0.0;
                    }
                }
                if let Some(i) = values.windows(2).position(|w| w[0] >= w[1]) {
                    let (before, after) = (values[i], values[i + 1]);
                    return Err(Error::CodebookOrder { name: name.to_owned(), position: i + 1, before, after });
                }
                Ok(Self::Values(values))
            }
            Self::Grid { step, bits } => {
                if !(2..=16).contains(&bits) {
                    return Err(Error::GridBits { name: name.to_owned(), bits });
                }
                if !(step > 0.0 && step.is_finite() && is_f16_exact(step)) {
                    return Err(Error::GridStep { name: name.to_owned(), step });
                }
                Ok(Self::Grid { step, bits })
            }
        }
    }
}

/// Largest `q` of a grid of `bits` bits.
pub(crate) fn half_range(bits: u8) -> usize {
    (1usize << (bits - 1)) - 1
}

/// Whether `x` is a value of f16.
pub(crate) fn is_f16_exact(x: f32) -> bool {
    f16::from_f32(x).to_f32() == x
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_grid_for_a_maximum_reaches_it_and_is_valid(max in 0.0f32..6.0e4, bits in 2u8..=16) {
            let grid = Codebook::grid_for(max, bits).validated("t").unwrap();
            let values = grid.to_values();
            prop_assert_eq!(values.len(), grid.len());
            prop_assert!(*values.last().unwrap() >= max.min(65504.0));
            prop_assert_eq!(grid.value(grid.zero_index().unwrap()), 0.0);
        }

        #[test]
        fn nearest_is_nearest(mut values in prop::collection::vec(-9.0f32..9.0, 1..12), x in -12.0f32..12.0, bits in 2u8..6) {
            values.sort_by(f32::total_cmp);
            values.dedup();
            for book in [Codebook::Values(values), Codebook::Grid { step: 0.5, bits }] {
                let got = (book.value(book.nearest(x)) - x).abs();
                let best = book.to_values().iter().map(|v| (v - x).abs()).fold(f32::INFINITY, f32::min);
                prop_assert!(got <= best + 1e-6, "{} instead of {}", got, best);
            }
        }
    }

    #[test]
    fn negative_zero_becomes_zero_and_twice_zero_is_refused() {
        let book = Codebook::Values(vec![-1.0, -0.0, 2.0]).validated("t").unwrap();
        assert_eq!(book.value(1).to_bits(), 0);
        assert!(matches!(
            Codebook::Values(vec![-0.0, 0.0]).validated("t"),
            Err(Error::CodebookOrder { position: 1, .. })
        ));
    }
}
