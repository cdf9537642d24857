//! Folders of PNG images: what is read, and what is refused.

use std::fs;
use std::path::Path;

use ::png::{BitDepth, ColorType, Encoder};
use proptest::prelude::*;
use tempfile::TempDir;

use super::super::{open, png};
use crate::{DataSource, Error, Pixels};

/// A file of this size, whose samples are packed as PNG has them.
fn image(width: u32, height: u32, color: ColorType, depth: BitDepth, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if color == ColorType::Indexed {
        encoder.set_palette(vec![10, 20, 30, 40, 50, 60]);
    }
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(data).unwrap();
    writer.finish().unwrap();
    bytes
}

/// A grey image of 2 x 1 pixels.
fn grey(left: u8, right: u8) -> Vec<u8> {
    image(2, 1, ColorType::Grayscale, BitDepth::Eight, &[left, right])
}

struct Folder(TempDir);

impl Folder {
    fn with(files: &[(&str, Vec<u8>)]) -> Self {
        let folder = Self(TempDir::new().unwrap());
        for (name, bytes) in files {
            folder.write(name, bytes);
        }
        folder
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn open(&self) -> Result<DataSource, Error> {
        open(self.path())
    }

    #[track_caller]
    fn refused(&self, words: &[&str]) -> Error {
        let error = self.open().unwrap_err();
        for word in words {
            assert!(error.to_string().contains(word), "no {word:?} in {error}");
        }
        error
    }
}

/// Two classes, two images each to train on, one to test on.
fn whole() -> Folder {
    Folder::with(&[
        ("train/dog/b.png", grey(3, 4)),
        ("train/dog/a.PNG", grey(1, 2)),
        ("train/cat/z.png", grey(5, 6)),
        ("train/cat/y.png", grey(7, 8)),
        ("test/dog/a.png", grey(9, 10)),
        ("test/cat/a.png", grey(11, 12)),
    ])
}

#[test]
fn parts_are_read_in_the_order_of_names() {
    let folder = whole();
    // What is no image, or hidden, or beside the folders of classes, is left alone.
    for name in ["train/dog/notes.txt", "train/cat/.y.png", "train/.cache/a.png", "readme.png", "train/list.csv"] {
        folder.write(name, b"no image");
    }
    fs::create_dir(folder.path().join("train/cat/folder.png")).unwrap();
    let DataSource { train, test } = folder.open().unwrap();
    assert_eq!(train.pixels(), &Pixels::Bytes { values: vec![7, 8, 5, 6, 1, 2, 3, 4], divisor: 255 });
    assert_eq!((train.labels(), train.classes(), train.item_shape()), (&[0, 0, 1, 1][..], 2, &[1, 1, 2][..]));
    assert_eq!(test.pixels(), &Pixels::Bytes { values: vec![11, 12, 9, 10], divisor: 255 });
    assert_eq!(test.labels(), [0, 1]);
    assert_eq!(Some(train.name()), folder.path().canonicalize().unwrap().file_name().unwrap().to_str());
}

#[test]
fn a_folder_of_classes_has_a_test_part_split_off_and_numbers_in_their_order() {
    let files: Vec<(String, Vec<u8>)> = ["10", "9"]
        .iter()
        .flat_map(|class| (0..20).map(move |item| (format!("{class}/{item:02}.png"), grey(item, class.len() as u8))))
        .collect();
    let files: Vec<(&str, Vec<u8>)> = files.iter().map(|(name, bytes)| (&name[..], bytes.clone())).collect();
    let source = Folder::with(&files).open().unwrap();
    assert_eq!((source.train.len(), source.test.len(), source.test.labels()), (36, 4, &[1, 1, 0, 0][..]));
    for data in [&source.train, &source.test] {
        let Pixels::Bytes { values, .. } = data.pixels() else { panic!("bytes") };
        assert!(values.chunks_exact(2).zip(data.labels()).all(|(pixels, &label)| u32::from(pixels[1]) == label + 1));
    }
}

#[test]
fn every_colour_and_depth_is_read_plane_by_plane() {
    use BitDepth::{Eight, One, Sixteen, Two};
    use ColorType::{Grayscale, GrayscaleAlpha, Indexed, Rgb, Rgba};
    let read = |color, depth, data: &[u8]| {
        let file = image(2, 1, color, depth, data);
        let source = Folder::with(&[("0/a.png", file.clone()), ("0/b.png", file)]).open().unwrap();
        (source.train.item_shape().to_vec(), source.train.pixels().clone())
    };
    let bytes = |values: &[u8]| Pixels::Bytes { values: values.to_vec(), divisor: 255 };
    assert_eq!(read(Grayscale, Eight, &[7, 200]), (vec![1, 1, 2], bytes(&[7, 200])));
    assert_eq!(read(GrayscaleAlpha, Eight, &[7, 255, 9, 128]), (vec![2, 1, 2], bytes(&[7, 9, 255, 128])));
    assert_eq!(read(Rgb, Eight, &[1, 2, 3, 4, 5, 6]), (vec![3, 1, 2], bytes(&[1, 4, 2, 5, 3, 6])));
    assert_eq!(read(Rgba, Eight, &[1, 2, 3, 4, 5, 6, 7, 8]), (vec![4, 1, 2], bytes(&[1, 5, 2, 6, 3, 7, 4, 8])));
    assert_eq!(read(Indexed, Eight, &[1, 0]), (vec![3, 1, 2], bytes(&[40, 10, 50, 20, 60, 30])));
    // Fewer bits stand for the whole range, too.
    assert_eq!(read(Grayscale, One, &[0b0100_0000]), (vec![1, 1, 2], bytes(&[0, 255])));
    assert_eq!(read(Grayscale, Two, &[0b0110_0000]), (vec![1, 1, 2], bytes(&[85, 170])));
    let wide = |values: &[u16]| Pixels::Floats(values.iter().map(|&value| f32::from(value) / 65535.0).collect());
    assert_eq!(read(Grayscale, Sixteen, &[1, 2, 255, 255]), (vec![1, 1, 2], wide(&[0x102, 0xffff])));
    let rgb: Vec<u8> = (0..12).collect();
    assert_eq!(read(Rgb, Sixteen, &rgb), (vec![3, 1, 2], wide(&[0x1, 0x607, 0x203, 0x809, 0x405, 0xa0b])));
}

#[test]
fn images_that_are_not_alike_are_refused() {
    for (file, words) in [
        (image(3, 1, ColorType::Grayscale, BitDepth::Eight, &[0; 3]), "is 3 x 1 pixels, grey, 8 bits"),
        (image(2, 1, ColorType::Rgb, BitDepth::Eight, &[0; 6]), "is 2 x 1 pixels, RGB, 8 bits"),
        (image(2, 1, ColorType::Grayscale, BitDepth::Sixteen, &[0; 4]), "is 2 x 1 pixels, grey, 16 bits"),
    ] {
        for name in ["train/dog/b.png", "test/cat/a.png"] {
            let folder = whole();
            folder.write(name, &file);
            folder.refused(&[name, words, "y.png is 2 x 1 pixels, grey, 8 bits"]);
        }
    }
}

#[test]
fn folders_that_lack_something_say_what() {
    let folder = whole();
    fs::remove_dir_all(folder.path().join("test")).unwrap();
    folder.refused(&["lacks test/CLASS/*.png"]);
    let folder = whole();
    fs::remove_dir_all(folder.path().join("train")).unwrap();
    folder.refused(&["lacks train/CLASS/*.png"]);
    let folder = whole();
    folder.write("train/cow/readme.txt", b"");
    folder.refused(&["cow has no .png images"]);
    let folder = whole();
    folder.write("test/cow/a.png", &grey(0, 0));
    folder.refused(&["cow is a class of which there is nothing to train on"]);
    let alone = Folder::with(&[("a/1.png", grey(0, 0)), ("b/1.png", grey(0, 0))]);
    assert!(matches!(alone.open(), Err(Error::NoTestPart { .. })));
    // A class that is not tested is nothing unusual, and a class may be called train.
    let folder = whole();
    fs::remove_dir_all(folder.path().join("test/cat")).unwrap();
    assert_eq!(folder.open().unwrap().test.labels(), [1]);
    let vehicles = Folder::with(&[("car/1.png", grey(0, 0)), ("car/2.png", grey(0, 0)), ("train/1.png", grey(0, 0))]);
    assert_eq!(vehicles.open().unwrap().train.labels(), [0, 1]);
}

#[test]
fn too_many_values_and_headers_that_lie_are_refused() {
    let folder = whole();
    assert!(png::open(folder.path(), 12).is_ok());
    assert!(matches!(png::open(folder.path(), 11), Err(Error::TooLarge { limit: 11, .. })));
    // The size stands in a header of its own, behind which its checksum follows.
    let resized = |width: u32, height: u32| {
        let mut bytes = grey(1, 2);
        bytes[16..20].copy_from_slice(&width.to_be_bytes());
        bytes[20..24].copy_from_slice(&height.to_be_bytes());
        let sum = crc32fast::hash(&bytes[12..29]).to_be_bytes();
        bytes[29..33].copy_from_slice(&sum);
        bytes
    };
    let first = |bytes: &[u8]| {
        let folder = whole();
        folder.write("train/cat/y.png", bytes);
        folder.open().unwrap_err()
    };
    assert!(matches!(first(&resized(4097, 1)), Error::Dimensions { .. }));
    assert!(matches!(first(&resized(u32::MAX / 2, u32::MAX / 2)), Error::Dimensions { .. } | Error::Image { .. }));
    assert!(matches!(first(&resized(0, 1)), Error::Image { .. }));
    assert!(matches!(first(&resized(4096, 4096)), Error::Truncated { .. }));
    // Within what could be compressed so far, it is seen when the pixels end.
    assert!(matches!(first(&resized(100, 100)), Error::Image { .. }));
    assert!(matches!(first(b"GIF89a"), Error::Image { .. }));
    assert!(matches!(first(b""), Error::Image { .. }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_file_cut_anywhere_is_an_error(at: prop::sample::Index) {
        let (folder, mut bytes) = (whole(), grey(1, 2));
        bytes.truncate(at.index(bytes.len()));
        folder.write("test/dog/a.png", &bytes);
        let error = folder.open().unwrap_err().to_string();
        prop_assert!(error.contains("a.png"), "{}", error);
    }

    #[test]
    fn damaged_files_never_panic(at: prop::sample::Index, flip in 1_u8.., fix_sum: bool) {
        let (folder, mut bytes) = (whole(), grey(1, 2));
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        if fix_sum {
            let sum = crc32fast::hash(&bytes[12..29]).to_be_bytes();
            bytes[29..33].copy_from_slice(&sum);
        }
        folder.write("train/cat/y.png", &bytes);
        let _ = folder.open();
    }
}
