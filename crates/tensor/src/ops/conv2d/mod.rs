//! Two-dimensional convolution (cross-correlation, as everywhere in deep learning) by matrix products.
//!
//! An image is unfolded into a matrix with one row for each weight of a filter and one column for each position of the
//! result ([`unfold`]); the convolution is then the product of the filters with it. Images are taken in a fixed number of
//! groups that run in parallel; each group sums its own gradient of the weights, and groups are added in order.

mod unfold;

use self::unfold::{fold_add, unfold};
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
    /// Convolves `x` of shape `[N, C, H, W]` with `weight` of shape `[O, C / groups, kh, kw]` and adds `bias` of shape `[O]`;
    /// the result is `[N, O, H', W']` with `H' = (H + 2 padding - kh) / stride + 1`, rounded down. Layouts are `PyTorch`'s.
    ///
    /// # Panics
    ///
    /// When the shapes are not these, channels cannot be divided into the groups, or no window fits.
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
        divides(channels) && divides(filters) && channels / options.groups == group_channels,
        "convolution of shape {x:?} with weights {weight:?} in {} groups",
        options.groups
    );
    let Some(result) = options.output([h, w], [kh, kw]) else {
        panic!("{options:?} with weights {weight:?} does not fit on shape {x:?}")
    };
    Geometry { images, channels, filters, image: [h, w], kernel: [kh, kw], result, options }
}

fn forward<T: Element>(pool: &Pool<T>, g: &Geometry, x: &[T], weight: &[T], bias: Option<&[T]>) -> Buffer<T> {
    let mut y = pool.take(g.images * g.output_len());
    let images = items_a_task(g.images);
    for_each_chunk(&mut y, images * g.output_len(), g.parallel(), |task, y| {
        let mut unfolded = pool.take(if g.pointwise() { 0 } else { g.taps() * g.positions() });
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
                x
            } else {
                unfold(g, x, &mut unfolded);
                &unfolded
            };
            let lhs = Matrix::new(weight, g.group_filters(), g.taps());
            product(y, onto, lhs, Matrix::new(columns, g.taps(), g.positions()), Threads::One);
        }
    });
    y
}

fn bias_gradient<T: Element>(pool: &Pool<T>, g: &Geometry, gradient: &[T]) -> Buffer<T> {
    let mut db = pool.take(g.filters);
    let planes = |filter: usize| gradient.chunks_exact(g.positions()).skip(filter).step_by(g.filters);
    for (filter, db) in db.iter_mut().enumerate() {
        *db = planes(filter).fold(T::zero(), |sum, plane| sum + reduce::sum_by(plane, |g| g));
    }
    db
}

fn weight_gradient<T: Element>(pool: &Pool<T>, g: &Geometry, x: &[T], gradient: &[T]) -> Buffer<T> {
    let len = g.filters * g.taps();
    let images = items_a_task(g.images);
    let mut partial = pool.take(g.images.div_ceil(images) * len);
    for_each_chunk(&mut partial, len, g.parallel(), |task, partial| {
        let mut unfolded = pool.take(if g.pointwise() { 0 } else { g.taps() * g.positions() });
        let first = task * images;
        for image in first..g.images.min(first + images) {
            let x = &x[image * g.input_len()..][..g.input_len()];
            let gradient = &gradient[image * g.output_len()..][..g.output_len()];
            let filters = partial.chunks_exact_mut(g.group_filters() * g.taps());
            let gradients = gradient.chunks_exact(g.group_filters() * g.positions());
            for ((x, gradient), dw) in x.chunks_exact(g.group_input_len()).zip(gradients).zip(filters) {
                let columns = if g.pointwise() {
                    x
                } else {
                    unfold(g, x, &mut unfolded);
                    &unfolded
                };
                let onto = if image == first { Onto::Overwrite } else { Onto::Add };
                let lhs = Matrix::new(gradient, g.group_filters(), g.positions());
                product(dw, onto, lhs, Matrix::new(columns, g.taps(), g.positions()).transposed(), Threads::One);
            }
        }
    });
    let mut dw = pool.take(len);
    reduce::sum_rows(&mut dw, &partial);
    dw
}

fn input_gradient<T: Element>(pool: &Pool<T>, g: &Geometry, weight: &[T], gradient: &[T]) -> Buffer<T> {
    let mut dx = pool.take(g.images * g.input_len());
    let images = items_a_task(g.images);
    for_each_chunk(&mut dx, images * g.input_len(), g.parallel(), |task, dx| {
        let mut unfolded = pool.take(if g.pointwise() { 0 } else { g.taps() * g.positions() });
        let gradient = &gradient[task * images * g.output_len()..];
        let gradients = gradient.chunks_exact(g.group_filters() * g.positions());
        for (part, (dx, gradient)) in dx.chunks_exact_mut(g.group_input_len()).zip(gradients).enumerate() {
            let filters = (part % g.options.groups) * g.group_filters();
            let weight = &weight[filters * g.taps()..][..g.group_filters() * g.taps()];
            let lhs = Matrix::new(weight, g.group_filters(), g.taps()).transposed();
            let rhs = Matrix::new(gradient, g.group_filters(), g.positions());
            if g.pointwise() {
                product(dx, Onto::Overwrite, lhs, rhs, Threads::One);
            } else {
                product(&mut unfolded, Onto::Overwrite, lhs, rhs, Threads::One);
                dx.fill(T::zero());
                fold_add(g, &unfolded, dx);
            }
        }
    });
    dx
}

#[cfg(test)]
mod tests;
