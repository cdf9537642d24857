//! A file that is written tensor by tensor is the one that `encode` makes; what does not fit its outline is refused.

mod common;

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};

use common::{golden_containers, lenet_300_100};
use mixpress_codebook::{
    Archive, AxisRef, Codebook, Container, ContainerWriter, Dtype, Entry, Error, Limits, Metadata, Outline,
    PlainTensor, QuantizedTensor, TensorOutline, UnitGroup, decode, encode,
};

/// What a container's writer is told first. Units without a nonzero entry are not known beforehand.
fn outline(container: &Container) -> Outline {
    Outline {
        tensors: container.entries.iter().map(Into::into).collect(),
        groups: container.groups.clone(),
        live: None,
        trellis: container.trellis,
        definition: container.definition.clone(),
        metadata: container.metadata.clone(),
    }
}

fn written<S: Read + Write + Seek>(container: &Container, outline: Outline, spool: S) -> Result<Vec<u8>, Error> {
    let mut writer = ContainerWriter::new(outline, spool)?;
    for entry in &container.entries {
        writer.push(entry)?;
    }
    let mut out = Vec::new();
    let length = writer.finish(&mut out)?;
    assert_eq!(length, out.len() as u64);
    Ok(out)
}

fn golden(name: &str) -> Container {
    golden_containers().into_iter().find(|golden| golden.0 == name).unwrap().1
}

#[test]
fn tensor_by_tensor_gives_the_bytes_of_all_at_once() {
    for (name, container) in golden_containers() {
        let spool = tempfile::tempfile().unwrap();
        let bytes = written(&container, outline(&container), spool).unwrap();
        assert!(decode(&bytes).unwrap() == container, "{name}");
        // Some hidden units of these two are dead, and the outline does not say so.
        if !["lenet-300-100", "convolutional"].contains(&name) {
            assert!(bytes == encode(&container).unwrap(), "{name}");
        }
    }
}

#[test]
fn an_outline_that_knows_dead_units_gives_the_same_bytes_too() {
    let container = lenet_300_100(3, 0.01);
    let mut live: Vec<Vec<bool>> = container.groups.iter().map(|group| vec![false; group.size]).collect();
    for entry in &container.entries {
        let Entry::Quantized(tensor) = entry else { continue };
        let shape = tensor.shape();
        for (mut place, value) in tensor.values().into_iter().enumerate() {
            for axis in (0..shape.len()).rev() {
                if let (Some(AxisRef { group, repeat }), true) = (tensor.axes()[axis], value != 0.0) {
                    live[group][place % shape[axis] / repeat] = true;
                }
                place /= shape[axis];
            }
        }
    }
    let known = Outline { live: Some(live.clone()), ..outline(&container) };
    let bytes = written(&container, known, Cursor::new(Vec::new())).unwrap();
    assert!(bytes == encode(&container).unwrap());
    assert!(bytes.len() < written(&container, outline(&container), Cursor::new(Vec::new())).unwrap().len());

    let unit = live[1].iter().position(|&live| live).unwrap();
    live[1][unit] = false;
    let lying = Outline { live: Some(live.clone()), ..outline(&container) };
    let refused = written(&container, lying, Cursor::new(Vec::new()));
    assert!(matches!(&refused, Err(Error::DeadUnits { name, .. }) if name == "fc1.weight"), "{refused:?}");
    live[1].pop();
    let short = Outline { live: Some(live), ..outline(&container) };
    assert!(matches!(ContainerWriter::new(short, Cursor::new(vec![])), Err(Error::LiveUnits { .. })));
}

#[test]
fn a_spool_may_hold_other_things_before() {
    let container = golden("plain");
    let mut spool = Cursor::new(b"what was there".to_vec());
    spool.seek(SeekFrom::End(0)).unwrap();
    assert!(written(&container, outline(&container), spool).unwrap() == encode(&container).unwrap());
}

#[test]
fn what_the_outline_does_not_announce_is_refused() {
    let plain = |name: &str, dtype| Entry::from(PlainTensor::from_bytes(name, [2], dtype, vec![1, 2]).unwrap());
    let tensors = vec![TensorOutline::plain("a", [2], Dtype::U8), TensorOutline::quantized("b", [1])];
    let writer = || {
        let outline = Outline { tensors: tensors.clone(), ..Outline::default() };
        ContainerWriter::new(outline, Cursor::new(Vec::new())).unwrap()
    };
    let book = Codebook::Values(vec![0.5]);
    let b = Entry::from(QuantizedTensor::new("b", [1], book, vec![0]).unwrap());
    let expected = |name: &str| Some(name.to_owned());
    for (entry, name) in [(plain("c", Dtype::U8), "c"), (plain("a", Dtype::I8), "a"), (b.clone(), "b")] {
        let refused = writer().push(&entry);
        assert_eq!(refused, Err(Error::Unannounced { name: name.to_owned(), expected: expected("a") }));
    }
    let mut whole = writer();
    whole.push_all(&[plain("a", Dtype::U8), b]).unwrap();
    let more = whole.push(&plain("a", Dtype::U8));
    assert_eq!(more, Err(Error::Unannounced { name: "a".to_owned(), expected: None }));
    let mut part = writer();
    part.push(&plain("a", Dtype::U8)).unwrap();
    assert_eq!(part.finish(io::sink()), Err(Error::Unfinished { announced: 2, given: 1 }));

    let twice = Outline { tensors: vec![tensors[0].clone(); 2], ..Outline::default() };
    assert!(matches!(ContainerWriter::new(twice, Cursor::new(vec![])), Err(Error::DuplicateName { .. })));
    let axes = vec![Some(AxisRef::new(0))];
    let grouped = |axes| vec![TensorOutline { axes, ..TensorOutline::quantized("b", [3]) }];
    for axes in [axes, vec![]] {
        let outline = Outline { tensors: grouped(axes), groups: vec![UnitGroup::new(2)], ..Outline::default() };
        let refused = ContainerWriter::new(outline, Cursor::new(vec![])).err();
        assert!(matches!(refused, Some(Error::AxisLength { .. } | Error::AxisCount { .. })), "{refused:?}");
    }
}

/// Takes so many bytes, and no more.
struct Full(Cursor<Vec<u8>>, usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.get_ref().len() + bytes.len() > self.1 {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "no space left"));
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Full {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.read(out)
    }
}

impl Seek for Full {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn a_full_disk_is_said() {
    let container = golden("plain");
    let full = written(&container, outline(&container), Full(Cursor::new(Vec::new()), 5000)).unwrap_err();
    assert!(matches!(full, Error::Unwritable { kind: io::ErrorKind::StorageFull, .. }), "{full}");
    let mut writer = ContainerWriter::new(outline(&container), Cursor::new(Vec::new())).unwrap();
    writer.push_all(&container.entries).unwrap();
    let full = writer.finish(Full(Cursor::new(Vec::new()), 9000)).unwrap_err();
    assert_eq!(full.to_string(), "the file cannot be written: no space left");
}

#[test]
fn a_file_on_disk_gives_the_bytes_of_each_tensor() {
    let container = golden("plain");
    let mut writer = ContainerWriter::new(outline(&container), tempfile::tempfile().unwrap()).unwrap();
    writer.push_all(&container.entries).unwrap();
    let mut file = tempfile::tempfile().unwrap();
    writer.finish(&mut file).unwrap();
    let (archive, _) = Archive::open_file(file).unwrap();
    for (stored, entry) in archive.tensors().iter().zip(&container.entries) {
        let Entry::Plain(tensor) = entry else { continue };
        assert!(stored.data().unwrap() == tensor.data(), "{}", stored.name());
        assert_eq!((stored.nonzeros(), stored.dtype()), (Ok(tensor.nonzeros()), Some(tensor.dtype())));
        assert_eq!(stored.values().ok(), tensor.values());
    }
}

#[test]
fn as_many_tensors_are_written_as_can_be_opened() {
    let of = |count: usize| {
        let tensors = (0..count).map(|i| TensorOutline::plain(i.to_string(), [0], Dtype::U8)).collect();
        ContainerWriter::new(Outline { tensors, ..Outline::default() }, Cursor::new(Vec::new()))
    };
    let mut writer = of(70_000).unwrap();
    for i in 0..70_000 {
        writer.push(&PlainTensor::from_bytes(i.to_string(), [0], Dtype::U8, vec![]).unwrap().into()).unwrap();
    }
    let mut file = Vec::new();
    writer.finish(&mut file).unwrap();
    assert_eq!(Archive::open(&file).unwrap().tensors().len(), 70_000);
    let error = of(400_000).unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 0x100_0000, .. }), "{error}");
}

#[test]
fn what_readers_would_refuse_is_not_written_unless_that_is_asked_for() {
    let outline = |tensor: TensorOutline| Outline { tensors: vec![tensor], ..Outline::default() };
    let new = |shape: &[usize]| {
        ContainerWriter::new(outline(TensorOutline::plain("w", shape, Dtype::U8)), Cursor::new(Vec::new()))
    };
    // More than a reader takes at once is well, as long as no tensor is too large.
    assert!(new(&[1 << 17, 1 << 17]).is_ok());
    let error = new(&[1 << 18, 1 << 17]).unwrap_err();
    assert!(
        matches!(&error, Error::ForNoReader { refusal } if matches!(**refusal, Error::TensorLimit { .. })),
        "{error}"
    );
    assert!(error.to_string().contains("tensor w has 34359738368 entries"), "{error}");

    let zeros = Entry::from(PlainTensor::from_bytes("w", [1 << 16], Dtype::U8, vec![0; 1 << 16]).unwrap());
    for (most, is_written) in [(1 << 16, true), ((1 << 16) - 1, false)] {
        let limits = Limits { max_unbacked_bytes: most, ..Limits::tensor_by_tensor() };
        let tensor = outline(TensorOutline::from(&zeros));
        let mut writer = ContainerWriter::with_limits(tensor, Cursor::new(Vec::new()), limits).unwrap();
        let pushed = writer.push(&zeros);
        assert_eq!(matches!(pushed, Err(Error::ForNoReader { .. })), !is_written, "{pushed:?}");
        assert_eq!(pushed.is_ok(), is_written);
        if is_written {
            let mut file = Vec::new();
            writer.finish(&mut file).unwrap();
            assert!(Archive::open_with_limits(&file, limits).is_ok());
        }
    }

    let many: String = (0..100_000u64).map(|i| char::from(b'a' + (i * i % 23) as u8)).collect();
    let with = |max_stream_bytes| {
        let extra = vec![("notes".to_owned(), many.clone())];
        let outline = Outline { metadata: Metadata { extra, ..Metadata::default() }, ..Outline::default() };
        let limits = Limits { max_stream_bytes, ..Limits::default() };
        ContainerWriter::with_limits(outline, Cursor::new(Vec::new()), limits).unwrap().finish(io::sink())
    };
    let length = with(1 << 20).unwrap();
    assert!(length > 40, "{length} bytes");
    assert!(matches!(with(30), Err(Error::ForNoReader { .. })));
}
