//! Fitted codebooks against scikit-learn's k-means on the same weights (`golden/make.py`): never a larger squared error.

use mixpress_quantize::{fit_codebook, fit_weighted_codebook};
use mixpress_testing::Golden;

const COUNT: usize = 40_000;

/// Numbers in [-0.5, 0.5), as the script makes them.
fn uniform(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u32 << 24) as f32 - 0.5
    };
    std::iter::repeat_with(next).take(count).collect()
}

fn weights(shape: &str) -> Vec<f32> {
    if shape == "flat" {
        return uniform(COUNT, 1);
    }
    let fours = uniform(4 * COUNT, 1);
    let bell = fours.chunks_exact(4).map(|four| four[0] + four[1] + four[2] + four[3]);
    if shape == "bell" { bell.collect() } else { bell.map(|sum| sum * sum * sum).collect() }
}

#[test]
fn no_k_means_has_a_smaller_error() {
    let golden = Golden::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/k_means.txt"));
    let importances: Vec<f32> = uniform(COUNT, 2).iter().map(|value| value.abs()).collect();
    for shape in ["flat", "bell", "tails"] {
        let weights = weights(shape);
        let first: Vec<f64> = weights[..3].iter().map(|&weight| f64::from(weight)).collect();
        assert_eq!(golden.case(shape).tensor("weights").1, first, "these are not the weights of the script");
        for levels in [16, 256] {
            for (kind, fit) in [
                ("plain", fit_codebook(&weights, levels)),
                ("weighted", fit_weighted_codebook(&weights, &importances, levels)),
            ] {
                let case = format!("{shape}-{levels}-{kind}");
                let theirs = golden.case(&case).tensor("error").1[0];
                let ours = fit.expect("weights are finite").squared_error;
                assert!(ours <= theirs, "{case}: {ours}, k-means reaches {theirs}");
            }
        }
    }
}
