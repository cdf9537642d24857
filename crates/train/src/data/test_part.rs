//! A test part for a data set that comes without one.

use std::path::Path;

use super::{DataSource, Dataset};
use crate::Error;
use crate::random::{Purpose, permutation, stream};

/// One item in this many of each class is for testing.
const ONE_IN: usize = 10;
/// Key of the split, for ever.
const SPLIT_KEY: u64 = 0x6d69_7870_7465_7374;

/// Splits one in ten items of each class off, rounded, but at least one of each class that has two.
///
/// The split is a function of the labels in their order alone, so a file that is read again, or by another run with another
/// seed, has the same test part. Items keep their order in both parts.
pub(super) fn split_off(all: &Dataset, path: &Path) -> Result<DataSource, Error> {
    let mut order = permutation(all.len(), &mut stream(SPLIT_KEY, Purpose::Split, 0, 0));
    order.sort_by_key(|&item| all.labels()[item]);
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for class in order.chunk_by(|&a, &b| all.labels()[a] == all.labels()[b]) {
        let (of_test, of_train) = class.split_at(test_items(class.len()));
        test.extend_from_slice(of_test);
        train.extend_from_slice(of_train);
    }
    if test.is_empty() {
        return Err(Error::NoTestPart { path: path.into() });
    }
    train.sort_unstable();
    test.sort_unstable();
    DataSource::new(all.subset(&train)?, all.subset(&test)?)
}

/// How many of a class's items are for testing.
fn test_items(items: usize) -> usize {
    if items < 2 { 0 } else { ((items + ONE_IN / 2) / ONE_IN).max(1) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Pixels;
    use super::*;

    /// Items whose one feature is their place.
    fn data(labels: &[u32], classes: usize) -> Dataset {
        let values = (0..labels.len()).map(|item| item as f32).collect();
        Dataset::new("d", Pixels::Floats(values), vec![1], labels.to_vec(), classes).unwrap()
    }

    fn items(data: &Dataset) -> Vec<usize> {
        let Pixels::Floats(values) = data.pixels() else { panic!("floats") };
        values.iter().map(|&value| value as usize).collect()
    }

    #[test]
    fn a_tenth_of_each_class_is_for_testing() {
        for (items, test) in [(0, 0), (1, 0), (2, 1), (10, 1), (14, 1), (15, 2), (100, 10)] {
            assert_eq!(test_items(items), test, "of {items}");
        }
    }

    #[test]
    fn the_split_never_changes() {
        let labels: Vec<u32> = (0..40).map(|item| item / 20).collect();
        let source = split_off(&data(&labels, 2), Path::new("d")).unwrap();
        // By an independent implementation of the permutation in Python.
        assert_eq!(items(&source.test), GOLDEN);
    }

    const GOLDEN: [usize; 4] = [7, 17, 35, 39];

    #[test]
    fn classes_of_one_item_have_none_to_test_on() {
        assert!(matches!(split_off(&data(&[0, 1, 2], 3), Path::new("d.csv")), Err(Error::NoTestPart { .. })));
        let source = split_off(&data(&[0, 1, 1, 2], 3), Path::new("d.csv")).unwrap();
        assert_eq!((source.test.labels(), source.train.labels()), (&[1][..], &[0, 1, 2][..]));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn both_parts_together_have_each_item_once(labels in prop::collection::vec(0_u32..5, 10..200)) {
            let source = split_off(&data(&labels, 5), Path::new("d")).unwrap();
            let (train, test) = (items(&source.train), items(&source.test));
            prop_assert!(train.is_sorted() && test.is_sorted());
            let mut all = [train, test].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..labels.len()).collect::<Vec<_>>());
            for class in 0..5 {
                let count = |labels: &[u32]| labels.iter().filter(|&&label| label == class).count();
                prop_assert_eq!(count(source.test.labels()), test_items(count(&labels)));
            }
        }
    }
}
