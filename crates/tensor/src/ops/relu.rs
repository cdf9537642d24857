//! Rectified linear unit: `max(x, 0)`.

use crate::kernels::elementwise;
use crate::tape::{Backward, Operator};
use crate::{Buffer, Element, Tape, Var};

struct Relu {
    x: Var,
}

impl<T: Element> Tape<'_, T> {
    /// `max(x, 0)`, elementwise; its derivative at 0 is taken as 0.
    pub fn relu(&mut self, x: Var) -> Var {
        let mut y = self.buffer(self.value(x).len());
        // Written so that NaN passes through instead of becoming 0.
        elementwise::map(&mut y, self.value(x), |x| if x < T::zero() { T::zero() } else { x });
        let shape = self.shape(x).to_vec();
        self.record(&shape, y, &[x], Relu { x })
    }
}

impl<T: Element> Operator<T> for Relu {
    fn backward(self: Box<Self>, context: &mut Backward<'_, '_, T>, mut gradient: Buffer<T>) {
        elementwise::update(&mut gradient, context.output(), |g, y| if y > T::zero() { g } else { T::zero() });
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

    struct Relu;

    impl Problem for Relu {
        fn apply<T: Element>(&self, tape: &mut Tape<'_, T>, inputs: &[Var]) -> Var {
            tape.relu(inputs[0])
        }

        fn reference(&self, inputs: &[Tensor<f64>]) -> Tensor<f64> {
            elementwise(&inputs[0], |x| x.max(0.0))
        }
    }

    proptest! {
        #![proptest_config(cases(24))]
        #[test]
        fn relu_is_right(shape in shape(0..4, 0..5), seed: u64) {
            check(&Relu, &[distinct(&shape, seed)]);
        }
    }

    #[test]
    fn a_large_relu_is_right() {
        check_twin(&Relu, &[distinct(&[40_003], 1)]);
    }

    #[test]
    fn a_nan_is_not_hidden() {
        let x = Tensor::new(&[3], vec![f32::NAN, -1.0, 2.0]).unwrap();
        let pool = Pool::new();
        let mut tape = Tape::new(&pool, Mode::Inference);
        let x = tape.constant(&x);
        let y = tape.relu(x);
        assert!(tape.value(y)[0].is_nan());
        assert_eq!(tape.value(y)[1..], [0.0, 2.0]);
    }
}
