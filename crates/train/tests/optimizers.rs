//! The optimisers against golden values from `PyTorch` (`golden/optimizers.py` made them).

use std::collections::BTreeMap;

use mixpress_train::{AdamConfig, Optimizer, OptimizerConfig, SgdConfig};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    start: Vec<f32>,
    gradients: Vec<Vec<f32>>,
    /// Weights after each step, by case.
    #[serde(flatten)]
    after: BTreeMap<String, serde_json::Value>,
}

fn check(case: &str, config: OptimizerConfig, learning_rate: f32) {
    let golden: Golden = serde_json::from_str(include_str!("golden/optimizers.json")).unwrap();
    let after: Vec<Vec<f32>> = serde_json::from_value(golden.after[case].clone()).unwrap();
    assert_eq!(after.len(), golden.gradients.len());
    let mut weights = golden.start.clone();
    let mut optimizer = Optimizer::new(config, weights.len());
    for (gradient, expected) in golden.gradients.iter().zip(&after) {
        optimizer.step(learning_rate, &mut weights, gradient);
        for (&weight, &expected) in weights.iter().zip(expected) {
            assert!((weight - expected).abs() <= 1e-6 * (1.0 + expected.abs()), "{case}: {weight} is not {expected}");
        }
    }
    assert_ne!(weights, golden.start);
}

#[test]
fn adam_is_pytorchs() {
    check("adam", OptimizerConfig::Adam(AdamConfig::default()), 0.01);
}

#[test]
fn adamw_is_pytorchs() {
    let config = AdamConfig { beta1: 0.8, beta2: 0.99, epsilon: 1e-6, weight_decay: 0.1 };
    check("adamw", OptimizerConfig::Adam(config), 0.02);
}

#[test]
fn momentum_is_pytorchs() {
    check("sgd", OptimizerConfig::Sgd(SgdConfig { momentum: 0.9, nesterov: false, weight_decay: 0.0 }), 0.05);
}

#[test]
fn nesterovs_momentum_with_decay_is_pytorchs() {
    check("nesterov", OptimizerConfig::Sgd(SgdConfig { momentum: 0.8, nesterov: true, weight_decay: 0.01 }), 0.05);
}
