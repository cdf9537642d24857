//! Bases that rows suggest for the rows after them: the principal directions of what was coded before.
//!
//! The rests of rows that are alike lie near a few directions. In the basis of those (K. Karhunen, 1947; M. Loève,
//! 1948) columns are independent of each other and of very different scales, which takes fewer bits. As a basis follows
//! from rows that a reader has, it is not told; as it is orthonormal, an error in it is as large in the matrix.
//!
//! Directions need not be exact, only the same on every machine: of the columns of `C⁴`, `C` being the covariance, an
//! orthonormal basis is made by reflections (A. S. Householder, *Unitary triangularization of a nonsymmetric matrix*,
//! 1958). That is four steps of an orthogonal iteration at once.

use rayon::prelude::*;

use super::{
    TILE,
    orthonormal::{NOTHING, orthonormal},
    predict::ratio,
    sums::{Factor, add_products, add_symmetric_products},
};

/// Most columns of a matrix with bases: a basis takes time in proportion to their third power.
pub const MOST_BASIS_COLUMNS: usize = 1024;
/// Bases begin at multiples of so many rows.
pub const BASIS_ROWS: usize = TILE;
/// The first basis follows from a row for each so many columns at least.
const LEAST_SHARE: usize = 4;

/// Rows that are added to a covariance at a time.
const AT_ONCE: usize = 1 << 10;
/// Most standard deviations of an entry in a covariance.
const OUTLYING: f32 = 8.0;

/// That rows are coded in a basis with scales of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis {
    /// The first of the rows.
    pub first_row: usize,
    /// Whether it is the one that the rows before suggest, or the columns' own.
    pub is_turned: bool,
    /// A scale for each direction.
    pub scales: Vec<i16>,
}

/// Where a basis may begin.
pub(super) const BEGINS: &str = "it is a multiple of 64 below the number of rows, at least twice the last one's and a quarter of the \
                                 columns, of which there are at most 1024";

/// Whether a basis may begin at a row, with the last one at `before`.
pub(super) fn may_begin(row: usize, before: usize, [rows, columns]: [usize; 2]) -> bool {
    (1..=MOST_BASIS_COLUMNS).contains(&columns)
        && row.is_multiple_of(BASIS_ROWS)
        && (1..rows).contains(&row)
        && row >= (2 * before).max(columns / LEAST_SHARE)
}

/// The row before which each basis ends, of so many rows.
pub(super) fn ends(bases: &[Basis], rows: usize) -> impl Iterator<Item = usize> {
    bases.iter().skip(1).map(|basis| basis.first_row).chain([rows])
}

/// The scales of a row's entries.
pub(super) fn scales_at<'a>(bases: &'a [Basis], column_scales: &'a [i16], row: usize) -> &'a [i16] {
    let basis = bases.partition_point(|basis| basis.first_row <= row).checked_sub(1);
    basis.map_or(column_scales, |basis| &bases[basis].scales)
}

/// The covariance of rows.
#[derive(Debug, Clone)]
pub struct Covariance {
    columns: usize,
    rows: usize,
    /// The highest scale of a column.
    highest: i16,
    sums: Vec<f32>,
}

impl Covariance {
    /// Of no rows yet, of a matrix whose columns have such scales.
    #[must_use]
    pub fn new(column_scales: &[i16]) -> Self {
        let columns = column_scales.len();
        let highest = column_scales.iter().copied().max().unwrap_or(0);
        Self { columns, rows: 0, highest, sums: vec![0.0; columns * columns] }
    }

    /// Adds rows, in steps and as the matrix has them, of which each counts by its scale.
    ///
    /// # Panics
    /// If there is not a scale a row of as many entries as there are columns.
    #[track_caller]
    pub fn add(&mut self, rows: &[f32], row_scales: &[i16]) {
        assert_eq!(rows.len(), row_scales.len() * self.columns, "entries of {} rows", row_scales.len());
        let parts = rows.chunks((AT_ONCE * self.columns).max(1)).zip(row_scales.chunks(AT_ONCE));
        parts.for_each(|(rows, scales)| self.add_some(rows, scales));
    }

    fn add_some(&mut self, rows: &[f32], row_scales: &[i16]) {
        let columns = self.columns;
        let mut relative = vec![0.0f32; rows.len()];
        let (lines, rests) = (relative.par_chunks_mut(columns.max(1)), rows.par_chunks(columns.max(1)));
        lines.zip(rests).zip(row_scales).for_each(|((relative, rests), &scale)| {
            let factor = ratio(-scale, self.highest);
            for (relative, &rest) in relative.iter_mut().zip(rests) {
                *relative = (rest * factor).clamp(-OUTLYING, OUTLYING);
            }
        });
        self.rows += row_scales.len();
        add_symmetric_products(&mut self.sums, columns, Factor { entries: &relative, along: [1, columns] }, &relative);
    }

    /// The principal directions, about.
    #[must_use]
    pub fn directions(&self) -> Directions {
        let columns = self.columns;
        // Few rows say little of what columns have in common.
        let trust = self.rows as f32 / (self.rows + columns) as f32;
        let mut power = self.sums.clone();
        for (row, line) in power.chunks_exact_mut(columns.max(1)).enumerate() {
            let own = line[row];
            for sum in line.iter_mut() {
                *sum *= trust;
            }
            line[row] = own;
        }
        let mut order: Vec<usize> = (0..columns).collect();
        order.sort_by(|&a, &b| power[b * columns + b].total_cmp(&power[a * columns + a]));
        scale_to_one(&mut power, columns);
        for _ in 0..2 {
            let mut square = vec![0.0; columns * columns];
            add_symmetric_products(&mut square, columns, Factor { entries: &power, along: [columns, 1] }, &power);
            scale_to_one(&mut square, columns);
            power = square;
        }
        let forth = orthonormal(&power, &order);
        let back = (0..columns * columns).map(|at| forth[at % columns * columns + at / columns]).collect();
        Directions { columns, forth, back }
    }
}

/// Divides a matrix by the largest entry of its diagonal.
fn scale_to_one(matrix: &mut [f32], columns: usize) {
    let largest = (0..columns).fold(0.0f32, |largest, at| largest.max(matrix[at * columns + at]));
    if largest >= NOTHING {
        let inverse = 1.0 / largest;
        for entry in matrix {
            *entry *= inverse;
        }
    }
}

/// An orthonormal basis.
#[derive(Debug, Clone)]
pub struct Directions {
    columns: usize,
    /// Each direction a column, and each one a row.
    forth: Vec<f32>,
    back: Vec<f32>,
}

impl Directions {
    /// Turns rows, each as long as the basis has directions, into this basis.
    pub fn forth(&self, rows: &mut [f32]) {
        self.turn(rows, &self.forth);
    }

    /// Turns rows of this basis into what the matrix has.
    pub fn back(&self, rows: &mut [f32]) {
        self.turn(rows, &self.back);
    }

    fn turn(&self, rows: &mut [f32], by: &[f32]) {
        let columns = self.columns;
        rows.par_chunks_mut((TILE * columns).max(1)).for_each(|rows| {
            let mut out = vec![0.0; rows.len()];
            add_products(&mut out, columns, Factor { entries: rows, along: [columns, 1] }, by);
            rows.copy_from_slice(&out);
        });
    }
}

/// What numbers are in the basis of the matrix, in steps: `rests` are numbers, row by row, each in the basis of its row.
pub(super) fn turn_back(bases: &[Basis], row_scales: &[i16], column_scales: &[i16], rests: &mut [f32]) {
    let Some(last) = bases.iter().rposition(|basis| basis.is_turned) else { return };
    let columns = column_scales.len();
    let mut covariance = Covariance::new(column_scales);
    let mut before = 0;
    for (basis, end) in bases[..=last].iter().zip(ends(bases, row_scales.len())) {
        let first = basis.first_row;
        covariance.add(&rests[before * columns..first * columns], &row_scales[before..first]);
        if basis.is_turned {
            covariance.directions().back(&mut rests[first * columns..end * columns]);
        }
        before = first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows that lie near three directions.
    fn rows(count: usize, columns: usize) -> Vec<f32> {
        let entry = |at: usize| {
            let (row, column) = ((at / columns) as f32, (at % columns) as f32);
            let of = |by: f32| (row * by).sin() * (column * by * 1.7 + by).cos();
            9.0 * (of(0.37) + of(1.31) + of(2.77)) + (at as f32 * 0.731).sin()
        };
        (0..count * columns).map(entry).collect()
    }

    fn squares(rows: &[f32], columns: usize) -> Vec<f64> {
        let mut sums = vec![0.0; columns];
        for row in rows.chunks_exact(columns) {
            sums.iter_mut().zip(row).for_each(|(sum, &entry)| *sum += f64::from(entry * entry));
        }
        sums
    }

    #[test]
    fn directions_are_orthonormal_and_gather_what_columns_share() {
        for columns in [1, 2, 40, 65] {
            let before = rows(300, columns);
            let mut covariance = Covariance::new(&vec![8; columns]);
            covariance.add(&before, &[3; 300]);
            let directions = covariance.directions();
            for (at, a) in directions.back.chunks_exact(columns).enumerate() {
                for (other, b) in directions.back.chunks_exact(columns).enumerate() {
                    let product: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                    assert!((product - f32::from(u8::from(at == other))).abs() < 1e-5, "{at} {other} {product}");
                }
            }
            let mut turned = before.clone();
            directions.forth(&mut turned);
            if columns > 3 {
                let squares = squares(&turned, columns);
                let (most, all): (f64, f64) = (squares[..3].iter().sum(), squares.iter().sum());
                assert!(most > 0.95 * all, "{most} of {all}");
            }
            directions.back(&mut turned);
            assert!(turned.iter().zip(&before).all(|(a, b)| (a - b).abs() < 1e-3));
        }
    }

    #[test]
    fn nothing_and_what_is_not_finite_make_a_basis_too() {
        for value in [0.0, 1e-30, f32::MAX, f32::INFINITY, f32::NAN] {
            let mut covariance = Covariance::new(&[200, -200, 0]);
            covariance.add(&[value; 12], &[-200, 200, 0, 0]);
            let directions = covariance.directions();
            assert!(directions.forth.iter().all(|entry| entry.is_finite()), "{value}");
        }
    }
}
