//! An orthonormal basis of a matrix's columns, by reflections (A. S. Householder, *Unitary triangularization of a
//! nonsymmetric matrix*, 1958).
//!
//! Each column goes through the same reflections, one after the other, so columns may be taken by blocks that stay near,
//! and the result is the same.

use rayon::prelude::*;

/// The square of a length that is none: `2^-80`.
pub(super) const NOTHING: f32 = f32::from_bits((127 - 80) << 23);

/// Columns that are reflected at a time: as many as stay near.
const BLOCK: usize = 64;

/// A reflection `x - along (along · x) / half` of the rows from `first` on.
struct Reflection {
    first: usize,
    along: Vec<f32>,
    half: f32,
}

impl Reflection {
    /// Of the rows from `first` on onto the first of them; nothing where they are about zero, or no numbers.
    fn onto(first: usize, mut along: Vec<f32>) -> Option<Self> {
        let square = along.iter().fold(0.0f32, |sum, entry| sum + entry * entry);
        if square.is_nan() || square < NOTHING {
            return None;
        }
        let (own, length) = (along[0], square.sqrt());
        along[0] = if own > 0.0 { own + length } else { own - length };
        Some(Self { first, along, half: length * (length + own.abs()) })
    }

    fn reflect(&self, columns: &mut [[f32; BLOCK]]) {
        let columns = &mut columns[self.first..];
        mixpress_simd::vectorized_narrow(
            #[inline(always)]
            || {
                let sums = quotients(products(columns, &self.along), self.half);
                take(columns, &self.along, &sums);
            },
        );
    }
}

#[inline(always)]
#[allow(clippy::inline_always, reason = "it must be compiled for its caller's vector units")]
fn products(columns: &[[f32; BLOCK]], along: &[f32]) -> [f32; BLOCK] {
    let mut sums = [0.0f32; BLOCK];
    for (row, &along) in columns.iter().zip(along) {
        for column in 0..BLOCK {
            sums[column] += along * row[column];
        }
    }
    sums
}

#[inline(always)]
#[allow(clippy::inline_always, reason = "it must be compiled for its caller's vector units")]
fn quotients(sums: [f32; BLOCK], by: f32) -> [f32; BLOCK] {
    sums.map(|sum| sum / by)
}

#[inline(always)]
#[allow(clippy::inline_always, reason = "it must be compiled for its caller's vector units")]
fn take(columns: &mut [[f32; BLOCK]], along: &[f32], sums: &[f32; BLOCK]) {
    for (row, &along) in columns.iter_mut().zip(along) {
        for column in 0..BLOCK {
            row[column] -= along * sums[column];
        }
    }
}

/// An orthonormal basis, a direction each column, of the columns of a square matrix in such an order.
pub(super) fn orthonormal(matrix: &[f32], order: &[usize]) -> Vec<f32> {
    let count = order.len();
    let mut reflections: Vec<Reflection> = Vec::with_capacity(count);
    for (block, order) in order.chunks(BLOCK).enumerate() {
        let mut columns = vec![[0.0f32; BLOCK]; count];
        for (row, columns) in columns.iter_mut().enumerate() {
            columns.iter_mut().zip(order).for_each(|(entry, &column)| *entry = matrix[row * count + column]);
        }
        for reflection in &reflections {
            reflection.reflect(&mut columns);
        }
        for (place, first) in (block * BLOCK..count.saturating_sub(1)).take(BLOCK).enumerate() {
            let along = columns[first..].iter().map(|row| row[place]).collect();
            if let Some(reflection) = Reflection::onto(first, along) {
                reflection.reflect(&mut columns);
                reflections.push(reflection);
            }
        }
    }
    // The same reflections of the axes, in reverse: a later one than its own leaves an axis where it is.
    let mut out = vec![0.0; count * count];
    let blocks: Vec<Vec<[f32; BLOCK]>> = (0..count.div_ceil(BLOCK))
        .into_par_iter()
        .map(|block| {
            let mut columns = vec![[0.0f32; BLOCK]; count];
            let axes = block * BLOCK..count.min((block + 1) * BLOCK);
            axes.clone().enumerate().for_each(|(place, axis)| columns[axis][place] = 1.0);
            let own = reflections.partition_point(|reflection| reflection.first < axes.end);
            for reflection in reflections[..own].iter().rev() {
                reflection.reflect(&mut columns);
            }
            columns
        })
        .collect();
    for (row, out) in out.chunks_exact_mut(count.max(1)).enumerate() {
        for (out, block) in out.chunks_mut(BLOCK).zip(&blocks) {
            out.copy_from_slice(&block[row][..out.len()]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Column by column, each sum and difference in its order.
    fn by_definition(matrix: &[f32], order: &[usize]) -> Vec<f32> {
        let d = order.len();
        let mut columns: Vec<Vec<f32>> =
            order.iter().map(|&column| (0..d).map(|row| matrix[row * d + column]).collect()).collect();
        let reflect = |column: &mut [f32], (first, along, half): &(usize, Vec<f32>, f32)| {
            let mut sum = 0.0f32;
            along.iter().zip(&column[*first..]).for_each(|(along, entry)| sum += along * entry);
            sum /= half;
            column[*first..].iter_mut().zip(along).for_each(|(entry, along)| *entry -= along * sum);
        };
        let mut reflections = Vec::new();
        for at in 0..d.max(1) - 1 {
            let mut along = columns[at][at..].to_vec();
            let mut square = 0.0f32;
            for entry in &along {
                square += entry * entry;
            }
            if square >= NOTHING {
                let (own, length) = (along[0], square.sqrt());
                along[0] = if own > 0.0 { own + length } else { own - length };
                reflections.push((at, along, length * (length + own.abs())));
                let last = reflections.last().unwrap();
                columns[at + 1..].iter_mut().for_each(|column| reflect(column, last));
            }
        }
        let mut out = vec![0.0; d * d];
        for column in 0..d {
            let mut axis: Vec<f32> = (0..d).map(|row| f32::from(u8::from(row == column))).collect();
            reflections.iter().rev().for_each(|reflection| reflect(&mut axis, reflection));
            axis.iter().enumerate().for_each(|(row, &entry)| out[row * d + column] = entry);
        }
        out
    }

    #[test]
    fn blocks_are_as_columns_one_by_one() {
        for d in [1, 2, 63, 64, 65, 130] {
            let matrix: Vec<f32> = (0..d * d).map(|at| (at as f32 * 0.37).sin() + (at as f32 * 1.3).cos()).collect();
            let order: Vec<usize> = (0..d).map(|at| (at * 7 + 3) % d).collect();
            let bits = |matrix: &[f32]| matrix.iter().map(|entry| (entry + 0.0).to_bits()).collect::<Vec<u32>>();
            assert_eq!(bits(&orthonormal(&matrix, &order)), bits(&by_definition(&matrix, &order)), "{d}");
        }
    }
}
