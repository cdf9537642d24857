//! What one matrix makes likely in another one: `P_ij = g_i s_ij / s'_ij * W'_ij`, each factor an f32 that every
//! machine agrees on.

use rayon::prelude::*;

use super::{
    LANES, MAX_SCALE,
    kernels::{SQUARE, Transpose},
};

/// `2^(i / 4)`, rounded to f32.
const ROOTS: [f32; 4] = [1.0, 1.189_207_1, std::f32::consts::SQRT_2, 1.681_792_9];

/// The factors of rows and columns by which a partner's values become predictions.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictor {
    rows: Vec<f32>,
    columns: Vec<f32>,
}

/// The step of a matrix, and the scales of its rows and columns.
pub(super) type Scales<'a> = (f32, &'a [i16], &'a [i16]);

/// `2^(difference / 4)`.
pub(super) fn ratio(scale: i16, other: i16) -> f32 {
    let difference = i32::from(scale) - i32::from(other);
    debug_assert!(difference.abs() <= 2 * i32::from(MAX_SCALE), "scales are bounded");
    let power = f32::from_bits(((127 + difference.div_euclid(4)) as u32) << 23);
    ROOTS[difference.rem_euclid(4) as usize] * power
}

/// The factor of a row that an earlier row of its own matrix predicts: with gain `g`, scale `a` and that of the earlier
/// row `a'` it is `g / 8 * 2^((a - a') / 4)`, rounded to f32.
#[must_use]
pub fn row_factor(gain: i8, scale: i16, other: i16) -> f32 {
    f32::from(gain) / 8.0 * ratio(scale, other)
}

/// The factors of all rows of a matrix.
pub(super) fn row_factors(gains: &[i8], references: &[u32], scales: &[i16]) -> Vec<f32> {
    let rows = gains.iter().zip(references).zip(scales);
    rows.map(|((&gain, &reference), &scale)| row_factor(gain, scale, scales[reference as usize])).collect()
}

/// Adds to rows from `first` on, the first one first, what earlier ones predict.
pub(super) fn add_rows(strip: &mut [f32], width: usize, first: usize, references: &[u32], factors: &[f32]) {
    mixpress_simd::vectorized(
        #[inline(always)]
        || {
            let rows = first..strip.len() / width.max(1);
            let predicted = rows.clone().zip(&references[rows.clone()]).zip(&factors[rows]);
            for ((row, &reference), &factor) in predicted.filter(|row| *row.1 != 0.0) {
                let (before, from) = strip.split_at_mut(row * width);
                let (other, out) = (&before[reference as usize * width..][..width], &mut from[..width]);
                let whole = (other.first_chunk::<LANES>(), out.first_chunk_mut::<LANES>());
                if let (true, (Some(other), Some(out))) = (width == LANES, whole) {
                    out.iter_mut().zip(other).for_each(|(out, other)| *out += other * factor);
                } else {
                    out.iter_mut().zip(other).for_each(|(out, other)| *out += other * factor);
                }
            }
        },
    );
}

impl Predictor {
    /// The factors for a matrix of such step and scales, whose partner has those of `other`; `gains` are in units of
    /// 1/8.
    ///
    /// With step `Δ`, row scales `a`, column scales `b` and those of the partner `Δ'`, `a'` and `b'`, the factor of a
    /// row is `(g / 8 * (Δ / Δ')) * 2^((a - a') / 4)`, that of a column `2^((b - b') / 4)`, each operation rounded to
    /// f32.
    #[must_use]
    pub fn new(gains: &[i8], own: Scales, other: Scales) -> Self {
        let steps = own.0 / other.0;
        let row = |((&gain, &a), &b): ((&i8, &i16), &i16)| (f32::from(gain) / 8.0 * steps) * ratio(a, b);
        Self {
            rows: gains.iter().zip(own.1).zip(other.1).map(row).collect(),
            columns: own.2.iter().zip(other.2).map(|(&a, &b)| ratio(a, b)).collect(),
        }
    }

    /// What is predicted where the partner's value in a row and a column is this one: first times the row's, then the
    /// column's factor.
    #[inline]
    #[must_use]
    pub fn predict(&self, row: usize, column: usize, value: f32) -> f32 {
        value * self.rows[row] * self.columns[column]
    }

    /// Adds what is predicted to rows of a strip from `first` on, whose columns begin at `start`. Both stand row by row.
    pub(super) fn add(&self, values: &mut [f32], partner: &[f32], first: usize, start: usize, width: usize) {
        let columns = &self.columns[start..][..width];
        let rows = values.chunks_exact_mut(width).zip(partner.chunks_exact(width)).zip(&self.rows[first..]);
        mixpress_simd::vectorized(
            #[inline(always)]
            || {
                for ((values, partner), &row) in rows {
                    let whole = (values.first_chunk_mut::<LANES>(), partner.first_chunk(), columns.first_chunk());
                    if let (Some(values), Some(partner), Some(columns)) = whole {
                        add_lanes(values, partner, row, columns);
                    } else {
                        let values = values.iter_mut().zip(partner).zip(columns);
                        values.for_each(|((value, &other), &column)| *value += other * row * column);
                    }
                }
            },
        );
    }

    /// Adds what is predicted to a matrix. Both are as the tensors' shapes have them, and may be the transposes of what
    /// is coded.
    pub(super) fn add_whole(
        &self,
        (values, is_transposed): (&mut [f32], bool),
        (partner, is_other): (&[f32], bool),
        transpose: Transpose,
    ) {
        if self.rows.is_empty() || self.columns.is_empty() {
            return;
        }
        let along = if is_transposed { self.rows.len() } else { self.columns.len() };
        if is_transposed == is_other {
            let pairs = values.par_chunks_mut(along).zip(partner.par_chunks(along)).enumerate();
            pairs
                .with_min_len(64)
                .for_each(|(line, (values, partner))| self.add_line(values, partner, is_transposed, line, 0));
        } else {
            let tiles = values.par_chunks_mut(SQUARE * along).enumerate();
            tiles.for_each(|(number, values)| {
                self.add_across(values, partner, is_transposed, number * SQUARE, transpose);
            });
        }
    }

    /// Adds to a part of a line of the tensor, which is a row or, transposed, a column, from `start` on.
    fn add_line(&self, values: &mut [f32], partner: &[f32], is_transposed: bool, line: usize, start: usize) {
        mixpress_simd::vectorized(
            #[inline(always)]
            || {
                let pairs = values.iter_mut().zip(partner);
                if is_transposed {
                    let column = self.columns[line];
                    pairs.zip(&self.rows[start..]).for_each(|((value, &other), &row)| *value += other * row * column);
                } else {
                    let row = self.rows[line];
                    pairs
                        .zip(&self.columns[start..])
                        .for_each(|((value, &other), &column)| *value += other * row * column);
                }
            },
        );
    }

    /// Adds to lines of which one of the two matrices has the transpose, by square tiles, so that both stay in the
    /// nearest cache.
    fn add_across(&self, values: &mut [f32], partner: &[f32], is_transposed: bool, first: usize, transpose: Transpose) {
        let (lines, along) =
            if is_transposed { (self.columns.len(), self.rows.len()) } else { (self.rows.len(), self.columns.len()) };
        let height = values.len() / along;
        let mut tile = [[0.0f32; SQUARE]; SQUARE];
        for start in (0..along).step_by(SQUARE) {
            let width = SQUARE.min(along - start);
            transpose(&partner[start * lines + first..], lines, [width, height], &mut tile);
            for (number, (values, tile)) in values.chunks_exact_mut(along).zip(&tile).enumerate() {
                self.add_line(&mut values[start..][..width], tile, is_transposed, first + number, start);
            }
        }
    }
}

/// Adds what is predicted to all lanes.
#[inline(always)]
#[allow(clippy::inline_always, reason = "it must be compiled for its caller's vector units")]
fn add_lanes(values: &mut [f32; LANES], partner: &[f32; LANES], row: f32, columns: &[f32; LANES]) {
    for lane in 0..LANES {
        values[lane] += partner[lane] * row * columns[lane];
    }
}

#[cfg(test)]
mod tests {
    use mixpress_simd::Level;

    use super::{super::kernels::transpose_at, *};

    #[test]
    fn ratios_are_powers_of_two_in_quarters() {
        for difference in -400i16..=400 {
            let exact = 2f64.powf(f64::from(difference) / 4.0);
            let got = f64::from(ratio(difference / 2, difference / 2 - difference));
            assert!((got / exact - 1.0).abs() < 1e-7, "{difference}: {got} {exact}");
        }
        let exact: Vec<f32> = (0..4).map(|i| 2f64.powf(f64::from(i) / 4.0) as f32).collect();
        assert_eq!(exact, ROOTS);
    }

    #[test]
    fn all_orientations_add_the_same() {
        let (rows, columns) = (45, 70);
        let scale = |count: usize, by: i16| (0..count).map(|i| i as i16 % by - 3).collect::<Vec<_>>();
        let gains: Vec<i8> = (0..rows).map(|i| i as i8 - 20).collect();
        let (a, b, c, d) = (scale(rows, 7), scale(columns, 5), scale(rows, 4), scale(columns, 9));
        let predictor = Predictor::new(&gains, (0.5, &a, &b), (0.25, &c, &d));
        let partner: Vec<f32> = (0..rows * columns).map(|i| (i as f32 * 0.37).sin()).collect();
        let values: Vec<f32> = partner.iter().map(|value| value * 3.0 - 1.0).collect();
        let predicted = |at: usize| predictor.predict(at / columns, at % columns, partner[at]);
        let expected: Vec<f32> = values.iter().enumerate().map(|(at, value)| value + predicted(at)).collect();
        let turned = |values: &[f32]| -> Vec<f32> {
            (0..rows * columns).map(|at| values[at % rows * columns + at / rows]).collect()
        };
        for (is_transposed, is_other) in [(false, false), (false, true), (true, false), (true, true)] {
            let other = if is_other { turned(&partner) } else { partner.clone() };
            let got = if is_transposed { turned(&values) } else { values.clone() };
            for level in Level::ALL {
                let mut got = got.clone();
                predictor.add_whole((&mut got, is_transposed), (&other, is_other), transpose_at(level));
                assert_eq!(got, if is_transposed { turned(&expected) } else { expected.clone() }, "{level}");
            }
        }
    }
}
