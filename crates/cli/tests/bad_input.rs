//! Bad input: one clear line, the exit code that says whose fault it is, nothing left behind and nothing lost.

mod common;

use std::fs;

use common::{Place, small_file, write_idx};

/// Runs `compress` with the arguments and checks that it refuses and leaves every file as it was.
#[track_caller]
fn refuses(place: &Place, args: &[&str], code: i32, words: &[&str]) {
    let before = place.files();
    place.compress(args).refused(code, words);
    assert_eq!(place.files(), before, "files came or went");
}

#[test]
fn a_folder_that_is_not_there() {
    refuses(&Place::new(), &["--data", "nowhere"], 1, &["nowhere"]);
}

#[test]
fn a_folder_without_data() {
    let place = Place::new();
    place.write("data/readme.txt", "nothing");
    refuses(&place, &["--data", "data"], 1, &["data", "train-images"]);
}

#[test]
fn a_missing_data_file() {
    for name in
        ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]
    {
        let place = Place::new();
        write_idx(&place, "data", [40, 40], [10, 10]);
        fs::remove_file(place.path("data").join(name)).expect("the file was written");
        refuses(&place, &["--data", "data"], 1, &[name]);
    }
}

#[test]
fn a_truncated_data_file() {
    for (name, kept) in
        [("train-images-idx3-ubyte", 100), ("t10k-labels-idx1-ubyte", 11), ("t10k-images-idx3-ubyte", 3)]
    {
        let place = Place::new();
        write_idx(&place, "data", [40, 40], [10, 10]);
        let path = place.path("data").join(name);
        let bytes = fs::read(&path).expect("the file was written");
        fs::write(&path, &bytes[..kept]).expect("writable");
        refuses(&place, &["--data", "data"], 1, &[name]);
    }
}

#[test]
fn images_and_labels_of_different_counts() {
    let place = Place::new();
    write_idx(&place, "data", [40, 39], [10, 10]);
    refuses(&place, &["--data", "data"], 1, &["40", "39", "train-labels"]);
}

#[test]
fn a_recipe_that_cannot_be_used() {
    for (text, words) in [
        ("colour = \"red\"\n", &["colour"][..]),
        ("[prior]\ncomponent = 5\n", &["component"]),
        ("seed = \"x\"\n", &["seed"]),
        ("seed = \n", &["line 1"]),
        ("[prior]\ncomponents = 1\n", &["components", "1"]),
        ("[prior]\ncomponents = 0\n", &["components", "0"]),
        ("[prior]\nrange = [4.0, -4.0]\n", &["range"]),
        ("[prior]\nrange = [4.0, 4.0]\n", &["range"]),
        ("[prior]\nrange = [1.0, 4.0]\n", &["range", "0"]),
        ("[prior]\nrange = [-4.0, nan]\n", &["range"]),
        ("batch = 0\n", &["batch"]),
        ("validation = 0\n", &["validation"]),
    ] {
        let place = Place::new();
        place.write("short.toml", text);
        refuses(&place, &[], 2, &[&["short.toml"], words].concat());
    }
}

#[test]
fn a_recipe_that_is_not_there() {
    let place = Place::new();
    place.run(["compress", "--recipe", "nowhere.toml"]).refused(1, &["nowhere.toml"]);
}

#[test]
fn a_network_that_cannot_be_used() {
    let place = Place::new();
    place.write("net.toml", "name = \"net\"\n[[layer]]\nkind = \"dense\"\nunit = 3\n");
    refuses(&place, &["--network", "net.toml"], 2, &["net.toml", "unit"]);
    place.write("net.toml", "name = \"net\"\n[[layer]]\nkind = \"dance\"\nunits = 3\n");
    refuses(&place, &["--network", "net.toml"], 2, &["net.toml", "dance"]);
    refuses(&place, &["--network", "lenet"], 2, &["lenet-300-100", "lenet-5-caffe"]);
    refuses(&place, &["--network", "nowhere.toml"], 1, &["nowhere.toml"]);
}

#[test]
fn a_network_that_does_not_fit_the_data() {
    let place = Place::new();
    refuses(&place, &["--network", "lenet-5-caffe"], 1, &["lenet-5-caffe on digits", "conv2"]);
    place.write("net.toml", "name = \"net\"\n[[layer]]\nkind = \"dense\"\nunits = 3\n");
    refuses(&place, &["--network", "net.toml"], 1, &["3", "10"]);
}

#[test]
fn an_output_that_cannot_be_written() {
    let place = Place::new();
    refuses(&place, &["-o", "nowhere/a.mxp"], 1, &["nowhere/a.mxp"]);
    fs::create_dir(place.path("folder")).expect("a folder");
    refuses(&place, &["-o", "folder"], 1, &["folder"]);
    // A file stands where a folder should be.
    refuses(&place, &["-o", "short.toml/a.mxp"], 1, &["short.toml/a.mxp"]);
}

#[test]
fn an_output_that_is_there_already() {
    let place = Place::new();
    place.write("a.mxp", "somebody's");
    refuses(&place, &["-o", "a.mxp"], 1, &["a.mxp", "--force"]);
    assert_eq!(fs::read(place.path("a.mxp")).expect("still there"), b"somebody's");
    place.compress(&["-o", "a.mxp", "--force", "--quiet"]).done();
    assert_eq!(fs::read(place.path("a.mxp")).expect("replaced"), small_file());
    place.write("digits-mlp.mxp", "somebody's");
    refuses(&place, &[], 1, &["digits-mlp.mxp", "--force"]);

    place.write("a.safetensors", "somebody's");
    place.run(["decompress", "a.mxp"]).refused(1, &["a.safetensors", "--force"]);
    assert_eq!(fs::read(place.path("a.safetensors")).expect("still there"), b"somebody's");
}

#[test]
fn a_corrupt_file() {
    let good = small_file();
    let place = Place::new();
    let mut corrupt = vec![Vec::new(), b"MZ, not ours".to_vec(), vec![0; 100], good[..good.len() / 2].to_vec()];
    corrupt.push(good[..good.len() - 1].to_vec());
    corrupt.push([good, b"more"].concat());
    // A flipped bit in a dozen places from the first byte to the last.
    for part in 0..12 {
        let mut bytes = good.to_vec();
        let last = bytes.len() - 1;
        bytes[last * part / 11] ^= 1 << (part % 8);
        corrupt.push(bytes);
    }
    for bytes in corrupt {
        place.write("bad.mxp", bytes);
        let before = place.files();
        place.run(["evaluate", "bad.mxp"]).refused(1, &["bad.mxp"]);
        place.run(["inspect", "bad.mxp"]).refused(1, &["bad.mxp"]);
        place.run(["decompress", "bad.mxp", "-o", "out.safetensors"]).refused(1, &["bad.mxp"]);
        assert_eq!(place.files(), before, "files came or went");
    }
}

#[test]
fn a_file_that_is_not_there() {
    let place = Place::new();
    for command in ["evaluate", "inspect", "decompress"] {
        place.run([command, "nowhere.mxp"]).refused(1, &["nowhere.mxp"]);
    }
}

#[test]
fn data_that_does_not_fit_the_file() {
    let place = Place::new();
    place.write("small.mxp", small_file());
    write_idx(&place, "data", [40, 40], [10, 10]);
    place.run(["evaluate", "small.mxp", "--data", "data"]).refused(1, &["small.mxp", "[1, 8, 8]", "[1, 6, 5]"]);
}

#[test]
fn nothing_to_resume() {
    let place = Place::new();
    fs::create_dir(place.path("state")).expect("a folder");
    refuses(&place, &["--checkpoint", "state", "--resume"], 1, &["state", "leave out --resume"]);
    refuses(&place, &["--checkpoint", "nowhere", "--resume"], 1, &["nowhere"]);
}

#[test]
fn a_state_of_another_run() {
    let place = Place::new();
    // A phase of two rounds keeps a state after its first.
    place.write("short.toml", common::SHORT.replace("[joint]\nrounds = 1", "[joint]\nrounds = 2"));
    place.compress(&["--quiet", "--checkpoint", "state"]).done();
    refuses(
        &place,
        &["-o", "a.mxp", "--checkpoint", "state", "--resume", "--seed", "1"],
        1,
        &["another run", "seed = 0", "seed = 1"],
    );
}

#[test]
fn wrong_usage() {
    let place = Place::new();
    for args in [&["compress", "--resume"][..], &["compress", "--seed", "x"], &["evaluate"], &["shrink"], &[]] {
        let ended = place.run(args);
        assert_eq!(ended.code, Some(2), "{args:?}");
        assert_eq!(ended.stdout, "");
        assert!(!ended.stderr.is_empty());
    }
}
