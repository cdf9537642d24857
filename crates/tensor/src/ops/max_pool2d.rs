//! Maximum of sliding windows.

use super::window::{Pool2d, for_each_window};
use crate::kernels::{PARALLEL_ELEMENTS, for_each_chunk, items_a_task};
use crate::tape::{Backward, Operator};
use crate::{Buffer, Element, Tape, Var};

struct MaxPool2d {
    x: Var,
    pool: Pool2d,
}

impl<T: Element> Tape<'_, T> {
    /// `[N, C, H, W]` to `[N, C, H', W']`: the maximum of each window. Padding never wins; NaN always does. The gradient goes
    /// to the first maximum of a window.
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
fn first_maximum<T: Element>(
    plane: &[T],
    width: usize,
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
) -> usize {
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
