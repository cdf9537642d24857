//! An image as a matrix of windows (im2col), and its adjoint.

use super::Geometry;
use crate::Element;
use crate::ops::window::windows_inside;

/// Writes the channels `x` of one group as a matrix `[channels · kh · kw, H' · W']`: row `(c, i, j)` holds, for each window,
/// the pixel of channel `c` at offset `(i, j)`, zero in the padding.
pub(super) fn unfold<T: Element>(g: &Geometry, x: &[T], columns: &mut [T]) {
    for_each_row(g, |tap, plane, rows, cols, start| {
        let row = &mut columns[tap * g.positions()..][..g.positions()];
        let plane = &x[plane..][..g.image[0] * g.image[1]];
        let [sy, sx] = g.options.stride;
        row[..rows.start * g.result[1]].fill(T::zero());
        row[rows.end * g.result[1]..].fill(T::zero());
        for (y, line) in row.chunks_exact_mut(g.result[1]).enumerate().take(rows.end).skip(rows.start) {
            line[..cols.start].fill(T::zero());
            line[cols.end..].fill(T::zero());
            let line = &mut line[cols.clone()];
            let from = start + (y - rows.start) * sy * g.image[1];
            if sx == 1 {
                line.copy_from_slice(&plane[from..][..line.len()]);
            } else {
                line.iter_mut().zip(plane[from..].iter().step_by(sx)).for_each(|(to, &from)| *to = from);
            }
        }
    });
}

/// Adds each element of an unfolded matrix to the pixel that it came from.
pub(super) fn fold_add<T: Element>(g: &Geometry, columns: &[T], x: &mut [T]) {
    for_each_row(g, |tap, plane, rows, cols, start| {
        let row = &columns[tap * g.positions()..][..g.positions()];
        let plane = &mut x[plane..][..g.image[0] * g.image[1]];
        let [sy, sx] = g.options.stride;
        for (y, line) in row.chunks_exact(g.result[1]).enumerate().take(rows.end).skip(rows.start) {
            let line = &line[cols.clone()];
            let to = start + (y - rows.start) * sy * g.image[1];
            if sx == 1 {
                plane[to..][..line.len()].iter_mut().zip(line).for_each(|(to, &from)| *to += from);
            } else {
                plane[to..].iter_mut().step_by(sx).zip(line).for_each(|(to, &from)| *to += from);
            }
        }
    });
}

/// Calls `body(row of the matrix, offset of the channel, rows and columns of windows that see a pixel there, offset of the
/// first such pixel in the channel)`.
fn for_each_row(
    g: &Geometry,
    mut body: impl FnMut(usize, usize, std::ops::Range<usize>, std::ops::Range<usize>, usize),
) {
    let [kh, kw] = g.kernel;
    let ([sy, sx], [py, px]) = (g.options.stride, g.options.padding);
    for tap in 0..g.taps() {
        let (channel, i, j) = (tap / (kh * kw), tap / kw % kh, tap % kw);
        let rows = windows_inside(i, sy, py, g.image[0], g.result[0]);
        let cols = windows_inside(j, sx, px, g.image[1], g.result[1]);
        if rows.is_empty() || cols.is_empty() {
            body(tap, channel * g.image[0] * g.image[1], 0..0, 0..0, 0);
            continue;
        }
        let start = (rows.start * sy + i - py) * g.image[1] + cols.start * sx + j - px;
        body(tap, channel * g.image[0] * g.image[1], rows, cols, start);
    }
}
