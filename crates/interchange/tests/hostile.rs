//! Models that break a rule: each has its own error, which names the tensor, the value and the rule.

mod common;

use std::fs;
use std::path::Path;

use common::build::{external, field, model, safetensors, tensor, with_initializer};
use mixpress_interchange::{Error, Limits, Model};
use mixpress_testing::assert_error;

/// What opening a file with these contents says.
fn refused(contents: &[u8]) -> Error {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    fs::write(&path, contents).unwrap();
    Model::open(&path).expect_err("it breaks a rule")
}

/// Opens a file with these contents in a folder that has others, too.
fn opened(folder: &Path, contents: &[u8]) -> Result<Model, Error> {
    fs::write(folder.join("model"), contents).unwrap();
    Model::open(folder.join("model"))
}

#[test]
fn what_is_no_model_says_how_it_begins() {
    for contents in [&b""[..], b"PK\x03\x04zip", b"# a text, no model", b"\x93NUMPY", &[0; 64], &[0xFF; 64], b"\x08"] {
        assert_error!(refused(contents), Error::Unrecognised { .. }, "neither a safetensors");
    }
    assert_error!(refused(b"PK\x03\x04"), Error::Unrecognised { .. }, "50 4b 03 04");
    assert_error!(refused(b""), Error::Unrecognised { .. }, "is empty");
    let folder = tempfile::tempdir().unwrap();
    assert_error!(Model::open(folder.path()).unwrap_err(), Error::NotAFile { .. } | Error::Read { .. }, "");
    assert_error!(Model::open(folder.path().join("absent")).unwrap_err(), Error::Read { .. }, "absent");
}

#[test]
fn headers_that_break_a_rule_are_refused() {
    let entry = |name: &str, dtype: &str, shape: &str, begin: u64, end: u64| {
        format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{begin},{end}]}}"#)
    };
    let file = |entries: &[String], data: usize| safetensors(&format!("{{{}}}", entries.join(",")), &vec![0; data]);
    let a = || entry("a", "F32", "[2]", 0, 8);

    let long = [&1000u64.to_le_bytes()[..], b"{}"].concat();
    assert_error!(refused(&long), Error::HeaderBeyondFile { length: 1000, available: 2, .. }, "1000");
    let longer = [&100_000_001u64.to_le_bytes()[..], b"{}"].concat();
    assert_error!(refused(&longer), Error::HeaderOverLimit { .. }, "100000001", "100000000");
    let longest = [&u64::MAX.to_le_bytes()[..], b"{}"].concat();
    assert_error!(refused(&longest), Error::HeaderOverLimit { .. }, "18446744073709551615");

    for header in
        ["{", "{}}", "{\"a\":1}", "{\"a\":{}}", "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}"]
    {
        assert_error!(refused(&safetensors(header, b"")), Error::Json { .. }, "malformed");
    }
    assert_error!(refused(&safetensors(&format!("{{{}", "\"a\":{\"b\":[".repeat(5000)), b"")), Error::Json { .. }, "");
    assert_error!(refused(&file(&[a(), a()], 8)), Error::DuplicateName { .. }, "\"a\"", "twice");
    for (metadata, key) in [("{\"k\":1}", "\"k\""), ("{\"k\":{\"t\":[\"x\"]}}", "\"k\""), ("[]", "__metadata__")] {
        let header = format!("{{\"__metadata__\":{metadata},{}}}", a());
        assert_error!(refused(&safetensors(&header, &[0; 8])), Error::Metadata { .. }, key, "not a text");
    }
    let header = r#"{"__metadata__":{"k":"1","k":"2"}}"#;
    assert_error!(refused(&safetensors(header, b"")), Error::DuplicateName { .. }, "\"k\"");
    let header = r#"{"__metadata__":{},"__metadata__":{}}"#;
    assert_error!(refused(&safetensors(header, b"")), Error::DuplicateName { .. }, "__metadata__");

    let unknown = file(&[entry("w", "F128", "[2]", 0, 32)], 32);
    assert_error!(refused(&unknown), Error::UnknownDtype { .. }, "\"w\"", "F128");
    let backwards = file(&[entry("w", "F32", "[2]", 8, 0)], 8);
    assert_error!(refused(&backwards), Error::Offsets { begin: 8, end: 0, .. }, "\"w\"");
    let beyond = file(&[entry("w", "F32", "[3]", 0, 12)], 8);
    assert_error!(refused(&beyond), Error::BeyondFile { end: 12, available: 8, .. }, "\"w\"", "truncated");
    let short = file(&[entry("w", "F32", "[3]", 0, 8)], 8);
    assert_error!(refused(&short), Error::TensorLength { expected: 12, found: 8, .. }, "\"w\"", "[3] of f32");
    let huge = file(&[entry("w", "F32", "[4294967296,4294967296]", 0, 8)], 8);
    assert_error!(refused(&huge), Error::ShapeOverflow { .. }, "\"w\"", "4294967296");
    let part = file(&[entry("w", "F4", "[3]", 0, 2)], 2);
    assert_error!(refused(&part), Error::PartialByte { .. }, "\"w\"", "f4_e2m1");
    let overlap = file(&[a(), entry("b", "F32", "[2]", 4, 12)], 12);
    assert_error!(refused(&overlap), Error::Overlap { begin: 4, end: 8, .. }, "\"a\"", "\"b\"");
    let gap = file(&[a(), entry("b", "F32", "[2]", 12, 20)], 20);
    assert_error!(refused(&gap), Error::Gap { count: 4, .. }, "\"b\"");
    assert_error!(refused(&file(&[a()], 11)), Error::TrailingBytes { count: 3, .. }, "3 bytes");
}

#[test]
fn an_index_is_followed_only_within_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let shard =
        |name: &str| safetensors(&format!(r#"{{"{name}":{{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}}}"#), &[7]);
    fs::write(folder.path().join("1.safetensors"), shard("a")).unwrap();
    let index = |map: &str| opened(folder.path(), format!("{{\"weight_map\":{map}}}").as_bytes());
    assert_eq!(index(r#"{"a":"1.safetensors"}"#).unwrap().tensors().len(), 1);

    assert_error!(opened(folder.path(), b"{}").unwrap_err(), Error::Json { .. }, "weight_map");
    assert_error!(index("[]").unwrap_err(), Error::Json { .. }, "not an object");
    assert_error!(index(r#"{"a":1}"#).unwrap_err(), Error::Json { .. }, "\"a\"");
    assert_error!(index(r#"{"a":"x","a":"x"}"#).unwrap_err(), Error::DuplicateName { .. }, "\"a\"");
    assert_error!(index(r#"{"a":"../1.safetensors"}"#).unwrap_err(), Error::Location { .. }, "\"a\"", "..");
    assert_error!(index(r#"{"a":"3.safetensors"}"#).unwrap_err(), Error::MissingFile { .. }, "\"a\"", "3.safetensors");
    assert_error!(index(r#"{"b":"1.safetensors"}"#).unwrap_err(), Error::NotInShard { .. }, "\"b\"", "1.safetensors");
    // One file under two names; files are read in the order of these.
    let twice = index(r#"{"a":"1.safetensors","b":"./1.safetensors"}"#).unwrap_err();
    assert_error!(twice, Error::NotInShard { .. }, "\"b\"", "./1.safetensors");
    let twice = index(r#"{"a":"./1.safetensors","b":"1.safetensors"}"#).unwrap_err();
    assert_error!(twice, Error::DuplicateName { .. }, "\"1.safetensors\"");
}

#[test]
fn a_tensor_stands_in_one_shard() {
    let folder = tempfile::tempdir().unwrap();
    let shard = |names: [&str; 2]| {
        let entry = |at, name| format!(r#""{name}":{{"dtype":"U8","shape":[1],"data_offsets":[{at},{}]}}"#, at + 1);
        safetensors(&format!("{{{},{}}}", entry(0, names[0]), entry(1, names[1])), &[7, 8])
    };
    fs::write(folder.path().join("1"), shard(["a", "x"])).unwrap();
    fs::write(folder.path().join("2"), shard(["a", "b"])).unwrap();
    let index = |map: &str| opened(folder.path(), format!("{{\"weight_map\":{map}}}").as_bytes()).unwrap_err();
    // Both shards have what the index says of them, and the second one "a" as well.
    let twice = index(r#"{"a":"1","b":"2"}"#);
    assert_error!(&twice, Error::DuplicateName { path, name } if path.ends_with("2") && name == "a", "\"a\"", "twice");
}

#[test]
fn a_shard_has_what_its_index_says() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "c"] {
        let header = format!(r#"{{"{name}":{{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}}}"#);
        fs::write(folder.path().join(format!("{name}.safetensors")), safetensors(&header, &[7])).unwrap();
    }
    let index = opened(folder.path(), br#"{"weight_map":{"a":"a.safetensors","b":"c.safetensors"}}"#).unwrap_err();
    let is_exact = |tensor: &str, shard: &str| (tensor, shard) == ("b", "c.safetensors");
    assert_error!(&index, Error::NotInShard { tensor, shard, .. } if is_exact(tensor, shard), "\"b\"");
}

#[test]
fn tensors_of_another_size_are_refused() {
    let raw = |bytes: usize| field(9, &vec![0; bytes]);
    let of = |data_type: u64, dims: &[u64], values: Vec<u8>| {
        refused(&with_initializer(&tensor("w", data_type, dims, &[values])))
    };
    assert_error!(of(1, &[20], raw(79)), Error::TensorLength { expected: 80, found: 79, .. }, "\"w\"", "[20] of f32");
    assert_error!(of(1, &[2], raw(9)), Error::TensorLength { expected: 8, found: 9, .. }, "\"w\"");
    assert_error!(of(1, &[20], field(4, &[0; 76])), Error::TensorLength { found: 76, .. }, "\"w\"");
    assert_error!(of(10, &[40], field(5, &[1; 41])), Error::TensorLength { expected: 80, found: 82, .. }, "\"w\"");
    assert_error!(of(22, &[2001], raw(1000)), Error::TensorLength { expected: 1001, .. }, "i4");
    assert_error!(of(1, &[u64::MAX], raw(4)), Error::Dimension { axis: 0, value: -1, .. }, "\"w\"", "-1");
    assert_error!(of(1, &[1 << 40, 1 << 40], raw(4)), Error::ShapeOverflow { .. }, "\"w\"");
    let axes = with_initializer(&tensor("w", 1, &[1; 1025], &[raw(4)]));
    assert_error!(refused(&axes), Error::Wire { .. }, "1024 axes");
}

#[test]
fn malformed_messages_say_at_which_byte() {
    let good = with_initializer(&tensor("w", 1, &[20], &[field(9, &[0; 80])]));
    let cut = &good[..good.len() - 10];
    assert_error!(refused(cut), Error::Wire { offset: 9, .. }, "byte 9", "truncated");
    let group = model(&[field(2, b"g"), vec![0x2B]].concat());
    assert_error!(refused(&group), Error::Wire { offset: 14, .. }, "groups");
    let wire_type = model(&[0x0E]);
    assert_error!(refused(&wire_type), Error::Wire { offset: 11, .. }, "wire type");
    let inside = model(&field(5, &[0x4A, 200, 1]));
    assert_error!(refused(&inside), Error::Wire { offset: 13, .. }, "end of its message");
}

#[test]
fn graphs_within_graphs_end_somewhere() {
    let nested = |depth: usize| {
        (0..depth).fold(field(5, &tensor("w", 1, &[20], &[field(9, &[0; 80])])), |graph, _| {
            field(1, &[field(4, b"If"), field(5, &[field(1, b"then_branch"), field(6, &graph)].concat())].concat())
        })
    };
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(opened(folder.path(), &model(&nested(63))).unwrap().tensors().len(), 1);
    assert_error!(opened(folder.path(), &model(&nested(64))).unwrap_err(), Error::Depth { limit: 64, .. }, "64 deep");
    assert_error!(opened(folder.path(), &model(&nested(2000))).unwrap_err(), Error::Depth { .. }, "");
}

#[test]
fn external_data_is_followed_only_within_the_models_folder() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("data"), [1; 100]).unwrap();
    let with = |entries: &[(&str, &str)]| {
        opened(folder.path(), &with_initializer(&tensor("w", 1, &[20], &[external(entries)])))
    };
    let model = with(&[("location", "data"), ("offset", "20"), ("length", "80")]).unwrap();
    assert_eq!(model.payload(0).unwrap(), [1; 80]);
    assert_eq!(with(&[("location", "data"), ("basepath", "elsewhere"), ("checksum", "x")]).unwrap().tensors().len(), 1);

    let error = |entries: &[(&str, &str)]| with(entries).unwrap_err();
    assert_error!(error(&[]), Error::ExternalData { key: "location", .. }, "\"w\"");
    assert_error!(error(&[("location", "data"), ("location", "b")]), Error::ExternalData { .. }, "given before");
    for offset in ["-1", "0x10", "", "1e3", " 4", "99999999999999999999"] {
        let entries = [("location", "data"), ("offset", offset)];
        assert_error!(error(&entries), Error::ExternalData { key: "offset", .. }, "decimal", &format!("{offset:?}"));
    }
    let short = error(&[("location", "data"), ("length", "79")]);
    assert_error!(short, Error::TensorLength { expected: 80, found: 79, .. }, "\"w\"");
    let beyond = error(&[("location", "data"), ("offset", "21")]);
    assert_error!(beyond, Error::BeyondFile { end: 101, available: 100, .. }, "\"w\"");
    let beyond = error(&[("location", "data"), ("offset", "18446744073709551615")]);
    assert_error!(beyond, Error::BeyondFile { .. }, "\"w\"");
    for location in ["/etc/passwd", "../data", "sub/../../data", "C:\\data", "", "nul", "sub/AUX.bin", "data."] {
        assert_error!(error(&[("location", location)]), Error::Location { .. }, "\"w\"", &format!("{location:?}"));
    }
    assert_error!(error(&[("location", "model")]), Error::Location { .. }, "the model itself");
    assert_error!(error(&[("location", "absent")]), Error::MissingFile { .. }, "\"w\"", "absent");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(folder.path().join("data"), folder.path().join("soft")).unwrap();
        assert_error!(error(&[("location", "soft")]), Error::Location { .. }, "\"w\"", "a link");
        fs::hard_link(folder.path().join("data"), folder.path().join("hard")).unwrap();
        assert_error!(error(&[("location", "hard")]), Error::Location { .. }, "\"w\"", "hard link");
    }
}

#[test]
fn limits_hold() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    let one = field(5, &tensor("w", 1, &[20], &[field(9, &[0; 80])]));
    fs::write(&path, model(&one.repeat(5))).unwrap();
    let within = |limits: Limits| Model::open_with(&path, limits);
    assert_eq!(within(Limits::default()).unwrap().tensors().len(), 5);
    let few = within(Limits { max_tensors: 4, ..Limits::default() }).unwrap_err();
    assert_error!(few, Error::Limit { claimed: 5, limit: 4, .. }, "tensors");
    let small = within(Limits { max_skeleton_bytes: 100, ..Limits::default() }).unwrap_err();
    assert_error!(small, Error::Limit { limit: 100, .. }, "bytes");

    // A gap in an external file is not held in memory beyond the limit.
    let w = field(5, &tensor("w", 1, &[20], &[external(&[("location", "data"), ("offset", "1099511627776")])]));
    fs::write(&path, model(&w)).unwrap();
    let data = fs::File::create(folder.path().join("data")).unwrap();
    data.set_len((1 << 40) + 80).unwrap();
    assert_error!(within(Limits::default()).unwrap_err(), Error::Limit { .. }, "no tensor's payload");
}

#[test]
fn equal_names_are_told_apart() {
    let one = field(5, &tensor("w", 1, &[20], &[field(9, &[0; 80])]));
    let second = field(5, &tensor("w_2", 1, &[20], &[field(9, &[1; 80])]));
    let folder = tempfile::tempdir().unwrap();
    let model = opened(folder.path(), &model(&[second, one.repeat(3)].concat())).unwrap();
    let names: Vec<&str> = model.tensors().iter().map(mixpress_interchange::SourceTensor::name).collect();
    assert_eq!(names, ["w_2", "w", "w_3", "w_4"]);
}
