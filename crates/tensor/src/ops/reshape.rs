//! Reshape and flatten: the same elements under another shape; nothing is copied, forwards or backwards.

use crate::tape::{Backward, Operator};
use crate::{Buffer, Element, Tape, Var};

struct Reshape {
    x: Var,
}

impl<T: Element> Tape<'_, T> {
    /// The elements of `x`, in row-major order, under another shape.
    ///
    /// # Panics
    ///
    /// When the shapes hold different numbers of elements.
    #[track_caller]
    pub fn reshape(&mut self, x: Var, shape: &[usize]) -> Var {
        let from = self.shape(x);
        assert_eq!(
            from.iter().product::<usize>(),
            shape.iter().product::<usize>(),
            "cannot reshape {from:?} to {shape:?}: they hold different numbers of elements"
        );
        self.record_alias(shape, x, Reshape { x })
    }

    /// `[N, ...]` to `[N, product of the rest]`.
    ///
    /// # Panics
    ///
    /// When `x` is a scalar.
    #[track_caller]
    pub fn flatten(&mut self, x: Var) -> Var {
        let [first, rest @ ..] = self.shape(x) else { panic!("a scalar cannot be flattened to rows") };
        let shape = [*first, rest.iter().product()];
        self.record_alias(&shape, x, Reshape { x })
    }
}

impl<T: Element> Operator<T> for Reshape {
    fn backward(self: Box<Self>, context: &mut Backward<'_, '_, T>, gradient: Buffer<T>) {
        context.add(self.x, gradient);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tensor;
    use crate::problem::{Problem, check, tensor};
    use mixpress_testing::strategies::{cases, shape};
    use proptest::prelude::*;

    struct ReshapeTo(Vec<usize>);
    struct Flatten;

    impl Problem for ReshapeTo {
        fn apply<T: Element>(&self, tape: &mut Tape<'_, T>, inputs: &[Var]) -> Var {
            tape.reshape(inputs[0], &self.0)
        }

        fn reference(&self, inputs: &[Tensor<f64>]) -> Tensor<f64> {
            Tensor::new(&self.0, inputs[0].data().to_vec()).unwrap()
        }
    }

    impl Problem for Flatten {
        fn apply<T: Element>(&self, tape: &mut Tape<'_, T>, inputs: &[Var]) -> Var {
            // Twice, and beside the unflattened value, so that one gradient is moved in and another is added.
            let rows = tape.flatten(inputs[0]);
            let again = tape.flatten(inputs[0]);
            let product = tape.mul(rows, again);
            tape.flatten(product)
        }

        fn reference(&self, inputs: &[Tensor<f64>]) -> Tensor<f64> {
            let shape = inputs[0].shape();
            let columns = shape[1..].iter().product();
            Tensor::new(&[shape[0], columns], inputs[0].data().iter().map(|x| x * x).collect()).unwrap()
        }
    }

    proptest! {
        #![proptest_config(cases(24))]
        #[test]
        fn reshape_is_right(shape in shape(1..4, 1..5), seed: u64) {
            let mut to = shape.clone();
            to.reverse();
            check(&ReshapeTo(to), &[tensor(&shape, seed)]);
        }

        #[test]
        fn flatten_is_right(shape in shape(1..5, 0..4), seed: u64) {
            check(&Flatten, &[tensor(&shape, seed)]);
        }
    }
}
