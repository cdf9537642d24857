//! Files of arrays: what is read, and what is refused with which words.

use std::fs::{self, File};

use mixpress_arrays::{Array, Arrays, Values};
use proptest::prelude::*;
use tempfile::TempDir;

use super::super::open;
use crate::{DataSource, Error, Pixels};

type Named<'a> = (&'a str, &'a [usize], Values);

fn with(arrays: &[Named]) -> Result<DataSource, Error> {
    let (folder, mut all) = (TempDir::new().unwrap(), Arrays::new());
    for (name, shape, values) in arrays {
        all.insert(*name, Array::new(*shape, values.clone()).unwrap()).unwrap();
    }
    let path = folder.path().join("mine.npz");
    all.write_npz(File::create(&path).unwrap()).unwrap();
    open(&path)
}

/// As many values as the shape takes, counted from 0.
fn pixels(shape: &[usize]) -> Values {
    Values::U8((0..shape.iter().product::<usize>()).map(|value| value as u8).collect())
}

fn labels(labels: &[i32]) -> Values {
    Values::I32(labels.to_vec())
}

#[track_caller]
fn refused(arrays: &[Named], words: &[&str]) -> Error {
    let error = with(arrays).unwrap_err();
    let message = error.to_string();
    for word in ["mine.npz"].iter().chain(words) {
        assert!(message.contains(word), "no {word:?} in {message}");
    }
    error
}

#[test]
fn items_of_one_two_and_three_axes_are_read() {
    for (shape, item) in
        [(&[4, 6][..], &[6][..]), (&[4, 2, 3], &[1, 2, 3]), (&[4, 3, 1, 2], &[3, 1, 2]), (&[4, 1, 6, 1], &[1, 6, 1])]
    {
        let test_shape = [&[1], &shape[1..]].concat();
        let source = with(&[
            ("x", shape, pixels(shape)),
            ("y", &[4], labels(&[1, 0, 2, 1])),
            ("x_test", &test_shape, pixels(&test_shape)),
            ("y_test", &[1], labels(&[2])),
        ]);
        let DataSource { train, test } = source.unwrap();
        assert_eq!((train.item_shape(), train.labels(), train.classes()), (item, &[1, 0, 2, 1][..], 3));
        assert_eq!((test.item_shape(), test.labels(), test.classes()), (item, &[2][..], 3));
        assert_eq!(train.pixels(), &Pixels::Bytes { values: (0..24).collect(), divisor: 255 });
        assert_eq!((train.name(), test.name()), ("mine", "mine"));
    }
}

#[test]
fn floats_stay_and_labels_may_be_of_any_type() {
    let values = vec![-1.5f32, 0.0, 2.5, 1e30];
    for y in [labels(&[1, 0, 0, 1]), Values::U8(vec![1, 0, 0, 1]), Values::F32(vec![1.0, -0.0, 0.0, 1.0])] {
        let test = [("x_test", &[1, 1][..], Values::F32(vec![7.0])), ("y_test", &[1], labels(&[0]))];
        let train = [("x", &[4, 1][..], Values::F32(values.clone())), ("y", &[4], y)];
        let source = with(&[train, test].concat()).unwrap();
        assert_eq!(source.train.labels(), [1, 0, 0, 1]);
        assert_eq!(source.train.pixels(), &Pixels::Floats(values.clone()));
    }
}

#[test]
fn a_test_part_is_split_off_where_there_is_none() {
    let y: Vec<i32> = (0..40).map(|item| item % 2).collect();
    let file = [("x", &[40, 2][..], pixels(&[40, 2])), ("y", &[40], labels(&y))];
    let source = with(&file).unwrap();
    assert_eq!((source.train.len(), source.test.len()), (36, 4));
    assert_eq!(source.test.labels().iter().sum::<u32>(), 2);
    // It is the same each time, and other arrays do not matter.
    let more = [&file[..], &[("names", &[1][..], labels(&[7]))]].concat();
    assert_eq!(with(&more).unwrap(), source);
}

#[test]
fn missing_arrays_are_named_beside_those_that_are_there() {
    let x = |name| (name, &[2, 3][..], pixels(&[2, 3]));
    let y = |name| (name, &[2][..], labels(&[0, 1]));
    refused(&[x("x_train"), y("y")], &["lacks the array x;", "\"x_train\", \"y\""]);
    refused(&[x("x")], &["lacks the array y;", "\"x\""]);
    refused(&[x("x"), y("y"), x("x_test")], &["lacks the array y_test"]);
    refused(&[x("x"), y("y"), y("y_test")], &["lacks the array x_test"]);
    let many: Vec<String> = (0..20).map(|number| format!("a{number}")).collect();
    let many: Vec<Named> = many.iter().map(|name| (&name[..], &[][..], labels(&[0]))).collect();
    refused(&many, &["\"a7\" and 12 more"]);
    refused(&[], &["lacks the array x; it has none"]);
}

#[test]
fn shapes_and_counts_have_to_fit() {
    let y = || ("y", &[2][..], labels(&[0, 1]));
    refused(&[("x", &[2], pixels(&[2])), y()], &["array x has shape [2]", "[n, channels, height, width]"]);
    let deep = [2, 1, 1, 1, 1];
    refused(&[("x", &deep, pixels(&deep)), y()], &["shape [2, 1, 1, 1, 1]"]);
    let x = || ("x", &[2, 3][..], pixels(&[2, 3]));
    refused(&[x(), ("y", &[2, 1], labels(&[0, 1]))], &["array y has shape [2, 1]", "a class for each item"]);
    refused(&[x(), ("y", &[3], labels(&[0, 1, 0]))], &["array x has 2 items", "y has 3 labels"]);
    let test = |shape: &'static [usize], y_test: &[i32]| {
        [x(), y(), ("x_test", shape, pixels(shape)), ("y_test", &[1], labels(y_test))]
    };
    refused(&test(&[2, 3], &[0]), &["array x_test has 2 items", "y_test has 1 labels"]);
    assert!(matches!(with(&test(&[1, 4], &[0])), Err(Error::ItemShapes { .. })));
    refused(&test(&[1, 3], &[2]), &["array y_test has the value 2 at [0]", "from 0 to 1"]);
    for (shape, y) in [([0, 3], vec![]), ([2, 0], vec![0, 1])] {
        let error = with(&[("x", &shape, pixels(&shape)), ("y", &[y.len()], labels(&y))]).unwrap_err();
        assert!(matches!(error, Error::Empty { .. }), "{error}");
    }
}

#[test]
fn labels_are_classes_from_zero_without_a_gap() {
    let with_labels = |y: Values, words: &[&str]| {
        let shape = [y.len(), 1];
        refused(&[("x", &shape, pixels(&shape)), ("y", &[y.len()], y)], words);
    };
    with_labels(labels(&[0, -1]), &["array y has the value -1 at [1]", "whole numbers from 0 to 65535"]);
    with_labels(Values::F32(vec![0.5, 0.0]), &["the value 0.5 at [0]"]);
    with_labels(Values::F32(vec![0.0, f32::NAN]), &["the value NaN at [1]"]);
    with_labels(labels(&[0, 65536]), &["the value 65536 at [1]"]);
    with_labels(labels(&[1, 2]), &["no label in the array y is 0", "one is 2"]);
    with_labels(labels(&[0, 1, 3]), &["no label in the array y is 2", "one is 3"]);
    let error = with(&[("x", &[2, 1], pixels(&[2, 1])), ("y", &[2], labels(&[0, 1]))]).unwrap_err();
    assert!(matches!(error, Error::NoTestPart { .. }), "{error}");
}

#[test]
fn items_are_bytes_or_finite_floats() {
    let y = || ("y", &[2][..], labels(&[0, 1]));
    refused(&[("x", &[2, 1], labels(&[3, 300])), y()], &["array x has the type i32", "uint8", "float32"]);
    for value in [f32::NAN, f32::INFINITY] {
        let x = Values::F32(vec![0.0, 0.0, value, 0.0]);
        refused(&[("x", &[2, 1, 2], x), y()], &["array x has the value", "at [1, 0, 0]", "not finite"]);
    }
    let x_test = ("x_test", &[1, 1][..], Values::F32(vec![0.0]));
    let arrays = [("x", &[2, 1][..], pixels(&[2, 1])), y(), x_test, ("y_test", &[1], labels(&[0]))];
    refused(&arrays, &["x has the type u8", "x_test has f32"]);
}

#[test]
fn what_is_no_file_of_arrays_names_the_file_once() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("mine.npz");
    fs::write(&path, "no zip").unwrap();
    let message = open(&path).unwrap_err().to_string();
    assert_eq!(message.matches("mine.npz").count(), 1, "{message}");
}

#[test]
fn a_value_that_does_not_fit_says_in_which_file_it_is() {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../arrays/tests/data/huge.npz");
    // It has an array x with a value beyond single precision.
    let message = open(data.as_ref()).unwrap_err().to_string();
    assert!(message.contains("huge.npz: array \"x\": the value 1e39 at [1, 1]"), "{message}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_never_panic(place: prop::sample::Index, flip in 1_u8.., cut: prop::sample::Index) {
        let (folder, mut all) = (TempDir::new().unwrap(), Arrays::new());
        all.insert("x", Array::new([4, 2], pixels(&[4, 2])).unwrap()).unwrap();
        all.insert("y", Array::new([4], labels(&[0, 1, 0, 1])).unwrap()).unwrap();
        let mut bytes = all.write_npz(std::io::Cursor::new(Vec::new())).unwrap().into_inner();
        let path = folder.path().join("mine.npz");
        fs::write(&path, &bytes[..cut.index(bytes.len())]).unwrap();
        prop_assert!(open(&path).is_err());
        let place = place.index(bytes.len());
        bytes[place] ^= flip;
        fs::write(&path, &bytes).unwrap();
        let _ = open(&path);
    }
}
