//! The inner loops of direct convolution: products of shifted rows, summed in registers.
//!
//! Lanes are neighbouring positions of a row. [`Correlate`] holds a few filters times two vectors of positions in
//! registers while it walks over channels and taps: each loaded vector meets several filters, each loaded weight
//! several vectors, so that products and not loads are the limit. [`Contract`] holds a few filters times the taps of
//! one row of the kernel, and walks over the positions of several images: one flat loop, or the compiler would run out
//! of registers. Both are generic over the vector units of `pulp` and are plain safe code; the order of each sum
//! depends on the shapes and the number of lanes alone.

#![allow(
    clippy::inline_always,
    reason = "all of it must be compiled inside the function that has the vector units enabled"
)]
#![allow(
    clippy::needless_range_loop,
    reason = "arrays of fixed size and plain indices stay in registers; iterators do not"
)]

use pulp::{Simd, WithSimd};

/// The first vector of a slice.
#[inline(always)]
fn load<S: Simd>(slice: &[f32]) -> S::f32s {
    S::as_simd_f32s(&slice[..S::F32_LANES]).0[0]
}

/// Every filter at every position of one image: `y[f] = bias[f] + Σ_c Σ_taps w[f, c, tap] · x[c] shifted by tap`.
pub(super) struct Correlate<'a, const KW: usize> {
    /// The channels of an image, with their padding.
    pub planes: &'a [f32],
    /// Elements of one padded channel.
    pub plane_len: usize,
    /// Elements of one padded row.
    pub pitch: usize,
    /// Height of the kernel.
    pub rows: usize,
    /// Filters, packed by [`pack`](super::packing::pack).
    pub weights: &'a [f32],
    pub filters: usize,
    pub bias: Option<&'a [f32]>,
    /// Height and width of the result; at least as wide as a vector.
    pub size: [usize; 2],
    /// The result, one plane a filter.
    pub result: &'a mut [f32],
}

/// The filters that [`Correlate`] takes at once while that many are left.
pub(super) const TILES: [usize; 4] = [6, 4, 2, 1];

/// Where a vector of positions begins: its window in a padded channel, and itself in a plane of the result.
#[derive(Clone, Copy)]
struct Place {
    window: usize,
    result: usize,
}

impl<const KW: usize> WithSimd for Correlate<'_, KW> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let [height, width] = self.size;
        let vectors_a_row = width.div_ceil(S::F32_LANES);
        let vectors = height * vectors_a_row;
        let pitch = self.pitch;
        // The last vector of a row overlaps the one before where the row is no whole number of vectors.
        let place = |vector: usize| {
            let (y, x) = (vector / vectors_a_row, (vector % vectors_a_row * S::F32_LANES).min(width - S::F32_LANES));
            Place { window: y * pitch + x, result: y * width + x }
        };
        for vector in (0..vectors / 2 * 2).step_by(2) {
            self.all_filters::<S, 2>(simd, [place(vector), place(vector + 1)]);
        }
        if vectors % 2 == 1 {
            self.all_filters::<S, 1>(simd, [place(vectors - 1)]);
        }
    }
}

impl<const KW: usize> Correlate<'_, KW> {
    #[inline(always)]
    fn all_filters<S: Simd, const P: usize>(&mut self, simd: S, places: [Place; P]) {
        let mut first = 0;
        while first + 6 <= self.filters {
            self.tile::<S, 6, P>(simd, first, places);
            first += 6;
        }
        if first + 4 <= self.filters {
            self.tile::<S, 4, P>(simd, first, places);
            first += 4;
        }
        if first + 2 <= self.filters {
            self.tile::<S, 2, P>(simd, first, places);
            first += 2;
        }
        if first < self.filters {
            self.tile::<S, 1, P>(simd, first, places);
        }
    }

    /// Filters `first..first + F` at `P` vectors of positions.
    #[inline(always)]
    fn tile<S: Simd, const F: usize, const P: usize>(&mut self, simd: S, first: usize, places: [Place; P]) {
        let taps = self.weights.len() / self.filters;
        let weights = &self.weights[first * taps..(first + F) * taps];
        let weights = weights.as_chunks::<F>().0.as_chunks::<KW>().0;
        let mut sums = [[simd.splat_f32s(0.0); P]; F];
        if let Some(bias) = self.bias {
            for (sums, &bias) in sums.iter_mut().zip(&bias[first..first + F]) {
                *sums = [simd.splat_f32s(bias); P];
            }
        }
        let planes = self.planes.chunks_exact(self.plane_len).zip(weights.chunks_exact(self.rows));
        for (plane, weights) in planes {
            let mut at = places.map(|place| place.window);
            for weights in weights {
                let mut windows: [&[f32]; P] = [&[]; P];
                for p in 0..P {
                    windows[p] = &plane[at[p]..][..S::F32_LANES + KW - 1];
                    at[p] += self.pitch;
                }
                for tap in 0..KW {
                    let mut x = [simd.splat_f32s(0.0); P];
                    for p in 0..P {
                        x[p] = load::<S>(&windows[p][tap..]);
                    }
                    for f in 0..F {
                        let weight = simd.splat_f32s(weights[tap][f]);
                        for p in 0..P {
                            sums[f][p] = simd.mul_add_e_f32s(x[p], weight, sums[f][p]);
                        }
                    }
                }
            }
        }
        let positions = self.size[0] * self.size[1];
        for f in 0..F {
            let plane = &mut self.result[(first + f) * positions..][..positions];
            for p in 0..P {
                S::as_mut_simd_f32s(&mut plane[places[p].result..][..S::F32_LANES]).0[0] = sums[f][p];
            }
        }
    }
}

/// The gradient of every weight from some vectors of positions, of one image or several:
/// `dw[f, c, tap] += Σ_vectors dy[f] · x[c] shifted by tap`.
pub(super) struct Contract<'a, const KW: usize> {
    /// The padded channels of the images, and at least a vector and a kernel's width of finite numbers behind them.
    pub planes: &'a [f32],
    pub channels: usize,
    /// Elements of one padded channel.
    pub plane_len: usize,
    /// Elements of one padded row.
    pub pitch: usize,
    /// Height of the kernel.
    pub rows: usize,
    /// Where the window of each vector begins in the first channel of its image.
    pub windows: &'a [usize],
    /// The gradient of the result: for each filter all vectors, zero where they reach over the end of a row.
    pub gradient: &'a [f32],
    pub filters: usize,
    /// The sums, in the order of the weights.
    pub sums: &'a mut [f32],
}

impl<const KW: usize> WithSimd for Contract<'_, KW> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let lanes = self.windows.len() * S::F32_LANES;
        assert_eq!(self.gradient.len(), self.filters * lanes, "the gradient is turned for these lanes");
        let mut first = 0;
        // As many filters as leave registers for the pixels; a last tile of one would wait for its own sums.
        while KW == 3 && first + 3 <= self.filters && first + 4 != self.filters {
            self.tile::<S, 3>(simd, first);
            first += 3;
        }
        while first + 2 <= self.filters {
            self.tile::<S, 2>(simd, first);
            first += 2;
        }
        if first < self.filters {
            self.tile::<S, 1>(simd, first);
        }
    }
}

impl<const KW: usize> Contract<'_, KW> {
    /// The gradients of filters `first..first + F`.
    #[inline(always)]
    fn tile<S: Simd, const F: usize>(&mut self, simd: S, first: usize) {
        let vectors = self.windows.len();
        let mut gradients: [&[S::f32s]; F] = [&[]; F];
        for f in 0..F {
            let gradient = &self.gradient[(first + f) * vectors * S::F32_LANES..][..vectors * S::F32_LANES];
            gradients[f] = &S::as_simd_f32s(gradient).0[..vectors];
        }
        for channel in 0..self.channels {
            for row in 0..self.rows {
                let planes = &self.planes[channel * self.plane_len + row * self.pitch..];
                let mut sums = [[simd.splat_f32s(0.0); KW]; F];
                for (vector, &window) in self.windows.iter().enumerate() {
                    let window = &planes[window..][..S::F32_LANES + KW - 1];
                    let mut gradient = [simd.splat_f32s(0.0); F];
                    for f in 0..F {
                        gradient[f] = gradients[f][vector];
                    }
                    for tap in 0..KW {
                        let x = load::<S>(&window[tap..]);
                        for f in 0..F {
                            sums[f][tap] = simd.mul_add_e_f32s(gradient[f], x, sums[f][tap]);
                        }
                    }
                }
                for f in 0..F {
                    let to = (((first + f) * self.channels + channel) * self.rows + row) * KW;
                    for (to, &sum) in self.sums[to..to + KW].iter_mut().zip(&sums[f]) {
                        *to += simd.reduce_sum_f32s(sum);
                    }
                }
            }
        }
    }
}
