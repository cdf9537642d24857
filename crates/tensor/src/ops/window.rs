//! Sliding windows over images: what pooling and convolution have in common.

use std::ops::Range;

/// The window of a pooling operator, `[height, width]` each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pool2d {
    /// Size of the window.
    pub kernel: [usize; 2],
    /// Distance between neighbouring windows.
    pub stride: [usize; 2],
    /// Rows and columns added on each side; at most half the kernel.
    pub padding: [usize; 2],
}

impl Pool2d {
    /// Square windows side by side, without padding: the usual halving is `Pool2d::square(2)`.
    #[must_use]
    pub fn square(size: usize) -> Self {
        Self { kernel: [size; 2], stride: [size; 2], padding: [0; 2] }
    }

    /// Height and width of the result for images of the given height and width.
    ///
    /// `None` when there are no pixels, no window fits, a size or stride is 0, or the padding is more than half the kernel.
    #[must_use]
    pub fn output(&self, image: [usize; 2]) -> Option<[usize; 2]> {
        let fits = (0..2).all(|d| image[d] > 0 && 2 * self.padding[d] <= self.kernel[d]);
        if fits { output(image, self.kernel, self.stride, self.padding) } else { None }
    }
}

/// Height and width of the result of sliding a window over an image; `None` when no window fits.
pub(super) fn output(
    image: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
) -> Option<[usize; 2]> {
    let mut result = [0; 2];
    for d in 0..2 {
        if kernel[d] == 0 || stride[d] == 0 {
            return None;
        }
        result[d] = (image[d] + 2 * padding[d]).checked_sub(kernel[d])? / stride[d] + 1;
    }
    Some(result)
}

/// The part of window number `index` that lies inside an image dimension of `size`.
pub(super) fn inside(index: usize, kernel: usize, stride: usize, padding: usize, size: usize) -> Range<usize> {
    let start = index * stride;
    start.saturating_sub(padding)..(start + kernel).saturating_sub(padding).min(size)
}

/// Calls `body(window, rows, columns)` for each window of a plane, clipped to the image.
pub(super) fn for_each_window(
    pool: Pool2d,
    image: [usize; 2],
    windows: [usize; 2],
    mut body: impl FnMut(usize, Range<usize>, Range<usize>),
) {
    for oy in 0..windows[0] {
        let rows = inside(oy, pool.kernel[0], pool.stride[0], pool.padding[0], image[0]);
        for ox in 0..windows[1] {
            let columns = inside(ox, pool.kernel[1], pool.stride[1], pool.padding[1], image[1]);
            body(oy * windows[1] + ox, rows.clone(), columns);
        }
    }
}

/// What the tests of all pooling operators share.
#[cfg(test)]
pub(super) mod testing {
    use proptest::prelude::*;

    use super::Pool2d;
    use crate::Tensor;

    /// Windows of all small kinds.
    pub fn pools() -> impl Strategy<Value = Pool2d> {
        ([1_usize..4, 1_usize..4], [1_usize..4, 1_usize..4], [0_usize..2, 0_usize..2]).prop_map(
            |(kernel, stride, padding)| {
                let padding = [padding[0].min(kernel[0] / 2), padding[1].min(kernel[1] / 2)];
                Pool2d { kernel, stride, padding }
            },
        )
    }

    /// Reduces the pixels that each window covers, padding left out, in the plainest way.
    pub fn pooled(pool: Pool2d, image: &Tensor<f64>, reduce: impl Fn(&[f64]) -> f64) -> Tensor<f64> {
        let Pool2d { kernel, stride, padding } = pool;
        let &[n, c, h, w] = image.shape() else { panic!("rank 4") };
        let [oh, ow] = pool.output([h, w]).unwrap();
        let pixel = |plane: usize, y: usize, x: usize| {
            let inside = (padding[0]..h + padding[0]).contains(&y) && (padding[1]..w + padding[1]).contains(&x);
            inside.then(|| image.data()[(plane * h + y - padding[0]) * w + x - padding[1]])
        };
        let mut y = Vec::new();
        for i in 0..n * c * oh * ow {
            let (plane, oy, ox) = (i / (oh * ow), i / ow % oh, i % ow);
            let window: Vec<f64> = (0..kernel[0] * kernel[1])
                .filter_map(|k| pixel(plane, oy * stride[0] + k / kernel[1], ox * stride[1] + k % kernel[1]))
                .collect();
            y.push(reduce(&window));
        }
        Tensor::new(&[n, c, oh, ow], y).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn windows_cover_what_is_inside(kernel in 1_usize..5, stride in 1_usize..4, padding in 0_usize..3, size in 1_usize..9) {
            let Some([windows, _]) = output([size; 2], [kernel; 2], [stride; 2], [padding; 2]) else { return Ok(()) };
            for window in 0..windows {
                let positions = (0..kernel).filter_map(|offset| (window * stride + offset).checked_sub(padding));
                let covered = inside(window, kernel, stride, padding, size);
                prop_assert!(positions.filter(|&p| p < size).eq(covered));
            }
            prop_assert_eq!(Pool2d::square(1).output([0, size]), None);
            // One window more would not fit.
            prop_assert!(windows * stride + kernel > size + 2 * padding);
        }
    }
}
