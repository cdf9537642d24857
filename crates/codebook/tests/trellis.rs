//! Trellis-coded tensors in a file: their sections among others, what a breakdown says of them, what is refused.

mod common;

use std::io::Cursor;

use common::{
    Draw,
    trellis::{self, Kind},
};
use mixpress_codebook::{
    Archive, Container, ContainerWriter, Dtype, Entry, Error, Limits, Outline, PlainTensor, breakdown, decode, encode,
    trellis::{Patch, Trellis, TrellisMatrix, TrellisSettings, TrellisTensor},
};

fn coding(container: &Container) -> Vec<String> {
    breakdown(&encode(container).unwrap()).unwrap().tensors.into_iter().map(|tensor| tensor.coding).collect()
}

#[test]
fn a_breakdown_says_what_each_takes_and_what_predicts_it() {
    let container = trellis::mixed();
    let codings = coding(&container);
    assert_eq!(codings[0], "trellis, 8 states");
    assert_eq!(codings[3], "trellis, 8 states, predicted from layers.0.turned.weight");
    assert_eq!(codings[5], "trellis, 8 states, predicted from layers.0.proj.weight");
    let codings = coding(&trellis::blocks());
    assert_eq!(codings[2], "trellis, 256 states, rows predicted from earlier ones");
    let codings = coding(&trellis::bases());
    assert_eq!(codings[0], "trellis, 256 states, 98 lines along principal directions");
    assert_eq!(codings[2], "trellis, 256 states, predicted from plain, 162 lines along principal directions");
    for (name, container) in common::golden_containers() {
        let bytes = encode(&container).unwrap();
        let parts = breakdown(&bytes).unwrap();
        assert!((parts.accounted() - bytes.len() as f64).abs() < 1.5, "{name}: {parts:?} of {}", bytes.len());
        for tensor in parts.tensors.iter().filter(|tensor| tensor.coding.starts_with("trellis")) {
            assert!(tensor.codebook > 0.0 && tensor.magnitudes > 0.0, "{name}: {tensor:?}");
        }
    }
}

/// A file of one of two tensors is about as long as a breakdown of both says.
#[test]
fn a_block_that_changes_after_the_file_was_opened_is_noticed() {
    let bytes = encode(&trellis::blocks()).unwrap();
    for from_end in [1, 40, 500] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &bytes).unwrap();
        let (archive, _) = Archive::open_file(std::fs::File::open(file.path()).unwrap()).unwrap();
        let mut changed = bytes.clone();
        changed[bytes.len() - from_end] ^= 4;
        std::fs::write(file.path(), &changed).unwrap();
        // All tensors have a part of the last block.
        assert!(archive.tensors().iter().all(|tensor| tensor.values().is_err()), "{from_end} bytes from the end");
    }
}

#[test]
fn the_bytes_of_a_block_are_shared_as_they_are_needed() {
    let mut draw = Draw::new(3);
    let states = Trellis::new(16).unwrap();
    let few = trellis::tensor("few", trellis::matrix(&mut draw, states, Kind::new([200, 90], 2)));
    let many = trellis::tensor("many", trellis::matrix(&mut draw, states, Kind::new([90, 200], 6)));
    let both = trellis::container(states, vec![few.clone(), many.clone()]);
    let parts = breakdown(&encode(&both).unwrap()).unwrap();
    for (part, alone) in parts.tensors.iter().zip([few, many]) {
        let alone = Container { entries: vec![alone], ..both.clone() };
        let alone = breakdown(&encode(&alone).unwrap()).unwrap().tensors[0].total();
        assert!((part.total() / alone - 1.0).abs() < 0.15, "{part:?}: alone {alone}");
    }
    assert!(parts.tensors[1].magnitudes > 1.8 * parts.tensors[0].magnitudes);
}

#[test]
fn patches_that_need_not_be_are_numbers() {
    let states = Trellis::new(8).unwrap();
    let kind = Kind { patched: 200, ..Kind::new([30, 20], 5) };
    let matrix = trellis::matrix(&mut Draw::new(8), states, kind);
    let mut given = matrix.clone();
    // Leads where the number does, but not beyond sixteen bits; a number that no table has.
    given.patches = vec![
        Patch { position: 3, number: i32::from(matrix.numbers[3]) + 400 },
        Patch { position: 4, number: i32::from(matrix.numbers[4]) + 400_000 },
        Patch { position: 5, number: i32::from(matrix.numbers[5]) + 401 },
    ];
    given.numbers[10] += 800;
    let tensor = TrellisTensor::new("t", [30, 20], given.clone()).unwrap();
    let settled = tensor.matrix();
    assert_eq!(settled.patches, given.patches[1..]);
    assert_eq!((settled.numbers[3], settled.numbers[10]), (matrix.numbers[3] + 400, matrix.numbers[10] + 800));
    for place in [4, 5] {
        assert!((-1..=2).contains(&settled.numbers[place]), "{}", settled.numbers[place]);
        assert_eq!((settled.numbers[place] - matrix.numbers[place]) % 4, 0);
    }
    let mut expected: Vec<f32> = given.numbers.iter().map(|&number| f32::from(number) * given.step).collect();
    given.patches.iter().for_each(|patch| expected[patch.position as usize] = patch.number as f32 * given.step);
    assert_eq!(tensor.values(None), expected);
    let container = trellis::container(states, vec![tensor.into()]);
    assert_eq!(decode(&encode(&container).unwrap()).unwrap(), container);
}

/// A tensor of nothing but zeros.
fn zeros(name: &str, [rows, columns]: [usize; 2]) -> Entry {
    let (row_scales, column_scales) = (vec![-40; rows], vec![0; columns]);
    let (numbers, patches, bases) = (vec![0; rows * columns], Vec::new(), Vec::new());
    let (is_transposed, step, prediction) = (false, 0.5, None);
    trellis::tensor(
        name,
        TrellisMatrix {
            rows,
            columns,
            is_transposed,
            step,
            row_scales,
            column_scales,
            numbers,
            patches,
            prediction,
            bases,
        },
    )
}

#[test]
fn a_section_has_its_place_where_it_ends() {
    let mut draw = Draw::new(5);
    let states = Trellis::new(4).unwrap();
    let mut noise = |name: &str| -> Entry {
        let bytes = (0..1500).map(|_| draw.below(256) as u8).collect();
        PlainTensor::from_bytes(name, [1500], Dtype::U8, bytes).unwrap().into()
    };
    // The first two fill a section, the others are in another.
    let small = trellis::matrix(&mut Draw::new(6), states, Kind::new([20, 30], 3));
    let same = trellis::matrix(&mut Draw::new(7), states, Kind::new([20, 30], 3));
    let same = trellis::predicted(&mut Draw::new(7), same, 0);
    let entries = vec![
        noise("a"),
        zeros("half", [1 << 12, 1 << 13]),
        noise("b"),
        zeros("other half", [1 << 13, 1 << 12]),
        noise("c"),
        trellis::tensor("small", small),
        trellis::tensor("same", same),
        noise("d"),
    ];
    let container = trellis::container(states, entries);
    let outline = Outline {
        tensors: container.entries.iter().map(Into::into).collect(),
        trellis: container.trellis,
        ..Outline::default()
    };
    let mut writer = ContainerWriter::new(outline, Cursor::new(Vec::new())).unwrap();
    let mut grown = Vec::new();
    for entry in &container.entries {
        let before = writer.bytes();
        writer.push(entry).unwrap();
        grown.push(writer.bytes() - before > 100);
    }
    assert_eq!(grown, [true, false, true, true, true, false, true, true]);
    let mut bytes = Vec::new();
    writer.finish(&mut bytes).unwrap();
    assert!(bytes == encode(&container).unwrap());
    let (archive, parts) = Archive::open_with_breakdown(&bytes).unwrap();
    assert!([0, 2, 4, 7].iter().all(|&noise: &usize| parts.tensors[noise].coding == "plain"), "each in a section");
    assert_eq!(parts.tensors[6].coding, "trellis, 4 states, predicted from small");
    assert!((parts.accounted() - bytes.len() as f64).abs() < 1.5);
    assert_eq!(archive.get("same").unwrap().values().unwrap(), container.values(6).unwrap());
    assert!(archive.into_container().unwrap() == container);
}

#[test]
fn what_cannot_be_written_is_said() {
    let states = Trellis::new(8).unwrap();
    let container = trellis::mixed();
    let without = Container { trellis: None, ..container.clone() };
    assert_eq!(encode(&without), Err(Error::TrellisSettings { count: 7 }));
    let unneeded = Container { trellis: container.trellis, ..Container::default() };
    assert_eq!(encode(&unneeded), Err(Error::TrellisSettings { count: 0 }));
    assert!(TrellisSettings::new(states, 0, 0).is_err() && TrellisSettings::new(states, 0, 41).is_err());
    assert!(TrellisSettings::new(states, 201, 3).is_err() && TrellisSettings::new(states, -200, 40).is_ok());
    let other = TrellisSettings::new(Trellis::new(16).unwrap(), 0, 8).unwrap();
    let error = encode(&Container { trellis: Some(other), ..container.clone() }).unwrap_err();
    let name = "layers.0.proj.weight";
    assert!(matches!(&error, Error::TrellisTensor { name: found, .. } if found == name), "{error}");

    let matrix = trellis::matrix(&mut Draw::new(1), states, Kind::new([4, 6], 3));
    for shape in [&[24][..], &[6, 4], &[4, 3], &[4, 6, 2]] {
        let refused = TrellisTensor::new("t", shape, matrix.clone());
        assert!(matches!(refused, Err(Error::TrellisShape { matrix: [4, 6], .. })), "{shape:?}");
    }
    let nothing = trellis::matrix(&mut Draw::new(1), states, Kind::new([4, 0], 3));
    assert!(matches!(TrellisTensor::new("t", [4, 0], nothing), Err(Error::TrellisShape { .. })));
    // So many numbers that no table has that the section has no room for them.
    let mut far = trellis::matrix(&mut Draw::new(1), states, Kind::new([100, 100], 3));
    far.numbers.iter_mut().for_each(|number| *number += 1600);
    let far = trellis::container(states, vec![trellis::tensor("near", matrix), trellis::tensor("far", far)]);
    let error = encode(&far).unwrap_err();
    assert!(matches!(&error, Error::TrellisTensor { name, .. } if name == "far"), "{error}");
}

#[test]
fn a_large_tensor_of_few_bytes_is_bounded() {
    let states = Trellis::new(8).unwrap();
    let container = trellis::container(states, vec![zeros("w", [1 << 11, 1 << 11])]);
    let bytes = encode(&container).unwrap();
    assert!(bytes.len() < 2000, "{} bytes", bytes.len());
    let limits = |max_unbacked_bytes| Limits { max_unbacked_bytes, ..Limits::default() };
    assert!(Archive::open_with_limits(&bytes, limits(1 << 24)).is_ok());
    let error = Archive::open_with_limits(&bytes, limits((1 << 24) - 1)).unwrap_err();
    assert!(matches!(&error, Error::TensorLimit { name, claimed: 0x100_0000, .. } if name == "w"), "{error}");
    let outline = Outline {
        tensors: container.entries.iter().map(Into::into).collect(),
        trellis: container.trellis,
        ..Outline::default()
    };
    let mut writer = ContainerWriter::with_limits(outline, Cursor::new(Vec::new()), limits(1 << 23)).unwrap();
    assert!(matches!(writer.push(&container.entries[0]), Err(Error::ForNoReader { .. })));
}
