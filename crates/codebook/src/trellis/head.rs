//! What comes before the numbers: the model, and each matrix's orientation, step, scales, partner, bases and patches.
//!
//! All of it is binary decisions by the crate's range coder, with counters that go on from matrix to matrix. Written
//! once for both sides: a reader passes zeros, which its coder ignores.

use std::collections::BTreeMap;

use super::{
    BASIS_ROWS, Basis, Model, Patch, Prediction, PredictionSource, Trellis, TrellisMatrix,
    basis::{BEGINS, may_begin},
    matrix::{MAX_SCALE, MOST_PREDICTED},
};
use crate::{Error, binary::BinaryCoder, counter::Counter, numbers::Numbers};

/// What a matrix is, its numbers aside.
#[derive(Debug, Clone, Default)]
pub(super) struct MatrixHead {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) is_transposed: bool,
    pub(super) step: f32,
    pub(super) row_scales: Vec<i16>,
    pub(super) column_scales: Vec<i16>,
    pub(super) patches: Vec<Patch>,
    pub(super) prediction: Option<Prediction>,
    pub(super) bases: Vec<Basis>,
}

/// What all matrices share.
#[derive(Debug, Clone, Copy)]
pub(super) struct SectionHead {
    pub(super) trellis: Trellis,
    pub(super) model: Model,
}

/// Counts bytes that will be held, before they are.
pub(crate) type Hold<'a> = &'a mut dyn FnMut(u64) -> Result<(), Error>;

/// Bytes of a scale and of a row's gain, and of the number of a row, as they are held.
const SCALE_BYTES: u64 = 3;
const ROW_BYTES: u64 = 4;
/// Bytes of a scale of a basis.
const DIRECTION_BYTES: u64 = 2;
/// Steps of a deviation that have a counter each.
const UNARY: usize = 14;

/// Small signed numbers, each likely to be as the one before it was: near zero or not, positive or negative.
#[derive(Debug)]
struct Deviations {
    nonzero: [Counter; 3],
    negative: [Counter; 3],
    larger: [[Counter; UNARY]; 2],
    far: Numbers,
}

impl Deviations {
    fn new() -> Self {
        let fresh = Counter::new();
        Self { nonzero: [fresh; 3], negative: [fresh; 3], larger: [[fresh; UNARY]; 2], far: Numbers::new() }
    }

    fn code<C: BinaryCoder>(&mut self, coder: &mut C, before: i64, value: i64) -> i64 {
        let context = (before.signum() + 1) as usize;
        if !self.nonzero[context].code(value != 0, coder) {
            return 0;
        }
        let is_negative = self.negative[context].code(value < 0, coder);
        let wanted = value.unsigned_abs().max(1) - 1;
        let mut size = 0;
        let larger = &mut self.larger[usize::from(is_negative)];
        while size < UNARY && larger[size].code((size as u64) < wanted, coder) {
            size += 1;
        }
        let mut size = size as u64;
        if size == UNARY as u64 {
            size = size.saturating_add(self.far.code(coder, wanted.saturating_sub(size)));
        }
        let size = size.min(1 << 40) as i64 + 1;
        if is_negative { -size } else { size }
    }
}

/// The models of everything in a head.
#[derive(Debug)]
pub(super) struct HeadCoder {
    flags: [Counter; 5],
    scales: [Deviations; 2],
    gains: Deviations,
    centres: Numbers,
    gaps: Numbers,
    starts: Numbers,
    sizes: Numbers,
    others: Numbers,
    /// How many matrices each one predicts so far.
    predicted: BTreeMap<usize, usize>,
    /// The step of the matrix before.
    step: f32,
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

fn malformed<T>(what: &'static str, value: u64, rule: &'static str) -> Result<T, Error> {
    Err(Error::Malformed { what, value, rule })
}

impl HeadCoder {
    pub(super) fn new() -> Self {
        let deviations = Deviations::new;
        Self {
            flags: [Counter::new(); 5],
            scales: [deviations(), deviations()],
            gains: deviations(),
            centres: Numbers::new(),
            gaps: Numbers::new(),
            starts: Numbers::new(),
            sizes: Numbers::new(),
            others: Numbers::new(),
            predicted: BTreeMap::new(),
            step: 0.0,
        }
    }

    /// Codes what all matrices share.
    pub(super) fn section<C: BinaryCoder>(coder: &mut C, head: SectionHead) -> Result<SectionHead, Error> {
        let Model { lowest, classes, shape, scale, slope } = head.model;
        let states = 1u16 << coder.bits(u64::from(head.trellis.states().ilog2()), 4);
        let mut signed = |value: i16, bits: u32| (coder.bits(value as u64, bits) as i16) << (16 - bits) >> (16 - bits);
        let lowest = signed(lowest, 9);
        let classes = signed(classes as i16, 7) as u16;
        let shape = signed(shape as i16, 9) as u16;
        let scale = signed(scale, 14);
        let slope = signed(slope as i16, 9) as u16;
        let model = Model { lowest, classes, shape, scale, slope }.validated()?;
        Ok(SectionHead { trellis: Trellis::new(states)?, model })
    }

    /// Codes a matrix, of which `rows` and `columns` are those of the tensor where a reader asks; `before` are those
    /// before it. `hold` is told the bytes of what is found before there is room for it.
    pub(super) fn matrix<C: BinaryCoder>(
        &mut self,
        coder: &mut C,
        shape: [usize; 2],
        head: &MatrixHead,
        before: &[MatrixHead],
        hold: Hold<'_>,
    ) -> Result<MatrixHead, Error> {
        hold(SCALE_BYTES * (shape[0] as u64).saturating_add(shape[1] as u64))?;
        let is_transposed = self.flags[0].code(head.is_transposed, coder);
        let [rows, columns] = if is_transposed { [shape[1], shape[0]] } else { shape };
        let entries = rows.saturating_mul(columns);
        let mut step = self.step;
        if self.flags[1].code(head.step != self.step, coder) {
            step = f32::from_bits(coder.bits(u64::from(head.step.to_bits()), 32) as u32);
        }
        if !(step > 0.0 && step.is_finite()) {
            return malformed("the step of a matrix", u64::from(step.to_bits()), "it is positive and finite");
        }
        self.step = step;
        let prediction = self.prediction(coder, [rows, columns], head, before, hold)?;
        let row_scales = self.scales(coder, 0, rows, &head.row_scales)?;
        let column_scales = self.scales(coder, 1, columns, &head.column_scales)?;
        let bases = self.bases(coder, [rows, columns], &head.bases, hold)?;
        let patches = self.patches(coder, entries, &head.patches, hold)?;
        Ok(MatrixHead { rows, columns, is_transposed, step, row_scales, column_scales, patches, prediction, bases })
    }

    /// Where bases begin, and the scales of their directions.
    fn bases<C: BinaryCoder>(
        &mut self,
        coder: &mut C,
        shape: [usize; 2],
        told: &[Basis],
        hold: Hold<'_>,
    ) -> Result<Vec<Basis>, Error> {
        let mut found: Vec<Basis> = Vec::new();
        let mut before = 0;
        while self.flags[3].code(told.len() > found.len(), coder) {
            let told = told.get(found.len());
            let blocks = told.map_or(0, |told| (told.first_row / BASIS_ROWS).saturating_sub(before / BASIS_ROWS));
            let blocks = self.starts.code(coder, blocks as u64);
            let first_row =
                usize::try_from(blocks).unwrap_or(usize::MAX).saturating_mul(BASIS_ROWS).saturating_add(before);
            if !may_begin(first_row, before, shape) {
                return malformed("the first row of a basis", first_row as u64, BEGINS);
            }
            let is_turned = self.flags[4].code(told.is_some_and(|told| told.is_turned), coder);
            hold(DIRECTION_BYTES * shape[1] as u64)?;
            let scales = self.scales(coder, 1, shape[1], told.map_or(&[], |told| &told.scales))?;
            found.push(Basis { first_row, is_turned, scales });
            before = first_row;
        }
        Ok(found)
    }

    /// What a matrix of so many rows and columns is predicted from, if it is.
    fn prediction<C: BinaryCoder>(
        &mut self,
        coder: &mut C,
        shape: [usize; 2],
        head: &MatrixHead,
        before: &[MatrixHead],
        hold: Hold<'_>,
    ) -> Result<Option<Prediction>, Error> {
        let told = head.prediction.as_ref();
        if !self.flags[2].code(told.is_some(), coder) {
            return Ok(None);
        }
        let back = told.and_then(Prediction::partner).map_or(0, |partner| before.len() - partner);
        let back = self.others.code(coder, back as u64);
        if back == 0 {
            hold(ROW_BYTES.saturating_mul(shape[0] as u64))?;
            return self.own_rows(coder, shape[0], told).map(Some);
        }
        let Some(partner) = usize::try_from(back).ok().and_then(|back| before.len().checked_sub(back)) else {
            return malformed("the partner of a matrix", back, "it is one of those before");
        };
        let other = &before[partner];
        if other.prediction.is_some() || [other.rows, other.columns] != shape {
            return malformed("the partner of a matrix", back, "it is as large, and not predicted itself");
        }
        let predicted = self.predicted.entry(partner).or_default();
        *predicted += 1;
        if *predicted > MOST_PREDICTED {
            return malformed("the partner of a matrix", back, "it predicts four matrices at most");
        }
        let mut last = 0;
        let mut gains = Vec::with_capacity(shape[0]);
        for row in 0..shape[0] {
            last = self.gain(coder, last, told.map_or(0, |told| told.gains[row]))?;
            gains.push(last);
        }
        Ok(Some(Prediction { source: PredictionSource::Matrix(partner), gains }))
    }

    /// The earlier row that each row is predicted from, and how much.
    fn own_rows<C: BinaryCoder>(
        &mut self,
        coder: &mut C,
        rows: usize,
        told: Option<&Prediction>,
    ) -> Result<Prediction, Error> {
        let told = told.and_then(|told| match &told.source {
            PredictionSource::Rows(references) => Some((references, &told.gains)),
            PredictionSource::Matrix(_) => None,
        });
        let mut last = 0;
        let (mut gains, mut references) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        for row in 0..rows {
            let (reference, gain) = told.map_or((0, 0), |(references, gains)| (references[row], gains[row]));
            last = self.gain(coder, last, gain)?;
            let mut found = 0;
            if last != 0 {
                // As many bits as the largest number of an earlier row has.
                let bits = usize::BITS - row.saturating_sub(1).leading_zeros();
                found = coder.bits(reference.into(), bits);
                if found >= row as u64 || u32::try_from(row).is_err() {
                    return malformed("a row that predicts another", found, "it is an earlier one");
                }
            }
            gains.push(last);
            references.push(found as u32);
        }
        Ok(Prediction { source: PredictionSource::Rows(references), gains })
    }

    fn gain<C: BinaryCoder>(&mut self, coder: &mut C, last: i8, gain: i8) -> Result<i8, Error> {
        let gain = self.gains.code(coder, last.into(), gain.into());
        i8::try_from(gain).or_else(|_| malformed("a gain", gain as u64, "it has eight bits"))
    }

    /// The scales of rows (`side` 0) or columns: one that is in the middle, then how far each is from it.
    fn scales<C: BinaryCoder>(
        &mut self,
        coder: &mut C,
        side: usize,
        count: usize,
        scales: &[i16],
    ) -> Result<Vec<i16>, Error> {
        let mut sorted = scales.to_vec();
        sorted.sort_unstable();
        let centre = sorted.get(count / 2).copied().unwrap_or(0);
        let centre = unzigzag(self.centres.code(coder, zigzag(i64::from(centre))));
        let mut last = 0;
        let mut found = Vec::with_capacity(count);
        for place in 0..count {
            let wanted = scales.get(place).map_or(0, |&scale| i64::from(scale) - centre);
            let deviation = self.scales[side].code(coder, last, wanted);
            let scale = centre.saturating_add(deviation);
            if scale.unsigned_abs() > MAX_SCALE.unsigned_abs().into() {
                return malformed("a scale", scale as u64, "it is -200 to 200");
            }
            found.push(scale as i16);
            last = deviation;
        }
        Ok(found)
    }

    fn patches<C: BinaryCoder>(
        &mut self,
        coder: &mut C,
        entries: usize,
        patches: &[Patch],
        hold: Hold<'_>,
    ) -> Result<Vec<Patch>, Error> {
        let count = self.sizes.code(coder, patches.len() as u64);
        if count > TrellisMatrix::most_patches(entries) as u64 {
            return malformed("the number of patches", count, "one entry in eight has one, and 64 more");
        }
        hold(size_of::<Patch>() as u64 * count)?;
        let mut found = Vec::new();
        let mut next = 0u64;
        for place in 0..count as usize {
            let told = patches.get(place);
            let position = next.saturating_add(self.gaps.code(coder, told.map_or(0, |told| told.position - next)));
            if position >= entries as u64 {
                return malformed("the position of a patch", position, "it is in its matrix");
            }
            let number = unzigzag(self.others.code(coder, told.map_or(0, |told| zigzag(i64::from(told.number)))));
            let Ok(number) = i32::try_from(number) else {
                return malformed("the number of a patch", number as u64, "it has 32 bits");
            };
            found.push(Patch { position, number });
            next = position + 1;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::range_coder::Encoder;

    #[test]
    fn a_row_is_predicted_from_an_earlier_one() {
        let refused = |references: [u32; 4], gains: [i8; 4]| {
            let source = PredictionSource::Rows(references.to_vec());
            let head = MatrixHead {
                rows: 4,
                columns: 1,
                step: 1.0,
                row_scales: vec![0; 4],
                column_scales: vec![0],
                prediction: Some(Prediction { source, gains: gains.to_vec() }),
                ..MatrixHead::default()
            };
            // Both sides are one function: what an encoder refuses to write a decoder refuses to read.
            let found = HeadCoder::new().matrix(&mut Encoder::new(), [4, 1], &head, &[], &mut |_| Ok(()));
            matches!(found, Err(Error::Malformed { what: "a row that predicts another", .. }))
        };
        assert!(!refused([0, 0, 1, 2], [0, 3, -4, 1]));
        assert!(refused([0, 0, 0, 0], [1, 0, 0, 0]), "nothing comes before the first row");
        assert!(refused([0, 0, 0, 3], [0, 0, 0, 1]), "a row does not predict itself");
    }

    #[test]
    fn a_basis_begins_where_it_may() {
        let refused = |[rows, columns]: [usize; 2], starts: &[usize]| {
            let basis = |&first_row| Basis { first_row, is_turned: true, scales: vec![0; columns] };
            let head = MatrixHead {
                rows,
                columns,
                step: 1.0,
                row_scales: vec![0; rows],
                column_scales: vec![0; columns],
                bases: starts.iter().map(basis).collect(),
                ..MatrixHead::default()
            };
            let found = HeadCoder::new().matrix(&mut Encoder::new(), [rows, columns], &head, &[], &mut |_| Ok(()));
            matches!(found, Err(Error::Malformed { what: "the first row of a basis", .. }))
        };
        assert!(!refused([65, 30], &[64]) && !refused([300, 30], &[64, 128, 256]) && !refused([300, 1024], &[256]));
        assert!(refused([64, 30], &[64]), "no row is left");
        assert!(refused([300, 30], &[128, 192]), "the next one follows from twice as many rows");
        assert!(refused([300, 1024], &[192]) && refused([9000, 1025], &[4096]), "it takes too long");
    }

    #[test]
    fn a_matrix_predicts_four_others_at_most() {
        let one = MatrixHead {
            rows: 1,
            columns: 1,
            step: 1.0,
            row_scales: vec![0],
            column_scales: vec![0],
            ..MatrixHead::default()
        };
        let source = PredictionSource::Matrix(0);
        let predicted = MatrixHead { prediction: Some(Prediction { source, gains: vec![1] }), ..one.clone() };
        let mut before = vec![one];
        let mut models = HeadCoder::new();
        for number in 1..6 {
            let found = models.matrix(&mut Encoder::new(), [1, 1], &predicted, &before, &mut |_| Ok(()));
            assert_eq!(found.is_err(), number > MOST_PREDICTED, "{number}: {found:?}");
            before.push(predicted.clone());
        }
    }
}
