//! Distillation: later phases learn what the float network thinks of a sample, besides its label
//! (Hinton, Vinyals and Dean 2015, arXiv 1503.02531).
//!
//! A label says which class a sample is of; the float network says, besides, which others it resembles. A network that keeps one weight in a
//! hundred has the capacity for the second only if it is told. The float network is asked once, about samples as they are: their shifted
//! copies are to be taken for the same.

use mixpress_network::{Graph, Parameters};
use mixpress_tensor::Pool;
use serde::{Deserialize, Serialize};

use crate::session::each_batch;
use crate::{Dataset, Error, check_range};

/// How much the later phases learn from the float network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DistillationConfig {
    /// The share of the float network's opinion in what is learned; the rest is the labels'. 0 trains on labels alone.
    pub share: f64,
    /// The float network's logits are divided by this: the higher, the more its second choices count.
    pub temperature: f64,
}

impl Default for DistillationConfig {
    fn default() -> Self {
        Self { share: 0.0, temperature: 4.0 }
    }
}

impl DistillationConfig {
    /// Checks every setting against its range.
    ///
    /// # Errors
    /// [`Error::Setting`], naming the setting, its value and what is allowed.
    pub fn validate(&self) -> Result<(), Error> {
        check_range("distillation.share", self.share, 0.0, 1.0, "from 0 to 1")?;
        check_range("distillation.temperature", self.temperature, 0.01, 1000.0, "from 0.01 to 1000")
    }
}

/// For each sample of a training set, a distribution over its classes.
#[derive(Clone, Debug)]
pub struct SoftTargets {
    classes: usize,
    /// `[samples, classes]`, rows that sum to 1.
    rows: Vec<f32>,
}

impl SoftTargets {
    /// Targets `(1 - share) · label + share · softmax(logits / temperature)`, with the logits of a trained network; none where its share is 0.
    ///
    /// # Panics
    /// As [`crate::error_rate`].
    #[must_use]
    pub fn new(
        graph: &Graph,
        parameters: &Parameters,
        data: &Dataset,
        config: &DistillationConfig,
        pool: &Pool,
    ) -> Option<Self> {
        if config.share == 0.0 {
            return None;
        }
        let classes = graph.output_len();
        let (share, temperature) = (config.share as f32, config.temperature as f32);
        let mut rows = Vec::with_capacity(data.len() * classes);
        each_batch(None, (graph, parameters), data, pool, |logits, labels| {
            for (logits, &label) in logits.chunks_exact(classes).zip(labels) {
                let row = rows.len();
                rows.extend(softened(logits, temperature).map(|p| share * p));
                rows[row + label as usize] += 1.0 - share;
            }
        });
        Some(Self { classes, rows })
    }

    /// Writes the targets of some samples, `[samples, classes]`.
    pub(crate) fn fill(&self, samples: &[usize], targets: &mut Vec<f32>) {
        targets.clear();
        for &sample in samples {
            targets.extend_from_slice(&self.rows[sample * self.classes..][..self.classes]);
        }
    }
}

/// `softmax(logits / temperature)`, with the largest logit taken off first.
fn softened(logits: &[f32], temperature: f32) -> impl Iterator<Item = f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let power = move |logit: &f32| ((logit - largest) / temperature).exp();
    let sum: f32 = logits.iter().map(power).sum();
    logits.iter().map(move |logit| power(logit) / sum)
}

#[cfg(test)]
mod tests {
    use mixpress_network::zoo;
    use proptest::prelude::*;

    use super::*;
    use crate::digits;

    fn targets(share: f64, temperature: f64) -> Option<SoftTargets> {
        let data = digits().test;
        let graph = zoo::digits_mlp().lower(data.item_shape()).unwrap();
        let config = DistillationConfig { share, temperature };
        SoftTargets::new(&graph, &Parameters::neutral(&graph), &data, &config, &Pool::new())
    }

    #[test]
    fn a_network_that_knows_nothing_smooths_the_labels() {
        let data = digits().test;
        let targets = targets(0.5, 2.0).unwrap();
        let mut batch = vec![1.0];
        targets.fill(&[3, 0], &mut batch);
        assert_eq!(batch.len(), 20);
        for (row, sample) in batch.chunks_exact(10).zip([3, 0]) {
            for (class, &target) in row.iter().enumerate() {
                let is_label = data.labels()[sample] as usize == class;
                assert!((target - if is_label { 0.55 } else { 0.05 }).abs() < 1e-6, "{row:?}");
            }
        }
    }

    #[test]
    fn labels_alone_need_no_targets() {
        assert!(targets(0.0, 2.0).is_none());
        assert!(DistillationConfig { share: 1.5, temperature: 2.0 }.validate().is_err());
        assert!(DistillationConfig { share: 0.5, temperature: 0.0 }.validate().is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn opinions_are_distributions_in_the_order_of_the_logits(
            logits in proptest::collection::vec(-1e4_f32..1e4, 1..12),
            temperature in 0.01_f32..1000.0,
        ) {
            let soft: Vec<f32> = softened(&logits, temperature).collect();
            prop_assert!((soft.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            for (a, p) in logits.iter().zip(&soft) {
                for (b, q) in logits.iter().zip(&soft) {
                    prop_assert!(a < b || p >= q);
                }
            }
        }
    }
}
