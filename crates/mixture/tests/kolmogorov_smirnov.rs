//! Samples follow the mixture's own distribution function: Kolmogorov-Smirnov tests on fixed seeds.

use mixpress_mixture::{HeavyTailed, Ladder, Mixture, Proportions, Range, exponent};
use ndarray_rand::rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const SAMPLES: usize = 20_000;

/// Largest distance of the empirical from the given distribution function, times the root of the number of samples: above
/// 1.95 it is once in a thousand seeds (Kolmogorov's distribution).
fn distance(mut samples: Vec<f64>, cdf: impl Fn(f64) -> f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    let n = samples.len() as f64;
    let largest = samples
        .iter()
        .enumerate()
        .map(|(i, &sample)| {
            let expected = cdf(sample);
            (expected - i as f64 / n).abs().max((expected - (i + 1) as f64 / n).abs())
        })
        .fold(0.0, f64::max);
    largest * n.sqrt()
}

fn mixture(k: usize, fraction: f64, seed: u64) -> Mixture {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let range = Range::new(-16.0, 12.0).unwrap();
    Mixture::preset(range, k, fraction, &Proportions::StickBreaking { alpha: 3.0 }, &mut rng).unwrap()
}

#[test]
fn samples_of_a_mixture_follow_it() {
    for (k, fraction, seed) in [(2, 0.5, 1), (8, 0.5, 2), (9, 0.02, 3), (33, 0.3, 4)] {
        let mixture = mixture(k, fraction, seed);
        let mut rng = ChaCha8Rng::seed_from_u64(100 + seed);
        let samples = (0..SAMPLES).map(|_| mixture.sample(&mut rng)).collect();
        let distance = distance(samples, |u| mixture.cdf(u));
        assert!(distance < 1.95, "K = {k}: {distance}");
    }
}

#[test]
fn the_test_notices_a_wrong_mixture() {
    let (one, other) = (mixture(9, 0.5, 3), mixture(9, 0.55, 3));
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let samples = (0..SAMPLES).map(|_| one.sample(&mut rng)).collect();
    assert!(distance(samples, |u| other.cdf(u)) > 1.95);
}

#[test]
fn samples_of_a_ladder_and_of_a_heavy_tailed_prior_follow_them() {
    let ladder = Ladder::new(0.03).unwrap();
    let prior = HeavyTailed::new(&mixture(9, 0.4, 5), ladder, 1.0, 4.0).unwrap().with_pull(0.4).unwrap();
    for (z, seed) in [(-6.0, 1), (-3.0, 2), (0.0, 3), (4.0, 4)] {
        let g = exponent(z);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let samples = (0..SAMPLES).map(|_| ladder.sample(g, &mut rng)).collect();
        let of_ladder = distance(samples, |u| ladder.cdf(u, g));
        let samples = (0..SAMPLES).map(|_| prior.sample(g, &mut rng)).collect();
        let of_prior = distance(samples, |u| prior.cdf(u, g));
        assert!(of_ladder < 1.95 && of_prior < 1.95, "z = {z}: {of_ladder}, {of_prior}");
    }
}

#[test]
fn a_drawn_layer_has_its_scale() {
    let mixture = mixture(9, 0.5, 7);
    let mut weights = vec![0.0_f32; 50_000];
    mixture.draw_weights(0.05, &mut ChaCha8Rng::seed_from_u64(8), &mut weights).unwrap();
    let mean = weights.iter().map(|&w| f64::from(w)).sum::<f64>() / 5e4;
    let variance = weights.iter().map(|&w| (f64::from(w) - mean).powi(2)).sum::<f64>() / 5e4;
    assert!((variance.sqrt() / 0.05 - 1.0).abs() < 0.03, "{}", variance.sqrt());
    assert!(mixture.mean().abs() > 0.1 * mixture.std_dev(), "a lopsided mixture");
    assert!(mean.abs() < 0.001, "{mean}");
    let draws = weights.iter().map(|&w| f64::from(w) * mixture.std_dev() / 0.05 + mixture.mean()).collect();
    assert!(distance(draws, |u| mixture.cdf(u)) < 1.95);
    for scale in [0.0, -1.0, f64::NAN] {
        assert!(mixture.draw_weights(scale, &mut ChaCha8Rng::seed_from_u64(8), &mut weights).is_err());
    }
}
