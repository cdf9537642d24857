//! What the benches share: generators on fixed seeds, weights as trained layers have them.
//!
//! The benches of criterion are in `benches/`, one file a question:
//!
//! - `prior`: what does the prior cost beside a plain pass, and does it grow with the number of components?
//! - `step`: what does a training step of the zoo's networks cost?
//! - `sparse_step`: what does such a step cost when one weight in two hundred is kept, dense and sparse?
//! - `file`: how fast is an `.mxp` file written and read?
//! - `codebook`: how long does it take to fit codebooks to a whole model?
//! - `codec`: how fast are large streams of quantised weights coded, beside zstd? The streams are in [`streams`], what is
//!   done with them in [`codec`].
//!
//! The program of this package, `cargo xtask bench`, takes the same subjects to [`figures`] that are compared in one
//! run, and to a [`comparison`] with PyTorch.
#![forbid(unsafe_code)]

pub mod codebooks;
pub mod codec;
pub mod comparison;
pub mod figures;
pub mod prior;
pub mod pytorch;
pub mod rounds;
pub mod step;
pub mod streams;

use mixpress::network::{Graph, Parameters};
use ndarray_rand::rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The generator of all benches: the same numbers at each run.
#[must_use]
pub fn generator() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(1)
}

/// Weights of a dense layer before training: a triangular distribution on `[-scale, scale]`, close to a normal one.
#[must_use]
pub fn fresh_weights(count: usize, scale: f32) -> Vec<f32> {
    let mut rng = generator();
    (0..count).map(|_| scale * (rng.random::<f32>() - rng.random::<f32>())).collect()
}

/// Weights of a compressed layer of `rows` by `columns`: one in fifty is one of four values, the others are zero.
#[must_use]
pub fn sparse_weights(rows: usize, columns: usize) -> Vec<f32> {
    const LEVELS: [f32; 4] = [-0.5, -0.25, 0.25, 0.5];
    let mut rng = generator();
    let mut weight = || if rng.random_ratio(1, 50) { LEVELS[rng.random_range(0..LEVELS.len())] } else { 0.0 };
    (0..rows * columns).map(|_| weight()).collect()
}

/// Parameters of a network in whose layers one weight in `every`, drawn at random, is kept; the others are zero.
#[must_use]
pub fn thin_parameters(graph: &Graph, every: u32) -> Parameters {
    let mut rng = generator();
    let mut parameters = Parameters::he_normal(graph, &mut rng);
    for (index, _) in graph.parameters().iter().enumerate().filter(|(_, spec)| spec.kind.is_weight()) {
        for weight in parameters[index].data_mut() {
            *weight = if rng.random_ratio(1, every) { *weight } else { 0.0 };
        }
    }
    parameters
}

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeDoctests;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparse_weights_are_sparse_and_the_same_each_time() {
        let weights = sparse_weights(100, 100);
        let kept = weights.iter().filter(|weight| **weight != 0.0).count();
        assert!((100..300).contains(&kept), "{kept}");
        assert_eq!(weights, sparse_weights(100, 100));
    }
}
