//! Products of matrices of which each entry is one sum, taken in one order whatever the vector units and threads.
//!
//! Vectors lie across the columns of a result, so that nothing is reordered, and nothing is fused: a machine without
//! fused products, or a reader in another language, comes to the same bits.

use rayon::prelude::*;

/// Rows and columns of a result whose sums stay in registers.
const HEIGHT: usize = 4;
const WIDTH: usize = 32;
/// Rows of a result that a thread takes at a time.
const AT_ONCE: usize = 16 * HEIGHT;

/// A matrix or its transpose: entry `(i, k)` is at `i * along[0] + k * along[1]`.
#[derive(Clone, Copy)]
pub(super) struct Factor<'a> {
    pub(super) entries: &'a [f32],
    pub(super) along: [usize; 2],
}

impl Factor<'_> {
    /// Without its first rows; nothing where rows are empty.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "it must be compiled for its caller's vector units")]
    fn after(self, rows: usize) -> Self {
        Self { entries: self.entries.get(rows * self.along[0]..).unwrap_or_default(), ..self }
    }
}

/// Adds to each entry of `sums`, in rows of so many columns, the products `a_ik b_kj` in ascending order of `k`; `b` has
/// rows of as many columns.
pub(super) fn add_products(sums: &mut [f32], columns: usize, a: Factor<'_>, b: &[f32]) {
    add_from(sums, columns, a, b, |_| 0);
}

/// [`add_products`] where both `sums` and the result are symmetric: half of it is a copy.
pub(super) fn add_symmetric_products(sums: &mut [f32], columns: usize, a: Factor<'_>, b: &[f32]) {
    add_from(sums, columns, a, b, |block| block * AT_ONCE);
    for row in 1..columns {
        let (above, own) = sums.split_at_mut(row * columns);
        for (column, entry) in own[..row].iter_mut().enumerate() {
            *entry = above[column * columns + row];
        }
    }
}

/// [`add_products`] for the columns from one on that depends on the block of rows.
fn add_from(sums: &mut [f32], columns: usize, a: Factor<'_>, b: &[f32], start: impl Fn(usize) -> usize + Sync) {
    sums.par_chunks_mut((AT_ONCE * columns).max(1)).enumerate().for_each(|(block, sums)| {
        let a = a.after(block * AT_ONCE);
        mixpress_simd::vectorized(
            #[inline(always)]
            || block_of_rows(sums, columns, start(block), a, b),
        );
    });
}

#[inline(always)]
#[allow(clippy::inline_always, reason = "it must be compiled for its caller's vector units")]
fn block_of_rows(sums: &mut [f32], columns: usize, start: usize, a: Factor<'_>, b: &[f32]) {
    for (strip, sums) in sums.chunks_mut(HEIGHT * columns).enumerate() {
        let a = a.after(strip * HEIGHT);
        let along = a.along[1];
        let rows = [0, 1, 2, 3].map(|row| a.after(row).entries);
        for first in (start..columns).step_by(WIDTH) {
            let width = WIDTH.min(columns - first);
            let b = b.get(first..).unwrap_or_default();
            let mut tile = [[0.0f32; WIDTH]; HEIGHT];
            for (tile, sums) in tile.iter_mut().zip(sums.chunks_exact(columns)) {
                tile[..width].copy_from_slice(&sums[first..][..width]);
            }
            if sums.len() == HEIGHT * columns && width == WIDTH {
                tile = whole(tile, rows, along, b, columns);
            } else {
                for (k, b) in b.chunks(columns).enumerate() {
                    for (a, tile) in rows.iter().zip(&mut tile).take(sums.len() / columns) {
                        let a = a[k * along];
                        tile.iter_mut().zip(&b[..width]).for_each(|(sum, b)| *sum += a * b);
                    }
                }
            }
            for (tile, sums) in tile.iter().zip(sums.chunks_exact_mut(columns)) {
                sums[first..][..width].copy_from_slice(&tile[..width]);
            }
        }
    }
}

/// The sums of a whole tile, which is told row by row so that all of it is in registers.
#[inline(always)]
#[allow(clippy::inline_always, reason = "it must be compiled for its caller's vector units")]
fn whole(
    [mut first, mut second, mut third, mut fourth]: [[f32; WIDTH]; HEIGHT],
    a: [&[f32]; HEIGHT],
    along: usize,
    mut b: &[f32],
    columns: usize,
) -> [[f32; WIDTH]; HEIGHT] {
    let mut at = 0;
    while let Some(of_b) = b.first_chunk::<WIDTH>() {
        let of_a = a.map(|a| a[at]);
        for (sums, a) in [(&mut first, of_a[0]), (&mut second, of_a[1]), (&mut third, of_a[2]), (&mut fourth, of_a[3])]
        {
            sums.iter_mut().zip(of_b).for_each(|(sum, b)| *sum += a * b);
        }
        at += along;
        b = b.get(columns..).unwrap_or_default();
    }
    [first, second, third, fourth]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_go_on_in_the_order_of_their_terms() {
        for [rows, inner, columns] in [[1, 1, 1], [5, 7, 33], [70, 3, 64], [9, 0, 40], [67, 20, 95]] {
            let draw = |count: usize, by: f32| (0..count).map(|i| (i as f32 * by).sin() * 3.0).collect::<Vec<_>>();
            let (a, b, before) = (draw(rows * inner, 0.7), draw(inner * columns, 1.3), draw(rows * columns, 0.3));
            let turned: Vec<f32> = (0..rows * inner).map(|at| a[at % rows * inner + at / rows]).collect();
            let mut expected = before.clone();
            for (at, sum) in expected.iter_mut().enumerate() {
                for k in 0..inner {
                    *sum += a[at / columns * inner + k] * b[k * columns + at % columns];
                }
            }
            for (entries, along) in [(&a, [inner, 1]), (&turned, [1, rows])] {
                let mut sums = before.clone();
                add_products(&mut sums, columns, Factor { entries, along }, &b);
                assert_eq!(sums, expected, "{rows} {inner} {columns}");
            }
        }
    }

    #[test]
    fn half_of_a_symmetric_result_is_a_copy() {
        for [inner, columns] in [[3, 1], [9, 70], [20, 200]] {
            let rows: Vec<f32> = (0..inner * columns).map(|i| (i as f32 * 0.7).sin() * 3.0).collect();
            let factor = Factor { entries: &rows, along: [1, columns] };
            let (mut all, mut half) = (vec![1.5; columns * columns], vec![1.5; columns * columns]);
            add_products(&mut all, columns, factor, &rows);
            add_symmetric_products(&mut half, columns, factor, &rows);
            assert_eq!(all, half);
        }
    }
}
