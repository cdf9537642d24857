//! The heavy-tailed prior's density and its re-estimation from weights.

use ndarray_rand::rand::{Rng, SeedableRng};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::{Proportions, Range, exponent};

fn preset(k: usize, seed: u64) -> (Mixture, f64) {
    let range = Range::new(-16.0, 16.0).unwrap();
    let method = Proportions::StickBreaking { alpha: 2.0 };
    (Mixture::preset(range, k, 0.5, &method, &mut ChaCha8Rng::seed_from_u64(seed)).unwrap(), range.spacing(k))
}

fn prior(k: usize, epsilon: f64, pull: f64, seed: u64) -> HeavyTailed {
    let (mixture, spacing) = preset(k, seed);
    HeavyTailed::new(&mixture, Ladder::new(epsilon).unwrap(), 0.05, spacing).unwrap().with_pull(pull).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_score_is_the_slope_and_all_is_finite(k in 2_usize..18, pull in 0.0..0.9_f64, z in -9.0..4.0_f64, u in -40.0..40.0_f64, seed: u64) {
        let prior = prior(k, 0.2, pull, seed);
        let g = exponent(z);
        let h = 1e-6;
        let slope = (prior.log_density(u + h, g) - prior.log_density(u - h, g)) / (2.0 * h);
        let score = prior.score(u, g);
        prop_assert!((score - slope).abs() < 1e-5 * (1.0 + slope.abs()), "{} {}", score, slope);
        for far in [1e6, -1e6, 32e6, 0.0] {
            let at = prior.evaluate(far, g);
            prop_assert!(at.value.is_finite() && at.score.is_finite());
        }
    }

    #[test]
    fn the_distribution_function_integrates_the_density(k in 2_usize..10, pull in 0.0..0.9_f64, z in -5.0..4.0_f64, u in -20.0..20.0_f64, seed: u64) {
        let prior = prior(k, 0.2, pull, seed);
        let g = exponent(z);
        let h = 1e-4;
        let slope = (prior.cdf(u + h, g) - prior.cdf(u - h, g)) / (2.0 * h);
        let density = prior.log_density(u, g).exp();
        prop_assert!((slope - density).abs() < 1e-5 * density + 1e-9, "{} {}", slope, density);
        prop_assert!((prior.cdf(1e6, g) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_density_by_proportions_does_not_depend_on_the_pull(k in 2_usize..10, pull in 0.0..0.9_f64, z in -5.0..4.0_f64, seed: u64) {
        let prior = prior(k, 0.2, pull, seed);
        let g = exponent(z);
        // Composite trapezoids on u = sinh t, dense at zero where the ladder is narrow.
        let h = 1e-3;
        let integral: f64 = (-9000..=9000).map(|i| {
            let t = f64::from(i) * h;
            prior.proportional_density(t.sinh(), g) * t.cosh() * h
        }).sum();
        prop_assert!((integral - 1.0).abs() < 1e-3, "{}", integral);
        let other = prior.clone().with_pull(0.5).unwrap();
        prop_assert_eq!(prior.proportional_density(3.0, g), other.proportional_density(3.0, g));
    }

    #[test]
    fn the_largest_gaussian_has_its_share_at_its_mean_whatever_the_place(pull in 1e-4..0.9_f64, z in -9.0..4.0_f64) {
        let mixture = Mixture::new(vec![
            Component { mean: 0.0, std_dev: 1.0, proportion: 0.9 },
            Component { mean: 5.0, std_dev: 0.3, proportion: 0.1 },
        ]).unwrap();
        let prior = HeavyTailed::new(&mixture, Ladder::new(0.1).unwrap(), 1.0, 1.0).unwrap();
        let g = exponent(z);
        let without = prior.clone().with_pull(0.0).unwrap();
        prop_assert!((without.log_density(5.0, g) - prior.ladder().log_density(5.0, g)).abs() < 1e-12);
        let with = prior.with_pull(pull).unwrap();
        // Undo the normalisation, then the ladder's share is 1 - pull.
        let unnormalised = with.log_density(5.0, g) + with.total(g).ln();
        let share = (with.ladder().log_density(5.0, g) - unnormalised).exp();
        prop_assert!((share - (1.0 - pull)).abs() < 1e-9, "{}", share);
    }

    #[test]
    fn re_estimates_keep_what_they_promise(seed: u64, k in 2_usize..12, spread in 0.01..20.0_f32, steps in 1_usize..4) {
        let mut prior = prior(k, 0.2, 1e-4, seed);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let signs: Vec<f64> = prior.nonzero.iter().map(|c| c.mean.signum()).collect();
        let settings = ReEstimate { std_dev: 0.3, ..ReEstimate::default() };
        for _ in 0..steps {
            let weights: Vec<f32> = (0..3000).map(|_| {
                let size = if rng.random::<f32>() < 0.9 { 0.001 } else { 0.05 * spread };
                size * rng.random_range(-1.0..1.0_f32)
            }).collect();
            prior.re_estimate(&weights, &settings).unwrap();
            let large = typical_large(&weights) / prior.scale();
            prop_assert!((prior.ladder().epsilon() - 0.03 * large).abs() < 1e-12);
            prop_assert!(prior.means().is_sorted());
            prop_assert_eq!(prior.means()[prior.zero_index()], 0.0);
            let total: f64 = prior.zero_proportion() + prior.nonzero.iter().map(|c| c.proportion).sum::<f64>();
            prop_assert!((total - 1.0).abs() < 1e-12 && prior.zero_proportion() > 0.0);
            for (component, sign) in prior.nonzero.iter().zip(&signs) {
                prop_assert!(component.mean * sign >= 0.5 * large * (1.0 - 1e-12), "{} {}", component.mean, large);
                prop_assert!(component.std_dev >= 0.1 * prior.spacing);
                prop_assert!(component.proportion > 0.0);
            }
        }
        let written = serde_json::to_string(&prior).unwrap();
        prop_assert_eq!(serde_json::from_str::<HeavyTailed>(&written).unwrap(), prior);
    }
}

#[test]
fn statistics_of_the_nearest_weights_by_hand() {
    // Means -16, 0, 16; scale 0.05, so that u = 20 w.
    let mut prior = prior(3, 0.2, 1e-4, 1);
    let weights = [0.0, 0.1, 0.6, 0.8, 1.0, -0.9];
    let settings = ReEstimate { mean_floor: 1e-6, ..ReEstimate::default() };
    prior.re_estimate(&weights, &settings).unwrap();
    let [negative, positive] = prior.nonzero_components() else { panic!("two nonzero components") };
    // u = 12, 16, 20 and the old mean 16 twice; u = -18 and -16 twice.
    assert!((positive.mean - 16.0).abs() < 1e-6, "{}", positive.mean);
    assert!((negative.mean + 50.0 / 3.0).abs() < 1e-6, "{}", negative.mean);
    // Average count 2, a quarter of it counts for half the spacing (16).
    assert!((positive.std_dev - ((32.0 + 0.5 * 64.0) / 3.5_f64).sqrt()).abs() < 1e-5);
    assert!((negative.std_dev - (((4.0 / 3.0_f64).powi(2) + 0.5 * 64.0) / 1.5).sqrt()).abs() < 1e-5);
    assert!((positive.proportion - 4.0 / 9.0).abs() < 1e-12 && (prior.zero_proportion() - 3.0 / 9.0).abs() < 1e-12);
    assert_eq!(prior.counts(&weights), [1, 2, 3]);
}

#[test]
fn the_typical_large_weight_ignores_dust() {
    let mut weights = vec![0.001_f32; 10_000];
    weights.extend([0.5, -0.5]);
    assert!((typical_large(&weights) - 0.5).abs() < 0.02, "{}", typical_large(&weights));
    assert_eq!(typical_large(&[0.0; 4]), 0.0);
    assert_eq!(typical_large(&[]), 0.0);
}

#[test]
fn a_dead_layer_keeps_its_prior_and_bad_settings_are_named() {
    let mut one = prior(9, 0.2, 1e-4, 3);
    let before = one.clone();
    one.re_estimate(&[0.0; 50], &ReEstimate::default()).unwrap();
    assert_eq!(one, before);
    assert!(one.re_estimate(&[f32::INFINITY, 1.0], &ReEstimate::default()).is_err());
    for bad in [
        ReEstimate { epsilon: 0.0, ..ReEstimate::default() },
        ReEstimate { mean_floor: f64::NAN, ..ReEstimate::default() },
        ReEstimate { mean_pseudo_count: -1.0, ..ReEstimate::default() },
        ReEstimate { std_dev: 0.0, ..ReEstimate::default() },
    ] {
        assert!(one.re_estimate(&[1.0], &bad).is_err(), "{bad:?}");
    }
    assert!(before.clone().with_pull(1.0).is_err() && before.with_pull(f64::NAN).is_err());
    let (mixture, _) = preset(3, 0);
    let ladder = Ladder::new(1.0).unwrap();
    assert!(HeavyTailed::new(&mixture, ladder, 0.0, 1.0).is_err());
    assert!(HeavyTailed::new(&mixture, ladder, 1.0, f64::NAN).is_err());
}

#[test]
fn infinite_weights_are_refused_without_harm() {
    let mut one = prior(9, 0.2, 1e-4, 3);
    let before = one.clone();
    assert!(one.re_estimate(&[f32::NAN, 1.0], &ReEstimate::default()).is_err());
    assert_eq!(one, before);
}

#[test]
fn a_layer_of_small_weights_gets_components_within_its_reach() {
    let (mixture, spacing) = preset(9, 3);
    let scale = 0.5;
    // Nothing comes near the innermost preset means, ±4 scales.
    let weights: Vec<f32> = (0..200).map(|i| if i % 2 == 0 { 0.4 } else { -0.3 }).collect();
    let large = typical_large(&weights) / scale;
    let mut prior = HeavyTailed::fitted(&mixture, scale, spacing, &weights, &ReEstimate::default()).unwrap();
    prior.re_estimate(&weights, &ReEstimate::default()).unwrap();
    let means = prior.means();
    let zero = prior.zero_index();
    assert!(means[zero - 1] >= -1.01 * large && means[zero + 1] <= 1.2 * large, "{means:?} with M = {large}");
    assert_eq!(prior.counts(&weights)[zero], 0, "every weight has a nonzero component to go to");
}
