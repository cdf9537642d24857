//! The grid against the exact reference.

use ndarray_rand::rand::{Rng, SeedableRng};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::{Component, Gradients};

#[test]
fn cubics_are_reproduced_and_summed_without_error() {
    let expected = [0.3, -1.5, 0.7, 2.0];
    let f = |t: f64| expected.iter().rev().fold(0.0, |sum, coefficient| sum * t + coefficient);
    let basis = Basis::of_cell();
    for (got, expected) in basis.coefficients(&basis.nodes.map(f)).iter().zip(expected) {
        assert!((got - expected).abs() < 1e-13, "{got} instead of {expected}");
    }
    let points = [-0.5, -0.2, 0.0, 0.33, 0.45];
    let moments = std::array::from_fn(|m| points.iter().map(|t: &f64| t.powi(m as i32)).sum());
    let got: f64 = basis.weights(moments).iter().zip(basis.nodes).map(|(weight, node)| weight * f(node)).sum();
    let expected: f64 = points.iter().copied().map(f).sum();
    assert!((got - expected).abs() < 1e-13, "{got} {expected}");
}

/// A mixture with standard deviations from 1e-4 of the range up and proportions from 1e-6 up.
fn any_mixture() -> impl Strategy<Value = Mixture> {
    let part = (-1.0..1.0_f64, -9.2..0.0_f64, -13.8..0.0_f64);
    (prop::collection::vec(part, 1..12), (-9.2..0.0_f64, -6.0..0.0_f64)).prop_map(
        |(parts, (zero_width, zero_share))| {
            let mut parts: Vec<(f64, f64, f64)> =
                parts.into_iter().map(|(mean, width, share)| (mean, 2.0 * width.exp(), share.exp())).collect();
            parts.push((0.0, 2.0 * zero_width.exp(), zero_share.exp()));
            let total: f64 = parts.iter().map(|part| part.2).sum();
            let component =
                |(mean, std_dev, share): (f64, f64, f64)| Component { mean, std_dev, proportion: share / total };
            Mixture::new(parts.into_iter().map(component).collect()).unwrap()
        },
    )
}

/// Weights mostly from the mixture, some from anywhere, a few far out.
fn weights_of(mixture: &Mixture, len: usize, scale: f64, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut weights = vec![0.0; len];
    mixture.samples(&mut rng, &mut weights);
    for weight in &mut weights {
        *weight *= scale as f32;
        if rng.random::<f32>() < 0.2 {
            *weight = rng.random_range(-1.5..1.5) * scale as f32;
        }
    }
    weights[0] = 1e6 * scale as f32;
    weights[1] = 0.0;
    weights
}

fn assert_close(what: &str, got: impl Iterator<Item = f64>, exact: impl Iterator<Item = f64> + Clone) {
    let largest = exact.clone().map(f64::abs).fold(0.0, f64::max);
    for (position, (got, exact)) in got.zip(exact).enumerate() {
        let allowed = 1e-4 * exact.abs() + 1e-6 * largest;
        assert!((got - exact).abs() <= allowed, "{what} {position}: {got} instead of {exact}, largest {largest}");
    }
}

fn assert_gradients_close(got: &Gradients, exact: &Gradients) {
    assert!((got.value - exact.value).abs() <= 1e-7 * exact.value.abs() + 1e-4, "{} {}", got.value, exact.value);
    let values = |values: &Vec<f64>| values.clone().into_iter();
    assert_close("mean", values(&got.means), values(&exact.means));
    assert_close("log-precision", values(&got.log_precisions), values(&exact.log_precisions));
    assert_close("logit", values(&got.logits), values(&exact.logits));
}

fn compare(mixture: &Mixture, weights: &[f32], scale: f64) {
    let mut exact_gradient = vec![0.25_f32; weights.len()];
    let exact = mixture.add_gradient(weights, scale, 0.5, &mut exact_gradient);
    // The far-away weight alone would make any error small beside the largest.
    let without_far = |values: &[f32]| values[1..].iter().map(|&value| f64::from(value - 0.25)).collect::<Vec<f64>>();
    let exact_scores = without_far(&exact_gradient);
    for grid in [mixture.grid(weights, scale), hot_grid(mixture, weights, scale)] {
        let mut gradient = vec![0.25_f32; weights.len()];
        let got = grid.add_gradient(weights, 0.5, &mut gradient);
        assert_eq!(got.weights, weights.len());
        assert_eq!(grid.statistics(weights), got);
        assert_gradients_close(&got.gradients(mixture), &exact.gradients(mixture));
        assert_close("weight", without_far(&gradient).into_iter(), exact_scores.iter().copied());
    }
}

/// A grid with a hot cell, where there can be one, for however few weights.
fn hot_grid<'a>(mixture: &'a Mixture, weights: &[f32], scale: f64) -> Grid<'a> {
    let grid = mixture.grid(weights, scale);
    let hot = if grid.blocks.is_empty() { None } else { HotCell::choose(mixture, scale) };
    Grid { hot, ..grid }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_agrees_with_the_exact_sums(mixture in any_mixture(), log_scale in -5.0..3.0_f64, seed: u64, len in 2_000_usize..12_000) {
        let scale = log_scale.exp();
        let weights = weights_of(&mixture, len, scale, seed);
        compare(&mixture, &weights, scale);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_agrees_where_zero_rules(
        others in prop::collection::vec((-1.0..1.0_f64, -7.0..0.0_f64, -9.0..0.0_f64), 1..10),
        zero_width in -6.0..0.0_f64,
        zero_share in 0.5..0.999_f64,
        seed: u64,
        len in 4_000_usize..12_000,
    ) {
        let total: f64 = others.iter().map(|part| part.2.exp()).sum();
        let mut components: Vec<Component> = others
            .into_iter()
            .map(|(mean, width, share)| {
                Component { mean, std_dev: width.exp(), proportion: (1.0 - zero_share) * share.exp() / total }
            })
            .collect();
        components.push(Component { mean: 0.0, std_dev: zero_width.exp(), proportion: zero_share });
        let mixture = Mixture::new(components).unwrap();
        let weights = weights_of(&mixture, len, 0.3, seed);
        compare(&mixture, &weights, 0.3);
    }
}

#[test]
fn the_hot_cell_takes_most_weights_of_presets() {
    for (k, fraction, degrees) in [(17, 0.25, [11, 15]), (17, 0.05, [3; 2]), (257, 0.25, [11, 15]), (257, 0.05, [3; 2])]
    {
        let mixture = preset(k, fraction);
        let mut weights = vec![0.0; 1 << 16];
        mixture.samples(&mut ChaCha8Rng::seed_from_u64(7), &mut weights);
        let grid = hot_grid(&mixture, &weights, 1.0);
        assert!(degrees.contains(&grid.hot.as_ref().unwrap().hot.degree));
        let mut visitor = Visitor { grid: &grid, filled: grid.empty(), exact: None };
        visitor.visit(&weights, 1.0, &mut vec![0.0; weights.len()]);
        let taken = visitor.filled.hot.count();
        assert!(taken > weights.len() * 8 / 10, "{taken} of K = {k}");
    }
}

#[test]
fn there_is_no_hot_cell_where_zero_does_not_rule() {
    let narrow = |mean, proportion| Component { mean, std_dev: 0.01, proportion };
    let beside = Mixture::new(vec![narrow(-0.5, 0.45), narrow(0.0, 0.1), narrow(0.5, 0.45)]).unwrap();
    assert!(HotCell::choose(&beside, 1.0).is_none());
    // A narrow component stands in the middle of a wide one.
    let wide = Component { mean: 0.0, std_dev: 1.0, proportion: 0.99 };
    let needle = Component { mean: 0.1, std_dev: 1e-4, proportion: 0.01 };
    assert!(HotCell::choose(&Mixture::new(vec![wide, needle]).unwrap(), 1.0).is_none());
}

/// Equally spaced means on [-1, 1], `π` of zero 0.9, as a network's prior might be.
fn preset(k: usize, fraction: f64) -> Mixture {
    let range = crate::Range::new(-1.0, 1.0).unwrap();
    let mut proportions = vec![0.1 / (k - 1) as f64; k];
    proportions[k / 2] = 0.9;
    Mixture::equally_spaced(range, k, fraction, &proportions).unwrap()
}

#[test]
fn it_agrees_on_presets_with_many_weights() {
    for (k, fraction) in [(17, 0.25), (17, 0.05), (257, 0.25), (257, 0.05)] {
        let mixture = preset(k, fraction);
        let weights = weights_of(&mixture, 70_000, 0.07, 3);
        compare(&mixture, &weights, 0.07);
    }
}

#[test]
fn almost_no_weight_needs_the_exact_path() {
    for (k, fraction) in [(17, 0.25), (17, 0.05), (257, 0.25), (257, 0.05)] {
        let mixture = preset(k, fraction);
        let mut weights = vec![0.0; 100_000];
        mixture.samples(&mut ChaCha8Rng::seed_from_u64(5), &mut weights);
        for grid in [mixture.grid(&weights, 1.0), hot_grid(&mixture, &weights, 1.0)] {
            let mut visitor = Visitor { grid: &grid, filled: grid.empty(), exact: None };
            visitor.visit(&weights, 1.0, &mut vec![0.0; weights.len()]);
            let exact = visitor.exact.map_or(0, |exact| exact.statistics.weights);
            assert!(exact <= 10, "{exact} of K = {k}");
            assert!(grid.cells() <= divide::MOST_CELLS);
        }
    }
}

#[test]
fn the_same_bytes_for_any_number_of_threads() {
    let mixture = preset(17, 0.1);
    let weights = weights_of(&mixture, 200_000, 1.0, 9);
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let grids = [mixture.grid(&weights, 1.0), hot_grid(&mixture, &weights, 1.0)].map(|grid| {
                let mut gradient = vec![0.0; weights.len()];
                (grid.add_gradient(&weights, 1.0, &mut gradient), gradient)
            });
            (grids, mixture.add_gradient(&weights[..50_000], 1.0, 1.0, &mut vec![0.0; 50_000]))
        })
    };
    assert!(on(1) == on(3));
}

#[test]
fn degenerate_layers_are_no_trouble() {
    let mixture = preset(5, 0.5);
    for weights in [vec![], vec![0.0; 10], vec![0.0; 5000], vec![1e9; 5000], vec![-1e30; 3000]] {
        for grid in [mixture.grid(&weights, 1e-3), hot_grid(&mixture, &weights, 1e-3)] {
            let mut gradient = vec![0.0; weights.len()];
            let statistics = grid.add_gradient(&weights, 1.0, &mut gradient);
            assert_eq!(statistics.weights, weights.len());
            assert!(statistics.log_likelihood.is_finite() && gradient.iter().all(|value| value.is_finite()));
        }
    }
    let mut weights = vec![0.1; 5000];
    weights[17] = f32::NAN;
    for grid in [mixture.grid(&weights, 1.0), hot_grid(&mixture, &weights, 1.0)] {
        let mut gradient = vec![0.0; 5000];
        let _ = grid.add_gradient(&weights, 1.0, &mut gradient);
        assert!(gradient[17].is_nan() && gradient[16].is_finite());
    }
}
