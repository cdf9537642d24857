//! Direct convolution for the usual case: `f32`, stride 1, one group, kernels 3 or 5 wide.
//!
//! Unfolding copies every pixel once a tap, and at few channels those copies cost as much as the products. Here each
//! image is copied once, with zeros around it, and products are taken of shifted rows of that copy ([`kernels`]). The
//! gradient of the input is the same computation with filters mirrored and channels exchanged. Work is
//! `images · filters · taps · positions` products each way, as with unfolding; memory is one padded image a task.

mod kernels;
mod packing;

use mixpress_simd::{Level, level};
use pulp::WithSimd;

use self::kernels::{Contract, Correlate};
use self::packing::{copy_rows, mirror, pack, turn};
use super::Geometry;
use crate::kernels::{for_each_chunk, items_a_task, reduce};
use crate::{Buffer, Element, Pool};

/// Elements of the gradient that the gradient of the weights takes at once: with the images that belong to them they
/// fit into a level-2 cache.
const RESIDENT: usize = 1 << 15;

/// Vectors of positions that it takes at once, at most.
const BLOCK: usize = 256;

/// Lanes of the vectors that a row of `width` positions is cut into.
fn lanes(width: usize) -> usize {
    match level() {
        Level::Scalar => 1,
        Level::Neon => 4,
        Level::Avx512 if width >= 16 => 16,
        Level::Avx2 | Level::Avx512 => 8,
    }
}

/// Runs a kernel on vectors of [`lanes`]`(width)`.
fn run<K: WithSimd<Output = ()>>(width: usize, kernel: K) {
    #[cfg(target_arch = "x86_64")]
    match lanes(width) {
        16 => {
            if let Some(simd) = pulp::x86::V4::try_new() {
                return pulp::Simd::vectorize(simd, kernel);
            }
        }
        8 => {
            if let Some(simd) = pulp::x86::V3::try_new() {
                return pulp::Simd::vectorize(simd, kernel);
            }
        }
        _ => {}
    }
    #[cfg(target_arch = "aarch64")]
    if lanes(width) == 4 {
        if let Some(simd) = pulp::aarch64::Neon::try_new() {
            return pulp::Simd::vectorize(simd, kernel);
        }
    }
    pulp::Simd::vectorize(pulp::Scalar::new(), kernel);
}

/// Whether value and gradient of the weights can be computed here.
pub(super) fn applies<T: Element>(g: &Geometry) -> bool {
    T::singles(&[]).is_some()
        && g.options.stride == [1; 2]
        && g.options.groups == 1
        && [3, 5].contains(&g.kernel[1])
        && g.kernel[0] > 0
        && g.image[0] * g.image[1] > 0
        && g.result[1] >= lanes(g.result[1])
}

/// Whether the gradient of the input can be, and is cheaper here: where the image is much larger than the result, most
/// products would be with the zeros around the gradient.
pub(super) fn applies_backwards<T: Element>(g: &Geometry) -> bool {
    let vectors = |[height, width]: [usize; 2]| height * width.div_ceil(lanes(width));
    applies::<T>(g)
        && (0..2).all(|d| g.options.padding[d] < g.kernel[d])
        && g.image[1] >= lanes(g.image[1])
        && 2 * vectors(g.image) <= 3 * vectors(g.result)
}

/// The sizes of one correlation of planes with filters, forwards or backwards.
struct Pass<'a> {
    /// Channels that are read, filters that are written.
    channels: usize,
    filters: usize,
    /// Height and width of what is read.
    image: [usize; 2],
    padding: [usize; 2],
    kernel: [usize; 2],
    /// Height and width of what is written.
    result: [usize; 2],
    images: usize,
    weights: &'a [f32],
    bias: Option<&'a [f32]>,
    parallel: bool,
}

impl Pass<'_> {
    fn padded(&self) -> [usize; 2] {
        [0, 1].map(|d| self.image[d] + 2 * self.padding[d])
    }

    /// Correlates all images, in a fixed number of tasks.
    fn run<T: Element>(&self, pool: &Pool<T>, x: &[T], y: &mut [T]) {
        let (x, y) = singles(x, y);
        let [height, pitch] = self.padded();
        let (plane_len, positions) = (height * pitch, self.result[0] * self.result[1]);
        let (x_len, y_len) = (self.channels * self.image[0] * self.image[1], self.filters * positions);
        let images = items_a_task(self.images);
        for_each_chunk(y, images * y_len, self.parallel, |task, y| {
            let mut padded = pool.filled(self.channels * plane_len, T::zero());
            let padded = T::singles_mut(&mut padded).expect("as above");
            for (x, y) in x[task * images * x_len..].chunks_exact(x_len).zip(y.chunks_exact_mut(y_len)) {
                let inside = &mut padded[self.padding[0] * pitch + self.padding[1]..];
                copy_rows(x, self.image, inside, [plane_len, pitch]);
                match self.kernel[1] {
                    3 => self.image::<3>(padded, y),
                    _ => self.image::<5>(padded, y),
                }
            }
        });
    }

    fn image<const KW: usize>(&self, planes: &[f32], result: &mut [f32]) {
        let [height, pitch] = self.padded();
        let kernel = Correlate::<KW> {
            planes,
            plane_len: height * pitch,
            pitch,
            rows: self.kernel[0],
            weights: self.weights,
            filters: self.filters,
            bias: self.bias,
            size: self.result,
            result,
        };
        run(self.result[1], kernel);
    }
}

/// Both slices as what [`applies`] has found them to be.
fn singles<'a, T: Element>(x: &'a [T], y: &'a mut [T]) -> (&'a [f32], &'a mut [f32]) {
    let x = T::singles(x).expect("direct convolution is asked for f32 only");
    (x, T::singles_mut(y).expect("as above"))
}

/// The convolution of all images.
pub(super) fn forward<T: Element>(
    pool: &Pool<T>,
    g: &Geometry,
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
) -> Buffer<T> {
    let mut packed = pool.take(weight.len());
    let (weight, packed) = singles(weight, &mut packed);
    pack(weight, g.taps(), packed);
    let pass = Pass {
        channels: g.channels,
        filters: g.filters,
        image: g.image,
        padding: g.options.padding,
        kernel: g.kernel,
        result: g.result,
        images: g.images,
        weights: packed,
        bias: bias.and_then(T::singles),
        parallel: g.parallel(),
    };
    let mut y = pool.take(g.images * g.output_len());
    pass.run(pool, x, &mut y);
    y
}

/// The gradient of all images.
pub(super) fn input_gradient<T: Element>(pool: &Pool<T>, g: &Geometry, weight: &[T], gradient: &[T]) -> Buffer<T> {
    let (mut mirrored, mut packed) = (pool.take(weight.len()), pool.take(weight.len()));
    let (weight, mirrored) = singles(weight, &mut mirrored);
    mirror(weight, [g.filters, g.channels], g.kernel[0] * g.kernel[1], mirrored);
    let packed = T::singles_mut(&mut packed).expect("as above");
    pack(mirrored, g.filters * g.kernel[0] * g.kernel[1], packed);
    let pass = Pass {
        channels: g.filters,
        filters: g.channels,
        image: g.result,
        padding: [0, 1].map(|d| g.kernel[d] - 1 - g.options.padding[d]),
        kernel: g.kernel,
        result: g.image,
        images: g.images,
        weights: packed,
        bias: None,
        parallel: g.parallel(),
    };
    let mut dx = pool.take(g.images * g.input_len());
    pass.run(pool, gradient, &mut dx);
    dx
}

/// The gradient of the weights.
pub(super) fn weight_gradient<T: Element>(pool: &Pool<T>, g: &Geometry, x: &[T], gradient: &[T]) -> Buffer<T> {
    let len = g.filters * g.taps();
    let images = items_a_task(g.images);
    let mut partial = pool.take(g.images.div_ceil(images) * len);
    let (gradient, sums) = (T::singles(gradient).expect("as above"), T::singles_mut(&mut partial).expect("as above"));
    let x = T::singles(x).expect("as above");
    for_each_chunk(sums, len, g.parallel(), |task, sums| {
        let range = task * images..g.images.min((task + 1) * images);
        let (x, gradient) = (
            &x[range.start * g.input_len()..range.end * g.input_len()],
            &gradient[range.start * g.output_len()..range.end * g.output_len()],
        );
        sums.fill(0.0);
        match g.kernel[1] {
            3 => contract::<3, T>(pool, g, x, gradient, sums),
            _ => contract::<5, T>(pool, g, x, gradient, sums),
        }
    });
    let mut dw = pool.take(len);
    reduce::sum_rows(&mut dw, &partial);
    dw
}

/// Adds the gradient of the weights from the images of one task.
fn contract<const KW: usize, T: Element>(pool: &Pool<T>, g: &Geometry, x: &[f32], gradient: &[f32], sums: &mut [f32]) {
    let [height, pitch] = g.padded();
    let (plane_len, planes_len) = (height * pitch, g.channels * height * pitch);
    let lanes = lanes(g.result[1]);
    let vectors_a_row = g.result[1].div_ceil(lanes);
    let vectors_an_image = g.result[0] * vectors_a_row;
    let block = (RESIDENT / (g.filters * lanes)).clamp(1, BLOCK);
    let images = (block / vectors_an_image).clamp(1, (x.len() / g.input_len()).max(1));
    let block = block.min(images * vectors_an_image);
    let mut planes = pool.filled(images * planes_len + lanes + KW, T::zero());
    let planes = T::singles_mut(&mut planes).expect("as above");
    let mut turned = pool.take(g.filters * block * lanes);
    let turned = T::singles_mut(&mut turned).expect("as above");
    for (x, gradient) in x.chunks(images * g.input_len()).zip(gradient.chunks(images * g.output_len())) {
        let [py, px] = g.options.padding;
        copy_rows(x, g.image, &mut planes[py * pitch + px..], [plane_len, pitch]);
        let vectors = x.len() / g.input_len() * vectors_an_image;
        for first in (0..vectors).step_by(block) {
            let (mut windows, mut places) = ([0; BLOCK], [[0; 2]; BLOCK]);
            let count = block.min(vectors - first);
            for (vector, (window, place)) in (first..first + count).zip(windows.iter_mut().zip(&mut places)) {
                let (image, row) = (vector / vectors_an_image, vector % vectors_an_image / vectors_a_row);
                let column = vector % vectors_a_row * lanes;
                *window = image * planes_len + row * pitch + column;
                let from = image * g.output_len() + row * g.result[1] + column;
                *place = [from, lanes.min(g.result[1] - column)];
            }
            turn(gradient, g.positions(), &places[..count], lanes, &mut turned[..g.filters * count * lanes]);
            let kernel = Contract::<KW> {
                planes,
                channels: g.channels,
                plane_len,
                pitch,
                rows: g.kernel[0],
                windows: &windows[..count],
                gradient: &turned[..g.filters * count * lanes],
                filters: g.filters,
                sums,
            };
            run(g.result[1], kernel);
        }
    }
}

#[cfg(test)]
mod tests;
