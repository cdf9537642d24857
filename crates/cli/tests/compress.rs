//! The commands of the program on the embedded digits, from arguments to bytes on disk.

mod common;

use std::fs;

use common::{Place, hash};

#[test]
fn json_is_the_last_line_and_holds_what_was_promised() {
    let place = Place::new();
    let ended = place.compress(&["--json", "--seed", "3"]).done();
    let line = ended.stdout.lines().last().expect("a line");
    let value: serde_json::Value = serde_json::from_str(line).expect("valid JSON");
    for key in [
        "network",
        "seed",
        "float_error",
        "compressed_error",
        "original_bytes",
        "file_bytes",
        "ratio",
        "sparsity",
        "seconds",
        "layers",
    ] {
        assert!(!value[key].is_null(), "{key} is missing from {line}");
    }
    assert_eq!(value["network"], "digits-mlp");
    assert_eq!(value["seed"], 3);
    assert_eq!(value["original_bytes"], 4 * 17_226);
    let size = fs::metadata(place.path("digits-mlp.mxp")).expect("the file").len();
    assert_eq!(value["file_bytes"], size);
    // No terminal, no bars; nothing went wrong, nothing to say.
    assert_eq!(ended.stderr, "");
}

#[test]
fn the_file_is_what_the_report_says() {
    let place = Place::new();
    let ended = place.compress(&["--json", "-o", "a.mxp"]).done();
    let outcome: serde_json::Value = serde_json::from_str(&ended.stdout).expect("valid JSON");

    let evaluated = place.run(["evaluate", "a.mxp", "--json"]).done();
    let evaluation: serde_json::Value = serde_json::from_str(&evaluated.stdout).expect("valid JSON");
    assert_eq!(evaluation["error"], outcome["compressed_error"]);
    assert_eq!(evaluation["network"], "digits-mlp");
    assert_eq!(evaluation["items"], 360);

    let inspected = place.run(["inspect", "a.mxp", "--json"]).done();
    let inspection: serde_json::Value = serde_json::from_str(&inspected.stdout).expect("valid JSON");
    assert_eq!(inspection["file_bytes"], outcome["file_bytes"]);
    assert_eq!(inspection["layers"], outcome["layers"]);

    place.run(["decompress", "a.mxp", "-o", "a.safetensors"]).done();
    let bytes = fs::read(place.path("a.safetensors")).expect("the file");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("a safetensors file");
    for layer in outcome["layers"].as_array().expect("a list") {
        let name = layer["name"].as_str().expect("a name");
        let tensor = tensors.tensor(name).expect("every layer is there");
        assert_eq!(serde_json::json!(tensor.shape()), layer["shape"], "{name}");
        let nonzero = tensor.data().chunks_exact(4).filter(|value| **value != [0; 4]).count();
        assert_eq!(serde_json::json!(nonzero), layer["nonzero"], "{name}");
    }
    assert_eq!(tensors.tensor("fc1.weight").expect("a tensor").shape(), [128, 64]);
}

#[test]
fn the_table_names_every_tensor_and_the_file() {
    let place = Place::new();
    let ended = place.compress(&["--quiet"]).done();
    for word in ["fc1.weight", "128 x 64", "fc3.bias", "times smaller", "test error", "digits-mlp.mxp"] {
        assert!(ended.stdout.contains(word), "no {word:?} in\n{}", ended.stdout);
    }
    let inspected = place.run(["inspect", "digits-mlp.mxp"]).done();
    assert!(inspected.stdout.contains("fc2.weight"), "{}", inspected.stdout);
}

#[test]
fn the_same_seed_gives_the_same_bytes_for_any_number_of_threads() {
    let place = Place::new();
    for (name, threads, seed) in
        [("1.mxp", "1", "0"), ("2.mxp", "2", "0"), ("again.mxp", "2", "0"), ("other.mxp", "2", "1")]
    {
        place.compress(&["--quiet", "--threads", threads, "--seed", seed, "-o", name]).done();
    }
    assert_eq!(hash(&place.path("1.mxp")), hash(&place.path("2.mxp")));
    assert_eq!(hash(&place.path("2.mxp")), hash(&place.path("again.mxp")));
    assert_ne!(hash(&place.path("2.mxp")), hash(&place.path("other.mxp")));
}

#[test]
fn a_network_of_one_s_own_runs_on_data_of_one_s_own() {
    let place = Place::new();
    common::write_idx(&place, "data", [400, 400], [60, 60]);
    place.write(
        "tiny.toml",
        "name = \"tiny\"\n[[layer]]\nkind = \"dense\"\nunits = 12\n[[layer]]\nkind = \"relu\"\n[[layer]]\nkind = \"dense\"\nunits = 10\n",
    );
    let ended = place.compress(&["--network", "tiny.toml", "--data", "data", "--no-augment", "--json"]).done();
    let outcome: serde_json::Value = serde_json::from_str(&ended.stdout).expect("valid JSON");
    assert_eq!(outcome["network"], "tiny");
    assert_eq!(outcome["original_bytes"], 4 * (30 * 12 + 12 + 12 * 10 + 10));
    place.run(["evaluate", "tiny.mxp", "--data", "data"]).done();
}

#[test]
fn the_recipe_is_printed_back() {
    let place = Place::new();
    let printed = place.compress(&["--print-recipe", "--seed", "9", "--no-augment"]).done().stdout;
    assert!(printed.contains("seed = 9") && printed.contains("augment = false"), "{printed}");
    place.write("printed.toml", &printed);
    let again = place.run(["compress", "--recipe", "printed.toml", "--print-recipe"]).done().stdout;
    assert_eq!(again, printed);
    assert_eq!(place.files().len(), 2, "printing a recipe writes no file");
}

#[test]
fn rounds_are_told_only_when_asked_for() {
    let place = Place::new();
    let ended = place.compress(&["-v", "--json"]).done();
    assert_eq!(ended.stdout.lines().count(), 1);
    assert!(ended.stderr.lines().filter(|line| line.contains("validation error")).count() >= 4, "{}", ended.stderr);
}

#[test]
fn help_version_and_completions_go_to_standard_output() {
    let place = Place::new();
    for args in [&["--help"][..], &["compress", "--help"], &["--version"], &["completions", "bash"]] {
        let ended = place.run(args).done();
        assert!(ended.stdout.contains("mixpress"), "{args:?}: {}", ended.stdout);
        assert_eq!(ended.stderr, "");
    }
}
