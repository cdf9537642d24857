//! Figures of comparisons beside their definitions.

use proptest::prelude::*;

use super::*;

/// Outputs of one name, an array a run.
fn outputs(runs: &[(&[usize], Values)]) -> Outputs {
    let array = |(shape, values): &(&[usize], Values)| vec![Array::new(*shape, values.clone()).unwrap()];
    Outputs::new(vec!["y".into()], runs.iter().map(array).collect(), false)
}

fn floats(shape: &[usize], values: &[f32]) -> Outputs {
    outputs(&[(shape, values.to_vec().into())])
}

fn only(original: &Outputs, other: &Outputs) -> OutputError {
    compare(original, other).unwrap().remove(0)
}

#[test]
fn figures_are_those_of_their_definitions() {
    let y = outputs(&[(&[1, 2], vec![3.0f32, 0.0].into()), (&[1, 2], vec![0.0f32, 4.0].into())]);
    let z = outputs(&[(&[1, 2], vec![3.0f32, 3.0].into()), (&[1, 2], vec![0.0f32, 8.0].into())]);
    let error = only(&y, &z);
    // Over all runs: ‖(0, 3, 0, 4)‖ / ‖(3, 0, 0, 4)‖.
    assert_eq!(error.relative, 1.0);
    assert_eq!(error.largest, 4.0);
    // cos 45° and cos 0°.
    assert!((error.cosine - f64::midpoint(0.5f64.sqrt(), 1.0)).abs() < 1e-12);
    // Of equal entries the first counts, so both rows agree.
    assert_eq!(error.top1, Some(1.0));
    assert_eq!(error.equal, None);
}

#[test]
fn cosines_are_those_of_samples() {
    // Two samples of shape [2, 2]; the second one is turned around.
    let y = floats(&[2, 2, 2], &[1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0]);
    let z = floats(&[2, 2, 2], &[1.0, 2.0, 3.0, 4.0, -1.0, -2.0, -3.0, -4.0]);
    let error = only(&y, &z);
    assert!(error.cosine.abs() < 1e-12, "{error:?}");
    assert_eq!(error.top1, Some(0.5));
    // One score a sample: a cosine of one entry would be a sign, so all scores are one vector.
    let error = only(&floats(&[3, 1], &[1.0, 1.0, 1.0]), &floats(&[3, 1], &[1.0, 1.0, 0.0]));
    assert!((error.cosine - (2.0f64 / 3.0).sqrt()).abs() < 1e-12);
    assert_eq!(error.top1, None);
    // Likewise where each run has one.
    let runs = |scores: [f32; 3]| outputs(&scores.map(|score| (&[1, 1][..], vec![score].into())));
    assert!((only(&runs([1.0, 1.0, 1.0]), &runs([1.0, 1.0, 0.0])).cosine - (2.0f64 / 3.0).sqrt()).abs() < 1e-12);
}

#[test]
fn zeros_and_nothing_have_figures() {
    let (zero, one) = (floats(&[1, 2], &[0.0, 0.0]), floats(&[1, 2], &[1.0, 0.0]));
    let same = only(&zero, &zero);
    assert_eq!((same.relative, same.cosine, same.top1), (0.0, 1.0, Some(1.0)));
    let from_zero = only(&zero, &one);
    assert_eq!((from_zero.relative, from_zero.cosine), (f64::INFINITY, 0.0));
    let to_zero = only(&one, &zero);
    assert_eq!((to_zero.relative, to_zero.cosine), (1.0, 0.0));
    for shape in [&[0, 3][..], &[2, 0], &[0], &[0, usize::MAX, 3]] {
        let nothing = only(&floats(shape, &[]), &floats(shape, &[]));
        assert_eq!((nothing.relative, nothing.cosine, nothing.top1), (0.0, 1.0, None), "{shape:?}");
    }
    let scalar = only(&floats(&[], &[2.0]), &floats(&[], &[3.0]));
    assert_eq!((scalar.relative, scalar.cosine, scalar.top1), (0.5, 1.0, None));
}

#[test]
fn whole_numbers_are_counted() {
    let whole = |values: &[i32]| outputs(&[(&[2, 2], values.to_vec().into())]);
    let error = only(&whole(&[1, 2, 3, 4]), &whole(&[1, 2, 3, 5]));
    assert_eq!((error.equal, error.top1, error.largest), (Some(0.75), None, 1.0));
    // The difference of the extremes does not fit into 32 bits.
    let error = only(&whole(&[i32::MIN; 4]), &whole(&[i32::MAX; 4]));
    assert_eq!((error.equal, error.largest), (Some(0.0), 4_294_967_295.0));
}

#[test]
fn extreme_floats_do_not_overflow() {
    let error = only(&floats(&[1, 2], &[f32::MAX, f32::MAX]), &floats(&[1, 2], &[-f32::MAX, -f32::MAX]));
    assert_eq!((error.relative, error.cosine), (2.0, -1.0));
    let error = only(&floats(&[1, 2], &[1e-45, 0.0]), &floats(&[1, 2], &[1e-45, 0.0]));
    assert_eq!((error.relative, error.cosine), (0.0, 1.0));
}

#[test]
fn what_cannot_be_compared_says_why() {
    let says = |original: &Outputs, other: &Outputs, words: &[&str]| {
        let error = compare(original, other).unwrap_err().to_string();
        assert!(words.iter().all(|word| error.contains(word)), "{error} does not say all of {words:?}");
    };
    let y = floats(&[1, 2], &[1.0, 2.0]);
    for (value, shown) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf")] {
        let broken = floats(&[1, 2], &[1.0, value]);
        says(&broken, &y, &["\"y\"", "the original", shown, "[0, 1]", "run 0"]);
        says(&y, &broken, &["\"y\"", "the other model", shown, "[0, 1]", "run 0"]);
    }
    says(&y, &floats(&[2], &[1.0, 2.0]), &["\"y\"", "f32 [1, 2]", "f32 [2]"]);
    says(&y, &outputs(&[(&[1, 2], vec![1, 2].into())]), &["f32 [1, 2]", "i32 [1, 2]"]);
    let twice = outputs(&[(&[1], vec![1].into()), (&[1], vec![1].into())]);
    says(&y, &twice, &["1 times", "2 times"]);
    let named = Outputs::new(vec!["z".into()], vec![vec![Array::new([1], vec![1]).unwrap()]], false);
    says(&y, &named, &["\"y\" of the original", "none of the other"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn figures_stay_within_their_ranges(rows in 1usize..5, columns in 1usize..5, seed in any::<u64>(), scale in 0.1f32..9.0) {
        let uniform = |seed| mixpress_testing::uniform(rows * columns, seed);
        let values = |seed| uniform(seed).iter().map(|&value| value as f32).collect::<Vec<_>>();
        let (y, z) = (values(seed), values(seed ^ 1));
        let error = only(&floats(&[rows, columns], &y), &floats(&[rows, columns], &z));
        prop_assert!(error.relative >= 0.0 && error.cosine.abs() <= 1.0 && error.largest <= 2.0);
        prop_assert_eq!(error.top1.is_some(), columns > 1);
        prop_assert!(error.top1.is_none_or(|share| (0.0..=1.0).contains(&share)));
        // A model that returns all of it scaled points the same way.
        let scaled: Vec<f32> = y.iter().map(|value| value * scale).collect();
        let error = only(&floats(&[rows, columns], &y), &floats(&[rows, columns], &scaled));
        prop_assert!((error.cosine - 1.0).abs() < 1e-6);
        prop_assert!((error.relative - f64::from((scale - 1.0).abs())).abs() < 1e-5);
        prop_assert!(error.top1.is_none_or(|share| share == 1.0));
    }
}
