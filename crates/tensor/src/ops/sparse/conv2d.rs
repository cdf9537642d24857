//! A convolution whose weights are mostly zero, on one block of images, a filter at a time.
//!
//! A kept weight meets the part of its channel's plane that it slides over as whole rows of cells. Rows of the result are
//! taken in bands that stay in the nearest cache while all weights of the filter pass over them. Where max-pooling follows,
//! only its result is kept: a filter's plane lives no longer than it takes to find the maxima.

use std::ops::Range;

use mixpress_simd::vectorized_narrow;

use super::SparsePattern;
use super::lanes::{Cell, LANES, add_scaled, plus, plus_product, total_of};
use super::pattern::Tap;
use super::pool::Windows;
use crate::{Conv2d, Element};

/// Cells of a band of rows, at most, unless a single row has more.
const BAND: usize = 128;

/// All sizes of one convolution.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    pub channels: usize,
    pub image: [usize; 2],
    pub filters: usize,
    pub result: [usize; 2],
    pub options: Conv2d,
    /// The pooling that follows at once.
    pub windows: Option<Windows>,
}

/// Where one weight slides over one band of rows: cells of the result, and those of the input that meet them.
struct Strip {
    rows: usize,
    len: usize,
    /// First cell of the result's plane, and distance of rows.
    result: [usize; 2],
    /// First cell of the input, all channels counted, and distance of the rows that are met.
    input: [usize; 2],
}

impl Geometry {
    /// Cells of a filter's plane before pooling.
    pub fn plane_len(&self) -> usize {
        self.result[0] * self.result[1]
    }

    /// Cells of a filter's plane after pooling.
    pub fn output_len(&self) -> usize {
        self.windows.map_or(self.plane_len(), |windows| windows.len())
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "it is compiled into vectorised loops")]
    fn for_each_strip(&self, filter: usize, taps: &[Tap], mut body: impl FnMut(usize, &Strip)) {
        let Conv2d { stride, padding, groups } = self.options;
        let first_channel = filter / (self.filters / groups) * (self.channels / groups);
        let band = (BAND / self.result[1]).max(1);
        for first in (0..self.result[0]).step_by(band) {
            for (index, tap) in taps.iter().enumerate() {
                let [rows, columns] =
                    [0, 1].map(|d| reach(tap.offset[d], stride[d], padding[d], self.image[d], self.result[d]));
                let rows = rows.start.max(first)..rows.end.min(first + band);
                if rows.is_empty() || columns.is_empty() {
                    continue;
                }
                let row = rows.start * stride[0] + tap.offset[0] - padding[0];
                let column = columns.start * stride[1] + tap.offset[1] - padding[1];
                let plane = (first_channel + tap.channel) * self.image[0];
                let strip = Strip {
                    rows: rows.len(),
                    len: columns.len(),
                    result: [rows.start * self.result[1] + columns.start, self.result[1]],
                    input: [(plane + row) * self.image[1] + column, stride[0] * self.image[1]],
                };
                body(index, &strip);
            }
        }
    }

    /// The result of all filters: the convolution or, where pooling follows, the maxima, and in `which` where they stood.
    /// `plane` is scratch, needed for pooling only.
    pub fn forward<T: Element>(
        &self,
        pattern: &SparsePattern,
        (values, bias): (&[T], Option<&[T]>),
        x: &[Cell<T>],
        (y, which): (&mut [Cell<T>], &mut [Cell<T>]),
        plane: &mut [Cell<T>],
    ) {
        let len = self.output_len();
        for (filter, y) in y.chunks_exact_mut(len).enumerate() {
            let bias = bias.map_or(T::zero(), |bias| bias[filter]);
            let (start, taps) = pattern.row(filter);
            if taps.is_empty() {
                // Nobody asks which place of a constant plane was the largest.
                y.as_flattened_mut().fill(bias);
                continue;
            }
            let values = &values[start..start + taps.len()];
            vectorized_narrow(
                #[inline(always)]
                || match self.windows {
                    None => self.convolve(filter, (taps, values), bias, x, y),
                    Some(windows) => {
                        self.convolve(filter, (taps, values), bias, x, plane);
                        windows.forward(plane, y, &mut which[filter * len..][..len]);
                    }
                },
            );
        }
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "it is compiled into vectorised loops")]
    fn convolve<T: Element>(
        &self,
        filter: usize,
        (taps, values): (&[Tap], &[T]),
        bias: T,
        x: &[Cell<T>],
        y: &mut [Cell<T>],
    ) {
        y.as_flattened_mut().fill(bias);
        let step = self.options.stride[1];
        self.for_each_strip(
            filter,
            taps,
            #[inline(always)]
            |tap, strip| {
                let w = values[tap];
                if w == T::zero() {
                    return;
                }
                for row in 0..strip.rows {
                    let y = &mut y[strip.result[0] + row * strip.result[1]..][..strip.len];
                    let x = &x[strip.input[0] + row * strip.input[1]..];
                    if step == 1 {
                        add_scaled(y.iter_mut(), w, x[..strip.len].iter());
                    } else {
                        add_scaled(y.iter_mut(), w, x.iter().step_by(step));
                    }
                }
            },
        );
    }

    /// The gradients of kept weights, where they are asked for, and of the input, where that is. `plane` is scratch, needed
    /// for pooling only.
    pub fn backward<T: Element>(
        &self,
        pattern: &SparsePattern,
        values: &[T],
        x: &[Cell<T>],
        (which, dy): (&[Cell<T>], &[Cell<T>]),
        (mut dw, mut dx): (Option<&mut [T]>, Option<&mut [Cell<T>]>),
        plane: &mut [Cell<T>],
    ) {
        if let Some(dx) = &mut dx {
            dx.as_flattened_mut().fill(T::zero());
        }
        let len = self.output_len();
        for (filter, dy) in dy.chunks_exact(len).enumerate() {
            let (start, taps) = pattern.row(filter);
            if taps.is_empty() {
                continue;
            }
            let range = start..start + taps.len();
            vectorized_narrow(
                #[inline(always)]
                || {
                    let dy = match self.windows {
                        None => dy,
                        Some(windows) => {
                            windows.backward(&which[filter * len..][..len], dy, plane);
                            &*plane
                        }
                    };
                    if let Some(dw) = &mut dw {
                        self.weight_gradient(filter, taps, x, dy, &mut dw[range.clone()]);
                    }
                    if let Some(dx) = &mut dx {
                        self.input_gradient(filter, (taps, &values[range]), dy, dx);
                    }
                },
            );
        }
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "it is compiled into vectorised loops")]
    fn weight_gradient<T: Element>(&self, filter: usize, taps: &[Tap], x: &[Cell<T>], dy: &[Cell<T>], dw: &mut [T]) {
        dw.fill(T::zero());
        let step = self.options.stride[1];
        self.for_each_strip(
            filter,
            taps,
            #[inline(always)]
            |tap, strip| {
                // Two sums, because an addition waits for the one before it.
                let mut sums = [[T::zero(); LANES]; 2];
                for row in 0..strip.rows {
                    let dy = &dy[strip.result[0] + row * strip.result[1]..][..strip.len];
                    let x = &x[strip.input[0] + row * strip.input[1]..];
                    if step == 1 {
                        let ((dy, dy_rest), (x, x_rest)) = (dy.as_chunks::<2>(), x[..strip.len].as_chunks::<2>());
                        let [even, odd] = &mut sums;
                        for (dy, x) in dy.iter().zip(x) {
                            *even = plus_product(*even, dy[0], x[0]);
                            *odd = plus_product(*odd, dy[1], x[1]);
                        }
                        for (dy, x) in dy_rest.iter().zip(x_rest) {
                            *even = plus_product(*even, *dy, *x);
                        }
                    } else {
                        for (dy, x) in dy.iter().zip(x.iter().step_by(step)) {
                            sums[0] = plus_product(sums[0], *dy, *x);
                        }
                    }
                }
                let [even, odd] = sums;
                dw[tap] += total_of(&plus(even, odd));
            },
        );
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "it is compiled into vectorised loops")]
    fn input_gradient<T: Element>(
        &self,
        filter: usize,
        (taps, values): (&[Tap], &[T]),
        dy: &[Cell<T>],
        dx: &mut [Cell<T>],
    ) {
        let step = self.options.stride[1];
        self.for_each_strip(
            filter,
            taps,
            #[inline(always)]
            |tap, strip| {
                let w = values[tap];
                if w == T::zero() {
                    return;
                }
                for row in 0..strip.rows {
                    let dy = &dy[strip.result[0] + row * strip.result[1]..][..strip.len];
                    let dx = &mut dx[strip.input[0] + row * strip.input[1]..];
                    if step == 1 {
                        add_scaled(dx[..strip.len].iter_mut(), w, dy.iter());
                    } else {
                        add_scaled(dx.iter_mut().step_by(step), w, dy.iter());
                    }
                }
            },
        );
    }
}

/// The places of the result, along one dimension, at which a weight `offset` into the kernel meets the image.
#[inline(always)]
#[allow(clippy::inline_always, reason = "it is compiled into vectorised loops")]
fn reach(offset: usize, stride: usize, padding: usize, size: usize, results: usize) -> Range<usize> {
    let pixels = (size + padding).saturating_sub(offset);
    if stride == 1 {
        return padding.saturating_sub(offset)..results.min(pixels);
    }
    padding.saturating_sub(offset).div_ceil(stride)..results.min(pixels.div_ceil(stride))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(mixpress_testing::strategies::cases(64))]
        #[test]
        fn a_weight_reaches_what_is_inside(offset in 0_usize..6, stride in 1_usize..4, padding in 0_usize..4, size in 1_usize..8, results in 0_usize..9) {
            let met = |at: usize| (padding..size + padding).contains(&(at * stride + offset));
            prop_assert!((0..results).filter(|&at| met(at)).eq(reach(offset, stride, padding, size, results)));
        }
    }
}
