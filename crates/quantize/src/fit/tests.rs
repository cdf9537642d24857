//! Fitted codebooks against optimal ones, and what refinement promises.

use proptest::prelude::*;

use super::*;
use crate::squared_error;

/// Bell-shaped weights without a generator: sums of four linear congruential draws.
fn bell(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u32 << 24) as f32 - 0.5
    };
    (0..len).map(|_| uniform() + uniform() + uniform() + uniform()).collect()
}

/// The error of the optimum, by dynamic programming on the sorted weights themselves.
fn optimum(weights: Weights, levels: usize) -> f64 {
    let mut all: Vec<(f64, f64)> = weights.iter().collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let cells: Vec<Cell> = all.into_iter().map(|(value, importance)| Cell::of(value, importance)).collect();
    cluster(&cells, levels).error
}

fn error_of(weights: Weights, levels: &[f32]) -> f64 {
    weights.iter().map(|(value, importance)| distance(&Cell::of(value, importance), levels)).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn few_weights_are_fitted_optimally(
        weights in prop::collection::vec((-2.0..2.0_f32, 0.0..3.0_f32), 1..200),
        levels in 1_usize..9,
    ) {
        let (values, importances): (Vec<f32>, Vec<f32>) = weights.into_iter().unzip();
        prop_assume!(importances.iter().any(|&importance| importance > 0.0));
        let (values, importances) = (&values[..], &importances[..]);
        for weights in [Weights { values, importances: None }, Weights { values, importances: Some(importances) }] {
            let fit = fit(weights, levels).unwrap();
            let best = optimum(weights, levels);
            prop_assert!((fit.squared_error - best).abs() <= 1e-5 * best + 1e-9, "{} instead of {}", fit.squared_error, best);
            prop_assert!((error_of(weights, &fit.levels) - fit.squared_error).abs() <= 1e-9 * (1.0 + best));
            prop_assert!(fit.levels.len() <= levels && fit.levels.is_sorted_by(|a, b| a < b));
        }
    }

    #[test]
    fn equal_importances_change_nothing(seed: u64, levels in 1_usize..6) {
        let weights = bell(300, seed);
        let (plain, weighted) = (fit_codebook(&weights, levels).unwrap(), fit_weighted_codebook(&weights, &[2.0; 300], levels).unwrap());
        prop_assert_eq!(plain.levels, weighted.levels);
        prop_assert!((2.0 * plain.squared_error - weighted.squared_error).abs() < 1e-9 * weighted.squared_error);
    }
}

#[test]
fn many_weights_are_fitted_almost_optimally_and_the_bound_holds() {
    let values = bell(40_000, 3);
    let importances: Vec<f32> = bell(40_000, 4).iter().map(|value| value.abs()).collect();
    for importances in [None, Some(&importances[..])] {
        let weights = Weights { values: &values, importances };
        for levels in [1, 4, 16] {
            let fit = fit(weights, levels).unwrap();
            let best = optimum(Weights { values: &values, importances }, levels);
            assert!(fit.lower_bound <= best && best <= fit.squared_error * (1.0 + 1e-9));
            assert!(fit.squared_error <= best * 1.0001, "{} instead of {best}", fit.squared_error);
            assert!(fit.lower_bound >= best * 0.95, "{} below {best}", fit.lower_bound);
            let direct = error_of(weights, &fit.levels);
            assert!((direct / fit.squared_error - 1.0).abs() < 1e-6, "{direct} instead of {}", fit.squared_error);
        }
    }
}

#[test]
fn refinement_never_makes_the_histograms_codebook_worse() {
    // Far outliers leave few bins for the rest, so that there is much to refine.
    let mut values = bell(30_000, 5);
    values.extend([400.0, -350.0]);
    let weights = Weights { values: &values, importances: None };
    let bins = Bins::new(weights).unwrap();
    let cells = join(&bins.histogram(weights), CELLS);
    let coarse = to_levels(&cluster(&cells, 64).levels);
    let fit = fit_codebook(&values, 64).unwrap();
    let before = error_of(weights, &coarse);
    assert!(fit.squared_error < before, "{} after {before}", fit.squared_error);
    let quantised: Vec<f32> = values
        .iter()
        .map(|value| *fit.levels.iter().min_by(|a, b| (*a - value).abs().total_cmp(&(*b - value).abs())).unwrap())
        .collect();
    assert!((squared_error(&values, &quantised) / fit.squared_error - 1.0).abs() < 1e-6);
}

#[test]
fn the_same_bytes_for_any_number_of_threads() {
    let values = bell(600_000, 6);
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| fit_codebook(&values, 16).unwrap())
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn weights_that_are_alike_need_one_level() {
    for weights in [vec![0.25; 10], vec![-3.0; 20_000]] {
        let fit = fit_codebook(&weights, 16).unwrap();
        assert_eq!((fit.levels.as_slice(), fit.squared_error), (&weights[..1], 0.0));
    }
}

#[test]
fn bad_input_is_named() {
    assert_eq!(fit_codebook(&[], 4), Err(Error::Nothing));
    assert_eq!(fit_codebook(&[1.0], 0), Err(Error::Levels { levels: 0 }));
    assert!(matches!(fit_codebook(&[f32::NAN], 4), Err(Error::NotFinite { position: 0, .. })));
    assert_eq!(fit_weighted_codebook(&[1.0, 2.0], &[1.0], 4), Err(Error::ImportanceCount { expected: 2, got: 1 }));
    assert_eq!(fit_weighted_codebook(&[1.0], &[-1.0], 4), Err(Error::Importance { position: 0, value: -1.0 }));
    assert_eq!(fit_weighted_codebook(&[1.0], &[0.0], 4), Err(Error::Nothing));
    assert_eq!(fit_weighted_codebook(&vec![1.0; 20_000], &vec![0.0; 20_000], 4), Err(Error::Nothing));
}
