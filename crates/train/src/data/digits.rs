//! The handwritten digits of the UCI repository, embedded: a real task that trains in a second and needs no files.
//!
//! 1,797 images of 8x8 pixels with 17 grey values, ten classes. Origin and licence stand in the crate's `data/README.md`.

use std::io::Read;

use flate2::read::GzDecoder;

use super::{DataSource, Dataset, Pixels};
use crate::random::{Purpose, permutation, stream};

/// Rows of 64 grey values and a label.
const CSV: &[u8] = include_bytes!("../../data/digits.csv.gz");
const FEATURES: usize = 64;
const CLASSES: usize = 10;
/// The grey value that becomes 1.0.
const WHITE: u8 = 16;
/// One sample in this many is for testing.
const TEST_ONE_IN: usize = 5;
/// Key of the split, for ever.
const SPLIT_KEY: u64 = 0x6d69_7870_7265_7373;

/// The UCI digits, 1,437 for training and 360 for testing; items are `[1, 8, 8]`, values `grey / 16`.
///
/// The split is fixed, the same for every seed of a run, so errors of different runs compare: the samples of each class
/// in a random order, one class after the other, and each fifth of that row for testing. It is not by writer: the same
/// person's digits stand on both sides, which makes the task a little easier than the writer-independent one of the
/// data's authors.
#[must_use]
#[allow(clippy::missing_panics_doc, reason = "the data is part of the program, and a test reads all of it")]
pub fn digits() -> DataSource {
    let (values, labels) = decode();
    let mut order = permutation(labels.len(), &mut stream(SPLIT_KEY, Purpose::Split, 0, 0));
    order.sort_by_key(|&sample| labels[sample]);
    let pixels = Pixels::Bytes { values, divisor: WHITE };
    let all = Dataset::new("digits", pixels, vec![1, 8, 8], labels, CLASSES).expect("the embedded data is whole");
    let part = |test: bool| {
        let of_part = |&(place, _): &(usize, &usize)| (place % TEST_ONE_IN == 0) == test;
        let mut items: Vec<usize> = order.iter().enumerate().filter(of_part).map(|(_, &sample)| sample).collect();
        items.sort_unstable();
        all.subset(&items).expect("both parts have items")
    };
    DataSource { train: part(false), test: part(true) }
}

fn decode() -> (Vec<u8>, Vec<u32>) {
    let mut text = String::new();
    GzDecoder::new(CSV).read_to_string(&mut text).expect("the embedded data is whole");
    let mut values = Vec::new();
    let mut labels = Vec::new();
    for line in text.lines() {
        let mut row = line.split(',').map(|field| field.parse::<u8>().expect("the embedded data holds small numbers"));
        values.extend(row.by_ref().take(FEATURES));
        labels.extend(row.map(u32::from));
    }
    (values, labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_digits_are_whole() {
        let source = digits();
        assert_eq!((source.train.len(), source.test.len()), (1437, 360));
        assert_eq!((source.train.item_shape(), source.train.classes()), ([1, 8, 8].as_slice(), 10));
        let (values, labels) = decode();
        assert_eq!((values.len(), labels.len()), (1797 * 64, 1797));
        assert!(values.iter().all(|&value| value <= WHITE));
        // Counts of the classes as the repository states them for the test part.
        let counts: Vec<_> = (0..10).map(|class| labels.iter().filter(|&&label| label == class).count()).collect();
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        // Both parts together hold each row once.
        let mut rows: Vec<_> = [&source.train, &source.test].into_iter().flat_map(rows).collect();
        let mut original: Vec<_> =
            values.chunks_exact(64).zip(&labels).map(|(row, &label)| (row.to_vec(), label)).collect();
        rows.sort_unstable();
        original.sort_unstable();
        assert_eq!(rows, original);
    }

    fn rows(data: &Dataset) -> Vec<(Vec<u8>, u32)> {
        let Pixels::Bytes { values, .. } = data.pixels() else { panic!("digits are bytes") };
        values.chunks_exact(64).zip(data.labels()).map(|(row, &label)| (row.to_vec(), label)).collect()
    }

    #[test]
    fn the_split_never_changes_and_is_fair_to_each_class() {
        let source = digits();
        // The first twelve, by an independent implementation of the permutation in Python.
        assert_eq!(source.test.labels()[..12], GOLDEN);
        for class in 0..10 {
            let count = |data: &Dataset| data.labels().iter().filter(|&&label| label == class).count();
            let (train, test) = (count(&source.train), count(&source.test));
            assert!((train + test).abs_diff(5 * test) < 5, "class {class}: {train} and {test}");
        }
    }

    const GOLDEN: [u32; 12] = [1, 3, 7, 5, 5, 9, 4, 3, 2, 3, 6, 1];
}
