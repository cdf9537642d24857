//! Slips that people make: the wrong kind of file, contradictions, a source that is another one; each is told in their
//! words.

mod common;

use std::fs;

use common::{Place, small_file};

#[test]
fn files_of_another_kind_are_called_what_they_are() {
    let place = Place::new();
    place.put("plain.safetensors");
    place.put("twins.onnx");
    place.put("sharded");
    place.write("n.mxp", small_file());
    place.write("model.pt", [&b"PK\x03\x04"[..], &[0; 26], b"model/data.pkl"].concat());
    place.write("old.pth", [0x80, 2, 0x8a, 10, 0x6c]);
    fs::create_dir(place.path("hf")).expect("a folder");
    let refused = |args: &[&str], words: &[&str]| {
        place.run(args).refused(1, words);
    };
    for name in ["model.pt", "old.pth"] {
        refused(&["compress", name], &[name, "PyTorch checkpoint", "torch.load", "save_file", ".safetensors"]);
        refused(&["inspect", name], &[name, "PyTorch checkpoint"]);
    }
    refused(&["compress", "n.mxp"], &["n.mxp is an .mxp file already", "mixpress decompress"]);
    for command in ["inspect", "verify", "evaluate", "decompress"] {
        refused(&[command, "plain.safetensors"], &["is a safetensors model, not an .mxp file", "mixpress compress"]);
        refused(&[command, "twins.onnx"], &["twins.onnx is an ONNX model, not an .mxp file"]);
        refused(&[command, "sharded/model.safetensors.index.json"], &["the index of a sharded safetensors model"]);
        refused(&[command, "hf"], &["hf is a folder; an .mxp file is wanted"]);
    }
    refused(&["compress", "hf"], &["hf is a folder", "model.safetensors"]);
    refused(&["verify", "n.mxp", "--against", "hf"], &["hf is a folder"]);
    refused(&["diff", "twins.onnx", "hf"], &["hf is a folder"]);
}

#[test]
fn what_is_missing_is_said_once() {
    let place = Place::new();
    place.write("n.mxp", small_file());
    let ended = place.run(["verify", "n.mxp", "--against", "nope"]).refused(1, &["cannot read nope: "]);
    assert_eq!(ended.stderr.matches("nope").count(), 1, "{}", ended.stderr);
}

#[test]
fn nothing_is_lossless_and_lossy() {
    let place = Place::new();
    place.put("twins.onnx");
    let before = place.files();
    let contradiction = ["compress", "twins.onnx", "--lossless", "--tensor", "*=bits:3"];
    place.run(contradiction).refused(2, &["--lossless", "--tensor", "*"]);
    assert_eq!(place.files(), before);
    place.run(["compress", "twins.onnx", "--lossless", "--tensor", "*=skip", "--dry-run"]).done();
}

#[test]
fn globs_tell_cases_apart() {
    let place = Place::new();
    place.put("twins.onnx");
    let ended = place.run(["compress", "twins.onnx", "--tensor", "FIRST=lossless", "--dry-run"]).done();
    assert!(ended.stdout.contains("no tensor's name matches FIRST"), "{}", ended.stdout);
}

#[test]
fn a_difference_is_an_exit_code_where_one_is_asked_for() {
    let place = Place::new();
    place.put("twins.onnx");
    place.run(["compress", "twins.onnx", "--snr", "20", "-o", "m.mxp"]).done();
    place.run(["diff", "twins.onnx", "m.mxp"]).done();
    place.run(["diff", "twins.onnx", "twins.onnx", "--exit-code"]).done();
    for json in [&[][..], &["--json"]] {
        let ended = place.run([&["diff", "twins.onnx", "m.mxp", "--exit-code"], json].concat());
        assert_eq!(ended.code, Some(1));
        assert!(ended.stdout.contains("first") && ended.stderr.is_empty(), "{}{}", ended.stdout, ended.stderr);
    }
}

/// A safetensors file with one tensor of 32 x 32 weights, each of which `weight` makes of its place.
fn model(weight: impl Fn(u32) -> f32) -> Vec<u8> {
    let header = r#"{"w":{"dtype":"F32","shape":[32,32],"data_offsets":[0,4096]}}  "#;
    let weights: Vec<u8> = (0..1024).flat_map(|place| weight(place).to_le_bytes()).collect();
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &weights].concat()
}

#[test]
fn a_comparison_ends_in_a_verdict() {
    let place = Place::new();
    let sine = |step: f32| move |place: u32| (place as f32 * step).sin();
    place.write("a.safetensors", model(sine(0.7)));
    place.write("b.safetensors", model(sine(1.9)));
    place.run(["compress", "a.safetensors", "--bits", "6"]).done();
    let ended = place.run(["verify", "a.mxp", "--against", "a.safetensors"]).done();
    let verdict = ended.stdout.lines().last().unwrap_or_default();
    assert!(verdict.starts_with("all checksums hold; 1 tensor has at least "), "{verdict}");
    for json in [&[][..], &["--json"]] {
        let ended = place.run([&["verify", "a.mxp", "--against", "b.safetensors"], json].concat());
        assert_eq!(ended.code, Some(1), "{}", ended.stdout);
        assert!(ended.stderr.is_empty() && !ended.stdout.is_empty(), "{}", ended.stderr);
        assert!(!json.is_empty() || ended.stdout.contains("hardly the source"), "{}", ended.stdout);
    }
}

#[test]
fn little_that_is_left_is_told_and_a_larger_file_too() {
    let place = Place::new();
    // The finalizer of MurmurHash3: bits without any order do not become fewer.
    let noise = |place: u32| {
        let bits = (place ^ place >> 16).wrapping_mul(0x85eb_ca6b);
        let bits = (bits ^ bits >> 13).wrapping_mul(0xc2b2_ae35);
        f32::from_bits((bits ^ bits >> 16) & 0xbfff_ffff)
    };
    place.write("m.safetensors", model(noise));
    let ended = place.run(["compress", "m.safetensors", "--lossless", "-o", "large.mxp"]).done();
    assert!(ended.stdout.contains("larger than its source"), "{}", ended.stdout);
    place.write("n.safetensors", model(|place| (place as f32 * 0.7).sin()));
    let ended = place.run(["compress", "n.safetensors", "--tensor", "w=bits:0.3", "-o", "little.mxp"]).done();
    assert!(ended.stdout.contains("hardly anything of the weights is left"), "{}", ended.stdout);
}

#[test]
fn names_of_tensors_do_not_steer_the_terminal() {
    let place = Place::new();
    let header = r#"{"a\u001b[31m\nb":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    place.write("m.safetensors", [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &[0; 8]].concat());
    for args in [
        &["compress", "m.safetensors", "-o", "m.mxp"][..],
        &["compress", "m.safetensors", "--dry-run"],
        &["inspect", "m.mxp"],
        &["verify", "m.mxp"],
        &["verify", "m.mxp", "--against", "m.safetensors"],
    ] {
        let ended = place.run(args).done();
        assert!(ended.stdout.contains(r"a\u{1b}[31m\nb") && !ended.stdout.contains('\x1b'), "{}", ended.stdout);
    }
}
