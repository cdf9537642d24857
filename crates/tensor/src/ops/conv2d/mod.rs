//! Two-dimensional convolution (cross-correlation, as everywhere in deep learning), by products of shifted rows where
//! [`direct`] applies, and by matrix products elsewhere.
//!
//! For these an image is unfolded into a matrix with one row for each weight of a filter and one column for each
//! position of the result ([`unfold`]); the convolution is then the product of the filters with it. Images are taken in
//! a fixed number of groups that run in parallel; each group sums its own gradient of the weights, and groups are added
//! in order.

mod direct;
mod unfold;

use self::unfold::{crop, fold_add, pad, unfold, unfold_transposed};
use super::window;
use crate::kernels::product::{Matrix, Onto, Threads, product};
use crate::kernels::{PARALLEL_PRODUCTS, for_each_chunk, items_a_task, reduce};
use crate::tape::{Backward, Operator};
use crate::{Buffer, Element, Pool, Tape, Var};

/// Options of a convolution, `[height, width]` each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv2d {
    /// Distance between neighbouring windows.
    pub stride: [usize; 2],
    /// Rows and columns of zeros added on each side.
    pub padding: [usize; 2],
    /// Channels are divided into this many groups that do not see each other.
    pub groups: usize,
}

impl Default for Conv2d {
    fn default() -> Self {
        Self { stride: [1; 2], padding: [0; 2], groups: 1 }
    }
}

impl Conv2d {
    /// Height and width of the result for images and kernels of the given height and width; `None` when no window fits or a
    /// stride is 0.
    #[must_use]
    pub fn output(&self, image: [usize; 2], kernel: [usize; 2]) -> Option<[usize; 2]> {
        window::output(image, kernel, self.stride, self.padding)
    }
}

/// All sizes of one convolution.
#[derive(Clone, Copy, Debug)]
struct Geometry {
    images: usize,
    channels: usize,
    filters: usize,
    image: [usize; 2],
    kernel: [usize; 2],
    result: [usize; 2],
    options: Conv2d,
}

impl Geometry {
    /// Elements of an input image, of all its channels.
    fn input_len(&self) -> usize {
        self.channels * self.image[0] * self.image[1]
    }

    /// Positions of the result.
    fn positions(&self) -> usize {
        self.result[0] * self.result[1]
    }

    /// Elements of a result, of all its channels.
    fn output_len(&self) -> usize {
        self.filters * self.positions()
    }

    /// Weights of a filter.
    fn taps(&self) -> usize {
        self.channels / self.options.groups * self.kernel[0] * self.kernel[1]
    }

    fn group_filters(&self) -> usize {
        self.filters / self.options.groups
    }

    fn group_input_len(&self) -> usize {
        self.input_len() / self.options.groups
    }

    /// Whether the unfolded image is the image.
    fn pointwise(&self) -> bool {
        self.kernel == [1; 2] && self.options.stride == [1; 2] && self.options.padding == [0; 2]
    }

    /// Height and width of an image with its padding.
    fn padded(&self) -> [usize; 2] {
        [0, 1].map(|d| self.image[d] + 2 * self.options.padding[d])
    }

    /// Elements of the channels of one group of an image with its padding.
    fn group_padded_len(&self) -> usize {
        self.channels / self.options.groups * self.padded().iter().product::<usize>()
    }

    fn has_padding(&self) -> bool {
        self.options.padding != [0; 2]
    }

    fn parallel(&self) -> bool {
        self.images * self.output_len() * self.taps() >= PARALLEL_PRODUCTS
    }
}

struct Convolve {
    x: Var,
    weight: Var,
    bias: Option<Var>,
    geometry: Geometry,
}

impl<T: Element> Tape<'_, T> {
    /// Convolves `x` of shape `[N, C, H, W]` with `weight` of shape `[O, C / groups, kh, kw]` and adds `bias` of shape
    /// `[O]`; the result is `[N, O, H', W']` with `H' = (H + 2 padding - kh) / stride + 1`, rounded down. Layouts are
    /// `PyTorch`'s.
    ///
    /// # Panics
    ///
    /// When the shapes are not these, channels cannot be divided into the groups, there are none, or no window fits.
    #[track_caller]
    pub fn conv2d(&mut self, x: Var, weight: Var, bias: Option<Var>, options: Conv2d) -> Var {
        let geometry = geometry(self.shape(x), self.shape(weight), options);
        let values = (self.value(x), self.value(weight), bias.map(|bias| self.value(bias)));
        if let Some(bias) = bias {
            let shape = self.shape(bias);
            assert_eq!(shape, [geometry.filters], "bias of shape {shape:?} for weights {:?}", self.shape(weight));
        }
        let y = forward(self.pool(), &geometry, values.0, values.1, values.2);
        let shape = [geometry.images, geometry.filters, geometry.result[0], geometry.result[1]];
        let operator = Convolve { x, weight, bias, geometry };
        match bias {
            None => self.record(&shape, y, &[x, weight], operator),
            Some(bias) => self.record(&shape, y, &[x, weight, bias], operator),
        }
    }
}

impl<T: Element> Operator<T> for Convolve {
    fn backward(self: Box<Self>, context: &mut Backward<'_, '_, T>, gradient: Buffer<T>) {
        let Self { x, weight, bias, geometry } = *self;
        if let Some(bias) = bias.filter(|&bias| context.needs(bias)) {
            let db = bias_gradient(context.pool(), &geometry, &gradient);
            context.add(bias, db);
        }
        if context.needs(weight) {
            let dw = weight_gradient(context.pool(), &geometry, context.value(x), &gradient);
            context.add(weight, dw);
        }
        if context.needs(x) {
            let dx = input_gradient(context.pool(), &geometry, context.value(weight), &gradient);
            context.add(x, dx);
        }
    }
}

#[track_caller]
fn geometry(x: &[usize], weight: &[usize], options: Conv2d) -> Geometry {
    let (&[images, channels, h, w], &[filters, group_channels, kh, kw]) = (x, weight) else {
        panic!("convolution of shape {x:?} with weights {weight:?}")
    };
    let divides = |count: usize| options.groups > 0 && count.is_multiple_of(options.groups);
    assert!(
        divides(channels) && divides(filters) && channels * filters > 0 && channels / options.groups == group_channels,
        "convolution of shape {x:?} with weights {weight:?} in {} groups",
        options.groups
    );
    let Some(result) = options.output([h, w], [kh, kw]) else {
        panic!("{options:?} with weights {weight:?} does not fit on shape {x:?}")
    };
    Geometry { images, channels, filters, image: [h, w], kernel: [kh, kw], result, options }
}

/// Buffers of one task.
struct Scratch<T> {
    padded: Buffer<T>,
    unfolded: Buffer<T>,
}

impl<T: Element> Scratch<T> {
    fn new(pool: &Pool<T>, g: &Geometry, unfolded: usize) -> Self {
        Self {
            padded: pool.take(if g.has_padding() { g.group_padded_len() } else { 0 }),
            unfolded: pool.take(if g.pointwise() { 0 } else { unfolded }),
        }
    }
}

/// `x` with its padding around it.
fn padded<'a, T: Element>(g: &Geometry, x: &'a [T], scratch: &'a mut [T]) -> &'a [T] {
    if g.has_padding() {
        pad(g, x, scratch);
        scratch
    } else {
        x
    }
}

fn forward<T: Element>(pool: &Pool<T>, g: &Geometry, x: &[T], weight: &[T], bias: Option<&[T]>) -> Buffer<T> {
    if direct::applies::<T>(g) {
        return direct::forward(pool, g, x, weight, bias);
    }
    let mut y = pool.take(g.images * g.output_len());
    let images = items_a_task(g.images);
    for_each_chunk(&mut y, images * g.output_len(), g.parallel(), |task, y| {
        let mut scratch = Scratch::new(pool, g, g.taps() * g.positions());
        let x = &x[task * images * g.input_len()..];
        let parts = y.chunks_exact_mut(g.group_filters() * g.positions()).zip(x.chunks_exact(g.group_input_len()));
        for (part, (y, x)) in parts.enumerate() {
            let group = part % g.options.groups;
            let filters = group * g.group_filters()..(group + 1) * g.group_filters();
            let weight = &weight[filters.start * g.taps()..filters.end * g.taps()];
            let onto = match bias {
                None => Onto::Overwrite,
                Some(bias) => {
                    y.chunks_exact_mut(g.positions()).zip(&bias[filters]).for_each(|(plane, &b)| plane.fill(b));
                    Onto::Add
                }
            };
            let columns = if g.pointwise() {
                Matrix::new(x, g.taps(), g.positions())
            } else {
                unfold(g, padded(g, x, &mut scratch.padded), &mut scratch.unfolded);
                Matrix::new(&scratch.unfolded, g.taps(), g.positions())
            };
            product(y, onto, Matrix::new(weight, g.group_filters(), g.taps()), columns, Threads::One);
        }
    });
    y
}

fn bias_gradient<T: Element>(pool: &Pool<T>, g: &Geometry, gradient: &[T]) -> Buffer<T> {
    let mut db = pool.take(g.filters);
    for_each_chunk(&mut db, 1, g.parallel(), |filter, db| {
        let planes = gradient.chunks_exact(g.positions()).skip(filter).step_by(g.filters);
        db[0] = planes.fold(T::zero(), |sum, plane| sum + reduce::sum_by(plane, |g| g));
    });
    db
}

fn weight_gradient<T: Element>(pool: &Pool<T>, g: &Geometry, x: &[T], gradient: &[T]) -> Buffer<T> {
    if direct::applies::<T>(g) {
        return direct::weight_gradient(pool, g, x, gradient);
    }
    let len = g.filters * g.taps();
    let images = items_a_task(g.images);
    let mut partial = pool.take(g.images.div_ceil(images) * len);
    for_each_chunk(&mut partial, len, g.parallel(), |task, partial| {
        let mut scratch = Scratch::new(pool, g, g.taps() * g.positions());
        let first = task * images;
        for image in first..g.images.min(first + images) {
            let x = &x[image * g.input_len()..][..g.input_len()];
            let gradient = &gradient[image * g.output_len()..][..g.output_len()];
            let filters = partial.chunks_exact_mut(g.group_filters() * g.taps());
            let gradients = gradient.chunks_exact(g.group_filters() * g.positions());
            for ((x, gradient), dw) in x.chunks_exact(g.group_input_len()).zip(gradients).zip(filters) {
                let windows = if g.pointwise() {
                    Matrix::new(x, g.taps(), g.positions()).transposed()
                } else {
                    unfold_transposed(g, padded(g, x, &mut scratch.padded), &mut scratch.unfolded);
                    Matrix::new(&scratch.unfolded, g.positions(), g.taps())
                };
                let onto = if image == first { Onto::Overwrite } else { Onto::Add };
                let lhs = Matrix::new(gradient, g.group_filters(), g.positions());
                product(dw, onto, lhs, windows, Threads::One);
            }
        }
    });
    let mut dw = pool.take(len);
    reduce::sum_rows(&mut dw, &partial);
    dw
}

fn input_gradient<T: Element>(pool: &Pool<T>, g: &Geometry, weight: &[T], gradient: &[T]) -> Buffer<T> {
    if direct::applies_backwards::<T>(g) {
        return direct::input_gradient(pool, g, weight, gradient);
    }
    let filters_len = g.group_filters() * g.taps();
    let transposed = transposed_filters(pool, g, weight);
    let mut dx = pool.take(g.images * g.input_len());
    let images = items_a_task(g.images);
    for_each_chunk(&mut dx, images * g.input_len(), g.parallel(), |task, dx| {
        let mut scratch = Scratch::new(pool, g, g.taps() * g.positions());
        let gradient = &gradient[task * images * g.output_len()..];
        let gradients = gradient.chunks_exact(g.group_filters() * g.positions());
        for (part, (dx, gradient)) in dx.chunks_exact_mut(g.group_input_len()).zip(gradients).enumerate() {
            let filters = &transposed[part % g.options.groups * filters_len..][..filters_len];
            let lhs = Matrix::new(filters, g.taps(), g.group_filters());
            let rhs = Matrix::new(gradient, g.group_filters(), g.positions());
            if g.pointwise() {
                product(dx, Onto::Overwrite, lhs, rhs, Threads::One);
                continue;
            }
            product(&mut scratch.unfolded, Onto::Overwrite, lhs, rhs, Threads::One);
            if g.has_padding() {
                scratch.padded.fill(T::zero());
                fold_add(g, &scratch.unfolded, &mut scratch.padded);
                crop(g, &scratch.padded, dx);
            } else {
                dx.fill(T::zero());
                fold_add(g, &scratch.unfolded, dx);
            }
        }
    });
    dx
}

/// The filters of each group as a matrix with one row for each weight.
fn transposed_filters<T: Element>(pool: &Pool<T>, g: &Geometry, weight: &[T]) -> Buffer<T> {
    let (taps, filters) = (g.taps(), g.group_filters());
    let mut transposed = pool.take(weight.len());
    if weight.is_empty() {
        return transposed;
    }
    for (to, from) in transposed.chunks_exact_mut(filters * taps).zip(weight.chunks_exact(filters * taps)) {
        for (tap, row) in to.chunks_exact_mut(filters).enumerate() {
            row.iter_mut().zip(from[tap..].iter().step_by(taps)).for_each(|(to, &from)| *to = from);
        }
    }
    transposed
}

#[cfg(test)]
mod tests;
