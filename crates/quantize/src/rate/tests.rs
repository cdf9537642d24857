//! What is promised of quantisers and searches, on sources with known theory and on weights made to annoy.

use std::f64::consts::{E, PI};

use proptest::prelude::*;

use super::*;
use crate::{Error, Stored, TrellisEstimate, TrellisPlan, TrellisProfile, squared_error};

/// Evenly distributed numbers in 0..1, without a generator of anybody's.
fn uniform(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed ^ 0x9E37_79B9_7F4A_7C15;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }
}

/// Normally distributed weights (Box and Muller 1958).
fn gaussian(len: usize, deviation: f64, seed: u64) -> Vec<f32> {
    let mut draw = uniform(seed);
    let mut one = || (-2.0 * draw().ln()).sqrt() * (2.0 * PI * draw()).cos();
    (0..len).map(|_| (deviation * one()) as f32).collect()
}

/// Weights with the density `exp(-|w|) / 2`.
fn laplacian(len: usize, seed: u64) -> Vec<f32> {
    let mut draw = uniform(seed);
    let mut one = || if draw() < 0.5 { draw().ln() } else { -draw().ln() };
    (0..len).map(|_| one() as f32).collect()
}

fn source(profile: &Profile) -> Source<'_> {
    Source { profile, sensitivity: 1.0, stored: Stored::F32, trellis: None }
}

fn quantized(weights: &[f32], step: f64, stored: Stored) -> (ScalarQuantizer, Coded) {
    let quantizer = ScalarQuantizer::new(&Profile::new(weights).unwrap(), step, stored);
    let coded = quantizer.quantize("t", [weights.len()], weights).unwrap();
    (quantizer, coded)
}

/// Bits a weight above `h - log2(2 π e D) / 2`, Shannon's lower bound for a differential entropy `h`, at a
/// signal-to-noise ratio.
fn excess(weights: &[f32], entropy: f64, ratio: f64) -> f64 {
    let profile = Profile::new(weights).unwrap();
    let point = find_step(&[source(&profile)], Target::SignalToNoise(ratio)).unwrap();
    let (_, coded) = quantized(weights, point.step, Stored::F32);
    let count = weights.len() as f64;
    coded.rate / count - (entropy - 0.5 * (2.0 * PI * E * coded.distortion / count).log2())
}

#[test]
fn a_gaussian_source_takes_a_quarter_of_a_bit_more_than_shannon_allows() {
    // log2(2 π e / 12) / 2 = 0.2546 bits is what scalar quantisation loses at high rate. A million weights add their table.
    let weights = gaussian(1 << 20, 0.05, 1);
    let entropy = 0.5 * (2.0 * PI * E * 0.05 * 0.05).log2();
    for (ratio, low, high) in
        [(2.0, 0.13, 0.16), (6.0, 0.24, 0.258), (12.0, 0.25, 0.259), (20.0, 0.25, 0.26), (30.0, 0.25, 0.268)]
    {
        let got = excess(&weights, entropy, ratio);
        assert!(got > low && got < high, "{got} bits at {ratio} dB");
    }
}

#[test]
fn a_laplacian_source_does_too_at_high_rate_and_less_at_low() {
    let weights = laplacian(1 << 20, 2);
    for (ratio, low, high) in [(6.0, 0.13, 0.144), (12.0, 0.2, 0.226), (20.0, 0.24, 0.258), (30.0, 0.25, 0.275)] {
        let got = excess(&weights, (2.0 * E).log2(), ratio);
        assert!(got > low && got < high, "{got} bits at {ratio} dB");
    }
}

fn any_weights() -> impl Strategy<Value = Vec<f32>> {
    let smooth = (300_usize..6000, any::<u64>(), -3.0..3.0_f64)
        .prop_map(|(len, seed, scale)| gaussian(len, 10.0_f64.powf(scale), seed));
    let sparse = (300_usize..6000, any::<u64>(), 0.0..1.0_f64).prop_map(|(len, seed, share)| {
        let mut draw = uniform(seed);
        gaussian(len, 0.05, seed).into_iter().map(|w| if draw() < share { 0.0 } else { w }).collect()
    });
    let outliers =
        (300_usize..6000, any::<u64>(), prop::collection::vec(-60.0..60.0_f32, 1..4)).prop_map(|(len, seed, far)| {
            let mut weights = gaussian(len, 0.05, seed);
            weights.iter_mut().zip(far).for_each(|(w, far)| *w = far);
            weights
        });
    let few =
        (prop::collection::vec(-2.0..2.0_f32, 1..40), 1_usize..3000, any::<u64>()).prop_map(|(values, len, seed)| {
            let mut draw = uniform(seed);
            (0..len).map(|_| values[(draw() * values.len() as f64) as usize]).collect()
        });
    prop_oneof![smooth, sparse, outliers, few, prop::collection::vec(-1.0..1.0_f32, 1..40)]
}

fn any_stored() -> impl Strategy<Value = Stored> {
    prop_oneof![Just(Stored::F16), Just(Stored::BF16), Just(Stored::F32)]
}

fn deviation(weights: &[f32]) -> f64 {
    (weights.iter().map(|&w| f64::from(w).powi(2)).sum::<f64>() / weights.len() as f64).sqrt().max(1e-6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_index_has_the_least_cost_and_every_value_its_type(
        weights in any_weights(), fineness in -6.0..2.0_f64, stored in any_stored(),
    ) {
        let weights: Vec<f32> = weights.iter().map(|&w| stored.round(w).unwrap()).collect();
        let (quantizer, coded) = quantized(&weights, deviation(&weights) * fineness.exp2(), stored);
        let values = coded.tensor.values();
        let levels: Vec<(f32, f64)> = quantizer.levels().collect();
        let cost = |weight: f32, level: &(f32, f64)| {
            (f64::from(weight) - f64::from(level.0)).powi(2) + quantizer.lambda() * level.1
        };
        for (&weight, &value) in weights.iter().zip(&values) {
            let own = levels.iter().find(|level| level.0 == value).expect("a level");
            let least = levels.iter().map(|level| cost(weight, level)).fold(f64::INFINITY, f64::min);
            let rounding = 1e-9 * (f64::from(weight).powi(2) + quantizer.lambda() * 20.0);
            prop_assert!(cost(weight, own) <= least + rounding, "{} to {}", weight, value);
            prop_assert_eq!(stored.round(value).unwrap(), value);
        }
        prop_assert!(levels.len() <= 1024);
        prop_assert!((coded.distortion - squared_error(&weights, &values)).abs() <= 1e-9 * coded.distortion);
    }

    #[test]
    fn zeros_stay_zeros(weights in any_weights(), zeros in 1_usize..200, fineness in -6.0..2.0_f64, stored in any_stored()) {
        let weights: Vec<f32> = weights.into_iter().chain(vec![0.0; zeros]).collect();
        let (quantizer, coded) = quantized(&weights, deviation(&weights) * fineness.exp2(), stored);
        if quantizer.levels().any(|level| level.0 == 0.0) {
            let moved = weights.iter().zip(coded.tensor.values()).position(|(&w, value)| w == 0.0 && value != 0.0);
            prop_assert_eq!(moved, None);
        }
    }

    #[test]
    fn estimates_are_near_what_comes_out(weights in any_weights(), fineness in -5.0..1.0_f64) {
        let step = deviation(&weights) * fineness.exp2();
        let (quantizer, coded) = quantized(&weights, step, Stored::F32);
        let (bits, error) = (quantizer.rate() - coded.rate, quantizer.distortion() - coded.distortion);
        let count = weights.len() as f64;
        // A bin in which a cut falls may be wrong by its weights; hundreds of weights have few in a bin.
        prop_assert!(bits.abs() <= 0.01 * coded.rate + 60.0, "{} of {} bits", bits, coded.rate);
        let allowed = 0.03 * coded.distortion + 0.02 * step * step * count.sqrt() + 1e-12 * deviation(&weights).powi(2) * count;
        prop_assert!(error.abs() <= allowed, "{} of {}", error, coded.distortion);
    }

    #[test]
    fn a_coarser_step_takes_fewer_bits_and_errs_more(
        len in 3000_usize..20_000, seed in any::<u64>(), fineness in -5.0..1.0_f64, factor in 1.15..3.0_f64,
    ) {
        let weights = gaussian(len, 0.05, seed);
        let profile = Profile::new(&weights).unwrap();
        let at = |step: f64| OperatingPoint::at(&[source(&profile)], step);
        let (fine, coarse) = (at(0.05 * fineness.exp2()), at(0.05 * factor * fineness.exp2()));
        prop_assert!(coarse.rate <= fine.rate && coarse.distortion >= fine.distortion, "{:?} {:?}", fine, coarse);
    }

    #[test]
    fn budgets_and_ratios_are_met_with_little_to_spare(
        a in any_weights(), seed in any::<u64>(), bits in 2.5..7.0_f64, ratio in 8.0..35.0_f64, sensitivity in 0.1..10.0_f64,
    ) {
        let b = gaussian(30_000, 0.1, seed);
        let profiles = [Profile::new(&a).unwrap(), Profile::new(&b).unwrap()];
        let sources = [Source { sensitivity, ..source(&profiles[0]) }, source(&profiles[1])];
        let by_bits = find_step(&sources, Target::BitsPerWeight(bits)).unwrap();
        prop_assert!(by_bits.bits_per_weight() <= bits);
        for near in [by_bits.step * 1.01, by_bits.step / 1.5, by_bits.step * 40.0, 1e-30] {
            let found = find_step_near(&sources, Target::BitsPerWeight(bits), Some(near)).unwrap();
            let slack = (bits - found.bits_per_weight()) * found.weights as f64;
            prop_assert!(slack >= 0.0 && (slack <= 0.01 * found.rate + 500.0 + a.len() as f64 || found.distortion == 0.0));
        }
        let (total, fixed) = (((a.len() + b.len()) as f64 * bits / 8.0) as u64 + 99, 99);
        let by_bytes = find_step(&sources, Target::Bytes { total, fixed }).unwrap();
        prop_assert!(by_bytes.rate <= (total - fixed) as f64 * 8.0);
        let by_ratio = find_step(&sources, Target::SignalToNoise(ratio)).unwrap();
        prop_assert!(by_ratio.signal_to_noise() >= ratio);
        // A small tensor may turn from a grid to a list, or to exact values, at a step: its bits jump.
        let slack = (bits - by_bits.bits_per_weight()) * by_bits.weights as f64;
        prop_assert!(slack <= 0.01 * by_bits.rate + 500.0 + a.len() as f64 || by_bits.distortion == 0.0, "{} bits left", slack);
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let weights = gaussian(3 << 20, 0.05, 7);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a small pool");
        pool.install(|| {
            let profile = Profile::new(&weights).unwrap();
            let point = find_step(&[source(&profile)], Target::BitsPerWeight(3.0)).unwrap();
            let coded = source(&profile).quantizer(point.step).quantize("t", [weights.len()], &weights).unwrap();
            (profile, point, coded)
        })
    };
    let reference = on(1);
    for threads in 2..4 {
        assert!(on(threads) == reference, "{threads} threads");
    }
}

#[test]
fn what_is_not_finite_is_named() {
    let mut weights = gaussian(100_000, 1.0, 3);
    for (position, value) in [(99_999, f32::INFINITY), (70_000, f32::NEG_INFINITY), (17, f32::NAN)] {
        weights[position] = value;
        for refused in
            [Profile::new(&weights).unwrap_err(), quantizer_of(1.0).quantize("t", [1], &weights).unwrap_err()]
        {
            assert!(matches!(refused, Error::NotFinite { position: at, .. } if at == position), "{refused}");
        }
    }
    assert!(matches!(Profile::new(&[0.0, f32::NAN]), Err(Error::NotFinite { position: 1, .. })));
    assert!(matches!(quantizer_of(1.0).quantize("t", [3], &[1.0]), Err(Error::Codebook(_))));
}

fn quantizer_of(value: f32) -> ScalarQuantizer {
    ScalarQuantizer::new(&Profile::new(&[value]).unwrap(), 0.1, Stored::F32)
}

#[test]
fn a_tensor_of_few_values_is_held_exactly_where_that_is_cheap() {
    let weights: Vec<f32> = (0..50_000).map(|i| ((i * 7919) % 16) as f32 * 0.013 - 0.1).collect();
    // At this step a bit is not worth the error of values rounded to f16.
    let (_, coded) = quantized(&weights, 1e-5, Stored::F32);
    assert!(coded.tensor.values() == weights && coded.distortion == 0.0);
    assert!(coded.rate < 4.05 * 50_000.0);
    for (constant, step) in [(0.0, 1e-9), (0.3, 3e-4), (-1e-42, 1e-45), (3e38, 3e35)] {
        let (quantizer, coded) = quantized(&[constant; 3000], step, Stored::F32);
        assert!(coded.tensor.values() == [constant; 3000]);
        assert_eq!((coded.distortion, quantizer.distortion()), (0.0, 0.0));
        assert!(coded.rate < 200.0, "{}", coded.rate);
    }
    let (_, none) = quantized(&[], 0.1, Stored::F32);
    assert!(none.tensor.is_empty() && none.distortion == 0.0);
}

#[test]
fn outliers_cost_themselves_and_nothing_more() {
    let plain = gaussian(200_000, 0.05, 5);
    let mut hit = plain.clone();
    (hit[3], hit[1000]) = (50.0, -4000.0);
    let bits = |weights: &[f32]| quantized(weights, 0.02, Stored::F32).1;
    let (without, with) = (bits(&plain), bits(&hit));
    assert!(with.rate < without.rate + 1500.0, "{} {}", with.rate, without.rate);
    assert!(with.distortion < 1.01 * without.distortion, "{} {}", with.distortion, without.distortion);
}

#[test]
fn a_budget_is_used_whatever_lies_far_away() {
    let plain = gaussian(60_000, 0.02, 8);
    // A few columns of large weights, and one number near the end of the type.
    let columns: Vec<f32> =
        plain.iter().enumerate().map(|(at, w)| if at % 200 == 7 { 300.0 * w } else { *w }).collect();
    let mut huge = plain.clone();
    huge[17] = 1e30;
    for weights in [columns, huge] {
        let profile = Profile::new(&weights).unwrap();
        for bits in [3.0, 5.0, 8.0] {
            let point = find_step(&[source(&profile)], Target::BitsPerWeight(bits)).unwrap();
            assert!(point.bits_per_weight() <= bits && point.bits_per_weight() > bits - 0.1, "{point:?}");
            let coded = source(&profile).quantizer(point.step).quantize("w", [weights.len()], &weights).unwrap();
            let pairs = plain.iter().zip(&weights).zip(coded.tensor.values()).filter(|((plain, w), _)| plain == w);
            let (mut energy, mut error) = (0.0, 0.0);
            for ((_, &w), v) in pairs {
                (energy, error) = (energy + f64::from(w).powi(2), error + f64::from(w - v).powi(2));
            }
            let ratio = 10.0 * (energy / error).log10();
            assert!(ratio > 6.02 * bits - 4.5, "the many others have {ratio} dB at {bits} bits");
        }
    }
}

#[test]
fn scale_does_not_matter() {
    let weights = gaussian(50_000, 1.0, 6);
    let at = |scale: f32, stored| {
        let scaled: Vec<f32> = weights.iter().map(|w| w * scale).collect();
        let coded = quantized(&scaled, 0.25 * f64::from(scale), stored).1;
        (coded.rate, coded.distortion / f64::from(scale).powi(2))
    };
    let (rate, distortion) = at(1.0, Stored::F32);
    for (scale, stored) in
        [(1e-37, Stored::F32), (1e-20, Stored::F32), (1e30, Stored::F32), (1e-3, Stored::F16), (1.0, Stored::BF16)]
    {
        let got = at(scale, stored);
        assert!((got.0 / rate - 1.0).abs() < 0.03, "{} {rate} bits at {scale}", got.0);
        assert!((got.1 / distortion - 1.0).abs() < 0.03, "{} {distortion} at {scale}", got.1);
    }
}

#[test]
fn denormal_weights_are_quantised_too() {
    let weights: Vec<f32> = gaussian(20_000, 1.0, 4).iter().map(|w| w * 1e-42).collect();
    let profile = Profile::new(&weights).unwrap();
    let point = find_step(&[source(&profile)], Target::BitsPerWeight(4.0)).unwrap();
    let coded = source(&profile).quantizer(point.step).quantize("t", [weights.len()], &weights).unwrap();
    assert!(coded.distortion < 0.1 * profile.sum_of_squares(), "{} {point:?}", coded.distortion);
}

#[test]
fn targets_out_of_reach_are_refused_or_met_at_the_end() {
    let weights = gaussian(50_000, 0.05, 8);
    let profile = Profile::new(&weights).unwrap();
    let sources = [source(&profile)];
    let find = |target| find_step(&sources, target);
    assert!(matches!(find(Target::BitsPerWeight(0.0)), Err(Error::OutOfReach { .. })));
    assert!(matches!(find(Target::Bytes { total: 1000, fixed: 2000 }), Err(Error::OutOfReach { .. })));
    assert!(matches!(find(Target::SignalToNoise(400.0)), Err(Error::OutOfReach { nearest, .. }) if nearest > 45.0));
    assert!(matches!(find(Target::SignalToNoise(f64::NAN)), Err(Error::TargetNumber { .. })));
    assert!(find(Target::BitsPerWeight(f64::INFINITY)).unwrap().signal_to_noise() > 45.0);
    assert!(find(Target::SignalToNoise(-10.0)).unwrap().bits_per_weight() < 0.02);
    let wrong = [Source { sensitivity: 0.0, ..sources[0] }];
    assert!(matches!(find_step(&wrong, Target::BitsPerWeight(3.0)), Err(Error::Sensitivity { position: 0, .. })));
    let zeros = Profile::new(&[0.0; 100]).unwrap();
    for nothing in [&[][..], &[source(&zeros)]] {
        assert_eq!(find_step(nothing, Target::SignalToNoise(30.0)).unwrap().distortion, 0.0);
        assert_eq!(find_step(nothing, Target::BitsPerWeight(3.0)).unwrap().distortion, 0.0);
    }
}

#[test]
fn a_sensitive_tensor_gets_a_finer_step_and_the_same_cost_of_a_bit() {
    let weights = gaussian(100_000, 0.05, 9);
    let profile = Profile::new(&weights).unwrap();
    let sensitive = Source { sensitivity: 16.0, ..source(&profile) };
    let (plain, fine) = (source(&profile).quantizer(0.04), sensitive.quantizer(0.04));
    assert!((plain.lambda() / fine.lambda() - 16.0).abs() < 1e-9);
    // Two bits more a weight, a sixteenth of the error.
    assert!(((fine.rate() - plain.rate()) / 1e5 - 2.0).abs() < 0.1);
    assert!((plain.distortion() / fine.distortion() - 16.0).abs() < 1.0);
}

#[test]
fn a_tensor_takes_the_way_that_is_better() {
    let weights = gaussian(120_000, 0.05, 12);
    let matrix = TrellisProfile::new([400, 300], &weights).unwrap();
    let trellis = TrellisEstimate::new(&matrix, 64);
    let profile = Profile::new(&weights).unwrap();
    let (single, both) = (source(&profile), Source { trellis: Some(&trellis), ..source(&profile) });
    for bits in [1.0, 2.5, 4.0, 6.0] {
        let [single, both] = [single, both].map(|source| find_step(&[source], Target::BitsPerWeight(bits)).unwrap());
        let gain = both.signal_to_noise() - single.signal_to_noise();
        assert!(gain > -0.05, "{gain} dB at {bits} bits");
        // A sixth of a bit, a bit being 6 dB.
        assert!(gain > 0.7 || bits < 2.0, "{gain} dB at {bits} bits");
    }
    // Measured, at equal distortion, and with a sensitivity that says so as well.
    let step = 0.02;
    let estimate = both.estimate(step);
    assert_eq!(Source { sensitivity: 4.0, ..both }.estimate(2.0 * step), estimate);
    let coded = single.quantizer(step).quantize("w", [400, 300], &weights).unwrap();
    let plan = TrellisPlan::without_pairs(vec![matrix]);
    let measured = plan.quantize(|_| &weights, &[estimate.trellis_step.unwrap()], 64).unwrap();
    assert!(
        (measured.distortion / coded.distortion - 1.0).abs() < 0.03,
        "{} {}",
        measured.distortion,
        coded.distortion
    );
    assert!(8.0 * (measured.encode().unwrap().len() as f64) < coded.rate - 0.1 * 120_000.0);
    // Sixteen values are told exactly in four bits; and no numbers are as many as those of the finest step.
    let few: Vec<f32> = (0..120_000).map(|i| ((i * 7919) % 16) as f32 * 0.013 - 0.1).collect();
    let matrix = TrellisProfile::new([400, 300], &few).unwrap();
    let (profile, trellis) = (Profile::new(&few).unwrap(), TrellisEstimate::new(&matrix, 64));
    let few = Source { trellis: Some(&trellis), ..source(&profile) };
    assert_eq!(few.estimate(1e-3).trellis_step, None);
    assert_eq!(both.estimate(1e-6).trellis_step, None);
}
