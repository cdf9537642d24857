//! The model of a section that takes the fewest bits.

use super::{MAX_CLASSES, MAX_SCALE, Model, TrellisMatrix};

/// About what a number costs that its table lacks, beside the bits of the one in its place.
pub const PATCH_BITS: f32 = 18.0;
/// Numbers of classes below this are zero but for one in a thousand, whatever the class.
pub const DULL: i32 = -12;

/// From here on numbers of all sizes that a table holds are about equally likely.
const VAST: i32 = 30;

/// The share of entries that may be in lower classes than the lowest one, and in higher ones than the highest.
const SHARES: [f64; 2] = [1.0 / 1024.0, 1.0 / 4096.0];

/// The lowest class and the number of classes for matrices of such scales of rows and columns. The few entries beyond
/// share the tables at the ends: a table less is a part of the cache more.
#[must_use]
pub fn classes(scales: &[(&[i16], &[i16])]) -> (i16, u16) {
    let end = MAX_SCALE as usize;
    let count = |scales: &[i16]| {
        let mut counts = vec![0.0f64; 2 * end + 1];
        for &scale in scales {
            counts[(scale + MAX_SCALE).clamp(0, 2 * MAX_SCALE) as usize] += 1.0;
        }
        counts
    };
    // Entries of each class, from twice the lowest scale on.
    let mut entries = vec![0.0f64; 4 * end + 1];
    for (rows, columns) in scales {
        let columns = count(columns);
        for (row, rows) in count(rows).into_iter().enumerate().filter(|(_, rows)| *rows > 0.0) {
            entries[row..].iter_mut().zip(&columns).for_each(|(entries, columns)| *entries += rows * columns);
        }
    }
    let total: f64 = entries.iter().sum();
    let reaches = |share: f64| {
        let mut sum = 0.0;
        move |entries: &f64| {
            sum += entries;
            sum > share * total
        }
    };
    let lowest = entries.iter().position(reaches(SHARES[0])).map_or(0, |place| place as i32 - 2 * end as i32);
    let above = entries.iter().rev().position(reaches(SHARES[1]));
    let highest = above.map_or(0, |place| 2 * end as i32 - place as i32);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_those_of_nearly_all_entries() {
        assert_eq!(classes(&[]), (0, 1));
        assert_eq!(classes(&[(&[3], &[4, 5])]), (7, 2));
        assert_eq!(classes(&[(&[-200], &[200; 9]), (&[-200], &[-200])]), (-12, 13));
        let (mut rows, columns) = (vec![2; 5000], vec![1; 10]);
        rows[7] = 90;
        rows[8] = -9;
        assert_eq!(classes(&[(&rows, &columns)]), (3, 1));
        rows[..9].fill(90);
        assert_eq!(classes(&[(&rows, &columns)]), (3, 40));
    }
}
