//! The table against the exact prior.

use ndarray_rand::rand::{Rng, SeedableRng};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::{Ladder, Proportions, Range, ReEstimate};

fn prior(seed: u64, scale: f64, pull: f64, epsilon: f64) -> HeavyTailed {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let range = Range::new(-16.0, 16.0).unwrap();
    let mixture = Mixture::preset(range, 9, 0.3, &Proportions::Dirichlet { alpha: 1.0 }, &mut rng).unwrap();
    HeavyTailed::new(&mixture, Ladder::new(epsilon).unwrap(), scale, 4.0).unwrap().with_pull(pull).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_entry_is_the_prior_at_its_bin(seed: u64, log_scale in -4.0..1.0_f64, pull in 0.0..0.5_f64, epsilon in 0.05..2.0_f64) {
        let scale = log_scale.exp();
        let prior = prior(seed, scale, pull, epsilon);
        let max_abs = (20.0 * scale) as f32;
        let (scores, penalties) = (ScoreTable::build(&prior, max_abs).unwrap(), PenaltyTable::build(&prior, max_abs).unwrap());
        prop_assert_eq!(scores.classes(), CLASSES);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for _ in 0..300 {
            let (class, bin) = (rng.random_range(0..CLASSES), rng.random_range(0..BINS));
            let w = (bin as f64 - ZERO_BIN as f64) / f64::from(scores.inverse_step());
            let at = prior.evaluate(w / scale, exponent(f64::from(class_center(class))));
            let got = f64::from(scores.lookup(class, w as f32));
            prop_assert!((got + at.score / scale).abs() < 1e-5 * (at.score / scale).abs() + 1e-9 / scale, "{} {}", got, -at.score / scale);
            let got = f64::from(penalties.lookup(class, w as f32));
            prop_assert!((got + at.value).abs() < 1e-5 * (1.0 + at.value.abs()), "{} {}", got, -at.value);
        }
    }

    #[test]
    fn neighbouring_bins_hold_every_weight(w in -1.2..1.2_f32) {
        let table = ScoreTable::build(&prior(1, 0.05, 1e-4, 0.2), 1.0).unwrap();
        let bin = table.bin(w);
        let value = (bin as f32 - ZERO_BIN as f32) / table.inverse_step();
        prop_assert!((w - value).abs() <= 0.501 / table.inverse_step());
    }
}

#[test]
fn classes_are_nearest_and_clamped() {
    assert_eq!([class(-9.0), class(-100.0), class(4.0), class(100.0)], [0, 0, 26, 26]);
    assert_eq!([class(f32::NEG_INFINITY), class(f32::INFINITY)], [0, 26]);
    assert_eq!([class(-8.76), class(-8.74), class(-1.4)], [0, 1, 15]);
    for at in 0..CLASSES {
        assert_eq!(class(class_center(at)), at);
    }
}

#[test]
fn zero_is_at_rest_and_outside_values_take_the_last_bin() {
    let table = ScoreTable::build(&prior(1, 0.05, 0.0, 0.2), 1.0).unwrap();
    for class in 0..CLASSES {
        assert_eq!(table.lookup(class, 0.0), 0.0);
        let row = table.row_of_class(class);
        assert_eq!(table.lookup(class, 1e30), row[BINS - 1]);
        assert_eq!(table.lookup(class, f32::NEG_INFINITY), row[0]);
        assert!(row.iter().all(|value| value.is_finite()));
        // Without Gaussians the force is odd, and always towards zero.
        for bin in 1..ZERO_BIN {
            assert_eq!(row[ZERO_BIN + bin], -row[ZERO_BIN - bin]);
            assert!(row[ZERO_BIN + bin] > 0.0);
        }
    }
    assert!(table.bin(0.99) < BINS - 300, "there is a margin for weights that grow");
}

#[test]
fn a_layer_of_zeros_has_a_table_and_a_diverged_one_has_an_error() {
    let prior = prior(1, 0.05, 1e-4, 0.2);
    assert!(ScoreTable::build(&prior, 0.0).unwrap().lookup(3, 0.01).is_finite());
    for bad in [f32::NAN, f32::INFINITY] {
        let error = ScoreTable::build(&prior, bad).unwrap_err();
        assert!(error.to_string().contains("diverged"), "{error}");
        assert!(PenaltyTable::build(&prior, bad).is_err());
    }
}

#[test]
fn gradients_and_totals_visit_every_place_with_its_class() {
    let prior = prior(4, 0.05, 1e-3, 0.2);
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let shape = [5, 3, 4];
    let weights: Vec<f32> = (0..60).map(|_| rng.random_range(-0.9..0.9_f32).powi(5)).collect();
    let context = PlaceContext::from_weights(&weights, shape, 0.1);
    let (scores, penalties) = (ScoreTable::build(&prior, 0.9).unwrap(), PenaltyTable::build(&prior, 0.9).unwrap());
    let mut gradient = vec![1.0; 60];
    scores.add_gradient(&weights, &context, 0.5, &mut gradient);
    let mut total = 0.0;
    for row in 0..5 {
        for col in 0..3 {
            for at in 0..4 {
                let position = (row * 3 + col) * 4 + at;
                let class = class(context.z(row, col));
                assert_eq!(gradient[position], 1.0 + 0.5 * scores.lookup(class, weights[position]));
                total += f64::from(penalties.lookup(class, weights[position]));
            }
        }
    }
    assert!((penalties.total(&weights, &context) - total).abs() < 1e-9);
    let beyond = total - penalties.total(&[0.0; 60], &context);
    assert!(beyond > 0.0 && (penalties.beyond_zeros(&weights, &context) - beyond).abs() < 1e-4 * beyond);
    assert_eq!(penalties.beyond_zeros(&[0.0; 60], &context), 0.0);
}

#[test]
fn a_plain_mixture_has_one_class() {
    let range = Range::new(-1.0, 1.0).unwrap();
    let mixture = Mixture::equally_spaced(range, 3, 0.2, &[0.1, 0.8, 0.1]).unwrap();
    let table = ScoreTable::of_mixture(&mixture, 0.5, 0.8).unwrap();
    assert_eq!((table.classes(), table.class(-20.0), table.class(3.0)), (1, 0, 0));
    for bin in (0..BINS).step_by(17) {
        let w = (bin as f64 - ZERO_BIN as f64) / f64::from(table.inverse_step());
        let expected = -mixture.score(w / 0.5) / 0.5;
        assert!((f64::from(table.lookup(0, w as f32)) - expected).abs() < 1e-4 * (1.0 + expected.abs()));
    }
    assert!(ScoreTable::of_mixture(&mixture, 0.0, 0.8).is_err());
}

#[test]
fn rarer_places_pull_harder_on_middling_weights() {
    let mut prior = prior(2, 0.05, 1e-4, 0.2);
    let weights: Vec<f32> = (0..1000).map(|i| if i % 10 == 0 { 0.6 } else { 0.001 }).collect();
    prior.re_estimate(&weights, &ReEstimate::default()).unwrap();
    let table = ScoreTable::build(&prior, 0.6).unwrap();
    for w in [0.1, 0.3] {
        let forces: Vec<f32> = (0..CLASSES).map(|class| table.lookup(class, w)).collect();
        assert!(forces.is_sorted_by(|a, b| a >= b), "{forces:?}");
    }
}

#[test]
fn a_gradient_at_some_places_is_the_whole_one_there() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let shape = [7, 5, 6];
    let weights: Vec<f32> = (0..210).map(|_| rng.random_range(-1.0..1.0)).collect();
    let context = PlaceContext::from_weights(&weights, shape, 0.5);
    let table = ScoreTable::build(&prior(1, 0.1, 0.1, 0.5), 1.0).unwrap();
    let start: Vec<f32> = (0..210).map(|_| rng.random_range(-1.0..1.0)).collect();
    let (mut whole, mut some) = (start.clone(), start.clone());
    table.add_gradient(&weights, &context, 0.3, &mut whole);
    let positions: Vec<usize> = (0..210).filter(|at| at % 3 == 1).collect();
    table.add_gradient_at(&positions, &weights, &context, 0.3, &mut some);
    for at in 0..210 {
        assert_eq!(some[at].to_bits(), if at % 3 == 1 { whole[at] } else { start[at] }.to_bits(), "{at}");
    }
}
