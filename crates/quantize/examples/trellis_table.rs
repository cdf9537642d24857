//! What trellis-coded normal weights take and err by, class by class: the table of `src/trellis/estimate.rs`.
//!
//! Columns of one matrix have all scales, as those of trained matrices have many: tables that had a single scale to
//! serve would fit it better than they do where there are others.

use mixpress_quantize::{Error, TrellisPlan, TrellisProfile};

const ROWS: usize = 8192;
/// Columns of each scale, and the scales: quarters of the logarithm to base 2 of the deviation in steps.
const COLUMNS: usize = 16;
const QUARTERS: std::ops::RangeInclusive<i32> = -8..=16;

/// Normal numbers, by Box and Muller's formula.
fn normal(count: usize) -> Vec<f32> {
    let mut state = 1u64;
    let mut unit = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    };
    (0..count).map(|_| ((-2.0 * unit().ln()).sqrt() * (std::f64::consts::TAU * unit()).cos()) as f32).collect()
}

fn main() -> Result<(), Error> {
    let scales: Vec<i32> = QUARTERS.flat_map(|quarter| [quarter; COLUMNS]).collect();
    let columns = scales.len();
    let scale = |column: usize| (0.25 * scales[column] as f32).exp2();
    let weights: Vec<f32> =
        normal(ROWS * columns).iter().enumerate().map(|(at, weight)| weight * scale(at % columns)).collect();
    let plan = TrellisPlan::without_pairs(vec![TrellisProfile::new([ROWS, columns], &weights)?]);
    println!("states  log2(σ/Δ)  bits a weight  error / Δ²");
    for states in [64, 4, 8, 16, 32, 128, 256] {
        let coded = plan.quantize(|_| &weights, &[1.0], states)?;
        let matrix = &coded.matrices[0];
        let (mut bits, mut errors) = (vec![0.0; columns], vec![0.0; columns]);
        for (row, numbers) in matrix.numbers.chunks(columns).enumerate() {
            for (column, &number) in numbers.iter().enumerate() {
                let class = coded.model.class(matrix.row_scales[row], matrix.column_scales[column]);
                bits[column] += f64::from(coded.model.tables(class).bits(number.into()));
                errors[column] += f64::from(weights[row * columns + column] - f32::from(number)).powi(2);
            }
        }
        assert!(matrix.patches.is_empty(), "weights so far from likely that they are not counted here");
        let all: f64 = bits.iter().sum();
        println!(
            "{states:6} all: {:.4} of the bits that the first model takes",
            8.0 * coded.encode()?.len() as f64 / all
        );
        let count = (ROWS * COLUMNS) as f64;
        for ((quarter, bits), errors) in QUARTERS.zip(bits.chunks(COLUMNS)).zip(errors.chunks(COLUMNS)) {
            let [bits, errors] = [bits, errors].map(|each| each.iter().sum::<f64>() / count);
            println!("{states:6} {:10.2} {bits:14.4} {errors:11.4}", 0.25 * f64::from(quarter));
        }
    }
    Ok(())
}
