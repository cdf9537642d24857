//! Models that onnx and safetensors made: what is found in them, and that they come back byte for byte.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{bytes_of, negated, unchanged};
use mixpress_interchange::{Format, Limits, Model, Skeleton, Why, WriteOptions};
use serde_json::Value;
use sha2::{Digest, Sha256};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn expected() -> Vec<(String, Vec<Value>)> {
    let text = fs::read(data("expected.json")).unwrap();
    let all: serde_json::Map<String, Value> = serde_json::from_slice(&text).unwrap();
    all.into_iter().map(|(file, rows)| (file, rows.as_array().unwrap().clone())).collect()
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// The payload of the tensor that has this name.
fn named(model: &Model, name: &str) -> Vec<u8> {
    let has_name = |names: &[String]| names.iter().any(|other| other == name);
    let number = model.tensors().iter().position(|tensor| has_name(tensor.names()));
    model.payload(number.unwrap_or_else(|| panic!("{name} is not there"))).unwrap()
}

#[test]
fn what_is_found_is_what_the_formats_own_libraries_find() {
    for (file, rows) in expected() {
        let model = Model::open(data(&file)).unwrap();
        let mut found: Vec<Value> = Vec::new();
        for (number, tensor) in model.tensors().iter().enumerate() {
            let payload = model.payload(number).unwrap();
            assert_eq!(payload.len() as u64, tensor.bytes());
            for name in tensor.names() {
                let (shape, digest) = (tensor.shape(), digest(&payload));
                found.push(match model.format() {
                    Format::Onnx => serde_json::json!([tensor.element().name(), shape, digest]),
                    _ => serde_json::json!([name, shape, tensor.bytes(), digest]),
                });
            }
        }
        let (mut found, mut rows): (Vec<_>, Vec<_>) =
            (found.iter().map(Value::to_string).collect(), rows.iter().map(Value::to_string).collect());
        found.sort();
        rows.sort();
        assert_eq!(found, rows, "{file}");
    }
}

#[test]
fn every_file_comes_back_byte_for_byte() {
    for (file, _) in expected() {
        let model = Model::open(data(&file)).unwrap();
        let stored = model.skeleton().to_bytes();
        let skeleton = Skeleton::from_bytes(&stored, &Limits::default()).unwrap();
        assert_eq!(&skeleton, model.skeleton(), "{file}");
        assert_eq!(skeleton.to_bytes(), stored, "{file}");

        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join(Path::new(&file).file_name().unwrap());
        let options = WriteOptions { keep_shards: true, ..WriteOptions::default() };
        let written = skeleton.write(&target, &mut unchanged(&model), &options).unwrap();
        assert_eq!(written[0], target);
        assert_eq!(written.len(), model.paths().count());
        for (source, written) in model.paths().zip(&written) {
            assert!(fs::read(source).unwrap() == fs::read(written).unwrap(), "{file}: {}", source.display());
        }
    }
}

#[test]
fn other_values_change_nothing_else() {
    for (file, _) in expected() {
        let model = Model::open(data(&file)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join(Path::new(&file).file_name().unwrap());
        let options = WriteOptions { keep_shards: true, ..WriteOptions::default() };
        model.skeleton().write(&target, &mut negated(&model), &options).unwrap();
        let changed = Model::open(&target).unwrap();
        assert_eq!(changed.tensors(), model.tensors(), "{file}");
        assert_eq!(changed.kept(), model.kept(), "{file}");
        for number in 0..model.tensors().len() {
            let payload = negated(&model)(number).unwrap();
            assert!(changed.payload(number).unwrap() == *payload, "{file}: {}", model.tensors()[number].name());
        }
        // And back: where values take the same bytes again, lengths do, too, except those that were longer than needed.
        let back = bytes_of(changed.skeleton(), &mut unchanged(&model));
        if !["external/model.onnx", "sharded/model.safetensors.index.json", "unusual.onnx"].contains(&&file[..]) {
            assert!(back.unwrap() == fs::read(data(&file)).unwrap(), "{file}");
        }
    }
}

#[test]
fn constants_are_called_after_their_values_and_subgraphs_after_what_leads_there() {
    let names = |file: &str| -> Vec<String> {
        let model = Model::open(data(file)).unwrap();
        model.tensors().iter().flat_map(|tensor| tensor.names().to_vec()).collect()
    };
    assert_eq!(
        names("constants.onnx"),
        ["named", "unnamed", "list", "half", "Filled_7/fill", "Filled_7/fills", "Filled_7/fills_2"]
    );
    assert_eq!(
        names("branches.onnx"),
        [
            "If_1/else_branch/c",
            "If_1/else_branch/w",
            "If_1/then_branch/c",
            "If_1/then_branch/inner/else_branch/c",
            "If_1/then_branch/inner/else_branch/w",
            "If_1/then_branch/inner/then_branch/c",
            "If_1/then_branch/inner/then_branch/w",
            "If_1/then_branch/w",
            "switch/cases_0/c",
            "switch/cases_0/w",
            "switch/cases_1/c",
            "switch/cases_1/w",
            "w"
        ]
    );
    assert_eq!(names("loop.onnx"), ["steps/body/kernel"]);
    assert_eq!(names("functions.onnx"), ["v", "Project/w"]);
    assert_eq!(names("sparse.onnx"), ["sparse.weight", "sparse.large", "sparse.large/indices"]);
}

#[test]
fn what_stays_says_why() {
    let kept = |file: &str| -> Vec<(String, Why)> {
        let model = Model::open(data(file)).unwrap();
        model.kept().iter().map(|kept| (kept.name.clone(), kept.why)).collect()
    };
    let of = |list: &[(&str, Why)]| list.iter().map(|&(name, why)| (name.to_owned(), why)).collect::<Vec<_>>();
    let small = [("small", Why::Small), ("scalar", Why::Small), ("empty", Why::Small), ("texts", Why::Texts)];
    assert_eq!(kept("initializers.onnx"), of(&small));
    assert_eq!(
        kept("unusual.onnx"),
        of(&[
            ("split", Why::InParts),
            ("wide", Why::Unusual),
            ("in parts", Why::InParts),
            ("new type", Why::UnknownType),
            ("elsewhere", Why::NoValues)
        ])
    );
    assert_eq!(
        kept("external/model.onnx"),
        of(&[("tiny", Why::Small), ("turned", Why::Shared), ("part", Why::Shared)])
    );
    assert_eq!(kept("empty.onnx"), []);
}

#[test]
fn equal_tensors_are_one_with_several_names() {
    let names = |file: &str| -> Vec<Vec<String>> {
        let model = Model::open(data(file)).unwrap();
        model.tensors().iter().map(|tensor| tensor.names().to_vec()).collect()
    };
    let twins = names("twins.onnx");
    // Of another shape, or small, they are their own.
    assert_eq!(twins[0], ["first", "second"]);
    assert_eq!(twins[1..5], [["other"], ["turned"], ["small.1"], ["small.2"]].map(|names| names.map(String::from)));
    // However they are written.
    assert_eq!(twins[5], ["half.raw", "half.typed"]);
    assert!(names("plain.safetensors").contains(&vec!["tied.1".into(), "tied.2".into()]));
    assert!(names("sharded/model.safetensors.index.json").contains(&vec!["tied.too".into(), "tied".into()]));
    assert!(names("external/model.onnx").contains(&vec!["second".into(), "again".into()]));
}

#[test]
fn a_sharded_model_comes_back_as_one_file() {
    let model = Model::open(data("sharded/model.safetensors.index.json")).unwrap();
    assert_eq!(model.format(), Format::ShardedSafetensors);
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("model.safetensors");
    let written = model.skeleton().write(&target, &mut unchanged(&model), &WriteOptions::default()).unwrap();
    assert_eq!(written, std::slice::from_ref(&target));
    assert_eq!(fs::read(&target).unwrap(), bytes_of(model.skeleton(), &mut unchanged(&model)).unwrap());

    let one = Model::open(&target).unwrap();
    assert_eq!(one.format(), Format::Safetensors);
    for tensor in model.tensors() {
        for name in tensor.names() {
            assert_eq!(named(&one, name), named(&model, name));
        }
    }
    let text = String::from_utf8_lossy(&fs::read(&target).unwrap()).into_owned();
    assert!(text.contains(r#"{"__metadata__":{"file":"one","format":"np"},"#), "{text}");
    // The widest first.
    assert_eq!(one.tensors()[0].name(), "steps");
}

#[test]
fn an_onnx_model_that_is_too_long_gets_an_external_file() {
    let source = data("initializers.onnx");
    let model = Model::open(&source).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("new.onnx");
    let options = WriteOptions { max_onnx_bytes: 8000, ..WriteOptions::default() };
    let written = model.skeleton().write(&target, &mut negated(&model), &options).unwrap();
    assert_eq!(written, [target.clone(), folder.path().join("new.onnx.data")]);
    assert!(fs::metadata(&target).unwrap().len() <= 8000);

    let outside = Model::open(&target).unwrap();
    assert_eq!(outside.tensors().len(), model.tensors().len());
    for (number, tensor) in model.tensors().iter().enumerate() {
        assert!(named(&outside, tensor.name()) == *negated(&model)(number).unwrap(), "{}", tensor.name());
    }
    let options = WriteOptions { max_onnx_bytes: 1000, ..WriteOptions::default() };
    let error = model.skeleton().write(folder.path().join("b.onnx"), &mut unchanged(&model), &options).unwrap_err();
    assert!(error.to_string().contains("without its large tensors, 1000 are allowed"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}
