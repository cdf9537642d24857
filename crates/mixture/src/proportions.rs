//! Sampling methods for the initial mixing proportions (step 2 of the method, claim 3).

use ndarray_rand::rand::Rng;
use ndarray_rand::rand_distr::{Distribution, Gamma, OpenClosed01};
use serde::{Deserialize, Serialize};

use crate::{Error, error::positive};

/// No proportion is drawn smaller than about this: a component without any weight could never win one.
pub const SMALLEST_PROPORTION: f64 = 1e-12;

/// How the initial mixing proportions are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Proportions {
    /// Truncated stick-breaking of a Dirichlet process (Sethuraman 1994): `v_k ~ Beta(1, α)`, the last `v` is 1,
    /// `π_k = v_k Π_{j<k} (1 - v_j)`. Sticks are handed out in the order of `|mean|`, so that the components near zero tend
    /// to get the longest ones.
    StickBreaking {
        /// Concentration; the larger, the more even the proportions.
        alpha: f64,
    },
    /// A draw from the symmetric Dirichlet distribution.
    Dirichlet {
        /// Concentration of each component.
        alpha: f64,
    },
    /// Every component has the same proportion; nothing is drawn.
    Uniform,
}

impl Proportions {
    /// Draws one proportion for each of `means`; they are positive and sum to one.
    ///
    /// # Errors
    /// [`Error::Setting`] when the concentration is not positive and finite.
    pub fn draw(&self, means: &[f64], rng: &mut impl Rng) -> Result<Vec<f64>, Error> {
        let mut proportions = match *self {
            Self::StickBreaking { alpha } => {
                stick_breaking(positive("the concentration alpha of stick-breaking", alpha)?, means, rng)
            }
            Self::Dirichlet { alpha } => {
                dirichlet(positive("the concentration alpha of the Dirichlet draw", alpha)?, means.len(), rng)
            }
            Self::Uniform => vec![1.0; means.len()],
        };
        normalise(&mut proportions);
        Ok(proportions)
    }
}

/// Puts a floor under the proportions and divides them by their sum.
pub(crate) fn normalise(proportions: &mut [f64]) {
    let total: f64 = proportions.iter().sum();
    for proportion in &mut *proportions {
        *proportion = (*proportion / total).max(SMALLEST_PROPORTION);
    }
    let total: f64 = proportions.iter().sum();
    for proportion in proportions {
        *proportion /= total;
    }
}

fn stick_breaking(alpha: f64, means: &[f64], rng: &mut impl Rng) -> Vec<f64> {
    let mut order: Vec<usize> = (0..means.len()).collect();
    order.sort_by(|&i, &j| means[i].abs().total_cmp(&means[j].abs()));
    let mut proportions = vec![0.0; means.len()];
    let mut rest = 1.0;
    for (stick, &component) in order.iter().enumerate() {
        // 1 - Beta(1, α) has the distribution function x^α.
        let uniform: f64 = OpenClosed01.sample(rng);
        let kept = if stick + 1 == means.len() { 0.0 } else { uniform.powf(alpha.recip()) };
        proportions[component] = rest * (1.0 - kept);
        rest *= kept;
    }
    proportions
}

/// Normalised Gamma draws, in logarithms because those of a small concentration underflow.
fn dirichlet(alpha: f64, len: usize, rng: &mut impl Rng) -> Vec<f64> {
    let gamma = Gamma::new(alpha + 1.0, 1.0).expect("shape is above one, scale is one");
    let logs: Vec<f64> = (0..len)
        .map(|_| {
            // Gamma(α) = Gamma(α + 1) · U^(1/α) (Marsaglia and Tsang 2000, section 6).
            let uniform: f64 = OpenClosed01.sample(rng);
            gamma.sample(rng).ln() + uniform.ln() / alpha
        })
        .collect();
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    logs.iter().map(|log| (log - largest).exp()).collect()
}

#[cfg(test)]
mod tests {
    use ndarray_rand::rand::SeedableRng;
    use proptest::prelude::*;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn any_method() -> impl Strategy<Value = Proportions> {
        prop_oneof![
            (-8.0..8.0_f64).prop_map(|log| Proportions::StickBreaking { alpha: log.exp() }),
            (-8.0..8.0_f64).prop_map(|log| Proportions::Dirichlet { alpha: log.exp() }),
            Just(Proportions::Uniform),
        ]
    }

    proptest! {
        #[test]
        fn proportions_are_positive_and_sum_to_one(method in any_method(), k in 2_usize..300, seed: u64) {
            let means: Vec<f64> = (0..k).map(|i| i as f64 - 3.0).collect();
            let proportions = method.draw(&means, &mut ChaCha8Rng::seed_from_u64(seed)).unwrap();
            prop_assert_eq!(proportions.len(), k);
            prop_assert!(proportions.iter().all(|&p| (0.99 * SMALLEST_PROPORTION..=1.0).contains(&p)));
            prop_assert!((proportions.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }

    fn averages(method: Proportions, means: &[f64]) -> Vec<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let mut sums = vec![0.0; means.len()];
        for _ in 0..20_000 {
            for (sum, p) in sums.iter_mut().zip(method.draw(means, &mut rng).unwrap()) {
                *sum += p / 20_000.0;
            }
        }
        sums
    }

    #[test]
    fn sticks_go_to_the_components_nearest_to_zero_first() {
        // Expected stick k is (1 / (1 + α)) (α / (1 + α))^k; the last takes the rest.
        let got = averages(Proportions::StickBreaking { alpha: 2.0 }, &[-3.0, -1.0, 0.0, 2.0]);
        let expected = [8.0 / 27.0, 2.0 / 9.0, 1.0 / 3.0, 4.0 / 27.0];
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() < 0.006, "{got} instead of {expected}");
        }
    }

    #[test]
    fn dirichlet_proportions_are_exchangeable_and_spread_as_they_should() {
        let alpha = 0.3;
        for average in averages(Proportions::Dirichlet { alpha }, &[0.0, 1.0, 2.0]) {
            assert!((average - 1.0 / 3.0).abs() < 0.01, "{average}");
        }
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let draws: Vec<f64> = (0..20_000)
            .map(|_| Proportions::Dirichlet { alpha }.draw(&[0.0, 1.0, 2.0], &mut rng).unwrap()[0])
            .collect();
        let variance = draws.iter().map(|p| (p - 1.0 / 3.0).powi(2)).sum::<f64>() / 20_000.0;
        // Variance of a proportion: m (1 - m) / (3 α + 1).
        assert!((variance - (2.0 / 9.0) / 1.9).abs() < 0.004, "{variance}");
    }

    #[test]
    fn a_bad_concentration_is_named() {
        for alpha in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let mut rng = ChaCha8Rng::seed_from_u64(0);
            for method in [Proportions::StickBreaking { alpha }, Proportions::Dirichlet { alpha }] {
                let error = method.draw(&[0.0, 1.0], &mut rng).unwrap_err();
                assert!(error.to_string().contains("positive and finite"), "{error}");
            }
        }
    }

    #[test]
    fn the_configuration_reads_well() {
        let text = serde_json::to_string(&Proportions::StickBreaking { alpha: 1.0 }).unwrap();
        assert_eq!(text, r#"{"stick-breaking":{"alpha":1.0}}"#);
        assert_eq!(serde_json::from_str::<Proportions>(r#""uniform""#).unwrap(), Proportions::Uniform);
        assert!(serde_json::from_str::<Proportions>(r#"{"dirichlet":{"alpha":1.0,"beta":2.0}}"#).is_err());
    }
}
