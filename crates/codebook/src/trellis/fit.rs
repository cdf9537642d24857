//! The model of a section that takes the fewest bits.

use super::{MAX_CLASSES, Model, TrellisMatrix};

/// About what a number costs that its table lacks, beside the bits of the one in its place.
pub const PATCH_BITS: f32 = 18.0;
/// Numbers of classes below this are zero but for one in a thousand, whatever the class.
const DULL: i32 = -12;

/// From here on numbers of all sizes that a table holds are about equally likely.
const VAST: i32 = 30;

/// The lowest class and the number of classes that the scales of matrices ask for. Higher ones than there is room for share the last.
#[must_use]
pub fn classes(scales: &[(&[i16], &[i16])]) -> (i16, u16) {
    let ends = |scales: &[i16]| {
        let all = || scales.iter().map(|&scale| i32::from(scale));
        Some((all().min()?, all().max()?))
    };
    let ends: Vec<_> = scales.iter().filter_map(|(rows, columns)| Some((ends(rows)?, ends(columns)?))).collect();
    let highest = ends.iter().map(|(rows, columns)| rows.1 + columns.1).max().unwrap_or(0);
    let lowest = ends.iter().map(|(rows, columns)| rows.0 + columns.0).min().unwrap_or(0);
    let lowest = lowest.clamp(DULL, VAST);
    let classes = (highest - lowest + 1).clamp(1, MAX_CLASSES as i32);
    (lowest as i16, classes as u16)
}

/// The best model for the numbers that there are, near the one that they were chosen by.
pub(super) fn fit(matrices: &[TrellisMatrix], start: Model) -> Model {
    let mut counts = vec![[0u64; 1024]; usize::from(start.classes)];
    for matrix in matrices {
        matrix.count(&start, &mut counts);
    }
    let cost = |model: &Model| -> f64 {
        let of_class = |(class, counts): (usize, &[u64; 1024])| -> f64 {
            let tables = model.tables(class);
            let of_number = |(place, &count): (usize, &u64)| {
                let number = place as i32 - 512;
                let nearest = tables.nearest(number);
                let patch = if nearest == number { 0.0 } else { PATCH_BITS };
                count as f64 * f64::from(tables.bits(nearest) + patch)
            };
            counts.iter().enumerate().filter(|(_, count)| **count > 0).map(of_number).sum()
        };
        let used = counts.iter().enumerate().filter(|(_, counts)| counts.iter().any(|&count| count > 0));
        used.map(of_class).sum()
    };
    // Coordinate by coordinate, in steps that halve.
    let mut best = start;
    let mut least = cost(&best);
    let mut stride = 16;
    while stride > 0 {
        let mut is_better = false;
        for (shape, scale, slope) in [(1, 0, 0), (0, 4, 0), (0, 0, 1), (1, 4, 0), (0, -64, 4)] {
            for sign in [-stride, stride] {
                let moved = |value: i64, by: i16, unit: i64| value + i64::from(by) * i64::from(sign) * unit / 4;
                let next = Model {
                    shape: moved(best.shape.into(), shape, 4).clamp(16, 96) as u16,
                    scale: moved(best.scale.into(), scale, 4).clamp(-4096, 4096) as i16,
                    slope: moved(best.slope.into(), slope, 2).clamp(16, 128) as u16,
                    ..best
                };
                let bits = cost(&next);
                if bits < least {
                    (best, least, is_better) = (next, bits, true);
                }
            }
        }
        if !is_better {
            stride /= 2;
        }
    }
    best
}
