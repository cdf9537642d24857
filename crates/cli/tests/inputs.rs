//! Models that are run on inputs, by the program.
#![cfg(feature = "rten")]

mod common;

use std::fs;
use std::path::Path;

use common::Place;

/// A folder with a model and inputs for it.
fn with_model() -> Place {
    let place = Place::new();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../compress/tests/data");
    for name in ["gated.onnx", "gated.npz"] {
        place.write(name, fs::read(data.join(name)).expect("a fixture"));
    }
    place
}

#[test]
fn sensitivities_are_measured_once_and_errors_of_outputs_are_told() {
    let place = with_model();
    let asked = ["compress", "gated.onnx", "--inputs", "gated.npz", "--sensitivity", "s.json", "--force"];
    let first = place.run(asked).done();
    assert!(first.stderr.contains("sensitivities of 5 tensors were measured"), "{}", first.stderr);
    assert!(first.stdout.contains("y: relative error"), "{}", first.stdout);
    assert!(first.stdout.contains("U: no output noticed an error there"), "{}", first.stdout);
    let kept = fs::read(place.path("s.json")).expect("it was written");
    let file = fs::read(place.path("gated.mxp")).expect("it was written");
    place.run(asked).done();
    assert!(fs::read(place.path("s.json")).expect("it is there") == kept, "it is read, not measured anew");
    assert!(fs::read(place.path("gated.mxp")).expect("it is there") == file);
    // The file of sensitivities does without inputs.
    place.run(["compress", "gated.onnx", "--sensitivity", "s.json", "--force"]).done();
    assert!(fs::read(place.path("gated.mxp")).expect("it is there") == file);
    let verified =
        place.run(["verify", "gated.mxp", "--against", "gated.onnx", "--inputs", "gated.npz", "--json"]).done();
    let verified: serde_json::Value = serde_json::from_str(&verified.stdout).expect("one JSON object");
    assert!(verified["outputs"][0]["relative"].as_f64().is_some_and(|error| error > 0.0 && error < 0.3), "{verified}");
}

#[test]
fn an_output_error_is_kept_and_predictions_are_written() {
    let place = with_model();
    let asked = ["compress", "gated.onnx", "--inputs", "gated.npz", "--max-output-error", "0.05", "--json"];
    let told = place.run(asked).done();
    let told: serde_json::Value = serde_json::from_str(&told.stdout).expect("one JSON object");
    assert!(told["outputs"][0]["relative"].as_f64().is_some_and(|error| error <= 0.05 && error > 0.03), "{told}");
    let predicted = place.run(["predict", "gated.mxp", "--inputs", "gated.npz", "-o", "y.npz"]).done();
    assert_eq!(predicted.stdout, "y f32 [64, 8]\n");
    place.run(["predict", "gated.mxp", "--inputs", "gated.npz", "-o", "y.npz"]).refused(1, &["y.npz", "--force"]);
    place.run(["predict", "gated.mxp", "--inputs", "y.npz", "-o", "z.npz"]).refused(1, &["y", "x"]);
    place
        .run(["predict", "gated.mxp", "--inputs", "gated.npz", "-o", "gated.npz", "--force"])
        .refused(2, &["gated.npz"]);
    assert!(!place.path("z.npz").exists());
}

#[test]
fn what_is_missing_is_said() {
    let place = with_model();
    place.write("broken.json", "{}");
    let refused = |args: &[&str], code: i32, words: &[&str]| {
        place.run(["compress", "gated.onnx"].iter().chain(args)).refused(code, words);
        assert!(!place.path("gated.mxp").exists(), "{args:?}");
    };
    refused(&["--sensitivity", "s.json"], 2, &["s.json", "--inputs"]);
    refused(&["--sensitivity", "broken.json"], 1, &["broken.json", "version"]);
    refused(&["--inputs", "gated.npz", "--sensitivity", "no/s.json"], 1, &["no/s.json", "not there"]);
    refused(&["--inputs", "gated.npz", "--sensitivity", "gated.mxp"], 2, &["gated.mxp"]);
    refused(&["--inputs", "nowhere.npz"], 1, &["nowhere.npz"]);
    refused(&["--inputs", "gated.onnx"], 1, &["gated.onnx"]);
    refused(&["-q", "--inputs", "gated.npz", "--max-output-error", "1e-12"], 1, &["output error", "the nearest is"]);
    refused(&["--inputs", "gated.npz", "--max-output-error", "-1"], 2, &["output error"]);
}
