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
        let &[rows, classes] = self.shape(logits) else {
            panic!("logits must have shape [N, K], not {:?}", self.shape(logits))
        };
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
        let &[rows, classes] = self.shape(logits) else {
            panic!("logits must have shape [N, K], not {:?}", self.shape(logits))
        };
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
