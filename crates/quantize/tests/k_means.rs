//! Fitted codebooks against scikit-learn's k-means on the same weights (`golden/make.py`): never a larger squared error.

use mixpress_quantize::{fit_codebook, fit_weighted_codebook};
use mixpress_testing::Golden;

/// Numbers in [-0.5, 0.5), as the script makes them.
struct Draws {
    state: u64,
}

impl Draws {
    fn next(&mut self) -> f64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 40) as f64 / f64::from(1 << 24) - 0.5
    }

    fn bell(&mut self, terms: usize) -> f64 {
        (0..terms).fold(0.0, |total, _| total + self.next())
    }

    /// Von Neumann 1951, by comparisons alone.
    fn exponential(&mut self) -> f64 {
        let mut whole = 0.0;
        loop {
            let first = self.next() + 0.5;
            let (mut last, mut length) = (first, 1);
            loop {
                let number = self.next() + 0.5;
                if number >= last {
                    break;
                }
                (last, length) = (number, length + 1);
            }
            if length % 2 == 1 {
                return whole + first;
            }
            whole += 1.0;
        }
    }

    /// Student's t with two degrees of freedom.
    fn student(&mut self) -> f64 {
        let p = self.next() + 0.5 + 1.0 / f64::from(1 << 25);
        (2.0 * p - 1.0) / (2.0 * p * (1.0 - p)).sqrt()
    }
}

fn weights(shape: &str) -> Vec<f32> {
    let mut draws = Draws { state: 1 };
    let mut collect =
        |count: usize, draw: fn(&mut Draws) -> f64| (0..count).map(|_| draw(&mut draws) as f32).collect::<Vec<f32>>();
    match shape {
        "flat" => collect(40_000, Draws::next),
        "bell" => collect(40_000, |draws| draws.bell(4)),
        "tails" => collect(40_000, |draws| {
            let number = draws.bell(4);
            number * number * number
        }),
        "gaussian" => collect(200_000, |draws| draws.bell(12)),
        "laplacian" => collect(60_000, |draws| {
            let size = draws.exponential();
            size.copysign(draws.next())
        }),
        "student" => collect(40_000, Draws::student),
        "zeros" => collect(100_000, |draws| if draws.next() >= 0.4 { draws.bell(12) } else { 0.0 }),
        "bimodal" => collect(5_000, |draws| {
            let mode = 1.0_f64.copysign(draws.next());
            mode + 0.1 * draws.bell(12)
        }),
        _ => panic!("no shape {shape}"),
    }
}

fn compare(shape: &str) {
    let golden = Golden::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/k_means.txt"));
    let weights = weights(shape);
    let first: Vec<f64> = weights[..3].iter().map(|&weight| f64::from(weight)).collect();
    assert_eq!(golden.case(shape).tensor("weights").1, first, "these are not the weights of the script");
    let mut draws = Draws { state: 2 };
    let importances: Vec<f32> = weights.iter().map(|_| draws.next().abs() as f32).collect();
    for levels in [16, 256] {
        for (kind, fit) in [
            ("plain", fit_codebook(&weights, levels)),
            ("weighted", fit_weighted_codebook(&weights, &importances, levels)),
        ] {
            let case = format!("{shape}-{levels}-{kind}");
            let theirs = golden.case(&case).tensor("error").1[0];
            let fit = fit.expect("weights are finite");
            let ours = fit.squared_error;
            // Levels are in single precision, scikit-learn's in double.
            assert!(ours <= theirs * (1.0 + 1e-9), "{case}: {ours}, k-means reaches {theirs}");
            assert!(
                fit.lower_bound <= theirs && fit.lower_bound >= 0.8 * ours,
                "{case}: {} below {ours}",
                fit.lower_bound
            );
        }
    }
}

#[test]
fn flat_weights() {
    compare("flat");
}

#[test]
fn bell_shaped_weights() {
    compare("bell");
}

#[test]
fn cubes_of_bell_shaped_weights() {
    compare("tails");
}

#[test]
fn gaussian_weights() {
    compare("gaussian");
}

#[test]
fn laplacian_weights() {
    compare("laplacian");
}

#[test]
fn weights_with_the_tails_of_student() {
    compare("student");
}

#[test]
fn weights_that_are_mostly_zero() {
    compare("zeros");
}

#[test]
fn weights_around_two_modes() {
    compare("bimodal");
}
