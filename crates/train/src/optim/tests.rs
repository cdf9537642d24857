//! Optimisers against naive references in f64, across block borders and thread counts.

use proptest::prelude::*;

use super::*;
use crate::random::{Purpose, stream};

/// Values in [-1, 1), from a keyed stream.
fn noise(len: usize, key: u64) -> Vec<f32> {
    use ndarray_rand::rand::RngCore;
    let mut rng = stream(key, Purpose::Init, 0, 0);
    (0..len).map(|_| (f64::from(rng.next_u32()) / f64::from(1_u32 << 31) - 1.0) as f32).collect()
}

fn close(a: f32, b: f64) -> bool {
    (f64::from(a) - b).abs() <= 2e-6 * (1.0 + b.abs())
}

fn naive_adam(config: &AdamConfig, rate: f32, weights: &[f32], gradients: &[Vec<f32>]) -> Vec<f64> {
    let [beta1, beta2, epsilon, decay] =
        [config.beta1, config.beta2, config.epsilon, config.weight_decay].map(f64::from);
    let rate = f64::from(rate);
    let one = |at: usize| {
        let (mut w, mut m, mut v) = (f64::from(weights[at]), 0.0, 0.0);
        let (mut power1, mut power2) = (1.0, 1.0);
        for gradient in gradients {
            let g = f64::from(gradient[at]);
            power1 *= beta1;
            power2 *= beta2;
            m = beta1 * m + (1.0 - beta1) * g;
            v = beta2 * v + (1.0 - beta2) * g * g;
            w -= rate * decay * w;
            w -= rate * (m / (1.0 - power1)) / ((v / (1.0 - power2)).sqrt() + epsilon);
        }
        w
    };
    (0..weights.len()).map(one).collect()
}

fn naive_sgd(config: &SgdConfig, rate: f32, weights: &[f32], gradients: &[Vec<f32>]) -> Vec<f64> {
    let [momentum, decay, rate] = [config.momentum, config.weight_decay, rate].map(f64::from);
    let one = |at: usize| {
        let (mut w, mut b) = (f64::from(weights[at]), 0.0);
        for gradient in gradients {
            let g = f64::from(gradient[at]) + decay * w;
            b = momentum * b + g;
            w -= rate * if config.nesterov { g + momentum * b } else { b };
        }
        w
    };
    (0..weights.len()).map(one).collect()
}

fn run(config: OptimizerConfig, rate: f32, weights: &[f32], gradients: &[Vec<f32>]) -> Vec<f32> {
    let mut weights = weights.to_vec();
    let mut optimizer = Optimizer::new(config, weights.len());
    for gradient in gradients {
        optimizer.step(rate, &mut weights, gradient);
    }
    weights
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn adam_agrees_with_the_definition(
        len in 1_usize..40, key: u64, steps in 1_usize..6, beta1 in 0.0_f32..0.99, beta2 in 0.5_f32..0.9999,
        weight_decay in 0.0_f32..0.1,
    ) {
        // A large ε, so that a gradient that happens to vanish is not blown up to a full step with either sign.
        let config = AdamConfig { beta1, beta2, epsilon: 1e-4, weight_decay };
        let weights = noise(len, key);
        let gradients: Vec<_> = (0..steps as u64).map(|step| noise(len, key ^ (step + 1))).collect();
        let stepped = run(OptimizerConfig::Adam(config), 0.01, &weights, &gradients);
        let expected = naive_adam(&config, 0.01, &weights, &gradients);
        prop_assert!(stepped.iter().zip(&expected).all(|(&a, &b)| close(a, b)), "{:?} {:?}", stepped, expected);
    }

    #[test]
    fn sgd_agrees_with_the_definition(
        len in 1_usize..40, key: u64, steps in 1_usize..6, momentum in 0.0_f32..0.99, nesterov: bool,
        weight_decay in 0.0_f32..0.1,
    ) {
        let config = SgdConfig { momentum, nesterov, weight_decay };
        let weights = noise(len, key);
        let gradients: Vec<_> = (0..steps as u64).map(|step| noise(len, key ^ (step + 1))).collect();
        let stepped = run(OptimizerConfig::Sgd(config), 0.05, &weights, &gradients);
        let expected = naive_sgd(&config, 0.05, &weights, &gradients);
        prop_assert!(stepped.iter().zip(&expected).all(|(&a, &b)| close(a, b)), "{:?} {:?}", stepped, expected);
    }

    #[test]
    fn a_restored_optimiser_goes_on_with_the_same_bytes(len in 1_usize..30, key: u64) {
        let gradients: Vec<_> = (0..4).map(|step| noise(len, key ^ step)).collect();
        let mut weights = noise(len, !key);
        let mut adam = Adam::new(AdamConfig::default(), len);
        let mut sgd = Sgd::new(SgdConfig::default(), len);
        for gradient in &gradients[..2] {
            adam.step(0.1, &mut weights, gradient);
            sgd.step(0.1, &mut weights, gradient);
        }
        let mut copy = weights.clone();
        let mut adam_copy = Adam::restored(*adam.config(), adam.mean(), adam.square(), adam.steps());
        let mut sgd_copy = Sgd::restored(*sgd.config(), sgd.velocity());
        for gradient in &gradients[2..] {
            adam.step(0.1, &mut weights, gradient);
            sgd.step(0.1, &mut weights, gradient);
            adam_copy.step(0.1, &mut copy, gradient);
            sgd_copy.step(0.1, &mut copy, gradient);
        }
        prop_assert_eq!(&weights, &copy);
        prop_assert_eq!((adam, sgd), (adam_copy, sgd_copy));
    }

    #[test]
    fn gathering_commutes_with_stepping(keep in proptest::collection::vec(0_usize..20, 0..20), key: u64, is_adam: bool) {
        let config =
            if is_adam { OptimizerConfig::default() } else { OptimizerConfig::Sgd(SgdConfig::default()) };
        let pick = |values: &[f32]| keep.iter().map(|&at| values[at]).collect::<Vec<_>>();
        let [first, second] = [noise(20, key ^ 1), noise(20, key ^ 2)];
        let mut weights = noise(20, key);
        let mut whole = Optimizer::new(config, 20);
        whole.step(0.1, &mut weights, &first);
        let mut part = whole.clone();
        part.gather(&keep);
        let mut kept = pick(&weights);
        part.step(0.1, &mut kept, &pick(&second));
        whole.step(0.1, &mut weights, &second);
        prop_assert_eq!(kept, pick(&weights));
    }
}

#[test]
fn long_slices_are_stepped_like_short_ones_on_any_number_of_threads() {
    let len = PARALLEL + 3 * mixpress_parallel::BLOCK / 2 + 5;
    let (weights, gradients) = (noise(len, 1), [noise(len, 2), noise(len, 3)]);
    for config in
        [OptimizerConfig::default(), OptimizerConfig::Sgd(SgdConfig { nesterov: true, ..SgdConfig::default() })]
    {
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| run(config, 0.01, &weights, &gradients))
        };
        let whole = on(1);
        assert_eq!(whole, on(3));
        let half = len / 2;
        let part = |range: std::ops::Range<usize>| {
            run(
                config,
                0.01,
                &weights[range.clone()],
                &gradients.clone().map(|gradient| gradient[range.clone()].to_vec()),
            )
        };
        assert_eq!(whole, [part(0..half), part(half..len)].concat());
    }
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    assert!(OptimizerConfig::default().validate().is_ok());
    assert!(OptimizerConfig::Sgd(SgdConfig::default()).validate().is_ok());
    let refused = |config: OptimizerConfig, name| {
        let message = config.validate().unwrap_err().to_string();
        assert!(message.contains(name), "{message}");
    };
    refused(OptimizerConfig::Adam(AdamConfig { beta1: 1.0, ..AdamConfig::default() }), "beta1");
    refused(OptimizerConfig::Adam(AdamConfig { beta2: f32::NAN, ..AdamConfig::default() }), "beta2");
    refused(OptimizerConfig::Adam(AdamConfig { epsilon: 0.0, ..AdamConfig::default() }), "epsilon");
    refused(OptimizerConfig::Adam(AdamConfig { weight_decay: -1.0, ..AdamConfig::default() }), "weight_decay");
    refused(OptimizerConfig::Sgd(SgdConfig { momentum: -0.1, ..SgdConfig::default() }), "momentum");
    refused(OptimizerConfig::Sgd(SgdConfig { weight_decay: f32::INFINITY, ..SgdConfig::default() }), "weight_decay");
}

#[test]
#[should_panic(expected = "an optimiser of 3 parameters was given 3 weights and 2 gradients")]
fn a_gradient_of_another_length_is_a_mistake_of_the_caller() {
    Adam::new(AdamConfig::default(), 3).step(0.1, &mut [0.0; 3], &[0.0; 2]);
}

#[test]
fn a_step_of_those_that_are_kept_is_a_whole_step() {
    let kept: Vec<usize> = (0..500).filter(|at| at * 7 % 11 < 3).collect();
    let masked = |key: u64| {
        let mut values = noise(500, key);
        (0..500).filter(|at| kept.binary_search(at).is_err()).for_each(|at| values[at] = 0.0);
        values
    };
    let (mut whole, mut some) = (masked(1), masked(1));
    let [mut of_whole, mut of_some] = [(); 2].map(|()| Adam::new(AdamConfig::default(), 500));
    for key in 2..6 {
        of_whole.step(0.1, &mut whole, &masked(key));
        of_some.step_at(&kept, 0.1, &mut some, &masked(key));
    }
    assert_eq!((whole, of_whole), (some, of_some));
}
