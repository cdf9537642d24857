//! Product of two matrices.

use crate::kernels::product::{Matrix, Onto, Threads, product};
use crate::tape::{Backward, Operator};
use crate::{Buffer, Element, Tape, Var};

struct Matmul {
    a: Var,
    b: Var,
    /// Rows of `a`, columns of `a`, columns of `b`.
    size: [usize; 3],
}

impl<T: Element> Tape<'_, T> {
    /// `a · b` for `a` of shape `[M, K]` and `b` of shape `[K, N]`; the result is `[M, N]`.
    ///
    /// # Panics
    ///
    /// When the operands are not matrices, or `a` has not as many columns as `b` has rows.
    #[track_caller]
    pub fn matmul(&mut self, a: Var, b: Var) -> Var {
        let (&[m, k], &[inner, n]) = (self.shape(a), self.shape(b)) else {
            panic!("matrix product of shapes {:?} and {:?}", self.shape(a), self.shape(b))
        };
        assert_eq!(k, inner, "matrix product of shapes [{m}, {k}] and [{inner}, {n}]");
        let mut y = self.buffer(m * n);
        let (lhs, rhs) = (Matrix::new(self.value(a), m, k), Matrix::new(self.value(b), k, n));
        product(&mut y, Onto::Overwrite, lhs, rhs, Threads::Any);
        self.record(&[m, n], y, &[a, b], Matmul { a, b, size: [m, k, n] })
    }
}

impl<T: Element> Operator<T> for Matmul {
    fn backward(self: Box<Self>, context: &mut Backward<'_, '_, T>, gradient: Buffer<T>) {
        let [m, k, n] = self.size;
        let (a, b) = (context.value(self.a), context.value(self.b));
        let gradient = Matrix::new(&gradient, m, n);
        if context.needs(self.a) {
            let mut da = context.buffer(m * k);
            product(&mut da, Onto::Overwrite, gradient, Matrix::new(b, k, n).transposed(), Threads::Any);
            context.add(self.a, da);
        }
        if context.needs(self.b) {
            let mut db = context.buffer(k * n);
            product(&mut db, Onto::Overwrite, Matrix::new(a, m, k).transposed(), gradient, Threads::Any);
            context.add(self.b, db);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tensor;
    use crate::problem::{Problem, check, check_twin, tensor};
    use mixpress_testing::strategies::cases;
    use proptest::prelude::*;

    struct Product;

    impl Problem for Product {
        fn apply<T: Element>(&self, tape: &mut Tape<'_, T>, inputs: &[Var]) -> Var {
            tape.matmul(inputs[0], inputs[1])
        }

        fn reference(&self, inputs: &[Tensor<f64>]) -> Tensor<f64> {
            let (a, b) = (inputs[0].view(), inputs[1].view());
            let (m, k, n) = (a.shape()[0], a.shape()[1], b.shape()[1]);
            let mut c = Tensor::zeros(&[m, n]);
            for i in 0..m {
                for j in 0..n {
                    c.data_mut()[i * n + j] = (0..k).map(|l| a[[i, l]] * b[[l, j]]).sum();
                }
            }
            c
        }
    }

    proptest! {
        #![proptest_config(cases(24))]
        #[test]
        fn matmul_is_right(m in 0_usize..7, k in 0_usize..7, n in 0_usize..7, seed: u64) {
            check(&Product, &[tensor(&[m, k], seed), tensor(&[k, n], seed ^ 1)]);
        }
    }

    #[test]
    fn a_large_product_is_right() {
        check_twin(&Product, &[tensor(&[130, 700], 1), tensor(&[700, 70], 2)]);
    }

    #[test]
    #[should_panic(expected = "matrix product of shapes [2, 3] and [4, 5]")]
    fn shapes_that_do_not_fit_are_named() {
        check_twin(&Product, &[tensor(&[2, 3], 1), tensor(&[4, 5], 2)]);
    }
}
