//! What is left of a matrix after its partner's prediction.

use mixpress_codebook::trellis::{Prediction, PredictionSource, Predictor, TrellisMatrix};
use rayon::prelude::*;

use super::profile::log_scales;
use super::quantize::{inverse_squares, quarters};

/// Rounds of scales and gains that depend on each other.
const ROUNDS: usize = 2;
/// Bits that a row's gain takes, about.
const GAIN_BITS: f64 = 2.5;
/// Squared error in squared steps, about.
pub(super) const DISTORTION: f64 = 0.27;

/// A prediction that pays.
#[derive(Debug)]
pub(super) struct Predicted {
    pub(super) prediction: Prediction,
    /// The scales of what is left.
    pub(super) scales: [Vec<i16>; 2],
    /// What is left.
    pub(super) rest: Vec<f32>,
}

/// Predicts a matrix, laid as it is coded, whose scales alone would be `scales`, from one that was coded, whose values
/// are `values`. `None` where that takes more bits than it saves.
pub(super) fn predict(
    weights: &[f32],
    step: f32,
    scales: &[Vec<i16>; 2],
    partner: usize,
    (other, values): (&TrellisMatrix, &[f32]),
) -> Option<Predicted> {
    let [rows, columns] = [other.rows, other.columns];
    let mut own = scales.clone();
    let mut gains = gains(weights, values, step, &own, other);
    let mut rest = Vec::new();
    for round in 0..=ROUNDS {
        let theirs = (other.step, &other.row_scales[..], &other.column_scales[..]);
        let predictor = Predictor::new(&gains, (step, &own[0], &own[1]), theirs);
        rest = vec![0.0; weights.len()];
        rest.par_chunks_mut(columns).enumerate().for_each(|(row, rest)| {
            let range = row * columns..(row + 1) * columns;
            let pairs = weights[range.clone()].iter().zip(&values[range]).zip(rest);
            for (column, ((&weight, &value), rest)) in pairs.enumerate() {
                *rest = weight - predictor.predict(row, column, value);
            }
        });
        if round == ROUNDS {
            break;
        }
        let (row_logs, column_logs) = log_scales(rows, columns, &rest);
        own = quarters(&row_logs, &column_logs, step);
        gains = self::gains(weights, values, step, &own, other);
    }
    let saved = bits(&scales[0], &scales[1]) - bits(&own[0], &own[1]) - GAIN_BITS * rows as f64;
    (saved > 0.0).then_some(Predicted {
        prediction: Prediction { source: PredictionSource::Matrix(partner), gains },
        scales: own,
        rest,
    })
}

/// The least-squares gain of each row, in eighths.
fn gains(weights: &[f32], values: &[f32], step: f32, own: &[Vec<i16>; 2], other: &TrellisMatrix) -> Vec<i8> {
    let columns = own[1].len();
    // A gain of one, so that weights and predictions are seen side by side.
    let ones = vec![8; own[0].len()];
    let theirs = (other.step, &other.row_scales[..], &other.column_scales[..]);
    let predictor = Predictor::new(&ones, (step, &own[0], &own[1]), theirs);
    let inverse = inverse_squares(&own[1]);
    let gain = |(row, (weights, values)): (usize, (&[f32], &[f32]))| {
        let (mut both, mut square) = (0.0f64, 0.0f64);
        for (column, (&weight, &value)) in weights.iter().zip(values).enumerate() {
            let unit = predictor.predict(row, column, value);
            both += f64::from(weight * unit * inverse[column]);
            square += f64::from(unit * unit * inverse[column]);
        }
        if square > 0.0 { (8.0 * both / square).round().clamp(-127.0, 127.0) as i8 } else { 0 }
    };
    weights.par_chunks(columns).zip(values.par_chunks(columns)).enumerate().map(gain).collect()
}

/// Bits of all weights of such scales, about.
fn bits(rows: &[i16], columns: &[i16]) -> f64 {
    let of_row = row_bits(columns);
    rows.iter().map(|&row| of_row(row)).sum()
}

/// Bits that a row of such a scale takes, about: those of normal weights at the error of high rates. `columns` are the
/// scales of the columns.
pub(super) fn row_bits(columns: &[i16]) -> impl Fn(i16) -> f64 + Sync + use<> {
    let of_sum = |sum: i32| 0.5 * (1.0 + (0.5 * f64::from(sum)).exp2() / DISTORTION).log2();
    let table: Vec<f64> = (-400..=400).map(of_sum).collect();
    let of_row = |row: i32| columns.iter().map(|&column| table[(400 + row + i32::from(column)) as usize]).sum();
    let bits: Vec<f64> = (-200..=200).map(of_row).collect();
    move |row| bits[(200 + i32::from(row)) as usize]
}
