//! `compress --recipe FILE.mxp` repeats the run that made a file, to the same bytes.

mod common;

use std::fs;

use common::{Place, SHORT, small_file};

/// Compresses with the arguments, repeats that from the file alone, and compares the bytes.
#[track_caller]
fn comes_back(place: &Place, args: &[&str], data: &[&str]) {
    place.run([&["compress", "--quiet", "-o", "first.mxp"], args, data].concat()).done();
    place.run([&["compress", "--quiet", "-o", "again.mxp", "--recipe", "first.mxp"], data].concat()).done();
    let read = |name| fs::read(place.path(name)).expect("a file");
    assert!(read("first.mxp") == read("again.mxp"), "{args:?} came back as another file");
}

#[test]
fn a_changed_recipe_another_seed_and_no_augmentation_come_back() {
    let place = Place::new();
    place.write(
        "changed.toml",
        SHORT.replace("[joint]", "[joint]\nstrength = 0.2") + "[prior]\nrange = [-12.5, 16.0]\n",
    );
    comes_back(&place, &["--recipe", "changed.toml", "--no-augment", "--seed", "18446744073709551615"], &[]);

    let inspected = place.run(["inspect", "first.mxp"]).done().stdout;
    for word in [
        "joint.strength = 0.2",
        "augment = false",
        "range = [-12.5, 16.0]",
        "seed 18446744073709551615",
        "--recipe first.mxp",
    ] {
        assert!(inspected.contains(word), "no {word:?} in\n{inspected}");
    }
    let json = place.run(["inspect", "first.mxp", "--json"]).done().stdout;
    let inspection: serde_json::Value = serde_json::from_str(&json).expect("valid JSON");
    place.write("told.toml", inspection["recipe"].as_str().expect("the settings that differ"));
    let seed = ["--print-recipe", "--seed", "3"];
    let told = place.run([&["compress", "--recipe", "told.toml"][..], &seed].concat()).done().stdout;
    let printed = place.run([&["compress", "--recipe", "first.mxp"][..], &seed].concat()).done().stdout;
    assert_eq!(told, printed);
    assert!(printed.contains("seed = 3") && printed.contains("strength = 0.2"), "{printed}");
    assert!(printed.contains("learning_rate"), "settings at their defaults are missing in\n{printed}");
}

#[test]
fn a_network_of_one_s_own_comes_back_on_its_data() {
    let place = Place::new();
    common::write_idx(&place, "data", [400, 400], [60, 60]);
    place.write(
        "tiny.toml",
        "name = \"tiny\"\n[[layer]]\nkind = \"dense\"\nunits = 12\n[[layer]]\nkind = \"relu\"\n[[layer]]\nkind = \"dense\"\nunits = 10\n",
    );
    comes_back(&place, &["--network", "tiny.toml", "--recipe", "short.toml"], &["--data", "data"]);
    // Another network that was named is taken instead.
    let other = ["--network", "digits-mlp", "--json", "-o", "other.mxp"];
    let ended = place.run([&["compress", "--recipe", "first.mxp"][..], &other].concat()).done();
    let outcome: serde_json::Value = serde_json::from_str(&ended.stdout).expect("valid JSON");
    assert_eq!(outcome["network"], "digits-mlp");
}

#[test]
fn the_file_that_is_repeated_is_not_replaced() {
    let place = Place::new();
    place.write("digits-mlp.mxp", small_file());
    place.run(["compress", "--recipe", "digits-mlp.mxp", "--force"]).refused(2, &["digits-mlp.mxp", "-o"]);
    assert_eq!(fs::read(place.path("digits-mlp.mxp")).expect("still there"), small_file());
}

#[test]
fn files_without_a_recipe_say_what_they_lack() {
    let place = Place::new();
    place.put("plain.safetensors");
    place.put("twins.onnx");
    place.run(["compress", "plain.safetensors", "--quiet", "-o", "model.mxp"]).done();
    // It holds tensors alone.
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/format/golden/dense.mxp");
    fs::copy(golden, place.path("tensors.mxp")).expect("a golden file");
    let before = place.files();
    for (file, code, words) in [
        ("model.mxp", 2, &["model.mxp", "another program's model", "TOML"][..]),
        ("tensors.mxp", 2, &["tensors.mxp", "seed", "TOML"]),
        ("plain.safetensors", 1, &["plain.safetensors is a safetensors model", "TOML", ".mxp"]),
        ("twins.onnx", 1, &["twins.onnx is an ONNX model", "TOML", ".mxp"]),
    ] {
        place.run(["compress", "--recipe", file]).refused(code, words);
    }
    place.write("cut.mxp", &small_file()[..small_file().len() / 2]);
    place.run(["compress", "--recipe", "cut.mxp"]).refused(1, &["cannot repeat cut.mxp"]);
    fs::remove_file(place.path("cut.mxp")).expect("a file");
    assert_eq!(place.files(), before, "files came or went");
}
