//! Batch normalisation (Ioffe & Szegedy 2015, arXiv 1502.03167) with `PyTorch`'s conventions.

use mixpress_simd::vectorized;

use rayon::prelude::*;

use crate::kernels::{PARALLEL_ELEMENTS, for_each_chunk, reduce};
use crate::tape::{Backward, Operator};
use crate::{Buffer, Element, Mode, Tape, Var};

/// What normalises in inference, and the constant that keeps divisions finite.
#[derive(Clone, Copy, Debug)]
pub struct BatchNorm<'a, T> {
    /// Running mean of each channel; read in inference only.
    pub mean: &'a [T],
    /// Running variance of each channel; read in inference only.
    pub variance: &'a [T],
    /// Added to variances under the root; `PyTorch`'s default is 1e-5.
    pub epsilon: T,
}

/// Statistics of one batch, from which the caller updates its running ones.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchStatistics<T> {
    /// Mean of each channel.
    pub mean: Vec<T>,
    /// Unbiased variance of each channel (divided by one less than the number of values; 0 where there is one).
    pub variance: Vec<T>,
}

struct BatchNormalise<T> {
    x: Var,
    gamma: Var,
    beta: Var,
    layout: Layout,
    /// Whether mean and deviation depend on `x`.
    from_batch: bool,
    mean: Buffer<T>,
    /// `1 / sqrt(variance + epsilon)`.
    inverse_deviation: Buffer<T>,
}

/// `[images, channels, positions]`; one position for `[N, C]`.
#[derive(Clone, Copy)]
struct Layout {
    images: usize,
    channels: usize,
    positions: usize,
}

impl<T: Element> Tape<'_, T> {
    /// `gamma · (x - mean) / sqrt(variance + epsilon) + beta`, a channel each.
    ///
    /// `x` is `[N, C]` or `[N, C, H, W]`, `gamma` and `beta` are `[C]`. While training, mean and *biased* variance are the
    /// batch's, the gradient goes through both, and they are returned (the variance unbiased) so that the caller updates its
    /// running statistics. In inference those of `norm` are used and nothing is returned.
    ///
    /// # Panics
    ///
    /// When shapes are not these, or the statistics that are used are not one a channel.
    #[track_caller]
    pub fn batch_norm(
        &mut self,
        x: Var,
        gamma: Var,
        beta: Var,
        norm: BatchNorm<'_, T>,
    ) -> (Var, Option<BatchStatistics<T>>) {
        let shape = self.shape(x).to_vec();
        let layout = match *shape {
            [images, channels] => Layout { images, channels, positions: 1 },
            [images, channels, h, w] => Layout { images, channels, positions: h * w },
            _ => panic!("batch-norm needs shape [N, C] or [N, C, H, W], not {shape:?}"),
        };
        let channels = layout.channels;
        for parameter in [gamma, beta] {
            assert_eq!(
                self.shape(parameter),
                [channels],
                "batch-norm parameter of shape {:?} on {shape:?}",
                self.shape(parameter)
            );
        }
        let from_batch = self.mode() == Mode::Training;
        let (mut mean, mut inverse_deviation) = (self.buffer(channels), self.buffer(channels));
        let statistics = if from_batch {
            let statistics = batch_statistics(self.value(x), layout, &mut mean, &mut inverse_deviation);
            Some(statistics)
        } else {
            let given = (norm.mean.len(), norm.variance.len());
            assert_eq!(given, (channels, channels), "running statistics of lengths {given:?} on shape {shape:?}");
            mean.copy_from_slice(norm.mean);
            inverse_deviation.copy_from_slice(norm.variance);
            None
        };
        // Up to here the buffer holds variances.
        inverse_deviation.iter_mut().for_each(|v| *v = T::one() / (*v + norm.epsilon).sqrt());

        let (values, gamma_values, beta_values) = (self.value(x), self.value(gamma), self.value(beta));
        let mut y = self.buffer(values.len());
        let affine = |c: usize| {
            let scale = gamma_values[c] * inverse_deviation[c];
            (mean[c], scale, beta_values[c])
        };
        for_each_image(&mut y, layout, |image, y| {
            let x = &values[image * channels * layout.positions..][..y.len()];
            vectorized(
                #[inline(always)]
                || {
                    let planes = y.chunks_exact_mut(layout.positions).zip(x.chunks_exact(layout.positions));
                    for (c, (y, x)) in planes.enumerate() {
                        normalise(y, x, affine(c));
                    }
                },
            );
        });
        let operator = BatchNormalise { x, gamma, beta, layout, from_batch, mean, inverse_deviation };
        (self.record(&shape, y, &[x, gamma, beta], operator), statistics)
    }
}

impl<T: Element> Operator<T> for BatchNormalise<T> {
    fn backward(self: Box<Self>, context: &mut Backward<'_, '_, T>, mut gradient: Buffer<T>) {
        let Self { x, gamma, beta, layout, from_batch, mean, inverse_deviation } = *self;
        let values = context.value(x);
        // dβ = Σ g and dγ = Σ g x̂, which dx needs as well.
        let (mut d_beta, mut d_gamma) = (context.buffer(layout.channels), context.buffer(layout.channels));
        for_each_channel(&mut d_beta, &mut d_gamma, layout, |c, ranges| {
            let (mut sum, mut products) = (0.0, 0.0);
            for range in ranges {
                let (g, gx) = reduce::sum_and_products(&gradient[range.clone()], &values[range], mean[c]);
                (sum, products) = (sum + g.widen(), products + gx.widen());
            }
            (T::narrow(sum), T::narrow(products) * inverse_deviation[c])
        });
        if context.needs(x) {
            let gamma_values = context.value(gamma);
            let count = T::narrow((layout.images * layout.positions) as f64);
            for_each_image(&mut gradient, layout, |image, gradient| {
                let x = &values[image * layout.channels * layout.positions..][..gradient.len()];
                vectorized(
                    #[inline(always)]
                    || {
                        let planes = gradient.chunks_exact_mut(layout.positions).zip(x.chunks_exact(layout.positions));
                        for (c, (g, x)) in planes.enumerate() {
                            let scale = gamma_values[c] * inverse_deviation[c];
                            if !from_batch {
                                for g in g.iter_mut() {
                                    *g *= scale;
                                }
                                continue;
                            }
                            let mean_g = d_beta[c] / count;
                            let slope = d_gamma[c] / count * inverse_deviation[c];
                            denormalise(g, x, [scale, mean_g, mean[c], slope]);
                        }
                    },
                );
            });
            context.add(x, gradient);
        }
        context.add(gamma, d_gamma);
        context.add(beta, d_beta);
    }
}

/// `y = (x - mean) · scale + shift`. A function of its own, because only arguments tell the compiler that the slices do not
/// overlap, without which it would not use vector units.
#[inline(always)]
#[allow(clippy::inline_always, reason = "it must be compiled inside the function that has the vector units enabled")]
fn normalise<T: Element>(y: &mut [T], x: &[T], (mean, scale, shift): (T, T, T)) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = (x - mean) * scale + shift;
    }
}

/// `g ← scale · (g - mean of g - (x - mean) · slope)`.
#[inline(always)]
#[allow(clippy::inline_always, reason = "as above")]
fn denormalise<T: Element>(g: &mut [T], x: &[T], [scale, mean_g, mean, slope]: [T; 4]) {
    for (g, &x) in g.iter_mut().zip(x) {
        *g = scale * (*g - mean_g - (x - mean) * slope);
    }
}

/// Leaves mean and biased variance in the two buffers; the unbiased one stands in what is returned.
///
/// One pass over memory: mean and squares around it are taken of each plane while it is in the cache, and planes are joined
/// by the formula of Chan, Golub & `LeVeque` 1979, which subtracts no large numbers from each other.
fn batch_statistics<T: Element>(
    values: &[T],
    layout: Layout,
    mean: &mut [T],
    variance: &mut [T],
) -> BatchStatistics<T> {
    let count = (layout.images * layout.positions) as f64;
    for_each_channel(mean, variance, layout, |_, ranges| {
        let (mut mean, mut squares, mut seen) = (0.0, 0.0, 0.0);
        for range in ranges {
            let plane = &values[range];
            let own = plane.len() as f64;
            let own_mean = reduce::sum_by(plane, |x| x) / T::narrow(own);
            let own_squares = reduce::sum_by(plane, |x| (x - own_mean) * (x - own_mean));
            let apart = own_mean.widen() - mean;
            mean += apart * own / (seen + own);
            squares += own_squares.widen() + apart * apart * seen * own / (seen + own);
            seen += own;
        }
        (T::narrow(mean), T::narrow(squares))
    });
    let unbiased = variance.iter().map(|&squares| squares / T::narrow((count - 1.0).max(1.0))).collect();
    for v in variance.iter_mut() {
        *v /= T::narrow(count);
    }
    BatchStatistics { mean: mean.to_vec(), variance: unbiased }
}

/// Computes two numbers for each channel from the ranges of its planes, in the order of the images.
fn for_each_channel<T: Element>(
    first: &mut [T],
    second: &mut [T],
    layout: Layout,
    body: impl Fn(usize, &mut dyn Iterator<Item = std::ops::Range<usize>>) -> (T, T) + Sync + Send,
) {
    let Layout { images, channels, positions } = layout;
    let channel = |(c, (first, second)): (usize, (&mut T, &mut T))| {
        let mut ranges = (0..images).map(|image| {
            let start = (image * channels + c) * positions;
            start..start + positions
        });
        (*first, *second) = body(c, &mut ranges);
    };
    if images * channels * positions >= PARALLEL_ELEMENTS {
        first.par_iter_mut().zip(second).enumerate().for_each(channel);
    } else {
        first.iter_mut().zip(second).enumerate().for_each(channel);
    }
}

fn for_each_image<T: Element>(data: &mut [T], layout: Layout, body: impl Fn(usize, &mut [T]) + Sync + Send) {
    let parallel = data.len() >= PARALLEL_ELEMENTS;
    for_each_chunk(data, layout.channels * layout.positions, parallel, body);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{Problem, check, check_twin, tensor};
    use crate::{Pool, Tensor};
    use mixpress_testing::strategies::cases;
    use proptest::prelude::*;

    struct Normalised(Mode);

    /// Running statistics of the tests: mean and variance of a channel.
    fn running(channel: usize) -> (f64, f64) {
        (0.1 * channel as f64 - 0.2, 0.5 + channel as f64)
    }

    impl Problem for Normalised {
        fn apply<T: Element>(&self, tape: &mut Tape<'_, T>, inputs: &[Var]) -> Var {
            let channels = tape.shape(inputs[1])[0];
            let (mean, variance): (Vec<T>, Vec<T>) =
                (0..channels).map(running).map(|(m, v)| (T::narrow(m), T::narrow(v))).unzip();
            let norm = BatchNorm { mean: &mean, variance: &variance, epsilon: T::narrow(1e-5) };
            tape.batch_norm(inputs[0], inputs[1], inputs[2], norm).0
        }

        fn reference(&self, inputs: &[Tensor<f64>]) -> Tensor<f64> {
            let shape = inputs[0].shape();
            let (channels, positions) = (shape[1], shape[2..].iter().product::<usize>());
            let of_channel =
                |c| inputs[0].data().iter().enumerate().filter(move |(i, _)| i / positions % channels == c);
            let count = (shape[0] * positions) as f64;
            let mut y = inputs[0].clone();
            for c in 0..channels {
                let (mean, variance) = if self.0 == Mode::Training {
                    let mean = of_channel(c).map(|(_, x)| x).sum::<f64>() / count;
                    (mean, of_channel(c).map(|(_, x)| (x - mean).powi(2)).sum::<f64>() / count)
                } else {
                    running(c)
                };
                for (i, x) in of_channel(c) {
                    let normalised = (x - mean) / (variance + 1e-5).sqrt();
                    y.data_mut()[i] = inputs[1].data()[c] * normalised + inputs[2].data()[c];
                }
            }
            y
        }

        fn mode(&self) -> Mode {
            self.0
        }
    }

    fn inputs(shape: &[usize], seed: u64) -> [Tensor<f64>; 3] {
        [tensor(shape, seed), tensor(&shape[1..2], seed ^ 1), tensor(&shape[1..2], seed ^ 2)]
    }

    proptest! {
        #![proptest_config(cases(32))]
        #[test]
        fn batch_norm_is_right(n in 3_usize..6, c in 1_usize..5, image in prop::option::of((1_usize..4, 1_usize..4)), seed: u64) {
            let shape = image.map_or(vec![n, c], |(h, w)| vec![n, c, h, w]);
            check(&Normalised(Mode::Training), &inputs(&shape, seed));
            check(&Normalised(Mode::Inference), &inputs(&shape, seed));
        }
    }

    #[test]
    fn a_large_batch_is_right() {
        for shape in [&[20, 16, 11, 12][..], &[300, 130]] {
            check_twin(&Normalised(Mode::Training), &inputs(shape, 1));
            check_twin(&Normalised(Mode::Inference), &inputs(shape, 1));
        }
    }

    #[test]
    fn statistics_are_returned_while_training_only() {
        let x = Tensor::new(&[2, 2], vec![1.0_f32, 10.0, 3.0, 10.0]).unwrap();
        let (gamma, beta) = (Tensor::full(&[2], 1.0), Tensor::zeros(&[2]));
        let pool = Pool::new();
        for (mode, expected) in [
            (Mode::Training, Some(BatchStatistics { mean: vec![2.0, 10.0], variance: vec![2.0, 0.0] })),
            (Mode::Inference, None),
        ] {
            let mut tape = Tape::new(&pool, mode);
            let (x, gamma, beta) = (tape.constant(&x), tape.parameter(&gamma), tape.parameter(&beta));
            let norm = BatchNorm { mean: &[0.0; 2], variance: &[1.0; 2], epsilon: 1e-5 };
            assert_eq!(tape.batch_norm(x, gamma, beta, norm).1, expected);
        }
    }
}
