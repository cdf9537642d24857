//! Distillation: later phases learn what the float network thinks of a sample, besides its label.
//!
//! A label says which class a sample is of; the float network says, besides, which others it resembles. Targets are
//! mixed of both as Hinton, Vinyals and Dean do (2015, arXiv 1503.02531, section 2), but only the float network's
//! logits are divided by the temperature, and its part has no factor `T²`: what is learned is one distribution a
//! sample, under the usual cross-entropy.
//!
//! The float network is asked once, about samples as they are: their shifted copies are to be taken for the same.

use mixpress_network::{Graph, Parameters};
use mixpress_tensor::Pool;
use serde::{Deserialize, Serialize};

use crate::observer::PhaseName;
use crate::session::each_batch;
use crate::{CancelToken, Dataset, Error, check_range};

/// How much the later phases learn from the float network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DistillationConfig {
    /// The share of the float network's opinion in what is learned; the rest is the labels'. 0 trains on labels alone.
    /// Where it is not said, a search sets it, and the temperature with it; otherwise it is 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// The float network's logits are divided by this: the higher, the more its second choices count.
    pub temperature: f64,
}

impl Default for DistillationConfig {
    fn default() -> Self {
        Self { share: None, temperature: 4.0 }
    }
}

impl DistillationConfig {
    /// Checks every setting against its range.
    ///
    /// # Errors
    /// [`Error::Setting`], naming the setting, its value and what is allowed.
    pub fn validate(&self) -> Result<(), Error> {
        check_range("distillation.share", self.share.unwrap_or_default(), 0.0, 1.0, "from 0 to 1")?;
        check_range("distillation.temperature", self.temperature, 0.01, 1000.0, "from 0.01 to 1000")
    }
}

/// For each sample of a training set, a distribution over its classes.
#[derive(Clone, Debug)]
pub struct SoftTargets {
    classes: usize,
    /// `[samples, classes]`, rows that sum to 1.
    rows: Vec<f32>,
    entropy: f64,
}

impl SoftTargets {
    /// Targets `(1 - share) · label + share · softmax(logits / temperature)`, with the logits of a trained network;
    /// none where the share is 0 or not said.
    ///
    /// # Errors
    /// [`Error::Interrupted`], and [`Error::Diverged`] for a logit that is not finite.
    ///
    /// # Panics
    /// As [`crate::error_rate`].
    pub fn of_network(
        (graph, parameters): (&Graph, &Parameters),
        data: &Dataset,
        config: &DistillationConfig,
        pool: &Pool,
        cancel: &CancelToken,
    ) -> Result<Option<Self>, Error> {
        let Some(share) = config.share.filter(|&share| share > 0.0) else { return Ok(None) };
        let classes = graph.output_len();
        let (share, temperature) = (share as f32, config.temperature as f32);
        let mut rows = Vec::with_capacity(data.len() * classes);
        each_batch(None, (graph, parameters), data, pool, |logits, labels| {
            if cancel.must_stop() {
                return Err(Error::Interrupted);
            }
            if let Some(&loss) = logits.iter().find(|logit| !logit.is_finite()) {
                return Err(Error::Diverged { phase: PhaseName::Plain, round: 1, loss });
            }
            for (logits, &label) in logits.chunks_exact(classes).zip(labels) {
                let row = rows.len();
                rows.extend(softened(logits, temperature).map(|p| share * p));
                rows[row + label as usize] += 1.0 - share;
            }
            Ok(())
        })?;
        let nats = |&p: &f32| if p > 0.0 { -f64::from(p) * f64::from(p).ln() } else { 0.0 };
        let entropy = rows.iter().map(nats).sum::<f64>() / data.len() as f64;
        Ok(Some(Self { classes, rows, entropy }))
    }

    /// The mean entropy of a sample's distribution in nats: the cross-entropy of a network that has learned all there is.
    pub(crate) fn entropy(&self) -> f64 {
        self.entropy
    }

    /// Number of samples, and of classes.
    pub(crate) fn shape(&self) -> [usize; 2] {
        [self.rows.len() / self.classes, self.classes]
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

    fn targets(share: Option<f64>, fill: f32, cancel: &CancelToken) -> Result<Option<SoftTargets>, Error> {
        let data = digits().test;
        let graph = zoo::digits_mlp().lower(data.item_shape()).unwrap();
        let mut parameters = Parameters::neutral(&graph);
        let last = parameters.len() - 1;
        parameters[last].data_mut().fill(fill);
        let config = DistillationConfig { share, temperature: 2.0 };
        SoftTargets::of_network((&graph, &parameters), &data, &config, &Pool::new(), cancel)
    }

    #[test]
    fn a_network_that_knows_nothing_smooths_the_labels() {
        let data = digits().test;
        let targets = targets(Some(0.5), 0.0, &CancelToken::new()).unwrap().unwrap();
        let mut batch = vec![1.0];
        targets.fill(&[3, 0], &mut batch);
        assert_eq!(batch.len(), 20);
        assert_eq!(targets.shape(), [data.len(), 10]);
        let entropy = -(0.55_f64.ln() * 0.55 + 9.0 * 0.05_f64.ln() * 0.05);
        assert!((targets.entropy() - entropy).abs() < 1e-6, "{}", targets.entropy());
        for (row, sample) in batch.chunks_exact(10).zip([3, 0]) {
            for (class, &target) in row.iter().enumerate() {
                let is_label = data.labels()[sample] as usize == class;
                assert!((target - if is_label { 0.55 } else { 0.05 }).abs() < 1e-6, "{row:?}");
            }
        }
    }

    #[test]
    fn labels_alone_need_no_targets() {
        for share in [None, Some(0.0)] {
            assert!(targets(share, 0.0, &CancelToken::new()).unwrap().is_none());
        }
    }

    #[test]
    fn a_network_that_is_none_teaches_nothing() {
        let diverged = targets(Some(0.5), f32::INFINITY, &CancelToken::new());
        assert!(matches!(diverged, Err(Error::Diverged { phase: PhaseName::Plain, .. })), "{diverged:?}");
        let cancel = CancelToken::new();
        cancel.cancel();
        assert!(matches!(targets(Some(0.5), 0.0, &cancel), Err(Error::Interrupted)));
    }

    #[test]
    fn settings_have_ranges() {
        for (share, temperature) in [(Some(1.5), 2.0), (Some(f64::NAN), 2.0), (None, 0.0), (Some(0.5), f64::NAN)] {
            assert!(DistillationConfig { share, temperature }.validate().is_err(), "{share:?}, {temperature}");
        }
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
