//! The kernels at every number of lanes, those of other processors included, against plain loops.

use super::kernels::{Contract, Correlate};
use super::packing::{mirror, pack, turn};
use mixpress_testing::{assert_close, uniform};
use pulp::{Simd, WithSimd};

const CHANNELS: usize = 3;
const ROWS: usize = 3;
const IMAGES: usize = 2;

fn numbers(len: usize, seed: u64) -> Vec<f32> {
    uniform(len, seed).iter().map(|&x| x as f32).collect()
}

/// A convolution without padding of images of `size`, by kernels `KW` wide.
struct Case<const KW: usize> {
    filters: usize,
    size: [usize; 2],
    x: Vec<f32>,
    weights: Vec<f32>,
    bias: Vec<f32>,
    gradient: Vec<f32>,
}

impl<const KW: usize> Case<KW> {
    fn new(filters: usize, size: [usize; 2]) -> Self {
        Self {
            filters,
            size,
            x: numbers(IMAGES * CHANNELS * size[0] * size[1], 1),
            weights: numbers(filters * Self::taps(), 2),
            bias: numbers(filters, 3),
            gradient: numbers(IMAGES * filters * (size[0] - ROWS + 1) * (size[1] - KW + 1), 4),
        }
    }

    fn taps() -> usize {
        CHANNELS * ROWS * KW
    }

    fn result(&self) -> [usize; 2] {
        [self.size[0] - ROWS + 1, self.size[1] - KW + 1]
    }

    /// Calls `body(position in the result, weight, position in the image)` for every product.
    fn for_each_product(&self, mut body: impl FnMut(usize, usize, usize)) {
        let ([height, width], [rows, columns]) = (self.size, self.result());
        for at in 0..self.gradient.len() {
            let (image, filter) = (at / (rows * columns) / self.filters, at / (rows * columns) % self.filters);
            let (y, x) = (at / columns % rows, at % columns);
            for tap in 0..Self::taps() {
                let (channel, i, j) = (tap / (ROWS * KW), tap / KW % ROWS, tap % KW);
                let pixel = ((image * CHANNELS + channel) * height + y + i) * width + x + j;
                body(at, filter * Self::taps() + tap, pixel);
            }
        }
    }

    fn check<S: Simd>(&self, simd: S) {
        let (plane_len, positions) = (self.size[0] * self.size[1], self.result()[0] * self.result()[1]);
        let mut expected: Vec<f64> =
            (0..self.gradient.len()).map(|at| f64::from(self.bias[at / positions % self.filters])).collect();
        let mut expected_sums = vec![0.0; self.weights.len()];
        self.for_each_product(|at, weight, pixel| {
            expected[at] += f64::from(self.weights[weight]) * f64::from(self.x[pixel]);
            expected_sums[weight] += f64::from(self.gradient[at]) * f64::from(self.x[pixel]);
        });

        let mut packed = vec![f32::NAN; self.weights.len()];
        pack(&self.weights, Self::taps(), &mut packed);
        let mut y = vec![f32::NAN; self.gradient.len()];
        for (x, y) in self.x.chunks(CHANNELS * plane_len).zip(y.chunks_mut(self.filters * positions)) {
            let kernel = Correlate::<KW> {
                planes: x,
                plane_len,
                pitch: self.size[1],
                rows: ROWS,
                weights: &packed,
                filters: self.filters,
                bias: Some(&self.bias),
                size: self.result(),
                result: y,
            };
            kernel.with_simd(simd);
        }
        assert_close(&y, &expected, 1e-5, 1e-5);

        let ([rows, columns], lanes) = (self.result(), S::F32_LANES);
        let (mut windows, mut places) = (Vec::new(), Vec::new());
        for row in 0..IMAGES * rows {
            let (image, row) = (row / rows, row % rows);
            for column in (0..columns).step_by(lanes) {
                windows.push(image * CHANNELS * plane_len + row * self.size[1] + column);
                places.push([image * self.filters * positions + row * columns + column, lanes.min(columns - column)]);
            }
        }
        let mut turned = vec![f32::NAN; self.filters * windows.len() * lanes];
        turn(&self.gradient, positions, &places, lanes, &mut turned);
        let planes = [&self.x[..], &vec![0.0; lanes + KW]].concat();
        let mut sums = vec![0.0; self.weights.len()];
        let kernel = Contract::<KW> {
            planes: &planes,
            channels: CHANNELS,
            plane_len,
            pitch: self.size[1],
            rows: ROWS,
            windows: &windows,
            gradient: &turned,
            filters: self.filters,
            sums: &mut sums,
        };
        kernel.with_simd(simd);
        assert_close(&sums, &expected_sums, 1e-5, 1e-4);
    }
}

#[test]
fn kernels_are_right_at_every_number_of_lanes() {
    fn check<const KW: usize>(filters: usize, width: usize) {
        let case = Case::<KW>::new(filters, [6, width + KW - 1]);
        case.check(pulp::Scalar::new());
        case.check(pulp::Scalar128b);
        case.check(pulp::Scalar256b);
        case.check(pulp::Scalar512b);
    }
    // Filters in tiles of 6, 4 and 1, of 6 and 2, of 6 and 6 and 1; rows with whole vectors and with parts of them.
    for filters in [11, 8, 13] {
        for width in [16, 19, 24, 32] {
            check::<3>(filters, width);
            check::<5>(filters, width);
        }
    }
}

#[test]
fn mirroring_twice_is_nothing() {
    let weights = numbers(5 * 3 * 9, 1);
    let (mut once, mut twice) = (vec![0.0; weights.len()], vec![0.0; weights.len()]);
    mirror(&weights, [5, 3], 9, &mut once);
    mirror(&once, [3, 5], 9, &mut twice);
    assert_ne!(once, weights);
    assert_eq!(twice, weights);
}
