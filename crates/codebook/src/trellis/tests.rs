//! What every kernel has to do alike, and what no bytes may do.

use mixpress_simd::Level;
use proptest::prelude::*;

use super::{
    basis::{may_begin, turn_back},
    predict::row_factors,
    *,
};
use crate::Error;

/// Whole numbers that look drawn.
#[derive(Debug, Clone)]
struct Draw(u32);

impl Draw {
    fn below(&mut self, end: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((u64::from(self.0) * u64::from(end)) >> 32) as u32
    }

    fn between(&mut self, low: i32, high: i32) -> i32 {
        low + self.below((high - low + 1) as u32) as i32
    }
}

/// A matrix whose numbers follow the trellis, about as large as their scales say; some of them are beyond every table.
fn matrix(draw: &mut Draw, trellis: Trellis, [rows, columns]: [usize; 2], largest: i32) -> TrellisMatrix {
    let mut scales = |count: usize, middle: i32| (0..count).map(|_| (middle + draw.between(-3, 3)) as i16).collect();
    let (row_scales, column_scales) = (scales(rows, 5), scales(columns, 2));
    let mut states = vec![0u32; columns];
    let mut numbers = Vec::new();
    for _ in 0..rows {
        for state in &mut states {
            let sum: i32 = (0..3).map(|_| draw.between(-largest, largest)).sum();
            let number = 2 * (sum / 2) + (*state & 1) as i32;
            *state = trellis.next(*state, number);
            numbers.push(number as i16);
        }
    }
    let mut position = 0;
    let mut patches = Vec::new();
    loop {
        position += u64::from(draw.below(1000));
        if position >= numbers.len() as u64 {
            break;
        }
        patches.push(Patch { position, number: draw.between(-100_000, 100_000) });
        position += 1;
    }
    let step = draw.between(1, 1000) as f32 * 1e-4;
    TrellisMatrix {
        rows,
        columns,
        is_transposed: draw.below(2) == 1,
        step,
        row_scales,
        column_scales,
        numbers,
        patches,
        prediction: None,
        bases: Vec::new(),
    }
}

/// Matrices of such shapes; each that has the shape of one before is predicted from it, unless that one is, some of the
/// others have rows that are predicted from earlier ones, and some of all have bases.
pub(crate) fn matrices(seed: u32, trellis: Trellis, shapes: &[[usize; 2]], largest: i32) -> Vec<TrellisMatrix> {
    let mut draw = Draw(seed);
    let mut out: Vec<TrellisMatrix> = Vec::new();
    for &shape in shapes {
        let mut next = matrix(&mut draw, trellis, shape, largest);
        let may_predict =
            |last: &TrellisMatrix| last.prediction.is_none() && (last.rows, last.columns) == (next.rows, next.columns);
        if let Some(partner) = out.iter().rposition(may_predict) {
            let gains = (0..shape[0]).map(|_| draw.between(-20, 20) as i8).collect();
            next.prediction = Some(Prediction { source: PredictionSource::Matrix(partner), gains });
        } else if draw.below(3) == 0 {
            let gains: Vec<i8> = (0..next.rows).map(|row| draw.between(-8, 8) as i8 * i8::from(row > 0)).collect();
            let reference = |(row, &gain): (usize, &i8)| if gain == 0 { 0 } else { draw.below(row as u32) };
            let references = gains.iter().enumerate().map(reference).collect();
            next.prediction = Some(Prediction { source: PredictionSource::Rows(references), gains });
        }
        let (mut before, mut row) = (0, 64 * (1 + draw.below(2) as usize));
        while draw.below(3) > 0 && may_begin(row, before, [next.rows, next.columns]) {
            let scales = (0..next.columns).map(|_| (draw.between(-3, 3)) as i16).collect();
            next.bases.push(Basis { first_row: row, is_turned: draw.below(4) > 0, scales });
            (before, row) = (row, 2 * row + 64 * draw.below(2) as usize);
        }
        out.push(next);
    }
    out
}

/// The values of matrices as the tensors have them, by the definition.
fn values(matrices: &[TrellisMatrix]) -> Vec<Vec<f32>> {
    let mut coded: Vec<Vec<f32>> = Vec::new();
    for matrix in matrices {
        let mut numbers: Vec<i32> = matrix.numbers.iter().copied().map(i32::from).collect();
        matrix.patches.iter().for_each(|patch| numbers[patch.position as usize] = patch.number);
        let mut values: Vec<f32> = numbers.iter().map(|&number| number as f32).collect();
        turn_back(&matrix.bases, &matrix.row_scales, &matrix.column_scales, &mut values);
        for value in &mut values {
            *value *= matrix.step;
        }
        let prediction = matrix.prediction.as_ref();
        if let Some(Prediction { source: PredictionSource::Rows(references), gains }) = prediction {
            let factors = row_factors(gains, references, &matrix.row_scales);
            for at in 0..values.len() {
                let (row, column) = (at / matrix.columns, at % matrix.columns);
                if gains[row] != 0 {
                    values[at] += values[references[row] as usize * matrix.columns + column] * factors[row];
                }
            }
        }
        if let Some(Prediction { source: PredictionSource::Matrix(partner), gains }) = prediction {
            let scales =
                |matrix: &'_ TrellisMatrix| (matrix.step, matrix.row_scales.clone(), matrix.column_scales.clone());
            let (own, other) = (scales(matrix), scales(&matrices[*partner]));
            let predictor = Predictor::new(gains, (own.0, &own.1, &own.2), (other.0, &other.1, &other.2));
            for (at, value) in values.iter_mut().enumerate() {
                *value += predictor.predict(at / matrix.columns, at % matrix.columns, coded[*partner][at]);
            }
        }
        coded.push(values);
    }
    let turned = |(matrix, values): (&TrellisMatrix, Vec<f32>)| {
        let [rows, columns] = matrix.shape();
        let place = |at: usize| if matrix.is_transposed { at % columns * rows + at / columns } else { at };
        (0..rows * columns).map(|at| values[place(at)]).collect()
    };
    matrices.iter().zip(coded).map(turned).collect()
}

fn of(matrices: &[TrellisMatrix]) -> Vec<[usize; 2]> {
    matrices.iter().map(TrellisMatrix::shape).collect()
}

fn decoded(level: Level, bytes: &[u8], shapes: &[[usize; 2]]) -> Result<Vec<Vec<f32>>, Error> {
    let section = Section::open(bytes, shapes)?;
    let mut out: Vec<Vec<f32>> = shapes.iter().map(|shape| vec![0.0; shape[0] * shape[1]]).collect();
    section.decode_at(level, out.iter_mut().map(|out| Some(&mut out[..])).collect())?;
    Ok(out)
}

/// What all kernels make of the bytes, the same.
fn agree(bytes: &[u8], shapes: &[[usize; 2]]) -> Result<Vec<Vec<f32>>, Error> {
    let expected = decoded(Level::Scalar, bytes, shapes);
    let bits = |values: &Result<Vec<Vec<f32>>, Error>| {
        values.clone().map(|v| v.iter().map(|v| v.iter().map(|v| v.to_bits()).collect()).collect::<Vec<Vec<u32>>>())
    };
    for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
        assert_eq!(bits(&decoded(level, bytes, shapes)), bits(&expected), "{level}");
    }
    expected
}

pub(crate) fn model(matrices: &[TrellisMatrix]) -> Model {
    let scales: Vec<(&[i16], &[i16])> = matrices.iter().map(|m| (&m.row_scales[..], &m.column_scales[..])).collect();
    let (lowest, count) = classes(&scales);
    Model::normal(lowest, count)
}

fn any_shapes() -> impl Strategy<Value = Vec<[usize; 2]>> {
    let side = || prop_oneof![0usize..5, 1usize..80, 120usize..140];
    let one = (side(), side()).prop_map(|(rows, columns)| [rows, columns]);
    prop::collection::vec((one, 1usize..4), 0..4)
        .prop_map(|all| all.into_iter().flat_map(|(shape, count)| vec![shape; count]).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn matrices_come_back(
        shapes in any_shapes(), seed in any::<u32>(), states in 2u32..9, largest in prop_oneof![1i32..6, 20i32..60],
        more in 0usize..2
    ) {
        let trellis = Trellis::new(1 << states).unwrap();
        // Sometimes enough for all lanes.
        let shapes: Vec<[usize; 2]> = shapes.into_iter().chain(vec![[1100, 130]; more]).collect();
        let matrices = matrices(seed, trellis, &shapes, largest);
        let bytes = encode(&matrices, trellis, model(&matrices)).unwrap();
        let shapes = of(&matrices);
        let expected = values(&matrices);
        prop_assert_eq!(&agree(&bytes, &shapes).unwrap(), &expected);
        let section = Section::open(&bytes, &shapes).unwrap();
        // What is kept of one for the next makes no difference.
        let order = (0..expected.len()).chain((0..expected.len()).rev());
        for (tensor, expected) in order.map(|tensor| (tensor, &expected[tensor])) {
            let mut out = vec![0.0; expected.len()];
            section.decode_one(tensor, &mut out).unwrap();
            prop_assert_eq!(&out, expected);
        }
        let mut settled = matrices.clone();
        settled.iter_mut().for_each(TrellisMatrix::settle);
        prop_assert_eq!(&values(&settled), &expected);
        let bytes_of_settled = encode(&settled, trellis, model(&matrices)).unwrap();
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            for bytes in [&bytes, &bytes_of_settled] {
                prop_assert_eq!(&Section::open(bytes, &shapes).unwrap().matrices_at(level).unwrap(), &settled);
            }
        }
        prop_assert!(agree(&bytes[..bytes.len() - 1], &shapes).is_err());
        prop_assert!(agree(&bytes[..bytes.len() / 2], &shapes).is_err());
        prop_assert!(agree(&[&bytes[..], &[0, 0]].concat(), &shapes).is_err());
    }

    #[test]
    fn forged_bytes_are_read_alike(
        shapes in any_shapes(), seed in any::<u32>(), states in 2u32..9, more in 0usize..2,
        places in prop::collection::vec((prop_oneof![0usize..40, any::<usize>()], any::<u8>()), 0..4),
        cut in 0usize..3, added in 0usize..200,
    ) {
        let trellis = Trellis::new(1 << states).unwrap();
        let shapes: Vec<[usize; 2]> = shapes.into_iter().chain(vec![[1100, 130]; more]).collect();
        let matrices = matrices(seed, trellis, &shapes, 5);
        let mut bytes = encode(&matrices, trellis, model(&matrices)).unwrap();
        bytes.truncate(bytes.len() - cut);
        bytes.extend((0..added).map(|i| i as u8));
        for (place, value) in places {
            let length = bytes.len();
            bytes[place % length] = value;
        }
        let _ = agree(&bytes, &of(&matrices));
        let _ = agree(&bytes, &shapes);
    }
}

#[test]
fn blocks_are_decoded_apart() {
    let trellis = Trellis::new(8).unwrap();
    let matrices = matrices(5, trellis, &[[700, 900], [900, 700], [900, 700], [16, 16], [2000, 200]], 9);
    let bytes = encode(&matrices, trellis, model(&matrices)).unwrap();
    let shapes = of(&matrices);
    let expected = values(&matrices);
    assert_eq!(agree(&bytes, &shapes).unwrap(), expected);
    let section = Section::open(&bytes, &shapes).unwrap();
    for (tensor, expected) in expected.iter().enumerate() {
        let mut out = vec![0.0; expected.len()];
        section.decode_one(tensor, &mut out).unwrap();
        assert_eq!(&out, expected, "{tensor}");
    }
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let again = pool(1).install(|| encode(&matrices, trellis, model(&matrices)).unwrap());
    assert!(bytes == again && bytes == pool(2).install(|| encode(&matrices, trellis, model(&matrices)).unwrap()));
}

#[test]
fn what_is_no_matrix_is_refused() {
    let trellis = Trellis::new(8).unwrap();
    let good = matrices(1, trellis, &[[20, 30], [20, 30]], 5);
    let refused = |change: &dyn Fn(&mut TrellisMatrix)| {
        let mut bad = good.clone();
        change(&mut bad[1]);
        match encode(&bad, trellis, model(&good)) {
            Err(Error::TrellisMatrix { matrix: 1, what, .. }) => what,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused(&|m| m.rows = 21), "numbers");
    assert_eq!(refused(&|m| m.row_scales.truncate(3)), "scales");
    assert_eq!(refused(&|m| m.row_scales[4] = 201), "a scale's size");
    assert_eq!(refused(&|m| m.step = f32::NAN), "the step's bits");
    assert_eq!(refused(&|m| m.numbers[3] = 1), "an entry");
    let basis = |first_row: usize, directions: usize| {
        refused(&|m| {
            m.rows = 300;
            m.row_scales = vec![0; 300];
            m.numbers = vec![0; 9000];
            m.bases = vec![Basis { first_row, is_turned: true, scales: vec![0; directions] }];
        })
    };
    for no_start in [0, 63, 320] {
        assert_eq!(basis(no_start, 30), "the first row of a basis");
    }
    assert_eq!(basis(64, 29), "scales");
    assert_eq!(refused(&|m| m.patches = vec![Patch { position: 600, number: 0 }]), "patches");
    assert_eq!(refused(&|m| m.patches = vec![Patch { position: 6, number: 0 }; 2]), "patches");
    assert_eq!(refused(&|m| m.patches = (0..300).map(|position| Patch { position, number: 0 }).collect()), "patches");
    let from = |source: PredictionSource, gains: &[i8]| {
        refused(&|m| m.prediction = Some(Prediction { source: source.clone(), gains: gains.to_vec() }))
    };
    assert_eq!(from(PredictionSource::Matrix(1), &[0; 20]), "the partner");
    assert_eq!(from(PredictionSource::Matrix(0), &[0; 19]), "gains");
    assert_eq!(from(PredictionSource::Rows(vec![0; 19]), &[0; 20]), "rows that predict others");
    let mut references = [0; 20];
    references[4] = 3;
    assert_eq!(from(PredictionSource::Rows(references.to_vec()), &[0; 20]), "a row that predicts another");
    references[4] = 4;
    let gains: [i8; 20] = std::array::from_fn(|row| i8::from(row == 4));
    assert_eq!(from(PredictionSource::Rows(references.to_vec()), &gains), "a row that predicts another");
}

#[test]
fn nothing_takes_next_to_nothing() {
    let trellis = Trellis::new(4).unwrap();
    let bytes = encode(&[], trellis, Model::normal(0, 1)).unwrap();
    assert!(bytes.len() < 20, "{}", bytes.len());
    assert_eq!(agree(&bytes, &[]).unwrap(), Vec::<Vec<f32>>::new());
    assert_eq!(agree(&[], &[]), Err(Error::Truncated { part: "trellis-coded numbers", needed: 4, available: 0 }));
}
