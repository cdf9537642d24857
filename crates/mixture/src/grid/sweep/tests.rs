//! The sweep on its own: against plain loops over the same weights.

use proptest::prelude::*;

use super::*;

/// What a sweep should do, weight by weight, in `f64`.
fn check<const D: usize>(values: &[f32], coefficients: &[f32]) {
    let weights: [f32; SWEEP] = std::array::from_fn(|i| values[i % values.len()]);
    let mut score = [0.0; LARGEST_DEGREE + 1];
    score[..=D].copy_from_slice(&coefficients[..=D]);
    let hot = Hot { inverse: 2.0, degree: D, score };
    let mut gradient = [0.5; SWEEP];
    let mut moments = HotMoments::default();
    let mut cold = [0; SWEEP + 8];
    let len = hot.sweep::<D>(&weights, 3.0, &mut gradient, &mut moments, 1000, &mut cold);

    let inside = |weight: f32| (2.0 * weight).abs() <= 1.0;
    let expected: Vec<u32> = (0..SWEEP).filter(|&i| !inside(weights[i])).map(|i| 1000 + i as u32).collect();
    assert_eq!(cold[..len], expected);
    assert_eq!(moments.count(), SWEEP - len);
    for (&weight, &gradient) in weights.iter().zip(&gradient) {
        let t = 2.0 * f64::from(weight);
        let score: f64 = score.iter().rev().fold(0.0, |sum, &coefficient| sum * t + f64::from(coefficient));
        let expected = if inside(weight) { 0.5 + 3.0 * score } else { 0.5 };
        assert!((f64::from(gradient) - expected).abs() < 1e-5 * D as f64, "{gradient} instead of {expected}");
    }
    for (m, value) in moments.values().into_iter().enumerate() {
        let powers = weights.iter().filter(|&&weight| inside(weight)).map(|&w| (2.0 * f64::from(w)).powi(m as i32));
        let expected = if m <= D { powers.sum() } else { 0.0 };
        assert!((value - expected).abs() <= SWEEP as f64 / UNITS, "{value} instead of {expected}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sweeps_are_exact_sums_and_keep_the_order(
        values in prop::collection::vec(-0.7..0.7_f32, 1..SWEEP),
        coefficients in prop::collection::vec(-1.0..1.0_f32, LARGEST_DEGREE + 1),
    ) {
        check::<3>(&values, &coefficients);
        check::<7>(&values, &coefficients);
        check::<11>(&values, &coefficients);
        check::<15>(&values, &coefficients);
    }
}

#[test]
fn ends_are_inside_and_sums_have_room_for_them() {
    for value in [0.5, -0.5, 0.0, -0.0, 0.5 + f32::EPSILON, f32::INFINITY, 1e-40, f32::MAX] {
        check::<15>(&[value], &[1.0; LARGEST_DEGREE + 1]);
        check::<3>(&[value, -value], &[1.0; LARGEST_DEGREE + 1]);
    }
}

#[test]
fn nan_is_cold() {
    let mut weights = [0.25; SWEEP];
    weights[77] = f32::NAN;
    let hot = Hot { inverse: 1.0, degree: 3, score: [1.0; LARGEST_DEGREE + 1] };
    let (mut gradient, mut moments, mut cold) = ([0.0; SWEEP], HotMoments::default(), [0; SWEEP + 8]);
    assert_eq!(hot.sweep::<3>(&weights, 1.0, &mut gradient, &mut moments, 0, &mut cold), 1);
    assert_eq!((cold[0], gradient[77]), (77, 0.0));
}
