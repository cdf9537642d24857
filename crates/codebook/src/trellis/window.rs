//! Where the strips of a block go: parts of a tensor's values that threads fill at the same time.

use super::{
    LANES, TILE,
    kernels::{SQUARE, Transpose, Turn},
};

/// The values of adjacent columns of a matrix.
#[derive(Debug)]
pub(super) enum Window<'a> {
    /// A part of each row.
    Rows(Vec<&'a mut [f32]>),
    /// Columns one after the other, as the tensor is the matrix's transpose.
    Columns(&'a mut [f32]),
    /// A part of each row, of numbers.
    Numbers(Vec<&'a mut [i16]>),
}

/// Rows of numbers, a lane each.
pub(super) type Tile = [[i16; LANES]; TILE];

impl<'a> Window<'a> {
    /// Cuts a tensor's values into windows of so many columns each.
    pub(super) fn cut(values: &'a mut [f32], rows: usize, is_transposed: bool, widths: &[usize]) -> Vec<Self> {
        let columns: usize = widths.iter().sum();
        debug_assert_eq!(values.len(), rows * columns, "windows cover the tensor");
        if is_transposed {
            let mut rest = values;
            let cut = |&width: &usize| Self::Columns(rest.split_off_mut(..width * rows).unwrap_or_default());
            return widths.iter().map(cut).collect();
        }
        parts(values, columns, widths).into_iter().map(Self::Rows).collect()
    }

    /// Cuts a matrix's numbers likewise.
    pub(super) fn cut_numbers(numbers: &'a mut [i16], widths: &[usize]) -> Vec<Self> {
        parts(numbers, widths.iter().sum(), widths).into_iter().map(Self::Numbers).collect()
    }

    /// Writes rows of a strip, times the step.
    pub(super) fn fill(&mut self, tile: &[[i16; LANES]], at: Place, step: f32, turn: Turn) {
        let Place { first, width, row, rows } = at;
        match self {
            Self::Rows(windows) => mixpress_simd::vectorized(
                #[inline(always)]
                || {
                    for (numbers, out) in tile.iter().zip(&mut windows[row..]) {
                        let out = &mut out[first..][..width];
                        if let Some(out) = out.first_chunk_mut::<LANES>() {
                            out.iter_mut().zip(numbers).for_each(|(out, &number)| *out = f32::from(number) * step);
                        } else {
                            out.iter_mut().zip(numbers).for_each(|(out, &number)| *out = f32::from(number) * step);
                        }
                    }
                },
            ),
            Self::Numbers(windows) => {
                for (numbers, out) in tile.iter().zip(&mut windows[row..]) {
                    out[first..][..width].copy_from_slice(&numbers[..width]);
                }
            }
            Self::Columns(out) => turn(tile, &mut out[first * rows..][..width * rows], rows, row, step),
        }
    }

    /// Whether it takes values, not numbers.
    pub(super) fn has_values(&self) -> bool {
        !matches!(self, Self::Numbers(_))
    }

    /// Writes rows of a strip's values, which stand side by side.
    pub(super) fn copy(&mut self, values: &[f32], at: Place, transpose: Transpose) {
        let Place { first, width, row, rows } = at;
        match self {
            Self::Rows(windows) => mixpress_simd::vectorized(
                #[inline(always)]
                || {
                    for (values, out) in values.chunks_exact(width).zip(&mut windows[row..]) {
                        match (out[first..].first_chunk_mut::<LANES>(), values.first_chunk()) {
                            (Some(out), Some(values)) => *out = *values,
                            _ => out[first..][..width].copy_from_slice(values),
                        }
                    }
                },
            ),
            Self::Columns(out) => {
                let count = values.len() / width;
                let columns = &mut out[first * rows..][..width * rows];
                let mut tile = [[0.0; SQUARE]; SQUARE];
                for (above, left) in
                    (0..count).step_by(SQUARE).flat_map(|a| (0..width).step_by(SQUARE).map(move |l| (a, l)))
                {
                    let size = [SQUARE.min(count - above), SQUARE.min(width - left)];
                    transpose(&values[above * width + left..], width, size, &mut tile);
                    let columns = columns[left * rows..].chunks_exact_mut(rows).take(size[1]);
                    for (column, tile) in columns.zip(&tile) {
                        match column[row + above..].first_chunk_mut::<SQUARE>() {
                            Some(out) if size[0] == SQUARE => *out = *tile,
                            _ => column[row + above..][..size[0]].copy_from_slice(&tile[..size[0]]),
                        }
                    }
                }
            }
            Self::Numbers(_) => (),
        }
    }
}

/// The parts of so many columns of each row.
fn parts<'a, T>(values: &'a mut [T], columns: usize, widths: &[usize]) -> Vec<Vec<&'a mut [T]>> {
    let rows = values.len() / columns.max(1);
    let mut parts: Vec<Vec<&mut [T]>> = widths.iter().map(|_| Vec::with_capacity(rows)).collect();
    for mut row in values.chunks_exact_mut(columns.max(1)) {
        for (part, &width) in parts.iter_mut().zip(widths) {
            part.push(row.split_off_mut(..width).unwrap_or_default());
        }
    }
    parts
}

/// Where rows of a strip are in a window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The strip's first column in the window.
    pub(super) first: usize,
    /// Its columns.
    pub(super) width: usize,
    /// The first of the rows.
    pub(super) row: usize,
    /// All rows of the matrix.
    pub(super) rows: usize,
}
