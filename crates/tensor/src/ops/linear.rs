//! Dense layer: `x · Wᵀ + b`.

use crate::kernels::product::{Matrix, Onto, Threads, product};
use crate::kernels::reduce::sum_rows;
use crate::tape::{Backward, Operator};
use crate::{Buffer, Element, Tape, Var};

struct Linear {
    x: Var,
    weight: Var,
    bias: Option<Var>,
    /// Rows of `x`, inputs, outputs.
    size: [usize; 3],
}

impl<T: Element> Tape<'_, T> {
    /// `x · weightᵀ + bias` for `x` of shape `[N, I]`, `weight` of shape `[O, I]` and `bias` of shape `[O]`; the result is
    /// `[N, O]`. The layout is `PyTorch`'s.
    ///
    /// # Panics
    ///
    /// When the shapes are not these.
    #[track_caller]
    pub fn linear(&mut self, x: Var, weight: Var, bias: Option<Var>) -> Var {
        let (&[n, i], &[o, inputs]) = (self.shape(x), self.shape(weight)) else {
            panic!("dense layer on shape {:?} with weights {:?}", self.shape(x), self.shape(weight))
        };
        assert_eq!(i, inputs, "dense layer on shape [{n}, {i}] with weights [{o}, {inputs}]");
        let mut y = self.buffer(n * o);
        let onto = match bias {
            None => Onto::Overwrite,
            Some(bias) => {
                assert_eq!(self.shape(bias), [o], "bias of shape {:?} for weights [{o}, {i}]", self.shape(bias));
                if o > 0 {
                    y.chunks_exact_mut(o).for_each(|row| row.copy_from_slice(self.value(bias)));
                }
                Onto::Add
            }
        };
        let (lhs, rhs) = (Matrix::new(self.value(x), n, i), Matrix::new(self.value(weight), o, i).transposed());
        product(&mut y, onto, lhs, rhs, Threads::Any);
        let operator = Linear { x, weight, bias, size: [n, i, o] };
        match bias {
            None => self.record(&[n, o], y, &[x, weight], operator),
            Some(bias) => self.record(&[n, o], y, &[x, weight, bias], operator),
        }
    }
}

impl<T: Element> Operator<T> for Linear {
    fn backward(self: Box<Self>, context: &mut Backward<'_, '_, T>, gradient: Buffer<T>) {
        let [n, i, o] = self.size;
        let (x, weight) = (context.value(self.x), context.value(self.weight));
        if let Some(bias) = self.bias.filter(|&bias| context.needs(bias)) {
            let mut db = context.buffer(o);
            sum_rows(&mut db, &gradient);
            context.add(bias, db);
        }
        let gradient = Matrix::new(&gradient, n, o);
        if context.needs(self.weight) {
            let mut dw = context.buffer(o * i);
            product(&mut dw, Onto::Overwrite, gradient.transposed(), Matrix::new(x, n, i), Threads::Any);
            context.add(self.weight, dw);
        }
        if context.needs(self.x) {
            let mut dx = context.buffer(n * i);
            product(&mut dx, Onto::Overwrite, gradient, Matrix::new(weight, o, i), Threads::Any);
            context.add(self.x, dx);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{Problem, check, check_twin, tensor};
    use crate::{Mode, Pool, Tensor};
    use mixpress_testing::strategies::cases;
    use proptest::prelude::*;

    struct Dense;

    impl Problem for Dense {
        fn apply<T: Element>(&self, tape: &mut Tape<'_, T>, inputs: &[Var]) -> Var {
            tape.linear(inputs[0], inputs[1], inputs.get(2).copied())
        }

        fn reference(&self, inputs: &[Tensor<f64>]) -> Tensor<f64> {
            let (x, w) = (inputs[0].view(), inputs[1].view());
            let (n, i, o) = (x.shape()[0], x.shape()[1], w.shape()[0]);
            let mut y = Tensor::zeros(&[n, o]);
            for r in 0..n {
                for c in 0..o {
                    let bias = inputs.get(2).map_or(0.0, |bias| bias.data()[c]);
                    y.data_mut()[r * o + c] = bias + (0..i).map(|k| x[[r, k]] * w[[c, k]]).sum::<f64>();
                }
            }
            y
        }
    }

    fn inputs([n, i, o]: [usize; 3], bias: bool, seed: u64) -> Vec<Tensor<f64>> {
        let mut inputs = vec![tensor(&[n, i], seed), tensor(&[o, i], seed ^ 1)];
        if bias {
            inputs.push(tensor(&[o], seed ^ 2));
        }
        inputs
    }

    proptest! {
        #![proptest_config(cases(24))]
        #[test]
        fn linear_is_right(n in 0_usize..7, i in 0_usize..7, o in 0_usize..7, bias: bool, seed: u64) {
            check(&Dense, &inputs([n, i, o], bias, seed));
        }
    }

    #[test]
    fn a_large_layer_is_right() {
        check_twin(&Dense, &inputs([128, 784, 300], true, 1));
    }

    #[test]
    fn constants_have_no_gradient() {
        let inputs = inputs([2, 3, 4], true, 1);
        let pool = Pool::new();
        let mut tape = Tape::new(&pool, Mode::Training);
        let (x, w, b) = (tape.constant(&inputs[0]), tape.constant(&inputs[1]), tape.parameter(&inputs[2]));
        let y = tape.linear(x, w, Some(b));
        let loss = tape.sum(y);
        let gradients = tape.backward(loss);
        assert_eq!((gradients.get(x), gradients.get(w), gradients.get(y)), (None, None, None));
        assert_eq!(gradients.get(b), Some(&[2.0; 4][..]));
    }

    #[test]
    #[should_panic(expected = "dense layer on shape [2, 3] with weights [5, 4]")]
    fn shapes_that_do_not_fit_are_named() {
        check(&Dense, &[tensor(&[2, 3], 1), tensor(&[5, 4], 2)]);
    }
}
