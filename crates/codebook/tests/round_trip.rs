//! Any container comes back exactly; no damaged or hostile file makes the reader panic.

mod common;

use common::{
    Draw, lenet_300_100,
    trellis::{self, Kind},
};
use mixpress_codebook::{
    AxisRef, Codebook, Container, Dtype, Entry, Error, Limits, Metadata, PlainTensor, QuantizedTensor, UnitGroup,
    breakdown, decode, decode_with_limits, encode,
    trellis::{Trellis, TrellisTensor},
};
use proptest::prelude::*;

/// A codebook of one of the kinds that files have.
fn codebook(draw: &mut Draw) -> Codebook {
    match draw.below(4) {
        0 => Codebook::Grid { step: 0.125, bits: 2 + draw.below(7) as u8 },
        kind => {
            let levels = 1 + draw.below(if kind == 1 { 200 } else { 7 });
            let shift = draw.below(levels);
            let unit = if kind == 2 { 0.1 } else { 0.25 };
            Codebook::Values((0..levels).map(|i| (i as f32 - shift as f32) * unit).collect())
        }
    }
}

/// A container of random groups and tensors, the shapes of whose axes follow from the groups.
fn container(seed: u64) -> Container {
    let mut draw = Draw::new(seed);
    let groups: Vec<UnitGroup> = (0..draw.below(4))
        .map(|_| match draw.below(3) {
            0 => UnitGroup::pixels(1 + draw.below(2), 1 + draw.below(5), 1 + draw.below(5)),
            _ => UnitGroup::new(1 + draw.below(12)),
        })
        .collect();
    let trellis = Trellis::new(4 << draw.below(7)).unwrap();
    let mut entries = Vec::new();
    // Shapes of trellis-coded tensors as they are coded, and whether they can predict another one.
    let mut coded: Vec<([usize; 2], bool)> = Vec::new();
    for number in 0..draw.below(7) {
        let name = if draw.below(2) == 0 { format!("fc{number}.weight") } else { format!("blocks.{number}.attention") };
        let mut shape = Vec::new();
        let mut axes = Vec::new();
        for _ in 0..draw.below(5) {
            if draw.below(2) == 0 && !groups.is_empty() {
                let group = draw.below(groups.len());
                let repeat = 1 + draw.below(2) * draw.below(9);
                shape.push(groups[group].size * repeat);
                axes.push(Some(AxisRef::repeated(group, repeat)));
            } else {
                shape.push(if draw.below(20) == 0 { 0 } else { 1 + draw.below(6) });
                axes.push(None);
            }
        }
        let len: usize = shape.iter().product();
        if len > 20_000 {
            continue;
        }
        if shape.len() > 1 && len > 0 && draw.below(2) == 0 {
            let is_transposed = draw.below(2) == 0;
            let [a, b] = [shape[0], len / shape[0]];
            let shape_coded = if is_transposed { [b, a] } else { [a, b] };
            let size = 1 + draw.below(7) as i32;
            let kind = Kind { is_transposed, patched: draw.below(2) * 80, ..Kind::new(shape_coded, size) };
            let mut matrix = trellis::matrix(&mut draw, trellis, kind);
            let partner = coded.iter().position(|&other| other == (shape_coded, true));
            if let Some(partner) = partner {
                matrix = trellis::predicted(&mut draw, matrix, partner);
            } else if draw.below(3) == 0 {
                matrix = trellis::of_own_rows(&mut draw, matrix);
            }
            coded.push((shape_coded, matrix.prediction.is_none()));
            entries.push(TrellisTensor::new(name, shape, matrix).unwrap().into());
            continue;
        }
        if draw.below(4) == 0 {
            let dtype =
                [Dtype::F32, Dtype::F16, Dtype::Bool, Dtype::I64, Dtype::Complex64, Dtype::Bytes][draw.below(6)];
            let most = [2, 256][draw.below(2)];
            let data = (0..len * dtype.size()).map(|_| draw.below(most) as u8).collect();
            entries.push(PlainTensor::from_bytes(name, shape, dtype, data).unwrap().into());
            continue;
        }
        let book = codebook(&mut draw);
        let zero = book.zero_index();
        let keep = draw.unit();
        let dead: Vec<Vec<bool>> = shape.iter().map(|&l| (0..l).map(|_| draw.below(4) == 0).collect()).collect();
        let indices = (0..len)
            .map(|mut i| {
                let mut is_dead = false;
                for axis in (0..shape.len()).rev() {
                    is_dead |= dead[axis][i % shape[axis]];
                    i /= shape[axis];
                }
                match zero {
                    Some(zero) if is_dead || draw.unit() > keep => zero,
                    _ => draw.below(book.len()) as u16,
                }
            })
            .collect();
        entries.push(QuantizedTensor::new(name, shape, book, indices).unwrap().with_axes(axes).unwrap().into());
    }
    let bytes =
        |draw: &mut Draw| (draw.below(2) == 0).then(|| (0..draw.below(40)).map(|_| draw.below(256) as u8).collect());
    let metadata = Metadata {
        recipe: bytes(&mut draw),
        seed: (draw.below(2) == 0).then_some(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
        float_error: (draw.below(2) == 0).then(|| draw.below(10_000) as u32),
        error: (draw.below(2) == 0).then_some(u32::MAX),
        extra: (0..draw.below(3)).map(|i| (format!("key {i}"), "wert ü".repeat(i))).collect(),
    };
    let trellis = trellis::settings(trellis, &entries);
    Container { entries, groups, trellis, definition: bytes(&mut draw), metadata }
}

/// A file with sections of every kind.
fn large() -> Container {
    let mut draw = Draw::new(11);
    let dense: Vec<u16> = (0..40_000).map(|_| (draw.unit() * draw.unit() * 16.0) as u16).collect();
    let flat: Vec<u16> = (0..70_000).map(|_| draw.below(256) as u16).collect();
    let book = |n: i32| Codebook::Values((0..n).map(|i| (i - n / 2) as f32 / 64.0).collect());
    let plain: Vec<f32> = (0..2000).map(|i| i as f32 * 0.1).collect();
    let entries: Vec<Entry> = vec![
        QuantizedTensor::new("dense", [200, 200], book(16), dense).unwrap().into(),
        QuantizedTensor::new("flat", [70_000], book(256), flat).unwrap().into(),
        PlainTensor::from_f32("plain", [2000], &plain).unwrap().into(),
        PlainTensor::rounded_to_f16("half", [1000, 2], &plain).unwrap().into(),
        PlainTensor::from_f32("narrow", [3], &[0.5, -0.0, f32::INFINITY]).unwrap().into(),
        PlainTensor::from_bytes("empty", [0, 7], Dtype::F64, vec![]).unwrap().into(),
    ];
    let definition = Some((0..100_000u32).map(|i| (i.wrapping_mul(i) >> 7) as u8).collect());
    Container { entries, definition, ..Container::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_container_comes_back(seed in any::<u64>()) {
        let container = container(seed);
        let bytes = encode(&container).unwrap();
        prop_assert_eq!(&encode(&container).unwrap(), &bytes);
        let opened = decode(&bytes).unwrap();
        prop_assert_eq!(&encode(&opened).unwrap(), &bytes);
        prop_assert_eq!(opened, container);
        let parts = breakdown(&bytes).unwrap();
        prop_assert!((parts.accounted() - bytes.len() as f64).abs() < 3.0, "{:?} of {}", parts, bytes.len());
    }

    #[test]
    fn damage_is_an_error(seed in any::<u64>(), place in any::<usize>(), flip in 1u8..=255, cut in any::<usize>()) {
        let bytes = encode(&container(seed)).unwrap();
        let mut damaged = bytes.clone();
        damaged[place % bytes.len()] ^= flip;
        prop_assert!(decode(&damaged).is_err());
        prop_assert!(decode(&bytes[..cut % bytes.len()]).is_err());
        let mut longer = bytes;
        longer.push(flip);
        prop_assert!(decode(&longer).is_err());
    }

    /// Damage whose checksum was mended reaches the models: anything may come out, but no panic.
    #[test]
    fn forged_checksums_do_not_panic(seed in any::<u64>(), places in prop::collection::vec((any::<usize>(), any::<u8>()), 1..6)) {
        let mut bytes = encode(&container(seed)).unwrap();
        let body = bytes.len() - 4;
        for (place, value) in places {
            bytes[5.min(body) + place % (body - 5).max(1)] = value;
        }
        let crc = crc32fast::hash(&bytes[..body]);
        bytes[body..].copy_from_slice(&crc.to_le_bytes());
        let limits = Limits { max_total_elements: 1 << 20, max_header_bytes: 1 << 12, max_tensors: 64, ..Limits::default() };
        let _ = decode_with_limits(&bytes, limits);
    }

    #[test]
    fn noise_does_not_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), magic in any::<bool>()) {
        if magic {
            let head = b"MXP\0\0";
            bytes.splice(..0, head.iter().copied());
            let crc = crc32fast::hash(&bytes);
            bytes.extend(crc.to_le_bytes());
        }
        let limits = Limits { max_total_elements: 1 << 20, max_header_bytes: 1 << 12, max_tensors: 64, ..Limits::default() };
        let _ = decode_with_limits(&bytes, limits);
        prop_assert!(magic || decode(&bytes).is_err());
    }
}

#[test]
fn a_file_with_sections_comes_back_and_every_part_of_it_is_guarded() {
    let container = large();
    let bytes = encode(&container).unwrap();
    assert_eq!(decode(&bytes).unwrap(), container);
    let parts = breakdown(&bytes).unwrap();
    assert!((parts.accounted() - bytes.len() as f64).abs() < 3.0);
    let codings: Vec<_> = parts.tensors.iter().map(|t| t.coding.as_str()).collect();
    assert_eq!(codings[..3], ["static entropy coding", "bit-packed", "plain, in planes"]);
    for place in (0..bytes.len()).step_by(997).chain(0..80) {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x10;
        assert!(decode(&damaged).is_err(), "byte {place}");
    }
    for cut in (0..bytes.len()).step_by(4999).chain(0..80) {
        assert!(decode(&bytes[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    let bytes = encode(&lenet_300_100(0, 0.01)).unwrap();
    assert_eq!(decode(b"PK\x03\x04"), Err(Error::NotMxp { found: b"PK\x03".to_vec() }));
    assert_eq!(decode(b""), Err(Error::NotMxp { found: vec![] }));
    let mut newer = bytes.clone();
    newer[3] = 7;
    assert_eq!(decode(&newer), Err(Error::NewerVersion { version: 7, supported: 0 }));
    assert!(decode(&newer).unwrap_err().to_string().contains("version 7 is newer than this reader"));
    assert!(matches!(decode(&bytes[..4]), Err(Error::Truncated { .. })));
    let mut damaged = bytes.clone();
    damaged[100] ^= 1;
    assert!(matches!(decode(&damaged), Err(Error::Checksum { part: "the file", .. })));
    let limits = Limits { max_total_elements: 10_000, ..Limits::default() };
    assert!(matches!(decode_with_limits(&bytes, limits), Err(Error::Limit { limit: 10_000, .. })));
    let twice = Container { entries: vec![large().entries[4].clone(); 2], ..Container::default() };
    assert!(matches!(encode(&twice), Err(Error::DuplicateName { .. })));
}

#[test]
fn a_lying_axis_is_refused_before_anything_is_written() {
    let mut container = lenet_300_100(0, 0.01);
    container.groups[1] = UnitGroup::new(299);
    assert!(matches!(encode(&container), Err(Error::AxisLength { axis: 0, length: 300, units: 299, .. })));
    container.groups.truncate(1);
    assert!(matches!(encode(&container), Err(Error::AxisGroup { group: 1, groups: 1, .. })));
}

#[test]
fn sorting_units_permutes_rows_and_columns_alike() {
    let mut container = lenet_300_100(2, 0.02);
    let before = product(&container);
    let mut order: Vec<usize> = (0..300).collect();
    order.reverse();
    container.permute_units(1, &order);
    assert_eq!(product(&container), before);
    let scrambled = encode(&container).unwrap().len();
    container.sort_units(&[2, 1]);
    assert_eq!(product(&container), before);
    assert!(encode(&container).unwrap().len() < scrambled - 20);
}

/// fc2 times fc1, summed exactly: it does not depend on the order of the units between them.
fn product(container: &Container) -> Vec<i64> {
    let fixed = |name: &str| -> Vec<i64> {
        container.get(name).unwrap().values().unwrap().iter().map(|v| (v * 1024.0) as i64).collect()
    };
    let (fc1, fc2, fc3) = (fixed("fc1.weight"), fixed("fc2.weight"), fixed("fc3.weight"));
    let multiply = |a: &[i64], b: &[i64], inner: usize| -> Vec<i64> {
        let width = b.len() / inner;
        let mut out = vec![0; a.len() / inner * width];
        for (r, row) in a.chunks(inner).enumerate() {
            for (k, &x) in row.iter().enumerate().filter(|(_, x)| **x != 0) {
                for c in 0..width {
                    out[r * width + c] += x * b[k * width + c];
                }
            }
        }
        out
    };
    multiply(&multiply(&fc3, &fc2, 100), &fc1, 300)
}
