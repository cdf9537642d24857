//! Whatever opens comes back byte for byte, and nothing panics: random files, random messages, random damage.

mod common;

use std::fs;
use std::path::Path;

use common::build::{field, model, tensor, varint};
use common::{bytes_of, negated, unchanged};
use mixpress_interchange::{Error, Limits, Model, Skeleton, WriteOptions};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Opens a file with these contents; what opens has to come back, directly and by way of its stored skeleton.
fn round_trip(contents: &[u8]) -> Result<Model, Error> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), contents).unwrap();
    let model = Model::open(file.path())?;
    let skeleton = Skeleton::from_bytes(&model.skeleton().to_bytes(), &Limits::default()).unwrap();
    assert_eq!(&skeleton, model.skeleton());
    let bytes = bytes_of(&skeleton, &mut unchanged(&model)).unwrap();
    assert!(bytes == contents, "{} bytes became {}", contents.len(), bytes.len());
    // Other values open again, as the same tensors.
    let changed = bytes_of(&skeleton, &mut negated(&model)).unwrap();
    fs::write(file.path(), changed).unwrap();
    let changed = Model::open(file.path()).unwrap();
    assert_eq!(changed.tensors().len(), model.tensors().len());
    for number in 0..model.tensors().len() {
        assert_eq!(changed.tensors()[number].shape(), model.tensors()[number].shape());
    }
    fs::write(file.path(), contents).unwrap();
    Ok(model)
}

const DTYPES: [(&str, u64); 22] = [
    ("F64", 64),
    ("F32", 32),
    ("F16", 16),
    ("BF16", 16),
    ("F8_E4M3", 8),
    ("F8_E5M2", 8),
    ("F8_E8M0", 8),
    ("F8_E4M3FNUZ", 8),
    ("F8_E5M2FNUZ", 8),
    ("F6_E2M3", 6),
    ("F6_E3M2", 6),
    ("F4", 4),
    ("I64", 64),
    ("I32", 32),
    ("I16", 16),
    ("I8", 8),
    ("U64", 64),
    ("U32", 32),
    ("U16", 16),
    ("U8", 8),
    ("BOOL", 8),
    ("C64", 64),
];

/// A safetensors file of random tensors, in random order, with random white space.
fn random_safetensors(seed: u64) -> (Vec<u8>, usize) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut below = |limit: u64| random.next_u64() % limit;
    let count = below(6);
    let (mut entries, mut end) = (Vec::new(), 0);
    let space = |kind: u64| ["", " ", "\n", "\t \r\n"][kind as usize];
    for name in 0..count {
        let (dtype, bits) = DTYPES[below(22) as usize];
        // A multiple of four entries is a whole number of bytes, whatever the type.
        let shape: Vec<u64> = match below(5) {
            0 if bits >= 8 => vec![],
            1 => vec![0, below(9)],
            _ => vec![4, below(5), 1 + below(40)],
        };
        let bytes = shape.iter().product::<u64>() * bits / 8;
        let (a, b) = (space(below(4)), space(below(4)));
        entries.push(format!(
            "{a}\"n {name}\"{b}:{{\"data_offsets\":[{end},{}]{a},\"shape\":{shape:?},{b}\"dtype\":\"{dtype}\"}}",
            end + bytes
        ));
        end += bytes;
    }
    for place in (1..entries.len()).rev() {
        entries.swap(place, below(place as u64 + 1) as usize);
    }
    let metadata = ["", "\"__metadata__\":{},", "\"__metadata__\": {\"a\":\"\\u0041\"},"][below(3) as usize];
    let metadata = if entries.is_empty() { metadata.trim_end_matches(',') } else { metadata };
    let header = format!("{{{metadata}{}}}{}", entries.join(","), " ".repeat(below(9) as usize));
    let mut data = vec![0; end as usize];
    random.fill_bytes(&mut data);
    (common::build::safetensors(&header, &data), count as usize)
}

/// Fields that no definition has, of every wire type.
fn unknown(random: &mut ChaCha8Rng) -> Vec<u8> {
    let number = 1000 + random.next_u64() % 100_000;
    match random.next_u32() % 5 {
        0 => common::build::number(number, random.next_u64() >> (random.next_u32() % 64)),
        1 => [varint(number << 3 | 1), random.next_u64().to_le_bytes().to_vec()].concat(),
        2 => [varint(number << 3 | 5), random.next_u32().to_le_bytes().to_vec()].concat(),
        3 => field(number, &random.next_u64().to_le_bytes()[..(random.next_u32() % 9) as usize]),
        _ => Vec::new(),
    }
}

/// A delimited field whose length may be longer than it need be.
fn loose(number: u64, content: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut length = varint(content.len() as u64);
    if random.next_u32().is_multiple_of(4) && length.len() < 9 {
        *length.last_mut().unwrap() |= 0x80;
        length.push(0);
    }
    [varint(number << 3 | 2), length, content.to_vec()].concat()
}

fn random_tensor(random: &mut ChaCha8Rng) -> Vec<u8> {
    let count = random.next_u64() % 60;
    let mut payload = vec![0; 4 * count as usize];
    random.fill_bytes(&mut payload);
    let (data_type, values) = match random.next_u32() % 4 {
        0 => (1, loose(9, &payload, random)),
        1 => (1, loose(4, &payload, random)),
        2 => (1, payload.chunks(4).flat_map(|value| [&[0x25], value].concat()).collect()),
        _ => {
            let halves =
                payload.chunks(4).flat_map(|value| varint(u64::from(u16::from_le_bytes([value[0], value[1]]))));
            (10, loose(5, &halves.collect::<Vec<_>>(), random))
        }
    };
    let fields = [unknown(random), values, unknown(random)];
    tensor(["", "w", "v"][(random.next_u32() % 3) as usize], data_type, &[count], &fields)
}

fn random_graph(random: &mut ChaCha8Rng, depth: u32) -> Vec<u8> {
    let mut graph = Vec::new();
    for _ in 0..random.next_u32() % 5 {
        let part = match random.next_u32() % 4 {
            0 => {
                let one = random_tensor(random);
                loose(5, &one, random)
            }
            1 => {
                let one = random_tensor(random);
                let attribute = [field(1, b"value"), loose(5, &one, random), unknown(random)].concat();
                loose(1, &[field(5, &attribute), field(4, b"Constant"), field(2, b"c")].concat(), random)
            }
            2 if depth > 0 => {
                let inner = random_graph(random, depth - 1);
                let attribute = [loose(6, &inner, random), field(1, b"body")].concat();
                loose(1, &[unknown(random), loose(5, &attribute, random)].concat(), random)
            }
            _ => unknown(random),
        };
        graph.extend(part);
    }
    graph
}

fn fixtures() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let names = [
        "constants.onnx",
        "branches.onnx",
        "functions.onnx",
        "sparse.onnx",
        "unusual.onnx",
        "loop.onnx",
        "plain.safetensors",
    ];
    names.iter().map(|name| fs::read(folder.join(name)).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn random_safetensors_come_back(seed in any::<u64>()) {
        let (contents, count) = random_safetensors(seed);
        let model = round_trip(&contents).unwrap();
        prop_assert_eq!(model.tensors().iter().map(|tensor| tensor.names().len()).sum::<usize>(), count);
    }

    #[test]
    fn random_messages_come_back(seed in any::<u64>()) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let graph = random_graph(&mut random, 3);
        round_trip(&[model(&graph), unknown(&mut random)].concat()).unwrap();
    }

    #[test]
    fn what_is_cut_off_is_refused_or_comes_back(which in 0usize..7, place in any::<prop::sample::Index>()) {
        let whole = &fixtures()[which];
        let contents = &whole[..place.index(whole.len())];
        // Between two fields of a model a cut cannot be seen.
        if let Ok(model) = round_trip(contents) {
            prop_assert_eq!(model.format(), mixpress_interchange::Format::Onnx);
        }
    }

    #[test]
    fn what_is_damaged_is_refused_or_comes_back(
        which in 0usize..7, damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)
    ) {
        let mut contents = fixtures()[which].clone();
        for (place, value) in damage {
            let place = place.index(contents.len());
            contents[place] = value;
        }
        let _ = round_trip(&contents);
    }

    #[test]
    fn damaged_models_of_several_files_are_refused_or_come_back(
        sharded in any::<bool>(), file in 0usize..3,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)
    ) {
        let (folder, files) = if sharded {
            ("sharded", ["model.safetensors.index.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"])
        } else {
            ("external", ["model.onnx", "weights.bin", "deep/other.bin"])
        };
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(folder);
        let (place, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(place.path().join("deep")).unwrap();
        for (number, name) in files.iter().enumerate() {
            let mut contents = fs::read(source.join(name)).unwrap();
            for (at, value) in damage.iter().filter(|_| number == file) {
                // What says where things are stands at the front.
                let at = at.index(contents.len().min(1000));
                contents[at] = *value;
            }
            fs::write(place.path().join(name), contents).unwrap();
        }
        if let Ok(model) = Model::open(place.path().join(files[0])) {
            let options = WriteOptions { keep_shards: true, ..WriteOptions::default() };
            let path = target.path().join(files[0]);
            let written = model.skeleton().write(path, &mut unchanged(&model), &options).unwrap();
            for (source, written) in model.paths().zip(written) {
                prop_assert!(fs::read(source).unwrap() == fs::read(written).unwrap());
            }
        }
    }

    #[test]
    fn damaged_skeletons_are_refused_or_written(
        which in 0usize..7, damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)
    ) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &fixtures()[which]).unwrap();
        let stored = Model::open(file.path()).unwrap().skeleton().to_bytes();
        let mut content = zstd::decode_all(&stored[1..]).unwrap();
        for (place, value) in damage {
            // Structure stands at the front.
            let place = place.index(content.len().min(600));
            content[place] = value;
        }
        let forged = [&stored[..1], &zstd::encode_all(&content[..], 1).unwrap()].concat();
        let limits = Limits { max_skeleton_bytes: 1 << 20, max_tensors: 1000, ..Limits::default() };
        if let Ok(skeleton) = Skeleton::from_bytes(&forged, &limits) {
            prop_assert_eq!(&Skeleton::from_bytes(&skeleton.to_bytes(), &limits).unwrap(), &skeleton);
            let tensors = skeleton.tensors().to_vec();
            let mut zeros = |tensor: usize| {
                let bytes: u64 = tensors[tensor].bytes();
                if bytes > 1 << 20 { Err("too large for a test".into()) } else { Ok(vec![0; bytes as usize].into()) }
            };
            let _ = bytes_of(&skeleton, &mut zeros);
        }
    }
}

#[test]
fn lengths_follow_values_that_take_other_bytes() {
    // Half-precision ones, two bytes each as varints, become minus ones of three.
    let ones: Vec<u8> = [0x80, 0x78].repeat(70);
    let contents = model(&field(5, &tensor("w", 10, &[70], &[field(5, &ones)])));
    let opened = round_trip(&contents).unwrap();
    let changed = bytes_of(opened.skeleton(), &mut negated(&opened)).unwrap();
    let minus = [0x80, 0xF8, 0x02].repeat(70);
    assert_eq!(changed, model(&field(5, &tensor("w", 10, &[70], &[field(5, &minus)]))));
}
