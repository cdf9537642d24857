//! A model of 22 million weights in 15 tensors, for fitting codebooks.

use ndarray_rand::rand::Rng;
use ndarray_rand::rand_distr::{Distribution, StandardNormal};

use crate::generator;

/// Weights of each tensor: an embedding and fourteen layers, as small language models have them.
const SIZES: [usize; 15] = {
    let mut sizes = [720_000; 15];
    sizes[0] = 11_920_000;
    sizes
};

/// The tensors of the model: each a normal distribution of a scale of its own, a few weights in a hundred three times wider.
#[must_use]
pub fn tensors() -> Vec<Vec<f32>> {
    let mut rng = generator();
    let mut tensor = |(at, &len): (usize, &usize)| {
        let scale = 0.02 * (1.0 + at as f32 / 5.0);
        let mut weight = || {
            let wide = if rng.random_ratio(3, 100) { 3.0 } else { 1.0 };
            let normal: f32 = StandardNormal.sample(&mut rng);
            scale * wide * normal
        };
        (0..len).map(|_| weight()).collect()
    };
    SIZES.iter().enumerate().map(&mut tensor).collect()
}

/// Importances for [`tensors`]' weights: positive, of long-tailed sizes.
#[must_use]
pub fn importances(tensors: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let mut rng = generator();
    let mut of_tensor = |tensor: &Vec<f32>| {
        tensor.iter().map(|_| StandardNormal.sample(&mut rng)).map(|normal: f32| normal.exp()).collect()
    };
    tensors.iter().map(&mut of_tensor).collect()
}
