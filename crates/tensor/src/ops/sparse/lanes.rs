//! Sixteen images side by side: the number that each of them has at one place is one *cell*, and a weight meets a whole cell
//! at a time.
//!
//! A block of images is a slice of cells, one for each feature, in the order that the features of a single image have.
//! Lanes beyond the end of a batch hold zeros.
//!
//! A cell is two vectors of 256 bits. Loops run on units of that width even where there are wider ones: there the compiler
//! shuffles cells about, and takes twice the time (measured on Zen 4).
#![allow(clippy::inline_always, reason = "these loops must be compiled into functions that have vector units enabled")]

use crate::Element;

/// Images in a block.
pub(super) const LANES: usize = 16;

/// One number of each image of a block.
pub(super) type Cell<T> = [T; LANES];

/// Features that are gathered together, so that the cells being filled stay in the nearest cache.
const TILE: usize = 16;

/// The cells of a buffer.
pub(super) fn cells<T>(values: &[T]) -> &[Cell<T>] {
    values.as_chunks().0
}

/// The cells of a buffer, to be changed in place.
pub(super) fn cells_mut<T>(values: &mut [T]) -> &mut [Cell<T>] {
    values.as_chunks_mut().0
}

/// Turns up to sixteen images of `cells.len()` features, one after the other in `images`, into cells.
#[inline(always)]
pub(super) fn gather<T: Element>(images: &[T], cells: &mut [Cell<T>]) {
    let features = cells.len();
    if images.len() < LANES * features {
        cells.as_flattened_mut().fill(T::zero());
    }
    for (tile, cells) in cells.chunks_mut(TILE).enumerate() {
        for (lane, image) in images.chunks_exact(features).enumerate().take(LANES) {
            for (cell, &value) in cells.iter_mut().zip(&image[tile * TILE..]) {
                cell[lane] = value;
            }
        }
    }
}

/// The way back of [`gather`].
#[inline(always)]
pub(super) fn scatter<T: Element>(cells: &[Cell<T>], images: &mut [T]) {
    let features = cells.len();
    for (tile, cells) in cells.chunks(TILE).enumerate() {
        for (lane, image) in images.chunks_exact_mut(features).enumerate().take(LANES) {
            for (cell, value) in cells.iter().zip(&mut image[tile * TILE..]) {
                *value = cell[lane];
            }
        }
    }
}

/// `y + w · x`. Cells go in and out by value: behind references the compiler could not rule out that they overlap, and would
/// take one lane at a time.
#[inline(always)]
pub(super) fn plus_scaled<T: Element>(mut y: Cell<T>, w: T, x: Cell<T>) -> Cell<T> {
    for lane in 0..LANES {
        y[lane] += w * x[lane];
    }
    y
}

/// `sum + x · y`.
#[inline(always)]
pub(super) fn plus_product<T: Element>(mut sum: Cell<T>, x: Cell<T>, y: Cell<T>) -> Cell<T> {
    for lane in 0..LANES {
        sum[lane] += x[lane] * y[lane];
    }
    sum
}

/// `sum + x`.
#[inline(always)]
pub(super) fn plus<T: Element>(mut sum: Cell<T>, x: Cell<T>) -> Cell<T> {
    for lane in 0..LANES {
        sum[lane] += x[lane];
    }
    sum
}

/// `y += w · x`, cell by cell.
#[inline(always)]
pub(super) fn add_scaled<'a, T: Element>(
    y: impl Iterator<Item = &'a mut Cell<T>>,
    w: T,
    x: impl Iterator<Item = &'a Cell<T>>,
) {
    for (y, x) in y.zip(x) {
        *y = plus_scaled(*y, w, *x);
    }
}

/// [`total`], kept apart from the loop whose sum it takes: inlined, its tree of additions becomes the layout of the
/// registers in that loop, which then shuffles them in each round.
#[inline(never)]
pub(super) fn total_of<T: Element>(cell: &Cell<T>) -> T {
    total(*cell)
}

/// The sum of all lanes, halves first.
#[inline(always)]
pub(super) fn total<T: Element>(mut cell: Cell<T>) -> T {
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            cell[lane] += cell[lane + half];
        }
    }
    cell[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gathered_is_scattered() {
        for (images, features) in [(16, 5), (3, 40), (1, 1)] {
            let values: Vec<f32> = (0..images * features).map(|value| value as f32).collect();
            let mut cells = vec![[f32::NAN; LANES]; features];
            gather(&values, &mut cells);
            for (feature, cell) in cells.iter().enumerate() {
                for (lane, &value) in cell.iter().enumerate() {
                    let expected = if lane < images { (lane * features + feature) as f32 } else { 0.0 };
                    assert_eq!(value, expected);
                }
            }
            let mut back = vec![f32::NAN; values.len()];
            scatter(&cells, &mut back);
            assert_eq!(back, values);
        }
    }

    #[test]
    fn a_total_has_every_lane() {
        assert_eq!(total(std::array::from_fn::<f64, LANES, _>(|lane| f64::from(1 << lane))), 65_535.0);
    }
}
