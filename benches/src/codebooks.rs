//! A model of 22 million weights in 15 tensors, for fitting codebooks.

use mixpress::quantize::{fit_codebook, fit_weighted_codebook};
use ndarray_rand::rand::Rng;
use ndarray_rand::rand_distr::{Distribution, StandardNormal};

use rayon::prelude::*;

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

/// Squared errors of codebooks of so many levels, one a tensor.
///
/// # Panics
/// If a weight is not finite.
#[must_use]
pub fn fit(tensors: &[Vec<f32>], levels: usize) -> Vec<f64> {
    let fit = |tensor: &Vec<f32>| fit_codebook(tensor, levels).expect("weights are finite").squared_error;
    tensors.par_iter().map(fit).collect()
}

/// The same, each weight counting by its importance.
///
/// # Panics
/// As [`fit`], or if there are not as many importances.
#[must_use]
pub fn fit_weighted(tensors: &[Vec<f32>], importances: &[Vec<f32>], levels: usize) -> Vec<f64> {
    let fit = |(tensor, importances): (&Vec<f32>, &Vec<f32>)| {
        fit_weighted_codebook(tensor, importances, levels).expect("weights are finite").squared_error
    };
    tensors.par_iter().zip(importances).map(fit).collect()
}
