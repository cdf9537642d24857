//! Which training samples are held out for validation.

use crate::Error;
use crate::random::{Purpose, permutation, stream};

/// Positions of the samples to train on and of those held out, both in ascending order: a partition of all samples.
///
/// Everything that is *chosen* (a strength, a threshold, a snapshot) is chosen on the held-out samples; the test set is
/// read once, at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Samples to train on.
    pub train: Vec<usize>,
    /// Samples held out.
    pub validation: Vec<usize>,
}

impl Split {
    /// One sample in this many is held out unless told otherwise: 5,000 of MNIST's 60,000.
    pub const ONE_IN: usize = 12;

    /// Holds one in `one_in` of `samples` samples out, but at least one, chosen by a keyed permutation.
    ///
    /// # Errors
    /// [`Error::Split`] for fewer than two samples or `one_in` below 2.
    pub fn new(samples: usize, one_in: usize, seed: u64) -> Result<Self, Error> {
        if samples < 2 {
            return Err(Error::Split { samples, one_in, remedy: "at least two samples are needed" });
        }
        if one_in < 2 {
            return Err(Error::Split { samples, one_in, remedy: "hold out one in 2 or less" });
        }
        let order = permutation(samples, &mut stream(seed, Purpose::Split, 0, 0));
        let (validation, train) = order.split_at((samples / one_in).max(1));
        let sorted = |part: &[usize]| {
            let mut part = part.to_vec();
            part.sort_unstable();
            part
        };
        Ok(Self { train: sorted(train), validation: sorted(validation) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn mnist_gives_five_thousand_for_validation() {
        let split = Split::new(60_000, Split::ONE_IN, 0).expect("enough samples");
        assert_eq!((split.train.len(), split.validation.len()), (55_000, 5_000));
    }

    #[test]
    fn too_few_samples_and_too_large_a_fraction_are_refused() {
        assert!(matches!(Split::new(1, 12, 0), Err(Error::Split { samples: 1, .. })));
        assert!(matches!(Split::new(100, 1, 0), Err(Error::Split { one_in: 1, .. })));
        assert!(matches!(Split::new(100, 0, 0), Err(Error::Split { one_in: 0, .. })));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_split_is_a_partition_that_only_the_seed_decides(samples in 2_usize..400, one_in in 2_usize..500, seed: u64) {
            let split = Split::new(samples, one_in, seed).unwrap();
            prop_assert!(split.train.is_sorted() && split.validation.is_sorted());
            prop_assert_eq!(split.validation.len(), (samples / one_in).max(1));
            let mut all = [split.train.clone(), split.validation.clone()].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..samples).collect::<Vec<_>>());
            prop_assert_eq!(split, Split::new(samples, one_in, seed).unwrap());
        }
    }

    #[test]
    fn another_seed_holds_other_samples_out() {
        assert_ne!(Split::new(1000, 12, 0).unwrap(), Split::new(1000, 12, 1).unwrap());
    }
}
