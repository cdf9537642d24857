//! Models as one file without `bf16`: what becomes `f32`, what comes inside, and that all else stays.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::build::{external, field, model, number, tensor, varint, with_initializer};
use mixpress_interchange::{Error, Model, self_contained};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// What becomes of a model with these contents.
fn of(contents: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    fs::write(&path, contents).unwrap();
    self_contained(&path)
}

/// `TensorProto.raw_data`.
fn raw(bytes: &[u8]) -> Vec<u8> {
    field(9, bytes)
}

/// 1, -2 and a NaN with a payload, in both forms.
const BRAINS: [u8; 6] = [0x80, 0x3F, 0x00, 0xC0, 0xA1, 0x7F];
const SINGLES: [u8; 12] = [0, 0, 0x80, 0x3F, 0, 0, 0x00, 0xC0, 0, 0, 0xA1, 0x7F];

/// A node with this operator, domain and attributes.
fn node(operator: &str, domain: &str, attributes: &[Vec<u8>]) -> Vec<u8> {
    let attributes: Vec<u8> = attributes.iter().flat_map(|attribute| field(5, attribute)).collect();
    [field(1, b"x"), field(2, b"y"), field(4, operator.as_bytes()), attributes, field(7, domain.as_bytes())].concat()
}

/// An attribute with a name, whose value is this field.
fn attribute(name: &str, value: &[u8]) -> Vec<u8> {
    [&field(1, name.as_bytes()), value].concat()
}

/// A value with a name and a `TypeProto`.
fn value_info(kind: &[u8]) -> Vec<u8> {
    [field(1, b"v"), field(2, kind)].concat()
}

/// All forms of `TypeProto` that have an element type, one within another.
fn types(element: u64) -> Vec<Vec<u8>> {
    // What follows the type is kept: a shape, and a field that nobody knows.
    let tensor = field(1, &[number(1, element), field(2, &field(1, &number(1, 16))), number(99, 16)].concat());
    let sparse = field(8, &number(1, element));
    let sequence = field(4, &field(1, &tensor));
    let optional = field(9, &field(1, &sequence));
    let map = field(5, &[number(1, 16), field(2, &tensor)].concat());
    vec![tensor, sparse, sequence, optional, map]
}

/// A model that has the element type, or values in it, wherever there can be some.
fn everywhere(element: u64, values: &[u8]) -> Vec<u8> {
    let weight = tensor("w", element, &[3], &[raw(values)]);
    let infos =
        |number: u64| types(element).iter().flat_map(|kind| field(number, &value_info(kind))).collect::<Vec<u8>>();
    let inner = [field(5, &weight), infos(11), infos(12), infos(13)].concat();
    let cast = |name: &str| node("Cast", "", &[attribute(name, &number(3, element))]);
    let sparse = [field(1, &weight), field(2, &tensor("", 7, &[1], &[raw(&[0; 8])]))].concat();
    let nodes = [
        node("Constant", "", &[attribute("value", &field(5, &weight))]),
        node("If", "ai.onnx", &[attribute("then_branch", &field(6, &inner)), attribute("bodies", &field(11, &inner))]),
        node("Own", "own", &[attribute("many", &[field(10, &weight), field(10, &weight)].concat())]),
        node(
            "Own",
            "own",
            &[attribute("kinds", &[field(14, &types(element)[0]), field(15, &types(element)[2])].concat())],
        ),
        node("Own", "own", &[attribute("sparse", &[field(22, &sparse), field(23, &sparse)].concat())]),
        cast("to"),
        cast("dtype"),
        cast("output_dtype"),
    ];
    let nodes = |number: u64| nodes.iter().flat_map(|node| field(number, node)).collect::<Vec<u8>>();
    let function = [field(1, b"f"), nodes(7), infos(12)].concat();
    let graph = [nodes(1), inner, field(15, &sparse)].concat();
    [number(1, 10), field(2, b"tests"), field(7, &graph), field(25, &function), field(8, &number(2, 20))].concat()
}

#[test]
fn bf16_becomes_f32_wherever_it_stands() {
    let raised = of(&everywhere(16, &BRAINS)).unwrap().unwrap();
    assert!(raised == everywhere(1, &SINGLES));
    assert!(of(&raised).unwrap().is_none());
}

#[test]
fn what_only_looks_like_bf16_stays() {
    let axis = |name: &str, domain: &str| field(1, &node("Op", domain, &[attribute(name, &number(3, 16))]));
    let dims = field(5, &tensor("w", 1, &[16], &[raw(&[0; 64])]));
    let graph = [axis("axis", ""), axis("to", "own"), dims, number(16, 16)].concat();
    assert!(of(&model(&graph)).unwrap().is_none());
    // In a model that has some, it stays byte for byte, and so does a length that is written longer than need be.
    let brain = |element, values: &[u8]| field(5, &tensor("b", element, &[3], &[raw(values)]));
    let long = [varint(8 << 3 | 2), vec![0x82, 0x80, 0], number(2, 20)].concat();
    let whole = |brain: Vec<u8>| [model(&[graph.clone(), brain, graph.clone()].concat()), long.clone()].concat();
    assert!(of(&whole(brain(16, &BRAINS))).unwrap().unwrap() == whole(brain(1, &SINGLES)));
}

#[test]
fn values_in_varints_are_raised_too() {
    let expected = with_initializer(&tensor("w", 1, &[3], &[raw(&SINGLES)]));
    let values = [0x3F80u64, 0xC000, 0x7FA1];
    let packed: Vec<u8> = values.iter().flat_map(|&value| varint(value)).collect();
    let one_by_one: Vec<u8> = values.iter().flat_map(|&value| number(5, value)).collect();
    let mixed = [number(5, values[0]), field(5, &packed[2..])].concat();
    for fields in [field(5, &packed), one_by_one, mixed] {
        let found = of(&with_initializer(&tensor("w", 16, &[3], &[fields]))).unwrap().unwrap();
        assert!(found == expected, "{found:?}");
    }
}

#[test]
fn values_of_other_files_come_inside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    fs::create_dir(folder.path().join("sub")).unwrap();
    fs::write(folder.path().join("sub/w.bin"), [&[9; 5][..], &BRAINS, &[1, 2, 3, 4, 5, 6, 7, 8]].concat()).unwrap();
    let outside =
        |offset: &str, length: &str| external(&[("location", "sub/w.bin"), ("offset", offset), ("length", length)]);
    let build = |brain: Vec<u8>, single: Vec<u8>| model(&[field(5, &brain), field(5, &single)].concat());
    let brain = tensor("b", 16, &[3], &[outside("5", "6")]);
    fs::write(&path, build(brain, tensor("s", 1, &[2], &[outside("11", "8")]))).unwrap();
    let expected =
        build(tensor("b", 1, &[3], &[raw(&SINGLES)]), tensor("s", 1, &[2], &[raw(&[1, 2, 3, 4, 5, 6, 7, 8])]));
    assert!(self_contained(&path).unwrap().unwrap() == expected);
}

#[test]
fn models_of_onnx_become_models_with_the_same_tensors() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["initializers", "constants", "branches", "functions", "sparse", "integers", "external/model", "loop"] {
        let path = data(&format!("{name}.onnx"));
        if !path.exists() {
            continue;
        }
        let source = Model::open(&path).unwrap();
        let beside = source.paths().count() > 1;
        let brains = |model: &Model| model.tensors().iter().filter(|tensor| tensor.element().name() == "bf16").count();
        let Some(bytes) = self_contained(&path).unwrap() else {
            assert!(!beside && brains(&source) == 0, "{name}");
            continue;
        };
        let target = folder.path().join("model.onnx");
        fs::write(&target, bytes).unwrap();
        let found = Model::open(&target).unwrap();
        assert_eq!((found.paths().count(), brains(&found)), (1, 0), "{name}");
        for (number, tensor) in source.tensors().iter().enumerate() {
            let same = found.tensors().iter().position(|other| other.names().contains(&tensor.name().to_owned()));
            let payload = found.payload(same.unwrap_or_else(|| panic!("{name}: {}", tensor.name()))).unwrap();
            let before = source.payload(number).unwrap();
            if tensor.element().name() == "bf16" {
                let raised: Vec<u8> = before.chunks(2).flat_map(|pair| [0, 0, pair[0], pair[1]]).collect();
                assert!(payload == raised, "{name}: {}", tensor.name());
            } else {
                assert!(payload == before, "{name}: {}", tensor.name());
            }
        }
    }
}

#[test]
fn what_breaks_a_rule_is_refused() {
    let error = |contents: &[u8]| of(contents).unwrap_err();
    assert!(matches!(error(b"no model"), Error::Unrecognised { .. }));
    let short = with_initializer(&tensor("w", 16, &[4], &[raw(&BRAINS)]));
    assert!(matches!(error(&short), Error::TensorLength { expected: 8, found: 6, .. }));
    let huge = with_initializer(&tensor("w", 16, &[u64::from(u32::MAX), u64::from(u32::MAX), 9], &[raw(&BRAINS)]));
    assert!(matches!(error(&huge), Error::ShapeOverflow { .. }));
    let negative = with_initializer(&tensor("w", 16, &[u64::MAX], &[raw(&BRAINS)]));
    assert!(matches!(error(&negative), Error::Dimension { .. }));
    let away = with_initializer(&tensor("w", 1, &[1], &[external(&[("location", "../w.bin")])]));
    assert!(matches!(error(&away), Error::Location { .. }));
    // Graphs in attributes of nodes of graphs, and types of sequences of types, as deep as one likes.
    let mut graph = field(5, &tensor("w", 16, &[3], &[raw(&BRAINS)]));
    let mut kind = field(1, &number(1, 16));
    for _ in 0..1000 {
        graph = field(1, &node("If", "", &[attribute("then_branch", &field(6, &graph))]));
        kind = field(4, &field(1, &kind));
    }
    assert!(matches!(error(&model(&graph)), Error::Depth { .. }));
    assert!(matches!(error(&model(&field(11, &value_info(&kind)))), Error::Depth { .. }));
}

#[test]
fn a_small_model_cannot_become_a_huge_one() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("w.bin"), vec![7; 4000]).unwrap();
    let copies = |count: usize| {
        let one = field(5, &tensor("w", 1, &[1000], &[external(&[("location", "w.bin")])]));
        fs::write(folder.path().join("model"), model(&one.repeat(count))).unwrap();
        self_contained(folder.path().join("model"))
    };
    assert!(copies(16).is_ok());
    assert!(matches!(copies(17), Err(Error::Limit { claimed: 68_000, .. })));
}

#[test]
fn damaged_models_never_panic() {
    let whole = everywhere(16, &BRAINS);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    for place in (0..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x1A;
        fs::write(&path, &bytes).unwrap();
        let _ = self_contained(&path);
        fs::write(&path, &whole[..place]).unwrap();
        let _ = self_contained(&path);
    }
}
