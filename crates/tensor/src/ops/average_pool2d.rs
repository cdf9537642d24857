//! Mean of sliding windows.

use super::window::{Pool2d, for_each_window};
use crate::kernels::{PARALLEL_ELEMENTS, for_each_chunk, items_a_task};
use crate::tape::{Backward, Operator};
use crate::{Buffer, Element, Tape, Var};

struct AveragePool2d {
    x: Var,
    pool: Pool2d,
}

impl<T: Element> Tape<'_, T> {
    /// `[N, C, H, W]` to `[N, C, H', W']`: the sum of each window divided by the kernel's area. Padding counts as zeros
    /// (`PyTorch`'s `count_include_pad`).
    ///
    /// # Panics
    ///
    /// When `x` has another rank or no window fits ([`Pool2d::output`]).
    #[track_caller]
    pub fn average_pool2d(&mut self, x: Var, pool: Pool2d) -> Var {
        let shape @ &[n, c, h, w] = self.shape(x) else {
            panic!("pooling needs shape [N, C, H, W], not {:?}", self.shape(x))
        };
        let Some([oh, ow]) = pool.output([h, w]) else { panic!("{pool:?} does not fit on shape {shape:?}") };
        let values = self.value(x);
        let scale = T::one() / T::narrow(pool.kernel.iter().product::<usize>() as f64);
        let mut y = self.buffer(n * c * oh * ow);
        let planes = items_a_task(n * c);
        for_each_chunk(&mut y, planes * oh * ow, values.len() >= PARALLEL_ELEMENTS, |task, y| {
            for (plane, y) in values[task * planes * h * w..].chunks_exact(h * w).zip(y.chunks_exact_mut(oh * ow)) {
                for_each_window(pool, [h, w], [oh, ow], |out, rows, columns| {
                    let row_sum = |r: usize| plane[r * w..][columns.clone()].iter().copied().sum::<T>();
                    y[out] = rows.map(row_sum).sum::<T>() * scale;
                });
            }
        });
        self.record(&[n, c, oh, ow], y, &[x], AveragePool2d { x, pool })
    }
}

impl<T: Element> Operator<T> for AveragePool2d {
    fn backward(self: Box<Self>, context: &mut Backward<'_, '_, T>, gradient: Buffer<T>) {
        let (shape, output) = (context.shape(self.x), context.output_shape());
        let (image, windows) = ([shape[2], shape[3]], [output[2], output[3]]);
        let (size, output_size) = (image[0] * image[1], windows[0] * windows[1]);
        let scale = T::one() / T::narrow(self.pool.kernel.iter().product::<usize>() as f64);
        let mut dx = context.buffer(context.value(self.x).len());
        let planes = items_a_task(shape[0] * shape[1]);
        let parallel = dx.len() >= PARALLEL_ELEMENTS;
        for_each_chunk(&mut dx, planes * size, parallel, |task, dx| {
            dx.fill(T::zero());
            let gradient = gradient[task * planes * output_size..].chunks_exact(output_size);
            for (plane, g) in dx.chunks_exact_mut(size).zip(gradient) {
                for_each_window(self.pool, image, windows, |out, rows, columns| {
                    let share = g[out] * scale;
                    for r in rows {
                        plane[r * image[1]..][columns.clone()].iter_mut().for_each(|d| *d += share);
                    }
                });
            }
        });
        context.add(self.x, dx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tensor;
    use crate::ops::window::testing::{pooled, pools};
    use crate::problem::{Problem, check, check_twin, tensor};
    use mixpress_testing::strategies::cases;
    use proptest::prelude::*;

    struct AveragePool(Pool2d);

    impl Problem for AveragePool {
        fn apply<T: Element>(&self, tape: &mut Tape<'_, T>, inputs: &[Var]) -> Var {
            tape.average_pool2d(inputs[0], self.0)
        }

        fn reference(&self, inputs: &[Tensor<f64>]) -> Tensor<f64> {
            let area = self.0.kernel.iter().product::<usize>() as f64;
            pooled(self.0, &inputs[0], |window| window.iter().sum::<f64>() / area)
        }
    }

    proptest! {
        #![proptest_config(cases(48))]
        #[test]
        fn average_pool_is_right(n in 1_usize..3, c in 1_usize..3, h in 3_usize..8, w in 3_usize..8, pool in pools(), seed: u64) {
            check(&AveragePool(pool), &[tensor(&[n, c, h, w], seed)]);
        }

        #[test]
        fn halving_is_right(n in 1_usize..3, h in 2_usize..8, w in 2_usize..20, seed: u64) {
            check(&AveragePool(Pool2d::square(2)), &[tensor(&[n, 2, h, w], seed)]);
        }
    }

    #[test]
    fn a_large_pool_is_right() {
        check_twin(&AveragePool(Pool2d::square(2)), &[tensor(&[20, 5, 24, 25], 1)]);
        let pool = Pool2d { kernel: [3, 3], stride: [2, 2], padding: [1, 1] };
        check_twin(&AveragePool(pool), &[tensor(&[20, 5, 24, 25], 1)]);
    }

    #[test]
    #[should_panic(expected = "does not fit on shape [1, 1, 2, 2]")]
    fn a_window_that_does_not_fit_is_named() {
        check_twin(&AveragePool(Pool2d::square(3)), &[tensor(&[1, 1, 2, 2], 1)]);
    }
}
