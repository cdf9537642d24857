//! Gradients against central differences, and what a step of expectation-maximisation promises.

use ndarray_rand::rand::SeedableRng;
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;

use crate::{Component, Gradients, HyperPriors, Mixture, Parameters, Statistics};

const FLOOR: f64 = 1e-6;

fn any_mixture() -> impl Strategy<Value = Mixture> {
    let part = (-3.0..3.0_f64, 0.05..1.0_f64, 0.02..1.0_f64);
    prop::collection::vec(part, 1..7).prop_map(|mut parts| {
        parts.push((0.0, 0.2, 0.5));
        let total: f64 = parts.iter().map(|part| part.2).sum();
        let component = |(mean, std_dev, share)| Component { mean, std_dev, proportion: share / total };
        Mixture::new(parts.into_iter().map(component).collect()).unwrap()
    })
}

fn weights_near(mixture: &Mixture, scale: f64, len: usize, seed: u64) -> Vec<f32> {
    let mut weights = vec![0.0; len];
    mixture.samples(&mut ChaCha8Rng::seed_from_u64(seed), &mut weights);
    // Wider than the mixture, so that gradients do not vanish.
    weights.iter().map(|&w| (1.3 * scale * f64::from(w) + 0.1 * scale) as f32).collect()
}

/// Checks all gradients of `value`, a function of the mixture, against central differences of its parameters.
fn check(mixture: &Mixture, gradients: &Gradients, value: impl Fn(&Mixture) -> f64) -> Result<(), TestCaseError> {
    let base = Parameters::from(mixture);
    let h = 1e-5;
    let slope = |change: &dyn Fn(&mut Parameters, f64)| {
        let at = |h: f64| {
            let mut moved = base.clone();
            change(&mut moved, h);
            value(&moved.to_mixture(FLOOR).unwrap())
        };
        (at(h) - at(-h)) / (2.0 * h)
    };
    let close = |got: f64, expected: f64| {
        (got - expected).abs() <= 1e-5 * expected.abs() + 1e-5 * value(mixture).abs().max(1.0)
    };
    for k in 0..mixture.len() {
        let log_precision = slope(&|p, h| p.log_precisions[k] += h);
        prop_assert!(
            close(gradients.log_precisions[k], log_precision),
            "{} {}",
            gradients.log_precisions[k],
            log_precision
        );
        let logit = slope(&|p, h| p.logits[k] += h);
        prop_assert!(close(gradients.logits[k], logit), "{} {}", gradients.logits[k], logit);
        // Means that are about to meet are held apart, which has no slope.
        let mean = mixture.components()[k].mean;
        let alone = mixture.components().iter().enumerate().all(|(j, c)| j == k || (c.mean - mean).abs() > 3.0 * h);
        if k == mixture.zero_index() {
            prop_assert_eq!(gradients.means[k], 0.0);
        } else if alone {
            let slope = slope(&|p, h| p.means[k] += h);
            prop_assert!(close(gradients.means[k], slope), "{} {}", gradients.means[k], slope);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn gradients_equal_finite_differences(mixture in any_mixture(), log_scale in -3.0..2.0_f64, seed: u64) {
        let scale = log_scale.exp();
        let weights = weights_near(&mixture, scale, 40, seed);
        let gradients = mixture.statistics(&weights, scale).gradients(&mixture);
        prop_assert!((gradients.value - mixture.negative_log_likelihood(&weights, scale)).abs() < 1e-9 * gradients.value.abs().max(1.0));
        check(&mixture, &gradients, |mixture| mixture.negative_log_likelihood(&weights, scale))?;
    }

    #[test]
    fn gradients_of_weights_are_scaled_scores(mixture in any_mixture(), log_scale in -3.0..2.0_f64, seed: u64) {
        let scale = log_scale.exp();
        let weights = weights_near(&mixture, scale, 20, seed);
        let mut gradient = vec![2.0_f32; 20];
        let statistics = mixture.add_gradient(&weights, scale, 0.5, &mut gradient);
        prop_assert_eq!(&statistics, &mixture.statistics(&weights, scale));
        for (&weight, &got) in weights.iter().zip(&gradient) {
            let (w, h) = (f64::from(weight), 1e-6 * scale);
            let slope = -(mixture.log_density((w + h) / scale) - mixture.log_density((w - h) / scale)) / (2.0 * h);
            let expected = 2.0 + 0.5 * slope;
            prop_assert!((f64::from(got) - expected).abs() < 1e-4 * (expected.abs() + slope.abs() + 1.0 / scale), "{} {}", got, expected);
        }
    }

    #[test]
    fn hyper_priors_have_the_gradients_they_say(mixture in any_mixture(), strength in 0.0..2.0_f64, zero_proportion in 0.05..0.95_f64) {
        let priors = HyperPriors { precision_strength: strength, std_dev: 0.3, zero_std_dev: 0.05, zero_strength: 0.7, zero_proportion };
        let mut gradients = Statistics::empty(mixture.len()).gradients(&mixture);
        priors.add_to(&mixture, 100, &mut gradients);
        prop_assert!((gradients.value - priors.value(&mixture, 100)).abs() < 1e-12);
        check(&mixture, &gradients, |mixture| priors.value(mixture, 100))?;
    }

    #[test]
    fn expectation_maximisation_never_lowers_the_likelihood(mixture in any_mixture(), seed: u64) {
        let weights = weights_near(&mixture, 0.5, 200, seed);
        let mut current = mixture;
        for _ in 0..5 {
            let statistics = current.statistics(&weights, 0.5);
            let next = statistics.maximised(&current, FLOOR);
            prop_assert_eq!((next.len(), next.zero_index()), (current.len(), current.zero_index()));
            prop_assert_eq!(next.components()[next.zero_index()].mean, 0.0);
            // Means held in order are not at the maximum; the likelihood may then fall.
            let free = next.components().windows(2).all(|pair| pair[0].mean < pair[1].mean);
            if free {
                let rise = statistics.log_likelihood + next.negative_log_likelihood(&weights, 0.5);
                prop_assert!(rise <= 1e-7 * statistics.log_likelihood.abs().max(1.0), "it fell by {}", rise);
            }
            current = next;
        }
    }

    #[test]
    fn parameters_survive_a_round_trip(mixture in any_mixture()) {
        let back = Parameters::from(&mixture).to_mixture(FLOOR).unwrap();
        prop_assert_eq!(back.zero_index(), mixture.zero_index());
        for (got, expected) in back.components().iter().zip(mixture.components()) {
            prop_assert_eq!(got.mean, expected.mean);
            prop_assert!((got.std_dev / expected.std_dev - 1.0).abs() < 1e-12);
            prop_assert!((got.proportion / expected.proportion - 1.0).abs() < 1e-12);
        }
    }
}

#[test]
fn projection_keeps_order_the_zero_component_and_the_floor() {
    let component = |mean, proportion| Component { mean, std_dev: 1.0, proportion };
    let mixture =
        Mixture::new(vec![component(-2.0, 0.2), component(-1.0, 0.2), component(0.0, 0.2), component(1.0, 0.4)])
            .unwrap();
    let mut parameters = Parameters::from(&mixture);
    parameters.means = vec![-0.5, -0.8, 0.3, -0.2];
    parameters.log_precisions[3] = 100.0;
    parameters.project(0.01).unwrap();
    assert_eq!(parameters.means, [-0.8, -0.8, 0.0, 0.0]);
    let moved = parameters.to_mixture(0.01).unwrap();
    assert_eq!((moved.zero_index(), moved.components()[3].mean.to_bits()), (2, 0));
    assert!((moved.components()[3].std_dev - 0.01).abs() < 1e-12);
    parameters.logits[0] = f64::NAN;
    assert!(parameters.to_mixture(0.01).is_err());
    assert!(parameters.project(0.0).is_err());
    parameters.logits = vec![0.0; 3];
    assert!(parameters.to_mixture(0.01).is_err());
}

#[test]
fn hyper_priors_are_at_rest_where_they_say() {
    let component = |mean, std_dev, proportion| Component { mean, std_dev, proportion };
    let mixture = Mixture::new(vec![component(0.0, 0.1, 0.8), component(2.0, 0.4, 0.2)]).unwrap();
    let priors = HyperPriors {
        precision_strength: 1.0,
        std_dev: 0.4,
        zero_std_dev: 0.1,
        zero_strength: 1.0,
        zero_proportion: 0.8,
    };
    let mut gradients = Statistics::empty(2).gradients(&mixture);
    priors.add_to(&mixture, 1000, &mut gradients);
    assert!(gradients.log_precisions.iter().chain(&gradients.logits).all(|g| g.abs() < 1e-9), "{gradients:?}");
    assert!(priors.validate().is_ok());
    for bad in [
        HyperPriors { precision_strength: -1.0, ..priors },
        HyperPriors { zero_strength: f64::NAN, ..priors },
        HyperPriors { std_dev: 0.0, ..priors },
        HyperPriors { zero_std_dev: f64::INFINITY, ..priors },
        HyperPriors { zero_proportion: 1.0, ..priors },
    ] {
        assert!(bad.validate().is_err(), "{bad:?}");
    }
}
