//! Tables: what is read, and what is refused with line, column and value.

use std::fmt::Write as _;
use std::fs;

use proptest::prelude::*;
use tempfile::TempDir;

use super::super::{MAX_BYTES, csv, open, open_csv};
use crate::{DataSource, Dataset, Error, Pixels};

fn with(text: impl AsRef<[u8]>) -> Result<DataSource, Error> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("mine.csv");
    fs::write(&path, text).unwrap();
    open(&path)
}

#[track_caller]
fn refused(text: impl AsRef<[u8]>, words: &[&str]) {
    let message = with(text).unwrap_err().to_string();
    for word in ["mine.csv"].iter().chain(words) {
        assert!(message.contains(word), "no {word:?} in {message}");
    }
}

/// All rows of both parts with their labels, sorted.
fn rows(source: &DataSource) -> Vec<(Vec<f32>, u32)> {
    let of = |data: &Dataset| {
        let Pixels::Floats(values) = data.pixels() else { panic!("floats") };
        let rows = values.chunks_exact(data.features()).map(<[f32]>::to_vec);
        rows.zip(data.labels().iter().copied()).collect::<Vec<_>>()
    };
    let mut rows = [of(&source.train), of(&source.test)].concat();
    rows.sort_by(|a, b| a.partial_cmp(b).unwrap());
    rows
}

#[test]
fn texts_and_numbers_are_classes_in_their_order() {
    let source = with("width,label,height\n1,dog,2\n-3.5,cat,4e2\n5,dog,6\n").unwrap();
    assert_eq!((source.train.item_shape(), source.train.classes()), (&[2][..], 2));
    assert_eq!(rows(&source), [(vec![-3.5, 400.0], 0), (vec![1.0, 2.0], 1), (vec![5.0, 6.0], 1)]);
    assert_eq!(source.train.name(), "mine");
    let source = with("label,a\n10,1\n9,2\n-1,3\n10.0,4\n").unwrap();
    assert_eq!(rows(&source), [(vec![1.0], 2), (vec![2.0], 1), (vec![3.0], 0), (vec![4.0], 2)]);
}

#[test]
fn quotes_spaces_marks_and_line_ends_of_other_systems_are_read() {
    let plain = with("a,label\n1,x y\n2,x y\n").unwrap();
    for text in [
        "\u{feff}a,label\n1,x y\n2,x y\n",
        "a,label\r\n1,x y\r\n2,x y",
        "\"a\",\"label\"\n\"1\",\"x y\"\n\"2\",\"x y\"\n",
        "a , label\n 1 , x y\n\n 2 ,x y \n\n",
    ] {
        assert_eq!(with(text).unwrap(), plain, "{text:?}");
    }
}

#[test]
fn the_column_of_labels_may_be_called_otherwise() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("mine.csv");
    fs::write(&path, "a,label,kind\n1,2,x\n3,4,x\n").unwrap();
    assert_eq!(rows(&open_csv(&path, "kind").unwrap()), [(vec![1.0, 2.0], 0), (vec![3.0, 4.0], 0)]);
    let message = open_csv(&path, "class").unwrap_err().to_string();
    assert!(message.contains("no column \"class\"") && message.contains("\"a\", \"label\", \"kind\""), "{message}");
}

#[test]
fn headers_that_cannot_be_used_say_why() {
    refused("", &["is empty"]);
    refused("a,label\n", &["is empty"]);
    refused("a;label\n1;2\n", &["no column \"label\"", "\"a;label\""]);
    refused("label,a,label\n1,2,3\n", &["more than one column \"label\""]);
    refused("label\n1\n", &["no column beside \"label\""]);
}

#[test]
fn cells_that_cannot_be_used_are_named_by_line_and_column() {
    refused("a,label\n1,x\n,x\n", &["line 3", "column \"a\"", "\"\" is no number: the cell is empty"]);
    refused("a,label\n1,x\n1.2.3,x\n", &["line 3, column \"a\": \"1.2.3\" is no number"]);
    refused("a,label\n\n\n1,x\n\nb,x\n", &["line 6"]);
    refused("a,label\r\n1,x\r\n\r\nb,x\r\n", &["line 4"]);
    refused("a,label\r\n1,x\r\nb,x", &["line 3"]);
    refused("a,label\n1,x\n\n\n2,x,3\n", &["line 5: 3 cells"]);
    refused("a,label\n1,1\n\n2,0.5\n", &["line 4, column \"label\""]);
    refused("a,label\n1,\"x\ny\"\nb,x\n", &["line 4"]);
    for value in ["nan", "NaN", "inf", "-Infinity", "1e39"] {
        refused(format!("a,label\n{value},x\n"), &["line 2", &format!("\"{value}\" is not finite")]);
    }
    refused("a,label\n1,x\n2,\n", &["line 3, column \"label\": \"\" is no label"]);
    // A measurement is no class, and neither is a missing number.
    refused("a,label\n1,1\n2,0.5\n", &["line 3, column \"label\": \"0.5\" is no class", "whole"]);
    refused("a,label\n1,1\n2,1\n3,nan\n", &["line 4, column \"label\": \"nan\" is no class"]);
    refused("a,label\n1,x\n2,x,3\n", &["line 3: 3 cells, but the header has 2"]);
    refused("a,b,label\n1,2,x\n2,x\n", &["line 3: 2 cells, but the header has 3"]);
    refused(b"a,label\n1,x\n2,\xff\n", &["line 3: not a text in UTF-8"]);
    refused(b"\xff,label\n1,x\n", &["line 1: not a text in UTF-8"]);
}

#[test]
fn too_many_classes_and_too_many_values_are_refused() {
    let mut text = String::from("a,label\n");
    (0..=65_536).for_each(|class| writeln!(text, "0,{class}").unwrap());
    refused(text, &["more than 65536 classes"]);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("mine.csv");
    fs::write(&path, "a,b,label\n1,2,x\n3,4,x\n").unwrap();
    assert!(csv::open(&path, "label", 16).is_ok());
    assert!(matches!(csv::open(&path, "label", 15), Err(Error::TooLarge { limit: 15, .. })));
    assert_eq!(csv::open(&path, "label", MAX_BYTES).unwrap(), open(&path).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(values in prop::collection::vec((-1e30f32..1e30, any::<i8>(), 0_i32..3), 6..40)) {
        let mut text = String::from("a,b,label\n");
        for (a, b, label) in &values {
            writeln!(text, "{a},{b},class {label}").unwrap();
        }
        let source = with(&text).unwrap();
        let mut known: Vec<i32> = values.iter().map(|value| value.2).collect();
        known.sort_unstable();
        known.dedup();
        prop_assert_eq!(source.train.classes(), known.len());
        let class = |label| known.iter().position(|&other| other == label).unwrap() as u32;
        let mut expected: Vec<_> =
            values.iter().map(|&(a, b, label)| (vec![a, f32::from(b)], class(label))).collect();
        expected.sort_by(|a, b| a.partial_cmp(b).unwrap());
        prop_assert_eq!(rows(&source), expected);
    }

    #[test]
    fn arbitrary_text_never_panics(text in "[a,label01.\"\n\r \u{e9}-]{0,60}", bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let _ = with(format!("a,label\n{text}"));
        let _ = with(text);
        let _ = with(bytes);
    }
}
