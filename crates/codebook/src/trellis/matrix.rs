//! A matrix as numbers that follow the trellis down its columns.

use super::{
    Basis, Model, Trellis,
    basis::{BEGINS, may_begin, scales_at, turn_back},
    predict::{Scales, add_rows, row_factors},
};
use crate::Error;

/// Scales are at most this and at least its negative: `2^±50`.
pub const MAX_SCALE: i16 = 200;
/// Matrices that one predicts at most: their strips stand together.
pub const MOST_PREDICTED: usize = 4;
/// One entry in so many may have a value of its own.
const MOST_PATCHED: usize = 8;
/// And so many more.
const FREELY_PATCHED: usize = 64;

/// A number that a matrix has in some place instead of the one that the trellis allows there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patch {
    /// Position in the matrix, row by row as it is coded.
    pub position: u64,
    /// The number.
    pub number: i32,
}

/// That a matrix is coded as its difference from what is likely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prediction {
    /// What makes it likely.
    pub source: PredictionSource,
    /// For each row how much of that to take, in units of 1/8.
    pub gains: Vec<i8>,
}

/// What makes the rows of a matrix likely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PredictionSource {
    /// The rows of another matrix, which comes earlier, has as many rows and columns as it is coded, and is not
    /// predicted itself. This is its number in the section.
    Matrix(usize),
    /// Earlier rows of the matrix itself: the number of one for each row, and 0 for those with a gain of 0.
    Rows(Vec<u32>),
}

impl Prediction {
    /// The other matrix, if it is one that predicts.
    #[must_use]
    pub fn partner(&self) -> Option<usize> {
        match self.source {
            PredictionSource::Matrix(partner) => Some(partner),
            PredictionSource::Rows(_) => None,
        }
    }
}

/// A matrix as it is coded: transposed if need be, its columns running down the trellis.
///
/// The value of an entry is its number times the step, in f32, plus what is predicted. The scales of its row and its
/// column say how large it is likely to be: the standard deviation is about `step * 2^((row + column) / 4)`. Rows that
/// have a basis of their own are numbers along its directions.
#[derive(Debug, Clone, PartialEq)]
pub struct TrellisMatrix {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// Whether rows and columns are those of the tensor's transpose.
    pub is_transposed: bool,
    /// What numbers are multiplied by: positive and finite.
    pub step: f32,
    /// A scale a row.
    pub row_scales: Vec<i16>,
    /// A scale a column.
    pub column_scales: Vec<i16>,
    /// A number an entry, row by row. Each column is a way through the trellis from state 0 on.
    pub numbers: Vec<i16>,
    /// Other numbers of some entries, in ascending order of their positions.
    pub patches: Vec<Patch>,
    /// What is added.
    pub prediction: Option<Prediction>,
    /// Bases that rows are coded in, in ascending order of their first rows.
    pub bases: Vec<Basis>,
}

impl TrellisMatrix {
    /// The tensor's own shape.
    #[must_use]
    pub fn shape(&self) -> [usize; 2] {
        if self.is_transposed { [self.columns, self.rows] } else { [self.rows, self.columns] }
    }

    /// The number of the matrix that predicts this one, if one does.
    #[must_use]
    pub fn partner(&self) -> Option<usize> {
        self.prediction.as_ref()?.partner()
    }

    /// The scales of the columns in a row, or of the directions of its basis.
    #[must_use]
    pub fn scales_at(&self, row: usize) -> &[i16] {
        scales_at(&self.bases, &self.column_scales, row)
    }

    /// The step, and the scales of rows and columns.
    pub(super) fn scales(&self) -> Scales<'_> {
        (self.step, &self.row_scales, &self.column_scales)
    }

    /// The numbers times the step, row by row as they are coded, and what earlier rows predict: the values of a matrix
    /// that no other one predicts, or its transpose's.
    ///
    /// # Panics
    /// If a patch is beyond the last number, a row is predicted from one that is not earlier, or bases do not begin one
    /// after the other within the rows.
    #[must_use]
    #[track_caller]
    pub fn coded_values(&self) -> Vec<f32> {
        let mut values: Vec<f32> = self.numbers.iter().map(|&number| f32::from(number)).collect();
        for patch in &self.patches {
            values[patch.position as usize] = patch.number as f32;
        }
        turn_back(&self.bases, &self.row_scales, &self.column_scales, &mut values);
        for value in &mut values {
            *value *= self.step;
        }
        if let Some(Prediction { source: PredictionSource::Rows(references), gains }) = &self.prediction {
            let factors = row_factors(gains, references, &self.row_scales);
            add_rows(&mut values, self.columns, 0, references, &factors);
        }
        values
    }

    /// The number of an entry's patch list that may be there.
    pub(super) fn most_patches(entries: usize) -> usize {
        entries / MOST_PATCHED + FREELY_PATCHED
    }

    /// Refuses what no section can hold; `number` is that of the matrix, after `others`.
    pub(crate) fn check(&self, trellis: Trellis, number: usize, others: &[Self]) -> Result<(), Error> {
        let refuse = |what, found: usize, rule| Err(Error::TrellisMatrix { matrix: number, what, found, rule });
        let entries = self.rows.checked_mul(self.columns);
        if entries != Some(self.numbers.len()) {
            return refuse("numbers", self.numbers.len(), "there is one an entry");
        }
        if self.row_scales.len() != self.rows || self.column_scales.len() != self.columns {
            let found = self.row_scales.len() + self.column_scales.len();
            return refuse("scales", found, "there is one a row and one a column");
        }
        let mut before = 0;
        for Basis { first_row, scales, .. } in &self.bases {
            if !may_begin(*first_row, before, [self.rows, self.columns]) {
                return refuse("the first row of a basis", *first_row, BEGINS);
            }
            if scales.len() != self.columns {
                return refuse("scales", scales.len(), "there is one a direction");
            }
            before = *first_row;
        }
        let scales = self.row_scales.iter().chain(&self.column_scales);
        let scales = scales.chain(self.bases.iter().flat_map(|basis| &basis.scales));
        if let Some(&scale) = scales.into_iter().find(|scale| scale.abs() > MAX_SCALE) {
            return refuse("a scale's size", usize::from(scale.unsigned_abs()), "it is at most 200");
        }
        if !(self.step > 0.0 && self.step.is_finite()) {
            return refuse("the step's bits", self.step.to_bits() as usize, "it is positive and finite");
        }
        if self.patches.len() > Self::most_patches(self.numbers.len()) {
            return refuse("patches", self.patches.len(), "one entry in eight has one; the step is too fine");
        }
        let is_ascending = self.patches.windows(2).all(|pair| pair[0].position < pair[1].position);
        if !is_ascending || self.patches.last().is_some_and(|last| last.position >= self.numbers.len() as u64) {
            return refuse("patches", self.patches.len(), "they ascend within the matrix");
        }
        if let Some(prediction) = &self.prediction {
            if prediction.gains.len() != self.rows {
                return refuse("gains", prediction.gains.len(), "there is one a row");
            }
            let is_partner =
                |other: &Self| other.prediction.is_none() && (other.rows, other.columns) == (self.rows, self.columns);
            match &prediction.source {
                PredictionSource::Matrix(partner) if !others.get(*partner).is_some_and(is_partner) => {
                    return refuse("the partner", *partner, "it comes before, is as large and not predicted");
                }
                PredictionSource::Matrix(partner) => {
                    let same = others.iter().filter(|other| other.partner() == Some(*partner)).count();
                    if same >= MOST_PREDICTED {
                        return refuse("the partner", *partner, "it predicts four matrices at most");
                    }
                }
                PredictionSource::Rows(references) if references.len() != self.rows => {
                    return refuse("rows that predict others", references.len(), "there is one a row");
                }
                PredictionSource::Rows(references) => {
                    for (row, (&reference, &gain)) in references.iter().zip(&prediction.gains).enumerate() {
                        if if gain == 0 { reference != 0 } else { reference as usize >= row } {
                            return refuse(
                                "a row that predicts another",
                                row,
                                "it is an earlier one, or 0 without gain",
                            );
                        }
                    }
                }
            }
        }
        let mut states = vec![0; self.columns];
        for (row, numbers) in self.numbers.chunks_exact(self.columns.max(1)).enumerate() {
            for (column, (state, &number)) in states.iter_mut().zip(numbers).enumerate() {
                if (i32::from(number) ^ *state as i32) & 1 == 1 {
                    return refuse("an entry", row * self.columns + column, "its number has the parity of its state");
                }
                *state = trellis.next(*state, i32::from(number));
            }
        }
        Ok(())
    }

    /// Has a patch only where there has to be one, and each matrix in one form: a patch whose number leads to the state
    /// that the one in its place leads to becomes that number, if it has sixteen bits; below the others stands the
    /// smallest number that leads there, which every table has.
    pub(super) fn settle(&mut self) {
        let numbers = &mut self.numbers;
        self.patches.retain(|patch| {
            let place = usize::try_from(patch.position).ok();
            // What lies outside is refused where the matrix is checked.
            let Some(number) = place.and_then(|place| numbers.get_mut(place)) else { return true };
            let leads = i32::from(*number);
            match i16::try_from(patch.number) {
                Ok(same) if patch.number.wrapping_sub(leads) % 4 == 0 => *number = same,
                _ => {
                    *number = (((leads + 1) & 3) - 1) as i16;
                    return true;
                }
            }
            false
        });
    }

    /// Entries of each class, number by number: `counts[class][number + 512]`, numbers from -512 to 511 and those
    /// beyond at the ends.
    pub(super) fn count(&self, model: &Model, counts: &mut [[u64; 1024]]) {
        for (row, numbers) in self.numbers.chunks_exact(self.columns.max(1)).enumerate() {
            for (&scale, &number) in self.scales_at(row).iter().zip(numbers) {
                let class = model.class(self.row_scales[row], scale);
                counts[class][(i32::from(number) + 512).clamp(0, 1023) as usize] += 1;
            }
        }
    }
}
