//! Maximum of sliding windows, on one plane of one block of images.
//!
//! Which pixel of a window won is kept as a number, its place in the kernel, a lane each; the plane itself can then be
//! forgotten.
#![allow(clippy::inline_always, reason = "these loops must be compiled into functions that have vector units enabled")]

use super::lanes::{Cell, LANES};
use crate::Element;
use crate::ops::window::{Pool2d, inside};

/// Windows on planes of one size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windows {
    pub pool: Pool2d,
    pub image: [usize; 2],
    pub result: [usize; 2],
}

impl Windows {
    /// Pixels of a plane.
    pub fn plane_len(&self) -> usize {
        self.image[0] * self.image[1]
    }

    /// Windows of a plane.
    pub fn len(&self) -> usize {
        self.result[0] * self.result[1]
    }

    /// Calls `body(window, place in the kernel, pixel)` for each pixel of each window that is inside the plane.
    #[inline(always)]
    fn for_each_pixel(&self, mut body: impl FnMut(usize, usize, usize)) {
        let Pool2d { kernel, stride, padding } = self.pool;
        for oy in 0..self.result[0] {
            let rows = inside(oy, kernel[0], stride[0], padding[0], self.image[0]);
            for ox in 0..self.result[1] {
                let columns = inside(ox, kernel[1], stride[1], padding[1], self.image[1]);
                for row in rows.clone() {
                    let first_place = (row + padding[0] - oy * stride[0]) * kernel[1];
                    for column in columns.clone() {
                        let place = first_place + column + padding[1] - ox * stride[1];
                        body(oy * self.result[1] + ox, place, row * self.image[1] + column);
                    }
                }
            }
        }
    }

    /// The maximum of each window, and which place of the kernel it had: the first one on ties, and a NaN before all
    /// numbers.
    #[inline(always)]
    pub fn forward<T: Element>(&self, plane: &[Cell<T>], y: &mut [Cell<T>], which: &mut [Cell<T>]) {
        let mut last = usize::MAX;
        self.for_each_pixel(
            #[inline(always)]
            |window, place, pixel| {
                let (x, y, which) = (&plane[pixel], &mut y[window], &mut which[window]);
                let place = T::narrow(place as f64);
                if window != last {
                    last = window;
                    *y = *x;
                    *which = [place; LANES];
                    return;
                }
                (*y, *which) = winner((*y, *which), (*x, place));
            },
        );
    }

    /// Sends the gradient of each window to the pixel that won.
    #[inline(always)]
    pub fn backward<T: Element>(&self, which: &[Cell<T>], dy: &[Cell<T>], plane: &mut [Cell<T>]) {
        plane.as_flattened_mut().fill(T::zero());
        self.for_each_pixel(
            #[inline(always)]
            |window, place, pixel| {
                let (dx, dy, which) = (&mut plane[pixel], &dy[window], &which[window]);
                let place = T::narrow(place as f64);
                // A product with 1 or 0: of a choice the compiler makes a masked store, which some processors are slow at.
                let (old, dy, which) = (*dx, *dy, *which);
                let mut sum = [T::zero(); LANES];
                for lane in 0..LANES {
                    let won = if which[lane] == place { T::one() } else { T::zero() };
                    sum[lane] = old[lane] + won * dy[lane];
                }
                *dx = sum;
            },
        );
    }
}

/// The larger of two pixels and its place, the earlier one on ties; a NaN is larger than any number.
///
/// Two loops of plain choices into fresh cells, or the compiler takes one lane at a time.
#[inline(always)]
fn winner<T: Element>((old, was): (Cell<T>, Cell<T>), (x, place): (Cell<T>, T)) -> (Cell<T>, Cell<T>) {
    let (mut best, mut places) = ([T::zero(); LANES], [T::zero(); LANES]);
    for lane in 0..LANES {
        // A NaN is never at least as large as anything, so that it is chosen here, and what is NaN already stays.
        let larger = if old[lane] >= x[lane] { old[lane] } else { x[lane] };
        best[lane] = if old[lane].is_nan() { old[lane] } else { larger };
    }
    for lane in 0..LANES {
        let larger = if old[lane] >= x[lane] { was[lane] } else { place };
        places[lane] = if old[lane].is_nan() { was[lane] } else { larger };
    }
    (best, places)
}
