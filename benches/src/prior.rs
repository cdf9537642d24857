//! The layer of the `prior` benches: many weights drawn from the mixture under which they are evaluated.

use mixpress::mixture::{Mixture, Range};
use ndarray_rand::rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Weights of the layer, as many as ResNet-18 has parameters, give or take.
pub const WEIGHTS: usize = 11_000_000;

/// The proportion of the zero component; the others share the rest.
const ZERO: f64 = 0.9;

/// A mixture of `k` components whose means are equally spaced on [-1, 1] (an even number gets one more, at zero), each
/// with a standard deviation of `std_dev_fraction` of the spacing, and with a zero component of proportion 0.9.
///
/// # Panics
/// When `k` is below 2 or the fraction is not positive and finite.
#[must_use]
pub fn mixture(k: usize, std_dev_fraction: f64) -> Mixture {
    let range = Range::new(-1.0, 1.0).expect("a range around zero");
    let means = range.means(k).expect("at least two components");
    let others = (1.0 - ZERO) / (means.len() - 1) as f64;
    let proportions: Vec<f64> = means.iter().map(|&mean| if mean == 0.0 { ZERO } else { others }).collect();
    Mixture::equally_spaced(range, k, std_dev_fraction, &proportions).expect("proportions that sum to one")
}

/// `count` weights drawn from `mixture`, the same at each call.
#[must_use]
pub fn weights(mixture: &Mixture, count: usize) -> Vec<f32> {
    const PART: usize = 1 << 16;
    let mut weights = vec![0.0; count];
    std::thread::scope(|scope| {
        let half = count.div_ceil(PART).div_ceil(2) * PART;
        for (side, weights) in weights.chunks_mut(half.max(1)).enumerate() {
            scope.spawn(move || {
                for (part, weights) in weights.chunks_mut(PART).enumerate() {
                    let seed = (side * half + part * PART) as u64;
                    mixture.samples(&mut ChaCha8Rng::seed_from_u64(seed), weights);
                }
            });
        }
    });
    weights
}

/// The pass that the prior is measured against: it reads the weights, and reads and writes the gradient, as the prior
/// has to.
///
/// # Panics
/// When the lengths differ.
pub fn copy(weights: &[f32], gradient: &mut [f32]) {
    const PART: usize = 1 << 16;
    assert_eq!(weights.len(), gradient.len(), "one gradient a weight");
    rayon::scope(|scope| {
        for (weights, gradient) in weights.chunks(PART).zip(gradient.chunks_mut(PART)) {
            scope.spawn(move |_| {
                mixpress_simd::vectorized(
                    #[inline(always)]
                    || {
                        for (gradient, weight) in gradient.iter_mut().zip(weights) {
                            *gradient += 1e-3 * weight;
                        }
                    },
                );
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layer_is_what_it_says_and_the_same_each_time() {
        for (k, components) in [(17, 17), (256, 257)] {
            let mixture = mixture(k, 0.25);
            assert_eq!(mixture.len(), components);
            assert!((mixture.components()[mixture.zero_index()].proportion - ZERO).abs() < 1e-12);
            let weights = weights(&mixture, 200_000);
            let near = weights.iter().filter(|weight| weight.abs() < 1.0 / (k - 1) as f32).count();
            assert!((168_000..180_000).contains(&near), "{near} near zero");
            assert_eq!(weights, super::weights(&mixture, 200_000));
        }
    }

    #[test]
    fn the_plain_pass_adds_to_each_gradient() {
        let weights: Vec<f32> = (0..100_000_u32).map(|i| i as f32).collect();
        let mut gradient = vec![1.0; weights.len()];
        copy(&weights, &mut gradient);
        assert!(gradient.iter().zip(&weights).all(|(gradient, weight)| *gradient == 1.0 + 1e-3 * weight));
    }
}
