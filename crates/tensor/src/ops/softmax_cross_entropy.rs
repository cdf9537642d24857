//! Cross-entropy between the softmax of logits and labels, mean over the batch.

use crate::kernels::elementwise;
use crate::rows::log_sum_exp_in_place;
use crate::tape::{Backward, Operator};
use crate::{Buffer, Element, Tape, Var};

struct SoftmaxCrossEntropy<T> {
    logits: Var,
    /// `(softmax - target) / N`, the gradient but for the loss's own.
    derivative: Buffer<T>,
}

impl<T: Element> Tape<'_, T> {
    /// The mean over the batch of `-log softmax(logits)[label]` in nats, a scalar.
    ///
    /// `logits` is `[N, K]`; `labels` are `N` classes below `K`.
    ///
    /// # Panics
    ///
    /// When `logits` is not a matrix with one row a label, or a label is not below `K`.
    #[track_caller]
    pub fn softmax_cross_entropy(&mut self, logits: Var, labels: &[u32]) -> Var {
        let [rows, classes] = self.logits_shape(logits);
        assert_eq!(rows, labels.len(), "logits of shape [{rows}, {classes}] for {} labels", labels.len());
        let values = self.value(logits);
        let mut derivative = self.buffer(values.len());
        derivative.copy_from_slice(values);
        let mut loss = 0.0;
        for ((row, logits), &label) in
            derivative.chunks_exact_mut(classes).zip(values.chunks_exact(classes)).zip(labels)
        {
            let label = label as usize;
            assert!(label < classes, "label {label} among {classes} classes");
            loss += (log_sum_exp_in_place(row) - logits[label]).widen();
            row[label] -= T::one();
        }
        self.record_cross_entropy(logits, derivative, loss, rows)
    }

    /// The mean over the batch of `-Σ_k targets[k] · log softmax(logits)[k]` in nats, a scalar.
    ///
    /// `logits` and `targets` are `[N, K]`; each row of `targets` is a distribution (it should sum to one), for instance a
    /// teacher's or a mixture of one with the labels. Only `logits` are differentiated.
    ///
    /// # Panics
    ///
    /// When `logits` is not a matrix, or has another number of elements than `targets`.
    #[track_caller]
    pub fn softmax_cross_entropy_with(&mut self, logits: Var, targets: &[T]) -> Var {
        let [rows, classes] = self.logits_shape(logits);
        assert_eq!(rows * classes, targets.len(), "logits of shape [{rows}, {classes}] for {} targets", targets.len());
        let values = self.value(logits);
        let mut derivative = self.buffer(values.len());
        derivative.copy_from_slice(values);
        let mut loss = 0.0;
        let rows_of = |values| <[T]>::chunks_exact(values, classes);
        for ((row, logits), targets) in derivative.chunks_exact_mut(classes).zip(rows_of(values)).zip(rows_of(targets))
        {
            let normaliser = log_sum_exp_in_place(row);
            let mass: T = targets.iter().copied().sum();
            for ((p, &logit), &target) in row.iter_mut().zip(logits).zip(targets) {
                loss += (target * (normaliser - logit)).widen();
                *p = *p * mass - target;
            }
        }
        self.record_cross_entropy(logits, derivative, loss, rows)
    }

    #[track_caller]
    fn logits_shape(&self, logits: Var) -> [usize; 2] {
        match *self.shape(logits) {
            [rows, classes] if classes > 0 => [rows, classes],
            ref shape => panic!("logits must have shape [N, K] with K > 0, not {shape:?}"),
        }
    }

    fn record_cross_entropy(&mut self, logits: Var, mut derivative: Buffer<T>, loss: f64, rows: usize) -> Var {
        let scale = T::one() / T::narrow(rows as f64);
        derivative.iter_mut().for_each(|d| *d *= scale);
        let mut mean = self.buffer(1);
        mean[0] = T::narrow(loss / rows as f64);
        self.record(&[], mean, &[logits], SoftmaxCrossEntropy { logits, derivative })
    }
}

impl<T: Element> Operator<T> for SoftmaxCrossEntropy<T> {
    fn backward(self: Box<Self>, context: &mut Backward<'_, '_, T>, gradient: Buffer<T>) {
        let Self { logits, mut derivative } = *self;
        let scale = gradient[0];
        if scale != T::one() {
            let unscaled = std::mem::replace(&mut derivative, context.buffer(context.value(logits).len()));
            elementwise::map(&mut derivative, &unscaled, |d| d * scale);
        }
        context.add(logits, derivative);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{Problem, check, check_twin, elementwise, tensor};
    use crate::{Mode, Pool, Tensor};
    use mixpress_testing::strategies::cases;
    use proptest::prelude::*;

    /// Labels where `soft` is empty, distributions otherwise.
    struct CrossEntropy {
        labels: Vec<u32>,
        soft: Vec<f64>,
    }

    impl Problem for CrossEntropy {
        fn apply<T: Element>(&self, tape: &mut Tape<'_, T>, inputs: &[Var]) -> Var {
            if self.soft.is_empty() {
                tape.softmax_cross_entropy(inputs[0], &self.labels)
            } else {
                let targets: Vec<T> = self.soft.iter().map(|&p| T::narrow(p)).collect();
                tape.softmax_cross_entropy_with(inputs[0], &targets)
            }
        }

        fn reference(&self, inputs: &[Tensor<f64>]) -> Tensor<f64> {
            let classes = inputs[0].shape()[1];
            let mut loss = 0.0;
            for (n, row) in inputs[0].data().chunks_exact(classes).enumerate() {
                let sum: f64 = row.iter().map(|x| x.exp()).sum();
                for (k, x) in row.iter().enumerate() {
                    let hard = f64::from(u8::from(self.labels.get(n).is_some_and(|&label| label as usize == k)));
                    let target = self.soft.get(n * classes + k).copied().unwrap_or(hard);
                    loss -= target * (x.exp() / sum).ln();
                }
            }
            Tensor::scalar(loss / inputs[0].shape()[0] as f64)
        }
    }

    fn labels(rows: usize, classes: usize, seed: u64) -> Vec<u32> {
        mixpress_testing::uniform(rows, seed).iter().map(|u| ((u + 1.0) / 2.0 * classes as f64) as u32).collect()
    }

    proptest! {
        #![proptest_config(cases(32))]
        #[test]
        fn cross_entropy_is_right(rows in 1_usize..6, classes in 1_usize..7, soft: bool, seed: u64) {
            let logits = elementwise(&tensor(&[rows, classes], seed), |x| 5.0 * x);
            let soft = if soft { tensor(&[rows, classes], !seed).into_data().iter().map(|x| x + 1.0).collect() } else { vec![] };
            let labels = if soft.is_empty() { labels(rows, classes, seed ^ 1) } else { vec![] };
            check(&CrossEntropy { labels, soft }, &[logits]);
        }
    }

    #[test]
    fn a_large_batch_is_right() {
        check_twin(&CrossEntropy { labels: labels(4000, 10, 3), soft: vec![] }, &[tensor(&[4000, 10], 1)]);
    }

    #[test]
    fn far_away_logits_stay_finite() {
        let logits = Tensor::new(&[2, 3], vec![1e30_f32, 0.0, -1e30, 0.0, 1e4, -1e4]).unwrap();
        let pool = Pool::new();
        let mut tape = Tape::new(&pool, Mode::Training);
        let x = tape.parameter(&logits);
        let loss = tape.softmax_cross_entropy(x, &[0, 0]);
        assert_eq!(tape.value(loss), [5e3]);
        let gradients = tape.backward(loss);
        assert_eq!(gradients.get(x), Some(&[0.0, 0.0, 0.0, -0.5, 0.5, 0.0][..]));
    }

    #[test]
    #[should_panic(expected = "label 3 among 3 classes")]
    fn a_label_out_of_range_is_named() {
        let logits = Tensor::<f32>::zeros(&[1, 3]);
        let pool = Pool::new();
        let mut tape = Tape::new(&pool, Mode::Training);
        let x = tape.constant(&logits);
        tape.softmax_cross_entropy(x, &[3]);
    }
}
