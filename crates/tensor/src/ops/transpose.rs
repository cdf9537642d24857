//! Permutation of dimensions.

use super::broadcast::{row_major_strides, walk};
use crate::tape::{Backward, Operator};
use crate::{Buffer, Element, Tape, Var};

struct Transpose {
    x: Var,
    permutation: Vec<usize>,
}

impl<T: Element> Tape<'_, T> {
    /// Permutes dimensions: dimension `i` of the result is dimension `permutation[i]` of `x`.
    ///
    /// # Panics
    ///
    /// When `permutation` is not a permutation of `0..rank`.
    #[track_caller]
    pub fn transpose(&mut self, x: Var, permutation: &[usize]) -> Var {
        let from = self.shape(x);
        let mut seen = permutation.to_vec();
        seen.sort_unstable();
        assert!(
            seen.iter().copied().eq(0..from.len()),
            "{permutation:?} is not a permutation of the dimensions of shape {from:?}"
        );
        let shape: Vec<usize> = permutation.iter().map(|&d| from[d]).collect();
        let strides = row_major_strides(from);
        let strides: Vec<usize> = permutation.iter().map(|&d| strides[d]).collect();
        let mut y = self.buffer(self.value(x).len());
        let values = self.value(x);
        walk(&shape, [&strides], |to, [from], [step], len| {
            for (i, y) in y[to..][..len].iter_mut().enumerate() {
                *y = values[from + i * step];
            }
        });
        self.record(&shape, y, &[x], Transpose { x, permutation: permutation.to_vec() })
    }
}

impl<T: Element> Operator<T> for Transpose {
    fn backward(self: Box<Self>, context: &mut Backward<'_, '_, T>, gradient: Buffer<T>) {
        let strides = row_major_strides(context.shape(self.x));
        let strides: Vec<usize> = self.permutation.iter().map(|&d| strides[d]).collect();
        let mut dx = context.buffer(gradient.len());
        walk(context.output_shape(), [&strides], |to, [from], [step], len| {
            for (i, g) in gradient[to..][..len].iter().enumerate() {
                dx[from + i * step] = *g;
            }
        });
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

    struct Permuted(Vec<usize>);

    impl Problem for Permuted {
        fn apply<T: Element>(&self, tape: &mut Tape<'_, T>, inputs: &[Var]) -> Var {
            tape.transpose(inputs[0], &self.0)
        }

        fn reference(&self, inputs: &[Tensor<f64>]) -> Tensor<f64> {
            Tensor::from(inputs[0].view().permuted_axes(self.0.clone()).to_owned())
        }
    }

    proptest! {
        #![proptest_config(cases(32))]
        #[test]
        fn transpose_is_right((shape, permutation) in shape(0..5, 0..4).prop_flat_map(|shape| {
            let order: Vec<usize> = (0..shape.len()).collect();
            (Just(shape), Just(order).prop_shuffle())
        }), seed: u64) {
            check(&Permuted(permutation), &[tensor(&shape, seed)]);
        }
    }

    #[test]
    #[should_panic(expected = "[0, 0] is not a permutation of the dimensions of shape [2, 3]")]
    fn what_is_no_permutation_is_named() {
        check_twin(&Permuted(vec![0, 0]), &[tensor(&[2, 3], 1)]);
    }
}
