//! Maximum of sliding windows.

use std::ops::Range;

use mixpress_simd::vectorized;

use super::window::{Pool2d, for_each_window};
use crate::kernels::{PARALLEL_ELEMENTS, for_each_chunk, items_a_task};
use crate::tape::{Backward, Operator};
use crate::{Buffer, Element, Tape, Var};

struct MaxPool2d {
    x: Var,
    pool: Pool2d,
}

impl<T: Element> Tape<'_, T> {
    /// `[N, C, H, W]` to `[N, C, H', W']`: the maximum of each window. Padding never wins; NaN always does. The
    /// gradient goes to the first maximum of a window.
    ///
    /// # Panics
    ///
    /// When `x` has another rank or no window fits ([`Pool2d::output`]).
    #[track_caller]
    pub fn max_pool2d(&mut self, x: Var, pool: Pool2d) -> Var {
        let shape @ &[n, c, h, w] = self.shape(x) else {
            panic!("pooling needs shape [N, C, H, W], not {:?}", self.shape(x))
        };
        let Some([oh, ow]) = pool.output([h, w]) else { panic!("{pool:?} does not fit on shape {shape:?}") };
        let values = self.value(x);
        let mut y = self.buffer(n * c * oh * ow);
        let planes = items_a_task(n * c);
        for_each_chunk(&mut y, planes * oh * ow, values.len() >= PARALLEL_ELEMENTS, |task, y| {
            for (plane, y) in values[task * planes * h * w..].chunks_exact(h * w).zip(y.chunks_exact_mut(oh * ow)) {
                if pool == Pool2d::square(2) {
                    halve(plane, w, y, ow);
                    continue;
                }
                for_each_window(pool, [h, w], [oh, ow], |out, rows, columns| {
                    y[out] = plane[first_maximum(plane, w, rows, columns)];
                });
            }
        });
        self.record(&[n, c, oh, ow], y, &[x], MaxPool2d { x, pool })
    }
}

impl<T: Element> Operator<T> for MaxPool2d {
    fn backward(self: Box<Self>, context: &mut Backward<'_, '_, T>, gradient: Buffer<T>) {
        let (shape, output) = (context.shape(self.x), context.output_shape());
        let (image, windows) = ([shape[2], shape[3]], [output[2], output[3]]);
        let (size, output_size) = (image[0] * image[1], windows[0] * windows[1]);
        let values = context.value(self.x);
        let mut dx = context.buffer(values.len());
        let planes = items_a_task(shape[0] * shape[1]);
        let parallel = dx.len() >= PARALLEL_ELEMENTS;
        for_each_chunk(&mut dx, planes * size, parallel, |task, dx| {
            dx.fill(T::zero());
            let values = values[task * planes * size..].chunks_exact(size);
            let gradient = gradient[task * planes * output_size..].chunks_exact(output_size);
            for ((dx, plane), g) in dx.chunks_exact_mut(size).zip(values).zip(gradient) {
                if self.pool == Pool2d::square(2) {
                    halve_backward(plane, image[1], g, windows[1], dx);
                    continue;
                }
                for_each_window(self.pool, image, windows, |out, rows, columns| {
                    dx[first_maximum(plane, image[1], rows, columns)] += g[out];
                });
            }
        });
        context.add(self.x, dx);
    }
}

/// Where the first maximum of a window stands; the first NaN counts as the maximum.
#[inline]
fn first_maximum<T: Element>(plane: &[T], width: usize, rows: Range<usize>, columns: Range<usize>) -> usize {
    let mut best = rows.start * width + columns.start;
    for r in rows {
        for i in r * width + columns.start..r * width + columns.end {
            // Written so that a NaN wins over numbers, and is not displaced.
            if plane[best] < plane[i] || (plane[i].is_nan() && !plane[best].is_nan()) {
                best = i;
            }
        }
    }
    best
}

/// The usual case, 2 by 2 windows side by side, without branches: the maxima of one plane.
fn halve<T: Element>(plane: &[T], width: usize, y: &mut [T], windows: usize) {
    let larger = |a: T, b: T| if a >= b || a.is_nan() { a } else { b };
    vectorized(
        #[inline(always)]
        || {
            for (lines, y) in plane.chunks_exact(2 * width).zip(y.chunks_exact_mut(windows)) {
                let (upper, lower) = lines.split_at(width);
                let pairs = upper.as_chunks::<2>().0.iter().zip(lower.as_chunks::<2>().0);
                for (y, (&[a, b], &[c, d])) in y.iter_mut().zip(pairs) {
                    *y = larger(larger(a, b), larger(c, d));
                }
            }
        },
    );
}

/// The way back of [`halve`]: `dx`, which starts as zeros, receives the gradients at the first maximum of each window.
fn halve_backward<T: Element>(plane: &[T], width: usize, gradient: &[T], windows: usize, dx: &mut [T]) {
    vectorized(
        #[inline(always)]
        || {
            let lines = plane.chunks_exact(2 * width).zip(dx.chunks_exact_mut(2 * width));
            for ((lines, dx), gradient) in lines.zip(gradient.chunks_exact(windows)) {
                let ((upper, lower), (dx_upper, dx_lower)) = (lines.split_at(width), dx.split_at_mut(width));
                let (upper, lower) = (upper.as_chunks::<2>().0, lower.as_chunks::<2>().0);
                let (dx_upper, dx_lower) = (dx_upper.as_chunks_mut::<2>().0, dx_lower.as_chunks_mut::<2>().0);
                // Four windows at a time, so that their comparisons share an instruction.
                let fours = windows / 4 * 4;
                for at in (0..fours).step_by(4) {
                    let range = at..at + 4;
                    let (dx_upper, dx_lower) = (&mut dx_upper[range.clone()], &mut dx_lower[range.clone()]);
                    choose::<4, T>(&upper[range.clone()], &lower[range.clone()], &gradient[range], dx_upper, dx_lower);
                }
                for at in fours..windows {
                    let range = at..=at;
                    let (dx_upper, dx_lower) = (&mut dx_upper[range.clone()], &mut dx_lower[range.clone()]);
                    choose::<1, T>(&upper[range.clone()], &lower[range.clone()], &gradient[range], dx_upper, dx_lower);
                }
            }
        },
    );
}

/// Sends the gradients of `N` neighbouring windows to their first maxima and zeros elsewhere.
#[inline(always)]
#[allow(clippy::inline_always)] // It must be compiled into the vectorised loop,
#[allow(clippy::needless_bitwise_bool)] // and a lazy operator would be a branch.
fn choose<const N: usize, T: Element>(
    upper: &[[T; 2]],
    lower: &[[T; 2]],
    gradient: &[T],
    dx_upper: &mut [[T; 2]],
    dx_lower: &mut [[T; 2]],
) {
    // As in `halve`: the first of two wins unless the second is larger, or the only NaN.
    let first_wins = |a: T, b: T| (a >= b) | a.is_nan();
    let zero = [T::zero(); N];
    let (mut a, mut b, mut c, mut d, mut g) = (zero, zero, zero, zero, zero);
    for i in 0..N {
        ([a[i], b[i]], [c[i], d[i]], g[i]) = (upper[i], lower[i], gradient[i]);
    }
    let (mut ga, mut gb, mut gc, mut gd) = (zero, zero, zero, zero);
    for i in 0..N {
        let (left_above, left_below) = (first_wins(a[i], b[i]), first_wins(c[i], d[i]));
        let (above, below) = (if left_above { a[i] } else { b[i] }, if left_below { c[i] } else { d[i] });
        let up = first_wins(above, below);
        ga[i] = if up & left_above { g[i] } else { T::zero() };
        gb[i] = if up & !left_above { g[i] } else { T::zero() };
        gc[i] = if !up & left_below { g[i] } else { T::zero() };
        gd[i] = if !up & !left_below { g[i] } else { T::zero() };
    }
    for i in 0..N {
        (dx_upper[i], dx_lower[i]) = ([ga[i], gb[i]], [gc[i], gd[i]]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tensor;
    use crate::ops::window::testing::{pooled, pools};
    use crate::problem::{Problem, check, check_twin, distinct};
    use mixpress_testing::strategies::cases;
    use proptest::prelude::*;

    struct MaxPool(Pool2d);

    impl Problem for MaxPool {
        fn apply<T: Element>(&self, tape: &mut Tape<'_, T>, inputs: &[Var]) -> Var {
            tape.max_pool2d(inputs[0], self.0)
        }

        fn reference(&self, inputs: &[Tensor<f64>]) -> Tensor<f64> {
            pooled(self.0, &inputs[0], |window| window.iter().copied().fold(f64::NEG_INFINITY, f64::max))
        }
    }

    proptest! {
        #![proptest_config(cases(48))]
        #[test]
        fn max_pool_is_right(n in 1_usize..3, c in 1_usize..3, h in 3_usize..8, w in 3_usize..8, pool in pools(), seed: u64) {
            check(&MaxPool(pool), &[distinct(&[n, c, h, w], seed)]);
        }

        #[test]
        fn halving_is_right(n in 1_usize..3, h in 2_usize..8, w in 2_usize..20, seed: u64) {
            check(&MaxPool(Pool2d::square(2)), &[distinct(&[n, 2, h, w], seed)]);
        }
    }

    #[test]
    fn a_large_pool_is_right() {
        check_twin(&MaxPool(Pool2d::square(2)), &[distinct(&[20, 5, 24, 25], 1)]);
        let pool = Pool2d { kernel: [3, 3], stride: [2, 2], padding: [1, 1] };
        check_twin(&MaxPool(pool), &[distinct(&[20, 5, 24, 25], 1)]);
    }

    #[test]
    fn halving_is_the_general_case() {
        // Ties, NaN and odd sizes included.
        let numbers = [1.0, 2.0, 2.0, f64::NAN, 0.0, -1.0];
        let x: Vec<f64> =
            mixpress_testing::uniform(2 * 7 * 9, 3).iter().map(|u| numbers[(3.0 * u + 3.0) as usize]).collect();
        let x = Tensor::new(&[1, 2, 7, 9], x).unwrap();
        let fast = crate::problem::run(&MaxPool(Pool2d::square(2)), std::slice::from_ref(&x), None);
        for window in 0..fast.value.len() {
            let (plane, oy, ox) = (window / 12, window / 4 % 3, window % 4);
            let plane = &x.data()[plane * 63..][..63];
            let best = plane[first_maximum(plane, 9, 2 * oy..2 * oy + 2, 2 * ox..2 * ox + 2)];
            assert!(fast.value.data()[window] == best || best.is_nan() && fast.value.data()[window].is_nan());
        }
        let seeds = mixpress_testing::uniform(fast.value.len(), crate::problem::COTANGENT);
        let mut expected = vec![0.0; x.len()];
        for (window, seed) in seeds.iter().enumerate() {
            let (plane, oy, ox) = (window / 12, window / 4 % 3, window % 4);
            let offset = plane * 63;
            let plane = &x.data()[offset..][..63];
            expected[offset + first_maximum(plane, 9, 2 * oy..2 * oy + 2, 2 * ox..2 * ox + 2)] += seed;
        }
        assert_eq!(fast.gradients[0], expected);
    }

    #[test]
    #[should_panic(expected = "does not fit on shape [1, 1, 2, 2]")]
    fn a_window_that_does_not_fit_is_named() {
        check_twin(&MaxPool(Pool2d::square(3)), &[distinct(&[1, 1, 2, 2], 1)]);
    }
}
