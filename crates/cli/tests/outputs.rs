//! Where outputs may go: nothing of a model is replaced that nobody named, and a name promises what is written.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use common::{Place, small_file};

const INDEX: &str = "sharded/model.safetensors.index.json";

/// Every file and what it holds.
fn contents(place: &Place) -> BTreeMap<PathBuf, Vec<u8>> {
    let read = |name: PathBuf| {
        let bytes = fs::read(place.path(name.to_str().expect("Unicode"))).expect("readable");
        (name, bytes)
    };
    place.files().into_iter().map(read).collect()
}

/// Runs the program and checks that it refuses and leaves every file as it was.
#[track_caller]
fn refuses(place: &Place, args: &[&str], code: i32, words: &[&str]) {
    let before = contents(place);
    place.run(args).refused(code, words);
    assert!(contents(place) == before, "{args:?} changed files");
}

#[test]
fn no_file_of_the_model_that_is_read_is_replaced() {
    let place = Place::new();
    place.put("sharded");
    place.put("external");
    let shard = "sharded/model-00002-of-00002.safetensors";
    fs::rename(place.path(shard), place.path("sharded/second")).expect("writable");
    let index = fs::read_to_string(place.path(INDEX)).expect("text");
    place.write(INDEX, index.replace("model-00002-of-00002.safetensors", "second"));
    let is_read = "is the file that is read";
    refuses(&place, &["compress", INDEX, "-o", "sharded/second", "--force"], 2, &["second", is_read]);
    let model = "external/model.onnx";
    refuses(&place, &["compress", model, "-o", "external/weights.bin", "--force"], 2, &["weights.bin", is_read]);
    let detour = "external/deep/../weights.bin";
    refuses(&place, &["compress", model, "-o", detour, "--force"], 2, &["weights.bin", is_read]);
    place.write("samples.npz", "arrays");
    let inputs = ["compress", model, "--inputs", "samples.npz", "-o", "samples.npz", "--force"];
    refuses(&place, &inputs, 2, &["samples.npz", is_read]);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("external/weights.bin", place.path("link")).expect("a link");
        refuses(&place, &["compress", model, "-o", "link", "--force"], 2, &["link", is_read]);
    }
}

#[test]
fn force_replaces_the_output_and_nothing_beside_it() {
    let place = Place::new();
    place.put("external");
    place.run(["compress", "external/model.onnx", "--snr", "20", "-o", "m.mxp"]).done();
    for force in [&[][..], &["--force"]] {
        let args = [&["decompress", "m.mxp", "-o", "external/r.onnx"], force].concat();
        refuses(&place, &args, 1, &["is there already", "--force-all", "another folder"]);
    }
    let over = ["decompress", "m.mxp", "-o", "external/model.onnx"];
    refuses(&place, &over, 1, &["model.onnx exists", "--force"]);
    refuses(&place, &[&over[..], &["--force"]].concat(), 1, &["is there already", "--force-all"]);
    refuses(&place, &[&over[..], &["--as", "gather", "--force"]].concat(), 1, &["is there already", "--force-all"]);
    let before = contents(&place);
    place.run([&over[..], &["--force-all"]].concat()).done();
    let after = contents(&place);
    assert!(before.keys().eq(after.keys()) && before != after, "the original's files became the restored ones");
    place.run(["verify", "m.mxp", "--against", "external/model.onnx"]).done();
    // Without files beside it, the output is all that there is to replace.
    fs::create_dir(place.path("out")).expect("a folder");
    place.run(["decompress", "m.mxp", "-o", "out/model.onnx"]).done();
    place.run(["decompress", "m.mxp", "-o", "out/model.onnx", "--force-all"]).done();
}

#[test]
fn not_even_all_is_the_file_that_is_read() {
    let place = Place::new();
    place.put("external");
    place.run(["compress", "external/model.onnx", "-o", "m.mxp"]).done();
    fs::create_dir(place.path("out")).expect("a folder");
    fs::rename(place.path("m.mxp"), place.path("out/weights.bin")).expect("writable");
    let args = ["decompress", "out/weights.bin", "-o", "out/model.onnx", "--force-all"];
    refuses(&place, &args, 2, &["weights.bin is the file that is read"]);
}

#[test]
fn shards_come_with_their_index() {
    let place = Place::new();
    place.put("sharded");
    place.put("plain.safetensors");
    place.run(["compress", INDEX, "--lossless", "-o", "m.mxp"]).done();
    let wrong = ["decompress", "m.mxp", "--keep-shards", "-o", "m.safetensors"];
    refuses(&place, &wrong, 2, &["m.safetensors", "the index of shards", ".safetensors.index.json"]);
    place.run(["decompress", "m.mxp", "--keep-shards"]).done();
    let (index, back) = (fs::read(place.path(INDEX)), fs::read(place.path("m.safetensors.index.json")));
    assert!(index.expect("a fixture") == back.expect("it was written"));
    assert_eq!(place.run(["diff", INDEX, "m.safetensors.index.json"]).done().stdout, "no tensor differs\n");
    place.run(["compress", "plain.safetensors", "-o", "plain.mxp"]).done();
    refuses(&place, &["decompress", "plain.mxp", "--keep-shards"], 2, &["--keep-shards", "plain.mxp"]);
}

#[test]
fn a_name_promises_what_is_written() {
    let place = Place::new();
    place.put("plain.safetensors");
    place.put("twins.onnx");
    place.run(["compress", "plain.safetensors", "-o", "s.mxp"]).done();
    place.run(["compress", "twins.onnx", "-o", "o.mxp"]).done();
    place.write("n.mxp", small_file());
    for (file, out, words) in [
        ("s.mxp", "x.onnx", ["a safetensors model", ".safetensors"]),
        ("s.mxp", "x.mxp", ["a safetensors model", ".safetensors"]),
        ("o.mxp", "x.safetensors", ["an ONNX model", ".onnx"]),
        ("n.mxp", "x.onnx", ["a safetensors file", ".safetensors"]),
    ] {
        refuses(&place, &["decompress", file, "-o", out], 2, &[&[out][..], &words].concat());
    }
    refuses(&place, &["compress", "twins.onnx", "-o", "x.onnx"], 2, &["x.onnx", "an .mxp file", ".mxp"]);
    refuses(&place, &["compress", "-o", "x.safetensors"], 2, &["an .mxp file", ".mxp"]);
    for (file, out) in [("s.mxp", "x.bin"), ("o.mxp", "x"), ("o.mxp", "x.ONNX")] {
        place.run(["decompress", file, "-o", out]).done();
    }
}

#[test]
fn an_output_needs_a_folder_that_is_there() {
    let place = Place::new();
    place.put("twins.onnx");
    place.run(["compress", "twins.onnx", "-o", "m.mxp"]).done();
    for (command, ending) in [(["compress", "twins.onnx"], "mxp"), (["decompress", "m.mxp"], "onnx")] {
        let refuses = |out: &str, code, words: &[&str]| {
            refuses(&place, &[&command[..], &["-o", out]].concat(), code, words);
        };
        refuses(&format!("no/where.{ending}"), 1, &["no/where", "no is not there"]);
        refuses(&format!("twins.onnx/m.{ending}"), 1, &["twins.onnx is no folder"]);
        refuses("sub/", 1, &["sub/ names a folder"]);
        refuses("-", 2, &["standard output"]);
    }
}

/// A limit of sizes stands for a full disk: both fail in the middle of a file.
#[cfg(unix)]
#[test]
fn what_cannot_be_written_is_named() {
    let place = Place::new();
    place.put("twins.onnx");
    let before = place.files();
    let script = format!(
        "ulimit -f 1; trap '' XFSZ; exec {} compress twins.onnx --lossless -o m.mxp",
        env!("CARGO_BIN_EXE_mixpress")
    );
    let shell = std::process::Command::new("sh").args(["-c", &script]).current_dir(place.path("")).output();
    let ended = common::Ended::from(shell.expect("a shell"));
    ended.refused(1, &["twins.onnx", "m.mxp", "cannot be written"]);
    assert_eq!(place.files(), before);
}
