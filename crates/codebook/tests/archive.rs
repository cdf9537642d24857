//! A file that is opened but not decoded tells the same as its container, tensor by tensor.

mod common;

use common::{Draw, golden_containers};
use mixpress_codebook::{
    Archive, AxisRef, Breakdown, Codebook, Container, Dtype, Entry, Error, Limits, PlainTensor, QuantizedTensor,
    TensorKind, UnitGroup, decode, encode,
};
use tempfile::NamedTempFile;

/// A tensor for each way to code indices, some with dead rows, and plain ones of all kinds.
fn container() -> Container {
    let mut draw = Draw::new(21);
    let book = |n: usize, zero: usize| Codebook::Values((0..n).map(|i| (i as f32 - zero as f32) * 0.25).collect());
    let mut skewed = |rows: usize, columns: usize, levels: usize, zero: u16| -> Vec<u16> {
        let mut index = |row: usize| {
            if row.is_multiple_of(7) { zero } else { (draw.unit() * draw.unit() * levels as f64) as u16 }
        };
        (0..rows * columns).map(|i| index(i / columns)).collect()
    };
    let axes = [Some(AxisRef::new(0)), None];
    let dense = QuantizedTensor::new("dense", [210, 800], book(33, 20), skewed(210, 800, 33, 20)).unwrap();
    let many = QuantizedTensor::new("many", [210, 30], book(300, 0), skewed(210, 30, 300, 0)).unwrap();
    let offset = QuantizedTensor::from_values("offset", [40_000], &[0.5f32, 0.75, 1.0, 1.5].repeat(10_000)).unwrap();
    let flat: Vec<u16> = (0..9000u32).map(|i| (i.wrapping_mul(0x9E37_79B1) >> 25) as u16).collect();
    let flat = QuantizedTensor::new("flat", [90, 100], book(128, 64), flat).unwrap();
    let bits = QuantizedTensor::from_values("bits", [4], &[0.0, 1.0, 0.0, 2.0]).unwrap();
    let few: Vec<f32> = (0..200u32).map(|i| if i % 50 == 3 { 0.5 } else { 0.0 }).collect();
    let few = QuantizedTensor::from_values("few", [10, 20], &few).unwrap();
    let plain = [0.0f32, 1.0, -0.0, 0.1];
    let entries: Vec<Entry> = vec![
        dense.with_axes(axes).unwrap().into(),
        many.with_axes(axes).unwrap().into(),
        offset.into(),
        flat.into(),
        bits.into(),
        few.into(),
        PlainTensor::from_f32("single", [4], &plain).unwrap().into(),
        PlainTensor::from_f32("half exact", [3], &plain[..3]).unwrap().into(),
        PlainTensor::rounded_to_f16("half", [4], &plain).unwrap().into(),
        PlainTensor::from_bytes("whole", [3], Dtype::I16, vec![0, 0, 0, 1, 2, 0]).unwrap().into(),
    ];
    Container { entries, groups: vec![UnitGroup::new(210)], ..Container::default() }
}

/// Everything that an archive tells is what the container holds.
fn check(container: &Container) {
    let bytes = encode(container).unwrap();
    let archive = Archive::open(&bytes).unwrap();
    assert_eq!((archive.groups(), archive.metadata()), (&container.groups[..], &container.metadata));
    assert_eq!(archive.definition(), container.definition.as_deref());
    assert_eq!(archive.tensors().len(), container.entries.len());
    assert_eq!(archive.trellis(), container.trellis);
    for (number, (stored, entry)) in archive.tensors().iter().zip(&container.entries).enumerate() {
        let name = entry.name();
        assert_eq!((stored.name(), stored.shape()), (name, entry.shape()));
        assert!(archive.get(name).is_some_and(|found| found.shape() == entry.shape()));
        match container.values(number) {
            Some(values) => assert!(stored.values().unwrap() == values, "{name}"),
            None => assert!(matches!(stored.values(), Err(Error::NotFloats { .. })), "{name}"),
        }
        match entry {
            Entry::Quantized(tensor) => {
                assert_eq!((stored.codebook(), stored.axes()), (Some(tensor.codebook()), tensor.axes()));
                assert_eq!(stored.nonzeros().unwrap(), tensor.nonzeros(), "{name}");
                let mut used = tensor.indices().to_vec();
                used.sort_unstable();
                used.dedup();
                assert_eq!(stored.used_values().unwrap(), used.len(), "{name}");
                assert!(stored.indices().unwrap() == tensor.indices(), "{name}");
                assert!(matches!(stored.data(), Err(Error::NotPlain { .. })), "{name}");
                if tensor.codebook().len() <= 256 {
                    let narrow = stored.indices_u8().unwrap();
                    assert!(narrow.iter().zip(tensor.indices()).all(|(&a, &b)| u16::from(a) == b), "{name}");
                } else {
                    assert!(matches!(stored.indices_u8(), Err(Error::NotIndices { limit: 256, .. })), "{name}");
                }
            }
            Entry::Trellis(_) => {
                let values = container.values(number).unwrap();
                assert_eq!(stored.nonzeros().unwrap(), values.iter().filter(|&&value| value != 0.0).count());
                assert_eq!((stored.kind(), stored.dtype(), stored.used_values()), (TensorKind::Trellis, None, Ok(0)));
                assert!(matches!(stored.data(), Err(Error::NotPlain { .. })), "{name}");
                assert!(matches!(stored.indices(), Err(Error::NotQuantized { .. })), "{name}");
            }
            Entry::Plain(tensor) => {
                assert_eq!((stored.dtype(), stored.nonzeros().unwrap()), (Some(tensor.dtype()), tensor.nonzeros()));
                assert!(stored.data().unwrap() == tensor.data(), "{name}");
                assert!(matches!(stored.indices(), Err(Error::NotQuantized { .. })), "{name}");
            }
        }
    }
    assert!(archive.into_container().unwrap() == *container);
}

#[test]
fn an_archive_tells_what_the_container_holds() {
    check(&container());
    for (_, container) in &golden_containers() {
        check(container);
    }
}

#[test]
fn the_container_has_a_tensor_for_each_coding() {
    let bytes = encode(&container()).unwrap();
    let (_, parts) = Archive::open_with_breakdown(&bytes).unwrap();
    let coding = |name: &str| parts.tensors.iter().find(|tensor| tensor.name == name).unwrap().coding.as_str();
    for (name, expected) in [
        ("dense", "static entropy coding"),
        ("many", "static entropy coding"),
        ("flat", "bit-packed"),
        ("bits", "bits in the stream"),
        ("few", "adaptive arithmetic coding"),
        ("half exact", "plain, as f16 in the stream"),
    ] {
        assert_eq!(coding(name), expected, "{name}");
    }
}

#[test]
fn the_bytes_and_the_values_are_the_same_for_any_number_of_threads() {
    let mut draw = Draw::new(4);
    let count = (1 << 21) + 70_000;
    let indices: Vec<u16> = (0..count).map(|_| (draw.unit() * draw.unit() * 16.0) as u16).collect();
    let book = Codebook::Values((0..16).map(|i| i as f32 - 3.0).collect());
    let tensor = QuantizedTensor::new("t", [count], book, indices).unwrap();
    let container = Container { entries: vec![tensor.into()], ..Container::default() };
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let bytes = encode(&container).unwrap();
            let opened = decode(&bytes).unwrap();
            (bytes, opened)
        })
    };
    let one = on(1);
    assert!(one.1 == container);
    assert!(on(3) == one);
}

/// A file on disk that is gone with this value.
fn on_disk(bytes: &[u8]) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

fn open(file: &NamedTempFile) -> Result<(Archive<'static>, Breakdown), Error> {
    Archive::open_file(file.reopen().unwrap())
}

#[test]
fn a_file_on_disk_tells_what_its_bytes_tell() {
    // So many sections that the table of them is longer than the part of a file that is read first.
    let flat: Vec<u16> = (0..900u32).map(|i| (i.wrapping_mul(0x9E37_79B1) >> 24) as u16).collect();
    let book = || Codebook::Values((0..256u16).map(|i| f32::from(i) * 0.5).collect());
    let tensor = |i: usize| QuantizedTensor::new(format!("t{i}"), [900], book(), flat.clone()).unwrap().into();
    let many = Container { entries: (0..600).map(tensor).collect(), ..Container::default() };
    for (name, container) in golden_containers().into_iter().chain([("all kinds", container()), ("many", many)]) {
        let bytes = encode(&container).unwrap();
        let (archive, breakdown) = open(&on_disk(&bytes)).unwrap();
        let (in_memory, same) = Archive::open_with_breakdown(&bytes).unwrap();
        assert_eq!(breakdown, same, "{name}");
        for (on_disk, held) in archive.tensors().iter().zip(in_memory.tensors()) {
            assert_eq!(on_disk.nonzeros(), held.nonzeros());
            assert_eq!(on_disk.used_values(), held.used_values());
        }
        assert_eq!(archive.into_container().unwrap(), container, "{name}");
    }
}

#[test]
fn a_file_on_disk_is_refused_as_its_bytes_are() {
    let bytes = encode(&container()).unwrap();
    for length in (0..bytes.len()).step_by(211).chain([0, 3, 4, 5, bytes.len() - 1]) {
        assert_eq!(open(&on_disk(&bytes[..length])).err(), Archive::open(&bytes[..length]).err(), "{length}");
    }
    for place in (0..bytes.len()).step_by(997) {
        let mut bytes = bytes.clone();
        bytes[place] ^= 0x10;
        assert_eq!(open(&on_disk(&bytes)).err(), Archive::open(&bytes).err(), "{place}");
    }
}

#[test]
fn a_file_that_changes_after_it_was_opened_is_noticed() {
    let mut bytes = encode(&container()).unwrap();
    let file = on_disk(&bytes);
    let (archive, _) = open(&file).unwrap();
    // The last section is that of the last large tensor.
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(file.path(), &bytes).unwrap();
    let outcomes: Vec<Result<(), Error>> =
        archive.tensors().iter().map(|tensor| tensor.indices().map(drop)).filter(Result::is_err).collect();
    assert!(outcomes.iter().any(|outcome| matches!(outcome, Err(Error::Checksum { .. }))), "{outcomes:?}");
    std::fs::write(file.path(), &bytes[..40]).unwrap();
    assert!(matches!(archive.get("flat").unwrap().values(), Err(Error::Unreadable { .. })));
}

#[cfg(unix)]
#[test]
fn a_pipe_is_read_to_its_end_if_it_begins_as_a_file_does() {
    use std::io::Write;
    use std::os::fd::OwnedFd;

    let through = |bytes: Vec<u8>, limits: Limits| {
        let (reader, mut writer) = std::io::pipe().unwrap();
        // A reader that goes away is what happens to one that writes too much.
        let feeder = std::thread::spawn(move || drop(writer.write_all(&bytes)));
        let opened = Archive::open_file_with_limits(OwnedFd::from(reader).into(), limits);
        feeder.join().unwrap();
        opened
    };
    let bytes = encode(&container()).unwrap();
    let (archive, _) = through(bytes.clone(), Limits::default()).unwrap();
    assert_eq!(archive.into_container().unwrap(), container());
    let other = through(vec![0; 1 << 20], Limits::default());
    assert!(matches!(other, Err(Error::NotMxp { found }) if found == [0, 0, 0]));
    let short = Limits { max_piped_bytes: 1000, ..Limits::default() };
    assert!(matches!(through(bytes, short), Err(Error::Limit { .. })));
}

#[test]
fn a_stream_is_not_read_beyond_its_limit() {
    let bytes = encode(&golden_containers()[1].1).unwrap();
    let limits = Limits { max_stream_bytes: 100, ..Limits::default() };
    assert!(matches!(Archive::open_with_limits(&bytes, limits), Err(Error::Limit { limit: 100, .. })));
    // A file of which hardly anything is on the disk.
    let mut sparse = bytes[..4].to_vec();
    sparse.push(0);
    let file = on_disk(&sparse);
    file.as_file().set_len(1 << 40).unwrap();
    assert!(matches!(open(&file), Err(Error::Limit { claimed: 0x100_0000_0000, .. })));
}
