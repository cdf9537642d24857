//! Mean squared error.

use crate::kernels::elementwise;
use crate::tape::{Backward, Operator};
use crate::{Buffer, Element, Tape, Var};

struct MeanSquaredError {
    x: Var,
    target: Var,
}

impl<T: Element> Tape<'_, T> {
    /// The mean over all elements of `(x - target)²`, a scalar. Both operands are differentiated where they need it.
    ///
    /// # Panics
    ///
    /// When the shapes differ.
    #[track_caller]
    pub fn mean_squared_error(&mut self, x: Var, target: Var) -> Var {
        let (x_shape, target_shape) = (self.shape(x), self.shape(target));
        assert_eq!(x_shape, target_shape, "squared error between shapes {x_shape:?} and {target_shape:?}");
        let (a, b) = (self.value(x), self.value(target));
        let sum = mixpress_parallel::sum(a.len(), |range| {
            let pairs = a[range.clone()].iter().zip(&b[range]);
            pairs.map(|(a, b)| (a.widen() - b.widen()).powi(2)).sum()
        });
        let mut y = self.buffer(1);
        y[0] = T::narrow(sum / a.len() as f64);
        self.record(&[], y, &[x, target], MeanSquaredError { x, target })
    }
}

impl<T: Element> Operator<T> for MeanSquaredError {
    fn backward(self: Box<Self>, context: &mut Backward<'_, '_, T>, gradient: Buffer<T>) {
        let (a, b) = (context.value(self.x), context.value(self.target));
        let scale = gradient[0] * T::narrow(2.0 / a.len() as f64);
        for (operand, sign) in [(self.x, scale), (self.target, -scale)] {
            if context.needs(operand) {
                let mut d = context.buffer(a.len());
                elementwise::zip(&mut d, a, b, |a, b| sign * (a - b));
                context.add(operand, d);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tensor;
    use crate::problem::{Problem, check, check_twin, tensor};
    use mixpress_testing::strategies::{cases, shape};
    use proptest::prelude::*;

    struct SquaredError;

    impl Problem for SquaredError {
        fn apply<T: Element>(&self, tape: &mut Tape<'_, T>, inputs: &[Var]) -> Var {
            tape.mean_squared_error(inputs[0], inputs[1])
        }

        fn reference(&self, inputs: &[Tensor<f64>]) -> Tensor<f64> {
            let pairs = inputs[0].data().iter().zip(inputs[1].data());
            Tensor::scalar(pairs.map(|(a, b)| (a - b) * (a - b)).sum::<f64>() / inputs[0].len() as f64)
        }
    }

    proptest! {
        #![proptest_config(cases(24))]
        #[test]
        fn mean_squared_error_is_right(shape in shape(0..4, 1..5), seed: u64) {
            check(&SquaredError, &[tensor(&shape, seed), tensor(&shape, seed ^ 1)]);
        }
    }

    #[test]
    fn a_large_error_is_right() {
        check_twin(&SquaredError, &[tensor(&[40_003], 1), tensor(&[40_003], 2)]);
    }
}
