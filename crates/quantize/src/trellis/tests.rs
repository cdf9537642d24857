//! What holds of every search, of what it is worth, and of pairs.

use mixpress_codebook::{
    Archive, Container, Entry, encode,
    trellis::{Section, TrellisTensor},
};
use proptest::prelude::*;

use super::*;
use crate::{Error, OperatingPoint, Profile, Source, Stored, Target, find_step};

/// Numbers between minus one and one, and nearly normal ones.
pub(super) struct Draw(pub(super) u64);

impl Draw {
    pub(super) fn unit(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 40) as f32 / (1 << 23) as f32) - 1.0
    }

    pub(super) fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.unit()).sum::<f32>() * 0.5
    }

    /// A matrix whose rows and columns differ in scale.
    pub(super) fn matrix(&mut self, [rows, columns]: [usize; 2], spread: f32) -> Vec<f32> {
        let mut scales = |count: usize| (0..count).map(|_| (self.normal() * spread).exp2()).collect::<Vec<f32>>();
        let (row, column) = (scales(rows), scales(columns));
        (0..rows * columns).map(|at| self.normal() * row[at / columns] * column[at % columns]).collect()
    }
}

fn decoded(coded: &TrellisCoded, bytes: &[u8]) -> Vec<Vec<f32>> {
    let shapes: Vec<[usize; 2]> = coded.matrices.iter().map(mixpress_codebook::trellis::TrellisMatrix::shape).collect();
    let mut values: Vec<Vec<f32>> = shapes.iter().map(|shape| vec![0.0; shape[0] * shape[1]]).collect();
    let mut outputs: Vec<&mut [f32]> = values.iter_mut().map(Vec::as_mut_slice).collect();
    Section::open(bytes, &shapes).unwrap().decode(&mut outputs).unwrap();
    values
}

fn squared_error(weights: &[f32], values: &[f32]) -> f64 {
    weights.iter().zip(values).map(|(&w, &v)| (f64::from(w) - f64::from(v)).powi(2)).sum()
}

fn planned(matrices: &[([usize; 2], Vec<f32>)]) -> TrellisPlan {
    TrellisPlan::new(matrices.iter().map(|(shape, weights)| TrellisProfile::new(*shape, weights).unwrap()).collect())
}

/// All of them quantised at such steps.
fn quantized(
    plan: &TrellisPlan,
    matrices: &[([usize; 2], Vec<f32>)],
    steps: &[f32],
    states: u16,
) -> Result<TrellisCoded, Error> {
    plan.quantize(|number| &matrices[number].1, steps, states)
}

fn any_matrix() -> impl Strategy<Value = ([usize; 2], Vec<f32>)> {
    let side = || prop_oneof![Just(0usize), Just(1), 2usize..40, 60usize..70];
    let zeros = prop_oneof![Just(0.0f32), 0.0f32..1.0];
    (side(), side(), any::<u64>(), 0.0f32..2.0, zeros, 0usize..5).prop_map(
        |(rows, columns, seed, spread, zeros, far)| {
            let mut draw = Draw(seed);
            let mut weights = draw.matrix([rows, columns], spread);
            for row in weights.chunks_mut(columns.max(1)) {
                if draw.unit().abs() < zeros {
                    row.fill(0.0);
                }
            }
            let count = weights.len();
            for _ in 0..far.min(count) {
                weights[(draw.unit().abs() * 0.99 * count as f32) as usize] = draw.unit() * 1e4;
            }
            ([rows, columns], weights)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn weights_come_back_to_about_half_a_step(
        matrices in prop::collection::vec(any_matrix(), 0..4), step in 0.02f32..2.0, states in 2u32..9
    ) {
        let plan = planned(&matrices);
        let coded = quantized(&plan, &matrices, &vec![step; matrices.len()], 1 << states).unwrap();
        let bytes = match coded.encode() {
            // Spread over so many sizes that one in eight is too large for its class.
            Err(Error::Codebook(mixpress_codebook::Error::TrellisMatrix { what: "patches", .. })) => return Ok(()),
            bytes => bytes.unwrap(),
        };
        let values = decoded(&coded, &bytes);
        let mut error = 0.0;
        for ((_, weights), values) in matrices.iter().zip(&values) {
            error += squared_error(weights, values);
            for (&weight, &value) in weights.iter().zip(values) {
                prop_assert!((weight - value).abs() <= 2.7 * step + weight.abs() * 1e-6, "{weight} {value}");
            }
        }
        prop_assert!((error - coded.distortion).abs() <= 1e-3 * error + 1e-6, "{error} {}", coded.distortion);
        let count: usize = matrices.iter().map(|(_, weights)| weights.len()).sum();
        prop_assert!(bytes.len() <= 400 + 600 * matrices.len() + 4 * count);
    }
}

#[test]
fn zeros_take_next_to_nothing_and_stay_zeros() {
    let matrices = [([300, 200], vec![0.0; 300 * 200])];
    let coded = quantized(&planned(&matrices), &matrices, &[0.1], 8).unwrap();
    let bytes = coded.encode().unwrap();
    assert_eq!(decoded(&coded, &bytes)[0], matrices[0].1);
    assert!(bytes.len() < 150, "{}", bytes.len());
}

#[test]
fn what_is_not_finite_is_refused() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let found = TrellisProfile::new([1, 3], &[0.0, 1.0, bad]);
        assert!(matches!(found, Err(Error::NotFinite { position: 2, .. })));
    }
    let matrices = [([1, 2], vec![1.0, -4e9])];
    let plan = planned(&matrices);
    let quantize = |step: f32, states: u16| quantized(&plan, &matrices, &[step], states);
    for step in [0.0, -1.0, f32::NAN, f32::INFINITY, 1.0] {
        assert!(matches!(quantize(step, 8), Err(Error::Step { largest: 4e9, .. })), "{step}");
    }
    assert!(quantize(10.0, 8).is_ok());
    assert!(quantize(10.0, 9).is_err());
    // Weights of all sizes that f32 has.
    for size in [f32::MIN_POSITIVE, 1e-30, 1e30, f32::MAX] {
        let matrices = [([2, 2], vec![size, -size, 0.5 * size, 0.0])];
        let coded = quantized(&planned(&matrices), &matrices, &[0.05 * size], 8);
        let values = decoded(&coded.clone().unwrap(), &coded.unwrap().encode().unwrap());
        assert!((values[0][0] / size - 1.0).abs() < 0.2, "{size} {values:?}");
    }
}

#[test]
fn threads_do_not_change_a_byte() {
    let mut draw = Draw(7);
    let first = draw.matrix([300, 200], 0.5);
    let second: Vec<f32> = first.iter().map(|weight| weight * 0.5 + 0.3 * draw.normal()).collect();
    let matrices = [([300, 200], first), ([300, 200], second), ([70, 900], draw.matrix([70, 900], 0.3))];
    let bytes = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| quantized(&planned(&matrices), &matrices, &[0.1; 3], 8).unwrap().encode().unwrap())
    };
    assert!(bytes(1) == bytes(2));
}

#[test]
fn a_trellis_beats_single_weights_and_more_states_beat_fewer() {
    let shape = [512, 256];
    let weights = Draw(3).matrix(shape, 0.0);
    let energy: f64 = weights.iter().map(|&w| f64::from(w).powi(2)).sum();
    let matrices = [(shape, weights.clone())];
    let plan = planned(&matrices);
    let profile = Profile::new(&weights).unwrap();
    let mut last = f64::INFINITY;
    for states in [4, 8, 64] {
        let coded = quantized(&plan, &matrices, &[0.3], states).unwrap();
        let bits = 8.0 * coded.encode().unwrap().len() as f64 / weights.len() as f64;
        let ratio = 10.0 * (energy / coded.distortion).log10();
        let source = Source { profile: &profile, sensitivity: 1.0, stored: Stored::F32, trellis: None };
        let point: OperatingPoint = find_step(&[source], Target::SignalToNoise(ratio)).unwrap();
        let worth = point.bits_per_weight() - bits;
        assert!(
            worth > 0.12,
            "{states} states at {ratio:.2} dB: {bits:.3} bits, one by one {:.3}",
            point.bits_per_weight()
        );
        // At the same error, a bit being 6 dB.
        let equal = bits - ratio / 6.0206;
        assert!(equal < last, "{states} states: {equal} {last}");
        last = equal;
    }
}

#[test]
fn long_columns_are_settled_part_by_part() {
    let weights = Draw(5).matrix([20_000, 3], 0.2);
    let matrices = [([20_000, 3], weights.clone())];
    let coded = quantized(&planned(&matrices), &matrices, &[0.5], 8).unwrap();
    let values = decoded(&coded, &coded.encode().unwrap());
    let error = squared_error(&weights, &values[0]) / 0.25 / weights.len() as f64;
    assert!(error < 0.3, "{error}");
}

#[test]
fn matrices_that_share_their_units_are_pairs_whichever_way_they_lie() {
    let mut draw = Draw(11);
    let turned = |weights: &[f32], [rows, columns]: [usize; 2]| -> Vec<f32> {
        (0..rows * columns).map(|at| weights[at % rows * columns + at / rows]).collect()
    };
    for shape in [[400, 150], [200, 200]] {
        let first = draw.matrix(shape, 0.3);
        let gains: Vec<f32> = (0..shape[0]).map(|_| draw.unit()).collect();
        let second: Vec<f32> =
            first.iter().enumerate().map(|(at, weight)| weight * gains[at / shape[1]] + 0.3 * draw.normal()).collect();
        let other = draw.matrix(shape, 0.3);
        for (is_first, is_second) in [(false, false), (false, true), (true, false), (true, true)] {
            let lay = |weights: &[f32], is_turned: bool| {
                if is_turned { ([shape[1], shape[0]], turned(weights, shape)) } else { (shape, weights.to_vec()) }
            };
            let matrices = [lay(&first, is_first), (shape, other.clone()), lay(&second, is_second)];
            let plan = planned(&matrices);
            assert_eq!(plan.partners(), [None, None, Some(0)], "{shape:?} {is_first} {is_second}");
            let paired = quantized(&plan, &matrices, &[0.2, 0.2, 0.1], 8).unwrap();
            let bytes = paired.encode().unwrap();
            let values = decoded(&paired, &bytes);
            for ((_, weights), (values, step)) in matrices.iter().zip(values.iter().zip([0.2f64, 0.2, 0.1])) {
                assert!(squared_error(weights, values) < 0.3 * step * step * weights.len() as f64);
            }
            let profiles = matrices.iter().map(|(shape, weights)| TrellisProfile::new(*shape, weights).unwrap());
            let alone = TrellisPlan::without_pairs(profiles.collect());
            let alone = quantized(&alone, &matrices, &[0.2, 0.2, 0.1], 8).unwrap();
            let saved = alone.encode().unwrap().len() as f64 - bytes.len() as f64;
            assert!(8.0 * saved > 0.2 * weights_of(shape), "{saved}");
        }
    }
}

fn weights_of(shape: [usize; 2]) -> f64 {
    (shape[0] * shape[1]) as f64
}

#[test]
fn a_file_holds_what_was_quantised_one_after_the_other() {
    let mut draw = Draw(13);
    let first = draw.matrix([120, 50], 0.3);
    let second: Vec<f32> = first.iter().map(|weight| weight * 0.7 + 0.2 * draw.normal()).collect();
    let third: Vec<f32> = first.iter().map(|weight| weight * -0.4 + 0.2 * draw.normal()).collect();
    let matrices =
        [([120, 50], first), ([120, 50], second), ([50, 60], draw.matrix([50, 60], 0.3)), ([120, 50], third)];
    let profiles = matrices.iter().map(|(shape, weights)| TrellisProfile::new(*shape, weights).unwrap());
    let plan = TrellisPlan::of_file(profiles.collect());
    assert_eq!(plan.partners(), [None, Some(0), None, Some(0)]);
    let steps = [0.2, 0.1, 0.3, 0.1];
    let mut quantizer = plan.quantizer(&steps, 16).unwrap();
    let trellis = Some(quantizer.settings());
    let entries: Vec<Entry> = (matrices.iter().enumerate())
        .map(|(number, (shape, weights))| {
            let (matrix, _) = quantizer.next(weights);
            TrellisTensor::new(number.to_string(), *shape, matrix).unwrap().into()
        })
        .collect();
    let container = Container { entries, trellis, ..Container::default() };
    let bytes = encode(&container).unwrap();
    let coded = quantized(&plan, &matrices, &steps, 16).unwrap();
    let expected = decoded(&coded, &coded.encode().unwrap());
    for ((tensor, expected), (_, weights)) in
        Archive::open(&bytes).unwrap().tensors().iter().zip(expected).zip(&matrices)
    {
        let values = tensor.values().unwrap();
        assert_eq!(values, expected);
        assert!(squared_error(weights, &values) < 0.1 * weights.iter().map(|&w| f64::from(w).powi(2)).sum::<f64>());
    }
}

#[test]
fn matrices_of_several_sections_do_not_predict_each_other() {
    let mut draw = Draw(17);
    let small = draw.matrix([120, 50], 0.3);
    let large = vec![0.0; 1 << 26];
    let profile = |shape, weights: &[f32]| TrellisProfile::new(shape, weights).unwrap();
    let profiles = || {
        let small = || profile([120, 50], &small);
        vec![small(), profile([1 << 13, 1 << 13], &large), small(), small()]
    };
    assert_eq!(TrellisPlan::of_file(profiles()).partners(), [None, None, None, Some(0)]);
    assert_eq!(TrellisPlan::new(profiles()).partners(), [None, None, Some(0), Some(0)]);
}
