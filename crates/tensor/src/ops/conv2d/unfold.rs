//! An image as a matrix of windows (im2col), and its adjoint.
//!
//! Everything here works on the channels of one group of one image that already has its padding around it, so that no window
//! needs to be clipped.

use mixpress_simd::vectorized;

use super::Geometry;
use crate::Element;

/// Copies channels into the middle of zeros.
pub(super) fn pad<T: Element>(g: &Geometry, x: &[T], padded: &mut [T]) {
    padded.fill(T::zero());
    for_each_line(g, |inner, outer| copy(&mut padded[outer..][..g.image[1]], &x[inner..][..g.image[1]]));
}

/// Copies channels out of their padding.
pub(super) fn crop<T: Element>(g: &Geometry, padded: &[T], x: &mut [T]) {
    for_each_line(g, |inner, outer| copy(&mut x[inner..][..g.image[1]], &padded[outer..][..g.image[1]]));
}

/// Writes a matrix with one row for each weight of a filter and one column for each window: row
/// `(c, i, j)` holds the pixel of channel `c` at offset `(i, j)` of each window.
pub(super) fn unfold<T: Element>(g: &Geometry, padded: &[T], rows: &mut [T]) {
    let [_, width] = g.padded();
    let ([oh, ow], [sy, sx]) = (g.result, g.options.stride);
    vectorized(
        #[inline(always)]
        || {
            for (tap, start) in taps(g).enumerate() {
                let row = &mut rows[tap * oh * ow..][..oh * ow];
                for (y, line) in row.chunks_exact_mut(ow).enumerate() {
                    let from = &padded[start + y * sy * width..];
                    if sx == 1 {
                        copy(line, &from[..ow]);
                    } else {
                        line.iter_mut().zip(from.iter().step_by(sx)).for_each(|(to, &from)| *to = from);
                    }
                }
            }
        },
    );
}

/// Adds each element of an unfolded matrix to the pixel that it came from.
pub(super) fn fold_add<T: Element>(g: &Geometry, rows: &[T], padded: &mut [T]) {
    let [_, width] = g.padded();
    let ([oh, ow], [sy, sx]) = (g.result, g.options.stride);
    vectorized(
        #[inline(always)]
        || {
            for (tap, start) in taps(g).enumerate() {
                let row = &rows[tap * oh * ow..][..oh * ow];
                for (y, line) in row.chunks_exact(ow).enumerate() {
                    let to = &mut padded[start + y * sy * width..];
                    if sx == 1 {
                        add(&mut to[..ow], line);
                    } else {
                        to.iter_mut().step_by(sx).zip(line).for_each(|(to, &from)| *to += from);
                    }
                }
            }
        },
    );
}

/// The transpose of [`unfold`]'s matrix: one contiguous row for each window, one column for each weight of a filter.
pub(super) fn unfold_transposed<T: Element>(g: &Geometry, padded: &[T], rows: &mut [T]) {
    match g.kernel[1] {
        1 => unfold_windows(g, padded, rows, copy_array::<1, T>),
        3 => unfold_windows(g, padded, rows, copy_array::<3, T>),
        5 => unfold_windows(g, padded, rows, copy_array::<5, T>),
        7 => unfold_windows(g, padded, rows, copy_array::<7, T>),
        _ => unfold_windows(g, padded, rows, copy),
    }
}

#[inline]
fn unfold_windows<T: Element>(g: &Geometry, padded: &[T], rows: &mut [T], copy: impl Fn(&mut [T], &[T])) {
    let [height, width] = g.padded();
    let ([kh, kw], [sy, sx]) = (g.kernel, g.options.stride);
    for (window, row) in rows.chunks_exact_mut(g.taps()).enumerate() {
        let corner = window / g.result[1] * sy * width + window % g.result[1] * sx;
        for (channel, row) in row.chunks_exact_mut(kh * kw).enumerate() {
            let mut from = channel * height * width + corner;
            for line in row.chunks_exact_mut(kw) {
                copy(line, &padded[from..][..kw]);
                from += width;
            }
        }
    }
}

/// For each weight of a filter, in order, where the pixel that it meets in the first window stands.
fn taps(g: &Geometry) -> impl Iterator<Item = usize> {
    let [kh, kw] = g.kernel;
    let [height, width] = g.padded();
    (0..g.taps()).map(move |tap| tap / (kh * kw) * height * width + tap / kw % kh * width + tap % kw)
}

/// Calls `body` with the offset of each line of an image without and with its padding.
fn for_each_line(g: &Geometry, mut body: impl FnMut(usize, usize)) {
    let ([h, w], [height, width], [py, px]) = (g.image, g.padded(), g.options.padding);
    for channel in 0..g.channels / g.options.groups {
        for y in 0..h {
            body((channel * h + y) * w, (channel * height + y + py) * width + px);
        }
    }
}

/// Copies a short slice, without the detour through the C library that `copy_from_slice` takes.
#[inline(always)]
#[allow(clippy::inline_always)] // A few instructions, called millions of times a step.
pub(super) fn copy<T: Copy>(to: &mut [T], from: &[T]) {
    let ((to, to_rest), (from, from_rest)) = (to.as_chunks_mut::<8>(), from.as_chunks::<8>());
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
    for (to, from) in to_rest.iter_mut().zip(from_rest) {
        *to = *from;
    }
}

/// `to += from` for short slices.
#[inline(always)]
#[allow(clippy::inline_always)] // As above.
fn add<T: Element>(to: &mut [T], from: &[T]) {
    let ((to, to_rest), (from, from_rest)) = (to.as_chunks_mut::<8>(), from.as_chunks::<8>());
    for (to, from) in to.iter_mut().zip(from) {
        for (to, from) in to.iter_mut().zip(from) {
            *to += *from;
        }
    }
    for (to, from) in to_rest.iter_mut().zip(from_rest) {
        *to += *from;
    }
}

#[inline(always)]
#[allow(clippy::inline_always)] // As above.
fn copy_array<const N: usize, T: Copy>(to: &mut [T], from: &[T]) {
    to.as_chunks_mut::<N>().0[0] = from.as_chunks::<N>().0[0];
}
