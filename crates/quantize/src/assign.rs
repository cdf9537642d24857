//! Whole tensors to a given codebook, each value to the nearest level.

use mixpress_codebook::{Codebook, QuantizedTensor};
use mixpress_parallel::map_reduce;

use crate::{Error, error::all_finite};

/// Index of the level nearest to each value; a tie goes to the lower level.
///
/// # Errors
/// [`Error::NotFinite`] naming the first value that is NaN or infinite.
pub fn nearest_indices(values: &[f32], codebook: &Codebook) -> Result<Vec<u16>, Error> {
    all_finite(values)?;
    let block = |range: std::ops::Range<usize>| -> Vec<u16> {
        values[range].iter().map(|&value| codebook.nearest(value)).collect()
    };
    let join = |mut left: Vec<u16>, right: Vec<u16>| {
        left.extend(right);
        left
    };
    Ok(map_reduce(values.len(), block, join).unwrap_or_default())
}

/// A tensor whose every value is the level of `codebook` nearest to the given one.
///
/// Quantising the values of the result again, with the same codebook, changes nothing.
///
/// # Errors
/// A value that is not finite, a bad codebook, or a shape that does not hold the values.
pub fn quantize_to(
    name: impl Into<String>,
    shape: impl Into<Vec<usize>>,
    values: &[f32],
    codebook: Codebook,
) -> Result<QuantizedTensor, Error> {
    if codebook.is_empty() {
        return Err(Error::Levels { levels: 0 });
    }
    let indices = nearest_indices(values, &codebook)?;
    Ok(QuantizedTensor::new(name, shape, codebook, indices)?)
}

/// Sum of the squared differences of two slices, in double precision.
///
/// # Panics
/// When they differ in length.
#[must_use]
#[track_caller]
pub fn squared_error(values: &[f32], others: &[f32]) -> f64 {
    assert_eq!(values.len(), others.len(), "one value for each");
    mixpress_parallel::sum(values.len(), |range| {
        (values[range.clone()].iter().zip(&others[range]))
            .map(|(&value, &other)| (f64::from(value) - f64::from(other)).powi(2))
            .sum()
    })
}

/// Sum of the squares of some values, in double precision.
#[must_use]
pub fn energy(values: &[f32]) -> f64 {
    mixpress_parallel::sum(values.len(), |range| values[range].iter().map(|&value| f64::from(value).powi(2)).sum())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn values_are_in_the_codebook_nearest_and_stable(
            values in prop::collection::vec(-3.0..3.0_f32, 0..200),
            levels in prop::collection::btree_set(-20_i32..20, 1..12),
        ) {
            let codebook: Vec<f32> = levels.into_iter().map(|level| level as f32 * 0.125).collect();
            let tensor = quantize_to("t", [values.len()], &values, Codebook::Values(codebook.clone())).unwrap();
            let quantised = tensor.values();
            for (&value, &got) in values.iter().zip(&quantised) {
                prop_assert!(codebook.contains(&got));
                prop_assert!(codebook.iter().all(|level| (got - value).abs() <= (level - value).abs()));
            }
            let again = quantize_to("t", [values.len()], &quantised, Codebook::Values(codebook)).unwrap();
            prop_assert_eq!(again, tensor);
        }
    }

    #[test]
    fn bad_input_is_named() {
        let codebook = || Codebook::Values(vec![0.0, 1.0]);
        let got = quantize_to("t", [2], &[0.0, f32::INFINITY], codebook());
        assert_eq!(got, Err(Error::NotFinite { position: 1, value: f32::INFINITY }));
        assert!(matches!(quantize_to("t", [3], &[0.0, 1.0], codebook()), Err(Error::Codebook(_))));
        assert_eq!(quantize_to("t", [1], &[0.0], Codebook::Values(vec![])), Err(Error::Levels { levels: 0 }));
        assert!((squared_error(&[1.0, 2.0], &[1.5, 0.0]) - 4.25).abs() < 1e-12);
        assert_eq!(energy(&[1.5, -2.0]), squared_error(&[1.5, -2.0], &[0.0; 2]));
    }
}
