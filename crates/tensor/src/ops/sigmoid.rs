//! Logistic function.

use crate::kernels::elementwise;
use crate::tape::{Backward, Operator};
use crate::{Buffer, Element, Tape, Var};

struct Sigmoid {
    x: Var,
}

impl<T: Element> Tape<'_, T> {
    /// `1 / (1 + e^-x)`, elementwise.
    pub fn sigmoid(&mut self, x: Var) -> Var {
        let mut y = self.buffer(self.value(x).len());
        elementwise::map(&mut y, self.value(x), |x| T::one() / (T::one() + (-x).exp()));
        let shape = self.shape(x).to_vec();
        self.record(&shape, y, &[x], Sigmoid { x })
    }
}

impl<T: Element> Operator<T> for Sigmoid {
    fn backward(self: Box<Self>, context: &mut Backward<'_, '_, T>, mut gradient: Buffer<T>) {
        elementwise::update(&mut gradient, context.output(), |g, y| g * y * (T::one() - y));
        context.add(self.x, gradient);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{Problem, check, check_twin, distinct, elementwise};
    use crate::{Mode, Pool, Tensor};
    use mixpress_testing::strategies::{cases, shape};
    use proptest::prelude::*;

    struct Sigmoid;

    impl Problem for Sigmoid {
        fn apply<T: Element>(&self, tape: &mut Tape<'_, T>, inputs: &[Var]) -> Var {
            tape.sigmoid(inputs[0])
        }

        fn reference(&self, inputs: &[Tensor<f64>]) -> Tensor<f64> {
            elementwise(&inputs[0], |x| x.exp() / (1.0 + x.exp()))
        }
    }

    proptest! {
        #![proptest_config(cases(24))]
        #[test]
        fn sigmoid_is_right(shape in shape(0..4, 0..5), seed: u64) {
            check(&Sigmoid, &[distinct(&shape, seed)]);
        }
    }

    #[test]
    fn a_large_sigmoid_is_right() {
        check_twin(&Sigmoid, &[distinct(&[40_003], 1)]);
    }

    #[test]
    fn far_away_it_is_flat_and_finite() {
        let x = Tensor::new(&[2], vec![-1e30_f32, 1e30]).unwrap();
        let pool = Pool::new();
        let mut tape = Tape::new(&pool, Mode::Training);
        let x = tape.parameter(&x);
        let y = tape.sigmoid(x);
        assert_eq!(tape.value(y), [0.0, 1.0]);
        let sum = tape.sum(y);
        assert_eq!(tape.backward(sum).get(x), Some(&[0.0; 2][..]));
    }
}
