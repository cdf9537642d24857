//! Writing to a bare name. Alone in its program: the current folder belongs to all of a program's threads.

mod common;

use std::{env, fs};

use common::build::safetensors;
use common::unchanged;
use mixpress_interchange::{Error, Model, WriteOptions};

#[test]
fn an_index_does_not_take_the_place_of_its_shard() {
    let folder = tempfile::tempdir().unwrap();
    env::set_current_dir(&folder).unwrap();
    let shard = safetensors(r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#, &[7]);
    fs::write("m-1.safetensors", &shard).unwrap();
    fs::write("index.json", r#"{"weight_map":{"a":"m-1.safetensors"}}"#).unwrap();
    let model = Model::open("index.json").unwrap();
    let options = WriteOptions { keep_shards: true, overwrite: true, ..WriteOptions::default() };
    for path in ["m-1.safetensors", "./m-1.safetensors"] {
        let error = model.skeleton().write(path, &mut unchanged(&model), &options).unwrap_err();
        assert!(matches!(error, Error::SamePlace { .. }), "{path}: {error}");
        assert!(fs::read("m-1.safetensors").unwrap() == shard, "{path}");
    }
    let written = model.skeleton().write("again.json", &mut unchanged(&model), &options).unwrap();
    assert_eq!(written, ["again.json", "m-1.safetensors"].map(std::path::PathBuf::from));
    // Where a folder in use cannot be removed, it is not in use.
    env::set_current_dir(env::temp_dir()).unwrap();
}
