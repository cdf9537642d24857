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

/// A cell for each weight, in order.
fn sorted(weights: Weights) -> Vec<Cell> {
    let mut all = Vec::new();
    weights.for_each(|value, importance| all.push(Cell::of(f64::from(value), importance)));
    all.sort_by(|a, b| a.mean.total_cmp(&b.mean));
    all
}

/// The error of the optimum, by dynamic programming on the sorted weights themselves.
fn optimum(weights: Weights, levels: usize) -> f64 {
    cluster(&sorted(weights), levels).error
}

fn error_of(weights: Weights, levels: &[f32]) -> f64 {
    sorted(weights).iter().map(|cell| distance(cell, levels)).sum()
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
fn outliers_leave_enough_bins_for_the_rest() {
    let mut values = bell(30_000, 5);
    values.extend([4e5, -3e30]);
    let weights = Weights { values: &values, importances: None };
    let fit = fit(weights, 64).unwrap();
    // Sixty-two for the rest: sums of numbers as far apart as these would tell nothing about those.
    let rest = Weights { values: &values[..30_000], importances: None };
    let best = optimum(rest, 62);
    assert!((fit.levels[0], fit.levels[63]) == (-3e30, 4e5));
    assert!(error_of(rest, &fit.levels) <= best * (1.0 + 1e-9), "{} instead of {best}", error_of(rest, &fit.levels));
    let quantised: Vec<f32> = values
        .iter()
        .map(|value| *fit.levels.iter().min_by(|a, b| (*a - value).abs().total_cmp(&(*b - value).abs())).unwrap())
        .collect();
    assert!((squared_error(&values, &quantised) / fit.squared_error - 1.0).abs() < 1e-6);
}

#[test]
fn cuts_inside_of_bins_are_found() {
    let values = bell(400_000, 9);
    let weights = Weights { values: &values, importances: None };
    let bins = Bins::new(weights).unwrap();
    let histogram = bins.histogram(weights);
    let filled: Vec<usize> = (0..bins.len()).filter(|&bin| histogram[bin].importance > 0.0).collect();
    let fine: Vec<Cell> = filled.iter().map(|&bin| histogram[bin]).collect();
    let widths = filled.iter().map(|&bin| bins.bin(bin).width());
    let starts = join(&fine, widths, CELLS);
    assert!(starts.len() <= CELLS && starts.is_sorted_by(|a, b| a < b) && starts[0] == 0);
    let cells = clusters(&fine, &starts[1..]);
    let best = cluster(&cells, 256);
    let coarse: Vec<usize> = best.cuts.iter().map(|&cut| starts[cut]).collect();
    let settled = settle(&fine, &coarse, REACH, MOVES);
    let (coarse, settled_error) = (scatter(&clusters(&fine, &coarse)), scatter(&clusters(&fine, &settled)));
    let found = scatter(&divide(weights, &bins, &filled, &fine, settled));
    assert!(found < settled_error && settled_error < coarse, "{found}, {settled_error}, {coarse}");
}

#[test]
fn the_bound_holds_for_long_tails_and_spikes() {
    let bell = bell(20_000, 10);
    let tails = bell.iter().map(|value| value / (1.01 - value * value / 4.0).powi(8)).collect::<Vec<f32>>();
    let narrow = bell.iter().map(|value| 1e-4 * value + 1.0_f32.copysign(*value)).collect();
    let spikes = bell.iter().enumerate().map(|(at, value)| if at % 3 == 0 { *value } else { 0.3 }).collect();
    for values in [tails, narrow, spikes] {
        let weights = Weights { values: &values, importances: None };
        for levels in [2, 16, 64] {
            let (fit, best) = (fit(weights, levels).unwrap(), optimum(weights, levels));
            assert!(fit.lower_bound <= best, "{} above {best}", fit.lower_bound);
            // Levels in single precision are coarse beside clusters as narrow as some of these.
            let rounding: f64 = values.iter().map(|&value| (f64::from(value) * 0.5_f64.powi(24)).powi(2)).sum();
            assert!(fit.squared_error <= best * (1.0 + 1e-6) + rounding, "{} instead of {best}", fit.squared_error);
        }
    }
}

#[test]
fn few_distinct_values_among_many_weights_are_the_levels() {
    let distinct = [f32::MIN, -1.0, -0.1, -1e-40, 0.0, 1e-45, 0.1, 0.1_f32.next_up(), 3.0, f32::MAX];
    let values: Vec<f32> = (0..30_000).map(|at| distinct[at * 7 % distinct.len()]).collect();
    for levels in [10, 256, 65_536] {
        let fit = fit_codebook(&values, levels).unwrap();
        assert_eq!((fit.levels.as_slice(), fit.squared_error, fit.lower_bound), (&distinct[..], 0.0, 0.0));
    }
    let zeros: Vec<f32> = (0..30_000).map(|at| if at % 2 == 0 { 0.0 } else { -0.0 }).collect();
    assert_eq!(fit_codebook(&zeros, 4).unwrap().levels, [0.0]);
}

#[test]
fn as_many_levels_as_can_be() {
    let values = bell(100_000, 11);
    let fit = fit_codebook(&values, 65_536).unwrap();
    assert!(fit.levels.len() <= 65_536 && fit.levels.is_sorted_by(|a, b| a < b));
    assert!(fit.squared_error < fit_codebook(&values, 4096).unwrap().squared_error / 50.0);
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
    for weights in [vec![0.25; 10], vec![-3.0; 20_000], vec![0.1; 300_000]] {
        let fit = fit_codebook(&weights, 16).unwrap();
        assert_eq!((fit.levels.as_slice(), fit.squared_error), (&weights[..1], 0.0));
    }
}

#[test]
fn bad_input_is_named() {
    assert_eq!(fit_codebook(&[], 4), Err(Error::Nothing));
    assert_eq!(fit_codebook(&[1.0], 0), Err(Error::Levels { levels: 0 }));
    assert!(matches!(fit_codebook(&[f32::NAN], 4), Err(Error::NotFinite { position: 0, .. })));
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut many = vec![1.0; 50_000];
        many[40_000] = bad;
        assert!(matches!(fit_codebook(&many, 4), Err(Error::NotFinite { position: 40_000, .. })));
        let refused = fit_weighted_codebook(&vec![0.5; 50_000], &many, 4);
        assert!(matches!(refused, Err(Error::Importance { position: 40_000, .. })));
    }
    assert_eq!(fit_weighted_codebook(&[1.0, 2.0], &[1.0], 4), Err(Error::ImportanceCount { expected: 2, got: 1 }));
    assert_eq!(fit_weighted_codebook(&[1.0], &[-1.0], 4), Err(Error::Importance { position: 0, value: -1.0 }));
    assert_eq!(fit_weighted_codebook(&[1.0], &[0.0], 4), Err(Error::Nothing));
    assert_eq!(fit_weighted_codebook(&vec![1.0; 20_000], &vec![0.0; 20_000], 4), Err(Error::Nothing));
}
