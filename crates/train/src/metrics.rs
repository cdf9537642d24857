//! What a network got wrong.

/// Samples and wrong predictions of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassCount {
    /// Samples of the class.
    pub samples: usize,
    /// Those that were given another class.
    pub wrong: usize,
}

/// Counts over any number of batches.
///
/// ```
/// use mixpress_train::Evaluation;
///
/// let mut evaluation = Evaluation::new(2);
/// evaluation.add(&[1.0, -1.0, 0.5, 0.0], &[0, 1]);
/// assert_eq!((evaluation.samples(), evaluation.wrong()), (2, 1));
/// assert_eq!(evaluation.error_percent(), 50.0);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    by_class: Vec<ClassCount>,
    loss: f64,
}

impl Evaluation {
    /// No sample yet, of `classes` classes.
    #[must_use]
    pub fn new(classes: usize) -> Self {
        Self { by_class: vec![ClassCount::default(); classes], loss: 0.0 }
    }

    /// Adds a batch: `logits` is `[samples, classes]`, `labels` has one class a sample.
    ///
    /// The prediction is the class of the largest logit, the first of equals; a sample with a logit that is not a number
    /// is wrong. The loss is the cross-entropy of the softmax, in nats.
    ///
    /// # Panics
    /// When the lengths do not fit, or a label is no class.
    #[track_caller]
    pub fn add(&mut self, logits: &[f32], labels: &[u32]) {
        let classes = self.by_class.len();
        assert_eq!(logits.len(), labels.len() * classes, "{} samples have {classes} logits each", labels.len());
        for (logits, &label) in logits.chunks_exact(classes.max(1)).zip(labels) {
            let label = label as usize;
            let count = &mut self.by_class[label];
            count.samples += 1;
            count.wrong += usize::from(predict(logits) != Some(label));
            self.loss += cross_entropy(logits, label);
        }
    }

    /// Samples seen.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.by_class.iter().map(|count| count.samples).sum()
    }

    /// Wrong predictions.
    #[must_use]
    pub fn wrong(&self) -> usize {
        self.by_class.iter().map(|count| count.wrong).sum()
    }

    /// Samples and wrong predictions, class by class.
    #[must_use]
    pub fn by_class(&self) -> &[ClassCount] {
        &self.by_class
    }

    /// Wrong predictions in percent of the samples; 0 without samples.
    #[must_use]
    pub fn error_percent(&self) -> f64 {
        100.0 * self.wrong() as f64 / self.samples().max(1) as f64
    }

    /// Mean cross-entropy in nats a sample; 0 without samples, NaN or infinite where logits are.
    #[must_use]
    pub fn mean_loss(&self) -> f64 {
        self.loss / self.samples().max(1) as f64
    }
}

/// The class of the largest logit, the first of equals; `None` when a logit is NaN or there is none.
#[must_use]
pub fn predict(logits: &[f32]) -> Option<usize> {
    let mut best = 0;
    for (class, &logit) in logits.iter().enumerate() {
        if logit.is_nan() {
            return None;
        }
        if logit > logits[best] {
            best = class;
        }
    }
    (!logits.is_empty()).then_some(best)
}

/// `-log softmax(logits)[label]`, in nats, computed in f64 with the largest logit taken off first.
///
/// # Panics
/// When `label` is no class.
#[must_use]
#[track_caller]
pub fn cross_entropy(logits: &[f32], label: usize) -> f64 {
    let largest = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let sum: f64 = logits.iter().map(|&logit| (f64::from(logit) - largest).exp()).sum();
    sum.ln() + largest - f64::from(logits[label])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn errors_are_counted_by_class() {
        let mut evaluation = Evaluation::new(3);
        evaluation.add(&[0.0, 2.0, 1.0, 5.0, 5.0, 5.0], &[1, 0]);
        evaluation.add(&[0.0, 2.0, 1.0, 5.0, 6.0, 5.0], &[2, 2]);
        assert_eq!((evaluation.samples(), evaluation.wrong()), (4, 2));
        let counts: Vec<_> = evaluation.by_class().iter().map(|count| (count.samples, count.wrong)).collect();
        assert_eq!(counts, [(1, 0), (1, 0), (2, 2)]);
        assert_eq!(evaluation.error_percent(), 50.0);
    }

    #[test]
    fn logits_that_are_no_numbers_are_wrong_and_show_in_the_loss() {
        let mut evaluation = Evaluation::new(2);
        evaluation.add(&[f32::NAN, 0.0, f32::NAN, 0.0], &[0, 1]);
        assert_eq!(evaluation.wrong(), 2);
        assert!(evaluation.mean_loss().is_nan());
        assert_eq!(predict(&[]), None);
    }

    #[test]
    fn nothing_seen_is_no_error() {
        let evaluation = Evaluation::new(2);
        assert_eq!((evaluation.error_percent(), evaluation.mean_loss()), (0.0, 0.0));
    }

    #[test]
    fn the_loss_is_the_cross_entropy() {
        assert!((cross_entropy(&[0.0; 10], 3) - 10_f64.ln()).abs() < 1e-12);
        assert!((cross_entropy(&[1e4, 0.0], 1) - 1e4).abs() < 1e-9);
        assert!(cross_entropy(&[1e4, 0.0], 0).abs() < 1e-9);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn probabilities_of_the_classes_sum_to_one(logits in proptest::collection::vec(-50.0_f32..50.0, 1..12)) {
            let sum: f64 = (0..logits.len()).map(|label| (-cross_entropy(&logits, label)).exp()).sum();
            prop_assert!((sum - 1.0).abs() < 1e-9);
        }

        #[test]
        fn counts_do_not_depend_on_the_batches(seed: u64, samples in 1_usize..40, cut in 0_usize..40) {
            let mut rng = crate::stream(seed, crate::Purpose::Init, 0, 0);
            let logits: Vec<f32> = (0..3 * samples).map(|_| crate::below(5, &mut rng) as f32).collect();
            let labels: Vec<u32> = (0..samples).map(|_| crate::below(3, &mut rng) as u32).collect();
            let (mut whole, mut parts) = (Evaluation::new(3), Evaluation::new(3));
            whole.add(&logits, &labels);
            let cut = cut.min(samples);
            parts.add(&logits[..3 * cut], &labels[..cut]);
            parts.add(&logits[3 * cut..], &labels[cut..]);
            prop_assert_eq!(whole, parts);
        }
    }
}
