//! IDX files: every way to be wrong is an error that names the file.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use crate::data::{DataSource, Pixels, open};
use crate::error::Error;

const NAMES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

fn idx(dimensions: &[u32], values: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, dimensions.len() as u8];
    file.extend(dimensions.iter().flat_map(|dimension| dimension.to_be_bytes()));
    file.extend(values);
    file
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Three training images and two test images of 2x3 pixels.
fn whole() -> [Vec<u8>; 4] {
    let train: Vec<u8> = (0..18).collect();
    let test: Vec<u8> = (100..112).collect();
    [idx(&[3, 2, 3], &train), idx(&[3], &[0, 2, 1]), idx(&[2, 2, 3], &test), idx(&[2], &[2, 0])]
}

fn write(folder: &Path, files: &[Vec<u8>; 4], ending: &str) {
    for (name, file) in NAMES.iter().zip(files) {
        fs::write(folder.join(format!("{name}{ending}")), file).unwrap();
    }
}

/// Opens the whole quartet with one file replaced.
fn with(which: usize, file: Vec<u8>) -> Result<DataSource, Error> {
    let folder = tempfile::tempdir().unwrap();
    let mut files = whole();
    files[which] = file;
    write(folder.path(), &files, "");
    open(folder.path())
}

fn check(source: &DataSource) {
    assert_eq!(source.train.item_shape(), [1, 2, 3]);
    assert_eq!(source.train.labels(), [0, 2, 1]);
    assert_eq!(source.test.labels(), [2, 0]);
    assert_eq!((source.train.classes(), source.test.classes()), (3, 3));
    assert_eq!(source.train.pixels(), &Pixels::Bytes { values: (0..18).collect(), divisor: 255 });
    assert_eq!(source.test.pixels(), &Pixels::Bytes { values: (100..112).collect(), divisor: 255 });
}

#[test]
fn plain_gzip_and_dotted_names_are_read_alike() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &whole(), "");
    check(&open(folder.path()).unwrap());
    // Compressed files under plain names, too.
    write(folder.path(), &whole().map(|file| gzip(&file)), "");
    check(&open(folder.path()).unwrap());

    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &whole().map(|file| gzip(&file)), ".gz");
    check(&open(folder.path()).unwrap());

    let folder = tempfile::tempdir().unwrap();
    for (name, file) in NAMES.iter().zip(whole()) {
        fs::write(folder.path().join(name.replace("-idx", ".idx")), file).unwrap();
    }
    check(&open(folder.path()).unwrap());
}

#[test]
fn a_missing_file_is_named_with_its_role() {
    for (missing, name) in NAMES.iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &whole(), "");
        fs::remove_file(folder.path().join(name)).unwrap();
        let error = open(folder.path()).unwrap_err();
        assert!(matches!(error, Error::MissingFile { .. }), "{missing}: {error}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn counts_that_differ_name_both_files() {
    let error = with(1, idx(&[2], &[0, 1])).unwrap_err();
    assert!(matches!(error, Error::FileCounts { image_count: 3, label_count: 2, .. }), "{error}");
    let message = error.to_string();
    assert!(message.contains(NAMES[0]) && message.contains(NAMES[1]), "{message}");
}

#[test]
fn a_wrong_magic_is_shown() {
    // Labels where images should be, and a file of floats.
    assert!(matches!(with(0, idx(&[3], &[0, 2, 1])), Err(Error::Truncated { .. })));
    assert!(matches!(with(0, idx(&[24], &[7; 24])), Err(Error::WrongMagic { found: 0x801, expected: 0x803, .. })));
    let mut floats = whole()[0].clone();
    floats[2] = 0x0d;
    assert!(matches!(with(0, floats), Err(Error::WrongMagic { found: 0xd03, .. })));
}

#[test]
fn absurd_dimensions_are_refused_before_anything_is_allocated() {
    for dimensions in [[0, 2, 3], [3, 0, 3], [3, 2, 5000], [u32::MAX, 4096, 4096], [u32::MAX, 28, 28]] {
        let error = with(0, idx(&dimensions, &[1; 18])).unwrap_err();
        assert!(matches!(&error, Error::Dimensions { dimensions: d, .. } if d[..] == dimensions), "{error}");
    }
    // Large, but not absurd: the file is too short to hold it, and that is seen from its length alone.
    assert!(matches!(with(0, idx(&[60_000, 28, 28], &[1; 18])), Err(Error::Truncated { found: 18, .. })));
    assert!(matches!(with(0, gzip(&idx(&[60_000, 28, 28], &[1; 18]))), Err(Error::Truncated { .. })));
}

#[test]
fn trailing_bytes_are_refused_and_a_bomb_is_not_unpacked() {
    let mut longer = whole()[2].clone();
    longer.push(0);
    assert!(matches!(with(2, longer.clone()), Err(Error::TrailingBytes { expected: 28, .. })));
    assert!(matches!(with(2, gzip(&longer)), Err(Error::TrailingBytes { expected: 28, .. })));
    // 64 MiB behind a header that declares 12 bytes: decoding stops at the thirteenth.
    let bomb = gzip(&idx(&[2, 2, 3], &vec![0; 64 << 20]));
    assert!(matches!(with(2, bomb), Err(Error::TrailingBytes { expected: 28, .. })));
    // Something that is no gzip after the end of the gzip stream.
    let mut followed = gzip(&whole()[2]);
    followed.extend([1, 2, 3, 4]);
    assert!(matches!(with(2, followed), Err(Error::Compression { .. } | Error::Truncated { .. })));
}

#[test]
fn a_test_label_unknown_in_training_and_other_shapes_are_refused() {
    assert!(matches!(with(3, idx(&[2], &[3, 0])), Err(Error::Label { label: 3, classes: 3, item: 0, .. })));
    assert!(matches!(with(2, idx(&[2, 3, 2], &[0; 12])), Err(Error::ItemShapes { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_file_cut_anywhere_is_an_error(which in 0_usize..4, at: prop::sample::Index, compressed: bool) {
        let mut file = whole()[which].clone();
        if compressed {
            file = gzip(&file);
        }
        file.truncate(at.index(file.len()));
        let error = with(which, file).unwrap_err().to_string();
        prop_assert!(error.contains(NAMES[which]), "{}", error);
    }

    #[test]
    fn a_damaged_gzip_file_is_an_error_or_the_same_data(which in 0_usize..4, at: prop::sample::Index, flip in 1_u8..) {
        let mut file = gzip(&whole()[which]);
        let at = at.index(file.len());
        file[at] ^= flip;
        // Time stamp and operating system in the header mean nothing; everything else is checked.
        if let Ok(source) = with(which, file) {
            check(&source);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(which in 0_usize..4, bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        prop_assert!(with(which, bytes).is_err());
    }

    #[test]
    fn a_header_that_lies_is_an_error(
        dimensions in prop::array::uniform3(prop_oneof![0_u32..6, 0_u32..5000, any::<u32>()]),
        rest in 0_usize..40,
    ) {
        // The labels are those of two images of 2 x 3 pixels.
        prop_assume!(dimensions != [2, 2, 3] || rest != 12);
        prop_assert!(with(0, idx(&dimensions, &vec![1; rest])).is_err());
    }
}
