//! An orthonormal basis of a matrix's columns, by reflections (A. S. Householder, *Unitary triangularization of a
//! nonsymmetric matrix*, 1958).
//!
//! Each column goes through the same reflections, one after the other, so columns may be taken by blocks that stay near,
//! and the result is the same.

use rayon::prelude::*;

/// The square of a length that is none: `2^-80`.
const NOTHING: f32 = f32::from_bits((127 - 80) << 23);

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
