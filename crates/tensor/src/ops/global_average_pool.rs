//! Mean over all positions of each channel.

use crate::kernels::{PARALLEL_ELEMENTS, for_each_chunk, reduce};
use crate::tape::{Backward, Operator};
use crate::{Buffer, Element, Tape, Var};

struct GlobalAveragePool {
    x: Var,
}

impl<T: Element> Tape<'_, T> {
    /// `[N, C, H, W]` to `[N, C]`: the mean over all positions.
    ///
    /// # Panics
    ///
    /// When `x` has another rank, or no positions.
    #[track_caller]
    pub fn global_average_pool(&mut self, x: Var) -> Var {
        let &[n, c, h, w] = self.shape(x) else { panic!("pooling needs shape [N, C, H, W], not {:?}", self.shape(x)) };
        assert!(h * w > 0, "pooling over no positions: shape {:?}", self.shape(x));
        let values = self.value(x);
        let scale = T::one() / T::narrow((h * w) as f64);
        let mut y = self.buffer(n * c);
        for (y, plane) in y.iter_mut().zip(values.chunks_exact(h * w)) {
            *y = reduce::sum_by(plane, |x| x) * scale;
        }
        self.record(&[n, c], y, &[x], GlobalAveragePool { x })
    }
}

impl<T: Element> Operator<T> for GlobalAveragePool {
    fn backward(self: Box<Self>, context: &mut Backward<'_, '_, T>, gradient: Buffer<T>) {
        let shape = context.shape(self.x);
        let positions = shape[2] * shape[3];
        let scale = T::one() / T::narrow(positions as f64);
        let mut dx = context.buffer(gradient.len() * positions);
        let parallel = dx.len() >= PARALLEL_ELEMENTS;
        let planes = shape[1];
        for_each_chunk(&mut dx, planes * positions, parallel, |image, dx| {
            for (plane, &g) in dx.chunks_exact_mut(positions).zip(&gradient[image * planes..]) {
                plane.fill(g * scale);
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

    struct Global;

    impl Problem for Global {
        fn apply<T: Element>(&self, tape: &mut Tape<'_, T>, inputs: &[Var]) -> Var {
            tape.global_average_pool(inputs[0])
        }

        fn reference(&self, inputs: &[Tensor<f64>]) -> Tensor<f64> {
            let &[n, c, h, w] = inputs[0].shape() else { panic!("rank 4") };
            let planes = inputs[0].data().chunks_exact(h * w);
            Tensor::new(&[n, c], planes.map(|plane| plane.iter().sum::<f64>() / (h * w) as f64).collect()).unwrap()
        }
    }

    proptest! {
        #![proptest_config(cases(24))]
        #[test]
        fn global_average_pool_is_right(shape in shape(4..5, 1..5), seed: u64) {
            check(&Global, &[tensor(&shape, seed)]);
        }
    }

    #[test]
    fn a_large_pool_is_right() {
        check_twin(&Global, &[tensor(&[20, 30, 8, 9], 1)]);
    }
}
