//! Sum of two tensors, with broadcasting.

use super::broadcast::{broadcast_shape, combine, reduce_to};
use crate::kernels::elementwise;
use crate::tape::{Backward, Operator};
use crate::{Buffer, Element, Tape, Var};

struct Add {
    a: Var,
    b: Var,
}

impl<T: Element> Tape<'_, T> {
    /// `a + b`, broadcast as in `NumPy`.
    ///
    /// # Panics
    ///
    /// When the shapes cannot be broadcast together.
    #[track_caller]
    pub fn add(&mut self, a: Var, b: Var) -> Var {
        let (a_shape, b_shape) = (self.shape(a), self.shape(b));
        let (y, shape) = if a_shape == b_shape {
            let mut y = self.buffer(self.value(a).len());
            elementwise::zip(&mut y, self.value(a), self.value(b), |a, b| a + b);
            (y, a_shape.to_vec())
        } else {
            let shape = broadcast_shape(a_shape, b_shape);
            let operands = ((self.value(a), a_shape), (self.value(b), b_shape));
            (combine(self.pool(), &shape, operands.0, operands.1, |a, b| a + b), shape)
        };
        self.record(&shape, y, &[a, b], Add { a, b })
    }
}

impl<T: Element> Operator<T> for Add {
    fn backward(self: Box<Self>, context: &mut Backward<'_, '_, T>, gradient: Buffer<T>) {
        let shape = context.output_shape();
        let whole = |operand| context.shape(operand) == shape;
        let (a_whole, b_whole) = (whole(self.a), whole(self.b));
        for (operand, whole) in [(self.a, a_whole), (self.b, b_whole)] {
            if !whole && context.needs(operand) {
                let reduced = reduce_to(context.pool(), &gradient, shape, context.shape(operand));
                context.add(operand, reduced);
            }
        }
        // The gradient itself is moved to one operand and copied only where both want it.
        match (a_whole && context.needs(self.a), b_whole && context.needs(self.b)) {
            (true, true) => {
                let mut copy = context.buffer(gradient.len());
                copy.copy_from_slice(&gradient);
                context.add(self.a, copy);
                context.add(self.b, gradient);
            }
            (true, false) => context.add(self.a, gradient),
            (false, true) => context.add(self.b, gradient),
            (false, false) => {}
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

    struct BroadcastAdd;
    struct Same;

    impl Problem for BroadcastAdd {
        fn apply<T: Element>(&self, tape: &mut Tape<'_, T>, inputs: &[Var]) -> Var {
            tape.add(inputs[0], inputs[1])
        }

        fn reference(&self, inputs: &[Tensor<f64>]) -> Tensor<f64> {
            Tensor::from(&inputs[0].view() + &inputs[1].view())
        }
    }

    impl Problem for Same {
        fn apply<T: Element>(&self, tape: &mut Tape<'_, T>, inputs: &[Var]) -> Var {
            tape.add(inputs[0], inputs[0])
        }

        fn reference(&self, inputs: &[Tensor<f64>]) -> Tensor<f64> {
            Tensor::from(&inputs[0].view() + &inputs[0].view())
        }
    }

    /// A shape and a part of it that broadcasting fills up.
    fn shapes() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
        shape(0..5, 1..4).prop_flat_map(|shape| {
            let rank = shape.len();
            (Just(shape), 0..=rank, proptest::collection::vec(any::<bool>(), rank)).prop_map(
                |(shape, dropped, ones)| {
                    let part = shape.iter().zip(ones).map(|(&d, one)| if one { 1 } else { d }).skip(dropped).collect();
                    (shape, part)
                },
            )
        })
    }

    proptest! {
        #![proptest_config(cases(48))]
        #[test]
        fn add_is_right((whole, part) in shapes(), swapped: bool, seed: u64) {
            let (a, b) = (tensor(&whole, seed), tensor(&part, seed ^ 1));
            check(&BroadcastAdd, &if swapped { [b, a] } else { [a, b] });
        }

        #[test]
        fn both_operands_may_be_the_same(shape in shape(0..4, 0..4), seed: u64) {
            check(&Same, &[tensor(&shape, seed)]);
        }
    }

    #[test]
    fn both_operands_may_be_repeated() {
        check(&BroadcastAdd, &[tensor(&[3, 1, 2], 1), tensor(&[4, 1], 2)]);
    }

    #[test]
    fn a_large_add_is_right() {
        check_twin(&BroadcastAdd, &[tensor(&[41, 1000], 1), tensor(&[41, 1000], 2)]);
        check_twin(&BroadcastAdd, &[tensor(&[41, 1000], 1), tensor(&[1000], 2)]);
    }
}
