//! Files that lie, made with the writer's own parts: checksums are right, contents are not.

use proptest::prelude::*;

use crate::{
    Archive, AxisRef, Codebook, Container, Entry, Error, Limits, PlainTensor, QuantizedTensor, UnitGroup,
    binary::BinaryCoder,
    decode, decode_with_limits, encode,
    range_coder::Encoder,
    rans,
    section::{Row, SectionKind, Sections, head},
    source::Source,
    stream::{Coding, Models},
    structure::{GroupRecord, Structure, TensorRecord},
    text::Kind,
    trellis::{
        self, Model, Trellis, TrellisMatrix, TrellisSettings, TrellisTensor,
        tests::{matrices, model},
    },
    wire,
};

/// A file whose stream begins with this record and goes on with `then`.
fn with_record(record: &[u8], then: impl FnOnce(&mut Encoder, &mut Models)) -> Vec<u8> {
    let (mut coder, mut models) = (Encoder::new(), Models::new());
    models.structure.code(&mut coder, 0);
    models.text.code(&mut coder, Kind::Structure, record, &Limits::default()).unwrap();
    then(&mut coder, &mut models);
    head(&coder.finish(), Vec::new()).unwrap()
}

fn with_structure(groups: &[u64], tensors: Vec<TensorRecord>) -> Vec<u8> {
    let groups = groups.iter().map(|&size| GroupRecord { size, grid: None }).collect();
    with_record(&wire::to_bytes(&Structure { groups, tensors }).unwrap(), |_, _| {})
}

#[test]
fn sizes_are_refused_before_they_are_believed() {
    let tensor = |shape: &[u64]| TensorRecord::new("t", shape.to_vec(), 0, vec![]);
    let limit = Limits::default().max_total_elements;
    for shape in [&[1 << 20, 1 << 20][..], &[u64::MAX, u64::MAX], &[u64::MAX], &[0, 1 << 40], &[1 << 27, 3]] {
        let error = decode(&with_structure(&[], vec![tensor(shape)])).unwrap_err();
        assert!(matches!(error, Error::Limit { limit: l, .. } if l <= limit), "{shape:?}: {error}");
    }
    assert!(matches!(decode(&with_structure(&[1 << 40], vec![])), Err(Error::Limit { .. })));
    // Each passes alone, together they do not.
    let many = (0..3).map(|i| TensorRecord::new(&format!("t{i}"), vec![1 << 27], 0, vec![])).collect();
    assert!(matches!(decode(&with_structure(&[], many)), Err(Error::Limit { what: "entries and units", .. })));
}

#[test]
fn lists_longer_than_the_record_are_refused() {
    // A list of 2^60 groups.
    let claim = [&[253][..], &(1u64 << 60).to_le_bytes()].concat();
    let error = decode(&with_record(&claim, |_, _| {})).unwrap_err();
    assert!(matches!(error, Error::Header { .. } | Error::Truncated { .. }), "{error}");
    // A table of 2^60 sections.
    let file = [&b"MXP\0\x01"[..], &claim].concat();
    let error = decode(&file).unwrap_err();
    assert!(matches!(error, Error::Header { .. } | Error::Truncated { .. }), "{error}");
}

#[test]
fn axes_that_do_not_fit_are_refused() {
    let tensor = |axis| vec![TensorRecord::new("t", vec![6], 0, vec![axis])];
    let check = |axis| decode(&with_structure(&[3], tensor(Some(axis)))).unwrap_err();
    assert!(matches!(check((0, 1)), Error::AxisLength { length: 6, units: 3, repeat: 1, .. }));
    assert!(matches!(check((0, 0)), Error::AxisLength { repeat: 0, .. }));
    assert!(matches!(check((0, u64::MAX)), Error::AxisLength { .. }));
    assert!(matches!(check((u64::MAX, 2)), Error::AxisGroup { groups: 1, .. }));
    let twice = vec![TensorRecord::new("t", vec![0], 0, vec![]), TensorRecord::new("t", vec![0], 0, vec![])];
    assert!(decode(&with_structure(&[], twice)).is_err());
}

#[test]
fn dead_entries_need_a_zero() {
    let record = Structure {
        groups: vec![GroupRecord { size: 2, grid: None }],
        tensors: vec![TensorRecord::new("t", vec![2], 0, vec![Some((0, 1))])],
    };
    let file = with_record(&wire::to_bytes(&record).unwrap(), |coder, models| {
        models.present(coder, false);
        models.metadata(coder, &crate::Metadata::default(), &Limits::default()).unwrap();
        models.flags.code(coder, &UnitGroup::new(2), &mut [true, false]).unwrap();
        models.levels.code(coder, &Codebook::Values(vec![1.0, 2.0])).unwrap();
    });
    assert!(matches!(decode(&file), Err(Error::Malformed { rule: "dead entries are zero", .. })));
}

#[test]
fn levels_that_do_not_ascend_are_refused() {
    let record = Structure { groups: vec![], tensors: vec![TensorRecord::new("t", vec![2], 0, vec![])] };
    let file = with_record(&wire::to_bytes(&record).unwrap(), |coder, models| {
        models.present(coder, false);
        models.metadata(coder, &crate::Metadata::default(), &Limits::default()).unwrap();
        models.levels.code(coder, &Codebook::Values(vec![2.0, 1.0])).unwrap();
    });
    assert!(matches!(decode(&file), Err(Error::CodebookOrder { position: 1, .. })));
}

#[test]
fn a_short_stream_may_describe_many_zeros_within_the_limits() {
    let tensor =
        QuantizedTensor::new("t", [1 << 12, 1 << 8], Codebook::Values(vec![0.0, 1.0]), vec![0; 1 << 20]).unwrap();
    let axes = [Some(AxisRef::new(0)), None];
    let entries = vec![Entry::from(tensor.with_axes(axes).unwrap())];
    let container = Container { entries, groups: vec![UnitGroup::new(1 << 12)], ..Container::default() };
    let bytes = encode(&container).unwrap();
    assert!(bytes.len() < 40, "{} bytes", bytes.len());
    assert_eq!(decode(&bytes).unwrap(), container);
    let limits = Limits { max_total_elements: 1 << 20, ..Limits::default() };
    assert!(matches!(decode_with_limits(&bytes, limits), Err(Error::Limit { .. })));
}

/// A file of one tensor whose stream goes on with `then`, and with such a section, if any.
fn with_tensor(
    groups: &[u64],
    tensor: TensorRecord,
    section: Option<(SectionKind, Vec<u8>)>,
    then: impl FnOnce(&mut Encoder, &mut Models),
) -> Vec<u8> {
    let groups = groups.iter().map(|&size| GroupRecord { size, grid: None }).collect();
    let record = wire::to_bytes(&Structure { groups, tensors: vec![tensor] }).unwrap();
    let (mut coder, mut models) = (Encoder::new(), Models::new());
    models.structure.code(&mut coder, 0);
    models.text.code(&mut coder, Kind::Structure, &record, &Limits::default()).unwrap();
    models.present(&mut coder, false);
    models.metadata(&mut coder, &crate::Metadata::default(), &Limits::default()).unwrap();
    then(&mut coder, &mut models);
    match section {
        Some(section) => assembled(&[(SectionKind::Stream, coder.finish()), section]),
        None => head(&coder.finish(), Vec::new()).unwrap(),
    }
}

/// A plain f32 tensor that is one number over and over.
fn constant(shape: &[u64]) -> Vec<u8> {
    // Layout, chunk, a run of each of four planes, and the byte that it repeats.
    let planes = vec![2, 40, 4, 1, 1, 1, 1, 0, 0, 0, 127];
    with_tensor(
        &[],
        TensorRecord::new("w", shape.to_vec(), 1, vec![]),
        Some((SectionKind::Planes, planes)),
        |coder, models| {
            models.present(coder, false);
            models.outside(coder, true);
        },
    )
}

/// A quantised tensor of one value, of which no index takes a bit.
fn of_one_value(shape: &[u64]) -> Vec<u8> {
    with_tensor(
        &[],
        TensorRecord::new("w", shape.to_vec(), 0, vec![]),
        Some((SectionKind::Packed, vec![])),
        |coder, models| {
            models.levels.code(coder, &Codebook::Values(vec![0.5])).unwrap();
            models.coding(coder, Coding::Packed);
        },
    )
}

#[test]
fn few_bytes_do_not_become_a_tensor_that_no_memory_holds() {
    let small = constant(&[2, 3]);
    assert_eq!(Archive::open(&small).unwrap().tensors()[0].data().unwrap(), [1.0f32.to_le_bytes(); 6].concat());
    assert_eq!(Archive::open(&of_one_value(&[5])).unwrap().tensors()[0].values().unwrap(), [0.5; 5]);
    let limits = Limits::tensor_by_tensor();
    for make in [constant, of_one_value] {
        // A tebibyte, 32 GiB, and the most that is let in, which nothing decodes here.
        let refused = |shape: &[u64]| Archive::open_with_limits(&make(shape), limits).unwrap_err();
        assert!(make(&[1 << 20, 1 << 18]).len() < 150);
        let error = refused(&[1 << 20, 1 << 18]);
        assert!(matches!(&error, Error::TensorLimit { name, claimed: 0x40_0000_0000, .. } if name == "w"), "{error}");
        let error = refused(&[1 << 17, 1 << 16]);
        assert!(matches!(&error, Error::TensorLimit { name, claimed: 0x8_0000_0000, .. } if name == "w"), "{error}");
        assert!(Archive::open_with_limits(&make(&[1 << 16, 1 << 16]), limits).is_ok());
    }
}

#[test]
fn a_short_stream_does_not_have_much_held() {
    let limits = Limits { max_unbacked_bytes: 1 << 20, ..Limits::tensor_by_tensor() };
    let refused = |file: &[u8]| match Archive::open_with_limits(file, limits) {
        Ok(_) => false,
        Err(Error::Limit { what: "bytes to hold from its opening on", limit: 0x10_0000, .. }) => true,
        Err(error) => panic!("{error}"),
    };
    let flags = |units: u64| {
        with_tensor(&[units], TensorRecord::new("w", vec![0], 0, vec![]), None, |coder, models| {
            let units = units.min(1 << 21) as usize;
            models.flags.code(coder, &UnitGroup::new(units), &mut vec![true; units]).unwrap();
            models.levels.code(coder, &Codebook::Values(vec![0.5])).unwrap();
        })
    };
    assert!(!refused(&flags(1 << 20)) && refused(&flags((1 << 20) + 1)) && refused(&flags(1 << 39)));

    let positions = |length: u64| {
        with_tensor(
            &[2],
            TensorRecord::new("w", vec![length], 0, vec![Some((0, length / 2))]),
            None,
            |coder, models| {
                models.flags.code(coder, &UnitGroup::new(2), &mut [true, false]).unwrap();
                models.levels.code(coder, &Codebook::Values(vec![0.0, 0.5])).unwrap();
                models.coding(coder, Coding::Inline);
            },
        )
    };
    assert!(!refused(&positions(1 << 16)) && refused(&positions((1 << 18) + 2)) && refused(&positions(0xFFFF_FFFE)));

    // Past its end a stream goes on, so tensors of the stream may take no bytes at all.
    let several = |count: u64| {
        let record = |i| TensorRecord::new(&format!("w{i}"), vec![1 << 18], 0, vec![]);
        let record = Structure { groups: vec![], tensors: (0..count).map(record).collect() };
        with_record(&wire::to_bytes(&record).unwrap(), |coder, models| {
            models.present(coder, false);
            models.metadata(coder, &crate::Metadata::default(), &Limits::default()).unwrap();
            for _ in 0..count {
                models.levels.code(coder, &Codebook::Values(vec![0.5])).unwrap();
                models.coding(coder, Coding::Inline);
            }
        })
    };
    assert!(!refused(&several(2)) && refused(&several(3)));
}

/// A file of one statically coded tensor whose stream tells these frequencies and this number of zeros.
fn with_table(frequencies: &[u64], zeros: u64) -> Vec<u8> {
    let record = Structure { groups: vec![], tensors: vec![TensorRecord::new("t", vec![5], 0, vec![])] };
    let (mut coder, mut models) = (Encoder::new(), Models::new());
    models.structure.code(&mut coder, 0);
    models.text.code(&mut coder, Kind::Structure, &wire::to_bytes(&record).unwrap(), &Limits::default()).unwrap();
    models.present(&mut coder, false);
    models.metadata(&mut coder, &crate::Metadata::default(), &Limits::default()).unwrap();
    models.levels.code(&mut coder, &Codebook::Values(vec![0.0, 1.0])).unwrap();
    models.coding(&mut coder, Coding::Static);
    for &frequency in frequencies {
        models.frequencies.code(&mut coder, frequency);
    }
    models.paired(&mut coder, 2, false);
    models.zeros.code(&mut coder, zeros);
    let table = rans::Table { frequencies: vec![2048, 2048], is_paired: false };
    let bytes = rans::encode(&[0, 1, 1, 0, 1], &table);
    assembled(&[(SectionKind::Stream, coder.finish()), (SectionKind::Static, bytes)])
}

#[test]
fn tables_that_lie_are_refused() {
    assert!(decode(&with_table(&[2048, 2048], 2)).is_ok());
    let zeros = decode(&with_table(&[2048, 2048], 3)).unwrap_err();
    assert!(matches!(zeros, Error::Malformed { value: 2, rule: "its indices have another", .. }), "{zeros}");
    let many = decode(&with_table(&[2048, 2048], 6)).unwrap_err();
    assert!(matches!(many, Error::Malformed { what: "the number of zeros of a tensor", value: 6, .. }), "{many}");
    for frequencies in [[2048, 2047], [u64::from(u32::MAX), 1], [1 << 62, 2048], [0, 0]] {
        let sum = decode(&with_table(&frequencies, 2)).unwrap_err();
        assert!(matches!(sum, Error::Malformed { what: "the sum of frequencies", .. }), "{sum}");
    }
}

/// A file with a section of every kind, those of trellis-coded tensors last.
fn sections() -> Vec<(SectionKind, Vec<u8>)> {
    let book = |n: u16| Codebook::Values((0..n).map(|i| f32::from(i) - 3.0).collect());
    let skewed = (0..3000u32).map(|i| (i.wrapping_mul(0x9E37_79B1) >> 22).leading_zeros() as u16 - 22).collect();
    let flat = (0..900u32).map(|i| (i.wrapping_mul(0x9E37_79B1) >> 24) as u16).collect();
    let noise = |i: u32| i.wrapping_mul(0x9E37_79B1) ^ i.wrapping_mul(0x9E37_79B1) >> 15;
    let raw = (0..2000u32).map(|i| (noise(i).wrapping_mul(0x85EB_CA6B) >> 24) as u8).collect();
    let waves: Vec<f32> = (0..600u32).map(|i| (i as f32).sin()).collect();
    let trellis = Trellis::new(8).unwrap();
    let matrices = matrices(3, trellis, &[[70, 40], [40, 50], [40, 50]], 6);
    let matrix = |number: usize| {
        let matrix = matrices[number].clone();
        Entry::from(TrellisTensor::new(format!("trellis {number}"), matrix.shape(), matrix).unwrap())
    };
    let entries: Vec<Entry> = vec![
        matrix(0),
        matrix(1),
        QuantizedTensor::new("skewed", [3000], book(90), skewed).unwrap().into(),
        QuantizedTensor::new("flat", [30, 30], book(256), flat).unwrap().into(),
        PlainTensor::from_bytes("raw", [2000], crate::Dtype::U8, raw).unwrap().into(),
        PlainTensor::from_f32("planes", [600], &waves).unwrap().into(),
        matrix(2),
    ];
    let Model { lowest, classes, .. } = model(&matrices);
    let trellis = Some(TrellisSettings::new(trellis, lowest, classes).unwrap());
    let bytes = encode(&Container { entries, trellis, ..Container::default() }).unwrap();
    let (stream, mut open) = Sections::open(&Source::Memory(&bytes), &Limits::default()).unwrap();
    let mut out = vec![(SectionKind::Stream, stream.to_vec())];
    for kind in [SectionKind::Static, SectionKind::Packed, SectionKind::Raw, SectionKind::Planes, SectionKind::Trellis]
    {
        out.push((kind, open.take(kind).unwrap().into_bytes().unwrap()));
    }
    open.finish().unwrap();
    out
}

fn assembled(sections: &[(SectionKind, Vec<u8>)]) -> Vec<u8> {
    let others = || sections[1..].iter();
    let mut file = head(&sections[0].1, others().map(|(kind, bytes)| Row::new(*kind, bytes)).collect()).unwrap();
    others().for_each(|(_, bytes)| file.extend(bytes));
    file
}

#[test]
fn sections_that_do_not_belong_are_refused() {
    let good = sections();
    assert!(decode(&assembled(&good)).is_ok());
    let mut swapped = good.clone();
    swapped.swap(1, 2);
    assert!(matches!(decode(&assembled(&swapped)), Err(Error::Malformed { what: "the kind of a section", .. })));
    let mut more = good.clone();
    more.push((SectionKind::Raw, vec![0; 9]));
    assert_eq!(decode(&assembled(&more)), Err(Error::TrailingBytes { count: 9 }));
    let fewer = good[..4].to_vec();
    assert!(matches!(decode(&assembled(&fewer)), Err(Error::Truncated { part: "the list of sections", .. })));
    for section in 1..6 {
        let mut short = good.clone();
        short[section].1.pop();
        assert!(decode(&assembled(&short)).is_err(), "section {section} one byte short");
        let mut long = good.clone();
        long[section].1.push(0);
        assert!(decode(&assembled(&long)).is_err(), "section {section} one byte long");
    }
}

#[test]
fn kinds_to_come_are_skipped_or_refused() {
    let bytes = assembled(&sections());
    let known = decode(&bytes).unwrap();
    // The rows of the table: kind, length (three bytes from 251 on), checksum (five).
    let row = |bytes: &[u8], number: usize| {
        let mut at = 6;
        for _ in 0..number {
            at += 1;
            at += if bytes[at] < 251 { 1 } else { 3 };
            at += 5;
        }
        at
    };
    let with_last_kind = |kind: u8| {
        let mut sections = sections();
        sections.push((SectionKind::Raw, vec![1, 2, 3]));
        let mut bytes = assembled(&sections);
        let at = row(&bytes, 6);
        assert_eq!(bytes[at], SectionKind::Raw as u8);
        bytes[at] = kind;
        let end = at + 7;
        let crc = crc32fast::hash(&bytes[..end]).to_le_bytes();
        bytes[end..end + 4].copy_from_slice(&crc);
        bytes
    };
    assert_eq!(decode(&with_last_kind(200)).unwrap(), known);
    assert_eq!(decode(&with_last_kind(77)), Err(Error::UnknownSection { position: 6, kind: 77 }));
    assert!(matches!(
        decode(&with_last_kind(0)),
        Err(Error::Malformed { value: 6, rule: "a file has one stream, first", .. })
    ));
}

/// A file of trellis-coded tensors whose records and sections are these.
fn with_trellis(tensors: Vec<TensorRecord>, sections: &[Vec<u8>]) -> Vec<u8> {
    let record = wire::to_bytes(&Structure { groups: vec![GroupRecord { size: 2, grid: None }], tensors }).unwrap();
    let (mut coder, mut models) = (Encoder::new(), Models::new());
    models.structure.code(&mut coder, 0);
    models.text.code(&mut coder, Kind::Structure, &record, &Limits::default()).unwrap();
    models.present(&mut coder, false);
    models.metadata(&mut coder, &crate::Metadata::default(), &Limits::default()).unwrap();
    models.flags.code(&mut coder, &UnitGroup::new(2), &mut [true; 2]).unwrap();
    let sections = sections.iter().map(|bytes| (SectionKind::Trellis, bytes.clone()));
    let all: Vec<(SectionKind, Vec<u8>)> =
        [(SectionKind::Stream, coder.finish())].into_iter().chain(sections).collect();
    assembled(&all)
}

#[test]
fn what_is_no_trellis_coded_tensor_is_refused() {
    let record = |shape: &[u64], axes| TensorRecord::new("w", shape.to_vec(), 128, axes);
    let refused = |record: TensorRecord| decode(&with_trellis(vec![record], &[])).unwrap_err();
    for shape in [&[][..], &[4], &[0, 4], &[4, 0], &[1, 0, 1 << 20]] {
        let error = refused(record(shape, vec![]));
        assert!(
            matches!(error, Error::Malformed { what: "the number of axes of a trellis-coded tensor", .. }),
            "{error}"
        );
    }
    let error = refused(record(&[2, 3], vec![Some((0, 1)), None]));
    assert!(matches!(error, Error::Malformed { what: "the number of axes of a trellis-coded tensor", .. }), "{error}");
    let error = refused(record(&[2, 3], vec![]));
    assert!(matches!(error, Error::Truncated { part: "the list of sections", .. }), "{error}");
    for kind in [22, 127, 129, 255] {
        let error = refused(TensorRecord::new("w", vec![2, 3], kind, vec![]));
        assert!(matches!(error, Error::Malformed { what: "the type of a plain tensor", .. }), "{error}");
    }
}

#[test]
fn sections_of_a_file_have_one_trellis() {
    let record = |name: &str| TensorRecord::new(name, vec![1 << 13, 1 << 13], 128, vec![]);
    let section = |states: u16, lowest: i16| {
        let (rows, columns) = (1 << 13, 1 << 13);
        let (numbers, step) = (vec![0; rows * columns], 1.0);
        let (row_scales, column_scales) = (vec![-40; rows], vec![0; columns]);
        let (is_transposed, patches, prediction, bases) = (false, vec![], None, vec![]);
        let matrix = TrellisMatrix {
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
        };
        trellis::encode(&[matrix], Trellis::new(states).unwrap(), Model::normal(lowest, 1)).unwrap()
    };
    let first = section(8, -40);
    let file = |second: Vec<u8>| with_trellis(vec![record("a"), record("b")], &[first.clone(), second]);
    assert!(Archive::open(&file(first.clone())).is_ok());
    for other in [section(16, -40), section(8, -39)] {
        let error = Archive::open(&file(other)).unwrap_err();
        assert!(matches!(error, Error::Malformed { what: "states of a trellis", .. }), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn forged_sections_do_not_panic(
        places in prop::collection::vec((0usize..6, prop_oneof![0usize..60, any::<usize>()], any::<u8>()), 1..5), stream in prop::option::of(prop::collection::vec(any::<u8>(), 0..60))
    ) {
        let mut sections = sections();
        if let Some(stream) = stream {
            sections[0].1 = stream;
        }
        for (section, place, value) in places {
            let bytes = &mut sections[section].1;
            let length = bytes.len().max(1);
            if let Some(byte) = bytes.get_mut(place % length) {
                *byte = value;
            }
        }
        let limits = Limits { max_total_elements: 1 << 18, max_header_bytes: 1 << 12, max_tensors: 64, ..Limits::default() };
        let file = assembled(&sections);
        let _ = decode_with_limits(&file, limits);
        if let Ok((archive, parts)) = Archive::open_with_breakdown(&file) {
            // The bytes of trellis-coded tensors are shared to the last one, whatever they say.
            prop_assert!((parts.accounted() - file.len() as f64).abs() < 5.0, "{parts:?} of {}", file.len());
            archive.tensors().iter().for_each(|tensor| drop(tensor.values()));
        }
    }

    #[test]
    fn forged_indices_name_values_that_are_there(
        book in prop::collection::btree_set(-3_i8..4, 1..5), shape in prop::collection::vec(1_u64..5, 1..3), then in prop::collection::vec(any::<u8>(), 0..12)
    ) {
        let book = Codebook::Values(book.into_iter().map(f32::from).collect());
        let file = with_tensor(&[], TensorRecord::new("w", shape, 0, vec![]), None, |coder, models| {
            models.levels.code(coder, &book).unwrap();
            models.coding(coder, Coding::Adaptive);
            for byte in then {
                coder.bits(u64::from(byte), 8);
            }
        });
        if let Ok(archive) = Archive::open(&file) {
            let used = archive.tensors()[0].used().unwrap();
            prop_assert!(used.len() == book.len() && used.contains(&true));
            prop_assert!(archive.tensors()[0].values().is_ok());
        }
    }

    #[test]
    fn forged_records_do_not_panic(record in prop::collection::vec(any::<u8>(), 0..60), then in prop::collection::vec(any::<u8>(), 0..60)) {
        let file = with_record(&record, |coder, _| {
            for byte in then {
                coder.bits(u64::from(byte), 8);
            }
        });
        let limits = Limits { max_total_elements: 1 << 18, max_header_bytes: 1 << 12, max_tensors: 64, ..Limits::default() };
        let _ = decode_with_limits(&file, limits);
    }
}
