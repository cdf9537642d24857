//! Writing: files whole or not at all, and what a stored skeleton may not ask for.

mod common;

use std::fs;
use std::path::Path;

use common::build::{external, field, model, safetensors, tensor};
use common::unchanged;
use mixpress_interchange::{Error, Limits, Model, Skeleton, WriteOptions};

/// A model with an external file, in a folder of its own.
fn with_external(folder: &Path) -> Model {
    fs::create_dir_all(folder.join("sub")).unwrap();
    fs::write(folder.join("sub/data"), [7; 100]).unwrap();
    let tensors = [
        field(5, &tensor("inside", 1, &[20], &[field(9, &[1; 80])])),
        field(5, &tensor("outside", 1, &[20], &[external(&[("location", "sub/data"), ("offset", "10")])])),
    ];
    fs::write(folder.join("m.onnx"), model(&tensors.concat())).unwrap();
    Model::open(folder.join("m.onnx")).unwrap()
}

fn names_in(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

#[test]
fn external_files_come_back_beside_the_model() {
    let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let model = with_external(source.path());
    let options = WriteOptions::default();
    let path = target.path().join("new.onnx");
    let written = model.skeleton().write(&path, &mut unchanged(&model), &options).unwrap();
    assert_eq!(written, [path.clone(), target.path().join("sub/data")]);
    assert_eq!(fs::read(&path).unwrap(), fs::read(source.path().join("m.onnx")).unwrap());
    assert_eq!(fs::read(target.path().join("sub/data")).unwrap(), [7; 100]);
    let error = model.skeleton().write_to(&mut Vec::new(), &mut unchanged(&model)).unwrap_err();
    assert!(matches!(error, Error::SeveralFiles { count: 2 }), "{error}");
}

#[test]
fn nothing_is_replaced_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let model = with_external(folder.path());
    // The name is free, but that of the external file is the original's.
    let path = folder.path().join("new.onnx");
    let options = WriteOptions::default();
    let mut zeros = |_| Ok(vec![0; 80].into());
    let error = model.skeleton().write(&path, &mut zeros, &options).unwrap_err();
    assert!(matches!(&error, Error::Exists { path } if path.ends_with("sub/data")), "{error}");
    assert!(error.to_string().contains("overwrite"), "{error}");
    assert_eq!(names_in(folder.path()), ["m.onnx", "sub"]);
    assert_eq!(fs::read(folder.path().join("sub/data")).unwrap(), [7; 100]);

    let options = WriteOptions { overwrite: true, ..options };
    model.skeleton().write(&path, &mut zeros, &options).unwrap();
    assert_eq!(fs::read(folder.path().join("sub/data")).unwrap()[10..90], [0; 80]);
    let same = model.skeleton().write(folder.path().join("sub").join("data"), &mut zeros, &options);
    assert!(same.is_ok(), "{same:?}");
}

#[test]
fn what_fails_leaves_nothing_behind() {
    let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let model = with_external(source.path());
    let path = target.path().join("new.onnx");
    let options = WriteOptions::default();
    let mut fails = |tensor| if tensor == 1 { Err("no such weights".into()) } else { Ok(vec![0; 80].into()) };
    let error = model.skeleton().write(&path, &mut fails, &options).unwrap_err();
    assert!(matches!(error, Error::Payload { .. }), "{error}");
    assert_eq!(error.to_string(), "tensor \"outside\": no such weights");
    let mut short = |_| Ok(vec![0; 79].into());
    let error = model.skeleton().write(&path, &mut short, &options).unwrap_err();
    assert!(matches!(error, Error::PayloadLength { expected: 80, found: 79, .. }), "{error}");
    assert_eq!(names_in(target.path()).iter().filter(|name| *name != "sub").count(), 0);

    let under_a_file = source.path().join("m.onnx").join("new.onnx");
    let error = model.skeleton().write(under_a_file, &mut unchanged(&model), &options).unwrap_err();
    assert!(matches!(error, Error::Write { .. }), "{error}");
}

#[test]
fn a_former_model_never_stands_beside_other_files() {
    let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let within = |name: &str| target.path().join(name);
    for name in ["a", "b"] {
        fs::write(source.path().join(name), [7; 80]).unwrap();
    }
    let of = |name: &str| field(5, &tensor(name, 1, &[20], &[external(&[("location", name)])]));
    fs::write(source.path().join("m.onnx"), model(&[of("a"), of("b")].concat())).unwrap();
    let model = Model::open(source.path().join("m.onnx")).unwrap();
    let options = WriteOptions { overwrite: true, ..WriteOptions::default() };
    let write = || model.skeleton().write(within("m.onnx"), &mut unchanged(&model), &options);
    // A folder with something in it cannot be replaced. Files get their names from the last one on.
    let former = |folder: &str, file: &str| {
        let _ = fs::remove_dir_all(within(file));
        let _ = fs::remove_file(within(folder));
        fs::create_dir_all(within(folder).join("x")).unwrap();
        fs::write(within(file), "former").unwrap();
        fs::write(within("m.onnx"), "former").unwrap();
    };
    former("b", "a");
    assert!(matches!(write().unwrap_err(), Error::Write { .. } | Error::Exists { .. }));
    assert_eq!(names_in(target.path()), ["a", "b", "m.onnx"]);
    assert_eq!(fs::read(within("m.onnx")).unwrap(), b"former");
    assert_eq!(fs::read(within("a")).unwrap(), b"former");

    former("a", "b");
    assert!(matches!(write().unwrap_err(), Error::Write { .. } | Error::Exists { .. }));
    assert_eq!(names_in(target.path()), ["a", "b"]);
    assert_eq!(fs::read(within("b")).unwrap(), [7; 80]);

    fs::remove_dir_all(within("a")).unwrap();
    fs::write(within("m.onnx"), "former").unwrap();
    write().unwrap();
    assert_eq!(names_in(target.path()), ["a", "b", "m.onnx"]);
    assert!(fs::read(within("m.onnx")).unwrap() == fs::read(source.path().join("m.onnx")).unwrap());
}

#[test]
fn two_files_do_not_get_one_place() {
    let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let shard = safetensors(r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#, &[7]);
    fs::write(source.path().join("1.safetensors"), shard).unwrap();
    let index = source.path().join("index.json");
    fs::write(&index, r#"{"weight_map":{"a":"1.safetensors"}}"#).unwrap();
    let model = Model::open(index).unwrap();
    let options = WriteOptions { keep_shards: true, ..WriteOptions::default() };
    let path = target.path().join("1.safetensors");
    let error = model.skeleton().write(&path, &mut unchanged(&model), &options).unwrap_err();
    assert!(matches!(error, Error::SamePlace { .. }), "{error}");
    let options = WriteOptions::default();
    model.skeleton().write(&path, &mut unchanged(&model), &options).unwrap();
    assert_eq!(Model::open(&path).unwrap().payload(0).unwrap(), [7]);
}

/// More files than some systems let a process hold open (256).
#[cfg(target_os = "linux")]
#[test]
fn a_model_of_many_files_holds_few_of_them_open() {
    const FILES: usize = 300;
    // Tests beside this one hold a few.
    let few_are_open = || assert!(fs::read_dir("/proc/self/fd").unwrap().count() < 100);
    let folder = tempfile::tempdir().unwrap();
    let mut map = Vec::new();
    let mut initializers = Vec::new();
    for file in 0..FILES {
        let header = format!(r#"{{"w{file}":{{"dtype":"U8","shape":[80],"data_offsets":[0,80]}}}}"#);
        fs::write(folder.path().join(format!("{file}.safetensors")), safetensors(&header, &[file as u8; 80])).unwrap();
        map.push(format!(r#""w{file}":"{file}.safetensors""#));
        let name = format!("{file}.bin");
        fs::write(folder.path().join(&name), [file as u8; 80]).unwrap();
        initializers.push(field(5, &tensor(&format!("w{file}"), 1, &[20], &[external(&[("location", &name)])])));
    }
    fs::write(folder.path().join("index.json"), format!(r#"{{"weight_map":{{{}}}}}"#, map.join(","))).unwrap();
    fs::write(folder.path().join("m.onnx"), model(&initializers.concat())).unwrap();
    for name in ["index.json", "m.onnx"] {
        let model = Model::open(folder.path().join(name)).unwrap();
        few_are_open();
        let out = folder.path().join("out").join(name);
        let mut payloads = |tensor| {
            few_are_open();
            unchanged(&model)(tensor)
        };
        let options = WriteOptions { keep_shards: true, ..WriteOptions::default() };
        let written = model.skeleton().write(out, &mut payloads, &options).unwrap();
        assert_eq!(written.len(), FILES + 1);
        for (source, written) in model.paths().zip(&written) {
            assert!(fs::read(source).unwrap() == fs::read(written).unwrap(), "{}", written.display());
        }
    }
    assert_eq!(names_in(&folder.path().join("out")).len(), 2 * FILES + 2);
}

#[cfg(unix)]
#[test]
fn no_file_beside_a_model_is_written_through_a_link() {
    use std::os::unix::fs::symlink;

    let folder = tempfile::tempdir().unwrap();
    let within = |name: &str| folder.path().join(name);
    fs::create_dir(within("source")).unwrap();
    let model = with_external(&within("source"));
    fs::create_dir(within("away")).unwrap();
    fs::write(within("away/data"), "mine").unwrap();
    for (out, link, leads) in [("a", "sub", "../away"), ("b", "sub/data", "../../away/data"), ("c", "sub", "nowhere")] {
        fs::create_dir_all(within(out).join(link).parent().unwrap()).unwrap();
        symlink(leads, within(out).join(link)).unwrap();
        let options = WriteOptions { overwrite: true, ..WriteOptions::default() };
        let path = within(out).join("m.onnx");
        let error = model.skeleton().write(&path, &mut unchanged(&model), &options).unwrap_err();
        assert!(matches!(&error, Error::LinkInTheWay { link: found, .. } if found.ends_with(link)), "{error}");
        assert!(error.to_string().contains(link), "{error}");
        assert!(!path.exists(), "{out}");
    }
    assert_eq!(names_in(&within("away")), ["data"]);
    assert_eq!(fs::read(within("away/data")).unwrap(), b"mine");

    // What the caller names may be a link, and so may the folders that lead there.
    symlink("away", within("door")).unwrap();
    model.skeleton().write(within("door/m.onnx"), &mut unchanged(&model), &WriteOptions::default()).unwrap();
    assert_eq!(names_in(&within("away")), ["data", "m.onnx", "sub"]);
}

#[test]
fn of_two_shards_that_disagree_the_first_is_right() {
    let folder = tempfile::tempdir().unwrap();
    for (file, name, texts) in [("1", "a", r#""k":"first""#), ("2", "b, c", r#""k":"second","z":"\u00e9""#)] {
        let header =
            format!(r#"{{"__metadata__":{{{texts}}},"{name}":{{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}}}"#);
        fs::write(folder.path().join(file), safetensors(&header, file.as_bytes())).unwrap();
    }
    let index = folder.path().join("index.json");
    fs::write(&index, r#"{"weight_map":{"b, c":"2","a":"1"}}"#).unwrap();
    let model = Model::open(index).unwrap();
    let mut written = Vec::new();
    model.skeleton().write_to(&mut written, &mut unchanged(&model)).unwrap();
    let one = r#"{"__metadata__":{"k":"first","z":"é"},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"#;
    let two = r#""b, c":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#;
    let header = [one, two].concat();
    let padded =
        format!("{header:width$}", width = header.chars().count() + header.len().next_multiple_of(8) - header.len());
    assert_eq!(written, safetensors(&padded, b"12"));
}

/// A stored skeleton with this content.
fn stored(content: &[u8]) -> Vec<u8> {
    [&[0][..], &zstd::encode_all(content, 1).unwrap()].concat()
}

fn refused(bytes: &[u8]) -> Error {
    Skeleton::from_bytes(bytes, &Limits::default()).expect_err("it is malformed")
}

#[test]
fn forged_skeletons_say_what_is_wrong() {
    // One f32 tensor "w" of 2 entries; a file "m" that is its hole.
    let good = [0, 1, 1, 1, b'w', 1, 1, 2, 1, 1, b'm', 1, 2, 0];
    let skeleton = Skeleton::from_bytes(&stored(&good), &Limits::default()).unwrap();
    assert_eq!((skeleton.tensors()[0].name(), skeleton.tensors()[0].bytes()), ("w", 8));
    let with = |place: usize, value: u8| {
        let mut content = good;
        content[place] = value;
        refused(&stored(&content))
    };
    for (place, value, word) in [
        (0, 3, "the format"),
        (2, 0, "names"),
        (4, 0xFF, "UTF-8"),
        (5, 99, "the type of a tensor"),
        (8, 0, "number of files"),
        (12, 6, "kind of a piece"),
        (13, 1, "the number of a tensor"),
        (11, 0, "after its end"),
    ] {
        let error = with(place, value);
        assert!(matches!(error, Error::Malformed { .. }) && error.to_string().contains(word), "{place}: {error}");
    }
    // A tagged hole for values of eight bytes.
    let mut wide = good;
    (wide[5], wide[12]) = (0, 8);
    assert!(refused(&stored(&wide)).to_string().contains("its hole is for others"));

    for length in 0..good.len() {
        assert!(matches!(refused(&stored(&good[..length])), Error::Truncated { .. }), "{length} bytes");
    }
    for name in ["../m", "a/../m", "/m", "a//m", "C:m"] {
        let head = [&good[..9], &[name.len() as u8], name.as_bytes(), &good[11..]].concat();
        assert!(matches!(refused(&stored(&head)), Error::Location { .. }), "{name}");
    }
    // What is a name on Linux alone may be that of the model's own file, which is written elsewhere, and no other's.
    let named = |own: &[u8], other: &[u8]| {
        let files = [&[own.len() as u8][..], own, &[0, other.len() as u8], other, &[0]].concat();
        Skeleton::from_bytes(&stored(&[&[2, 0, 2][..], &files].concat()), &Limits::default())
    };
    assert_eq!(named(b"aux.onnx", b"data").unwrap().file_names().collect::<Vec<_>>(), ["model", "data"]);
    for other in ["aux.data", "sub/NUL", "data.", "data "] {
        assert!(matches!(named(b"m", other.as_bytes()), Err(Error::Location { .. })), "{other}");
    }
    assert!(matches!(refused(&[1, 0]), Error::NewerVersion { version: 1, supported: 0 }));
    assert!(matches!(refused(&[]), Error::Truncated { .. }));
    assert!(matches!(refused(&[0, 1, 2, 3]), Error::Compressed { .. }));
    assert!(matches!(refused(&[stored(&good), vec![7]].concat()), Error::Compressed { .. }));
}

#[test]
fn skeletons_ask_for_no_more_than_the_limits() {
    let limits = Limits { max_skeleton_bytes: 1 << 16, max_tensors: 100, ..Limits::default() };
    let refused = |content: &[u8]| Skeleton::from_bytes(&stored(content), &limits).unwrap_err();
    // A bomb; a million tensors, names, pieces, axes; a literal of 2^60 bytes.
    assert!(matches!(refused(&vec![0; 1 << 24]), Error::Limit { limit: 0x20000, .. }));
    let many = [0xC0, 0x84, 0x3D];
    assert!(matches!(refused(&[&[0][..], &many].concat()), Error::Limit { limit: 100, .. }));
    assert!(matches!(refused(&[&[0, 1][..], &many].concat()), Error::Limit { limit: 100, .. }));
    let pieces = [&[0, 0, 1, 1, b'm'][..], &many, &vec![0; 100_000]].concat();
    assert!(matches!(refused(&pieces), Error::Limit { .. }));
    let axes = [&[0, 1, 1, 1, b'w', 1][..], &many, &vec![1; 100_000]].concat();
    assert!(matches!(refused(&axes), Error::Limit { .. }));
    let literal = [&[0, 0, 1, 1, b'm', 1, 0][..], &[0x80; 8], &[16]].concat();
    assert!(matches!(refused(&literal), Error::Limit { .. } | Error::Truncated { .. }));
    let deep = [&[0, 0, 1, 1, b'm'][..], &[1, 1, 1, 0].repeat(20_000)].concat();
    assert!(matches!(refused(&deep), Error::Malformed { .. } | Error::Limit { .. }));
}
