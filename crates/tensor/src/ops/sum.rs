//! Sum and mean of all elements.

use crate::tape::{Backward, Operator};
use crate::{Buffer, Element, Tape, Var};

struct Sum<T> {
    x: Var,
    scale: T,
}

impl<T: Element> Tape<'_, T> {
    /// The sum of all elements, a scalar; 0 where there are none.
    pub fn sum(&mut self, x: Var) -> Var {
        self.scaled_sum(x, T::one())
    }

    /// The mean of all elements, a scalar; NaN where there are none.
    pub fn mean(&mut self, x: Var) -> Var {
        let count = T::narrow(self.value(x).len() as f64);
        self.scaled_sum(x, T::one() / count)
    }

    fn scaled_sum(&mut self, x: Var, scale: T) -> Var {
        let values = self.value(x);
        let sum = mixpress_parallel::sum(values.len(), |range| values[range].iter().map(|x| x.widen()).sum());
        let mut y = self.buffer(1);
        y[0] = T::narrow(sum * scale.widen());
        self.record(&[], y, &[x], Sum { x, scale })
    }
}

impl<T: Element> Operator<T> for Sum<T> {
    fn backward(self: Box<Self>, context: &mut Backward<'_, '_, T>, gradient: Buffer<T>) {
        let dx = context.pool().filled(context.value(self.x).len(), gradient[0] * self.scale);
        context.add(self.x, dx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tensor;
    use crate::problem::{Problem, check, check_twin, tensor};
    use mixpress_testing::strategies::{cases, shape};
    use proptest::prelude::*;

    enum Reduction {
        Sum,
        Mean,
    }

    impl Problem for Reduction {
        fn apply<T: Element>(&self, tape: &mut Tape<'_, T>, inputs: &[Var]) -> Var {
            match self {
                Self::Sum => tape.sum(inputs[0]),
                Self::Mean => tape.mean(inputs[0]),
            }
        }

        fn reference(&self, inputs: &[Tensor<f64>]) -> Tensor<f64> {
            let sum: f64 = inputs[0].data().iter().sum();
            Tensor::scalar(match self {
                Self::Sum => sum,
                Self::Mean => sum / inputs[0].len() as f64,
            })
        }
    }

    proptest! {
        #![proptest_config(cases(24))]
        #[test]
        fn sum_and_mean_are_right(shape in shape(0..4, 1..5), seed: u64) {
            check(&Reduction::Sum, &[tensor(&shape, seed)]);
            check(&Reduction::Mean, &[tensor(&shape, seed)]);
        }
    }

    #[test]
    fn large_sums_are_right() {
        check_twin(&Reduction::Sum, &[tensor(&[100_001], 1)]);
        check_twin(&Reduction::Mean, &[tensor(&[100_001], 1)]);
    }
}
