//! Random streams keyed by what they are for, so that no draw depends on how many draws came before it.
//!
//! `ChaCha` is a pseudo-random function of its key: the streams of two different keys are independent for every practical
//! purpose. The 256-bit key simply *is* the tuple (seed, purpose, layer, epoch), in that order, eight little-endian bytes
//! each, so two streams share a key only if they share all four. A run that resumes needs no generator state: it asks for
//! the stream of the epoch at which it goes on.

use ndarray_rand::rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What a stream of random numbers is used for.
///
/// The numbers are part of the promise that the same seed gives the same file: they are never reused or reordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum Purpose {
    /// Which samples are held out for validation.
    Split = 1,
    /// The order of the samples in an epoch.
    Shuffle = 2,
    /// Augmentation of an epoch's samples.
    Augment = 3,
    /// Initial weights of a layer.
    Init = 4,
    /// Initial mixing proportions of a layer's mixture.
    Proportions = 5,
    /// Dropout masks.
    Dropout = 6,
    /// Which samples a measurement or a search looks at.
    Subsample = 7,
}

/// The stream of random numbers of (`seed`, `purpose`, `layer`, `epoch`); pass 0 for a layer or an epoch that does not
/// matter.
///
/// ```
/// use mixpress_train::{Purpose, stream};
/// use ndarray_rand::rand::RngCore;
///
/// let mut first = stream(7, Purpose::Init, 0, 0);
/// let mut again = stream(7, Purpose::Init, 0, 0);
/// let mut other = stream(7, Purpose::Init, 1, 0);
/// let value = first.next_u64();
/// assert_eq!(value, again.next_u64());
/// assert_ne!(value, other.next_u64());
/// ```
#[must_use]
pub fn stream(seed: u64, purpose: Purpose, layer: u64, epoch: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    for (bytes, word) in key.chunks_exact_mut(8).zip([seed, purpose as u64, layer, epoch]) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// A uniform draw from `0..bound`, by multiplying 64 random bits with `bound` and keeping the high half.
///
/// One draw a call whatever comes out; the bias is below `bound / 2^64`. Written out here because a library's bounded
/// draws may change from version to version.
///
/// # Panics
/// When `bound` is 0.
#[track_caller]
pub fn below(bound: usize, rng: &mut impl RngCore) -> usize {
    assert!(bound > 0, "no number is below 0");
    ((u128::from(rng.next_u64()) * bound as u128) >> 64) as usize
}

/// A uniformly drawn permutation of `0..len` (Fisher and Yates; Knuth, TAOCP 2, 3.4.2, algorithm P).
#[must_use]
pub fn permutation(len: usize, rng: &mut impl RngCore) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    for last in (1..len).rev() {
        order.swap(last, below(last + 1, rng));
    }
    order
}

#[cfg(test)]
mod tests {
    use ndarray_rand::rand::RngCore;
    use proptest::prelude::*;

    use super::*;

    // Computed by an independent ChaCha8 written in Python from RFC 8439 (with 8 rounds and a 64-bit counter).
    const GOLDEN: [u64; 3] = [0x3feb_e7d0_52d7_6565, 0xbe66_4402_f840_22dd, 0x9675_70d5_0d86_da7f];
    const GOLDEN_ORDER: [usize; 10] = [6, 8, 7, 4, 5, 0, 1, 9, 2, 3];

    #[test]
    fn the_streams_are_those_of_all_other_platforms_and_versions() {
        let draw = |seed, purpose, layer, epoch| stream(seed, purpose, layer, epoch).next_u64();
        assert_eq!(draw(0, Purpose::Split, 0, 0), GOLDEN[0]);
        assert_eq!(draw(0, Purpose::Shuffle, 0, 3), GOLDEN[1]);
        assert_eq!(draw(u64::MAX, Purpose::Init, 2, 1 << 40), GOLDEN[2]);
        assert_eq!(permutation(10, &mut stream(1, Purpose::Shuffle, 0, 0)), GOLDEN_ORDER);
    }

    #[test]
    fn each_part_of_the_key_matters() {
        let base = stream(5, Purpose::Augment, 1, 2).next_u64();
        assert_ne!(base, stream(6, Purpose::Augment, 1, 2).next_u64());
        assert_ne!(base, stream(5, Purpose::Dropout, 1, 2).next_u64());
        assert_ne!(base, stream(5, Purpose::Augment, 2, 2).next_u64());
        assert_ne!(base, stream(5, Purpose::Augment, 1, 3).next_u64());
        assert_ne!(stream(5, Purpose::Augment, 1, 2).next_u64(), stream(5, Purpose::Augment, 2, 1).next_u64());
    }

    #[test]
    fn bounded_draws_are_uniform() {
        let mut rng = stream(3, Purpose::Shuffle, 0, 0);
        let mut counts = [0_u32; 7];
        for _ in 0..70_000 {
            counts[below(7, &mut rng)] += 1;
        }
        // Each count is binomial with standard deviation 93; the seed is fixed.
        assert!(counts.iter().all(|&count| count.abs_diff(10_000) < 400), "{counts:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_permutation_has_every_index_once(len in 0_usize..300, seed: u64) {
            let mut order = permutation(len, &mut stream(seed, Purpose::Shuffle, 0, 0));
            order.sort_unstable();
            prop_assert_eq!(order, (0..len).collect::<Vec<_>>());
        }
    }
}
