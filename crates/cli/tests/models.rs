//! Trained models through the program: in, out, compared, and refused.

mod common;

use std::fs;
use std::path::PathBuf;

use common::Place;

/// Models that other programs made.
fn fixture(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../interchange/tests/data")).join(name)
}

/// A place with a model in it.
fn with(name: &str) -> Place {
    let place = Place::new();
    place.write(name, fs::read(fixture(name)).expect("a fixture"));
    place
}

const ONNX: [&str; 10] = [
    "branches.onnx",
    "constants.onnx",
    "empty.onnx",
    "functions.onnx",
    "initializers.onnx",
    "integers.onnx",
    "loop.onnx",
    "sparse.onnx",
    "twins.onnx",
    "unusual.onnx",
];

#[test]
fn every_model_comes_back_byte_for_byte_without_loss() {
    for name in ONNX.into_iter().chain(["plain.safetensors"]) {
        let place = with(name);
        place.run(["compress", name, "--lossless", "-o", "m.mxp"]).done();
        place.run(["verify", "m.mxp", "--against", name]).done();
        place.run(["decompress", "m.mxp", "-o", "back"]).done();
        assert!(fs::read(place.path(name)).unwrap() == fs::read(place.path("back")).unwrap(), "{name}");
    }
}

#[test]
fn a_model_is_compressed_as_wanted_and_compared_with_its_source() {
    let place = with("initializers.onnx");
    let ended = place.run(["compress", "initializers.onnx", "--snr", "20", "--json"]).done();
    let told: serde_json::Value = serde_json::from_str(&ended.stdout).expect("one JSON object");
    assert_eq!(ended.stdout.lines().count(), 1);
    assert_eq!(told["file_bytes"], fs::metadata(place.path("initializers.mxp")).unwrap().len());
    assert!(told["snr_db"].as_f64().is_some_and(|snr| snr > 19.9 && snr < 23.0), "{told}");
    let verified = place.run(["verify", "initializers.mxp", "--against", "initializers.onnx", "--json"]).done();
    let verified: serde_json::Value = serde_json::from_str(&verified.stdout).expect("one JSON object");
    assert_eq!(verified["snr_db"], told["snr_db"]);
    place.run(["decompress", "initializers.mxp", "-o", "back.onnx"]).done();
    assert_eq!(place.run(["diff", "back.onnx", "initializers.mxp"]).done().stdout, "no tensor differs\n");
    let differs = place.run(["diff", "initializers.onnx", "back.onnx"]).done();
    assert!(differs.stdout.contains("tensors that differ"), "{}", differs.stdout);
    let held = place.run(["inspect", "initializers.mxp"]).done();
    assert!(held.stdout.starts_with("initializers.onnx\n") && held.stdout.contains(" became "), "{}", held.stdout);
    let held = place.run(["inspect", "initializers.mxp", "--json"]).done();
    let held: serde_json::Value = serde_json::from_str(&held.stdout).expect("one JSON object");
    assert_eq!((&held["weights"], &held["file_bytes"]), (&told["weights"], &told["file_bytes"]));
    assert!(held["snr_db"].is_null(), "a file alone does not know its distortion: {held}");
    place.run(["evaluate", "initializers.mxp"]).refused(1, &["another program's model"]);
}

#[test]
fn a_dry_run_writes_nothing() {
    let place = with("initializers.onnx");
    let before = place.files();
    let ended = place.run(["compress", "initializers.onnx", "--dry-run", "--tensor", "none=skip"]).done();
    for part in [
        "would become about",
        "it would take about",
        "cannot be done",
        "no tensor's name matches none",
        "nothing was written",
    ] {
        assert!(ended.stdout.contains(part), "{part} is missing from {}", ended.stdout);
    }
    let told = place.run(["compress", "initializers.onnx", "--dry-run", "--json"]).done();
    let told: serde_json::Value = serde_json::from_str(&told.stdout).expect("one JSON object");
    let kept: Vec<&str> =
        told["tensors"].as_array().expect("a list").iter().filter_map(|one| one["kept"].as_str()).collect();
    assert!(kept.contains(&"no weights' type"), "{told}");
    assert!(told["expected_bytes"].is_u64() && told["expected_seconds"].as_f64() > Some(0.0), "{told}");
    assert_eq!(place.files(), before);
}

#[test]
fn shards_become_one_file_or_shards_again() {
    let place = Place::new();
    for entry in fs::read_dir(fixture("sharded")).expect("a fixture") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        place.write(&format!("in/{name}"), fs::read(&path).expect("a fixture"));
    }
    let index = "in/model.safetensors.index.json";
    place.run(["compress", index, "--lossless"]).done();
    place.run(["decompress", "model.mxp"]).done();
    assert_eq!(place.run(["diff", index, "model.safetensors"]).done().stdout, "no tensor differs\n");
    fs::create_dir(place.path("out")).expect("a folder");
    place.run(["decompress", "model.mxp", "--keep-shards", "-o", "out/model.safetensors.index.json"]).done();
    for path in place.files().into_iter().filter(|path| path.starts_with("in")) {
        let back = PathBuf::from("out").join(path.strip_prefix("in").expect("in that folder"));
        let read = |path: &PathBuf| fs::read(place.path(path.to_str().expect("Unicode"))).expect("readable");
        assert!(read(&path) == read(&back), "{}", path.display());
    }
}

#[test]
fn what_cannot_be_done_is_said_in_one_line_and_loses_nothing() {
    let place = with("initializers.onnx");
    place.write("text.onnx", "not a model");
    let model = fs::read(fixture("initializers.onnx")).expect("a fixture");
    place.write("cut.onnx", &model[..model.len() / 2]);
    place.write("taken.mxp", "precious");
    let before = place.files();
    let refused = |args: &[&str], code: i32, words: &[&str]| {
        place.run(["compress"].iter().chain(args)).refused(code, words);
        assert_eq!(place.files(), before, "{args:?}");
    };
    refused(&["nowhere.onnx"], 1, &["nowhere.onnx"]);
    refused(&["text.onnx"], 1, &["text.onnx", "ONNX"]);
    refused(&["cut.onnx"], 1, &["cut.onnx"]);
    refused(&["initializers.onnx", "-o", "taken.mxp"], 1, &["taken.mxp", "--force"]);
    refused(&["initializers.onnx", "-o", "initializers.onnx", "--force"], 2, &["initializers.onnx"]);
    refused(&["initializers.onnx", "--max-bytes", "100"], 1, &["100 bytes cannot be reached"]);
    refused(&["initializers.onnx", "--bits", "-3"], 2, &["bits"]);
    refused(&["initializers.onnx", "--strict", "--tensor", "none=skip"], 1, &["no tensor's name matches none"]);
    assert_eq!(fs::read(place.path("taken.mxp")).expect("it is there"), b"precious");
    place.run(["verify", "taken.mxp"]).refused(1, &["taken.mxp", "not an .mxp file"]);
    place.run(["verify", "initializers.onnx"]).refused(1, &["not an .mxp file"]);
    place.run(["diff", "initializers.onnx", "text.onnx"]).refused(1, &["text.onnx"]);
}

#[test]
fn an_effort_and_codebooks_say_how_matrices_are_coded() {
    let place = Place::new();
    let weights: Vec<u8> = (0..100 * 80).flat_map(|at| (at as f32 * 1.7).sin().powi(3).to_le_bytes()).collect();
    let header = br#"{"w":{"dtype":"F32","shape":[100,80],"data_offsets":[0,32000]}}"#;
    let length = (header.len() as u64).to_le_bytes();
    place.write("m.safetensors", [&length[..], &header[..], &weights[..]].concat());
    for (flags, coding) in
        [(&["--effort", "3"][..], "trellis, 8 states"), (&[], "trellis, 64 states"), (&["--codebooks"], "codebook")]
    {
        let arguments = ["compress", "m.safetensors", "--dry-run"].iter().chain(flags);
        let planned = place.run(arguments).done();
        assert!(planned.stdout.contains(coding), "no {coding} in {}", planned.stdout);
        let arguments = ["compress", "m.safetensors", "-o", "m.mxp", "--force"].iter().chain(flags);
        let ended = place.run(arguments).done();
        assert!(ended.stdout.contains("8,000 weights compressed"), "{}", ended.stdout);
        let held = place.run(["inspect", "m.mxp"]).done();
        assert_eq!(held.stdout.contains("trellis"), coding != "codebook", "{}", held.stdout);
    }
    for wrong in [
        &["m.safetensors", "--effort", "10"][..],
        &["m.safetensors", "--effort", "0"],
        &["m.safetensors", "--effort", "2", "--codebooks"],
        &["m.safetensors", "--effort", "2", "--lossless"],
        &["--effort", "2"],
        &["--codebooks"],
    ] {
        assert_eq!(place.run(["compress"].iter().chain(wrong)).code, Some(2), "{wrong:?}");
    }
}
