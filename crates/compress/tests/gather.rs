//! Models of other programs with codebooks that ONNX looks up: the values are those of the file.

use std::fs;
use std::path::{Path, PathBuf};

use mixpress_compress::{Error, Goal, ModelCompressor, ModelFile, Overwrite, WriteOptions};
use mixpress_train::CancelToken;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../interchange/tests/data").join(name)
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn codebooks_and_indices_are_those_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("m.mxp");
    let compressor = ModelCompressor::open(data("twins.onnx")).unwrap().goal(Goal::SignalToNoise(20.0));
    compressor.run_to(&file, Overwrite::Refuse).unwrap();
    let held = ModelFile::open(&file).unwrap();
    let gathered = held.restore_as_gather(folder.path().join("m.onnx"), &WriteOptions::default()).unwrap();
    let bytes = fs::read(&gathered.paths[0]).unwrap();
    let mut expected = 0;
    for (number, stored) in held.tensors().iter().enumerate() {
        let tensor = &held.skeleton().tensors()[number];
        let Some(codebook) = stored.codebook() else {
            assert!(gathered.plain.iter().any(|plain| plain.name == tensor.name()), "{}", tensor.name());
            assert!(contains(&bytes, &held.payload(number).unwrap()), "{}", tensor.name());
            continue;
        };
        expected += tensor.names().len();
        let indices = stored.indices().unwrap();
        let mut used = indices.clone();
        used.sort_unstable();
        used.dedup();
        assert!(used.len() <= 256, "{}", tensor.name());
        let places: Vec<u8> = indices.iter().map(|index| used.binary_search(index).unwrap() as u8).collect();
        assert!(contains(&bytes, &places), "{}", tensor.name());
        if tensor.element().name() == "f32" {
            let values: Vec<u8> = used.iter().flat_map(|&index| codebook.value(index).to_le_bytes()).collect();
            assert!(contains(&bytes, &values), "{}", tensor.name());
        }
    }
    assert!(expected > 2);
    assert_eq!(gathered.gathered, expected);

    let error = held.restore_as_gather(&gathered.paths[0], &WriteOptions::default()).unwrap_err();
    assert!(matches!(error, Error::Interchange(_)), "{error}");
    assert_eq!(fs::read(&gathered.paths[0]).unwrap(), bytes);
}

#[test]
fn what_was_stopped_says_so_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("m.mxp");
    ModelCompressor::open(data("twins.onnx")).unwrap().run_to(&file, Overwrite::Refuse).unwrap();
    let held = ModelFile::open(&file).unwrap();
    let (out, options, cancel) = (folder.path().join("m.onnx"), WriteOptions::default(), CancelToken::new());
    cancel.cancel();
    let error = held.restore_as_gather_until(&out, &options, &cancel).unwrap_err();
    assert!(matches!(error, Error::Interrupted { checkpoint: None, .. }), "{error}");
    let error = held.restore_until(&out, &options, &cancel).unwrap_err();
    assert!(matches!(error, Error::Interrupted { checkpoint: None, .. }), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "only the file is there");
    // What fails for another reason is not told as stopped.
    let nowhere = folder.path().join("m.mxp/m.onnx");
    let error = held.restore_until(nowhere, &options, &CancelToken::new()).unwrap_err();
    assert!(matches!(error, Error::Interchange(_)), "{error}");
}
