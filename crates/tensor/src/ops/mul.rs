//! Product of two tensors, elementwise, with broadcasting.

use super::broadcast::{broadcast_shape, combine, reduce_to};
use crate::kernels::elementwise;
use crate::tape::{Backward, Operator};
use crate::{Buffer, Element, Tape, Var};

struct Mul {
    a: Var,
    b: Var,
}

impl<T: Element> Tape<'_, T> {
    /// `a · b`, elementwise, broadcast as in `NumPy`.
    ///
    /// # Panics
    ///
    /// When the shapes cannot be broadcast together.
    #[track_caller]
    pub fn mul(&mut self, a: Var, b: Var) -> Var {
        let (a_shape, b_shape) = (self.shape(a), self.shape(b));
        let (y, shape) = if a_shape == b_shape {
            let mut y = self.buffer(self.value(a).len());
            elementwise::zip(&mut y, self.value(a), self.value(b), |a, b| a * b);
            (y, a_shape.to_vec())
        } else {
            let shape = broadcast_shape(a_shape, b_shape);
            let operands = ((self.value(a), a_shape), (self.value(b), b_shape));
            (combine(self.pool(), &shape, operands.0, operands.1, |a, b| a * b), shape)
        };
        self.record(&shape, y, &[a, b], Mul { a, b })
    }
}

impl<T: Element> Operator<T> for Mul {
    fn backward(self: Box<Self>, context: &mut Backward<'_, '_, T>, gradient: Buffer<T>) {
        let shape = context.output_shape();
        for (operand, other) in [(self.a, self.b), (self.b, self.a)] {
            if !context.needs(operand) {
                continue;
            }
            let (to, other_shape) = (context.shape(operand), context.shape(other));
            let whole =
                combine(context.pool(), shape, (&gradient, shape), (context.value(other), other_shape), |g, o| g * o);
            let reduced = if to == shape { whole } else { reduce_to(context.pool(), &whole, shape, to) };
            context.add(operand, reduced);
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

    struct BroadcastMul;
    struct Same;

    impl Problem for BroadcastMul {
        fn apply<T: Element>(&self, tape: &mut Tape<'_, T>, inputs: &[Var]) -> Var {
            tape.mul(inputs[0], inputs[1])
        }

        fn reference(&self, inputs: &[Tensor<f64>]) -> Tensor<f64> {
            Tensor::from(&inputs[0].view() * &inputs[1].view())
        }
    }

    impl Problem for Same {
        fn apply<T: Element>(&self, tape: &mut Tape<'_, T>, inputs: &[Var]) -> Var {
            tape.mul(inputs[0], inputs[0])
        }

        fn reference(&self, inputs: &[Tensor<f64>]) -> Tensor<f64> {
            Tensor::from(&inputs[0].view() * &inputs[0].view())
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
        fn mul_is_right((whole, part) in shapes(), swapped: bool, seed: u64) {
            let (a, b) = (tensor(&whole, seed), tensor(&part, seed ^ 1));
            check(&BroadcastMul, &if swapped { [b, a] } else { [a, b] });
        }

        #[test]
        fn both_operands_may_be_the_same(shape in shape(0..4, 0..4), seed: u64) {
            check(&Same, &[tensor(&shape, seed)]);
        }
    }

    #[test]
    fn both_operands_may_be_repeated() {
        check(&BroadcastMul, &[tensor(&[3, 1, 2], 1), tensor(&[4, 1], 2)]);
    }

    #[test]
    fn a_large_mul_is_right() {
        check_twin(&BroadcastMul, &[tensor(&[41, 1000], 1), tensor(&[41, 1000], 2)]);
        check_twin(&BroadcastMul, &[tensor(&[41, 1000], 1), tensor(&[1000], 2)]);
    }
}
