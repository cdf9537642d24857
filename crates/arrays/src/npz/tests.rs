//! Files of numpy, files that come back, and files that lie.

use std::io::{Cursor, Write as _};
use std::path::PathBuf;

use proptest::prelude::*;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;
use crate::{Array, Values};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn parse(bytes: &[u8], max_bytes: u64) -> Result<Arrays, Error> {
    from_reader(Path::new("file.npz"), Cursor::new(bytes), Limits { max_bytes }, |_| true)
}

/// A zip of these entries.
fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        archive.start_file(*name, SimpleFileOptions::DEFAULT).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A `.npy` file with this dtype and shape.
fn npy(dtype: &str, shape: &str, entries: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n");
    [b"\x93NUMPY\x01\0", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), entries].concat()
}

#[track_caller]
fn assert_refused(result: Result<Arrays, Error>, words: &[&str]) {
    let error = result.unwrap_err().to_string();
    for word in words {
        assert!(error.contains(word), "{error} does not say {word}");
    }
}

#[test]
fn arrays_of_every_type_and_layout_are_read() {
    let (found, expected) = (Arrays::read_npz(data("numbers.npz")), Arrays::read_npz(data("numbers_expected.npz")));
    let (found, expected) = (found.unwrap(), expected.unwrap());
    assert_eq!(found, expected);
    assert_eq!(found.len(), 25);
    assert_eq!(found.get("fortran").unwrap().shape(), [2, 3, 4]);
    assert_eq!(found.get("fortran").unwrap().values(), &Values::F32((0..24u8).map(f32::from).collect()));
    assert_eq!(found.get("whole_u1").unwrap().values(), &Values::U8(vec![1, 0, 100, 7, 127, 2]));
    assert_eq!(found.get("scalar").unwrap().shape(), [0usize; 0]);
    assert_eq!(found.get("whole_i1").unwrap().values(), &Values::I32(vec![-1, 0, -100, -7, -127, -2]));
}

#[test]
fn arrays_that_are_not_wanted_are_left_alone() {
    let (mut asked, whole) = (Vec::new(), Arrays::read_npz(data("numbers.npz")).unwrap());
    let read = Arrays::read_npz_where(data("numbers.npz"), Limits { max_bytes: 1000 }, |name| {
        asked.push(name.to_owned());
        name == "fortran"
    });
    let read = read.unwrap();
    assert_eq!(asked, whole.iter().map(|(name, _)| name).collect::<Vec<_>>());
    assert_eq!((read.len(), read.get("fortran")), (1, whole.get("fortran")));
    // One of them could not even be read.
    for file in ["complex", "texts", "objects", "records", "long", "huge"] {
        let path = data(&format!("{file}.npz"));
        assert_eq!(Arrays::read_npz_where(path, Limits::default(), |_| false).unwrap(), Arrays::new(), "{file}");
    }
}

#[test]
fn types_that_are_not_read_are_named() {
    for (file, name, dtype) in [
        ("complex", "z", "<c16"),
        ("texts", "words", "<U2"),
        ("objects", "things", "|O"),
        ("records", "pairs", "fields"),
    ] {
        let result = Arrays::read_npz(data(&format!("{file}.npz")));
        assert_refused(result, &[name, dtype, "possible are float16"]);
    }
    for dtype in ["<f16", "<i3", "<m8[ns]", "f4", "", "<f-4", "<f99999999999999999999999", "µf4"] {
        assert_refused(parse(&archive(&[("a.npy", &npy(dtype, "()", &[]))]), 1 << 20), &["\"a\""]);
    }
}

#[test]
fn values_out_of_range_are_named() {
    assert_refused(Arrays::read_npz(data("long.npz")), &["ids", "[1, 1]", "2147483648", "i32"]);
    // In Fortran order the position is still that of the array.
    assert_refused(Arrays::read_npz(data("huge.npz")), &["\"x\"", "[1, 1]", "1e39", "f32"]);
}

#[test]
fn shapes_are_compared_with_the_bytes_that_are_there() {
    let one = |shape: &str, bytes: usize| parse(&archive(&[("a.npy", &npy("<f4", shape, &vec![0; bytes]))]), 1 << 20);
    assert!(one("(2, 3)", 24).is_ok());
    for (shape, bytes) in [
        ("(2, 3)", 23),
        ("(2, 3)", 28),
        ("(1000000000000,)", 4),
        ("(18446744073709551615, 18446744073709551615)", 4),
        ("(4611686018427387904,)", 0),
        ("(4611686018427387904, 4)", 0),
    ] {
        assert_refused(one(shape, bytes), &["\"a\"", "what shape", "<f4"]);
    }
}

#[test]
fn an_array_without_entries_may_have_axes_of_any_length() {
    let header = "{'descr': '<f4', 'fortran_order': True, 'shape': (0, 4611686018427387904, 8), }\n";
    let bytes = [b"\x93NUMPY\x01\0", &(header.len() as u16).to_le_bytes()[..], header.as_bytes()].concat();
    let arrays = parse(&archive(&[("a.npy", &bytes)]), 1 << 20).unwrap();
    assert_eq!(arrays.get("a").unwrap().shape(), [0, 1 << 62, 8]);
}

#[test]
fn what_is_no_file_of_arrays_says_so() {
    let a = npy("<f4", "(1,)", &[0; 4]);
    for bytes in [&b""[..], b"no zip", &a] {
        assert_refused(parse(bytes, 1 << 20), &["file.npz", "not a readable .npz"]);
    }
    let folder = tempfile::tempdir().unwrap();
    for (file, entries) in [("empty.npz", &[][..]), ("text.npz", &[("readme.txt", &b"hello"[..])])] {
        std::fs::write(folder.path().join(file), archive(entries)).unwrap();
        assert_refused(Arrays::read_npz(folder.path().join(file)), &[file, "has no arrays"]);
    }
    assert_refused(parse(&archive(&[("a.npy", b"hello")]), 1 << 20), &["\"a\"", "does not begin"]);
    // One entry twice: the second name becomes the first in both of its places.
    let mut twice = archive(&[("a.npy", &a), ("b.npy", &a)]);
    while let Some(place) = twice.windows(5).position(|name| name == b"b.npy") {
        twice[place] = b'a';
    }
    assert_refused(parse(&twice, 1 << 20), &["twice"]);
    assert_refused(Arrays::read_npz(data("absent.npz")), &["cannot read", "absent.npz"]);
}

#[test]
fn entries_that_grow_beyond_the_limit_are_left() {
    let bomb = archive(&[("a.npy", &npy("|i1", "(50000000,)", &vec![0; 50_000_000]))]);
    assert!(bomb.len() < 100_000);
    assert_refused(parse(&bomb, 1 << 20), &["more than 1048576 bytes"]);
    // The limit is for all arrays together.
    let half = npy("|i1", "(600000,)", &vec![0; 600_000]);
    assert!(parse(&archive(&[("a.npy", &half)]), 1 << 20).is_ok());
    assert_refused(parse(&archive(&[("a.npy", &half), ("b.npy", &half)]), 1 << 20), &["more than"]);
    // A claim of an entry's size does not count: here both places say 4 GiB.
    let mut lying = archive(&[("a.npy", &npy("<f4", "(1,)", &[0; 4]))]);
    let (local, central) = (22, lying.windows(4).position(|word| word == b"PK\x01\x02").unwrap() + 24);
    for place in [local, central] {
        lying[place..place + 4].copy_from_slice(&0xFFFF_FFF0u32.to_le_bytes());
    }
    // It is read as the bytes that are there, or refused.
    assert!(parse(&lying, 1 << 20).map_or(true, |arrays| arrays.get("a").is_some_and(|array| array.shape() == [1])));
}

fn some_arrays() -> impl Strategy<Value = Arrays> {
    let shape = prop::collection::vec(0usize..5, 0..4);
    let array = (shape, 0..3, any::<u64>()).prop_map(|(shape, kind, seed)| {
        let count = shape.iter().product();
        let values: Vec<f64> = mixpress_testing::uniform(count, seed).iter().map(|value| value * 1e9).collect();
        let values = match kind {
            0 => Values::F32(values.iter().map(|&value| value as f32).collect()),
            1 => Values::I32(values.iter().map(|&value| value as i32).collect()),
            _ => Values::U8(values.iter().map(|&value| value as i64 as u8).collect()),
        };
        Array::new(shape, values).unwrap()
    });
    prop::collection::btree_map("[a-zé.:/]{1,9}", array, 1..5).prop_map(|named| {
        let mut arrays = Arrays::new();
        for (name, array) in named {
            arrays.insert(name, array).unwrap();
        }
        arrays
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn written_arrays_come_back(arrays in some_arrays()) {
        let written = arrays.write_npz(Cursor::new(Vec::new())).unwrap().into_inner();
        prop_assert_eq!(&parse(&written, 1 << 20).unwrap(), &arrays);
        prop_assert_eq!(arrays.write_npz(Cursor::new(Vec::new())).unwrap().into_inner(), written);
    }

    #[test]
    fn damaged_files_never_panic(arrays in some_arrays(), cut in any::<prop::sample::Index>(),
                                 flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6)) {
        let mut bytes = arrays.write_npz(Cursor::new(Vec::new())).unwrap().into_inner();
        for (place, flip) in flips {
            let place = place.index(bytes.len());
            bytes[place] ^= flip;
        }
        let _ = parse(&bytes, 1 << 16);
        let _ = parse(&bytes[..cut.index(bytes.len())], 1 << 16);
    }

    #[test]
    fn damaged_headers_never_panic(text in "[{}()\\[\\]'\":,a-z0-9LTFrue ]{0,80}", entries in 0usize..9) {
        let length = (text.len() as u16).to_le_bytes();
        let header = [b"\x93NUMPY\x01\0", &length[..], text.as_bytes(), &vec![0; entries]].concat();
        let _ = npy::read("a", &header);
    }
}
