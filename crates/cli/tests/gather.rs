//! Trained models of other programs: through a file and back, as they were and as codebooks that ONNX looks up.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::Place;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../interchange/tests/data").join(name)
}

/// A place with the file that a model becomes, `m.mxp`.
fn compressed(name: &str) -> Place {
    let place = Place::new();
    let model = data(name);
    place
        .run(["compress".as_ref(), model.as_os_str(), "--snr".as_ref(), "20".as_ref(), "-o".as_ref(), "m.mxp".as_ref()])
        .done();
    place
}

#[test]
fn an_onnx_model_comes_back_as_gather() {
    let place = compressed("twins.onnx");
    place.run(["decompress", "m.mxp", "--as", "plain", "-o", "plain.onnx"]).done();
    place.run(["decompress", "m.mxp", "-o", "default.onnx"]).done();
    assert_eq!(fs::read(place.path("plain.onnx")).unwrap(), fs::read(place.path("default.onnx")).unwrap());

    let ended = place.run(["decompress", "m.mxp", "--as", "gather", "-o", "gather.onnx"]).done();
    for words in [
        "tensors as codebook and indices",
        "small.1 is plain: no codebook of at most 256 values",
        "bytes written to gather.onnx",
    ] {
        assert!(ended.stdout.contains(words), "no {words:?} in {}", ended.stdout);
    }
    assert!(!ended.stdout.contains("first is plain"), "{}", ended.stdout);
    let (plain, gather) = (fs::read(place.path("plain.onnx")).unwrap(), fs::read(place.path("gather.onnx")).unwrap());
    assert!(gather.len() < plain.len(), "{} and {}", gather.len(), plain.len());
    assert!(gather.windows(6).any(|bytes| bytes == b"Gather") && !plain.windows(6).any(|bytes| bytes == b"Gather"));
    let again = place.run(["decompress", "m.mxp", "--as", "gather", "-o", "again.onnx"]).done();
    assert_eq!(again.stdout.replace("again", "gather"), ended.stdout);
    assert_eq!(fs::read(place.path("again.onnx")).unwrap(), gather);
}

#[test]
fn other_models_do_not_come_back_as_gather() {
    let place = compressed("plain.safetensors");
    let before = place.files();
    let refused = place.run(["decompress", "m.mxp", "--as", "gather", "-o", "m.onnx"]);
    refused.refused(2, &["m.mxp", "safetensors", "Gather"]);
    place.write("small.mxp", common::small_file());
    place.run(["decompress", "small.mxp", "--as", "gather"]).refused(2, &["--as gather", "trained here"]);
    assert_eq!(place.run(["decompress", "m.mxp", "--as", "other"]).code, Some(2));
    assert_eq!(place.files().len(), before.len() + 1);
}
