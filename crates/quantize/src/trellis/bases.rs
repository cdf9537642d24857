//! The basis of each part of a matrix: the columns' own, or the principal directions of rows that were quantised before.

use std::{borrow::Cow, f64::consts::LN_2};

use mixpress_codebook::trellis::{
    BASIS_ROWS, Basis, Covariance, Directions, MAX_SCALE, MOST_BASIS_COLUMNS, TrellisMatrix,
};
use rayon::prelude::*;

use super::{
    estimate::{MOST_VAST_TURNED, VAST, VAST_BITS},
    predict::DISTORTION,
    quantize::{least_scale, scale_of},
};

/// Matrices of fewer columns have few directions to choose from.
const LEAST_COLUMNS: usize = 16;
/// Standard deviations of a weight beyond which it says no more of a direction's scale.
const OUTLYING: f64 = 40.0;
/// Bits that a basis takes for each of its directions, about: a scale in the head, and as many again because the search for
/// the way through the trellis does not see across. The rest is what a reader's time is worth: fewer bases, a hundredth
/// of what they save.
const DIRECTION_BITS: f64 = 8.0;

/// Where parts of a matrix begin that may have a basis of their own: after a third of so many rows as there are columns,
/// and then each time after as many rows as there were before.
fn candidates([rows, columns]: [usize; 2]) -> Vec<usize> {
    if !(LEAST_COLUMNS..=MOST_BASIS_COLUMNS).contains(&columns) {
        return Vec::new();
    }
    let first = columns.div_ceil(3 * BASIS_ROWS) * BASIS_ROWS;
    std::iter::successors(Some(first), |start| start.checked_mul(2)).take_while(|&start| start < rows).collect()
}

/// From each start to the next one, the first of them 0.
pub(super) fn parts(starts: &[usize], rows: usize) -> impl Iterator<Item = (usize, usize)> {
    let ends = starts.iter().copied().chain([rows]);
    std::iter::once(0).chain(starts.iter().copied()).zip(ends)
}

/// What bases of a matrix follow from.
#[derive(Debug)]
pub(super) struct Bases {
    covariance: Covariance,
    directions: Option<Directions>,
}

impl Bases {
    pub(super) fn new(matrix: &TrellisMatrix) -> Self {
        Self { covariance: Covariance::new(&matrix.column_scales), directions: None }
    }

    /// The bases that a matrix is likely to have, judged by weights instead of what they become.
    pub(super) fn likely(matrix: &TrellisMatrix, weights: &[f32]) -> Vec<Basis> {
        let TrellisMatrix { rows, columns, step, .. } = *matrix;
        let candidates = candidates([rows, columns]);
        if candidates.is_empty() {
            return Vec::new();
        }
        let mut trial = matrix.clone();
        let mut bases = Self::new(matrix);
        for (start, end) in parts(&candidates, rows) {
            let weights = &weights[start * columns..end * columns];
            if start > 0 {
                bases.turn(&mut trial, start, Cow::Borrowed(weights), &mut []);
            }
            let rests: Vec<f32> = weights.iter().map(|weight| weight / step).collect();
            bases.covariance.add(&rests, &matrix.row_scales[start..end]);
        }
        trial.bases
    }

    /// Chooses the basis of the rows from `start` on, of which these are the weights: the one at hand, that of the columns
    /// with scales that suit these rows, or the directions of the rows before. Gives the weights in it, and where it
    /// changes turns `values` into it.
    pub(super) fn turn<'w>(
        &mut self,
        matrix: &mut TrellisMatrix,
        start: usize,
        weights: Cow<'w, [f32]>,
        values: &mut [f32],
    ) -> Cow<'w, [f32]> {
        let (columns, step) = (matrix.columns, matrix.step);
        let rows = &matrix.row_scales[start..start + weights.len() / columns];
        let turned = |directions: &Directions| {
            let mut turned = weights.clone();
            directions.forth(turned.to_mut());
            turned
        };
        let own = |weights: &[f32]| {
            let scales = scales_of(weights, rows, columns, step);
            (bits(weights, rows, &scales, step) + DIRECTION_BITS * columns as f64, scales)
        };
        let as_before = self.directions.as_ref().map_or_else(|| weights.clone(), turned);
        let bits_as_before = bits(&as_before, rows, matrix.scales_at(start), step);
        let directions = self.covariance.directions();
        let along = turned(&directions);
        let (of_columns, mut of_directions) = (own(&weights), own(&along));
        if share_of_vast(rows, &of_directions.1) > MOST_VAST_TURNED {
            of_directions.0 = f64::INFINITY;
        }
        if bits_as_before <= of_columns.0.min(of_directions.0) {
            return as_before;
        }
        if let Some(before) = self.directions.take() {
            before.back(values);
        }
        let is_turned = of_directions.0 < of_columns.0;
        let (weights, scales) = if is_turned { (along, of_directions.1) } else { (weights, of_columns.1) };
        matrix.bases.push(Basis { first_row: start, is_turned, scales });
        if is_turned {
            directions.forth(values);
            self.directions = Some(directions);
        }
        weights
    }

    /// Takes account of rows that were quantised.
    pub(super) fn add(&mut self, matrix: &TrellisMatrix, start: usize, end: usize) {
        let columns = matrix.columns;
        let (first, last) = (start * columns, end * columns);
        let mut rests: Vec<f32> = matrix.numbers[first..last].iter().map(|&number| f32::from(number)).collect();
        let patches = &matrix.patches[matrix.patches.partition_point(|patch| patch.position < first as u64)..];
        for patch in patches.iter().take_while(|patch| patch.position < last as u64) {
            rests[patch.position as usize - first] = patch.number as f32;
        }
        if let Some(directions) = &self.directions {
            directions.back(&mut rests);
        }
        self.covariance.add(&rests, &matrix.row_scales[start..end]);
    }
}

/// The scales of directions, for rows that have such scales.
fn scales_of(weights: &[f32], rows: &[i16], columns: usize, step: f32) -> Vec<i16> {
    let mut squares = vec![0.0f64; columns];
    for (weights, &row) in weights.chunks_exact(columns).zip(rows) {
        let inverse = (-0.25 * f64::from(row)).exp2() / f64::from(step);
        for (square, &weight) in squares.iter_mut().zip(weights) {
            let relative = (f64::from(weight) * inverse).clamp(-OUTLYING, OUTLYING);
            *square += relative * relative;
        }
    }
    let least = least_scale(rows);
    squares.iter().map(|square| scale_of(square / rows.len() as f64, 1.0).max(least)).collect()
}

/// The share of entries that are too large for tables.
fn share_of_vast(rows: &[i16], scales: &[i16]) -> f64 {
    let is_vast = |row: i16, scale: i16| f64::from(row) + f64::from(scale) > 4.0 * VAST;
    let vast: usize = rows.iter().map(|&row| scales.iter().filter(|&&scale| is_vast(row, scale)).count()).sum();
    vast as f64 / (rows.len() * scales.len()) as f64
}

/// Bits that weights take about, where scales may not be theirs: those of a normal distribution of such scales, widened by
/// the error of quantisation.
fn bits(weights: &[f32], rows: &[i16], columns: &[i16], step: f32) -> f64 {
    let variance = |sum: i32| (0.5 * f64::from(sum)).exp2() + DISTORTION;
    let of_scale = |sum: i32| {
        let bits = 0.5 * (variance(sum) / DISTORTION).log2();
        if f64::from(sum) > 4.0 * VAST { bits + VAST_BITS } else { bits }
    };
    let sums = -2 * i32::from(MAX_SCALE)..=2 * i32::from(MAX_SCALE);
    let table: Vec<[f64; 2]> = sums.map(|sum| [(0.5 / variance(sum)) / LN_2, of_scale(sum)]).collect();
    let of_row = |(weights, &row): (&[f32], &i16)| -> f64 {
        let of_weight = |(&weight, &column): (&f32, &i16)| {
            let [factor, bits] = table[(2 * MAX_SCALE + row + column) as usize];
            let square = f64::from(weight / step).powi(2) + DISTORTION;
            bits + (factor * square - 0.5 / LN_2).min(VAST_BITS)
        };
        weights.iter().zip(columns).map(of_weight).sum()
    };
    let of_rows: Vec<f64> = weights.par_chunks(columns.len()).zip(rows).map(of_row).collect();
    of_rows.iter().sum()
}

#[cfg(test)]
mod tests {
    use mixpress_codebook::trellis::{Section, TrellisMatrix};

    use super::super::{TrellisCoded, TrellisEstimate, TrellisPlan, TrellisProfile, tests::Draw};
    use super::*;

    /// Rows near a few directions of their own, more or less of each.
    fn directed(draw: &mut Draw, [rows, columns]: [usize; 2]) -> Vec<f32> {
        let directions: Vec<f32> = (0..6 * columns).map(|_| draw.normal()).collect();
        let mut weights = Vec::with_capacity(rows * columns);
        for _ in 0..rows {
            let shares: Vec<f32> = (0..6).map(|_| draw.normal()).collect();
            for column in 0..columns {
                let along = shares.iter().enumerate().map(|(at, share)| share * directions[at * columns + column]);
                weights.push(along.sum::<f32>() + 0.5 * draw.normal());
            }
        }
        weights
    }

    fn transposed(weights: &[f32], [rows, columns]: [usize; 2]) -> Vec<f32> {
        (0..weights.len()).map(|at| weights[at % rows * columns + at / rows]).collect()
    }

    /// What is coded at a step, each with bases or not, and whether it is read as it was quantised.
    fn code(weights: &[([usize; 2], &[f32])], has_bases: bool, is_related: bool) -> (TrellisCoded, f64) {
        let profile = |&(shape, weights): &([usize; 2], &[f32])| {
            let profile = TrellisProfile::new(shape, weights).unwrap();
            let profile = if is_related { profile.with_references(weights) } else { profile };
            if has_bases { profile.with_bases(weights) } else { profile }
        };
        let plan = TrellisPlan::new(weights.iter().map(profile).collect());
        let coded = plan.quantize(|number| weights[number].1, &vec![0.2; weights.len()], 64).unwrap();
        let bytes = coded.encode().unwrap();
        let shapes: Vec<[usize; 2]> = weights.iter().map(|weights| weights.0).collect();
        let mut values: Vec<Vec<f32>> = weights.iter().map(|(_, weights)| vec![0.0; weights.len()]).collect();
        let mut outputs: Vec<&mut [f32]> = values.iter_mut().map(Vec::as_mut_slice).collect();
        Section::open(&bytes, &shapes).unwrap().decode(&mut outputs).unwrap();
        let pairs = weights.iter().zip(&values).flat_map(|((_, weights), values)| weights.iter().zip(values));
        let error: f64 = pairs.map(|(w, v)| f64::from(w - v).powi(2)).sum();
        assert!((error / coded.distortion - 1.0).abs() < 1e-3, "{error} {}", coded.distortion);
        let count: usize = values.iter().map(Vec::len).sum();
        (coded, 8.0 * bytes.len() as f64 / count as f64)
    }

    #[test]
    fn directions_save_bits_and_are_followed_by_a_reader() {
        let mut draw = Draw(47);
        let shape = [900, 70];
        let first = directed(&mut draw, shape);
        let second: Vec<f32> = first.iter().map(|weight| 0.9 * weight + 0.6 * draw.normal()).collect();
        let turned = transposed(&second, shape);
        // Alone, turned, and predicted from another one.
        for weights in
            [vec![(shape, &first[..])], vec![([70, 900], &turned[..])], vec![(shape, &first), ([70, 900], &turned)]]
        {
            let ((_, plain), (coded, with)) = (code(&weights, false, false), code(&weights, true, false));
            assert!(coded.matrices.iter().any(|matrix| matrix.bases.iter().any(|basis| basis.is_turned)));
            assert_eq!(coded.matrices.iter().filter(|matrix| matrix.prediction.is_some()).count(), weights.len() - 1);
            assert!(plain - with > 0.25, "{plain} {with}");
        }
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| code(&[(shape, &first)], true, false).0)
        };
        assert!(on(1) == on(3));
    }

    #[test]
    fn rows_that_predict_others_may_be_turned() {
        let mut draw = Draw(53);
        let shape = [1500, 64];
        let mut weights = directed(&mut draw, shape);
        for row in 1000..1500 {
            for column in 0..64 {
                weights[row * 64 + column] =
                    0.4 * weights[row * 64 + column] + 0.9 * weights[(row - 900) * 64 + column];
            }
        }
        let plain = code(&[(shape, &weights)], true, false).1;
        let (related, with) = code(&[(shape, &weights)], true, true);
        assert!(related.matrices[0].prediction.is_some() && !related.matrices[0].bases.is_empty());
        assert!(plain - with > 0.1, "{plain} {with}");
    }

    #[test]
    fn what_directions_save_is_known_before() {
        let weights = directed(&mut Draw(67), [900, 70]);
        let profile = TrellisProfile::new([900, 70], &weights).unwrap();
        let estimate = |profile: &TrellisProfile| TrellisEstimate::new(profile, 64).at(0.2).unwrap();
        let (plain, with) = (estimate(&profile), estimate(&profile.with_bases(&weights)));
        let (coded, bits) = code(&[([900, 70], &weights)], true, false);
        let per_weight = |bits: f64| bits / 63_000.0;
        assert!(
            (per_weight(with.0) - bits).abs() < 0.1 && per_weight(plain.0) > bits + 0.25,
            "{with:?} {plain:?} {bits}"
        );
        assert!((with.1 / coded.distortion - 1.0).abs() < 0.05, "{with:?} {}", coded.distortion);
    }

    #[test]
    fn what_has_no_directions_is_left_alone() {
        let shape = [900, 70];
        let weights = Draw(59).matrix(shape, 0.5);
        let (coded, with) = code(&[(shape, &weights)], true, false);
        let (_, plain) = code(&[(shape, &weights)], false, false);
        assert!(coded.matrices[0].bases.is_empty());
        assert!((with - plain).abs() < 1e-3, "{plain} {with}");
        assert!(candidates([5000, 8]).is_empty() && candidates([5000, 1025]).is_empty());
        assert_eq!(candidates([1000, 384]), [128, 256, 512]);
    }

    #[test]
    fn rows_go_back_to_the_columns_where_directions_do_not_last() {
        let mut draw = Draw(61);
        let mut weights = directed(&mut draw, [300, 64]);
        weights.extend(draw.matrix([1500, 64], 0.0));
        let (coded, _) = code(&[([1800, 64], &weights)], true, false);
        let TrellisMatrix { bases, .. } = &coded.matrices[0];
        assert!(bases[0].is_turned && !bases[bases.len() - 1].is_turned, "{bases:?}");
    }
}
